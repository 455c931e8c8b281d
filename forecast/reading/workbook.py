"""Excel workbook (xlsx) → the same table of text that a CSV gives: values as stored, dates as shown."""

from __future__ import annotations

import difflib
import re
import shlex
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from forecast.config import ReadConfig
from forecast.reading.cells import Cells
from forecast.reading.container import MAX_BYTES
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, shown, warning
from forecast.reading.values import texts_of

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

ZIP_MAGIC = b"PK\x03\x04"
#: A workbook that unpacks to this many times its size, and beyond 64 MiB, is a bomb and not a table.
_MAX_RATIO = 200
_HARMLESS_BYTES = 64 * 2**20
_MAX_COLUMNS = 10_000
_CHUNK = 2**20
#: How far down a header is looked for, to say how many lines to skip.
_HEADER_DEPTH = 50

_PART = re.compile(rb'PartName="/(xl/[^"]+)"')
_FORMULA = re.compile(rb"<f[ >/]")
_ENTITY = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_AGAIN = "open it in Excel and save it again as .xlsx, or export the sheet as CSV"
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    OSError,
    EOFError,
)

#: The cells of a row, by their column from 0.
_Row = dict[int, Any]


def is_workbook(content: bytes) -> bool:
    """Whether the content is a zip archive with a workbook of the newer kind inside, whole or cut off."""
    # Names stand in front of each part as well as in the table of contents at the end.
    return content.startswith(ZIP_MAGIC) and (b"xl/workbook.xml" in content or b"xl/worksheets/" in content)


def read_workbook(content: bytes, file: str, read: ReadConfig, sheet: str | None = None) -> Table:
    """The table on a sheet, the first that is visible unless one is named; lines are the rows of the sheet.

    Formulas count as the values that were stored with them. Blank rows and columns are left out. Raises FileProblems
    when openpyxl is not installed, the workbook is damaged, the sheet is not there, or a cell has an error in it.
    """
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        hint = 'pip install "forecast[excel]"'
        raise FileProblems(file, [Problem("E110", "reading Excel needs the package openpyxl", hint=hint)]) from None
    try:
        has_formulas = _check_archive(content, file)
        with _opened(content, cached=True) as book:
            name, notes = _sheet_name(book, file, sheet)
            rows = _rows(book, name)
        formulas: dict[int, _Row] = {}
        if has_formulas:
            with _opened(content, cached=False) as book:
                formulas = _rows(book, name)
    # openpyxl lets any of these out of a damaged workbook.
    except _DAMAGE as error:
        found = f"the workbook is damaged: {shown(str(error), 80)}"
        raise FileProblems(file, [Problem("E115", found, hint=_AGAIN)]) from error
    problems = [*_faults(rows, read.na), *_never_computed(rows, formulas)]
    if problems:
        raise FileProblems(file, problems)
    texts = {number: _filled(row, read.na) for number, row in rows.items() if number > (read.skip_lines or 0)}
    return _table(
        file, {number: row for number, row in texts.items() if row and not _is_comment(row, read)}, read, notes
    )


def _check_archive(content: bytes, file: str) -> bool:
    """Whether a sheet has formulas. Raises FileProblems for an archive that is a bomb."""
    has_formulas = False
    with zipfile.ZipFile(BytesIO(content)) as archive:
        parts = archive.infolist()
        size = sum(part.file_size for part in parts)
        if size > MAX_BYTES or size > max(_HARMLESS_BYTES, _MAX_RATIO * len(content)):
            found = f"the file is too large: {len(content):,} bytes of Excel hold {size:,}"
            raise FileProblems(file, [Problem("E109", found, hint="forecast from fewer or later rows")])
        # Without its styles a date is a number, and nothing else would say that they are gone.
        for promised in _PART.findall(archive.read("[Content_Types].xml")):
            if promised.endswith((b"/styles.xml", b"/sharedStrings.xml")):
                archive.getinfo(promised.decode())
        for part in parts:
            if not part.filename.endswith((".xml", ".rels")):
                continue
            with archive.open(part) as stream:
                end = stream.read(_CHUNK)
                if _ENTITY.search(end[:4096]):
                    raise ValueError(f"{part.filename} declares entities, as no workbook does")
                while "xl/worksheets/" in part.filename and not has_formulas and end:
                    has_formulas = bool(_FORMULA.search(end))
                    chunk = stream.read(_CHUNK)
                    end = end[-3:] + chunk if chunk else b""
    return has_formulas


@contextmanager
def _opened(content: bytes, *, cached: bool) -> Iterator[Workbook]:
    """The workbook, its formulas as they are or as the values stored with them."""
    import openpyxl

    with warnings.catch_warnings():
        # They are about styles and extensions.
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=cached)
        try:
            yield book
        finally:
            book.close()


