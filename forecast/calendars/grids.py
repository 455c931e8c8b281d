"""Grids: the timestamps that a calendar has, between two of its own or after its last one. No data frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast.calendars.calendar import EVERY_DAY, UNITS, Calendar, describe
from forecast.calendars.clocks import skipped
from forecast.calendars.exchanges import sessions
from forecast.errors import DataError

Timestamps = NDArray[np.datetime64]

#: 400 MB of timestamps: a step far too fine for its range, never a series.
_MOST_STEPS = 20_000_000
#: The last year that dates are written in.
_END = np.datetime64("10000", "us")


def grid(calendar: Calendar, first: np.datetime64, last: np.datetime64) -> Timestamps:
    """Every timestamp of the calendar from first to last, both included, datetime64[us].

    Raises DataError when first or last is not on the calendar, or when there are absurdly many between them.
    """
    first, last = _moment(first), _moment(last)
    stamps = _between(calendar, first, last)
    for end, found in ((first, stamps[:1]), (last, stamps[-1:])):
        if not len(found) or found[0] != end:
            raise DataError(f"{text_of(end)} is not on the calendar: {describe(calendar)}")
    return stamps


def future_timestamps(calendar: Calendar, last: np.datetime64, n: int) -> Timestamps:
    """The next n timestamps of the calendar after last, datetime64[us] [n].

    Raises DataError when an exchange's sessions are not known so far ahead, or no year has four digits so far ahead.
    """
    last = _moment(last)
    length, end = _shortest_step(calendar), last
    if n > (_END - last) // length:
        raise DataError(f"{n:,} steps after {text_of(last)} lie beyond the year 9999: {describe(calendar)}")
    stamps = np.zeros(0, dtype="datetime64[us]")
    # From below, so that no more of an exchange's future is asked for than is needed.
    while len(stamps) < n:
        end += (n - len(stamps)) * length
        stamps = _between(calendar, last, end)
        stamps = stamps[stamps > last]
    return stamps[:n]


def first_off_calendar(calendar: Calendar, stamps: Timestamps) -> np.datetime64 | None:
    """The first of the stamps (ascending, not empty) that the calendar does not have; None when it has them all.

    The first stamp sets the phase and the time of day.
    """
    stamps = stamps.astype("datetime64[us]")
    off = ~np.isin(stamps, _between(calendar, stamps[0], stamps[-1]))
    return np.datetime64(stamps[off][0]) if off.any() else None


def text_of(stamp: np.datetime64) -> str:
    """A timestamp as short as it can be written: 2024-01-31, 2024-01-31T13:30."""
    return str(np.datetime_as_string(stamp, unit="auto"))


def _between(calendar: Calendar, first: np.datetime64, last: np.datetime64) -> Timestamps:
    """The calendar's timestamps in [first, last], in phase with first wherever the calendar leaves the phase open."""
    step = calendar.step
    if (last - first) // _shortest_step(calendar) > _MOST_STEPS:
        raise DataError(
            f"more than {_MOST_STEPS:,} steps lie between {text_of(first)} and {text_of(last)}: {describe(calendar)}",
            hint="name a longer step with --freq",
        )
    start, end = first.astype("datetime64[D]"), last.astype("datetime64[D]")
    start_of_day = start.astype("datetime64[us]")
    if step.unit == "M":
        days = _month_days(calendar, start, end)
    elif step.unit == "W":
        assert step.anchor is not None  # freq names the weekday
        # Day 0 of the epoch, 1970-01-01, was a Thursday.
        start += (step.anchor - start.astype(int) - 3) % 7
        days = np.arange(start, end + 1, 7 * step.n)
    elif calendar.exchange:
        years = (moment.astype("datetime64[Y]").astype(int) + 1970 for moment in (start, end))
        days = sessions(calendar.exchange, *years)
    elif calendar.weekmask != EVERY_DAY:
        days = np.arange(start, end + 1)
        days = days[np.is_busday(days, weekmask=calendar.weekmask)]
    else:
        stamps = np.arange(first, last + 1, step.microseconds)
        return stamps[~skipped(stamps, calendar.zone, calendar.label)] if calendar.zone else stamps
    stamps = days.astype("datetime64[us]") + (first - start_of_day)
    return np.asarray(stamps[(stamps >= first) & (stamps <= last)])


def _month_days(calendar: Calendar, start: np.datetime64, end: np.datetime64) -> NDArray[np.datetime64]:
    """One day in each of the calendar's months, from the month of start to that of end, datetime64[D]."""
    step = calendar.step
    first, last = (day.astype("datetime64[M]").astype(int) for day in (start, end))
    if step.anchor is not None:
        first += (step.anchor - first) % step.n
    months = np.arange(first, last + 1, step.n).astype("datetime64[M]")
    days = months.astype("datetime64[D]")
    lengths = (months + 1).astype("datetime64[D]") - days
    return np.asarray(days + np.minimum(lengths, np.timedelta64(step.day, "D")) - 1)


def _shortest_step(calendar: Calendar) -> np.timedelta64:
    """The length of a step; for days that do not all occur, what one takes when no holiday comes between."""
    length = calendar.step.microseconds
    if calendar.freq == "D":
        length = UNITS["D"] * 7 // (5 if calendar.exchange else calendar.weekmask.count("1"))
    return np.timedelta64(length, "us")


def _moment(stamp: np.datetime64) -> np.datetime64:
    return np.datetime64(stamp.astype("datetime64[us]"))
