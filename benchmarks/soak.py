"""Twenty thousand requests of all kinds: does the service keep memory, threads or files for good?

    python -m benchmarks.soak                 # about two minutes on two idle cores
    python -m benchmarks.soak --small         # 4,000, as in the tests; writes nothing

Serves a TF-IDF bundle with its store and asks it over kept connections: every route, texts of all lengths,
true labels, the pages as people use them (texts are tried, drawn, labelled, skipped, taken back), hostile and
wrong bodies, clients that leave early. Measures after each half. Writes ``benchmarks/results/soak.md``.
"""

import argparse
import http.client
import json
import os
import platform
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psutil

from workshop_utils.data import load_reviews
from workshop_utils.models.export.tfidf import export_tfidf

RESULTS = Path(__file__).parent / "results" / "soak.md"
CLIENTS = 4
LEAVES_EARLY, LONG = 0.01, 0.005
#: What the service must be started with as WORKSHOP_TOKEN.
TOKEN = "a token for the soak"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LABELS = ["negative", "positive"]
GETS = [
    *("/livez", "/readyz", "/metrics", "/info", "/model", "/openapi.json", "/docs", "/"),
    *("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/reviews", "/v2/models/reviews/ready"),
    *(f"/static/pages/{name}" for name in ("style.css", "pages.css", "label.js", "icon.svg")),
]
HOSTILE = [
    *("😴👩‍💻 ❤️", "हिन्दी में किताब", "a\0b", "İstanbul I ı"),
    *("a\x1cb\x85c\u2028d", "e\u0301 x\u0303", "[PAD] [CLS]"),
]


class Question(NamedTuple):
    """A request and the status that it must get; ``or_else`` is another one that is right."""

    method: str
    path: str
    body: Any
    headers: dict[str, str]
    expected: int
    or_else: int = 0


class Reading(NamedTuple):
    """Resident memory in bytes, threads, open files and sockets (on Windows handles)."""

    memory: int
    threads: int
    files: int


class Soaked(NamedTuple):
    """A reading after each half, answers by status, and the answers that were not the expected ones."""

    halves: list[Reading]
    statuses: Counter[int]
    unexpected: list[tuple[Question, int]]
    seconds: float

    @property
    def growth(self) -> float:
        """Of the memory over the second half, as a share."""
        return self.halves[1].memory / self.halves[0].memory - 1


