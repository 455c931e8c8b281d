"""What a chart or a picture shows of one item: its recent history, and the forecast that follows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import Calendar
from forecast.calendars.calendar import BUSINESS_DAYS
from forecast.forecasts import Forecast
from forecast.panel import Panel, Timestamps, Values

_UNITS = {"D": "day", "h": "hour", "min": "minute", "s": "second", "W": "week"}
_MONTHS = {1: "month", 3: "quarter", 12: "year"}

#: Horizons of history before the cutoff, and steps at least: enough for a season, yet the forecast must not drown.
HORIZONS_SHOWN = 3
STEPS_SHOWN = 48


@dataclass(frozen=True)
class View:
    """One item: history [T] up to the cutoff, then H steps with their median [H] and intervals [H, 2] by level."""

    name: str
    past: Timestamps
    history: Values
    future: Timestamps
    median: Values
    intervals: dict[int, NDArray[np.float64]]


def views(panel: Panel, forecast: Forecast, *, limit: int, levels: tuple[int, ...]) -> list[View]:
    """The first `limit` items of a forecast beside the recent history they continue."""
    history = {(s.item_id, s.target): s for s in panel.series}
    forecast = replace(forecast, items=forecast.items[:limit])
    median = forecast.quantile(0.5)
    bounds = {p: [forecast.quantile((100 + side * p) / 200) for side in (-1, 1)] for p in levels}
    found = []
    for i, item in enumerate(forecast.items):
        series = history[item.item_id, item.target]
        name = f"{series.name} · {item.target}" if item.item_id and len(forecast.columns.targets) > 1 else series.name
        steps = max(HORIZONS_SHOWN * len(item.timestamps), STEPS_SHOWN)
        found.append(
            View(
                # A name from a file must not steer a terminal.
                name="".join(c if c.isprintable() else "�" for c in name),
                past=series.timestamps[-steps:],
                history=series.values[-steps:],
                future=item.timestamps,
                median=median[i],
                intervals={p: np.stack([low[i], high[i]], axis=1) for p, (low, high) in bounds.items()},
            )
        )
    return found


def next_steps(calendar: Calendar, n: int) -> str:
    """What n steps of a calendar are called: next 30 sessions, next 12 months, next 96 steps where there is no word."""
    step = calendar.step
    if calendar.exchange:
        word = "session"
    elif "0" in calendar.weekmask:
        word = "business day" if calendar.weekmask == BUSINESS_DAYS else "working day"
    elif step.unit == "M":
        word = _MONTHS.get(step.n, "step")
    else:
        word = _UNITS.get(step.unit, "step") if step.n == 1 else "step"
    return f"next {n:,} {word}s" if n > 1 else f"next {word}"
