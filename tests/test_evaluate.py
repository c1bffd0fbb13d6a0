"""``workshop evaluate`` and ``predict``: what a bundle is worth on new data, and what it says of one text."""

import html
import re

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from typer.testing import CliRunner

from tests.own_tables import FILLING, HOSTILE_LABELS, TOPICS, hostile, requests, write_csv
from workshop_utils.cli import app
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle, evaluate_table
from workshop_utils.models.evaluation import (
    ResultPage,
    evaluate_constant,
    evaluate_probabilities,
    render_result_page,
)
from workshop_utils.models.export import export_tfidf
from workshop_utils.models.training.learn_tfidf import tfidf_parts


def bundle_of(folder, rows):
    """A bundle of TF-IDF that has learned these rows."""
    texts, labels = zip(*rows, strict=True)
    vectorizer, classifier = tfidf_parts(len(texts))
    return export_tfidf(vectorizer, classifier.fit(vectorizer.fit_transform(texts), labels), folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return bundle_of(tmp_path_factory.mktemp("bundles") / "anfragen", requests())


def evaluated(folder, tmp_path, rows):
    return evaluate_table(Bundle.load(folder), write_csv(tmp_path / "neu.csv", rows), "Anfrage", "Abteilung")


def run(*arguments, **more):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **more)


def test_the_metrics_are_those_of_the_bundles_own_answers(folder, tmp_path):
    rows = requests(300, seed=7)
    texts, true = zip(*rows, strict=True)
    predicted = Bundle.load(folder).predict(texts)
    found = evaluated(folder, tmp_path, rows)
    assert found.evaluation.accuracy.value == pytest.approx(accuracy_score(true, predicted))
    assert found.evaluation.macro_f1.value == pytest.approx(f1_score(true, predicted, average="macro"))
    np.testing.assert_array_equal(
        found.evaluation.confusion, confusion_matrix(true, predicted, labels=sorted(TOPICS))
    )
    assert found.evaluation.accuracy.low < found.evaluation.accuracy.value < found.evaluation.accuracy.high
    assert [row.model for row in found.rows] == ["majority class", "this bundle"] and found.notes == []


def test_the_report_replaces_neither_the_table_nor_a_folder(folder, tmp_path):
    table = write_csv(tmp_path / "neu.csv", requests(30))
    content = table.read_bytes()
    columns = ("--text-column", "Anfrage", "--label-column", "Abteilung")
    for page, sentence in ((table, "would replace the table"), (tmp_path, "is a folder")):
        told = run("evaluate", table, "--bundle", folder, *columns, "--html", page)
        assert isinstance(told.exception, WorkshopError) and sentence in str(told.exception)
        assert told.output == "", "before anything is read"
    assert table.read_bytes() == content


def test_unknown_labels_are_counted_and_named_and_others_compared(folder, tmp_path):
    rows = [*requests(30, seed=3), ("eins", "Lob"), ("zwei", "Lob"), ("drei", "Tadel")]
    found = evaluated(folder, tmp_path, rows)
    assert found.evaluation.texts == 30
    assert found.notes == [
        "3 rows left out with labels that the model does not know "
        "(2 different, the most frequent: 'Lob', 2 rows)."
    ]


def test_another_spelling_of_a_label_is_that_label_and_said(folder, tmp_path):
    rows = [(text, f" {label.upper()}") for text, label in requests(30, seed=3)]
    found = evaluated(folder, tmp_path, rows)
    assert found.evaluation.texts == 30 and len(found.notes) == 3 and "'Störung'" in " ".join(found.notes)


def test_each_row_counts_also_where_a_text_stands_there_often(folder, tmp_path):
    found = evaluated(folder, tmp_path, [("Gerät defekt", "Störung")] * 5 + [("Gerät defekt", "Kündigung")])
    assert found.evaluation.texts == 6 and found.evaluation.accuracy.value == pytest.approx(5 / 6)
    assert [(error.true, error.predicted) for error in found.evaluation.worst] == [("Kündigung", "Störung")]


def test_no_known_label_at_all_is_one_sentence(folder, tmp_path):
    with pytest.raises(
        WorkshopError, match="No label in the column 'Abteilung' is one of the model's, such as"
    ):
        evaluated(folder, tmp_path, [("eins", "x"), ("zwei", "y")])


def test_the_command_tells_the_same_and_writes_a_page(folder, tmp_path):
    table = write_csv(tmp_path / "neu.csv", requests(60, seed=9))
    columns = ["--text-column", "Anfrage", "--label-column", "Abteilung"]
    told = run("evaluate", table, "--bundle", folder, *columns, "--html", tmp_path / "seite.html")
    assert told.exit_code == 0, told.output
    found = evaluated(folder, tmp_path, requests(60, seed=9)).evaluation
    assert f"{found.accuracy.value:.3f}" in told.stdout and "Confusion matrix" in told.stdout
    assert "anfragen on neu.csv" in (tmp_path / "seite.html").read_text(encoding="utf-8")


