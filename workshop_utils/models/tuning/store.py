"""The MLflow store of the course: an SQLite file under ``WORKSHOP_HOME``, or a server; lesson 07.

``MLFLOW_TRACKING_URI`` names a server or another file. Nothing is sent anywhere else.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_path, locked
from workshop_utils.paths import home
from workshop_utils.quiet import quiet

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"

#: Seconds to wait for another program that makes the store; on a slow disk that takes half a minute.
_PATIENCE = 180


def tracking_uri() -> str:
    """Address of the MLflow store: ``MLFLOW_TRACKING_URI``, or the course's own SQLite file.

    Raises:
        WorkshopError: the path of ``WORKSHOP_HOME`` holds a sign that has a meaning of its own in an address.
    """
    if server := os.environ.get("MLFLOW_TRACKING_URI"):
        return server
    path = (home() / "mlflow.db").as_posix()
    if found := set(path) & set("?#%"):
        raise WorkshopError(
            f"WORKSHOP_HOME holds {min(found)!r}, which MLflow cannot open; choose another folder."
        )
    home().mkdir(parents=True, exist_ok=True)
    return f"{_SQLITE}{path}"


def client() -> "MlflowClient":
    """MLflow's client for :func:`tracking_uri`, quiet and without telemetry; the store is there and whole.

    Raises:
        WorkshopError: the store cannot be opened, or another program is making it and takes very long.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    uri = tracking_uri()
    path = uri.removeprefix(_SQLITE).partition("?")[0]
    if not uri.startswith(_SQLITE) or not path or path.startswith((":", "file:")):
        return MlflowClient(uri)
    return _open(uri, Path(path))


def _open(uri: str, path: Path) -> "MlflowClient":
    """Create the file if there is none; one program at a time, for two at once would spoil it."""
    from alembic.util import CommandError
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    busy = f"Another program is making {path.name}; wait a minute and run this again."
    with locked(path.with_name(f".{path.name}.lock"), busy, seconds=_PATIENCE), quiet():
        if not path.exists():
            _create(path)
        try:
            if not path.is_file():
                raise MlflowException("no file")
            opened = MlflowClient(uri)
            opened.search_experiments(max_results=1)
        except (MlflowException, SQLAlchemyError, CommandError) as error:
            if "database is locked" in str(error):
                raise WorkshopError(f"Another program keeps {path.name} locked; run this again.") from error
            raise WorkshopError(
                f"The store of trials, {path}, cannot be opened: it was half made, is damaged, or belongs to "
                "another version of MLflow. Rename it and run this again; a new one will be made."
            ) from error
        return opened


def _create(path: Path) -> None:
    """The store gets its name when it is whole, so nobody ever meets half of it."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with atomic_path(path) as draft:
        store = SqlAlchemyStore(f"{_SQLITE}{draft.as_posix()}", (path.parent / "mlruns").as_uri())
        store.engine.dispose()
