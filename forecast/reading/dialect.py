"""Bytes of text → a table: rows of cells, all of one width, each with its line. No cell is interpreted here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.config import ReadConfig
from forecast.reading.cells import Cells
from forecast.reading.delimiters import called, divided
from forecast.reading.header import (
    FirstRows,
    header_problem,
    names_hint,
    second_header_problem,
    second_table_problem,
    single_quotes_problem,
    stands_above,
)
from forecast.reading.lines import Lines, usable_lines
from forecast.reading.misfits import Rows, misfit_problems
from forecast.reading.problems import FileProblems, Problem, warning

#: The longest field and line that are taken for those of a table, in bytes.
LONGEST_FIELD, LONGEST_LINE = 2**20, 10 * 2**20
_EARLY, _SAMPLE = 3, 100


@dataclass(frozen=True)
class Table:
    """A file as text: its columns in file order, one cell per row each, and the physical line of each row."""

    file: str
    names: tuple[str, ...]
    cells: tuple[Cells, ...]
    lines: Sequence[int] | NDArray[np.int64]
    header_line: int | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "cells", tuple(Cells.of(cells) for cells in self.cells))

    def __len__(self) -> int:
        return len(self.lines)

    def problem(self, code: str, text: str, row: int, column: int, *, hint: str | None = None) -> Problem:
        """A problem with the cell at a row and a column (both from 0)."""
        return Problem(code, text, int(self.lines[row]), column + 1, hint)


def split_rows(content: bytes, file: str, read: ReadConfig | None = None) -> Table:
    """The table in UTF-8 text. Raises FileProblems where quotes, delimiter, width or header are wrong."""
    read = read or ReadConfig()
    lines = usable_lines(content, file, read)
    rows = divided(lines, file, read)
    if problems := _too_long(rows):
        raise FileProblems(file, problems)
    if not rows.fits:
        raise FileProblems(file, misfit_problems(rows, called(rows)))
    columns = _columns(rows)
    if problem := _first_rows_problem(rows, columns, read):
        raise FileProblems(file, [problem])
    names, skipped = (read.names, 0) if read.names else (tuple(column[0] for column in columns), 1)
    columns, numbers = [column[skipped:] for column in columns], rows.kept[skipped:]
    repeated = _equal_rows(columns, names)
    if len(repeated):
        kept = np.delete(np.arange(len(numbers)), repeated)
        columns, numbers = [column.take(kept) for column in columns], np.asarray(numbers)[kept]
    if not len(numbers):
        raise FileProblems(file, [Problem("E205", "there is a header and no row under it", rows.line(0))])
    used = len(names) if read.names else _used_width(columns, names)
    notes = _notes(rows, lines, read, repeated=len(repeated), unused=len(names) - used)
    header_line = None if read.names else rows.line(0)
    return Table(file, names[:used], tuple(columns[:used]), _physical(rows, numbers), header_line, notes)


def _columns(rows: Rows) -> list[Cells]:
    records, width = rows.records, rows.width
    if len(records.left) == len(rows.kept) * width:
        left, right = records.left.reshape(-1, width), records.right.reshape(-1, width)
        return [Cells(records.content, left[:, column], right[:, column]) for column in range(width)]
    first = records.last[np.asarray(rows.kept)] - (width - 1)
    return [
        Cells(records.content, records.left[first + column], records.right[first + column]) for column in range(width)
    ]


def _too_long(rows: Rows) -> list[Problem]:
    """A problem for the longest field, or the first line, that is longer than one of a table."""
    records = rows.records
    length, field = records.longest()
    if length > LONGEST_FIELD:
        record = int(np.searchsorted(records.last, field))
        number = field - (int(records.last[record - 1]) if record else -1)
        found = f"a field of {length:,} bytes, more than {LONGEST_FIELD:,}"
        return [Problem("E211", found, int(records.lines[record]), number, "is a quote missing, or a line end?")]
    if (length + 3) * int(rows.widths.max(initial=0)) <= LONGEST_LINE:
        return []
    ends = records.right[records.last]
    long = np.flatnonzero(np.diff(ends, prepend=0) > LONGEST_LINE)
    if len(long):
        found = f"a line of more than {LONGEST_LINE:,} bytes"
        return [Problem("E211", found, int(records.lines[int(long[0])]), hint="give a file with a row for each time")]
    return []


def _first_rows_problem(rows: Rows, columns: Sequence[Cells], read: ReadConfig) -> Problem | None:
    """What the first rows show to be wrong with the names, or with how the cells are written."""
    if read.names and len(read.names) != rows.width:
        text = f"--names gives {len(read.names)} names, and the rows have {rows.width} fields"
        return Problem("E217", text, rows.line(0), hint=names_hint(rows.width))
    count = len(rows.widths)
    # Of a short file the last rows serve for those that come later.
    early = max(0, min(_EARLY, count - 3))
    spread = np.unique(np.linspace(min(1 + early, count - 1), count - 1, _SAMPLE).astype(np.int64)).tolist()
    first = rows.row(0)
    sample = FirstRows(
        first,
        rows.rows(range(1, 1 + early)),
        [rows.line(number) for number in range(1 + early)],
        [row for row in rows.rows(spread) if row != first] if count > 1 else [],
    )
    if read.quote is None and (problem := single_quotes_problem(sample)):
        return problem
    # A table that another is put under begins after a blank line.
    for number in rows.gaps[:_SAMPLE].tolist():
        row = rows.row(number + 1)
        if row != sample.first and stands_above(row, replace(sample, later=[r for r in sample.later if r != row])):
            return second_table_problem(rows.line(number + 1), row)
    if read.names:
        return second_header_problem(sample)
    return header_problem(sample, lambda column: len(columns[column].rows_of(sample.first[column])) > 1)


def _equal_rows(columns: Sequence[Cells], names: Sequence[str]) -> NDArray[np.int64]:
    """The rows whose every cell is the name of its column."""
    rows = columns[0].rows_of(names[0])
    for column, name in zip(columns[1:], names[1:], strict=True):
        if not len(rows):
            break
        rows = rows[column.take(rows).rows_of(name)]
    return rows


def _used_width(columns: Sequence[Cells], names: Sequence[str]) -> int:
    """How many columns there are without those at the end that have neither a name nor a cell."""
    used = len(columns)
    while used > 1 and not names[used - 1] and not columns[used - 1].lengths().any():
        used -= 1
    return used


def _physical(rows: Rows, numbers: range | NDArray[np.int64]) -> Sequence[int] | NDArray[np.int64]:
    """The lines of some rows; a range where nothing is between them."""
    lines = rows.records.lines
    first, last = int(numbers[0]), int(numbers[-1])
    if isinstance(lines, range):
        if last - first == len(numbers) - 1:
            return lines[first : last + 1]
        return np.asarray(numbers, dtype=np.int64) + lines[0]
    physical: NDArray[np.int64] = np.asarray(lines)[np.asarray(numbers)]
    return physical


def _notes(rows: Rows, lines: Lines, read: ReadConfig, *, repeated: int, unused: int) -> tuple[str, ...]:
    notes = []
    if rows.records.form.delimiter != "," and read.delimiter is None:
        notes.append(warning("W101", f"the delimiter is a {called(rows)}"))
    if lines.comments:
        who = "1 line that begins" if len(lines.comments) == 1 else f"{len(lines.comments)} lines that begin"
        notes.append(f"{who} with {read.comment} left out, as asked")
    between = [n for gap in rows.gaps for n in range(int(rows.kept[gap]) + 1, int(rows.kept[gap + 1]))]
    blank = sum(1 for record in between if int(rows.records.lines[record]) not in lines.comments)
    if blank:
        notes.append(warning("W102", f"{blank} blank line{'s' * (blank != 1)} between rows left out"))
    if repeated:
        who = "1 row that repeats the header is" if repeated == 1 else f"{repeated} rows that repeat the header are"
        notes.append(warning("W103", f"{who} ignored"))
    if unused:
        who = "1 column" if unused == 1 else f"{unused} columns"
        notes.append(warning("W120", f"{who} at the end with neither a name nor a cell left out"))
    if rows.records.stripped:
        notes.append(warning("W121", "blanks around cells left out"))
    return tuple(notes)
