"""``workshop feedback``: late labels from somebody's table."""

import os
import subprocess
import sys

import pytest

from tests.predicted import prediction
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT
from workshop_utils.production.store import (
    add_labels_of_table,
    add_predictions,
    label_history,
    labelled,
    open_store,
)


@pytest.fixture
def table(tmp_path):
    """Writes a table and returns its path."""

    def write(content, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(content.encode(encoding))
        return path

    return write


def fill(store, *names, **changes):
    add_predictions(store, [prediction(prediction_id=name, **changes) for name in names])


def standing(store):
    return {each.prediction_id: (each.truth, each.labelled_by) for each in labelled(store)}


def test_each_row_is_counted_as_what_it_did(store, table):
    fill(store, "a", "b", "c")
    first = add_labels_of_table(store, table("prediction_id,label\na,neg\nb,pos\n"), "anna")
    assert (first.new, first.unchanged, first.changed) == (2, 0, 0)
    second = table("prediction_id,label\na,neg\nb,neg\nc,pos\nnobody,pos\nc,great\nc,\n")
    report = add_labels_of_table(store, second, "ben")
    assert (report.new, report.unchanged, report.changed) == (1, 1, 1)
    assert (report.unknown_prediction, report.unknown_label, report.unusable) == (1, 1, 1)
    assert report.problems == [
        (5, "There is no prediction 'nobody' in the store."),
        (6, "'great' is none of the model's labels: 'neg', 'pos'."),
        (7, "it has no label"),
    ]
    assert standing(store) == {"a": ("neg", "anna"), "b": ("neg", "ben"), "c": ("pos", "ben")}
    assert len(label_history(store, "b")) == 2


def test_the_same_table_twice_changes_nothing(store, table):
    fill(store, *"abcde")
    path = table("prediction_id,label\n" + "".join(f"{name},neg\n" for name in "abcde"))
    add_labels_of_table(store, path, "anna")
    before = list(labelled(store))
    report = add_labels_of_table(store, path, "anna")
    assert (report.new, report.unchanged, report.changed) == (0, 5, 0)
    assert list(labelled(store)) == before


def test_the_table_may_say_who_labelled_and_labels_of_models_are_refused(store, table):
    fill(store, *"abc")
    path = table(
        "label;labelled_by;source;prediction_id\nneg;Jürgen;person;a\nneg;;;b\nneg;gpt;model;c\n", "cp1252"
    )
    report = add_labels_of_table(store, path, "anna")
    assert (report.new, report.refused) == (2, 1)
    assert "must be 'person', not 'model'" in report.problems[0][1]
    assert standing(store) == {"a": ("neg", "Jürgen"), "b": ("neg", "anna")}


def test_a_table_of_hundreds_of_rows_is_stored_in_its_order(store, table):
    ids = [f"id {n}" for n in range(600)]
    fill(store, *ids)
    report = add_labels_of_table(
        store, table("prediction_id,label\n" + "".join(f"{name},neg\n" for name in reversed(ids))), "anna"
    )
    assert report.new == 600
    assert [each.prediction_id for each in labelled(store)] == ids[::-1]


def test_labels_that_look_like_missing_values_are_labels(store, table):
    fill(store, "a", "b", labels=("NA", "null"), label="NA")
    report = add_labels_of_table(store, table("prediction_id,label\na,NA\nb,null\n"), "anna")
    assert report.new == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [("id,label\na,neg\n", "prediction_id"), ("prediction_id,truth\na,neg\n", "no column 'label'")],
)
def test_a_table_without_the_columns_is_one_sentence(store, table, content, says):
    with pytest.raises(WorkshopError, match=says):
        add_labels_of_table(store, table(content), "anna")


def feedback(*arguments, home):
    environment = {**os.environ, "WORKSHOP_HOME": str(home), "COLUMNS": "300"}
    environment.pop("WORKSHOP_DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-m", "workshop_utils", "feedback", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done


def test_the_command_tells_the_numbers_and_its_exit_code_what_came_of_it(home, table, monkeypatch):
    monkeypatch.delenv("WORKSHOP_DATABASE_URL", raising=False)
    store = open_store()
    fill(store, "a", "b")
    path = table("prediction_id,label\na,neg\nb,great\nnobody,pos\n")
    first = feedback(path, "--by", "anna", home=home)
    assert first.returncode == 0
    assert "labels.csv: 1 new, 1 of unknown predictions, 1 unknown labels." in first.stdout
    assert "line 4: There is no prediction 'nobody' in the store." in first.stdout
    again = feedback(path, home=home)
    assert again.returncode == 3, "nothing to do"
    assert "0 new, 1 unchanged" in again.stdout
    none = feedback(table("prediction_id,label\nnobody,pos\n"), home=home)
    assert none.returncode == 1
    assert standing(store) == {"a": ("neg", "anna")}
    store.close()


def test_a_missing_file_or_store_is_one_sentence(home, tmp_path):
    done = feedback(tmp_path / "nowhere.csv", home=home)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
