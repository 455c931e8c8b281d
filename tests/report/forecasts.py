"""Forecasts for the tests of charts and pictures: a wave that goes on, between bounds known by hand."""

from statistics import NormalDist

import numpy as np

from forecast.calendars import Calendar
from forecast.config import QUANTILE_LEVELS
from forecast.forecasts import Forecast, ItemForecast
from forecast.panel import Columns, Panel, Series


def straight(history, median, *, spread=0.0, ids=((),), targets=("y",), freq="D"):
    """A panel and its forecast on days from 2020-01-01; items are alike, spread is a standard deviation."""
    n, horizon = len(history), len(median)
    days = (np.datetime64("2020-01-01") + np.arange(n + horizon)).astype("datetime64[us]")
    scores = np.array([NormalDist().inv_cdf(level) for level in QUANTILE_LEVELS])
    quantiles = np.asarray(median, float)[:, None] + spread * scores
    pairs = [(item_id, target) for item_id in ids for target in targets]
    columns = Columns("day", tuple(targets), tuple(f"id{i}" for i in range(len(ids[0]))))
    panel = Panel(tuple(Series(*pair, days[:n], np.asarray(history, float)) for pair in pairs), Calendar(freq), columns)
    items = tuple(ItemForecast(*pair, days[n:], quantiles) for pair in pairs)
    return panel, Forecast(items, QUANTILE_LEVELS, columns)
