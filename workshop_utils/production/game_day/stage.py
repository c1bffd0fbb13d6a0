"""Where one fault is caused: a champion, a service that answers with it, its store, and the command."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from workshop_utils.errors import WorkshopError
from workshop_utils.production.deployment import Told, promote
from workshop_utils.production.game_day.asking import NoAnswer, ask_json
from workshop_utils.production.game_day.materials import Materials, QuietReviews, write_rows
from workshop_utils.production.service.settings import MAX_TEXTS
from workshop_utils.production.service_process import ServiceProcess

_LOOK_SECONDS, _PATIENCE = 0.05, 120.0
_SEED = 1

_Found = TypeVar("_Found")


class CommandRun(NamedTuple):
    """How a command ended, and what it said to people."""

    code: int
    told: str


class Stage:
    """A deployment, a running service and its store in a folder of their own. Used ``with``.

    Args:
        materials: what all faults use.
        folder: where everything lies.
        options: of ``workshop serve``.

    Attributes:
        champion: the version that answers at first. deployment: the folder. disk: the folder of the store.
        service: the process. reviews: what people write on a quiet day.
        asked: predictions that :meth:`ask` has got.
    """

    def __init__(self, materials: Materials, folder: Path, options: Sequence[str] = ()) -> None:
        self.materials, self.folder = materials, folder
        self.deployment, self.disk = folder / "deployment", folder / "disk"
        self.disk.mkdir(parents=True)
        self.champion = promote(materials.bundle, self.deployment, Told("game day", "the first one")).version
        self.database = f"sqlite:///{(self.disk / 'store.db').resolve().as_posix()}"
        self.service = ServiceProcess(
            deployment=self.deployment,
            home=folder / "home",
            options=["--store-texts", *options],
            variables={"WORKSHOP_DATABASE_URL": self.database},
        )
        self.reviews, self.asked = QuietReviews(materials.quiet, _SEED), 0

    def __enter__(self) -> "Stage":
        self.service.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.service.stop()

    def workshop(self, *arguments: object) -> CommandRun:
        """Run the command on this stage."""
        done = self.start_workshop(*arguments)
        try:
            told, _ = done.communicate(timeout=_PATIENCE)
        except BaseException:
            done.kill()
            done.wait()
            raise
        return CommandRun(done.returncode, told.strip())

    def start_workshop(self, *arguments: object) -> "subprocess.Popen[str]":
        """Begin to run the command; its errors stand between the rest that it says."""
        environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
        environment |= {"PYTHONUTF8": "1", "NO_COLOR": "1", "WORKSHOP_DATABASE_URL": self.database}
        environment["WORKSHOP_HOME"] = str(self.folder / "home")
        return subprocess.Popen(
            [sys.executable, "-m", "workshop_utils", *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def monitor(self, *options: object) -> CommandRun:
        """What `workshop monitor` says of the champion."""
        return self.workshop("monitor", "--deployment", self.deployment, *options)

    def ask(self, texts: Sequence[str]) -> list[str]:
        """Let the service answer these texts; the names of its predictions."""
        names: list[str] = []
        for start in range(0, len(texts), MAX_TEXTS // 2):
            batch = texts[start : start + MAX_TEXTS // 2]
            status, answer = self.post("/predict/batch", {"text": batch})
            if status != 200:
                raise WorkshopError(f"The service answers {status}: {answer.get('detail')}")
            names += [each["prediction_id"] for each in answer["predictions"]]
        self.asked += len(names)
        return names

    def ask_at_once(self, texts: Sequence[str], clients: int) -> int:
        """So many clients ask for one text after the other; how many texts were answered."""
        with ThreadPoolExecutor(clients) as pool:
            answers = pool.map(lambda text: self.post("/predict", {"text": text}), texts)
            return sum(status == 200 for status, _ in answers)

    def label(self, name: str, rows: Sequence[tuple[str, str]], by: str) -> CommandRun:
        """Bring names of predictions and labels as a table."""
        table = write_rows(self.folder / name, ("prediction_id", "label"), rows)
        return self.workshop("feedback", table, "--by", by)

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask the service; status 0 where nobody answers."""
        try:
            return ask_json(self.service.url, path)
        except NoAnswer as error:
            return 0, {"detail": str(error)}

    def post(self, path: str, value: Any, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Post to the service."""
        return ask_json(self.service.url, path, value, token)

    def serves(self, version: str) -> bool:
        """Does this version answer, and was none refused since?"""
        status, answer = self.get("/readyz")
        return status == 200 and answer["model_version"] == version and not answer["last_failure"]

    def log_lines(self) -> list[dict[str, Any]]:
        """What the service has logged."""
        found = []
        for line in self.service.log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # a sentence for people, or half a line
                continue
        return found

    def logged(self, runbook: str) -> str:
        """The first line of the service's log that names this page; empty where there is none."""
        lines = [line for line in self.log_lines() if line.get("runbook") == runbook]
        return json.dumps(lines[0]) if lines else ""

    def until(self, state: Callable[[], _Found | None], what: str, seconds: float = _PATIENCE) -> _Found:
        """Wait for a state, and return what was found then.

        Raises:
            WorkshopError: it was not reached in time.
        """
        end = time.monotonic() + seconds
        while not (found := state()):
            if time.monotonic() > end:
                raise WorkshopError(f"After {seconds:.0f} seconds there was not yet {what}.")
            time.sleep(_LOOK_SECONDS)
        return found
