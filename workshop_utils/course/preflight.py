"""Is this machine ready for the course? Red lines stop it, yellow ones slow it; each says what to do."""

import os
import platform
import shutil
import socket
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import psutil
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from packaging.specifiers import SpecifierSet

from workshop_utils.course.folders import prepare_folder
from workshop_utils.course.packages import LOCK, check_lock
from workshop_utils.data.bundled import BUNDLED_SUMS, bundled_file, how_to_restore
from workshop_utils.errors import WorkshopError
from workshop_utils.files import read_sums
from workshop_utils.models.transformer.pretrained import packaged_encoder
from workshop_utils.paths import ROOT, home, shown

__all__ = ["LOCK", "Line", "Severity", "preflight"]

DISK_GB = 2.0
MEMORY_GB = 4.0
MACOS = 14

Severity = Literal["green", "yellow", "red"]


class Line(NamedTuple):
    """One finding.

    Attributes:
        name: what was looked at.
        found: what it is like.
        fix: what to do about it; empty when all is well.
        advice: the course works without the fix, only worse.
    """

    name: str
    found: str
    fix: str = ""
    advice: bool = False

    @property
    def severity(self) -> Severity:
        """Green: all is well; yellow: the course works, perhaps slowly; red: it does not."""
        if not self.fix:
            return "green"
        return "yellow" if self.advice else "red"

    @property
    def ok(self) -> bool:
        """The course works as far as this line goes."""
        return self.severity != "red"


def preflight(port: int = 8888) -> Iterator[Line]:
    """Check everything a lesson needs, one line at a time, the quick checks first.

    Args:
        port: the port that JupyterLab is to listen on.
    """
    yield check_system()
    yield check_python()
    yield check_packages(LOCK)
    yield check_folders(home(), ROOT / "notebooks")
    yield check_disk(home())
    yield check_memory()
    yield check_user()
    yield check_kernel()
    yield check_data()
    yield check_packaged_encoder()
    yield check_port(port)


def check_system(
    system: str = sys.platform, machine: str = platform.machine(), release: str = platform.mac_ver()[0]
) -> Line:
    """Systems that PyTorch and TensorFlow are not built for.

    Args:
        system: as ``sys.platform`` says it.
        machine: as ``platform.machine`` says it.
        release: of macOS, such as ``14.5``; empty elsewhere.
    """
    if system != "darwin":
        return Line("System", f"{system}, {machine}")
    found = f"macOS {release}, {machine}"
    if machine == "x86_64":
        return Line(
            "System",
            found,
            "PyTorch and TensorFlow are no longer built for Macs with an Intel processor: use Docker, as the "
            "README says, or on Apple silicon a Python for arm64",
        )
    if int(release.partition(".")[0] or MACOS) < MACOS:
        return Line(
            "System",
            found,
            f"PyTorch needs macOS {MACOS}: update the system, or use Docker, as the README says",
        )
    return Line("System", found)


def check_python(
    version: tuple[int, int] = sys.version_info[:2], project: Path = ROOT / "pyproject.toml"
) -> Line:
    """The Pythons that ``requires-python`` names.

    Args:
        version: of this Python, major and minor.
        project: the file that holds ``requires-python``.
    """
    found = ".".join(map(str, version))
    wanted = SpecifierSet(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["requires-python"])
    if wanted.contains(found):
        return Line("Python", found)
    *others, last = [f"3.{minor}" for minor in range(100) if wanted.contains(f"3.{minor}")]
    names = f"{', '.join(others)} or {last}" if others else last
    return Line("Python", found, f"install Python {names}, then run `make clean-env lab`")


def check_packages(lock: Path, project: str = "workshop-utils", extra: str = "course") -> Line:
    """What the course needs is installed, in the versions of the lock; nothing else of the lock need be.

    Args:
        lock: the file of exact versions.
        project: the distribution that is installed.
        extra: which of its extras participants need.
    """
    right, wrong = check_lock(lock, project, extra)
    if not wrong:
        return Line("Packages", f"{right} as in {lock.name}")
    few = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    return Line("Packages", few, "run `make clean-env lab` to make the environment anew")


def check_folders(*folders: Path) -> Line:
    """Folders that the course writes to.

    Args:
        *folders: they are made where they are missing.
    """
    for folder in folders:
        try:
            prepare_folder(folder)
        except WorkshopError as error:
            return Line("Folders", f"{shown(folder)} is read-only", str(error).rstrip("."))
    return Line("Folders", f"{' and '.join(map(shown, folders))} can be written")


def check_disk(folder: Path, needed: float = DISK_GB) -> Line:
    """Free space where the course writes.

    Args:
        folder: where; it need not exist yet.
        needed: GB.
    """
    for place in (folder, *folder.parents):
        try:
            free = shutil.disk_usage(place).free / 1e9
        except OSError:  # not there yet, or closed to us
            continue
        fix = "" if free >= needed else f"free {needed:.0f} GB on the disk of {place}"
        return Line("Disk", f"{free:.1f} GB free", fix)
    return Line("Disk", f"{folder} cannot be reached", "name another folder in WORKSHOP_HOME")


def check_memory(needed: float = MEMORY_GB) -> Line:
    """Memory that programs could still take; little of it is slow, and only perhaps too little.

    Args:
        needed: GB.
    """
    free = psutil.virtual_memory().available / 1e9
    fix = "" if free >= needed else f"close programs until {needed:.0f} GB are free, or lessons may be slow"
    return Line("Memory", f"{free:.1f} GB available", fix, advice=True)


def check_user() -> Line:
    """JupyterLab refuses to run as root unless it is asked to; ``make lab`` hands its options on to us."""
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return Line("User", "not root")
    if "--allow-root" in os.environ.get("LAB_OPTIONS", "").split():
        return Line("User", "root, and JupyterLab is told so")
    return Line(
        "User",
        "root, as whom JupyterLab does not start",
        "start it as another user, or by `make lab LAB_OPTIONS=--allow-root`",
    )


def check_kernel() -> Line:
    """Jupyter's kernel must start this very Python."""
    fix = "run `python -m ipykernel install --sys-prefix`"
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Line("Kernel", "none", fix)
    # Jupyter takes a bare "python" to mean the Python it runs in itself
    program = sys.executable if spec.argv[0].startswith("python") else spec.argv[0]
    same = Path(program).exists() and Path(program).samefile(sys.executable)
    return Line("Kernel", program, "" if same else fix)


def check_data() -> Line:
    """The bundled texts against their checksums."""
    names = read_sums(BUNDLED_SUMS)
    if not names:
        return Line("Data", f"{shown(BUNDLED_SUMS)} is missing or empty", how_to_restore(BUNDLED_SUMS))
    try:
        for name in names:
            bundled_file(name)
    except WorkshopError as error:
        return Line("Data", "damaged", str(error))
    return Line("Data", f"{len(names)} bundled files, checksums right")


def check_packaged_encoder() -> Line:
    """The packaged encoder against its checksum."""
    try:
        packaged_encoder()
    except WorkshopError as error:
        return Line("Encoder", "damaged or missing", str(error))
    return Line("Encoder", "packaged weights, checksum right")


def check_port(port: int) -> Line:
    """Can JupyterLab listen on this port of this machine?

    Args:
        port: its number; 0 means any.
    """
    # On Windows, SO_REUSEADDR would let us share a port that somebody listens on.
    option = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return Line(
                "Port",
                f"{port} is taken",
                f"stop the program on port {port}, or run `make lab PORT={port + 1}`",
            )
    return Line("Port", f"{port} is free")
