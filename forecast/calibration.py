"""Calibration: how much wider or narrower each interval must be to cover what it says, learnt from held-out windows.

Split conformal prediction (Vovk, Gammerman & Shafer 2005) with the half-width as the unit of the residual, shrunk
towards no change where there is little to learn from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: As many independent windows as this move a factor half of the way from 1 to what they say.
_HALF_WAY_WINDOWS = 4.0
_NARROWEST, _WIDEST = 0.5, 4.0


def fit_factors(quantiles: Array, actual: Array, quantile_levels: Sequence[float], independent: float) -> list[float]:
    """One factor per quantile level by which its distance from the median is to be multiplied.

    quantiles [N, H, Q] and actual [N, H], NaN where missing, are held-out forecasts and what happened; independent is
    how many of the N windows count as independent (overlapping ones do not). The factor of an interval is the
    smallest that covers the ceil((n + 1) * coverage)-th of the n residuals; the two ends of an interval share it.
    """
    middle = list(quantile_levels).index(0.5)
    observed = ~np.isnan(actual)
    truth, forecast = actual[observed], quantiles[observed]
    factors = [1.0] * len(quantile_levels)
    trust = independent / (independent + _HALF_WAY_WINDOWS)
    for low, high in zip(range(middle - 1, -1, -1), range(middle + 1, len(quantile_levels)), strict=True):
        below, above = forecast[:, middle] - forecast[:, low], forecast[:, high] - forecast[:, middle]
        error = truth - forecast[:, middle]
        reach = np.maximum(_ratio(-error, below), _ratio(error, above))
        if len(reach):
            needed = _conformal_quantile(reach, quantile_levels[high] - quantile_levels[low])
            factor = math.exp(trust * math.log(min(max(needed, _NARROWEST), _WIDEST)))
            factors[low] = factors[high] = factor
    return factors


def apply_factors(quantiles: Array, factors: Sequence[float], quantile_levels: Sequence[float]) -> Array:
    """Quantiles [..., Q] with their distances from the median multiplied; an outer one never inside an inner one."""
    middle = list(quantile_levels).index(0.5)
    median = quantiles[..., middle : middle + 1]
    stretched: Array = median + (quantiles - median) * np.asarray(factors)
    stretched[..., middle:] = np.maximum.accumulate(stretched[..., middle:], axis=-1)
    stretched[..., : middle + 1] = np.minimum.accumulate(stretched[..., middle::-1], axis=-1)[..., ::-1]
    return stretched


def _ratio(error: Array, width: Array) -> Array:
    """error / width, where no width covers no error but does cover none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Array = np.where(error <= 0, 0.0, error / width)
    return ratio


def _conformal_quantile(scores: Array, coverage: float) -> float:
    rank = min(math.ceil((len(scores) + 1) * coverage), len(scores))
    return float(np.partition(scores, rank - 1)[rank - 1])
