"""Is this machine ready for the course? Green and red lines; every red line says what to do."""

import importlib.metadata
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from packaging.requirements import Requirement

from workshop_utils.data.bundled import BUNDLED_SUMS, bundled_file
from workshop_utils.errors import WorkshopError
from workshop_utils.files import read_sums
from workshop_utils.models.transformer.pretrained import packaged_encoder
from workshop_utils.paths import ROOT, home

PYTHON = (3, 11)
DISK_GB = 2.0
MEMORY_GB = 4.0
LOCK = ROOT / "requirements.lock"


class Line(NamedTuple):
    """One finding. ``fix`` is empty when all is well."""

    name: str
    found: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        return not self.fix


def preflight(port: int = 8888) -> Iterator[Line]:
    """Check everything a lesson needs, one line at a time, the quick checks first."""
    yield check_python()
    yield check_packages(LOCK)
    yield check_disk(home())
    yield check_memory()
    yield check_kernel()
    yield check_data()
    yield check_encoder()
    yield check_port(port)


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Line:
    """The one Python that the lock was made for."""
    found = ".".join(map(str, version))
    wanted = ".".join(map(str, PYTHON))
    return Line(
        "Python",
        found,
        "" if version == PYTHON else f"install Python {wanted}, then run `make clean-env lab`",
    )


def check_packages(lock: Path) -> Line:
    """Installed versions against the lock."""
    wrong = []
    wanted = list(locked(lock))
    for requirement in wanted:
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        # local labels such as +cpu tell the build, not the release
        if not requirement.specifier.contains(found.partition("+")[0] if found != "missing" else "0"):
            wrong.append(f"{requirement.name} {found} (lock: {str(requirement.specifier)[2:]})")
    if not wrong:
        return Line("Packages", f"{len(wanted)} as in {lock.name}")
    shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    return Line("Packages", shown, "run `make clean-env lab` to make the environment anew")


def locked(lock: Path) -> Iterator[Requirement]:
    """The lock's requirements that apply to this machine."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def check_disk(folder: Path, needed: float = DISK_GB) -> Line:
    """Free space where the course writes, in GB."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    return Line(
        "Disk",
        f"{free:.1f} GB free",
        "" if free >= needed else f"free {needed:.0f} GB on the disk of {folder}",
    )


def check_memory(needed: float = MEMORY_GB) -> Line:
    """Memory that programs could still take, in GB."""
    free = psutil.virtual_memory().available / 1e9
    return Line(
        "Memory",
        f"{free:.1f} GB available",
        "" if free >= needed else f"close programs until {needed:.0f} GB are free",
    )


def check_kernel() -> Line:
    """Jupyter's kernel must start this very Python."""
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Line("Kernel", "none", "run `python -m ipykernel install --sys-prefix`")
    # Jupyter takes a bare "python" to mean the Python it runs in itself
    program = sys.executable if spec.argv[0].startswith("python") else spec.argv[0]
    same = Path(program).exists() and Path(program).samefile(sys.executable)
    return Line("Kernel", program, "" if same else "run `python -m ipykernel install --sys-prefix`")


def check_data() -> Line:
    """The bundled texts against their checksums."""
    names = read_sums(BUNDLED_SUMS)
    if not names:
        return Line("Data", "no checksums", "bring data/ back with `git checkout data`")
    try:
        for name in names:
            bundled_file(name)
    except WorkshopError as error:
        return Line("Data", "damaged", str(error))
    return Line("Data", f"{len(names)} bundled files, checksums right")


def check_encoder() -> Line:
    """The packaged encoder against its checksum."""
    try:
        packaged_encoder()
    except WorkshopError as error:
        return Line("Encoder", "damaged or missing", str(error))
    return Line("Encoder", "packaged weights, checksum right")


def check_port(port: int) -> Line:
    """Can JupyterLab listen on this port of this machine?"""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return Line(
                "Port",
                f"{port} is taken",
                f"stop the program on port {port}, or run `make lab PORT={port + 1}`",
            )
    return Line("Port", f"{port} is free")
