"""Reference statistics: what a bundle keeps of the texts that it was judged on, so that drift can be seen.

``reference.json``, a megabyte at most. It holds no text. By choice it holds the hashed words of up to 2,000
texts, which monitoring compares with what arrives, and the hashes of up to 50,000 whole texts of the table,
by which it knows a text that came before; see docs/decisions/monitoring.md for what that gives away.
"""

import base64
import json
import shutil
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256 as digest
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.card import read_card, read_file, write_folder
from workshop_utils.models.bundle.text_traits import (
    BUCKETS,
    PROBABILITY_STEPS,
    TextTraits,
    hash_of_text,
    named_buckets,
    text_traits,
)
from workshop_utils.models.tokenization import as_texts

REFERENCE = "reference.json"
_FORMAT: Final = "workshop-reference-1"
#: So many texts are kept at most, and so many bytes; of the others only in how many of them a word occurs.
MOST_TEXTS, MOST_BYTES = 2000, 1_000_000
_KNOWN_TEXTS = 20_000
#: So many different texts of the table are known again, those that it has more than once first.
_KNOWN_HASHES = 50_000
#: A word may be told where so many texts have it, and so many words are kept.
_TOLD_FROM, _TOLD_WORDS = 5, 3000

#: ``hashed``: numbers and hashed words of each text. ``numbers``: no words at all.
ReferenceKeeps = Literal["hashed", "numbers"]
_ARRAYS = {
    "lengths": "uint32",
    "languages": "uint16",
    "truncated": "uint8",
    "labels": "uint16",
    "probabilities": "uint16",
    "buckets": "uint16",
    "sizes": "uint16",
    "known_counts": "uint16",
    "text_hashes": "uint32",
    "row_hashes": "uint32",
    "known_hashes": "uint32",
}


@dataclass(frozen=True)
class Reference:
    """Some texts that the model was judged on, as :mod:`text_traits` sees them; n of them.

    The table from which they come has each of them once. Texts that it has several times are left out: all
    copies of one are judged on, or all are learned from, so that those judged on are no sample of what
    arrives.

    Attributes:
        class_names: the model's labels.
        lengths, truncated, labels, probabilities: of each text, uint of shape (n,), the last (n, classes).
        languages: place in ``language_names``, shape (n,).
        language_names: all that occur.
        buckets: hashed words of all texts, one after the other, ``sizes`` of each text; None: not kept.
        known_counts: in how many of ``known_texts`` other texts a hashed word occurs, uint16 of (65536,).
        told_words: words of the known texts that at least five of them have, the most frequent first.
        same_model: are the answers the bundle's own? Those of cross-validation are of models that learned
            from fewer texts, answer otherwise and are less sure; nothing is compared with them.
        fingerprint: SHA-256 of the file's content; the state of a monitor belongs to one.
        text_hashes: of each text, uint32 of shape (n,); None where nothing is hashed, and in older bundles.
        row_hashes: of up to 2,000 rows of the table, drawn at random with their repeats, uint32; or None.
        known_hashes: of the table's different texts, ascending, uint32; or None.
    """

    class_names: list[str]
    language_names: list[str]
    lengths: np.ndarray
    languages: np.ndarray
    truncated: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    buckets: np.ndarray | None
    sizes: np.ndarray | None
    known_counts: np.ndarray | None
    known_texts: int
    told_words: list[str]
    same_model: bool = True
    fingerprint: str = ""
    text_hashes: np.ndarray | None = None
    row_hashes: np.ndarray | None = None
    known_hashes: np.ndarray | None = None

    def __len__(self) -> int:
        """How many texts."""
        return len(self.lengths)

    def words_of(self) -> list[np.ndarray] | None:
        """The hashed words of each text, uint16; None where they were not kept."""
        if self.buckets is None or self.sizes is None:
            return None
        return np.split(self.buckets, np.cumsum(self.sizes.astype(np.int64))[:-1])


class TableHashes(NamedTuple):
    """Hashes of some rows of a table and of its different texts; see :class:`Reference`."""

    rows: np.ndarray
    known: np.ndarray


class KnownWords(NamedTuple):
    """Of so many known texts the counts and the words to be told; see :class:`Reference`."""

    counts: np.ndarray
    texts: int
    told_words: list[str]


