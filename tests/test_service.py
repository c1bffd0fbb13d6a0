"""The service answers texts as its bundle does, and whatever else comes in one clear sentence."""

import gzip
import io
import json
import logging
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bundles import HOSTILE, reviews, tfidf_bundle
from tests.serving import BEARER, JSON, TOKEN, running
from workshop_utils import __version__
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.service.body import parse_json
from workshop_utils.production.service.logs import log_json
from workshop_utils.production.service.problems import Problem
from workshop_utils.production.store import Recorder, open_store

LONE = "\ud800"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("service") / "reviews", ngram_range=(1, 2))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return open_store(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}")


@pytest.fixture(scope="module")
def service(made, store):
    with running(made, Recorder(store)) as (client, _):
        yield client


def problem(answer, status):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status and answer.json["title"] and answer.json["detail"]
    assert "Traceback" not in answer.body.decode() and "/work" not in answer.body.decode()
    return answer.json


def pointers(answer):
    return [each["pointer"] for each in problem(answer, 422)["errors"]]


# --- answers


@pytest.mark.parametrize("text", ["I love this product!", ["I love this product!"]])
def test_one_text_is_answered_with_a_probability_for_each_class(service, made, text):
    answer = service.post("/predict", {"text": text})
    bundle = Bundle.load(made)
    expected = bundle.predict_proba(["I love this product!"])[0]
    assert answer.status == 200
    assert list(answer.json) == [
        *("class_0_probability", "class_1_probability"),
        *("label", "truncated", "model_version", "prediction_id"),
    ]
    assert answer.json["class_0_probability"] == float(expected[0])
    assert answer.json["label"] == bundle.labels[expected.argmax()]
    assert answer.json["model_version"] == bundle.sha256[:12]
    assert answer.json["truncated"] is False


def v2_body(texts):
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]}


def v2_outputs(answer):
    assert answer.status == 200, answer
    return {each["name"]: each for each in answer.json["outputs"]}


@pytest.mark.fault(6)
def test_every_route_gives_the_scores_of_the_bundle_to_the_last_bit(service, made):
    hostile = [text for text in HOSTILE if text.strip() and text != LONE]
    texts = [*hostile, "x" * 20_000, "a\u0301" * 1000, "\u202eabc", "0", *reviews()[0]][:200]
    expected = Bundle.load(made).predict_proba(texts)

    def shares(answer):
        return [answer["class_0_probability"], answer["class_1_probability"]]

    alone = [shares(service.predict(text).json) for text in texts]
    together, v2 = [], []
    for start in range(0, len(texts), 64):
        part = texts[start : start + 64]
        together += map(shares, service.post("/predict/batch", {"text": part}).json["predictions"])
        v2 += v2_outputs(service.post("/v2/models/reviews/infer", v2_body(part)))["probabilities"]["data"]
    for found in (alone, together, np.reshape(v2, (-1, 2))):
        assert (np.asarray(found, dtype=np.float32) == expected).all()


def test_a_batch_keeps_its_order_and_names_one_version(service):
    texts = reviews()[0][:64]
    found = service.post("/predict/batch", {"text": texts}).json["predictions"]
    assert [each["label"] for each in found] == [service.predict(text).json["label"] for text in texts]
    assert len({each["prediction_id"] for each in found}) == 64
    assert len({each["model_version"] for each in found}) == 1


