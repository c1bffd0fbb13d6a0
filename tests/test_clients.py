"""The examples of calling the service, run as they stand: curl and Python's requests."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.bundles import tfidf_bundle
from tests.proxy import BAD_GATEWAY, BUSY, proxy
from tests.serving import TOKEN, running
from workshop_utils.paths import ROOT
from workshop_utils.production.store import Recorder, open_store

TEXT = "I love this product!"
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Call the service")[1].split("\n## ")[0]
PAGE = (ROOT / "clients" / "README.md").read_text(encoding="utf-8")
HERE = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    with running(tfidf_bundle(folder / "reviews"), Recorder(store)) as (client, _):
        yield client


@pytest.fixture(scope="module")
def address(service):
    return service.address


def told_by(command, **environment):
    environment = os.environ | {"WORKSHOP_TOKEN": TOKEN, "PYTHONUTF8": "1"} | environment
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)


def block(text, language):
    return text.split(f"```{language}\n")[1].split("```")[0]


def curl(line, **environment):
    """A line as a shell runs it; the token is put in its place."""
    words = [word.replace("$WORKSHOP_TOKEN", TOKEN) for word in shlex.split(line)]
    assert words[0] == "curl"
    return told_by([*words, "--silent"], **environment)


def ask(*arguments, **environment):
    return told_by([sys.executable, ROOT / "clients" / "python" / "ask.py", *arguments], **environment)


def test_the_curl_line_of_the_readme_works(address):
    (line,) = re.findall(r"^curl .+", SECTION, re.M)
    answer = json.loads(curl(line.replace(HERE, address)).stdout)
    assert {"class_0_probability", "class_1_probability", "label"} <= answer.keys()


def test_the_python_lines_of_the_readme_work(address, service):
    lines = block(SECTION, "python").replace(HERE, address)
    told = told_by([sys.executable, "-c", lines])
    found = service.predict(TEXT).json
    assert told.stdout.split() == [found["label"], str(found["class_1_probability"])]
    told = told_by([sys.executable, "-c", lines.replace(TEXT, "")])
    assert told.stdout.strip() == "The body is JSON, but not what this route takes."


def test_the_curl_lines_of_the_page_work(address):
    lines = block(PAGE, "sh").replace("\\\n", " ").replace(HERE, address).splitlines()
    one, batch, label, misspelt = lines
    found = json.loads(curl(one).stdout)
    assert len(json.loads(curl(batch).stdout)["predictions"]) == 2
    told = curl(label.replace("the one that /predict has answered", found["prediction_id"]))
    assert json.loads(told.stdout)["result"] == "new"
    refused = curl(misspelt)
    problem = json.loads(refused.stdout)
    assert refused.returncode == 22 and problem["status"] == 422
    assert {"/text", "/texts"} == {each["pointer"] for each in problem["errors"]}


def test_curl_waits_as_long_as_the_service_asks_it_to(service):
    line = block(PAGE, "sh").splitlines()[-1].replace('"texts": "misspelt"', '"text": "good"')
    with proxy(service, [BUSY]) as busy:
        told = curl(line.replace(HERE, busy.address))
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout[told.stdout.rindex("{") :])["label"] in ("negative", "positive")
    first, second = busy.arrivals
    assert second - first > 0.95


def test_the_line_for_python_prints_the_labels_and_stores_one(service, address):
    (line,) = re.findall(r"^python (.+)", PAGE, re.M)
    program, _, *arguments = shlex.split(line)
    assert (ROOT / program).exists()
    expected = service.predict(TEXT).json
    told = ask(address, *arguments)
    assert told.returncode == 0, told.stderr
    first, shares, batch, stored = told.stdout.splitlines()
    assert first == f"{expected['label']}: {TEXT}"
    assert shares == f"class 0 {expected['class_0_probability']}, class 1 {expected['class_1_probability']}"
    assert batch.startswith(f"In one request: {expected['label']}, ")
    assert stored == "The label positive is stored: new"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([TEXT, "positve"], "The service answered 422: Unprocessable Entity. "),
        ([TEXT, "positive"], "The service answered 403: Forbidden. This route needs the header"),
        ([" "], "The service answered 422: Unprocessable Entity. The body is JSON, but not what this route"),
    ],
    ids=["unknown label", "wrong token", "empty text"],
)
def test_what_goes_wrong_is_one_line_in_python(address, arguments, sentence):
    token = "wrong" if sentence.startswith("The service answered 403") else TOKEN
    told = ask(address, *arguments, WORKSHOP_TOKEN=token)
    assert told.returncode == 1 and told.stderr.startswith(sentence), told.stderr
    assert told.stderr.count("\n") == 1


def test_without_a_service_there_is_one_sentence_in_python(service):
    with proxy(service, []) as closed:
        pass
    told = ask(closed.address, TEXT)
    assert told.returncode == 1 and told.stderr == "No service answers there; make serve starts one.\n"


def test_an_address_without_http_is_one_sentence_in_python():
    told = ask("127.0.0.1:8000", TEXT)
    assert told.returncode == 1 and told.stderr.startswith("No connection adapters were found for")
    assert told.stderr.count("\n") == 1


def test_a_service_that_is_busy_is_asked_again_by_python_when_it_says_so(service):
    with proxy(service, [BUSY]) as busy:
        told = ask(busy.address, TEXT)
    assert told.returncode == 0, told.stderr
    first, second, batch = busy.arrivals
    assert second - first > 0.95 and batch > second


def test_a_service_that_stays_busy_is_given_up_by_python(service):
    with proxy(service, [BUSY._replace(headers=BUSY.headers | {"Retry-After": "0"})] * 9) as busy:
        told = ask(busy.address, TEXT)
    assert told.returncode == 1 and len(busy.arrivals) == 5
    assert told.stderr == "The service answered 429: Too Many Requests. Come back later.\n"


def test_the_page_of_a_proxy_is_one_sentence_in_python(service):
    with proxy(service, [BAD_GATEWAY]) as broken:
        told = ask(broken.address, TEXT)
    assert told.returncode == 1 and told.stderr == "The service answered 502: no reason is given.\n"
    assert len(broken.arrivals) == 1


def test_the_lock_of_the_typescript_client_holds_exact_versions_and_names_no_server():
    folder = ROOT / "clients" / "typescript"
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    project = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in project, "it needs nothing at run time"
    for name, version in project["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version) and lock[f"node_modules/{name}"]["version"] == version
    for name, package in lock.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


def test_the_readme_tells_every_option_of_serve():
    told = told_by([sys.executable, "-m", "workshop_utils", "serve", "--help"], COLUMNS="200")
    options = set(re.findall(r"(--[a-z-]+)", told.stdout)) - {"--help", "--port"}
    assert options <= set(re.findall(r"(--[a-z-]+)", SECTION))
