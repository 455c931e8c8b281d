"""Text → timestamps. The whole column decides one format; what that format does not read is a problem with its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.config import ReadConfig
from forecast.errors import ConfigError
from forecast.panel import Columns, Timestamps
from forecast.reading.cells import Cells, Positions
from forecast.reading.dialect import Table
from forecast.reading.problems import Problem, named, shown, warning
from forecast.reading.timefaults import faults, no_format
from forecast.reading.timefits import Choice, choose, exact, in_sample
from forecast.reading.timetexts import Fit, TimeTexts, letters_of
from forecast.reading.wallclocks import in_file_order, settle
from forecast.timeformat import check_pattern, clock_patterns_for, has_clock, parse_times, patterns_for
from forecast.timezones import check_zone, to_utc


@dataclass(frozen=True)
class TimeColumn:
    """Columns read as times: timestamps [N] datetime64[us], NaT where a problem names the row, in the texts' pattern.

    With a timezone the timestamps are UTC and the texts are what that zone's clocks show; `repeated` [N] are then those
    that the clocks show twice in autumn, taken as the first time until resolve_overlap has seen which item they are of.
    The texts of several columns are joined by a blank, as the pattern is. notes are warnings.
    """

    timestamps: Timestamps
    pattern: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    timezone: str = ""
    repeated: NDArray[np.bool_] | None = None


def read_times(table: Table, columns: Sequence[int], read: ReadConfig, *, known: Columns | None = None) -> TimeColumn:
    """The columns of one row's time as timestamps, in the one pattern that fits all rows.

    The pattern of a known model wins where it fits. A date format or a time zone that means nothing is a ConfigError.
    """
    timezone = read.timezone or (known.timezone if known else "")
    known_pattern = known.time_format if known else ""
    if timezone:
        check_zone(timezone)
    if read.date_format:
        check_pattern(read.date_format)
    texts = TimeTexts([table.cells[column] for column in columns], letters_of([table.names[c] for c in columns]))
    choice = choose(texts, known_pattern=known_pattern, date_format=read.date_format or "")
    if choice is None:
        timestamps = np.full(len(texts), np.datetime64("NaT", "us"))
        return TimeColumn(timestamps, "", _nothing_read(table, columns, texts, read.date_format or ""))
    fit, notes = _with_midnights(texts, choice)
    problems = _doubt(table, columns, texts, choice) + faults(table, columns, texts, fit)
    settled = settle(fit, timezone=timezone, known_pattern=known_pattern)
    if settled.broken is not None:
        for row in np.flatnonzero(settled.broken).tolist():
            text = f"{named(table.names[columns[-1]])}: {shown(texts.text(row))} {settled.fault}"
            problems.append(table.problem(settled.code, text, row, columns[-1], hint=settled.hint))
    if "%y" in settled.pattern:
        notes = (*notes, warning("W305", "years of two digits are read as 1969 to 2068"))
    return TimeColumn(
        settled.timestamps,
        settled.pattern,
        tuple(problems),
        (*notes, *settled.notes),
        settled.timezone,
        settled.repeated if settled.repeated is not None and settled.repeated.any() else None,
    )


def resolve_overlap(times: TimeColumn, items: Positions, table: Table, columns: Sequence[int]) -> TimeColumn:
    """The times with those that clocks show twice in autumn told apart by the order of the rows of each item [N].

    Where both are there the first is before the change and the second after it, the other way round where an item's
    rows go back in time. A time that is there once is taken as the one before the change, which a note says; rows in no
    order at all are problems. Without such times nothing changes.
    """
    if times.repeated is None:
        return times
    moments, untold, lonely = in_file_order(times.timestamps, times.repeated, items.astype(np.int64), times.timezone)
    count = int(times.repeated.sum())
    who = "1 time lies in an hour" if count == 1 else f"{count:,} times lie in hours"
    told = f"{who} that the clocks of {times.timezone} show twice"
    notes = [warning("W308", f"{told}: the order of the rows tells which is which")] if count > lonely else []
    if lonely:
        once = f"{lonely:,} of them" if notes else told
        notes.append(warning("W309", f"{once}, and there only once: taken as the first time"))
    problems = []
    for row in np.flatnonzero(untold).tolist():
        text = " ".join(table.cells[column][row].strip(" ") for column in columns)
        found = f"{named(table.names[columns[-1]])}: {shown(text)} is there twice by the clocks of {times.timezone}"
        hint = "sort the rows by time, or write the times with their UTC offset"
        text = f"{found}, and the rows are in no order that tells which is first"
        problems.append(table.problem("E323", text, row, columns[-1], hint=hint))
    return replace(
        times,
        timestamps=moments,
        repeated=None,
        problems=(*times.problems, *problems),
        notes=(*times.notes, *notes),
    )


def time_pattern(cells: Sequence[str]) -> str:
    """The pattern in which most cells of a sample are timestamps, or nothing."""
    return in_sample(TimeTexts([Cells.of(cells)]))


def clock_pattern(cells: Sequence[str]) -> str:
    """The pattern in which most cells of a sample are clock times without a date, or nothing."""
    sampled = TimeTexts([Cells.of(cells)]).sample()
    texts = [sampled.text(row) for row in range(len(sampled))]
    counts = {
        pattern: int((~np.isnat(parse_times(texts, pattern))).sum())
        for pattern in dict.fromkeys(pattern for text in texts for pattern in clock_patterns_for(text))
    }
    best = max(counts, key=lambda pattern: counts[pattern], default="")
    return best if best and 2 * counts[best] > len(texts) else ""


def parse_moment(text: str, timezone: str = "") -> np.datetime64:
    """The moment that an option such as --as-of names in ISO form, the last microsecond of a date without a clock time.

    With a timezone the text is what its clocks show, and the moment is in UTC. Anything else is a ConfigError.
    """
    text = text.strip()
    patterns = [p for p in patterns_for(text) if p.startswith("%Y-%m-%d") and "z" not in p and not p.endswith("C")]
    moments = [parse_times([text], pattern)[0] for pattern in patterns]
    known = [n for n, moment in enumerate(moments) if not np.isnat(moment)]
    if not known:
        hint = "write it like 2024-01-31, or 2024-01-31T18:00"
        raise ConfigError(f"{text!r:.60} is no date and no time", hint=hint)
    moment, pattern = moments[known[0]], patterns[known[0]]
    if not has_clock(pattern):
        moment += np.timedelta64(86_400_000_000 - 1, "us")
    if timezone and not pattern.endswith("Z"):
        utc = to_utc(np.array([moment]), timezone)
        if utc.missing[0]:
            raise ConfigError(f"{text!r} is a time that the clocks of {timezone} skip")
        moment = utc.second[0]
    return np.datetime64(moment)


def _nothing_read(table: Table, columns: Sequence[int], texts: TimeTexts, date_format: str) -> tuple[Problem, ...]:
    """The problems of columns in which no text is a time: one for the form, and one for each that is missing."""
    missing = [row for row in range(len(texts)) if texts.is_missing(row)]
    problems = [
        table.problem(
            "E319",
            f"{named(table.names[columns[0]])}: the row has no timestamp",
            row,
            columns[0],
            hint="fill it in or remove the row",
        )
        for row in missing
    ]
    if len(missing) < len(texts):
        problems.append(no_format(table, columns, texts, date_format))
    return tuple(problems)


def _doubt(table: Table, columns: Sequence[int], texts: TimeTexts, choice: Choice) -> list[Problem]:
    if choice.doubtful is None:
        return []
    text = f"{named(table.names[columns[0]])}: {shown(texts.text(choice.doubtful))} {choice.doubt}"
    hint = exact(choice.fit.pattern)
    return [table.problem("E316", text, choice.doubtful, columns[0], hint=hint)]


def _with_midnights(texts: TimeTexts, choice: Choice) -> tuple[Fit, tuple[str, ...]]:
    """The fit with dates alone read as midnight, where just the midnights of a regular grid have no clock time."""
    fit = choice.fit
    unread = np.isnat(fit.timestamps)
    clock = re.search(r"(T|, |:|_| +)%-?[HI]", fit.pattern)
    if clock is None or len(fit.patterns) > 1 or not unread.any() or unread.all() or fit.offsets is not None:
        return fit, choice.notes
    rows = np.flatnonzero(unread)
    dates = parse_times([texts.text(row) for row in rows.tolist()], fit.pattern[: clock.start()])
    moments = fit.timestamps.copy()
    moments[rows] = dates
    read = fit.timestamps[~unread]
    if np.isnat(dates).all() or (read == read.astype("datetime64[D]")).any() or not _on_one_grid(moments):
        return fit, choice.notes
    count = int((~np.isnat(dates)).sum())
    who = "1 date without a clock time is" if count == 1 else f"{count} dates without a clock time are"
    note = warning("W304", f"{who} taken as midnight, the only times of day that have none")
    return replace(fit, timestamps=moments, count=fit.count + count), (*choice.notes, note)


def _on_one_grid(moments: Timestamps) -> bool:
    """Whether most moments follow each other by one step that divides a day and every difference."""
    steps = np.diff(np.unique(moments[~np.isnat(moments)])).astype(np.int64)
    if not len(steps):
        return False
    step = int(np.gcd.reduce(steps))
    return 86_400_000_000 % step == 0 and 2 * int((steps == step).sum()) > len(steps)
