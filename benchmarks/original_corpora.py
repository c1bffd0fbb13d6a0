"""The course's models on the original corpora: accuracy over three seeds, processor seconds, peak memory.

    WORKSHOP_DATA_DIR=… python -m benchmarks.original_corpora
    WORKSHOP_DATA_DIR=… python -m benchmarks.original_corpora --only poems

Each run is a process of its own. Finished runs stand in ``results/original_corpora.jsonl`` and are not
repeated (delete the file to measure anew); ``results/original_corpora.md`` and the README's table are made
from it. Reviews: the official split, texts of the test part dropped from training. Poems: Goethe, Heine and
Tucholsky, near-duplicates grouped, 70 % for training and 30 % for testing. Settings were chosen within the
training parts.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from benchmarks.child import finished_runs, measure_into
from benchmarks.corpora import Task, poems, reviews
from benchmarks.length_batches import fit_by_length, predict_by_length
from benchmarks.readme import write_between_marks
from benchmarks.wide_cnn import nb_log_ratio, ngram_ids, wide_cnn
from workshop_utils.models.tokenization import encode, encode_rows, train_characters, train_words

RESULTS = Path(__file__).parent / "results"
RUNS = RESULTS / "original_corpora.jsonl"
SEEDS = range(3)
#: A word or a mark.
WORD = r"\w+|[^\w\s]"


def tfidf_words_and_pairs(task: Task, seed: int) -> np.ndarray:
    """TF-IDF of words and word pairs, logistic regression (no chance in it)."""
    return _tfidf(task, ngram_range=(1, 2), min_df=3, sublinear_tf=True)


def tfidf_characters(task: Task, seed: int) -> np.ndarray:
    """TF-IDF of 2 to 5 characters within words, logistic regression (no chance in it)."""
    return _tfidf(task, analyzer="char_wb", ngram_range=(2, 5), lowercase=False, min_df=2, sublinear_tf=True)


def tfidf_characters_across_words(task: Task, seed: int) -> np.ndarray:
    """TF-IDF of 2 to 5 characters across words and verses, logistic regression (no chance in it)."""
    return _tfidf(task, analyzer="char", ngram_range=(2, 5), lowercase=False, min_df=2, sublinear_tf=True)


def word_net_2019(task: Task, seed: int) -> np.ndarray:
    """Embedding 96, Conv1D 96 with kernel 3."""
    from benchmarks import nets_2019

    tokenizer = train_words(task.train, size=20_000)
    network = nets_2019.word_net(tokenizer.get_vocab_size(), _classes(task), seed)
    inputs, asked = encode(tokenizer, task.train, 400), encode(tokenizer, task.test, 400)
    network.fit(inputs, task.train_labels, epochs=4 if len(task.train) > 5000 else 20, verbose=0)
    return network.predict(asked, batch_size=256, verbose=0)


def character_net_2019(task: Task, seed: int) -> np.ndarray:
    """One-hot characters, Conv1D 64 and 128 with kernel 3, Adadelta."""
    from benchmarks import nets_2019

    tokenizer = train_characters(task.train)
    network = nets_2019.character_net(tokenizer.get_vocab_size(), _classes(task), seed)
    inputs, asked = encode(tokenizer, task.train, 1000), encode(tokenizer, task.test, 1000)
    network.fit(inputs, task.train_labels, epochs=20, verbose=0)
    return network.predict(asked, batch_size=64, verbose=0)


def word_cnn(task: Task, seed: int) -> np.ndarray:
    """Word CNN, kernels 3, 5, 7, beside weights of 1 to 3 words; 250 words of head and of tail."""
    counter = CountVectorizer(token_pattern=WORD, ngram_range=(1, 3), min_df=3)
    passes = min(12, max(1, 25_000 // len(task.train)))  # few texts are read more often
    return _wide_cnn(task, counter, seed, epochs=passes)


def joined_characters_and_words(task: Task, seed: int) -> np.ndarray:
    """Word CNN, kernels 1 and 3, beside weights of 2 to 5 characters and of 1 to 2 words."""
    characters = CountVectorizer(analyzer="char", ngram_range=(2, 5), lowercase=False, min_df=2)
    words = CountVectorizer(token_pattern=WORD, ngram_range=(1, 2), lowercase=False, min_df=2)
    return _wide_cnn(
        task, make_union(characters, words), seed, epochs=6, kernels=(1, 3), lowercase=False, batch_size=32
    )


#: What is measured: task, its models, and whether a model depends on the seed.
PLAN = [
    ("reviews", reviews, [(tfidf_words_and_pairs, False), (word_net_2019, True), (word_cnn, True)]),
    (
        "poems",
        poems,
        [
            (tfidf_characters, False),
            (tfidf_characters_across_words, False),
            (character_net_2019, True),
            (word_net_2019, True),
            (joined_characters_and_words, True),
        ],
    ),
]


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=[name for name, _, _ in PLAN])
    parser.add_argument("--one", nargs=3, metavar=("TASK", "MODEL", "SEED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return print(json.dumps(measure(*arguments.one)))
    RESULTS.mkdir(exist_ok=True)
    done = {(run["task"], run["model"], run["seed"]) for run in finished_runs(RUNS)}
    for name, _, models in PLAN:
        for model, chance in models:
            for seed in SEEDS if chance else [0]:
                if (name, model.__name__, seed) not in done and arguments.only in (None, name):
                    print(f"{name}: {model.__name__}, seed {seed} …", flush=True)
                    one = ("--one", name, model.__name__, str(seed))
                    measure_into(RUNS, "benchmarks.original_corpora", *one)
    write(pd.DataFrame(finished_runs(RUNS)))


def measure(name: str, model_name: str, seed: str) -> dict:
    """Train and test one model in this process."""
    [(make, models)] = [(make, models) for task, make, models in PLAN if task == name]
    [model] = [model for model, _ in models if model.__name__ == model_name]
    task = make()
    start, cpu = time.perf_counter(), time.process_time()
    said = model(task, int(seed)).argmax(axis=1)
    return {
        "task": name,
        "model": model_name,
        "what": model.__doc__,
        "seed": int(seed),
        "train_texts": len(task.train),
        "test_texts": len(task.test),
        "accuracy": round(float((said == task.test_labels).mean()), 4),
        "seconds": round(time.perf_counter() - start),
        "processor_seconds": round(time.process_time() - cpu),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def write(runs: pd.DataFrame) -> None:
    """The table of all finished runs, in the results folder and between the README's marks."""
    planned = [(name, model.__name__) for name, _, models in PLAN for model, _ in models]
    places = [planned.index((run.task, run.model)) for run in runs.itertuples()]
    runs = runs.iloc[np.argsort(places, kind="stable")]
    rows = []
    for (task, what), group in runs.groupby(["task", "what"], sort=False):
        accuracy = 100 * group["accuracy"]
        spread = f" ± {accuracy.std():.2f}" if len(group) > 1 else ""
        seconds, memory = group["processor_seconds"].median(), group["peak_mb"].max()
        rows.append((task, what.rstrip("."), f"{accuracy.mean():.2f}{spread}", f"{seconds:.0f}", memory))
    columns = ["task", "model", "accuracy, %", "processor seconds", "peak MB"]
    table = pd.DataFrame(rows, columns=columns).to_markdown(index=False)
    sizes = runs.groupby("task", sort=False)[["train_texts", "test_texts"]].first()
    counts = "; ".join(
        f"{task}: {row.train_texts:,} for training, {row.test_texts:,} for testing"
        for task, row in sizes.iterrows()
    )
    text = f"{table}\n\nMean ± standard deviation over three seeds. {counts[0].upper()}{counts[1:]}.\n"
    head = "# The course's models on the original corpora\n\n"
    head += "Made by `python -m benchmarks.original_corpora`.\n\n"
    (RESULTS / "original_corpora.md").write_text(head + text, encoding="utf-8")
    write_between_marks("original_corpora", text)
    print(table)


