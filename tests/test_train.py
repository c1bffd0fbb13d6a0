"""``workshop train``: from a table to a bundle and a report, whole or not at all."""

import csv
import html.parser
import json
import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from tests.own_tables import HOSTILE_LABELS, TOPICS, hostile, requests, write_csv
from workshop_utils.cli import app
from workshop_utils.cli.extras import need
from workshop_utils.data.tables import read_labelled
from workshop_utils.data.usable_texts import usable_texts
from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256, sha256_of_texts
from workshop_utils.models.bundle import Bundle, read_reference
from workshop_utils.models.training import TrainListener, TrainRequest, table, train_bundle
from workshop_utils.models.training.choose import (
    cheapest_not_worse,
    no_better,
    no_better_than_majority,
)
from workshop_utils.models.training.job import BUNDLE, TrainingJob, read_job, read_predictions, write_job
from workshop_utils.models.training.language import (
    NamedLanguage,
    encoder_warning,
    name_language,
    words_run_together,
)
from workshop_utils.models.training.learner import LearnerSettings, OutOfTime, make_learner
from workshop_utils.models.training.parts import Fit, Plan, plan_fits
from workshop_utils.models.training.process import TrainingProcess
from workshop_utils.models.training.read import read_training_data
from workshop_utils.models.training.worker import TextCosts, run_job, try_out, within_seconds
from workshop_utils.paths import ROOT


def ask_for(folder, table_rows, **settings):
    """A request for TF-IDF on these rows."""
    source = write_csv(folder / "anfragen.csv", table_rows)
    request = TrainRequest(source, folder / "modell", "Anfrage", "Abteilung", "tfidf")
    return request._replace(**settings)


def listen(said=None, progress=lambda title, share: None):
    return TrainListener((said if said is not None else []).append, progress)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of hostile texts and labels: the request, what was said, what came out."""
    request, said = ask_for(tmp_path_factory.mktemp("hostile"), hostile()), []
    return request, said, train_bundle(request, listen(said))


def test_labels_stay_as_they_were_typed_and_the_bundle_scores_and_explains(trained):
    bundle = Bundle.load(trained[0].bundle)
    assert bundle.labels == sorted(HOSTILE_LABELS)
    texts, labels = zip(*hostile(), strict=True)
    right = np.mean([a == b for a, b in zip(bundle.predict(texts), labels, strict=True)])
    assert right > 0.9, "it has learned from these"
    assert bundle.explain(texts[3]).label in HOSTILE_LABELS


def test_the_card_tells_the_metrics_and_on_which_texts_they_were_measured(trained):
    request, _, result = trained
    card = Bundle.load(request.bundle).card
    texts = usable_texts(read_labelled(request.source, "Anfrage", "Abteilung")).texts
    assert card.metrics_data_sha256 == sha256_of_texts(texts)
    assert card.metrics["accuracy"] == pytest.approx(result.evaluation.accuracy.value, abs=1e-6)
    assert card.metrics["macro_f1_low"] == pytest.approx(result.evaluation.macro_f1.low, abs=1e-6)
    assert card.metrics["texts"] == 96


def test_the_bundle_keeps_what_monitoring_compares_with_and_no_text(trained):
    folder = trained[0].bundle
    reference = read_reference(folder)
    assert reference.class_names == Bundle.load(folder).labels
    assert len(reference) + reference.known_texts == 96, "one part is compared, the other says what is known"
    assert 40 <= len(reference) <= 56 and not reference.same_model
    content = (folder / "reference.json").read_text(encoding="ascii")
    assert not [text for text, _ in hostile() if len(text) > 20 and json.dumps(text)[1:-1] in content]


def test_the_model_stands_beside_the_majority_class_and_says_how_it_was_judged(trained):
    _, said, result = trained
    assert [row.model for row in result.rows] == ["majority class", "TF-IDF"]
    assert result.rows[0].accuracy.value == pytest.approx(1 / 8)
    assert result.rows[1].accuracy.low > result.rows[0].accuracy.high and result.rows[1].seconds > 0
    assert result.judged in said and "cross-validation, 2 times, of all 96 texts" in result.judged
    assert any(sentence.startswith("On this machine, training takes up to: TF-IDF") for sentence in said)
    assert result.evaluation.confusion.sum() == 96 and len(result.evaluation.worst) <= 10


class Tags(html.parser.HTMLParser):
    """All tags, attributes and text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def test_the_report_is_one_file_in_which_texts_and_labels_are_only_text(trained):
    page = trained[2].page
    assert page == trained[0].bundle.with_name("modell.html")
    found = Tags()
    found.feed(page.read_text(encoding="utf-8"))
    assert not {"script", "img", "link", "iframe", "b", "i", "a"} & found.tags
    assert not {"src", "href", "onerror"} & found.attributes
    assert all(label in found.text for label in HOSTILE_LABELS), "nothing is swallowed or computed"
    assert "default-src 'none'" in page.read_text(encoding="utf-8")


