"""ETS, Theta and ARIMA from statsforecast, called as the baselines are. The library is imported when one is used."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.errors import ConfigError

Values = NDArray[np.float64]

#: What the library raises for a history it cannot do anything with; which of them depends on the method.
_UNUSABLE = (ArithmeticError, IndexError, NotImplementedError, TypeError, ValueError)


def require_statsforecast() -> None:
    """Load statsforecast, which takes seconds. Raises ConfigError, with the line to install it, where it is missing."""
    if find_spec("statsforecast") is None:
        raise ConfigError(
            "ETS, Theta and ARIMA need statsforecast, which is not installed",
            hint="pip install 'forecast[statistics]'",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("statsforecast.models")


def ets(history: Values, season_length: int, horizon: int, quantile_levels: Sequence[float]) -> Values | None:
    """Exponential smoothing, its form chosen by AICc; [H, Q]. Seasons of more than 24 steps are not modelled."""
    return _fitted("AutoETS", history, season_length, horizon, quantile_levels)


def theta(history: Values, season_length: int, horizon: int, quantile_levels: Sequence[float]) -> Values | None:
    """The best of four Theta methods by its error within the history; [H, Q]."""
    return _fitted("AutoTheta", history, season_length, horizon, quantile_levels)


def arima(history: Values, season_length: int, horizon: int, quantile_levels: Sequence[float]) -> Values | None:
    """Seasonal ARIMA, its orders found by a stepwise search; [H, Q]."""
    return _fitted("AutoARIMA", history, season_length, horizon, quantile_levels)


#: Every method, called as a baseline is: (history [T] with NaN where missing, season_length, horizon, quantile_levels).
#: None comes back for a history that the method cannot be fitted to: too short, or constant.
STATISTICAL: dict[str, Callable[[Values, int, int, Sequence[float]], Values | None]] = {
    "ets": ets,
    "theta": theta,
    "arima": arima,
}


def _fitted(
    method: str, history: Values, season_length: int, horizon: int, quantile_levels: Sequence[float]
) -> Values | None:
    models = import_module("statsforecast.models")
    sides = [abs(level - 0.5) * 200 for level in quantile_levels]
    levels = sorted({round(side, 9) for side in sides} - {0.0})
    # The library seeds what it simulates by itself; its warnings are about its own insides.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = getattr(models, method)(season_length=season_length).forecast(
                y=_filled(history), h=horizon, level=levels
            )
        except _UNUSABLE:
            return None
    columns = [_column(found, level, side) for level, side in zip(quantile_levels, sides, strict=True)]
    # Sorted, because some intervals are simulated and may cross by a little; the forecast itself stays in its place.
    quantiles = np.sort(np.stack(columns, axis=1), axis=1)
    return quantiles if np.isfinite(quantiles).all() else None


def _column(found: dict[str, Any], level: float, side: float) -> Values:
    """The quantiles [H] at one level, never on the wrong side of the forecast."""
    centre = np.asarray(found["mean"], dtype=np.float64)
    if level == 0.5:
        return centre
    end = np.asarray(found[f"{'lo' if level < 0.5 else 'hi'}-{round(side, 9)}"], dtype=np.float64)
    return np.minimum(end, centre) if level < 0.5 else np.maximum(end, centre)


def _filled(history: Values) -> Values:
    """The history from its first observed value on, with straight lines over its gaps: the library takes no NaN."""
    observed = np.flatnonzero(~np.isnan(history))
    steps = np.arange(observed[0], len(history))
    filled: Values = np.interp(steps, observed, history[observed])
    return filled
