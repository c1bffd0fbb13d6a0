"""The store of predictions and labels, in SQLite and in PostgreSQL."""

import logging
import os
import random
import sqlite3
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, select, text, update

from tests.predicted import HOSTILE, LABELS, prediction
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT
from workshop_utils.production.store import (
    Decision,
    Feedback,
    LabelRefused,
    Retention,
    ShadowAnswer,
    StoreUnavailable,
    UnknownLabel,
    UnknownPrediction,
    add_label,
    add_many_labels,
    add_predictions,
    count_by_version,
    label_history,
    labelled,
    last_label,
    last_prediction,
    list_decisions,
    migrations,
    open_store,
    prune,
    read_decision,
    record_decision,
    skip_text,
    skipped_texts,
)
from workshop_utils.production.store.tables import (
    SCHEMA_VERSION,
    ExactText,
    Json,
    metadata,
    predictions,
    skips,
    store_schema,
)

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def stored(store):
    """All predictions as rows, in the order of their numbers."""
    with store.reading() as connection:
        return connection.execute(select(predictions).order_by(predictions.c.number)).all()


def label_of(store, given, label="neg", by="anna"):
    return add_label(store, Feedback(given.prediction_id, label, by))


# values


def test_every_text_comes_back_as_it_was(store):
    given = [prediction(words, request_id=words[:50], route="/predict") for words in HOSTILE]
    assert add_predictions(store, given, store_texts=True) == len(HOSTILE)
    rows = stored(store)
    assert [row.text for row in rows] == HOSTILE
    assert [row.request_id for row in rows] == [words[:50] for words in HOSTILE]
    assert [row.text_sha256 for row in rows] == [
        sha256(words.encode("utf-8", "surrogatepass")).hexdigest() for words in HOSTILE
    ]


@given(st.text(st.characters()) | st.text(st.sampled_from('\x1bjson:\0\ud800"ä')))
def test_any_text_survives_in_a_form_that_utf8_and_postgresql_take(words):
    written = ExactText().process_bind_param(words, None)
    written.encode("utf-8")
    assert "\0" not in written
    assert ExactText().process_result_value(written, None) == words


@given(st.lists(st.floats()))
def test_probabilities_survive_to_the_last_bit(numbers):
    read = Json().process_result_value(Json().process_bind_param(numbers, None), None)
    assert [number.hex() for number in read] == [number.hex() for number in numbers]


def test_labels_of_200_classes_and_their_probabilities_come_back(store):
    chance = random.Random(0)
    labels = tuple(f"Klasse {i} \ud800 ß" for i in range(200))
    probabilities = tuple(chance.random() for _ in labels)
    given = prediction(labels=labels, label=labels[7], probabilities=probabilities)
    add_predictions(store, [given])
    label_of(store, given, labels[3])
    (read,) = labelled(store)
    assert (read.labels, read.label, read.truth) == (labels, labels[7], labels[3])
    assert read.probabilities == probabilities


def test_a_probability_that_is_no_number_does_not_stop_the_others(store):
    odd = prediction(probabilities=(float("nan"), float("inf")))
    add_predictions(store, [odd, prediction()])
    first, second = stored(store)
    assert first.uncertainty is None and second.uncertainty == 0.25


def test_texts_are_kept_only_where_it_is_said(store):
    add_predictions(store, [prediction("secret")])
    (row,) = stored(store)
    assert row.text is None and row.text_sha256 == sha256(b"secret").hexdigest()


def test_a_moment_keeps_its_instant_in_any_time_zone(store):
    from zoneinfo import ZoneInfo

    berlin = datetime(2026, 3, 29, 3, 30, 0, 123456, ZoneInfo("Europe/Berlin"))
    add_predictions(store, [prediction(time=berlin)])
    (row,) = stored(store)
    assert row.time == berlin and row.time.tzinfo is UTC


def test_a_second_prediction_of_the_same_name_is_ignored(store):
    first = prediction("one")
    assert add_predictions(store, [first, replace(first, text="two"), prediction()], store_texts=True) == 2
    assert add_predictions(store, [replace(first, text="three")], store_texts=True) == 0
    assert stored(store)[0].text == "one"


