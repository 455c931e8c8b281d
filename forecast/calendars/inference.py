"""Inference: the calendar that all time columns of a file together follow, with the evidence in one sentence.

Absent rows are expected; a row that no calendar explains is an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.calendars.calendar import (
    BUSINESS_DAYS,
    DAY_NAMES,
    EVERY_DAY,
    LAST_DAY,
    UNITS,
    WEEKDAYS,
    Calendar,
    Step,
    describe,
    month_freq,
    tick_freq,
    weekmask_name,
)
from forecast.calendars.clocks import spring_zone
from forecast.calendars.exchanges import best_match, without_outages
from forecast.calendars.grids import first_off_calendar, text_of
from forecast.calendars.options import Asked, read_options
from forecast.errors import DataError

Timestamps = NDArray[np.datetime64]
Days = NDArray[np.datetime64]

_DAY = UNITS["D"]
#: Below this share of steps that have a row, a step says nothing about a file.
_ENOUGH = 0.5


def infer_calendar(
    columns: Sequence[Timestamps],
    *,
    freq: str | None = None,
    calendar: str | None = None,
    price_like: bool = False,
) -> tuple[Calendar, str]:
    """The calendar of all the columns (each sorted and unique), and the evidence for it in one sentence.

    freq and calendar are what --freq and --calendar say. price_like says that the file has open, high, low and close
    columns: between equally good calendars, an exchange's then wins. Raises ConfigError for an option that means
    nothing, DataError where the rows are irregular or contradict an option; every row is on the returned calendar.
    """
    asked = read_options(freq, calendar)
    columns = [column.astype("datetime64[us]") for column in columns if len(column)]
    if not columns:
        raise DataError("no timestamps: a calendar needs at least two rows")
    if asked.step is None:
        found, evidence = _learnt(columns, price_like)
    else:
        found, evidence = _asked_for(asked, asked.step, columns, price_like)
    for column in columns:
        off = first_off_calendar(found, column)
        if off is not None:
            raise DataError(
                f"{text_of(off)} is not on the calendar asked for: {describe(found)}",
                hint="leave --freq and --calendar out and the rows decide",
            )
    return found, evidence


def _learnt(columns: list[Timestamps], price_like: bool) -> tuple[Calendar, str]:
    moments = _spacing([column.astype(np.int64) for column in columns])
    if moments.step == 0:
        raise DataError("every series has a single row: the step between rows cannot be seen", hint="--freq D")
    if moments.step % _DAY:
        return _ticks(columns, moments.step, _regular(columns, moments))
    dates = [column.astype("datetime64[D]") for column in columns]
    every_date = np.concatenate(dates)
    if day := _day_of_month(every_date):
        months = _spacing([date.astype("datetime64[M]").astype(np.int64) for date in dates])
        found = _months(Step(months.step, "M", None, day), dates)
        if not months.dominant:
            raise _irregular(
                f"only {months.rows:,} of {months.steps:,} steps have a row ({describe(found)})", found.freq
            )
        return found, f"{describe(found)}: {months.sentence}"
    days = _spacing([date.astype(np.int64) for date in dates])
    if days.step == 1:
        return _days(np.unique(every_date), price_like)
    sentence = _regular(columns, moments)
    found = _weeks(days.step // 7, every_date) if days.step % 7 == 0 else Calendar(tick_freq(moments.step))
    return found, f"{describe(found)}: {sentence}"


def _asked_for(asked: Asked, step: Step, columns: list[Timestamps], price_like: bool) -> tuple[Calendar, str]:
    dates = [column.astype("datetime64[D]") for column in columns]
    if step.unit == "M":
        every_date = np.concatenate(dates)
        # The commonest day, when there is no rule: the first row off it is then the one to report.
        day = step.day or _day_of_month(every_date) or int(np.bincount(_days_of_month(every_date)).argmax())
        found = _months(step._replace(day=day), dates)
    elif step.unit == "W":
        found = _weeks(step.n, np.concatenate(dates), step.anchor)
    elif asked.exchange:
        found = Calendar("D", exchange=asked.exchange)
    elif asked.weekmask:
        found = Calendar("D", weekmask=asked.weekmask)
    elif step.microseconds == _DAY:
        return _days(np.unique(np.concatenate(dates)), price_like, daily=True)
    else:
        return _ticks(columns, step.microseconds, "as asked for")
    return found, f"{describe(found)}: as asked for"


def _ticks(columns: list[Timestamps], step: int, sentence: str) -> tuple[Calendar, str]:
    found = Calendar(tick_freq(step))
    zone = spring_zone(columns, np.timedelta64(step, "us")) if step <= UNITS["h"] else None
    if zone is None:
        return found, f"{describe(found)}: {sentence}"
    found = replace(found, zone=zone.zone, label=zone.label)
    clocks = f"the hour that these clocks skip has no row in {zone.holes} springs"
    ends = ", when a row is named by the end of its step" if zone.label == "end" else ""
    return found, f"{describe(found)}: {sentence}, and {clocks}{ends}"


def _months(step: Step, dates: list[Days]) -> Calendar:
    """The calendar of a step in months; its anchor is the months that the rows have, unless they differ by series."""
    anchors = {int(date[0].astype("datetime64[M]").astype(int)) % step.n for date in dates}
    anchor = anchors.pop() if step.anchor is None and len(anchors) == 1 else step.anchor
    freq = month_freq(step.n, anchor, end=step.day == LAST_DAY)
    return Calendar(freq, day=0 if step.day in (1, LAST_DAY) else step.day)


def _weeks(n: int, dates: Days, anchor: int | None = None) -> Calendar:
    """The calendar of n weeks on the rows' weekday; one without a weekday when learnt from series that differ in it."""
    weekdays = np.bincount(_weekdays(dates), minlength=7)
    weekday = int(weekdays.argmax()) if anchor is None else anchor
    if anchor is None and np.count_nonzero(weekdays) > 1:
        return Calendar(f"{7 * n}D")
    return Calendar(f"{n if n > 1 else ''}W-{WEEKDAYS[weekday]}")


