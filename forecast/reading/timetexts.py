"""The texts of times: one cell or several for each row, and what all of them are by one pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Timestamps
from forecast.reading.cells import Cells
from forecast.reading.typed import MISSING
from forecast.timeformat import (
    Scanned,
    clock_patterns_for,
    field_patterns_for,
    has_offset,
    moments_of,
    patterns_for,
    scan,
)

#: One pattern for each column that a time is spread over.
Patterns = tuple[str, ...]

#: Rows that are read at once: their bytes fit a processor's cache.
_CHUNK = 1 << 16
_LONGEST_TEXT = 64
_SAMPLE = 64
#: What a column of a part of the time is called; the letter is its field.
PART_WORDS: dict[str, str] = {
    **dict.fromkeys(("year", "yr", "yyyy", "jahr"), "Y"),
    **dict.fromkeys(("month", "mon", "mnth", "mm", "mo", "monat"), "m"),
    **dict.fromkeys(("day", "dd", "dy", "dom", "mday", "day_of_month", "tag"), "d"),
    **dict.fromkeys(("hour", "hr", "hh", "stunde"), "H"),
    **dict.fromkeys(("minute", "min", "minutes"), "M"),
}


@dataclass(frozen=True)
class Fit:
    """What patterns read in N texts: moments (UTC where offsets are read), offsets in minutes, how many are read."""

    patterns: Patterns
    timestamps: Timestamps
    offsets: NDArray[np.int64] | None
    count: int

    @property
    def pattern(self) -> str:
        """The pattern of the parts, joined as their texts are."""
        return " ".join(self.patterns)


class TimeTexts:
    """N texts, each in the cells of one or several columns; letters are the fields of columns that have one each."""

    def __init__(self, columns: Sequence[Cells], letters: str = "") -> None:
        self.columns, self.letters = tuple(columns), letters

    def __len__(self) -> int:
        return len(self.columns[0])

    def part(self, row: int, number: int) -> str:
        """The text in one of the columns, without blanks around it."""
        return self.columns[number][row].strip(" ")

    def text(self, row: int) -> str:
        """The whole text of a row, parts joined by a blank."""
        return " ".join(self.part(row, number) for number in range(len(self.columns)))

    def is_missing(self, row: int) -> bool:
        """Whether some part of the row says nothing."""
        return any(self.part(row, number) in MISSING for number in range(len(self.columns)))

    def sample(self) -> TimeTexts:
        """At most about a hundred texts spread over all of them, none of them missing."""
        for step in (max(len(self) // _SAMPLE, 1), 1):
            rows = [row for row in range(0, len(self), step) if not self.is_missing(row)]
            if rows:
                rows = rows[:: max(len(rows) // _SAMPLE, 1)]
                break
        return TimeTexts([cells.take(np.array(rows, dtype=np.int64)) for cells in self.columns], self.letters)

    def candidates(self) -> list[Patterns]:
        """Every choice of patterns that some of the texts has the shape of."""
        found: dict[Patterns, None] = {}
        for row in range(len(self)):
            parts = [self.candidates_of(number, self.part(row, number)) for number in range(len(self.columns))]
            found |= dict.fromkeys(product(*parts))
        return list(found)

    def candidates_of(self, number: int, text: str) -> list[str]:
        """The patterns whose shape a text in one of the columns has."""
        if self.letters:
            return field_patterns_for(text, self.letters[number])
        if number == 0:
            return patterns_for(text)
        return clock_patterns_for(text) + field_patterns_for(text, "H")

    def split(self, pattern: str) -> list[Patterns]:
        """Every way to divide a pattern at its blanks into one for each column."""
        words, count = pattern.split(" "), len(self.columns)
        if count == 1:
            return [(pattern,)]
        cuts = product(range(1, len(words)), repeat=count - 1)
        ascending = [cut for cut in cuts if list(cut) == sorted(set(cut))]
        ends = [(0, *cut, len(words)) for cut in ascending]
        return [tuple(" ".join(words[a:b]) for a, b in pairwise(end)) for end in ends]

    def parse(self, patterns: Patterns) -> Fit:
        """What the patterns read in every text."""
        timestamps = np.empty(len(self), dtype="datetime64[us]")
        offsets = np.zeros(len(self), dtype=np.int64) if any(map(has_offset, patterns)) else None
        repeating = len(self.columns) == 1
        for start in range(0, len(self), _CHUNK):
            part = slice(start, start + _CHUNK)
            columns = [cells[part] for cells in self.columns]
            length = len(columns[0])
            # Series below each other often have the same times: those of one of them are enough.
            if repeating and (period := columns[0].period()):
                columns = [cells[:period] for cells in columns]
            else:
                repeating = False
            scans = [_scan(cells, each) for cells, each in zip(columns, patterns, strict=True)]
            values = {field: numbers for scanned in scans for field, numbers in scanned.values.items()}
            moments = moments_of(Scanned(values, np.logical_and.reduce([s.written for s in scans])))
            timestamps[part] = np.resize(moments, length)
            if offsets is not None:
                offsets[part] = np.resize(values["z"], length)
        return Fit(patterns, timestamps, offsets, int((~np.isnat(timestamps)).sum()))


def letters_of(names: Sequence[str]) -> str:
    """The field of each column when all of them are named after one, as year, month and day are; else nothing."""
    letters = "".join(PART_WORDS.get(re.sub(r"\W", "", name).casefold(), " ") for name in names)
    return letters if len(names) > 1 and " " not in letters and len(set(letters)) == len(letters) else ""


def _scan(cells: Cells, pattern: str) -> Scanned:
    lengths = cells.lengths()
    least, most = int(lengths.min(initial=0)), int(lengths.max(initial=0))
    matrix, lengths = cells.matrix(min(most, _LONGEST_TEXT) + 1)
    if least == most and 0 < most <= _LONGEST_TEXT:
        last = matrix[:, most - 1]
    else:
        last = matrix[np.arange(len(matrix)), np.clip(lengths - 1, 0, matrix.shape[1] - 1)]
    if (matrix[:, 0] == ord(" ")).any() or (last == ord(" ")).any() or most > _LONGEST_TEXT:
        bare = Cells.of([text.strip(" ") for text in cells])
        matrix, lengths = bare.matrix(matrix.shape[1])
    return scan(matrix, lengths, pattern)
