"""Timestamps that appear twice: the same row again, the hour that the clocks repeat in autumn, or a contradiction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import clock_change_zone
from forecast.reading.columns import id_hint
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, named, shown
from forecast.reading.rows import Rows
from forecast.timeformat import zone_of


def without_repeats(table: Table, rows: Rows) -> Rows:
    """The rows with one for each item and time. Raises FileProblems where two contradict each other."""
    repeats = _find(rows)
    if repeats.contradicting.any():
        zone = _zone(table, rows, repeats)
        if not zone:
            raise _contradictions(table, rows, repeats)
        count = int(repeats.contradicting.sum())
        first = table.lines[rows.source[np.argmax(repeats.contradicting)]]
        twice = "1 timestamp appears twice" if count == 1 else f"{count} timestamps appear twice"
        note = f"{twice} (first on line {first}), in the hour that clocks as in {zone} repeat"
        rows = rows.keep(~repeats.contradicting, f"{note} in autumn: the first row of each two is kept")
        repeats = _find(rows)
    if repeats.equal.any():
        count = int(repeats.equal.sum())
        again = "1 row that repeats an earlier one is" if count == 1 else f"{count} rows that repeat earlier ones are"
        rows = rows.keep(~repeats.equal, f"{again} ignored")
    return rows


@dataclass(frozen=True)
class _Repeats:
    """Masks [N] of the rows that equal, or contradict, the first row of their item and time; its index first [N]."""

    equal: NDArray[np.bool_]
    contradicting: NDArray[np.bool_]
    first: NDArray[np.int64]


def _find(rows: Rows) -> _Repeats:
    begins = np.ones(len(rows.items), dtype=bool)
    begins[1:] = (rows.items[1:] != rows.items[:-1]) | (rows.timestamps[1:] != rows.timestamps[:-1])
    first = np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))
    values, other = rows.values, rows.values[first]
    same = ((values == other) | (np.isnan(values) & np.isnan(other))).all(axis=1)
    return _Repeats(~begins & same, ~begins & ~same, first)


def _zone(table: Table, rows: Rows, repeats: _Repeats) -> str:
    """The zone whose autumn clock changes explain every contradicting row, or nothing."""
    # Dates alone cannot show an hour twice, nor can times with an offset, and no hour comes three times.
    days = rows.timestamps.astype("datetime64[D]")
    thrice = np.bincount(repeats.first[repeats.contradicting]).max() > 1
    if (rows.timestamps == days).all() or zone_of(table.cells[rows.time_at][0]) or thrice:
        return ""
    return clock_change_zone(rows.timestamps[repeats.contradicting])


def _contradictions(table: Table, rows: Rows, repeats: _Repeats) -> FileProblems:
    hint = "keep one row for each timestamp"
    if not rows.columns.ids:
        in_file_order = rows.timestamps[np.argsort(rows.source)]
        hint = id_hint(table, in_file_order, taken={rows.time_at, *rows.target_at}) or hint
    later = np.flatnonzero(repeats.contradicting)
    problems = []
    for row, earlier in zip(rows.source[later].tolist(), rows.source[repeats.first[later]].tolist(), strict=True):
        text = f"{named(rows.columns.time)}: {shown(table.cells[rows.time_at][row])} appears again with another value"
        text += f", first on line {table.lines[earlier]}"
        problems.append(table.problem("E401", text, row, rows.time_at, hint=hint))
    return FileProblems(table.file, problems)
