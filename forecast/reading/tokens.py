"""Bytes → where every field of every record stands. It knows delimiters, quotes and line ends, and no table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.reading.cells import Positions
from forecast.reading.problems import Problem
from forecast.reading.quoting import doubled_quotes, escapes

Bytes = NDArray[np.uint8]

#: Bytes, and fields, that are looked at in one go: few enough to stay in the cache of the processor.
_CHUNK = 1 << 16
_LF, _CR, _BLANK, _TAB = b"\n\r \t"
_NEUTRAL = ord("_")


@dataclass(frozen=True)
class Form:
    """How a text is written, in ASCII characters; a blank as delimiter stands for any number of them."""

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None


@dataclass(frozen=True)
class Records:
    """R records of F fields in all. Field f is what stands between left[f] and right[f] of content, both excluded.

    last [R] is the last field of each record, lines [R] the physical line each begins on; stripped says whether blanks
    around fields were left out. Fields are without their quotes.
    """

    form: Form
    content: bytes
    left: Positions
    right: Positions
    last: Positions
    lines: Sequence[int] | NDArray[np.int64]
    stripped: bool

    def __len__(self) -> int:
        return len(self.last)

    def widths(self) -> NDArray[np.int64]:
        """How many fields each record has [R]."""
        if self.even_width:
            # One number seen from every place: as many of them would be as large as the text.
            return np.broadcast_to(np.int64(self.even_width), len(self))
        return np.diff(self.last, prepend=-1).astype(np.int64)

    @cached_property
    def even_width(self) -> int:
        """How many fields every record has, or 0 where they differ."""
        width = int(self.last[0]) + 1
        if len(self.left) != width * len(self):
            return 0
        for at in range(0, len(self), _CHUNK):
            last = self.last[at : at + _CHUNK]
            if not np.array_equal(last, np.arange(at + 1, at + 1 + len(last)) * width - 1):
                return 0
        return width

    def longest(self) -> tuple[int, int]:
        """How many bytes the longest field has, and which it is."""
        length, field = 0, 0
        for at in range(0, len(self.left), _CHUNK):
            lengths = self.right[at : at + _CHUNK] - self.left[at : at + _CHUNK] - 1
            if (most := int(lengths.max())) > length:
                length, field = most, at + int(lengths.argmax())
        return length, field

    def fields(self, record: int) -> list[str]:
        """The texts of a record."""
        first = int(self.last[record - 1]) + 1 if record else 0
        return [
            self.content[self.left[f] + 1 : self.right[f]].decode() for f in range(first, int(self.last[record]) + 1)
        ]

    def is_empty(self) -> NDArray[np.bool_]:
        """Whether a record has no content, only delimiters and blanks [R]. Quotes with nothing inside are content."""
        empty = np.zeros(len(self), dtype=np.bool_)
        some, at = self._blank_first()
        while len(some):
            bare = self.right[at] - self.left[at] == 1
            bare[bare] = ~self._is_quoted(at[bare])
            ends = at == self.last[some]
            empty[some[bare & ends]] = True
            some, at = some[bare & ~ends], at[bare & ~ends] + 1
        return empty

    def _blank_first(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The records whose first field has no bytes, and that field."""
        if width := self.even_width:
            left, right = self.left[::width], self.right[::width]
            parts = [
                at + np.flatnonzero(right[at : at + _CHUNK] - left[at : at + _CHUNK] == 1)
                for at in range(0, len(self), _CHUNK)
            ]
            some = np.concatenate(parts)
            return some, some * width
        first = np.concatenate([[0], self.last[:-1] + 1])
        some = np.flatnonzero(self.right[first] - self.left[first] == 1)
        return some, first[some]

    def _is_quoted(self, fields: NDArray[np.int64]) -> NDArray[np.bool_]:
        quote, data = ord(self.form.quote), np.frombuffer(self.content, np.uint8)
        before = self.left[fields]
        return np.asarray((before >= 0) & (data[np.maximum(before, 0)] == quote))


@dataclass(frozen=True)
class _Marks:
    """Where delimiters and line ends stand outside quotes, and what else one walk through the bytes shows."""

    bounds: Positions
    last: Positions
    inner_line_ends: NDArray[np.int64]
    quotes: int
    padded: bool