def test_the_same_table_and_seed_give_the_same_model_and_another_seed_other_numbers(trained, tmp_path):
    request, _, result = trained
    again = train_bundle(request._replace(bundle=tmp_path / "again"), listen())
    for name in ("model.onnx", "tokenizer.json", "reference.json"):
        assert sha256(tmp_path / "again" / name) == sha256(request.bundle / name)
    assert again.rows[1].accuracy == result.rows[1].accuracy


def test_a_table_in_windows_encoding_with_semicolons_becomes_a_model_by_one_command(tmp_path):
    source = write_csv(tmp_path / "tabelle.csv", requests(), delimiter=";", encoding="cp1252")
    folder = tmp_path / "größe"
    arguments = ["--text-column", "Anfrage", "--label-column", "Abteilung", "--bundle", folder]
    command = [sys.executable, "-m", "workshop_utils", "train", source, *arguments, "--model", "tfidf"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert told.returncode == 0, told.stderr
    for part in ("Windows-1252", "Language: German", "majority class", "TF-IDF (kept)", "Confusion matrix"):
        assert part in told.stdout
    assert Bundle.load(folder).labels == sorted(TOPICS)
    assert Bundle.load(folder).predict(["Das Gerät ist defekt, die Lampe blinkt"]) == ["Störung"]
    assert folder.with_name("größe.html").is_file()


# What cannot be learned from is one sentence, before anything is trained


@pytest.mark.parametrize(
    ("rows", "settings", "sentence"),
    [
        (requests(30, labels=1), {}, "All 30 texts have the label 'Überweisung'"),
        (requests(30)[:29], {}, "'Störung' has 9 different texts"),
        ([(f"Text {n}", str(n)) for n in range(300)], {}, "300 different labels"),
        (requests(), {"label_column": "Art"}, "Art"),
        (requests(), {"label_column": "Anfrage"}, "same column"),
        ([("gleich " * 8 + str(n), "a") for n in range(10)] + requests(), {}, "'a' are near-duplicates"),
    ],
)
def test_a_table_that_cannot_be_learned_from_is_one_sentence(tmp_path, rows, settings, sentence):
    with pytest.raises(WorkshopError) as error:
        read_training_data(ask_for(tmp_path, rows, **settings))
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_what_was_found_in_a_table_is_said_before_it_is_refused(tmp_path):
    said = []
    with pytest.raises(WorkshopError, match="The label 'Kündigunk' has 1 text"):
        read_training_data(ask_for(tmp_path, [*requests(300), ("ein Fehler", "Kündigunk")]), said.append)
    assert any("may be a typing error of 'Kündigung'" in sentence for sentence in said)


def test_a_folder_that_holds_something_else_is_refused_before_the_table_is_read(tmp_path):
    request = ask_for(tmp_path, requests())._replace(source=tmp_path / "there is no such table.csv")
    request.bundle.mkdir()
    (request.bundle / "Diplomarbeit.txt").write_text("ein Jahr Arbeit", encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"holds Diplomarbeit.txt"):
        train_bundle(request, listen())
    assert [path.name for path in request.bundle.iterdir()] == ["Diplomarbeit.txt"]


@pytest.mark.parametrize(
    ("bundle", "sentence"), [(ROOT.anchor, "is the root of a disk"), ("x" * 300, "cannot be written")]
)
def test_a_folder_that_can_be_none_is_one_sentence_before_the_table_is_read(tmp_path, bundle, sentence):
    request = ask_for(tmp_path, requests())._replace(source=tmp_path / "no.csv", bundle=tmp_path / bundle)
    with pytest.raises(WorkshopError, match=sentence):
        train_bundle(request, listen())


def test_the_report_replaces_no_table(tmp_path):
    request = ask_for(tmp_path, requests())
    table = request.source.rename(tmp_path / "modell.html")
    content = table.read_bytes()
    with pytest.raises(WorkshopError, match="would replace the table"):
        train_bundle(request._replace(source=table), listen())
    with pytest.raises(WorkshopError, match="would replace the table"):
        train_bundle(request._replace(test=table), listen())
    assert table.read_bytes() == content and not request.bundle.exists()


def test_what_the_test_table_holds_is_not_learned_from_and_counted(tmp_path):
    rows = requests(120)
    test = [*rows[:6], (rows[6][0] + " noch einmal", rows[6][1]), *requests(30, seed=5)[:20], ("x", "Fremd")]
    asked = write_csv(tmp_path / "test.csv", test)
    data = read_training_data(ask_for(tmp_path, rows, test=asked))
    assert len(data.test) == 27 and len(data.texts) == 113 + 27
    assert len(data.table) == 120 and len(data.test_table) == 28, "monitoring asks how often texts repeat"
    learned = set(data.texts[:113])
    assert learned.isdisjoint(data.texts[113:]) and rows[6][0] not in learned
    assert any(note.startswith("7 rows left out of training because") for note in data.notes)
    assert any(
        "1 row left out whose label is not in the table, such as 'Fremd'" in note for note in data.notes
    )


def test_a_test_table_without_a_known_label_and_one_that_is_the_table_are_one_sentence(tmp_path):
    other = write_csv(tmp_path / "other.csv", [("eins", "x"), ("zwei", "y")])
    with pytest.raises(WorkshopError, match=r"No label of .*other.csv is one of anfragen.csv"):
        read_training_data(ask_for(tmp_path, requests(), test=other))
    request = ask_for(tmp_path, requests())
    with pytest.raises(WorkshopError, match="nothing is left to learn from"):
        read_training_data(request._replace(test=request.source))


def test_rows_draws_a_part_and_says_so(tmp_path):
    data = read_training_data(ask_for(tmp_path, requests(120), rows=60))
    assert len(data.texts) == 60 and np.bincount(data.codes).tolist() == [20, 20, 20]
    assert any(note.startswith("60 of 120 texts were drawn") for note in data.notes)


@pytest.mark.parametrize("extra", ["train", "course"])
def test_without_an_extra_one_sentence_says_what_installs_it(extra):
    with pytest.raises(WorkshopError) as error:
        need("workshop train", extra, ["json", "no_such_package"])
    assert "`workshop train` needs no_such_package, which is not installed" in str(error.value)
    assert f"`pip install -c requirements.lock '.[{extra}]'` brings it." in str(error.value)


# Time


def test_the_time_is_kept_by_fewer_repeats_then_fewer_texts_and_never_in_silence():
    codes = np.arange(1000) % 4
    settings = LearnerSettings(list("abcd"))
    job = TrainingJob(
        "cnn", settings, [""] * 1000, codes, plan_fits(codes, np.arange(1000), np.array([], int), 0)
    )
    costs = TextCosts(0.01, 0.0)  # 9,000 texts, ten passes: 900 seconds
    assert within_seconds(job, costs, 10, None) == (job.plan, "")
    assert within_seconds(job, costs, 10, 1200) == (job.plan, "")
    fewer, note = within_seconds(job, costs, 10, 700)
    assert len(fewer.folds) == 1 and len(fewer.final.train) == 1000 and "one cross-validation" in note
    smaller, note = within_seconds(job, costs, 10, 300)
    assert costs.of_all(smaller, 10) <= 300 and "480 of 1,000 texts" in note
    assert np.bincount(codes[smaller.final.train]).tolist() == [120] * 4
    with pytest.raises(OutOfTime, match="CNN does not fit into the time: it needs about"):
        within_seconds(job, costs, 10, 20)


def test_a_training_that_has_no_time_is_one_sentence_and_nothing_is_written(tmp_path):
    request = ask_for(tmp_path, requests(), minutes=1e-6)
    with pytest.raises(OutOfTime, match=r"TF-IDF d.*--minutes or fewer --rows"):
        train_bundle(request, listen())
    assert not request.bundle.exists() and not request.bundle.with_name("modell.html").exists()


# Interrupted


def many_fits(repeats=400):
    """A job that takes minutes."""
    texts, labels = zip(*requests(), strict=True)
    names = sorted(set(labels))
    codes = np.array([names.index(label) for label in labels])
    fit = Fit(np.arange(60), np.arange(60, 90))
    return TrainingJob("tfidf", LearnerSettings(names), list(texts), codes, Plan([[fit] * 5] * repeats, fit))


HANGS = """
import sys, time
from pathlib import Path
from tests.test_train import many_fits
from workshop_utils.models.training.process import TrainingProcess
with TrainingProcess(Path(sys.argv[1]), many_fits()) as process:
    process.try_out()
    def hang(share):
        print(process._process.pid, flush=True)
        time.sleep(600)
    process.train(None, hang, print)
"""


def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    command = [sys.executable, "-c", HANGS, tmp_path / "job"]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        worker = psutil.Process(int(parent.stdout.readline()))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    try:
        worker.wait(timeout=60)
    except psutil.NoSuchProcess:
        pass
    assert not psutil.pid_exists(worker.pid) or worker.status() == psutil.STATUS_ZOMBIE
    assert not (tmp_path / "job").exists(), "and takes its folder away"


@pytest.mark.parametrize("step", ["TF-IDF, trial", "TF-IDF"])
def test_stopped_at_any_step_the_older_bundle_stays_and_no_process_is_left(trained, tmp_path, step):
    request = trained[0]
    before = {path.name: sha256(path) for path in request.bundle.iterdir()}

    def stop(title, share):
        if title == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_bundle(request, listen(progress=stop))
    assert {path.name: sha256(path) for path in request.bundle.iterdir()} == before
    assert sorted(path.name for path in request.bundle.parent.iterdir()) == [
        "anfragen.csv",
        "modell",
        "modell.html",
    ]
    workers = [child for child in psutil.Process().children() if "worker" in " ".join(child.cmdline())]
    assert workers == []


@pytest.mark.parametrize(
    "wrong",
    [["--minutes", "nan"], ["--minutes", "inf"], ["--minutes", "-1"], ["--rows", "0"], ["--model", "svm"]],
)
def test_a_value_that_makes_no_sense_is_wrong_use(wrong):
    needed = ["--text-column", "a", "--label-column", "b", "--bundle", "x"]
    assert CliRunner().invoke(app, ["train", "x.csv", *needed, *wrong]).exit_code == 2


def test_ctrl_c_is_one_sentence(monkeypatch, tmp_path):
    def stopped(request, listener):
        raise KeyboardInterrupt

    monkeypatch.setattr("workshop_utils.models.training.train_bundle", stopped)
    arguments = ["--text-column", "a", "--label-column", "b", "--bundle", str(tmp_path / "x")]
    result = CliRunner().invoke(app, ["train", "x.csv", *arguments, "--model", "tfidf"])
    assert result.exit_code == 130 and "Stopped. Nothing was written.\n" in result.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals have no numbers there")
def test_a_worker_that_the_system_kills_is_one_sentence(tmp_path):
    with TrainingProcess(tmp_path / "job", many_fits()) as process:
        process.try_out()
        with pytest.raises(
            WorkshopError, match=r"TF-IDF was stopped from outside \(signal 9\).*fewer --rows"
        ):
            process.train(None, lambda share: os.kill(process._process.pid, signal.SIGKILL), print)


def test_a_worker_that_fails_says_why(tmp_path):
    job = many_fits(0)
    process = TrainingProcess(tmp_path / "job", job._replace(codes=job.codes * 0))
    with process, pytest.raises(WorkshopError, match=r"The training of TF-IDF failed: .*class"):
        process.try_out()


def test_a_worker_that_takes_longer_than_it_believed_is_stopped(tmp_path, monkeypatch):
    with TrainingProcess(tmp_path / "job", many_fits()) as process:
        process.try_out()
        monkeypatch.setattr(process, "_go", lambda seconds, go=process._go: go(None))  # it knows no limit
        with pytest.raises(OutOfTime, match=r"TF-IDF did not end in time; give more --minutes"):
            process.train(0.5, lambda share: None, lambda note: None)


# The choice


def answers(true, right, seed):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(true)) < right, true, 1 - true)