class Visitor:
    """A kept connection over which questions of all kinds come, drawn with a seed."""

    def __init__(self, port: int, texts: list[str], seed: int) -> None:
        self._port, self._texts, self._rng = port, texts, random.Random(seed)
        self._name = f"visitor {seed}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._predictions: deque[str] = deque(maxlen=100)
        self._session: dict[str, str] = {}
        self._to_label, self._may_draw = "", False
        self.statuses: Counter[int] = Counter()
        self.unexpected: list[tuple[Question, int]] = []

    def ask(self, count: int) -> None:
        """Ask so often, then close the connection."""
        for _ in range(count):
            if self._rng.random() < LEAVES_EARLY:
                self._leave_early()
                continue
            kinds = [self._good, self._wrong, self._hostile, self._page]
            question = self._rng.choices(kinds, [6, 3, 1, 3])[0]()
            status = self._answered(question)
            self.statuses[status] += 1
            if status not in (question.expected, question.or_else):
                self.unexpected.append((question, status))
        self._connection.close()

    def _answered(self, question: Question) -> int:
        body = question.body
        body = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self._connection.request(question.method, question.path, body, question.headers)
        with self._connection.getresponse() as response:
            self._learn(question, response, response.read())
        return response.status

    def _learn(self, question: Question, response: http.client.HTTPResponse, body: bytes) -> None:
        """Remember what later questions need: an id, a cookie, what the labelling page asks."""
        if cookie := response.getheader("Set-Cookie"):
            self._session = {"Cookie": cookie.split(";")[0]}
        if response.status == 200 and question.path == "/predict":
            self._predictions.append(json.loads(body)["prediction_id"])
        if question.path == "/label" and response.status != 303:
            asked = re.search(rb'name="prediction_id" value="([^"]+)"', body)
            self._to_label = asked[1].decode() if asked else ""
            self._may_draw = b'value="draw"' in body

    def _text(self) -> str:
        text = self._rng.choice(self._texts)
        if self._rng.random() < LONG:
            return (text * 1000)[:100_000]
        return text * self._rng.choice([1, 1, 1, 2, 5])

    def _good(self) -> Question:
        kind = self._rng.randrange(9)
        if kind == 0:
            texts = [self._text() for _ in range(8)]
            return Question("POST", "/predict/batch", {"text": texts}, JSON, 200)
        if kind == 1:
            body = _v2([self._text() for _ in range(4)])
            return Question("POST", "/v2/models/reviews/infer", body, JSON, 200)
        if kind == 2:
            return Question("GET", self._rng.choice(GETS), None, {}, 200)
        if kind == 3 and self._predictions:
            label = {"prediction_id": self._rng.choice(self._predictions), "label": self._rng.choice(LABELS)}
            return Question("POST", "/feedback", label, JSON | BEARER, 200)
        return Question("POST", "/predict", {"text": self._text()}, JSON, 200)

    def _hostile(self) -> Question:
        text = self._rng.choice(HOSTILE) * self._rng.randrange(1, 200)
        return Question("POST", "/predict", {"text": text}, JSON, 200)

    def _page(self) -> Question:
        """What a person does in a browser next."""
        if not self._session or self._rng.random() < 0.02:
            return self._form("/session", 303, token=TOKEN, name=self._name, next="/label")
        if self._rng.random() < 0.4:
            return self._form("/", 200, text=self._text())
        asked, self._to_label = self._to_label, ""
        fields = {"action": "undo"} if self._rng.random() < 0.1 else {}
        if asked:
            skips = self._rng.random() < 0.2
            fields = {"action": "skip"} if skips else {"label": self._rng.choice(LABELS)}
            fields["prediction_id"] = asked
        elif self._may_draw:
            fields, self._may_draw = {"action": "draw"}, False
        if not fields:
            return Question("GET", "/label", None, self._session, 200)
        # 422: another visitor was faster, or nothing has come since the last draw
        return self._form("/label", 303, 422, **fields)

    def _form(self, path: str, expected: int, or_else: int = 0, **fields: str) -> Question:
        body = urlencode(fields, errors="replace").encode("ascii")
        return Question("POST", path, body, FORM | self._session, expected, or_else)

    def _wrong(self) -> Question:
        wrong = [
            ("POST", "/predict", b'{"text": ', JSON, 400),
            ("POST", "/predict", b"[" * 20_000, JSON, 400),
            ("POST", "/predict", {"text": 5}, JSON, 422),
            ("POST", "/predict", {"text": ""}, JSON, 422),
            ("POST", "/predict", {"text": "\ud800"}, JSON, 422),
            ("POST", "/predict/batch", {"text": ["a"] * 65}, JSON, 413),
            ("POST", "/predict", b'{"text": "a"}', {"Content-Type": "text/plain"}, 415),
            ("POST", "/feedback", {"prediction_id": "a", "label": "b"}, JSON, 403),
            ("POST", "/feedback", {"prediction_id": "a", "label": "b"}, JSON | BEARER, 404),
            ("GET", "/label", None, {}, 403),
            ("POST", "/", b"text=+", FORM, 422),
            ("POST", "/session", b"token=guessed&name=me", FORM, 403),
            ("POST", "/", b"text=a", FORM | {"Sec-Fetch-Site": "cross-site"}, 403),
            ("POST", "/v2/models/other/infer", _v2(["a"]), JSON, 404),
            ("GET", f"/nowhere/{self._rng.random()}", None, {}, 404),
            ("DELETE", "/predict", None, {}, 405),
        ]
        return Question(*self._rng.choice(wrong))

    def _leave_early(self) -> None:
        """In the midst of a request, or before the answer."""
        head = b"POST /predict HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
        rest = self._rng.choice([b"99\r\n\r\n{", b'13\r\n\r\n{"text": "a"}'])
        with socket.create_connection(("127.0.0.1", self._port), timeout=60) as connection:
            connection.sendall(head + rest)


