"""Bounds: between what values of a series lie, a floor and a cap, and what of a forecast or of data lies outside.

Clipping is monotone: quantiles stay in order, and an interval holds all the values within bounds that it held before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Panel, Series
from forecast.timeformat import format_times

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """A floor and a cap in the units of the data, infinite where there is none."""

    floor: float = -math.inf
    cap: float = math.inf

    @classmethod
    def of(cls, floor: float | str | None, cap: float | str | None) -> Bounds:
        """Those that two settings mean: a number, "none", or None for not decided."""
        low, high = (None if isinstance(value, str) else value for value in (floor, cap))
        return cls(-math.inf if low is None else low, math.inf if high is None else high)

    def clip(self, values: Array) -> Array:
        """Values of any shape, those outside moved to the nearest bound."""
        clipped: Array = np.clip(values, self.floor, self.cap)
        return clipped

    def settled(self, actual: Array, median: Array) -> Array:
        """What came [...], moved to its median where that, once clipped, is at the same bound: an error of nothing.

        All in any units that keep the order, those of the bounds included.
        """
        below = (actual <= self.floor) & (median <= self.floor)
        above = (actual >= self.cap) & (median >= self.cap)
        return np.where(below | above, median, actual)


def outside(panel: Panel, bounds: Bounds) -> str | None:
    """A sentence on the first value of a panel that lies outside, and how many do; None where none does."""
    found, count = "", 0
    for series in panel.series:
        wrong = np.flatnonzero((series.values < bounds.floor) | (series.values > bounds.cap))
        count += len(wrong)
        if len(wrong) and not found:
            low = series.values[wrong[0]] < bounds.floor
            side = f"below the floor {bounds.floor:.12g}" if low else f"above the cap {bounds.cap:.12g}"
            found = f"{value_in_words(panel, series, wrong[0])} lies {side}"
    if count < 2:
        return found or None
    return f"{found}, the first of {count:,} values outside"


def value_in_words(panel: Panel, series: Series, step: int) -> str:
    """`Aarhus: the value -3 of 2024-01-05`, with the time as in the user's file."""
    stamp = series.timestamps[step : step + 1]
    when = format_times(stamp, panel.columns.time_format, panel.columns.timezone)[0]
    return f"{series.name}: the value {series.values[step]:.12g} of {when}"
