"""The registry: a deployment's versions in MLflow, with aliases, lineage and figures.

The deployment folder decides what is served. The registry is for people and for other programs: it shows
which versions there are, what they were made from and which one is the champion. A version in it names the
folder of its bundle; nothing is copied. It may fall behind, when its server was down, and
:func:`mirror_deployment` completes it.
"""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from workshop_utils.errors import WorkshopError
from workshop_utils.files import locked, sha256
from workshop_utils.models.bundle.card import CARD
from workshop_utils.paths import home
from workshop_utils.production.deployment import (
    Lineage,
    live_pointers,
    read_history,
    read_manifest,
    version_folder,
    version_names,
)
from workshop_utils.quiet import quiet

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

#: The name in MLflow that all versions of the deployment under ``WORKSHOP_HOME`` have in common.
REGISTERED_MODEL = "text-classifier"

RegistryAlias = Literal["champion", "challenger"]

_VERSION, _CARD, _FIGURE = "version", "card_sha256", "figure."
_LINEAGE = ("training_data", "policy", "code_revision", "parent")
_BUSY = "Another program is writing to the registry and takes very long; run this again."
_PATIENCE = 60

#: A server that is down must not hold up a retraining: MLflow by itself would try for four minutes.
_REQUESTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version as the registry knows it.

    Attributes:
        number: MLflow's own. version: its name in the deployment. source: address of its bundle's folder.
        aliases: ``champion``, ``challenger``, both or none. card_sha256: stands for the whole bundle.
        lineage: what is known of ``training_data``, ``policy``, ``code_revision``, and of ``parent``, the
            champion beside which it was judged. figures: the numbers behind it.
    """

    number: int
    version: str
    source: str
    aliases: tuple[str, ...]
    card_sha256: str
    lineage: dict[str, str]
    figures: dict[str, float]


def registry_exists() -> bool:
    """Is MLflow installed, and a server named or a file of its trials and versions there?"""
    named = bool(os.environ.get("MLFLOW_TRACKING_URI")) or (home() / "mlflow.db").exists()
    return named and find_spec("mlflow") is not None


def register(
    bundle_folder: str | Path,
    version: str,
    lineage: Lineage | None = None,
    figures: Mapping[str, float] | None = None,
    parent: str | None = None,
    model: str = REGISTERED_MODEL,
) -> str:
    """Register a version. Again, and it is the same one, with what is known by then.

    Args:
        bundle_folder: where its bundle lies and stays: the version's folder in the deployment.
        version: its name in the deployment.
        lineage: what it was made from.
        figures: numbers behind it, such as those of the gate.
        parent: the champion beside which it was judged.
        model: the name that all versions of this deployment have in common.

    Returns:
        MLflow's number of it.

    Raises:
        WorkshopError: there is no such bundle, MLflow is not installed, or the registry cannot be reached or
            written.
    """
    folder = Path(bundle_folder).resolve()
    tags = _tags(folder, version, lineage, figures, parent)
    with _opened() as client:
        return str(_register(client, model, folder, tags))


def set_alias(alias: RegistryAlias, version: str | None, model: str = REGISTERED_MODEL) -> None:
    """Give the alias to a registered version; None takes it away.

    Raises:
        WorkshopError: the version is not registered, or as for :func:`register`.
    """
    with _opened() as client:
        _set_alias(client, model, alias, version)


def registered_versions(model: str = REGISTERED_MODEL) -> list[RegisteredVersion]:
    """All registered versions, the oldest first; none where nothing was registered.

    Raises:
        WorkshopError: as for :func:`register`.
    """
    with _opened() as client:
        found = _versions(client, model)
        aliases: dict[int, list[str]] = {}
        for alias, number in (_aliases(client, model) if found else {}).items():
            aliases.setdefault(number, []).append(alias)
    return [
        RegisteredVersion(
            number=number,
            version=name,
            source=entry.source,
            aliases=tuple(sorted(aliases.get(number, ()))),
            card_sha256=entry.tags.get(_CARD, ""),
            lineage={key: entry.tags[key] for key in _LINEAGE if key in entry.tags},
            figures={
                key.removeprefix(_FIGURE): float(value)
                for key, value in entry.tags.items()
                if key.startswith(_FIGURE)
            },
        )
        for name, (number, entry) in sorted(found.items(), key=lambda item: item[1][0])
    ]


def registered_name(deployment: str | Path) -> str:
    """The name in MLflow of a deployment's model: that of the folder, for one that lies elsewhere."""
    folder = Path(deployment).resolve()
    if folder == (home() / "deployment").resolve():
        return REGISTERED_MODEL
    return re.sub(r"[/:'\"]", "_", folder.name)


def mirror_deployment(deployment: str | Path, model: str | None = None) -> None:
    """Register each version of a deployment and let the aliases follow its pointers; again changes nothing.

    A version whose manifest is damaged is left out and told by log.

    Args:
        deployment: the folder.
        model: the name that all its versions have in common; by default :func:`registered_name`.

    Raises:
        WorkshopError: as for :func:`register`.
    """
    deployment = Path(deployment).resolve()
    model = model or registered_name(deployment)
    known = [each for name in version_names(deployment) if (each := _known(deployment, name))]
    live = live_pointers(deployment)
    with _opened() as client:
        for folder, tags in known:
            _register(client, model, folder, tags)
        names = {tags[_VERSION] for _, tags in known}
        _set_alias(client, model, "champion", live["current"] if live["current"] in names else None)
        _set_alias(client, model, "challenger", live["challenger"] if live["challenger"] in names else None)


