"""`workshop loop`: a table with dates, from the first model to a promoted challenger, or to a quiet end."""

import csv
import json
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from benchmarks import loop as study
from tests.bundles import tfidf_bundle
from tests.loop_home import texts_of
from tests.serving import BEARER, TOKEN, running
from workshop_utils.cli import app
from workshop_utils.errors import WorkshopError
from workshop_utils.models.metrics import Interval
from workshop_utils.production.deployment import pointed_version, read_history
from workshop_utils.production.loop import (
    DatedColumns,
    LoopListener,
    LoopPeriod,
    LoopReport,
    LoopRequest,
    LoopRetraining,
    ServiceReplay,
    StreamRow,
    divide_table,
    make_periods,
    read_date,
    read_dated_table,
    read_dates,
    render_loop_page,
    run_loop,
)
from workshop_utils.production.loop.run_loop import KEY
from workshop_utils.production.policy import Policy
from workshop_utils.production.store import Recorder, labelled, open_store, scored_texts

COLUMNS = DatedColumns("text", "label", "date")
POLICY = Policy.model_validate(
    {
        "performance": {"run_length": 500},
        "inputs": {"run_length": 100_000},
        "retraining": {"fewest_labels": 50, "weights": [3]},
        "gate": {"fewest_recent": 30, "resamples": 500},
    }
)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def dated(rows, start=NEW_YEAR, a_day=10):
    """Rows with dates, so many a day."""
    return [(text, label, start + timedelta(days=row // a_day)) for row, (text, label) in enumerate(rows)]


def write_dated(path, rows):
    """Dates as days, the newest row first: a table need not be sorted."""
    with path.open("w", encoding="utf-8", newline="") as file:
        told = [(text, label, f"{time:%Y-%m-%d}") for text, label, time in reversed(rows)]
        csv.writer(file).writerows([("text", "label", "date"), *told])
    return path


def day(number, hour=0):
    return NEW_YEAR + timedelta(days=number, hours=hour)


# -- dates ---------------------------------------------------------------------------------------------------


def times(values, **options):
    return read_dates(values, range(2, 2 + len(values)), "when", **options)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-07-01", datetime(2026, 7, 1)),
        ("2026-07-01T12:30:05", datetime(2026, 7, 1, 12, 30, 5)),
        ("2026-07-01 12:30:00+02:00", datetime(2026, 7, 1, 10, 30)),
        ("20260701", datetime(2026, 7, 1)),
        ("2026/7/1", datetime(2026, 7, 1)),
        ("1.7.2026 9:05", datetime(2026, 7, 1, 9, 5)),
        ("25/12/2026", datetime(2026, 12, 25)),
        ("12/25/2026", datetime(2026, 12, 25)),
        ("July 1, 2026", datetime(2026, 7, 1)),
        ("1 Jul 2026", datetime(2026, 7, 1)),
        ("2026-07", datetime(2026, 7, 1)),
        ("2026", datetime(2026, 1, 1)),
        ("1767225600", datetime(2026, 1, 1)),
        ("1767225600000", datetime(2026, 1, 1)),
    ],
)
def test_a_date_is_read_as_it_is_written_and_the_way_is_told(written, meant):
    found = times([f" {written} "])
    assert found.times == [meant.replace(tzinfo=UTC)]
    assert len(found.notes) == 1 and "are read as" in found.notes[0]


def test_rows_that_are_written_otherwise_are_told_by_line_and_left_out():
    found = times([*["2026-01-01"] * 40, "01.02.2026", "2026-02-30", ""])
    assert found.times[-3:] == [None] * 3 and None not in found.times[:-3]
    assert found.notes[1] == (
        "3 rows left out because of the date (line 42: '01.02.2026' is written otherwise, as day.month.year; "
        "line 43: '2026-02-30' is no date; line 44: no date)."
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["03/04/2026", "05/06/2026"], "Nobody can tell whether '03/04/2026' .* say --date-format"),
        (["25/12/2026", "12/25/2026", "01/02/2026"], "some dates have the day first, such as '25/12/2026'"),
        (["2026-01-01", "2026-01-02T10:00Z"], "only 1 have a time zone, the first in line 3"),
        (["2026-01-01", "yesterday"], "1 of 2 rows have no date .*line 3: 'yesterday' is no date"),
        (["soon", "later"], "holds no dates that can be read .the first one is 'soon'"),
        (["", " "], "all of them are empty"),
        (["0026-01-01"], "holds no dates"),
    ],
)
def test_what_nobody_can_tell_is_one_sentence_and_never_guessed(values, says):
    with pytest.raises(WorkshopError, match=says):
        times(values)


