"""The runbooks: their figures are those of the studies, their commands exist, and each alarm has its page."""

import re
import shlex

import numpy as np
import pytest
import typer

from benchmarks.runbooks import MARKED, RUNBOOK_PAGES, figure, filled, runbooks
from tests.predicted import HOSTILE, prediction
from workshop_utils.cli import app
from workshop_utils.paths import ROOT
from workshop_utils.production.monitoring.monitoring_report import RUNBOOKS
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.gate import judge
from workshop_utils.production.retraining.measured import check_leaks, check_numbers, check_parity
from workshop_utils.production.retraining.paired import PairedAnswers
from workshop_utils.production.service.metrics import ServiceMetrics
from workshop_utils.production.store import (
    Feedback,
    add_label,
    add_labels_of_table,
    add_predictions,
    open_store,
)

PAGES = [path for path in runbooks() if path.name != "README.md"]
INDEX = (RUNBOOK_PAGES / "README.md").read_text(encoding="utf-8")
SECTIONS = [
    "What it means",
    "First command",
    "What its answer tells",
    "What to do",
    "When to wake somebody",
    "What not to do",
]
pages = pytest.mark.parametrize("path", runbooks(), ids=lambda path: path.stem)


def code_of(text):
    """What stands in blocks and spans of code, a command each."""
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.S | re.M)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", rest)


@pages
def test_every_figure_is_that_of_its_source(path):
    page = path.read_text(encoding="utf-8")
    assert page == filled(page), "run `python -m benchmarks.runbooks`"


@pages
def test_no_figure_stands_there_without_its_source(path):
    page = MARKED.sub("", path.read_text(encoding="utf-8")).replace("macro-F1", "")
    page = re.sub(r"^```.*?^```|`[^`\n]+`|\]\([^)]*\)|^\d\. ", "", page, flags=re.S | re.M)
    assert re.findall(r".*\d.*", page) == []


def test_a_mark_is_filled_from_its_source_and_a_wrong_one_is_an_error():
    tolerated = "x<!-- policy / performance / tolerance_points --> points"
    assert filled(tolerated) == "3<!-- policy / performance / tolerance_points --> points"
    assert figure("policy", "operations / success_share / %") == "99.9"
    assert figure("labels", "feedback / late / 5000 / key") == "5,000"
    with pytest.raises(KeyError):
        filled("3<!-- policy / performance / nothing -->")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_says_the_same_things_in_the_same_order(path):
    page = path.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.M) == SECTIONS
    first = page.split("## First command\n\n```\n")[1]
    assert first.splitlines()[0].split()[0] in ("workshop", "curl", "df")


@pages
def test_every_command_is_one_that_the_program_knows(path):
    commands = typer.main.get_command(app).commands
    for line in code_of(path.read_text(encoding="utf-8")):
        if not line.startswith("workshop "):
            continue
        _, name, *arguments = shlex.split(line)
        assert name in commands, line
        known = {option for each in commands[name].params for option in [*each.opts, *each.secondary_opts]}
        given = [argument.partition("=")[0] for argument in arguments if argument.startswith("-")]
        assert set(given) <= known, line


@pages
def test_every_setting_counter_and_variable_exists(path):
    code = code_of(path.read_text(encoding="utf-8"))
    registry = ServiceMetrics().registry
    families = {family.name for family in registry.collect()} | {"workshop_dropped_records"}
    counters = {word.removesuffix("_total") for word in code if re.fullmatch(r"workshop_\w+", word)}
    assert counters <= families
    settings = {name for part in Policy.model_fields.values() for name in type(part.default).model_fields}
    assert {word.split(" = ")[0] for word in code if " = " in word} <= settings
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    variables = {word for each in code for word in re.findall(r"WORKSHOP_\w+", each)}
    assert {variable for variable in variables if variable not in readme} == set()


@pages
def test_every_link_leads_to_a_file(path):
    for link in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_every_alarm_has_its_page():
    assert {name for name in RUNBOOKS if not (ROOT / RUNBOOKS[name]).is_file()} == set()
    assert {ROOT / page for page in RUNBOOKS.values()} <= set(PAGES)
    assert len(set(RUNBOOKS.values())) == len(RUNBOOKS)
    for name, page in RUNBOOKS.items():
        assert f"The alarm *{name}*" in (ROOT / page).read_text(encoding="utf-8")


def test_the_index_lists_every_page_once():
    assert sorted(re.findall(r"^\| \[[\w-]+\]\(([\w-]+\.md)\)", INDEX, re.M)) == [page.name for page in PAGES]


def test_the_table_of_wrong_answers_is_written_and_given_back(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_store()
    asked = [prediction(text) for text in HOSTILE]
    add_predictions(store, asked)
    for n, each in enumerate(asked):
        add_label(store, Feedback(each.prediction_id, "pos" if n == 3 else "neg", "somebody"))
    store.close()
    (program,) = re.findall(r"^```python\n(.*?)^```$", INDEX, re.S | re.M)
    exec(compile(program, "README.md", "exec"), {})
    path = tmp_path / "wrong.csv"
    text = path.read_text(encoding="utf-8")
    assert text.count(",neg,pos,somebody,") == len(HOSTILE) - 1
    path.write_text(text.replace(",neg,pos,", ",pos,pos,", 1), encoding="utf-8")
    report = add_labels_of_table(store, path, "me")
    store.close()
    assert (report.changed, report.unchanged) == (1, len(HOSTILE) - 2)


def test_the_page_about_refusals_has_every_check_of_the_gate():
    page = (RUNBOOK_PAGES / "challenger-refused.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (?!check|:)([^|]+) \|", page, re.M)
    told = [name for row in table for name in row.split(", ")]
    true = np.array(["neg", "pos"] * 20)
    answers = PairedAnswers(true, true, true)
    probabilities = np.tile([[0.25, 0.75], [0.5, 0.5]], (20, 1))
    checks = [
        *judge(answers, answers).checks,
        check_numbers(probabilities),
        check_parity(["neg", "pos"], np.arange(40) % 2, probabilities, probabilities),
        check_leaks(["a text"], ["another one"]),
    ]
    found = {check.name for check in checks} | {"latency", "behavioural tests"}
    assert {name for name in found if not name.startswith(tuple(told))} == set()
    assert {name for name in told if not any(each.startswith(name) for each in found)} == set()
