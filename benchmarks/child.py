"""Measure in a process of its own: memory, threads and kernels of one run do not touch the next."""

import subprocess
import sys

from workshop_utils.data.paths import ROOT


def last_line(module: str, *arguments: str) -> str:
    """The last line that ``python -m module`` prints; where it fails, its error ends this program."""
    command = [sys.executable, "-m", module, *arguments]
    told = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)
    if told.returncode:
        raise SystemExit(told.stderr[-2000:])
    return told.stdout.splitlines()[-1]
