"""The service does what its OpenAPI document says, and the document says all that it does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles import tfidf_bundle
from tests.serving import running
from workshop_utils.production.store import Recorder, open_store

#: What the document cannot say: a body is too long, and a tensor's shape is that of its data.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 403, 404, 413, 415, 422]

[[operations]]
include-operation-id = "v2Infer"
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]
"""
ROUTES = {
    *("/predict", "/predict/batch", "/feedback", "/livez", "/readyz", "/info", "/model", "/metrics"),
    *("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{model_name}"),
    *("/v2/models/{model_name}/ready", "/v2/models/{model_name}/infer"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    with running(tfidf_bundle(folder / "reviews"), Recorder(store), token="plain-token") as (client, _):
        yield client


def test_the_document_is_of_openapi_3_1_and_lists_the_routes(service):
    document = service.get("/openapi.json").json
    assert document["openapi"].startswith("3.1") and set(document["paths"]) == ROUTES
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert all(each["operationId"] and each["summary"] for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations)


def test_the_document_lists_the_fields_and_labels_of_the_model_and_no_others(service):
    schemas = service.get("/openapi.json").json["components"]["schemas"]
    answer = schemas["PredictionAnswer"]
    assert list(answer["properties"])[:2] == ["class_0_probability", "class_1_probability"]
    assert "class_2_probability" not in answer["properties"]
    assert set(answer["required"]) == set(answer["properties"])
    assert answer["properties"]["label"]["enum"] == ["negative", "positive"]
    for name in ("PredictRequest", "BatchRequest", "FeedbackRequest", "PredictionAnswer", "BatchAnswer"):
        assert schemas[name]["additionalProperties"] is False


def test_each_tag_is_told_once(service):
    document = service.get("/openapi.json").json
    used = {tag for path in document["paths"].values() for each in path.values() for tag in each["tags"]}
    assert sorted(tag["name"] for tag in document["tags"]) == sorted(used)


def test_the_document_lists_what_info_tells(service):
    schema = service.get("/openapi.json").json["components"]["schemas"]["InfoAnswer"]
    assert set(schema["properties"]) == service.get("/info").json.keys()
    assert set(schema["required"]) == set(schema["properties"]) and schema["additionalProperties"] is False


def test_an_answer_links_to_the_feedback_on_it(service):
    document = service.get("/openapi.json").json
    (link,) = document["paths"]["/predict"]["post"]["responses"]["200"]["links"].values()
    assert link["operationId"] == document["paths"]["/feedback"]["post"]["operationId"]


def test_every_error_has_the_form_of_its_protocol(service):
    for path, operations in service.get("/openapi.json").json["paths"].items():
        for operation in operations.values():
            assert "requestBody" not in operation or operation["requestBody"]["required"]
            for status, response in operation["responses"].items():
                if status >= "400":
                    expected = "application/json" if path.startswith("/v2") else "application/problem+json"
                    assert list(response["content"]) == [expected]


@pytest.mark.parametrize("seed", [1, 2])
def test_schemathesis_finds_nothing(service, tmp_path, seed):
    """All checks, all phases: examples, edges, random bodies, and answers followed by their links."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    command = [
        *(program, "--config-file", "config.toml", "run", "--no-color", "--checks", "all", "--workers", "1"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "50", "--seed", str(seed)),
        *("-H", "Authorization: Bearer plain-token"),
        f"http://{service.host}:{service.port}/openapi.json",
    ]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert told.returncode == 0, told.stdout
    assert "No issues found" in told.stdout
    assert int(re.search(r"(\d+) generated, \1 passed", told.stdout)[1]) > 500
    assert re.search(r"API Links: +[1-9]\d* covered", told.stdout)
