"""Why a text is not a time, or not one like the others, with a hint that fits the file."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from forecast.reading.dialect import Table
from forecast.reading.problems import Problem, listed, named, shown
from forecast.reading.timefits import FIRST_YEAR, LAST_YEAR, exact, is_regular
from forecast.reading.timetexts import Fit, TimeTexts
from forecast.reading.typed import MISSING
from forecast.timeformat import has_clock, is_serial, parse_times, patterns_for, short_year_patterns_for, zone_of

#: Nobody reads more, and each takes its time.
_MOST_PROBLEMS = 10_000
PLAIN_HINT = "write times like 2024-01-31, 2024-01-31 18:00, 2024-01 or 2024Q1, or name another column with --time"
_ZONES = {
    **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Berlin"),
    **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Helsinki"),
    **{"BST": "Europe/London", "MSK": "Europe/Moscow", "JST": "Asia/Tokyo", "IST": "Asia/Kolkata"},
    **dict.fromkeys(("EST", "EDT"), "America/New_York"),
    **dict.fromkeys(("CST", "CDT"), "America/Chicago"),
    **dict.fromkeys(("MST", "MDT"), "America/Denver"),
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
}
_ZONE_NAME = re.compile(r".*\d ?\[?(?P<zone>[A-Z]{2,5}|[A-Z]\w+/[A-Z]\w+(?:/[A-Z]\w+)?)\]?")
#: The least whole number that is likely a count since 1970 in each unit: days late in 1973.
_EPOCHS = ((10**17, "epoch_ns"), (10**14, "epoch_us"), (10**11, "epoch_ms"), (10**8, "epoch_s"))


def no_format(table: Table, columns: Sequence[int], texts: TimeTexts, date_format: str) -> Problem:
    """The problem of a column in which nothing is a time, at its first text."""
    row = next((row for row in range(len(texts)) if not texts.is_missing(row)), 0)
    text = texts.text(row)
    found = f"{_where(table, columns)}: {shown(text)}"
    if date_format:
        guess = next((p for p in patterns_for(text) if not np.isnat(parse_times([text], p)[0])), "")
        hint = exact(guess) if guess else "leave --date-format out and the whole column decides"
        said = f"{found} is not written as --date-format {date_format} says"
        return table.problem("E311", said, row, columns[0], hint=hint)
    remark, hint = _remark(texts, text)
    return table.problem("E311", f"{found} is not a timestamp{remark}", row, columns[0], hint=hint)


def faults(table: Table, columns: Sequence[int], texts: TimeTexts, fit: Fit) -> list[Problem]:
    """What is wrong with the texts that the fit does not read, and with years out of range; of very many the first."""
    unread = np.isnat(fit.timestamps)
    example = int(np.argmin(unread))
    rows = np.flatnonzero(unread)[:_MOST_PROBLEMS].tolist()
    problems = [_fault(table, columns, texts, row, example, fit) for row in rows]
    first, end = np.datetime64(f"{FIRST_YEAR}", "us"), np.datetime64(f"{LAST_YEAR + 1}", "us")
    # The smallest and the largest tell whether any is outside, without another column in memory.
    if np.fmin.reduce(fit.timestamps) >= first and np.fmax.reduce(fit.timestamps) < end:
        return problems
    outside = np.flatnonzero((fit.timestamps < first) | (fit.timestamps >= end))[:_MOST_PROBLEMS]
    for row in outside.tolist():
        text = f"{shown(texts.text(row))} lies outside the years {FIRST_YEAR} to {LAST_YEAR}"
        hint = "correct the year or remove the row"
        problems.append(table.problem("E315", f"{_where(table, columns)}: {text}", row, columns[0], hint=hint))
    return problems


def _fault(table: Table, columns: Sequence[int], texts: TimeTexts, row: int, example: int, fit: Fit) -> Problem:
    """Why the text of a row is not read as that of the example row was; at the column that is to blame."""
    numbers = range(len(columns))
    parts = [texts.part(row, number) for number in numbers]
    blamed = next((n for n in numbers if parts[n] in MISSING or not _reads(parts[n], [fit.patterns[n]])), None)
    if blamed is None:
        # Every part is fine by itself, as the 30 and the 2 of 30 February are.
        day = max(texts.letters.find("d"), 0)
        found = f"{_where(table, columns)}: {shown(texts.text(row))} names no moment that exists"
        return table.problem("E313", found, row, columns[day], hint="correct the cell")
    column, text = columns[blamed], parts[blamed]
    where = named(table.names[column])
    if text in MISSING:
        hint = "fill it in or remove the row"
        return table.problem("E319", f"{where}: the row has no timestamp", row, column, hint=hint)
    if is_serial(fit.patterns[blamed]) and re.fullmatch(r"-?\d+(\.\d+)?", text):
        found = f"{where}: {shown(text)} is too large, or finer than a microsecond, as {fit.pattern.partition('.')[0]}"
        return table.problem("E313", found, row, column, hint="correct the cell, or round the times")
    candidates = [*texts.candidates_of(blamed, text), *([fit.patterns[blamed]] if len(columns) > 1 else [])]
    if candidates and not _reads(text, candidates):
        code, words, hint = _impossible(text, fit.patterns[blamed])
        return table.problem(code, f"{where}: {shown(text)} {words}", row, column, hint=hint)
    other = texts.part(example, blamed)
    code, words, remark, hint = _another(texts, text, other, is_time=bool(candidates))
    like = f"{shown(other)} on line {int(table.lines[example])}"
    return table.problem(code, f"{where}: {shown(text)} {words} {like}{remark}", row, column, hint=hint)


def _reads(text: str, patterns: Sequence[str]) -> bool:
    return any(not np.isnat(parse_times([text], pattern)[0]) for pattern in patterns)


def _impossible(text: str, pattern: str) -> tuple[str, str, str]:
    """Code, words and hint for a text that has the form of a time and is none."""
    hours = re.compile(r"(^|[T _:]|\d{8})24([:.h]?00)*([ Z+-].*)?$")
    if (clock_first := has_clock(pattern)) and (hours.search(text) or re.search(r"[T ]24[:.h]", text)):
        return "E314", "says 24:00", "write midnight as 00:00 of the next day"
    if clock_first and re.search(r"\d[:.]\d\d[:.]60([.,]\d+)?( ?[A-Z+-].*)?$", text):
        return "E313", "has a leap second", "write the second 60 as 59, or remove the row"
    if re.search(r"\.\d{7,9}( ?[A-Z+-].*)?$", text) or pattern == "epoch_ns":
        return "E313", "is finer than a microsecond", "round the times to microseconds"
    return "E313", "names no moment that exists", "correct the cell"


def _another(texts: TimeTexts, text: str, other: str, *, is_time: bool) -> tuple[str, str, str, str]:
    """Code, words, remark and hint for a text that is written in another form than the others."""
    zone, other_zone = zone_of(text), zone_of(other)
    if is_time and zone != other_zone:
        code = "E317" if zone and other_zone else "E318"
        how = "another" if code == "E317" else "a" if zone else "no"
        return code, f"has {how} UTC offset, unlike", "", "write all times in UTC, with a Z"
    remark, hint = ("", "") if is_time else _remark(texts, text)
    return "E312", "is not written like", remark, hint if remark else "write all times one way"


def _remark(texts: TimeTexts, text: str) -> tuple[str, str]:
    """What a text may be that is no time, in brackets, and the hint that goes with it."""
    if patterns := [pattern for pattern in short_year_patterns_for(text) if _reads(text, [pattern])]:
        sampled = texts.sample()
        rows = [sampled.text(row) for row in range(len(sampled))]
        read = {pattern: parse_times(rows, pattern) for pattern in sorted(patterns, key=lambda p: p.startswith("%y"))}
        best = max(read, key=lambda pattern: (int((~np.isnat(read[pattern])).sum()), is_regular(read[pattern])))
        return " (a year of two digits?)", exact(best)
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        number = float(text)
        if word := next((word for least, word in _EPOCHS if number >= least), ""):
            return " (a number of seconds or less since 1970?)", exact(word)
        if 10_000 <= number < 80_000:
            return " (a date number of Excel?)", exact("excel")
        return "", PLAIN_HINT
    if found := _ZONE_NAME.fullmatch(text):
        zone = _ZONES.get(found["zone"], found["zone"] if "/" in found["zone"] else "Europe/Berlin")
        return " (the name of a time zone?)", f"leave the name out of the cells and say --timezone {zone}"
    if re.search(r"\d.*[^\W\d_]{3}.*\d{4}|\d{4}.*[^\W\d_]{3}|^[^\W\d_]{3}.*\d{4}$", text):
        return " (the name of a month?)", "write months as numbers, such as 2024-08-31, or with their English names"
    return "", PLAIN_HINT


def _where(table: Table, columns: Sequence[int]) -> str:
    if len(columns) == 1:
        return named(table.names[columns[0]])
    return f"columns {listed(table.names[column] for column in columns)}"
