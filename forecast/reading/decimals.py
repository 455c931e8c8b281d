"""Bytes → float64: plain decimal numbers, many at a time, each bit for bit what float() reads, or left to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Values

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

#: No longer number fits the integers that digits are gathered in.
_MOST_DIGITS = 18
# 5 ** 18 < 2 ** 53: each of them is a float64, and so a long double, without an error.
_POWERS = 10.0 ** np.arange(_MOST_DIGITS + 1)
_LONG_POWERS = np.cumprod(np.array([1, *[10] * _MOST_DIGITS], dtype=np.longdouble))
_LONG_ENOUGH = np.finfo(np.longdouble).nmant >= 63
_EXACT = 2**53
_PLUS, _MINUS, _ZERO = b"+-0"


@dataclass(frozen=True)
class Decimals:
    """N cells: good where one is a number that could be read, its value, its digits before and after the mark.

    marked is where there is a mark, which may be the last character.
    """

    good: Mask
    values: Values
    whole: Bytes
    after: Bytes
    marked: Mask


def parse_decimals(cells: Bytes, lengths: NDArray[np.int64], mark: str = ".", group: str | None = None) -> Decimals:
    """The plain numbers among cells [N, width], zero-padded, of those lengths [N]: a sign, digits and a mark at most.

    With a group character, digits before the mark may stand in groups of three, all of them or none.
    """
    columns = np.ascontiguousarray(cells.T)
    sign = columns[0] == _MINUS if len(columns) else np.zeros(len(lengths), dtype=bool)
    signed = sign | (columns[0] == _PLUS) if len(columns) else sign
    mantissa, digits, marks, after = _gathered(columns, ord(mark), lengths)
    used = digits + marks + signed
    good = (marks <= 1) & (digits >= 1) & (digits <= _MOST_DIGITS)
    if group is not None and (apart := columns == ord(group)).any():
        before: NDArray[np.int64] = digits.astype(np.int64) + signed - after
        good &= _well_grouped(apart, signed, before)
        # 0,512 is a fraction: nobody puts groups where there are no thousands.
        begins = np.where(signed, columns[min(1, len(columns) - 1)], columns[0])
        good &= ~(apart.any(axis=0) & (begins == _ZERO))
        used = used + apart.sum(axis=0, dtype=np.uint8)
    good &= used == lengths
    values = mantissa / np.take(_POWERS, after, mode="clip")
    _correct(values, mantissa, after, good)
    np.negative(values, out=values, where=sign)
    return Decimals(good, values, digits - after, after, marks > 0)


def _gathered(columns: Bytes, mark: int, lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], Bytes, Bytes, Bytes]:
    """All digits as one integer, how many there are, how many marks, and how many characters are behind it, each [N].

    The integer is that of the digits only where they are few enough: a longer one has wrapped around.
    """
    n = columns.shape[1]
    mantissa, more = np.zeros(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    digits, marks, behind = (np.zeros(n, dtype=np.uint8) for _ in range(3))
    ends = lengths.astype(np.uint8)
    for at, column in enumerate(columns):
        digit = column - np.uint8(_ZERO)
        is_digit = digit < 10
        np.multiply(mantissa, 10, out=more)
        more += digit
        np.copyto(mantissa, more, where=is_digit)
        digits += is_digit
        is_mark = column == mark
        if is_mark.any():
            marks += is_mark
            np.copyto(behind, ends - np.uint8(at + 1), where=is_mark)
    return mantissa, digits, marks, behind


def _correct(values: Values, mantissa: NDArray[np.int64], after: Bytes, good: Mask) -> None:
    """Reads again, in place, the integers that no float64 holds; a value that might be rounded wrongly is not good.

    An integer below 2 ** 53 divided by an exact power of ten is rounded once, and so correctly (Clinger 1990). A long
    double holds every integer here and is rounded to 64 bits; rounding that again to 53 is wrong only where it has
    landed in the middle between two neighbours.
    """
    rows = np.flatnonzero(good & (mantissa >= _EXACT))
    if not len(rows):
        return
    if not _LONG_ENOUGH:
        good[rows] = False
        return
    close = mantissa[rows].astype(np.longdouble) / _LONG_POWERS[after[rows]]
    nearest = close.astype(np.float64)
    # Below a power of two the neighbour is at half the distance.
    off, gap = np.abs(close - nearest), np.spacing(nearest)
    values[rows] = nearest
    good[rows] = (off != gap / 2) & (off != gap / 4)


def _well_grouped(apart: Mask, signed: Mask, whole: NDArray[np.int64]) -> Mask:
    """Where groups of three digits are kept apart, and nothing else is, if any is; `whole` is sign and digits."""
    start = signed.astype(np.int64)
    end = whole + apart.sum(axis=0)
    fits: Mask = (end - start) % 4 != 0
    for at, is_apart in enumerate(apart):
        fits &= is_apart == ((end - at) % 4 == 0) & (at > start) & (at < end)
    fits |= ~apart.any(axis=0)
    return fits
