"""How good a forecast was: pure functions of arrays, lower is better unless said otherwise. Knows no file and no model.

Each takes one window, actual [H], or many at once, [..., H], and has a figure for each. Steps whose actual value is
missing (NaN) are left out; a NaN forecast is not, so it shows. A metric that is undefined for the data (nothing
observed, a constant history) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Metric = Callable[[Values, Values, Values, int], Values]


def mae(actual: Values, forecast: Values) -> Values:
    """Mean absolute error, in the unit of the data."""
    return _mean(np.abs(actual - forecast), ~np.isnan(actual))


def rmse(actual: Values, forecast: Values) -> Values:
    """Root mean squared error, in the unit of the data."""
    return np.sqrt(_mean((actual - forecast) ** 2, ~np.isnan(actual)))


def smape(actual: Values, forecast: Values) -> Values:
    """Symmetric mean absolute percentage error, 0 to 200, as the M4 competition has it; 0 where both are 0."""
    size = np.abs(actual) + np.abs(forecast)
    return _mean(200 * np.abs(actual - forecast) / np.where(size == 0, 1, size), ~np.isnan(actual))


def wape(actual: Values, forecast: Values) -> Values:
    """Sum of absolute errors as a fraction of the sum of absolute actual values; NaN when all of those are 0."""
    observed = ~np.isnan(actual)
    return ratio(_sum(np.abs(actual - forecast), observed), _sum(np.abs(actual), observed))


def mase(actual: Values, forecast: Values, history: Values, season_length: int) -> Values:
    """Mean absolute error over that of one-season-back in the history [T]: below 1 is better than that.

    Hyndman & Koehler (2006), Another look at measures of forecast accuracy. NaN when the history is shorter than a
    season or repeats itself exactly.
    """
    return ratio(mae(actual, forecast), seasonal_scales(history, season_length)[0])


def rmsse(actual: Values, forecast: Values, history: Values, season_length: int) -> Values:
    """Root mean squared error over that of one-season-back in the history [T]; NaN where `mase` is."""
    return ratio(rmse(actual, forecast), seasonal_scales(history, season_length)[1])


def seasonal_scales(history: Values, season_length: int) -> tuple[float, float]:
    """What `mase` and `rmsse` divide by: errors, absolute and squared, of one-season-back in the history [T]."""
    changes = _seasonal_changes(history, season_length)
    if not changes.size:
        return float("nan"), float("nan")
    return float(np.abs(changes).mean()), float(np.sqrt((changes**2).mean()))


def wql(actual: Values, quantiles: Values, quantile_levels: Sequence[float]) -> Values:
    """Weighted quantile loss of quantiles [..., H, Q] against actual [..., H]: for the median alone it equals `wape`.

    Twice the sum of pinball losses over the sum of absolute actual values, averaged over the levels
    (Rangapuram et al. 2021, End-to-end learning of coherent probabilistic forecasts).
    """
    observed, levels = ~np.isnan(actual), np.asarray(quantile_levels)
    error = actual[..., None] - quantiles
    pinball = np.maximum(levels * error, (levels - 1) * error).sum(axis=-1)
    return ratio(2 * _sum(pinball, observed) / len(levels), _sum(np.abs(actual), observed))


def coverage(actual: Values, low: Values, high: Values) -> Values:
    """The fraction of actual values inside [low, high]; best when it equals the interval's level."""
    # A NaN bound must show as NaN, not as a miss: comparisons with it are False.
    unknown = np.isnan(low) | np.isnan(high)
    return _mean(np.where(unknown, np.nan, (low <= actual) & (actual <= high)), ~np.isnan(actual))


def width(low: Values, high: Values) -> Values:
    """Mean width of an interval, in the unit of the data: of two with the right coverage, the narrower is better."""
    return _mean(high - low, np.ones_like(low, dtype=bool))


def ratio(error: Values, scale: Values | float) -> Values:
    """error / scale; NaN where the scale is not above 0."""
    scale = np.asarray(scale, dtype=np.float64)
    usable = scale > 0
    found: Values = np.where(usable, error / np.where(usable, scale, 1.0), np.nan)[()]
    return found


#: Metrics that need nothing but the window.
ERRORS: dict[str, Callable[[Values, Values], Values]] = {"mae": mae, "rmse": rmse, "smape": smape, "wape": wape}


def _regardless_of_history(metric: Callable[[Values, Values], Values]) -> Metric:
    return lambda actual, forecast, *_: metric(actual, forecast)


#: Metrics of a point forecast, all called as (actual [..., H], forecast [..., H], history [T], season_length).
METRICS: dict[str, Metric] = {
    **{name: _regardless_of_history(metric) for name, metric in ERRORS.items()},
    "mase": mase,
    "rmsse": rmsse,
}


def _sum(values: Values, observed: NDArray[np.bool_]) -> Values:
    total: Values = np.where(observed, values, 0.0).sum(axis=-1)
    return total


def _mean(values: Values, observed: NDArray[np.bool_]) -> Values:
    return ratio(_sum(values, observed), observed.sum(axis=-1))


def _seasonal_changes(history: Values, season_length: int) -> Values:
    """Changes over one season between observed values; rounding noise of an exact repetition counts as no change."""
    changes = history[season_length:] - history[:-season_length]
    changes = changes[~np.isnan(changes)]
    # A computed sine differs from itself one period later by an ulp: divided by that, any error would look infinite.
    noise = 1e-12 * np.nanmax(np.abs(history), initial=0.0)
    return np.where(np.abs(changes) > noise, changes, 0.0)
