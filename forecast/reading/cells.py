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
            word = int.from_bytes(wanted[_WORD * number : _WORD * (number + 1)], "little")
            some = self.take(rows)
            rows = rows[some._words(number, some.lengths()) == word]
        return rows

    def lengths(self) -> NDArray[np.int64]:
        """How many bytes each cell has [N]."""
        return np.subtract(self._right, self._left, dtype=np.int64) - 1

    def matrix(self, width: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The first `width` bytes of each cell [N, width], zeros behind shorter ones; and how many each has [N]."""
        lengths = self.lengths()
        words = np.empty((len(self), -(-width // _WORD)), dtype="<u8")
        for number in range(words.shape[1]):
            words[:, number] = self._words(number, lengths)
        return words.view(np.uint8)[:, :width], lengths

    def distinct(self) -> tuple[list[str], NDArray[np.int64]]:
        """The distinct texts in the order they first appear, and which of them each cell is [N]."""
        from pandas import factorize

        lengths = self.lengths()
        # A zero byte at the end of a text looks like the padding: then only the length tells them apart.
        keys = lengths if b"\0" in self._content else np.zeros(len(self), dtype=np.int64)
        which = factorize(keys)[0]
        for number in range(-(-int(lengths.max(initial=0)) // _WORD)):
            more, words = factorize(self._words(number, lengths))
            which = factorize(which * np.int64(len(words)) + more)[0] if which.any() else more
        first = np.flatnonzero(np.diff(np.maximum.accumulate(which), prepend=-1))
        return list(self.take(first)), which

    def _words(self, number: int, lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The bytes of each cell from 8 * number on, up to eight of them, as a little-endian number [N]."""
        content = self._content if len(self._content) >= _WORD else self._content.ljust(_WORD, b"\0")
        every: NDArray[np.uint64] = np.ndarray((len(content) - _WORD + 1,), "<u8", content, 0, (1,))
        starts = self._left.astype(np.int64) + (1 + _WORD * number)
        inside = np.minimum(starts, len(every) - 1)
        words = every[inside]
        late = np.flatnonzero(starts != inside)
        # The last bytes of the buffer begin no whole word: what is before them is shifted out.
        words[late] >>= np.minimum(8 * (starts[late] - inside[late]), 63).astype(np.uint64)
        words &= _MASKS[np.clip(lengths - _WORD * number, 0, _WORD)]
        return words
