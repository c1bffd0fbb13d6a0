"""When to retrain: five triggers followed through time, what accuracy they keep and what they cost.

    WORKSHOP_DATA_DIR=… python -m benchmarks.retraining_triggers                    # about six minutes
    WORKSHOP_DATA_DIR=… python -m benchmarks.retraining_triggers months --orders 2  # a trial of one stream

Writes ``benchmarks/results/retraining_triggers.json``, ``.md`` and ``.svg``. Texts come in the order in which
they were written. Each is answered by the model that is champion then. A trigger says which labels are
bought and when the model is trained again, on what the first one learned from and all labels bought so far.
All triggers use the same learner with the same weights, the same first model, the same tolerance and the
same random numbers, and no gate: only the trigger differs. A label is there as soon as its text is answered.
"""

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable
from functools import cache, partial
from io import StringIO
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from workshop_utils.data import load_reviews
from workshop_utils.files import atomic_write
from workshop_utils.models.bundle import TextTraits, make_reference, text_traits
from workshop_utils.models.training.learn_tfidf import MAX_FEATURES
from workshop_utils.paths import corpora_dir
from workshop_utils.production.monitoring import ErrorDetector, InputMonitor, error_tolerance
from workshop_utils.production.policy import CLASSROOM_POLICY, read_policy

RESULTS = Path(__file__).parent / "results"
ORDERS = 8
POLICY = read_policy(CLASSROOM_POLICY).performance
LONG_RUN_LENGTH = read_policy().performance.run_length
#: A bought label counts as much in training as so many of the first texts.
WEIGHT = 5
#: Of the texts from before the stream, the first model learns from this share; the others test it.
LEARNED_SHARE = 2 / 3
#: The window of the accuracy trigger, in labels, and the level of its test.
WINDOW, LEVEL = 100, 0.05
#: Labels that are bought when inputs have changed; and texts that inputs are compared with.
LABELS_AFTER_DRIFT, REFERENCE_TEXTS = 150, 300

NEVER, MONTHLY, ACCURACY, DRIFT = "never", "monthly", "accuracy window", "drift"
OURS, OURS_LONG = "e-detector", f"e-detector, run length {LONG_RUN_LENGTH:,.0f}"
BOTH = "e-detector, and labels when inputs drift"


class Source(NamedTuple):
    """A corpus with dates.

    Attributes:
        counts: of words and pairs of words in each text, shape (texts, words).
        traits: of each text, all with one and the same answer.
        before: places of the texts from before the stream.
        rates: shares of the texts whose labels are bought; the figure follows the middle one.
        period: of a day, for the figure.
    """

    title: str
    texts: list[str]
    labels: np.ndarray
    days: np.ndarray
    counts: csr_matrix
    traits: list[TextTraits]
    before: np.ndarray
    rates: tuple[float, ...]
    period: Callable[[pd.Series], pd.Series]


@cache
def months() -> Source:
    """The bundled film reviews: 2025 is learned from; data drift in March 2026, concept drift from May on."""
    frame = load_reviews("sample").sort_values("written_at", kind="stable")
    days = pd.to_datetime(frame["written_at"])
    return as_source(
        "Bundled film reviews, 2026",
        frame["review"].tolist(),
        (frame["sentiment"] == "positive").to_numpy(),
        days,
        days < "2026-01-01",
        (0.25, 0.5, 1.0),
        lambda day: day.dt.strftime("%Y-%m"),
    )


@cache
def amazon() -> Source:
    """Amazon's reviews of four kinds of goods, mixed as they come; those to the end of 2004 are learned from.

    Only 34 of the 8,000 are older than the year 2000.
    """
    frame = pd.read_csv(corpora_dir() / "amazon.csv.gz").dropna(subset=["text", "date_parsed"])
    frame["day"] = pd.to_datetime(frame["date_parsed"], errors="coerce")
    frame = frame.dropna(subset=["day"]).sort_values("day", kind="stable")
    return as_source(
        "Amazon, 2005 and 2006",
        frame["text"].astype(str).tolist(),
        (frame["label"].astype(str) == "positive").to_numpy(),
        frame["day"],
        frame["day"] < "2005-01-01",
        (0.1, 0.25, 0.5),
        lambda day: day.dt.to_period("Q").astype(str),
    )


SOURCES = {"months": months, "amazon": amazon}


