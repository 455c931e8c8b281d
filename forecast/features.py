"""Features: what the calendar alone tells of a step, such as its time of day or a holiday, as columns of numbers.

A column is a function of the step's own wall-clock time and of its name; it never looks at values or at other steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import Calendar
from forecast.config import suggest
from forecast.errors import ConfigError
from forecast.holidays import HolidayColumn, check_country, first_known_year, parse_column, recurring
from forecast.timezones import to_local

Timestamps = NDArray[np.datetime64]
Values = NDArray[np.float64]
Days = NDArray[np.datetime64]

_DAY = 86_400_000_000
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TWO_YEARS = np.timedelta64(2 * 365, "D")
_NONE = "none"
#: Days from which something is learnt of holidays in general.
_FEWEST_HOLIDAYS = 3


def time_of_day(stamps: Timestamps) -> Values:
    """Four waves of the day, one to four times a day [T, 8]."""
    return _waves(_microseconds(stamps) / _DAY, 4)


def weekend_time_of_day(stamps: Timestamps) -> Values:
    """Saturday and Sunday as one day that differs from the others: 1 on them, and two waves of their day [T, 5]."""
    weekend = (_weekdays(stamps) >= 5).astype(float)[:, None]
    return np.hstack([weekend, weekend * _waves(_microseconds(stamps) / _DAY, 2)])


def weekday(stamps: Timestamps) -> Values:
    """One column for each day of the week, Monday first, 1 on it and 0 on others [T, 7]."""
    return _indicators(_weekdays(stamps), 7)


def day_of_month(stamps: Timestamps) -> Values:
    """Two waves of the month, and 1 on its first and on its last day [T, 6]."""
    days, begun, length = _in_month(stamps)
    return np.column_stack([_waves(begun / length, 2), days == 1, days == length])


def time_of_year(stamps: Timestamps) -> Values:
    """Three waves of the year, one to three times a year [T, 6]."""
    years = stamps.astype("datetime64[Y]")
    start, end = years.astype("datetime64[us]"), (years + 1).astype("datetime64[us]")
    return _waves((stamps - start) / (end - start), 3)


def month(stamps: Timestamps) -> Values:
    """One column for each month, January first, 1 in it and 0 in others [T, 12]."""
    return _indicators(stamps.astype("datetime64[M]").astype(np.int64) % 12, 12)


def month_length(stamps: Timestamps) -> Values:
    """The days of the month, and those of Monday to Friday, each less what is usual [T, 2]."""
    months = stamps.astype("datetime64[M]")
    start, end = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
    return np.column_stack([(end - start).astype(int) - 30, (np.busday_count(start, end) - 21) / 2]).astype(float)


#: Every feature that can be asked for, by its name.
FEATURES: dict[str, Callable[[Timestamps], Values]] = {
    "time-of-day": time_of_day,
    "weekend-time-of-day": weekend_time_of_day,
    "weekday": weekday,
    "day-of-month": day_of_month,
    "time-of-year": time_of_year,
    "month": month,
    "month-length": month_length,
}


#: What a name is held against when it is none.
_KNOWN = (*FEATURES, "holiday DE")


def choose_features(calendar: Calendar, first: np.datetime64, last: np.datetime64) -> tuple[str, ...]:
    """The features that the frequency and the span of a history suggest; none where its season says it all."""
    step, span = calendar.step, last - first
    if step.unit == "M":
        return ()
    length = step.microseconds
    within_day = length < _DAY and span >= np.timedelta64(2, "D")
    days = "1" * 5 if calendar.exchange else calendar.weekmask.replace("0", "")
    within_week = length % (7 * _DAY) != 0 and length <= _DAY and len(days) > 1 and span >= np.timedelta64(14, "D")
    wanted = {
        "time-of-day": within_day,
        "weekend-time-of-day": within_day and within_week,
        "weekday": within_week,
        "time-of-year": span >= _TWO_YEARS,
    }
    return tuple(name for name, use in wanted.items() if use)


def check_features(names: Sequence[str]) -> tuple[str, ...]:
    """The features that a user has named, each once; none for the word "none". Raises ConfigError for unknown names."""
    if tuple(names) == (_NONE,):
        return ()
    for name in names:
        if name == _NONE:
            raise ConfigError("features: none stands alone, without others beside it", hint="--features none")
        if name not in FEATURES:
            raise ConfigError(f"unknown feature {name!r:.60}", hint=suggest(name, [*FEATURES, _NONE]))
    return tuple(dict.fromkeys(names))


def choose_holidays(
    countries: Sequence[str], calendar: Calendar, timestamps: Sequence[Timestamps], timezone: str = ""
) -> tuple[str, ...]:
    """The holiday columns of the countries that say anything on these histories, a column for each that occurs twice.

    None where there are fewer than three holidays to learn from. timestamps are UTC when there is a timezone. Raises
    ConfigError for a country that nothing is known of.
    """
    checked = dict.fromkeys(check_country(text) for text in countries)
    # Equal ends on one calendar are equal steps: of a thousand series, a few are left.
    spans = {(stamps[0], stamps[-1]): stamps for stamps in timestamps if len(stamps)}
    if not spans:
        return ()
    days = np.unique(np.concatenate([_days(_wall(stamps, calendar, timezone)) for stamps in spans.values()]))
    names = [name for country in checked for name in _possible(country, calendar, days)]
    return tuple(name for name in names if _says_enough(parse_column(name, _KNOWN), days))


def holiday_notes(chosen: Sequence[str], first: np.datetime64) -> tuple[str, ...]:
    """A sentence for each country whose holidays are not known as far back as the first timestamp of a history."""
    countries = dict.fromkeys(parse_column(name, _KNOWN).country for name in chosen if is_holiday(name))
    year = int(first.astype("datetime64[Y]").astype(int)) + 1970
    return tuple(
        f"holidays of {country} are known from {known} on: the years before count as years without"
        for country in countries
        if year < (known := first_known_year(country))
    )


def is_holiday(name: str) -> bool:
    """Whether one of the chosen is a column of holidays, and not a feature of the calendar itself."""
    return name not in FEATURES


def feature_names(chosen: Sequence[str]) -> tuple[str, ...]:
    """The name of each column that feature_values makes of the chosen."""
    found: list[str] = []
    for name in chosen:
        if name not in FEATURES:
            found.append(parse_column(name, _KNOWN).name)
        elif name == "weekday":
            found += [f"{name} {day}" for day in _DAY_NAMES]
        else:
            width = FEATURES[name](np.array(["2000-01-01"], "datetime64[us]")).shape[1]
            found += [f"{name} {n + 1}" for n in range(width)]
    return tuple(found)


def feature_values(chosen: Sequence[str], timestamps: Timestamps, calendar: Calendar, timezone: str = "") -> Values:
    """The columns of the chosen features at the timestamps [T, F], which are UTC when there is a timezone."""
    wall = _wall(timestamps, calendar, timezone)
    days, of_day = np.unique(_days(wall), return_inverse=True)
    columns = [np.empty((len(wall), 0))]
    for name in chosen:
        columns.append(
            FEATURES[name](wall) if name in FEATURES else parse_column(name, _KNOWN).values(days)[of_day, None]
        )
    return np.hstack(columns)


def _says_enough(column: HolidayColumn, days: Days) -> bool:
    """Whether a column varies over the days, and tells holidays in general from two of them."""
    values = column.values(days)
    general = column.single is None and not column.n
    return bool(np.ptp(values) > 0 and not (general and values.sum() < _FEWEST_HOLIDAYS))


def _possible(country: str, calendar: Calendar, days: Days) -> list[str]:
    """The names of the holiday columns that a country has on a calendar, before anyone has looked whether they vary."""
    step = calendar.step
    if step.microseconds <= _DAY:
        singles = recurring(country, days)
        every = [f"{kind} {country}" for kind in ("holiday", "day before holiday", "day after holiday")]
        return [*every, *(f"holiday {country}: {single}" for single in singles)]
    if step.unit == "M":
        # Twelve months are every holiday once.
        side = "to" if "E" in calendar.freq.partition("-")[0] else "from"
        period = f"{step.n} {'month' if step.n == 1 else 'months'} {side}"
        return [f"{kind} {country}, {period}" for kind in ("holidays", "working days")] if step.n < 12 else []
    # What the stamp of a week means differs from file to file: its first day, its last, or the day after.
    length = max(1, step.microseconds // _DAY)
    return [f"holidays {country}, {length} days {side}" for side in ("to", "from")]


def _wall(timestamps: Timestamps, calendar: Calendar, timezone: str) -> Timestamps:
    """The wall-clock time inside the step of each timestamp."""
    wall = to_local(timestamps, timezone) if timezone else timestamps.astype("datetime64[us]")
    # Midnight at the end of a step belongs to the day before.
    return np.asarray(wall - np.timedelta64(1, "us")) if calendar.label == "end" else wall


def _days(wall: Timestamps) -> Days:
    return wall.astype("datetime64[D]")


def _microseconds(stamps: Timestamps) -> NDArray[np.int64]:
    """The time of day [T]."""
    return np.asarray((stamps - stamps.astype("datetime64[D]")).astype("timedelta64[us]").astype(np.int64))


def _weekdays(stamps: Timestamps) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday [T]; day 0 of the epoch, 1970-01-01, was a Thursday."""
    return np.asarray((stamps.astype("datetime64[D]").astype(np.int64) + 3) % 7)


def _in_month(stamps: Timestamps) -> tuple[NDArray[np.int64], Values, NDArray[np.int64]]:
    """The day of the month, days since it began, and how many it has [T]."""
    months = stamps.astype("datetime64[M]")
    start = months.astype("datetime64[D]")
    day = (stamps.astype("datetime64[D]") - start).astype(np.int64) + 1
    length = ((months + 1).astype("datetime64[D]") - start).astype(np.int64)
    return day, (stamps - start.astype("datetime64[us]")) / np.timedelta64(_DAY, "us"), length


def _indicators(index: NDArray[np.int64], n: int) -> Values:
    """1 in the column of the index, 0 in the others [T, n]."""
    return np.asarray(index[:, None] == np.arange(n), dtype=float)


def _waves(phase: Values, n: int) -> Values:
    """Sine and cosine of one to n turns [T, 2n]."""
    angles = 2 * np.pi * phase[:, None] * np.arange(1, n + 1)
    return np.hstack([np.sin(angles), np.cos(angles)])
