"""Panels for tests: regular daily ones around given values."""

import numpy as np

from forecast.calendars import Calendar
from forecast.panel import Columns, Panel, Series

DAY = np.timedelta64(86_400_000_000, "us")


def daily(*values, start="2020-01-01"):
    """A panel of daily series that all begin on the same day; one series has no id, several are a, b and so on."""
    series = []
    for i, v in enumerate(values):
        v = np.asarray(v, float)
        timestamps = np.datetime64(start, "us") + np.arange(len(v)) * DAY
        series.append(Series((chr(ord("a") + i),) if len(values) > 1 else (), "y", timestamps, v))
    ids = ("shop",) if len(values) > 1 else ()
    return Panel(tuple(series), Calendar("D"), Columns("day", ("y",), ids))


def weekly_wave(length, seed=0):
    """A week's pattern on a slow random walk with noise: something to learn for a network."""
    rng = np.random.default_rng(seed)
    week = np.tile([0.0, 3, 5, 4, 2, -8, -6], length // 7 + 1)[:length]
    return 100 + week + np.cumsum(0.3 * rng.normal(size=length)) + rng.normal(size=length)
