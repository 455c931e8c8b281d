"""Calibration: how much wider or narrower each interval must be to cover what it says, learnt from held-out windows.

Split conformal prediction (Vovk, Gammerman & Shafer 2005) with the width as the unit of the residual, by lead time.
What a few windows say is mostly chance, so everything is shrunk towards what is usual, and the intervals are those of
Student's t: a width that was learnt from little is itself uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: No factor is below the first or above the second.
NARROWEST, WIDEST = 0.25, 8.0
#: Intervals are usually this much too narrow on rows that came after training, and more so at later leads, as this
#: power of the lead. Measured on the earlier windows of single series, see benchmarks/calibration.py.
_USUAL_FACTOR, _USUAL_GROWTH = 1.05, 0.1
#: As many independent windows as these move the size of all factors, their growth with the lead, and the shape of the
#: factors (each lead, each side of the median for itself) half of the way from what is usual to what they say.
_SIZE_WINDOWS, _GROWTH_WINDOWS, _SHAPE_WINDOWS = 20.0, 10.0, 50.0
#: What training knows of the widths counts as much as so many degrees of freedom.
_KNOWN_FREEDOM = 4.0
#: Leads that have factors of their own, at most.
MOST_LEADS = 8
_SLOWEST_GROWTH, _FASTEST_GROWTH = -0.3, 0.5
#: A residual of more than so many half-widths tells no more about growth than one of just as many.
_LARGEST_REACH = 5.0


@dataclass(frozen=True)
class Factors:
    """By what the distance of each of Q quantiles from the median is multiplied: a row of Q at each of some leads.

    leads ascend from 1, the first step. Between two of them the logarithm of a factor is linear in that of the lead;
    past the last one it stays as it is, beyond the trained horizon too, where the widths go on growing by themselves.
    """

    leads: tuple[int, ...]
    rows: tuple[tuple[float, ...], ...]

    def at(self, horizon: int) -> Array:
        """The factors [H, Q] of the leads 1 … horizon."""
        wanted, known = np.log(np.arange(1, horizon + 1)), np.log(self.leads)
        columns = np.log(self.rows).T
        factors: Array = np.exp(np.stack([np.interp(wanted, known, column) for column in columns], axis=-1))
        return factors

    def times(self, changes: Sequence[float]) -> Factors:
        """The same factors with each quantile's multiplied by its change [Q], within bounds."""
        changed = np.clip(np.asarray(self.rows) * np.asarray(changes), NARROWEST, WIDEST)
        return replace(self, rows=tuple(map(tuple, changed.tolist())))

    def to_dict(self) -> dict[str, list[Any]]:
        """Plain values for JSON."""
        return {"leads": list(self.leads), "rows": [list(row) for row in self.rows]}


def unchanged(quantile_levels: Sequence[float]) -> Factors:
    """Factors that leave every quantile where it is."""
    return Factors((1,), ((1.0,) * len(quantile_levels),))


def fit_factors(quantiles: Array, actual: Array, quantile_levels: Sequence[float], independent: float) -> Factors:
    """The factors that held-out forecasts needed, as far as they are to be trusted.

    quantiles [N, H, Q] and actual [N, H], NaN where missing, are forecasts and what happened; independent is how many
    of the N windows count as independent (overlapping ones do not). An interval needs the smallest factor that covers
    the ceil((n + 1) * coverage)-th of its n residuals. With few windows one such factor for all leads and both sides is
    drawn towards the usual one and grows with the lead as usual; with many, leads and sides have their own.
    """
    levels = list(quantile_levels)
    middle, horizon = levels.index(0.5), quantiles.shape[1]
    leads = _own_leads(horizon)
    nearest = np.abs(np.log(np.arange(1, horizon + 1))[:, None] - np.log(leads)).argmin(axis=1)
    growth = _growth(quantiles, actual, levels, independent)
    to_size, to_shape = (independent / (independent + half) for half in (_SIZE_WINDOWS, _SHAPE_WINDOWS))
    usual, freedom = math.log(_USUAL_FACTOR), independent + _KNOWN_FREEDOM
    logs = np.zeros((len(leads), len(levels)))
    for low, high in zip(range(middle - 1, -1, -1), range(middle + 1, len(levels)), strict=True):
        below, above = _reaches(quantiles, actual, (low, middle, high), growth)
        both, coverage = np.maximum(below, above), levels[high] - levels[low]
        needed = _needed(both, coverage, otherwise=usual)
        size = usual + to_size * (needed - usual) + math.log(_student_to_normal(levels[high], freedom))
        by_lead = [_needed(both[:, nearest == k], coverage, otherwise=needed) - needed for k in range(len(leads))]
        for column, side in ((low, below), (high, above)):
            by_side = _needed(side, levels[high], otherwise=needed) - needed
            logs[:, column] = size + to_shape * (np.array(by_lead) + by_side)
    logs += np.log(growth[np.array(leads) - 1])[:, None]
    rows = np.clip(np.exp(logs), NARROWEST, WIDEST)
    rows[:, middle] = 1.0
    return Factors(leads, tuple(map(tuple, rows.tolist())))