def test_predictions_of_one_call_are_stored_all_or_none(store):
    add_predictions(store, [prediction()])
    with pytest.raises(WorkshopError, match="had other labels"):
        add_predictions(store, [prediction(), prediction(labels=("pos", "neg"))])
    assert len(stored(store)) == 1


@pytest.mark.parametrize("changes", [{"prediction_id": "x" * 201}, {"probabilities": (1.0,)}])
def test_a_prediction_that_makes_no_sense_is_refused(store, changes):
    with pytest.raises(ValueError, match=r"200 is the limit|1 probabilities of 2 labels"):
        add_predictions(store, [prediction(**changes)])


# labels


def test_a_label_is_new_then_unchanged_then_changed_then_withdrawn_and_all_of_it_is_kept(store):
    given = prediction()
    add_predictions(store, [given])
    steps = [("neg", "anna"), ("neg", "ben"), ("pos", "ben"), (None, "anna"), (None, "anna"), ("pos", "ben")]
    results = [label_of(store, given, label, by) for label, by in steps]
    assert results == ["new", "unchanged", "changed", "withdrawn", "unchanged", "new"]
    history = label_history(store, given.prediction_id)
    kept = [("neg", "anna"), ("pos", "ben"), (None, "anna"), ("pos", "ben")]
    assert [(each.label, each.labelled_by) for each in history] == kept


def test_an_unknown_prediction_and_an_unknown_label_are_different_errors(store):
    given = prediction()
    add_predictions(store, [given])
    with pytest.raises(UnknownPrediction, match="no prediction 'nobody'"):
        add_label(store, Feedback("nobody", "pos", "anna"))
    with pytest.raises(UnknownLabel, match="'great' is none of the model's labels: 'neg', 'pos'"):
        label_of(store, given, "great")
    with pytest.raises(UnknownPrediction):
        label_history(store, "nobody")
    assert last_label(store) == 0


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_name_or_label_is_unknown_and_breaks_nothing(store, hostile):
    given = prediction()
    add_predictions(store, [given])
    with pytest.raises(UnknownPrediction):
        add_label(store, Feedback(hostile, "pos", "anna"))
    with pytest.raises(UnknownLabel):
        label_of(store, given, hostile)
    assert label_of(store, given, "pos", by=f"anna {hostile[:100]}") == "new"
    assert label_history(store, given.prediction_id)[0].labelled_by == f"anna {hostile[:100]}"


@pytest.mark.parametrize(("source", "by"), [("model", "anna"), ("llm", "anna"), ("", "a"), ("person", " ")])
def test_a_label_of_a_model_or_of_nobody_is_refused(store, source, by):
    given = prediction()
    add_predictions(store, [given])
    with pytest.raises(LabelRefused):
        add_label(store, Feedback(given.prediction_id, "pos", by, source))
    assert last_label(store) == 0


def test_many_labels_tell_for_each_what_became_of_it(store):
    first, second = prediction(), prediction()
    add_predictions(store, [first, second])
    given = [
        Feedback(first.prediction_id, "neg", "anna"),
        Feedback("nobody", "neg", "anna"),
        Feedback(first.prediction_id, "neg", "anna"),
        Feedback(second.prediction_id, "great", "anna"),
        Feedback(second.prediction_id, "pos", "anna", "model"),
        Feedback(first.prediction_id, "pos", "anna"),
    ]
    results = [each if isinstance(each, str) else type(each) for each in add_many_labels(store, given)]
    assert results == ["new", UnknownPrediction, "unchanged", UnknownLabel, LabelRefused, "changed"]


def test_labels_given_to_one_prediction_at_once_leave_one_that_stands(store):
    given = prediction()
    add_predictions(store, [given])
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: label_of(store, given, LABELS[i % 2], f"thread {i}"), range(40)))
    assert len(list(labelled(store))) == 1
    history = label_history(store, given.prediction_id)
    assert all(a.label != b.label for a, b in pairwise(history))


# reading


