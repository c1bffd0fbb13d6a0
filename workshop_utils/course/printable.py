"""Texts for consoles that cannot write every sign: a Windows pipe (cp1252), a C locale (ASCII)."""

#: Signs of this course and what stands for them where the encoding lacks them.
_SPARE = str.maketrans(
    {"✓": "+", "✗": "x", "○": "o", "→": "->", "·": "-", "…": "...", "−": "-", "–": "-", "“": '"', "”": '"'}
)


def printable(text: str, encoding: str | None) -> str:
    """The text in signs that the encoding has; what it lacks becomes a similar sign, or else ``?``.

    Args:
        text: any text.
        encoding: the console's encoding; ``None``, an unknown one and UTF-8 write everything.

    >>> printable("✓ Größe 🎓", "ascii")
    '+ Gr??e ?'
    """
    try:
        text.encode(encoding or "utf-8", "surrogatepass")
        return text
    except LookupError:
        return text
    except UnicodeEncodeError:
        return "".join(_one_sign(sign, str(encoding)) for sign in text)


def _one_sign(sign: str, encoding: str) -> str:
    for candidate in (sign, sign.translate(_SPARE)):
        try:
            candidate.encode(encoding)
            return candidate
        except UnicodeEncodeError:
            continue
    return "?"
