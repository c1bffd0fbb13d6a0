"""The dashboard: the store's numbers on one axis of time, for whoever has the token, whatever it holds."""

import re
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from tests.bundles import HOSTILE as ODD_TEXTS
from tests.bundles import reviews, tfidf_bundle
from tests.monitored import Stream, monitored_bundle
from tests.predicted import HOSTILE, LABELS, prediction
from tests.serving import TOKEN, add_version, point, running
from tests.test_service_pages import CHROMIUM, cookie_of, send
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.dashboard import (
    SPANS,
    WINDOW,
    axis_of,
    make_panels,
    read_dashboard,
    rolling_points,
    visible_text,
)
from workshop_utils.production.dashboard.time_axis import MOST_BUCKETS
from workshop_utils.production.dashboard.time_plots import evidence_text
from workshop_utils.production.deployment import PointerChange
from workshop_utils.production.monitoring import (
    LabelTally,
    evidence_of_details,
    monitor_store,
    open_monitored_model,
    rate_interval,
    tally_intervals,
)
from workshop_utils.production.policy import Policy
from workshop_utils.production.service import dashboard as page_module
from workshop_utils.production.service.answer_history import AnswerHistory
from workshop_utils.production.store import (
    SAMPLED,
    Decision,
    DrawSizes,
    Feedback,
    Recorder,
    ShadowAnswer,
    StoreUnavailable,
    TimedLabel,
    add_label,
    add_many_labels,
    add_predictions,
    draw_texts,
    latencies_over_time,
    list_decisions,
    open_store,
    record_decision,
    some_labels,
    time_range,
    version_use,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def at(hours):
    return NOW - timedelta(hours=hours)


def whole(found, requests=None):
    """The panels' drawings, each of them well-formed."""
    panels = make_panels(found, requests)
    for panel in panels:
        for svg in (panel.heights, panel.field):
            if svg:
                ET.fromstring(svg)
    return panels


@pytest.fixture
def lite(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


# --- the axis


@settings(max_examples=30, deadline=None)
@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.floats(0, 4e9))
def test_an_axis_holds_both_ends_in_at_most_sixty_equal_buckets(first, seconds):
    first = first.replace(tzinfo=UTC)
    last = first + timedelta(seconds=seconds)
    axis = axis_of(first, last)
    assert axis.buckets <= MOST_BUCKETS and axis.bucket(first) is not None and axis.bucket(last) is not None
    assert {end - start for start, end in zip(axis.edges, axis.edges[1:], strict=False)} == {axis.length}
    assert 0 < len(axis.ticks()) <= 8 and all(0 <= place <= 1 for place, _ in axis.ticks())


# --- what is read of the store


def test_each_prediction_is_counted_once_in_its_bucket_whatever_the_clock_did(store):
    rng = np.random.default_rng(1)
    hours = rng.uniform(0, 50, 300)  # in no order at all
    records = [
        prediction(f"t{n}", model_version=f"v{n % 3}", time=at(hour), infer_ms=float(n), queue_ms=1.0)
        for n, hour in enumerate(hours)
    ]
    add_predictions(store, [*records, prediction("1970", time=datetime(1970, 1, 1, tzinfo=UTC))])
    came = time_range(store)
    assert came.predictions == 301
    assert came.first == min(each.time for each in records), "a clock that told 1970 makes no axis of it"
    axis = axis_of(came.first, came.last)
    uses = version_use(store, axis.edges)
    for use in uses:
        expected = [0] * axis.buckets
        for record in records:
            expected[axis.bucket(record.time)] += record.model_version == use.version
        assert use.by_bucket == tuple(expected)
    found = read_dashboard(store, None, NOW)
    assert sum(found.volume) == 300 and found.elsewhere == 1
    latencies = latencies_over_time(store, axis.edges, uses)
    assert sorted(ms for bucket in latencies for ms in bucket) == [n + 1.0 for n in range(300)]
    whole(found)


def test_of_a_full_bucket_an_even_share_of_latencies_is_read_and_the_same_one_each_time(lite):
    add_predictions(lite, [prediction(str(n), time=at(0), infer_ms=float(n)) for n in range(4000)])
    axis = axis_of(at(1), at(0))
    uses = version_use(lite, axis.edges)
    (read,) = [each for each in latencies_over_time(lite, axis.edges, uses) if each]
    assert SAMPLED * 0.8 <= len(read) <= SAMPLED * 1.2
    assert min(read) < 400 and max(read) > 3500 and abs(np.mean(read) - 2000) < 250, "from all of it"
    assert (read,) == tuple(each for each in latencies_over_time(lite, axis.edges, uses) if each)


def test_counting_goes_over_an_index_and_reads_no_row(lite):
    add_predictions(lite, [prediction(str(n), time=at(n)) for n in range(5)])
    statements = []
    with lite.reading() as connection:

        def note(_connection, _cursor, statement, values, *_):
            if "count(*)" in statement:
                statements.append((statement, values))

        event.listen(connection.engine, "before_cursor_execute", note)
        version_use(lite, axis_of(at(9), at(0)).edges)
        time_range(lite)
        event.remove(connection.engine, "before_cursor_execute", note)
        plans = {
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
            for statement, values in statements
        }
    assert plans and all("COVERING INDEX ix_predictions_model_time" in plan for plan in plans)


def test_labels_are_read_as_they_stand_and_an_even_share_of_many(store):
    records = [prediction(f"t{n}", time=at(n % 7)) for n in range(60)]
    add_predictions(store, records)
    list(add_many_labels(store, [Feedback(each.prediction_id, "pos", "anna") for each in records]))
    add_label(store, Feedback(records[0].prediction_id, "neg", "ben"))
    add_label(store, Feedback(records[1].prediction_id, None, "ben"))
    labels, one_in = some_labels(store, 100)
    assert one_in == 1 and len(labels) == 59
    assert sorted(each.truth for each in labels) == ["neg"] + ["pos"] * 58
    some, one_in = some_labels(store, 10)
    assert one_in == 7 and 7 <= len(some) <= 10 and set(some) < set(labels)
    late = prediction("late", time=at(-9))
    add_predictions(store, [late])
    add_label(store, Feedback(late.prediction_id, "pos", "anna"))
    (label,), one_in = some_labels(store, 10, since=at(-8))
    assert (label.time, one_in) == (late.time, 1), "what came before is not looked at"


# --- rolling accuracy and macro-F1


def labelled(hours, truths, version="v1", said="pos", probability=None):
    draw = None if probability is None else 1
    return [TimedLabel(at(hours), version, said, truth, draw, probability) for truth in truths]


def rolled(labels, counted="all", least=None):
    axis = axis_of(at(50), at(0))
    return rolling_points(labels, axis, {"v1": LABELS, "v2": LABELS}, least or {}, counted, 0.95)


def test_a_window_reaches_back_until_it_is_full_and_never_to_another_model():
    labels = [
        *labelled(40, ["pos"] * 30),
        *labelled(30, ["pos"] * 15 + ["neg"] * 15),
        *labelled(20, ["neg"] * 30),
        *labelled(20, ["pos"] * 5, "v2"),
    ]
    points = rolled(labels)
    assert [each.labels for each in points if each.model_version == "v1"] == [30, 60, 60]
    assert [each.accuracy.value for each in points if each.model_version == "v1"] == [1.0, 0.75, 0.25]
    (new,) = [each for each in points if each.model_version == "v2"]
    assert new.labels == 5 < WINDOW and new.accuracy.value == 1.0 and new.accuracy.low < 0.6


def test_a_late_label_counts_where_its_prediction_was_made_and_drawn_ones_by_their_probability():
    labels = [*labelled(5, ["neg"], probability=1.0), *labelled(5, ["pos"], probability=0.1)]
    (point,) = rolled(labels, "drawn", {1: 0.1})
    assert point.accuracy.value == pytest.approx(1 / 1.1), "the uncertain one counts a tenth"
    assert rolled(labelled(5, ["pos"]), "drawn") == (), "what nobody had drawn does not count"


def test_many_intervals_are_those_that_monitoring_gives_one_by_one():
    rng, tallies = np.random.default_rng(0), [LabelTally(("a", "b", "c")), LabelTally(())]
    for size in (1, 7, 60):
        tally = LabelTally(("a", "b", "c"))
        for truth, said, weight in zip(
            rng.choice(list("abcd"), size), rng.choice(list("abc"), size), rng.random(size), strict=True
        ):
            tally.add(str(truth), str(said), round(float(weight), 1))
        tallies.append(tally)
    for tally, (accuracy, macro_f1) in zip(tallies, tally_intervals(tallies, 0.9), strict=True):
        assert np.allclose(accuracy, rate_interval(tally.hits(), 0.9), atol=1e-4, equal_nan=True)
        assert np.allclose(macro_f1, tally.macro_f1(0.9), atol=1e-4, equal_nan=True)


def test_two_hundred_classes_are_drawn_too(lite):
    names = tuple(f"class {n}" for n in range(200))
    records = [
        prediction(f"t{n}", labels=names, label=names[n], probabilities=(0.005,) * 200, time=at(n / 10))
        for n in range(200)
    ]
    add_predictions(lite, records)
    list(add_many_labels(lite, [Feedback(each.prediction_id, each.label, "a") for each in records]))
    found = read_dashboard(lite, None, NOW)
    assert found.rolling[-1].accuracy.value == 1.0 and len(whole(found)) >= 4


# --- whatever the store holds


def test_an_empty_store_has_no_axis_and_one_prediction_has_one(lite):
    assert read_dashboard(lite, None, NOW).axis is None and read_dashboard(None, None, NOW).axis is None
    add_predictions(lite, [prediction()])
    found = read_dashboard(lite, None, datetime.now(UTC))
    assert sum(found.volume) == 1 and not found.rolling
    assert [each.title for each in whole(found)] == ["Versions and decisions", "Volume"]


@pytest.mark.parametrize("span", ["day", "all"])
def test_names_of_any_kind_and_times_to_come_are_drawn(lite, span):
    names = [name[:200] or "empty" for name in HOSTILE] + ["<script>alert(1)</script>\"'&"]
    for number, name in enumerate(names):
        record = prediction(f"t{number}", model_version=name, time=at(number - 2), infer_ms=float("nan"))
        add_predictions(lite, [record])
        add_label(lite, Feedback(record.prediction_id, "neg", "anna"))
        record_decision(lite, Decision("retrain", "refused", name, name, time=at(number)))
        record_decision(
            lite, Decision("monitor", "quiet" if number % 2 else "mild", name, name, time=at(number))
        )
    found = read_dashboard(lite, None, NOW, span)
    drawn = " ".join(panel.field for panel in whole(found))
    assert "<script" not in drawn and sum(found.volume) + found.elsewhere == len(names)
    drawn.encode("utf-8")


def test_what_was_killed_is_not_told_and_a_decision_is_told_with_its_change(lite, tmp_path):
    number = record_decision(lite, Decision("retrain", "promoted", "errors", "v1", time=at(3)))
    record_decision(lite, Decision("retrain", "refused", "not better", "v1", time=at(2)))
    point(tmp_path, "v2")
    changes = [("v1", None, at(5)), ("v2", "v1", at(3)), ("v9", "v2", at(1))]  # the last one was killed
    lines = [
        PointerChange(
            **{"number": line, "time": time.replace(tzinfo=None), "action": "promote", "pointer": "current"},
            **{"version": version, "previous": previous, "champion": previous, "by": "anna", "figures": {}},
            reason=f"(decision {number})",
        ).model_dump_json()
        for line, (version, previous, time) in enumerate(changes, start=1)
    ]
    (tmp_path / "history.jsonl").write_text("\n".join([*lines, "damaged"]), encoding="utf-8")
    found = read_dashboard(lite, tmp_path, NOW)
    told = [(each.what, each.version, each.new_champion) for each in found.happenings]
    assert told == [("promoted", "v1", True), ("promoted", "v2", True), ("retrain: refused", "v1", False)]
    assert "damaged and left out: 1." in found.notes[0] and len(whole(found)) == 1


DETECTOR = {"name": "errors", "about": "errors", "limit": 1.0, "verdict": "quiet", "alarm_at": None}


def test_where_a_champion_comes_back_its_line_breaks_and_the_newest_look_is_told(lite):
    versions = dict(zip((45, 40, 25, 20, 6, 1), ("v1", "v1", "v2", "v2", "v1", "v1"), strict=True))
    for hours, version in versions.items():
        record = prediction(model_version=version, time=at(hours))
        add_predictions(lite, [record])
        add_label(lite, Feedback(record.prediction_id, "pos", "anna"))
        details = {"detectors": [{**DETECTOR, "evidence": hours + 2.0}]}
        record_decision(lite, Decision("monitor", "mild", "why", version, details, time=at(hours)))
    panels = {panel.title: panel for panel in whole(read_dashboard(lite, None, NOW))}
    for title in ("Accuracy", "Macro-F1", "Evidence of the detectors"):
        assert panels[title].field.count("<polyline") == 3
    evidence = panels["Evidence of the detectors"]
    assert evidence.now == "errors 3" and evidence_text(99.7) == "100" and evidence_text(1e9) == "> 10,000"
    assert "Now: errors 3." in evidence.field
    assert "changed 0 times" in panels["Verdict of monitoring"].field
    assert "2 models answered" in panels["Versions and decisions"].field


def test_a_look_of_another_version_of_the_course_is_told_without_its_details(lite, caplog):
    caplog.set_level("INFO")
    add_predictions(lite, [prediction(time=at(9)), prediction(time=at(0))])
    newer, older = {**DETECTOR, "evidence": 1.0, "new": 1}, {"name": "inputs", "sentence": "It drifts."}
    for hours, details in ((3, {"detectors": [newer]}), (1, {"alarms": [older]})):
        record_decision(lite, Decision("monitor", "mild", "why", "v1", details, time=at(hours)))
    found = read_dashboard(lite, None, NOW)
    assert [(each.outcome, each.alarms, each.detectors) for each in found.looks] == [("mild", (), ())] * 2
    assert caplog.text.count("not of this version of the course") == 2 and whole(found)


def test_a_refused_challenger_does_not_stand_under_the_champions_name(lite):
    record_decision(lite, Decision("shadow", "refused", "v2 beside v1: Evidence", "v1", time=at(1)))
    (told,) = read_dashboard(lite, None, NOW).happenings
    assert (told.what, told.version, told.why) == ("shadow: refused", "", "v2 beside v1: Evidence")


def test_a_challenger_stands_among_the_detectors_with_its_limit(lite, tmp_path):
    for pointer, version in (("current", "v1"), ("challenger", "v2")):
        point(tmp_path, version, pointer)
    shadow = ShadowAnswer("v2", LABELS, "neg", (0.9, 0.1))
    records = [prediction(f"t{n}", shadow=shadow, time=at(1)) for n in range(40)]
    add_predictions(lite, records, store_texts=True)
    draw_texts(lite, DrawSizes(20, 0, 20), seed=0)
    list(add_many_labels(lite, [Feedback(each.prediction_id, "neg", "anna") for each in records]))
    found = read_dashboard(lite, tmp_path, NOW)
    assert found.challenger.evidence >= found.challenger.limit == Policy().shadow.evidence
    assert found.challenger.verdict == "better" and found.challenger_words
    whole(found)


# --- the same numbers as monitoring


@pytest.fixture(scope="module")
def monitored(tmp_path_factory):
    """A store at which monitoring has looked twice, and its second report."""
    folder = tmp_path_factory.mktemp("dashboard")
    bundle = monitored_bundle(folder / "model")
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    stream = Stream(store, Bundle.load(bundle, threads=1), open_monitored_model(bundle).version, [], [])
    stream.label(stream.answer(3, 200))
    policy = Policy()
    monitor_store(store, bundle, policy)
    stream.label(stream.answer(4, 100), flipped=0.5)
    yield SimpleNamespace(store=store, report=monitor_store(store, bundle, policy), bundle=bundle)
    store.close()


def test_the_newest_look_is_told_with_the_numbers_of_its_report(monitored):
    found, report = read_dashboard(monitored.store, None, datetime.now(UTC)), monitored.report
    newest = found.newest
    assert (newest.outcome, newest.reason) == (report.verdict, report.reason)
    assert (newest.accuracy, newest.macro_f1) == (report.performance.accuracy, report.performance.macro_f1)
    evidence = {each.name: each.evidence for each in newest.detectors}
    assert evidence["errors"] == report.performance.errors.evidence
    assert {each.title: each.evidence for each in report.inputs.findings}.items() <= evidence.items()
    assert len(found.rolling) and sum(found.volume) == report.predictions


def test_rolling_accuracy_over_all_labels_is_monitorings_accuracy(monitored):
    labels, _ = some_labels(monitored.store, 10_000)
    axis = axis_of(
        min(each.time for each in labels), max(each.time for each in labels) + timedelta(days=9000)
    )
    (point,) = rolling_points(labels, axis, {labels[0].model_version: ("neg", "pos")}, {}, "all", 0.95)
    expected = monitored.report.performance
    assert point.labels == expected.counted
    assert np.allclose(point.accuracy, expected.accuracy, atol=1e-4)
    assert np.allclose(point.macro_f1, expected.macro_f1, atol=1e-4)


def test_a_look_of_an_earlier_version_of_the_course_tells_at_least_of_errors(monitored):
    details = dict(list_decisions(monitored.store, "monitor")[-1].details)
    del details["detectors"]
    errors, *_ = evidence_of_details(details)
    assert errors.evidence == monitored.report.performance.errors.evidence
    assert evidence_of_details({}) == ()


# --- requests that fail


def test_failed_requests_are_kept_in_bounded_memory_and_none_is_lost():
    now = [1e9]
    history = AnswerHistory(lambda: now[0])
    for number in range(9000):
        now[0] += 7
        history.count("/predict", (200, 429, 503, 422, 403)[number % 5])
        history.count("/livez", 500)
    first, last = history.moments()
    found = history.over(axis_of(first, last + timedelta(hours=1)).edges)
    assert (sum(found.answered), sum(found.failed)) == (1800, 3600)
    assert len(history._slots) <= 2000


# --- the page


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("dashboard") / "reviews")


