"""Numbers that stand for a missing value, such as -200 or 9999: found by where they lie and how often they come."""

from __future__ import annotations

import numpy as np

from forecast.panel import Values

_FEWEST_VALUES = 20
_FEWEST_TIMES = 3
#: -1 and -9 lie close to what is measured, so they must be frequent, and the other values spread widely.
_SMALL, _SMALL_SPAN = 10, 20
_FREQUENT = 0.01
_MOST = 4


def sentinels(values: Values) -> list[tuple[float, int]]:
    """Whole numbers at the lowest or highest end of the values that look like codes, each with how often it is there.

    They come again and again and lie apart from all others: the only negative number, farther off than the others
    span, or all nines. NaN counts for nothing.
    """
    known = values[~np.isnan(values)] if np.isnan(values.min(initial=0.0)) else values
    found: list[tuple[float, int]] = []
    while len(known) >= _FEWEST_VALUES and len(found) < _MOST:
        # One pass for each end: sorting millions of values only to look at two of them would take longer.
        ends = (float(known.min()), float(known.max()))
        code = next((end for end in ends if _is_code(end, known)), None)
        if code is None:
            break
        found.append((code, int((known == code).sum())))
        known = known[known != code]
    return found


def _is_code(end: float, known: Values) -> bool:
    """Whether an end of the values is a code and no measurement."""
    if end != round(end) or not (end < 0 or _is_nines(end)):
        return False
    other = known != end
    n_others = int(np.count_nonzero(other))
    count = len(known) - n_others
    if count < _FEWEST_TIMES or n_others < _FEWEST_TIMES:
        return False
    low, high = float(known.min(where=other, initial=np.inf)), float(known.max(where=other, initial=-np.inf))
    apart, span = (low - end if end < low else end - high), high - low
    if -_SMALL < end < 0:
        return low >= 0 and span >= _SMALL_SPAN and count >= _FREQUENT * len(known)
    if apart > max(span, _SMALL):
        return True
    if end < 0 and low >= 0:
        return _is_nines(end) or (_is_round(end) and count >= _FREQUENT * len(known))
    return _is_nines(end) and apart > 0.25 * span and count >= _FREQUENT * len(known)


def _is_nines(number: float) -> bool:
    return abs(number) >= 99 and set(f"{abs(number):.0f}") == {"9"}


def _is_round(number: float) -> bool:
    """Whether a program might have chosen the number: a round one, or the end of an integer's range."""
    return number % 50 == 0 or abs(number) in (111, 222, 333, 444, 555, 666, 777, 888, 2**15, 2**31)
