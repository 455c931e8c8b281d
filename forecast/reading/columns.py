"""Which column is the time, which the target, which the ids: as the file itself shows without doubt."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from forecast.config import ReadConfig, suggest
from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, named, shown
from forecast.reading.times import time_pattern
from forecast.reading.typed import looks_numeric, sample
from forecast.timeformat import is_digits, parse_times

#: Names that make a column the target among several of numbers, in this order, whatever their case.
TARGET_NAMES = (
    *("target", "y", "value", "close", "sales", "units", "demand", "load", "consumption"),
    *("count", "cnt", "quantity", "qty", "total", "ot"),
)
#: Words that make a column the time among several of timestamps.
TIME_WORDS = frozenset(
    (
        *("date", "dates", "time", "times", "datetime", "timestamp", "timestamps", "ds", "ts"),
        *("day", "week", "month", "quarter", "year", "period"),
        *("datum", "zeit", "zeitpunkt", "tag", "woche", "monat", "jahr", "fecha", "mes"),
    )
)
YEAR_WORDS = frozenset(("year", "jahr"))

_HOW = ReadConfig()
# What pandas calls the index that it wrote into a file.
#: A date with a year of two digits, or a count of seconds or less since 1970: times that no form is taken for unasked.
_DATE_LIKE = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{2}(\D|$)|\d{9,10}$|\d{13}$|\d{16}$|\d{19}$", re.ASCII)

_UNNAMED = re.compile(r"|Unnamed: \d+|__index_level_\d+__")


def find_time(table: Table, read: ReadConfig = _HOW, *, taken: Iterable[int] = ()) -> int:
    """The index of the time column, the one whose cells are timestamps.

    Among several columns of timestamps the one with a telling name, then the one without repeats. Raises FileProblems
    when neither decides.
    """
    free = named_columns(table)
    # Almost any number may be seconds since 1970: a format makes times of those columns only that are nothing else.
    other = set(taken)
    times = [i for i in free if holds_times(table, i) or (i not in other and _fits(table.cells[i], read.date_format))]
    told = [i for i in times if words_of(table.names[i]) & TIME_WORDS]
    if not told and (unread := _unreadable_times(table, free, times)) is not None:
        return unread
    if not times:
        times = [i for i, name in enumerate(table.names) if _is_unnamed(name) and holds_times(table, i)]
    candidates = told or times
    if len(candidates) > 1:
        candidates = [i for i in candidates if not has_repeats(table, i)] or candidates
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        found = f"several columns hold timestamps: {_listed(table, candidates)}"
        raise failure(table, "E303", found, f"name one: --time {_pasted(table.names[candidates[0]])}")
    hint = f"name it with --time: {_listed(table, range(len(table.names)))}"
    if len(likely := [i for i in free if i not in other and _may_be_times(table, i)]) == 1:
        hint = f"if it is this one: --time {_pasted(table.names[likely[0]])}"
    raise failure(table, "E302", "no column holds timestamps", hint)


def _may_be_times(table: Table, column: int) -> bool:
    """Whether all cells look like dates with years of two digits, or like a count of seconds or less since 1970."""
    texts = sample(table.cells[column])
    return bool(texts) and all(_DATE_LIKE.match(text) for text in texts)


def _unreadable_times(table: Table, free: Sequence[int], times: Sequence[int]) -> int | None:
    """A column that says it is the time and is not among those that can be read as times, if there is one.

    It is a fault to be shown, not a reason to take another column.
    """
    for i in free:
        words, texts = words_of(table.names[i]), sample(table.cells[i])
        if i in times or not words & TIME_WORDS or not any(re.search(r"\d", text) for text in texts):
            continue
        # Numbers under such a name may be a duration or the price of a day, unless the name says nothing else.
        if not looks_numeric(table.cells[i]) or (not times and words <= TIME_WORDS):
            return i
    return None


def find_target(table: Table, read: ReadConfig = _HOW, *, taken: Iterable[int]) -> int:
    """The index of the target: the one column of numbers that is left beside `taken`.

    Among several the first of TARGET_NAMES, then the only one that has such a word in its name; raises FileProblems
    otherwise.
    """
    taken = set(taken)
    free = [i for i in named_columns(table) if i not in taken and not holds_times(table, i)]
    numeric = [i for i in free if looks_numeric(table.cells[i], read) or table.names[i].casefold() in TARGET_NAMES]
    ranked = [i for name in TARGET_NAMES for i in numeric if table.names[i].casefold() == name]
    wordy = [i for i in numeric if any(len(word) > 2 and word in TARGET_NAMES for word in words_of(table.names[i]))]
    for choice in (numeric, ranked[:1], wordy):
        if len(choice) == 1:
            return find_column(table, table.names[choice[0]])
    if not numeric:
        hint = "name the target with --target; yes and no or a few names need --task binary or --task class, too"
        raise failure(table, "E304", "no column holds numbers", hint)
    found = f"{len(numeric)} columns hold numbers and none is plainly the target: {_listed(table, numeric)}"
    raise failure(table, "E304", found, f"name one, or several with commas: --target {in_list(table, numeric[-1:])}")


def find_column(table: Table, name: str) -> int:
    """The index of the one column of that name, compared as Unicode NFC and otherwise exactly."""
    wanted = unicodedata.normalize("NFC", name)
    found = [i for i, other in enumerate(table.names) if unicodedata.normalize("NFC", other) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise failure(table, "E306", f"{len(found)} columns are named {shown(name)}", "rename all but one", found[1])
    hint = suggest(name, (shown(other)[1:-1] for other in table.names if other))
    raise failure(table, "E301", f"there is no {named(name)}", hint if len(hint) <= 200 else f"{hint[:199]}…")


def holds_times(table: Table, column: int) -> bool:
    """Whether most cells are timestamps; bare digits are that only under a name that says so."""
    pattern = time_pattern(table.cells[column])
    words = words_of(table.names[column])
    if pattern == "%Y":
        return bool(words & YEAR_WORDS)
    return bool(words & TIME_WORDS) if is_digits(pattern) else bool(pattern)


def has_repeats(table: Table, column: int) -> bool:
    """Whether some cell of the column is there twice."""
    texts, _ = Cells.of(table.cells[column]).distinct()
    return len(texts) < len(table)


def named_columns(table: Table) -> list[int]:
    """The columns that have a name of their own, and not that of an index without one."""
    return [i for i, name in enumerate(table.names) if not _is_unnamed(name)]


def failure(table: Table, code: str, text: str, hint: str | None, column: int | None = None) -> FileProblems:
    """What is wrong with the columns as a whole, at the header."""
    field = None if column is None else column + 1
    return FileProblems(table.file, [Problem(code, text, table.header_line, field, hint)])


def in_list(table: Table, columns: Iterable[int]) -> str:
    """The names of columns as an option takes several: with commas between them, and quotes where one holds a comma."""
    names = [table.names[i] for i in columns]
    quoted = [name if re.fullmatch('[^,"\\s][^,"]*', name) else '"' + name.replace('"', '""') + '"' for name in names]
    return _pasted(",".join(quoted))


def _is_unnamed(name: str) -> bool:
    return _UNNAMED.fullmatch(name.strip()) is not None


def _fits(cells: Sequence[str], pattern: str | None) -> bool:
    """Whether the cells of a sample are written in a pattern that was given."""
    texts = sample(cells)
    return bool(pattern and texts) and not np.isnat(parse_times(texts, pattern or "")).any()


def words_of(name: str) -> set[str]:
    """The words in the name of a column, whatever their case."""
    return set(re.findall(r"[^\W\d_]+", name.casefold()))


def _listed(table: Table, columns: Iterable[int]) -> str:
    return listed(table.names[i] for i in columns)


def _pasted(text: str) -> str:
    """The text as it can be pasted into a shell, unless it holds what a terminal must not be shown."""
    if not text.isprintable():
        return "NAME"
    return text if re.fullmatch(r"[\w.,%+-]+", text) else shlex.quote(text)
