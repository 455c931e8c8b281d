"""Which decimal mark a file has: what all of its numbers prove together, and never what one of them suggests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.config import THOUSANDS, ReadConfig
from forecast.reading.cells import Cells
from forecast.reading.decimals import Bytes, Decimals, parse_decimals
from forecast.reading.dialect import Table
from forecast.reading.notation import LONGEST, MINUS_SIGNS, Notation, are_words
from forecast.reading.problems import Problem, listed, named, shown, warning
from forecast.reading.typed import blocks, sample

_COMMA, _POINT, _ZERO = b",.0"
_ONE_IN = 20
# What cannot be a group of thousands. Clock times such as 18.30 look like it too: then the comma is not proven.
_DECIMAL_POINT = re.compile(r"[-+]?(0|\d{4,})?\.\d+|[-+]?\d+\.(\d{1,2}|\d{4,})")
_DIGIT = re.compile(r"\d")


@dataclass
class _Tally:
    """How many cells prove a decimal comma, may have one, and speak against it; and how many there are beside."""

    proofs: int = 0
    doubtful: int = 0
    against: int = 0
    others: int = 0

    def __add__(self, other: _Tally) -> _Tally:
        mine, its = astuple(self), astuple(other)
        return _Tally(*(a + b for a, b in zip(mine, its, strict=True)))

    @property
    def is_comma(self) -> bool:
        """Whether the cells prove that the comma is the decimal mark."""
        if self.against or not self.proofs:
            return False
        # One cell among many may be a slip of a key, and so may a few among many like 1,234.
        enough = self.proofs >= 2 or self.proofs * _ONE_IN >= self.others
        return enough and (not self.doubtful or (self.proofs >= 2 and self.proofs * _ONE_IN >= self.doubtful))


def decide_decimal(table: Table, columns: Sequence[int], how: ReadConfig) -> tuple[str, tuple[str, ...]]:
    """The decimal mark of all numbers in the columns, and notes: on the comma, and on minus signs that are not ASCII.

    The one that is given, else the comma where it is proven: some number has other than three digits behind a comma or
    nothing but a zero before it, and nothing in the table speaks against it: a point, or several commas. 1,234 alone
    proves nothing, and one cell among many may be a slip. Else the point, unless it stands between thousands.
    """
    seen = {column: table.cells[column].signs for column in columns}
    notes = _minus_notes(table, [column for column in columns if seen[column].foreign])
    if how.decimal or how.thousands in (",", ".") or not any(signs.comma for signs in seen.values()):
        return how.decimal or Notation.of(how).mark, notes
    tallies = {column: _tally(table.cells[column], how) for column, signs in seen.items() if signs.comma}
    without = [column for column in range(len(table.names)) if column not in tallies]
    if any(map(_has_points, (table.cells[column] for column in without))):
        return ".", notes
    if not sum(tallies.values(), _Tally()).is_comma:
        return ".", notes
    touched = listed(table.names[c] for c, tally in tallies.items() if tally.proofs + tally.doubtful)
    return ",", (warning("W201", f"the comma is read as the decimal mark: {touched}"), *notes)


def grouped_by_points(table: Table, column: int, how: ReadConfig) -> list[Problem]:
    """A problem with the first number of a column whose points stand between thousands, as far as can be seen.

    Whoever writes three decimals everywhere does not write 950, and whoever leaves out zeros at the end does not write
    1.050. Where both are there, and every point has three digits behind it, no decimal point was meant.
    """
    if how.decimal or how.thousands or not table.cells[column].signs.point:
        return []
    first, whole, rounded = None, False, False
    for start, part in blocks(table.cells[column]):
        matrix, lengths = part.matrix(_width(part))
        found = parse_decimals(matrix, lengths)
        marked = found.good & found.marked
        if (
            (found.after[marked] != 3).any()
            or (np.abs(found.values[marked]) < 1).any()
            or (found.whole[marked] > 3).any()
        ):
            return []
        whole = whole or bool((found.good & ~found.marked).any())
        if marked.any():
            rows = np.flatnonzero(marked)
            first = start + int(rows[0]) if first is None else first
            rounded = rounded or bool((matrix[rows, lengths[rows] - 1] == _ZERO).any())
    if first is None or not (whole and rounded):
        return []
    text = f"{named(table.names[column])}: {shown(table.cells[column][first])} may be a whole number, as others are"
    return [table.problem("E207", f"{text} (thousands separator?)", first, column, hint="--thousands . or --decimal .")]


def _has_points(cells: Cells) -> bool:
    """Whether the cells of a column, by a sample of them, have decimal points."""
    return any(map(_DECIMAL_POINT.fullmatch, sample(cells)))


def _width(cells: Cells) -> int:
    """How many bytes of the cells to look at: a multiple of eight, so that they lie side by side in memory."""
    return 8 * max(-(-min(int(cells.lengths().max(initial=1)), LONGEST) // 8), 1)


def _minus_notes(table: Table, columns: Sequence[int]) -> tuple[str, ...]:
    """A note on the numbers that have a minus sign other than that of ASCII; none where there is no such number."""
    counts = {column: sum(map(_has_minus, table.cells[column].distinct()[0])) for column in columns}
    touched = [column for column in columns if counts[column]]
    if not touched:
        return ()
    count = sum(map(_has_minus, (text for column in touched for text in table.cells[column])))
    cells = "1 cell has" if count == 1 else f"{count:,} cells have"
    names = listed(table.names[column] for column in touched)
    return (warning("W202", f"{cells} a minus sign of typography, read as -: {names}"),)


def _tally(cells: Cells, how: ReadConfig) -> _Tally:
    """What the cells of one column say."""
    tally, notation = _Tally(), Notation(",", how.thousands, how.na, how.units)
    for _, part in blocks(cells):
        _count(tally, part, *part.matrix(_width(part)), notation)
    return tally


def _has_minus(text: str) -> bool:
    return any(sign in text for sign in MINUS_SIGNS) and _DIGIT.search(text) is not None


def _count(tally: _Tally, part: Cells, matrix: Bytes, lengths: NDArray[np.int64], notation: Notation) -> None:
    """Adds what the cells of a part [N], with the matrix of their bytes, say of the comma."""
    columns = np.ascontiguousarray(matrix.T)
    rows = np.flatnonzero(((columns == _COMMA) | (columns == _POINT)).any(axis=0))
    rows = rows[~are_words(matrix[rows], lengths[rows], notation.missing)]
    tally.others += int((lengths > 0).sum()) - len(rows)
    if not len(rows):
        return
    comma = parse_decimals(matrix[rows], lengths[rows], ",", notation.group)
    _count_commas(tally, comma, notation)
    rows = rows[~comma.good]
    point = parse_decimals(matrix[rows], lengths[rows], ".", notation.group)
    tally.against += int(point.good.sum())
    texts = [text for text in part.take(rows[~point.good]) if not notation.is_missing(text)]
    bare = [text for text in notation.bare(texts) if ("," in text or "." in text) and _DIGIT.search(text)]
    if bare:
        inner = Cells.of(bare)
        again = parse_decimals(*inner.matrix(min(int(inner.lengths().max()), LONGEST)), ",", notation.group)
        _count_commas(tally, again, notation)
        left = [bare[i] for i in np.flatnonzero(~again.good)]
        numbers = notation.numbers(left)
        exact = [number is not None and "," in text for text, number in zip(left, numbers, strict=True)]
        tally.proofs += sum(exact)
        tally.against += len(left) - sum(exact)


def _count_commas(tally: _Tally, found: Decimals, notation: Notation) -> None:
    """Adds the numbers with one comma: those that it proves a decimal mark of, and those it may be a group mark in."""
    marked = found.good & found.marked & (found.after > 0)
    grouped = (found.after == 3) & (found.whole >= 1) & (found.whole <= 3) & (np.abs(found.values) >= 1)
    if notation.thousands is not None and THOUSANDS[notation.thousands] != ",":
        grouped[:] = False
    tally.doubtful += int((marked & grouped).sum())
    tally.proofs += int((marked & ~grouped).sum())