def test_the_v2_route_speaks_its_protocol(service):
    body = v2_body(["good", "bad"]) | {"id": "mine", "outputs": [{"name": "label"}]}
    answer = service.post("/v2/models/reviews/infer", body)
    assert answer.json["id"] == "mine" and answer.json["model_name"] == "reviews"
    assert [each["name"] for each in answer.json["outputs"]] == ["label"]
    full = v2_outputs(service.post("/v2/models/reviews/infer", v2_body(["good", "bad"])))
    assert full["probabilities"]["shape"] == [2, 2] and full["probabilities"]["datatype"] == "FP32"
    assert service.get("/v2/health/live").json == {"live": True}
    assert service.get("/v2/health/ready").json == {"ready": True}
    assert service.get("/v2/models/reviews/ready").json == {"ready": True}
    assert service.get("/v2/models/reviews").json["outputs"][0]["shape"] == [-1, 2]
    assert service.get("/v2").json["version"] == __version__


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v2/models/other/infer", v2_body(["good"]), 404),
        ("/v2/models/reviews/infer", {"inputs": []}, 422),
        ("/v2/models/reviews/infer", {"inputs": [v2_body(["a"])["inputs"][0] | {"shape": [7]}]}, 422),
        ("/v2/models/reviews/infer", {"inputs": [v2_body(["a"])["inputs"][0] | {"datatype": "FP32"}]}, 422),
        ("/v2/nowhere", {}, 404),
    ],
)
def test_the_v2_routes_have_their_protocols_own_errors(service, path, body, status):
    answer = service.post(path, body)
    assert answer.status == status and list(answer.json) == ["error"]
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.fault(7)
def test_a_text_that_is_longer_than_the_model_reads_says_so(tmp_path):
    from workshop_utils.models.bundle.card import CARD

    folder = tfidf_bundle(tmp_path / "short")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(card | {"max_length": 4}), encoding="utf-8")
    with running(folder) as (client, _):
        assert client.predict("a good film").json["truncated"] is False
        assert client.predict("a good film " * 10).json["truncated"] is True
        assert "workshop_truncated_texts_total 1.0" in client.get("/metrics").body.decode()


def test_two_hundred_classes_are_served(tmp_path):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from workshop_utils.models.export.tfidf import export_tfidf

    words = [f"word{number}" for number in range(200)]
    vectorizer = TfidfVectorizer()
    classifier = LogisticRegression(C=100).fit(vectorizer.fit_transform(words * 3), words * 3)
    with running(export_tfidf(vectorizer, classifier, tmp_path / "many classes!")) as (client, _):
        answer = client.predict("word7").json
        assert answer["label"] == "word7" and "class_199_probability" in answer
        schema = client.get("/openapi.json").json["components"]["schemas"]["PredictionAnswer"]
        assert set(schema["required"]) == set(answer) and schema["additionalProperties"] is False
        assert client.get("/v2/models/many-classes").status == 200


# --- what is refused


@pytest.mark.fault(1, 2)
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"no", b"{", b'{"text": "a"', b'{"text": "\xff"}', b'\xef\xbb\xbf{"text": "a"}'),
        *('{"text": "a"}'.encode("utf-16"), b'{"text": NaN}', b'{"text": ' + b"9" * 5000 + b"}"),
        *(b"[" * 50_000, b'{"a":' * 50_000, b"[" * 500_000 + b"]" * 500_000, b'"' + b'\\"' * 400_000),
    ],
    ids=lambda body: f"{body[:12]!r}",
)
def test_what_is_no_json_is_400(service, body):
    problem(service.request("POST", "/predict", body, JSON), 400)


@pytest.mark.fault(2, 3)
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b'{"text": "good", "text": "bad"}', 422, "twice"),
        (b'{"text": "good", "t\\u0065xt": "bad"}', 422, "twice"),
        (b'{"text": ' + b"9" * 5000 + b"}", 400, "digits"),
        (b'{"text": -Infinity}', 400, "-Infinity"),
    ],
)
def test_what_two_readers_might_read_in_two_ways_is_refused_and_says_why(service, body, status, says):
    assert says in problem(service.request("POST", "/predict", body, JSON), status)["detail"]


@pytest.mark.fault(3, 4, 5)
@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({}, ["/text"]),
        (None, ["/text"]),
        ([], [""]),
        ("text", [""]),
        ({"text": None}, ["/text"]),
        ({"text": 5}, ["/text"]),
        ({"text": True}, ["/text"]),
        ({"text": {"a": 1}}, ["/text"]),
        ({"text": []}, ["/text"]),
        ({"text": ["a", "b"]}, ["/text"]),
        ({"text": [["a"]]}, ["/text/0"]),
        ({"text": ""}, ["/text/0"]),
        ({"text": " \t\n\u3000\x00"}, ["/text/0"]),
        ({"text": LONE}, ["/text/0"]),
        ({"text": "a", "texts~/": 1}, ["/texts~0~1"]),
    ],
    ids=repr,
)
def test_what_is_json_but_no_text_is_422_with_a_pointer(service, value, where):
    assert pointers(service.post("/predict", value)) == where