TRUE = np.arange(2000) % 2


@pytest.mark.parametrize(
    ("shares", "kept"),
    [
        ({"tfidf": 0.8, "cnn": 0.8, "distilbert": 0.8}, "tfidf"),
        ({"tfidf": 0.8, "cnn": 0.9, "distilbert": 0.9}, "cnn"),
        ({"tfidf": 0.8, "cnn": 0.7, "distilbert": 0.9}, "distilbert"),
        ({"tfidf": 0.9, "cnn": 0.7, "distilbert": 0.8}, "tfidf"),
        ({"tfidf": 0.5}, "tfidf"),
    ],
)
def test_the_cheapest_that_is_not_worse_is_kept(shares, kept):
    predicted = {kind: answers(TRUE, share, number) for number, (kind, share) in enumerate(shares.items())}
    choice = cheapest_not_worse(TRUE, predicted)
    assert choice.kind == kept and len(choice.sentences) == len(shares) - 1


def test_models_with_different_numbers_of_repeats_can_be_compared():
    twice = np.stack([answers(TRUE, 0.9, 1), answers(TRUE, 0.9, 2)])
    assert cheapest_not_worse(TRUE, {"tfidf": answers(TRUE, 0.8, 0), "cnn": twice}).kind == "cnn"


def test_a_model_that_has_learned_nothing_is_said_to_be_no_better_than_the_majority():
    true = np.array([0] * 60 + [1] * 40)
    assert no_better_than_majority(true, 0, answers(true, 0.5, 3), "TF-IDF")[0].startswith(
        "The accuracy of TF-IDF is not higher than that of the majority class"
    )
    assert no_better_than_majority(true, 0, answers(true, 0.95, 3), "TF-IDF") == []


