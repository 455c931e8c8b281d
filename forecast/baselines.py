"""Forecasts that need no training: the last value, the last season, the straight line. What a model has to beat.

Intervals are the textbook's, from the changes inside the history: Hyndman & Athanasopoulos, Forecasting: Principles and
Practice, 3rd edition, section 5.5. Missing values are stepped over, and a step over two missing ones counts as three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from forecast.config import QUANTILE_LEVELS, suggest
from forecast.errors import ConfigError
from forecast.statistical import STATISTICAL, require_statsforecast

Values = NDArray[np.float64]
Baseline = Callable[[Values, int, int, Sequence[float]], Values]


def check_baseline(name: str) -> str:
    """The name of a baseline as the tables have it: `seasonal-naive` is `seasonal naive`. Raises ConfigError.

    Those of statsforecast need it to be installed.
    """
    known = [*BASELINES, *STATISTICAL]
    found = name.strip().lower().replace("-", " ").replace("_", " ")
    if found not in known:
        typed = [other.replace(" ", "-") for other in known]
        raise ConfigError(f"unknown baseline {name!r}", hint=suggest(found.replace(" ", "-"), typed))
    if found in STATISTICAL:
        require_statsforecast()
    return found


def forecast_histories(
    name: str,
    histories: Sequence[Values],
    season_length: int,
    horizon: int,
    quantile_levels: Sequence[float] = QUANTILE_LEVELS,
) -> tuple[Values, int]:
    """What the named baseline says follows each of N histories [T], [N, H, Q]; and for how many it had nothing to say.

    For those seasonal naive stands in. Raises ConfigError for an unknown name.
    """
    name = check_baseline(name)
    method = BASELINES.get(name) or STATISTICAL[name]
    found = [method(history, season_length, horizon, quantile_levels) for history in histories]
    stood_in = [
        seasonal_naive(history, season_length, horizon, quantile_levels) if quantiles is None else quantiles
        for history, quantiles in zip(histories, found, strict=True)
    ]
    return np.stack(stood_in), sum(quantiles is None for quantiles in found)


def naive(history: Values, season_length: int, horizon: int, quantile_levels: Sequence[float]) -> Values:
    """The last observed value of history [T], with the spread of a random walk; [H, Q]."""
    return seasonal_naive(history, 1, horizon, quantile_levels)


def seasonal_naive(history: Values, season_length: int, horizon: int, quantile_levels: Sequence[float]) -> Values:
    """The last observed value at each position of the season, with the spread of a seasonal random walk; [H, Q].

    Where the history shows too little of a season, it is `naive`: as a whole when shorter than a season, at a position
    never observed, and in its spread when no value is observed a second time.
    """
    if len(history) < season_length:
        return naive(history, 1, horizon, quantile_levels)
    observed = np.flatnonzero(~np.isnan(history))
    last_seen = np.full(season_length, -1)
    np.maximum.at(last_seen, observed % season_length, observed)
    future = np.arange(len(history), len(history) + horizon)
    source = last_seen[future % season_length]
    seasons = (future - source) // season_length

    spread = _step_spread(history, season_length)
    if np.isnan(spread):
        spread = np.nan_to_num(_step_spread(history, 1))
    quantiles = _normal(history[source], spread * np.sqrt(seasons), quantile_levels)
    never = source < 0
    if never.any():
        quantiles[never] = naive(history, 1, horizon, quantile_levels)[never]
    return quantiles


def drift(history: Values, season_length: int, horizon: int, quantile_levels: Sequence[float]) -> Values:
    """The line through the first and last observed values, with the spread of a random walk with drift; [H, Q]."""
    observed = np.flatnonzero(~np.isnan(history))
    first, last = observed[0], observed[-1]
    if first == last:
        return naive(history, 1, horizon, quantile_levels)
    slope = (history[last] - history[first]) / (last - first)
    gaps = np.diff(observed)
    residuals = (np.diff(history[observed]) - slope * gaps) / np.sqrt(gaps)
    # The slope was estimated from the same changes, which costs one degree of freedom.
    spread = np.sqrt((residuals**2).sum() / max(len(residuals) - 1, 1))
    steps = np.arange(len(history), len(history) + horizon) - last
    return _normal(
        history[last] + slope * steps, spread * np.sqrt(steps * (1 + steps / (last - first))), quantile_levels
    )


#: Every baseline, called as (history [T] with NaN where missing, season_length, horizon, quantile_levels) → [H, Q].
BASELINES: dict[str, Baseline] = {"naive": naive, "seasonal naive": seasonal_naive, "drift": drift}


def _step_spread(history: Values, season_length: int) -> float:
    """The standard deviation of the change over one season, from values at the same position; NaN without a pair."""
    squares: list[Values] = []
    for position in range(min(season_length, len(history))):
        values = history[position::season_length]
        observed = np.flatnonzero(~np.isnan(values))
        squares.append(np.diff(values[observed]) ** 2 / np.diff(observed))
    changes = np.concatenate(squares)
    return float(np.sqrt(changes.mean())) if changes.size else float("nan")


def _normal(centre: Values, spread: Values, quantile_levels: Sequence[float]) -> Values:
    z: Values = np.array([NormalDist().inv_cdf(level) for level in quantile_levels])
    quantiles: Values = centre[:, None] + spread[:, None] * z
    return quantiles
