"""Which encoding is a text in? UTF-8 unless its bytes say otherwise; whatever else is read is named.

A wrong guess would change texts and labels. So only what can be told is read: a byte order mark, UTF-16 by
the zero bytes in its header, and Windows-1252 where charset-normalizer finds nothing that fits better.
Everything else is refused in a sentence that names the likely encoding.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from charset_normalizer import from_bytes

from workshop_utils.errors import WorkshopError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16's does, so it is looked for first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WINDOW = 1 << 18  # bytes that are looked at, from the first one beyond ASCII on
_DENSE = 1 << 14  # bytes of lines beyond ASCII that charset-normalizer is given
_SAVE = "save it as UTF-8 (in Excel: CSV UTF-8)"
#: What tables come in, besides UTF-8. Eastern European ones look so much like cp1252 that it may be a little
#: worse than they are.
_EASTERN = ("cp1250", "iso8859_2", "cp1257")
_CANDIDATES = [
    *("cp1252", "mac_roman", "cp850", *_EASTERN, "cp1251", "koi8_r", "cp866", "cp1253", "cp1254", "cp1255"),
    *("cp1256", "gb18030", "cp932", "euc_jp", "big5", "cp949"),
]
_EASTERN_LEEWAY = 0.05
#: Letters of Icelandic, which in Turkish files (cp1254) stand for others.
_ICELANDIC = "ðþÐÞ"
#: What becomes of ``ä``, ``é``, ``’`` when their UTF-8 is read as Windows-1252.
_GARBLED = re.compile("Ã[\u00a1-\u00ba\u00bc-\u00bf]|â€[™œ“”¦]")


class Encoding(NamedTuple):
    """Python's name of an encoding, and a sentence about it where it is not UTF-8."""

    codec: str
    note: str = ""


def find_encoding(blocks: Iterable[bytes], name: str) -> Encoding:
    """The encoding of a text.

    Args:
        blocks: its bytes; read up to a little behind the first byte beyond ASCII.
        name: of the file, for sentences.

    Raises:
        WorkshopError: it is none that can be told for sure.
    """
    parts = iter(blocks)
    head = next(parts, b"")
    for mark, codec in _MARKS.items():
        if head.startswith(mark):
            return Encoding(codec, "" if codec == "utf-8-sig" else f"The file is {codec.upper()}.")
    if _holds_controls(head):
        return _without_mark(head, name)
    window = _beyond_ascii(head, parts)
    if window.isascii():
        return Encoding("utf-8")
    valid, broken = _utf8_sequences(window)
    if valid >= broken:
        return Encoding("utf-8")
    return _legacy(window, name)


def decoded(blocks: Iterable[bytes], codec: str) -> Iterator[str]:
    """The text in parts. Bytes that cannot be decoded become lone surrogates."""
    wide = codec.startswith(("utf-16", "utf-32"))
    decoder = codecs.getincrementaldecoder(codec)("surrogatepass" if wide else "surrogateescape")
    for block in blocks:
        yield decoder.decode(block)
    try:
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:  # a wide character was cut in two
        yield "\udc00"


def garbled_word(text: str) -> str:
    """A word of which UTF-8 was read as Windows-1252 some time, such as ``KÃ¶ln``; empty if there is none.

    Only lower-case letters and quotation marks are looked for: other pairs of these signs may be meant.
    """
    found = _GARBLED.search(text) if "Ã" in text or "â€" in text else None
    if not found:
        return ""
    start, end = found.span()
    before, behind = (
        re.search(r"\w*$", text[max(0, start - 15) : start]),
        re.match(r"\w*", text[end : end + 15]),
    )
    return f"{before[0] if before else ''}{found[0]}{behind[0] if behind else ''}"


def _holds_controls(head: bytes) -> bool:
    """No header of a text holds control characters; UTF-16 and binary files do."""
    header = head.lstrip(b"\r\n")[:4096].replace(b"\r", b"\n").partition(b"\n")[0]
    return any(byte < 32 and byte != 9 for byte in header)


def _without_mark(head: bytes, name: str) -> Encoding:
    """UTF-16 without its byte order mark, known by the order in which its header makes sense."""
    ascii_signs = {}
    for codec in ("utf-16-le", "utf-16-be"):
        text = head[: len(head) // 2 * 2].decode(codec, "replace")
        header = text.lstrip("\r\n").replace("\r", "\n").partition("\n")[0]
        plain = header.replace("\t", " ").isprintable() and "\ufffd" not in header
        ascii_signs[codec] = sum(sign.isascii() for sign in text[:4096]) if plain else 0
    best = max(ascii_signs, key=lambda codec: ascii_signs[codec])
    if not ascii_signs[best]:
        raise WorkshopError(f"{name} is no text file; save the table as CSV in UTF-8.")
    return Encoding(best, f"The file is {best.upper()} without a byte order mark.")


def _beyond_ascii(head: bytes, parts: Iterator[bytes]) -> bytes:
    """Bytes from the beginning of the first line that is not ASCII, if there is one."""
    last = b""
    block = head
    while block.isascii():
        last, block = block, next(parts, b"")
        if not block:
            return b""
    window = last + block
    while len(window) < _WINDOW and (block := next(parts, b"")):
        window += block
    first = re.search(rb"[\x80-\xff]", window)
    return window[window.rfind(b"\n", 0, first.start() if first else 0) + 1 :][:_WINDOW]


def _utf8_sequences(window: bytes) -> tuple[int, int]:
    """How many characters beyond ASCII are UTF-8, and how many bytes are not; the last four may be cut."""
    text = window.decode("utf-8", "surrogateescape")
    beyond = re.findall(r"[^\x00-\x7f]", text)
    escaped = re.compile(r"[\udc80-\udcff]")
    valid = len(beyond) - len(escaped.findall(text))
    return valid, len(escaped.findall(text[:-4])) if valid else len(escaped.findall(text))


def _legacy(window: bytes, name: str) -> Encoding:
    lines = [line for line in window.splitlines() if not line.isascii()]
    dense = b"\n".join(lines)[:_DENSE]
    matches = list(from_bytes(dense, cp_isolation=_CANDIDATES, enable_fallback=False))
    western = dense.decode("cp1252", "replace")
    best = matches[0] if matches else None
    for match in matches:
        leeway = _EASTERN_LEEWAY if best and best.encoding in _EASTERN else 0
        alike = str(match) == western or "cp1252" in match.could_be_from_charset
        if best and alike and match.chaos <= best.chaos + leeway and not set(_ICELANDIC) & set(western):
            return Encoding(
                "cp1252",
                "The file is not UTF-8; it is read as Windows-1252 (cp1252), for example "
                f"{_example(western)!r}. If that looks wrong, {_SAVE}.",
            )
    guess = f", perhaps {best.encoding}" if best else ""
    raise WorkshopError(f"{name} is not UTF-8 and its encoding cannot be told for sure{guess}; {_SAVE}.")


def _example(text: str) -> str:
    """A word with a letter beyond ASCII, by which people see whether the encoding is right."""
    found = re.search(r"\w*[^\W\x00-\x7f]\w*", text) or re.search(r"\S*[^\x00-\x7f]\S*", text)
    return found[0][:30] if found else ""