def test_people_can_say_how_dates_are_written_and_where_one_begins():
    assert times(["03/04/26"], written="%d/%m/%y").times == [datetime(2026, 4, 3, tzinfo=UTC)]
    assert read_date("2026-03") == datetime(2026, 3, 1, tzinfo=UTC)
    assert read_date("2026-03-01T01:00+02:00") == datetime(2026, 2, 28, 23, tzinfo=UTC)
    with pytest.raises(WorkshopError, match=r"'1\.3\.2026' is no date; write it as"):
        read_date("1.3.2026")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("%d/%m", "'%d/%m' names no year"),
        ("%d/%m/%%Y", "names no year"),
        ("%q/%Y", "none that Python knows"),
        ("%d/%m/%Y%", "none that Python knows"),
        ("%d/%d/%Y", "none that Python knows"),
        ("%d.%m.%Y", "holds no dates that can be read"),
    ],
)
def test_a_way_of_writing_dates_that_is_none_is_one_sentence(written, says):
    with pytest.raises(WorkshopError, match=says):
        times(["stray directive", "03/04/2026"], written=written)


# -- the table -----------------------------------------------------------------------------------------------


def test_a_table_is_put_in_the_order_of_its_dates_and_what_is_left_out_is_told(tmp_path):
    path = tmp_path / "table.csv"
    lines = ["text;label;date", "später;Good;2.1.2026", "früher 😴;good;1.1.2026", ";good;1.1.2026"]
    lines += ["\u200b;;3.1.2026", "x;;3.1.2026", "NA;NA;4.1.2026", "auch;good;1.1.2026"]
    path.write_text("\n".join(lines), encoding="utf-8")
    table = read_dated_table(path, COLUMNS)
    assert [(row.text, row.label) for row in table.rows] == [
        ("früher 😴", "good"),
        ("auch", "good"),
        ("später", "good"),
        ("NA", "NA"),
    ]
    told = " ".join(table.notes)
    assert (
        "as day.month.year" in told and "1 row without a text" in told and "'Good' (1 row) is read as" in told
    )
    assert len(read_dated_table(path, COLUMNS, rows=2, seed=1).rows) == 2


def test_the_frozen_test_set_is_apart_and_one_date_stays_together(tmp_path):
    rows = list(texts_of("then", 200, 0))
    rows[7] = (rows[3][0] + " again", rows[3][1])  # nearly the same
    table = read_dated_table(write_dated(tmp_path / "table.csv", dated(rows)), COLUMNS)
    divided = divide_table(table, None, 0.53, seed=0)
    assert divided.cut == day(10) and len(divided.later) == 100 and divided.later[0].time == day(10)
    train, frozen = (set(part[0]) for part in (divided.train, divided.frozen))
    assert len(train) + len(frozen) == 100 and not train & frozen and 15 <= len(frozen) <= 25
    assert {rows[3][0], rows[7][0]} <= train or {rows[3][0], rows[7][0]} <= frozen
    assert divide_table(table, day(15), 0.5, seed=0).cut == day(15)


