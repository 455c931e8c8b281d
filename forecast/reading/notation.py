"""How a file writes its numbers: the words, units, brackets, signs and groups that come off before digits count."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast.config import THOUSANDS, ReadConfig
from forecast.reading.decimals import Bytes, Mask

#: The only words that mean a missing value, unless more are named.
MISSING = frozenset({"", "NA", "NaN", "nan", "null", "NULL", "None"})
#: What means a minus sign and nothing else: U+2212, and the small and the full-width hyphen-minus.
MINUS_SIGNS = "\u2212\ufe63\uff0d"
#: No number that was meant as one is longer.
LONGEST = 255

# Blanks that only keep a line from being broken are blanks.
_BLANKS = " \u00a0\u202f"
_BLANK = r"[ \u00a0\u202f]"
_SAME_GROUPS = {"space": "\u00a0\u202f\u2009", "'": "\u2019"}
_WORD = 8


@dataclass(frozen=True)
class Notation:
    """The notation of the numbers of one file, with every choice made."""

    mark: str = "."
    thousands: str | None = None
    na: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @classmethod
    def of(cls, how: ReadConfig) -> Notation:
        """The notation that the settings name; a decimal mark that they do not name is the point, or the other one."""
        return cls(how.decimal or ("," if how.thousands == "." else "."), how.thousands, how.na, how.units)

    @property
    def group(self) -> str | None:
        """The character between groups of three digits."""
        return THOUSANDS[self.thousands] if self.thousands else None

    @cached_property
    def missing(self) -> frozenset[str]:
        """Every text that means a missing value."""
        return MISSING.union(word.strip(_BLANKS) for word in self.na)

    @cached_property
    def missing_numbers(self) -> tuple[float, ...]:
        """The words for a missing value that are numbers, and mean it however that number is written."""
        points = [word.replace(self.mark, ".") for word in self.missing]
        return tuple(sorted(float(word) for word in points if _PLAIN.fullmatch(word)))

    def is_missing(self, text: str) -> bool:
        """Whether a cell has no value."""
        return text.strip(_BLANKS) in self.missing

    def number(self, text: str) -> float | None:
        """The number in a cell; None where it is not one."""
        return self.numbers(self.bare([text]))[0]

    def numbers(self, bare: list[str]) -> list[float | None]:
        """The numbers in bare texts, one at a time; None where one is not a number."""
        plain = [self._plain(text) for text in bare]
        return [float(text) if _PLAIN.fullmatch(text) else None for text in plain]

    def floats(self, texts: list[str]) -> list[float] | None:
        """All the numbers at once, where float() reads each of the texts as it stands, such as 1.5e-7; else None."""
        if self.mark == "." and not self.units and _LIKE_NUMBERS.fullmatch("\0".join(texts)):
            # What float() reads of these characters, and without a blank, is what is plain.
            with suppress(ValueError):
                return list(map(float, texts))
        return None

    def _plain(self, bare: str) -> str:
        """The text with a point for the mark and no groups; a text that is grouped wrongly stays no number."""
        if self.group and self.group in bare:
            groups = rf"([-+]?[1-9][0-9]{{0,2}}(?:{re.escape(self.group)}[0-9]{{3}})+)(?![0-9])(.*)"
            grouped = re.fullmatch(groups, bare, re.DOTALL)
            bare = grouped[1].replace(self.group, "") + grouped[2] if grouped else bare
        return bare if self.mark == "." else bare.translate({ord("."): self.mark, ord(self.mark): "."})

    def bare(self, texts: list[str]) -> list[str]:
        """The texts without blanks and units, with an ASCII minus in front where it says so in another way."""
        if not texts:
            return []
        joined = "\0" + "\0".join(texts) + "\0"
        if joined.count("\0") != len(texts) + 1:
            return self.bare([text.replace("\0", "\ufffd") for text in texts])
        for form, replacement in self._steps:
            joined = form.sub(replacement, joined)
        return joined[1:-1].split("\0")

    @cached_property
    def _steps(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """What turns cells, each between two NULs, into bare ones."""
        units = "|".join(re.escape(u) for u in sorted(self.units, key=len, reverse=True) if u != "()")
        steps = [(rf"(?<=\0){_BLANK}+|{_BLANK}+(?=\0)", "")]
        minus = rf"(?<=[\0(])[{MINUS_SIGNS}]"
        steps += [(minus, "-")]
        if units:
            steps += [(rf"(?<=\0)([-+(]?)(?:{units}){_BLANK}*", r"\1"), (rf"{_BLANK}*(?:{units})(?=\)?\0)", "")]
            steps += [(minus, "-")]
        if "()" in self.units:
            steps += [(r"(?<=\0)\((?![-+])([^\0()]*)\)(?=\0)", r"-\1")]
        if units and "()" in self.units:
            steps += [(rf"(?<=\0-)(?:{units}){_BLANK}*", ""), (rf"{_BLANK}*(?:{units})(?=\0)", "")]
        if self.thousands in _SAME_GROUPS:
            steps += [(f"[{_SAME_GROUPS[self.thousands]}]", THOUSANDS[self.thousands])]
        return tuple((re.compile(form), replacement) for form, replacement in steps)


_PLAIN = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_LIKE_NUMBERS = re.compile(r"[-+0-9.eE\0]*")


def are_words(cells: Bytes, lengths: NDArray[np.int64], words: frozenset[str]) -> Mask:
    """Which of the cells [N, width] are exactly one of the words, as far as those have at most eight bytes."""
    short = [word.encode() for word in words if len(word.encode()) <= _WORD]
    codes = np.array([int.from_bytes(word, "little") for word in short], dtype=np.uint64)
    first = np.zeros((len(cells), _WORD), dtype=np.uint8)
    first[:, : cells.shape[1]] = cells[:, :_WORD]
    return np.isin(first.view("<u8")[:, 0], codes) & (lengths <= _WORD)
