"""``workshop serve`` as a child of a notebook or a command: started, waited for, and always stopped."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener
from weakref import finalize

from workshop_utils.errors import WorkshopError
from workshop_utils.paths import home as default_home
from workshop_utils.production.service.supervising import OWN_GROUP

_LOOK_SECONDS, _DRAIN_SECONDS, _LAST_WORDS = 0.05, 40.0, 300


class ServiceProcess:
    """A service on a free port of this machine. Use it ``with``, or :meth:`start` and :meth:`stop` it.

    It stops at the end of the block, when its variable is given another value, and when this process ends,
    however that is: the child stops when its standard input closes, which the system does even for a parent
    that is killed. It is in a group of its own, so that an interrupted cell of a notebook does not stop it.

    Args:
        bundle, deployment: the model, or the folder whose pointer names it; exactly one of them.
        home: its ``WORKSHOP_HOME``, where its store and its log lie, whatever ``WORKSHOP_DATABASE_URL`` says;
            None: that of this process, and its database.
        token: for labels; None makes a new one.
        variables: of its environment, beside those of this process.
        options: further ones of ``workshop serve``, such as ``"--store-texts"``.
        seconds: how long it may take to be ready.

    Attributes:
        url: where it answers, such as ``http://127.0.0.1:40123``; a restart keeps it.
        token: as given or made; another one counts from the next start on. process: the child.
        log: the file of what it wrote.
    """

    def __init__(
        self,
        bundle: Path | None = None,
        deployment: Path | None = None,
        home: Path | None = None,
        token: str | None = None,
        variables: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        seconds: float = 120.0,
    ) -> None:
        folder = bundle or deployment
        if folder is None or (bundle and deployment):
            raise WorkshopError("Name one model for the service: a bundle, or a deployment.")
        self._model = ["--bundle" if bundle else "--deployment", str(Path(folder).resolve())]
        self._options, self._seconds, self._port = list(options), seconds, 0
        self.token = token or secrets.token_urlsafe(16)
        self._environment = dict(os.environ)
        if home:
            self._environment["WORKSHOP_HOME"] = str(Path(home).resolve())
            self._environment.pop("WORKSHOP_DATABASE_URL", None)
        self._environment |= variables or {}
        self.log = Path(home or default_home()).resolve() / "service.log"
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._end: finalize[..., Self] | None = None

    def start(self) -> Self:
        """Start it and wait until it can classify texts; where it runs, nothing happens.

        Raises:
            WorkshopError: it ended, or was not ready in time; the message holds its last words.
        """
        if self.process is not None and self.process.poll() is None:
            return self
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if "--supervise" in self._options and not self._port:
            self._port = _free_port()  # the service that follows one that died must have the same address
        command = [sys.executable, "-u", "-m", "workshop_utils", "serve", *self._model, *self._options]
        command += ["--port", str(self._port), "--until-stdin-closes"]
        environment = self._environment | {"WORKSHOP_TOKEN": self.token}
        try:
            with self.log.open("ab") as log:
                began = log.tell()
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, **OWN_GROUP
                )
            self._end = finalize(self, _end, self.process)  # when nobody holds it any more, and at exit
            self._wait(self.process, began)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Let it answer what is in flight and end; it is killed when that takes too long."""
        if self._end is not None:
            self._end()

    def restart(self) -> None:
        """Stop it and start it anew, on the same port."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait(self, child: "subprocess.Popen[bytes]", began: int) -> None:
        end = time.monotonic() + self._seconds
        while reason := self._reason_against(self._told(began)):
            if child.poll() is not None:
                raise WorkshopError(f"The service ended before it was ready: {self._last_words(began)}")
            if time.monotonic() > end:
                raise WorkshopError(f"The service was not ready after {self._seconds:.0f} s: {reason}")
            time.sleep(_LOOK_SECONDS)

    def _reason_against(self, told: str) -> str | None:
        """Why it is not ready; None when /readyz says that it is."""
        if not (address := re.search(r"answers\s+at\s+(http://\S+:(\d+));", told)):
            return f"it has not said where it answers; see {self.log}"
        self.url, self._port = address[1], int(address[2])
        try:
            build_opener(ProxyHandler({})).open(f"{self.url}/readyz", timeout=10).close()
        except HTTPError as error:
            with error:
                return str(json.load(error)["detail"])
        except (OSError, HTTPException) as error:
            return f"{type(error).__name__} from {self.url}/readyz"
        return None

    def _told(self, began: int) -> str:
        return self.log.read_bytes()[began:].decode("utf-8", "replace")

    def _last_words(self, began: int) -> str:
        """The sentence for people, not the lines of JSON before it."""
        lines = [line for line in self._told(began).splitlines() if line.strip() and line[0] != "{"]
        return " ".join(lines)[-_LAST_WORDS:] or f"it said nothing; see {self.log}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _end(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None
    try:
        child.stdin.close()  # asks it to drain, on every system
        child.wait(_DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        child.kill()
        child.wait()
