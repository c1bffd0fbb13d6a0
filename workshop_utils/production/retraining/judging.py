"""Ask two bundles the same texts, and let the gate judge."""

from collections.abc import Sequence

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.bundle.text_traits import language_of
from workshop_utils.models.insights.slices import length_bins
from workshop_utils.production.policy import GatePolicy
from workshop_utils.production.retraining.challenger import learned_texts
from workshop_utils.production.retraining.gate import GateCheck, GateVerdict, judge
from workshop_utils.production.retraining.material import RetrainingMaterial, TextPart
from workshop_utils.production.retraining.measured import check_behaviour, check_leaks, check_numbers
from workshop_utils.production.retraining.paired import PairedAnswers

#: What an answer is called whose probabilities are no numbers; no text has this label.
NO_ANSWER = "(no answer)"


def judge_bundles(
    champion: Bundle,
    challenger: Bundle,
    material: RetrainingMaterial,
    policy: GatePolicy,
    seed: int,
    measured: Sequence[GateCheck],
) -> GateVerdict:
    """The gate on what the bundles answer.

    Args:
        champion: is served now.
        challenger: may take its place.
        material: the texts that judge, and those that the challenger has learned from.
        policy: what is asked for.
        seed: of the bootstrap.
        measured: what was measured when the challenger was made, and cannot be measured again.

    Raises:
        WorkshopError: their labels differ.
    """
    if challenger.labels != champion.labels or champion.labels != material.labels:
        raise WorkshopError("The challenger has other labels than the champion, so nothing can be compared.")
    texts = [*material.recent.texts, *material.frozen.texts]
    said = challenger.predict_proba(texts)
    before, cut = champion.predict_proba(texts), len(material.recent.texts)
    recent = _answers(material.recent, champion.labels, before[:cut], said[:cut], material.weights)
    frozen = _answers(material.frozen, champion.labels, before[cut:], said[cut:])
    more = [
        check_numbers(said),
        check_leaks(learned_texts(material), texts),
        check_behaviour(champion, challenger, policy),
        *measured,
    ]
    return judge(recent, frozen, policy, seed, more)


def _answers(
    part: TextPart,
    labels: Sequence[str],
    champion: np.ndarray,
    challenger: np.ndarray,
    weights: np.ndarray | None = None,
) -> PairedAnswers:
    names = np.array([*labels, NO_ANSWER])
    uneven = weights is not None and len(set(weights.tolist())) > 1
    slices = (
        {}
        if not part.texts
        else {
            "length": np.array(list(map(str, length_bins(part.texts)))),
            "language": np.array(list(map(language_of, part.texts))),
        }
    )
    return PairedAnswers(
        names[part.codes],
        names[class_numbers(champion)],
        names[class_numbers(challenger)],
        weights if uneven else None,
        slices,
    )


def class_numbers(probabilities: np.ndarray) -> np.ndarray:
    """The most probable class of each row, shape (n,); -1 where a probability is no number."""
    finite = np.isfinite(probabilities).all(axis=1)
    return np.where(finite, np.nan_to_num(probabilities).argmax(axis=1), -1)
