"""Cursor: a place in every text of a column at once, which moves over their bytes and reads what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Cursor:
    """A place in every text at once: one number as long as it is the same in all of them, else one for each [N]."""

    def __init__(self, matrix: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
        # One row for each place, so that the bytes at it lie side by side; the last is zero, where a cursor may rest.
        self._bytes = np.zeros((matrix.shape[1] + 1, len(matrix)), dtype=np.uint8)
        self._bytes[:-1] = matrix.T
        self._rows = np.arange(len(matrix))
        self._at: int | NDArray[np.int64] = 0
        self._lengths = lengths
        self._good = np.ones(len(matrix), dtype=bool)

    def literal(self, text: str) -> None:
        """Steps over the text, which must be there."""
        for byte in text.encode():
            self._good &= self._next() == byte

    def digits(self, count: int) -> NDArray[np.int64]:
        """The number in exactly `count` digits."""
        # Small integers where they suffice: as many more of them are worked on at once.
        number = np.zeros(len(self._good), dtype=_narrow(count))
        for _ in range(count):
            digit = self._next() - np.uint8(ord("0"))
            self._good &= digit <= 9
            number *= number.dtype.type(10)
            number += digit
        return number.astype(np.int64)

    def one_or_two_digits(self) -> NDArray[np.int64]:
        """The number in one digit, or in two that do not begin with zero."""
        number = self.digits(1)
        second = self.peek() - np.uint8(ord("0"))
        two = second <= 9
        self._good &= ~(two & (number == 0))
        self.skip(two)
        return np.asarray(np.where(two, number * 10 + second, number))

    def whole(self, limit: int) -> NDArray[np.int64]:
        """The number in one to `limit` digits (18 at most), without leading zeros."""
        number = self.digits(1)
        leading = number == 0
        for _ in range(limit - 1):
            digit = self.peek() - np.uint8(ord("0"))
            more = digit <= 9
            if not more.any():
                break
            self._good &= ~(more & leading)
            number = np.where(more, number * 10 + digit, number)
            self.skip(more)
        return number

    def fraction(self, count: int) -> NDArray[np.int64]:
        """Microseconds from `count` digits after the point; -1 where they are finer than that."""
        number = self.digits(count)
        if count <= 6:
            return np.asarray(number * 10 ** (6 - count))
        finer = 10 ** (count - 6)
        return np.asarray(np.where(number % finer == 0, number // finer, -1))

    def name(self, names: Sequence[bytes]) -> NDArray[np.int64]:
        """Which of the names stands here; of two that begin alike, the one listed later is the longer."""
        found = np.full(len(self._good), -1)
        lengths = np.zeros(len(self._good), dtype=np.int64)
        for index, name in enumerate(names):
            here = np.ones(len(self._good), dtype=bool)
            for ahead, byte in enumerate(name):
                here &= self.peek(ahead) == byte
            found[here], lengths[here] = index, len(name)
        self._good &= found >= 0
        self.skip(lengths)
        return np.asarray(np.maximum(found, 0))

    def offset(self, form: str) -> NDArray[np.int64]:
        """Minutes that a wall clock is ahead of UTC, written as +0200 (form ""), +02:00 (":") or +02 ("-"); 0 for Z."""
        if (zulu := self.peek() == ord("Z")).any():
            return self._offset_or_zulu(form, zulu)
        sign = self._next()
        self._good &= (sign == ord("+")) | (sign == ord("-"))
        hours = self.digits(2)
        minutes = np.zeros_like(hours)
        if form == ":":
            self.literal(":")
        if form != "-":
            minutes = self.digits(2)
        self._good &= (hours <= 15) & (minutes <= 59)
        return np.asarray(np.where(sign == ord("-"), -1, 1) * (60 * hours + minutes))

    def _offset_or_zulu(self, form: str, zulu: NDArray[np.bool_]) -> NDArray[np.int64]:
        """What `offset` returns where some texts have a Z."""
        at, good = self._at, self._good.copy()
        # The bytes behind a Z are read as if they were an offset, and what that says is then forgotten.
        self._bytes = np.where(self._bytes == ord("Z"), ord("+"), self._bytes).astype(np.uint8)
        minutes = np.where(zulu, 0, self.offset(form))
        self._good = np.where(zulu, good, self._good)
        self._at = np.where(zulu, at + np.ones_like(minutes), self._at)
        return minutes

    def minus(self) -> NDArray[np.bool_]:
        """Steps over a minus sign where there is one."""
        found = self.peek() == ord("-")
        self.skip(found)
        return np.asarray(found)

    def all_read(self) -> NDArray[np.bool_]:
        """Which texts were as expected up to their very end."""
        return np.asarray(self._good & (self._at == self._lengths))

    def _next(self) -> NDArray[np.uint8]:
        here = self.peek()
        self._at = self._at + 1
        return here

    def skip(self, steps: NDArray[np.int64] | NDArray[np.bool_]) -> None:
        """Moves on by steps of its own in every text [N]."""
        if len(steps) and (steps == steps[0]).all():
            self._at = self._at + int(steps[0])
        else:
            self._at = self._at + steps.astype(np.int64)

    def peek(self, ahead: int = 0) -> NDArray[np.uint8]:
        """The byte that stands so far ahead in every text [N]; zero behind its end."""
        last = len(self._bytes) - 1
        if isinstance(self._at, int):
            return np.asarray(self._bytes[min(self._at + ahead, last)])
        return self._bytes[np.minimum(self._at + ahead, last), self._rows]


def _narrow(count: int) -> type[np.unsignedinteger[Any] | np.signedinteger[Any]]:
    """A type that holds every number of so many digits; what is no digit may wrap around in it."""
    return np.uint8 if count <= 2 else np.uint16 if count <= 4 else np.int64