def tokenise(content: bytes, form: Form, first_line: int = 1) -> Records | Problem:
    """The records of a text, or the first fault of its quoting, at its line and field."""
    original = np.frombuffer(content, np.uint8)
    data, removed = original, np.empty(0, dtype=np.int64)
    if form.escape is not None:
        removed, escaped = escapes(content, form.escape)
        data = original.copy()
        data[removed] = data[escaped] = _NEUTRAL
    marks = _marks(data, content, form)
    inner = marks.inner_line_ends
    if len(removed):
        lone = (original[escaped] == _CR) & (original.take(escaped + 1, mode="clip") != _LF)
        inner = np.sort(np.concatenate([inner, escaped[lone | (original[escaped] == _LF)]]))
    left, right, stripped = marks.bounds[:-1], marks.bounds[1:], False
    if b"\r" in content:
        right = _before_returns(data, right, marks.last)
    if marks.padded:
        left, right, stripped = _trimmed(data, left, right, form)
    if marks.quotes:
        left, right, quoted = _unquoted(data, left, right, ord(form.quote))
        if 2 * quoted != marks.quotes:
            # More quotes than those around fields: doubled ones inside, or a fault.
            doubled = doubled_quotes(data, marks.bounds, marks.last, form.quote, form.delimiter, first_line)
            if isinstance(doubled, Problem):
                return doubled
            removed = np.sort(np.concatenate([removed, doubled]))
    starts = left[np.concatenate([[0], marks.last[:-1] + 1])] if len(inner) else None
    lines: Sequence[int] | NDArray[np.int64] = range(first_line, first_line + len(marks.last))
    if starts is not None:
        lines = np.arange(first_line, first_line + len(starts)) + np.searchsorted(inner, starts)
    records = Records(form, content, left, right, marks.last, lines, stripped and form.delimiter != " ")
    return _without(records, removed) if len(removed) else records


