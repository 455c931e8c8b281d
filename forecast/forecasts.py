"""Forecast: item × timestamp × quantile level. What a Forecaster or a baseline returns; it never touches a disk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Columns


@dataclass(frozen=True)
class ItemForecast:
    """One target of one item: timestamps [H] datetime64[us], quantiles [H, Q] float64, ascending along Q."""

    item_id: tuple[str, ...]
    target: str
    timestamps: NDArray[np.datetime64]
    quantiles: NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """Forecasts of every item at ascending quantile_levels (Q of them, 0.5 among them), with the user's column names."""

    items: tuple[ItemForecast, ...]
    quantile_levels: tuple[float, ...]
    columns: Columns
    source: str = "model"