def _sheet_name(book: Workbook, file: str, wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """The sheet to read, and a note where it was chosen among several."""
    names = [sheet.title for sheet in book.worksheets]
    visible = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if wanted is None:
        first = next(iter(visible or names), None)
        if first is None:
            raise FileProblems(file, [Problem("E115", "the workbook has no sheet with cells")])
        others = len(visible or names) - 1
        if not others:
            return first, ()
        which = f"the sheet {shown(first)} is read, the first of {others + 1}; another with {file}#NAME"
        return first, (warning("W111", which),)
    if wanted not in names:
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5) or names[:1]
        hint = shlex.quote(f"{file}#{near[0]}") if near else None
        found = f"there is no sheet {shown(wanted)}; there are {listed(names)}"
        raise FileProblems(file, [Problem("E115", found, hint=hint)])
    return wanted, ()


def _rows(book: Workbook, name: str) -> dict[int, _Row]:
    """The cells of every row of a sheet, by its number."""
    sheet: Any = book[name]
    # What a file says of its own size is wrong often enough, and rows beyond it would be lost without a word.
    sheet.reset_dimensions()
    return {
        number: {column: cell for column, cell in enumerate(cells) if cell.data_type != "n" or cell.value is not None}
        for number, cells in enumerate(sheet.iter_rows(), 1)
        if cells
    }


def _faults(rows: dict[int, _Row], na: Sequence[str]) -> Iterator[Problem]:
    """A problem for every cell that shows an error, but for those that count as missing."""
    for number, row in rows.items():
        for column, cell in row.items():
            if cell.data_type == "e" and cell.value not in na:
                hint = f"--na '{cell.value}'"
                found = f"the cell {_place(number, column)} shows the error {shown(str(cell.value))}"
                yield Problem("E115", found, number, column + 1, hint)


def _never_computed(rows: dict[int, _Row], formulas: dict[int, _Row]) -> Iterator[Problem]:
    """A problem for every formula without a stored value; one whose value is an empty text has one."""
    for number, row in formulas.items():
        for column, cell in row.items():
            if cell.data_type == "f" and column not in rows.get(number, {}):
                found = f"the cell {_place(number, column)} has a formula whose value was never computed"
                yield Problem("E115", found, number, column + 1, "open the workbook in Excel and save it again")


def _place(number: int, column: int) -> str:
    """The cell as Excel calls it: C12."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{number}"


def _filled(row: _Row, na: Sequence[str]) -> _Row:
    """The values of a row that are not blank."""
    values = {column: "" if cell.data_type == "e" and cell.value in na else cell.value for column, cell in row.items()}
    return {column: value for column, value in values.items() if value is not None and value != ""}


def _is_comment(row: _Row, read: ReadConfig) -> bool:
    first = row[min(row)]
    return bool(read.comment) and isinstance(first, str) and first.startswith(str(read.comment))


def _table(file: str, rows: dict[int, _Row], read: ReadConfig, notes: tuple[str, ...]) -> Table:
    """The table in rows of values, their names in the first of them unless names are given."""
    if not rows:
        raise FileProblems(file, [Problem("E104", "the sheet is blank")])
    header_line = None if read.names else next(iter(rows))
    header = dict(enumerate(read.names)) if header_line is None else rows.pop(header_line)
    if not any(isinstance(name, str) for name in header.values()):
        hint = "the first row must hold the names of the columns"
        raise FileProblems(file, [Problem("E206", "the first row holds data and no names", header_line, 1, hint)])
    if not rows:
        raise FileProblems(file, [Problem("E205", "there is a header and no row under it", header_line)])
    used = sorted({*header, *(column for row in rows.values() for column in row)})
    _check_header(file, header, header_line, rows, used)
    names = texts_of([header.get(column) for column in used])
    cells = tuple(Cells.of(texts_of([row.get(column) for row in rows.values()])) for column in used)
    return Table(file, tuple(names), cells, list(rows), header_line, notes)


def _check_header(file: str, header: _Row, header_line: int | None, rows: dict[int, _Row], used: Sequence[int]) -> None:
    """Raises FileProblems where columns have data and no name; the first may be the numbers of the rows."""
    if len(used) > _MAX_COLUMNS:
        raise FileProblems(file, [Problem("E109", f"the sheet is too wide: {len(used):,} columns are filled")])
    nameless = [column for column in used if column not in header and column != used[0]]
    if not nameless:
        return
    number = next(number for number, row in rows.items() if nameless[0] in row)
    found = f"the cell {_place(number, nameless[0])} has a value and its column has no name"
    words = {number: sum(isinstance(value, str) for value in row.values()) for number, row in rows.items()}
    deeper = max(list(words)[:_HEADER_DEPTH], key=lambda number: words[number])
    hint = "give every column a name in the first row"
    if header_line is not None and words[deeper] > len(header):
        hint = f"--skip-lines {deeper - 1}"
    raise FileProblems(file, [Problem("E203", found, number, nameless[0] + 1, hint)])
