"""What else the gate looks at: does the bundle answer as its model, quickly, sensibly, and without a leak?"""

import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.export.gate import int8_gate
from workshop_utils.models.training.parts import without_leaks
from workshop_utils.production.policy import GatePolicy
from workshop_utils.production.retraining.gate import GateCheck

#: Texts that are timed, and milliseconds that are forgiven: a busy machine's clock is no better.
TIMED_TEXTS, FORGIVEN_MS = 50, 1.0


def check_numbers(probabilities: np.ndarray) -> GateCheck:
    """Is every answer a list of numbers, and do the answers differ?

    Args:
        probabilities: of the challenger, shape (n, classes).
    """
    finite = np.isfinite(probabilities).all(axis=1)
    broken = int((~finite).sum())
    same = len(probabilities) > 1 and bool((probabilities == probabilities[:1]).all())
    found = f"{broken:,} of {len(probabilities):,} answers are no numbers."
    if not broken:
        found = "all texts get the same answer." if same else "all answers are numbers, and they differ."
    return GateCheck("answers", not broken and not same, found, "numbers that depend on the text.")


def check_parity(labels: Sequence[str], true: np.ndarray, model: np.ndarray, bundle: np.ndarray) -> GateCheck:
    """Does the exported bundle answer as the model that was trained?

    Args:
        labels: of the classes.
        true: class numbers, shape (n,).
        model: probabilities of the trained model, shape (n, classes).
        bundle: of the bundle.
    """
    names = np.asarray(labels, dtype=object)
    before, after = (np.nan_to_num(each).argmax(axis=1) for each in (model, bundle))
    told = int8_gate(names[before].tolist(), names[after].tolist(), names[true].tolist(), labels)
    return GateCheck(
        "parity",
        told.passed,
        f"the bundle gives {told.equal_labels:.1%} of {told.texts:,} texts the model's label; accuracy "
        f"{told.accuracy_int8:.3f} beside {told.accuracy_float32:.3f}.",
        "99 % or more, and at most 0.3 points of accuracy less.",
    )


def check_latency(champion: Bundle, challenger: Bundle, texts: Sequence[str], factor: float) -> GateCheck:
    """Is a text answered about as fast as by the champion? Asked in turn, both meet the same load."""
    places = np.linspace(0, len(texts) - 1, min(TIMED_TEXTS, len(texts))).astype(int)
    asked = [texts[place] for place in places]
    seconds: tuple[list[float], list[float]] = ([], [])
    for text in [asked[0], *asked]:  # the first time is slower
        for model, told in zip((champion, challenger), seconds, strict=True):
            began = time.perf_counter()
            model.score_timed(text)
            told.append(time.perf_counter() - began)
    before, after = (1000 * median(each[1:]) for each in seconds)
    return GateCheck(
        "latency",
        after <= factor * before + FORGIVEN_MS,
        f"a text takes {after:.1f} ms, and the champion {before:.1f} ms (median of {len(asked)}).",
        f"at most {factor:g} times as long and {FORGIVEN_MS:g} ms.",
    )


def check_behaviour(champion: Bundle, challenger: Bundle, policy: GatePolicy) -> GateCheck:
    """How many cases of the behavioural tests fail, beside the champion's."""
    asked = f"at most {policy.behaviour_points:g} points more than the champion's."
    if policy.behaviour == "none":
        return GateCheck("behavioural tests", True, "the policy names none.", asked)
    from workshop_utils.models.insights.behaviour import case_table
    from workshop_utils.models.insights.film_suite import film_suite

    suite = film_suite()
    shares = [
        float(case_table(each.predict_proba, each.labels, suite)["failed"].mean())
        for each in (champion, challenger)
    ]
    return GateCheck(
        "behavioural tests",
        100 * (shares[1] - shares[0]) <= policy.behaviour_points + 1e-9,
        f"{shares[1]:.1%} of the cases fail, and {shares[0]:.1%} of the champion's.",
        asked,
    )


def check_leaks(learned: Sequence[str], judged: Sequence[str]) -> GateCheck:
    """Has the challenger learned from none of the texts that judge it, word for word or nearly?"""
    _, leaks = without_leaks(learned, judged)
    return GateCheck(
        "no leak",
        leaks == 0,
        f"{leaks:,} of {len(learned):,} texts that it learned from are among those that judge it.",
        "none.",
    )


def refuse_unusable_behaviour(champion: Bundle, policy: GatePolicy) -> None:
    """Before minutes of training: can the behavioural tests of the policy be asked?

    Raises:
        WorkshopError: they are written for other labels.
    """
    if policy.behaviour == "films" and sorted(champion.labels) != ["negative", "positive"]:
        raise WorkshopError(
            'The policy asks the behavioural tests for film reviews (gate.behaviour = "films"), which need '
            'the labels negative and positive; write "none".'
        )
