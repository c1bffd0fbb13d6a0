"""The whole comparison: servers, rounds, overload, page."""

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.runtimes.__main__ import processor
from benchmarks.runtimes.rivals import install_openvino
from benchmarks.service import __doc__ as usage
from benchmarks.service import rivals
from benchmarks.service.measure import QUICK, Plan, one_round, overload
from benchmarks.service.models import write_served
from benchmarks.service.page import page
from workshop_utils.files import atomic_write
from workshop_utils.paths import ROOT

RESULTS = Path(__file__).parents[1] / "results"


def measured(plan: Plan, command: str) -> dict:
    """Everything that the page tells, as JSON."""
    install_openvino()
    rivals.install()
    served = write_served(ROOT / "build" / "service")
    chosen = json.loads((served / "texts.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as scratch:
        rounds = [one_round(number, plan, served, Path(scratch)) for number in range(plan.rounds)]
        flood = overload(plan, served, Path(scratch))
    return {
        "command": command,
        "machine": f"{os.cpu_count()} cores ({processor()})",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": _versions(),
        "texts": len(chosen["texts"]),
        "mean_tokens": chosen["mean_tokens"],
        "rounds": rounds,
        "overload": flood | {"seconds": plan.overload},
    }


def _versions() -> dict[str, str]:
    ours = ("onnxruntime", "tokenizers", "torch", "transformers", "flask", "waitress")
    theirs = dict(package.split("==") for package in rivals.PACKAGES)
    return {"Python": sys.version.split()[0]} | {name: version(name) for name in ours} | theirs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        "python -m benchmarks.service",
        description=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a quick trial that writes nothing")
    quick = parser.parse_args().quick
    result = measured(QUICK if quick else Plan(), "python -m benchmarks.service" + " --quick" * quick)
    text = page(result)
    print(text)
    if not quick:
        atomic_write(RESULTS / "service.json", json.dumps(result, indent=1) + "\n")
        atomic_write(RESULTS / "service.md", text)
