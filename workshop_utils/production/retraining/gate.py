"""The gate: what a challenger must show before it may take the champion's place, on arrays alone.

It looks at **recent** labels, held out in the order of time, and at a **frozen** test set. Accuracy alone
lets a model of shuffled labels win where one label is frequent; the frozen set alone is blind to a new
meaning of old words; recent labels alone forget what was known. Every check says what it found and asks for.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from workshop_utils.data.usable_texts import shortened
from workshop_utils.models.metrics import Interval, Metric
from workshop_utils.production.policy import GatePolicy
from workshop_utils.production.retraining.paired import Gain, GainMetric, PairedAnswers, paired_gain

#: With fewer texts on which exactly one of both models is right, chance alone makes one look better: of six
#: tosses, all six fall on the same given side in 1.6 % of the cases, of five in 3.1 %.
FEWEST_DIFFERING: Final = 6

_RECENT, _FROZEN = "recent labels", "the frozen test set"
_METRICS: dict[Metric, str] = {"macro_f1": "macro-F1", "accuracy": "accuracy"}


class GateCheck(NamedTuple):
    """One thing that a challenger must show.

    Attributes:
        name: such as ``macro-F1 on recent labels``. passed: did it?
        found, asked: what was found, and what is asked for; sentences.
    """

    name: str
    passed: bool
    found: str
    asked: str

    @property
    def sentence(self) -> str:
        """All of it."""
        return f"{self.name[0].upper()}{self.name[1:]}: {self.found} Asked for: {self.asked}"


@dataclass(frozen=True)
class GateVerdict:
    """What the gate says.

    Attributes:
        passed: may the challenger take the champion's place? checks: all that was looked at.
        figures: numbers behind it, by name.
        labels_missing: about so many more held-out recent labels would tell; None where labels are not what
            is missing.
    """

    passed: bool
    checks: tuple[GateCheck, ...]
    figures: dict[str, float] = field(default_factory=dict)
    labels_missing: int | None = None

    @property
    def reason(self) -> str:
        """Why, in one line: what failed, or what was gained."""
        failed = [check.sentence for check in self.checks if not check.passed]
        if failed:
            more = f" And {len(failed) - 1} more." if len(failed) > 1 else ""
            return f"{failed[0]}{more}"
        gained = self.figures.get("recent_macro_f1_gain", math.nan)
        lost = self.figures.get("frozen_macro_f1_gain", math.nan)
        return (
            f"All {len(self.checks)} checks passed: macro-F1 {100 * gained:+.1f} points on recent labels and "
            f"{100 * lost:+.1f} on the frozen test set."
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"checks": [check._asdict() for check in self.checks]}


def judge(
    recent: PairedAnswers,
    frozen: PairedAnswers,
    policy: GatePolicy | None = None,
    seed: int = 0,
    more: Sequence[GateCheck] = (),
) -> GateVerdict:
    """May the challenger take the champion's place? The same answers and seed give the same verdict.

    Args:
        recent: answers to recent labelled texts, that neither model has learned from.
        frozen: answers to the frozen test set.
        policy: what is asked for; by default :class:`~workshop_utils.production.policy.GatePolicy`.
        seed: of the bootstrap.
        more: what else was looked at, such as latency.
    """
    policy = policy or GatePolicy()
    checks = [_enough(recent, policy), _some(frozen)]
    figures: dict[str, float] = {"recent_labels": len(recent), "frozen_texts": len(frozen)}
    missing = max(0, policy.fewest_recent - len(recent)) or None
    both = ((_RECENT, recent), (_FROZEN, frozen))
    if len(recent) and len(frozen):
        gains = {
            (name, metric): paired_gain(answers, metric, policy.resamples, seed, policy.level)
            for metric in _METRICS
            for name, answers in both
        }
        figures = _figures(gains) | figures
        checks += _not_degenerate(recent, frozen)
        checks += [_beats_majority(name, each, policy, seed) for name, each in both]
        checks += [
            _better(gains[_RECENT, "macro_f1"], recent, policy),
            _not_lower(gains[_RECENT, "accuracy"]),
        ]
        checks += [_within_budget(metric, gains[_FROZEN, metric], policy) for metric in _METRICS]
        checks.append(_slices(recent, frozen, policy, seed))
        missing = missing or _labels_that_would_tell(gains[_RECENT, "macro_f1"].gain, len(recent))
    checks += more
    passed = all(check.passed for check in checks)
    return GateVerdict(passed, tuple(checks), figures, None if passed else missing)


def _enough(recent: PairedAnswers, policy: GatePolicy) -> GateCheck:
    return GateCheck(
        "enough recent labels",
        len(recent) >= policy.fewest_recent,
        f"{len(recent):,} are held out.",
        f"{policy.fewest_recent:,} or more.",
    )


def _some(frozen: PairedAnswers) -> GateCheck:
    return GateCheck(
        "frozen test set", len(frozen) > 0, f"It has {len(frozen):,} texts.", "at least one text."
    )


def _not_degenerate(recent: PairedAnswers, frozen: PairedAnswers) -> Iterator[GateCheck]:
    for name, answers in ((_RECENT, recent), (_FROZEN, frozen)):
        true, said = (len(np.unique(np.asarray(e))) for e in (answers.true, answers.challenger))
        yield GateCheck(
            f"not degenerate on {name}",
            said > 1,
            f"it answers with {said} different label{'s' * (said != 1)}, and {true} are true of these texts.",
            "more than one.",
        )


def _beats_majority(name: str, answers: PairedAnswers, policy: GatePolicy, seed: int) -> GateCheck:
    gain = paired_gain(answers.beside_majority(), "macro_f1", policy.resamples, seed, policy.level)
    return GateCheck(
        f"better than the majority class on {name}",
        gain.gain.low > 0,
        f"macro-F1 {_compared(gain, policy, 'that of the most frequent label')}.",
        "more, with the whole interval above 0.",
    )


def _better(gain: Gain, recent: PairedAnswers, policy: GatePolicy) -> GateCheck:
    differing = recent.differing
    texts = "1 text" if differing == 1 else f"{differing:,} texts"
    return GateCheck(
        f"macro-F1 on {_RECENT}",
        gain.gain.low > 0 and differing >= FEWEST_DIFFERING,
        f"{_compared(gain, policy)}; on {texts} only one of both is right.",
        f"more, with the whole interval above 0 and {FEWEST_DIFFERING} such texts or more.",
    )


def _not_lower(gain: Gain) -> GateCheck:
    return GateCheck(
        f"accuracy on {_RECENT}",
        gain.gain.value >= 0,
        f"{gain.after:.3f} beside the champion's {gain.before:.3f}.",
        "no less.",
    )


def _within_budget(metric: Metric, gain: Gain, policy: GatePolicy) -> GateCheck:
    return GateCheck(
        f"{_METRICS[metric]} on {_FROZEN}",
        100 * gain.gain.value >= -policy.forgetting_budget_points - 1e-9,
        f"{_compared(gain, policy)}.",
        f"at most {policy.forgetting_budget_points:g} points less, the forgetting budget.",
    )


def _slices(recent: PairedAnswers, frozen: PairedAnswers, policy: GatePolicy, seed: int) -> GateCheck:
    judged: list[tuple[float, bool, str]] = []
    for name, answers in ((_RECENT, recent), (_FROZEN, frozen)):
        for told, part, metric in _parts(answers, policy.fewest_in_slice):
            gain = paired_gain(part, metric, policy.resamples, seed, policy.level)
            points = 100 * gain.gain.value
            worse = points < -policy.slice_points - 1e-9 and gain.gain.high < 0
            judged.append((points, worse, f"{told} of {name}, {_compared(gain, policy)}"))
    asked = f"none worse by more than {policy.slice_points:g} points beyond the noise."
    if not judged:
        return GateCheck("slices", True, f"none has {policy.fewest_in_slice} texts to be judged by.", asked)
    worst = min(judged, key=lambda each: (not each[1], each[0]))
    return GateCheck(
        "slices",
        not any(worse for _, worse, _ in judged),
        f"{len(judged)} were judged; the worst is {worst[2]}.",
        asked,
    )


def _parts(answers: PairedAnswers, fewest: int) -> Iterator[tuple[str, PairedAnswers, GainMetric]]:
    """The slices that are large enough. A label has an F1: a model that always names it finds all of it."""
    labels, counts = np.unique(np.asarray(answers.true), return_counts=True)
    for label in labels[counts >= fewest]:
        yield f"F1 of label {shortened(str(label))}", answers.about(label), "f1"
    for name, given in answers.slices.items():
        values, counts = np.unique(np.asarray(given), return_counts=True)
        for value in values[counts >= fewest]:
            rows = np.asarray(given) == value
            yield f"accuracy of {name} {shortened(str(value))}", answers.part(rows), "accuracy"


def _labels_that_would_tell(gain: Interval, labels: int) -> int | None:
    """An interval shrinks with the root of the labels: how many more until one of this gain excludes 0."""
    if gain.value <= 0 or gain.low > 0:
        return None
    return max(1, math.ceil(labels * ((gain.value - gain.low) / gain.value) ** 2) - labels)


def _figures(gains: dict[tuple[str, Metric], Gain]) -> dict[str, float]:
    """Rounded, the most telling first."""
    short = {_RECENT: "recent", _FROZEN: "frozen"}
    figures = {f"{short[name]}_{metric}_gain": each.gain.value for (name, metric), each in gains.items()}
    figures |= {f"{short[name]}_{metric}": each.after for (name, metric), each in gains.items()}
    figures |= {f"champion_{short[name]}_{metric}": each.before for (name, metric), each in gains.items()}
    return {name: round(value, 6) for name, value in figures.items()}


def _compared(gain: Gain, policy: GatePolicy, other: str = "the champion's") -> str:
    value, low, high = (100 * bound for bound in gain.gain)
    return (
        f"{gain.after:.3f} beside {other}, {gain.before:.3f}: {value:+.1f} points "
        f"({100 * policy.level:g} % interval {low:+.1f} to {high:+.1f})"
    )