def _days(days: Days, price_like: bool, *, daily: bool = False) -> tuple[Calendar, str]:
    """The calendar of daily rows, all series in one: every day, some weekdays, or the sessions of an exchange.

    daily says that the user named the step, so that absent days are no objection.
    """
    weekmask, stray = _weekmask(days)
    if weekmask == EVERY_DAY or weekmask.count("1") < (2 if daily else 1):
        spacing = _spacing([days.astype(np.int64)])
        if not (spacing.dominant or daily):
            raise _irregular(f"only {spacing.rows:,} of {spacing.steps:,} days have a row", "D")
        return Calendar("D"), f"daily: {spacing.sentence}"
    weekdays = np.arange(days[0], days[-1] + 1)
    weekdays = without_outages(weekdays[np.is_busday(weekdays, weekmask=weekmask)], days)
    absent = len(np.setdiff1d(weekdays, days))
    if len(weekdays) - absent < 0.75 * len(weekdays) and not daily:
        raise _irregular(f"only {len(weekdays) - absent:,} of {len(weekdays):,} possible days have a row", "D")
    if explained := _exchange(days, weekmask, absent + len(stray), price_like):
        return explained
    name = weekmask_name(weekmask)
    if len(stray):
        raise DataError(
            f"{stray[0]} is a {DAY_NAMES[_weekdays(stray)[0]]}, a day that hardly any row has: all others are {name}",
            hint="correct the row, or --calendar daily when the days without a row are missing values",
        )
    if absent > 0.05 * len(weekdays):
        raise DataError(
            f"{absent:,} of {len(weekdays):,} days {name} have no row, and no exchange's holidays explain them",
            hint=f"--calendar {'B' if weekmask == BUSINESS_DAYS else name.replace(' ', '').lower()}",
        )
    found = Calendar("D", weekmask=weekmask)
    plain = f"all {len(weekdays):,} have a row, holidays included"
    missing = f"{len(days):,} of {len(weekdays):,} have a row, and no exchange's holidays explain the others"
    return found, f"{describe(found)}: {missing if absent else plain}"


