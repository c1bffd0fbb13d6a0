"""One round over all servers; the comparison of their answers; the overload of ours."""

import json
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.child import last_line
from benchmarks.service.load import closed_loop, open_loop
from benchmarks.service.servers import OURS, SERVERS, Running, running
from workshop_utils.models.bundle.bundle import Bundle

CLIENTS = (1, 8, 64)
#: The open loop comes with this share of what ours does for 8 clients in the same round.
SHARE = 0.7
#: Largest difference of a probability, and how many of 50 labels may differ. The same file and runtime give
#: the same bits. PyTorch computes in float32, and int8 scales its inputs by all that is in a batch.
TOLERANCE = {"same": (1e-6, 0), "masked": (0.35, 2), "float32": (0.35, 2)}


class Plan(NamedTuple):
    """Seconds of each measurement, and rounds; ``overload`` 0 leaves that test out."""

    rounds: int = 5
    warm: float = 1.5
    closed: tuple[float, ...] = (3.0, 5.0, 6.0)
    open: float = 5.0
    bare: float = 4.0
    overload: float = 20.0


QUICK = Plan(rounds=1, warm=1.0, closed=(1.0, 2.0, 3.0), open=2.0, bare=2.0, overload=5.0)


def one_round(number: int, plan: Plan, served: Path, work: Path) -> dict:
    """Ceiling, ours, whose speed sets the rate of the open loop, and the rest in an order that turns."""
    texts = json.loads((served / "texts.json").read_text(encoding="utf-8"))["texts"]
    expected = _expected(served, texts[:50]) if number == 0 else None
    others = [name for name in SERVERS if name != OURS]
    turned = others[number % len(others) :] + others[: number % len(others)]
    bare = json.loads(last_line("benchmarks.service.bare", str(served), str(plan.bare)))
    print(f"round {number + 1}: bare {bare}", flush=True)
    found: dict[str, dict] = {}
    rate = 0.0
    for name in (OURS, *turned):
        with running(name, served, work) as server:
            found[name] = _one_server(server, plan, texts, expected, rate)
        if name == OURS:
            rate = found[OURS].pop("rate")
        print(f"  {name}: {found[name]}", flush=True)
    return {"bare": bare, "servers": found}


def _one_server(
    server: Running, plan: Plan, texts: list[str], expected: list[tuple[str, float]] | None, rate: float
) -> dict:
    requests = server.requests(texts)
    found: dict = {"ready_seconds": round(server.ready_seconds, 3), "ready_mb": round(server.megabytes(), 1)}
    if expected:
        found["answers"] = compared(server, texts[: len(expected)], expected)
    closed_loop(server.port, requests, 8, plan.warm)
    for clients, seconds in zip(CLIENTS, plan.closed, strict=True):
        spent = server.processor_seconds()
        load = closed_loop(server.port, requests, clients, seconds)
        spent = server.processor_seconds() - spent
        found[f"clients_{clients}"] = load.figures() | {
            "server_ms": round(1000 * spent / len(load.answers), 3)
        }
        if clients == 8:
            capacity = found["clients_8"]["texts_per_second"]
            if not rate:
                rate = found["rate"] = SHARE * capacity
            if capacity > rate:  # else its queue grows for as long as the load lasts
                found["open"] = open_loop(server.port, requests, rate, plan.open).figures()
                found["open"]["rate"] = round(rate, 3)
    found["mb"] = round(server.megabytes(), 1)
    return found


def compared(server: Running, texts: list[str], expected: list[tuple[str, float]]) -> dict:
    """Differences from the bare bundle's answers, one request at a time and eight at once.

    Raises:
        SystemExit: they are larger than the server's arithmetic explains.
    """
    most, labels = TOLERANCE[SERVERS[server.name].file]
    found = {}
    for clients in (1, 8):
        given = server.probabilities(texts, clients)
        largest = max(abs(g[1] - e[1]) for g, e in zip(given, expected, strict=True))
        other = sum(g[0] != e[0] for g, e in zip(given, expected, strict=True))
        if largest > most or other > labels:
            raise SystemExit(f"{server.name} answers otherwise: {other} labels, by {largest:.3g} at most.")
        found[f"clients_{clients}"] = {"largest_difference": largest, "other_labels": other}
    return found


def overload(plan: Plan, served: Path, work: Path) -> dict:
    """Ours under an open loop of four times what it does for 64 clients, which is as many as may wait."""
    texts = json.loads((served / "texts.json").read_text(encoding="utf-8"))["texts"]
    with running(OURS, served, work) as server:
        requests = server.requests(texts)
        closed_loop(server.port, requests, 8, plan.warm)
        alone = closed_loop(server.port, requests, 1, plan.closed[0]).figures()
        capacity = closed_loop(server.port, requests, 64, 2 * plan.closed[2]).figures()
        rate = 4 * capacity["texts_per_second"]
        under = open_loop(server.port, requests, rate, plan.overload)
        ended = time.perf_counter()
        recovered = _recovery(server, requests, 2 * alone["p99_ms"] / 1000, ended)
        # the open loop returns when the last request is answered; the load itself ended before
        drained = max((finished for _, finished, _ in under.answers), default=0.0) - plan.overload
        return {
            "one_client": alone,
            "capacity": capacity,
            "rate": round(rate, 1),
            "load": under.figures(),
            "recovered_seconds": round(max(0.0, drained) + recovered, 3),
            "mb": round(server.megabytes(), 1),
        }


def _recovery(server: Running, requests: list[bytes], usual: float, began: float) -> float:
    """Seconds until one client is served as fast as before: five answers in a row within ``usual``."""
    in_a_row, since = 0, 0.0
    for wanted in requests:
        asked = time.perf_counter()
        status, _ = server.ask(wanted)
        quick = status == 200 and time.perf_counter() - asked <= usual
        since = asked - began if quick and not in_a_row else since
        in_a_row = in_a_row + 1 if quick else 0
        if in_a_row == 5:
            return since
    return float("inf")


def _expected(served: Path, texts: list[str]) -> list[tuple[str, float]]:
    bundle = Bundle.load(served / "encoder")
    shares = bundle.predict_proba(texts)
    return [(bundle.labels[int(row.argmax())], float(row[1])) for row in shares]
