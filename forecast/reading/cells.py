"""One column of text, as slices of one buffer of UTF-8 bytes: millions of cells without an object for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

#: Positions in a buffer, of four bytes each where the buffer allows it.
Positions = NDArray[np.int32] | NDArray[np.int64]

_CHUNK = 1 << 16
_WORD = 8
_LONGEST_NUMBER, _ASCII_END = 255, 0x80
#: The bytes of a little-endian word that belong to a text of 0 to 8 bytes.
_MASKS = np.array([2 ** (8 * length) - 1 for length in range(_WORD + 1)], dtype=np.uint64)


@dataclass(frozen=True)
class Signs:
    """Whether any cell has a comma, a point, or what is not ASCII; and the rows that begin with a zero before a digit.

    Of cells that are too long for a number only the beginning counts.
    """

    comma: bool
    point: bool
    foreign: bool
    padded: tuple[int, ...]


class Cells(Sequence[str]):
    """N cells of text. Cell i stands between the positions left[i] and right[i] of the buffer, both excluded."""

    def __init__(self, content: bytes, left: Positions, right: Positions) -> None:
        self._content, self._left, self._right = content, left, right
        # What is asked for again and again; the lengths only of a part that is small.
        self._lengths: NDArray[np.int64] | None = None
        self._distinct: tuple[list[str], NDArray[np.int32]] | None = None

    @classmethod
    def of(cls, texts: Sequence[str]) -> Cells:
        """The same texts as cells."""
        if isinstance(texts, cls):
            return texts
        joined = "".join(texts)
        if joined.isascii():
            content, lengths = joined.encode(), np.fromiter(map(len, texts), np.int64, len(texts))
        else:
            parts = [text.encode(errors="surrogatepass") for text in texts]
            content, lengths = b"".join(parts), np.fromiter(map(len, parts), np.int64, len(parts))
        right = np.cumsum(lengths)
        return cls(content, right - lengths - 1, right)

    def __len__(self) -> int:
        return len(self._left)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Cells: ...
    def __getitem__(self, index: int | slice) -> str | Cells:
        if isinstance(index, slice):
            return Cells(self._content, self._left[index], self._right[index])
        return self._content[self._left[index] + 1 : self._right[index]].decode(errors="surrogatepass")

    def __iter__(self) -> Iterator[str]:
        content = self._content
        for at in range(0, len(self), _CHUNK):
            left, right = self._left[at : at + _CHUNK].tolist(), self._right[at : at + _CHUNK].tolist()
            for before, end in zip(left, right, strict=True):
                yield content[before + 1 : end].decode(errors="surrogatepass")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Cells.of({list(self[:5])}{' and more' if len(self) > 5 else ''})"

    def take(self, rows: NDArray[np.int64]) -> Cells:
        """The cells of those rows, in their order."""
        return Cells(self._content, self._left[rows], self._right[rows])

    def rows_of(self, text: str) -> NDArray[np.int64]:
        """The rows whose cell is exactly that text."""
        wanted = text.encode(errors="surrogatepass")
        length = len(wanted) + 1
        parts = [
            at + np.flatnonzero(self._right[at : at + _CHUNK] - self._left[at : at + _CHUNK] == length)
            for at in range(0, len(self), _CHUNK)
        ]
        rows = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        for number in range(-(-len(wanted) // _WORD)):
            some = self.take(rows)
            word = int.from_bytes(wanted[_WORD * number : _WORD * (number + 1)], "little")
            found = [some[at : at + _CHUNK]._words(number, 1)[:, 0] == word for at in range(0, len(some), _CHUNK)]
            rows = rows[np.concatenate(found)] if found else rows
        return rows

    def lengths(self) -> NDArray[np.int64]:
        """How many bytes each cell has [N]."""
        if self._lengths is not None:
            return self._lengths
        lengths = np.subtract(self._right, self._left, dtype=np.int64)
        lengths -= 1
        if len(self) <= _CHUNK:
            self._lengths = lengths
        return lengths

    def matrix(self, width: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The first `width` bytes of each cell [N, width], zeros behind shorter ones; and how many each has [N]."""
        count = -(-width // _WORD)
        if len(self) <= _CHUNK:
            words = self._words(0, count)
        else:
            words = np.empty((len(self), count), dtype="<u8")
            for at in range(0, len(self), _CHUNK):
                words[at : at + _CHUNK] = self[at : at + _CHUNK]._words(0, count)
        return words.view(np.uint8)[:, :width], self.lengths()

    @cached_property
    def signs(self) -> Signs:
        """What characters the cells have, as far as that decides how numbers are written."""
        comma = point = foreign = False
        padded: list[int] = []
        for at in range(0, len(self), _CHUNK):
            part = self[at : at + _CHUNK]
            # A multiple of eight, so that the bytes lie side by side in memory; the third is looked at anyway.
            words = part._words(0, max(-(-min(int(part.lengths().max()), _LONGEST_NUMBER) // _WORD), 1))
            cells = words.view(np.uint8).reshape(len(part), -1)
            comma = comma or bool((cells == ord(",")).any())
            point = point or bool((cells == ord(".")).any())
            foreign = foreign or bool(cells.max() >= _ASCII_END)
            first, second, third = (np.ascontiguousarray(cells[:, column]) for column in range(3))
            signed = (first == ord("-")) | (first == ord("+"))
            if signed.any():
                first, second = np.where(signed, second, first), np.where(signed, third, second)
            zeros = np.flatnonzero(first == ord("0"))
            padded += (at + zeros[(second[zeros] >= ord("0")) & (second[zeros] <= ord("9"))]).tolist()
        return Signs(comma, point, foreign, tuple(padded))

    def distinct(self) -> tuple[list[str], NDArray[np.int32]]:
        """The distinct texts in the order they first appear, and which of them each cell is [N]."""
        if self._distinct is None:
            self._distinct = self._told_apart()
        return list(self._distinct[0]), self._distinct[1]

    def period(self) -> int:
        """After how many cells the same ones come again, in the same order and to the very end; 0 where they do not."""
        lengths = self.lengths()
        if len(self) < 2 or (lengths != lengths[0]).any():
            return 0
        words = self._words(0, -(-int(lengths[0]) // _WORD))
        again = np.arange(1, len(self))
        for word in words.T:
            again = again[word[again] == word[0]]
        period = int(again[0]) if len(again) else 0
        return period if period and np.array_equal(words[period:], words[:-period]) else 0

    def _told_apart(self) -> tuple[list[str], NDArray[np.int32]]:
        # Where equal cells follow each other, as ids in a sorted file do, one of each run is enough.
        if 2 * len(self[:_CHUNK]._runs()) < min(len(self), _CHUNK):
            starts = self._runs()
            texts, which = self.take(starts)._numbered()
            return texts, np.repeat(which, np.diff(starts, append=len(self)))
        return self._numbered()

    def _runs(self) -> NDArray[np.int64]:
        """The cells that differ from the one before them."""
        found = []
        for at in range(0, len(self), _CHUNK):
            # With the last cell of the chunk before, if there is one.
            begin = max(at - 1, 0)
            some = self[begin : at + _CHUNK]
            lengths = some.lengths()
            differs = lengths[1:] != lengths[:-1]
            words = some._words(0, -(-int(lengths.max()) // _WORD))
            for word in words.T:
                differs |= word[1:] != word[:-1]
            found.append(np.flatnonzero(differs) + (begin + 1))
        return np.concatenate([np.zeros(min(len(self), 1), dtype=np.int64), *found])

    def _numbered(self) -> tuple[list[str], NDArray[np.int32]]:
        lengths = self.lengths()
        # A zero byte at the end of a text looks like the padding: then only the length tells them apart.
        which = _factorised(lengths)[0] if b"\0" in self._content else np.zeros(len(self), dtype=np.int64)
        words = np.empty(len(self), dtype="<u8")
        for number in range(-(-int(lengths.max(initial=0)) // _WORD)):
            for at in range(0, len(self), _CHUNK):
                words[at : at + _CHUNK] = self[at : at + _CHUNK]._words(number, 1)[:, 0]
            more, count = _factorised(words)
            if count > 1:
                which = _factorised(which * np.int64(count) + more)[0] if which.any() else more
        first = np.flatnonzero(np.diff(np.maximum.accumulate(which), prepend=-1))
        return list(self.take(first)), which.astype(np.int32)

    def _words(self, first: int, count: int) -> NDArray[np.uint64]:
        """The bytes of each cell from 8 * first on as little-endian numbers [N, count], zeros behind its end."""
        width, content = _WORD * count, self._content
        if not (count and len(self)):
            return np.zeros((len(self), count), dtype="<u8")
        starts = self._left.astype(np.int64)
        rest = self.lengths() - _WORD * first
        starts += 1 + _WORD * first
        # The last cells end nearer to the end of the buffer than all bytes that are taken at once.
        cut = max(len(content) - width, 0)
        late = np.flatnonzero(starts > cut) if int(starts.max()) > cut else np.empty(0, dtype=np.int64)
        if len(content) < width:
            late, found = np.arange(len(self)), np.empty(len(self), dtype=f"S{width}")
        else:
            found = _pieces(content, width)[np.minimum(starts, cut) if len(late) else starts]
        if len(late):
            tail = content[cut:].ljust(2 * width, b"\0")
            found[late] = _pieces(tail, width)[np.minimum(starts[late] - cut, width)]
        words = found.view("<u8").reshape(len(self), count)
        least, most = int(rest.min()), int(rest.max())
        for number in range(max(least // _WORD, 0), count):
            if least == most:
                words[:, number] &= _MASKS[min(max(least - _WORD * number, 0), _WORD)]
            else:
                words[:, number] &= _MASKS.take(rest - _WORD * number, mode="clip")
        return words


def _pieces(content: bytes, width: int) -> NDArray[np.bytes_]:
    """The `width` bytes that begin at each position, without a copy of any."""
    return np.ndarray((len(content) - width + 1,), f"S{width}", content, 0, (1,))


def _factorised(numbers: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """Which of the distinct numbers, in the order they first appear, each one is [N], and how many there are."""
    if len(numbers) > _CHUNK:
        # It takes a while to import, and is worth that where sorting would take longer.
        from pandas import factorize

        codes, values = factorize(numbers)
        return codes, len(values)
    values, first, codes = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(values))
    return rank[codes], len(values)
