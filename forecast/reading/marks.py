"""Which decimal mark a file has: what all of its numbers prove together, and never what one of them suggests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.config import THOUSANDS, ReadConfig
from forecast.reading.cells import Cells
from forecast.reading.decimals import Bytes, Decimals, parse_decimals
from forecast.reading.dialect import Table
from forecast.reading.notation import LONGEST, MINUS_SIGNS, Notation, are_words
from forecast.reading.problems import listed, warning
from forecast.reading.typed import blocks

_COMMA, _POINT = b",."
_ASCII_END = 0x80
#: Decimal commas that 1,234 is one of must not be much rarer than cells like it: one may be a slip of a key.
_ONE_IN = 20
_DIGIT = re.compile(r"\d")


@dataclass
class _Tally:
    """How many cells prove a decimal comma, may have one, and speak against it; and how many have an odd minus sign."""

    proofs: int = 0
    doubtful: int = 0
    against: int = 0
    minus: int = 0

    @property
    def is_comma(self) -> bool:
        """Whether the cells prove that the comma is the decimal mark."""
        if self.against or not self.proofs:
            return False
        return not self.doubtful or (self.proofs >= 2 and self.proofs * _ONE_IN >= self.doubtful)


def decide_decimal(table: Table, columns: Sequence[int], how: ReadConfig) -> tuple[str, tuple[str, ...]]:
    """The decimal mark of all numbers in the columns, and notes: on the comma, and on minus signs that are not ASCII.

    The one that is given, else the comma where it is proven: some number has other than three digits behind a comma or
    nothing but a zero before it, and none has a point or several commas. 1,234 alone proves nothing. Else the point.
    """
    tallies = {column: _tally(table.cells[column], how) for column in columns}
    total = _Tally()
    for tally in tallies.values():
        total.proofs += tally.proofs
        total.doubtful += tally.doubtful
        total.against += tally.against
    notes = []
    mark = how.decimal or ("," if how.thousands != "," and total.is_comma else ".")
    if how.decimal is None and mark == ",":
        touched = listed(table.names[c] for c, tally in tallies.items() if tally.proofs + tally.doubtful)
        notes.append(warning("W201", f"the comma is read as the decimal mark: {touched}"))
    if minus := sum(tally.minus for tally in tallies.values()):
        touched = listed(table.names[c] for c, tally in tallies.items() if tally.minus)
        cells = "1 cell has" if minus == 1 else f"{minus:,} cells have"
        notes.append(warning("W202", f"{cells} a minus sign of typography, read as -: {touched}"))
    return mark, tuple(notes)


def _tally(cells: Cells, how: ReadConfig) -> _Tally:
    """What the cells of one column say."""
    tally, notation = _Tally(), Notation(",", how.thousands, how.na, how.units)
    for _, part in blocks(cells):
        width = max(min(int(part.lengths().max(initial=1)), LONGEST), 1)
        matrix, lengths = part.matrix(width)
        foreign = (matrix >= _ASCII_END).any(axis=1) if matrix.max(initial=0) >= _ASCII_END else None
        if foreign is not None:
            tally.minus += sum(1 for text in part.take(np.flatnonzero(foreign)) if _has_minus(text))
        if how.decimal is None and how.thousands != ",":
            _count(tally, part, matrix, lengths, notation)
    return tally


def _has_minus(text: str) -> bool:
    return any(sign in text for sign in MINUS_SIGNS) and _DIGIT.search(text) is not None


def _count(tally: _Tally, part: Cells, matrix: Bytes, lengths: NDArray[np.int64], notation: Notation) -> None:
    """Adds what the cells of a part [N], with the matrix of their bytes, say of the comma."""
    flat: NDArray[Any] = (matrix == _COMMA) | (matrix == _POINT)
    rows = np.flatnonzero(flat.any(axis=1)) if flat.any() else np.empty(0, dtype=np.int64)
    rows = rows[~are_words(matrix[rows], lengths[rows], notation.missing)] if len(rows) else rows
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