def make_reference(
    class_names: Sequence[str],
    texts: Sequence[str],
    probabilities: np.ndarray,
    truncated: Sequence[bool] | np.ndarray,
    known_texts: Sequence[str] = (),
    keep: ReferenceKeeps = "hashed",
    seed: int = 0,
    same_model: bool = True,
    table: Sequence[str] | None = None,
) -> Reference:
    """Describe texts that the model has **not** learned from, as new texts will be described.

    Args:
        class_names: the model's labels.
        texts: n texts, such as the test set. What the table has several times is left out; of many, 2,000
            are drawn.
        probabilities: the model's answers, shape (n, classes).
        truncated: which of the texts the model read only a part of, shape (n,).
        known_texts: other texts, such as the training set; they say which words are known. Of many, 20,000.
        keep: ``hashed`` or ``numbers``.
        seed: of the drawing.
        same_model: False where the answers are those of a cross-validation.
        table: all texts of the table from which ``texts`` come, with their repeats, as they were before
            repeated texts were dropped; they say how often texts repeat. By default the table is ``texts``
            and ``known_texts``.
    """
    hashes, of_known = (list(map(hash_of_text, each)) for each in (texts, known_texts))
    of_table = [*hashes, *of_known] if table is None else list(map(hash_of_text, table))
    times, learned = Counter(of_table), set(of_known)
    once = [row for row, name in enumerate(hashes) if times[name] <= 1 and name not in learned]
    order = np.random.default_rng(seed).permutation(np.array(once, dtype=np.int64))[:MOST_TEXTS]
    rows = [
        text_traits(
            texts[row],
            class_names[int(np.argmax(probabilities[row]))],
            probabilities[row],
            bool(truncated[row]),
        )
        for row in order
    ]
    known = _count_known(_drawn(known_texts, _KNOWN_TEXTS, seed) if keep == "hashed" else [])
    in_table = _table_hashes(of_table, [*hashes, *of_known], seed) if keep == "hashed" else None
    whole = as_reference(list(class_names), rows, known, in_table, same_model)
    while (size := len(content := _as_json(whole))) > MOST_BYTES and len(rows) > 1:
        rows = rows[: int(min(0.95, MOST_BYTES / size) * len(rows))]
        whole = as_reference(list(class_names), rows, known, in_table, same_model)
    return parse_reference(content)


def add_reference(
    folder: Path,
    texts: Sequence[str],
    known_texts: Sequence[str] = (),
    keep: ReferenceKeeps = "hashed",
    seed: int = 0,
) -> Reference:
    """Give a finished bundle reference statistics, whole or not at all; those that it had are replaced.

    Args:
        folder: the bundle.
        texts: texts that the model has not learned from; the bundle scores them.
        known_texts: other texts, such as the training set; they say which words are known.
        keep: ``hashed`` or ``numbers``.
        seed: of the drawing.

    Raises:
        WorkshopError: no bundle, or no texts.
    """
    listed = as_texts(texts)
    if not listed:
        raise WorkshopError("Reference statistics need texts; give some that the model has not learned from.")
    bundle = Bundle.load(folder)
    drawn = _drawn(listed, MOST_TEXTS, seed)
    scores = bundle.score(drawn)
    reference = make_reference(
        bundle.labels,
        drawn,
        scores.probabilities,
        scores.truncated,
        known_texts,
        keep,
        seed,
        table=[*listed, *known_texts],
    )
    folder = Path(folder).resolve()

    def write(draft: Path) -> None:
        for name in bundle.card.sha256:
            shutil.copyfile(folder / name, draft / name)
        write_reference(draft, reference)

    def check(draft: Path) -> None:
        Bundle.load(draft)

    write_folder(folder, bundle.card, write, check)
    return reference


def write_reference(folder: Path, reference: Reference) -> Path:
    """Put ``reference.json`` into a folder that is being written."""
    path = folder / REFERENCE
    path.write_bytes(_as_json(reference))
    return path


def read_reference(folder: Path) -> Reference | None:
    """The reference statistics of a bundle; None where it has none, as older bundles.

    Raises:
        WorkshopError: no bundle, or its ``reference.json`` is damaged.
    """
    folder = Path(folder).resolve()
    card = read_card(folder)
    if REFERENCE not in card.sha256:
        return None
    try:
        return parse_reference(read_file(folder, card, REFERENCE))
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise WorkshopError(
            f"{folder.name}/{REFERENCE} is damaged ({error}); train again, or add it anew."
        ) from error


def parse_reference(content: bytes) -> Reference:
    """What the file says; a ``ValueError`` or ``KeyError`` where it does not fit together."""
    told = json.loads(content)
    if told["format"] != _FORMAT:
        raise ValueError(f"its format is {told['format']!r}")
    arrays: dict[str, Any] = {name: _unpack(told.get(name), dtype) for name, dtype in _ARRAYS.items()}
    if arrays["buckets"] is not None:
        arrays["buckets"] = np.cumsum(arrays["buckets"], dtype=np.uint16)
    if arrays["known_hashes"] is not None:
        arrays["known_hashes"] = np.cumsum(arrays["known_hashes"], dtype=np.uint32)
    reference = Reference(
        class_names=[str(name) for name in told["class_names"]],
        language_names=[str(name) for name in told["language_names"]],
        known_texts=int(told["known_texts"]),
        told_words=[str(word) for word in told["told_words"]],
        same_model=bool(told["same_model"]),
        fingerprint=digest(content).hexdigest(),
        **arrays,
    )
    _refuse_what_does_not_fit(reference)
    return reference