def test_labelled_predictions_come_in_the_order_of_their_labels(store):
    given = [prediction(f"text {i}", time=MARCH - timedelta(days=i)) for i in range(5)]
    add_predictions(store, given, store_texts=True)
    for i in (3, 0, 4, 1):
        label_of(store, given[i], LABELS[i % 2])
    assert [read.text for read in labelled(store)] == ["text 3", "text 0", "text 4", "text 1"]
    assert [read.correct for read in labelled(store)] == [True, False, False, True]
    assert [read.text for read in labelled(store, texts=False)] == [None] * 4
    second = list(labelled(store))[1]
    assert [read.text for read in labelled(store, after=second.number)] == ["text 4", "text 1"]


def test_a_corrected_label_stands_where_the_correction_arrived_and_a_withdrawn_one_nowhere(store):
    given = [prediction(f"text {i}") for i in range(3)]
    add_predictions(store, given, store_texts=True)
    for each in given:
        label_of(store, each)
    label_of(store, given[0], "pos")
    label_of(store, given[1], None)
    assert [(read.text, read.truth) for read in labelled(store)] == [("text 2", "neg"), ("text 0", "pos")]


def test_what_was_known_at_a_decision_can_be_read_again(store):
    given = [prediction(f"text {i}") for i in range(3)]
    add_predictions(store, given, store_texts=True)
    label_of(store, given[0])
    label_of(store, given[1])
    number = record_decision(store, Decision("retrain", "refused", "Too few labels.", "v1", {"labels": 2}))
    then = list(labelled(store))
    label_of(store, given[0], "pos")
    label_of(store, given[1], None)
    label_of(store, given[2])
    decision = read_decision(store, number)
    assert (decision.last_prediction, decision.last_feedback) == (3, 2)
    assert list(labelled(store, until=decision.last_feedback)) == then


def test_decisions_are_listed_in_order_and_by_kind(store):
    told = [
        Decision("monitor", "quiet", "Grün \0 \ud800", None, {"accuracy": 0.1 + 0.2, "words": ["ä"]}),
        Decision("retrain", "promoted", "Better.", "v2"),
        Decision("monitor", "harmful", "Worse.", "v2", last_prediction=7, last_feedback=5),
    ]
    numbers = [record_decision(store, each) for each in told]
    read = list_decisions(store)
    assert [each.number for each in read] == numbers == sorted(numbers)
    assert [(e.kind, e.outcome, e.reason, e.model_version, e.details) for e in read] == [
        (e.kind, e.outcome, e.reason, e.model_version, e.details) for e in told
    ]
    assert (read[2].last_prediction, read[2].last_feedback) == (7, 5)
    assert [each.outcome for each in list_decisions(store, "monitor")] == ["quiet", "harmful"]
    with pytest.raises(WorkshopError, match="no decision 99"):
        read_decision(store, 99)


def test_only_predictions_of_one_model_are_read_where_it_is_named(store):
    given = [prediction(model_version=version) for version in ("v1", "v2", "v1")]
    add_predictions(store, given)
    for each in given:
        label_of(store, each)
    assert [read.prediction_id for read in labelled(store, model_version="v2")] == [given[1].prediction_id]
    assert list(labelled(store, model_version="v3")) == []


def test_the_answer_of_a_shadow_comes_with_the_prediction(store):
    shadow = ShadowAnswer("v2", ("neg", "neutral", "pos"), "neutral", (0.1, 0.6, 0.3))
    given = [prediction(shadow=shadow), prediction()]
    add_predictions(store, given)
    for each in given:
        label_of(store, each)
    assert [(r.shadow_version, r.shadow_label) for r in labelled(store)] == [("v2", "neutral"), (None, None)]
    assert [row.disagreement for row in stored(store)] == [True, False]
    assert stored(store)[0].shadow_probabilities == [0.1, 0.6, 0.3]


