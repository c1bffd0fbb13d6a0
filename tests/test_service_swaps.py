"""A deployment's pointer is followed without losing a request, and a bad model never answers."""

import gc
import json
import sqlite3
import threading
import time
import weakref
from collections import Counter
from contextlib import closing

import pytest

from tests.bundles import tfidf_bundle
from tests.serving import BEARER, Client, SlowModel, add_version, point, running, short_limits, vouch
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.deployment import pointed_version, version_folder
from workshop_utils.production.service.loading import LoadedModel, load_tried
from workshop_utils.production.store import Recorder, open_store


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two good bundles with the same labels."""
    folder = tmp_path_factory.mktemp("models")
    return tfidf_bundle(folder / "a"), tfidf_bundle(folder / "b", ngram_range=(1, 2))


@pytest.fixture
def deployment(models, tmp_path):
    folder = tmp_path / "deployment"
    for name, model in zip(("v1", "v2"), models, strict=True):
        add_version(folder, name, model)
    return folder


def change_card(folder, **values):
    card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    (folder / "bundle.json").write_text(json.dumps(card | values), encoding="utf-8")


def corrupt(folder):
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def truncate(folder):
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])


BAD = {
    "corrupt": corrupt,
    "truncated": truncate,
    "other_labels": lambda folder: change_card(folder, labels=["positive", "negative"]),
    "three_labels": lambda folder: change_card(folder, labels=["a", "b", "c"]),
    "no_tokenizer": lambda folder: (folder / "tokenizer.json").unlink(),
    "a_pickle": lambda folder: (folder / "model.pkl").write_bytes(b"\x80\x04."),
    "no_card": lambda folder: (folder / "bundle.json").unlink(),
}


def waits_for(client: Client, holds):
    """The body of /readyz as soon as ``holds`` is true of it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = client.get("/readyz").json
        if holds(answer):
            return answer
        time.sleep(0.02)
    raise AssertionError(answer)


def serves(version):
    return lambda answer: answer.get("model_version") == version and answer["status"] == "ready"


def test_the_pointer_is_followed(deployment):
    point(deployment, "v1")
    with running(deployment=deployment) as (client, _):
        waits_for(client, serves("v1"))
        assert client.predict("good").json["model_version"] == "v1"
        point(deployment, "v2")
        waits_for(client, serves("v2"))
        assert client.predict("good").json["model_version"] == "v2"
        assert "workshop_model_swaps_total 1.0" in client.get("/metrics").body.decode()


@pytest.mark.fault(19, 36)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_model_is_refused_counted_and_told_and_the_old_one_answers(deployment, bad):
    folder = add_version(deployment, bad, deployment / "versions" / "v2")
    BAD[bad](folder)
    if bad != "no_card":
        vouch(folder)
    point(deployment, "v1")
    with running(deployment=deployment) as (client, _):
        waits_for(client, serves("v1"))
        point(deployment, bad)
        told = waits_for(client, lambda answer: answer.get("load_failures") == 1)
        assert told["model_version"] == "v1" and told["last_failure"]
        assert client.predict("good").json["model_version"] == "v1"
        assert "workshop_model_load_failures_total 1.0" in client.get("/metrics").body.decode()
        point(deployment, "v2")
        assert waits_for(client, serves("v2"))["last_failure"] is None


@pytest.mark.fault(20)
@pytest.mark.parametrize(
    "content", ["nowhere", "", "../versions/v2", "v1\nv2", "\x00", "ä", "a" * 5000, "/etc"]
)
def test_a_pointer_that_names_no_version_is_refused(deployment, content):
    point(deployment, "v1")
    with running(deployment=deployment) as (client, _):
        waits_for(client, serves("v1"))
        (deployment / "current").write_text(content, encoding="utf-8")
        told = waits_for(client, lambda answer: answer.get("load_failures") == 1)
        assert told["model_version"] == "v1" and client.predict("good").status == 200