class NeverAsked:
    """Stands in the place of a model."""

    def score_timed(self, text):
        raise AssertionError("the model was asked")


@pytest.mark.fault(5)
def test_half_of_a_surrogate_pair_reaches_no_tokenizer_on_any_route(made):
    with running(made) as (client, service):
        service.slot.model.bundle = NeverAsked()
        for text in (LONE, f"good {LONE}", "\udfff bad"):
            answers = [
                client.predict(text),
                client.post("/predict/batch", {"text": [text]}),
                client.post("/v2/models/reviews/infer", v2_body([text])),
            ]
            assert [answer.status for answer in answers] == [422] * 3


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict/batch", b'{"text":[' + b'"",' * 340_000 + b'""]}'),
        ("/predict/batch", b'{"text":[' + b"1," * 500_000 + b"1]}"),
        ("/predict", b'{"text":[' + b"[]," * 300_000 + b"[]]}"),
        ("/predict", b"{" + b",".join(b'"k%d":1' % number for number in range(80_000)) + b"}"),
        ("/v2/models/reviews/infer", b'{"inputs":[' + b"{}," * 330_000 + b"{}]}"),
        ("/v2/models/reviews/infer", b'{"outputs":[' + b"{}," * 330_000 + b'{}],"inputs":[]}'),
        (
            "/v2/models/reviews/infer",
            b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":['
            + b'"",' * 330_000
            + b'""]}]}',
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_megabyte_of_mistakes_costs_no_more_than_one(service, path, body):
    assert len(body) < 1 << 20
    began = time.process_time()
    answer = service.request("POST", path, body, JSON)
    assert answer.status == 422 and len(answer.body) < 5000
    assert time.process_time() - began < 2, "seconds of processor time, both sides; it was ten"


@pytest.mark.fault(8)
def test_too_many_texts_are_413_with_the_limit(service):
    answer = service.post("/predict/batch", {"text": ["a"] * 65})
    assert problem(answer, 413)["limit"] == 64
    assert pointers(service.post("/predict/batch", {"text": "a"})) == ["/text"]


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        JSON | {"Content-Encoding": "gzip"},
        JSON | {"Content-Encoding": "br"},
    ],
    ids=repr,
)
def test_another_media_type_or_a_compressed_body_is_415(service, headers):
    problem(service.request("POST", "/predict", b'{"text": "a"}', headers), 415)


@pytest.mark.fault(10)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/feedback", "/v2/models/reviews/infer"])
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "gzip, gzip", "identity, gzip"])
def test_a_compressed_body_is_415_on_every_route(service, path, coding):
    packed = gzip.compress(b'{"text": "a"}')
    answer = service.request("POST", path, packed, JSON | BEARER | {"Content-Encoding": coding})
    assert answer.status == 415 and "compressed" in answer.body.decode()


def test_a_body_that_is_said_to_be_as_it_is_is_read(service):
    headers = JSON | {"Content-Encoding": "Identity"}
    assert service.request("POST", "/predict", b'{"text": "a"}', headers).status == 200


@pytest.mark.fault(12)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_another_method_is_405_and_says_which_are_allowed(service, method):
    answer = service.request(method, "/predict", b"" if method == "PUT" else None)
    problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


@pytest.mark.fault(12)
@pytest.mark.parametrize(
    "path", ["/nowhere", "/predict/", "/static/", "/predict%00", "/%ff%fe", "/..%2fetc", "//a//b"]
)
def test_an_unknown_path_is_404(service, path):
    problem(service.get(path), 404)


@pytest.mark.fault(12)
def test_head_and_options_are_answered_without_a_body(service):
    head = service.request("HEAD", "/livez")
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) > 0
    options = service.request("OPTIONS", "/predict")
    assert options.status == 200 and "POST" in options.headers["Allow"] and options.body == b""


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.just("text"), inner),
    max_leaves=12,
)


