"""Text → rows of text cells, all of one width, each with its physical line. No cell is interpreted here."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast.reading.cells import Cells
from forecast.reading.container import LINE_END, line_of
from forecast.reading.problems import FileProblems, Problem, shown

#: The delimiters that are looked for, and how a person calls them.
DELIMITERS: dict[str, str] = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_QUOTED = re.compile(r'"[^"]*"')
_NO_NAME = re.compile(r"([-+]?[\d.,]+([eE][-+]?\d+)?|\d+([-/.:T ]\d+)+(Z|[+-][\d:]+)?|NA|NaN|nan|null|NULL|None)?")


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


@dataclass(frozen=True)
class _Rows:
    """Records as they stand in the text, blank lines dropped; line is where each begins."""

    delimiter: str
    records: list[list[str]]
    lines: Sequence[int]
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many fields the header has, and every row should have."""
        return len(self.records[0])

    @cached_property
    def misfits(self) -> list[int]:
        """Indices of the records that are not as wide as the first."""
        width = self.width
        return [i for i, record in enumerate(self.records) if len(record) != width]


def split_text(text: str, file: str) -> Table:
    """The table in a text with a header. Raises FileProblems where quotes, delimiter, width or header are wrong."""
    rows = _best_delimiter(text, file)
    if rows.misfits:
        raise FileProblems(file, _misfits(rows))
    header, records, lines = rows.records[0], rows.records[1:], rows.lines[1:]
    if all(_NO_NAME.fullmatch(name.strip()) for name in header):
        hint = "the first line must hold the names of the columns"
        raise FileProblems(file, [Problem("E206", "the first line holds data and no names", rows.lines[0], 1, hint)])
    notes = list(rows.notes)
    if rows.delimiter != ",":
        notes.insert(0, f"the delimiter is a {DELIMITERS[rows.delimiter]}")
    if header in records:
        kept = [i for i, record in enumerate(records) if record != header]
        again = len(records) - len(kept)
        who = "1 row that repeats the header is" if again == 1 else f"{again} rows that repeat the header are"
        notes.append(f"{who} ignored")
        records, lines = [records[i] for i in kept], [lines[i] for i in kept]
    if not records:
        raise FileProblems(file, [Problem("E205", "there is a header and no row under it", rows.lines[0])])
    # Not zip(*records): that makes an iterator for every row.
    cells = tuple(Cells.of([record[i] for record in records]) for i in range(len(header)))
    return Table(file, tuple(header), cells, lines, rows.lines[0], tuple(notes))


def _best_delimiter(text: str, file: str) -> _Rows:
    """The rows under the one delimiter that gives the text one width of at least two, else those that nearly do."""
    first = _first_record(text)
    line = line_of(text, text.index(first))
    outside_quotes = _QUOTED.sub("", first)
    readings = {delimiter: _read(text, delimiter) for delimiter in DELIMITERS if delimiter in outside_quotes}
    wide = {d: reading for d, reading in readings.items() if isinstance(reading, Problem) or reading.width >= 2}
    if not wide:
        found = f"no comma, semicolon, tab or pipe divides the first line {shown(first)} into columns"
        hint = "the first line must hold the names of at least two columns, time and target; remove lines above it"
        raise FileProblems(file, [Problem("E201", found, line, hint=hint)])
    fitting = [reading for reading in wide.values() if isinstance(reading, _Rows) and not reading.misfits]
    if len(fitting) > 1:
        names = " and ".join(DELIMITERS[reading.delimiter] for reading in fitting)
        hint = "put cells in quotes that contain the one which is no delimiter"
        raise FileProblems(file, [Problem("E201", f"{names} both divide the whole file into columns", line, hint=hint)])
    best = fitting[0] if fitting else wide[max(wide, key=text.count)]
    if isinstance(best, Problem):
        raise FileProblems(file, [best])
    return best