@pytest.mark.parametrize(
    ("left", "cost", "trainings", "seconds"),
    [(None, 10, 3, None), (300, 5, 3, 100), (300, 70, 3, 140), (300, 9999, 3, 150), (300, 9999, 1, 300)],
)
def test_a_cheap_model_takes_what_it_needs_and_leaves_the_rest(left, cost, trainings, seconds):
    assert table.share_of_time(left, cost, trainings) == seconds


def test_somebody_who_asks_for_a_model_gets_it_and_hears_that_a_cheaper_one_is_as_good():
    predicted = {"tfidf": answers(TRUE, 0.9, 0), "distilbert": answers(TRUE, 0.8, 1)}
    sentences = no_better(TRUE, predicted, "distilbert")
    assert sentences == [
        "DistilBERT is worse than TF-IDF beyond the noise; --model tfidf gives a smaller and faster bundle."
    ]


# The languages


@pytest.mark.parametrize(
    ("text", "name", "together"),
    [
        ("Das ist eine sehr schöne Geschichte über den Herbst", "German", False),
        ("This is a lovely story about autumn and nothing else", "English", False),
        ("这是一个关于秋天的美丽故事", "Chinese", True),
        ("これは秋についての美しい物語です", "Japanese", True),
        ("นี่คือเรื่องราวที่สวยงามเกี่ยวกับฤดูใบไม้ร่วง", "Thai", True),
        ("यह शरद ऋतु के बारे में एक सुंदर कहानी है", "Hindi", False),
    ],
)
def test_the_language_is_named_and_an_english_encoder_warned_of(text, name, together):
    texts = [text] * 20 + ["", "😴", "\ud800", "123"]
    language = name_language(texts)
    assert language.name == name and language.sentence == f"Language: {name} (100% of a sample)."
    assert words_run_together(texts) == together
    assert bool(encoder_warning(language, "packaged")) == (name != "English")
    assert encoder_warning(language, "distilbert-base-multilingual-cased") == ""


