"""The ceiling, in one process with two threads: ``python -m benchmarks.service.bare FOLDER SECONDS``.

Prints texts per second of the bare bundle (text in) and of the bare session (ids in), as JSON; and of
OpenVINO's own benchmark_app on the same network, which chooses threads, streams and precision itself.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from benchmarks.runtimes.rivals import RIVALS
from workshop_utils.models.bundle.bundle import Bundle

THREADS = 2


def rate(score: Callable[[Any], object], inputs: Sequence[Any], seconds: float) -> tuple[float, float]:
    """Inputs a second, scored by two threads that take them in turn, and processor milliseconds of each."""
    done = [0] * THREADS
    end, spent = time.perf_counter() + seconds, time.process_time()

    def work(thread: int) -> None:
        row = thread
        while time.perf_counter() < end:
            score(inputs[row % len(inputs)])
            row += THREADS
            done[thread] += 1

    threads = [Thread(target=work, args=(number,)) for number in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return round(sum(done) / seconds, 3), round(1000 * (time.process_time() - spent) / sum(done), 3)


def openvino_rate(file: Path, tokens: int, seconds: float) -> float:
    """What benchmark_app reports for texts of so many tokens."""
    code = (
        "import sys; sys.modules['openvino_telemetry'] = None\n"  # else it sends an event
        "from openvino.tools.benchmark.main import main; main()"
    )
    shapes = ["-shape", "input_ids[?,?]", "-data_shape", f"input_ids[1,{tokens}]"]
    options = ["-m", str(file), "-d", "CPU", "-hint", "throughput", "-t", str(max(1, int(seconds))), *shapes]
    told = subprocess.run(
        [sys.executable, "-c", code, *options],
        env=os.environ | {"PYTHONPATH": str(RIVALS)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    found = re.search(r"Throughput: +([\d.]+) FPS", told.stdout)
    if not found:
        raise SystemExit(f"benchmark_app failed: {told.stdout[-1000:]} {told.stderr[-2000:]}")
    return float(found[1])


def main(folder: Path, seconds: float) -> None:
    bundle = Bundle.load(folder / "encoder", threads=THREADS)
    chosen = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    texts = chosen["texts"]
    session = bundle._session
    feeds = [{"input_ids": bundle._encode(text)[0].astype(np.int64)} for text in texts]
    rate(bundle.score_timed, texts, 1)
    whole, whole_ms = rate(bundle.score_timed, texts, seconds)
    bare, bare_ms = rate(lambda feed: session.run(None, feed), feeds, seconds)
    found = {
        "bundle": whole,
        "bundle_ms": whole_ms,
        "session": bare,
        "session_ms": bare_ms,
        "openvino": openvino_rate(folder / "float32.onnx", round(chosen["mean_tokens"]), seconds),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
