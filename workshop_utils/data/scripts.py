"""Which scripts put no spaces between words. For ``re``, so that serving needs no further package."""

from typing import Final

#: Scripts that are written without spaces, for use inside a character class: Chinese, Japanese, Thai, Lao,
#: Burmese, Khmer.
UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    r"\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