def test_labels_that_arrive_while_somebody_reads_wait_for_nobody_and_change_nothing(store, monkeypatch):
    monkeypatch.setattr("workshop_utils.production.store.stream._BATCH", 2)
    given = [prediction(f"text {i}") for i in range(5)]
    add_predictions(store, given, store_texts=True)
    for each in given[:4]:
        label_of(store, each)
    reading = labelled(store)
    first = next(reading)
    label_of(store, given[4])
    label_of(store, given[3], "pos")
    assert [read.text for read in (first, *reading)] == ["text 0", "text 1", "text 2", "text 3"]


def test_memory_does_not_grow_with_the_number_of_labels(store, monkeypatch):
    monkeypatch.setattr("workshop_utils.production.store.stream._BATCH", 25)
    given = [prediction("x" * 1000) for _ in range(500)]
    add_predictions(store, given, store_texts=True)
    list(add_many_labels(store, (Feedback(each.prediction_id, "neg", "anna") for each in given)))

    def peak(after):
        tracemalloc.start()
        count = sum(1 for _ in labelled(store, after=after))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return count, most

    list(labelled(store, after=450))  # what is made once counts for nobody
    few, at_few = peak(after=400)
    many, at_many = peak(after=0)
    assert (few, many) == (100, 500)
    assert at_many < 2 * at_few, "five times as many texts would take five times as much"


def test_counts_stand_at_the_time_of_the_prediction_however_late_its_label(store):
    hours = [0, 0, 1, 25]
    given = [prediction(time=MARCH + timedelta(hours=h, minutes=59)) for h in hours]
    given += [prediction(time=MARCH, model_version="v2", truncated=True)]
    add_predictions(store, given)
    label_of(store, given[0], "pos")
    label_of(store, given[1], "neg")
    label_of(store, given[2], "neg")
    label_of(store, given[2], None)
    counted = count_by_version(store, "hour")
    assert [(c.model_version, (c.start - MARCH) / timedelta(hours=1)) for c in counted] == [
        ("v1", 0),
        ("v2", 0),
        ("v1", 1),
        ("v1", 25),
    ]
    assert [(c.predictions, c.labelled, c.correct, c.truncated) for c in counted] == [
        (2, 2, 1, 0),
        (1, 0, 0, 1),
        (1, 0, 0, 0),
        (1, 0, 0, 0),
    ]
    assert [c.predictions for c in count_by_version(store, "day")] == [3, 1, 1]
    late = count_by_version(
        store, "minute", since=MARCH + timedelta(hours=1), until=MARCH + timedelta(hours=2)
    )
    assert [(c.start, c.predictions) for c in late] == [(MARCH + timedelta(hours=1, minutes=59), 1)]


def test_a_clock_that_jumps_back_changes_no_order(store):
    times = [MARCH, MARCH - timedelta(days=400), MARCH + timedelta(days=4000)]
    given = [prediction(f"text {i}", time=time) for i, time in enumerate(times)]
    for each in given:
        add_predictions(store, [each], store_texts=True)
        label_of(store, each)
    assert [read.text for read in labelled(store)] == ["text 0", "text 1", "text 2"]
    assert last_prediction(store) == last_label(store) == 3


# retention


def test_the_oldest_predictions_go_and_labelled_ones_stay(store, caplog, monkeypatch):
    monkeypatch.setattr("workshop_utils.production.store.retention._CHUNK", 3)
    given = [prediction(f"text {i}") for i in range(20)]
    add_predictions(store, given, store_texts=True)
    label_of(store, given[0])
    label_of(store, given[1])
    label_of(store, given[1], None)
    with caplog.at_level(logging.INFO):
        pruned = prune(store, Retention(rows=10))
    assert (pruned.predictions, pruned.labels) == (8, 0)
    assert [row.text for row in stored(store)] == [f"text {i}" for i in (0, 1, *range(10, 20))]
    assert "Deleted 3 old predictions and 0 labels of theirs." in caplog.text
    assert prune(store, Retention(rows=10)).predictions == 0


def test_labels_go_only_when_it_is_said_and_are_counted(store):
    given = [prediction() for _ in range(6)]
    add_predictions(store, given)
    for each in given[:4]:
        label_of(store, each)
        label_of(store, each, "pos")
    pruned = prune(store, Retention(rows=3, labelled=True))
    assert (pruned.predictions, pruned.labels) == (3, 6)
    assert [read.prediction_id for read in labelled(store)] == [given[3].prediction_id]


