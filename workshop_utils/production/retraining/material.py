"""What a retraining learns from and is judged by: table, labels and frozen test set, without a leak."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workshop_utils.data.tables import read_labelled
from workshop_utils.data.usable_texts import same_text, shortened, usable_texts
from workshop_utils.errors import WorkshopError
from workshop_utils.models.training.parts import without_leaks
from workshop_utils.production.monitoring.label_weights import drawn_weight
from workshop_utils.production.policy import Policy
from workshop_utils.production.retraining.recent import RecentLabels
from workshop_utils.production.store import LabelledPrediction


class TextPart(NamedTuple):
    """Texts with their class numbers, int of shape (n,)."""

    texts: list[str]
    codes: np.ndarray

    def chosen(self, rows: np.ndarray) -> "TextPart":
        """Those where ``rows``, bool of shape (n,) or places, says so."""
        places = np.flatnonzero(rows) if rows.dtype == bool else rows
        return TextPart([self.texts[place] for place in places], self.codes[places])

    @property
    def sha256(self) -> str:
        """Of all texts and labels in their order."""
        whole = sha256()
        for text, code in zip(self.texts, self.codes.tolist(), strict=True):
            whole.update(text.encode("utf-8", "surrogatepass") + b"\0%d\0" % code)
        return whole.hexdigest()


class RetrainingMaterial(NamedTuple):
    """Four parts that share no text, also not nearly.

    Attributes:
        labels: of the classes, as the champion orders them.
        reference: the table. learned: labelled texts to learn from, the oldest first; the last ``newest`` of
            them are new to the champion. recent: the newest labelled texts, held out. frozen: the test set.
        newest: see there.
        weights: of the recent texts, for uneven draws, shape (n,).
        notes: sentences about what was left out.
    """

    labels: list[str]
    reference: TextPart
    learned: TextPart
    recent: TextPart
    frozen: TextPart
    newest: int
    weights: np.ndarray
    notes: list[str]


def read_material(policy: Policy, labels: Sequence[str], given: RecentLabels) -> RetrainingMaterial:
    """Read both tables and divide the labels.

    A text that was labelled twice counts with its newest label. What stands in the frozen test set is never
    learned from and no recent text either, word for word or nearly. What stands in the table may be learned
    from under its newest label, and is not held out: the champion knows it.

    Args:
        policy: names the tables, and says how much is held out.
        labels: of the champion.
        given: by people.

    Raises:
        WorkshopError: the policy names no table, one cannot be read, or nothing is left of one.
    """
    notes: list[str] = []
    known = {label: code for code, label in enumerate(labels)}
    frozen = _read_part(policy.data.frozen_test, "frozen_test", policy, known, notes)
    reference = _read_part(policy.data.table, "table", policy, known, notes)
    reference = _without(reference, frozen, "of the table", "the frozen test set", notes)
    newest, earlier = _once(given.new, known), _once(given.earlier, known)
    newest, earlier = (_outside(part, frozen, notes) for part in (newest, earlier))
    known_texts = {same_text(text) for text in [*reference.texts, *(each.text or "" for each in earlier)]}
    kept, held = _divide(newest, known_texts, policy)
    again = {same_text(each.text or "") for each in newest}
    earlier = [each for each in earlier if same_text(each.text or "") not in again]
    recent = _as_part(held, known)
    before, after = (
        _without(_as_part(part, known), recent, "with a label", "the held-out labels", notes)
        for part in (earlier, kept)
    )
    learned = TextPart([*before.texts, *after.texts], np.concatenate([before.codes, after.codes]))
    reference = _without(reference, recent, "of the table", "the held-out labels", notes)
    labelled_anew = {same_text(text) for text in learned.texts}
    stays = [same_text(text) not in labelled_anew for text in reference.texts]
    reference = reference.chosen(np.array(stays, dtype=bool))
    if not reference.texts:
        raise WorkshopError(
            "Every text of the policy's table is held out or labelled anew; name a larger one."
        )
    return RetrainingMaterial(
        list(labels), reference, learned, recent, frozen, len(after.texts), _weights(newest, held), notes
    )


def _read_part(path: str, key: str, policy: Policy, known: dict[str, int], notes: list[str]) -> TextPart:
    if not path:
        raise WorkshopError(
            f"The policy names no {key}; write it under [data], so that a model can be trained and judged."
        )
    data = policy.data
    table = usable_texts(read_labelled(Path(path), data.text_column, data.label_column), list(known))
    rows = [row for row, label in enumerate(table.labels) if label in known]
    if not rows:
        raise WorkshopError(
            f"No label of {Path(path).name} is one of the champion's; the first is "
            f"{shortened(table.labels[0])}."
        )
    if left := len(table.labels) - len(rows):
        notes.append(
            f"{left:,} rows of {Path(path).name} have labels that the champion does not know; left out."
        )
    return _part([table.texts[row] for row in rows], [known[table.labels[row]] for row in rows])


def _part(texts: list[str], codes: Sequence[int]) -> TextPart:
    return TextPart(texts, np.array(codes, dtype=np.int64))


def _as_part(given: Sequence[LabelledPrediction], known: dict[str, int]) -> TextPart:
    return _part([each.text or "" for each in given], [known[each.truth] for each in given])


def _once(given: Sequence[LabelledPrediction], known: dict[str, int]) -> list[LabelledPrediction]:
    """Each text once, with the label that arrived last, in the order of the texts."""
    newest: dict[str, LabelledPrediction] = {}
    for each in sorted(given, key=lambda label: label.number):
        if each.truth in known:
            newest[same_text(each.text or "")] = each
    return sorted(newest.values(), key=lambda label: label.prediction_number)


def _outside(given: list[LabelledPrediction], frozen: TextPart, notes: list[str]) -> list[LabelledPrediction]:
    """Those that do not stand in the frozen test set."""
    if not given:
        return given
    kept, leaks = without_leaks([each.text or "" for each in given], frozen.texts)
    if leaks:
        notes.append(f"{leaks:,} labelled texts stand in the frozen test set, too; refused.")
    return [each for each, stays in zip(given, kept, strict=True) if stays]


def _without(part: TextPart, other: TextPart, which: str, where: str, notes: list[str]) -> TextPart:
    if not part.texts or not other.texts:
        return part
    kept, leaks = without_leaks(part.texts, other.texts)
    if leaks:
        notes.append(f"{leaks:,} texts {which} stand among {where}, too; not learned from.")
    return part.chosen(kept)


def _divide(
    newest: list[LabelledPrediction], known_texts: set[str], policy: Policy
) -> tuple[list[LabelledPrediction], list[LabelledPrediction]]:
    """What is learned from, and the newest that can judge: those that the champion has not learned from."""
    drawn_only = policy.performance.labels == "drawn"
    size = round(policy.retraining.holdout_share * len(newest))
    cut = len(newest) - size
    held = [
        each
        for each in newest[cut:]
        if same_text(each.text or "") not in known_texts and not (drawn_only and each.draw is None)
    ]
    chosen = {each.number for each in held}
    return [each for each in newest if each.number not in chosen], held


def _weights(newest: Sequence[LabelledPrediction], held: Sequence[LabelledPrediction]) -> np.ndarray:
    """Corrected for the drawing; a label that came unasked, where the policy counts it, counts once."""
    least: dict[int, float] = {}
    for each in newest:
        if each.draw is not None and each.drawing_probability is not None:
            least[each.draw] = min(least.get(each.draw, 1.0), each.drawing_probability)
    return np.array(
        [
            1.0
            if each.draw is None or each.drawing_probability is None
            else drawn_weight(each.drawing_probability, least[each.draw])
            for each in held
        ]
    )
