"""The lessons and loaders on the original corpora, where WORKSHOP_DATA_DIR names a folder that holds them."""

import json
import os
import subprocess
import sys

import pytest

from workshop_utils.data import load_digits, load_poems, load_reviews
from workshop_utils.paths import ROOT


def need(folder, name):
    if not (folder / name).exists():
        pytest.skip(f"{folder} holds no {name}")
    return folder / name


def test_the_original_reviews_load(corpora):
    need(corpora, "reviews.parquet")
    frame = load_reviews("full")
    assert len(frame) == 50_000
    assert frame.groupby(["split", "sentiment"]).size().eq(12_500).all()


def test_the_original_poems_are_the_classic_selection(corpora):
    need(corpora, "poems.csv.gz")
    counts = load_poems("full")["author"].value_counts().to_dict()
    assert counts == {"Tucholsky": 724, "Heine": 704, "Goethe": 697}


def test_mnist_loads(corpora):
    need(corpora, "mnist.npz")
    digits = load_digits("full")
    assert digits.x_train.shape == (60_000, 28, 28) and digits.x_test.shape == (10_000, 28, 28)


def run_lesson(tmp_path, *arguments):
    environment = os.environ | {"WORKSHOP_HOME": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, "-m", "workshop_utils", "run", *arguments]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.slow
def test_lesson_00_learns_mnist(corpora, tmp_path):
    need(corpora, "mnist.npz")
    run_lesson(tmp_path, "00", "--set", "epochs=6")
    results = json.loads((tmp_path / "results" / "00_first_network.json").read_text(encoding="utf-8"))
    assert results["training_images"] == 60_000
    assert results["network_accuracy"] > 0.95


@pytest.mark.slow
def test_lesson_01_explores_any_csv_and_finds_the_845_empty_reviews(corpora, tmp_path):
    csv = need(corpora, "clothing.csv.gz")
    columns = ["text_column=Review Text", "label_column=Department Name", f"csv={csv}", "language_sample=50"]
    run_lesson(tmp_path, "01", *(part for setting in columns for part in ("--set", setting)))
    results = json.loads((tmp_path / "results" / "01_explore_text.json").read_text(encoding="utf-8"))
    assert results["rows"] == 23_486
    assert results["missing_or_blank"] == 845
