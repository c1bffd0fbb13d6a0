"""What the tests share: a home of their own, lesson sources as cells, the original corpora where they are."""

import os
from pathlib import Path

import jupytext
import pytest
from threadpoolctl import threadpool_limits

from tests.postgres import postgres_server
from tests.tiny import LABELS, tiny_encoder
from workshop_utils.course.syllabus import lesson_source, load_course
from workshop_utils.models.transformer.classifier import new_classifier
from workshop_utils.production.store import open_store

#: As the lessons set them before they import Keras: quiet, and the same rounding on every processor.
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}

COURSE = load_course()

#: Minutes each: they begin first, so that no process has one of them left when the other has nothing to do.
LONGEST = ["test_lessons", "test_own_lessons", "test_airflow", "test_game_day", "test_loop", "test_train"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in the random order that they have."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def one_thread_for_small_matrices():
    """On small tables the threads of BLAS wait for each other: fits take two to five times as long."""
    import scipy.linalg  # noqa: F401 - brings its own BLAS, which must be there to be told

    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A fresh ``WORKSHOP_HOME``."""
    folder = tmp_path / "home"
    monkeypatch.setenv("WORKSHOP_HOME", str(folder))
    return folder


@pytest.fixture
def data_dir(tmp_path, monkeypatch) -> Path:
    """A fresh, empty ``WORKSHOP_DATA_DIR``."""
    folder = tmp_path / "corpora"
    folder.mkdir()
    monkeypatch.setenv("WORKSHOP_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def corpora() -> Path:
    """The folder of original corpora; tests on them are skipped, with this reason, where there is none."""
    folder = os.environ.get("WORKSHOP_DATA_DIR")
    if not folder:
        pytest.skip("no original corpora: set WORKSHOP_DATA_DIR to a folder that holds them")
    return Path(folder)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> str:
    """The folder of a DistilBERT of a few weights."""
    return tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder")


@pytest.fixture
def classifier(encoder):
    """That encoder with an untrained classification layer; reads at most 32 ids."""
    return new_classifier(LABELS, encoder, max_length=32)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server, shared by all tests; each makes a database of its own there."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path) -> str:
    """The address of an empty store, once in SQLite and once in PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return request.getfixturevalue("postgres").emptied()


@pytest.fixture
def store(store_url):
    """An empty store, in both databases."""
    opened = open_store(store_url)
    yield opened
    opened.close()


def lesson_cells(lesson):
    """The cells of a lesson's source."""
    return jupytext.reads(lesson_source(lesson).read_text(encoding="utf-8"), fmt="py:percent").cells
