"""Timestamps that appear twice: the same row again, the hour that the clocks repeat in autumn, or a contradiction."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import clock_change_zone
from forecast.errors import ConfigError
from forecast.panel import Values
from forecast.reading.dialect import Table
from forecast.reading.ids import id_hint
from forecast.reading.problems import FileProblems, named, shown, warning
from forecast.reading.rows import Rows
from forecast.timeformat import zone_of
from forecast.timezones import to_utc

_HINT = "keep one row for each timestamp, or --on-duplicate last"


def without_repeats(table: Table, rows: Rows, on_duplicate: str | None = None) -> Rows:
    """The rows with one for each item and time, made as `on_duplicate` says: first, last, mean or sum.

    Without it rows that contradict each other raise FileProblems.
    """
    if _begins(rows).all():
        return rows
    repeats = _find(rows)
    if rows.states and on_duplicate in ("mean", "sum"):
        raise ConfigError(f"states have no {on_duplicate}", hint="--on-duplicate last")
    if on_duplicate is not None:
        return _made_one(rows, repeats, on_duplicate)
    if repeats.contradicting.any():
        zone = _zone(rows, repeats)
        if not zone:
            raise _contradictions(table, rows, repeats)
        count = int(repeats.contradicting.sum())
        first = table.lines[rows.source[np.argmax(repeats.contradicting)]]
        twice = "1 timestamp appears twice" if count == 1 else f"{count:,} timestamps appear twice"
        note = f"{twice} (first on line {first}), in the hour that clocks as in {zone} repeat"
        note = f"{note} in autumn: the first row of each two is kept"
        # Where rows are named by the end of their step the zone alone does not say which moment is meant.
        moments = to_utc(rows.timestamps, zone)
        if not moments.missing.any() and moments.repeated[repeats.contradicting].all():
            note += f"; --timezone {zone} keeps both"
        note = warning("W402", note)
        rows = rows.take(~repeats.contradicting, note)
        repeats = _find(rows)
    if repeats.equal.any():
        count = int(repeats.equal.sum())
        again = "1 row that repeats an earlier one is" if count == 1 else f"{count:,} rows that repeat earlier ones are"
        rows = rows.take(~repeats.equal, warning("W401", f"{again} ignored"))
    return rows


@dataclass(frozen=True)
class _Repeats:
    """Masks [N] of the rows that equal, or contradict, the first row of their item and time; its index first [N]."""

    equal: NDArray[np.bool_]
    contradicting: NDArray[np.bool_]
    first: NDArray[np.int64]


def _begins(rows: Rows) -> NDArray[np.bool_]:
    """Where another item or another time begins [N]."""
    begins = np.ones(len(rows), dtype=bool)
    begins[1:] = (rows.items[1:] != rows.items[:-1]) | (rows.timestamps[1:] != rows.timestamps[:-1])
    return begins


def _find(rows: Rows) -> _Repeats:
    begins = _begins(rows)
    first = np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))
    later = np.flatnonzero(~begins)
    same = np.zeros(len(rows), dtype=bool)
    same[later] = True
    for values in (rows.values, rows.others):
        here, other = values[later], values[first[later]]
        same[later] &= ((here == other) | (np.isnan(here) & np.isnan(other))).all(axis=1)
    return _Repeats(~begins & same, ~begins & ~same, first)


def _made_one(rows: Rows, repeats: _Repeats, how: str) -> Rows:
    """The rows with those of one item and time made one. Missing values do not count in a sum or a mean."""
    starts = np.unique(repeats.first)
    ends = np.append(starts[1:], len(rows))
    kept = starts if how == "first" else ends - 1
    made, merged = int((ends - starts > 1).sum()), len(rows) - len(starts)
    what = {"first": "the first of them is kept", "last": "the last of them is kept"}.get(how, f"their {how} is taken")
    times = "1 time" if made == 1 else f"{made:,} times"
    note = warning("W407", f"{merged + made:,} rows are of {times} that appear more than once: {what}")
    one = rows.take(kept, note)
    if how not in ("mean", "sum"):
        return one
    others = one.others
    numeric = [i for i, covariate in enumerate(rows.covariates) if not covariate.categories]
    if how == "mean" and numeric:
        others[:, numeric] = _over(rows.others[:, numeric], starts, how)
    return replace(one, values=_over(rows.values, starts, how), others=others)


def _over(values: Values, starts: NDArray[np.int64], how: str) -> Values:
    """Sums or means of the values that are not missing, of the rows from each start to the next."""
    present = ~np.isnan(values)
    counts = np.add.reduceat(present, starts, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(present, values, 0.0), starts, axis=0)
    divided = sums / np.maximum(counts, 1) if how == "mean" else sums
    return np.where(counts > 0, divided, np.nan)


def _zone(rows: Rows, repeats: _Repeats) -> str:
    """The zone whose autumn clock changes explain every contradicting row, or nothing."""
    # Dates alone cannot show an hour twice, nor can times with an offset, and no hour comes three times.
    days = rows.timestamps.astype("datetime64[D]")
    thrice = np.bincount(repeats.first[repeats.contradicting]).max() > 1
    if (rows.timestamps == days).all() or zone_of(rows.columns.time_format) or rows.columns.timezone or thrice:
        return ""
    return clock_change_zone(rows.timestamps[repeats.contradicting])


def _contradictions(table: Table, rows: Rows, repeats: _Repeats) -> FileProblems:
    hint = _HINT
    if not rows.columns.ids:
        in_file_order = rows.timestamps[np.argsort(rows.source)]
        hint = id_hint(table, in_file_order, taken=rows.roles.taken) or hint
    later = np.flatnonzero(repeats.contradicting)
    texts = rows.texts_of(rows.timestamps[later])
    again, before = rows.source[later].tolist(), rows.source[repeats.first[later]].tolist()
    problems = []
    for row, earlier, stamp in zip(again, before, texts, strict=True):
        text = f"{named(rows.columns.time)}: {shown(stamp)} appears again with another value"
        text += f", first on line {table.lines[earlier]}"
        problems.append(table.problem("E401", text, row, rows.roles.time[0], hint=hint))
    return FileProblems(table.file, problems)
