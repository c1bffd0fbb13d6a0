"""What makes training of a word CNN fast on a laptop? One change at a time, side by side in one run.

    python -m benchmarks.training_speed

Writes ``results/training_speed.md``: texts per second relative to the starting point (grouped by length, 64
texts a batch, no XLA, TensorFlow's own kernels, all cores). Each variant is a process of its own, because
threads and kernels are chosen when TensorFlow starts; the variants take turns, and the median of the turns
counts. Texts are the bundled reviews, repeated until there are 2,400, with lengths as they are.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import pandas as pd

from benchmarks.child import last_line

RESULTS = Path(__file__).parent / "results"
TURNS = 3

#: Each variant changes one thing of the start.
START = {"pipeline": "grouped", "batch": 64, "jit": False, "kernels": "plain", "threads": 0}
VARIANTS = {
    "start": {},
    "order of chance, padded to the longest of the batch": {"pipeline": "shuffled"},
    "padded to one length for all": {"pipeline": "padded"},
    "8 texts a batch": {"batch": 8},
    "16 texts a batch": {"batch": 16},
    "256 texts a batch": {"batch": 256},
    "XLA (jit_compile=True), padded to one length": {"pipeline": "padded", "jit": True},
    "oneDNN kernels": {"kernels": "oneDNN"},
    "one thread": {"threads": 1},
}

CHOICE = """\
Chosen: batches of similar length, the largest gain that costs nothing; 64 texts a batch, since larger
ones are hardly faster and make fewer updates; no XLA, which compiles anew for each width. oneDNN's kernels
are left off although they are fast: they round otherwise on other processors, and a course wants the same
numbers everywhere. Who trains for work sets `TF_ENABLE_ONEDNN_OPTS=1`. Threads matter little for networks
as small as this.
"""


def main() -> None:
    """Run the variants in turns and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return print(texts_per_second(START | json.loads(arguments.one)))
    speeds = {name: [] for name in VARIANTS}
    for turn in range(TURNS):
        for name, change in VARIANTS.items():
            speeds[name].append(float(last_line("benchmarks.training_speed", "--one", json.dumps(change))))
            print(f"turn {turn + 1}: {name}: {speeds[name][-1]:.0f} texts/s", flush=True)
    base = speeds["start"]
    rows = []
    for name, values in speeds.items():
        ratios = [value / start for value, start in zip(values, base, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append((name, f"{statistics.median(ratios):.2f}", spread))
    table = pd.DataFrame(rows, columns=["variant", "speed against start", "turns"]).to_markdown(index=False)
    text = f"# Speed of training\n\nMade by `python -m benchmarks.training_speed`.\n\n{table}\n\n{CHOICE}"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "training_speed.md").write_text(text, encoding="utf-8")


def texts_per_second(setting: dict) -> float:
    """Train one epoch to warm up and measure the next one."""
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1" if setting["kernels"] == "oneDNN" else "0"
    import numpy as np
    import tensorflow as tf

    from benchmarks.length_batches import grouped_batches
    from workshop_utils.data import load_reviews
    from workshop_utils.models.cnn.networks import word_cnn
    from workshop_utils.models.tokenization import pad, train_words

    tf.config.threading.set_intra_op_parallelism_threads(setting["threads"])
    texts = load_reviews("sample").query("split == 'reference'")["review"].tolist() * 2
    tokenizer = train_words(texts)
    rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    labels = np.arange(len(rows)) % 2
    network = word_cnn(tokenizer.get_vocab_size(), 2)
    network.compile("adam", "sparse_categorical_crossentropy", jit_compile=setting["jit"])
    size, longest = setting["batch"], max(map(len, rows))

    def batches():
        if setting["pipeline"] == "grouped":
            for chosen, (ids,) in grouped_batches([rows], size, seed=0):
                yield ids, labels[chosen]
            return
        order = np.random.default_rng(0).permutation(len(rows))
        for chosen in (order[i : i + size] for i in range(0, len(rows), size)):
            some = [rows[i] for i in chosen]
            width = longest if setting["pipeline"] == "padded" else max(map(len, some))
            yield pad(some, width), labels[chosen]

    signature = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int64))
    stream = tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(4)
    network.fit(stream, verbose=0, shuffle=False)
    start = time.perf_counter()
    network.fit(stream, verbose=0, shuffle=False)
    return len(rows) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