def test_texts_without_a_letter_and_a_machine_without_lingua_have_a_sentence(monkeypatch):
    assert "none that could be recognised" in name_language(["123", "😴"]).sentence
    monkeypatch.setattr("workshop_utils.models.training.language.find_spec", lambda name: None)
    assert name_language(["Hallo"]) == NamedLanguage(None, 0.0)
    assert "pip install lingua" in NamedLanguage(None, 0.0).sentence


# What the worker does, in this process


def test_a_job_survives_being_written_down(tmp_path):
    codes = np.arange(100) % 2
    plan = plan_fits(codes, np.arange(100), np.array([], int), 3)
    job = TrainingJob("cnn", LearnerSettings(["\ud800", "ä"], 3), ["\ud800\0", "ä\n"] * 50, codes, plan)
    write_job(tmp_path, job)
    found = read_job(tmp_path)
    assert found[:3] == job[:3] and (found.codes == codes).all()
    for one, other in zip(found.plan.folds, plan.folds, strict=True):
        assert all(
            (a.train == b.train).all() and (a.ask == b.ask).all() for a, b in zip(one, other, strict=True)
        )
    assert found.plan.final.train.tolist() == list(range(100))


def run_here(folder, rows, **settings):
    texts, labels = zip(*rows, strict=True)
    names = sorted(set(labels))
    codes = np.array([names.index(label) for label in labels])
    plan = plan_fits(codes, np.arange(len(codes)), np.array([], int), 0)
    job = TrainingJob("tfidf", LearnerSettings(names, **settings), list(texts), codes, plan)
    told = []
    learner = make_learner("tfidf", job.settings, len(texts))
    run_job(folder, job, learner, plan, TextCosts(1.0, 0.1), lambda **event: told.append(event))
    return job, read_predictions(folder), told