def soak(port: int, process: psutil.Process, requests: int) -> Soaked:
    """Ask a service on this machine so often, and measure its process after each half."""
    texts = load_reviews("sample")["review"].tolist()
    visitors = [Visitor(port, texts, seed) for seed in range(CLIENTS)]
    began, halves = time.monotonic(), []
    with ThreadPoolExecutor(CLIENTS) as threads:
        for _ in range(2):
            list(threads.map(Visitor.ask, visitors, [requests // 2 // CLIENTS] * CLIENTS))
            halves.append(_reading_alone(port, process))
    statuses = sum((visitor.statuses for visitor in visitors), Counter[int]())
    unexpected = [each for visitor in visitors for each in visitor.unexpected]
    return Soaked(halves, statuses, unexpected, time.monotonic() - began)


def metric(connection: http.client.HTTPConnection, name: str) -> float:
    """A number that the service tells of itself."""
    connection.request("GET", "/metrics")
    told = re.search(rf"(?m)^workshop_{name} (\S+)", connection.getresponse().read().decode())
    assert told, name
    return float(told[1])


def _reading_alone(port: int, process: psutil.Process) -> Reading:
    """The reading when nobody else is connected and nothing waits for the store."""
    asker = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while metric(asker, "open_connections") > 1:
        time.sleep(0.05)
    files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    reading = Reading(process.memory_info().rss, process.num_threads(), files)
    asker.close()
    return reading


def _v2(texts: list[str]) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]}


def _bundle(folder: Path) -> Path:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    reviews = load_reviews("sample")
    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    features = vectorizer.fit_transform(reviews["review"])
    classifier = LogisticRegression(C=10, max_iter=1000).fit(features, reviews["sentiment"])
    return export_tfidf(vectorizer, classifier, folder)


def report(soaked: Soaked, requests: int) -> str:
    """The result as a page."""
    rows = [
        f"| {name} | {reading.memory / 2**20:.1f} MiB | {reading.threads} | {reading.files} |"
        for name, reading in zip(("first half", "second half"), soaked.halves, strict=True)
    ]
    answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(soaked.statuses.items()))
    return "\n".join(
        [
            f"# The service after {requests:,} requests of all kinds",
            "",
            "Made by `python -m benchmarks.soak`: every route, texts of one to 100,000 characters, true "
            "labels, the pages and their files, people who label, hostile and wrong bodies, clients that "
            f"leave early, over {CLIENTS} kept connections. Measured after each half, when nobody was there.",
            "",
            "| after | resident memory | threads | open files |",
            "|:--|--:|--:|--:|",
            *rows,
            "",
            f"Memory grew by {soaked.growth:.1%} over the second half. {soaked.seconds:.0f} s; {answers}; "
            f"unexpected answers: {len(soaked.unexpected)}. {platform.system()} {platform.machine()}, "
            f"{psutil.cpu_count()} cores, Python {platform.python_version()}.",
            "",
        ]
    )


def main() -> None:
    """Serve, soak, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--small", action="store_true")
    small = parser.parse_args().small
    requests = 4_000 if small else 20_000
    with tempfile.TemporaryDirectory() as scratch:
        bundle = _bundle(Path(scratch) / "reviews")
        command = [sys.executable, "-u", "-m", "workshop_utils", "serve", "--bundle", str(bundle)]
        environment = os.environ | {"WORKSHOP_HOME": scratch, "WORKSHOP_TOKEN": TOKEN}
        with subprocess.Popen(
            [*command, "--port", "0", "--store-texts"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            encoding="utf-8",
        ) as process:
            assert process.stdout
            told = re.search(r":(\d+);", process.stdout.readline())
            assert told, "it did not start"
            soaked = soak(int(told[1]), psutil.Process(process.pid), requests)
            process.terminate()
    page = report(soaked, requests)
    print(page)
    if not small:
        RESULTS.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
