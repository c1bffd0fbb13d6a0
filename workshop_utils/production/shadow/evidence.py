"""Is the challenger right more often than the champion? Evidence that holds at every moment.

Where both give the same label, a true label favours neither. Where they differ and exactly one is right,
somebody who says "the challenger is no better" says: it is the challenger with a probability of at most 1/2.
We bet against that. A bet with the stake s multiplies its capital by 1 + s when the challenger was right and
by 1 - s when the champion was, so its mean factor is at most 1 as long as the challenger is no better. The
evidence is the mean capital of 50 bets whose stakes lie evenly between 0 and 1: whatever the share of wins,
some stake is close to the best one (a mixture as in Robbins 1970, *Statistical methods related to the law of
the iterated logarithm*, doi 10.1214/aoms/1177696786). It is an e-process, a test by betting (Ramdas,
Grünwald, Vovk, Shafer 2023, *Game-theoretic statistics and safe anytime-valid inference*,
doi 10.1214/23-STS894). By Ville's inequality it reaches c at any time with a probability of at most 1 / c,
however often one looks: a promotion at 20 is false in at most 5 % of the cases.

**Disagreements drawn unequally** count with weights: a stake s becomes s * weight. Texts of which the models
were unsure are drawn more often, and a challenger that is better on these alone would look better than it is.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from workshop_utils.errors import WorkshopError

#: At this evidence a challenger is promoted: at most one in twenty of those that are no better.
SHADOW_EVIDENCE: Final = 20.0

_STAKES = (np.arange(50) + 0.5) / 50
_MOST_CAPITAL = 1e250
_MOST_LABELS = 100_000


@dataclass(frozen=True)
class ShadowEvidence:
    """What people's labels say about a challenger beside its champion.

    Attributes:
        evidence: 1 without a label. limit: that is asked for.
        wins: disagreements on which only the challenger was right. losses: only the champion.
        ties: neither of both.
        champion, challenger: versions; empty where nobody named them.
        labels_needed: about so many more labelled disagreements bring the limit if the shares stay as they
            are; 0 where it is reached, None where nobody can say: no label yet, or no more wins than losses.
        last_label: number of the last label that was looked at.
        left_out: labels of disagreements that do not count: nobody had drawn their text when the label came,
            or another text of the same words counts already.
    """

    evidence: float
    limit: float
    wins: int
    losses: int
    ties: int
    champion: str = ""
    challenger: str = ""
    labels_needed: int | None = None
    last_label: int = 0
    left_out: int = 0

    @property
    def labels(self) -> int:
        """Labelled disagreements that count."""
        return self.wins + self.losses + self.ties

    @property
    def reached(self) -> bool:
        """Is it as much as is asked for?"""
        return self.evidence >= self.limit

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class ShadowBets:
    """The bets, label by label in constant memory; saved and continued, the evidence is the same to the bit.

    Attributes:
        wins, losses, ties: labelled disagreements so far, see :class:`ShadowEvidence`.
    """

    def __init__(self) -> None:
        self._capital = np.ones(len(_STAKES))
        self.wins = self.losses = self.ties = 0

    @property
    def evidence(self) -> float:
        """Mean capital; 1 at the beginning."""
        return float(self._capital.mean())

    def add(self, champion_right: bool, challenger_right: bool, weight: float = 1.0) -> None:
        """One labelled text on which the two disagree.

        Args:
            champion_right: is the champion's label true?
            challenger_right: is the challenger's?
            weight: above 0 and at most 1, known before the label; see the head of this module.

        Raises:
            WorkshopError: both are right, which is no disagreement, or the weight is out of bounds.
        """
        if champion_right and challenger_right:
            raise WorkshopError("Where both models are right they do not disagree; leave that text out.")
        if not 0 < weight <= 1:
            raise WorkshopError(f"A disagreement's weight is above 0 and at most 1, and {weight} is not.")
        if champion_right == challenger_right:
            self.ties += 1
            return
        won = bool(challenger_right)
        self.wins, self.losses = self.wins + won, self.losses + (not won)
        self._capital = bet_on_win(self._capital, won, weight)

    def after(self, labels: int) -> float | None:
        """The evidence after so many more labelled disagreements of weight 1, if the shares stay as they are.

        None without any win or loss so far: nobody knows the shares.
        """
        decided = self.wins + self.losses
        if not decided:
            return None
        share, more = self.wins / decided, labels * decided / (decided + self.ties)
        growth = more * (share * np.log1p(_STAKES) + (1 - share) * np.log1p(-_STAKES))
        return float(np.minimum(self._capital * np.exp(np.minimum(growth, 500.0)), _MOST_CAPITAL).mean())

    def labels_needed(self, limit: float = SHADOW_EVIDENCE) -> int | None:
        """See :attr:`ShadowEvidence.labels_needed`."""
        if self.evidence >= limit:
            return 0
        if self.wins <= self.losses:
            return None
        high = 1
        while (self.after(high) or 0.0) < limit:
            if high >= _MOST_LABELS:
                return None
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if (self.after(middle) or 0.0) >= limit else (middle, high)
        return high

    def report(self, limit: float = SHADOW_EVIDENCE, **more: Any) -> ShadowEvidence:
        """What has been seen so far; ``more`` are other attributes of :class:`ShadowEvidence`."""
        return ShadowEvidence(
            self.evidence,
            limit,
            self.wins,
            self.losses,
            self.ties,
            labels_needed=self.labels_needed(limit),
            **more,
        )

    def to_json(self) -> dict[str, Any]:
        """All that is needed to go on; floats keep every bit in JSON."""
        return {
            "capital": self._capital.tolist(),
            "wins": self.wins,
            "losses": self.losses,
            "ties": self.ties,
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "ShadowBets":
        """What :meth:`to_json` told.

        Raises:
            WorkshopError: it is damaged.
        """
        bets = cls()
        try:
            capital = np.array(told["capital"], dtype=np.float64)
            bets.wins, bets.losses, bets.ties = (int(told[name]) for name in ("wins", "losses", "ties"))
        except (KeyError, TypeError, ValueError) as error:
            raise WorkshopError(f"The evidence of a challenger is damaged: {error}.") from error
        if capital.shape != _STAKES.shape or not np.isfinite(capital).all():
            raise WorkshopError("The evidence of a challenger is damaged: it has other bets.")
        bets._capital = capital
        return bets


def bet_on_win(capital: np.ndarray, won: np.ndarray | bool, weight: np.ndarray | float = 1.0) -> np.ndarray:
    """One disagreement's bets, for one challenger or many side by side.

    Args:
        capital: of each bet, of shape (..., 50); ones at the beginning.
        won: was it the challenger that was right? Of shape (..., 1), or one for all.
        weight: the same.
    """
    return np.minimum(capital * (1 + np.where(won, 1.0, -1.0) * weight * _STAKES), _MOST_CAPITAL)


def weigh_disagreements(
    outcomes: Iterable[tuple[bool, bool, float]], limit: float = SHADOW_EVIDENCE
) -> ShadowEvidence:
    """The evidence of labelled disagreements in the order of their labels.

    Args:
        outcomes: for each whether the champion was right, whether the challenger was, and its weight.
        limit: that is asked for.
    """
    bets = ShadowBets()
    for champion_right, challenger_right, weight in outcomes:
        bets.add(champion_right, challenger_right, weight)
    return bets.report(limit)


def evidence_words(found: ShadowEvidence) -> str:
    """The evidence as a sentence for people."""
    now, limit = short_number(found.evidence), short_number(found.limit)
    if not found.labels:
        return f"No disagreement has a label that counts, so the evidence is 1; {limit} is enough."
    tied = f", on {found.ties:,} neither" if found.ties else ""
    return (
        f"Evidence {now}, where {limit} is enough: of {found.labels:,} labelled disagreements only the "
        f"challenger was right on {found.wins:,}, only the champion on {found.losses:,}{tied}."
    )


def short_number(value: float) -> str:
    """An evidence as people read it: 0.031, 3.4, 20, 1,234, more than a million."""
    if value > 1e6:
        return "more than a million"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}" if value >= 1e-4 else "less than 0.0001"
