"""What a monitor remembers between two looks, on disk: whole or not at all, and never of another model.

A folder with ``monitor.json``, which names the file of the input monitor beside it and holds the sum of both.
"""

import json
import logging
from hashlib import sha256 as digest
from pathlib import Path
from typing import Any, Final

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write, sha256
from workshop_utils.paths import home
from workshop_utils.production.monitoring.input_monitor import InputMonitor
from workshop_utils.production.monitoring.monitored_model import MonitoredModel
from workshop_utils.production.monitoring.text_monitors import TextMonitors
from workshop_utils.production.policy import Policy

_log = logging.getLogger(__name__)

STATE_FILE: Final = "monitor.json"
_FORMAT: Final = "workshop-monitor-1"
#: What a damaged state makes Python, or its reader, say.
_DAMAGED = (
    WorkshopError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    OSError,
    RecursionError,
)
_ANEW = "looking begins anew at the first prediction that the store still holds"


def default_state(version: str) -> Path:
    """Where the state of a model's monitor lies: ``monitoring/<version>`` under ``WORKSHOP_HOME``."""
    return home() / "monitoring" / version


def load_text_monitors(folder: Path, model: MonitoredModel, policy: Policy) -> tuple[TextMonitors, str]:
    """The monitors as they were saved, and a sentence where they had to begin anew.

    They begin anew where there is no state (without a sentence), where it is damaged, and where the policy or
    the bundle is another one.

    Raises:
        OSError: the state cannot be read, for lack of a right.
    """
    fresh = TextMonitors(model, policy)
    try:
        content = (folder / STATE_FILE).read_bytes()
    except FileNotFoundError:
        return fresh, ""
    try:
        told = _verified(content)
        if told["settings"] != _settings(model, policy):
            return fresh, f"The policy or the bundle is another one than last time: {_ANEW}."
        inputs = None
        if model.reference is not None:
            path = folder / told["inputs"]
            if Path(told["inputs"]).name != told["inputs"] or sha256(path) != told["inputs_sha256"]:
                raise ValueError("the input monitor's file is another one")
            inputs = InputMonitor.load(path, model.reference, policy.inputs.run_length)
        fresh.restore(told["monitors"], inputs)
    except _DAMAGED as error:
        _log.info("The monitor's state in %s is not used.", folder.name, exc_info=error)
        return TextMonitors(model, policy), f"The monitor's state was damaged: {_ANEW}."
    return fresh, ""


def save_text_monitors(folder: Path, monitors: TextMonitors, model: MonitoredModel, policy: Policy) -> None:
    """Write the state. Killed anywhere, the old state or the new one is in its place.

    Raises:
        OSError: no room, no right to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = None
    if monitors.inputs is not None:
        name = monitors.inputs.save(folder / f"inputs-{monitors.last}.npz").name
    told = {
        "format": _FORMAT,
        "settings": _settings(model, policy),
        "inputs": name,
        "inputs_sha256": None if name is None else sha256(folder / name),
        "monitors": monitors.to_json(),
    }
    atomic_write(folder / STATE_FILE, json.dumps(told | {"sum": _sum(told)}, ensure_ascii=True))
    for path in folder.glob("inputs-*.npz"):
        if path.name != name:
            path.unlink()


def _verified(content: bytes) -> dict[str, Any]:
    told = json.loads(content)
    if told.pop("sum") != _sum(told) or told["format"] != _FORMAT:
        raise ValueError("it is not what was written")
    return told


def _sum(told: dict[str, Any]) -> str:
    return digest(json.dumps(told, sort_keys=True).encode("utf-8")).hexdigest()


def _settings(model: MonitoredModel, policy: Policy) -> dict[str, Any]:
    """All that the monitors of texts depend on; what labels say is judged anew each time."""
    return {
        "version": model.version,
        "reference": None if model.reference is None else model.reference.fingerprint,
        "inputs": policy.inputs.model_dump(mode="json"),
        "operations": policy.operations.model_dump(mode="json"),
    }