@pytest.mark.fault(3)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON_VALUES | st.fixed_dictionaries({"text": JSON_VALUES}))
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/reviews/infer", "/feedback"])
def test_no_json_value_is_answered_with_5xx(service, path, value):
    answer = service.post(path, value, BEARER)
    assert answer.status < 500 and json.loads(answer.body)


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES)
def test_every_json_value_is_parsed_as_python_does_or_refused(value):
    body = json.dumps(value).encode()
    try:
        expected = json.dumps(json.loads(body))
    except ValueError:
        expected = None
    if any(word in body for word in (b"NaN", b"Infinity")):
        return
    assert json.dumps(parse_json(body)) == expected


@pytest.mark.fault(2)
def test_depth_is_counted_outside_of_texts():
    assert parse_json(json.dumps({"text": "[" * 1000 + '"\\' + "{" * 1000}).encode())
    assert parse_json(b"[" * 32 + b"]" * 32) is not None
    with pytest.raises(Problem):
        parse_json(b"[" * 33 + b"]" * 33)


# --- the token


def test_feedback_needs_the_token_and_takes_a_label(service):
    found = service.predict("It broke on the first day.").json
    body = {"prediction_id": found["prediction_id"], "label": "negative"}
    problem(service.post("/feedback", body), 403)
    problem(service.post("/feedback", body, {"Authorization": "Bearer wrong"}), 403)
    problem(service.post("/feedback", body, {"Authorization": b"Basic " + TOKEN.encode()}), 403)
    assert service.post("/feedback", body, BEARER).json["result"] == "new"
    assert service.post("/feedback", body, BEARER).json["result"] == "unchanged"
    assert service.post("/feedback", body | {"label": "positive"}, BEARER).json["result"] == "changed"


def test_feedback_on_what_nobody_predicted_is_404_and_an_unknown_label_422(service):
    found = service.predict("It broke on the first day.").json["prediction_id"]
    problem(service.post("/feedback", {"prediction_id": "none", "label": "negative"}, BEARER), 404)
    assert pointers(service.post("/feedback", {"prediction_id": found, "label": "blue"}, BEARER)) == [
        "/label"
    ]
    by_model = {"prediction_id": found, "label": "negative", "source": "model"}
    assert pointers(service.post("/feedback", by_model, BEARER)) == ["/source"]


def test_a_refused_token_is_refused_before_the_body_is_looked_at(service):
    problem(service.request("POST", "/feedback", b"[" * 1000, JSON), 403)


def test_without_a_token_what_needs_one_says_why_it_is_refused(made):
    with running(made, token=None) as (client, _):
        answer = client.post("/feedback", {"prediction_id": "a", "label": "b"}, BEARER)
        assert "WORKSHOP_TOKEN" in problem(answer, 403)["detail"]
        assert client.predict("fine here").status == 200


@pytest.mark.parametrize(("open_to_all", "expected"), [(False, 403), (True, 200)])
def test_beyond_this_machine_predict_needs_the_token_unless_it_is_open(made, open_to_all, expected):
    with running(made, host="0.0.0.0", open_to_all=open_to_all) as (client, _):
        texts = {"text": ["good"]}
        assert client.post("/predict", texts).status == expected
        assert client.post("/predict/batch", texts).status == expected
        assert client.post("/v2/models/reviews/infer", v2_body(["good"])).status == expected
        assert client.post("/predict", texts, BEARER).status == 200
        assert client.get("/livez").status == client.get("/info").status == 200


# --- what the service tells of itself


def test_info_tells_limits_and_threads(service):
    info = service.get("/info").json
    assert info["limits"]["texts_per_request"] == 64
    assert info["threads"]["runs"] * info["threads"]["threads_per_run"] <= info["threads"]["cores"]
    assert info["version"] == __version__


def test_the_model_card_is_told(service, made):
    card = service.get("/model").json
    assert card["labels"] == ["negative", "positive"] and card["bundle_sha256"] == Bundle.load(made).sha256


