"""Which texts people should label: a random part, an uncertain part, and disagreements of a challenger.

Every text knows with which probability it was drawn, so what is learned from an uneven choice can be put
right: a sum over the drawn texts, each divided by its probability, is an unbiased estimate of the sum over
all texts (Horvitz, Thompson 1952, doi 10.1080/01621459.1952.10483446).
"""

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from workshop_utils.errors import WorkshopError
from workshop_utils.production.store.database import Store
from workshop_utils.production.store.records import Part
from workshop_utils.production.store.skips import has_label, was_skipped
from workshop_utils.production.store.tables import drawn, draws, feedback, models, predictions

_PARTS: tuple[Part, ...] = ("random", "uncertain", "disagreement")

#: A certain text is still drawn now and then: the least weight in the uncertain part.
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True)
class DrawSizes:
    """How many texts each part asks for. One that several parts choose counts once, for the first of them."""

    random: int = 50
    uncertain: int = 30
    disagreement: int = 20


#: With a challenger in the shadow most texts are disagreements, because their labels decide about it.
SHADOW_SIZES: Final = DrawSizes(random=30, uncertain=10, disagreement=60)


@dataclass(frozen=True, slots=True)
class Draw:
    """Texts were drawn from all predictions ``first`` to ``last`` that had a text and were not drawn before.

    Attributes:
        number: of the draw. population: from how many texts. size: how many were drawn.
        labelled: how many of those have a label by now. skipped: how many have none because somebody could
            not say what is true of them; see :mod:`~workshop_utils.production.store.skips`.
    """

    number: int
    time: datetime
    seed: int
    first: int
    last: int
    population: int
    size: int
    labelled: int
    skipped: int


@dataclass(frozen=True, slots=True)
class TextToLabel:
    """A drawn text without a label.

    Attributes:
        labels: what may be answered. label: what the model said; people should not see it before they answer.
        draw, part, probability: how it was drawn; the label that is given will say so too.
        model_version: which model said so.
    """

    prediction_id: str
    text: str
    labels: tuple[str, ...]
    label: str
    draw: int
    part: Part
    probability: float
    model_version: str


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What is drawn from: arrays of one length."""

    numbers: np.ndarray
    uncertainty: np.ndarray
    disagreement: np.ndarray


def draw_texts(
    store: Store,
    sizes: DrawSizes,
    seed: int,
    after: int = 0,
    model_version: str | None = None,
    challenger: str | None = None,
) -> Draw:
    """Draw texts for people to label and remember them; the same store and seed give the same texts.

    - *random*: each text with the same probability, for an estimate of the accuracy;
    - *uncertain*: in proportion to 1 - the largest probability, because such labels teach most;
    - *disagreement*: each of those on which a challenger in shadow answered something else alike.

    A text is drawn at most once. Texts that somebody has labelled unasked are drawn like all others, or the
    estimate would leave out just those that people complained about; nobody has to label them again.

    Args:
        store: the store.
        sizes: how many texts.
        seed: of the draw; 0 or more.
        after: only predictions with a greater number.
        model_version: only those of this model.
        challenger: disagreements are those with this one; None: with any that ever was in the shadow.

    Raises:
        WorkshopError: there is no text to draw from.
        StoreUnavailable: the database does not answer.
    """
    while (number := _try_to_draw(store, sizes, seed, after, model_version, challenger)) is None:
        pass  # somebody else drew meanwhile
    return next(draw for draw in list_draws(store) if draw.number == number)


def _try_to_draw(
    store: Store, sizes: DrawSizes, seed: int, after: int, model_version: str | None, challenger: str | None
) -> int | None:
    """The number of the new draw. Nobody has to wait while texts are looked at, only while some are noted."""
    newest = select(func.max(draws.c.number))
    with store.reading() as connection:
        known = connection.scalar(newest)
        candidates = _candidates(connection, after, model_version, challenger)
    if not len(candidates.numbers):
        raise WorkshopError(
            "There is no text to draw: texts are kept only by a service that runs with --store-texts, "
            "and each is drawn once."
        )
    parts, probability = choose(candidates.uncertainty, candidates.disagreement, sizes, seed)
    (rows,) = np.nonzero(parts)
    # labelling may stop anywhere: what is done by then is a random part of the draw
    order = np.random.default_rng([seed, len(_PARTS)]).permutation(len(rows))
    with store.writing() as connection:
        if connection.scalar(newest) != known:
            return None
        row = {
            "time": datetime.now(UTC),
            "seed": seed,
            "model": connection.scalar(select(models.c.number).where(models.c.version == model_version)),
            "first": int(candidates.numbers[0]),
            "last": int(candidates.numbers[-1]),
            "population": len(candidates.numbers),
            "last_feedback": connection.scalar(select(func.max(feedback.c.number))) or 0,
        }
        number = connection.execute(insert(draws).values(row)).inserted_primary_key[0]
        chosen = [
            {
                "prediction": int(candidates.numbers[at]),
                "draw": number,
                "position": position,
                "part": _PARTS[parts[at] - 1],
                "probability": float(probability[at]),
            }
            for position, at in enumerate(rows[order])
        ]
        if chosen:
            connection.execute(insert(drawn), chosen)
    return number


def list_draws(store: Store) -> list[Draw]:
    """All draws, the oldest first.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    of_draw = drawn.c.draw == draws.c.number
    texts = select(func.count()).select_from(drawn).where(of_draw)
    has, skipped = has_label(drawn.c.prediction), was_skipped(drawn.c.prediction)
    counts = [each.scalar_subquery() for each in (texts, texts.where(has), texts.where(~has, skipped))]
    d = draws.c
    with store.reading() as connection:
        rows = connection.execute(
            select(d.number, d.time, d.seed, d.first, d.last, d.population, *counts).order_by(d.number)
        ).all()
    return [Draw(*row) for row in rows]


