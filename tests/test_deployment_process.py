"""Promotions that are killed, that meet a full disk or each other; and a service that follows them."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.bundles import tfidf_of
from tests.promoters import TOLD
from tests.serving import point, running
from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT
from workshop_utils.production.deployment import (
    open_version,
    pointed_version,
    promote,
    read_history,
    roll_back,
    version_folder,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork and no kill -9")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    for name, texts in {"a": ["good", "bad"], "b": ["fine", "sad"]}.items():
        tfidf_of(texts, ["positive", "negative"], folder / name)
    promote(folder / "a", folder / "only b", TOLD)
    promote(folder / "b", folder / "only b", TOLD)
    return folder


ALL_WAYS = ["first", "next", "challenger", "promote the challenger", "clear", "approve", "rollback"]


@pytest.mark.fault(21)
@posix
@pytest.mark.parametrize(
    ("how", "scenarios"), [("kill", ALL_WAYS), ("torn", ["first"]), ("full", ["wait", "approve"])]
)
def test_at_every_operation_it_may_die_or_fill_the_disk_and_the_champion_is_whole(bundles, how, scenarios):
    command = [sys.executable, "-m", "tests.promoters", str(bundles), how, *scenarios]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    counts = dict(line.split(": ") for line in told.stdout.splitlines())
    assert list(counts) == scenarios and all(int(count) >= 10 for count in counts.values())


class Reader(threading.Thread):
    """Looks at the pointer again and again; each version it finds must be whole."""

    def __init__(self, deployment):
        super().__init__()
        self.deployment, self.found, self.failures, self.stop = deployment, set(), [], threading.Event()

    def run(self):
        while not self.stop.is_set():
            try:
                version = pointed_version(self.deployment)
                if version is not None and version not in self.found:
                    open_version(self.deployment, version)
                self.found.add(version and version_folder(self.deployment, version).name)
            except BaseException as error:
                self.failures.append(error)
                return
            time.sleep(0.0005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()


HOLDS = """
import sys, time
from pathlib import Path
from workshop_utils.production.deployment import Told, promote
rename = Path.rename
def held(path, target):
    Path(sys.argv[3]).touch()
    while not Path(sys.argv[4]).exists():
        time.sleep(0.01)
    return rename(path, target)
Path.rename = held
promote(sys.argv[1], sys.argv[2], Told("the first"))
"""


@pytest.mark.fault(21)
def test_of_two_promoters_one_wins_and_the_other_says_so(bundles, tmp_path):
    deployment = tmp_path / "dep"
    old = promote(bundles / "a", deployment, TOLD).version
    paths = [bundles / "b", deployment, tmp_path / "held", tmp_path / "go"]
    with (
        Reader(deployment) as reader,
        subprocess.Popen([sys.executable, "-c", HOLDS, *map(str, paths)], cwd=ROOT) as first,
    ):
        while not (tmp_path / "held").exists():
            assert first.poll() is None
            time.sleep(0.01)
        for command in (["promote", str(bundles / "b")], ["rollback"]):
            second = subprocess.run(
                [sys.executable, "-m", "workshop_utils", *command, "--deployment", str(deployment)],
                capture_output=True,
                encoding="utf-8",
            )
            assert second.returncode == 1 and second.stdout == ""
            assert (
                second.stderr.startswith("Somebody else is changing dep") and second.stderr.count("\n") == 1
            )
        assert pointed_version(deployment) == old
        (tmp_path / "go").touch()
        assert first.wait(60) == 0
    assert not reader.failures and reader.found <= {old, pointed_version(deployment)}
    assert [change.by for change in read_history(deployment).changes] == ["a test", "the first"]


MANY = """
import sys
from workshop_utils.errors import WorkshopError
from workshop_utils.production.deployment import Told, promote
done = refused = 0
while done < 6:
    for bundle in sys.argv[2:]:
        try:
            done += promote(bundle, sys.argv[1], Told(sys.argv[0])).changed
        except WorkshopError as error:
            assert str(error).startswith("Somebody else"), error
            refused += 1
"""


@pytest.mark.fault(21)
def test_promoters_in_a_race_leave_a_history_without_a_gap(bundles, tmp_path):
    deployment = tmp_path / "dep"
    command = [sys.executable, "-c", MANY, str(deployment), str(bundles / "a"), str(bundles / "b")]
    with Reader(deployment) as reader:
        promoters = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
        assert [each.wait(120) for each in promoters] == [0, 0]
    assert not reader.failures and len(reader.found - {None}) == 2
    changes = read_history(deployment).changes
    assert [change.previous for change in changes[1:]] == [change.version for change in changes[:-1]]
    assert changes[-1].version == pointed_version(deployment) and len(changes) >= 12
    assert not list(deployment.rglob(".*")), "nothing is left beside"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second file system to write to")
def test_bundle_and_deployment_may_lie_on_different_disks(bundles):
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if Path(folder).stat().st_dev == bundles.stat().st_dev:
            pytest.skip("both folders lie on one file system")
        version = promote(bundles / "a", Path(folder) / "dep", TOLD).version
        assert open_version(Path(folder) / "dep", version)


def test_a_service_follows_promotion_and_rollback_and_refuses_a_damaged_version(bundles, tmp_path):
    deployment = tmp_path / "dep"
    first = promote(bundles / "a", deployment, TOLD).version
    with running(deployment=deployment) as (client, _):

        def answers_with(version):
            deadline = time.monotonic() + 30
            while client.predict("good").json.get("model_version") != version:
                assert time.monotonic() < deadline, client.get("/readyz").json
                time.sleep(0.02)

        answers_with(first)
        second = promote(bundles / "b", deployment, TOLD).version
        answers_with(second)
        assert roll_back(deployment, TOLD).version == first
        answers_with(first)
        manifest = deployment / "versions" / f"{second}.json"
        manifest.write_bytes(manifest.read_bytes().replace(b"null", b"nul1", 1))
        with pytest.raises(WorkshopError, match="manifest"):
            promote(deployment / "versions" / second, deployment, TOLD)
        point(deployment, second)
        while not client.get("/readyz").json.get("load_failures"):
            time.sleep(0.02)
        assert "manifest" in client.get("/readyz").json["last_failure"]
        assert client.predict("good").json["model_version"] == first
