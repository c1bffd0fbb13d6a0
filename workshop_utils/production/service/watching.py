"""Hot swap: a thread looks at a pointer of the deployment and brings what it names into a slot."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from workshop_utils.errors import WorkshopError
from workshop_utils.production.deployment import PointerName, pointed_version, version_folder
from workshop_utils.production.runbooks import BAD_BUNDLE
from workshop_utils.production.service.loading import LoadedModel, ModelSlot
from workshop_utils.production.service.problems import where_it_failed

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 30.0


class PointerWatch:
    """Watches one pointer until it is closed.

    A version that was refused is tried again every half minute: its files may have been on their way.

    Args:
        deployment: the folder. pointer: which pointer.
        load: from the folder of a version and its name to a model that was tried.
        slot: where the model goes.
        poll_seconds: how often the pointer is looked at.
    """

    def __init__(
        self,
        deployment: Path,
        pointer: PointerName,
        load: Callable[[Path, str], LoadedModel],
        slot: ModelSlot,
        poll_seconds: float,
    ) -> None:
        self._deployment, self._pointer, self._load, self._slot = deployment, pointer, load, slot
        self._poll_seconds = poll_seconds
        self._refused: tuple[str, float] | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"watch-{pointer}", daemon=True)

    def start(self) -> None:
        """Begin to watch, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching; a model that is loading now is not swapped in."""
        self._stop.set()

    def look(self) -> None:
        """Compare the pointer with the slot once, and swap where they differ."""
        version = None
        try:
            version = pointed_version(self._deployment, self._pointer)
            if version is None:
                self._without_pointer()
            elif self._slot.model is None or self._slot.model.version != version:
                self._bring(version)
            else:
                self._refused = None
                self._slot.settled()
        except WorkshopError as error:
            self._refuse(version or str(error), str(error))
        except BaseException as error:  # a panic in Rust is no Exception; this thread must live on
            _log.error("Loading failed: %s", where_it_failed(error))
            self._refuse(version or "?", f"Loading failed with {type(error).__name__}.")

    def _bring(self, version: str) -> None:
        if self._is_refused(version):
            return
        began = time.monotonic()
        model = self._load(version_folder(self._deployment, version), version)
        if not self._stop.is_set():
            self._slot.swap(model)
            self._refused = None
            _log.info(
                "The pointer %s is followed.",
                self._pointer,
                extra={"model_version": version, "seconds": round(time.monotonic() - began, 3)},
            )

    def _without_pointer(self) -> None:
        if self._pointer == "challenger":
            self._slot.swap(None)
        else:
            raise WorkshopError(f"{self._deployment.name} has no pointer current; promote a bundle first.")

    def _refuse(self, what: str, reason: str) -> None:
        if not self._is_refused(what):
            self._refused = (what, time.monotonic())
            self._slot.refused(reason)
            told, runbook = "The pointer %s is not followed: %s", {"runbook": BAD_BUNDLE}
            _log.warning(told, self._pointer, reason, extra=runbook)

    def _is_refused(self, what: str) -> bool:
        refused = self._refused
        return bool(refused and refused[0] == what and time.monotonic() - refused[1] < _RETRY_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self._poll_seconds)