def test_periods_are_those_of_the_calendar_the_longest_of_which_there_are_five():
    rows = [
        StreamRow("x", "a", datetime(2025, 11, 3, tzinfo=UTC) + timedelta(days=15 * n)) for n in range(13)
    ]
    months = make_periods(rows)
    names = [each.name for each in months]
    assert names == ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"]
    assert months[1].start == datetime(2025, 12, 1, tzinfo=UTC) and months[1].end == day(0)
    assert sum(len(each.rows) for each in months) == 13
    assert [each.name for each in make_periods(rows, "quarter")] == ["2025 Q4", "2026 Q1", "2026 Q2"]
    assert make_periods(rows, "week")[0].start.weekday() == 0
    years = [StreamRow("x", "a", datetime(2022 + n, 5, 1, tzinfo=UTC)) for n in range(4)]
    assert [each.name for each in make_periods(years)] == ["2022", "2023", "2024", "2025"]
    four = [StreamRow("x", "a", datetime(2026, 2 + n, 1, tzinfo=UTC)) for n in range(4)]
    assert [each.name for each in make_periods(four)] == ["2026-02", "2026-03", "2026-04", "2026-05"]
    with pytest.raises(WorkshopError, match="from one hour, 2026-01-01 00:00, and a loop needs"):
        make_periods([StreamRow("x", "a", day(0))] * 9)


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A table on which nothing changes."""
    return write_dated(tmp_path_factory.mktemp("calm") / "table.csv", dated(texts_of("then", 120, 0)))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--date-column", "day"], "has no column 'day'; its columns are 'text', 'label', 'date'"),
        (["--date-column", "text"], "three columns; two of them have the same name"),
        (["--date-column", "label", "--label-column", "date"], "holds no dates that can be read"),
        (["--until", "2020-01-01"], "No row of table.csv is before 2020-01-01: its dates go from 2026-01-01"),
        (["--until", "2030-01-01"], "No row of table.csv is from 2030-01-01"),
        (["--until", "soon"], "'soon' is no date"),
        (["--until", "2026-01-02"], "Of the 10 rows before 2026-01-02: The label .* each label needs 10"),
        ([], "60 rows from 2026-01-07 on would bring about 0 labels, and the policy asks for 100"),
        (["--label-share", "0"], "would bring about 0 labels"),
        (["--period", "year"], "All 60 rows that are asked are from one year, 2026"),
        (["--html", "{table}"], "The report would replace the table"),
        (["--home", "{folder}"], "holds table.csv and is no folder of a loop; choose an empty one"),
        (["--home", "{table}"], "table.csv is a file; name a folder for --home"),
    ],
)
def test_a_wrong_request_is_one_sentence_before_anything_is_trained(calm, home, options, says):
    told = [option.format(table=calm, folder=calm.parent) for option in options]
    if "--home" in told:
        told += ["--label-share", "1", "--label-days", "0", "--policy", str(_policy_file(home))]
    columns = ["--text-column", "text", "--label-column", "label", "--date-column", "date"]
    ended = CliRunner().invoke(app, ["loop", str(calm), *columns, *told])
    assert isinstance(ended.exception, WorkshopError), ended.output
    assert re.search(says, str(ended.exception)), ended.exception
    assert not (home / "loop" / KEY).exists() and calm.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only POSIX has pipes with names")
@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_report_that_would_replace_a_pipe_is_refused_before_the_table_is_read(calm, tmp_path, option):
    os.mkfifo(tmp_path / "pipe")
    columns = ["--text-column", "no", "--label-column", "such", "--date-column", "column"]
    ended = CliRunner().invoke(
        app, ["loop", str(calm), *columns, "--home", str(tmp_path / "loop"), option, str(tmp_path / "pipe")]
    )
    assert "is no ordinary file" in str(ended.exception) and not (tmp_path / "loop").exists()


def _policy_file(home):
    home.mkdir(exist_ok=True)
    path = home / "policy.toml"
    path.write_text("[retraining]\nfewest_labels = 50\n[gate]\nfewest_recent = 20\n", encoding="utf-8")
    return path


def test_one_date_and_one_label_are_one_sentence(tmp_path):
    rows = list(texts_of("then", 60, 0))
    one_day = read_dated_table(write_dated(tmp_path / "day.csv", dated(rows, a_day=60)), COLUMNS)
    with pytest.raises(WorkshopError, match=r"All 60 rows of day\.csv have one date, 2026-01-01, and a loop"):
        divide_table(one_day, None, 0.5, 0)
    one_label = [(text, "good") for text, _ in rows]
    table = read_dated_table(write_dated(tmp_path / "label.csv", dated(one_label)), COLUMNS)
    with pytest.raises(WorkshopError, match=r"Of the 30 rows .* All 30 texts have the label 'good'"):
        divide_table(table, None, 0.5, 0)


# -- through a service ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("replay") / "bundle")


@pytest.fixture
def recording(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    store.prepare()
    yield store, Recorder(store, "durable", store_texts=True)
    store.close()


def test_rows_are_answered_in_order_and_labels_arrive_late_however_the_rows_are_divided(bundle, recording):
    store, log = recording
    rows = [StreamRow(f"good film {n} 😴", "positive", day(n)) for n in range(40)]
    with running(bundle, log) as (client, _):
        whole, parts = (
            ServiceReplay(client.address, TOKEN, 0.5, timedelta(days=3), seed=4) for _ in range(2)
        )
        found = whole.answer(rows)
        taken = whole.delivered
        asked = []
        for start in range(0, 40, 7):
            asked += parts.answer(rows[start : start + 7])
            parts.deliver(rows[min(start + 7, 39)].time)
        whole.deliver(day(39))
        assert [each.told for each in asked] == [each.told for each in found]
        assert 12 <= sum(each.told for each in found) <= 28 and parts.delivered == whole.delivered > taken
        assert whole.waiting == sum(each.told for each in found[37:])
        assert whole.deliver() == sum(each.told for each in found[37:]) and whole.waiting == 0
        for each in (whole, parts):
            each.close()
        assert not log.close()
    assert [each.text for each in scored_texts(store)][:40] == [row.text for row in rows]
    labels = list(labelled(store))
    assert {each.labelled_by for each in labels} == {"replay"}
    assert len(labels) == whole.delivered + parts.delivered


def test_a_row_that_is_refused_costs_no_other_and_a_label_that_is_unknown_is_counted(bundle, recording):
    rows = [
        StreamRow(text, label, NEW_YEAR) for text, label in [("good", "positive"), ("\u2003", "positive")]
    ]
    rows += [StreamRow("schön " * 200_000, "positive", NEW_YEAR), StreamRow("bad", "new label", NEW_YEAR)]
    rows += [StreamRow("nobody knows", None, NEW_YEAR)]
    with running(bundle, recording[1]) as (client, _):
        replay = ServiceReplay(client.address, TOKEN)
        found = replay.answer(rows)
        assert [each.row.text for each in found] == ["good", "bad", "nobody knows"]
        assert [row for row, _ in replay.refused] == rows[1:3] and replay.asked_again == 0
        replay.deliver()
        assert (replay.delivered, replay.unknown, replay.waiting) == (1, 1, 0) and not found[2].told
        version = client.get("/readyz").json["model_version"]
        assert replay.wait_for(version) < 5 and {each.model_version for each in found} == {version}
        replay.close()
        with ServiceReplay(client.address, "another token") as strange:
            strange.answer(rows[:1])
            with pytest.raises(WorkshopError, match="answers /feedback with 403: "):
                strange.deliver()
        assert client.post("/predict", {"text": "x"}, BEARER).status == 200
    gone = ServiceReplay(client.address, TOKEN, patience=0.2)
    with pytest.raises(WorkshopError, match=r"No service answers at .* any more"):
        gone.answer(rows[:1])
    with pytest.raises(WorkshopError, match="is no address"):
        ServiceReplay("nowhere", TOKEN)
    with pytest.raises(WorkshopError, match="A share lies between 0 and 1"):
        ServiceReplay(client.address, TOKEN, label_share=2)


# -- what was measured ---------------------------------------------------------------------------------------


def test_the_page_of_results_is_made_of_its_numbers_and_they_say_what_the_decision_says():
    path = study.RESULTS / "loop.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert path.with_suffix(".md").read_text(encoding="utf-8") == study.page(found)
    assert list(found) == list(study.CASES)
    came = {name: [each["retraining"]["outcome"] for each in case["periods"]] for name, case in found.items()}
    assert came["reviews"] == ["nothing", "nothing", "refused", "promoted", "nothing"]
    assert found["reviews"]["worth"]["gain"]["low"] > 0
    for name in ("reviews, few labels", "products from 2005"):
        assert "promoted" not in came[name] and found[name]["worth"] is None
    assert found["products from 2002, on a schedule"]["worth"]["gain"]["low"] > 0.1
    for case in found.values():
        assert case["refused"] == 0 and case["same"] == case["compared"] > 0


def period_with(outcome, reason, verdict="quiet", version=None):
    share = Interval(0.9, 0.8, 0.95)
    return LoopPeriod(
        *("2026-01", NEW_YEAR, day(31), 100, "v1", share, share, 30, 30, verdict, "a reason", "", (), ()),
        LoopRetraining(outcome, reason, version),
    )


def test_a_challenger_that_waits_is_told_also_where_later_looks_are_quiet():
    share, periods = Interval(0.9, 0.8, 0.95), [period_with("nothing", "all is quiet")] * 2
    periods.insert(1, period_with("waiting", "It is better.", "harmful", "v2"))
    parts = (
        "table.csv",
        (),
        (),
        NEW_YEAR,
        100,
        20,
        0.9,
        share,
        share,
        tuple(periods),
        None,
        90,
        0,
        0,
        0,
        1,
        1,
    )
    steps = LoopReport(*parts, {"all": 1.0}, "my loop/deployment").next_steps()
    assert steps[0] == "v2 waits for people, as the policy says: It is better."
    for command in ("promote --approve", "promote --reject", "serve", "history", "watch"):
        assert f'`workshop {command} --deployment "my loop/deployment"`' in " ".join(steps)
    assert "nothing to do" not in " ".join(steps) and "begins anew and removes it" in steps[-1]


# -- the whole loop ------------------------------------------------------------------------------------------


def looped(table, folder, said, policy=POLICY):
    request = LoopRequest(table, COLUMNS, folder, policy, day(40), label_share=1.0, label_days=2)
    listener = LoopListener(said.append, lambda title, share: None, lambda period: None)
    return run_loop(request, listener)


@pytest.mark.slow
def test_the_loop_promotes_where_people_speak_anew_and_promotes_nothing_where_all_is_quiet(
    tmp_path, monkeypatch
):
    elsewhere = {"WORKSHOP_HOME": str(tmp_path / "mine"), "WORKSHOP_DATABASE_URL": "sqlite:////nowhere/x.db"}
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    old, folder, said = list(texts_of("then", 400, 0)), tmp_path / "loop", []
    drifted = [*old, *texts_of("then", 70, 1), *texts_of("now", 280, 2)]
    report = looped(write_dated(tmp_path / "table.csv", dated(drifted)), folder, said)

    assert report.promoted == 1 and report.trained >= 1 and report.rows == 350 and report.refused == 0
    verdicts = [each.verdict for each in report.periods]
    assert "harmful" in verdicts and verdicts[0] != "harmful" and verdicts[-1] != "harmful"
    assert report.worth.gain.low > 0 and report.accuracy.value > report.first.value
    assert report.same == report.compared > 0, "the service answers as the bundle does, to the last bit"
    swapped = next(place for place, each in enumerate(report.periods) if each.promoted)
    for each in report.periods[: swapped + 1]:
        assert each.accuracy == each.first and each.version == report.periods[0].version
    assert report.periods[swapped + 1].version == report.periods[swapped].retraining.version
    assert report.periods[swapped].retraining.swap_seconds is not None
    champion = pointed_version(folder / "deployment")
    assert champion == report.periods[-1].version
    assert [each.action for each in read_history(folder / "deployment").changes] == ["promote", "promote"]
    page = render_loop_page(report)
    assert all(sentence.split("(")[0].split("`")[0] in page for sentence in report.verdict())
    assert "promoted" in page and "<script" not in page and "http://" not in page
    assert json.dumps(report.to_dict(), allow_nan=False)
    assert {name: os.environ[name] for name in elsewhere} == elsewhere and not (tmp_path / "mine").exists()

    said.clear()
    calm = [*old, *texts_of("then", 210, 3)]
    quiet = looped(write_dated(tmp_path / "calm.csv", dated(calm)), folder, said)
    assert any("The first model is there already" in sentence for sentence in said)
    assert quiet.promoted == quiet.trained == 0 and quiet.worth is None
    assert "harmful" not in {each.verdict for each in quiet.periods}
    assert "nothing promoted: that is a result, too" in quiet.verdict()[1]
    assert (
        quiet.accuracy == quiet.first and pointed_version(folder / "deployment") == quiet.periods[0].version
    )
    assert "nothing to compare" in render_loop_page(quiet)

    shadow = POLICY.retraining.model_copy(update={"approval": "shadow"})
    judged = looped(tmp_path / "table.csv", folder, said, POLICY.model_copy(update={"retraining": shadow}))
    came = [each.retraining.outcome for each in judged.periods]
    assert "challenger" in came and came.index("challenger") < came.index("promoted") < len(came) - 1
    assert "Evidence" in judged.periods[came.index("promoted")].retraining.told
    assert judged.worth.gain.low > 0 and judged.promoted == 1
