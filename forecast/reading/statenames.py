"""When two texts name the same state, and which task would forecast a column of names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from forecast.config import ReadConfig
from forecast.reading.notation import Notation

#: More different names than this are names of things, and more different numbers are amounts.
MOST_STATES, MOST_NUMBERS = 50, 20

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)")


def key_of(text: str) -> str | float:
    """What makes two cells the same state: the number, or the letters whatever their case."""
    text = text.strip(" ")
    return float(text) if _NUMBER.fullmatch(text) else text.casefold()


def task_of(texts: Iterable[str], read: ReadConfig) -> str:
    """The task that would forecast a column with these different texts; empty where there are digits, or too many."""
    notation = Notation.of(read)
    names = [text for text in texts if not notation.is_missing(text)]
    keys = {key_of(text) for text in names}
    if not 2 <= len(keys) <= MOST_STATES or any(re.search(r"\d", text) for text in names):
        return ""
    return "binary" if len(keys) == 2 else "class"
