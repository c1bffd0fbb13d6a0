"""Fine-tuning on a laptop: the course's way beside the Trainer as people write it, one change at a time.

    python -m benchmarks.finetuning             # about half an hour on two idle cores
    python -m benchmarks.finetuning --no-accuracy

Same encoder, texts, learning rates and number of updates (8 texts each). Each run is a process of its own and
the variants take turns. The plain Trainer pads every text to 512 ids, takes texts in the order of chance
and trains all weights in float32. Filling is masked and changes no answer (the page says by how much), so its
accuracy is measured without the padding, which would take an hour. Writes ``results/finetuning.md``.
"""

import argparse
import json
import resource
import statistics
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.child import last_line
from workshop_utils.data import load_reviews
from workshop_utils.data.split import hold_out
from workshop_utils.models.metrics import paired_difference
from workshop_utils.models.transformer.classifier import Classifier, new_classifier
from workshop_utils.models.transformer.finetune import Recipe, make_trainer, quiet

RESULTS = Path(__file__).parent / "results"
LABELS = ["negative", "positive"]
TURNS, ROWS, SEEDS = 3, 96, range(3)

#: What differs from the course's way.
PLAIN = {
    "max_length": 512,
    "group_by_length": False,
    "train_embeddings": True,
    "attention_dropout": 0.1,
    "bf16": False,
}
VARIANTS = {
    "plain Trainer, padded to 512": {**PLAIN, "pad_to": 512},
    "plain Trainer, padded to the longest of the batch": PLAIN,
    "course": {},
    "course, 128 ids of head and tail": {"max_length": 128},
    "course, order of chance": {"group_by_length": False},
    "course, word vectors trained too": {"train_embeddings": True},
    "course, dropout in attention too": {"attention_dropout": 0.1},
    "course, float32": {"bf16": False},
    "course, 4 texts at a time": {"per_device_batch_size": 4},
}
FIRST, COURSE = "plain Trainer, padded to 512", "course"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-accuracy", action="store_true", help="only speed and memory")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return print(json.dumps(measure(**json.loads(arguments.one))))
    parts = [
        "# Fine-tuning, measured\n",
        "Made by `python -m benchmarks.finetuning`. Packaged encoder, bundled reviews, updates of 8 texts.\n",
        f"\n## Speed and memory: {ROWS} texts, {TURNS} turns\n",
        speed().to_markdown(),
    ]
    if not arguments.no_accuracy:
        parts.append(accuracy())
    page = "\n".join(parts) + "\n"
    (RESULTS / "finetuning.md").write_text(page, encoding="utf-8")
    print(page)


def speed() -> pd.DataFrame:
    """Median rows per second and peak memory of each variant, and the ratios within the turns."""
    told = {name: [] for name in VARIANTS}
    for turn in range(TURNS):
        for name, change in VARIANTS.items():
            told[name].append(_child(rows=ROWS, epochs=1, seed=turn, **change))
            print(f"turn {turn + 1}: {name}: {told[name][-1]['rows_per_second']} rows/s", flush=True)
    return pd.DataFrame({name: _compared(runs, told[FIRST]) for name, runs in told.items()}).T


def _compared(runs: list[dict], plain: list[dict]) -> dict[str, str]:
    """A row of the table; speeds are compared turn by turn, memory by its medians."""
    pairs = zip(runs, plain, strict=True)
    ratios = [run["rows_per_second"] / other["rows_per_second"] for run, other in pairs]
    memory, most = (statistics.median(run["peak_mb"] for run in some) for some in (runs, plain))
    return {
        "rows per second": f"{statistics.median(run['rows_per_second'] for run in runs):.1f}",
        "times the first row": f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        "peak memory, MB": f"{memory:.0f}",
        "share of the first row's": f"{memory / most:.2f}",
    }


def accuracy() -> str:
    """Accuracy on the test part over seeds, plain Trainer (without padding) and course."""
    plain, ours = (
        [_child(rows=None, epochs=2, seed=seed, **change) for seed in SEEDS] for change in (PLAIN, {})
    )
    true = np.concatenate([run["true"] for run in plain])
    difference = paired_difference(
        true, *(np.concatenate([run["said"] for run in runs]) for runs in (plain, ours)), "accuracy"
    )
    shares = [[100 * run["accuracy"] for run in runs] for runs in (plain, ours)]
    spoken = [f"{statistics.mean(some):.1f} ± {statistics.stdev(some):.1f}" for some in shares]
    texts = len(plain[0]["true"])
    return (
        f"\n## Accuracy: 2 epochs, {len(SEEDS)} seeds, percent of {texts} test texts\n\n"
        f"Plain Trainer {spoken[0]}, course {spoken[1]} (mean ± deviation over the seeds). Difference "
        f"{100 * difference.value:+.1f} points, 95 % interval {100 * difference.low:+.1f} to "
        f"{100 * difference.high:+.1f}. Filling up to 512 moves no probability by more than "
        f"{max(run['padding'] for run in plain):.0e}.\n"
    )


def measure(
    rows: int | None,
    epochs: int,
    seed: int,
    max_length: int = 256,
    group_by_length: bool = True,
    train_embeddings: bool = False,
    attention_dropout: float = 0.0,
    bf16: bool | None = None,
    per_device_batch_size: int = 8,
    pad_to: int | None = None,
) -> dict:
    """Train once in this process; with all rows also answer the test part."""
    frame = load_reviews("sample").query("split == 'reference'").reset_index(drop=True)
    held = hold_out(frame["review"], frame["sentiment"])
    train, test = frame[~held].sample(frac=1, random_state=seed)[:rows], frame[held]
    classifier = new_classifier(LABELS, max_length=max_length, truncation="head_tail", seed=seed)
    recipe = Recipe(
        epochs,
        per_device_batch_size=per_device_batch_size,
        train_embeddings=train_embeddings,
        group_by_length=group_by_length,
        attention_dropout=attention_dropout,
        bf16=bf16,
        seed=seed,
    )
    texts = list(train["review"]), list(train["sentiment"])
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(classifier, texts, folder, recipe)
        if pad_to:
            trainer.data_collator.padding, trainer.data_collator.max_length = "max_length", pad_to
        with quiet():
            told = trainer.train()
    result = {
        "rows_per_second": round(len(train) * epochs / told.metrics["train_runtime"], 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if rows is None:
        said, true = classifier.predict(list(test["review"])), test["sentiment"].to_numpy()
        result |= {
            "accuracy": float((said == true).mean()),
            "said": list(said),
            "true": list(true),
            "padding": padding_moves(classifier, list(test["review"])[:8]),
        }
    return result


def padding_moves(classifier: Classifier, texts: list[str]) -> float:
    """The largest change of a probability when texts are padded to 512 ids."""
    import torch

    rows = {"input_ids": classifier.rows(texts)}
    padded = classifier.tokenizer.pad(rows, padding="max_length", max_length=512, return_tensors="pt")
    with torch.inference_mode():
        answers = torch.softmax(classifier.model.eval()(**padded).logits, dim=-1).numpy()
    return float(np.abs(answers - classifier.predict_proba(texts)).max())


def _child(**settings) -> dict:
    return json.loads(last_line("benchmarks.finetuning", "--one", json.dumps(settings)))


if __name__ == "__main__":
    main()
