"""From texts to token ids: tokenizers for characters, words and sub-words, and the one way to use them.

Sub-words and :func:`pad` are developed in lesson 03, characters in lesson 04, words in lesson 05. All are
``tokenizers.Tokenizer`` objects, so training and serving read one and the same ``tokenizer.json``, and
:class:`TextEncoder` turns a text into ids wherever a model reads one: in training, export and serving.
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import takewhile
from typing import Literal, NamedTuple

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

#: Which part of a long text stays: its head, its tail, or half of each.
Truncation = Literal["head", "tail", "head_tail"]

#: Padding and unknown tokens of characters and words; their ids are 0 and 1.
PAD, UNKNOWN = "[PAD]", "[UNK]"

#: Of a very long text, so many characters per token are read at its start, and as many at its end: a model
#: that reads 512 tokens needs no megabyte, and tokenizing it would take seconds and half a gigabyte.
CHARS_PER_TOKEN = 32

#: ``encode`` keeps the interpreter for itself, so all other threads wait: some milliseconds for so many
#: characters, seconds for a megabyte. ``encode_batch_fast`` lets them go on, and then waits for its turn.
_QUICK_CHARACTERS = 5_000


def train_characters(texts: Iterable[str]) -> Tokenizer:
    """One id for each character that occurs in the texts (NFC form), case, signs and line ends kept."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return _train_word_level(tokenizer, texts, size=1_200_000, min_count=1)


def train_words(
    texts: Iterable[str], size: int = 30_000, min_count: int = 1, lowercase: bool = True
) -> Tokenizer:
    """One id for each word and punctuation mark (Unicode form NFC), the most frequent first.

    At most ``size`` ids, padding and the unknown word among them; no word that occurs less than
    ``min_count`` times.
    """
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    forms = [normalizers.NFC(), normalizers.Lowercase()] if lowercase else [normalizers.NFC()]
    tokenizer.normalizer = normalizers.Sequence(forms)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    return _train_word_level(tokenizer, texts, size, min_count)


def train_subwords(texts: Iterable[str], size: int) -> Tokenizer:
    """A byte-pair encoder with at most ``size`` ids (at least padding and the 256 bytes), learned from texts.

    It works on bytes, so nothing is ever unknown, and ``decode(encode(text).ids) == text`` for every text
    that can be written as UTF-8. Id 0 is padding. Source: Sennrich, Haddow and Birch, *Neural machine
    translation of rare words with subword units*, ACL 2016, section 3.2; on bytes as in GPT-2.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=[PAD], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(map(well_formed, texts), trainer)
    return with_settings(tokenizer, added_tokens=[])


class Tokens(NamedTuple):
    """Ids of one text, special ones included; where each of its tokens starts, special ones excluded.

    ``truncated``: the text had more tokens than are read.
    """

    ids: list[int]
    starts: list[int]
    truncated: bool


class TextEncoder:
    """Turns texts into the ids that a model reads; the only way from text to ids.

    What somebody types is text: ``[SEP]`` in a review gives the ids of its signs, not the id that ends texts.

    Args:
        tokenizer: its own truncation and padding, if it has any, are not used; it is left as it is.
        max_length: ids per text, special ones included; None where any length goes.
        truncation: which part of a longer text stays.
        padding: pad short texts with 0 up to ``max_length``.
        special_tokens: put the ids of the tokenizer's template around the text.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int | None = None,
        truncation: Truncation = "head",
        padding: bool = False,
        special_tokens: bool = True,
    ) -> None:
        self._tokenizer = with_settings(tokenizer, truncation=None, padding=None)
        self._tokenizer.encode_special_tokens = True
        template = self._tokenizer.encode("a", add_special_tokens=special_tokens)
        before = len(list(takewhile(bool, template.special_tokens_mask)))
        after = len(list(takewhile(bool, reversed(template.special_tokens_mask))))
        self._prefix, self._suffix = template.ids[:before], template.ids[len(template.ids) - after :]
        self._room = None if max_length is None else max(0, max_length - before - after)
        self._characters = None if max_length is None else CHARS_PER_TOKEN * max_length
        self._length = max_length if padding else None
        self._truncation: Truncation = truncation

    def __call__(self, text: str) -> tuple[np.ndarray, bool]:
        """Ids of shape (1, length), int32, and whether the text was truncated; at least one id, padding."""
        shorter, _ = self._shortened(text)
        ids = self._ids(shorter)
        row = self._framed(ids)
        truncated = len(shorter) < len(text) or len(row) < len(ids) + self._special
        return pad([row], self._length or max(1, len(row))), truncated

    def rows(self, texts: Iterable[str]) -> list[list[int]]:
        """Ids of each text, special ones included, without padding."""
        shorter = [self._shortened(text)[0] for text in as_texts(texts)]
        found = self._tokenizer.encode_batch_fast(shorter, add_special_tokens=False)
        return [self._framed(each.ids) for each in found]

    def tokens(self, text: str) -> Tokens:
        """Ids of one text and where each token starts in it."""
        shorter, left_out = self._shortened(text)
        found = self._tokenizer.encode(shorter, add_special_tokens=False)
        half = len(shorter) // 2 if left_out else len(shorter)
        starts = [start if start < half else start + left_out for start, _ in found.offsets]
        kept = starts if self._room is None else truncate(starts, self._room, self._truncation)
        row = self._framed(found.ids)
        return Tokens(row, list(kept), bool(left_out) or len(kept) < len(starts))

    def _ids(self, text: str) -> list[int]:
        if len(text) <= _QUICK_CHARACTERS:
            return self._tokenizer.encode(text, add_special_tokens=False).ids
        return self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids

    @property
    def _special(self) -> int:
        return len(self._prefix) + len(self._suffix)

    def _shortened(self, text: str) -> tuple[str, int]:
        """Head and tail of a very long text, and how many characters between them were left out."""
        reach = self._characters
        if reach is None or len(text) <= 2 * reach:
            return well_formed(text), 0
        return well_formed(text[:reach] + text[-reach:]), len(text) - 2 * reach

    def _framed(self, ids: Sequence[int]) -> list[int]:
        kept = ids if self._room is None else truncate(ids, self._room, self._truncation)
        return [*self._prefix, *kept, *self._suffix]


