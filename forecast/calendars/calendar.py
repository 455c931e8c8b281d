"""Calendar: which timestamps exist, as a frozen value of plain words. Checked when made; it never looks at data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from forecast.calendars.clocks import LABELS, ZONES
from forecast.calendars.exchanges import EXCHANGES
from forecast.errors import CheckpointError, ConfigError

EVERY_DAY, BUSINESS_DAYS = "1111111", "1111100"
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
#: Microseconds of each unit of constant length, longest first.
UNITS = {"D": 86_400_000_000, "h": 3_600_000_000, "min": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
LAST_DAY = 31
_LONGEST_STEP = 1000 * 366 * UNITS["D"]

_FREQ = re.compile(
    rf"(?P<n>[2-9]|[1-9]\d{{1,16}})?"
    rf"(?:(?P<unit>{'|'.join(UNITS)})|(?P<month>M)(?P<end>[SE])|W-(?P<weekday>{'|'.join(WEEKDAYS)}))"
    rf"|(?P<period>[QY])(?P<period_end>[SE])-(?P<anchor>{'|'.join(MONTHS)})"
)
_NAMES = {"D": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond", "us": "microsecond"}
_EVERY = {"D": "daily", "h": "hourly", "W": "weekly", 1: "monthly", 3: "quarterly", 12: "yearly"}


class Step(NamedTuple):
    """What a freq says: n units, a unit being a key of UNITS, W or M.

    anchor is the weekday (0 is Monday) or one of the months (0 is January) that a step falls on; None leaves the phase
    to the first timestamp. day is the day of the month, LAST_DAY for the last; in a shorter month it is the last too.
    """

    n: int
    unit: str
    anchor: int | None = None
    day: int = 0

    @property
    def microseconds(self) -> int:
        """The length of a step, in microseconds; the shortest there is for months."""
        return self.n * UNITS["D"] * {"W": 7, "M": 28}[self.unit] if self.unit in "WM" else self.n * UNITS[self.unit]


@dataclass(frozen=True)
class Calendar:
    """Which timestamps exist: every step of freq, less the days and the hours that do not occur.

    freq is a pandas offset alias (30min, h, D, W-SUN, MS, ME, QS-JAN, YE-JUN …). weekmask (Monday first) and exchange
    (a code of EXCHANGES) choose among days, with freq D only. zone is an IANA time zone name whose wall clock skips an
    hour in spring, with label saying whether a stamp names the start or the end of its step. day (2 to 30) is the day
    of the month that MS, QS and YS fall on instead of the first. The time of day is that of the first timestamp.
    """

    freq: str
    weekmask: str = EVERY_DAY
    exchange: str = ""
    zone: str = ""
    label: str = "start"
    day: int = 0

    def __post_init__(self) -> None:
        if not _FREQ.fullmatch(self.freq):
            raise ConfigError(f"unknown frequency {self.freq!r:.60}")
        if not re.fullmatch("(?=.*1)[01]{7}", self.weekmask):
            raise ConfigError(f"unknown weekmask {self.weekmask!r:.60}: seven of 0 and 1 are needed, Monday first")
        for name, value, known in (
            ("exchange", self.exchange, EXCHANGES),
            ("time zone", self.zone, ZONES),
            ("label", self.label, LABELS),
        ):
            if value not in known and (value or name == "label"):
                raise ConfigError(f"unknown {name} {value!r:.60}")
        self._check_together()

    @property
    def step(self) -> Step:
        """The freq in numbers."""
        found = _FREQ.fullmatch(self.freq)
        assert found is not None  # __post_init__ has seen to it
        n = int(found["n"] or 1)
        if found["unit"]:
            return Step(n, found["unit"])
        if found["weekday"]:
            return Step(n, "W", WEEKDAYS.index(found["weekday"]))
        day = self.day or (1 if "S" in (found["end"], found["period_end"]) else LAST_DAY)
        if found["month"]:
            return Step(n, "M", None if n > 1 else 0, day)
        return Step(3 if found["period"] == "Q" else 12, "M", MONTHS.index(found["anchor"]), day)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; from_dict gives the calendar back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Calendar:
        """The Calendar that to_dict described. Anything else, from whatever source, is a CheckpointError."""
        if not isinstance(values, Mapping) or "freq" not in values:
            raise CheckpointError("calendar: a table with a freq is needed")
        kinds = {f.name: int if f.name == "day" else str for f in fields(cls)}
        for key, value in values.items():
            if key not in kinds:
                raise CheckpointError(f"calendar: unknown key {key!r:.60}")
            # `type is`, because True is an int too.
            if type(value) is not kinds[key]:
                raise CheckpointError(f"calendar {key}: {value!r:.60} is not of the kind needed")
        try:
            return cls(**values)
        except ConfigError as error:
            raise CheckpointError(f"calendar: {error.message}") from error

    def _check_together(self) -> None:
        """Raises ConfigError when fields are set that mean nothing beside each other."""
        step = self.step
        if step.microseconds > _LONGEST_STEP:
            raise ConfigError(f"frequency {self.freq} is longer than a thousand years")
        if self.freq != "D" and (self.weekmask != EVERY_DAY or self.exchange):
            raise ConfigError(f"a weekmask or an exchange goes with daily steps, not with {self.freq}")
        if self.exchange and self.weekmask != EVERY_DAY:
            raise ConfigError("an exchange has its own weekdays: a weekmask cannot stand beside it")
        if self.zone and (step.unit in "DWM" or step.microseconds > UNITS["h"]):
            raise ConfigError(f"a time zone goes with steps of at most an hour, not with {self.freq}")
        if self.label != "start" and not self.zone:
            raise ConfigError("a label goes with a time zone")
        if self.day and not (2 <= self.day <= 30 and step.unit == "M" and "S" in self.freq.partition("-")[0]):
            raise ConfigError(f"day {self.day!r:.60} cannot be used with {self.freq}")


def tick_freq(microseconds: int) -> str:
    """The freq of a constant step, in the longest unit that divides it."""
    unit = next(unit for unit, length in UNITS.items() if microseconds % length == 0)
    n = microseconds // UNITS[unit]
    return unit if n == 1 else f"{n}{unit}"


def month_freq(n: int, anchor: int | None, *, end: bool) -> str:
    """The freq of n months that fall on the month `anchor` (0 is January); quarters and years have their own names."""
    edge = "E" if end else "S"
    if anchor is not None and n == 3:
        return f"Q{edge}-{MONTHS[anchor % 3 + (9 if end else 0)]}"
    if anchor is not None and n == 12:
        return f"Y{edge}-{MONTHS[anchor]}"
    return f"M{edge}" if n == 1 else f"{n}M{edge}"


def season_lengths(calendar: Calendar) -> tuple[int, ...]:
    """The periods in steps after which a series may repeat itself, shortest first; none for years."""
    step = calendar.step
    if step.unit == "M":
        return (12 // step.n,) if 12 % step.n == 0 and step.n < 12 else ()
    if calendar.exchange:
        return (5, 252)
    if calendar.freq == "D":
        days = calendar.weekmask.count("1")
        return (days, round(days * 365 / 7)) if days > 1 else (52,)
    second, minute, hour, day, week = (n * UNITS["s"] for n in (1, 60, 3_600, 86_400, 604_800))
    length = step.microseconds
    if length >= week:
        cycles = [52 * week]
    elif length >= 5 * minute:
        cycles = [day, week]
    elif length >= minute:
        cycles = [hour, day]
    else:
        cycles = [minute, hour] if length >= second else [second, minute]
    return tuple(cycle // length for cycle in cycles if cycle % length == 0 and cycle > length)


def describe(calendar: Calendar) -> str:
    """What a person calls it, such as "every 30 minutes" or "exchange sessions (XNYS)"."""
    step = calendar.step
    if calendar.exchange:
        return f"exchange sessions ({calendar.exchange})"
    if calendar.weekmask == BUSINESS_DAYS:
        return "business days (Mon-Fri)"
    if calendar.weekmask != EVERY_DAY:
        return f"daily, {weekmask_name(calendar.weekmask)} only"
    if step.unit in UNITS:
        name = _NAMES[step.unit]
        plain = f"every {step.n} {name}s" if step.n > 1 else _EVERY.get(step.unit, f"every {name}")
        return f"{plain}, by the clocks of {calendar.zone}" if calendar.zone else plain
    if step.unit == "W":
        assert step.anchor is not None  # freq names the weekday
        return f"{f'every {step.n} weeks' if step.n > 1 else 'weekly'}, {DAY_NAMES[step.anchor]}"
    plain = _EVERY.get(step.n) or f"every {step.n} months"
    when = {1: "first day", LAST_DAY: "last day"}.get(step.day, f"day {step.day}")
    if step.anchor is None or step.n == 1:
        return f"{plain}, {when}"
    months = [MONTHS[month].title() for month in range(step.anchor % step.n, 12, step.n)]
    return f"{plain}, {when} of {', '.join(months)}"


def weekmask_name(weekmask: str) -> str:
    """The days of a weekmask, as a range when they are one: Mon-Sat, Sun-Thu, or Mon, Wed, Fri."""
    days = [n for n in range(7) if weekmask[n] == "1"]
    starts = [n for n in days if weekmask[n - 1] == "0"]
    if len(starts) == 1 and len(days) > 2:
        return f"{DAY_NAMES[starts[0]][:3]}-{DAY_NAMES[(starts[0] + len(days) - 1) % 7][:3]}"
    return ", ".join(DAY_NAMES[n][:3] for n in days)
