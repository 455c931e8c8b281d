"""Rows → Series: every target of every item on the calendar's grid, with its covariates; nothing is filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecast.panel import NOTHING, Series, Values
from forecast.reading.rows import Rows
from forecast.reading.steps import Steps

#: A series with fewer values than this has no step to learn from.
LEAST_VALUES = 3


@dataclass
class Built:
    """The series, and of each: its name, the slice of the rows it is made of, and how many rows it has after that.

    short are the names of those with too few values, ahead the steps that each is known for beyond its end.
    """

    series: list[Series] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kept: list[slice] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    ahead: list[int] = field(default_factory=list)
    short: list[str] = field(default_factory=list)


def build_series(rows: Rows, steps: Steps, on_progress: Callable[[float], None] | None = None) -> Built:
    """Every target of every item from its first value to its last. Targets with too few values are left out."""
    built = Built()
    starts = rows.starts
    static = _static(rows, starts)
    varying = rows.of_role("past", "future")
    past = [place for place, i in enumerate(varying) if rows.covariates[i].role == "past"]
    others = np.ascontiguousarray(rows.others[:, varying]) if varying else None
    ends = _ends(rows, starts)
    several = len(rows.columns.targets) > 1
    items = rows.items[starts].tolist()
    bounds = [*starts.tolist(), len(rows)]
    for part, item in enumerate(items):
        item_id, begin, end = rows.item_ids[item], bounds[part], bounds[part + 1]
        for number, target in enumerate(rows.columns.targets):
            count, first, last = ends[number][0][part], ends[number][1][part], ends[number][2][part]
            name = " / ".join([*item_id, *([target] if several else [])])
            if count < LEAST_VALUES:
                built.short.append(name)
                continue
            kept = slice(first, last + 1)
            at = steps.at[kept]
            low, high = int(at[0]), int(at[-1])
            values = _placed(rows.values[kept, number], at - low, high - low + 1)
            covariates, ahead = NOTHING, 0
            if others is not None:
                covariates = _covariates(others, past, steps, slice(begin, end), low, high)
                ahead = len(covariates) - len(values)
            stamps = steps.stamps(part, low, high)
            built.series.append(Series(item_id, target, stamps, values, covariates, static[part]))
            built.names.append(name)
            built.kept.append(kept)
            built.target.append(number)
            built.after.append(end - last - 1)
            built.ahead.append(ahead)
        if on_progress is not None and part % 1_000 == 0:
            on_progress(part / len(items))
    return built


def _ends(rows: Rows, starts: NDArray[np.int64]) -> list[tuple[list[int], list[int], list[int]]]:
    """For each target how many values every item has, and the rows of its first and its last."""
    found = []
    numbers = np.arange(len(rows))
    for values in rows.values.T:
        observed = ~np.isnan(values)
        count = np.add.reduceat(observed, starts, dtype=np.int64)
        first = np.minimum.reduceat(np.where(observed, numbers, len(rows)), starts)
        last = np.maximum.reduceat(np.where(observed, numbers, -1), starts)
        found.append((count.tolist(), first.tolist(), last.tolist()))
    return found


def _placed(values: Values, at: NDArray[np.int64], length: int) -> Values:
    """The values at their places, NaN at all others; as they are where no place is left over."""
    if length == len(values):
        return np.ascontiguousarray(values)
    placed = np.full((length, *values.shape[1:]), np.nan)
    placed[at] = values
    return placed


def _covariates(others: Values, past: list[int], steps: Steps, part: slice, low: int, high: int) -> Values:
    """The covariates [T + E, C] of the steps from low to high and of the E after them for which some is known."""
    at = steps.at[part]
    begin = int(np.searchsorted(at, low))
    cells = others[part][begin:]
    at = at[begin:] - low
    length = high - low + 1
    future = np.delete(cells, past, axis=1) if past else cells
    after = np.searchsorted(at, length)
    known = np.flatnonzero(~np.isnan(future[after:]).all(axis=1)) if future.shape[1] else np.empty(0, dtype=np.int64)
    end = int(after + known[-1] + 1) if len(known) else int(after)
    placed = _placed(cells[:end], at[:end], int(at[end - 1]) + 1 if len(known) else length)
    if past and len(placed) > length:
        placed = placed.copy()
        placed[length:, past] = np.nan
    return placed


def _static(rows: Rows, starts: NDArray[np.int64]) -> Values:
    """The static covariates of every item [items, S]: the value that its rows have, NaN where they have none."""
    columns = rows.of_role("static")
    numbers = np.arange(len(rows))
    found = np.full((len(starts), len(columns)), np.nan)
    for place, column in enumerate(columns):
        values = rows.others[:, column]
        first = np.minimum.reduceat(np.where(np.isnan(values), len(rows), numbers), starts)
        has = first < len(rows)
        found[has, place] = values[first[has]]
    return found