@pytest.mark.fault(20)
def test_without_a_model_the_service_is_alive_and_not_ready_and_says_why(deployment):
    with running(deployment=deployment) as (client, _):
        told = waits_for(client, lambda answer: "no pointer" in answer.get("detail", ""))
        assert told["status"] == 503
        assert client.get("/livez").status == 200
        for answer in (client.predict("good"), client.get("/model"), client.get("/v2/health/ready")):
            assert answer.status == 503 and answer.headers["Retry-After"]
        assert client.get("/openapi.json").status == client.get("/docs").status == 200
        point(deployment, "v1")
        waits_for(client, serves("v1"))
        assert client.predict("good").status == 200
        assert "class_0_probability" in client.get("/openapi.json").body.decode()


@pytest.mark.fault(20)
@pytest.mark.parametrize("content", ["nowhere", "", "../versions/v2", "\x00", None], ids=repr)
def test_at_the_start_a_pointer_that_names_nothing_leaves_it_alive_not_ready_and_saying_why(
    deployment, content
):
    if content is None:
        (deployment / "current").mkdir()
    else:
        (deployment / "current").write_text(content, encoding="utf-8")
    reasons = ("There is no version nowhere", "holds no name of a version", "is no file")
    with running(deployment=deployment) as (client, _):
        waits_for(client, lambda answer: any(reason in answer["detail"] for reason in reasons))
        assert client.get("/readyz").status == client.predict("good").status == 503
        assert client.get("/livez").status == 200
        if content is None:
            (deployment / "current").rmdir()
        point(deployment, "v1")
        waits_for(client, serves("v1"))


@pytest.mark.fault(20)
def test_a_pointer_that_is_gone_keeps_the_old_model(deployment):
    point(deployment, "v1")
    with running(deployment=deployment) as (client, _):
        waits_for(client, serves("v1"))
        (deployment / "current").unlink()
        told = waits_for(client, lambda answer: answer.get("load_failures") == 1)
        assert told["status"] == "ready" and client.predict("good").status == 200


@pytest.mark.fault(36)
def test_a_link_and_a_path_are_no_version(deployment, tmp_path):
    for name in ("../deployment/versions/v1", "..", ".", "v1/", "none"):
        with pytest.raises(WorkshopError):
            version_folder(deployment, name)
    (deployment / "versions" / "link").symlink_to(deployment / "versions" / "v1")
    with pytest.raises(WorkshopError, match="link"):
        version_folder(deployment, "link")
    assert pointed_version(deployment, "challenger") is None
    (deployment / "challenger").mkdir()
    with pytest.raises(WorkshopError, match="is no file"):
        pointed_version(deployment, "challenger")


@pytest.mark.fault(18)
def test_ten_swaps_and_three_failed_ones_under_load_lose_nothing(deployment):
    """Every answer is the one of exactly the version that it names."""
    for name in ("bad1", "bad2", "bad3"):
        corrupt(add_version(deployment, name, deployment / "versions" / "v2"))
    texts = ["good", "bad", "a wonderful evening", "it broke at once"]
    expected = {
        (name, text): float(shares[0])
        for name in ("v1", "v2")
        for text, shares in zip(
            texts, Bundle.load(deployment / "versions" / name).predict_proba(texts), strict=True
        )
    }
    point(deployment, "v1")
    with running(deployment=deployment, limits=short_limits(stall_seconds=30)) as (client, _):
        waits_for(client, serves("v1"))
        found, failed, stop = Counter(), [], threading.Event()

        def ask():
            while not stop.is_set():
                answer = client.post("/predict/batch", {"text": texts})
                versions = {each["model_version"] for each in answer.json.get("predictions", [])}
                if answer.status != 200 or len(versions) != 1:
                    failed.append(answer)
                    continue
                (version,) = versions
                shares = [each["class_0_probability"] for each in answer.json["predictions"]]
                if shares != [expected[version, text] for text in texts]:
                    failed.append(answer)
                found[version] += 1

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        good = ["v2", "v1"] * 5
        failures = 0
        for turn, version in enumerate(good):
            if turn in (2, 5, 8):
                failures += 1
                point(deployment, f"bad{failures}")
                waits_for(client, lambda answer, count=failures: answer.get("load_failures") == count)
            point(deployment, version)
            waits_for(client, serves(version))
        stop.set()
        for thread in threads:
            thread.join()
        assert not failed and set(found) == {"v1", "v2"}
        assert "workshop_model_swaps_total 10.0" in client.get("/metrics").body.decode()


