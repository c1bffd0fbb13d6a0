"""What an operator can set, and the limits that /info tells everybody."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from workshop_utils.models.bundle.cores import usable_cores

#: Texts in one request to /predict/batch at most.
MAX_TEXTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the service accepts and how long it waits.

    Attributes:
        texts_per_request: of /predict/batch. body_bytes: of one request. header_bytes: of its headers.
        queued_texts: texts that wait for a core, over all requests; beyond it the answer is 429. A long text
            counts once more for every 20,000 characters.
        deadline_seconds: from the arrival of a request to its answer; beyond it the answer is 504.
        retry_after_seconds: what 429, 503 and 504 ask clients to wait.
        connections: open at once; when there are as many, those that are idle for longest are closed.
        stall_seconds: a connection on which nothing moves is closed after it.
        request_seconds: a request that has not arrived whole by then is given up.
        drain_seconds: after SIGTERM, how long requests in flight may take.
        smoke_seconds: a new model whose typical answer takes longer is refused.
    """

    texts_per_request: int = MAX_TEXTS
    body_bytes: int = 1 << 20
    header_bytes: int = 16 << 10
    queued_texts: int = 64
    deadline_seconds: float = 10.0
    retry_after_seconds: int = 1
    connections: int = 500
    stall_seconds: float = 10.0
    request_seconds: float = 30.0
    drain_seconds: float = 25.0
    smoke_seconds: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How one service is run. Exactly one of ``bundle`` and ``deployment`` is given.

    Attributes:
        bundle: the folder of the one model. deployment: a folder whose pointer names the model.
        host, port: where to listen; port 0 takes a free one.
        token: what ``Authorization: Bearer`` must carry for the routes that need one; None: nobody can.
        open_to_all: /predict needs no token, even beyond this machine.
        runs: texts scored at once, each on one core; by default one per core that this process may use.
        poll_seconds: how often the deployment's pointers are looked at.
    """

    bundle: Path | None = None
    deployment: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    open_to_all: bool = False
    runs: int = field(default_factory=usable_cores)
    poll_seconds: float = 1.0
    limits: Limits = Limits()

    @property
    def predict_needs_token(self) -> bool:
        """Whoever listens to other machines asks for the token, unless told otherwise."""
        return not self.open_to_all and not is_loopback(self.host)

    @property
    def requests_in_flight(self) -> int:
        """Requests that may wait for a score or for the store at once; each waits in a thread of its own."""
        return self.limits.queued_texts + self.runs + 4


def is_loopback(host: str) -> bool:
    """Does this name or address reach this machine only?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