def _tfidf(task: Task, **settings) -> np.ndarray:
    vectorizer = TfidfVectorizer(**settings)
    model = LogisticRegression(C=10, max_iter=1000).fit(
        vectorizer.fit_transform(task.train), task.train_labels
    )
    return model.predict_proba(vectorizer.transform(task.test))


def _wide_cnn(
    task: Task,
    counter,
    seed: int,
    epochs: int,
    kernels=(3, 5, 7),
    lowercase: bool = True,
    batch_size: int = 64,
) -> np.ndarray:
    counter.fit(task.train)
    tokenizer = train_words(task.train, size=30_000, min_count=2, lowercase=lowercase)
    inputs, asked = (
        [encode_rows(tokenizer, texts, 500, "head_tail"), ngram_ids(counter, texts)]
        for texts in (task.train, task.test)
    )
    known = nb_log_ratio(inputs[1], task.train_labels, len(counter.get_feature_names_out()))
    network = wide_cnn(tokenizer.get_vocab_size(), known, kernels=kernels, seed=seed)
    fit_by_length(network, inputs, task.train_labels, epochs, batch_size=batch_size, seed=seed)
    return predict_by_length(network, asked)


def _classes(task: Task) -> int:
    return int(task.train_labels.max()) + 1


if __name__ == "__main__":
    main()
