"""Behavioural tests of a sentiment model: small cases with an answer that nobody disputes. Used in lesson 08.

Three kinds, after Ribeiro and others, *Beyond Accuracy: Behavioral Testing of NLP Models with CheckList*, ACL
2020, section 2:

- **MFT**, minimum functionality: a simple text with its label;
- **INV**, invariance: a change that must not change the answer;
- **DIR**, direction: a change that must move the probability one way, or at least not the other.

:func:`~workshop_utils.models.insights.film_suite.film_suite` holds tests for film reviews.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from workshop_utils.data.words import mentions_any, swap_words, whole_words
from workshop_utils.errors import WorkshopError
from workshop_utils.models.tokenization import well_formed

__all__ = [
    "Behaviour",
    "BehaviourKind",
    "Case",
    "Gap",
    "case_table",
    "cases",
    "run_suite",
    "swap_words",
    "swapped_gap",
]

#: Minimum functionality, invariance, direction.
BehaviourKind = Literal["MFT", "INV", "DIR"]
Predict = Callable[[Sequence[str]], np.ndarray]

_SIGNS: dict[str, Literal["positive", "negative"]] = {"+": "positive", "-": "negative"}
_CHANGE = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")


class Case(NamedTuple):
    """One case of a test.

    Attributes:
        text: what the model reads.
        changed: what the text is changed to (INV, DIR).
        towards: its label (MFT), or the label it must move towards (DIR).
    """

    text: str
    changed: str | None = None
    towards: Literal["positive", "negative"] | None = None


class Behaviour(NamedTuple):
    """One test.

    Attributes:
        name: what it is about.
        kind: ``MFT``, ``INV`` or ``DIR``.
        cases: of that kind.
        least: for DIR, how far the probability must move at least. Without it, a move of less than the
            suite's tolerance in the wrong direction is forgiven too.
    """

    name: str
    kind: BehaviourKind
    cases: Sequence[Case]
    least: float | None = None


class Gap(NamedTuple):
    """What swapping words did to the positive probability; NaN and empty where no text holds such a word.

    Attributes:
        texts: how many hold one of the words.
        mean: mean size of the change.
        worst: largest size of it.
        flipped: share of texts with another label.
        tilt: the mean change *from the mapping's keys to its values*, with its sign: below 0, the values are
            liked less. It leaves out texts that hold as many of one side as of the other.
        text: the text of the largest change.
        changed: what it was changed to.
    """

    texts: int
    mean: float
    worst: float
    flipped: float
    tilt: float
    text: str
    changed: str


def cases(lines: str) -> list[Case]:
    """Cases written one a line: ``+`` or ``-`` for label or direction, then ``{before|after}`` for a change.

    >>> cases("- Not a good film.")
    [Case(text='Not a good film.', changed=None, towards='negative')]
    >>> cases("{Anna|Ayşe} loved it.")
    [Case(text='Anna loved it.', changed='Ayşe loved it.', towards=None)]
    """
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        sign, text = (line[0], line[1:].lstrip(" ")) if line[0] in _SIGNS else ("", line)
        changed = _CHANGE.sub(r"\2", text) if _CHANGE.search(text) else None
        found.append(Case(_CHANGE.sub(r"\1", text), changed, _SIGNS.get(sign)))
    return found


def run_suite(
    predict_proba: Predict, labels: Sequence[str], suite: Sequence[Behaviour], tolerance: float = 0.1
) -> pd.DataFrame:
    """One row per test: ``test, kind, cases, failures, share, worst``; arguments as in :func:`case_table`.

    ``share`` is failures / cases. ``worst`` shows the failed case that misses by most, or is empty.
    """
    table = case_table(predict_proba, labels, suite, tolerance)
    rows = []
    for (test, kind), part in table.groupby(["test", "kind"], sort=False):
        failed = part[part["failed"]]
        worst = ""
        if len(failed):
            case = failed.loc[failed["miss"].fillna(np.inf).idxmax()]
            worst = case["text"] + (f" → {case['changed']}" if case["changed"] else "")
        rows.append((test, kind, len(part), len(failed), len(failed) / len(part), worst))
    return pd.DataFrame(rows, columns=["test", "kind", "cases", "failures", "share", "worst"])


def case_table(
    predict_proba: Predict, labels: Sequence[str], suite: Sequence[Behaviour], tolerance: float = 0.1
) -> pd.DataFrame:
    """One row per case: ``test, kind, text, changed, before, after, miss, failed``; all scored in one call.

    ``before`` and ``after`` are positive probabilities (``after`` is NaN for MFT). ``miss`` is how far the
    answer is on the wrong side of one half (MFT), how far it moved at all (INV), or how far it moved in the
    wrong direction (DIR). A case fails when an MFT is not on the right side, when an INV moves by more than
    ``tolerance`` or changes the label, when a DIR moves against its direction by more than ``tolerance``, or
    moves less than its ``least``.

    Args:
        predict_proba: from n texts to probabilities of shape (n, 2), columns in the order of ``labels``.
        labels: negative and positive, in either order.
        suite: the tests.
        tolerance: a move of the probability that is forgiven.

    Raises:
        WorkshopError: other labels than negative and positive, or a case that does not fit its kind.
    """
    column = _positive(labels)
    for test in suite:
        for case in test.cases:
            _fits(test, case)
    rows = [(test, case) for test in suite for case in test.cases]
    texts = list(dict.fromkeys(text for _, case in rows for text in case[:2] if text is not None))
    scored = np.asarray(predict_proba(texts))[:, column].tolist() if texts else []
    positive = dict(zip(texts, scored, strict=True)) | {None: np.nan}
    records = []
    for test, case in rows:
        before, after = positive[case.text], positive[case.changed]
        shown = [well_formed(text or "") for text in case[:2]]
        judged = _judged(test, case, before, after, tolerance)
        records.append((test.name, test.kind, *shown, before, after, *judged))
    columns = ["test", "kind", "text", "changed", "before", "after", "miss", "failed"]
    return pd.DataFrame(records, columns=columns)


def swapped_gap(
    predict_proba: Predict, labels: Sequence[str], texts: Sequence[str], mapping: Mapping[str, str]
) -> Gap:
    """How much the answers depend on listed words, on real texts: score them as they are and swapped.

    Words are swapped by :func:`swap_words`; texts without a listed word do not count.

    Raises:
        WorkshopError: other labels than negative and positive.
    """
    column = _positive(labels)
    listed = [*mapping, *mapping.values()]
    chosen = [text for text, there in zip(texts, mentions_any(texts, listed), strict=True) if there]
    if not chosen:
        return Gap(0, np.nan, np.nan, np.nan, np.nan, "", "")
    swapped = [swap_words(text, mapping) for text in chosen]
    scored = np.asarray(predict_proba([*chosen, *swapped]), dtype=float)[:, column]
    before, after = scored[: len(chosen)], scored[len(chosen) :]
    keys, values = whole_words(mapping), whole_words(mapping.values())
    sides = np.array([np.sign(len(keys.findall(text)) - len(values.findall(text))) for text in chosen])
    change, worst = after - before, int(np.abs(after - before).argmax())
    return Gap(
        len(chosen),
        float(np.abs(change).mean()),
        float(np.abs(change[worst])),
        float(((before > 0.5) != (after > 0.5)).mean()),
        float((change * sides)[sides != 0].mean()) if sides.any() else np.nan,
        chosen[worst],
        swapped[worst],
    )


def _positive(labels: Sequence[str]) -> int:
    """The column of the positive probability."""
    names = [str(label) for label in labels]
    if sorted(names) != ["negative", "positive"]:
        raise WorkshopError(
            "Behavioural tests are written for a model with the labels negative and positive, "
            f"not {', '.join(map(repr, names)) or 'none'}."
        )
    return names.index("positive")


def _fits(test: Behaviour, case: Case) -> None:
    wanted = {"MFT": (False, True), "INV": (True, False), "DIR": (True, True)}.get(test.kind)
    if wanted is None:
        raise WorkshopError(f"The test {test.name!r} is of no known kind; use MFT, INV or DIR.")
    if (case.changed is not None, case.towards is not None) != wanted:
        change, sign = ("one" if needed else "no" for needed in wanted)
        raise WorkshopError(
            f"A case of {test.name!r} does not fit {test.kind}, which takes {change} {{before|after}} "
            f"and {sign} sign + or -: {well_formed(case.text)[:80]!r}."
        )


def _judged(test: Behaviour, case: Case, before: float, after: float, tolerance: float) -> tuple[float, bool]:
    """How far the case misses, and whether it fails; an answer that is no number fails everywhere."""
    side = 1 if case.towards == "positive" else -1
    if test.kind == "MFT":
        miss = side * (0.5 - before)
        return miss, not miss < 0
    if test.kind == "INV":
        miss = abs(after - before)
        return miss, not miss <= tolerance or (before > 0.5) != (after > 0.5)
    miss = side * (before - after)
    return miss, not miss <= (tolerance if test.least is None else -test.least)
