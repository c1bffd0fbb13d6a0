"""Where the course writes, and whether it may."""

from pathlib import Path
from tempfile import TemporaryFile

from workshop_utils.errors import WorkshopError
from workshop_utils.paths import home, shown


def course_dir() -> Path:
    """Where executed notebooks and pages go."""
    return home() / "course"


def prepare_folder(folder: Path) -> Path:
    """Make the folder, be sure that files can be written there, and return it.

    Args:
        folder: any folder.

    Raises:
        WorkshopError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(path: Path, error: OSError) -> WorkshopError:
    """What to say when a file or folder of the course cannot be written.

    Args:
        path: the file or folder.
        error: what the system said.
    """
    return WorkshopError(
        f"{shown(path)} cannot be written ({error.strerror}); "
        "get the right to write there, or name another folder in WORKSHOP_HOME."
    )
