"""Installed packages against the lock. The lock holds every extra; participants install one of them."""

from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workshop_utils.paths import ROOT

#: Exact versions for every extra, every system and every Python of the course.
LOCK = ROOT / "requirements.lock"


def check_lock(lock: Path, project: str, extra: str) -> tuple[int, list[str]]:
    """What is installed must have the lock's version; what the extra requires must be installed.

    Args:
        lock: the file of exact versions.
        project: the distribution that was installed.
        extra: one of its extras.

    Returns:
        How many packages are right, and what is wrong with each of the others.
    """
    needed = required(project, extra)
    right, wrong = 0, [f"{name} missing" for name in sorted(needed) if _installed(name) is None]
    for requirement in pinned(lock):
        found = _installed(requirement.name)
        if found is None:
            continue
        # local labels such as +cpu tell the build, not the release
        if requirement.specifier.contains(found.version.partition("+")[0], prereleases=True):
            right += 1
        else:
            wrong.append(f"{requirement.name} {found.version} (lock: {str(requirement.specifier)[2:]})")
    return right, wrong


def pinned(lock: Path) -> Iterator[Requirement]:
    """The lock's requirements that apply to this machine.

    Args:
        lock: a file with one requirement a line.
    """
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement


def required(project: str, extra: str) -> set[str]:
    """Names of all packages that the extra asks for on this machine, directly or through others.

    Args:
        project: an installed distribution.
        extra: one of its extras.

    Returns:
        The names in normal form, the project's own among them.
    """
    waiting = [(canonicalize_name(project), ""), (canonicalize_name(project), extra)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, wanted = pair = waiting.pop()
        if pair in seen:
            continue
        seen.add(pair)
        found = _installed(name)
        for line in (found.requires if found else None) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                target = canonicalize_name(requirement.name)
                waiting += [(target, option) for option in ("", *requirement.extras)]
    return {name for name, _ in seen}


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None
