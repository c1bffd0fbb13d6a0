"""The registry shows a deployment's versions in MLflow, follows its pointers, and is never in the way."""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.bundles import tfidf_of
from workshop_utils.cli import app
from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256
from workshop_utils.models.tuning.store import client
from workshop_utils.paths import ROOT
from workshop_utils.production.deployment import (
    Lineage,
    Told,
    clear_pointer,
    live_pointers,
    promote,
    roll_back,
    version_folder,
    version_names,
)
from workshop_utils.production.registry import (
    REGISTERED_MODEL,
    mirror_deployment,
    register,
    registered_name,
    registered_versions,
    registry_exists,
    set_alias,
)

TOLD = Told("Änne 😴", "it is better", {"macro_f1": 0.75, "größte Abweichung, %": 1 / 3})
LINEAGE = Lineage(training_data="1" * 64, policy="2" * 64, code_revision="v1.2-3-gabc")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    for name, texts in {"a": ["good", "bad"], "b": ["fine", "sad"]}.items():
        tfidf_of(texts, ["positive", "negative"], folder / name)
    return folder


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """A store without trials and versions: making one takes seconds, copying it none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("WORKSHOP_HOME", str(tmp_path_factory.mktemp("made")))
        client()
        yield Path(os.environ["WORKSHOP_HOME"]) / "mlflow.db"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch, empty_store):
    """A home whose path holds umlauts and blanks, with a store in it."""
    folder = tmp_path / "ein Zuhause für Übungen"
    folder.mkdir()
    monkeypatch.setenv("WORKSHOP_HOME", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_store, folder)
    return folder


@pytest.fixture
def deployment(own_home):
    return own_home / "deployment"


@pytest.fixture
def two_versions(bundles, deployment):
    """The names of a first champion and of the one after it."""
    first = promote(bundles / "a", deployment, TOLD).version
    return first, promote(bundles / "b", deployment, TOLD, lineage=LINEAGE).version


def aliases(model=REGISTERED_MODEL):
    return {entry.version: entry.aliases for entry in registered_versions(model)}


def test_a_version_is_registered_with_its_lineage_its_figures_and_where_it_lies(two_versions, deployment):
    first, second = two_versions
    folder = version_folder(deployment, second)
    number = register(folder, second, LINEAGE, {"macro_f1": 0.75}, parent=first)
    (entry,) = registered_versions()
    assert str(entry.number) == number == "1" and entry.version == second and entry.aliases == ()
    assert entry.source == folder.resolve().as_uri()
    assert entry.card_sha256 == sha256(folder / "bundle.json")
    assert entry.lineage == {**LINEAGE.model_dump(), "parent": first}
    assert entry.figures == {"macro_f1": 0.75}


def test_the_same_version_again_is_the_same_one_with_what_is_known_by_then(two_versions, deployment):
    folder = version_folder(deployment, two_versions[0])
    number = register(folder, two_versions[0])
    assert register(folder, two_versions[0], LINEAGE, {"accuracy": 0.5}) == number
    (entry,) = registered_versions()
    assert entry.lineage["policy"] == LINEAGE.policy and entry.figures == {"accuracy": 0.5}


def test_the_bundle_is_not_copied(two_versions, deployment, own_home):
    mirror_deployment(deployment)
    assert not list(own_home.glob("mlruns/**/model.onnx"))
    assert len(list(own_home.rglob("model.onnx"))) == len(two_versions)


def test_a_program_that_knows_mlflow_finds_the_champions_bundle(two_versions, deployment):
    mirror_deployment(deployment)
    entry = client().get_model_version_by_alias(REGISTERED_MODEL, "champion")
    assert entry.source == version_folder(deployment, two_versions[1]).resolve().as_uri()


def test_aliases_follow_the_pointers_there_and_back(two_versions, bundles, deployment):
    first, second = two_versions
    mirror_deployment(deployment)
    assert aliases() == {first: (), second: ("champion",)}
    promote(bundles / "a", deployment, TOLD, "challenger")
    mirror_deployment(deployment)
    assert aliases() == {first: ("challenger",), second: ("champion",)}
    clear_pointer(deployment, "challenger", TOLD)
    roll_back(deployment, TOLD)
    mirror_deployment(deployment)
    assert aliases() == {first: ("champion",), second: ()}


def test_mirroring_again_changes_nothing(two_versions, deployment):
    mirror_deployment(deployment)
    before = registered_versions()
    mirror_deployment(deployment)
    assert registered_versions() == before and [entry.number for entry in before] == [1, 2]


def test_a_mirror_knows_lineage_figures_and_the_champion_before(two_versions, deployment):
    mirror_deployment(deployment)
    first, second = registered_versions()
    assert first.lineage == {} and second.lineage == {**LINEAGE.model_dump(), "parent": first.version}
    assert second.figures["macro_f1"] == 0.75 and 1 / 3 in second.figures.values(), "whatever a figure's name"


def test_a_deployment_elsewhere_has_a_name_of_its_own(two_versions, bundles, deployment, tmp_path):
    other = tmp_path / "Läden: it's ours"
    promote(bundles / "a", other, TOLD)
    mirror_deployment(deployment)
    mirror_deployment(other)
    assert registered_name(deployment) == REGISTERED_MODEL != registered_name(other)
    assert list(aliases(registered_name(other)).values()) == [("champion",)]
    assert aliases()[two_versions[1]] == ("champion",)


def test_a_deployment_that_was_moved_is_found_where_it_is_now(two_versions, deployment, own_home):
    mirror_deployment(deployment)
    moved = deployment.rename(own_home / "moved")
    mirror_deployment(moved, REGISTERED_MODEL)
    found = {entry.version: entry for entry in registered_versions()}
    assert found.keys() == set(two_versions)
    assert all(entry.source.startswith(moved.resolve().as_uri()) for entry in found.values())
    assert found[two_versions[1]].aliases == ("champion",)


def test_a_damaged_version_is_left_out_and_told(two_versions, deployment, caplog):
    manifest = deployment / "versions" / f"{two_versions[1]}.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("v1.2", "v1.3"), encoding="utf-8")
    mirror_deployment(deployment)
    assert aliases() == {two_versions[0]: ()}, "nobody is called champion in its place"
    assert "is damaged" in caplog.text


def test_an_alias_of_what_is_not_registered_is_refused_and_none_takes_it_away(two_versions, deployment):
    with pytest.raises(WorkshopError, match="is not registered"):
        set_alias("champion", two_versions[0])
    set_alias("champion", None)
    register(version_folder(deployment, two_versions[0]), two_versions[0])
    for _ in range(2):
        set_alias("champion", two_versions[0])
    assert aliases() == {two_versions[0]: ("champion",)}
    for _ in range(2):
        set_alias("champion", None)
    assert aliases() == {two_versions[0]: ()}


def test_what_is_no_bundle_is_not_registered(tmp_path):
    with pytest.raises(WorkshopError, match="There is no bundle in"):
        register(tmp_path, "0001-3f2a9c01b7de")


def test_where_there_is_no_store_one_is_made(own_home, two_versions, deployment):
    (own_home / "mlflow.db").unlink()
    assert not registry_exists()
    mirror_deployment(deployment)
    assert registry_exists() and len(registered_versions()) == 2


def test_two_programs_at_once_register_a_version_once(two_versions, deployment):
    code = "import sys; from workshop_utils.production.registry import *; mirror_deployment(sys.argv[1])"
    running = [subprocess.Popen([sys.executable, "-c", code, deployment], cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert [entry.number for entry in registered_versions()] == [1, 2]


def lock_of(database: Path) -> sqlite3.Connection:
    other = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_a_store_that_another_program_writes_to_is_waited_for(own_home, two_versions, deployment):
    other = lock_of(own_home / "mlflow.db")
    release = threading.Timer(1, other.rollback)
    release.start()
    mirror_deployment(deployment)
    release.join()
    other.close()
    assert len(registered_versions()) == 2


@pytest.mark.slow
def test_a_store_that_stays_locked_is_told_in_one_sentence(own_home, two_versions, deployment):
    other = lock_of(own_home / "mlflow.db")
    with pytest.raises(WorkshopError) as told:
        mirror_deployment(deployment)
    other.close()
    assert "locked" in str(told.value) and "\n" not in str(told.value) and "damaged" not in str(told.value)


def test_without_mlflow_the_sentence_says_what_brings_it(two_versions, deployment, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", None)
    with pytest.raises(WorkshopError, match=re.escape("'.[train]'")):
        mirror_deployment(deployment)


@pytest.fixture
def server_that_is_down(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"


def test_a_server_that_is_down_is_told_in_one_sentence_without_its_password(
    server_that_is_down, two_versions, deployment
):
    with pytest.raises(WorkshopError, match="nobody answers there") as told:
        mirror_deployment(deployment)
    assert server_that_is_down in str(told.value) and "secret" not in str(told.value)


def workshop(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_promote_and_rollback_let_the_registry_follow(bundles, deployment):
    assert workshop("promote", bundles / "a").exit_code == 0
    assert workshop("promote", bundles / "b").exit_code == 0
    first, second = version_names(deployment)
    assert aliases() == {first: (), second: ("champion",)}
    assert workshop("rollback").exit_code == 0
    assert aliases() == {first: ("champion",), second: ()}
    assert workshop("promote", bundles / "b", "--challenger").exit_code == 0
    assert aliases() == {first: ("champion",), second: ("challenger",)}
    assert workshop("promote", "--no-challenger").exit_code == 0
    assert aliases() == {first: ("champion",), second: ()}


def test_promote_goes_on_when_the_registry_is_down_and_the_next_one_completes_it(
    bundles, deployment, server_that_is_down, monkeypatch
):
    told = workshop("promote", bundles / "a")
    assert told.exit_code == 0 and "nobody answers there" in told.output
    assert live_pointers(deployment)["current"] == version_names(deployment)[0]
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert workshop("promote", bundles / "a").exit_code == 3, "all was so already"
    assert list(aliases().values()) == [("champion",)]


def test_promote_makes_no_registry_where_nobody_has_one(bundles, own_home):
    (own_home / "mlflow.db").unlink()
    assert workshop("promote", bundles / "a").exit_code == 0
    assert not (own_home / "mlflow.db").exists()


def test_the_command_registers_what_is_there_and_shows_it(bundles, own_home):
    (own_home / "mlflow.db").unlink()
    assert workshop("registry").exit_code == 3
    assert workshop("promote", bundles / "a", "--code-revision", "v1.2-3-gabc").exit_code == 0
    told = workshop("registry")
    assert told.exit_code == 0 and REGISTERED_MODEL in told.output
    (version,) = version_names(own_home / "deployment")
    line = next(line for line in told.output.splitlines() if version in line)
    assert "champion" in line and "v1.2-3-gabc" in line


def test_the_command_says_what_it_needs(monkeypatch):
    monkeypatch.setattr("workshop_utils.cli.extras.find_spec", lambda name: None)
    told = workshop("registry")
    assert told.exit_code == 1 and "needs mlflow" in str(told.exception)
