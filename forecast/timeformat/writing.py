"""Moments → text, in a pattern."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forecast.timeformat.fields import CASES, MONTH_NAMES, serial, tokens
from forecast.timeformat.serials import format_serials
from forecast.timezones import offsets_at

Timestamps = NDArray[np.datetime64]

_WIDTHS = {"Y": "%04d", "G": "%04d", "j": "%03d", "q": "%d", "u": "%d"}


def format_times(timestamps: Timestamps, pattern: str, timezone: str = "") -> list[str]:
    """The texts of timestamps [N] (datetime64, none of them NaT) in the pattern; what the pattern lacks is left out.

    With a timezone (IANA) the timestamps are UTC, and the texts say what that zone's clocks show.
    """
    moments = timestamps.astype("datetime64[us]")
    offsets = offsets_at(moments, timezone) if timezone else np.zeros(len(moments), dtype="timedelta64[us]")
    if counts := serial(pattern):
        return format_serials(moments + offsets if counts[0] == "excel" else moments, *counts)
    values = _Values(moments + offsets, offsets)
    template = ""
    columns: list[list[int] | list[str]] = []
    for field, literal in tokens(pattern):
        if literal:
            template += literal.replace("%", "%%")
        elif field[-1] in "bBpPz":
            template += "%s"
            columns.append(values.texts(field))
        elif field.endswith("f"):
            template += f"%0{field[0]}d"
            columns.append(values.fraction(int(field[0])))
        else:
            template += "%d" if field.startswith("-") else _WIDTHS.get(field, "%02d")
            columns.append(values.number(field[-1]))
    if not columns:
        return [template % ()] * len(moments)
    return [template % row for row in zip(*columns, strict=True)]


def offset_text(minutes: int, field: str) -> str:
    """An offset from UTC as %z, %:z or %-z writes it; the last has minutes only where it must."""
    sign, hours, rest = "-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60
    if field == "%-z":
        return f"{sign}{hours:02d}:{rest:02d}" if rest else f"{sign}{hours:02d}"
    return f"{sign}{hours:02d}{':' * (field == '%:z')}{rest:02d}"


class _Values:
    """What wall-clock moments [N] are in each field, found when a pattern asks for it."""

    def __init__(self, wall: Timestamps, offsets: NDArray[np.timedelta64]) -> None:
        self._days = wall.astype("datetime64[D]")
        self._micros = (wall - self._days).astype(np.int64)
        self._offsets = offsets
        self._monday = self._days - (self._days.astype(np.int64) + 3) % 7

    def number(self, letter: str) -> list[int]:
        """The numbers of a field [N]."""
        return _NUMBERS[letter](self).tolist()  # type: ignore[no-any-return]

    def fraction(self, digits: int) -> list[int]:
        """So many digits of the fraction of each second [N]."""
        micros = self._micros % 1_000_000
        return (micros * 10 ** max(digits - 6, 0) // 10 ** max(6 - digits, 0)).tolist()  # type: ignore[no-any-return]

    def texts(self, field: str) -> list[str]:
        """The words or offsets of a field [N]."""
        if field[-1] in "pP":
            words = ("AM", "PM") if field == "p" else ("am", "pm")
            return [words[hour >= 12] for hour in self.number("H")]
        if field[-1] in "bB":
            length = 3 if field[-1] == "b" else None
            names = [CASES[field[:-1]](name)[:length] for name in MONTH_NAMES]
            return [names[month - 1] for month in self.number("m")]
        minutes = (self._offsets // np.timedelta64(60, "s")).astype(int).tolist()
        return [offset_text(number, f"%{field}") for number in minutes]

    def _years(self) -> NDArray[np.int64]:
        return np.asarray(self._days.astype("datetime64[Y]").astype(np.int64) + 1970)

    def _months(self) -> NDArray[np.int64]:
        return np.asarray(self._days.astype("datetime64[M]").astype(np.int64) % 12 + 1)

    def _day_of(self, unit: str) -> NDArray[np.int64]:
        first = self._days.astype(f"datetime64[{unit}]").astype("datetime64[D]")
        return np.asarray((self._days - first).astype(np.int64) + 1)

    def _hours(self) -> NDArray[np.int64]:
        return np.asarray(self._micros // 3_600_000_000)

    def _week_years(self) -> NDArray[np.datetime64]:
        # The year of the Thursday is the year of the week.
        return np.asarray((self._monday + 3).astype("datetime64[Y]"))

    def _weeks(self) -> NDArray[np.int64]:
        thursday = self._monday + 3
        return np.asarray((thursday - self._week_years().astype("datetime64[D]")).astype(np.int64) // 7 + 1)


_NUMBERS: dict[str, Callable[[_Values], NDArray[np.int64]]] = {
    "Y": _Values._years,
    "y": lambda values: values._years() % 100,
    "m": _Values._months,
    "d": lambda values: values._day_of("M"),
    "j": lambda values: values._day_of("Y"),
    "q": lambda values: (values._months() + 2) // 3,
    "H": _Values._hours,
    "I": lambda values: (values._hours() + 11) % 12 + 1,
    "M": lambda values: values._micros // 60_000_000 % 60,
    "S": lambda values: values._micros // 1_000_000 % 60,
    "G": lambda values: values._week_years().astype(np.int64) + 1970,
    "V": _Values._weeks,
    "u": lambda values: (values._days - values._monday).astype(np.int64) + 1,
}