def least_probabilities(store: Store) -> dict[int, float]:
    """By the number of each draw the least probability with which one of its texts was drawn.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    query = select(drawn.c.draw, func.min(drawn.c.probability)).group_by(drawn.c.draw)
    with store.reading() as connection:
        return {draw: float(least) for draw, least in connection.execute(query)}


def texts_to_label(store: Store, limit: int = 20, asked: str | None = None) -> list[TextToLabel]:
    """Drawn texts without a label: the oldest draw first, within a draw in random order.

    Whoever stops in the middle of a draw has labelled a random part of it. A label that was taken back brings
    its text here again.

    Args:
        store: the store.
        limit: how many texts at most.
        asked: who is to be asked; what they have skipped is left out.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    p = predictions.c
    waiting = [~has_label(drawn.c.prediction), p.text.is_not(None)]
    if asked is not None:
        waiting.append(~was_skipped(drawn.c.prediction, asked))
    with store.reading() as connection:
        rows = connection.execute(
            select(
                *(p.prediction_id, p.text, models.c.labels, p.label),
                *(drawn.c.draw, drawn.c.part, drawn.c.probability, models.c.version),
            )
            .select_from(drawn)
            .join(predictions, p.number == drawn.c.prediction)
            .join(models, models.c.number == p.model)
            .where(*waiting)
            .order_by(drawn.c.draw, drawn.c.position)
            .limit(limit)
        ).all()
    return [TextToLabel(name, text, tuple(labels), *rest) for name, text, labels, *rest in rows]


def _candidates(
    connection: Connection, after: int, model_version: str | None, challenger: str | None
) -> _Candidates:
    """All texts that may be drawn, in the order of their numbers."""
    p = predictions.c
    query = (
        select(p.number, p.uncertainty, p.disagreement)
        .outerjoin(drawn, drawn.c.prediction == p.number)
        .where(p.number > after, p.text.is_not(None), drawn.c.prediction.is_(None))
        .order_by(p.number)
    )
    if model_version is not None:
        query = query.join(models, models.c.number == p.model).where(models.c.version == model_version)
    numbers, uncertainty, disagreement = array("q"), array("d"), array("b")
    for number, unsure, differs in connection.execution_options(yield_per=5000).execute(query):
        numbers.append(number)
        uncertainty.append(1.0 if unsure is None else unsure)  # a probability was no number
        disagreement.append(differs)
    found = np.array(numbers), np.array(uncertainty), np.array(disagreement, dtype=bool)
    if challenger is not None:
        found[2][:] &= np.isin(found[0], _disagreements_with(connection, after, challenger))
    return _Candidates(*found)


def _disagreements_with(connection: Connection, after: int, challenger: str) -> list[int]:
    """Numbers of the predictions on which this challenger answered something else."""
    p = predictions.c
    query = (
        select(p.number)
        .join(models, models.c.number == p.shadow_model)
        .where(p.number > after, p.text.is_not(None), p.disagreement, models.c.version == challenger)
    )
    return list(connection.scalars(query))


def choose(
    uncertainty: np.ndarray, disagreement: np.ndarray, sizes: DrawSizes, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw from n texts; the three parts are drawn independently of each other.

    Args:
        uncertainty: 1 - the largest probability, of shape (n,).
        disagreement: a challenger answered something else; bool, of shape (n,).
        sizes: how many texts each part asks for.
        seed: of the draw; 0 or more.

    Returns:
        parts: 0 for a text that was not drawn, 1 random, 2 uncertain, 3 disagreement, of shape (n,).
        probability: with which each text was to be drawn by any part, of shape (n,).
    """
    ones = np.ones(len(uncertainty))
    weights = (ones, np.maximum(uncertainty, _LEAST_WEIGHT), disagreement.astype(float))
    parts, by_any = np.zeros(len(uncertainty), dtype=int), np.zeros(len(uncertainty))
    for part, (weight, size) in enumerate(
        zip(weights, (sizes.random, sizes.uncertain, sizes.disagreement), strict=True)
    ):
        probability = inclusion_probabilities(weight, size)
        picked = _systematic(probability, np.random.default_rng([seed, part]))
        parts[picked & (parts == 0)] = part + 1
        by_any += probability - by_any * probability
    return parts, by_any


def inclusion_probabilities(weight: np.ndarray, size: int) -> np.ndarray:
    """Probabilities in proportion to the weights that add up to ``size``, none above 1.

    Args:
        weight: not negative, of shape (n,).
        size: how many of the n are to be drawn.

    Returns:
        Probabilities of shape (n,); all with weight are 1 when there are no more than ``size`` of them.
    """
    probability = (weight > 0).astype(float)
    if probability.sum() <= size:
        return probability
    certain = np.zeros(len(weight), dtype=bool)
    while True:  # who would get more than 1 gets 1, and the others share what is left
        rest = weight[~certain].sum()
        share = weight * ((size - certain.sum()) / rest) if rest > 0 else np.zeros(len(weight))
        over = ~certain & (share >= 1)
        if not over.any():
            return np.where(certain, 1.0, share)
        certain |= over


def _systematic(probability: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Which are drawn: in a random order, every time that the running sum passes a whole number."""
    order = chance.permutation(len(probability))
    steps = np.floor(np.cumsum(probability[order]) + chance.random())
    picked = np.empty(len(probability), dtype=bool)
    picked[order] = np.diff(steps, prepend=0) > 0
    return picked
