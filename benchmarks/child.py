"""Measure in a process of its own: memory, threads and kernels of one run do not touch the next."""

import json
import subprocess
import sys
from pathlib import Path

from workshop_utils.paths import ROOT


def last_line(module: str, *arguments: str) -> str:
    """The last line that ``python -m module`` prints; where it fails, its error ends this program."""
    command = [sys.executable, "-m", module, *arguments]
    told = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    if told.returncode:
        raise SystemExit(told.stderr[-2000:])
    return told.stdout.splitlines()[-1]


def measure_into(file: Path, module: str, *arguments: str) -> None:
    """Keep the JSON line that ``python -m module`` ends with as a finished run."""
    line = last_line(module, *arguments)
    with file.open("a", encoding="utf-8") as runs:
        runs.write(line + "\n")
    print(line, flush=True)


def finished_runs(file: Path) -> list[dict]:
    """All runs that :func:`measure_into` has kept; none where there is no file."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
