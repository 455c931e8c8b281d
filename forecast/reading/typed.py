"""Text → numbers and truths. Every cell is converted exactly or is a problem with its line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from forecast.config import ReadConfig
from forecast.panel import Values
from forecast.reading.cells import Cells
from forecast.reading.decimals import parse_decimals
from forecast.reading.dialect import Table
from forecast.reading.notation import LONGEST, MISSING, Notation, are_words
from forecast.reading.problems import Problem, named, shown
from forecast.reading.remedies import TRUTHS, refusals

__all__ = ["LARGEST", "MISSING", "looks_boolean", "looks_numeric", "read_numbers", "read_truths", "sample"]

#: Sums of squares of numbers beyond this are no longer finite.
LARGEST = 1e150

#: What a column of true and false may say, in any case; the single letters only where both of a pair are there.
_YES = frozenset({"true", "yes", "t", "y"})
_LETTERS = (frozenset("tf"), frozenset("yn"))
# Well written or not: enough to know that the column is one of numbers. The digits may be of any script.
_MEANT_AS_NUMBER = re.compile(
    r"[-+\u2212(]*[$€£¥]? ?(\d[\d.,'\u2019_ \u00a0\u202f]*|\.\d+|0x[0-9a-f]+)(e[-+]?\d+)? ?[)%$€£¥]*|[-+]?inf(inity)?",
    re.IGNORECASE,
)
_SAMPLE = 64
# Rows that are read at once: what is made of them fits the caches of a processor.
_BLOCK = 2**15
_WIDTH = 24
_HOW = ReadConfig()


def read_numbers(table: Table, column: int, how: ReadConfig = _HOW) -> tuple[Values, list[Problem]]:
    """The column as float64 [N], exactly as float() reads each cell, NaN where missing; and what is wrong with it.

    `how` names the notation: a decimal mark that it does not name is the point (`decide_decimal` finds another).
    """
    cells, notation = table.cells[column], Notation.of(how)
    values = np.empty(len(cells))
    odd: list[NDArray[np.int64]] = []
    for start, part in blocks(cells):
        values[start : start + len(part)], rest = _numbers(part, notation)
        odd.append(rest + start)
    for number in notation.missing_numbers:
        values[values == number] = np.nan
    rows = np.concatenate(odd) if odd else np.empty(0, dtype=np.int64)
    least, most = ends_of(values)
    huge = np.flatnonzero(np.abs(values) > LARGEST) if max(-least, most) > LARGEST else rows[:0]
    values[huge] = np.nan
    wrong = np.concatenate([rows, huge])
    return values, refusals(table, column, np.sort(wrong), how) if len(wrong) else []


def read_truths(table: Table, column: int, how: ReadConfig = _HOW) -> tuple[Values, list[Problem]]:
    """The column as 1 for true, yes, t and y, 0 for false, no, f and n, in any case, and NaN where missing [N]."""
    notation = Notation.of(how)
    texts, which = table.cells[column].distinct()
    words = [text.strip(" ").casefold() for text in texts]
    truths = [np.nan if notation.is_missing(text) else float(text.strip(" ").casefold() in _YES) for text in texts]
    strange = [not notation.is_missing(text) and word not in TRUTHS for text, word in zip(texts, words, strict=True)]
    values = np.array(truths, dtype=np.float64)[which]
    problems = []
    for row in np.flatnonzero(np.array(strange, dtype=bool)[which]).tolist():
        found = f"{named(table.names[column])}: {shown(texts[which[row]])} is neither true nor false"
        hint = "write true, false, yes or no in every cell of it, and leave missing cells empty"
        problems.append(table.problem("E209", found, row, column, hint=hint))
    return values, problems


def looks_numeric(cells: Sequence[str], how: ReadConfig = _HOW) -> bool:
    """Whether most cells of a sample were meant as numbers, well written or not."""
    texts = sample(cells, how)
    bare = Notation.of(how).bare(texts) if how.units else texts
    return 2 * sum(1 for text in bare if _MEANT_AS_NUMBER.fullmatch(text)) > len(bare)


def looks_boolean(cells: Sequence[str], how: ReadConfig = _HOW) -> bool:
    """Whether every cell of a sample is true or false in some spelling."""
    words = {text.casefold() for text in sample(cells, how)}
    letters = {word for word in words if len(word) == 1}
    return bool(words) and words <= TRUTHS and (not letters or letters in _LETTERS)


def sample(cells: Sequence[str], how: ReadConfig = _HOW) -> list[str]:
    """At most about a hundred cells spread over the column that are not missing, without blanks around them."""
    cells, notation = Cells.of(cells), Notation.of(how)
    present = _present(cells[:: max(len(cells) // _SAMPLE, 1)], notation)
    if not present:
        filled = cells.take(np.flatnonzero(cells.lengths()))
        present = _present(filled[:: max(len(filled) // _SAMPLE, 1)], notation) or _present(filled, notation)
    return present[:: max(len(present) // _SAMPLE, 1)]


def ends_of(values: Values) -> tuple[float, float]:
    """The smallest and the largest of zero and the values that are not missing."""
    least, most = values.min(initial=0.0), values.max(initial=0.0)
    if np.isnan(least):
        # What passes over missing values takes several times as long.
        least, most = np.fmin.reduce(values, initial=0.0), np.fmax.reduce(values, initial=0.0)
    return float(least), float(most)


def blocks(cells: Cells) -> Iterator[tuple[int, Cells]]:
    """The cells in parts of a size to be read at once, each with its first row."""
    for start in range(0, len(cells), _BLOCK):
        yield start, cells[start : start + _BLOCK]


def _present(cells: Cells, notation: Notation) -> list[str]:
    return [text.strip(" ") for text in cells if not notation.is_missing(text)]


def _numbers(cells: Cells, notation: Notation) -> tuple[Values, NDArray[np.int64]]:
    """The numbers in the cells [N], NaN where there is none, and the rows of what is neither a number nor missing."""
    matrix, lengths = cells.matrix(min(int(cells.lengths().max(initial=1)), _WIDTH) or 1)
    found = parse_decimals(matrix, lengths, notation.mark, notation.group)
    values = np.where(found.good, found.values, np.nan)
    rest = np.flatnonzero(~found.good & (lengths > 0))
    if len(rest):
        rest = rest[~are_words(matrix[rest], lengths[rest], notation.missing)]
    texts = list(cells.take(rest))
    kept = [i for i, text in enumerate(texts) if not notation.is_missing(text)]
    rest, texts = rest[kept], [texts[i] for i in kept]
    if (floats := notation.floats(texts)) is not None:
        values[rest] = floats
        return values, rest[:0]
    values[rest], read = _of_bare(notation.bare(texts), notation)
    return values, rest[~read]


def _of_bare(bare: list[str], notation: Notation) -> tuple[Values, NDArray[np.bool_]]:
    """The numbers in bare texts [N], NaN where one is no number; and where one is a number [N]."""
    cells = Cells.of(bare)
    width = min(int(cells.lengths().max(initial=1)), LONGEST) or 1
    found = parse_decimals(*cells.matrix(width), notation.mark, notation.group)
    values, read = np.where(found.good, found.values, np.nan), found.good.copy()
    rest = np.flatnonzero(~read)
    for row, number in zip(rest.tolist(), notation.numbers([bare[i] for i in rest]), strict=True):
        if number is not None:
            values[row], read[row] = number, True
    return values, read
