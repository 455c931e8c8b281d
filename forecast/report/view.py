"""What a chart or a picture shows of one item: its recent history, and the forecast that follows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import Calendar
from forecast.calendars.calendar import BUSINESS_DAYS
from forecast.forecasts import Forecast, ItemForecast
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


@dataclass(frozen=True)
class StateView:
    """One item of states: codes [T] up to the cutoff, NaN where missing, then H steps with probabilities [H, C]."""

    name: str
    past: Timestamps
    history: Values
    future: Timestamps
    probabilities: Values

    @property
    def shares(self) -> Values:
        """Each step as shares [T + H, C]: all for the state that was, or the probabilities; NaN where none is known."""
        known = ~np.isnan(self.history)
        was = np.full((len(self.history), self.probabilities.shape[1]), np.nan)
        was[known] = np.eye(was.shape[1])[self.history[known].astype(np.int64)]
        return np.concatenate([was, self.probabilities])


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
        steps = _steps_shown(item)
        found.append(
            View(
                name=printable(name),
                past=series.timestamps[-steps:],
                history=series.values[-steps:],
                future=item.timestamps,
                median=median[i],
                intervals={p: np.stack([low[i], high[i]], axis=1) for p, (low, high) in bounds.items()},
            )
        )
    return found


def state_views(panel: Panel, forecast: Forecast, *, limit: int) -> list[StateView]:
    """The first `limit` items of a forecast of states beside the recent history they continue."""
    history = {(s.item_id, s.target): s for s in panel.series}
    found = []
    for item in forecast.items[:limit]:
        series, steps = history[item.item_id, item.target], _steps_shown(item)
        found.append(
            StateView(
                name=printable(series.name),
                past=series.timestamps[-steps:],
                history=series.values[-steps:],
                future=item.timestamps,
                probabilities=item.probabilities,
            )
        )
    return found


def printable(name: str) -> str:
    """A name from a file, which must not steer a terminal."""
    return "".join(c if c.isprintable() else "�" for c in name)


def _steps_shown(item: ItemForecast) -> int:
    return max(HORIZONS_SHOWN * len(item.timestamps), STEPS_SHOWN)


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