def _first_record(text: str) -> str:
    """The header as it stands in the text: from the first line that is not blank to a line end outside quotes."""
    found = re.match(r'(?: *[\r\n])*((?:"[^"]*"|[^\r\n])*)', text)
    return found[1] if found else ""


def _read(text: str, delimiter: str) -> _Rows | Problem:
    """The records under a delimiter, or the first fault of quoting."""
    # A blank after every delimiter of the header is a habit of writing, not a part of the names.
    first = _first_record(text)
    spaced = first.count(delimiter) == first.count(delimiter + " ")
    source = io.StringIO(text, newline="")
    reader = csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=spaced)
    records: list[list[str]] = []
    lines: list[int] = []
    begins = 1
    try:
        for record in reader:
            records.append(record)
            lines.append(begins)
            begins = reader.line_num + 1
    except csv.Error:
        return _quote_fault(text, delimiter, spaced) or Problem(
            "E211", f"a field is longer than {csv.field_size_limit():,} characters", begins
        )
    # The csv module takes a quote inside an unquoted field for a character; here it is a fault.
    suspicious = '"' in text and any('"' in cell for record in records for cell in record)
    if suspicious and (fault := _quote_fault(text, delimiter, spaced)):
        return fault
    return _without_blank_lines(delimiter, records, lines)


def _without_blank_lines(delimiter: str, records: list[list[str]], lines: list[int]) -> _Rows:
    blank = [i for i, record in enumerate(records) if len(record) < 2 and not "".join(record).strip()]
    if not blank:
        return _Rows(delimiter, records, lines)
    dropped = set(blank)
    kept = [i for i in range(len(records)) if i not in dropped]
    between = sum(1 for i in blank if kept[0] < i < kept[-1])
    notes = (f"{between} blank line{'s' * (between != 1)} between rows left out",) if between else ()
    return _Rows(delimiter, [records[i] for i in kept], [lines[i] for i in kept], notes)


def _misfits(rows: _Rows) -> list[Problem]:
    """A problem for every record that is too short or too long."""
    hint = f"give every row the header's fields, and put cells in quotes that contain a {DELIMITERS[rows.delimiter]}"
    if len({len(record) for record in rows.records[1:]}) == 1:
        hint = "the first line must hold the names of all columns; remove lines above it"
    problems = []
    for i in rows.misfits:
        found, needed = len(rows.records[i]), rows.width
        text = f"{found} field{'s' * (found != 1)} where the header has {needed}"
        code = "E202" if found < needed else "E203"
        problems.append(Problem(code, text, rows.lines[i], min(found, needed) + 1, hint))
    return problems


def _quote_fault(text: str, delimiter: str, spaced: bool) -> Problem | None:
    """The first quote that is never closed, or stands inside a field; at the line where its field begins."""
    gap = " *" if spaced else ""
    field = re.compile(
        rf'{gap}(?P<quoted>"[^"]*(?:""[^"]*)*")|{gap}(?P<open>")|(?P<bare>[^{re.escape(delimiter)}\r\n]*)',
    )
    at, number = 0, 1
    while at <= len(text):
        found = field.match(text, at)
        assert found is not None  # the bare form matches anything, even nothing
        if found["open"] is not None:
            start = found.start("open")
            hint = 'close the quote, or write a quote inside quoted text twice: ""'
            return Problem("E204", "a quote opens here and is never closed", line_of(text, start), number, hint)
        end = found.end()
        ends_well = end == len(text) or text[end] in f"{delimiter}\r\n"
        if not ends_well or (found["bare"] and '"' in found["bare"]):
            place = line_of(text, found.start())
            hint = 'put the whole field in quotes and write a quote inside it twice: ""'
            excerpt = LINE_END.split(text[at : end + 10])[0]
            return Problem("E210", f"a quote stands inside a field: {shown(excerpt)}", place, number, hint)
        number = number + 1 if text[end : end + 1] == delimiter else 1
        at = end + (2 if text[end : end + 2] == "\r\n" else 1)
    return None
