"""The page of ``workshop monitor`` and the command itself: plots without a script, exit codes, ten lines."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.monitored import Stream, monitored_bundle, texts_and_truths
from workshop_utils.cli import app
from workshop_utils.cli.monitor import _new_words, _tell
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment import Told, promote
from workshop_utils.production.monitoring import (
    RUNBOOKS,
    Alarm,
    LabelSource,
    monitor_store,
    open_monitored_model,
    render_monitoring_page,
)
from workshop_utils.production.monitoring.drift_report import CLASSIFIER
from workshop_utils.production.monitoring.svg_plots import Plot, Series, draw_plot
from workshop_utils.production.policy import CLASSROOM_POLICY, read_policy
from workshop_utils.production.store import list_decisions, open_store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLICY = read_policy(CLASSROOM_POLICY)
SCRIPT = "<script>alert('x')</script>&\"'\ud800\0 يوسف 😴"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return monitored_bundle(tmp_path_factory.mktemp("monitored") / "model")


@pytest.fixture(scope="module")
def reports(bundle, tmp_path_factory):
    """One report of each verdict."""
    found = {}
    model, version = Bundle.load(bundle, threads=1), open_monitored_model(bundle).version
    for verdict in ("quiet", "insufficient data", "mild", "harmful"):
        store = open_store(f"sqlite:///{tmp_path_factory.mktemp('stores') / 'store.db'}")
        stream = Stream(store, model, version, [], [])
        if verdict != "insufficient data":
            stream.label(stream.answer(3, 250), flipped=0.4 * (verdict == "harmful"))
        if verdict in ("mild", "harmful"):
            stream.answer(4, 250, "shop", infer_ms=700.0)
        found[verdict] = monitor_store(store, bundle, POLICY)
        store.close()
        assert found[verdict].verdict == verdict
    return found


class Whole(HTMLParser):
    """Is every element closed, and what is in them?"""

    VOID = frozenset({"meta", "br", "line", "circle", "polyline"})

    def __init__(self):
        super().__init__()
        self.opened, self.found, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def parsed(page):
    whole = Whole()
    whole.feed(page)
    whole.close()
    assert whole.opened == []
    return whole


# --- plots


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.floats(0, 1e250)), min_size=1, max_size=100),
    st.booleans(),
    st.floats(1e-6, 1),
)
def test_every_line_lies_within_its_plot(points, logarithmic, limit):
    line = Series("a line", sorted((float(x), y) for x, y in points))
    svg = draw_plot(Plot("told", [line], limit, "limit", "x", "y", logarithmic))
    for pair in re.search(r'points="([^"]+)"', svg)[1].split():
        x, y = map(float, pair.split(","))
        assert 40 <= x <= 415 and 5 <= y <= 180
    parsed(svg)


def test_a_plot_says_in_words_what_it_shows_and_escapes_it():
    svg = draw_plot(Plot(SCRIPT, [Series("s", [(1, 0.5)])], 1.0, "limit", SCRIPT, "y"))
    assert "<script" not in svg and 'role="img"' in svg
    assert parsed(svg).found[0][1]["aria-label"].startswith("<script>alert")


@pytest.mark.parametrize("series", [[], [Series("empty", [])], [Series("s", [(0, 0)])] * 5])
def test_a_plot_without_a_point_or_with_too_many_lines_is_refused(series):
    with pytest.raises(ValueError, match="1 to 4 lines"):
        Plot("told", series, 1.0, "limit", "x", "y")


# --- the page


@pytest.mark.parametrize("verdict", ["quiet", "insufficient data", "mild", "harmful"])
def test_the_page_tells_the_verdict_and_asks_nobody_for_anything(reports, verdict):
    report = reports[verdict]
    page = render_monitoring_page(report)
    whole, text = parsed(page), " ".join(" ".join(parsed(page).texts).split())
    assert f"{verdict} {report.reason}" in text
    told = text.replace(
        report.model_version, ""
    )  # its sha256 may hold 0e3, and other figures on each machine
    assert not re.search(r"\de[+-]?\d", told), "no number is written with a power of ten"
    assert ("these may be chance" in text) == (verdict == "quiet")
    assert ("all reference texts had been used" in text) == (report.inputs.rounds > 1)
    for alarm in report.alarms:
        assert alarm.sentence in text and alarm.runbook in text
    assert not [tag for tag, _ in whole.found if tag in ("script", "link", "img", "iframe", "form")]
    assert not re.search(r"https?://|url\(|@import|javascript:", page)
    figures = [
        attributes
        for tag, attributes in whole.found
        if tag == "svg" and "plot" in attributes.get("class", "")
    ]
    assert len(figures) == (0 if verdict == "insufficient data" else 4)
    assert all(each["role"] == "img" and len(each["aria-label"]) > 40 for each in figures)


def test_what_people_and_texts_bring_is_shown_and_never_run(reports):
    report = reports["quiet"]
    performance = replace(
        report.performance,
        sources=(LabelSource(SCRIPT, "unasked", 3, 3),),
        skipped=2,
        accuracy_if_skipped=(0.8, 0.9),
    )
    page = render_monitoring_page(
        replace(report, performance=performance, notes=(SCRIPT * 100,), model_version=SCRIPT)
    )
    assert "<script" not in page and "\0" not in page and "if all are right 90.0 %" in " ".join(page.split())
    page.encode("utf-8")
    parsed(page)


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine; .ci/run installs it")
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
@pytest.mark.parametrize("verdict", ["harmful", "insufficient data"])
def test_the_page_fits_a_desk_and_a_phone_and_keeps_nobody_out(
    browser, reports, tmp_path, width, scheme, verdict
):
    from axe_playwright_python.sync_playwright import Axe

    report = reports[verdict]
    sources = (LabelSource("Donaudampfschifffahrtsgesellschaftskapitänin" * 3, "unasked", 3, 3),)
    report = replace(report, performance=replace(report.performance, sources=sources))
    file = tmp_path / "report.html"
    file.write_text(render_monitoring_page(report), encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 850}, color_scheme=scheme, bypass_csp=True
    )
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on(
        "request", lambda request: complaints.append(request.url) if request.url != file.as_uri() else None
    )
    page.goto(file.as_uri())
    for summary in page.locator("summary").all():
        summary.click()
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.locator(".scroll:has(.properties)").evaluate("e => e.scrollWidth <= e.clientWidth")
    for plot in page.locator("svg.plot text").all()[:5]:
        assert plot.evaluate("node => node.getBoundingClientRect().height") >= 9, "it can be read"
    page.screenshot(path=str(tmp_path / f"{verdict}-{width}.png"), full_page=True)
    assert complaints == []
    context.close()


# --- the command


def run(*arguments):
    result = CliRunner().invoke(app, ["monitor", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split()), result


@pytest.fixture
def stream(home, bundle, monkeypatch):
    monkeypatch.delenv("WORKSHOP_DATABASE_URL", raising=False)
    store = open_store()
    yield Stream(store, Bundle.load(bundle, threads=1), open_monitored_model(bundle).version, [], [])
    store.close()


@pytest.mark.parametrize(
    ("verdict", "code"), [("quiet", 0), ("insufficient data", 3), ("mild", 10), ("harmful", 11)]
)
def test_each_verdict_has_an_exit_code_and_at_most_ten_lines(stream, bundle, tmp_path, verdict, code):
    if verdict != "insufficient data":
        stream.label(stream.answer(3, 250, infer_ms=900.0), flipped=0.4 * (verdict == "harmful"))
    if verdict in ("mild", "harmful"):
        stream.answer(4, 250, "shop")
    written = {name: tmp_path / f"report.{name}" for name in ("json", "html")}
    found, output, result = run(
        "--bundle", bundle, "--policy", CLASSROOM_POLICY, "--json", written["json"], "--html", written["html"]
    )
    assert found == code, output
    assert len(result.output.strip().splitlines()) <= 10
    assert output.startswith(f"{verdict}: ") and "What to do: " in output
    told = json.loads(written["json"].read_text(encoding="utf-8"))
    assert told["verdict"] == verdict and told["predictions"] == len(stream.names)
    assert f"<strong>{verdict}</strong>" in written["html"].read_text(encoding="utf-8")
    assert [each.outcome for each in list_decisions(stream.store, "monitor")] == [verdict]
    if verdict == "mild":
        assert "New texts are told by '" in output
        assert "workshop label" in output and "workshop feedback" in output and "docs/runbooks/" in output
    assert run("--bundle", bundle, "--policy", CLASSROOM_POLICY)[1] == output.replace(
        f" Report: {written['html']}", ""
    )


def test_all_alarms_at_once_are_ten_lines_and_each_of_them_is_told(reports, tmp_path, capsys):
    alarms = tuple(Alarm(name, "It is so.", page) for name, page in RUNBOOKS.items())
    _tell(replace(reports["harmful"], alarms=alarms, notes=("a note",)), tmp_path / "report.html")
    said = capsys.readouterr().out
    assert len(said.strip().splitlines()) <= 10
    assert all(f"Alarm: {each.name}." in said and each.runbook in said for each in alarms)


def test_words_are_told_beside_an_alarm_about_inputs_only_where_they_have_changed(reports):
    found = reports["mild"].inputs
    others = [each for each in found.findings if each.name != CLASSIFIER]
    words = next(each for each in found.findings if each.name == CLASSIFIER)
    for verdict, told in (("changed", True), ("quiet", False)):
        inputs = replace(found, findings=type(found.findings)([*others, replace(words, verdict=verdict)]))
        assert ("New texts are told by" in _new_words(replace(reports["mild"], inputs=inputs))) is told
    assert not _new_words(replace(reports["mild"], inputs=None))


def test_the_champion_of_a_deployment_is_looked_at(stream, bundle, home):
    stream.version = promote(bundle, home / "deployment", Told("anna", "a test")).version
    stream.label(stream.answer(3, 200))
    code, output, _ = run("--policy", CLASSROOM_POLICY)
    assert code == 0 and f"Model {stream.version}: 200 predictions" in output
    assert (home / "monitoring" / stream.version / "monitor.json").exists()


def test_a_table_is_looked_at_without_a_store(bundle, home, tmp_path):
    texts, _ = texts_and_truths(4, 200, "shop")
    table = tmp_path / "texts.csv"
    table.write_text("review\n" + "\n".join(texts), encoding="utf-8")
    code, output, _ = run("--bundle", bundle, "--table", table, "--text-column", "review", "--json", "-")
    assert code == 10 and json.loads(output)["predictions"] == 200
    assert not (home / "store.db").exists() and not (home / "monitoring").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--bundle", "nowhere"], 1, "There is no model in nowhere"),
        ([], 1, "There is no champion in"),
        (["--bundle", "a", "--deployment", "b"], 2, "name a bundle or a deployment, not both"),
        (["--bundle", "a", "--truth-column", "b"], 2, "name one with --table"),
        (["--bundle", "a", "--json", "."], 1, "is a folder; name a file"),
        (["--bundle", "a", "--json", "x.json", "--html", "./x.json"], 1, "name two"),
        (["--bundle", "a", "--policy", "nowhere.toml"], 1, "The policy nowhere.toml cannot be read"),
        (["--bundle", "a", "--table", "README.md", "--html", "README.md"], 1, "would replace the table"),
    ],
)
def test_a_mistake_is_one_sentence(home, arguments, code, told):
    found, output, result = run(*arguments)
    assert found == code
    assert told in (str(result.exception) if code == 1 else output.replace("│ ", ""))