def log_in(client):
    answer = send(client, "/session", token=TOKEN, name="anna", next="/dashboard")
    assert answer.status == 303 and answer.headers["Location"] == "/dashboard"
    return cookie_of(answer)


@pytest.fixture
def service(made, lite, tmp_path):
    """A service of a deployment with a history, a store with looks, and a session."""
    deployment = tmp_path / "deployment"
    add_version(deployment, "0001-a", made)
    point(deployment, "0001-a")
    recorder = Recorder(lite)
    with running(None, recorder, deployment=deployment) as (client, running_service):
        while client.get("/readyz").status != 200:
            pass
        yield SimpleNamespace(
            client=client, cookie=log_in(client), recorder=recorder, store=lite, service=running_service
        )


def test_the_page_shows_what_was_predicted_and_decided_to_whoever_has_the_token(service):
    alarm = {
        "name": "performance",
        "sentence": "It <b>errs</b>.",
        "runbook": "docs/runbooks/errors-have-risen.md",
    }
    detector = {**DETECTOR, "evidence": 3.5, "verdict": "changed", "alarm_at": 1234}
    far = {**DETECTOR, "name": "far", "evidence": 2000.0}
    record_decision(
        service.store,
        Decision(
            "monitor", "harmful", "It `errs`.", "0001-a", {"alarms": [alarm], "detectors": [detector, far]}
        ),
    )
    assert [service.client.predict("I love it").status for _ in range(7)] == [200] * 7
    assert service.recorder.flush(30)
    assert service.client.get("/dashboard").status == 403
    page = service.client.get("/dashboard", service.cookie)
    text = " ".join(page.body.decode().split())
    assert page.status == 200 and "unsafe" not in page.headers["Content-Security-Policy"]
    assert "Verdict: <strong>harmful</strong>" in text and "docs/runbooks/errors-have-risen.md" in text
    assert (
        "7 on this axis" in text
        and "0 of 7 requests failed" in text
        and "1,234" in text
        and ">3.5<" in text
        and ">2,000<" in text
    )
    assert "<b>" not in text and "I love it" not in text and "<script" not in text
    assert "style=" not in text and not re.search(r"""(src|href|action)=["'](https?:)?//""", text)
    for svg in re.findall(r"<svg class=.*?</svg>(?=<svg class|</div>)", text):
        ET.fromstring(svg)
    for file in re.findall(r'href="(/static/[^"]+)"', text):
        assert service.client.get(file).status == 200
    assert 'href="/dashboard"' in service.client.get("/").body.decode()
    bad = service.client.get("/dashboard?span=century", service.cookie)
    assert bad.status == 422 and "hour, day, week, month, all" in bad.json["detail"]