def test_days_count_back_from_now_and_no_number_is_given_twice(store):
    given = [prediction(time=MARCH + timedelta(days=day)) for day in range(10)]
    add_predictions(store, given)
    assert prune(store, Retention(days=4), now=MARCH + timedelta(days=9)).predictions == 5
    assert prune(store, Retention(rows=0)).predictions == 5
    add_predictions(store, [prediction()])
    assert last_prediction(store) == 11


# the database


def test_without_an_address_the_store_lies_under_the_home(home, monkeypatch):
    monkeypatch.delenv("WORKSHOP_DATABASE_URL", raising=False)
    store = open_store()
    assert not home.exists(), "nothing is made before it is needed"
    add_predictions(store, [prediction()])
    store.close()
    assert (home / "store.db").exists()
    with sqlite3.connect(home / "store.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_the_address_of_the_environment_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKSHOP_DATABASE_URL", f"sqlite:///{tmp_path / 'mine.db'}")
    assert open_store().address.endswith("/mine.db")


@pytest.mark.parametrize("name", ["with space.db", "per%cent#and?mark.db", "größe ü.db"])
def test_any_folder_name_holds_a_store(tmp_path, monkeypatch, name):
    monkeypatch.delenv("WORKSHOP_DATABASE_URL", raising=False)
    monkeypatch.setenv("WORKSHOP_HOME", str(tmp_path / name))
    store = open_store()
    store.prepare()
    store.close()
    assert (tmp_path / name / "store.db").exists()


@pytest.mark.parametrize(
    "address",
    [
        *("nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u@h/d", "postgresql+psycopg2://h/d", "://"),
        *("sqlite:///file:x?mode=memory&uri=true", "postgresql+psycopg://h:port/d"),
    ],
)
def test_an_address_of_another_kind_is_one_sentence(address):
    with pytest.raises(WorkshopError, match=r"sqlite:////folder/store\.db|SQLite or PostgreSQL") as told:
        open_store(address)
    assert str(told.value).count("\n") == 0


def test_a_password_behind_the_question_mark_is_not_shown_either():
    address = open_store(
        "postgresql://u@127.0.0.1:1/d?password=secret&sslpassword=secret&sslmode=disable"
    ).address
    assert "secret" not in address and "sslmode=disable" in address


def test_an_option_that_postgresql_does_not_know_is_one_sentence(postgres):
    store = open_store(postgres.url() + "?nonsense=1")
    with pytest.raises(WorkshopError, match='invalid connection option "nonsense"') as told:
        store.prepare()
    assert not isinstance(told.value, StoreUnavailable), "waiting does not help"


