"""Which column is the time, which the targets, which the ids: as named, or as the file itself shows without doubt."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from forecast.config import suggest
from forecast.panel import Timestamps
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, named, shown
from forecast.reading.times import time_pattern
from forecast.reading.typed import looks_boolean, looks_numeric, sample

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

# What pandas calls the index that it wrote into a file.
_UNNAMED = re.compile(r"|Unnamed: \d+|__index_level_\d+__")
_WHOLE_NUMBER = re.compile(r"-?\d+")
_MOST_ID_COLUMNS = 6


def find_time(table: Table, name: str | None) -> int:
    """The index of the time column: the one named, or the one whose cells are timestamps.

    Among several the one with a telling name, then the one without repeats. Raises FileProblems when neither decides.
    """
    if name is not None:
        return find_column(table, name)
    times = [i for i in _named_columns(table) if _holds_times(table, i)]
    told = [i for i in times if _words(table.names[i]) & TIME_WORDS]
    if not told and (unread := _unreadable_times(table, times)) is not None:
        return unread
    if not times:
        times = [i for i, name in enumerate(table.names) if _is_unnamed(name) and _holds_times(table, i)]
    candidates = told or times
    if len(candidates) > 1:
        candidates = [i for i in candidates if len(set(table.cells[i])) == len(table)] or candidates
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        found = f"several columns hold timestamps: {_listed(table, candidates)}"
        raise _failure(table, "E303", found, f"name one: --time {_pasted(table.names[candidates[0]])}")
    hint = f"name it with --time: {_listed(table, range(len(table.names)))}"
    raise _failure(table, "E302", "no column holds timestamps", hint)


def _unreadable_times(table: Table, times: Sequence[int]) -> int | None:
    """A column that says it is the time and is not among those that can be read as times, if there is one.

    It is a fault to be shown, not a reason to take another column.
    """
    for i in _named_columns(table):
        words, texts = _words(table.names[i]), sample(table.cells[i])
        if i in times or not words & TIME_WORDS or not any(re.search(r"\d", text) for text in texts):
            continue
        # Numbers under such a name may be a duration or the price of a day, unless the name says nothing else.
        if not looks_numeric(table.cells[i]) or (not times and words <= TIME_WORDS):
            return i
    return None


def find_targets(table: Table, names: Sequence[str], *, taken: Iterable[int]) -> tuple[int, ...]:
    """The indices of the target columns: those named, or the one column of numbers that is left beside `taken`.

    Among several the first of TARGET_NAMES, then the only one that has such a word in its name; raises FileProblems
    otherwise.
    """
    if names:
        return tuple(find_column(table, name) for name in names)
    taken = set(taken)
    free = [i for i in _named_columns(table) if i not in taken and not _holds_times(table, i)]
    numeric = [i for i in free if looks_numeric(table.cells[i]) or table.names[i].casefold() in TARGET_NAMES]
    ranked = [i for name in TARGET_NAMES for i in numeric if table.names[i].casefold() == name]
    wordy = [i for i in numeric if any(len(word) > 2 and word in TARGET_NAMES for word in _words(table.names[i]))]
    for choice in (numeric, ranked[:1], wordy):
        if len(choice) == 1:
            return (find_column(table, table.names[choice[0]]),)
    if not numeric:
        raise _failure(table, "E304", "no column holds numbers", "name the target with --target")
    found = f"{len(numeric)} columns hold numbers and none is plainly the target: {_listed(table, numeric)}"
    raise _failure(table, "E304", found, f"name one, or several with commas: --target {_in_list(table, numeric[-1:])}")


def find_ids(table: Table, timestamps: Timestamps, *, taken: Iterable[int]) -> tuple[int, ...]:
    """The indices of the text columns that tell repeated timestamps [N] apart; empty when none repeats or none does."""
    times = timestamps.astype(np.int64).tolist()
    if len(set(times)) == len(times):
        return ()
    taken = set(taken)
    texts = [i for i in _named_columns(table) if i not in taken and _is_text(table, i) and len(set(table.cells[i])) > 1]
    found = explanations(table, times, texts)
    if len(found) > 1:
        sets = " or ".join(_listed(table, columns) for columns in found[:3])
        hint = f"name them: --id {_in_list(table, found[0])}"
        raise _failure(table, "E402", f"timestamps repeat, and the ids may be {sets}", hint)
    return found[0] if found else ()


def explanations(table: Table, times: Sequence[int], columns: Sequence[int]) -> list[tuple[int, ...]]:
    """The smallest sets of columns that leave no time repeated but in repeated rows, each with what else it determines.

    A region determines its state: such a column goes along as a label. The weather of the day does not.
    """
    columns = columns[:_MOST_ID_COLUMNS]
    cells = table.cells
    different = len(set(zip(times, *cells, strict=True)))
    if len(set(zip(times, *(cells[i] for i in columns), strict=True))) < different:
        return []
    for size in range(1, len(columns) + 1):
        found = []
        for keys in combinations(columns, size):
            if len(set(zip(times, *(cells[i] for i in keys), strict=True))) == different:
                groups = len(set(zip(*(cells[i] for i in keys), strict=True)))
                closure = [
                    i
                    for i in columns
                    if i in keys or len(set(zip(*(cells[k] for k in keys), cells[i], strict=True))) == groups
                ]
                found.append(tuple(closure))
        if found:
            return list(dict.fromkeys(found))
    return []


def id_hint(table: Table, timestamps: Timestamps, *, taken: Iterable[int]) -> str | None:
    """A hint naming columns of whole numbers or words that would tell repeated timestamps apart, if there are such."""
    taken = set(taken)
    labels = [i for i in _named_columns(table) if i not in taken and (_is_text(table, i) or _is_whole(table.cells[i]))]
    found = explanations(table, timestamps.astype(np.int64).tolist(), labels)
    return f"if each is another series, train with: --id {_in_list(table, found[0])}" if found else None


def check_roles(table: Table, time: int, targets: Sequence[int], ids: Sequence[int]) -> None:
    """Raises FileProblems when one column has two roles."""
    roles = [(time, "time"), *((i, "target") for i in targets), *((i, "id") for i in ids)]
    seen: dict[int, str] = {}
    for column, role in roles:
        if column in seen:
            found = f"{named(table.names[column])} cannot be {seen[column]} and {role} at once"
            found = f"{named(table.names[column])} is named twice as {role}" if seen[column] == role else found
            raise _failure(table, "E305", found, "give every column one role: --time, --target, --id", column)
        seen[column] = role


def find_column(table: Table, name: str) -> int:
    """The index of the one column of that name, compared as Unicode NFC and otherwise exactly."""
    wanted = unicodedata.normalize("NFC", name)
    found = [i for i, other in enumerate(table.names) if unicodedata.normalize("NFC", other) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise _failure(table, "E306", f"{len(found)} columns are named {shown(name)}", "rename all but one", found[1])
    hint = suggest(name, (shown(other)[1:-1] for other in table.names if other))
    raise _failure(table, "E301", f"there is no {named(name)}", hint if len(hint) <= 200 else f"{hint[:199]}…")


def _failure(table: Table, code: str, text: str, hint: str | None, column: int | None = None) -> FileProblems:
    field = None if column is None else column + 1
    return FileProblems(table.file, [Problem(code, text, table.header_line, field, hint)])


def _named_columns(table: Table) -> list[int]:
    return [i for i, name in enumerate(table.names) if not _is_unnamed(name)]


def _is_unnamed(name: str) -> bool:
    return _UNNAMED.fullmatch(name.strip()) is not None


def _holds_times(table: Table, column: int) -> bool:
    """Whether most cells are timestamps; bare digits are that only under a name that says so."""
    pattern = time_pattern(table.cells[column])
    words = _words(table.names[column])
    if pattern == "%Y":
        return bool(words & YEAR_WORDS)
    return bool(words & TIME_WORDS) if pattern == "%Y%m%d" else bool(pattern)


def _is_text(table: Table, column: int) -> bool:
    cells = table.cells[column]
    return bool(sample(cells)) and not (looks_numeric(cells) or looks_boolean(cells) or _holds_times(table, column))


def _is_whole(cells: Sequence[str]) -> bool:
    texts = sample(cells)
    return bool(texts) and all(_WHOLE_NUMBER.fullmatch(text) for text in texts)


def _words(name: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", name.casefold()))


def _listed(table: Table, columns: Iterable[int]) -> str:
    return listed(table.names[i] for i in columns)


def _in_list(table: Table, columns: Iterable[int]) -> str:
    """The names of columns as an option takes several: with commas between them, and quotes where one holds a comma."""
    names = [table.names[i] for i in columns]
    quoted = [name if re.fullmatch('[^,"\\s][^,"]*', name) else '"' + name.replace('"', '""') + '"' for name in names]
    return _pasted(",".join(quoted))


def _pasted(text: str) -> str:
    """The text as it can be pasted into a shell, unless it holds what a terminal must not be shown."""
    if not text.isprintable():
        return "NAME"
    return text if re.fullmatch(r"[\w.,%+-]+", text) else shlex.quote(text)
