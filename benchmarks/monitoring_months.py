"""The bundled months through ``workshop monitor``: what it says of each, and after how many labels.

    python -m benchmarks.monitoring_months                    # TF-IDF, about five minutes
    python -m benchmarks.monitoring_months tfidf distilbert   # these models; others are kept

Writes ``benchmarks/results/monitoring_months.json`` and ``.md``. Bundles are trained as ``workshop train``
does on the reference months, January 2025 to February 2026. Then every review of March to July 2026 is a
prediction with its true label, in the order of the months and dealt anew 100 times: March and April in
another order, May to July from one pool. The policy is the classroom's.
"""

import argparse
import csv
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from workshop_utils.data import load_reviews
from workshop_utils.files import atomic_write
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.training import TrainListener, TrainRequest, train_bundle
from workshop_utils.production.monitoring import (
    MonitoringReport,
    TableColumns,
    error_tolerance,
    evidence_over_time,
    monitor_table,
    open_monitored_model,
)
from workshop_utils.production.policy import CLASSROOM_POLICY, Policy, read_policy

RESULTS = Path(__file__).parent / "results"
MODELS = {"tfidf": "TF-IDF", "distilbert": "packaged encoder"}
DEALS = 100
#: So many bundles of other seeds share the deals.
BUNDLES = {"tfidf": 5, "distilbert": 1}
MARCH, APRIL, POOL = "2026-03", "2026-04", ("2026-05", "2026-06", "2026-07")
POLICIES = {"classroom": read_policy(CLASSROOM_POLICY), "default": read_policy()}
COLUMNS = TableColumns(text="text", truth="truth", label="label")
#: Rises of the errors above the tolerance, in points, and simulated months for each.
RISES, MONTHS = (0, 5, 10, 15, 20, 25), 4000

#: What must hold of the model with the alarm that comes first: (lowest, highest).
BOUNDS = {
    "April: share of deals with an alarm": (0, 0.1),
    "March: share of deals called mild": (0.95, 1),
    "March: share of deals with an alarm about errors": (0, 0.05),
    "harmful by the end of June: share of deals": (0.95, 1),
}


def months() -> dict[str, pd.DataFrame]:
    """Reviews by month; the reference months together."""
    frame = load_reviews("sample")
    month = frame["written_at"].astype(str).str[:7]
    found = {name: frame[month == name] for name in (MARCH, APRIL, *POOL)}
    return found | {"reference": frame[frame["split"] == "reference"]}


def trained(folder: Path, reference: pd.DataFrame, model: str, seed: int) -> Path:
    """A bundle, as ``workshop train`` makes it."""
    table = folder / "reference.csv"
    reference[["review", "sentiment"]].to_csv(table, index=False)
    listener = TrainListener(lambda sentence: None, lambda title, share: None)
    request = TrainRequest(table, folder / f"bundle-{seed}", "review", "sentiment", model, seed=seed)  # type: ignore[arg-type]
    train_bundle(request, listener)
    return request.bundle


def answered(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    """Reviews as a table that ``workshop monitor`` reads, with the bundle's answers."""
    shares = bundle.predict_proba(frame["review"].tolist())
    table = pd.DataFrame({"text": frame["review"], "truth": frame["sentiment"]})
    table["label"] = [bundle.labels[best] for best in shares.argmax(axis=1)]
    for place, label in enumerate(bundle.labels):
        table[f"probability_{label}"] = shares[:, place]
    return table


def dealt(tables: dict[str, pd.DataFrame], deal: int) -> list[pd.DataFrame]:
    """The five months in one deal."""
    rng = np.random.default_rng([1, deal])
    march, april = (tables[name].iloc[rng.permutation(len(tables[name]))] for name in (MARCH, APRIL))
    pool = pd.concat([tables[name] for name in POOL])
    pool = pool.iloc[rng.permutation(len(pool))]
    ends = np.cumsum([len(tables[name]) for name in POOL])
    return [
        march,
        april,
        *(pool[end - len(tables[name]) : end] for name, end in zip(POOL, ends, strict=True)),
    ]


def monitored(rows: list[pd.DataFrame], bundle: Path, policy: Policy, scratch: Path) -> MonitoringReport:
    """What ``workshop monitor --table`` says of these months."""
    path = scratch / "months.csv"
    pd.concat(rows).to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC)
    return monitor_table(path, bundle, policy, COLUMNS)


