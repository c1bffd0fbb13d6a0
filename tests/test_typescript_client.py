"""The TypeScript client: its types are those of the model that answers; the misspelt does not compile."""

import re

import pytest

from tests.bundles import tfidf_bundle, tfidf_of
from tests.node import CLIENT, node_project
from tests.proxy import BAD_GATEWAY, BUSY, proxy
from tests.serving import TOKEN, running
from workshop_utils.paths import ROOT
from workshop_utils.production.store import Recorder, open_store

pytestmark = pytest.mark.slow

TEXT = "I love this product!"
#: In which file of the client stands what, how it is misspelt, and which word the compiler must name.
MISSPELT = {
    "request": ("client", "{ text: texts }", "{ texts: texts }", "texts"),
    "request of a label": (
        "client",
        "prediction_id: predictionId",
        "predictionid: predictionId",
        "predictionid",
    ),
    "answer": ("client", "answer.predictions", "answer.predicitons", "predicitons"),
    "answer for a label": ("client", "answer.result", "answer.results", "results"),
    "field of a prediction": (
        "example",
        "prediction.prediction_id",
        "prediction.predictionId",
        "predictionId",
    ),
    "class that the model lacks": (
        *("example", "prediction.class_1_probability", "prediction.class_7_probability"),
        "class_7_probability",
    ),
    "problem": ("client", "problem.detail", "problem.details", "details"),
}
HOSTILE_LABELS = ["*/ evil", "\"quoted\" 'x'", "grün\nline", "😴 `${1}`", "\\back\u2028slash"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    with running(tfidf_bundle(folder / "reviews"), Recorder(store)) as (client, _):
        yield client


@pytest.fixture(scope="module")
def project(service, address):
    """The client and the lines of the README, typed by the service and compiled."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Call the service")[1]
    lines = section.split("```ts\n")[1].split("```")[0].replace("http://127.0.0.1:8000", address)
    with node_project() as made:
        (made.sources / "readme.ts").write_text(lines, encoding="utf-8")
        made.take_types(service)
        told = made.npm("build")
        assert told.returncode == 0, told.stdout
        yield made


@pytest.fixture(scope="module")
def address(service):
    return service.address


@pytest.fixture(scope="module")
def ask(project):
    """Runs the compiled example."""
    return lambda *arguments, **environment: project.node("dist/example.js", *arguments, **environment)


@pytest.fixture(scope="module")
def complaints(service):
    """What the compiler says of copies of the client with one word misspelt, by case."""
    with node_project() as made:
        made.take_types(service)
        for number, (name, right, wrong, _) in enumerate(MISSPELT.values()):
            source = (CLIENT / "src" / f"{name}.ts").read_text(encoding="utf-8")
            assert source.count(right) == 1
            copy = made.sources / f"copy{number}.ts"
            copy.write_text(source.replace(right, wrong), encoding="utf-8")
        told = made.npm("build")
        lines = re.findall(r"^src/(\w+)\.ts\(.+", told.stdout, re.M)
        assert set(lines) == {f"copy{number}" for number in range(len(MISSPELT))}, told.stdout
        return {
            case: re.findall(rf"^src/copy{number}\.ts\(.+", told.stdout, re.M)
            for number, case in enumerate(MISSPELT)
        }


def test_the_example_prints_the_labels_and_stores_one(service, project, address):
    expected = service.predict(TEXT).json
    told = project.npm("start", "--", address, TEXT, "positive", WORKSHOP_TOKEN=TOKEN)
    assert told.returncode == 0, told.stderr
    first, shares, batch, stored = told.stdout.splitlines()
    assert first == f"{expected['label']}: {TEXT}"
    assert shares == f"negative {expected['class_0_probability']}, positive {expected['class_1_probability']}"
    assert batch.startswith(f"In one request: {expected['label']}, ") and batch.count(",") == 2
    assert stored == "The label positive is stored: new"


@pytest.mark.parametrize("case", MISSPELT)
def test_what_is_misspelt_does_not_compile_and_the_compiler_names_it(complaints, case):
    word = MISSPELT[case][3]
    assert [line for line in complaints[case] if f"'{word}' does not exist" in line]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([TEXT, "positve"], "The model knows no label positve; it knows negative, positive."),
        (
            [TEXT, "positive"],
            "The service answered 403: Forbidden. This route needs the header Authorization",
        ),
        ([" "], "The service answered 422: Unprocessable Entity. The body is JSON, but not what this route"),
    ],
    ids=["unknown label", "wrong token", "empty text"],
)
def test_what_goes_wrong_is_one_line(ask, address, arguments, sentence):
    told = ask(address, *arguments, WORKSHOP_TOKEN="wrong")
    assert told.returncode == 1 and told.stderr.startswith(sentence)
    assert told.stderr.count("\n") == 1


def test_without_a_service_there_is_one_sentence(ask):
    with proxy(None, []) as closed:
        pass
    told = ask(closed.address, TEXT)
    assert told.returncode == 1
    assert told.stderr == "No service answers there; make serve starts one.\n"


def test_an_address_without_http_is_one_sentence(ask):
    told = ask("127.0.0.1", TEXT)
    assert told.returncode == 1 and told.stderr == "Failed to parse URL from 127.0.0.1/predict\n"


def test_a_service_that_is_busy_is_asked_again_when_it_says_so(service, ask):
    with proxy(service, [BUSY, BUSY]) as busy:
        told = ask(busy.address, TEXT)
    assert told.returncode == 0, told.stderr
    first, second, third, batch = busy.arrivals
    assert second - first > 0.95 and third - second > 0.95, "it waits for the second that Retry-After names"
    assert batch > third


def test_a_service_that_stays_busy_is_given_up(service, ask):
    with proxy(service, [BUSY._replace(headers=BUSY.headers | {"Retry-After": "0"})] * 9) as busy:
        told = ask(busy.address, TEXT)
    assert told.returncode == 1 and len(busy.arrivals) == 5
    assert told.stderr == "The service answered 429: Too Many Requests. Come back later.\n"


def test_the_page_of_a_proxy_is_one_sentence(service, ask):
    with proxy(service, [BAD_GATEWAY]) as broken:
        told = ask(broken.address, TEXT)
    assert told.returncode == 1 and told.stderr == "The service answered 502: no reason is given.\n"
    assert len(broken.arrivals) == 1


def test_labels_of_any_form_are_types(tmp_path):
    texts = [f"word{number} text{turn}" for number in range(len(HOSTILE_LABELS)) for turn in range(12)]
    labels = [label for label in HOSTILE_LABELS for _ in range(12)]
    with running(tfidf_of(texts, labels, tmp_path / "hostile")) as (client, _), node_project() as made:
        made.take_types(client)
        told = made.npm("build")
        assert told.returncode == 0, told.stdout
        answer = made.node("dist/example.js", client.address, "word3 text1")
        assert answer.returncode == 0 and answer.stdout.startswith("😴 `${1}`: word3 text1\n"), answer.stderr


def test_the_lines_of_the_readme_run(project):
    ran = project.node("dist/readme.js", WORKSHOP_TOKEN=TOKEN)
    assert ran.returncode == 0 and ran.stdout.split()[0] in ("negative", "positive"), ran.stderr
