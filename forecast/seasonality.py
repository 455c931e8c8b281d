"""Seasonality: whether a season that the calendar suggests can be seen in the values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def is_seasonal(values: NDArray[np.float64], season_length: int) -> bool:
    """Whether the changes of one series [T] repeat after a season more than chance would have it, at the 90 % level.

    The autocorrelation of the first differences at the season's lag is held against Bartlett's limit, as the M4
    competition did with the values themselves (Makridakis, Spiliotis & Assimakopoulos 2020). Differences, because a
    trend alone makes every autocorrelation of the values large. Missing values are left out. Never true for a season of
    one step or a series shorter than two seasons.
    """
    changes = np.diff(values)
    known = ~np.isnan(changes)
    if season_length < 2 or known.sum() <= 2 * season_length:
        return False
    changes = np.where(known, changes - changes[known].mean(), 0.0)
    variance = float(changes @ changes)
    if variance == 0:
        return False
    lags = np.arange(1, season_length + 1)
    correlations = np.array([changes[lag:] @ changes[:-lag] for lag in lags]) / variance
    limit = 1.645 * np.sqrt((1 + 2 * float(correlations[:-1] @ correlations[:-1])) / known.sum())
    return bool(correlations[-1] > limit)