def studied(model: str) -> dict[str, Any]:
    """One kind of model."""
    frames, deals = months(), []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        bundles = [trained(scratch, frames["reference"], model, seed) for seed in range(BUNDLES[model])]
        tables = [
            {name: answered(Bundle.load(bundle), frames[name]) for name in (MARCH, APRIL, *POOL)}
            for bundle in bundles
        ]
        for deal in range(DEALS):
            place = deal % len(bundles)
            rows = dealt(tables[place], deal)
            deals.append(one_deal(rows, bundles[place], scratch))
        errors = [open_monitored_model(bundle).error or 0.0 for bundle in bundles]
    by_month = {
        name: float(np.mean([(each[name]["truth"] != each[name]["label"]).mean() for each in tables]))
        for name in (MARCH, APRIL, *POOL)
    }
    return {
        "bundles": len(bundles),
        "error": float(np.mean(errors)),
        "errors by month": by_month,
        "texts": {name: len(frames[name]) for name in (MARCH, APRIL, *POOL)},
        "reference": len(frames["reference"]),
        "deals": deals,
        "quiet month": {name: worth(float(np.mean(errors)), each) for name, each in POLICIES.items()},
    }


def one_deal(rows: list[pd.DataFrame], bundle: Path, scratch: Path) -> dict[str, Any]:
    """March alone, April alone, and all months one after the other with both policies."""
    march, april = (monitored([rows[place]], bundle, POLICIES["classroom"], scratch) for place in (0, 1))
    found: dict[str, Any] = {"march": told(march), "april": told(april)}
    for name, policy in POLICIES.items():
        found[name] = told(monitored(rows, bundle, policy, scratch))
    return found


def told(report: MonitoringReport) -> dict[str, Any]:
    """What is kept of a report."""
    inputs, errors, accuracy = report.inputs, report.performance.errors, report.performance.accuracy
    assert inputs is not None and errors is not None and accuracy is not None
    found = [each.alarm_at for each in inputs.findings if each.kind == "data" and each.alarm_at is not None]
    return {
        "verdict": report.verdict,
        "alarms": [each.name for each in report.alarms],
        "errors at": errors.alarm_at,
        "data at": min(found, default=None),
        "labels to buy": report.labels_to_buy,
        "accuracy": list(accuracy),
        "words": inputs.words.new[:6],
    }


def worth(error: float, policy: Policy, labels: int = 150) -> dict[str, float]:
    """Share of months with an alarm about errors, by the rise above what is tolerated in points."""
    performance = policy.performance
    tolerance = error_tolerance(error, performance.tolerance_points)
    found = {}
    for rise in RISES:
        share = tolerance + rise / 100
        wrong = (np.random.default_rng([2, rise]).random((MONTHS, labels)) < share).astype(float)
        evidence = evidence_over_time(
            wrong, tolerance, performance.run_length, performance.smallest_rise_points / 100
        )
        found[str(rise)] = float((evidence >= 1).any(axis=1).mean())
    return found


def june(found: dict[str, Any]) -> int:
    """Number of the last label of June, counted from the first of March."""
    return sum(found["texts"][name] for name in (MARCH, APRIL, *POOL[:2]))


def shares(found: dict[str, Any], policy: str = "classroom") -> dict[str, float]:
    """The numbers that have bounds, of one model."""
    deals = found["deals"]
    early = [each[policy]["errors at"] for each in deals]
    values = {
        "April: share of deals with an alarm": [bool(each["april"]["alarms"]) for each in deals],
        "March: share of deals called mild": [each["march"]["verdict"] == "mild" for each in deals],
        "March: share of deals with an alarm about errors": [
            "performance" in each["march"]["alarms"] for each in deals
        ],
        "harmful by the end of June: share of deals": [at is not None and at <= june(found) for at in early],
    }
    return {name: float(np.mean(each)) for name, each in values.items()}


def page(results: dict[str, Any]) -> str:
    """All results for people."""
    parts = [
        "# The bundled months through `workshop monitor`",
        "Made by `python -m benchmarks.monitoring_months`; do not edit. The reviews of March to July 2026, "
        f"each with its true label, {DEALS} times in other orders; May to July are dealt from one pool. The "
        "bundles are trained on the reference months; the policy is the classroom's.",
    ]
    for model, found in results.items():
        parts += section(MODELS[model], found)
    return "\n\n".join(parts) + "\n"