@pytest.mark.fault(18)
def test_a_model_that_nobody_needs_any_more_is_freed(deployment):
    """Ten swaps take the memory of two models, not of eleven."""
    point(deployment, "v1")
    with running(deployment=deployment) as (client, service):
        waits_for(client, serves("v1"))
        assert client.predict("good").status == 200
        session = weakref.ref(service.slot.model.bundle._session)
        point(deployment, "v2")
        waits_for(client, serves("v2"))

        def freed(_):
            gc.collect()
            return session() is None

        waits_for(client, freed)  # also by threads that have nothing new to do


@pytest.mark.fault(19)
def test_a_model_that_is_slow_unsteady_or_not_finite_is_refused(models, monkeypatch):
    good = load_tried(models[0], None, 1, None, 10.0)
    assert good.version == good.bundle.sha256[:12]
    with pytest.raises(WorkshopError, match="s a text"):
        load_tried(models[0], None, 1, None, 0.0)
    score, calls = LoadedModel.score, iter(range(1000))

    def unsteady(self, text):
        found = score(self, text)
        return found._replace(
            probabilities=(found.probabilities[0] - next(calls) * 1e-6, found.probabilities[1])
        )

    monkeypatch.setattr(LoadedModel, "score", unsteady)
    with pytest.raises(WorkshopError, match="something else than probabilities"):
        load_tried(models[0], None, 1, None, 10.0)
    monkeypatch.undo()

    def not_finite(self, text):
        found = real(self, text)
        found.probabilities[:] = float("nan")
        return found

    real = Bundle.score_timed
    monkeypatch.setattr(Bundle, "score_timed", not_finite)
    with pytest.raises(WorkshopError, match="fails on a smoke text"):
        load_tried(models[0], None, 1, None, 10.0)


# --- a challenger in the shadow


@pytest.mark.parametrize("mode", ["best-effort", "durable"])
def test_a_challenger_scores_the_same_texts_without_answering(deployment, tmp_path, mode):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    point(deployment, "v1")
    point(deployment, "v2", "challenger")
    challenger = Bundle.load(deployment / "versions" / "v2")
    with running(deployment=deployment, prediction_log=Recorder(store, mode)) as (client, _):
        waits_for(client, serves("v1"))
        while client.get("/info").json["challenger_version"] != "v2":
            time.sleep(0.02)
        texts = ["good", "a wonderful evening", "it broke at once"]
        answers = [client.predict(text).json for text in texts]
        assert {answer["model_version"] for answer in answers} == {"v1"}
        label = {"prediction_id": answers[-1]["prediction_id"], "label": "negative"}
        assert client.post("/feedback", label, BEARER).status == 200, (
            "its prediction is found, wherever it waits"
        )
    with closing(sqlite3.connect(tmp_path / "store.db")) as rows:
        found = rows.execute("select shadow_probabilities from predictions order by number").fetchall()
    expected = challenger.predict_proba(texts)
    assert [json.loads(shares) for (shares,) in found] == [
        [float(share) for share in row] for row in expected
    ]


def test_a_challenger_never_keeps_an_answer_waiting(deployment):
    point(deployment, "v1")
    point(deployment, "v2", "challenger")
    with running(deployment=deployment, runs=2) as (client, service):
        waits_for(client, serves("v1"))
        while service.challenger.model is None:
            time.sleep(0.02)
        model = service.challenger.model
        slow = model.bundle = SlowModel(model.bundle)
        assert client.predict("good").status == 200
        slow.entered.acquire()
        assert all(client.predict("good").status == 200 for _ in range(20))
        slow.go.set()


def test_a_bad_challenger_is_told_and_disturbs_nobody(deployment):
    corrupt(deployment / "versions" / "v2")
    point(deployment, "v1")
    point(deployment, "v2", "challenger")
    with running(deployment=deployment) as (client, _):
        waits_for(client, serves("v1"))
        while client.get("/info").json["challenger_failure"] is None:
            time.sleep(0.02)
        assert client.predict("good").status == 200
        assert "workshop_challenger_load_failures_total 1.0" in client.get("/metrics").body.decode()
        (deployment / "challenger").unlink()
        while client.get("/info").json["challenger_failure"] is not None:
            time.sleep(0.02)
