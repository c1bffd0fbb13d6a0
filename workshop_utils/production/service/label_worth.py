"""What the next twenty labels are worth: how sure the accuracy is now and then, and the shadow's evidence.

The accuracy comes from sums; the evidence is read from the pair's drawn labels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import and_, func, select

from workshop_utils.models.metrics import Interval
from workshop_utils.production.monitoring.intervals import WeightedHits, rate_interval
from workshop_utils.production.shadow import (
    SHADOW_EVIDENCE,
    ShadowPair,
    bets_of,
    read_pair_labels,
    short_number,
)
from workshop_utils.production.store import Store, TextToLabel, least_probabilities
from workshop_utils.production.store.tables import drawn, feedback, models, predictions

#: So many labels are looked ahead.
AHEAD = 20


class LabelWorth(NamedTuple):
    """Sentences for the page, and the numbers in them.

    Attributes:
        sentences: one about the accuracy, and one about the challenger where there is one.
        accuracy, accuracy_after: with its 95 % interval, now and after twenty more labels of which the same
            share is right; NaN from 0 to 1 without a label.
        evidence, evidence_after: of the challenger now, and after twenty more labelled disagreements if the
            shares stay; None without a challenger, or where nobody can say.
    """

    sentences: tuple[str, ...]
    accuracy: Interval
    accuracy_after: Interval
    evidence: float | None = None
    evidence_after: float | None = None


def label_worth(
    store: Store, champion: str, challenger: str | None, queue: Sequence[TextToLabel]
) -> LabelWorth:
    """What the next twenty labels are worth.

    Args:
        store: labels so far.
        champion: the model that answers.
        challenger: the one in its shadow, if any.
        queue: the texts that are asked next. Only the champion's count; without any, twenty texts drawn
            at random are supposed.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    seen, labels = _hits(store, champion)
    least = least_probabilities(store)
    asked = [each for each in queue if each.model_version == champion][:AHEAD]
    upcoming = [_weight(each.draw, each.probability, least) for each in asked] or [1.0] * AHEAD
    rate = seen.rate if labels else 0.5  # of nothing, the widest
    now, then = (rate_interval(each, 0.95) for each in (seen, _with(seen, rate, upcoming)))
    sentences = [_accuracy_words(now, labels, len(upcoming), then)]
    evidence = ahead = None
    if challenger is not None:
        bets = bets_of(read_pair_labels(store, ShadowPair(champion, challenger)))
        evidence, ahead = bets.evidence, bets.after(AHEAD)
        sentences.append(_evidence_words(evidence, bets.wins, bets.losses, ahead))
    return LabelWorth(tuple(sentences), now, then, evidence, ahead)


def _hits(store: Store, champion: str) -> tuple[WeightedHits, int]:
    """How often the champion was right and wrong on drawn texts, by weight; and how many labels these are."""
    p, f, right = predictions.c, feedback.c, predictions.c.label == feedback.c.label
    stands = and_(f.prediction == drawn.c.prediction, f.replaced_by.is_(None), f.label.is_not(None))
    query = (
        select(drawn.c.draw, drawn.c.probability, right, func.count())
        .select_from(drawn)
        .join(feedback, stands)
        .join(predictions, p.number == drawn.c.prediction)
        .join(models, models.c.number == p.model)
        .where(models.c.version == champion)
        .group_by(drawn.c.draw, drawn.c.probability, right)
    )
    with store.reading() as connection:
        rows = connection.execute(query).all()
    least = least_probabilities(store)
    counted = ((_weight(draw, chance, least), bool(hit), count) for draw, chance, hit, count in rows)
    return WeightedHits.counted(counted), sum(row[-1] for row in rows)


def _weight(draw: int, probability: float, least: dict[int, float]) -> float:
    """To three digits, so that an interval has few different ones to look at.

    Retention may have deleted the draw meanwhile.
    """
    return float(f"{least.get(draw, probability) / probability:.3g}")


def _with(seen: WeightedHits, rate: float, weights: Sequence[float]) -> WeightedHits:
    """With more labels of these weights, of which the share ``rate`` is right."""
    more = np.array(weights)
    return WeightedHits(
        np.append(seen.weights, more),
        np.append(seen.hits, np.full(len(more), rate)),
        np.append(seen.misses, np.full(len(more), 1 - rate)),
    )


def _accuracy_words(now: Interval, labels: int, more: int, then: Interval) -> str:
    after = _points(_margin(then))
    if not labels:
        return (
            "Nobody knows yet how often the model is right: no text that was drawn for it has a label. "
            f"{_labels(more)} tell it to about ±\u00a0{after} points."
        )
    return (
        f"By {_labels(labels)} the model is right about {100 * now.value:.0f}\u00a0% of the time "
        f"(95\u00a0% interval {100 * now.low:.0f} to {100 * now.high:.0f}\u00a0%). "
        f"{_labels(more, 'more ')} bring that from ±\u00a0{_points(_margin(now))} to about "
        f"±\u00a0{after} points."
    )


def _margin(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def _evidence_words(evidence: float, wins: int, losses: int, ahead: float | None) -> str:
    limit = short_number(SHADOW_EVIDENCE)
    if ahead is None:
        return (
            "Nobody knows yet whether the challenger is better: no disagreement has a label that counts. Its "
            f"evidence is 1; by the default policy {limit} is asked for."
        )
    told = (
        f"The challenger's evidence is {short_number(evidence)}; by the default policy {limit} is asked for. "
        f"On {wins:,} disagreements only it was right, on {losses:,} only the champion."
    )
    if evidence >= SHADOW_EVIDENCE:
        return f"{told} That is enough: the command “workshop promote --shadow” makes the other checks."
    about = "" if ahead > 1e6 else "about "
    return (
        f"{told} If that share stays, {AHEAD} more labelled disagreements make it {about}"
        f"{short_number(ahead)}."
    )


def _points(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.1 else f"{100 * share:.1f}"


def _labels(count: int, word: str = "") -> str:
    return f"{count:,} {word}label{'s' * (count != 1)}"
