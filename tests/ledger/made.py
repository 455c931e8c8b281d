"""Panels and forecasts of days that tests of the ledger record, small enough to check by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from forecast.calendars import Calendar
from forecast.forecasts import Forecast, ItemForecast
from forecast.panel import Columns, Panel, Series

COLUMNS = Columns("date", ("sales",), ids=("shop",))
#: A median with the 80 % interval.
LEVELS = (0.1, 0.5, 0.9)


def days(first: str, count: int) -> np.ndarray:
    """So many days from the first."""
    return np.datetime64(first, "us") + np.arange(count) * np.timedelta64(1, "D")


def panel(values: Mapping[str, Sequence[float]], first: str = "2024-01-01") -> Panel:
    """A panel of shops, all from the same day on."""
    series = tuple(
        Series((shop,), "sales", days(first, len(own)), np.array(own, dtype=float)) for shop, own in values.items()
    )
    return Panel(series, Calendar("D"), COLUMNS)


def forecast(
    past: Panel, medians: Mapping[str, Sequence[float]], *, width: float = 1.0, source: str = "model"
) -> Forecast:
    """What is forecast for the days after a panel: medians, and an 80 % interval so wide on either side."""
    items = []
    for series in past.series:
        own = np.array(medians[series.item_id[0]], dtype=float)
        stamps = series.timestamps[-1] + np.arange(1, len(own) + 1) * np.timedelta64(1, "D")
        items.append(ItemForecast(series.item_id, "sales", stamps, own[:, None] + np.array([-width, 0, width])))
    return Forecast(tuple(items), LEVELS, past.columns, source)
