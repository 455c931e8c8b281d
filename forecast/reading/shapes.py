"""Shapes: tables that hold the times in their header, turned into one row for each time. No cell is interpreted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.config import DataConfig
from forecast.panel import Known
from forecast.reading.cells import Cells
from forecast.reading.columns import failure, find_time, holds_times
from forecast.reading.dialect import Table
from forecast.reading.ids import grouped
from forecast.reading.problems import Problem, listed, shown, warning
from forecast.reading.typed import looks_numeric
from forecast.timeformat import parse_times, patterns_for, short_year_patterns_for

#: What the columns are called that the header and the cells become.
TIME, VALUE = "Date", "value"
_LEAST_CLOCKS, _LEAST_DATES, _LEAST_NUMBERED = 4, 3, 6
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_NUMBERED = re.compile(r"(\D{0,20}?)(\d{1,6})")
_YEARS = range(1700, 2201)


@dataclass(frozen=True)
class LongTable(Table):
    """A table made of a wide one: its last column holds the cells that stood side by side.

    origin [N] is the field of the file, from 0, that the row's value stood in; fields are those of the other columns,
    None for the times that stood in the header. ids are the columns that name the series, as the shape tells.
    """

    origin: NDArray[np.int64] | Sequence[int] = ()
    fields: tuple[int | None, ...] = ()
    ids: tuple[str, ...] = ()

    def problem(self, code: str, text: str, row: int, column: int, *, hint: str | None = None) -> Problem:
        """A problem with the cell at a row and a column (both from 0), at its place in the file."""
        field = self.fields[column] if column < len(self.fields) else int(self.origin[row])
        if field is None:
            return Problem(code, text, self.header_line, int(self.origin[row]) + 1, hint)
        return Problem(code, text, int(self.lines[row]), field + 1, hint)


def long_form(table: Table, data: DataConfig, known: Known | None) -> Table:
    """The table with one row for each time: itself, or what it becomes where its header holds the times.

    A table whose targets are named and there is not touched. Raises FileProblems for one row per series without times.
    """
    targets = data.target or (known.columns.targets if known else ())
    if targets and set(targets) <= set(table.names):
        return table
    clocks = _clocks(table)
    if clocks:
        return _days(table, clocks, data)
    dates = _dates(table)
    if dates:
        return _rows_of_series(table, dates)
    _check_numbered(table)
    return table


def _clocks(table: Table) -> list[int]:
    """The columns named by times of day, when they follow each other regularly; else none."""
    found = [(i, match) for i, name in enumerate(table.names) if (match := _CLOCK.fullmatch(name.strip()))]
    seconds = [int(m[1]) * 3600 + int(m[2]) * 60 + int(m[3] or 0) for _, m in found]
    regular = len(set(np.diff(seconds).tolist())) == 1 and seconds[1] > seconds[0] if len(seconds) > 1 else False
    return [i for i, _ in found] if len(found) >= _LEAST_CLOCKS and regular else []


def _dates(table: Table) -> list[int]:
    """The columns named by timestamps of one pattern, when all others stand before them; else none."""
    last = table.names[-1].strip()
    for pattern in (*patterns_for(last), *short_year_patterns_for(last)):
        times = parse_times([name.strip() for name in table.names], pattern)
        found = np.flatnonzero(~np.isnat(times)).tolist()
        if len(found) < _LEAST_DATES or found != list(range(len(table.names) - len(found), len(table.names))):
            continue
        if len(set(times[found].tolist())) < len(found):
            continue
        if any(holds_times(table, i) for i in range(found[0])):
            return []
        # Four digits are a year only where years follow each other.
        years = [int(table.names[i]) for i in found] if pattern == "%Y" else []
        if not years or (all(year in _YEARS for year in years) and len(set(np.diff(years).tolist())) == 1):
            return found
    return []


def _days(table: Table, wide: list[int], data: DataConfig) -> Table:
    """One row a day with a column for every time of day, as one row for each of these times."""
    kept = [i for i in range(len(table.names)) if i not in set(wide)]
    front = replace(table, names=tuple(table.names[i] for i in kept), cells=tuple(table.cells[i] for i in kept))
    named = [i for i, name in enumerate(front.names) if name in data.time]
    day = named[0] if named else find_time(front)
    clocks = [table.names[i].strip() for i in wide]
    cells = [_repeated(column, len(wide)) for column in front.cells]
    cells[day] = Cells.of(
        [f"{date.strip()} {clock}" if date.strip() else "" for date in front.cells[day] for clock in clocks]
    )
    shape = f"a row is a day, with {len(wide)} columns from {shown(clocks[0])} to {shown(clocks[-1])}: each is a time"
    return _long(table, front.names, tuple(cells), tuple(kept), wide, warning("W320", shape))


def _rows_of_series(table: Table, wide: list[int]) -> Table:
    """One row per series with a column for every timestamp, as one row for each of these."""
    kept = [i for i in range(len(table.names)) if i not in set(wide)]
    times = [table.names[i].strip() for i in wide]
    cells = [_repeated(table.cells[i], len(wide)) for i in kept]
    cells.append(Cells.of(times * len(table)))
    names = tuple(table.names[i] for i in kept)
    shape = f"a row is a series, with {len(wide)} columns from {shown(times[0])} to {shown(times[-1])}: each is a time"
    time = _free(TIME, names)
    long = _long(table, (*names, time), tuple(cells), (*kept, None), wide, warning("W321", shape))
    return replace(long, ids=_ids(table, kept))


def _long(
    table: Table,
    names: tuple[str, ...],
    cells: tuple[Cells, ...],
    fields: tuple[int | None, ...],
    wide: list[int],
    note: str,
) -> LongTable:
    value = _free(VALUE, names)
    values = Cells.of([cell for row in zip(*(table.cells[i] for i in wide), strict=True) for cell in row])
    lines = np.repeat(np.asarray(table.lines, dtype=np.int64), len(wide))
    origin = np.tile(np.array(wide, dtype=np.int64), len(table))
    every = (*cells, values)
    return LongTable(table.file, (*names, value), every, lines, table.header_line, (*table.notes, note), origin, fields)


def _ids(table: Table, kept: list[int]) -> tuple[str, ...]:
    """The columns of text in front; with those of whole numbers where text does not tell the rows apart."""
    texts = [i for i in kept if not looks_numeric(table.cells[i])]
    for chosen in (texts, kept):
        codes = [Cells.of(table.cells[i]).distinct()[1] for i in chosen]
        if chosen and int(grouped(codes, len(table)).max()) + 1 == len(table):
            return tuple(table.names[i] for i in chosen)
    return tuple(table.names[i] for i in texts)


def _check_numbered(table: Table) -> None:
    """Raises FileProblems where every row is a series whose values stand under numbers such as V2, V3, V4."""
    found = [_NUMBERED.fullmatch(name.strip()) for name in table.names[1:]]
    if len(found) < _LEAST_NUMBERED or not all(found):
        return
    prefixes = {match[1] for match in found if match}
    numbers = [int(match[2]) for match in found if match]
    if (
        len(prefixes) > 1
        or set(np.diff(numbers).tolist()) != {1}
        or any(holds_times(table, i) for i in range(len(table.names)))
    ):
        return
    text = f"each row seems to be a series, and its columns {listed(table.names[1:], 3)} name no times"
    hint = "name these columns by their dates, or write one row for each time, such as id,date,value"
    raise failure(table, "E340", text, hint)


def _repeated(cells: Sequence[str], times: int) -> Cells:
    return Cells.of(cells).take(np.repeat(np.arange(len(cells)), times))


def _free(name: str, names: Sequence[str]) -> str:
    """The name, with underscores behind it until no column has it."""
    while name in names:
        name += "_"
    return name
