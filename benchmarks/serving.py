"""How fast is a bundle, and what does it cost in accuracy? Ratios from one run, all ways interleaved.

    python -m benchmarks.serving              # about 20 minutes on two idle cores
    python -m benchmarks.serving --small      # a trial of two minutes; writes nothing

Fine-tunes the packaged encoder on film reviews (the original corpus where ``WORKSHOP_DATA_DIR`` holds it) and
compares the int8 bundle with the transformers pipeline and with the bare ONNX Runtime session; then scores
tables with a TF-IDF bundle. Writes ``benchmarks/results/serving.md``. Kinds of int8 and another runtime:
``benchmarks.runtimes``.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
import pandas as pd

from workshop_utils.data import load_reviews
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.export.distilbert import export_distilbert
from workshop_utils.models.export.tfidf import export_tfidf
from workshop_utils.models.transformer.classifier import new_classifier
from workshop_utils.models.transformer.finetune import fine_tune

RESULTS = Path(__file__).parent / "results"
LENGTH = 128
LABELS = ["negative", "positive"]
BUNDLE = "bundle"


class Sizes(NamedTuple):
    """Texts to train on, to gate on and to test on; texts and rounds of a speed measurement; table rows."""

    train: int = 3000
    gate: int = 2000
    test: int = 2000
    texts: int = 64
    rounds: int = 7
    rows: tuple[int, ...] = (10_000, 30_000, 100_000)


SMALL = Sizes(train=64, gate=60, test=60, texts=8, rounds=2, rows=(500, 2_000))


def split(sizes: Sizes) -> tuple[pd.DataFrame, ...]:
    """Reviews to train, gate and test on; fewer where the corpus has fewer."""
    frame = load_reviews().query("split != 'later'").drop_duplicates("review").sample(frac=1, random_state=0)
    shares = np.cumsum([sizes.train, sizes.gate, sizes.test]) / sum(sizes[:3])
    ends = (shares * min(len(frame), sum(sizes[:3]))).astype(int)
    return frame[: ends[0]], frame[ends[0] : ends[1]], frame[ends[1] : ends[2]]


def texts_of_one_length(tokenizer, frame: pd.DataFrame, count: int) -> list[str]:
    """Texts of about :data:`LENGTH` ids, special ones included."""
    ids = tokenizer.backend_tokenizer.encode(" ".join(frame["review"]), add_special_tokens=False).ids
    size = LENGTH - 2
    starts = [number * size % max(1, len(ids) - size) for number in range(count)]
    return [tokenizer.decode(ids[start : start + size]) for start in starts]


def on_one_thread(graph: Path) -> ort.InferenceSession:
    """The bare session that a bundle runs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(
        graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
    )


def ready_ids(bundle: Bundle, texts: Iterable[str]) -> list[dict[str, np.ndarray]]:
    """What a session takes, for each text."""
    return [{"input_ids": bundle._encode(text)[0].astype(np.int64)} for text in texts]


def ways(model, tokenizer, folder: Path, texts: list[str]) -> dict[str, Callable[[], object]]:
    """Every way to score the texts, by its name."""
    from transformers import pipeline

    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    padded = {"padding": "max_length", "truncation": True, "max_length": 512}
    cut = {"truncation": True, "max_length": LENGTH}
    bundle = Bundle.load(folder)
    single = on_one_thread(folder / "model.onnx")
    whole = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    rows = ready_ids(bundle, texts)
    pool = ThreadPoolExecutor(bundle.threads)
    return {
        "pipeline, float32, one text at a time, padded to 512": lambda: [pipe(t, **padded) for t in texts],
        "pipeline, float32, one text at a time, not padded": lambda: [pipe(t, **cut) for t in texts],
        BUNDLE: lambda: bundle.predict_proba(texts),
        "bundle, one text at a time": lambda: [bundle.predict_proba([text]) for text in texts],
        "bare session on ready ids, side by side": lambda: list(pool.map(partial(single.run, None), rows)),
        "bare session on ready ids, all threads on one text": lambda: [whole.run(None, r) for r in rows],
    }


def speeds(measured: dict[str, Callable[[], object]], count: int, rounds: int) -> pd.DataFrame:
    """Texts per second of each way in each round; the order turns from round to round."""
    names = list(measured)
    for run in measured.values():
        run()
    table = []
    for number in range(rounds):
        turned = names[number % len(names) :] + names[: number % len(names)]
        seconds = {}
        for name in turned:
            began = time.perf_counter()
            measured[name]()
            seconds[name] = time.perf_counter() - began
        table.append({name: count / seconds[name] for name in names})
    return pd.DataFrame(table)


