"""What people said about the texts that a champion and its challenger both answered, from the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true

from workshop_utils.production.deployment import pointed_version
from workshop_utils.production.shadow.evidence import SHADOW_EVIDENCE, ShadowBets, ShadowEvidence
from workshop_utils.production.store import Part, Store, last_label
from workshop_utils.production.store.records import PERSON
from workshop_utils.production.store.tables import drawn, draws, feedback, models, predictions

#: ``drawn``: only labels of texts that had been drawn for labelling when the label came. Who complains of an
#: answer complains of the champion's, so labels that come unasked would favour every challenger. ``all``:
#: each label, with the weight 1, for services where every prediction gets its label in the end.
PairCounted = Literal["drawn", "all"]


class ShadowPair(NamedTuple):
    """The version that answers, and the one in its shadow."""

    champion: str
    challenger: str


@dataclass(frozen=True, slots=True)
class PairLabel:
    """A text with its true label and what both models said.

    Attributes:
        number: of the label, in the order of arrival.
        truth, champion, challenger: the true label, and the two answers.
        part: by which the text was drawn; None where nobody drew it.
        weight: among all texts. bet_weight: among the disagreements of its draw. Both above 0, at most 1.
    """

    number: int
    truth: str
    champion: str
    challenger: str
    part: Part | None
    weight: float
    bet_weight: float

    @property
    def differs(self) -> bool:
        """Did the two models say something else?"""
        return self.champion != self.challenger


@dataclass(frozen=True, slots=True)
class PairLabels:
    """All labels of a pair that count, in the order in which they came.

    Attributes:
        labels: each text once. left_out: labels of disagreements that do not count; see
            :class:`~workshop_utils.production.shadow.evidence.ShadowEvidence`.
        last: number of the last label that was looked at.
    """

    pair: ShadowPair
    labels: Sequence[PairLabel]
    left_out: int
    last: int


def shadow_pair(deployment: Path) -> ShadowPair | None:
    """Champion and challenger of a deployment; None where one of both is missing, or they are the same.

    Raises:
        WorkshopError: a pointer cannot be read.
    """
    champion, challenger = (pointed_version(deployment, name) for name in ("current", "challenger"))
    if champion is None or challenger is None or champion == challenger:
        return None
    return ShadowPair(champion, challenger)


def shadow_evidence(
    store: Store, deployment: Path, limit: float = SHADOW_EVIDENCE, counted: PairCounted = "drawn"
) -> ShadowEvidence | None:
    """The evidence that the challenger of a deployment is better; None where no challenger stands there.

    Args:
        store: predictions and labels.
        deployment: the folder.
        limit: the policy's ``shadow.evidence``.
        counted: the policy's ``shadow.labels``.

    Raises:
        WorkshopError: a pointer cannot be read.
        StoreUnavailable: the database does not answer.
    """
    pair = shadow_pair(deployment)
    return None if pair is None else pair_evidence(read_pair_labels(store, pair, counted), limit)


def pair_evidence(found: PairLabels, limit: float = SHADOW_EVIDENCE) -> ShadowEvidence:
    """The evidence of labels that were read."""
    return bets_of(found).report(
        limit, **found.pair._asdict(), last_label=found.last, left_out=found.left_out
    )


def bets_of(found: PairLabels) -> ShadowBets:
    """The bets after all labels of disagreements."""
    bets = ShadowBets()
    for each in found.labels:
        if each.differs:
            bets.add(each.champion == each.truth, each.challenger == each.truth, each.bet_weight)
    return bets


def read_pair_labels(
    store: Store, pair: ShadowPair, counted: PairCounted = "drawn", until: int | None = None
) -> PairLabels:
    """Labels by people of texts that both models of the pair answered, in the order of their arrival.

    Of several predictions of the same text the first label counts: a text that is sent again and again is one
    bet. With ``until`` the answer is as it was when that label had just arrived.

    Args:
        store: predictions and labels.
        pair: the two versions.
        counted: which labels.
        until: only labels up to this number; None takes those that are there when reading begins.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    end = last_label(store) if until is None else until
    version = models.c.version
    with store.reading() as connection:
        number = dict(
            connection.execute(select(version, models.c.number).where(version.in_(pair))).tuples().all()
        )
        if not set(pair) <= number.keys():
            return PairLabels(pair, (), 0, end)
        known = _PairNumbers(number[pair.champion], number[pair.challenger], end)
        rows = connection.execute(_labels_of(known, counted)).all()
        least = dict(connection.execute(_least(true())).tuples().all())
        least_differing = dict(
            connection.execute(_least(and_(known.both, predictions.c.disagreement))).tuples().all()
        )
        left_out = 0
        if counted == "drawn":
            left_out = connection.scalar(_unasked_disagreements(known)) or 0
    labels, texts = [], set()
    for row in rows:
        if row.text_sha256 in texts:
            left_out += row.label != row.shadow_label
            continue
        texts.add(row.text_sha256)
        weight = bet_weight = 1.0
        if counted == "drawn":
            weight = least[row.draw] / row.probability
            if row.label != row.shadow_label:
                bet_weight = least_differing[row.draw] / row.probability
        part = row.part if row.draw is not None else None
        labels.append(PairLabel(row.number, row.truth, row.label, row.shadow_label, part, weight, bet_weight))
    return PairLabels(pair, labels, left_out, end)


