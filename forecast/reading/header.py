"""The first rows of a table: whether they are names, or data, or names and more than names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forecast.reading.problems import Problem, shown

Row = Sequence[str]

#: A number or a time in some form: it begins like a number, and holds no words.
_DATA = re.compile(r"[-+\u2212($€£.,]*\d[^A-Za-z]*([TtWQqEe][^A-Za-z]*)?([Zz]|UTC|[AaPp]\.?[Mm]\.?)?")
_NO_NAME = re.compile(r"([-+]?[\d.,]+([eE][-+]?\d+)?|\d+([-/.:T ]\d+)+(Z|[+-][\d:]+)?|NA|NaN|nan|null|NULL|None)?")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?")
#: Words in a cell for data that only says that there is nothing.
_NOTHING = re.compile(r"(n\.?/?a\.?|nan|null|none|nil|missing|unknown|empty|no data)", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
#: More rows than this above the data are no header.
_MOST_HEADERS = 3
_LONGEST_HINT = 150
#: A column of data is one when it has at least so many cells.
_FEWEST_CELLS = 3
_COMMENT_SIGNS = ("#", "%", "//", "--", ";")


@dataclass(frozen=True)
class FirstRows:
    """The first row, at most three rows that follow it, with their lines, and a sample of the rows after those."""

    first: Row
    early: Sequence[Row]
    lines: Sequence[int]
    later: Sequence[Row]

    def data_columns(self) -> list[int]:
        """The columns in which every later row that has anything holds a number or a time."""
        columns = []
        for column in range(len(self.first)):
            texts = [row[column] for row in self.later if row[column] and not _NOTHING.fullmatch(row[column])]
            if len(texts) >= _FEWEST_CELLS and all(looks_like_data(text) for text in texts):
                columns.append(column)
        return columns


def looks_like_data(text: str) -> bool:
    """Whether a text is a number or a time in some form."""
    return _DATA.fullmatch(text.strip()) is not None


def is_header(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a row stands above columns of numbers or times without being one of their rows."""
    columns = FirstRows(row, (), (), rows).data_columns()
    return any(_is_word(row[column]) for column in columns) and not any(
        _DATE.fullmatch(row[column].strip()) for column in columns if all(_DATE.fullmatch(r[column]) for r in rows)
    )


def header_problem(rows: FirstRows, reappears: Callable[[int], bool]) -> Problem | None:
    """What is wrong with a first row that should hold names. reappears: whether its cell in a column is below again."""
    data = _data_instead(rows, reappears)
    if data is not None:
        text = "the first line holds data and no names"
        if data > 0 or not all(_NO_NAME.fullmatch(name.strip()) for name in rows.first):
            text += f": {shown(rows.first[data])}"
        return Problem("E206", text, rows.lines[0], data + 1, names_hint(len(rows.first)))
    count, column = _headers_below(rows)
    if not count:
        return None
    if sign := comment_sign([rows.first]):
        return comment_problem(rows.lines[0], rows.first, sign)
    line = rows.lines[count]
    return Problem(
        "E214",
        f"another row of header is under the first: {shown(rows.early[0][column])} where the rows below have data",
        rows.lines[1],
        column + 1,
        _one_header_hint([rows.first, *rows.early[:count]], line),
    )


def second_header_problem(rows: FirstRows) -> Problem | None:
    """What is wrong with a first row that should hold data, because the names are given."""
    if not stands_above(rows.first, rows):
        return None
    column = rows.data_columns()[0]
    text = f"the first line holds names, {shown(rows.first[column])} for one, and --names gives others"
    return Problem("E214", text, rows.lines[0], column + 1, f"--skip-lines {rows.lines[0]}")


def stands_above(row: Row, rows: FirstRows) -> bool:
    """Whether a row has a word wherever the later rows have data."""
    columns = rows.data_columns()
    return bool(columns) and all(_is_word(row[column]) for column in columns)


def second_table_problem(line: int, row: Row) -> Problem:
    """A header where none should be."""
    text = f"a second table begins here, with {len(row)} columns: {shown(row[0])}"
    return Problem("E215", text, line, 1, "put each table in a file of its own, from its header on")


def comment_sign(rows: Sequence[Row]) -> str | None:
    """The sign that every row begins with."""
    return next((sign for sign in _COMMENT_SIGNS if all(row[0].startswith(sign) for row in rows)), None)


def comment_problem(line: int, row: Row, sign: str) -> Problem:
    """A line of comment where nothing says that there are any."""
    return Problem("E216", f"a line of comment: {shown(row[0])}", line, 1, f"--comment '{sign}'")


def names_hint(width: int) -> str:
    """The option that names so many columns."""
    names = ",".join(f"column{number}" for number in range(1, width + 1))
    return f"--names {names}" if len(names) <= _LONGEST_HINT else f"--names with {width} names, divided by commas"


def single_quotes_problem(rows: FirstRows) -> Problem | None:
    """A column whose every cell and name is in single quotes."""
    for column in range(len(rows.first)):
        texts = [row[column] for row in (rows.first, *rows.early, *rows.later) if row[column]]
        if len(texts) > 1 and all(len(text) > 1 and text[0] == text[-1] == "'" for text in texts[1:]):
            quoted = [row[column].startswith("'") for row in (rows.first, *rows.early)]
            place = quoted.index(True) if any(quoted) else 0
            text = f"the cells are in single quotes: {shown(texts[1])}"
            return Problem("E218", text, rows.lines[place], column + 1, '--quote "\'"')
    return None


def _data_instead(rows: FirstRows, reappears: Callable[[int], bool]) -> int | None:
    """The column by which the first row is seen to be data."""
    first = [cell.strip() for cell in rows.first]
    if all(_NO_NAME.fullmatch(cell) for cell in first):
        return 0
    below = [*rows.early, *rows.later]
    for column, cell in enumerate(first):
        texts = [row[column].strip() for row in below if row[column].strip()]
        if texts and _DATE.fullmatch(cell) and all(_digits_hidden(text) == _digits_hidden(cell) for text in texts):
            return column
    # Names may be numbers, such as years. But where the texts beside them are cells of the rows below, all is data.
    numbers = [column for column, cell in enumerate(first) if looks_like_data(cell)]
    if not numbers or not all(any(looks_like_data(row[column]) for row in below) for column in numbers):
        return None
    again = all(reappears(column) for column, cell in enumerate(first) if cell and column not in numbers)
    return numbers[0] if again else None


def _headers_below(rows: FirstRows) -> tuple[int, int]:
    """How many rows under the first are header too, and a column that shows it."""
    columns = rows.data_columns()
    for count, row in enumerate(rows.early):
        if not columns or any(row[c] and not _is_word(row[c]) for c in columns) or not any(row[c] for c in columns):
            column = next((c for c in columns if _is_word(rows.early[0][c])), 0)
            return count, column
    # Every early row would be one: then nothing is known.
    return 0, 0


def _is_word(text: str) -> bool:
    return bool(_LETTER.search(text)) and not looks_like_data(text) and not _NOTHING.fullmatch(text.strip())


def _digits_hidden(text: str) -> str:
    return re.sub(r"\d", "0", text)


def _one_header_hint(headers: Sequence[Row], line: int) -> str:
    """The options that take the row with the most names, and leave all of those rows out."""
    best = max(headers, key=lambda row: len({cell for cell in row if cell}))
    names = ",".join(best)
    if any("," in cell or cell != cell.strip() for cell in best) or len(names) > _LONGEST_HINT:
        return "keep one row of names"
    return f"--skip-lines {line} --names {shlex.quote(names)}"