def _exchange(days: Days, weekmask: str, absent: int, price_like: bool) -> tuple[Calendar, str] | None:
    """The exchange that explains which days have a row, or None."""
    years = int((days[-1] - days[0]).astype(int)) // 366
    # Every exchange trades on five days of the week, Monday to Thursday among them, and has a holiday in every year.
    if weekmask[:4] != "1111" or weekmask.count("1") != 5 or absent < years:
        return None
    match = best_match(days, weekmask, absent, price_like=price_like)
    if match is None:
        return None
    rows = (
        f"{len(days):,} rows {'are all among' if len(days) < match.sessions else 'match'} {match.sessions:,} sessions"
    )
    holidays = f"{match.holidays:,} weekday holidays explained" if match.holidays else "no holiday among them"
    tie = f", a tie with {', '.join(match.ties)}" if match.ties else ""
    return Calendar("D", exchange=match.code), f"exchange sessions {match.code}: {rows}, {holidays}{tie}"


def _weekmask(days: Days) -> tuple[str, Days]:
    """The weekdays that rows have, and the few rows on weekdays that hardly any row has."""
    weekdays = _weekdays(days)
    present = np.bincount(weekdays, minlength=7)
    possible = np.bincount(_weekdays(np.arange(days[0], days[-1] + 1)), minlength=7)
    rare = present < 0.05 * possible
    # A weekend skipped once is a weekend; any other weekday must be skipped for weeks to count.
    weekend = np.flatnonzero(rare).tolist() in ([5, 6], [4, 5], [5], [6])
    off = rare & ((possible >= 4) | weekend)
    return "".join("0" if gone else "1" for gone in off), days[off[weekdays]]


class _Spacing(NamedTuple):
    """How rows are spaced: the step that divides every difference, and how much of the range it fills."""

    step: int
    rows: int
    steps: int
    single: int

    @property
    def dominant(self) -> bool:
        """Whether most differences are one step, and most steps have a row."""
        return self.single >= _ENOUGH * (self.rows - 1) and self.rows >= _ENOUGH * self.steps

    @property
    def sentence(self) -> str:
        """The evidence for the step."""
        if self.rows == self.steps:
            return f"all {self.rows:,} steps have a row"
        return f"{self.rows:,} of {self.steps:,} steps have a row"


def _spacing(columns: list[NDArray[np.int64]]) -> _Spacing:
    """The spacing of positions [T] per series; series in one phase count as one, so what one lacks another fills."""
    differences = [np.diff(column) for column in columns]
    step = int(np.gcd.reduce(np.concatenate(differences))) if any(map(len, differences)) else 0
    if step and len({int(column[0]) % step for column in columns}) == 1:
        differences = [np.diff(np.unique(np.concatenate(columns)))]
    rows = sum(len(d) + 1 for d in differences)
    steps = sum(int(d.sum()) // max(step, 1) + 1 for d in differences)
    return _Spacing(step, rows, steps, sum(int((d == step).sum()) for d in differences))


def _regular(columns: list[Timestamps], spacing: _Spacing) -> str:
    """The evidence for the spacing, or a DataError that names the first row which spoils a longer step."""
    if spacing.dominant:
        return spacing.sentence
    differences = np.concatenate([np.diff(column) for column in columns]).astype(np.int64)
    lengths, counts = np.unique(differences, return_counts=True)
    usual = int(lengths[counts.argmax()])
    name = describe(Calendar(tick_freq(usual)))
    if usual == spacing.step:
        raise _irregular(f"only {spacing.rows:,} of {spacing.steps:,} steps have a row ({name})", tick_freq(usual))
    odd = np.concatenate([column[1:][np.diff(column).astype(np.int64) % usual > 0] for column in columns])
    message = f"the rows are irregular: {text_of(odd[0])} does not follow {name}, as most of them do"
    if spacing.steps > 20 * spacing.rows:
        raise DataError(message, hint="correct that row, or bring the rows to one step and name it, such as --freq h")
    raise _irregular(message, tick_freq(spacing.step))


def _irregular(message: str, freq: str) -> DataError:
    return DataError(message, hint=f"--freq {freq} takes the steps between the rows as missing values")


def _day_of_month(days: Days) -> int:
    """The day of its month that every day is, or the last of a shorter month; LAST_DAY when all are last; else 0."""
    months = days.astype("datetime64[M]")
    lengths = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
    numbers = _days_of_month(days)
    if (numbers == lengths).all():
        return LAST_DAY
    return int(numbers.max()) if (numbers == np.minimum(numbers.max(), lengths)).all() else 0


def _days_of_month(days: Days) -> NDArray[np.int64]:
    return np.asarray((days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1)


def _weekdays(days: Days) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday."""
    return np.asarray((days.astype("datetime64[D]").astype(np.int64) + 3) % 7)
