"""The lines of a text that may be larger than memory."""

from collections.abc import Iterable, Iterator

from workshop_utils.data.tables.encoding import garbled_word
from workshop_utils.errors import WorkshopError

#: Longest line in characters.
LINE_LIMIT = 1 << 26


class Lines:
    """The lines of a text, each with its end; those that are still needed are kept in memory.

    Attributes:
        broken: some bytes could not be decoded. holds_nul: some characters are NUL.
        garbled: a word that was saved in a wrong encoding, if there is one.
        open_end: the last line has no line end.
        doubtful: set by who reads rows: a quote was broken, and nothing since has shown where rows begin.
    """

    def __init__(self, blocks: Iterable[str], line_end: str, name: str) -> None:
        self._blocks, self._line_end, self._name = iter(blocks), line_end, name
        self._kept: list[str] = []
        self._first, self._tail, self.garbled = 0, "", ""
        self.broken = self.holds_nul = self.open_end = self.doubtful = False

    @property
    def end(self) -> int:
        """Number of the lines read so far."""
        return self._first + len(self._kept)

    def reach(self, count: int) -> bool:
        """Are there so many lines?"""
        while self.end < count:
            if not self._more():
                return False
        return True

    def part(self, start: int, end: int) -> list[str]:
        """Lines by number, from 0; those that were read."""
        return self._kept[start - self._first : end - self._first]

    def one(self, place: int) -> str:
        """A line without its end."""
        return self._kept[place - self._first].rstrip("\r\n")

    def raw(self, start: int, end: int) -> str:
        """Lines as they stand in the text, without the last line end."""
        return "".join(self.part(start, end)).rstrip("\r\n")

    def beginning(self, at: int) -> Iterator[list[str]]:
        """All lines from this one on, in parts; read as they are asked for."""
        while self.reach(at + 1):
            part = self._kept[at - self._first :]
            at += len(part)
            yield part

    def forget(self, before: int) -> None:
        """Lines before this one are not needed any more."""
        del self._kept[: before - self._first]
        self._first = before

    def _more(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            self.open_end = self.open_end or bool(self._tail)
            lines, self._tail = split_lines(self._tail, self._line_end), ""
            self._kept += lines
            return bool(lines)
        if not self.end and not self._tail:
            block = block.lstrip("\ufeff")
        self.broken = self.broken or is_broken(block)
        self.garbled = self.garbled or garbled_word(block)
        self.holds_nul = self.holds_nul or "\0" in block
        whole, mark, rest = block.rpartition(self._line_end)
        if mark:
            self._kept += split_lines(self._tail + whole + mark, self._line_end)
            self._tail = rest
        else:
            self._tail += rest
        if len(self._tail) > LINE_LIMIT:
            raise WorkshopError(
                f"{self._name} is no table: line {self.end + 1:,} has more than {LINE_LIMIT:,} characters."
            )
        return True


def split_lines(text: str, end: str) -> list[str]:
    """The lines of a text, each with its end, by this line end alone."""
    lines = [line + end for line in text.split(end)]
    last = lines.pop()[: -len(end)]
    return [*lines, last] if last else lines


def is_broken(text: str) -> bool:
    """Does the text hold lone surrogates: bytes that could not be decoded, or half a character?"""
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
