"""Lengths of time as people write them: 90s, 10m, 26h, 7d, 2w."""

from __future__ import annotations

import math
import re

from forecast.errors import ConfigError

#: Seconds in each unit.
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH = re.compile(rf"(\d+(?:\.\d+)?)\s*([{''.join(UNITS)}])", re.ASCII)


def seconds_in(text: str) -> float:
    """The seconds of a length such as `26h` or `1.5d`. Raises ConfigError for anything else, and for nothing at all."""
    found = _LENGTH.fullmatch(text.strip())
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        raise ConfigError(f"{text!r:.60} is no length of time", hint="write it like 90s, 10m, 26h, 7d or 2w")
    return seconds


def in_words(seconds: float) -> str:
    """`26 h`, in the largest unit of which there are at least two, with one decimal where it says something."""
    unit = next((unit for unit in ("d", "h", "m") if abs(seconds) >= 2 * UNITS[unit]), "s")
    name = "min" if unit == "m" else unit
    return f"{round(seconds / UNITS[unit], 1):g} {name}"
