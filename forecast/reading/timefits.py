"""Which one pattern a column of times has: of all that its texts allow, the one that reads them and is regular."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Timestamps
from forecast.reading.problems import warning
from forecast.reading.timetexts import Fit, Patterns, TimeTexts
from forecast.timeformat import SERIALS, is_digits

FIRST_YEAR, LAST_YEAR = 1700, 2200

#: Of the texts that have only digits, this many must be times before they are not numbers.
_MOST_DIGITS = 0.9
#: A reading of day and month that loses more of a sample than this is no rival.
_RIVAL = 0.75


class Choice(NamedTuple):
    """The fit to use, notes on it, and the row of a text that leaves day and month in doubt, with the reason."""

    fit: Fit
    notes: tuple[str, ...] = ()
    doubtful: int | None = None
    doubt: str = ""


def choose(texts: TimeTexts, *, known_pattern: str, date_format: str) -> Choice | None:
    """The pattern of the texts; `date_format` is what the user says, `known_pattern` wins where it fits everything."""
    if date_format:
        candidates = [split for spelling in _spellings(texts, date_format) for split in texts.split(spelling)]
        families = _families(texts.sample(), candidates)
        return Choice(_best(texts, families[0])) if families else None
    if known_pattern:
        fits = [texts.parse(split) for split in texts.split(known_pattern)]
        if fits and (best := max(fits, key=lambda fit: fit.count)).count == _present(texts, best):
            return Choice(best)
    sampled = texts.sample()
    families = [family for family in _families(sampled, sampled.candidates()) if not _by_chance(family[0])]
    if not families:
        return None
    first = _best(texts, families[0])
    rivals = [f for f in families[1:] if _exchanged(f[0].pattern) == _padded(first.pattern)]
    if not rivals or rivals[0][0].count < _RIVAL * len(sampled):
        return Choice(first)
    return _told_apart(texts, *sorted((first, _best(texts, rivals[0])), key=lambda fit: -fit.count))


def in_sample(texts: TimeTexts) -> str:
    """The pattern in which most texts of a sample are times, or nothing; of digits alone, all of them must be."""
    sampled = texts.sample()
    families = _families(sampled, sampled.candidates())
    if not families or 2 * families[0][0].count <= len(sampled):
        return ""
    best = families[0][0]
    return "" if is_digits(best.pattern) and _in_range(best.timestamps) < len(sampled) else best.pattern


def exact(pattern: str) -> str:
    """A date format as it can be pasted behind an option."""
    return f"--date-format {shlex.quote(pattern)}"


def _families(texts: TimeTexts, candidates: Sequence[Patterns]) -> list[list[Fit]]:
    """Fits of a sample grouped by order of fields, whatever is padded; the best come first."""
    fits: dict[str, list[Fit]] = {}
    for patterns in candidates:
        fit = texts.parse(patterns)
        fits.setdefault(_padded(fit.pattern), []).append(fit)
    ranked = [sorted(family, key=lambda fit: -fit.count) for family in fits.values()]
    return sorted((family for family in ranked if family[0].count), key=lambda family: -family[0].count)


def _best(texts: TimeTexts, family: Sequence[Fit]) -> Fit:
    """The fit of all texts by the padding of a family that reads the most of them."""
    best = texts.parse(family[0].patterns)
    for other in family[1:]:
        # A padding that reads less of the sample cannot read all of the column.
        if best.count < len(texts) and other.count == family[0].count:
            best = max(best, texts.parse(other.patterns), key=lambda fit: fit.count)
    return best


def _by_chance(fit: Fit) -> bool:
    """Whether a sample of numbers only looks like times here and there."""
    return is_digits(fit.pattern) and _in_range(fit.timestamps) < _MOST_DIGITS * len(fit.timestamps)


def _in_range(timestamps: Timestamps) -> int:
    """How many of the moments lie in the years that we take; NaT lies in none."""
    years = timestamps.astype("datetime64[Y]").astype(np.int64) + 1970
    return int((~np.isnat(timestamps) & (years >= FIRST_YEAR) & (years <= LAST_YEAR)).sum())


def _present(texts: TimeTexts, fit: Fit) -> int:
    """How many of the texts say something, given a fit that has read some of them."""
    if fit.count < _RIVAL * len(texts):
        return len(texts)
    return len(texts) - sum(map(texts.is_missing, np.flatnonzero(np.isnat(fit.timestamps)).tolist()))


def _told_apart(texts: TimeTexts, first: Fit, second: Fit) -> Choice:
    """One of two readings of day and month: the one that reads everything, else the one that is regular."""
    n = _present(texts, first)
    if first.count < n or second.count < 0.9 * n:
        return Choice(first)
    regular = [fit for fit in (first, second) if is_regular(fit.timestamps)]
    if second.count == n:
        if len(regular) == 1:
            order = _order(regular[0].pattern)
            note = f"day and month are read as {order}: only this reading of them gives regular steps"
            return Choice(regular[0], (warning("W301", note),))
        differs = int(np.argmax(_differ(first.timestamps, second.timestamps)))
        return Choice(first, (), differs, "may be day/month or month/day, and nothing in the column tells which")
    if regular == [second]:
        # A few days above 12 prove one reading, yet without those few rows the other is regular: which are wrong?
        orders = _order(first.pattern), _order(second.pattern)
        exception = int(np.argmax(np.isnat(second.timestamps) & ~np.isnat(first.timestamps)))
        doubt = f"reads only as {orders[0]}, but the rows without it are regular as {orders[1]}"
        return Choice(first, (), exception, doubt)
    return Choice(first)


def _differ(first: Timestamps, second: Timestamps) -> NDArray[np.bool_]:
    return np.asarray((first != second) & ~np.isnat(first) & ~np.isnat(second))


def is_regular(timestamps: Timestamps) -> bool:
    """Whether the timestamps, sorted, follow each other by one constant number of microseconds or of months."""
    moments = np.unique(timestamps[~np.isnat(timestamps)])
    if len(moments) < 3:
        return False
    months = moments.astype("datetime64[M]")
    monthly = len(np.unique(moments - months)) == 1 and len(np.unique(np.diff(months))) == 1
    return monthly or len(np.unique(np.diff(moments))) == 1


def _padded(pattern: str) -> str:
    return re.sub(r"%-([a-zA-Z])", r"%\1", pattern) if "%-z" not in pattern else pattern


def _exchanged(pattern: str) -> str:
    return _padded(pattern).replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")


def _order(pattern: str) -> str:
    return "day/month" if _padded(pattern).index("%d") < _padded(pattern).index("%m") else "month/day"


def _spellings(texts: TimeTexts, date_format: str) -> list[str]:
    """The patterns that a user may mean by a date format: with or without leading zeros, as names are written."""
    if date_format in SERIALS:
        return _serials(texts, date_format)
    variants = {
        **{f"%{letter}": (f"%{letter}", f"%-{letter}") for letter in "mdHIV"},
        **{f"%{letter}": (f"%{letter}", f"%^{letter}", f"%~{letter}") for letter in "bB"},
        **{"%p": ("%p", "%P"), "%z": ("Z", "%:z", "%z", "%-z"), "%f": tuple(f"%{n}f" for n in range(1, 10))},
    }
    parts = re.split(r"(%(?:\df|[-^~:]?[a-zA-Z]))", date_format)
    return ["".join(spelt) for spelt in product(*(variants.get(part, (part,)) for part in parts))]


def _serials(texts: TimeTexts, word: str) -> list[str]:
    """The patterns of numbers that count, with as many decimals as the texts have."""
    if len(texts.columns) > 1:
        return []
    decimals = {len(text.partition(".")[2]) for text in map(str.strip, texts.columns[0])} - {0}
    if word != "excel":
        return [word, *(f"{word}.{digits}" for digits in sorted(decimals) if digits < 10)]
    floats = any(text.endswith(".0") for text in map(str.strip, texts.columns[0]))
    return [f"excel.{min(max(decimals), 15)}{'f' * floats}"] if decimals else [word]
