"""When does the transformer earn its place? Accuracy by number of labelled reviews, on the original corpora.

    WORKSHOP_DATA_DIR=… python -m benchmarks.learning_curve
    WORKSHOP_DATA_DIR=… python -m benchmarks.learning_curve --sizes 500 2000 --test 5000

Without options it needs a GPU, or about two hours on two cores with bf16; fewer test texts cost a part of
that. Each run is a process of its own; finished ones stand in ``results/learning_curve.jsonl`` and are not
repeated. The official split, texts of the test part dropped from training. The encoder of most reviews also
answers, unchanged, reviews of four kinds of goods from the drift corpus. Beside it stands the plain mean of
its probabilities and those of TF-IDF. Nothing was chosen on the test part.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.child import finished_runs, measure_into
from benchmarks.corpora import Task, reviews
from benchmarks.original_corpora import tfidf_words_and_pairs, word_cnn
from benchmarks.readme import write_between_marks
from workshop_utils.paths import corpora_dir

RESULTS = Path(__file__).parent / "results"
RUNS = RESULTS / "learning_curve.jsonl"
MODELS = {"tfidf": "TF-IDF", "cnn": "word CNN", "encoder": "packaged DistilBERT"}
MEAN = "DistilBERT and TF-IDF, mean"
SIZES = (500, 2_000, 8_000, 25_000)
LABELS = ["negative", "positive"]

#: Passes over few texts must be more, so that there are updates enough, and only many bear a high rate.
EPOCHS = {500: 6, 2_000: 2, 8_000: 1, 25_000: 1}
RATES = {500: 5e-5, 2_000: 5e-5, 8_000: 5e-5, 25_000: 1e-4}
MAX_LENGTH = 384


def main() -> None:
    """Measure what is missing, then write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--test", type=int, default=25_000, help="test texts, drawn with seed 0")
    parser.add_argument("--one", nargs=3, metavar=("MODEL", "SIZE", "TEST"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        model, size, test = arguments.one
        return print(json.dumps(measure(model, int(size), int(test))))
    done = {(run["model"], run["size"], run["test_texts"]) for run in finished_runs(RUNS)}
    for size in arguments.sizes:
        for model in arguments.models:
            if (model, size, arguments.test) not in done:
                one = ("--one", model, str(size), str(arguments.test))
                measure_into(RUNS, "benchmarks.learning_curve", *one)
    write(pd.DataFrame(finished_runs(RUNS)))


def measure(model: str, size: int, test: int) -> dict:
    """Train one model on the first ``size`` reviews in this process and answer the test texts."""
    task = part(reviews(), size, test)
    start, cpu = time.perf_counter(), time.process_time()
    ways = {"tfidf": tfidf_words_and_pairs, "cnn": word_cnn, "encoder": encoder}
    answers = ways[model](task, 0)
    more = {}
    if model == "encoder":
        answers, goods = answers
        mean = answers + tfidf_words_and_pairs(task, 0)
        more = {"mean_with_tfidf": share_right(mean, task.test_labels), "elsewhere": goods}
    return {
        "model": model,
        "size": size,
        "train_texts": len(task.train),
        "test_texts": len(task.test),
        "accuracy": share_right(answers, task.test_labels),
        **more,
        "seconds": round(time.perf_counter() - start),
        "processor_seconds": round(time.process_time() - cpu),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def share_right(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of the most probable class, rounded to four places."""
    return round(float((probabilities.argmax(axis=1) == labels).mean()), 4)


def part(task: Task, size: int, test: int) -> Task:
    """The first ``size`` training texts, which are in random order, and ``test`` random test texts."""
    asked = np.sort(np.random.default_rng(0).permutation(len(task.test))[:test])
    return Task(
        task.train[:size],
        task.train_labels[:size],
        [task.test[number] for number in asked],
        task.test_labels[asked],
    )


def encoder(task: Task, seed: int) -> tuple[np.ndarray, dict[str, float]]:
    """Fine-tune the packaged encoder on head and tail of each text; of most texts, also try it on goods."""
    import torch

    from workshop_utils.models.transformer.classifier import new_classifier
    from workshop_utils.models.transformer.finetune import Recipe, fast_bf16, fine_tune

    size = min(size for size in SIZES if size >= len(task.train))
    classifier = new_classifier(LABELS, max_length=MAX_LENGTH, truncation="head_tail", seed=seed)
    recipe = Recipe(EPOCHS[size], RATES[size], batch_size=16, per_device_batch_size=16, seed=seed)
    fine_tune(classifier, task.train, [LABELS[number] for number in task.train_labels], recipe)
    with torch.autocast(classifier.model.device.type, torch.bfloat16, enabled=fast_bf16()):
        return classifier.predict_proba(task.test), on_goods(classifier) if size == SIZES[-1] else {}


def on_goods(classifier) -> dict[str, float]:
    """Accuracy on the reviews of each kind of goods of the drift corpus."""
    goods = pd.read_csv(corpora_dir() / "amazon.csv.gz", keep_default_na=False)
    right = classifier.predict(list(goods["text"])) == goods["label"].to_numpy()
    return goods.assign(right=right).groupby("domain")["right"].mean().round(4).to_dict()


def write(runs: pd.DataFrame) -> None:
    """Accuracy and cost by size and model, and the encoder elsewhere, as a page and into the README."""
    runs = runs.assign(model=runs["model"].map(MODELS))
    learned = runs[runs["model"] == MODELS["encoder"]]
    both = learned.assign(model=MEAN, accuracy=learned.get("mean_with_tfidf"))
    marks = pd.concat([runs, both]).assign(percent=lambda table: 100 * table["accuracy"])
    text = _by_size(marks, "percent", ",.2f")
    if len(learned):
        text += f"\n{_spoken(learned)}\n"
    head = "# Accuracy by number of labelled reviews\n\nMade by `python -m benchmarks.learning_curve`.\n\n"
    costs = _by_size(runs, "processor_seconds", ",.0f")
    page = f"{head}{text}\n{costs}\nProcessor seconds, training and answers together.\n"
    (RESULTS / "learning_curve.md").write_text(page, encoding="utf-8")
    write_between_marks("learning_curve", text)
    print(text)


def _spoken(learned: pd.DataFrame) -> str:
    """What the table of accuracies does not say."""
    best = learned.loc[learned["size"].idxmax()]
    said = "Accuracy, %."
    for texts, some in learned.groupby("test_texts"):
        sizes = ", ".join(f"{size:,}" for size in sorted(some["size"]))
        said += f" DistilBERT of {sizes} reviews answered {texts:,} test texts."
    if best["elsewhere"]:
        goods = ", ".join(f"{name} {100 * share:.1f}" for name, share in best["elsewhere"].items())
        said += f" Unchanged, that of {best['size']:,} film reviews reaches on goods: {goods}."
    return said


def _by_size(runs: pd.DataFrame, values: str, form: str) -> str:
    """One row per number of reviews; of several runs, the one that answered most test texts."""
    runs = runs.sort_values("test_texts")
    table = runs.pivot_table(index="size", columns="model", values=values, aggfunc="last")
    table = table[[name for name in (*MODELS.values(), MEAN) if name in table]]
    table = table.reset_index().rename(columns={"size": "reviews"})
    forms = (",.0f", *[form] * len(table.columns))
    return table.to_markdown(index=False, floatfmt=forms, intfmt=",") + "\n"


if __name__ == "__main__":
    main()
