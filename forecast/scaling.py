"""Scaling: from a series' own units to the network's and exactly back; fitted on history only, kept as two numbers.

Every rule is affine, (x - center) / scale; `log` takes logarithms first, and `mixed` does so where the series is better
seen in them. Nothing here is ever pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.errors import DataError

Array = NDArray[np.float64]

#: Steps to each side that make the neighbourhood of a value where no season is known: a year of months, half a day.
_HALF_NEIGHBOURHOOD = 12
#: Standard deviations below the median that are not yet an outlier in logarithms.
_FARTHEST_DOWN = 4.0


@dataclass(frozen=True)
class Scaling:
    """What one series is shifted and divided by, after a logarithm when `log` is true."""

    center: float
    scale: float
    log: bool = False

    def transform(self, values: Array) -> Array:
        """Values of any shape in the network's units; NaN stays NaN.

        Raises DataError when a logarithm is asked of a value that is not positive.
        """
        if self.log:
            values = _logarithm(values)
        return (values - self.center) / self.scale

    def transform_outcomes(self, values: Array) -> Array:
        """Values that came after those it was fitted to; one without a logarithm lies infinitely far below."""
        if not self.log:
            return self.transform(values)
        with np.errstate(divide="ignore"):
            return (np.log(np.maximum(values, 0.0)) - self.center) / self.scale

    def inverse(self, values: Array) -> Array:
        """What transform undid: values of any shape in the series' own units."""
        values = values * self.scale + self.center
        return np.exp(values) if self.log else values


def fit_scaling(values: Array, rule: str, later: Array | None = None) -> Scaling:
    """The Scaling that `rule` (a key of SCALERS) gives the observed values of one series [T].

    later are values that it has to transform besides: `mixed` takes logarithms only where they have some, too. A
    constant series gets scale 1, so that it maps to zeros and never to NaN. The rules agree with scikit-learn's
    StandardScaler, RobustScaler, MinMaxScaler and MaxAbsScaler.
    """
    observed = values[~np.isnan(values)]
    positive_later = later is None or not (later <= 0).any()
    log = rule == "log" or (rule == "mixed" and positive_later and prefers_log(values))
    if log:
        observed = _logarithm(observed)
    center, scale = SCALERS[rule](observed)
    # Rounding alone gives a constant series a tiny spread; dividing by it would blow noise up to size one.
    spread_is_rounding = scale <= 1e-13 * float(np.abs(observed).max())
    return Scaling(float(center), 1.0 if spread_is_rounding else float(scale), log)


def fit_history_scaling(values: Array, rule: str) -> Scaling:
    """The Scaling of one history [T] that a trained network goes on from: `standard` where `log` finds no logarithms.

    Networks see every history in its own units and none of the level, so that one without logarithms can be forecast
    all the same, as it is.
    """
    return fit_scaling(values, "standard" if rule == "log" and lacks_logarithm(values) else rule)


def lacks_logarithm(values: Array) -> bool:
    """Whether an observed value of one series [T] is not positive."""
    return bool((values <= 0).any())


def prefers_log(values: Array, season_length: int = _HALF_NEIGHBOURHOOD) -> bool:
    """Whether one series [T] is better seen in logarithms: all positive, and no value an outlier there.

    Levels, prices and counts far from zero grow by percentages; a count that now and then drops to almost nothing
    turns into huge negative outliers in logarithms. None is one where the lowest logarithm lies within so many standard
    deviations of the middle one, as with quiet nights, or where no value is far below its neighbourhood, a centred
    window of two seasons.
    """
    observed = values[~np.isnan(values)]
    if len(observed) == 0 or observed.min() <= 0:
        return False
    logarithms = np.log(observed)
    if np.median(logarithms) - logarithms.min() <= _FARTHEST_DOWN * logarithms.std():
        return True
    reach = max(season_length, 3)
    padded = np.pad(observed, reach, mode="reflect" if len(observed) > reach else "edge")
    # Neighbourhoods overlap: one median serves a quarter of a season, or memory would grow with the season's length.
    every = max(1, reach // 4)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)[::every], axis=1)
    return bool((observed / np.repeat(medians, every)[: len(observed)]).min() > 0.1)


def _logarithm(values: Array) -> Array:
    if np.nanmin(values, initial=np.inf) <= 0:
        raise DataError(
            f"the value {np.nanmin(values):g} has no logarithm, but this series is scaled in logarithms",
            hint="train with --scaling standard",
        )
    return np.log(values)


def _standard(values: Array) -> tuple[float, float]:
    return float(values.mean()), float(values.std())


def _robust(values: Array) -> tuple[float, float]:
    low, center, high = np.percentile(values, [25, 50, 75])
    return float(center), float(high - low)


def _minmax(values: Array) -> tuple[float, float]:
    return float(values.min()), float(values.max() - values.min())


def _maxabs(values: Array) -> tuple[float, float]:
    return 0.0, float(np.abs(values).max())


def _none(_: Array) -> tuple[float, float]:
    return 0.0, 1.0


SCALERS: dict[str, Callable[[Array], tuple[float, float]]] = {
    "standard": _standard,
    "robust": _robust,
    "minmax": _minmax,
    "maxabs": _maxabs,
    "log": _standard,
    "mixed": _standard,
    "none": _none,
}