class _PairNumbers(NamedTuple):
    """Numbers of both models, and of the last label that counts."""

    champion: int
    challenger: int
    end: int

    @property
    def both(self) -> ColumnElement[bool]:
        """The prediction has an answer of both.

        The sum keeps SQLite from reading all of a model's predictions by its index: few have a label.
        """
        p = predictions.c
        return and_(p.model + 0 == self.champion, p.shadow_model == self.challenger)

    @property
    def standing(self) -> tuple[ColumnElement[bool], ...]:
        """The label was given by a person, and stands at the end."""
        f = feedback.c
        return (
            *(f.number <= self.end, f.label.is_not(None), f.source == PERSON),
            f.labelled_by.not_in(select(models.c.version)),
            or_(f.replaced_by.is_(None), f.replaced_by > self.end),
        )


#: A label that was there before its text was drawn came unasked.
_ASKED = and_(draws.c.number == drawn.c.draw, draws.c.last_feedback < feedback.c.number)


def _labels_of(known: _PairNumbers, counted: PairCounted) -> Select:
    p, f = predictions.c, feedback.c
    columns = (
        *(f.number, f.label.label("truth"), p.label, p.shadow_label, p.text_sha256),
        *(draws.c.number.label("draw"), drawn.c.part, drawn.c.probability),
    )
    if counted == "drawn":  # texts that people were asked about are few, also where labels are many
        tables = drawn.join(feedback, f.prediction == drawn.c.prediction).join(draws, _ASKED)
        tables = tables.join(predictions, p.number == drawn.c.prediction)
    else:
        tables = feedback.join(predictions, p.number == f.prediction)
        tables = tables.outerjoin(drawn, drawn.c.prediction == p.number).outerjoin(draws, _ASKED)
    return select(*columns).select_from(tables).where(known.both, *known.standing).order_by(f.number)


def _least(which: ColumnElement[bool]) -> Select:
    """By the number of each draw, the least probability of one of these texts of it."""
    return (
        select(drawn.c.draw, func.min(drawn.c.probability))
        .join(predictions, predictions.c.number == drawn.c.prediction)
        .where(which)
        .group_by(drawn.c.draw)
    )


def _unasked_disagreements(known: _PairNumbers) -> Select:
    """How many labels of disagreements nobody had asked for."""
    p = predictions.c
    return (
        select(func.count())
        .select_from(feedback)
        .join(predictions, p.number == feedback.c.prediction)
        .outerjoin(drawn, drawn.c.prediction == p.number)
        .outerjoin(draws, _ASKED)
        .where(known.both, p.disagreement, draws.c.number.is_(None), *known.standing)
    )
