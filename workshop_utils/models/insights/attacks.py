"""Adversarial attacks that only ask the model, within a budget of changes and queries. Used in lesson 08.

Own code after two ideas: Gao and others, *Black-box generation of adversarial text sequences to evade deep
learning classifiers* (DeepWordBug), 2018, section 3: rank words by leaving them out, then misspell them;
Jin and others, *Is BERT really robust?* (TextFooler), AAAI 2020, section 2: put synonyms instead. Whether a
person still reads the same verdict is for a person to check.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from workshop_utils.data.augment import load_synonyms
from workshop_utils.data.words import any_word, letters, with_case_of
from workshop_utils.models.insights.behaviour import Predict

#: From a word and a source of chance to the words that may stand in its place.
Moves = Callable[[str, np.random.Generator], list[str]]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
#: Left and right neighbours of a letter on a QWERTY keyboard.
NEIGHBOURS = {
    key: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _ROWS for at, key in enumerate(row)
}


class Attack(NamedTuple):
    """What an attack did to one text.

    Attributes:
        text: what has become of the text.
        changes: (old, new) words.
        flipped: whether the attack has made a wrong answer of a right one; only right ones are attacked.
        queries: texts that were scored.
        before: probability of the true label at first.
        after: the same at the end.
        right: whether the answer was right at first.
    """

    text: str
    changes: list[tuple[str, str]]
    flipped: bool
    queries: int
    before: float
    after: float
    right: bool


def character_moves(word: str, rng: np.random.Generator) -> list[str]:
    """Slips of the finger inside a word: two letters swapped, one dropped, doubled, or a key beside it hit.

    One of each at a random place, first and last letter kept. Words under four letters, or with anything
    that is no letter, are left alone. A letter moves with all its signs (umlauts, vowel signs of Hindi).
    """
    parts = letters(word)
    if len(parts) < 4 or not all(part[0].isalpha() for part in parts):
        return []
    at, near = (int(place) for place in rng.integers(1, len(parts) - 1, size=2))
    moves = [parts[:at] + parts[at + 1 :], parts[: at + 1] + parts[at:]]
    swaps = [i for i in range(1, len(parts) - 2) if parts[i] != parts[i + 1]]
    if swaps:
        i = swaps[int(rng.integers(len(swaps)))]
        moves.append([*parts[:i], parts[i + 1], parts[i], *parts[i + 2 :]])
    if keys := NEIGHBOURS.get(parts[near].lower()):
        key = keys[int(rng.integers(len(keys)))]
        moves.append([*parts[:near], with_case_of(parts[near], key), *parts[near + 1 :]])
    return list(dict.fromkeys("".join(move) for move in moves))


def word_moves(word: str, rng: np.random.Generator | None = None) -> list[str]:
    """The word's bundled English synonyms (``data/synonyms.csv``, both directions), case kept; often none.

    >>> word_moves("Funny")
    ['Amusing']
    """
    return [with_case_of(word, synonym) for synonym in _synonyms().get(word.lower(), [])]


def attack(
    predict_proba: Predict,
    labels: Sequence[str],
    text: str,
    label: str,
    moves: Moves,
    budget: int = 5,
    queries: int = 300,
    seed: int = 0,
) -> Attack:
    """Try to turn a right answer into a wrong one by changing at most ``budget`` words.

    Greedy: rank the words that have a move by how much the true label's probability falls without them, then
    go down the ranking, try all moves of a word, and keep the best where it lowers the probability. At most
    half of the queries go into the ranking, so of a very long text only the first words are considered.

    Args:
        predict_proba: from n texts to probabilities of shape (n, classes), asked in batches.
        labels: names of the classes.
        text: what to change.
        label: the text's true label.
        moves: from a word to what may stand in its place.
        budget: words that may be changed.
        queries: texts that may be scored, never more.
        seed: of ``moves``.

    Raises:
        ValueError: a label that the model does not know, or less than one query.
    """
    if label not in labels or queries < 1:
        raise ValueError(
            f"An attack needs a label of {list(labels)} and a query, not {label!r} and {queries}."
        )
    true = list(labels).index(label)
    scores = np.asarray(predict_proba([text]))[0]
    before = now = float(scores[true])
    if scores.argmax() != true:
        return Attack(text, [], False, 1, before, before, False)
    pieces = any_word().split(text)
    options = _options(pieces, moves, np.random.default_rng(seed), queries // 2)
    asked, flipped = 1 + len(options), False
    changes: list[tuple[str, str]] = []
    for place in _ranked(predict_proba, true, pieces, list(options)):
        tried = options[place][: queries - asked]
        if flipped or len(changes) == budget or not tried:
            break
        asked += len(tried)
        found = np.asarray(predict_proba([_put(pieces, place, new) for new in tried]))
        wrong = found.argmax(axis=1) != true
        best = int(np.lexsort((found[:, true], ~wrong))[0])
        if wrong[best] or found[best, true] < now:
            changes.append((pieces[place], tried[best]))
            pieces[place], now, flipped = tried[best], float(found[best, true]), bool(wrong[best])
    return Attack("".join(pieces), changes, flipped, asked, before, now, True)


def attack_table(runs: Mapping[str, Sequence[Attack]]) -> pd.DataFrame:
    """One row per kind of attack: ``attack, texts, accuracy, under_attack, changes, queries``.

    ``accuracy`` is the share of right answers before, ``under_attack`` after. ``changes`` is the mean number
    of changed words where the attack succeeded, ``queries`` the mean number where there was a right answer to
    attack; NaN where there was none.

    Args:
        runs: from the name of a kind to its attacks on the same texts, one for each text.
    """
    rows = []
    for name, attacks in runs.items():
        right = np.array([run.right for run in attacks], dtype=bool)
        flipped = np.array([run.flipped for run in attacks], dtype=bool)
        changes = _mean([len(run.changes) for run in attacks if run.flipped])
        queries = _mean([run.queries for run in attacks if run.right])
        rows.append((name, len(attacks), _mean(right), _mean(right & ~flipped), changes, queries))
    return pd.DataFrame(rows, columns=["attack", "texts", "accuracy", "under_attack", "changes", "queries"])


def _options(
    pieces: Sequence[str], moves: Moves, rng: np.random.Generator, limit: int
) -> dict[int, list[str]]:
    """Places of the first ``limit`` words that have a move, with their moves."""
    options: dict[int, list[str]] = {}
    for place in range(1, len(pieces), 2):
        if len(options) == limit:
            break
        same = (pieces[place], unicodedata.normalize("NFC", pieces[place]))
        if found := [word for word in moves(pieces[place], rng) if word not in same]:
            options[place] = found
    return options


def _ranked(predict_proba: Predict, true: int, pieces: Sequence[str], places: list[int]) -> list[int]:
    """The places, the one whose word carries most of the true label's probability first."""
    if not places:
        return []
    scores = np.asarray(predict_proba([_put(pieces, place, "") for place in places]))
    return [places[i] for i in np.argsort(scores[:, true], kind="stable")]


def _put(pieces: Sequence[str], place: int, word: str) -> str:
    return "".join([*pieces[:place], word, *pieces[place + 1 :]])


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


@cache
def _synonyms() -> dict[str, list[str]]:
    """Each word with its partners in either column, in the order of the file."""
    partners: dict[str, list[str]] = {}
    for word, synonym in load_synonyms().items():
        for one, other in ((word, synonym), (synonym, word)):
            if other not in partners.setdefault(one, []):
                partners[one].append(other)
    return partners
