"""The almanac: the days on which exchanges trade, over many years, as one version of exchange_calendars knows them.

To ask the library is to import pandas and to compute every holiday of an exchange, which takes longer than a forecast.
What it would answer is written down in a file beside this one, which speaks for that version of it and for no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]

#: The library whose answers the almanac holds, and the file that holds them.
LIBRARY = "exchange_calendars"
FILE = Path(__file__).with_name("almanac.txt")
#: The years that it holds, of exchanges that the library knows so far back and so far ahead.
FIRST_YEAR, LAST_YEAR = 1970, 2035


def sessions_in_almanac(code: str, first_year: int, last_year: int) -> Days | None:
    """The sessions of an exchange from 1 January to 31 December of the years; None where the almanac lacks them."""
    line = _lines().get(code)
    if line is None:
        return None
    first, last, differences = line.split(" ", 2)
    if not int(first) <= first_year <= last_year <= int(last):
        return None
    unlike = _start(int(first)) + np.array(differences.split(), dtype=np.int64).cumsum()
    start, end = _start(first_year), _start(last_year + 1)
    return np.setxor1d(_weekdays(start, end), unlike[(unlike >= start) & (unlike < end)], assume_unique=True)


def almanac_of(known: Mapping[str, tuple[int, int, Days]]) -> str:
    """The text of an almanac: for each exchange its first and last year, and all sessions of these years.

    A line holds the days on which an exchange is otherwise than every Monday to Friday, each as the days since the one
    before, the first since 1 January.
    """
    lines = [f"{LIBRARY} {version(LIBRARY)}"]
    for code, (first, last, days) in known.items():
        unlike = np.setxor1d(_weekdays(_start(first), _start(last + 1)), days, assume_unique=True)
        since = np.diff(unlike, prepend=_start(first)).astype(np.int64)
        lines.append(f"{code} {first} {last} {' '.join(map(str, since.tolist()))}")
    return "\n".join(lines) + "\n"


@cache
def _lines() -> dict[str, str]:
    """The lines of the almanac by exchange; none where it was made from another version than the installed one."""
    made_from, *lines = FILE.read_text(encoding="ascii").splitlines()
    try:
        installed = version(LIBRARY)
    except PackageNotFoundError:
        return {}
    if made_from != f"{LIBRARY} {installed}":
        return {}
    return dict(line.split(" ", 1) for line in lines)


def _start(year: int) -> np.datetime64:
    return np.datetime64(f"{year:04}-01-01", "D")


def _weekdays(start: np.datetime64, end: np.datetime64) -> Days:
    """Every Monday to Friday from start to the day before end."""
    days = np.arange(start, end)
    return days[np.is_busday(days)]