@pytest.mark.parametrize("begin", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_postgresql_has_three_names(postgres, begin):
    store = open_store(postgres.url().replace("postgresql+psycopg://", begin))
    with store.reading() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    store.close()


def test_a_password_is_never_shown(postgres):
    store = open_store(postgres.url(password="secret").replace(str(postgres.port), "1"))
    assert "secret" not in store.address
    with pytest.raises(StoreUnavailable) as told:
        store.prepare()
    assert "secret" not in str(told.value) and "does not answer now" in str(told.value)


@pytest.mark.parametrize(
    ("version", "says"), [(99, "newer than the \\d+ .*update the course"), (0, "which nobody knows: rename")]
)
def test_another_version_of_the_schema_is_one_sentence(store, store_url, version, says):
    with store.writing() as connection:
        connection.execute(update(store_schema).values(version=version))
    other = open_store(store_url)
    with pytest.raises(WorkshopError, match=f"schema {version}, {says}"):
        other.prepare()
    with pytest.raises(WorkshopError, match="name another store in WORKSHOP_DATABASE_URL"):
        add_predictions(other, [prediction()])


#: What the first edition of the store holds: two drawn texts, one of them labelled.
ROWS_OF_SCHEMA_1 = """
INSERT INTO store_schema (version) VALUES (1);
INSERT INTO models (version, labels) VALUES ('v1', '["neg","pos"]');
INSERT INTO predictions (prediction_id, time, request_id, route, model, label, probabilities, uncertainty,
    truncated, disagreement, text_sha256, text)
    VALUES ('p1', '2026-03-01 00:00:00', 'r1', '/predict', 1, 'pos', '[0.25,0.75]', 0.25, false, false, 'x',
    'Grüße 😴');
INSERT INTO predictions (prediction_id, time, request_id, route, model, label, probabilities, uncertainty,
    truncated, disagreement, text_sha256, text)
    VALUES ('p2', '2026-03-01 00:00:01', 'r2', '/predict', 1, 'neg', '[0.5,0.5]', 0.5, false, false, 'y',
    'हिन्दी');
INSERT INTO draws (time, seed, model, first, last, population, last_feedback)
    VALUES ('2026-03-02 00:00:00', 7, 1, 1, 2, 2, 0);
INSERT INTO drawn (prediction, draw, position, part, probability) VALUES (1, 1, 0, 'random', 0.5);
INSERT INTO drawn (prediction, draw, position, part, probability) VALUES (2, 1, 1, 'random', 0.5);
INSERT INTO feedback (prediction, label, time, labelled_by, source, draw, part, drawing_probability)
    VALUES (1, 'neg', '2026-03-03 00:00:00', 'Änne', 'person', 1, 'random', 0.5)
"""


@pytest.fixture
def url_of_schema_1(store_url):
    """The address of a store that was made before there was a table of skipped texts."""
    made = ROOT / "tests" / "store_schema_1" / f"{store_url.split(':')[0].split('+')[0]}.sql"
    engine = create_engine(store_url)
    with engine.begin() as connection:
        for statement in f"{made.read_text(encoding='utf-8')};{ROWS_OF_SCHEMA_1}".split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()
    return store_url


def shape_of(url):
    """Tables, columns, indexes and references of a database, as they can be compared."""
    engine = create_engine(url)
    tables = inspect(engine)
    found = {
        table: [
            sorted((each["name"], str(each["type"]), each["nullable"]) for each in tables.get_columns(table)),
            sorted((each["name"], each["column_names"]) for each in tables.get_indexes(table)),
            sorted(
                (each["constrained_columns"], each["referred_table"])
                for each in tables.get_foreign_keys(table)
            ),
        ]
        for table in tables.get_table_names()
    }
    engine.dispose()
    return found


def test_a_store_of_the_first_schema_is_brought_forward_and_keeps_what_it_holds(url_of_schema_1):
    opened = open_store(url_of_schema_1)
    opened.prepare()
    (read,) = labelled(opened)
    assert (read.text, read.label, read.truth, read.labelled_by) == ("Grüße 😴", "pos", "neg", "Änne")
    assert skip_text(opened, "p2", "anna")
    assert [each.prediction_id for each in skipped_texts(opened)] == ["p2"]
    add_predictions(opened, [prediction("new")], store_texts=True)
    assert [row.text for row in stored(opened)] == ["Grüße 😴", "हिन्दी", "new"]
    brought = shape_of(url_of_schema_1)
    with opened.writing() as connection:
        metadata.drop_all(connection)
    opened.close()
    fresh = open_store(url_of_schema_1)
    fresh.prepare()
    fresh.close()
    assert brought == shape_of(url_of_schema_1)


def test_a_step_that_fails_leaves_the_store_as_it_was(url_of_schema_1, monkeypatch):
    def fail(connection):
        skips.create(connection)
        raise RuntimeError("the power is gone")

    before = shape_of(url_of_schema_1)
    monkeypatch.setattr(migrations, "_STEPS", {1: fail})
    with pytest.raises(RuntimeError):
        open_store(url_of_schema_1).prepare()
    assert shape_of(url_of_schema_1) == before
    monkeypatch.undo()
    opened = open_store(url_of_schema_1)
    assert len(stored(opened)) == 2
    opened.close()


def test_there_is_a_way_from_every_schema_to_todays():
    assert all(migrations.can_migrate(version) for version in range(1, SCHEMA_VERSION + 1))
    assert not migrations.can_migrate(0) and not migrations.can_migrate(None)


def test_several_processes_bring_one_store_forward_at_once(url_of_schema_1):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, url_of_schema_1, f"p{n}"], cwd=ROOT) for n in range(4)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0, 0]
    opened = open_store(url_of_schema_1)
    assert len(stored(opened)) == 2 + 4 * 25
    opened.close()


