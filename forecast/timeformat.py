"""The text form of timestamps: patterns that reproduce a file's own text exactly, both ways, a whole column at once.

A pattern is written like strftime's: `%Y %m %d %H %M %S`, `%-m %-d %-H` without a leading zero, `%q` for the quarter,
`%1f` … `%9f` for that many digits of a fraction; everything else is literal, such as a `Z` or `+02:00` at the end.
Nothing here decides which pattern a column has; it lists what one text may be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Timestamps = NDArray[np.datetime64]

_TOKEN = re.compile(r"%(?P<field>-?[mdH]|[YMSq]|[1-9]f)|(?P<literal>[^%])")
_LONGEST_TEXT = 64

_DATES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"\d{4}(?P<sep>[-/.])\d{1,2}(?P=sep)\d{1,2}"), ("%Y{0}%m{0}%d",)),
    (re.compile(r"\d{1,2}(?P<sep>[-/.])\d{1,2}(?P=sep)\d{4}"), ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")),
    (re.compile(r"(?P<sep>)\d{8}"), ("%Y%m%d",)),
)
_PERIODS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"\d{4}(?P<sep>[-/])\d{1,2}"), ("%Y{0}%m",)),
    (re.compile(r"\d{1,2}(?P<sep>[-/])\d{4}"), ("%m{0}%Y",)),
    (re.compile(r"\d{4}(?P<sep>[-/ ]?Q)[1-4]"), ("%Y{0}%q",)),
    (re.compile(r"(?P<sep>)\d{4}"), ("%Y",)),
)
_CLOCK = re.compile(
    r"(?P<gap>[T ])\d{1,2}:\d\d(?P<second>:\d\d(?:\.(?P<fraction>\d{1,9}))?)?(?P<zone> ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?"
)


def parse_times(texts: Sequence[str], pattern: str) -> Timestamps:
    """The moments that the texts name, datetime64[us] [N], in the texts' own wall time.

    NaT where a text is not written exactly in the pattern, names no real moment (2023-02-29, 24:00), or is finer than
    a microsecond. format_times gives every text back that is not NaT.
    """
    scan = _Scan(texts)
    fields = {"Y": 1970, "m": 1, "d": 1, "H": 0, "M": 0, "S": 0, "us": 0}
    values: dict[str, NDArray[np.int64]] = {name: np.full(len(texts), start) for name, start in fields.items()}
    for field, literal in _tokens(pattern):
        if literal:
            scan.literal(literal)
        elif field == "q":
            values["m"] = 3 * scan.digits(1) - 2
        elif field.endswith("f"):
            values["us"] = scan.fraction(int(field[0]))
        elif field.startswith("-"):
            values[field[1]] = scan.one_or_two_digits()
        else:
            values[field] = scan.digits(4 if field == "Y" else 2)
    return _moments(values, scan.all_read())


def format_times(timestamps: Timestamps, pattern: str) -> list[str]:
    """The texts of timestamps [N] (datetime64, none of them NaT) in the pattern; what the pattern lacks is left out."""
    moments = timestamps.astype("datetime64[us]")
    months, days = moments.astype("datetime64[M]"), moments.astype("datetime64[D]")
    year_and_month = months.astype(np.int64) + 1970 * 12
    of_day = (moments - days).astype(np.int64)
    month = year_and_month % 12 + 1
    seconds = of_day // 1_000_000
    values = {
        "Y": year_and_month // 12,
        "m": month,
        "d": (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "H": seconds // 3600,
        "M": seconds // 60 % 60,
        "S": seconds % 60,
        "q": (month + 2) // 3,
    }
    template, columns = "", []
    for field, literal in _tokens(pattern):
        if literal:
            template += literal
        elif field.endswith("f"):
            digits = int(field[0])
            template += f"%0{digits}d"
            columns.append(of_day % 1_000_000 * 10 ** max(digits - 6, 0) // 10 ** max(6 - digits, 0))
        else:
            template += {"Y": "%04d", "q": "%d"}.get(field, "%d" if field.startswith("-") else "%02d")
            columns.append(values[field[-1]])
    return [template % row for row in zip(*(column.tolist() for column in columns), strict=True)]


def patterns_for(text: str) -> list[str]:
    """Every pattern that has the shape of the text, fields with leading zeros first; empty for what is no timestamp."""
    for form, periods in _PERIODS:
        if found := form.fullmatch(text):
            return _paddings([period.format(found["sep"]) for period in periods])
    for form, dates in _DATES:
        if found := form.match(text):
            rest = text[found.end() :]
            clock = _CLOCK.fullmatch(rest)
            if clock or not rest:
                after = _clock_pattern(clock) if clock else ""
                return _paddings([date.format(found["sep"]) + after for date in dates])
    return []


def zone_of(text: str) -> str:
    """The UTC offset written at the end of a timestamp's text (`Z`, ` UTC`, `+02:00`), or nothing."""
    found = re.search(r"(?<=:\d\d)(?:\.\d+)?(?P<zone> ?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))$", text)
    return found["zone"] if found else ""


