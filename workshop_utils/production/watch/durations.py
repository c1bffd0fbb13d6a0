"""Durations as people type them: 30s, 15m, 1h, 1d."""

import re

from workshop_utils.errors import WorkshopError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TYPED = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_LONGEST = 366 * _SECONDS["d"]


def parse_duration(typed: str) -> float:
    """Seconds of a whole number with its unit; from one second to 366 days.

    Raises:
        WorkshopError: it is no such duration.
    """
    found = _TYPED.fullmatch(typed.strip())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 1 <= seconds <= _LONGEST:
        raise WorkshopError(
            f"{typed[:20]!r} is no duration between 1s and 366d; type a whole number and s, m, h or d, "
            "such as 30s, 15m, 1h or 1d."
        )
    return float(seconds)