def test_a_database_with_tables_of_another_program_is_left_alone(store, store_url):
    with store.writing() as connection:
        metadata.drop_all(connection)
        connection.execute(text("CREATE TABLE predictions (theirs INTEGER)"))
    other = open_store(store_url)
    with pytest.raises(WorkshopError, match="a table predictions of another program"):
        other.prepare()
    other.close()


def test_tables_of_another_program_beside_ours_disturb_nobody(store, store_url):
    with store.writing() as connection:
        metadata.drop_all(connection)
        connection.execute(text("CREATE TABLE experiments (theirs INTEGER)"))
    other = open_store(store_url)
    other.prepare()
    other.close()


def test_a_file_that_is_no_database_is_one_sentence_and_stays_as_it_is(tmp_path):
    file = tmp_path / "store.db"
    file.write_text("review,label\nfine,pos\n" * 100, encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(WorkshopError, match="cannot be read: file is not a database") as told:
        open_store(f"sqlite:///{file}").prepare()
    assert not isinstance(told.value, StoreUnavailable), "waiting does not help"
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"cannot be made|does not answer"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'store.db'}").prepare()


def test_a_user_who_may_make_no_tables_gets_one_sentence(postgres):
    url = postgres.create("closed")
    postgres.sql("CREATE ROLE guest LOGIN")
    with pytest.raises(WorkshopError, match=r"refuses: permission denied.* Give its user the right") as told:
        open_store(url.replace("course@", "guest@")).prepare()
    assert not isinstance(told.value, StoreUnavailable), "waiting does not help"


def test_a_postgresql_database_that_lacks_utf8_is_one_sentence(postgres):
    with pytest.raises(WorkshopError, match="is in LATIN1; make one in UTF8"):
        open_store(postgres.create("latin", "LATIN1")).prepare()


WRITER = """
import sys
from tests.predicted import prediction
from workshop_utils.production.store import *
store = open_store(sys.argv[1])
for i in range(25):
    given = prediction(f"{sys.argv[2]} {i}")
    add_predictions(store, [given], store_texts=True)
    add_label(store, Feedback(given.prediction_id, "neg", sys.argv[2]))
store.close()
"""


def test_several_processes_make_and_fill_one_store_at_once(store, store_url):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, store_url, f"p{n}"], cwd=ROOT) for n in range(4)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0, 0]
    read = list(labelled(store))
    assert {each.text for each in read} == {f"p{n} {i}" for n in range(4) for i in range(25)}
    assert [each.number for each in read] == list(range(1, 101))
    for n in range(4):
        assert [e.text for e in read if e.labelled_by == f"p{n}"] == [f"p{n} {i}" for i in range(25)]


FORKER = """
import os, sys
from tests.predicted import prediction
from workshop_utils.production.store import *
store = open_store(sys.argv[1])
recorder = Recorder(store, store_texts=True)
recorder.record([prediction("parent, before")])
assert recorder.flush(60)
recorder.record([prediction("parent, waiting")])
child = os.fork()
who = "parent" if child else "child"
recorder.record([prediction(f"{who}, after")])
add_predictions(store, [prediction(f"{who}, at once")], store_texts=True)
assert recorder.close(60) == 0
store.close()
if child:
    assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_writes_for_itself_and_leaves_its_parent_alone(store, store_url):
    subprocess.run([sys.executable, "-c", FORKER, store_url], cwd=ROOT, check=True, timeout=120)
    parent = ["parent, before", "parent, waiting", "parent, after", "parent, at once"]
    assert sorted(row.text for row in stored(store)) == sorted([*parent, "child, after", "child, at once"])