def test_the_scores_of_the_latest_answers_are_those_of_the_bundle_to_the_last_bit(service, made):
    texts = [*(text for text in ODD_TEXTS if text.strip() and text != "\ud800"), *reviews()[0]][:200]
    expected = Bundle.load(made).predict_proba(texts).max(axis=1)
    found = []
    for begin in range(0, len(texts), 5):
        answer = service.client.post("/predict/batch", {"text": texts[begin : begin + 5]})
        assert answer.status == 200 and service.recorder.flush(30)
        latest = read_dashboard(service.store, None, NOW).latest
        found += [max(each.probabilities) for each in reversed(latest)]
    assert len(found) == 200 and (np.asarray(found, dtype=np.float32) == expected).all()
    page = service.client.get("/dashboard", service.cookie).body.decode()
    assert [f">{each}<" in page for each in found[-5:]] == [True] * 5


def test_a_service_that_keeps_nothing_says_so(made):
    with running(made) as (client, _):
        page = client.get("/dashboard", log_in(client))
        assert page.status == 200 and "keeps no predictions" in page.body.decode()


def test_a_store_that_does_not_answer_is_503_and_texts_are_still_answered(service, monkeypatch):
    def away(*_):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(page_module, "read_dashboard", away)
    answer = service.client.get("/dashboard", service.cookie)
    assert answer.status == 503 and answer.headers["Retry-After"]
    assert service.client.predict("I love it").status == 200