# One text


def test_one_text_gets_its_label_first_all_probabilities_and_the_words_that_mattered(folder):
    told = run("predict", "Mein Gerät ist defekt", "--bundle", folder)
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    shares = [float(line.split(" ")[0]) for line in lines[:3]]
    assert lines[0].endswith("'Störung'") and shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=0.002)
    assert re.search(r"^  \+0\.\d{3}  defekt$", told.stdout, re.M)


def test_a_dash_reads_standard_input_in_utf8_and_survives_other_bytes(folder):
    told = run("predict", "-", "--bundle", folder, input="Kündigung: Vertrag beenden\n".encode())
    assert told.stdout.splitlines()[0].endswith("'Kündigung'")
    assert run("predict", "-", "--bundle", folder, input=b"defekt \xff\xfe\x00").exit_code == 0


@pytest.mark.parametrize("text", ["", " \n\t", "-"])
def test_no_text_is_one_sentence(folder, text):
    told = run("predict", text, "--bundle", folder, input=b"")
    assert isinstance(told.exception, WorkshopError) and "There is no text to classify" in str(told.exception)


def test_a_huge_text_is_answered_and_says_how_many_words_were_weighed(folder):
    text = " ".join(FILLING * 20_000) + " defekt"
    told = run("predict", "-", "--bundle", folder, input=text.encode())
    assert told.exit_code == 0 and re.search(r"Only the first \d of [\d,]+ words were weighed", told.stdout)


def test_markup_and_control_signs_in_texts_and_labels_are_shown_as_text(tmp_path):
    folder = bundle_of(tmp_path / "hostile", hostile())
    told = run("predict", "[bold]猫[/bold] \x1b[31mrot <b>fett</b>", "--bundle", folder)
    assert told.exit_code == 0 and "[bold]" in told.stdout and "\x1b" not in told.stdout
    assert "'[bold red]01[/]'" in told.stdout and "'标签 ラベル'" in told.stdout


# The page


def page_of(labels, count=40):
    rng = np.random.default_rng(0)
    true = np.arange(count) % len(labels)
    probabilities = rng.dirichlet(np.ones(len(labels)), count)
    texts = [f"\ud800 \x00 \x1b <i>Text</i> {{{{ 7*7 }}}} {number}" for number in range(count)]
    evaluation = evaluate_probabilities(labels, true, probabilities, texts)
    rows = [evaluate_constant("majority class", true, 0)]
    return render_result_page(
        ResultPage("a & <b>", ["<u>"], rows, evaluation, [("<dt>", "<dd>")], ["<note>"], "<how>")
    ), evaluation


@pytest.mark.parametrize(
    "labels", [["ja", "nein"], HOSTILE_LABELS, [f"Klasse {number}" for number in range(30)]]
)
def test_the_page_shows_every_label_and_escapes_every_text(labels):
    page, _ = page_of(labels)
    page.encode("utf-8")
    assert all(html.escape(label, quote=False).replace('"', "&#34;") in page for label in labels)
    for tag in ("<b>", "<u>", "<dd>", "<note>", "<how>", "<i>"):
        assert html.escape(tag) in page
    assert "<i>" not in page and "\x00" not in page and "\x1b" not in page and "{{ 7*7 }}" in page
    assert ("too many for a matrix" in page) == (len(labels) == 30)


def test_the_worst_errors_are_ten_and_the_most_probable_first():
    _, evaluation = page_of(["a", "b", "c"], 90)
    shares = [error.probability for error in evaluation.worst]
    assert len(shares) == 10 and shares == sorted(shares, reverse=True)
    assert all(error.true != error.predicted for error in evaluation.worst)


def test_frequent_mistakes_come_first_and_right_answers_are_none():
    true = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([1, 1, 0, 0, 1, 2])
    evaluation = evaluate_probabilities(["a", "b", "c"], true, np.eye(3)[predicted], list("uvwxyz"))
    assert evaluation.confused() == [("a", "b", 2), ("b", "a", 1)]
    assert evaluation.classes[0] == ("a", 3, 0.5, pytest.approx(1 / 3), pytest.approx(0.4))


def test_repeats_are_averaged():
    true = np.array([0, 1] * 10)
    right, wrong = np.eye(2)[true], np.eye(2)[1 - true]
    evaluation = evaluate_probabilities(["a", "b"], true, np.stack([right, wrong]), ["x"] * 20)
    assert evaluation.accuracy.value == 0.5 and evaluation.confusion.trace() == 20
