"""Gaps: what the steps without a value and the ends of the series are worth saying, and when they are too many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from forecast.calendars import Calendar, season_lengths
from forecast.panel import Timestamps
from forecast.reading.problems import FileProblems, Problem, listed, shown, warning
from forecast.reading.rows import Rows
from forecast.reading.series import LEAST_VALUES, Built
from forecast.reading.steps import Steps

#: The percentage of steps without a value beyond which a file is not what it is taken for, unless told otherwise.
MAX_MISSING = 60.0

Texts = Callable[[Timestamps], list[str]]


def gap_notes(file: str, rows: Rows, steps: Steps, built: Built, calendar: Calendar, most: float | None) -> list[str]:
    """Notes on missing steps and on how series end. Raises FileProblems where more than `most` percent are missing."""
    total = sum(len(series) for series in built.series)
    absent = [len(series) - (kept.stop - kept.start) for series, kept in zip(built.series, built.kept, strict=True)]
    missing = [int(np.isnan(series.values).sum()) for series in built.series]
    _check_missing(file, sum(missing), total, most)
    notes = _missing("W404", "have no row", [_absent(steps, *one) for one in _with(absent, built)], absent, total, rows)
    blank = [gone - away for gone, away in zip(missing, absent, strict=True)]
    runs = [_blank(rows, *one) for one in _with(blank, built)]
    notes += _missing("W405", "have a blank cell", runs, blank, total, rows)
    return [*notes, *_ends(rows, built), *_stale(rows, built, calendar), *_short(built)]


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


def _with(counts: Sequence[int], built: Built) -> list[tuple[Built, int]]:
    return [(built, number) for number, count in enumerate(counts) if count]


def _absent(steps: Steps, built: Built, number: int) -> _Run:
    """The longest run of steps without a row, and all such steps."""
    at = steps.at[built.kept[number]]
    stamps = built.series[number].timestamps
    return int(np.diff(at).max()) - 1, np.delete(stamps, at - at[0])


def _blank(rows: Rows, built: Built, number: int) -> _Run:
    """The longest run of rows without a value, and the timestamps of all of them."""
    kept = built.kept[number]
    blank = np.isnan(rows.values[kept, built.target[number]])
    return int(np.diff(np.flatnonzero(~blank)).max()) - 1, rows.timestamps[kept][blank]


def _missing(code: str, what: str, runs: Sequence[_Run], counts: Sequence[int], total: int, rows: Rows) -> list[str]:
    """A note on missing steps of all series: how many, and which, or the longest gap; none when nothing is missing."""
    count = sum(counts)
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
    if any(built.ahead):
        few, many = min(built.ahead), max(built.ahead)
        steps = f"{many:,}" if few == many else f"{few:,} to {many:,}"
        return [f"future covariates are known for {steps} step{'s' * (many != 1)} after the last value"]
    ended = [number for number, count in enumerate(built.after) if count]
    if not ended:
        return []
    number = ended[0]
    count = built.after[number]
    who = f"{len(ended)} series, first {shown(built.names[number])}," if len(built.series) > 1 else "the series"
    end = rows.texts_of(built.series[number].timestamps[-1:])[0]
    text = f"{who} end{'s' * (len(ended) == 1)} with {count:,} row{'s' * (count != 1)} without a value; "
    return [warning("W406", f"{text}the last value is of {end}")]


def _stale(rows: Rows, built: Built, calendar: Calendar) -> list[str]:
    """A note on series that end long before the others: their forecasts begin where they end."""
    if len(built.series) < 2:
        return []
    ends = np.array([series.timestamps[-1] for series in built.series])
    longest = max(len(series) for series in built.series)
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
