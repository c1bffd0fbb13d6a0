"""Tokenizers for characters, words and sub-words, and rows of ids of one length.

Sub-words and :func:`pad` are developed in lesson 02, characters in lesson 04, words in lesson 05. All are
``tokenizers.Tokenizer`` objects, so training and serving read one and the same ``tokenizer.json``.
"""

import json
from collections.abc import Iterable, Sequence

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

#: Filling and unknown pieces of characters and words; their ids are 0 and 1.
PAD, UNKNOWN = "[PAD]", "[UNK]"


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

    At most ``size`` ids, the two of filling and unknown words among them; no word that occurs less than
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
    """A byte-pair encoder with at most ``size`` sub-words (at least the 256 bytes), learned from the texts.

    It works on bytes, so nothing is ever unknown, and ``decode(encode(text).ids) == text`` for every text
    that can be written as UTF-8. Source: Sennrich, Haddow and Birch, *Neural machine translation of rare
    words with subword units*, ACL 2016, section 3.2; on bytes as in GPT-2.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(map(well_formed, texts), trainer)
    return tokenizer


def encode(
    tokenizer: Tokenizer, texts: Iterable[str], length: int | None = None, keep: str = "head"
) -> np.ndarray:
    """Ids of the texts, shape (n, length), int32, filled with 0 on the right; long texts are cut.

    Without ``length`` the longest text sets it. ``keep`` as in :func:`pad`. Lone surrogates, which no
    tokenizer accepts, are read as question marks.
    """
    rows = encode_rows(tokenizer, texts)
    if length is None:
        length = max(map(len, rows), default=0)
    return pad(rows, length, keep=keep)


def encode_rows(
    tokenizer: Tokenizer, texts: Iterable[str], length: int | None = None, keep: str = "head"
) -> list[Sequence[int]]:
    """The same ids as rows of their own lengths, without filling."""
    ready = [well_formed(text) for text in texts]
    rows = [encoding.ids for encoding in tokenizer.encode_batch(ready, add_special_tokens=False)]
    return rows if length is None else [cut(row, length, keep) for row in rows]


def pad(
    rows: Sequence[Sequence[int]], length: int, side: str = "right", keep: str = "head", filler: int = 0
) -> np.ndarray:
    """Rows of ids as one array of shape (n, length), int32: short rows filled up, long rows cut.

    ``side`` says where the filling goes (``right``: after the text, ``left``: before it), ``keep`` which part
    of a long text stays: its ``head``, its ``tail``, or half of each (``both``).

    Raises:
        ValueError: another side or part.
    """
    if side not in ("left", "right") or keep not in ("head", "tail", "both"):
        raise ValueError(
            f"side is 'left' or 'right' and keep 'head', 'tail' or 'both', not {side!r} and {keep!r}."
        )
    padded = np.full((len(rows), length), filler, dtype=np.int32)
    for row, ids in zip(padded, rows, strict=True):
        kept = cut(ids, length, keep)
        start = 0 if side == "right" else length - len(kept)
        row[start : start + len(kept)] = kept
    return padded


def cut(ids: Sequence[int], length: int, keep: str) -> Sequence[int]:
    """At most ``length`` ids; ``keep`` as in :func:`pad`."""
    if len(ids) <= length:
        return ids
    head = {"head": length, "tail": 0, "both": length - length // 2}[keep]
    return [*ids[:head], *ids[len(ids) - (length - head) :]]


def well_formed(text: str) -> str:
    """The text with a question mark for each lone surrogate, which UTF-8 cannot write."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _train_word_level(tokenizer: Tokenizer, texts: Iterable[str], size: int, min_count: int) -> Tokenizer:
    """Learn the vocabulary; the trainer's special tokens become plain entries.

    As special tokens they would also be found in what somebody writes: a text with ``[PAD]`` in it would
    carry filling that no network sees.
    """
    trainer = trainers.WordLevelTrainer(
        vocab_size=size, min_frequency=min_count, special_tokens=[PAD, UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(map(well_formed, texts), trainer)
    plain = json.loads(tokenizer.to_str()) | {"added_tokens": []}
    return Tokenizer.from_str(json.dumps(plain))
