"""One measurement in a process of its own: ``python -m benchmarks.runtimes.measure WHAT FOLDER ARGUMENTS...``

The last line that it prints is its result, as JSON.
"""

import json
import os
import resource
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmarks.runtimes.scorers import SLOWER, WAYS, Scorer, onnx_runtime, openvino, scorer


def of_length(length: int, count: int) -> list[np.ndarray]:
    """Ids of ``count`` texts of one length: the contents do not change the time."""
    generator = np.random.default_rng(length)
    return [generator.integers(1000, 20_000, (1, length), dtype=np.int64) for _ in range(count)]


def speeds(ways: dict[str, Scorer], rows: list[np.ndarray], rounds: int) -> dict[str, list[list[float]]]:
    """Of each way and round: processor milliseconds and wall-clock milliseconds a text, two side by side.

    All ways in each round, in an order that turns. Processor time is what a busy machine disturbs least.
    """
    pool = ThreadPoolExecutor(2)
    for score in ways.values():
        list(pool.map(score, rows[:4]))
    names = list(ways)
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            processor, wall = time.process_time(), time.perf_counter()
            list(pool.map(ways[name], rows))
            spent = time.process_time() - processor, time.perf_counter() - wall
            found[name].append([1000 * seconds / len(rows) for seconds in spent])
    return found


def encoder_speeds(folder: Path, tokens: str, rounds: str) -> dict:
    """All ways to score the encoder; the bundle itself, text and all, where texts have 128 tokens."""
    ways = {way: scorer(way, folder) for way in WAYS}
    length = int(tokens)
    return speeds(ways, of_length(length, max(4, 16 * 128 // length)), int(rounds))


def bundle_speeds(folder: Path, rounds: str) -> dict:
    """A bundle that gets texts beside the bare session that gets their ids."""
    from workshop_utils.models.bundle.bundle import Bundle

    bundle = Bundle.load(folder / "encoder", threads=2)
    texts = json.loads((folder / "test.json").read_text(encoding="utf-8"))[:200]
    texts = [text for text in texts if len(bundle._encode(text)[0][0]) == 128][:32]
    ready = [bundle._encode(text)[0].astype(np.int64) for text in texts]
    bare = onnx_runtime(folder / "encoder" / "model.onnx", SLOWER)
    found: dict[str, list[float]] = {"bundle": [], "bare": []}
    pool = ThreadPoolExecutor(2)
    for _ in range(int(rounds) + 1):
        for name, run in (
            ("bundle", lambda: bundle.score(texts)),
            ("bare", lambda: list(pool.map(bare, ready))),
        ):
            began = time.process_time()
            run()
            found[name].append(time.process_time() - began)
    return {name: seconds[1:] for name, seconds in found.items()}


def other_kinds(folder: Path, kind: str, rounds: str) -> dict:
    """A TF-IDF or Keras bundle in both runtimes: speed, and the largest difference between them."""
    from workshop_utils.models.bundle.bundle import Bundle

    bundle = Bundle.load(folder / kind)
    texts = json.loads((folder / "test.json").read_text(encoding="utf-8"))[:200]
    rows = [bundle._encode(text)[0] for text in texts]
    ways = {"ONNX Runtime": onnx_runtime(folder / kind / "model.onnx")}
    try:
        ways["OpenVINO"] = openvino(folder / kind / "model.onnx", "f32")
    except Exception as error:
        reason = str(error).strip().splitlines()[-1].strip(" -")
        return {"speeds": speeds(ways, rows, int(rounds)), "refused": f"OpenVINO: {reason}"}
    answers = [np.concatenate([score(row) for row in rows]) for score in ways.values()]
    return {
        "speeds": speeds(ways, rows, int(rounds)),
        "difference": float(np.abs(answers[0] - answers[1]).max()),
    }


def answers(folder: Path, way: str, count: str, target: str) -> dict:
    """Probabilities of the test reviews, written to ``target``."""
    rows = _test_rows(folder, int(count))
    score = scorer(way, folder)
    np.save(target, np.concatenate(list(ThreadPoolExecutor(2).map(score, rows))))
    return {}


def bits(folder: Path, way: str) -> dict:
    """Fingerprints of 64 reviews' probabilities: alone, and with 1, 2 and 7 threads at once."""
    rows = _test_rows(folder, 64)
    found = {}
    for threads in (1, 2, 7):
        score = scorer(way, folder, side_by_side=threads)
        with ThreadPoolExecutor(threads) as pool:
            found[str(threads)] = sha256(np.concatenate(list(pool.map(score, rows))).tobytes()).hexdigest()
    alone = np.concatenate([score(row) for row in rows])
    return found | {"alone": sha256(alone.tobytes()).hexdigest()}


def memory(folder: Path, way: str) -> dict:
    """Seconds to the first answer; megabytes then, after every length from 3 to 512, and after all again.

    Also milliseconds a text of the first and of the second pass over all lengths.
    """
    began = time.perf_counter()
    score = scorer(way, folder)
    score(of_length(16, 1)[0])
    found = {"start": time.perf_counter() - began, "loaded": _resident()}
    rows = [of_length(length, 1)[0] for length in range(3, 513, 3)]
    np.random.default_rng(0).shuffle(rows)
    for turn in ("first", "second"):
        spent = time.process_time()
        for row in rows:
            score(row)
        found[f"{turn} milliseconds"] = 1000 * (time.process_time() - spent) / len(rows)
        found[turn] = _resident()
    return found | {"child": _answers_in_a_child(score)}


def _answers_in_a_child(score: Scorer, seconds: int = 20) -> str:
    """Does a forked process get an answer, too, once its parent has scored?"""
    process = os.fork()
    if not process:
        signal.alarm(seconds)
        score(of_length(16, 1)[0])
        os._exit(0)
    status = os.waitpid(process, 0)[1]
    return (
        "yes"
        if not status
        else "hangs"
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
        else "dies"
    )


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _test_rows(folder: Path, count: int) -> list[np.ndarray]:
    from tokenizers import Tokenizer

    from workshop_utils.models.tokenization import TextEncoder

    encode = TextEncoder(Tokenizer.from_file(str(folder / "encoder" / "tokenizer.json")), 128)
    texts = json.loads((folder / "test.json").read_text(encoding="utf-8"))[:count]
    return [encode(text)[0].astype(np.int64) for text in texts]


WHAT = (encoder_speeds, bundle_speeds, other_kinds, answers, bits, memory)

if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    measure = {function.__name__: function for function in WHAT}[what]
    print(json.dumps(measure(Path(folder), *rest)))