def _known(deployment: Path, version: str) -> tuple[Path, dict[str, str]] | None:
    """A version's folder and all that its manifest and the history say of it; None where it is damaged."""
    folder = version_folder(deployment, version)
    try:
        lineage = read_manifest(folder).lineage
    except WorkshopError as error:
        _log.warning("%s It was not registered.", error)
        return None
    changes = [change for change in read_history(deployment).changes if change.version == version]
    figures = changes[-1].figures if changes else {}
    parent = changes[0].champion if changes else None
    return folder, _tags(folder, version, lineage, figures, parent)


def _tags(
    folder: Path,
    version: str,
    lineage: Lineage | None,
    figures: Mapping[str, float] | None,
    parent: str | None,
) -> dict[str, str]:
    card = folder / CARD
    if not card.is_file():
        raise WorkshopError(f"There is no bundle in {folder.name}; name the folder of a version.")
    made_from = (lineage or Lineage()).model_dump() | {"parent": parent}
    tags = {_VERSION: version, _CARD: sha256(card)}
    tags |= {key: str(value) for key, value in made_from.items() if value is not None}
    return tags | {
        _FIGURE + re.sub(r"[^\w .:/-]", "_", name)[:200]: repr(float(value))
        for name, value in (figures or {}).items()
    }


@contextmanager
def _opened() -> Iterator["MlflowClient"]:
    """MLflow's client, while no other program of ours writes; what goes wrong becomes one sentence."""
    try:
        with quiet():
            from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        from workshop_utils.models.tuning.store import client
    except ImportError as error:
        raise WorkshopError(
            f"The registry needs {error.name}, which is not installed; the deployment goes on without, and "
            "`pip install -c requirements.lock '.[train]'` brings it."
        ) from error
    for name, value in _REQUESTS.items():
        os.environ.setdefault(name, value)
    home().mkdir(parents=True, exist_ok=True)
    try:
        with quiet(), _silenced(), locked(home() / ".registry.lock", _BUSY, _PATIENCE):
            yield client()
    except (MlflowException, SQLAlchemyError) as error:
        raise WorkshopError(
            f"The registry {_address()} was not written: {_reason(error)}; what is served is as the "
            "deployment says, and the next promotion or retraining registers what is missing."
        ) from error


@contextmanager
def _silenced() -> Iterator[None]:
    """MLflow logs the traceback of an error that we tell in one sentence."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _address() -> str:
    """Where the registry is, without a password."""
    parts = urlsplit(os.environ.get("MLFLOW_TRACKING_URI") or "mlflow.db")
    return parts.netloc.rpartition("@")[2] or Path(parts.path).name


def _reason(error: Exception) -> str:
    """The first line of an error, without the address of the request, which may hold a password."""
    first = (str(error).splitlines() or [""])[0]
    if "failed with exception" in first or "failed with timeout" in first:
        return "nobody answers there"
    return re.sub(r"^\([\w.]+\) ", "", first).rstrip(".")[:200]


def _register(client: "MlflowClient", model: str, folder: Path, tags: dict[str, str]) -> int:
    source = _source(folder)
    number, entry = _versions(client, model).get(tags[_VERSION], (0, None))
    if entry is None or entry.source != source:  # new, or its deployment was moved
        _create_model(client, model)
        created = client.create_model_version(model, source, tags=tags, await_creation_for=0)
        return int(created.version)
    for key, value in tags.items():
        if entry.tags.get(key) != value:
            client.set_model_version_tag(model, str(number), key, value)
    return number


def _source(folder: Path) -> str:
    """The address of a bundle. A server refuses the path of a file, which it could not read anyway."""
    from workshop_utils.models.tuning.store import tracking_uri

    address = folder.as_uri()
    at_a_server = tracking_uri().startswith(("http:", "https:"))
    return address.replace("file:", "deployment:", 1) if at_a_server else address


def _create_model(client: "MlflowClient", model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model, description="Versions of a deployment; nothing is copied here.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: "MlflowClient", model: str) -> "dict[str, tuple[int, ModelVersion]]":
    """The number and the entry of each version by its name, the oldest first."""
    found = client.search_model_versions(f"name = '{model}'")
    entries = sorted((entry for entry in found if _VERSION in entry.tags), key=lambda each: int(each.version))
    return {entry.tags[_VERSION]: (int(entry.version), entry) for entry in entries}


def _aliases(client: "MlflowClient", model: str) -> dict[str, int]:
    return {alias: int(number) for alias, number in client.get_registered_model(model).aliases.items()}


def _set_alias(client: "MlflowClient", model: str, alias: RegistryAlias, version: str | None) -> None:
    versions = _versions(client, model)
    if version is not None and version not in versions:
        raise WorkshopError(f"The version {version} is not registered, so it cannot be the {alias}.")
    current = _aliases(client, model).get(alias) if versions else None
    if version is None:
        if current is not None:
            client.delete_registered_model_alias(model, alias)
    elif current != versions[version][0]:
        client.set_registered_model_alias(model, alias, str(versions[version][0]))
