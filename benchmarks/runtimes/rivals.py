"""The other runtime, outside the course's environment; and both runtimes on a processor without AVX-512."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from workshop_utils.paths import ROOT

RIVALS, NARROW = ROOT / "build" / "rivals", ROOT / "build" / "rivals-avx2"
PACKAGES = ("openvino==2026.4.1", "nncf==3.4.0", "pydot==4.0.1", "networkx==3.6.1")

#: ``xgetbv`` asks the operating system which registers may be used. In a copy of the libraries we put
#: ``mov al, 7; nop`` in its place: SSE and AVX, but not the wide registers of AVX-512. Neither runtime has a
#: switch that holds for all of its kernels.
_ASK, _ANSWER = b"\x0f\x01\xd0", b"\xb0\x07\x90"


def install_packages(folder: Path, packages: Sequence[str], *options: str) -> None:
    """Install into a folder of their own, whole or not at all; nothing where it is there already."""
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}-unfinished")
        command = [sys.executable, "-m", "pip", "install", "--quiet", *options, "--target", str(unfinished)]
        subprocess.run([*command, *packages], check=True)
        unfinished.rename(folder)


def install_openvino() -> None:
    """OpenVINO and NNCF without what they bring along, above all without openvino-telemetry."""
    install_packages(RIVALS, PACKAGES, "--no-deps")


def install() -> None:
    """OpenVINO, NNCF, and copies of both runtimes that know no AVX-512."""
    install_openvino()
    if not NARROW.exists():
        for package in (Path(onnxruntime.__file__).parent, RIVALS / "openvino"):
            shutil.copytree(package, NARROW / package.name)
        changed = sum(map(_narrow, NARROW.rglob("*.so*")))
        print(f"{changed} places in the copies of both runtimes answer that there is no AVX-512")


def path(instructions: str) -> str:
    """``PYTHONPATH`` of a measurement."""
    folders = [RIVALS, ROOT] if instructions == "AVX-512" else [NARROW, RIVALS, ROOT]
    return ":".join(map(str, folders))


def megabytes(folder: Path) -> float:
    """What a folder takes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def _narrow(library: Path) -> int:
    content = library.read_bytes()
    library.write_bytes(content.replace(_ASK, _ANSWER))
    return content.count(_ASK)
