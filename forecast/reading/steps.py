"""Steps: where on the calendar's grid every row lies, as whole numbers, for all series at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecast.calendars import Calendar, grid
from forecast.calendars.calendar import EVERY_DAY, UNITS
from forecast.errors import DataError
from forecast.panel import Timestamps
from forecast.reading.cells import Positions
from forecast.reading.rows import Rows

#: Rows that are looked up at once.
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Steps:
    """at [N] is the step of each row, counted alike within an item; stamps gives the timestamps of an item's steps.

    stamps(part, first, last) takes the number of the item among those that have rows, and two of its steps, both
    included. The arrays of series that begin and end together are one.
    """

    at: Positions
    stamps: Callable[[int, int, int], Timestamps]


def steps_of(rows: Rows, calendar: Calendar) -> Steps | None:
    """The steps of rows sorted by item and time, or None where a row is not on the calendar."""
    together = _together(rows, calendar)
    return together if together is not None else _apart(rows, calendar)


def _together(rows: Rows, calendar: Calendar) -> Steps | None:
    """The steps on one grid for all items; None where they are not all in phase, or too far from each other."""
    first, last = rows.timestamps.min(), rows.timestamps.max()
    if (last - first).astype(np.int64) // calendar.step.microseconds > 4 * len(rows) + 100_000:
        return None
    try:
        every = grid(calendar, first, last)
    except DataError:  # The last row of one phase is not on the grid of another.
        return None
    length = _tick(calendar)
    at = np.empty(len(rows), dtype=np.int32)  # a grid is never longer
    for begin in range(0, len(rows), _CHUNK):
        stamps = rows.timestamps[begin : begin + _CHUNK]
        found = (stamps - first).astype(np.int64) // length if length else np.searchsorted(every, stamps)
        if not np.array_equal(every[found], stamps):
            return None
        at[begin : begin + _CHUNK] = found
    known: dict[tuple[int, int], Timestamps] = {}

    def stamps_of(_part: int, begin: int, end: int) -> Timestamps:
        if (begin, end) not in known:
            known[begin, end] = every[begin : end + 1]
        return known[begin, end]

    return Steps(at, stamps_of)


def _apart(rows: Rows, calendar: Calendar) -> Steps | None:
    """The steps on a grid for each item, which begins with its first row."""
    grids: dict[tuple[np.datetime64, np.datetime64], Timestamps] = {}
    ends = []
    at = np.empty(len(rows), dtype=np.int64)
    for _, part in rows.parts():
        stamps = rows.timestamps[part]
        key = stamps[0], stamps[-1]
        try:
            if key not in grids:
                grids[key] = grid(calendar, *key)
        except DataError as error:
            if "steps lie between" in error.message:
                raise
            return None
        at[part] = np.searchsorted(grids[key], stamps)
        if not np.array_equal(grids[key][at[part]], stamps):
            return None
        ends.append(key)
    return Steps(at, lambda part, begin, end: grids[ends[part]][begin : end + 1])


def _tick(calendar: Calendar) -> int:
    """The microseconds of a step, where every step has as many; else 0."""
    plain = calendar.step.unit in UNITS and calendar.weekmask == EVERY_DAY and not (calendar.exchange or calendar.zone)
    return calendar.step.microseconds if plain else 0
