"""Shapes of texts: every pattern that one text may be written in. Which of them a column has is for others to say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import product

from forecast.timeformat.fields import CASES, MONTH_NAMES

#: Dates that a clock time may follow; %@ is the name of a month, short or long.
_DATES = (
    *(f"%Y{sep}%m{sep}%d" for sep in "-/. "),
    *(f"{first}{sep}{second}{sep}%Y" for first, second in (("%d", "%m"), ("%m", "%d")) for sep in "-/."),
    *(f"%d{sep}%@{sep}%Y" for sep in ("-", " ", "/", ".", "")),
    "%d. %@ %Y",
    *("%@ %d, %Y", "%@ %d %Y", "%@-%d-%Y", "%@/%d/%Y"),
    *(f"%Y{sep}%@{sep}%d" for sep in ("-", " ", "/", "")),
    "%Y%m%d",
)
_PERIODS = (
    *("%Y-%m", "%Y/%m", "%m-%Y", "%m/%Y", "%YM%m", "%Y-M%m", "%Y M%m", "%Ym%m", "%Y%m", "%Y"),
    *("%Y %@", "%Y-%@", "%Y/%@", "%Y%@", "%@ %Y", "%@-%Y", "%@/%Y", "%@%Y", "%@, %Y"),
    *(f"%Y{sep}%q" for sep in ("Q", "-Q", "/Q", " Q", ":Q", ".Q", "q", "-q", " q")),
    *("Q%q %Y", "Q%q-%Y", "Q%q/%Y", "%qQ%Y", "%qQ %Y", "%qQ-%Y", "q%q %Y"),
    *(f"%G{sep}%V{day}" for sep in ("-W", "W", " W", "/W") for day in ("", "-%u")),
    "%GW%V%u",
)
_CLOCKS = (
    *("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S,%f"),
    *("%H.%M", "%H.%M.%S", "%Hh%M", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p", "%I %p"),
)
#: Clocks of digits alone: right behind a date of digits, a T or a blank.
_BARE_CLOCKS = ("%H", "%H%M", "%H%M%S")
#: What stands between a date and a clock.
_GAPS = ("T", " ", "  ", ", ", ":", "_")

_REGEXES = {
    **{
        "Y": r"\d{4}",
        "y": r"\d\d",
        "G": r"\d{4}",
        "q": r"\d",
        "u": r"\d",
        "f": r"(?P<f>\d{1,9})",
        "M": r"\d\d",
        "S": r"\d\d",
    },
    **{letter: rf"(?P<{letter}>\d{{1,2}})" for letter in "mdHIV"},
    **{"@": r"(?P<name>[A-Za-z]{3,9})", "p": r"(?P<p>AM|PM|am|pm)"},
}
_ZONE = r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d(?:(?P<colon>:?)\d\d)?))?"
_LONGEST_TEXT = 64
_FIELD = re.compile(r"%(.)")


def patterns_for(text: str) -> list[str]:
    """Every pattern that has the shape of the text, fields with leading zeros first; empty for what is no timestamp.

    A UTC offset other than Z, UTC and GMT is a field of the pattern.
    """
    return _patterns(text, _shapes_like(_skeleton(text)))


def clock_patterns_for(text: str) -> list[str]:
    """Every pattern that a text may have which is a clock time and no date, such as 18:00 or 18.00.00."""
    # 18.00 is a number before it is a time.
    return _patterns(text, tuple(shape for shape in _clock_shapes(_skeleton(text)) if shape != "%H.%M"))


def short_year_patterns_for(text: str) -> list[str]:
    """Every pattern that a text may have whose year has two digits; they say the century by a convention only."""
    return _patterns(text, _shapes_like(_skeleton(text), "y"))


def field_patterns_for(text: str, letter: str) -> list[str]:
    """Every pattern that a text may have which is one field alone, such as a month or an hour in its own column."""
    if letter == "m" and re.fullmatch(_REGEXES["@"], text):
        return _spellings("@", {"name": text})
    if not re.fullmatch(r"[0-9]{4}" if letter == "Y" else "[0-9]{1,2}", text):
        return []
    return ["%Y"] if letter == "Y" else _spellings(letter, {letter: text})


def _skeleton(text: str) -> str:
    """The text with every digit as a 9: what decides its shape."""
    return re.sub(r"[0-9]", "9", text) if len(text) <= _LONGEST_TEXT and text.isascii() else ""


@lru_cache(maxsize=4096)
def _shapes_like(skeleton: str, year: str = "Y") -> tuple[str, ...]:
    """The shapes that texts with that skeleton have, with years of four digits, or of two for the year y."""
    if "9" not in skeleton:
        return ()
    dates = [shape.replace("%Y", f"%{year}") for shape in _DATES if year == "Y" or not _tight(shape)]
    periods = [shape.replace("%Y", f"%{year}") for shape in _PERIODS if year == "Y" or "@" in shape]
    shapes = [shape for shape in (*periods, *dates) if _regex(shape).fullmatch(skeleton)]
    for date in dates:
        found = _regex(date).match(skeleton)
        # A date of digits may take digits of the clock for its own.
        ends = {8} if date == "%Y%m%d" and found else {found.end()} if found else set()
        for rest in (skeleton[end:] for end in ends if end < len(skeleton)):
            gaps = [gap for gap in _GAPS if rest.startswith(gap)]
            clocks = [*_CLOCKS, *_BARE_CLOCKS]
            shapes += [date + gap + clock for gap in gaps for clock in clocks if _fits(clock, rest[len(gap) :])]
            if date == "%Y%m%d":
                shapes += [date + clock for clock in _BARE_CLOCKS if _regex(clock).fullmatch(rest)]
    return tuple(dict.fromkeys(shapes))


def _fits(clock: str, rest: str) -> bool:
    return _regex(clock, zoned=True).fullmatch(rest) is not None


@lru_cache(maxsize=4096)
def _clock_shapes(skeleton: str) -> tuple[str, ...]:
    return tuple(clock for clock in _CLOCKS if _regex(clock, zoned=True).fullmatch(skeleton))


@cache
def _regex(shape: str, *, zoned: bool = False) -> re.Pattern[str]:
    """What matches texts of a shape, with a group for each field that may be written in several ways."""
    parts, tight = re.split(r"(%.)", shape), _tight(shape)
    texts = [_REGEXES[part[1]] if part.startswith("%") else re.escape(part) for part in parts]
    texts = [r"\d\d" if part[1:] in tight else text for part, text in zip(parts, texts, strict=True)]
    return re.compile("".join(texts) + _ZONE * zoned)


@cache
def _tight(shape: str) -> frozenset[str]:
    """The fields that stand beside other digits, where only leading zeros tell where one ends."""
    beside = re.findall(r"%[A-Za-z](?=%([mdHIV]))|%([mdHIV])(?=%[A-Za-z])", re.sub("%p", "", shape))
    return frozenset(field for pair in beside for field in pair if field)


def _patterns(text: str, shapes: Sequence[str]) -> list[str]:
    """The patterns that the shapes of a text become when every field is written as it is there."""
    found = []
    for shape in shapes:
        clocked = re.search("%[HI]", shape) is not None
        match = _regex(shape, zoned=clocked).fullmatch(text)
        if match is None:
            continue
        groups = match.groupdict()
        zone = _zone(groups.get("zone") or "", groups.get("colon"))
        choices = [_spellings(field, groups) for field in _FIELD.findall(shape)]
        for spelt in product(*choices):
            spellings = iter(spelt)
            found.append(_FIELD.sub(lambda _, each=spellings: next(each), shape) + zone)  # type: ignore[misc]
    return sorted(dict.fromkeys(found), key=lambda pattern: pattern.count("%-"))


def _spellings(field: str, groups: dict[str, str | None]) -> list[str]:
    """How a field of a shape may be written in a pattern, given the text that it has."""
    if field == "f":
        return [f"%{len(groups['f'] or '')}f"]
    if field == "p":
        return ["%p" if (groups["p"] or "").isupper() else "%P"]
    if field == "@":
        name = groups["name"] or ""
        return [
            f"%{flag}{letter}"
            for letter, length in (("b", 3), ("B", None))
            for flag, change in CASES.items()
            if any(change(month)[:length] == name for month in MONTH_NAMES)
        ]
    number = groups.get(field)
    if number is None:
        return [f"%{field}"]
    if len(number) == 1:
        return [f"%-{field}"]
    return [f"%{field}"] if number.startswith("0") else [f"%{field}", f"%-{field}"]


def _zone(zone: str, colon: str | None) -> str:
    """An offset at the end of a text, as a pattern has it."""
    if zone.strip() in ("", "Z", "UTC", "GMT"):
        return zone
    return zone[: len(zone) - len(zone.lstrip())] + {":": "%:z", "": "%z", None: "%-z"}[colon]
