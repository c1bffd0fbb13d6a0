"""``workshop monitor``: one verdict about a deployed model, whatever its store holds."""

import json
import math
import random
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bundles import HOSTILE
from tests.monitored import CLASSES, START, Stream, monitored_bundle, texts_and_truths
from tests.predicted import prediction
from workshop_utils.errors import WorkshopError
from workshop_utils.files import locked
from workshop_utils.models.bundle import Bundle
from workshop_utils.paths import ROOT
from workshop_utils.production.deployment import Told, promote, version_folder
from workshop_utils.production.monitoring import (
    RUNBOOKS,
    MonitoringReport,
    TableColumns,
    default_state,
    input_monitor,
    labels_needed,
    monitor,
    monitor_store,
    monitor_table,
    open_monitored_model,
    read_back,
    what_to_do,
)
from workshop_utils.production.monitoring import blocks as blocks_module
from workshop_utils.production.monitoring.blocks import MOST_BLOCKS, Blocks
from workshop_utils.production.policy import CLASSROOM_POLICY, Policy, read_policy
from workshop_utils.production.store import (
    DrawSizes,
    Feedback,
    add_many_labels,
    add_predictions,
    draw_texts,
    list_decisions,
    open_store,
    read_decision,
    skip_text,
    texts_to_label,
)

POLICY = read_policy(CLASSROOM_POLICY)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return monitored_bundle(tmp_path_factory.mktemp("monitored") / "model")


@pytest.fixture(scope="module")
def model(bundle):
    return Bundle.load(bundle, threads=1)