def speed_table(table: pd.DataFrame) -> pd.DataFrame:
    """Median and range of the speeds, and of the bundle's speed over each in the same round."""
    ratios = table[[BUNDLE]].to_numpy() / table
    rows = {
        name: {
            "texts per second": _spread(table[name], 1),
            "bundle is so many times as fast": _spread(ratios[name], 2),
        }
        for name in table
    }
    return pd.DataFrame(rows).T


def accuracies(model, tokenizer, folder: Path, frame: pd.DataFrame) -> dict[str, float]:
    """Accuracy of PyTorch in float32 and of the bundle on the test texts, and equal labels, in percent."""
    from transformers import pipeline

    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    texts, true = list(frame["review"]), np.array(frame["sentiment"])
    wide = np.array([pipe(text, truncation=True, max_length=LENGTH)[0]["label"] for text in texts])
    narrow = np.array(Bundle.load(folder).predict(texts))
    shares = {"PyTorch, float32": wide == true, "bundle": narrow == true, "equal labels": wide == narrow}
    return {name: 100 * float(hits.mean()) for name, hits in shares.items()}


def table_costs(train: pd.DataFrame, work: Path, rows: tuple[int, ...], repeats: int) -> pd.DataFrame:
    """Seconds and peak memory of ``score_file`` in a process of its own, by rows. Linux only."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(train["review"])
    classifier = LogisticRegression(C=10, max_iter=1000).fit(features, train["sentiment"])
    folder = export_tfidf(vectorizer, classifier, work / "tfidf")
    code = (
        "import pathlib, sys\nfrom workshop_utils.models.bundle import Bundle\n"
        "from workshop_utils.models.bundle.score import score_file\n"
        "source, target, folder = map(pathlib.Path, sys.argv[1:])\n"
        "report = score_file(source, target, Bundle.load(folder), 'text', overwrite=True)\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(report.seconds, status.partition('VmHWM:')[2].split()[0])\n"
    )
    for count in rows:
        with (work / f"{count}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            writer.writerows((n, train["review"].iloc[n % len(train)]) for n in range(count))
    found: dict[int, list[tuple[float, float]]] = {count: [] for count in rows}
    for _ in range(repeats):
        for count in rows:
            command = [sys.executable, "-c", code, work / f"{count}.csv", work / "out.csv", folder]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            found[count].append((float(told[0]), int(told[1]) / 1024))
    return pd.DataFrame(
        {
            f"{count:,}": {
                "seconds": _spread([seconds for seconds, _ in runs], 1),
                "rows per second": _spread([count / seconds for seconds, _ in runs], 0),
                "peak memory, MB": _spread([memory for _, memory in runs], 0),
            }
            for count, runs in found.items()
        }
    ).T.rename_axis("rows")


def report(sizes: Sizes) -> str:
    """The whole page as Markdown."""
    train, gate, test = split(sizes)
    classifier = new_classifier(LABELS, max_length=LENGTH, truncation="head")
    fine_tune(classifier, list(train["review"]), list(train["sentiment"]))
    model, tokenizer = classifier.model, classifier.tokenizer
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        folder = export_distilbert(
            model, tokenizer, work / "encoder", list(gate["review"]), list(gate["sentiment"]), LENGTH
        )
        card = Bundle.load(folder).card
        texts = texts_of_one_length(tokenizer, test, sizes.texts)
        speed = speed_table(speeds(ways(model, tokenizer, folder, texts), len(texts), sizes.rounds))
        accuracy = accuracies(model, tokenizer, folder, test)
        costs = table_costs(train, work, sizes.rows, max(1, sizes.rounds // 2))
        threads = Bundle.load(folder).threads
    parts = [
        "# Serving, measured\n",
        f"Made by `python -m benchmarks.serving` on {threads} cores. The packaged encoder (6 layers, width "
        f"384) was fine-tuned on {len(train):,} film reviews. Its bundle is {card.precision} (gate: accuracy "
        f"{card.gate.accuracy_float32:.3f} in float32, {card.gate.accuracy_int8:.3f} in int8, "
        f"{card.gate.equal_labels:.1%} equal labels on {card.gate.texts} texts). "
        "Medians with range; ratios within the same round. Targets: 10 times the padded pipeline, 3 times "
        "the one that is not padded, 0.85 of the bare session side by side.\n",
        f"\n## Texts of {LENGTH} ids: {sizes.texts} texts, {sizes.rounds} rounds, interleaved\n",
        speed.to_markdown(),
        f"\n## Accuracy on {len(test):,} test texts, percent\n",
        pd.DataFrame([accuracy]).round(2).to_markdown(index=False),
        "\n## Scoring tables with a TF-IDF bundle\n",
        costs.to_markdown(),
    ]
    return "\n".join(parts) + "\n"


def _spread(values, digits: int) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a quick trial that writes nothing")
    small = parser.parse_args().small
    page = report(SMALL if small else Sizes())
    print(page)
    if not small:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "serving.md").write_text(page, encoding="utf-8")
