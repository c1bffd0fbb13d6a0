"""What an alarm about errors is worth: false alarms, run lengths and delays, beside other detectors.

    WORKSHOP_DATA_DIR=… python -m benchmarks.monitoring_labels              # everything, about ten minutes
    WORKSHOP_DATA_DIR=… python -m benchmarks.monitoring_labels ours films   # these parts; others are kept

Writes ``benchmarks/results/monitoring_labels.json`` and ``.md``. A stream is a row of labels, 1 for an
error of the model. The model's error is 12 %, 15 % are tolerated. Streams are drawn at random with fixed
seeds, or are the errors of a TF-IDF model on original reviews in the order in which they were written.
"""

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from workshop_utils.data import load_reviews
from workshop_utils.files import atomic_write
from workshop_utils.models.training.learn_tfidf import tfidf_parts
from workshop_utils.paths import corpora_dir
from workshop_utils.production.monitoring.error_detector import evidence_over_time
from workshop_utils.production.monitoring.intervals import WeightedHits, rate_interval
from workshop_utils.production.monitoring.labels_needed import labels_needed
from workshop_utils.production.policy import read_policy
from workshop_utils.production.store.sampling import DrawSizes, choose

RESULTS = Path(__file__).parent / "results"
ERROR, TOLERANCE = 0.12, 0.15
LABELS, STREAMS = 6_000, 400
CALIBRATING, MAPIE_STREAMS = 200, 20
#: Amazon's reviews before this day are learned from.
SPLIT_DAY = "2005-01-01"
POLICY = read_policy().performance
SMALLEST_RISE = POLICY.smallest_rise_points / 100
OURS = f"e-detector, run length {POLICY.run_length:,.0f}"
#: Share of quiet streams that may alarm: what the others are tuned to.
FALSE_ALARMS = 0.01
RISES = {"+10 points": 0.10, "+15 points": 0.15}

#: Ways to draw 200 labels; the last one is in the proportion of the store's default.
DRAWS = {
    "random": DrawSizes(200, 0, 0),
    "uncertain": DrawSizes(0, 200, 0),
    "half random, half uncertain": DrawSizes(100, 100, 0),
    "random, uncertain, disagreement as 5 : 3 : 2": DrawSizes(100, 60, 40),
}

#: What must hold: (lowest, highest).
BOUNDS = {
    "quiet streams with an alarm": (0, FALSE_ALARMS),
    "mean run length at the tolerance, labels, at least": (20_000, math.inf),
    "+10 points, median delay": (0, 320),
    "+15 points, median delay": (0, 160),
    "IMDB halves, streams with an alarm": (0, 0.05),
    "interval, streams that leave the truth": (0, 0.05),
    "labels needed, share that was enough": (0.75, 0.9),
    "200 uncertain labels, worth so many random ones": (260, math.inf),
    "uncertain labels, bias in points": (-0.1, 0.1),
}

#: From errors, shape (streams, labels), to the number of the label with the alarm, inf without one.
Detector = Callable[[np.ndarray], np.ndarray]


def first_alarm(alarmed: np.ndarray) -> np.ndarray:
    """Number of the first label with an alarm, shape (streams,); inf without any."""
    return np.where(alarmed.any(axis=1), alarmed.argmax(axis=1) + 1.0, np.inf)


def e_detector(errors: np.ndarray, run_length: float = POLICY.run_length) -> np.ndarray:
    """Ours."""
    return first_alarm(evidence_over_time(errors, TOLERANCE, run_length, SMALLEST_RISE) >= 1)


