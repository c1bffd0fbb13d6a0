"""Sub-words by the ``tokenizers`` library, and rows of ids of one length. Developed in lesson 02."""

from collections.abc import Iterable, Sequence

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers


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
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def pad(
    rows: Sequence[Sequence[int]], length: int, side: str = "right", keep: str = "head", filler: int = 0
) -> np.ndarray:
    """Rows of ids as one array of shape (n, length): short rows filled up, long rows cut.

    ``side`` says where the filling goes (``right``: after the text, ``left``: before it), ``keep`` which end
    of a long text stays (``head`` or ``tail``).

    Raises:
        ValueError: another side or end.
    """
    if side not in ("left", "right") or keep not in ("head", "tail"):
        raise ValueError(f"side is 'left' or 'right' and keep 'head' or 'tail', not {side!r} and {keep!r}.")
    padded = np.full((len(rows), length), filler)
    for row, ids in zip(padded, rows, strict=True):
        kept = ids[:length] if keep == "head" else ids[max(len(ids) - length, 0) :]
        start = 0 if side == "right" else length - len(kept)
        row[start : start + len(kept)] = kept
    return padded
