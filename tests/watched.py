"""A stand-in for the command ``workshop`` that says what a test wants it to say, and a webhook."""

import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CODES = {"quiet": 0, "insufficient data": 3, "mild": 10, "harmful": 11}
RISEN = {
    "name": "performance",
    "sentence": "Errors have risen.",
    "runbook": "docs/runbooks/errors-have-risen.md",
}

_PROGRAM = """
import json, sys, time
from pathlib import Path
here, name = Path(__file__).parent, sys.argv[1]
with (here / "calls.jsonl").open("a", encoding="utf-8") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
act = json.loads((here / f"{name}.json").read_text(encoding="utf-8"))
if act["report"] is not None:
    Path(sys.argv[sys.argv.index("--json") + 1]).write_bytes(act["report"].encode("utf-8"))
print(act["out"])
print(act["err"], file=sys.stderr)
if act["hangs"]:
    sys.stdout.flush()
    (here / "hangs").touch()
    time.sleep(600)
sys.exit(act["code"])
"""


class StandIn:
    """The stand-in in a folder; ``command`` calls it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "workshop.py").write_text(_PROGRAM, encoding="utf-8")
        self.command = (sys.executable, "-S", "-E", str(folder / "workshop.py"))
        self.retrains(3, "Nothing to do.")

    def finds(self, verdict, *alarms, version="v1", **more) -> None:
        """``monitor`` gives this verdict."""
        report = {"verdict": verdict, "reason": f"It is {verdict}.", "model_version": version}
        report |= {"alarms": alarms, "performance": {"not": "looked at"}} | more
        self._act("monitor", CODES[verdict], report=json.dumps(report))

    def fails(self, code=1, err="The store does not answer.", report=None) -> None:
        """``monitor`` fails."""
        self._act("monitor", code, err=err, report=report)

    def hangs(self) -> None:
        """``monitor`` does not come to an end."""
        self._act("monitor", 0, hangs=True)

    def promotes(self, code, out, err="") -> None:
        """``promote --shadow`` ends so."""
        self._act("promote", code, out=out, err=err)

    def retrains(self, code, out, err="") -> None:
        """``retrain`` ends so."""
        self._act("retrain", code, out=out, err=err)

    def calls(self, name) -> list[list[str]]:
        """The arguments of each call of a command so far."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [call[1:] for call in map(json.loads, lines) if call[0] == name]

    def _act(self, name, code, out="", err="", report=None, hangs=False) -> None:
        act = {"code": code, "out": out, "err": err, "report": report, "hangs": hangs}
        (self.folder / f"{name}.json").write_text(json.dumps(act), encoding="utf-8")


class Receiver:
    """What a webhook received, and what it answers: a list of statuses, of which the last one repeats."""

    def __init__(self, statuses) -> None:
        self.statuses, self.messages, self.paths = list(statuses), [], []
        self.arrived, self.go = threading.Event(), threading.Event()
        self.address = ""


@contextmanager
def receiving(*statuses):
    """A webhook on this machine; the status ``hang`` is no answer before the end."""
    receiver = Receiver(statuses or [200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.paths.append(self.path)
            receiver.messages.append(json.loads(body))
            receiver.arrived.set()
            status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
            if status == "hang":
                receiver.go.wait(60)
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}/hooks/a-secret"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.go.set()
        server.shutdown()
        thread.join()
        server.server_close()