@pytest.fixture
def sqlite(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def stream(sqlite, bundle, model):
    return Stream(sqlite, model, open_monitored_model(bundle).version, [], [])


def looked(stream, bundle, state=None, policy=POLICY, **ends) -> MonitoringReport:
    return monitor_store(stream.store, bundle, policy, state, **ends)


def of_drawn_labels():
    """The policy, but only labels of drawn texts count."""
    performance = POLICY.performance.model_copy(update={"labels": "drawn"})
    return POLICY.model_copy(update={"performance": performance})


def alarms(report):
    return [each.name for each in report.alarms]


def strict_json(report):
    return json.dumps(report.to_dict(), allow_nan=False)


# --- the verdict


def test_a_model_that_is_as_right_as_it_was_on_texts_as_they_were_is_quiet(stream, bundle):
    stream.label(stream.answer(3, 300))
    report = looked(stream, bundle)
    assert (report.verdict, alarms(report), report.labels_to_buy) == ("quiet", [], None)
    assert (report.predictions, report.labels) == (300, 300)
    assert (
        report.performance.accuracy.low < report.performance.accuracy.value < report.performance.accuracy.high
    )
    assert "are tolerated" in report.reason and "look as before" in report.reason
    assert what_to_do(report) == "Nothing."


def test_a_model_that_is_wrong_too_often_is_harmful_and_the_runbook_says_what_to_do(stream, bundle):
    stream.label(stream.answer(3, 300), flipped=0.35)
    report = looked(stream, bundle)
    assert report.verdict == "harmful" and alarms(report)[0] == "performance"
    assert report.alarms[0].runbook == "docs/runbooks/errors-have-risen.md"
    assert report.performance.risen.error > 0.25
    assert "workshop retrain" in what_to_do(report)


def test_after_a_long_good_time_the_alarm_tells_of_the_errors_since_they_rose(stream, bundle):
    stream.label(stream.answer(3, 900))
    stream.label(stream.answer(4, 40), flipped=0.5)
    report = looked(stream, bundle)
    assert report.verdict == "harmful"
    assert report.performance.errors.error < report.performance.errors.tolerance, "on the whole, all is well"
    risen = report.performance.risen
    assert 880 <= risen.label <= 925 and risen.labels == 941 - risen.label and risen.error > 0.4
    assert f"of the {risen.labels} labels since label {risen.label}" in report.alarms[0].sentence


def test_other_inputs_without_labels_are_mild_and_labels_are_asked_for(stream, bundle):
    stream.answer(3, 300, "shop")
    report = looked(stream, bundle)
    assert report.verdict == "mild" and "inputs" in alarms(report)
    assert report.labels_to_buy > 50
    assert f"Label {report.labels_to_buy:,} more texts" in what_to_do(report)


def test_labels_from_before_a_change_say_nothing_and_those_since_then_are_counted_down(stream, bundle):
    stream.label(stream.answer(3, 200))
    stream.answer(4, 200, "shop")
    before = looked(stream, bundle)
    assert before.verdict == "mild" and before.performance.counted == 200
    error = open_monitored_model(bundle).error
    assert before.labels_to_buy == labels_needed(error + 0.03, error, level=POLICY.performance.level)
    names = stream.answer(5, before.labels_to_buy, "shop", label="pos")
    list(add_many_labels(stream.store, [Feedback(name, "pos", "anna") for name in names]))
    after = looked(stream, bundle)
    assert (after.verdict, after.labels_to_buy) == ("mild", 0)
    assert "are enough" in what_to_do(after)


def test_too_few_labels_on_texts_as_they_were_are_insufficient_data(stream, bundle):
    names = stream.answer(3, 300)
    stream.label(names[:5])
    report = looked(stream, bundle)
    assert report.verdict == "insufficient data" and alarms(report) == []
    assert "Inputs and answers look as before." in report.reason
    stream.label(names[5 : 5 + report.labels_to_buy])
    assert looked(stream, bundle).verdict == "quiet", "so many were enough"


def test_slow_answers_are_an_alarm_and_no_verdict(stream, bundle):
    stream.label(stream.answer(3, 300))
    stream.answer(4, 900, infer_ms=900.0)
    report = looked(stream, bundle)
    assert (report.verdict, alarms(report)) == ("quiet", ["operations"])
    assert "900 of 1,200 texts took longer than 300 ms" in report.alarms[0].sentence


def test_each_alarm_has_a_runbook_of_its_own():
    assert len(set(RUNBOOKS.values())) == len(RUNBOOKS) == 7
    assert all(page.startswith("docs/runbooks/") and page.endswith(".md") for page in RUNBOOKS.values())


def test_a_mistake_of_people_that_was_corrected_leaves_no_alarm(stream, bundle, tmp_path):
    names = stream.answer(3, 300)
    stream.label(names, flipped=1.0)
    assert looked(stream, bundle, tmp_path / "state").verdict == "harmful"
    stream.label(names)
    assert looked(stream, bundle, tmp_path / "state").verdict == "quiet"


def test_labels_that_were_taken_back_do_not_count(stream, bundle):
    names = stream.answer(3, 100)
    stream.label(names, flipped=1.0)
    list(add_many_labels(stream.store, [Feedback(name, None, "anna") for name in names]))
    report = looked(stream, bundle)
    assert report.labels == 0 and report.verdict == "insufficient data"


def test_only_answers_of_this_model_are_looked_at(stream, bundle):
    stream.label(stream.answer(3, 150))
    stream.label(stream.answer(4, 150, "shop", model_version="another"), flipped=1.0)
    stream.label(stream.answer(5, 150))
    report = looked(stream, bundle)
    assert (report.verdict, report.predictions, report.labels) == ("quiet", 300, 300)


def test_a_promoted_bundle_goes_by_the_name_of_its_version(bundle, tmp_path):
    deployment = tmp_path / "deployment"
    done = promote(bundle, deployment, Told("anna", "a test"))
    assert open_monitored_model(version_folder(deployment, done.version)).version == done.version
    assert open_monitored_model(bundle).version == Bundle.load(bundle).sha256[:12]


def test_a_bundle_without_statistics_is_watched_by_its_labels(tmp_path, stream):
    plain = monitored_bundle(tmp_path / "plain", reference=False)
    stream.version = open_monitored_model(plain).version
    stream.label(stream.answer(3, 300), flipped=0.4)
    report = looked(stream, plain)
    assert report.verdict == "harmful" and report.inputs is report.concept is None
    assert "add_reference" in report.notes[0]
    strict_json(report)


def test_a_bundle_without_words_says_what_nobody_can_tell(stream, bundle, monkeypatch):
    from workshop_utils.production.monitoring import monitor

    model = open_monitored_model(bundle)
    wordless = replace(model, reference=replace(model.reference, buckets=None, sizes=None))
    monkeypatch.setattr(monitor, "open_monitored_model", lambda _: wordless)
    assert ["--reference hashed" in note for note in looked(stream, bundle).notes] == [True]


def test_a_bundle_that_does_not_say_how_often_it_was_wrong_says_what_to_do(tmp_path, stream):
    plain = monitored_bundle(tmp_path / "plain", metrics=False)
    stream.version = open_monitored_model(plain).version
    stream.label(stream.answer(3, 200))
    report = looked(stream, plain)
    assert report.verdict == "insufficient data" and report.labels_to_buy is None
    assert "workshop train" in what_to_do(report)
    assert report.performance.accuracy.value > 0.8


def test_labels_that_nobody_drew_count_only_where_the_policy_says_so(stream, bundle):
    names = stream.answer(3, 300)
    stream.label(names, by="ben")
    report = looked(stream, bundle, policy=of_drawn_labels())
    assert report.labels == 300 and report.performance.counted == 0
    assert report.verdict == "insufficient data"
    assert [(each.labelled_by, each.part, each.counted) for each in report.performance.sources] == [
        ("ben", "unasked", 0)
    ]


def test_drawn_texts_that_people_skipped_say_how_far_the_accuracy_may_be_off(stream, bundle):
    stream.answer(3, 300)
    draw_texts(stream.store, DrawSizes(random=60, uncertain=60, disagreement=0), seed=1)
    to_label = [each.prediction_id for each in texts_to_label(stream.store, 200)]
    stream.label(to_label[10:])
    for name in to_label[:10]:
        skip_text(stream.store, name, "anna")
        skip_text(stream.store, name, "ben")
    found = looked(stream, bundle, policy=of_drawn_labels()).performance
    assert (found.counted, found.skipped) == (len(to_label) - 10, 10)
    low, high = found.accuracy_if_skipped
    assert low < found.accuracy.value < high
    assert {each.part for each in found.sources} == {"random", "uncertain"}


def test_postgresql_gives_the_same_report(store, bundle, model, tmp_path):
    stream = Stream(store, model, open_monitored_model(bundle).version, [], [])
    for part in range(2):
        stream.label(stream.answer(part, 150)[::2])
        report = looked(stream, bundle, tmp_path / "state")
    assert report == looked(stream, bundle) and report.verdict == "quiet"
    assert [each.outcome for each in list_decisions(store, "monitor")][-1] == "quiet"


# --- faults 29 and 30: an answer or "insufficient data", never a crash


@pytest.mark.fault(29)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_late_duplicate_and_shuffled_labels_and_jumping_clocks_change_no_bit(
    bundle, model, tmp_path_factory, seed
):
    folder, chance = tmp_path_factory.mktemp("faults"), random.Random(seed)
    parts = open_store(f"sqlite:///{folder / 'parts.db'}")
    stream = Stream(parts, model, open_monitored_model(bundle).version, [], [])
    for number in range(4):
        jump = timedelta(days=chance.choice([0, 0, -300, 4000]))
        stream.answer(
            seed + number, chance.randrange(1, 120), chance.choice(["film", "shop"]), time=START + jump
        )
        again = chance.sample(stream.names, min(len(stream.names), 40))  # late, in any order, some twice
        stream.label(again, flipped=chance.choice([0.0, 0.5]), seed=seed)
        stream.label(again[:5])
        draw_texts(parts, DrawSizes(random=5, uncertain=5, disagreement=0), seed=number)  # some have a label
        last = looked(stream, bundle, folder / "state")
    at_once = looked(stream, bundle)
    assert last == at_once
    assert strict_json(last) == strict_json(at_once)
    assert at_once.operations.texts_per_hour is None or at_once.operations.texts_per_hour >= 0
    parts.close()


ODD = {
    "nothing": [],
    "one text": [{}],
    "one class": [{"label": "pos", "probabilities": (0.0, 1.0)}] * 150,
    "the same text": [{"text": "one and the same text"}] * 150,
    "another language": [{"text": f"यह फिल्म बहुत अच्छी थी {number}"} for number in range(150)],
    "scores that are no numbers": [{"probabilities": (math.nan, math.inf)}] * 150,
    "other classes": [{"label": "c", "labels": ("a", "b", "c"), "probabilities": (0.1, 0.2, 0.7)}] * 150,
    "texts that were not kept": [{"kept": False}] * 150,
    "hostile texts": [{"text": f"{text} {number}"} for number in range(12) for text in HOSTILE],
    "latencies that are none": [{"infer_ms": math.nan, "queue_ms": -5.0, "tokenise_ms": math.inf}] * 150,
}


@pytest.mark.fault(30)
@pytest.mark.parametrize("kind", ODD)
def test_odd_streams_get_an_answer(stream, bundle, kind, tmp_path):
    texts, _ = texts_and_truths(3, len(ODD[kind]))
    names = []
    for number, (text, odd) in enumerate(zip(texts, ODD[kind], strict=True)):
        changes = {"model_version": stream.version, "time": START + timedelta(seconds=number)} | odd
        kept = changes.pop("kept", True)
        record = prediction(changes.pop("text", text), **changes)
        add_predictions(stream.store, [record], store_texts=kept)
        names.append(record.prediction_id)
    for labelled in (False, True):
        if labelled:  # one of the classes only
            known = ODD[kind][0].get("labels", CLASSES)[0] if ODD[kind] else ""
            list(add_many_labels(stream.store, [Feedback(name, known, "anna") for name in names]))
        report = looked(stream, bundle, tmp_path / "state")
        assert strict_json(report) == strict_json(looked(stream, bundle))
        assert report.verdict in ("quiet", "mild", "harmful", "insufficient data")
        assert report.reason and what_to_do(report)
    assert report.reason.startswith("The store holds no prediction of this model;") == (kind == "nothing")
    assert ("of the true labels are none of the model's classes" in report.reason) == (
        kind == "other classes"
    )
    assert any("--store-texts" in note for note in report.notes) == (kind == "texts that were not kept")
    expected = {"nothing": "insufficient data", "one text": "insufficient data", "other classes": "harmful"}
    assert report.verdict == expected.get(kind, report.verdict)


# --- what is remembered


def test_looked_at_in_parts_the_report_is_the_same_to_the_bit(stream, bundle, tmp_path):
    for part in range(5):
        stream.label(stream.answer(part, 170, "shop" if part > 2 else "film")[::3], flipped=0.1 * part)
        report = looked(stream, bundle, tmp_path / "state")
    assert report == looked(stream, bundle)
    assert report.verdict in ("mild", "harmful")
    assert report == looked(stream, bundle, tmp_path / "state"), "nothing new"


def test_a_run_that_is_killed_goes_on_from_its_last_checkpoint(stream, bundle, tmp_path, monkeypatch):
    stream.label(stream.answer(3, 300)[::2])
    whole = looked(stream, bundle)
    monkeypatch.setattr(monitor, "_CHECKPOINT", 100)
    saved, seen = monitor.save_text_monitors, []

    def dies(*arguments):
        saved(*arguments)
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(monitor, "save_text_monitors", dies)
    with pytest.raises(KeyboardInterrupt):
        looked(stream, bundle, tmp_path / "state")
    monkeypatch.setattr(monitor, "save_text_monitors", saved)
    assert json.loads((tmp_path / "state" / "monitor.json").read_text())["monitors"]["texts"] == 200
    assert looked(stream, bundle, tmp_path / "state") == whole


def broken(name, content):
    def breaks(folder):
        (path,) = folder.glob(name)
        path.write_bytes(content(path.read_bytes()))

    return breaks


DAMAGE = {
    "cut off": broken("monitor.json", lambda content: content[: len(content) // 2]),
    "empty": broken("monitor.json", lambda _: b""),
    "a list": broken("monitor.json", lambda _: b"[1, 2]"),
    "a digit is another": broken(
        "monitor.json", lambda content: content.replace(b'"texts": 2', b'"texts": 3', 1)
    ),
    "not UTF-8": broken("monitor.json", lambda content: b"\xff" + content),
    "nested very deep": broken("monitor.json", lambda _: b"[" * 100_000),
    "a byte of the arrays": broken("inputs-*.npz", lambda content: content[:-9] + b"\0" + content[-8:]),
    "no arrays": lambda folder: next(folder.glob("inputs-*.npz")).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_told_and_made_anew_from_the_store(stream, bundle, tmp_path, damage):
    state = tmp_path / "state"
    stream.label(stream.answer(3, 250)[:100])
    whole = looked(stream, bundle, state)
    DAMAGE[damage](state)
    again = looked(stream, bundle, state)
    assert len(again.notes) == 1 and "begins anew" in again.notes[0]
    assert replace(again, notes=()) == whole
    assert looked(stream, bundle, state).notes == (), "and it is whole again"


def test_another_policy_and_another_store_begin_anew(stream, bundle, tmp_path):
    stream.answer(3, 250)
    looked(stream, bundle, tmp_path / "state")
    other = looked(stream, bundle, tmp_path / "state", policy=Policy())
    assert "policy" in other.notes[0] and other.predictions == 250
    elsewhere = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    moved = Stream(elsewhere, stream.model, stream.version, [], [])
    moved.answer(4, 260, time=START + timedelta(days=9))
    report = looked(moved, bundle, tmp_path / "state", policy=Policy())
    assert "store is another one" in report.notes[0] and report.predictions == 260
    elsewhere.close()


def test_of_two_monitors_one_waits_and_then_says_so(stream, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(monitor, "_PATIENCE", 0.05)
    state = tmp_path / "state"
    state.mkdir()
    with locked(state / "lock", ""), pytest.raises(WorkshopError, match="Another monitor of"):
        looked(stream, bundle, state)
    assert looked(stream, bundle, state).verdict == "insufficient data"


def test_the_state_does_not_grow_with_the_stream(stream, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(input_monitor, "KEPT_SIMILARITIES", 500)
    monkeypatch.setattr(blocks_module, "MOST_BLOCKS", 12)
    sizes = []
    for part in range(6):
        stream.answer(part, 800)
        looked(stream, bundle, tmp_path / "state")
        sizes.append(sum(path.stat().st_size for path in (tmp_path / "state").iterdir()))
    assert sizes[-1] < 1.25 * max(sizes[:3])


def test_the_state_of_each_model_lies_in_a_folder_of_its_own(home):
    assert default_state("0001-abc") == home / "monitoring" / "0001-abc"


# --- decisions


def test_a_verdict_is_recorded_and_can_be_read_back_after_more_has_come(stream, bundle, tmp_path):
    names = stream.answer(3, 200)
    stream.label(names[:150])
    then = looked(stream, bundle, tmp_path / "state")
    stream.label(names[:150], flipped=1.0)
    stream.answer(4, 100, "shop")
    now = looked(stream, bundle, tmp_path / "state")
    first, second = list_decisions(stream.store, "monitor")
    assert (first.outcome, first.reason, first.model_version) == (then.verdict, then.reason, stream.version)
    assert second.outcome == now.verdict == "harmful"
    assert read_back(stream.store, bundle, read_decision(stream.store, first.number)) == then
    assert len(list_decisions(stream.store, "monitor")) == 2, "who looks back decides nothing"
    assert '"words"' not in json.dumps(first.details)


# --- a table in place of a store


def as_csv(path, header, rows):
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_a_table_of_texts_and_true_labels_gets_the_same_verdict_as_a_store(stream, bundle, tmp_path):
    stream.label(stream.answer(3, 250))
    texts, truths = texts_and_truths(3, 250)
    table = as_csv(tmp_path / "t.csv", ["text", "truth"], zip(texts, truths, strict=True))
    found = monitor_table(table, bundle, POLICY, TableColumns(truth="truth"))
    store = looked(stream, bundle)
    assert (found.verdict, found.predictions, found.labels) == ("quiet", 250, 250)
    assert found.inputs == store.inputs
    assert found.performance.errors == store.performance.errors
    assert found.concept == store.concept
    shop, _ = texts_and_truths(4, 250, "shop")
    table = as_csv(tmp_path / "s.csv", ["text"], ([text] for text in shop))
    assert monitor_table(table, bundle, POLICY, TableColumns()).verdict == "mild"
    flipped = [CLASSES[truth == "neg"] for truth in truths]
    table = as_csv(tmp_path / "f.csv", ["text", "truth"], zip(texts, flipped, strict=True))
    assert monitor_table(table, bundle, POLICY, TableColumns(truth="truth")).verdict == "harmful"


def test_a_table_may_bring_answers_times_and_latencies(bundle, model, tmp_path):
    texts, truths = texts_and_truths(3, 120)
    shares = model.predict_proba(texts)
    rows = [
        (
            text,
            f" {truth.upper()} ",
            CLASSES[int(p.argmax())],
            *map(float, p),
            f"2026-03-01T10:{n // 60:02}:{n % 60:02}",
            900,
        )
        for n, (text, truth, p) in enumerate(zip(texts, truths, shares, strict=True))
    ]
    header = ["text", "truth", "label", "probability_neg", "probability_pos", "when", "ms"]
    table = as_csv(tmp_path / "t.csv", header, rows)
    columns = TableColumns(truth="truth", label="label", time="when", latency="ms")
    report = monitor_table(table, bundle, POLICY, columns)
    alone = monitor_table(
        as_csv(tmp_path / "a.csv", header[:2], (row[:2] for row in rows)),
        bundle,
        POLICY,
        TableColumns(truth="truth"),
    )
    assert report.performance.errors == alone.performance.errors
    assert report.inputs == alone.inputs
    assert report.operations.texts_per_hour == pytest.approx(3600, rel=0.02)
    assert report.operations.p50_ms == pytest.approx(900, rel=0.02)
    assert any("is read as 'pos'" in note for note in report.notes)


@pytest.mark.fault(30)
def test_a_table_of_odd_rows_gets_an_answer(bundle, tmp_path):
    rows = [
        *(
            (text.replace("\ud800", "").replace("\0", "") or " ", "neg", "nan", "nan", "never", "fast")
            for text in HOSTILE
        ),
        *(("one and the same text", "unheard of", "1", "", "", "-3") for _ in range(60)),
        *((f"text {number}", "", "2", "-1", "9999-99-99", "inf") for number in range(60)),
    ]
    table = as_csv(
        tmp_path / "t.csv", ["text", "truth", "probability_neg", "probability_pos", "when", "ms"], rows
    )
    columns = TableColumns(truth="truth", time="when", latency="ms")
    report = monitor_table(table, bundle, POLICY, columns)
    strict_json(report)
    assert report.performance.unknown == 60
    assert any("left out" in note for note in report.notes)
    assert any("a time that cannot be read" in note for note in report.notes)


def test_a_column_that_is_missing_or_named_twice_is_told(bundle, tmp_path):
    table = as_csv(tmp_path / "t.csv", ["text"], [["a"]])
    with pytest.raises(WorkshopError, match="has no column 'truth'"):
        monitor_table(table, bundle, POLICY, TableColumns(truth="truth"))
    with pytest.raises(WorkshopError, match="two purposes"):
        monitor_table(table, bundle, POLICY, TableColumns(truth="text"))


# --- blocks


@given(st.integers(0, 3000))
def test_blocks_are_few_and_lose_nothing(count):
    blocks = Blocks(lambda first, second: first + second, 2)
    rest = 0
    for _ in range(count):
        rest += 1
        if rest == blocks.size:
            blocks.add(rest)
            rest = 0
    assert sum(blocks.finished) + rest == count
    assert len(blocks.finished) < MOST_BLOCKS
    assert set(blocks.finished) <= {blocks.size}


def test_a_hundred_thousand_predictions_take_less_than_a_minute():
    page = (ROOT / "benchmarks" / "results" / "monitoring_store.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| all, from the first on \| 100,000 \| .+$", page, re.M)
    seconds, _, memory = map(float, row.split("|")[4:7])
    (tenth,) = re.findall(r"^\| a tenth of them \| 10,000 \| .+$", page, re.M)
    assert seconds <= 60
    assert memory < 2 * float(tenth.split("|")[6]), "memory does not grow with the stream"
