"""Rows that are not as wide as the first: what the file seems to be, and a problem for each of them otherwise."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.reading.header import (
    comment_problem,
    comment_sign,
    is_header,
    looks_like_data,
    names_hint,
    second_table_problem,
)
from forecast.reading.problems import Problem, shown
from forecast.reading.tokens import Records

#: A block of rows is a table when it has at least so many.
_FEWEST_ROWS = 3
_SAMPLE = 20
_MOST_FOOTER_LINES = 5


@dataclass(frozen=True)
class Rows:
    """Records under one delimiter without the empty ones: kept are their numbers, widths how many fields each has."""

    records: Records
    kept: range | NDArray[np.int64]
    widths: NDArray[np.int64]

    @classmethod
    def of(cls, records: Records) -> Rows:
        """The records that have any content."""
        empty = records.is_empty()
        if not empty.any():
            return cls(records, range(len(records)), records.widths())
        kept = np.flatnonzero(~empty)
        return cls(records, kept, records.widths()[kept])

    @property
    def width(self) -> int:
        """How many fields the first row has, and every row should have; 0 where there is none."""
        return int(self.widths[0]) if len(self.widths) else 0

    @property
    def fits(self) -> bool:
        """Whether every row is as wide as the first."""
        return self.records.even_width > 0 or bool((self.widths == self.width).all())

    @property
    def gaps(self) -> NDArray[np.int64]:
        """The rows that are followed by records without content, but for the last."""
        if len(self.kept) == len(self.records):
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(np.diff(self.kept) > 1)

    def row(self, number: int) -> list[str]:
        """The texts of a row."""
        return self.records.fields(int(self.kept[number]))

    def rows(self, numbers: Iterable[int]) -> list[list[str]]:
        """The texts of several rows."""
        return [self.row(number) for number in numbers]

    def line(self, number: int) -> int:
        """The physical line on which a row begins."""
        return int(self.records.lines[int(self.kept[number])])


def other_table(readings: Sequence[Rows]) -> list[Problem]:
    """What the file seems to be when its first row is no header of a table, under any of several delimiters."""
    starts = [(rows, _steady_from(rows)) for rows in readings if len(rows.widths) and rows.widths[-1] > 1]
    blocks = [(rows, start) for rows, start in starts if len(rows.widths) - start > max(_FEWEST_ROWS, start)]
    for rows, start in sorted(blocks, key=lambda block: (block[1], -int(block[0].widths[-1]))):
        if not start:
            continue
        header, below = rows.row(start), rows.rows(range(start + 1, min(start + _SAMPLE, len(rows.widths))))
        if not is_header(header, below):
            continue
        above, line = rows.rows(range(start)), rows.line(start)
        if sign := comment_sign(above):
            return [comment_problem(rows.line(0), above[0], sign)]
        s = "s" * (line != 2)
        found = f"{line - 1} line{s} above the header, which begins with {shown(header[0])} on line {line}"
        return [Problem("E213", found, rows.line(0), hint=f"--skip-lines {line - 1}")]
    return []


def misfit_problems(rows: Rows, delimiter: str) -> list[Problem]:
    """A problem for every row that is too short or too long, or one for what all of them are."""
    misfits = np.flatnonzero(rows.widths != rows.width)
    samples = rows.rows(misfits[:_SAMPLE].tolist())
    if sign := comment_sign(samples):
        return [comment_problem(rows.line(int(i)), rows.row(int(i)), sign) for i in misfits]
    start = int(misfits[0])
    tail = rows.widths[start:]
    alike = bool((tail == tail[0]).all())
    if start > 1 and alike and len(tail) > 1 and tail[0] > 1 and not any(looks_like_data(c) for c in samples[0]):
        return [second_table_problem(rows.line(start), samples[0])]
    hint = _hint(rows, misfits, samples, delimiter)
    problems = []
    for i in misfits.tolist():
        count, needed = int(rows.widths[i]), rows.width
        text = f"{count} field{'s' * (count != 1)} where the header has {needed}"
        code = "E202" if count < needed else "E203"
        problems.append(Problem(code, text, rows.line(i), min(count, needed) + 1, hint))
    return problems


def _hint(rows: Rows, misfits: NDArray[np.int64], samples: Sequence[list[str]], delimiter: str) -> str:
    """What to do about rows of another width."""
    form = rows.records.form
    texts = [form.delimiter.join(row) for row in samples]
    if form.escape is None and all("\\" + form.delimiter in text for text in texts):
        return "--escape \\\\"
    apart = re.escape(form.delimiter)
    if form.quote == '"' and all(re.search(rf"(^|{apart})'[^']*{apart}[^']*'($|{apart})", text) for text in texts):
        return '--quote "\'"'
    widths = set(rows.widths[misfits].tolist())
    if len(misfits) == len(rows.widths) - 1 and len(misfits) > 1 and len(widths) == 1:
        if form.delimiter == "," and _splits_numbers(samples):
            return "if the comma is the decimal mark too, export the file with ; between the cells"
        return f"--skip-lines {rows.line(1) - 1} {names_hint(widths.pop())}"
    remarks = max(widths) < rows.width or not any(looks_like_data(row[0]) for row in samples)
    if remarks and len(misfits) <= _MOST_FOOTER_LINES and misfits[0] == len(rows.widths) - len(misfits):
        return "remove what stands under the table"
    return f"give every row the header's fields, and put cells in quotes that contain a {delimiter}"


def _splits_numbers(samples: Sequence[list[str]]) -> bool:
    """Whether two columns side by side hold nothing but digits, as the halves of numbers would."""
    digits = [all(row[column].strip(" +-").isdigit() for row in samples) for column in range(len(samples[0]))]
    return any(left and right for left, right in itertools.pairwise(digits))


def _steady_from(rows: Rows) -> int:
    """The first row from which on all are equally wide."""
    others = np.flatnonzero(rows.widths != rows.widths[-1])
    return int(others[-1]) + 1 if len(others) else 0