def section(title: str, found: dict[str, Any]) -> list[str]:
    """One model."""
    values, deals = shares(found), found["deals"]
    tolerance = error_tolerance(found["error"], POLICIES["classroom"].performance.tolerance_points)
    before = sum(found["texts"][name] for name in (MARCH, APRIL))
    kept = {name: "yes" if low <= values[name] <= high else "NO" for name, (low, high) in BOUNDS.items()}
    bounds = [
        f"| {name} | {values[name]:.2f} | {low:g} to {high:g} | {kept[name]} |"
        for name, (low, high) in BOUNDS.items()
    ]
    errors = [f"| {name} | {each:.1%} |" for name, each in found["errors by month"].items()]
    said = {
        name: Counter(each[key]["verdict"] for each in deals)
        for name, key in (("March alone", "march"), ("April alone", "april"), ("March to July", "classroom"))
    }
    verdicts = [
        f"| {name} | {', '.join(f'{verdict} {count}' for verdict, count in counts.most_common())} |"
        for name, counts in said.items()
    ]
    lines = [late(deals, policy, before) for policy in POLICIES]
    data = [each["march"]["data at"] for each in deals if each["march"]["data at"]]
    bought = [each["march"]["labels to buy"] for each in deals if each["march"]["verdict"] == "mild"]
    low, high = (np.mean([each["april"]["accuracy"][place] for each in deals]) for place in (1, 2))
    april = np.mean([each["april"]["accuracy"][0] for each in deals])
    worths = [
        f"| {name} | " + " | ".join(f"{each[str(rise)]:.0%}" for rise in RISES) + " |"
        for name, each in found["quiet month"].items()
    ]
    return [
        f"## {title}",
        f"{found['bundles']} {'bundle' if found['bundles'] == 1 else 'bundles'} of {found['reference']:,} "
        f"reviews. Error by cross-validation {found['error']:.1%}, tolerated {tolerance:.1%}.",
        "\n".join(["| what | measured | bound | kept |", "|:--|--:|--:|:--|", *bounds]),
        "\n".join(["| month | error |", "|:--|--:|", *errors]),
        "\n".join(["| watched | verdict at the end, deals |", "|:--|:--|", *verdicts]),
        "**How many labels.** " + " ".join(lines),
        f"**March.** The inputs' change is seen after a median of {median(data):.0f} reviews, told by words "
        f"such as *{', '.join(deals[0]['march']['words'])}*. {to_buy(bought)}"
        if data
        else "**March.** The inputs' change is not seen.",
        f"**What a quiet month is worth.** 150 labels of April: accuracy {april:.1%}, and at the level 95 %, "
        f"looked at after each label, from {low:.1%} to {high:.1%}. What it means that no alarm was raised: "
        "the share of simulated months of 150 labels with an alarm, by so many points more errors than are "
        "tolerated.",
        "\n".join(
            [
                f"| policy | {' | '.join(f'+{rise}' for rise in RISES)} |",
                "|:--|" + "--:|" * len(RISES),
                *worths,
            ]
        ),
    ]


def late(deals: list[dict[str, Any]], policy: str, before: int) -> str:
    """When errors were found."""
    at = [each[policy]["errors at"] for each in deals]
    found = sorted(each - before for each in at if each is not None and each > before)
    sooner = sum(each is not None and each <= before for each in at)
    if not found:
        return f"With the {policy} policy no alarm about errors is raised from May on."
    return (
        f"With the {policy} policy (run length {POLICIES[policy].performance.run_length:,.0f} labels) errors "
        f"raise an alarm after a median of {median(found):.0f} labels from the first of May on, nine in ten "
        f"within {found[int(np.ceil(0.9 * len(found))) - 1]}; before May in {sooner} of {len(deals)} deals."
    )


def to_buy(bought: list[int | None]) -> str:
    """What the verdict *mild* asks for."""
    numbers = sorted(each for each in bought if each is not None)
    if not numbers:
        return "No number of labels would tell more."
    return (
        f"It is asked for {median(numbers):.0f} more labels in the median ({numbers[0]} to {numbers[-1]}); "
        f"in {len(bought) - len(numbers)} of {len(bought)} deals no number would tell."
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=["tfidf"], help=f"of {', '.join(MODELS)}")
    arguments = parser.parse_args()
    path = RESULTS / "monitoring_months.json"
    for model in arguments.models:
        began = time.perf_counter()
        result = studied(model)
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found = {name: (found | {model: result})[name] for name in MODELS if name in found or name == model}
        atomic_write(path, json.dumps(found, indent=1) + "\n")
        atomic_write(path.with_suffix(".md"), page(found))
        print(f"{model}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
