"""The TypeScript client as a project: its packages by npm, its types by a service, its programs by Node."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.serving import Client
from workshop_utils.files import replace_folder
from workshop_utils.paths import ROOT

CLIENT = ROOT / "clients" / "typescript"
_PROJECT = ["package.json", "package-lock.json", ".npmrc", "tsconfig.json"]
_OLDEST = 20


class NodeProject:
    """A copy of clients/typescript in ``folder``, its packages in a folder above."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sources = folder, folder / "src"
        for name in _PROJECT:
            shutil.copy(CLIENT / name, folder)
        shutil.copytree(CLIENT / "src", self.sources, ignore=shutil.ignore_patterns("api.ts"))

    def npm(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of package.json, as the client's page says it."""
        return _run("npm", "run", "--silent", *arguments, folder=self.folder, **environment)

    def node(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a compiled program."""
        return _run("node", *arguments, folder=self.folder, **environment)

    def take_types(self, service: Client) -> None:
        """Write src/api.ts for the model of this service."""
        told = self.npm("types", "--", f"{service.address}/openapi.json")
        assert told.returncode == 0, told.stderr


@contextmanager
def node_project() -> Iterator[NodeProject]:
    """A project of one's own; it is gone when the block ends.

    Where Node or the package registry cannot be had the test is skipped, except in CI.
    """
    with tempfile.TemporaryDirectory(dir=_packages(), prefix="project-") as folder:
        yield NodeProject(Path(folder))


def _packages() -> Path:
    """A folder that holds the client's packages; made once for each lock. Node looks for them upwards."""
    found = _run("node", "--version", folder=ROOT) if shutil.which("npm") and shutil.which("node") else None
    if found is None or int(found.stdout.strip().removeprefix("v").split(".")[0]) < _OLDEST:
        _cannot_run(f"no Node {_OLDEST} or newer with npm on this machine; .ci/run installs it")
    lock = hashlib.sha256((CLIENT / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = ROOT / "build" / "typescript" / lock
    return folder if folder.exists() else replace_folder(folder, _install)


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(CLIENT / name, folder)
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    told = _run("npm", "ci", *quiet, folder=folder, npm_config_fetch_retries="1")
    if told.returncode:
        _cannot_run(f"the packages of the TypeScript client cannot be had: {told.stderr.strip()}")


def _run(program: str, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = shutil.which(program)  # npm is a script on Windows
    assert path is not None
    return subprocess.run(
        [path, *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
    )


def _cannot_run(reason: str) -> NoReturn:
    if os.environ.get("REQUIRE_NODE"):
        pytest.fail(reason)
    pytest.skip(reason)