def as_source(
    title: str,
    texts: list[str],
    labels: np.ndarray,
    days: pd.Series,
    before: pd.Series,
    rates: tuple[float, ...],
    period: Callable[[pd.Series], pd.Series],
) -> Source:
    """Count the words once; each training then takes its rows."""
    counts = CountVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2)).fit_transform(texts)
    traits = [text_traits(text, "negative", (0.5, 0.5)) for text in texts]
    return Source(
        title, texts, labels, days.to_numpy(), counts.tocsr(), traits, np.flatnonzero(before), rates, period
    )


class Order(NamedTuple):
    """One of the ways to divide a source and to order texts of the same day: places, each of shape (n,)."""

    learned: np.ndarray
    test: np.ndarray
    stream: np.ndarray


def ordered(source: Source, number: int) -> Order:
    """The order with this number."""
    rng = np.random.default_rng([1, number])
    before = rng.permutation(source.before)
    cut = round(LEARNED_SHARE * len(before))
    stream = rng.permutation(np.setdiff1d(np.arange(len(source.texts)), before))
    day = source.days[stream].astype("datetime64[D]")
    return Order(before[:cut], before[cut:], stream[np.argsort(day, kind="stable")])


def learn(source: Source, rows: np.ndarray, weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """TF-IDF and logistic regression with the settings of ``workshop train``; answers to other rows."""
    counts, common = source.counts[rows], 2 if len(rows) >= 1000 else 1
    columns = np.flatnonzero(counts.getnnz(axis=0) >= common)
    sums = np.asarray(counts.sum(axis=0)).ravel()[columns]
    columns = np.sort(columns[np.argsort(-sums, kind="stable")[:MAX_FEATURES]])
    transformer, classifier = TfidfTransformer(sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    features = transformer.fit_transform(counts[:, columns])
    classifier.fit(features, source.labels[rows], sample_weight=weights)

    def answer(asked: np.ndarray) -> np.ndarray:
        return classifier.predict(transformer.transform(source.counts[asked][:, columns]))

    return answer


class Situation(NamedTuple):
    """What a trigger may know beforehand. ``rate``: the share of texts whose labels it may buy."""

    source: Source
    order: Order
    tolerance: float
    rate: float


class Trigger:
    """Never: buys nothing, never fires. The others change what they need.

    For each text :meth:`buys` is asked first, then :meth:`fires`; after a training :meth:`begin`.
    """

    def __init__(self, situation: Situation) -> None:
        self.situation = situation

    def buys(self, chance: float) -> bool:
        """Is this text's label bought? ``chance``: the text's number between 0 and 1, drawn at random."""
        return False

    def fires(self, position: int, wrong: bool | None) -> bool:
        """Is the model to be trained now? ``wrong``: was it, about this text; None without a label."""
        return False

    def begin(self, position: int) -> None:
        """A new model answers from this position of the stream on."""


class Rated(Trigger):
    """Buys the labels of a fixed share of the texts, drawn at random."""

    def buys(self, chance: float) -> bool:
        return chance < self.situation.rate


class Monthly(Rated):
    """At the end of each month."""

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        month = situation.source.days[situation.order.stream].astype("datetime64[M]")
        self.last_of_month = np.append(month[1:] != month[:-1], True)

    def fires(self, position: int, wrong: bool | None) -> bool:
        return bool(self.last_of_month[position])


class AccuracyWindow(Rated):
    """When a window of labels has more errors than a one-sided test against the tolerance allows."""

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        spread = math.sqrt(situation.tolerance * (1 - situation.tolerance) / WINDOW)
        self.most = WINDOW * (situation.tolerance + NormalDist().inv_cdf(1 - LEVEL) * spread)
        self.window: list[bool] = []

    def fires(self, position: int, wrong: bool | None) -> bool:
        if wrong is not None:
            self.window.append(wrong)
        if len(self.window) < WINDOW:
            return False
        errors, self.window = sum(self.window), []
        return errors > self.most

    def begin(self, position: int) -> None:
        self.window = []


class InputWatch:
    """Data drift since a position, against the texts before it; answers are not looked at.

    Before anything has come, it compares with what the first model is tested on.
    """

    def __init__(self, situation: Situation, position: int = 0) -> None:
        self.traits = situation.source.traits
        order, texts = situation.order, situation.source.texts
        past = np.concatenate([order.test, order.stream[:position]])[-REFERENCE_TEXTS:]
        equal = np.full((len(past), 2), 0.5)
        self.monitor = InputMonitor(
            make_reference(
                ["negative", "positive"],
                [texts[place] for place in past],
                equal,
                np.zeros(len(past), bool),
                [texts[place] for place in order.learned],
            ),
            read_policy(CLASSROOM_POLICY).inputs.run_length,
        )
        self.data = [each.name for each in self.monitor.report().findings if each.kind == "data"]
        self.seen = 0

    def alarmed(self, place: int) -> bool:
        """Has there been an alarm, this text included?"""
        self.seen += 1
        self.monitor.add(self.seen, self.traits[place])
        alarms = self.monitor.alarms
        return any(alarms[name] is not None for name in self.data)


class Drift(Trigger):
    """When inputs have changed: so many labels are bought from then on, and the model is trained."""

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self.watch, self.left = InputWatch(situation), 0

    def buys(self, chance: float) -> bool:
        return self.left > 0

    def fires(self, position: int, wrong: bool | None) -> bool:
        if self.left:
            self.left -= 1
            return self.left == 0
        if self.watch.alarmed(self.situation.order.stream[position]):
            self.left = LABELS_AFTER_DRIFT
        return False

    def begin(self, position: int) -> None:
        self.watch, self.left = InputWatch(self.situation, position), 0


class Errors(Rated):
    """Ours: when the e-detector says that the model is wrong more often than is tolerated."""

    def __init__(self, situation: Situation, run_length: float = POLICY.run_length) -> None:
        super().__init__(situation)
        self.run_length = run_length
        self.begin(0)

    def fires(self, position: int, wrong: bool | None) -> bool:
        if wrong is None:
            return False
        self.detector.add(wrong)
        return self.detector.report().verdict == "changed"

    def begin(self, position: int) -> None:
        rise = POLICY.smallest_rise_points / 100
        self.detector = ErrorDetector(self.situation.tolerance, self.run_length, rise)


class ErrorsAndInputs(Errors):
    """Ours, whole: inputs that change buy labels for the e-detector; only it asks for a training."""

    def __init__(self, situation: Situation) -> None:
        super().__init__(situation)
        self.watch, self.left = InputWatch(situation), 0

    def buys(self, chance: float) -> bool:
        return self.left > 0 or super().buys(chance)

    def fires(self, position: int, wrong: bool | None) -> bool:
        if super().fires(position, wrong):
            return True
        if self.left:
            self.left -= 1
            if not self.left:  # other inputs, and no more errors: from now on they are the usual ones
                self.watch = InputWatch(self.situation, position + 1)
        elif self.watch.alarmed(self.situation.order.stream[position]):
            self.left = LABELS_AFTER_DRIFT
        return False

    def begin(self, position: int) -> None:
        super().begin(position)
        if position:
            self.watch, self.left = InputWatch(self.situation, position), 0


TRIGGERS: dict[str, Callable[[Situation], Trigger]] = {
    NEVER: Trigger,
    MONTHLY: Monthly,
    ACCURACY: AccuracyWindow,
    DRIFT: Drift,
    OURS: Errors,
    OURS_LONG: partial(Errors, run_length=LONG_RUN_LENGTH),
    BOTH: ErrorsAndInputs,
}
#: These do not draw labels at a rate of their own.
UNRATED = (NEVER, DRIFT)


def followed(
    source: Source, number: int, make: Callable[[Situation], Trigger], rate: float
) -> dict[str, Any]:
    """One trigger through one order of the stream: what was answered, bought and trained."""
    order = ordered(source, number)
    ask = learn(source, order.learned, np.ones(len(order.learned)))
    tolerance = error_tolerance(
        float((ask(order.test) != source.labels[order.test]).mean()), POLICY.tolerance_points
    )
    trigger = make(Situation(source, order, tolerance, rate))
    chances = np.random.default_rng([2, number]).random(len(order.stream))
    truth, answers = source.labels[order.stream], ask(order.stream)
    bought: list[int] = []
    trained_at: list[int] = []
    used = 0
    for position, place in enumerate(order.stream):
        wrong = None
        if trigger.buys(chances[position]):
            bought.append(int(place))
            wrong = bool(answers[position] != truth[position])
        if trigger.fires(position, wrong) and len(bought) > used and position + 1 < len(order.stream):
            used = len(bought)
            trained_at.append(position + 1)
            rows = np.concatenate([order.learned, bought])
            ask = learn(source, rows, np.repeat([1.0, WEIGHT], [len(order.learned), len(bought)]))
            answers[position + 1 :] = ask(order.stream[position + 1 :])
            trigger.begin(position + 1)
    right = pd.Series(answers == truth)
    periods = source.period(pd.Series(source.days[order.stream]))
    return {
        "accuracy": float(right.mean()),
        "macro_f1": float(f1_score(truth, answers, average="macro")),
        "trainings": len(trained_at),
        "labels": len(bought),
        "tolerance": tolerance,
        "trained at": trained_at,
        "by period": {
            str(name): float(share) for name, share in right.groupby(periods.to_numpy()).mean().items()
        },
    }


def studied(source: Source, orders: int) -> dict[str, Any]:
    """All triggers at all rates in all orders."""
    rows = []
    for name, make in TRIGGERS.items():
        for rate in (None,) if name in UNRATED else source.rates:
            began = time.perf_counter()
            found = [followed(source, number, make, rate or 0.0) for number in range(orders)]
            rows.append({"trigger": name, "rate": rate, "orders": found})
            print(f"{source.title}, {name}, {rate}: {time.perf_counter() - began:.0f} s", flush=True)
    return {
        "title": source.title,
        "texts before": len(source.before),
        "texts": len(source.texts) - len(source.before),
        "rows": rows,
    }


class Summary(NamedTuple):
    """Means over the orders of one trigger at one rate; the front is among these."""

    trigger: str
    rate: float | None
    accuracy: float
    macro_f1: float
    trainings: float
    labels: float

    @property
    def name(self) -> str:
        """For people."""
        return self.trigger if self.rate is None else f"{self.trigger}, {100 * self.rate:.0f} % of the labels"


def summaries(found: dict[str, Any]) -> list[Summary]:
    """Of one stream, in the order of the triggers."""
    keys = ("accuracy", "macro_f1", "trainings", "labels")
    return [
        Summary(
            row["trigger"],
            row["rate"],
            *(float(np.mean([one[key] for one in row["orders"]])) for key in keys),
        )
        for row in found["rows"]
    ]


def better_ones(one: Summary, others: list[Summary]) -> list[Summary]:
    """Those with at least its accuracy for no more trainings and no more labels, and not equal in all."""
    return [
        other
        for other in others
        if other.accuracy >= one.accuracy
        and other.trainings <= one.trainings
        and other.labels <= one.labels
        and (other.accuracy, other.trainings, other.labels) != (one.accuracy, one.trainings, one.labels)
    ]


def front(rows: list[Summary]) -> list[Summary]:
    """Pareto's front of accuracy against trainings and labels."""
    return [one for one in rows if not better_ones(one, rows)]


def is_ours(one: Summary) -> bool:
    """One of the e-detector's rows."""
    return one.trigger in (OURS, OURS_LONG, BOTH)


def gains(found: dict[str, Any], trigger: str) -> np.ndarray:
    """Accuracy above that of the model that is never trained again, in points, shape (rates, orders)."""
    never = next(row for row in found["rows"] if row["trigger"] == NEVER)["orders"]
    return np.array(
        [
            [
                100 * (one["accuracy"] - base["accuracy"])
                for one, base in zip(row["orders"], never, strict=True)
            ]
            for row in found["rows"]
            if row["trigger"] == trigger
        ]
    )


#: What must hold: (lowest, highest). Half of what monthly trainings gain is asked for where something goes
#: wrong; on Amazon the first model's errors stay within the tolerance, so that no alarm about them is due.
BOUNDS = {
    f"{stream}, {what}": bounds
    for stream in SOURCES
    for what, bounds in {
        "orders": (5, math.inf),
        "rows of ours on the front": (1, math.inf),
        "ours with most labels: share of the gain of monthly trainings": (
            0.5 if stream == "months" else 0.0,
            math.inf,
        ),
        "ours with most labels: share of the monthly trainings": (0, 1),
    }.items()
}


def measures(found: dict[str, Any]) -> dict[str, float]:
    """The numbers that have bounds."""
    values: dict[str, float] = {}
    for stream in SOURCES:
        one = found[stream]
        rows = summaries(one)
        most = {row.trigger: row for row in rows}  # the last one of each trigger has the highest rate
        gain = {name: float(gains(one, name)[-1].mean()) for name in (OURS, MONTHLY)}
        values |= {
            f"{stream}, orders": len(one["rows"][0]["orders"]),
            f"{stream}, rows of ours on the front": sum(map(is_ours, front(rows))),
            f"{stream}, ours with most labels: share of the gain of monthly trainings": gain[OURS]
            / gain[MONTHLY],
            f"{stream}, ours with most labels: share of the monthly trainings": most[OURS].trainings
            / most[MONTHLY].trainings,
        }
    return values


def page(found: dict[str, Any]) -> str:
    """The numbers for people."""
    bounds = [
        f"| {name} | {value:,.3g} | {low:,.3g} to {high:,.3g} |"
        for (name, value), (low, high) in zip(measures(found).items(), BOUNDS.values(), strict=True)
    ]
    streams = "\n\n".join(stream_page(found[stream]) for stream in SOURCES)
    orders = len(found["months"]["rows"][0]["orders"])
    return f"""# When to retrain

Made by `python -m benchmarks.retraining_triggers`; do not edit. Each text is answered by the model that is
champion then. Means over {orders} orders, each with its own first model, its own
drawn labels and its own order of the texts of a day. All triggers train the same way: TF-IDF and logistic
regression on what the first model learned from and on all labels bought so far, each of which counts as
{WEIGHT} of the first texts. No gate: each training replaces the champion, so only the trigger differs.
Tolerated is the first model's error on held-out texts and {POLICY.tolerance_points:.0f} points more, always.

- **monthly**: at the end of each month, with the labels of a share of its texts, drawn at random.
- **accuracy window**: the same labels; when {WINDOW} of them have more errors than a one-sided test at
  {100 * LEVEL:.0f} % against the tolerance allows.
- **drift**: no label while inputs are as before; when they change, the next {LABELS_AFTER_DRIFT} labels are
  bought and the model is trained, whether it was wrong or not.
- **e-detector** (ours): the same labels as monthly; when the e-detector finds more errors than are
  tolerated. Its run length is {POLICY.run_length:,.0f} labels or, where that is said, {LONG_RUN_LENGTH:,.0f}.
- **e-detector, and labels when inputs drift** (ours, whole): changed inputs buy {LABELS_AFTER_DRIFT} labels,
  and only the e-detector asks for a training.

![Accuracy over time, and against labels and trainings](retraining_triggers.svg)

## Bounds

| what | measured | allowed |
|:--|--:|--:|
{chr(10).join(bounds)}

{streams}

*On the front*: no other row has at least its accuracy for no more trainings and no more labels. A label is
there as soon as its text is answered; in life it comes later, which delays all triggers that need labels.
"""


def stream_page(found: dict[str, Any]) -> str:
    """One stream: its table, and whether ours stands on the front."""
    rows = summaries(found)
    on_front = front(rows)
    spread = {
        id(row): 100 * np.std([one["accuracy"] for one in told["orders"]], ddof=1)
        for row, told in zip(rows, found["rows"], strict=True)
    }
    never = next(row for row in rows if row.trigger == NEVER)
    lines = [
        f"| {row.name} | {100 * row.accuracy:.1f} ± {spread[id(row)]:.1f} | {100 * row.macro_f1:.1f} | "
        f"{100 * (row.accuracy - never.accuracy):+.1f} | {row.trainings:.1f} | {row.labels:,.0f} | "
        f"{'yes' if row in on_front else ''} |"
        for row in rows
    ]
    said = [f"- {verdict_on(row, rows)}" for row in rows if is_ours(row)]
    tolerance = 100 * np.mean([one["tolerance"] for one in found["rows"][0]["orders"]])
    errors = 100 * (1 - never.accuracy)
    told = (
        "more than that: an alarm about errors is due."
        if errors > tolerance
        else "which is tolerated: no alarm about errors is due, and what monthly trainings gain comes from "
        "more labels, not from something that went wrong. Who wants it lets age be a reason (`every_days`)."
    )
    return f"""## {found["title"]}

{found["texts before"]:,} texts from before, then {found["texts"]:,} by their day. Tolerated are
{tolerance:.1f} % of errors, on average. Accuracy, with its standard deviation over the orders, and
macro-F1 are of all answers, in percent.

| trigger | accuracy | macro-F1 | above never, points | trainings | labels bought | on the front |
|:--|--:|--:|--:|--:|--:|:--|
{chr(10).join(lines)}

Never trained again, the model is wrong in {errors:.1f} % of all answers, {told}

{chr(10).join(said)}"""


def verdict_on(one: Summary, rows: list[Summary]) -> str:
    """Is this row on the front, and if not, what is better?"""
    better = better_ones(one, rows)
    if not better:
        return f"*{one.name}* is on the front."
    best = max(better, key=lambda other: (other.accuracy, -other.labels, -other.trainings))
    return (
        f"*{one.name}* is not on the front: *{best.name}* has {100 * (best.accuracy - one.accuracy):.1f} "
        f"points more, with {one.labels - best.labels:,.0f} labels and "
        f"{one.trainings - best.trainings:.1f} trainings fewer."
    )


STYLES = {
    NEVER: ("black", "x"),
    MONTHLY: ("tab:blue", "s"),
    ACCURACY: ("tab:orange", "^"),
    DRIFT: ("tab:brown", "D"),
    OURS: ("tab:green", "o"),
    OURS_LONG: ("tab:olive", "o"),
    BOTH: ("tab:red", "P"),
}


def figure(found: dict[str, Any]) -> str:
    """Accuracy over time at the middle rate, and against labels, with the trainings beside each mark."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "triggers", "font.size": 9}):
        whole, axes = plt.subplots(len(SOURCES), 2, figsize=(11, 4.2 * len(SOURCES)), layout="constrained")
        for stream, (over_time, cost) in zip(SOURCES, axes, strict=True):
            draw_time(over_time, found[stream])
            draw_cost(cost, found[stream])
        handles, names = axes[0][1].get_legend_handles_labels()
        whole.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
        written = StringIO()
        whole.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(whole)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def draw_time(axes: Any, found: dict[str, Any]) -> None:
    """Accuracy by month or quarter."""
    middle = sorted({row["rate"] for row in found["rows"]} - {None})[1]
    for row in found["rows"]:
        if row["rate"] not in (None, middle) or row["trigger"] == OURS_LONG:
            continue
        share = pd.DataFrame([one["by period"] for one in row["orders"]]).mean().sort_index()
        color, mark = STYLES[row["trigger"]]
        axes.plot(share.index, 100 * share, color=color, marker=mark, markersize=4, linewidth=1.2)
    axes.set_title(f"{found['title']}: {100 * middle:.0f} % of the labels")
    axes.set_ylabel("accuracy, %")
    axes.grid(alpha=0.3)


def draw_cost(axes: Any, found: dict[str, Any]) -> None:
    """Accuracy against labels; each mark says how many trainings it took."""
    rows = summaries(found)
    for name, (color, mark) in STYLES.items():
        own = [row for row in rows if row.trigger == name]
        axes.plot(
            [row.labels for row in own],
            [100 * row.accuracy for row in own],
            color=color,
            marker=mark,
            linewidth=0.8,
            label=name,
        )
        for row in own:
            axes.annotate(
                f"{row.trainings:.1f}",
                (row.labels, 100 * row.accuracy),
                textcoords="offset points",
                xytext=(5, 4),
                color=color,
                fontsize=8,
            )
    axes.set_title("cost; beside each mark its trainings")
    axes.set_xlabel("labels bought")
    axes.set_ylabel("accuracy, %")
    axes.grid(alpha=0.3)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("streams", nargs="*", help=f"of {', '.join(SOURCES)}; by default all")
    parser.add_argument("--orders", type=int, default=ORDERS, help="fewer for a trial")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where they go; elsewhere for a trial")
    told = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    path = told.results / "retraining_triggers.json"
    for stream in told.streams or SOURCES:
        result = studied(SOURCES[stream](), told.orders)
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        atomic_write(path, json.dumps(found | {stream: result}, indent=1) + "\n")
    found = json.loads(path.read_text(encoding="utf-8"))
    if all(stream in found for stream in SOURCES):
        atomic_write(path.with_suffix(".md"), page(found))
        atomic_write(path.with_suffix(".svg"), figure(found))


if __name__ == "__main__":
    main()