def test_each_text_is_predicted_once_in_each_repeat_by_a_model_that_has_not_seen_it(tmp_path):
    rows = [
        (f"wort{number} allein", "ab"[number % 2]) for number in range(100)
    ]  # only to be learned by heart
    job, found, told = run_here(tmp_path, rows)
    assert found.folds.shape == (2, 100, 2) and np.allclose(found.folds.sum(axis=2), 1, atol=1e-5)
    assert 0.3 < (found.folds.argmax(axis=2) == job.codes).mean() < 0.7
    shares = [event["done"] for event in told]
    assert shares == sorted(shares) and shares[-1] == 1.0 and max(shares[:-1]) < 1.0


def test_texts_without_spaces_are_learned_by_their_characters(tmp_path):
    rows = [("这部电影很好看我喜欢" + chr(0x4E00 + n), "好") for n in range(20)]
    rows += [("这部电影很难看我讨厌" + chr(0x4F00 + n), "坏") for n in range(20)]
    run_here(tmp_path, rows, run_together=True)
    assert Bundle.load(tmp_path / BUNDLE).predict(["我讨厌它", "我喜欢它"]) == ["坏", "好"]


def test_a_trial_has_a_text_of_each_label_however_rare():
    codes = np.array([0] * 19_990 + [1] * 10)
    texts = ["häufig"] * 19_990 + ["selten"] * 10
    fit = Fit(np.arange(20_000), np.array([], int))
    job = TrainingJob("tfidf", LearnerSettings(["a", "b"]), texts, codes, Plan([], fit))
    assert try_out(make_learner("tfidf", job.settings, 20_000), job).train > 0