@pytest.mark.fault(34)
@pytest.mark.slow
def test_ten_thousand_unknown_paths_make_no_new_series(made):
    with running(made) as (_, service):
        flask = service.app.test_client()

        def series():
            lines = flask.get("/metrics").text.splitlines()
            return sum(not line.startswith("#") for line in lines)

        def knock(numbers):
            for number in numbers:
                flask.get(f"/nowhere/{number}", headers={"X-Request-ID": f"id-{number}"})
                flask.open(f"/v2/models/{number}/infer", method=f"M{number % 7}")

        for path in ("/livez", "/predict", "/metrics"):
            flask.get(path)
        knock(range(20))
        before = series()
        knock(range(10_000 // 2))
        assert series() == before


def test_metrics_tell_route_rules_codes_and_the_version(service, made):
    service.predict("good")
    text = service.get("/metrics").body.decode()
    assert 'workshop_requests_total{code="200",route="/predict"}' in text
    assert f'workshop_model_info{{model_version="{Bundle.load(made).sha256[:12]}"}} 1.0' in text
    for name in ("queue", "tokenise", "infer"):
        assert float(re.search(rf"(?m)^workshop_{name}_seconds_sum (\S+)", text)[1]) > 0
    for name in ("texts", "truncated_texts", "model_load_failures", "dropped_records"):
        assert f"workshop_{name}_total" in text


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/openmetrics-text; version=x", "text/plain; version=1.x"]
)
def test_metrics_answer_whatever_a_client_accepts(service, accept):
    assert service.get("/metrics", {"Accept": accept}).status == 200


def test_the_docs_name_every_route_and_no_other_host(service):
    page = service.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    text = page.body.decode()
    for path in service.get("/openapi.json").json["paths"]:
        assert path in text
    assert "https://" not in text and "<script" not in text
    (sheet,) = [part.split('"')[0] for part in text.split('href="')[1:] if ".css" in part.split('"')[0]]
    assert service.get(sheet).status == 200


@pytest.mark.fault(33)
def test_a_request_id_is_kept_when_it_is_one_and_replaced_when_it_is_not(service):
    assert service.get("/livez", {"X-Request-ID": "my-id.7"}).headers["X-Request-Id"] == "my-id.7"
    for bad in ("a b", "x" * 10_000, '"', "ä"):
        given = service.get("/nowhere", {"X-Request-ID": bad.encode()})
        assert bad not in given.headers["X-Request-Id"] and len(given.headers["X-Request-Id"]) == 32
        assert given.headers["X-Request-Id"] in given.json["instance"]


@pytest.mark.fault(33)
def test_a_log_line_is_json_and_holds_no_message_of_an_error():
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    lines = log_json(stream)
    try:
        try:
            raise ValueError("my secret\ntext")
        except ValueError:
            logging.getLogger("somewhere").exception("It failed.", extra={"request_id": "a\nb"})
    finally:
        lines.stop()
        root.handlers[:] = before[0]
        root.setLevel(before[1])
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert told["message"] == "It failed." and told["request_id"] == "a\nb" and told["level"] == "error"
    assert told["error"].startswith("ValueError at ") and "secret" not in line


def test_a_log_that_nobody_reads_stops_nobody():
    class Stuck(io.StringIO):
        def write(self, text):
            assert go.wait(30)
            return len(text)

    go, root = threading.Event(), logging.getLogger()
    before = root.handlers[:], root.level
    lines = log_json(Stuck())
    try:
        for number in range(20_000):
            logging.getLogger("somewhere").info("line %d", number)
        assert not lines.stop()
    finally:
        go.set()
        root.handlers[:] = before[0]
        root.setLevel(before[1])


def test_the_service_imports_nothing_that_only_training_needs():
    code = (
        "import sys, workshop_utils.production.service, workshop_utils.cli.production\n"
        "heavy = {'pandas', 'sklearn', 'scipy', 'torch', 'tensorflow', 'keras', 'transformers', 'mlflow'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