def apply_factors(quantiles: Array, factors: Factors, quantile_levels: Sequence[float]) -> Array:
    """Quantiles [..., H, Q] with their distances from the median multiplied; an outer one never inside an inner one."""
    middle = list(quantile_levels).index(0.5)
    median = quantiles[..., middle : middle + 1]
    stretched: Array = median + (quantiles - median) * factors.at(quantiles.shape[-2])
    stretched[..., middle:] = np.maximum.accumulate(stretched[..., middle:], axis=-1)
    stretched[..., : middle + 1] = np.minimum.accumulate(stretched[..., middle::-1], axis=-1)[..., ::-1]
    return stretched


def intervals(quantile_levels: Sequence[float]) -> list[float]:
    """The coverage [P] of the central intervals that the levels make, innermost first."""
    above = len(quantile_levels) // 2 + 1
    return [high - low for high, low in zip(quantile_levels[above:], quantile_levels[above - 2 :: -1], strict=True)]


def reaches(quantiles: Array, actual: Array, quantile_levels: Sequence[float]) -> Array:
    """How far what happened lies from the median, in half-widths [N, H, P], of P central intervals, innermost first.

    An interval covers where its reach is at most 1. quantiles [N, H, Q]; actual [N, H], where it is NaN so is the
    reach.
    """
    middle = list(quantile_levels).index(0.5)
    pairs = zip(range(middle - 1, -1, -1), range(middle + 1, len(quantile_levels)), strict=True)
    growth = np.ones(quantiles.shape[1])
    return np.stack([np.maximum(*_reaches(quantiles, actual, (low, middle, high), growth)) for low, high in pairs], -1)


def _own_leads(horizon: int) -> tuple[int, ...]:
    """Up to MOST_LEADS leads, evenly spread in their logarithms, the first step and the last among them."""
    spread = np.exp(np.linspace(0, math.log(horizon), MOST_LEADS)).round().astype(int)
    return tuple(sorted(set(spread.tolist())))


def _growth(quantiles: Array, actual: Array, levels: Sequence[float], independent: float) -> Array:
    """What all widths [H] have to grow by with the lead, 1 in the geometric mean: a power of it, shrunk to the usual.

    A line through the logarithms of the mean reach at each lead, that of the interval whose coverage is next to 80 %.
    """
    middle, horizon = list(levels).index(0.5), quantiles.shape[1]
    high = min(range(middle + 1, len(levels)), key=lambda i: abs(levels[i] - 0.9))
    reach = np.maximum(*_reaches(quantiles, actual, (2 * middle - high, middle, high), np.ones(horizon)))
    seen = ~np.isnan(reach)
    mean = np.where(seen, np.minimum(reach, _LARGEST_REACH), 0.0).sum(0) / np.maximum(seen.sum(0), 1)
    told = mean > 0
    lead = np.log(np.arange(1, horizon + 1))
    power = _USUAL_GROWTH
    if told.sum() > 2:
        # Later leads lie closer together in the logarithm, and so count less.
        found = np.polyfit(lead[told], np.log(mean[told]), 1, w=np.exp(-lead[told] / 4))[0]
        power += independent / (independent + _GROWTH_WINDOWS) * (found - power)
    power = min(max(power, _SLOWEST_GROWTH), _FASTEST_GROWTH)
    growth: Array = np.exp(power * (lead - lead.mean()))
    return growth


def _reaches(quantiles: Array, actual: Array, columns: tuple[int, int, int], growth: Array) -> tuple[Array, Array]:
    """By how many half-widths [N, H] of an interval (low, median, high) the actual lies below and above the median.

    Zero on the other side. Where there is no width, an error reaches infinitely far.
    """
    low, median, high = (quantiles[..., column] for column in columns)
    error = actual - median
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(error >= 0, 0.0, -error / ((median - low) * growth))
        above = np.where(error <= 0, 0.0, error / ((high - median) * growth))
    missing = np.isnan(actual)
    below[missing] = above[missing] = np.nan
    return below, above


def _needed(reach: Array, coverage: float, otherwise: float) -> float:
    """The logarithm, within bounds, of the smallest factor that covers the conformal share of the reaches."""
    known = reach[~np.isnan(reach)]
    if not len(known):
        return otherwise
    # Rounding in the difference of two levels must not cost a whole rank.
    rank = min(math.ceil((len(known) + 1) * coverage - 1e-9), len(known))
    return math.log(min(max(float(np.partition(known, rank - 1)[rank - 1]), NARROWEST), WIDEST))


def _student_to_normal(level: float, freedom: float) -> float:
    """The quantile of Student's t at a level above a half by that of the normal distribution.

    The expansion in powers of 1 / freedom of Abramowitz & Stegun 26.7.5: within 1 % from 4 degrees of freedom on for
    levels up to 0.975.
    """
    z = NormalDist().inv_cdf(level)
    terms = (
        (z**2 + 1) / 4,
        (5 * z**4 + 16 * z**2 + 3) / 96,
        (3 * z**6 + 19 * z**4 + 17 * z**2 - 15) / 384,
    )
    return 1 + sum(term / freedom**power for power, term in enumerate(terms, start=1))
