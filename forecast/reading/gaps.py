"""Gaps: what the steps without a value and the ends of the series are worth saying, and when they are too many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import Calendar, season_lengths
from forecast.panel import Timestamps
from forecast.reading.problems import FileProblems, Problem, listed, shown, warning
from forecast.reading.rows import Rows
from forecast.reading.series import LEAST_VALUES, Built
from forecast.reading.steps import Steps

#: The percentage of steps without a value beyond which a file is not what it is taken for, unless told otherwise.
MAX_MISSING = 60.0

#: Steps that take no time and no room to speak of, over all series.
_MANY_STEPS = 2_000_000

Counts = NDArray[np.int64]


def gap_notes(file: str, rows: Rows, steps: Steps, built: Built, calendar: Calendar, most: float | None) -> list[str]:
    """Notes on missing steps and on how series end. Raises FileProblems where more than `most` percent are missing."""
    lengths = built.lengths
    total, absent, missing = int(lengths.sum()), lengths - (built.last - built.first + 1), lengths - built.values
    _check_missing(file, int(missing.sum()), total, most)
    runs = [_absent(steps, built, number) for number in np.flatnonzero(absent).tolist()]
    notes = _missing("W404", "have no row", runs, absent, total, rows)
    blank = missing - absent
    runs = [_blank(rows, built, number) for number in np.flatnonzero(blank).tolist()]
    notes += _missing("W405", "have a blank cell", runs, blank, total, rows)
    return [*notes, *_ends(rows, built), *_stale(rows, built, lengths, calendar), *_short(built)]


def check_extent(file: str, rows: Rows, steps: Steps, most: float | None) -> None:
    """Raises FileProblems where series are so long and so empty that already making room for them would take long.

    One slip in a year makes billions of seconds of a minute's rows.
    """
    starts = np.flatnonzero(np.diff(rows.items, prepend=-1))
    ends = np.append(starts[1:], len(rows.items)) - 1
    total = int((steps.at[ends].astype(np.int64) - steps.at[starts] + 1).sum()) if len(starts) else 0
    if total > _MANY_STEPS:
        _check_missing(file, total - len(rows.items), total, most)


def _check_missing(file: str, missing: int, total: int, most: float | None) -> None:
    limit = MAX_MISSING if most is None else most
    share = 100 * missing / max(total, 1)
    if share > limit:
        allowed = min(math.ceil(share / 5) * 5, 100)
        text = f"{missing:,} of {total:,} steps ({share:.1f} %) have no value, more than {limit:g} %"
        hint = (
            f"--max-missing {allowed} goes on with the {total - missing:,} values there are; or name the step, --freq"
        )
        raise FileProblems(file, [Problem("E404", text, hint=hint)])


#: How long a gap is, and its timestamps.
_Run = tuple[int, Timestamps]


def _absent(steps: Steps, built: Built, number: int) -> _Run:
    """The longest run of steps without a row, and all such steps."""
    at = steps.at[built.kept(number)]
    stamps = built.series[number].timestamps
    return int(np.diff(at).max()) - 1, np.delete(stamps, at - at[0])


def _blank(rows: Rows, built: Built, number: int) -> _Run:
    """The longest run of rows without a value, and the timestamps of all of them."""
    kept = built.kept(number)
    blank = np.isnan(rows.values[kept, built.target[number]])
    return int(np.diff(np.flatnonzero(~blank)).max()) - 1, rows.timestamps[kept][blank]


def _missing(code: str, what: str, runs: Sequence[_Run], counts: Counts, total: int, rows: Rows) -> list[str]:
    """A note on missing steps of all series: how many, and which, or the longest gap; none when nothing is missing."""
    count = int(counts.sum())
    if not count:
        return []
    places = np.unique(np.concatenate([stamps for _, stamps in runs]))
    where = f" in {len(runs)} of {len(counts)} series" if len(counts) > 1 else ""
    share = 100 * count / total
    text = f"{count:,} of {total:,} steps ({share:.2g} %){where} {what} and count as missing: "
    if len(places) <= 3:
        return [warning(code, text + ", ".join(rows.texts_of(places)))]
    longest, stamps = max(runs, key=lambda run: run[0])
    first, last = rows.texts_of(_longest(stamps, longest))
    return [warning(code, f"{text}{rows.texts_of(places[:1])[0]} …; {_gap(longest, first, last)}")]


def _gap(length: int, first: str, last: str) -> str:
    return f"the longest gap has {length:,} steps, {first} to {last}" if length > 1 else "never two in a row"


def _longest(stamps: Timestamps, length: int) -> Timestamps:
    """The ends of the shortest stretch of time in which `length` of the stamps lie."""
    begin = int(np.argmin(stamps[length - 1 :] - stamps[: len(stamps) - length + 1]))
    return stamps[[begin, begin + length - 1]]


def _ends(rows: Rows, built: Built) -> list[str]:
    """How far covariates are known beyond the last values, or that a series ends with rows without a value."""
    if built.ahead.any():
        few, many = int(built.ahead.min()), int(built.ahead.max())
        steps = f"{many:,}" if few == many else f"{few:,} to {many:,}"
        return [f"future covariates are known for {steps} step{'s' * (many != 1)} after the last value"]
    ended = np.flatnonzero(built.after)
    if not len(ended):
        return []
    number = int(ended[0])
    count = int(built.after[number])
    who = f"{len(ended)} series, first {shown(built.names[number])}," if len(built.series) > 1 else "the series"
    end = rows.texts_of(built.series[number].timestamps[-1:])[0]
    text = f"{who} end{'s' * (len(ended) == 1)} with {count:,} row{'s' * (count != 1)} without a value; "
    return [warning("W406", f"{text}the last value is of {end}")]


def _stale(rows: Rows, built: Built, lengths: Counts, calendar: Calendar) -> list[str]:
    """A note on series that end long before the others: their forecasts begin where they end."""
    if len(built.series) < 2:
        return []
    ends, longest = rows.timestamps[built.last], int(lengths.max())
    season = min(season_lengths(calendar), default=1)
    step = np.timedelta64(calendar.step.microseconds, "us")
    old = np.flatnonzero((ends.max() - ends) // step > max(2 * season, longest // 10))
    if not len(old):
        return []
    worst = old[np.argsort(ends[old], kind="stable")][:3]
    named = ", ".join(
        f"{shown(built.names[i])} ({text})" for i, text in zip(worst, rows.texts_of(ends[worst]), strict=True)
    )
    more = f" and {len(old) - len(worst)} more" if len(old) > len(worst) else ""
    latest = rows.texts_of(ends.max()[None])[0]
    text = f"{len(old)} series end{'s' * (len(old) == 1)} long before the last, which goes to {latest}: {named}{more}"
    return [warning("W409", f"{text}; each forecast begins where its series ends")]


def _short(built: Built) -> list[str]:
    if not built.short:
        return []
    text = f"{len(built.short)} series with fewer than {LEAST_VALUES} values are left out: {listed(built.short)}"
    return [warning("W403", text)]
