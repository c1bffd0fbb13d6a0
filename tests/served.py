"""``workshop serve`` as a process for the tests, and clients that keep it busy."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

from tests.serving import JSON, Client, exchange

BODY = json.dumps({"text": ["I love this product!"]}).encode()


class Process:
    """A served process, its address, and the JSON lines that it logs.

    ``start`` is what comes before ``serve``; a variable of the environment that is None is taken away.
    """

    def __init__(self, home, *arguments, start=(sys.executable, "-u", "-m", "workshop_utils"), **environment):
        variables = os.environ | {"WORKSHOP_HOME": str(home)} | environment
        self.process = subprocess.Popen(
            [*start, "serve", "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: value for name, value in variables.items() if value is not None},
            encoding="utf-8",
        )
        self.logs: list[dict] = []
        self.errors: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.told = self._until_curl()
        found = re.search(r"answers at (http://\S+:\d+);", self.told)
        self.client = Client(found[1]) if found else None

    def _read(self):
        for line in self.process.stderr:
            try:
                self.logs.append(json.loads(line))
            except ValueError:
                self.errors.append(line)

    def _until_curl(self):
        told = ""
        while "curl" not in told and (line := self.process.stdout.readline()):
            told += line
        return told

    def end(self, seconds=30):
        code = self.process.wait(seconds)
        self.told += self.process.stdout.read()
        self._reader.join()
        return code

    def give_up(self):
        """End it, whatever it is doing; a supervisor must not leave its service behind."""
        for _ in range(2):  # a second signal ends it at once
            if self.process.poll() is None:
                self.process.terminate()
                self._ended_within(5)
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        if not self._reader.is_alive():
            self.process.stdout.close()
            self.process.stderr.close()

    def _ended_within(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass


@contextmanager
def served(home, *arguments, **options):
    process = Process(home, *arguments, **options)
    try:
        yield process
    finally:
        process.give_up()


def free_port() -> int:
    """One that a service may listen on again after it was killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def is_ready(client: Client) -> bool:
    """Does somebody answer there, and can classify texts?"""
    try:
        return client.get("/readyz").status == 200
    except ConnectionError:
        return False


class Load(threading.Thread):
    """Asks again and again over kept connections until nobody listens; knows what it was answered."""

    def __init__(self, client):
        super().__init__()
        self.client, self.statuses, self.lost = client, [], []

    def run(self):
        connection = None
        while True:
            if connection is None:
                connection = http.client.HTTPConnection(self.client.host, self.client.port, timeout=30)
                try:
                    connection.connect()
                except OSError:
                    return
            try:
                answer = exchange(connection, "POST", "/predict", BODY, JSON)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(error)
                connection.close()
                return
            self.statuses.append(answer.status)
            if answer.headers.get("Connection") == "close":
                connection.close()
                connection = None
