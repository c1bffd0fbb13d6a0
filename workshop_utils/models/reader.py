"""Turn one text into the ids that a model reads, the same way when it is checked and when it is served."""

from itertools import takewhile

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.models.card import Card
from workshop_utils.models.encoding import pad, well_formed

#: Of a very long text, so many characters per id are read at its start, and as many at its end: a model
#: that reads 512 ids needs no megabyte, and cutting it into words would take seconds and half a gigabyte.
REACH = 32


class Reader:
    """Reads texts as a card says: cut to ``max_length``, special ids kept, filled where it must be."""

    def __init__(self, tokenizer: Tokenizer, card: Card):
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer, self._keep, self._fill = tokenizer, card.keep, card.fill
        sample = tokenizer.encode("a")
        heads = len(list(takewhile(bool, sample.special_tokens_mask)))
        tails = len(list(takewhile(bool, reversed(sample.special_tokens_mask))))
        self._head, self._tail = sample.ids[:heads], sample.ids[len(sample.ids) - tails :]
        self._length = card.max_length
        self._room = None if card.max_length is None else max(0, card.max_length - heads - tails)

    def __call__(self, text: str) -> tuple[np.ndarray, bool]:
        """Ids of shape (1, length), int32, and whether the text was cut. An empty text is one filling id."""
        cut = self._length is not None and len(text) > 2 * REACH * self._length
        if cut:
            text = text[: REACH * self._length] + text[-REACH * self._length :]
        ids = self._tokenizer.encode(well_formed(text), add_special_tokens=False).ids
        if self._room is not None and len(ids) > self._room:
            ids, cut = pad([ids], self._room, keep=self._keep)[0], True
        row = [*self._head, *ids, *self._tail]
        return pad([row], self._length if self._fill else max(1, len(row))), cut