def _clock_pattern(clock: re.Match[str]) -> str:
    fraction = f".%{len(clock['fraction'])}f" if clock["fraction"] else ""
    return f"{clock['gap']}%H:%M{':%S' if clock['second'] else ''}{fraction}{clock['zone'] or ''}"


def _paddings(patterns: list[str]) -> list[str]:
    """The patterns with every choice of which fields carry a leading zero."""
    found = []
    for pattern in patterns:
        padded = [field for field in ("%m", "%d", "%H") if field in pattern]
        for choice in product((False, True), repeat=len(padded)):
            candidate = pattern
            for field, bare in zip(padded, choice, strict=True):
                candidate = candidate.replace(field, f"%-{field[1]}") if bare else candidate
            found.append(candidate)
    return found


def _tokens(pattern: str) -> list[tuple[str, str]]:
    """The pattern as (field, "") and ("", literal) in order."""
    tokens, at = [], 0
    while at < len(pattern):
        found = _TOKEN.match(pattern, at)
        if found is None:
            raise ValueError(f"unknown field in the time pattern {pattern!r} at {pattern[at:]!r}")
        tokens.append((found["field"] or "", found["literal"] or ""))
        at = found.end()
    return tokens


def _moments(values: dict[str, NDArray[np.int64]], readable: NDArray[np.bool_]) -> Timestamps:
    """datetime64[us] from fields [N] each; NaT where not readable or where a field is out of its range."""
    real = readable & (values["m"] >= 1) & (values["m"] <= 12) & (values["Y"] >= 1)
    real &= (values["H"] <= 23) & (values["M"] <= 59) & (values["S"] <= 59) & (values["us"] >= 0)
    months = np.where(real, (values["Y"] - 1970) * 12 + values["m"] - 1, 0).astype("datetime64[M]")
    first = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - first).astype(np.int64)
    real &= (values["d"] >= 1) & (values["d"] <= length)
    seconds = (values["H"] * 60 + values["M"]) * 60 + values["S"]
    moments = (first + (values["d"] - 1)).astype("datetime64[us]") + (seconds * 1_000_000 + values["us"])
    return np.where(real, moments, np.datetime64("NaT", "us"))


class _Scan:
    """A cursor in every text at once, moving over the bytes [N, width] of ASCII texts; other texts are not readable."""

    def __init__(self, texts: Sequence[str]) -> None:
        kept = [text if len(text) <= _LONGEST_TEXT and text.isascii() else "" for text in texts]
        width = max(map(len, kept), default=0) + 1
        self._bytes = np.array(kept, dtype=f"S{width}").view(np.uint8).reshape(len(kept), width)
        self._rows = np.arange(len(kept))
        self._at = np.zeros(len(kept), dtype=np.int64)
        self._lengths = np.fromiter(map(len, texts), np.int64, len(kept))
        self._good = np.ones(len(kept), dtype=bool)

    def literal(self, character: str) -> None:
        """Steps over the character, which must be there."""
        self._good &= self._next() == ord(character)

    def digits(self, count: int) -> NDArray[np.int64]:
        """The number in exactly `count` digits."""
        number = np.zeros(len(self._rows), dtype=np.int64)
        for _ in range(count):
            digit = self._next().astype(np.int64) - ord("0")
            self._good &= (digit >= 0) & (digit <= 9)
            number = number * 10 + digit
        return number

    def one_or_two_digits(self) -> NDArray[np.int64]:
        """The number in one digit, or in two that do not begin with zero."""
        number = self.digits(1)
        second = self._peek().astype(np.int64) - ord("0")
        two = (second >= 0) & (second <= 9)
        self._good &= ~(two & (number == 0))
        self._at += two
        return np.where(two, number * 10 + second, number)

    def fraction(self, count: int) -> NDArray[np.int64]:
        """Microseconds from `count` digits after the point; -1 where they are finer than that."""
        number = self.digits(count)
        if count <= 6:
            return np.asarray(number * 10 ** (6 - count))
        finer = 10 ** (count - 6)
        return np.where(number % finer == 0, number // finer, -1)

    def all_read(self) -> NDArray[np.bool_]:
        """Which texts were as expected up to their very end."""
        return np.asarray(self._good & (self._at == self._lengths))

    def _next(self) -> NDArray[np.uint8]:
        here = self._peek()
        self._at += 1
        return here

    def _peek(self) -> NDArray[np.uint8]:
        # The last byte of every row is zero, which no pattern accepts: a cursor may rest there.
        return self._bytes[self._rows, np.minimum(self._at, self._bytes.shape[1] - 1)]
