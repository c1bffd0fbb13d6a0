"""The results page, from nothing but the numbers in ``service.json``."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from benchmarks.service.measure import CLIENTS, SHARE
from benchmarks.service.servers import (
    BENTO,
    FAST,
    FLASK,
    GUNICORN,
    LIT,
    OURS,
    SERVERS,
)

UNBATCHED = (BENTO, LIT, FAST)
_BARE = {
    "bundle": "bare bundle, texts in",
    "session": "bare session of ONNX Runtime, ids in",
    "openvino": "OpenVINO's benchmark_app, ids in, from float32",
}


def page(result: dict) -> str:
    """Markdown."""
    rounds = result["rounds"]
    parts = [
        "# The service beside others, measured\n",
        f"Made by `{result['command']}` on {result['machine']}, {result['date']}. "
        f"{_versions(result['versions'])} One network for all: the packaged encoder (6 layers, width 384), "
        "fine-tuned on film reviews, of which it reads up to 512 tokens. One text a request: "
        f"{result['texts']} reviews of 64 to 256 words, {result['mean_tokens']:.0f} tokens on average. "
        f"{len(rounds)} rounds; each server is started anew in each, one at a time, in an order that turns. "
        "Medians with range; a ratio is taken within a round. The load comes from one process on the same "
        f"cores; it took {_client(rounds)} ms of processor time a request.\n",
        "\n## Against the targets\n",
        pd.DataFrame(targets(result)).to_markdown(index=False),
        "\n## Texts a second, and how many times as many ours answers\n",
        _table(speed_row(rounds, name) for name in SERVERS),
        "\n## How long an answer took\n\nMilliseconds; then the 99th percentile of ours divided by theirs: "
        "below 1, ours is the quicker.\n",
        _table(latency_row(rounds, name) for name in SERVERS),
        "\n## Processor time\n\nMilliseconds of a server's processes for a text; a busy machine disturbs "
        f"them least. The bare bundle takes {spread(bare(rounds, 'bundle_ms'), 1)}.\n",
        _table(processor_row(rounds, name) for name in SERVERS),
        f"\n## Requests that come by chance\n\n{SHARE:.0%} of what ours does for 8 clients, the same rate "
        "for all. Who cannot keep up is not measured: its queue grows for as long as the load lasts.\n",
        _table(open_row(rounds, name) for name in SERVERS),
        "\n## Memory and start\n\nMB of all processes of a server, shared memory counted once (PSS); "
        "seconds from the start of the process to its first answered text.\n",
        _table(cost_row(rounds, name) for name in SERVERS),
        "\n## The ceiling\n\nTexts a second in one process on two cores, no server around it. "
        "OpenVINO gets texts of the average length and chooses its threads and precision itself.\n",
        _table(ceiling_rows(rounds)),
        "\n## The same answers\n\n50 reviews, one request at a time and eight at once, beside the bare "
        "bundle.\n",
        _table(answer_row(rounds[0], name) for name in SERVERS),
        overload_part(result["overload"]),
        "\n## How each was configured\n",
        "\n".join(f"- **{name}**: {server.configuration}." for name, server in SERVERS.items()),
        "\nBentoML, LitServe and FastAPI score the bundle's own `model.onnx` with the same onnxruntime and "
        "tokenizer and one thread a call. The file knows no padding, because a bundle scores each "
        "text alone; for batches there is the same network with a mask in its attention, made int8 in the "
        "same way.",
    ]
    return "\n".join(parts) + "\n"


def loaded(rounds: list[dict], name: str, clients: int, figure: str = "texts_per_second") -> np.ndarray:
    """A figure of a server under the load of so many clients, in each round."""
    return np.array([each["servers"][name][f"clients_{clients}"][figure] for each in rounds])


def bare(rounds: list[dict], key: str) -> np.ndarray:
    """A figure without a server, in each round."""
    return np.array([each["bare"][key] for each in rounds])


def speed_ratios(rounds: list[dict], name: str, clients: int) -> np.ndarray:
    """Ours by theirs, in each round."""
    return loaded(rounds, OURS, clients) / loaded(rounds, name, clients)


def late_ratios(rounds: list[dict], name: str, clients: int) -> np.ndarray:
    """The 99th percentile of ours by theirs, in each round."""
    return loaded(rounds, OURS, clients, "p99_ms") / loaded(rounds, name, clients, "p99_ms")


def targets(result: dict) -> list[dict]:
    """What was aimed at, what was measured, whether that is enough by the medians."""
    rounds, flood = result["rounds"], result["overload"]
    rows = [
        _target(f"texts a second, {name}, {clients} clients", f"at least {least:g} times", ratios, least)
        for name, least in ((FLASK, 10), (GUNICORN, 3), *((other, 1) for other in UNBATCHED))
        for clients in CLIENTS[1:]
        for ratios in (speed_ratios(rounds, name, clients),)
    ]
    rows += [
        _target(f"p99, {name}, {clients} clients", "at most 1 times", ratios, 1, most=True)
        for name in UNBATCHED
        for clients in CLIENTS[1:]
        for ratios in (late_ratios(rounds, name, clients),)
    ]
    mine = [each["servers"][OURS] for each in rounds]
    shares = loaded(rounds, OURS, 64) / bare(rounds, "bundle")
    codes = set(flood["load"]["codes"])
    late = np.array([flood["load"]["p99_ms"] / flood["capacity"]["p99_ms"]])
    return [
        *rows,
        _target("share of the bare bundle, 64 clients", "at least 0.85", shares, 0.85),
        _target("MB after the load", "at most 250", [each["mb"] for each in mine], 250, most=True),
        _target("seconds until ready", "at most 2", [each["ready_seconds"] for each in mine], 2, most=True),
        {
            "": "codes under four times capacity",
            "target": "200, 429, 503",
            "measured": ", ".join(sorted(codes)),
            "reached": _yes(codes <= {"200", "429", "503"}),
        },
        _target("p99 of the accepted by p99 at capacity", "at most 2 times", late, 2, most=True),
        _target("seconds to recover", "at most 2", [flood["recovered_seconds"]], 2, most=True),
    ]


def speed_row(rounds: list[dict], name: str) -> dict[str, str]:
    row = _each_load(rounds, name, "texts_per_second")
    for clients in CLIENTS:
        row[f"ours: times, {clients}"] = spread(speed_ratios(rounds, name, clients), 2)
    return row


def latency_row(rounds: list[dict], name: str) -> dict[str, str]:
    row = {"": name}
    for clients in CLIENTS:
        for figure in ("p50_ms", "p99_ms"):
            row[f"{figure[:3]}, {clients}"] = f"{np.median(loaded(rounds, name, clients, figure)):,.0f}"
    for clients in CLIENTS:
        row[f"ours by theirs, {clients}"] = spread(late_ratios(rounds, name, clients), 2)
    return row


def processor_row(rounds: list[dict], name: str) -> dict[str, str]:
    return _each_load(rounds, name, "server_ms")


def open_row(rounds: list[dict], name: str) -> dict[str, str]:
    found = [each["servers"][name].get("open") for each in rounds]
    if None in found:
        return {"": name, "rate": "cannot keep up"}
    return {"": name} | {
        title: spread([each[figure] for each in found], 0)
        for title, figure in (("rate", "rate"), ("p50, ms", "p50_ms"), ("p99, ms", "p99_ms"))
    }


def cost_row(rounds: list[dict], name: str) -> dict[str, str]:
    mine = [each["servers"][name] for each in rounds]
    return {
        "": name,
        "MB when ready": spread([each["ready_mb"] for each in mine], 0),
        "MB after the load": spread([each["mb"] for each in mine], 0),
        "seconds until ready": spread([each["ready_seconds"] for each in mine], 2),
    }


def ceiling_rows(rounds: list[dict]) -> Iterable[dict[str, str]]:
    for key, title in _BARE.items():
        values = bare(rounds, key)
        yield {
            "": title,
            "texts a second": spread(values, 1),
            "share that ours reaches, 8 clients": spread(loaded(rounds, OURS, 8) / values, 2),
            "64 clients": spread(loaded(rounds, OURS, 64) / values, 2),
        }


def answer_row(first: dict, name: str) -> dict[str, str]:
    row = {"": name}
    for clients, title in ((1, "alone"), (8, "eight at once")):
        found = first["servers"][name]["answers"][f"clients_{clients}"]
        row[f"{title}: largest difference of a probability"] = f"{found['largest_difference']:.1e}"
        row[f"{title}: other labels"] = str(found["other_labels"])
    return row


def overload_part(flood: dict) -> str:
    """Ours under four times its capacity."""
    load, capacity = flood["load"], flood["capacity"]
    codes = ", ".join(f"{count:,} times {code}" for code, count in load["codes"].items())
    return (
        f"\n## Ours under four times its capacity\n\n{flood['rate']:.0f} requests a second by chance, for "
        f"{flood['seconds']:.0f} s; capacity is what 64 clients get, as many as may wait: "
        f"{capacity['texts_per_second']:.0f} texts a second, p50 {capacity['p50_ms']:.0f} ms, p99 "
        f"{capacity['p99_ms']:.0f} ms.\n\n"
        f"- Answers: {codes}. Accepted: {load['texts_per_second']:.0f} texts a second, "
        f"{load['texts_per_second'] / capacity['texts_per_second']:.2f} of capacity.\n"
        f"- The accepted took {load['p50_ms']:.0f} ms (p50) and {load['p99_ms']:.0f} ms (p99), "
        f"{load['p99_ms'] / capacity['p99_ms']:.2f} times the p99 at capacity. What is sent is sent from the "
        f"same two cores; the load took {load['client_ms']:.2f} ms a request.\n"
        f"- {flood['recovered_seconds']:.2f} s after the last request a single client is answered as fast as "
        f"before (p99 {flood['one_client']['p99_ms']:.0f} ms, twice that allowed, five times in a row). "
        f"Memory then: {flood['mb']:.0f} MB."
    )


def spread(values, digits: int) -> str:
    """Median with range."""
    low, middle, high = np.quantile(np.asarray(values, dtype=float), [0, 0.5, 1])
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def _each_load(rounds: list[dict], name: str, figure: str) -> dict[str, str]:
    return {"": name} | {
        f"{clients} clients" if clients > 1 else "1 client": spread(loaded(rounds, name, clients, figure), 1)
        for clients in CLIENTS
    }


def _target(what: str, target: str, values, bound: float, most: bool = False) -> dict[str, str]:
    middle = float(np.median(values))
    return {
        "": what,
        "target": target,
        "measured": spread(values, 2),
        "reached": _yes(middle <= bound if most else middle >= bound),
    }


def _table(rows: Iterable[dict[str, str]]) -> str:
    return pd.DataFrame(rows).fillna("").to_markdown(index=False, disable_numparse=True)


def _client(rounds: list[dict]) -> str:
    return f"{np.median(loaded(rounds, OURS, 8, 'client_ms')):.2f}"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) + "."


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"
