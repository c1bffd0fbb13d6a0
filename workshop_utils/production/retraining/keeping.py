"""Where a retraining works and what is kept of it, so that a killed one is taken up again.

``WORKSHOP_HOME/retraining/``: ``work-…/`` is the one that runs, ``NUMBER/`` what is kept of decision NUMBER:
its ``verdict.json``, and the bundle of a challenger that was refused.
"""

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from workshop_utils.files import atomic_write
from workshop_utils.paths import home

KEY, VERDICT, CHALLENGER = "key.json", "verdict.json", "bundle"


def retraining_folder() -> Path:
    """Where all retrainings work and are kept."""
    return home() / "retraining"


def work_folder(deployment: Path) -> Path:
    """Where a retraining of this deployment works."""
    return retraining_folder() / f"work-{sha256(str(deployment).encode('utf-8', 'replace')).hexdigest()[:12]}"


def kept_folder(decision: int) -> Path:
    """What is kept of a decision."""
    return retraining_folder() / str(decision)


def key_of(told: Mapping[str, Any]) -> str:
    """SHA-256 of all that a retraining depends on."""
    return sha256(json.dumps(told, sort_keys=True).encode("ascii")).hexdigest()


def begin_work(folder: Path, key: str) -> None:
    """Go on in a folder of the same key, else begin with an empty one."""
    if read_json(folder / KEY).get("key") != key:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / KEY, {"key": key})


def write_json(path: Path, told: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    atomic_write(path, json.dumps(told, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Empty where there is no such file, or a damaged one: then it is made again."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def keep_decision(work: Path, decision: int, with_challenger: bool, most: int) -> None:
    """Keep what people and a replay need, and give up the rest.

    Args:
        work: the folder of the retraining; it is gone afterwards.
        decision: its number.
        with_challenger: keep the bundle, too.
        most: so many kept bundles stay, the newest.
    """
    target = kept_folder(decision)
    target.mkdir(parents=True, exist_ok=True)
    if (work / VERDICT).exists():
        atomic_write(target / VERDICT, (work / VERDICT).read_bytes())
    if with_challenger and (work / CHALLENGER).is_dir() and not (target / CHALLENGER).exists():
        (work / CHALLENGER).rename(target / CHALLENGER)
    for name in (KEY, VERDICT):  # killed from here on, the next run begins with an empty folder
        (work / name).unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    kept = [
        path
        for path in retraining_folder().iterdir()
        if (path / CHALLENGER).is_dir() and path.name.isdecimal()
    ]
    for path in sorted(kept, key=lambda each: int(each.name))[:-most]:
        shutil.rmtree(path / CHALLENGER, ignore_errors=True)
