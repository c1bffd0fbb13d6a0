"""Where things live. Every path of the project is asked for here."""

import os
from pathlib import Path

#: The project's root: the folder that holds ``course.toml`` and this package.
ROOT = Path(__file__).resolve().parents[1]

#: The texts that the course ships.
BUNDLED = ROOT / "data"


def corpora_dir() -> Path:
    """Folder of the original corpora: ``WORKSHOP_DATA_DIR``, by default ``data/full``."""
    return _from_environment("WORKSHOP_DATA_DIR", BUNDLED / "full")


def home() -> Path:
    """Folder for everything the course makes: ``WORKSHOP_HOME``, by default ``build``."""
    return _from_environment("WORKSHOP_HOME", ROOT / "build")


def model_folder(name: str) -> Path:
    """Where a lesson's learned model lives: ``models/<name>`` under ``WORKSHOP_HOME``."""
    return home() / "models" / name


def _from_environment(variable: str, default: Path) -> Path:
    """Relative values count from the project's root, so that notebooks and commands agree."""
    value = os.environ.get(variable)
    return ROOT / Path(value).expanduser() if value else default


def shown(path: Path) -> str:
    """The path as people should read it: relative to the project where that is possible."""
    try:
        return path.resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return str(path)