def test_pages_that_wait_for_the_store_hold_up_nothing_that_is_only_looked_at(service, monkeypatch):
    """Of each span four wait: together more than the threads of what is only looked at."""
    go, waiting = threading.Event(), threading.Semaphore(0)

    def slow(*arguments):
        waiting.release()
        assert go.wait(30)
        return read_dashboard(*arguments)

    monkeypatch.setattr(page_module, "read_dashboard", slow)
    with ThreadPoolExecutor(20) as threads:
        pages = [
            threads.submit(service.client.get, f"/dashboard?span={span}", service.cookie)
            for span in SPANS
            for _ in range(4)
        ]
        try:
            for _ in SPANS:
                assert waiting.acquire(timeout=30)
            for path in ("/model", "/docs", "/v2/models/deployment/ready"):
                assert service.client.get(path).status == 200
        finally:
            go.set()
        assert {page.result().status for page in pages} == {200}


def test_twenty_reloads_make_one_page_and_hold_up_no_prediction(service, monkeypatch):
    made, go, began = [], threading.Event(), threading.Event()

    def slow(*arguments):
        made.append(1)
        began.set()
        assert go.wait(30)
        return read_dashboard(*arguments)

    monkeypatch.setattr(page_module, "read_dashboard", slow)
    statuses = []
    reloads = [
        threading.Thread(
            target=lambda: statuses.append(service.client.get("/dashboard", service.cookie).status)
        )
        for _ in range(20)
    ]
    for each in reloads:
        each.start()
    assert began.wait(30)
    assert [service.client.predict("I love it").status for _ in range(5)] == [200] * 5, "while it is made"
    while len(statuses) < 16:  # who finds no place is told at once
        threading.Event().wait(0.01)
    assert set(statuses) == {429}
    go.set()
    for each in reloads:
        each.join(30)
    assert sorted(statuses) == [200] * 4 + [429] * 16 and len(made) == 1
    assert service.client.get("/dashboard", service.cookie).status == 200 and len(made) == 1, (
        "kept for a while"
    )


def test_what_cannot_be_printed_is_marked():
    assert visible_text("a\0b\ud800c\nd") == "a\ufffdb?c\ufffdd"


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine; .ci/run installs it")
def test_the_page_fits_a_desk_and_a_phone_and_keeps_nobody_out(monitored, tmp_path):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with running(monitored.bundle, Recorder(monitored.store)) as (client, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        name, value = log_in(client)["Cookie"].split("=", 1)
        context = browser.new_context(bypass_csp=True)
        context.add_cookies([{"name": name, "value": value, "url": client.address}])
        page = context.new_page()
        for width, scheme in ((1400, "light"), (390, "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.goto(f"{client.address}/dashboard")
            assert page.locator("figure.panel").count() >= 5
            assert page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            )
            lefts = {round(each.bounding_box()["x"]) for each in page.locator("svg.field").all()}
            assert len(lefts) == 1, "one axis: all plots begin at the same place"
            for text in page.locator("svg.field text").all()[:5]:
                assert text.evaluate("node => node.getBoundingClientRect().height") >= 11, "it can be read"
            for summary in page.locator("summary").all():
                summary.click()
            found = Axe().run(page).response["violations"]
            assert [
                (each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")
            ] == []
        browser.close()
