"""Files that a command will write: a name that cannot be is refused before anything begins, not after."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

from workshop_utils.errors import WorkshopError


def refuse_outputs(paths: Sequence[Path], table: Path | None = None) -> None:
    """May reports have these names? Nothing is made.

    Args:
        paths: one file, or those of ``--json`` and ``--html``.
        table: that is read and must stay.

    Raises:
        WorkshopError: one is a folder, a device or the table, or two are the same file.
    """
    from workshop_utils.files import refuse_devices, same_file

    for path in paths:
        refuse_devices(path)
        if path.is_dir():
            raise WorkshopError(f"{path} is a folder; name a file.")
        if table is not None and same_file(path, table):
            raise WorkshopError(f"The report would replace the table {table}; give it another name.")
    if len({path.resolve() for path in paths}) < len(paths):
        raise WorkshopError(f"--json and --html name the same file {paths[0]}; name two.")


def make_output_folders(paths: Sequence[Path]) -> None:
    """Make the folders of files that come minutes later, and see that they can be written to.

    Raises:
        OSError: they cannot.
    """
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