def test_texts_without_a_common_word_are_one_sentence():
    learner = make_learner("tfidf", LearnerSettings(["a", "b"]), 1200)
    with pytest.raises(WorkshopError, match="No word stands in two of the texts"):
        learner.train([f"w{number}" for number in range(1200)], np.arange(1200) % 2, lambda share: None)


def test_a_label_that_a_fold_lacks_is_never_predicted_there():
    learner = make_learner("tfidf", LearnerSettings(["a", "b", "c"]), 20)
    learner.train(["eins eins"] * 10 + ["drei drei"] * 10, np.repeat([0, 2], 10), lambda share: None)
    probabilities = learner.predict_proba(["eins", "drei", "\ud800"])
    assert probabilities.shape == (3, 3) and (probabilities[:, 1] == 0).all()
    assert probabilities.argmax(axis=1).tolist()[:2] == [0, 2]


def test_two_hundred_labels_go_all_the_way(tmp_path):
    rows = [(f"thema{label} wort{label} {n}", f"Label {label:03}") for n in range(10) for label in range(200)]
    request = ask_for(tmp_path, rows)
    result = train_bundle(request, listen())
    assert len(Bundle.load(request.bundle).labels) == 200 and result.evaluation.accuracy.value > 0.95
    assert "200 labels are too many for a matrix" in result.page.read_text(encoding="utf-8")


# The two networks


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cnn", "distilbert"])
def test_each_network_becomes_a_bundle_beside_tfidf(tmp_path, monkeypatch, kind, encoder):
    monkeypatch.setattr("workshop_utils.models.training.parts.MIN_JUDGED", 12)  # a held-out part is quicker
    request, said = ask_for(tmp_path, requests(60), model=kind, encoder=encoder), []
    result = train_bundle(request, listen(said))
    assert [row.model for row in result.rows][:2] == ["majority class", "TF-IDF"] and len(result.rows) == 3
    assert result.choice.kind == kind and result.rows[2].chosen
    card = Bundle.load(request.bundle).card
    assert card.kind == {"cnn": "keras", "distilbert": "distilbert"}[kind] and card.labels == sorted(TOPICS)
    assert json.loads((request.bundle / "bundle.json").read_text(encoding="utf-8"))["metrics"]["texts"] == 12


def test_an_encoder_that_is_not_there_is_one_sentence(tmp_path):
    request = ask_for(tmp_path, requests(), model="distilbert", encoder=str(tmp_path))
    with pytest.raises(WorkshopError, match=r"The encoder .* cannot be loaded: its folder is not complete"):
        train_bundle(request, listen())
    assert not request.bundle.exists()


@pytest.mark.slow
def test_the_three_commands_and_the_lines_of_the_readme_work_as_they_stand_there(tmp_path):
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Your own data")[1].split("\n## ")[0]
    commands, python = (
        section.split("```")[1].strip().splitlines(),
        section.split("```python")[1].split("```")[0],
    )
    rows = [("request", "department"), *requests(120)]
    (tmp_path / "requests.csv").write_text("\n".join(";".join(row) for row in rows), encoding="cp1252")
    new = ["number\trequest", *(f"{number}\t{text}" for number, (text, _) in enumerate(requests(20, seed=4)))]
    (tmp_path / "new.csv").write_text("\n".join(new), encoding="utf-16")
    assert [command.split()[1] for command in commands] == ["train", "score", "predict"]
    quicker = ["--model", "tfidf"]  # the networks have a test of their own
    for command in commands:
        words = [sys.executable, "-m", "workshop_utils", *shlex.split(command)[1:]]
        call = [*words, *quicker] if "train" in words else words
        told = subprocess.run(
            call,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert told.returncode == 0, told.stderr
    with (tmp_path / "scored.csv").open(encoding="utf-8", newline="") as file:
        assert {row["label"] for row in csv.DictReader(file, delimiter="\t")} <= set(TOPICS)
    names: dict = {}
    exec(python.replace('load("model")', f'load("{(tmp_path / "model").as_posix()}")'), names)
    assert names["bundle"].labels == sorted(TOPICS)
