"""The load: one process, one thread, plain sockets, so that it takes little from the servers' cores."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

#: Seconds after which an answer is no longer waited for.
PATIENCE = 120.0
NO_ANSWER = 0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass
class Load:
    """What came of a load. ``answers`` are (begun, finished, status), in seconds since the start."""

    seconds: float
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    client_seconds: float = 0.0

    def figures(self) -> dict:
        """Texts a second within the time, percentiles of what was answered with 200, codes, our own cost."""
        took = [finished - begun for begun, finished, status in self.answers if status == 200]
        within = sum(finished <= self.seconds for _, finished, status in self.answers if status == 200)
        middle, late = np.quantile(took, [0.5, 0.99]) if took else (float("nan"),) * 2
        return {
            "texts_per_second": round(within / self.seconds, 3),
            "p50_ms": round(1000 * float(middle), 2),
            "p99_ms": round(1000 * float(late), 2),
            "answered": len(took),
            "codes": {
                str(code): count for code, count in sorted(Counter(a[2] for a in self.answers).items())
            },
            "client_ms": round(1000 * self.client_seconds / max(1, len(self.answers)), 3),
        }


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    transport: asyncio.Transport
    usable = True

    def connection_made(self, transport) -> None:
        self.transport, self._received = transport, b""

    def ask(self, request: bytes) -> asyncio.Future:
        """Send a request; the future is its status and body."""
        self._received, self._answer = b"", asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if end else None
        if length and len(body) >= int(length[1]) and not self._answer.done():
            self.usable = head.startswith(b"HTTP/1.1") and not _CLOSES.search(head)
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, error) -> None:
        self.usable = False
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed without an answer"))


class Asker:
    """Asks one server, over connections that are kept where the server keeps them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[_Connection] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body; status 0 where there was none."""
        connection = None
        try:
            while self._free and not connection:
                kept = self._free.pop()
                connection = kept if kept.usable else None
            if not connection:
                loop = asyncio.get_running_loop()
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
            found = await asyncio.wait_for(connection.ask(request), PATIENCE)
        except (OSError, TimeoutError):
            if connection:
                connection.transport.abort()
            return NO_ANSWER, b""
        if connection.usable:
            self._free.append(connection)
        else:
            connection.transport.close()
        return found

    def close(self) -> None:
        """Let go of the connections."""
        for connection in self._free:
            connection.transport.close()


def closed_loop(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Each client asks again as soon as it has its answer; what is on its way at the end is waited for."""
    return asyncio.run(_closed_loop(port, itertools.cycle(requests), clients, seconds))


def open_loop(port: int, requests: Sequence[bytes], rate: float, seconds: float, seed: int = 0) -> Load:
    """Requests come by chance, ``rate`` a second, whether others are answered or not; waiting counts from
    the moment when a request was due."""
    return asyncio.run(_open_loop(port, itertools.cycle(requests), rate, seconds, seed))


def answers(port: int, requests: Sequence[bytes], clients: int) -> list[tuple[int, bytes]]:
    """Status and body of each request, in order, ``clients`` at once."""

    async def run() -> list[tuple[int, bytes]]:
        asker, turn = Asker(port), asyncio.Semaphore(clients)

        async def one(request: bytes) -> tuple[int, bytes]:
            async with turn:
                return await asker.ask(request)

        found = await asyncio.gather(*map(one, requests))
        asker.close()
        return found

    return asyncio.run(run())


async def _closed_loop(port: int, requests: Iterator[bytes], clients: int, seconds: float) -> Load:
    asker, load = Asker(port), Load(seconds)
    spent, start = time.process_time(), time.perf_counter()

    async def client() -> None:
        while (begun := time.perf_counter() - start) < seconds:
            status, _ = await asker.ask(next(requests))
            load.answers.append((begun, time.perf_counter() - start, status))

    await asyncio.gather(*(client() for _ in range(clients)))
    load.client_seconds = time.process_time() - spent
    asker.close()
    return load


async def _open_loop(port: int, requests: Iterator[bytes], rate: float, seconds: float, seed: int) -> Load:
    asker, load = Asker(port), Load(seconds)
    due = np.random.default_rng(seed).exponential(1 / rate, int(2 * rate * seconds) + 10).cumsum()
    spent, start = time.process_time(), time.perf_counter()

    async def one(begun: float) -> None:
        status, _ = await asker.ask(next(requests))
        load.answers.append((begun, time.perf_counter() - start, status))

    tasks = []
    for moment in due[due < seconds]:
        await asyncio.sleep(max(0.0, moment - (time.perf_counter() - start)))
        tasks.append(asyncio.create_task(one(float(moment))))
    await asyncio.gather(*tasks)
    load.client_seconds = time.process_time() - spent
    asker.close()
    return load
