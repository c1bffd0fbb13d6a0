"""May a challenger be promoted by the labels of its disagreements? The evidence, and a guard of macro-F1.

Among the texts on which both models differ, a challenger that always names the most frequent label wins more
often than it loses where one label is frequent, and the evidence, which counts right answers, believes it.
So the guard estimates macro-F1 and every label's recall of both models on *all* texts: labels of the random
part, of the uncertain part and of disagreements, each with the inverse of its drawing probability (Horvitz,
Thompson 1952), by the paired bootstrap. It refuses what is worse beyond the noise.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from workshop_utils.data.usable_texts import shortened
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.gate import FEWEST_DIFFERING, GateCheck
from workshop_utils.production.retraining.paired import Gain, PairedAnswers, paired_gain
from workshop_utils.production.shadow import (
    PairLabels,
    ShadowEvidence,
    evidence_words,
    pair_evidence,
    short_number,
)

_EVIDENCE, _RANDOM = "disagreements", "enough random labels"


@dataclass(frozen=True)
class ShadowVerdict:
    """What people's labels of a pair come to.

    Attributes:
        passed: may the challenger take the champion's place? evidence: that it is right more often.
        checks: all that was looked at, the evidence first and then the guard.
        figures: numbers behind it, by name.
        labels_missing: about so many more labelled disagreements would tell, if their shares stay as they
            are; None where that is not what is missing, or nobody can say.
    """

    passed: bool
    evidence: ShadowEvidence
    checks: tuple[GateCheck, ...]
    figures: dict[str, float] = field(default_factory=dict)
    labels_missing: int | None = None

    @property
    def reason(self) -> str:
        """Why, in words: all that failed, or what was won."""
        failed = [check.sentence for check in self.checks if not check.passed]
        return " ".join(failed) if failed else evidence_words(self.evidence)

    @property
    def advice(self) -> str:
        """What would help, a sentence; empty where nobody can say."""
        if self.passed:
            return ""
        if self.labels_missing:
            more = f"{self.labels_missing:,} more labelled disagreement{'s' * (self.labels_missing > 1)}"
            return f"About {more} would bring the evidence, if its share of wins stays as it is."
        if not self.evidence.reached and self.evidence.labels and self.evidence.wins <= self.evidence.losses:
            return "By these labels it is no better, and more of them would not help."
        return ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"checks": [check._asdict() for check in self.checks]}


def judge_shadow(found: PairLabels, policy: Policy | None = None, seed: int = 0) -> ShadowVerdict:
    """May the challenger take the champion's place? The same labels and seed give the same verdict.

    Args:
        found: people's labels of texts that both models answered.
        policy: its part ``shadow``; level and resamples of the bootstrap are those of ``gate``.
        seed: of the bootstrap.
    """
    policy = policy or Policy()
    evidence = pair_evidence(found, policy.shadow.evidence)
    asked = f"evidence {short_number(policy.shadow.evidence)} or more."
    checks = [GateCheck(_EVIDENCE, evidence.reached, _told(evidence), asked), _enough_random(found, policy)]
    figures = {
        "evidence": round(min(evidence.evidence, 1e6), 3),
        "wins": float(evidence.wins),
        "losses": float(evidence.losses),
    }
    if found.labels:
        answers, names = _answers(found)
        gain = paired_gain(answers, "macro_f1", policy.gate.resamples, seed, policy.gate.level)
        checks += [_not_degenerate(answers), _macro_f1(answers, gain, policy)]
        checks += _recalls(answers, names, policy, seed)
        figures["macro_f1_gain"] = round(gain.gain.value, 6)
        figures["macro_f1"] = round(gain.after, 6)
    passed = all(check.passed for check in checks)
    return ShadowVerdict(passed, evidence, tuple(checks), figures, evidence.labels_needed or None)


def _told(evidence: ShadowEvidence) -> str:
    left_out = ""
    if evidence.left_out:
        left_out = (
            f" {evidence.left_out:,} more came unasked or belong to a text that counts already; they do not "
            "count."
        )
    words = evidence_words(evidence)
    return words[0].lower() + words[1:] + left_out


def _enough_random(found: PairLabels, policy: Policy) -> GateCheck:
    count = sum(each.part in (None, "random") for each in found.labels)
    return GateCheck(
        _RANDOM,
        count >= policy.shadow.fewest_random,
        f"{count:,} labelled text{'s were' if count != 1 else ' was'} drawn at random.",
        f"{policy.shadow.fewest_random:,} or more, for macro-F1 and recall.",
    )


def _answers(found: PairLabels) -> tuple[PairedAnswers, list[str]]:
    """Numbers of labels, and the names that they stand for."""
    rows = [(each.truth, each.champion, each.challenger) for each in found.labels]
    names = sorted({name for row in rows for name in row})
    number = {name: place for place, name in enumerate(names)}
    true, champion, challenger = np.array([[number[name] for name in row] for row in rows]).T
    weights = np.array([each.weight for each in found.labels])
    return PairedAnswers(true, champion, challenger, weights), names


def _not_degenerate(answers: PairedAnswers) -> GateCheck:
    said, true = (len(np.unique(np.asarray(each))) for each in (answers.challenger, answers.true))
    return GateCheck(
        "not degenerate",
        said > 1 or true < 2,
        f"the challenger answers with {said} different label{'s' * (said != 1)}, and {true} are true of "
        "these texts.",
        "more than one.",
    )


def _macro_f1(answers: PairedAnswers, gain: Gain, policy: Policy) -> GateCheck:
    worse = gain.gain.high < 0 and answers.differing >= FEWEST_DIFFERING
    return GateCheck(
        "macro-F1 on all texts",
        not worse,
        f"{_compared(gain, policy)}.",
        "no less beyond the noise; right more often on a frequent label is not enough.",
    )


def _recalls(answers: PairedAnswers, names: list[str], policy: Policy, seed: int) -> Iterator[GateCheck]:
    """Of every label with enough differing texts, the worst: how much of it is found."""
    judged: list[tuple[float, bool, str]] = []
    for label in np.unique(np.asarray(answers.true)):
        part = answers.part(np.asarray(answers.true) == label)
        if part.differing >= FEWEST_DIFFERING:
            gain = paired_gain(part, "accuracy", policy.gate.resamples, seed, policy.gate.level)
            points = 100 * gain.gain.value
            worse = points < -policy.shadow.recall_points - 1e-9 and gain.gain.high < 0
            judged.append((points, worse, f"of {shortened(names[label])}, {_compared(gain, policy)}"))
    if judged:
        worst = min(judged, key=lambda each: (not each[1], each[0]))
        yield GateCheck(
            "recall of each label",
            not any(worse for _, worse, _ in judged),
            f"the worst is that {worst[2]}.",
            f"none worse by more than {policy.shadow.recall_points:g} points beyond the noise.",
        )


def _compared(gain: Gain, policy: Policy) -> str:
    value, low, high = (100 * bound for bound in gain.gain)
    return (
        f"{gain.after:.3f} beside the champion's {gain.before:.3f}: {value:+.1f} points "
        f"({100 * policy.gate.level:g} % interval {low:+.1f} to {high:+.1f})"
    )