def _refuse_what_does_not_fit(reference: Reference) -> None:
    count, classes = len(reference.lengths), len(reference.class_names)
    shapes = [
        *((getattr(reference, name), (count,)) for name in ("languages", "truncated", "labels")),
        (reference.probabilities, (count, classes)),
    ]
    if any(array is None or array.shape != shape for array, shape in shapes):
        raise ValueError("its columns have different lengths")
    if count and (
        reference.languages.max() >= len(reference.language_names) or reference.labels.max() >= classes
    ):
        raise ValueError("it names a language or a label that it does not list")
    if reference.text_hashes is not None and reference.text_hashes.shape != (count,):
        raise ValueError("its texts and their hashes differ in number")
    if reference.buckets is None:
        return
    sizes = reference.sizes
    if sizes is None or sizes.shape != (count,) or int(sizes.sum()) != len(reference.buckets):
        raise ValueError("its texts and their words differ in number")
    if reference.known_counts is None or reference.known_counts.shape != (BUCKETS,):
        raise ValueError("its known words are not there")


def as_reference(
    class_names: list[str],
    rows: Sequence[TextTraits],
    known: KnownWords,
    table: TableHashes | None,
    same_model: bool,
) -> Reference:
    """A reference of texts whose traits are there; without ``table`` nothing that is hashed is kept."""
    languages = sorted({row.language for row in rows})
    hashed = table is not None
    buckets = [np.sort(row.buckets) for row in rows if row.buckets is not None]
    return Reference(
        class_names=class_names,
        language_names=languages,
        lengths=np.array([row.length for row in rows], dtype=np.uint32),
        languages=np.array([languages.index(row.language) for row in rows], dtype=np.uint16),
        truncated=np.array([row.truncated for row in rows], dtype=np.uint8),
        labels=np.array([class_names.index(row.label) for row in rows], dtype=np.uint16),
        probabilities=np.array([row.probabilities for row in rows], dtype=np.uint16).reshape(
            len(rows), len(class_names)
        ),
        buckets=np.concatenate([*buckets, np.zeros(0, np.uint16)]) if hashed else None,
        sizes=np.array([len(each) for each in buckets], dtype=np.uint16) if hashed else None,
        known_counts=known.counts if hashed else None,
        known_texts=known.texts,
        told_words=known.told_words,
        same_model=same_model,
        text_hashes=np.array([row.text_hash for row in rows], dtype=np.uint32) if hashed else None,
        row_hashes=None if table is None else table.rows,
        known_hashes=None if table is None else table.known,
    )


def _table_hashes(of_table: Sequence[int], more: Sequence[int], seed: int) -> TableHashes:
    """Some rows with their repeats, and the different texts; of very many those that repeat first."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.array(of_table, dtype=np.uint32))[:MOST_TEXTS]
    known, times = np.unique(np.array([*of_table, *more], dtype=np.uint32), return_counts=True)
    if len(known) > _KNOWN_HASHES:
        order = np.lexsort((rng.permutation(len(known)), -times))
        known = np.sort(known[order[:_KNOWN_HASHES]])
    return TableHashes(rows, known)


def _count_known(texts: Sequence[str]) -> KnownWords:
    """In how many texts each hashed word occurs, and the words that many texts have."""
    counts = np.zeros(BUCKETS, dtype=np.uint16)
    words: Counter[str] = Counter()
    for text in texts:
        found = named_buckets(text)
        counts[list(found)] += 1
        words.update(found.values())
    frequent = [(word, count) for word, count in words.items() if count >= _TOLD_FROM and len(word) <= 40]
    frequent.sort(key=lambda pair: (-pair[1], pair[0]))
    return KnownWords(counts, len(texts), [word for word, _ in frequent[:_TOLD_WORDS]])


def _drawn(texts: Sequence[str], most: int, seed: int) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(texts))[:most]
    return [texts[row] for row in order]


def _as_json(reference: Reference) -> bytes:
    arrays: dict[str, Any] = {name: _pack(getattr(reference, name)) for name in _ARRAYS}
    if reference.buckets is not None:  # differences of sorted numbers are small; they wrap around
        arrays["buckets"] = _pack(np.diff(reference.buckets, prepend=np.uint16(0)))
    if reference.known_hashes is not None:
        arrays["known_hashes"] = _pack(np.diff(reference.known_hashes, prepend=np.uint32(0)))
    told = {
        "format": _FORMAT,
        "class_names": reference.class_names,
        "language_names": reference.language_names,
        "known_texts": reference.known_texts,
        "told_words": reference.told_words,
        "same_model": reference.same_model,
        **arrays,
        "probability_steps": PROBABILITY_STEPS,
    }
    return json.dumps(told, ensure_ascii=True).encode("ascii")


def _pack(array: np.ndarray | None) -> dict[str, Any] | None:
    if array is None:
        return None
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return {
        "shape": list(array.shape),
        "data": base64.b64encode(zlib.compress(content)).decode("ascii"),
    }


def _unpack(packed: dict[str, Any] | None, dtype: str) -> np.ndarray | None:
    if packed is None:
        return None
    shape = tuple(int(size) for size in packed["shape"])
    little = np.dtype(dtype).newbyteorder("<")
    size = int(np.prod(shape, dtype=np.int64)) * little.itemsize
    if min(shape, default=0) < 0 or size > 100 * MOST_BYTES:
        raise ValueError("a column is far too large")
    content = zlib.decompressobj().decompress(base64.b64decode(packed["data"], validate=True), size + 1)
    return np.frombuffer(content, little).reshape(shape).astype(dtype)
