"""Panels for tests: regular daily ones around given values."""

from dataclasses import replace

import numpy as np

from forecast.calendars import Calendar
from forecast.panel import Columns, Covariate, Panel, Series

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


def uneven_wave(length, seed=0):
    """A wave of 9.7 days that no season of whole days can follow: training always finds something to add."""
    steps = np.arange(length)
    return 100 + 8 * np.sin(2 * np.pi * steps / 9.7) + 0.3 * np.random.default_rng(seed).normal(size=length)


def driven(values, rows, names=("promo",), role="future", static=(), categories=()):
    """A panel of one daily series with covariates: rows [T + E, C], one name for each column, and static ones."""
    panel = daily(values)
    covariates = tuple(Covariate(name, role, tuple(categories)) for name in names)
    fixed = tuple(Covariate(f"fixed{i}", "static") for i in range(len(static)))
    series = replace(panel.series[0], covariates=np.asarray(rows, float), static=np.asarray(static, float))
    return replace(panel, series=(series,), covariates=(*covariates, *fixed))


def promoted(length, effect=5.0, ahead=14, seed=0):
    """A weekly wave that a promotion on one day in six lifts by `effect`, the promotions known some days ahead."""
    promo = (np.random.default_rng(seed + 1).random(length + ahead) < 1 / 6).astype(float)
    return driven(weekly_wave(length, seed) + effect * promo[:length], promo[:, None])
