"""Text → timestamps. The whole column decides one format; what that format does not read is a problem with its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Timestamps
from forecast.reading.dialect import Table
from forecast.reading.problems import Problem, named, shown
from forecast.reading.typed import MISSING, sample
from forecast.timeformat import parse_times, patterns_for, zone_of

FIRST_YEAR, LAST_YEAR = 1700, 2200

_HINT = "write times like 2024-01-31, 2024-01-31 18:00, 2024-01 or 2024Q1, or name another column with --time"
_REMARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{2}( .*)?"), "a year of two digits?"),
    (re.compile(r"[2-6]\d{4}(\.\d+)?"), "a date number of Excel?"),
    (re.compile(r"1\d{9}(\d{3}){0,3}(\.\d+)?"), "seconds or less since 1970?"),
    (re.compile(r".*\d.*[^\W\d_]{3}.*|.*[^\W\d_]{3}.*\d.*"), "the name of a month?"),
)


@dataclass(frozen=True)
class TimeColumn:
    """A column read as times: timestamps [N] datetime64[us], NaT where a problem names the row, in the text's pattern.

    note says how day and month were told apart, where that was needed.
    """

    timestamps: Timestamps
    pattern: str
    problems: tuple[Problem, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class _Fit:
    """A pattern, what it reads in N texts, and in how many of them it reads anything."""

    pattern: str
    timestamps: Timestamps
    count: int


def time_pattern(cells: Sequence[str]) -> str:
    """The pattern in which most cells of a sample are timestamps, or nothing."""
    texts = sample(cells)
    families = _families(texts)
    return families[0][0].pattern if families and 2 * families[0][0].count > len(texts) else ""


def read_times(table: Table, column: int, *, known_pattern: str | None = None) -> TimeColumn:
    """The column as timestamps, in the one pattern that fits all of it; `known_pattern` wins where it fits."""
    texts = [cell.strip(" ") for cell in table.cells[column]]
    present = np.array([text not in MISSING for text in texts])
    rows = np.flatnonzero(present)
    name = named(table.names[column])
    hint = "fill it in or remove the row"
    problems = [
        table.problem("E319", f"{name}: the row has no timestamp", row, column, hint=hint)
        for row in np.flatnonzero(~present).tolist()
    ]
    timestamps = np.full(len(texts), np.datetime64("NaT", "us"))
    kept = texts if present.all() else [texts[row] for row in rows.tolist()]
    fits = _fits(kept, known_pattern) if kept else []
    if not fits:
        problems += [_no_format(table, int(row), column, texts[row]) for row in rows[:1]]
        return TimeColumn(timestamps, "", tuple(problems))
    best, note, ambiguous = _chosen(fits)
    timestamps[rows] = best.timestamps
    if ambiguous is not None:
        row = int(rows[ambiguous])
        problems.append(table.problem("E316", f"{name}: {shown(texts[row])} {note}", row, column, hint=_HINT))
    problems += _faults(table, column, texts, rows, best)
    return TimeColumn(timestamps, best.pattern, tuple(problems), note)


def _families(texts: Sequence[str]) -> list[list[_Fit]]:
    """Patterns for the texts grouped by order of fields, whatever is padded; the best come first."""
    fits: dict[str, list[_Fit]] = {}
    for pattern in dict.fromkeys(pattern for text in texts for pattern in patterns_for(text)):
        fits.setdefault(_padded(pattern), []).append(_fit(texts, pattern))
    ranked = [sorted(family, key=lambda fit: -fit.count) for family in fits.values()]
    return sorted((family for family in ranked if family[0].count), key=lambda family: -family[0].count)


def _fits(texts: Sequence[str], known_pattern: str | None) -> list[_Fit]:
    """What the texts may be: one fit, or two when day and month may be exchanged; the better comes first."""
    if known_pattern:
        known = _fit(texts, known_pattern)
        if known.count == len(texts):
            return [known]
    fits: list[_Fit] = []
    for family in _families(sample(texts))[:2]:
        best = _fit(texts, family[0].pattern)
        for other in family[1:]:
            # A padding that reads less of the sample cannot read all of the column.
            if best.count < len(texts) and other.count == family[0].count:
                best = max(best, _fit(texts, other.pattern), key=lambda fit: fit.count)
        fits.append(best)
    fits.sort(key=lambda fit: -fit.count)
    return fits[:1] + [fit for fit in fits[1:] if _exchanged(fit.pattern) == _padded(fits[0].pattern)]


def _fit(texts: Sequence[str], pattern: str) -> _Fit:
    timestamps = parse_times(texts, pattern)
    return _Fit(pattern, timestamps, int((~np.isnat(timestamps)).sum()))


def _padded(pattern: str) -> str:
    return pattern.replace("%-", "%")


def _exchanged(pattern: str) -> str:
    return _padded(pattern).replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")


def _order(pattern: str) -> str:
    return "day/month" if _padded(pattern).index("%d") < _padded(pattern).index("%m") else "month/day"


def _chosen(fits: Sequence[_Fit]) -> tuple[_Fit, str, int | None]:
    """The fit to use, a remark, and the index of a text that leaves day and month in doubt, if one does."""
    first = fits[0]
    n = len(first.timestamps)
    if len(fits) == 1 or first.count < n or fits[1].count < 0.9 * n:
        return first, "", None
    second = fits[1]
    regular = [fit for fit in (first, second) if _is_regular(fit.timestamps)]
    if second.count == n:
        if len(regular) == 1:
            return regular[0], "only this reading of day and month gives regular steps", None
        differs = int(np.argmax(first.timestamps != second.timestamps))
        return first, "may be day/month or month/day, and nothing in the column tells which", differs
    if regular == [second]:
        # A few days above 12 prove one reading, yet without those few rows the other is regular: which are wrong?
        exception = int(np.argmax(np.isnat(second.timestamps)))
        orders = _order(first.pattern), _order(second.pattern)
        return first, f"reads only as {orders[0]}, but the rows without it are regular as {orders[1]}", exception
    return first, "", None


def _is_regular(timestamps: Timestamps) -> bool:
    """Whether the timestamps, sorted, follow each other by one constant number of microseconds or of months."""
    moments = np.unique(timestamps[~np.isnat(timestamps)])
    if len(moments) < 3:
        return False
    months = moments.astype("datetime64[M]")
    monthly = len(np.unique(moments - months)) == 1 and len(np.unique(np.diff(months))) == 1
    return monthly or len(np.unique(np.diff(moments))) == 1


def _no_format(table: Table, row: int, column: int, text: str) -> Problem:
    remark = next((f" ({remark})" for form, remark in _REMARKS if form.fullmatch(text)), "")
    found = f"{named(table.names[column])}: {shown(text)} is not a timestamp{remark}"
    return table.problem("E311", found, row, column, hint=_HINT)


def _faults(table: Table, column: int, texts: Sequence[str], rows: NDArray[np.int64], best: _Fit) -> list[Problem]:
    """What is wrong with the cells that the best pattern does not read, and with years out of range."""
    unread = np.isnat(best.timestamps)
    example = int(rows[np.argmin(unread)])
    problems = [_fault(table, column, texts, row, example) for row in rows[unread].tolist()]
    years = best.timestamps.astype("datetime64[Y]").astype(np.int64) + 1970
    for row in rows[~unread & ((years < FIRST_YEAR) | (years > LAST_YEAR))].tolist():
        found = f"{named(table.names[column])}: {shown(texts[row])} lies outside the years {FIRST_YEAR} to {LAST_YEAR}"
        problems.append(table.problem("E315", found, row, column, hint="correct the year or remove the row"))
    return problems


def _fault(table: Table, column: int, texts: Sequence[str], row: int, example: int) -> Problem:
    """Why the text of a row is not read as the text of the example row was."""
    text, other = texts[row], f"{shown(texts[example])} on line {table.lines[example]}"
    found = f"{named(table.names[column])}: {shown(text)}"
    candidates = patterns_for(text)
    real = any(not np.isnat(parse_times([text], pattern)[0]) for pattern in candidates)
    if candidates and not real:
        if re.search(r"[T ]24:", text):
            hint = "write midnight as 00:00 of the next day"
            return table.problem("E314", f"{found} says 24:00", row, column, hint=hint)
        return table.problem("E313", f"{found} names no moment that exists", row, column, hint="correct the cell")
    zone, other_zone = zone_of(text), zone_of(texts[example])
    if real and zone != other_zone:
        code = "E317" if zone and other_zone else "E318"
        how = "another" if code == "E317" else "a" if zone else "no"
        return table.problem(
            code, f"{found} has {how} UTC offset, unlike {other}", row, column, hint="write all times in UTC, with a Z"
        )
    return table.problem("E312", f"{found} is not written like {other}", row, column, hint="write all times one way")