def encode(
    tokenizer: Tokenizer, texts: Iterable[str], length: int | None = None, truncation: Truncation = "head"
) -> np.ndarray:
    """Ids of the texts, shape (n, length), int32, padded with 0 on the right; long texts are truncated.

    Without ``length`` the longest text sets it. Special tokens are not added. Lone surrogates, which no
    tokenizer accepts, are read as question marks.
    """
    rows = encode_rows(tokenizer, texts, length, truncation)
    return pad(rows, max(map(len, rows), default=0) if length is None else length)


def encode_rows(
    tokenizer: Tokenizer, texts: Iterable[str], length: int | None = None, truncation: Truncation = "head"
) -> list[list[int]]:
    """The same ids as rows of their own lengths, without padding."""
    return TextEncoder(tokenizer, length, truncation, special_tokens=False).rows(texts)


def pad(
    rows: Sequence[Sequence[int]],
    length: int,
    side: Literal["left", "right"] = "right",
    truncation: Truncation = "head",
    pad_id: int = 0,
) -> np.ndarray:
    """Rows of ids as one array of shape (n, length), int32: short rows are padded, long ones truncated.

    Args:
        rows: ids of n texts.
        length: of every row.
        side: where the padding goes: ``right``, behind the text, or ``left``, before it.
        truncation: which part of a long row stays.
        pad_id: what padding is.

    Raises:
        ValueError: another side or part.
    """
    if side not in ("left", "right") or truncation not in ("head", "tail", "head_tail"):
        raise ValueError(
            "side is 'left' or 'right' and truncation 'head', 'tail' or 'head_tail', "
            f"not {side!r} and {truncation!r}."
        )
    padded = np.full((len(rows), length), pad_id, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        kept = truncate(ids, length, truncation)
        start = 0 if side == "right" else length - len(kept)
        row[start : start + len(kept)] = kept
    return padded


def truncate(ids: Sequence[int], length: int, truncation: Truncation) -> Sequence[int]:
    """At most ``length`` ids; ``head_tail`` keeps half of them from each end, one more of the head."""
    if len(ids) <= length:
        return ids
    head = {"head": length, "tail": 0, "head_tail": length - length // 2}[truncation]
    return [*ids[:head], *ids[len(ids) - (length - head) :]]


def as_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list, in their order: a list, an array, a column of a table.

    Raises:
        TypeError: a single string, a whole table, something without an order, or an entry that is no string.
    """
    if isinstance(texts, str | bytes):
        raise TypeError("This takes a list of texts; put a single text into one.")
    if isinstance(texts, Mapping | Set) or hasattr(texts, "columns"):
        raise TypeError(f"This takes a list of texts, not a {type(texts).__name__}; choose one column.")
    listed = list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"Text {place} (counted from 0) is a {type(text).__name__}, not a string.")
    return listed


def well_formed(text: str) -> str:
    """The text with a question mark for each lone surrogate, which UTF-8 cannot write."""
    return text.encode("utf-8", "replace").decode("utf-8")


def with_settings(tokenizer: Tokenizer, **settings: object) -> Tokenizer:
    """A copy of the tokenizer with other top-level settings of its ``tokenizer.json``."""
    return Tokenizer.from_str(json.dumps(json.loads(tokenizer.to_str()) | settings))


def _train_word_level(tokenizer: Tokenizer, texts: Iterable[str], size: int, min_count: int) -> Tokenizer:
    """Learn the vocabulary; the trainer's special tokens become plain entries.

    As special tokens they would also be found in what somebody writes: a text with ``[PAD]`` in it would
    carry padding that no network sees.
    """
    trainer = trainers.WordLevelTrainer(
        vocab_size=size, min_frequency=min_count, special_tokens=[PAD, UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(map(well_formed, texts), trainer)
    return with_settings(tokenizer, added_tokens=[])
