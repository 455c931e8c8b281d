"""How good a forecast was: pure functions of arrays, lower is better unless said otherwise. Knows no file and no model.

Steps whose actual value is missing (NaN) are left out; a NaN forecast is not, so it shows. A metric that is undefined
for the data (nothing observed, a constant history) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Metric = Callable[[Values, Values, Values, int], float]


def mae(actual: Values, forecast: Values) -> float:
    """Mean absolute error, in the unit of the data."""
    return _mean(np.abs(_errors(actual, forecast)))


def rmse(actual: Values, forecast: Values) -> float:
    """Root mean squared error, in the unit of the data."""
    return float(np.sqrt(_mean(_errors(actual, forecast) ** 2)))


def smape(actual: Values, forecast: Values) -> float:
    """Symmetric mean absolute percentage error, 0 to 200, as the M4 competition has it; 0 where both are 0."""
    observed = ~np.isnan(actual)
    size = (np.abs(actual) + np.abs(forecast))[observed]
    return _mean(200 * np.abs(_errors(actual, forecast)) / np.where(size == 0, 1, size))


def wape(actual: Values, forecast: Values) -> float:
    """Sum of absolute errors as a fraction of the sum of absolute actual values; NaN when all of those are 0."""
    return _ratio(np.abs(_errors(actual, forecast)).sum(), np.nansum(np.abs(actual)))


def mase(actual: Values, forecast: Values, history: Values, season_length: int) -> float:
    """Mean absolute error over that of one-season-back in the history [T]: below 1 is better than that.

    Hyndman & Koehler (2006), Another look at measures of forecast accuracy. NaN when the history is shorter than a
    season or repeats itself exactly.
    """
    return _ratio(mae(actual, forecast), seasonal_scale(history, season_length))


def seasonal_scale(history: Values, season_length: int) -> float:
    """What `mase` divides by: the mean absolute change over one season in the history [T]."""
    return _mean(np.abs(_seasonal_changes(history, season_length)))


def rmsse(actual: Values, forecast: Values, history: Values, season_length: int) -> float:
    """Root mean squared error over that of one-season-back in the history [T]; NaN where `mase` is."""
    changes = _seasonal_changes(history, season_length)
    return _ratio(rmse(actual, forecast), float(np.sqrt(_mean(changes**2))))


def wql(actual: Values, quantiles: Values, quantile_levels: Sequence[float]) -> float:
    """Weighted quantile loss of quantiles [H, Q] against actual [H]: for the median alone it equals `wape`.

    Twice the sum of pinball losses over the sum of absolute actual values, averaged over the levels
    (Rangapuram et al. 2021, End-to-end learning of coherent probabilistic forecasts).
    """
    observed = ~np.isnan(actual)
    error = actual[observed, None] - quantiles[observed]
    levels = np.asarray(quantile_levels)
    pinball = np.maximum(levels * error, (levels - 1) * error)
    return _ratio(2 * pinball.sum() / len(levels), np.abs(actual[observed]).sum())


def coverage(actual: Values, low: Values, high: Values) -> float:
    """The fraction of actual values inside [low, high]; best when it equals the interval's level."""
    observed = ~np.isnan(actual)
    actual, low, high = actual[observed], low[observed], high[observed]
    # A NaN bound must show as NaN, not as a miss: comparisons with it are False.
    unknown = np.isnan(low) | np.isnan(high)
    return _mean(np.where(unknown, np.nan, (low <= actual) & (actual <= high)))


def width(low: Values, high: Values) -> float:
    """Mean width of an interval, in the unit of the data: of two with the right coverage, the narrower is better."""
    return _mean(high - low)


def _regardless_of_history(metric: Callable[[Values, Values], float]) -> Metric:
    return lambda actual, forecast, *_: metric(actual, forecast)


#: Metrics of a point forecast, all called as (actual [H], forecast [H], history [T], season_length).
METRICS: dict[str, Metric] = {
    "mae": _regardless_of_history(mae),
    "rmse": _regardless_of_history(rmse),
    "smape": _regardless_of_history(smape),
    "wape": _regardless_of_history(wape),
    "mase": mase,
    "rmsse": rmsse,
}


def _errors(actual: Values, forecast: Values) -> Values:
    return (actual - forecast)[~np.isnan(actual)]


def _mean(values: Values) -> float:
    # np.mean of nothing warns; here it is a legitimate "undefined".
    return float(values.mean()) if values.size else float("nan")


def _ratio(error: float, scale: float) -> float:
    return float(error / scale) if scale > 0 else float("nan")


def _seasonal_changes(history: Values, season_length: int) -> Values:
    """Changes over one season between observed values; rounding noise of an exact repetition counts as no change."""
    changes = history[season_length:] - history[:-season_length]
    changes = changes[~np.isnan(changes)]
    # A computed sine differs from itself one period later by an ulp: divided by that, any error would look infinite.
    noise = 1e-12 * np.nanmax(np.abs(history), initial=0.0)
    return np.where(np.abs(changes) > noise, changes, 0.0)