def _marks(data: Bytes, content: bytes, form: Form) -> _Marks:
    """One walk through the bytes in chunks, with what is carried from each to the next."""
    quote, few = ord(form.quote), len(data) < 2**31 - 1
    dtype: Any = np.int32 if few else np.int64
    has_quotes, has_returns = form.quote.encode() in content, b"\r" in content
    steps = -(-len(data) // _CHUNK) + 2
    found, ends, inner = _Growing(dtype, steps), _Growing(dtype, steps), [np.empty(0, dtype=np.int64)]
    found.add(np.array([-1]), 0)
    blanks = bytes(byte for byte in b" \t" if byte != ord(form.delimiter) and byte in content)
    count, quotes, inside, padded = 0, 0, False, len(data) > 0 and data[0] in blanks
    for at in range(0, len(data), _CHUNK):
        chunk = data[at : at + _CHUNK]
        after = data[at + 1 : at + _CHUNK + 1]
        if len(after) < len(chunk):
            after = np.append(after, np.uint8(_CR))
        line_end = chunk == _LF
        if has_returns:
            line_end |= (chunk == _CR) & (after != _LF)
        mark = line_end | _delimits(chunk, after, form.delimiter)
        if has_quotes:
            is_quote = chunk == quote
            opened = np.logical_xor.accumulate(is_quote)
            if inside:
                np.logical_not(opened, out=opened)
            quotes, inside = quotes + int(np.count_nonzero(is_quote)), bool(opened[-1])
            inner.append(np.flatnonzero(line_end & opened) + at)
            mark &= ~opened
        padded = padded or _is_padded(mark | (chunk == _CR) if has_returns else mark, chunk, after, blanks, form)
        positions = np.flatnonzero(mark)
        ends.add(np.flatnonzero(line_end[positions]), count)
        found.add(positions, at)
        count += len(positions)
    bounds, last = found.numbers, ends.numbers
    if not len(last) or last[-1] != count - 1 or bounds[-1] != len(data) - 1:
        found.add(np.array([len(data)]), 0)
        ends.add(np.array([count]), 0)
        bounds, last = found.numbers, ends.numbers
    if form.delimiter == " ":
        bounds, last = _without_leading(data, bounds, last)
    return _Marks(bounds, last, np.concatenate(inner), quotes, padded)


class _Growing:
    """Numbers in one array, which has room for more: joining many arrays would need the memory of all of them twice."""

    def __init__(self, dtype: Any, steps: int) -> None:
        self._room, self._count = np.empty(0, dtype=dtype), 0
        self._steps, self._added = steps, 0

    @property
    def numbers(self) -> Any:
        """Those that have been added."""
        return self._room[: self._count]

    def add(self, numbers: NDArray[np.int64], beyond: int) -> None:
        """Adds numbers that count from another one."""
        count, self._added = self._count + len(numbers), self._added + 1
        if count > len(self._room):
            # As much as all steps will need if they bring what those before have brought; memory unused costs nothing.
            share = max(self._steps / self._added, 1.0)
            room = np.empty(max(int(1.1 * share * count), 2 * self._count), dtype=self._room.dtype)
            room[: self._count] = self.numbers
            self._room = room
        np.add(numbers, beyond, out=self._room[self._count : count], casting="unsafe")
        self._count = count


def _delimits(chunk: Bytes, after: Bytes, delimiter: str) -> NDArray[np.bool_]:
    if delimiter != " ":
        return np.asarray(chunk == ord(delimiter))
    # The last of several blanks, unless the line ends there.
    more = (after == _BLANK) | (after == _TAB) | (after == _LF) | (after == _CR)
    return np.asarray(((chunk == _BLANK) | (chunk == _TAB)) & ~more)


def _is_padded(edge: NDArray[np.bool_], chunk: Bytes, after: Bytes, blanks: bytes, form: Form) -> bool:
    """Whether a blank stands beside a delimiter or a line end."""
    if chunk[-1] in blanks and after[-1] in (ord(form.delimiter), _LF, _CR):
        return True
    for byte in blanks:
        blank = chunk == byte
        if (blank[:-1] & edge[1:]).any() or (edge[:-1] & blank[1:]).any() or (edge[-1] and after[-1] == byte):
            return True
    return False


def _without_leading(data: Bytes, bounds: Positions, last: Positions) -> tuple[Positions, Positions]:
    """The bounds without the blanks that a line begins with."""
    ends_line = np.zeros(len(bounds), dtype=np.bool_)
    ends_line[0] = True
    ends_line[last + 1] = True
    first = data.take(bounds[:-1] + 1, mode="clip")
    leading = np.append(False, ends_line[:-1] & ~ends_line[1:] & ((first == _BLANK) | (first == _TAB)))
    return bounds[~leading], np.flatnonzero(ends_line[~leading][1:])


def _before_returns(data: Bytes, right: Positions, last: Positions) -> Positions:
    """The right bounds with each line end in two characters taken at its first."""
    ends = right[last]
    two = (data.take(ends - 1, mode="clip") == _CR) & (data.take(ends, mode="clip") == _LF) & (ends > 0)
    if not two.any():
        return right
    right = right.copy()
    right[last[two]] -= 1
    return right


def _trimmed(data: Bytes, left: Positions, right: Positions, form: Form) -> tuple[Positions, Positions, bool]:
    """The bounds without the blanks around fields, and whether any field is more than blanks and had some."""
    old, left, right, stripped = (left, right), left.copy(), right.copy(), False
    tab = _BLANK if form.delimiter == "\t" else _TAB
    for at in range(0, len(left), _CHUNK):
        before, end = left[at : at + _CHUNK], right[at : at + _CHUNK]
        for bound, inward in ((before, 1), (end, -1)):
            some = np.arange(len(before))
            while len(some):
                byte = data.take(bound[some] + inward, mode="clip")
                some = some[(end[some] - before[some] > 1) & ((byte == _BLANK) | (byte == tab))]
                bound[some] += inward
        moved = (before != old[0][at : at + _CHUNK]) | (end != old[1][at : at + _CHUNK])
        stripped = stripped or bool((moved & (end - before > 1)).any())
    return left, right, stripped


def _unquoted(data: Bytes, left: Positions, right: Positions, quote: int) -> tuple[Positions, Positions, int]:
    """The bounds inside the quotes around fields, and how many fields have such quotes."""
    left, right, count = left.copy(), right.copy(), 0
    for at in range(0, len(left), _CHUNK):
        before, end = left[at : at + _CHUNK], right[at : at + _CHUNK]
        quoted = (data.take(before + 1, mode="clip") == quote) & (data.take(end - 1, mode="clip") == quote)
        quoted &= end - before > 2
        before += quoted
        end -= quoted
        count += int(np.count_nonzero(quoted))
    return left, right, count


def _without(records: Records, removed: NDArray[np.int64]) -> Records:
    """The records without the bytes at some positions."""
    kept = np.ones(len(records.content), dtype=np.bool_)
    kept[removed] = False
    content = np.frombuffer(records.content, np.uint8)[kept].tobytes()
    dtype = records.left.dtype
    removed = removed.astype(dtype)
    left = records.left - np.searchsorted(removed, records.left).astype(dtype)
    right = records.right - np.searchsorted(removed, records.right).astype(dtype)
    return replace(records, content=content, left=left, right=right)
