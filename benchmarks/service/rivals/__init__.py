"""The other servers, each as its own documentation shows it, and the environment that they live in."""

import numpy
import onnxruntime
import tokenizers

from benchmarks.runtimes.rivals import install_packages
from workshop_utils.paths import ROOT

FOLDER = ROOT / "build" / "service-rivals"
PACKAGES = ("bentoml==1.4.40", "litserve==0.2.19", "gunicorn==27.0.1", "uvicorn==0.54.0", "fastapi==0.165.0")
_FASTER = ("uvloop==0.23.0", "httptools==0.9.0")  # uvicorn takes them where they are
_SAME = tuple(f"{each.__name__}=={each.__version__}" for each in (numpy, onnxruntime, tokenizers))


def install() -> None:
    """Put the servers and what they need into a folder of their own; the same runtime as ours."""
    install_packages(FOLDER, [*PACKAGES, *_FASTER, *_SAME])


def path() -> str:
    """``PYTHONPATH`` of a rival."""
    return f"{FOLDER}:{ROOT}"
