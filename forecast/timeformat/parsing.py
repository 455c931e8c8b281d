"""Text → moments: what each field of a pattern says, and the moments that the fields name together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.timeformat.cursor import Cursor
from forecast.timeformat.fields import MONTH_NAMES, cases_of, serial, tokens
from forecast.timeformat.serials import scan_serials

Timestamps = NDArray[np.datetime64]
Values = dict[str, NDArray[np.int64]]

_LONGEST_TEXT = 64
_DAY, _NAT = 86_400_000_000, np.iinfo(np.int64).min


class Scanned(NamedTuple):
    """What N texts say: `values` of each field [N], and which texts are written as the pattern is."""

    values: Values
    written: NDArray[np.bool_]


def parse_times(texts: Sequence[str], pattern: str) -> Timestamps:
    """The moments that the texts name, datetime64[us] [N], in the texts' own wall time; in UTC where %z is read.

    NaT where a text is not written exactly in the pattern, names no real moment (2023-02-29, 24:00), or is finer than
    a microsecond. format_times gives every text back that is not NaT.
    """
    kept = [encoded if len(encoded := text.encode()) <= _LONGEST_TEXT else b"" for text in texts]
    width = max(map(len, kept), default=0) + 1
    matrix = np.array(kept, dtype=f"S{width}").view(np.uint8).reshape(len(kept), width)
    # The lengths of the texts, since a NUL at the end of one is not seen in the matrix.
    return moments_of(scan(matrix, np.fromiter(map(len, texts), np.int64, len(kept)), pattern))


def scan(matrix: NDArray[np.uint8], lengths: NDArray[np.int64], pattern: str) -> Scanned:
    """What texts say by a pattern: their bytes [N, width], padded with zeros, and their lengths in bytes [N]."""
    if counts := serial(pattern):
        moments, written = scan_serials(matrix, lengths, *counts)
        return Scanned({"serial": moments}, written)
    cursor, values = Cursor(matrix, lengths), Values()
    for field, literal in tokens(pattern):
        if literal:
            cursor.literal(literal)
        elif field[-1] in "bB":
            values["m"] = cursor.name(cases_of(MONTH_NAMES, field[:-1], 3 if field[-1] == "b" else None)) + 1
        elif field in ("p", "P"):
            values["p"] = cursor.name([b"AM", b"PM"] if field == "p" else [b"am", b"pm"])
        elif field.endswith("z"):
            values["z"] = cursor.offset(field[:-1])
        elif field.endswith("f"):
            values["f"] = cursor.fraction(int(field[0]))
        elif field.startswith("-"):
            values[field[1]] = cursor.one_or_two_digits()
        else:
            values[field] = cursor.digits({"Y": 4, "G": 4, "j": 3, "q": 1, "u": 1}.get(field, 2))
    return Scanned(values, cursor.all_read())


def moments_of(scanned: Scanned) -> Timestamps:
    """The moments that fields name, datetime64[us] [N]; NaT where one is not written or out of its range."""
    values, real = scanned.values, scanned.written.copy()
    if "serial" in values:
        moments = values["serial"].astype("datetime64[us]")
        return np.where(real, moments, np.datetime64("NaT", "us"))
    days = _days(values, real)
    hours = values.get("H")
    if "I" in values:
        real &= (values["I"] >= 1) & (values["I"] <= 12)
        hours = values["I"] % 12 + 12 * values["p"]
    # What is out of its range names no moment in the end, so that its product may be anything.
    moments = days.astype(np.int64) * _DAY
    for number, limit, unit in ((hours, 23, 3_600_000_000), (values.get("M"), 59, 60_000_000)):
        if number is not None:
            real &= number <= limit
            moments += number * unit
    if "S" in values:
        real &= values["S"] <= 59
        moments += values["S"] * 1_000_000
    if "f" in values:
        real &= values["f"] >= 0
        moments += values["f"]
    if "z" in values:
        moments -= values["z"] * 60_000_000
    if not real.all():
        moments[~real] = _NAT
    return moments.view("datetime64[us]")


def _days(values: Mapping[str, NDArray[np.int64]], real: NDArray[np.bool_]) -> NDArray[np.datetime64]:
    """The days that fields name, datetime64[D] [N]; `real` turns false where there is no such day."""
    if "G" in values:
        return _week_days(values, real)
    if "y" in values:
        years = values["y"] + np.where(values["y"] >= 69, 1900, 2000)
    else:
        years = values.get("Y", np.full(len(real), 1970))
    real &= years >= 1
    month = values.get("m")
    if "q" in values:
        month = 3 * values["q"] - 2
    month = np.ones(len(real), dtype=np.int64) if month is None else month
    real &= (month >= 1) & (month <= 12)
    months = np.where(real, (years - 1970) * 12 + month - 1, 0)
    first = _first_days(months)
    if "j" in values:
        days = first + (values["j"] - 1)
        real &= (values["j"] >= 1) & (days.astype("datetime64[Y]").astype(np.int64) + 1970 == years)
        return np.asarray(days)
    if "d" not in values:
        return first
    day = values["d"]
    real &= day >= 1
    late = day > 28
    if late.any():
        length = (_first_days(months[late] + 1) - first[late]).astype(np.int64)
        real[late] &= day[late] <= length
    return np.asarray(first + (day - 1))


def _first_days(months: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """The first day of each month, counted from January 1970, datetime64[D] [N]."""
    if not len(months):
        return np.empty(0, dtype="datetime64[D]")
    # Each month is looked up in a calendar only once.
    low, high = int(months.min()), int(months.max())
    every = np.arange(low, high + 1).astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray(every[months - low])


def _week_days(values: Mapping[str, NDArray[np.int64]], real: NDArray[np.bool_]) -> NDArray[np.datetime64]:
    """The Mondays of ISO weeks, or the days %u of them, datetime64[D] [N]."""
    week, weekday = values["V"], values.get("u", np.ones(len(real), dtype=np.int64))
    real &= (week >= 1) & (week <= 53) & (weekday >= 1) & (weekday <= 7) & (values["G"] >= 1)
    # The fourth of January is in week 1; 1970-01-01 was a Thursday.
    fourth = np.where(real, values["G"] - 1970, 0).astype("datetime64[Y]").astype("datetime64[D]") + 3
    monday = fourth - (fourth.astype(np.int64) + 3) % 7 + 7 * (np.where(real, week, 1) - 1)
    thursday = monday + 3
    real &= thursday.astype("datetime64[Y]").astype(np.int64) + 1970 == values["G"]
    return np.asarray(monday + (weekday - 1))