def window_test(errors: np.ndarray, level: float = 0.05, in_a_row: int = 1, size: int = 100) -> np.ndarray:
    """One-sided test against the tolerance on each window, and so many windows in a row."""
    windows = errors[:, : errors.shape[1] // size * size].reshape(len(errors), -1, size).mean(axis=2)
    spread = math.sqrt(TOLERANCE * (1 - TOLERANCE) / size)
    high = windows > TOLERANCE + NormalDist().inv_cdf(1 - level) * spread
    alarmed = high.copy()
    for back in range(1, in_a_row):
        alarmed[:, back:] &= high[:, :-back]
        alarmed[:, :back] = False
    return first_alarm(alarmed) * size


def rivers(make: Callable[[], Any], errors: np.ndarray, upwards: bool = False) -> np.ndarray:
    """A detector of river's, label by label. ``upwards``: only changes to more errors count."""
    alarms = np.full(len(errors), np.inf)
    for row, stream in enumerate(errors.tolist()):
        detector, before = make(), 0.0
        for label, error in enumerate(stream, start=1):
            if upwards:
                before = detector.estimation
            detector.update(error)
            if detector.drift_detected and not (upwards and detector.estimation <= before):
                alarms[row] = label
                break
    return alarms


def ddm(errors: np.ndarray, threshold: float, warm_start: int = 100) -> np.ndarray:
    """Gama and others 2004.

    If the warm start saw no error, the next one is an alarm at any threshold: so in 2 % of streams with
    river's own warm start of 30 labels, which no threshold can mend.
    """
    from river.drift.binary import DDM

    return rivers(partial(DDM, drift_threshold=threshold, warm_start=warm_start), errors)


def page_hinkley(errors: np.ndarray, threshold: float) -> np.ndarray:
    """Page 1954, as river has it, upwards."""
    from river.drift import PageHinkley

    return rivers(partial(PageHinkley, threshold=threshold, mode="up"), errors)


def adwin(errors: np.ndarray, threshold: float) -> np.ndarray:
    """Bifet, Gavaldà 2007; the threshold is -log10 of its delta."""
    from river.drift import ADWIN

    return rivers(partial(ADWIN, delta=10.0**-threshold), errors, upwards=True)


def mapie(errors: np.ndarray, level: float = 0.05) -> np.ndarray:
    """MAPIE's risk monitoring: a lower confidence bound of the error since the first label."""
    from mapie.exchangeability_testing import RiskMonitoring

    alarms = []
    for stream in errors.astype(int):
        monitor = RiskMonitoring("accuracy", test_level=level, threshold=TOLERANCE, warn=False)
        monitor.update(np.ones_like(stream), 1 - stream)
        alarms.append(monitor.online_risk_lower_bound_sequence_history > TOLERANCE)
    return first_alarm(np.array(alarms))


def drawn(seed: int, streams: int, labels: int, error: float) -> np.ndarray:
    """Errors at random, shape (streams, labels)."""
    return (np.random.default_rng(seed).random((streams, labels), dtype=np.float32) < error).astype(float)


def alarmed_share(alarms: np.ndarray) -> float:
    """Share of streams with an alarm."""
    return float(np.isfinite(alarms).mean())


def tuned(detector: Callable[[np.ndarray, float], np.ndarray], low: float, high: float) -> float:
    """The smallest threshold with at most so many false alarms on streams that serve for nothing else."""
    quiet = drawn(1, CALIBRATING, LABELS, ERROR)
    allowed = FALSE_ALARMS * CALIBRATING

    def few_enough(threshold: float) -> bool:
        alarms = 0
        for stream in quiet:
            alarms += alarmed_share(detector(stream[None], threshold)) > 0
            if alarms > allowed:
                return False
        return True

    for _ in range(7):
        middle = (low + high) / 2
        low, high = (low, middle) if few_enough(middle) else (middle, high)
    return high


def studied(watch: Detector, streams: int) -> dict[str, Any]:
    """One detector: alarms in whole streams without a change, and labels from a rise to the alarm."""
    result: dict[str, Any] = {
        "streams": streams,
        "below": alarmed_share(watch(drawn(2, STREAMS, LABELS, ERROR)[:streams])),
        "at": alarmed_share(watch(drawn(3, STREAMS, LABELS, TOLERANCE)[:streams])),
        "delay": {},
    }
    for rise, points in RISES.items():
        for quiet in (0, 1_000):
            before = drawn(4, STREAMS, quiet, ERROR)[:streams]
            after = drawn(5, STREAMS, 2_000, ERROR + points)[:streams]
            alarms = watch(np.hstack([before, after])) - quiet
            alarms = alarms[alarms > 0]  # a false alarm before has no delay
            result["delay"][f"{rise} after {quiet}"] = {
                "median": finite(np.quantile(alarms, 0.5, method="higher")) if len(alarms) else None,
                "q90": finite(np.quantile(alarms, 0.9, method="higher")) if len(alarms) else None,
                "found": alarmed_share(alarms) if len(alarms) else 0.0,
                "streams": len(alarms),
            }
    return result


def part_ours(streams: int) -> dict[str, Any]:
    """The e-detector, and a test on each window of 100 labels."""
    watches: dict[str, Detector] = {
        OURS: e_detector,
        "e-detector, run length 2,000": partial(e_detector, run_length=2_000.0),
        "test of each 100 labels, 5 %": window_test,
        "the same, two in a row": partial(window_test, in_a_row=2),
        "the same, three in a row": partial(window_test, in_a_row=3),
    }
    return {name: studied(watch, streams) for name, watch in watches.items()}


def part_mapie(streams: int) -> dict[str, Any]:
    """MAPIE, on the first of the same streams: it takes a hundred times as long."""
    return {"MAPIE RiskMonitoring, 5 %": studied(mapie, min(streams, MAPIE_STREAMS))}


def part_ddm(streams: int) -> dict[str, Any]:
    """River's DDM with its default threshold and tuned."""
    return both_ways("DDM", ddm, 3.0, (2.0, 10.0), streams)


def part_adwin(streams: int) -> dict[str, Any]:
    """River's ADWIN with its default threshold and tuned."""
    return both_ways("ADWIN", adwin, -math.log10(0.002), (1.0, 9.0), streams)


def part_page_hinkley(streams: int) -> dict[str, Any]:
    """River's Page-Hinkley with its default threshold and tuned."""
    return both_ways("Page-Hinkley", page_hinkley, 50.0, (5.0, 100.0), streams)


def both_ways(
    name: str,
    detector: Callable[[np.ndarray, float], np.ndarray],
    default: float,
    between: tuple[float, float],
    streams: int,
) -> dict[str, Any]:
    """A detector with its default threshold, and with the one that keeps false alarms equal."""
    thresholds = {"default threshold": default, "tuned": tuned(detector, *between)}
    return {
        f"river {name}, {way}": studied(partial(detector, threshold=threshold), streams)
        | {"threshold": threshold}
        for way, threshold in thresholds.items()
    }


def finite(number: float) -> float | None:
    """None for what was not found."""
    return float(number) if np.isfinite(number) else None


def part_run_length() -> dict[str, Any]:
    """Error just at the tolerance, 100,000 labels: how long until a false alarm?"""
    labels, streams, alarms = 100_000, 200, []
    for begin in range(0, streams, 50):
        alarms.append(e_detector(drawn(100 + begin, 50, labels, TOLERANCE)))
    times = np.minimum(np.concatenate(alarms), labels)
    alarmed = np.isfinite(np.concatenate(alarms))
    return {
        "streams": streams,
        "labels": labels,
        "alarmed": float(alarmed.mean()),
        # all streams are watched for the same time: the area under Kaplan and Meier's curve up to there
        "restricted mean": float(times.mean()),
        "standard error": float(times.std(ddof=1) / math.sqrt(streams)),
        # constant hazard, as after the first labels: all labels watched for each alarm
        "exponential mean": finite(times.sum() / alarmed.sum()) if alarmed.any() else None,
    }


def part_intervals() -> dict[str, Any]:
    """Does the interval ever leave the truth, how wide is it, and were the computed labels enough?"""
    errors = drawn(6, 400, 3_000, ERROR)
    counts = errors.cumsum(axis=1)
    looks = np.unique(np.geomspace(5, 3_000, 60).astype(int))
    left = np.zeros(len(errors), bool)
    for row, wrong in enumerate(counts):
        for labels in looks:
            found = rate_interval(hits(wrong[labels - 1], labels))
            if not found.low <= ERROR <= found.high:
                left[row] = True
                break
    widths = {
        labels: float(
            np.mean([width(rate_interval(hits(each, labels))) for each in counts[:100, labels - 1]])
        )
        for labels in (100, 300, 1_000, 3_000)
    }
    bought = {}
    for error in (0.05, 0.10, 0.22, 0.27):
        labels = labels_needed(TOLERANCE, error)
        assert labels is not None
        wrong = np.random.default_rng(7).binomial(labels, error, 1_000)
        found_all = [rate_interval(hits(each, labels)) for each in wrong]
        told = [found.high < TOLERANCE or found.low > TOLERANCE for found in found_all]
        bought[str(error)] = {"labels": labels, "enough": float(np.mean(told))}
    return {"left": float(left.mean()), "widths": widths, "bought": bought}


def hits(wrong: float, labels: int) -> WeightedHits:
    """Errors as hits, all of weight 1."""
    return WeightedHits(np.ones(1), np.array([float(wrong)]), np.array([float(labels - wrong)]))


def width(found: Any) -> float:
    """Of an interval."""
    return found.high - found.low


def part_films() -> dict[str, Any]:
    """Film reviews: the model of one half watched on the other, 50 orders of 6,000 labels."""
    frame = load_reviews("full").drop_duplicates("review").sample(frac=1, random_state=0)
    train, test, watched = frame[:6_000], frame[6_000:12_000], frame[12_000:32_000]
    vectorizer, classifier = tfidf_parts(len(train))
    classifier.fit(vectorizer.fit_transform(train["review"]), train["sentiment"])
    wrong = {
        name: np.asarray(classifier.predict(vectorizer.transform(part["review"])) != part["sentiment"])
        for name, part in (("test", test), ("watched", watched))
    }
    tolerance = float(wrong["test"].mean()) + POLICY.tolerance_points / 100
    orders = [np.random.default_rng([8, each]).permutation(wrong["watched"])[:LABELS] for each in range(50)]
    evidence = evidence_over_time(np.array(orders, float), tolerance, POLICY.run_length, SMALLEST_RISE)
    return {
        "error on the test half": float(wrong["test"].mean()),
        "error on the watched half": float(wrong["watched"].mean()),
        "streams": len(orders),
        "alarmed": alarmed_share(first_alarm(evidence >= 1)),
    }


def part_amazon() -> dict[str, Any]:
    """Amazon's reviews by the day they were written: a model of those to the end of 2004, then watched.

    Only 34 of 8,000 are older than the year 2000: too few to learn from.
    """
    frame = pd.read_csv(corpora_dir() / "amazon.csv.gz").dropna(subset=["text", "date_parsed"])
    frame["day"] = pd.to_datetime(frame["date_parsed"], errors="coerce")
    frame = frame.dropna(subset=["day"]).sort_values("day", kind="stable")
    frame["text"] = frame["text"].astype(str)
    old, new = frame[frame["day"] < SPLIT_DAY], frame[frame["day"] >= SPLIT_DAY]
    old = old.sample(frac=1, random_state=0)
    train, test = old[: len(old) // 2], old[len(old) // 2 :]
    vectorizer, classifier = tfidf_parts(len(train))
    classifier.fit(vectorizer.fit_transform(train["text"]), train["label"])
    error = float((classifier.predict(vectorizer.transform(test["text"])) != test["label"]).mean())
    wrong = np.asarray(classifier.predict(vectorizer.transform(new["text"])) != new["label"], dtype=float)
    tolerance = error + POLICY.tolerance_points / 100
    results: dict[str, Any] = {
        "learned from": len(train),
        "tested on": len(test),
        "test error": error,
        "tolerance": tolerance,
        "watched": len(new),
        "error by quarter": {
            str(quarter): [float(part.mean()), len(part)]
            for quarter, part in pd.Series(wrong).groupby(new["day"].dt.to_period("Q").astype(str).to_numpy())
        },
    }
    for run_length in (POLICY.run_length, 2_000):
        at = first_alarm(evidence_over_time(wrong[None], tolerance, run_length, SMALLEST_RISE) >= 1)[0]
        day = None if np.isinf(at) else str(new["day"].iloc[int(at) - 1].date())
        results[f"run length {run_length:,.0f}"] = {"alarm at": finite(at), "day": day}
    return results


def part_price() -> dict[str, Any]:
    """What 200 labels are worth for the error of 10,000 film reviews, by the way they are drawn.

    A challenger of other texts stands in shadow. Estimates are sums over the drawn texts, each divided by its
    probability, or (as intervals have it) the ratio of two such sums.
    """
    frame = load_reviews("full").drop_duplicates("review").sample(frac=1, random_state=0)
    texts, answers = frame[20_000:30_000], []
    for part in (frame[:6_000], frame[6_000:12_000]):
        vectorizer, classifier = tfidf_parts(len(part))
        classifier.fit(vectorizer.fit_transform(part["review"]), part["sentiment"])
        answers.append(classifier.predict_proba(vectorizer.transform(texts["review"])))
    wrong = classifier.classes_[answers[0].argmax(axis=1)] != texts["sentiment"].to_numpy()
    uncertainty = 1 - answers[0].max(axis=1)
    disagreement = answers[0].argmax(axis=1) != answers[1].argmax(axis=1)
    truth, repeats = float(wrong.mean()), 2_000
    results: dict[str, Any] = {"error": truth, "texts": len(texts), "repeats": repeats}
    for name, sizes in DRAWS.items():
        plain, sums, ratios, labels = [], [], [], []
        for seed in range(repeats):
            parts, probability = choose(uncertainty, disagreement, sizes, seed)
            taken = np.flatnonzero(parts)
            weights = 1 / probability[taken]
            plain.append(wrong[taken].mean())
            sums.append(weights @ wrong[taken] / len(wrong))
            ratios.append(weights @ wrong[taken] / weights.sum())
            labels.append(len(taken))
        results[name] = {
            "labels": float(np.mean(labels)),
            **{
                way: {
                    "bias": float(np.mean(found) - truth),
                    # so many random labels have the same mean square error, and for 200 of these labels
                    "worth": float(
                        truth
                        * (1 - truth)
                        / np.mean((np.array(found) - truth) ** 2)
                        * (200 / np.mean(labels))
                    ),
                }
                for way, found in (("uncorrected", plain), ("corrected", sums), ("ratio", ratios))
            },
        }
    return results


def part_feedback() -> dict[str, Any]:
    """Labels that come late, and labels that people give because the model was wrong."""
    rng, streams, late = np.random.default_rng(9), 100, {}
    for lag in (0, 1_000, 5_000):
        delays = []
        for _ in range(streams):
            wrong = rng.random(40_000) < np.repeat([ERROR, ERROR + 0.1], 20_000)
            told = np.flatnonzero(rng.random(40_000) < 0.1)
            arrival = told + rng.exponential(size=len(told)) * lag
            order = np.argsort(arrival)
            alarm = e_detector(wrong[told[order]][None].astype(float))[0]
            delays.append(np.inf if np.isinf(alarm) else arrival[order][int(alarm) - 1] - 20_000)
        late[str(lag)] = finite(np.quantile(delays, 0.5, method="higher"))
    wrong = drawn(10, streams, LABELS, ERROR) == 1
    told = rng.random(wrong.shape) < np.where(wrong, 0.15, 0.05)
    unasked = [stream[given].astype(float) for stream, given in zip(wrong, told, strict=True)]
    asked = [
        rng.permutation(stream)[: len(given)].astype(float)
        for stream, given in zip(wrong, unasked, strict=True)
    ]
    return {
        "late": late,
        "selective": {
            name: {
                "error": float(np.mean(np.concatenate(labels))),
                "alarmed": alarmed_share(np.array([e_detector(each[None])[0] for each in labels])),
            }
            for name, labels in (("unasked", unasked), ("drawn", asked))
        },
    }


#: Parts that study detectors; the others are about other things.
DETECTORS: dict[str, Callable[[int], dict[str, Any]]] = {
    "ours": part_ours,
    "mapie": part_mapie,
    "ddm": part_ddm,
    "adwin": part_adwin,
    "page_hinkley": part_page_hinkley,
}
OTHERS: dict[str, Callable[[], dict[str, Any]]] = {
    "run_length": part_run_length,
    "intervals": part_intervals,
    "films": part_films,
    "amazon": part_amazon,
    "price": part_price,
    "feedback": part_feedback,
}
PARTS = [*DETECTORS, *OTHERS]


def measures(found: dict[str, Any]) -> dict[str, float]:
    """The numbers that have bounds; of what was done twice, the worse one."""
    ours = found["ours"][OURS]
    enough = [each["enough"] for each in found["intervals"]["bought"].values()]
    values = {
        "quiet streams with an alarm": ours["below"],
        "mean run length at the tolerance, labels, at least": found["run_length"]["restricted mean"],
        **{
            f"{rise}, median delay": max(
                (math.inf if each["median"] is None else each["median"])
                for name, each in ours["delay"].items()
                if name.startswith(rise)
            )
            for rise in RISES
        },
        "IMDB halves, streams with an alarm": found["films"]["alarmed"],
        "interval, streams that leave the truth": found["intervals"]["left"],
        "labels needed, share that was enough": float(np.mean(enough)),
        "200 uncertain labels, worth so many random ones": found["price"]["uncertain"]["corrected"]["worth"],
        "uncertain labels, bias in points": 100 * found["price"]["uncertain"]["corrected"]["bias"],
    }
    return {name: float(value) for name, value in values.items()}


def page(found: dict[str, Any]) -> str:
    """All results for people."""
    percent, lines = "{:.1f} %".format, []
    rows = {name: each for part in DETECTORS for name, each in found[part].items()}
    for name, each in rows.items():
        cells = [str(each["streams"]), percent(100 * each["below"]), percent(100 * each["at"])]
        for one in each["delay"].values():
            late = [f"> {2_000:,}" if one[key] is None else f"{one[key]:,.0f}" for key in ("median", "q90")]
            cells.append(f"{late[0]} ({late[1]})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    bounds = [
        f"| {name} | {value:,.4g} | {low:,.4g} to {high:,.4g} |"
        for (name, value), (low, high) in zip(measures(found).items(), BOUNDS.values(), strict=True)
    ]
    adwins, own = (
        " and ".join(f"{delay[f'{rise} after 1000']['median'] or math.inf:,.0f}" for rise in RISES)
        for delay in (rows["river ADWIN, tuned"]["delay"], rows[OURS]["delay"])
    )
    tuned_to = [rows[f"river {name}, tuned"]["threshold"] for name in ("DDM", "ADWIN", "Page-Hinkley")]
    long = found["run_length"]
    ours, short = (each["delay"] for each in list(found["ours"].values())[:2])
    promise = [
        f"{one['+10 points after 0']['median']:,.0f} labels at +10 points and "
        f"{one['+15 points after 0']['median']:,.0f} at +15"
        for one in (ours, short)
    ]
    columns = [f"{rise.split()[0]} {when}" for rise in RISES for when in ("from the start", "after 1,000")]
    widths = ", ".join(
        f"{labels} labels: {100 * each:.1f}" for labels, each in found["intervals"]["widths"].items()
    )
    bought = ", ".join(
        f"{100 * float(error):.0f} %: {each['labels']:,} ({100 * each['enough']:.0f} %)"
        for error, each in found["intervals"]["bought"].items()
    )
    amazon, films, price = found["amazon"], found["films"], found["price"]
    priced = [
        f"| {name} | {100 * each['uncorrected']['bias']:+.2f} | "
        + " | ".join(
            f"{100 * each[way]['bias']:+.2f} | {each[way]['worth']:.0f}" for way in ("corrected", "ratio")
        )
        + " |"
        for name, each in ((name, price[name]) for name in DRAWS)
    ]
    test_error, tolerated = 100 * amazon["test error"], 100 * amazon["tolerance"]
    late = found["feedback"]["late"]
    seems, is_so = (
        [100 * found["feedback"]["selective"][name][key] for key in ("error", "alarmed")]
        for name in ("unasked", "drawn")
    )
    waits = ", ".join(f"{int(lag):,}: {delay:,.0f}" for lag, delay in late.items())
    quarters = ", ".join(
        f"{quarter}: {100 * error:.1f} % of {n:,}"
        for quarter, (error, n) in amazon["error by quarter"].items()
    )
    alarms = "; ".join(
        f"with the {name} "
        + (
            "no alarm"
            if each["alarm at"] is None
            else f"alarm at label {each['alarm at']:,.0f}, {each['day']}"
        )
        for name, each in amazon.items()
        if name.startswith("run length")
    )
    return f"""# What an alarm about errors is worth

Made by `python -m benchmarks.monitoring_labels`; do not edit. The model's error is {100 * ERROR:.0f} %,
{100 * TOLERANCE:.0f} % are tolerated. {STREAMS} streams of {LABELS:,} labels without a change; {STREAMS}
streams in which the error rises by 10 or 15 points, to {100 * ERROR + 10:.0f} or {100 * ERROR + 15:.0f} %,
with the first label or after 1,000 quiet ones. Delays are labels from the rise to the alarm: the median,
and in brackets the 90 % quantile.

## Bounds

| what | measured | allowed |
|:--|--:|--:|
{chr(10).join(bounds)}

## Side by side

| {" | ".join(["detector", "streams", "alarm in a quiet stream", "error at the tolerance", *columns])} |
|:--|--:|--:|--:|--:|--:|--:|--:|
{chr(10).join(lines)}

*Tuned*: the lowest threshold at which at most {100 * FALSE_ALARMS:.0f} % of {CALIBRATING} other quiet
streams alarm (DDM {tuned_to[0]:.2f}, ADWIN delta 1e-{tuned_to[1]:.2f}, Page-Hinkley {tuned_to[2]:.1f}).
ADWIN's alarms count only when its mean rose. River's detectors look for a *change* and know no tolerance: an
error that is too high from the first label on is nothing new to them, and a rise that stays below the
tolerance is a change. The e-detector and MAPIE know the tolerance and no change.
MAPIE promises more, at most 5 % false alarm for ever, and pays with delay; the more quiet labels came before,
the later it finds a rise, since it bounds the mean since the first label. After 1,000 quiet labels ADWIN,
tuned, needs {adwins} labels and the e-detector {own}: where the past was quiet, comparing with it is nearly
as fast, without a promise for other streams. DDM has a warm start of 100 labels here.

**What a promise costs.** The e-detector finds a rise from the first label on in a median of {promise[0]}
with a run length of {POLICY.run_length:,.0f} labels; with one of 2,000 in {promise[1]}. Ten times as many
labels between two false alarms cost that much delay.

## How long until a false alarm, with the error just at the tolerance

{long["streams"]} streams of {long["labels"]:,} labels: {100 * long["alarmed"]:.0f} % alarm. Watched until
the alarm or the end, a stream runs {long["restricted mean"]:,.0f} labels on average (standard error
{long["standard error"]:,.0f}): the area under Kaplan and Meier's curve up to the end, and so a lower bound
of the mean run length. All labels watched for each alarm, right if alarms come at a constant rate:
{long["exponential mean"]:,.0f}.

## Intervals

{100 * found["intervals"]["left"]:.1f} % of 400 streams of 3,000 labels leave their truth at one of 60 looks
(5 % allowed). Width in points, from end to end: {widths}. Labels needed until the interval excludes the
tolerance in 80 % of cases, by the true error, and in how many of 1,000 trials they were enough: {bought}.

## Real reviews

Film reviews, TF-IDF of 6,000: error {100 * films["error on the test half"]:.1f} % on the test part,
{100 * films["error on the watched half"]:.1f} % on what is watched; {100 * films["alarmed"]:.0f} % of
{films["streams"]} orders of {LABELS:,} labels alarm.

Amazon, four kinds of goods mixed as they come, TF-IDF of {amazon["learned from"]:,} reviews before
{SPLIT_DAY}: test error {test_error:.1f} % of {amazon["tested on"]:,}, tolerance {tolerated:.1f} %. Then
{amazon["watched"]:,} reviews by their day: {alarms}.
Error by quarter: {quarters}.
Reviews older than the year 2000 are 34 in all, too few to learn from.

## What labels are worth

The error of {price["texts"]:,} film reviews ({100 * price["error"]:.1f} %) estimated from 200 labels,
{price["repeats"]:,} times. Bias in points; *worth*: so many random labels err as much, on average.

| drawn | bias if not corrected | bias, corrected | worth | bias, ratio | worth |
|:--|--:|--:|--:|--:|--:|
{chr(10).join(priced)}

*Corrected*: each error divided by its drawing probability, over the number of texts. *Ratio*: over the sum
of the inverse probabilities, as the intervals have it; it needs a random part, or sure texts, drawn rarely
and weighing much, spoil it. Disagreements alone say nothing about texts on which both models agree, so they
have a line only together with the others.

**Late labels.** Every tenth prediction gets a label, the error rises by 10 points. Predictions from the
rise to the alarm, median, by the mean lag of a label in predictions (exponential): {waits}.

**Selective feedback.** People tell of an error three times as often as of a right answer. The model's error
is {100 * ERROR:.0f} %; among the labels that come unasked it seems to be {seems[0]:.1f} %, and
{seems[1]:.0f} % of 100 streams alarm. Of as many drawn labels: {is_so[0]:.1f} % and {is_so[1]:.0f} %.
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--streams", type=int, default=STREAMS, help="fewer for a trial")
    told = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    path = RESULTS / "monitoring_labels.json"
    for name in told.parts or PARTS:
        began = time.perf_counter()
        result = DETECTORS[name](told.streams) if name in DETECTORS else OTHERS[name]()
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        atomic_write(path, json.dumps(found | {name: result}, indent=1) + "\n")
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    found = json.loads(path.read_text(encoding="utf-8"))
    if all(name in found for name in PARTS):
        atomic_write(path.with_suffix(".md"), page(found))


if __name__ == "__main__":
    main()
