"""Frequencies: whether the series of one table step alike, as one calendar for all of them needs."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import Calendar, describe, infer_calendar
from forecast.errors import DataError
from forecast.panel import Timestamps
from forecast.reading.problems import FileProblems, Problem, shown
from forecast.reading.rows import Rows
from forecast.reading.steps import Steps

#: With fewer rows than this, a series has no frequency of its own.
_ENOUGH_ROWS = 5
_MOST_TRIED = 50


def columns_of(rows: Rows) -> list[Timestamps]:
    """The timestamps of every item; those of items that have the same ones only once."""
    found: dict[bytes, Timestamps] = {}
    starts = rows.starts
    ends = np.append(starts[1:], len(rows))
    again = _like_the_one_before(rows.timestamps, starts, ends)
    for start, end in zip(starts[~again].tolist(), ends[~again].tolist(), strict=True):
        stamps = rows.timestamps[start:end]
        found.setdefault(hashlib.blake2b(stamps.tobytes(), digest_size=16).digest(), stamps)
    return list(found.values())


def _like_the_one_before(stamps: Timestamps, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether an item has the timestamps of the item before it [items]; never where items differ in length."""
    again = np.zeros(len(starts), dtype=bool)
    lengths = ends - starts
    if (lengths == lengths[0]).all():
        each = stamps.reshape(len(starts), -1)
        again[1:] = (each[1:] == each[:-1]).all(axis=1)
    return again


def check_frequencies(file: str, rows: Rows, steps: Steps, calendar: Calendar) -> None:
    """Raises FileProblems where the rows of one item are regular, and yet never two steps of the calendar in a row."""
    starts = rows.starts
    lengths = np.diff(np.append(starts, len(rows)))
    if len(starts) < 2:
        return
    enough = np.flatnonzero(lengths >= _ENOUGH_ROWS)
    # An item that begins with two steps in a row needs no closer look, as hardly any does.
    if (steps.at[starts[enough] + 1] - steps.at[starts[enough]] == 1).all():
        return
    gaps = np.diff(steps.at).astype(np.int64)
    inside = np.ones(len(gaps), dtype=bool)
    inside[starts[1:] - 1] = False
    shortest = np.minimum.reduceat(np.append(np.where(inside, gaps, np.iinfo(np.int64).max), 0)[:-1], starts[enough])
    longest = np.maximum.reduceat(np.append(np.where(inside, gaps, 0), 0)[:-1], starts[enough])
    odd = enough[(shortest > 1) & (longest <= 1.5 * shortest)]
    if not len(odd) or len(odd) == len(enough):
        return
    items = rows.items[starts]
    usual = enough[~np.isin(enough, odd)][0]
    _raise(file, rows, int(items[odd[0]]), int(items[usual]), calendar)


def name_frequencies(file: str, rows: Rows) -> None:
    """Raises FileProblems where items that no one calendar fits have each one of their own."""
    seen: dict[str, int] = {}
    for number, (item, part) in enumerate(rows.parts()):
        if part.stop - part.start < _ENOUGH_ROWS:
            continue
        try:
            found, _ = infer_calendar([rows.timestamps[part]])
        except DataError:
            return
        if seen and found.freq not in seen:
            _raise(
                file, rows, item, next(iter(seen.values())), infer_calendar([_of(rows, next(iter(seen.values())))])[0]
            )
        seen.setdefault(found.freq, item)
        if number > _MOST_TRIED:
            return


def _of(rows: Rows, item: int) -> Timestamps:
    return np.asarray(rows.timestamps[rows.items == item])


def _raise(file: str, rows: Rows, odd: int, usual: int, calendar: Calendar) -> None:
    its, _ = infer_calendar([_of(rows, odd)])
    text = f"series have different frequencies: {shown(rows.name_of(odd))} is {describe(its)}, "
    text += f"{shown(rows.name_of(usual))} is {describe(calendar)}"
    hint = (
        f"put them into a file for each frequency; or --freq {_finer(its, calendar)} takes the steps between as missing"
    )
    raise FileProblems(file, [Problem("E405", text, hint=hint)])


def _finer(one: Calendar, other: Calendar) -> str:
    return min(one, other, key=lambda calendar: calendar.step.microseconds).freq
