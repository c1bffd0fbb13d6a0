"""Which labels an estimate of the accuracy counts, how much each of them, and how much skipped texts would.

People label some texts because they were drawn, each with a probability that is known, and others because
they had a reason to write. A drawn label counts with the least probability of its whole draw over its own:
within a draw the texts then count as if all had been drawn with the same probability (Horvitz, Thompson
1952), and no weight is above 1. The least probability is that of all texts of the draw, whether they have a
label by now or not, so that a weight is known before the label.
"""

from typing import Literal

from workshop_utils.errors import WorkshopError
from workshop_utils.production.store import (
    LabelledPrediction,
    Store,
    least_probabilities,
    skipped_texts,
)

#: ``drawn``: only labels of texts that were drawn for labelling. ``all``: also those that nobody drew, each
#: with the weight 1, for services where every prediction gets its label in the end.
CountedLabels = Literal["all", "drawn"]


def drawn_weight(probability: float, least: float) -> float:
    """The weight of a drawn label, above 0 and at most 1.

    Args:
        probability: with which its text was drawn.
        least: of all texts of the same draw, labelled or not;
            see :func:`~workshop_utils.production.store.least_probabilities`.

    Raises:
        WorkshopError: the two are no probabilities, or ``least`` is not the least.
    """
    if not 0 < least <= probability <= 1:
        raise WorkshopError(
            f"A text was drawn with the probability {probability} and the least of its draw is {least}; both "
            "lie above 0 and at most at 1, and the least is not above the other."
        )
    return least / probability


class LabelWeights:
    """How much each label counts, by what the store knows of the draws.

    Read labels from the first one on (``labelled(store)``, not ``after=``): a text may be drawn when it has a
    label already, and from then on its label counts as a drawn one.

    Args:
        store: the store.
        which: labels that count; the policy's ``performance.labels``.
    """

    def __init__(self, store: Store, which: CountedLabels) -> None:
        self._store, self._which = store, which
        self._least: dict[int, float] = {}

    def of(self, label: LabelledPrediction) -> float | None:
        """The weight of a label, from 0 to 1; None where it does not count.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        if label.draw is None or label.drawing_probability is None:
            return 1.0 if self._which == "all" else None
        return drawn_weight(label.drawing_probability, self._least_of(label.draw))

    def skipped(self, model_version: str | None = None) -> list[float]:
        """The weights of drawn texts that people skipped and nobody labelled, each text once.

        Counted as all wrong and as all right, they bound the accuracy on all drawn texts (Manski 1989).

        Args:
            model_version: only texts of this model's predictions.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        texts = {each.prediction_id: each for each in skipped_texts(self._store, model_version)}
        return [drawn_weight(each.drawing_probability, self._least_of(each.draw)) for each in texts.values()]

    def _least_of(self, draw: int) -> float:
        if draw not in self._least:
            self._least = least_probabilities(self._store)
        return self._least[draw]
