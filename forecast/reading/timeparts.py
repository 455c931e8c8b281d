"""Times that are spread over columns: a date and a clock time, or year, month, day and hour."""

from __future__ import annotations

import re
from collections.abc import Collection

from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.times import clock_pattern, time_pattern
from forecast.reading.timetexts import PART_WORDS, TimeTexts
from forecast.timeformat import has_clock, is_digits

#: The fields that a time may be spread over, from the largest on.
_ORDER = "YmdHM"
_RANGES = {"Y": (1700, 2200), "m": (1, 12), "d": (1, 31), "H": (0, 24), "M": (0, 59)}


def time_parts(table: Table, taken: Collection[int]) -> tuple[int, ...]:
    """The columns that hold the time together: (date, clock), (date, hour), or (year, month[, day[, hour[, minute]]]).

    Empty when there are none, or several for one part. Columns in `taken` have another role.
    """
    free = [column for column in range(len(table.names)) if column not in taken]
    by_letter: dict[str, list[int]] = {}
    for column in free:
        letter = PART_WORDS.get(re.sub(r"\W", "", table.names[column]).casefold(), "")
        if letter and _holds(table.cells[column], letter):
            by_letter.setdefault(letter, []).append(column)
    return _date_and_clock(table, free, by_letter.get("H", [])) or _fields(by_letter)


def _date_and_clock(table: Table, free: list[int], hours: list[int]) -> tuple[int, ...]:
    patterns = {column: time_pattern(table.cells[column]) for column in free}
    dates = [
        column
        for column, pattern in patterns.items()
        if "%d" in pattern.replace("%-d", "%d") and not has_clock(pattern) and not is_digits(pattern)
    ]
    clocks = [column for column in free if not patterns[column] and clock_pattern(table.cells[column])] or hours
    return (dates[0], clocks[0]) if len(dates) == len(clocks) == 1 else ()


def _fields(by_letter: dict[str, list[int]]) -> tuple[int, ...]:
    """Year and month, and of what is smaller as much as there is without a hole."""
    found: list[int] = []
    for letter in _ORDER:
        columns = by_letter.get(letter, [])
        if len(columns) != 1:
            break
        found += columns
    return tuple(found) if len(found) > 1 else ()


def _holds(cells: Cells, letter: str) -> bool:
    """Whether the cells are numbers of a field, or names of months."""
    sampled = TimeTexts([cells]).sample()
    texts = [sampled.text(row) for row in range(len(sampled))]
    if letter == "m" and texts and all(re.fullmatch(r"[A-Za-z]{3,9}", text) for text in texts):
        return True
    low, high = _RANGES[letter]
    return bool(texts) and all(re.fullmatch(r"\d{1,4}", text) and low <= int(text) <= high for text in texts)
