"""One column of text, as slices of one buffer of UTF-8 bytes: millions of cells without an object for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

#: Positions in a buffer, of four bytes each where the buffer allows it.
Positions = NDArray[np.int32] | NDArray[np.int64]

_CHUNK = 1 << 16
_WORD = 8
#: The bytes of a little-endian word that belong to a text of 0 to 8 bytes.
_MASKS = np.array([2 ** (8 * length) - 1 for length in range(_WORD + 1)], dtype=np.uint64)


class Cells(Sequence[str]):
    """N cells of text. Cell i stands between the positions left[i] and right[i] of the buffer, both excluded."""

    def __init__(self, content: bytes, left: Positions, right: Positions) -> None:
        self._content, self._left, self._right = content, left, right

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
        rows = np.flatnonzero(np.subtract(self._right, self._left) == len(wanted) + 1)
        for number in range(-(-len(wanted) // _WORD)):
            words = np.empty(len(rows), dtype="<u8")
            self.take(rows)._put_words(number, words)
            rows = rows[words == int.from_bytes(wanted[_WORD * number : _WORD * (number + 1)], "little")]
        return rows

    def lengths(self) -> NDArray[np.int64]:
        """How many bytes each cell has [N]."""
        return np.subtract(self._right, self._left, dtype=np.int64) - 1

    def matrix(self, width: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The first `width` bytes of each cell [N, width], zeros behind shorter ones; and how many each has [N]."""
        words = np.empty((len(self), -(-width // _WORD)), dtype="<u8")
        for number in range(words.shape[1]):
            self._put_words(number, words[:, number])
        return words.view(np.uint8)[:, :width], self.lengths()

    def distinct(self) -> tuple[list[str], NDArray[np.int64]]:
        """The distinct texts in the order they first appear, and which of them each cell is [N]."""
        # Where equal cells follow each other, as ids in a sorted file do, one of each run is enough.
        if 2 * len(self[:_CHUNK]._runs()) < min(len(self), _CHUNK):
            starts = self._runs()
            texts, which = self.take(starts)._numbered()
            return texts, np.repeat(which, np.diff(starts, append=len(self)))
        return self._numbered()

    def _runs(self) -> NDArray[np.int64]:
        """The cells that differ from the one before them."""
        lengths = self.lengths()
        begins = np.ones(len(self), dtype=np.bool_)
        begins[1:] = lengths[1:] != lengths[:-1]
        words = np.empty(len(self), dtype="<u8")
        for number in range(-(-int(lengths.max(initial=0)) // _WORD)):
            self._put_words(number, words)
            begins[1:] |= words[1:] != words[:-1]
        return np.flatnonzero(begins)

    def _numbered(self) -> tuple[list[str], NDArray[np.int64]]:
        from pandas import factorize

        lengths = self.lengths()
        # A zero byte at the end of a text looks like the padding: then only the length tells them apart.
        which = factorize(lengths)[0] if b"\0" in self._content else np.zeros(len(self), dtype=np.int64)
        words = np.empty(len(self), dtype="<u8")
        for number in range(-(-int(lengths.max(initial=0)) // _WORD)):
            self._put_words(number, words)
            more, values = factorize(words)
            if len(values) > 1:
                which = factorize(which * np.int64(len(values)) + more)[0] if which.any() else more
        first = np.flatnonzero(np.diff(np.maximum.accumulate(which), prepend=-1))
        return list(self.take(first)), which

    def _put_words(self, number: int, words: NDArray[np.uint64]) -> None:
        """Fills an array [N] with the bytes of each cell from 8 * number on, up to eight, as a little-endian number."""
        content = self._content if len(self._content) >= _WORD else self._content.ljust(_WORD, b"\0")
        every: NDArray[np.uint64] = np.ndarray((len(content) - _WORD + 1,), "<u8", content, 0, (1,))
        for at in range(0, len(self), _CHUNK):
            some = slice(at, at + _CHUNK)
            starts = self._left[some].astype(np.int64) + (1 + _WORD * number)
            rest = self._right[some] - starts
            inside = np.minimum(starts, len(every) - 1)
            found = every[inside]
            late = np.flatnonzero(starts != inside)
            if len(late):
                # The last bytes of the buffer begin no whole word: what is before them is shifted out.
                found[late] >>= np.minimum(8 * (starts[late] - inside[late]), 63).astype(np.uint64)
            if rest.min() < _WORD:
                found &= _MASKS[np.minimum(np.maximum(rest, 0), _WORD)]
            words[some] = found
