"""Rows → Series: every target of every item on the calendar's grid, with its covariates; nothing is filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.panel import NOTHING, Series, Values
from forecast.reading.cells import Positions
from forecast.reading.rows import Rows
from forecast.reading.steps import Steps

#: A series with fewer values than this has no step to learn from.
LEAST_VALUES = 3


@dataclass(frozen=True)
class Built:
    """S series, and of each [S]: its name, the number of its target, the first and the last row it is made of.

    lengths is how many steps it has, values how many of these have a value, after how many rows there are behind its
    last, ahead the steps that it is known for beyond its end. short are the names of those with too few values.
    """

    series: list[Series]
    names: list[str]
    target: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    values: NDArray[np.int64]
    after: NDArray[np.int64]
    ahead: NDArray[np.int64]
    lengths: NDArray[np.int64]
    short: list[str]

    def kept(self, number: int) -> slice:
        """The rows that a series is made of."""
        return slice(int(self.first[number]), int(self.last[number]) + 1)


def build_series(rows: Rows, steps: Steps, on_progress: Callable[[float], None] | None = None) -> Built:
    """Every target of every item from its first value to its last. Targets with too few values are left out."""
    starts = rows.starts
    bounds = np.append(starts, len(rows))
    # [items, targets] each: an item has the series of its targets side by side.
    counts, first, last = _ends(rows, starts)
    enough = counts >= LEAST_VALUES
    parts, numbers = np.nonzero(enough)
    first, last = first[enough], last[enough]
    low, high = steps.at[first], steps.at[last]
    names = _names(rows, starts)
    series: list[Series] = []
    ahead = np.zeros(len(parts), dtype=np.int64)
    covariates_of = _Covariates(rows, steps)
    static = _static(rows, starts)
    nothing, items, targets = np.empty(0), rows.items[starts].tolist(), rows.columns.targets
    columns = [np.ascontiguousarray(values) for values in rows.values.T]
    each = zip(*(array.tolist() for array in (parts, numbers, first, last, low, high)), strict=True)
    for at, (part, number, begin, end, its_low, its_high) in enumerate(each):
        values = columns[number][begin : end + 1]
        if its_high - its_low != end - begin:
            values = _placed(values, steps.at[begin : end + 1] - its_low, its_high - its_low + 1)
        covariates = NOTHING
        if covariates_of.varying:
            covariates = covariates_of.item(slice(int(bounds[part]), int(bounds[part + 1])), its_low, its_high)
            ahead[at] = len(covariates) - len(values)
        stamps = steps.stamps(part, its_low, its_high)
        item_id = rows.item_ids[items[part]]
        its = static[part] if static.shape[1] else nothing
        series.append(Series(item_id, targets[number], stamps, values, covariates, its))
        if on_progress is not None and at % 1_000 == 0:
            on_progress(at / len(parts))
    after = bounds[parts + 1] - last - 1
    short = [name for name, is_there in zip(names, enough.ravel().tolist(), strict=True) if not is_there]
    names = [name for name, is_there in zip(names, enough.ravel().tolist(), strict=True) if is_there]
    return Built(series, names, numbers, first, last, counts[enough], after, ahead, high - low + 1, short)


def _names(rows: Rows, starts: NDArray[np.int64]) -> list[str]:
    """What a person calls every target of every item."""
    targets = rows.columns.targets
    ids = [rows.item_ids[item] for item in rows.items[starts].tolist()]
    if len(targets) == 1:
        return list(map(" / ".join, ids))
    return [" / ".join([*item_id, target]) for item_id in ids for target in targets]


def _ends(rows: Rows, starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """How many values each target of every item has, and the rows of its first and its last [items, targets]."""
    shape = (len(starts), rows.values.shape[1])
    count, first, last = (np.empty(shape, dtype=np.int64) for _ in range(3))
    ends = np.append(starts[1:], len(rows))
    for target, values in enumerate(rows.values.T):
        observed = ~np.isnan(values)
        if observed.all():
            count[:, target], first[:, target], last[:, target] = ends - starts, starts, ends - 1
            continue
        numbers = np.arange(len(rows))
        count[:, target] = np.add.reduceat(observed, starts, dtype=np.int64)
        first[:, target] = np.minimum.reduceat(np.where(observed, numbers, len(rows)), starts)
        last[:, target] = np.maximum.reduceat(np.where(observed, numbers, -1), starts)
    return count, first, last


def _placed(values: Values, at: Positions, length: int) -> Values:
    """The values at their places, NaN at all others; as they are where no place is left over."""
    if length == len(values):
        return np.ascontiguousarray(values)
    placed = np.full((length, *values.shape[1:]), np.nan)
    placed[at] = values
    return placed


class _Covariates:
    """The past and future covariates of the rows, to be placed on the steps of each item."""

    def __init__(self, rows: Rows, steps: Steps) -> None:
        self.varying = rows.of_role("past", "future")
        self._past = [place for place, i in enumerate(self.varying) if rows.covariates[i].role == "past"]
        self._others = np.ascontiguousarray(rows.others[:, self.varying])
        self._steps = steps.at

    def item(self, part: slice, low: int, high: int) -> Values:
        """Those [T + E, C] of the steps from low to high and of the E after them for which some is known."""
        at, past = self._steps[part], self._past
        begin = int(np.searchsorted(at, low))
        cells = self._others[part][begin:]
        at = at[begin:] - low
        length = high - low + 1
        future = np.delete(cells, past, axis=1) if past else cells
        after = np.searchsorted(at, length)
        no_future = not future.shape[1]
        known = np.empty(0, dtype=np.int64) if no_future else np.flatnonzero(~np.isnan(future[after:]).all(axis=1))
        end = int(after + known[-1] + 1) if len(known) else int(after)
        placed = _placed(cells[:end], at[:end], int(at[end - 1]) + 1 if len(known) else length)
        if past and len(placed) > length:
            placed = placed.copy()
            placed[length:, past] = np.nan
        return placed


def _static(rows: Rows, starts: NDArray[np.int64]) -> Values:
    """The static covariates of every item [items, S]: the value that its rows have, NaN where they have none."""
    columns = rows.of_role("static")
    found = np.full((len(starts), len(columns)), np.nan)
    numbers = np.arange(len(rows) if columns else 0)
    for place, column in enumerate(columns):
        values = rows.others[:, column]
        first = np.minimum.reduceat(np.where(np.isnan(values), len(rows), numbers), starts)
        has = first < len(rows)
        found[has, place] = values[first[has]]
    return found
