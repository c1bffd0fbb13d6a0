"""`make mlflow` shows the registered versions, and is a server that versions can be registered at."""

import pytest

from tests.bundles import tfidf_of
from tests.environments import MAKE, environment_of, eventually, started
from tests.served import free_port
from tests.serving import Client
from workshop_utils.production.deployment import Told, promote, version_folder
from workshop_utils.production.registry import REGISTERED_MODEL, mirror_deployment, registered_versions

pytestmark = pytest.mark.slow

TOLD = Told("a test", "to see", {"macro_f1": 0.75})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("ein Zuhause für Übungen")
        patch.setenv("WORKSHOP_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture(scope="module")
def version(home):
    """A champion, registered in the file of the course."""
    name = promote(tfidf_of(["good", "bad"], ["positive", "negative"], home / "a"), home / "deployment", TOLD)
    mirror_deployment(home / "deployment")
    return name.version


@pytest.fixture(scope="module")
def pages(home, version, tmp_path_factory):
    environment_of("mlflow")
    port = free_port()
    log = tmp_path_factory.mktemp("mlflow") / "log.txt"
    with started([*MAKE, "mlflow", f"MLFLOW_PORT={port}"], log, WORKSHOP_HOME=str(home)) as group:
        client = Client(f"http://127.0.0.1:{port}")
        eventually(lambda: client.get("/health").status == 200, "MLflow answers", group)
        yield client, group


def test_the_page_lists_the_registered_model_with_its_aliases(pages, version):
    client, _ = pages
    assert b"<title>MLflow</title>" in client.get("/").body
    found = client.get("/api/2.0/mlflow/registered-models/search").json["registered_models"]
    (model,) = [each for each in found if each["name"] == REGISTERED_MODEL]
    assert model["aliases"] == [{"alias": "champion", "version": "1"}]
    versions = client.get("/api/2.0/mlflow/model-versions/search").json["model_versions"]
    (entry,) = [each for each in versions if each["name"] == REGISTERED_MODEL]
    tags = {tag["key"]: tag["value"] for tag in entry["tags"]}
    assert (tags["version"], tags["figure.macro_f1"]) == (version, "0.75")


def test_the_pages_are_for_this_machine_only(pages):
    client, group = pages
    assert {address for address, _ in group.listens_at()} == {"127.0.0.1"}
    assert client.port in {port for _, port in group.listens_at()}


def test_a_version_is_registered_at_a_server_too(pages, version, home, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", pages[0].address)
    other = tmp_path / "elsewhere"
    name = promote(tfidf_of(["fine", "sad"], ["positive", "negative"], tmp_path / "b"), other, TOLD).version
    for _ in range(2):
        mirror_deployment(other)
    (entry,) = registered_versions("elsewhere")
    assert (entry.version, entry.aliases, entry.figures) == (name, ("champion",), TOLD.figures)
    assert entry.source.removeprefix("deployment") == version_folder(other, name).as_uri().removeprefix(
        "file"
    )
