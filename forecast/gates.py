"""Gates: whether fresh data and a model are good enough to forecast from, in sentences on what is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import future_timestamps
from forecast.durations import in_words, seconds_in
from forecast.evaluation import NAMES, Evaluation
from forecast.jobs import Gates
from forecast.panel import Panel, Series
from forecast.timeformat import format_times, has_clock

Values = NDArray[np.float64]

#: Items that are named of those that fail a check.
_MOST_NAMED = 3
_DAY = np.timedelta64(1, "D")


def newest(panel: Panel) -> datetime:
    """The moment until when the panel says what happened: its newest row, or the end of that day where no hour is told.

    Times without a zone are taken for UTC, wherever this machine stands.
    """
    last = panel.last.astype("datetime64[us]")
    if not has_clock(panel.columns.time_format):
        last = last.astype("datetime64[D]") + _DAY
    moment: datetime = last.astype("datetime64[us]").astype(datetime)
    return moment.replace(tzinfo=timezone.utc)


def too_old(gates: Gates, until: datetime, now: datetime) -> tuple[str, ...]:
    """A sentence where the newest row is older than max_age."""
    if gates.max_age is None:
        return ()
    age = (now - until).total_seconds()
    if age <= seconds_in(gates.max_age):
        return ()
    # The last day of a file of dates, rather than the midnight after it.
    shown = until - timedelta(microseconds=1)
    text = shown.strftime("%Y-%m-%d" if until.time() == datetime.min.time() else "%Y-%m-%d %H:%M")
    return (f"the newest row is of {text}, {in_words(age)} old, and max_age is {gates.max_age}",)


def not_as_wanted(gates: Gates, panel: Panel, horizon: int) -> tuple[str, ...]:
    """A sentence for each check of the newest values that fails, with the items and the first time.

    The newest are those of the last `horizon` steps up to the newest row of the panel; a series that ended before it
    lacks the steps since. A run of equal values is looked at in full.
    """
    checks: list[Callable[[Series], str | None]] = []
    if gates.min_complete is not None:
        least, steps = gates.min_complete, _steps_since(panel, horizon)
        checks.append(lambda s: _incomplete(panel, s, horizon, steps[id(s)], least))
    if gates.max_flat is not None:
        most = gates.max_flat
        checks.append(lambda s: _flat(panel, s, most))
    if not panel.states and (gates.min_value is not None or gates.max_value is not None):
        low = -math.inf if gates.min_value is None else gates.min_value
        high = math.inf if gates.max_value is None else gates.max_value
        checks.append(lambda s: _outside(panel, s, horizon, low, high))
    said = []
    for check in checks:
        found = [text for text in map(check, panel.series) if text is not None]
        more = len(found) - _MOST_NAMED
        said += found[:_MOST_NAMED] + ([f"and so {'is' if more == 1 else 'are'} {more:,} more"] if more > 0 else [])
    return tuple(said)


def without_skill(gates: Gates, evaluation: Evaluation) -> tuple[str, ...]:
    """A sentence where the model's error on held-out windows is not below require_skill times that of seasonal naive.

    Without a season that is naive, and of states the base rate.
    """
    if gates.require_skill is None:
        return ()
    others = evaluation.scores[1:]
    reference = next((score for score in others if "seasonal" in score.name), others[0])
    own, other = (score.metrics[evaluation.deciding] for score in (evaluation.scores[0], reference))
    ratio = own / other if other else math.inf * own if own else 1.0
    if ratio < gates.require_skill:
        return ()
    name = NAMES[evaluation.deciding]
    if math.isnan(ratio):
        return (f"the held-out windows do not say how the model does beside {reference.name}",)
    found = f"{name} {own:.3g} is {ratio:.3g} times that of {reference.name}"
    return (f"the model's {found}, and require_skill is {gates.require_skill:g}",)


def _steps_since(panel: Panel, horizon: int) -> dict[int, int]:
    """By the identity of each series, how many steps of its calendar lie after its end until the panel's; at most H."""
    last, found, known = panel.last, {}, dict[np.datetime64, int]()
    for s in panel.series:
        end = s.timestamps[-1]
        if end not in known:
            known[end] = int((future_timestamps(panel.calendar, end, horizon) <= last).sum()) if end < last else 0
        found[id(s)] = known[end]
    return found


def _incomplete(panel: Panel, s: Series, horizon: int, absent: int, least: float) -> str | None:
    values = s.values[len(s) - min(len(s), horizon - absent) :] if absent < horizon else s.values[:0]
    expected = len(values) + absent
    share = float((~np.isnan(values)).sum()) / expected
    if share >= least:
        return None
    since = f", none since {_when(panel, s, len(s) - 1)}" if absent else ""
    return f"{s.name}: {share:.0%} of the last {expected:,} steps have a value{since}, and min_complete is {least:.0%}"


def _flat(panel: Panel, s: Series, most: int) -> str | None:
    observed = np.flatnonzero(~np.isnan(s.values))
    other = np.flatnonzero(s.values[observed] != s.values[observed[-1]])
    first = int(other[-1]) + 1 if len(other) else 0
    count = len(observed) - first
    if count <= most:
        return None
    value = panel.states[int(s.values[observed[-1]])] if panel.states else f"{s.values[observed[-1]]:.12g}"
    return (
        f"{s.name}: {value} {count:,} times in a row since {_when(panel, s, observed[first])}, and max_flat is {most}"
    )


def _outside(panel: Panel, s: Series, horizon: int, low: float, high: float) -> str | None:
    begin = max(0, len(s) - horizon)
    wrong = begin + np.flatnonzero((s.values[begin:] < low) | (s.values[begin:] > high))
    if not len(wrong):
        return None
    value = s.values[wrong[0]]
    bound = f"below min_value {low:.12g}" if value < low else f"above max_value {high:.12g}"
    return f"{s.name}: {value:.12g} of {_when(panel, s, wrong[0])} is {bound}"


def _when(panel: Panel, s: Series, step: int | np.intp) -> str:
    stamps: Sequence[str] = format_times(
        s.timestamps[int(step) : int(step) + 1], panel.columns.time_format, panel.columns.timezone
    )
    return stamps[0]
