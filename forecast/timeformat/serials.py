"""Times that are numbers, both ways: seconds or less since 1970, and the days of Excel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast.timeformat.cursor import Cursor

Timestamps = NDArray[np.datetime64]

#: Units of each word in a second.
_PER_SECOND = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
_SECONDS_OF_DAY = 86_400
#: Excel counts from this day as 1, and has a 29 February 1900, day 60, which never was.
_BEFORE_FIRST = np.datetime64("1899-12-31", "us")
_NO_DAY = 60
#: No file of ours has a later year.
_MOST_DAYS = 3_000_000
#: What Excel itself writes of a fraction: 15 digits in all, five of them before the point.
_EXCEL_DIGITS = 10


def scan_serials(
    matrix: NDArray[np.uint8], lengths: NDArray[np.int64], word: str, digits: int, with_point: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Microseconds since 1970 [N], and which texts are written so; matrix and lengths as `scan` has them."""
    if word == "excel":
        return _scan_excel(matrix, lengths, digits or (1 if with_point else _EXCEL_DIGITS))
    return _scan_epoch(Cursor(matrix, lengths), _PER_SECOND[word], digits)


def format_serials(moments: Timestamps, word: str, digits: int, with_point: bool) -> list[str]:
    """The numbers of moments, datetime64[us] [N]."""
    if word == "excel":
        return _format_excel(moments, digits or (1 if with_point else _EXCEL_DIGITS), with_point)
    microseconds, per_second = moments.astype(np.int64).tolist(), _PER_SECOND[word]
    scaled = [moment * per_second * 10**digits // 10**6 for moment in microseconds]
    if not digits:
        return [str(number) for number in scaled]
    return [f"{'-' * (n < 0)}{abs(n) // 10**digits}.{abs(n) % 10**digits:0{digits}d}" for n in scaled]


def _scan_epoch(cursor: Cursor, per_second: int, digits: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    negative = cursor.minus()
    whole = cursor.whole(12 + len(str(per_second)) - 1 - 2 * (per_second == 10**9))
    fraction = np.zeros_like(whole)
    if digits:
        cursor.literal(".")
        fraction = cursor.digits(digits)
    good = cursor.all_read() & (whole >= 0) & ~(negative & (whole == 0) & (fraction == 0))
    # In units of the last digit, of which there are `units` in a second: a microsecond must be a whole number of them.
    units = per_second * 10**digits
    if units <= 10**6:
        micros = whole * (10**6 // per_second) + fraction * (10**6 // units)
    else:
        finer = units // 10**6
        remainder = (whole % max(finer // 10**digits, 1)) * 10**digits + fraction
        good &= remainder % finer == 0
        micros = whole // (per_second // 10**6) if per_second > 10**6 else whole * (10**6 // per_second)
        micros = micros + remainder // finer
    return np.where(negative, -micros, micros), good


def _scan_excel(
    matrix: NDArray[np.uint8], lengths: NDArray[np.int64], digits: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    number = (matrix >= ord("0")) & (matrix <= ord("9"))
    point = matrix == ord(".")
    points = point.sum(axis=1)
    last = np.take_along_axis(matrix, np.clip(lengths - 1, 0, matrix.shape[1] - 1)[:, None], 1)[:, 0]
    good = (number.sum(axis=1) + points == lengths) & (points <= 1) & ~point[:, 0] & (last != ord(".")) & (lengths > 0)
    good &= np.where(points == 1, lengths - 1 - point.argmax(axis=1), 0) <= digits
    # A leading zero would not come back.
    good &= (matrix[:, 0] != ord("0")) & (lengths < 32)
    texts = np.where(good[:, None], matrix, 0)
    texts[~good, 0] = ord("0")
    values = np.ascontiguousarray(texts).view(f"S{matrix.shape[1]}").ravel().astype(np.float64)
    days = np.floor(values)
    good &= (days != _NO_DAY) & (days <= _MOST_DAYS)
    days = np.where(good, days, 1)
    seconds = np.rint((np.where(good, values, 1) - days) * _SECONDS_OF_DAY)
    shifted = days - (days > _NO_DAY)
    micros = ((shifted * _SECONDS_OF_DAY + seconds) * 10**6).astype(np.int64)
    return micros + _BEFORE_FIRST.astype(np.int64), good


def _format_excel(moments: Timestamps, digits: int, with_point: bool) -> list[str]:
    micros = (moments - _BEFORE_FIRST).astype(np.int64)
    days = micros // (_SECONDS_OF_DAY * 10**6)
    fractions = (micros % (_SECONDS_OF_DAY * 10**6)) / (_SECONDS_OF_DAY * 10**6)
    texts = []
    for day, fraction in zip((days + (days >= _NO_DAY)).tolist(), fractions.tolist(), strict=True):
        text = f"{day + fraction:.{digits}f}".rstrip("0").rstrip(".")
        texts.append(text + ".0" * (with_point and "." not in text))
    return texts
