"""The fields of a time pattern, and what a pattern says of itself without any text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from forecast.config import suggest
from forecast.errors import ConfigError

#: What a pattern of one word counts, in units of a second or in days.
SERIALS = ("epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "excel")

MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
#: How each way of writing a name changes it.
CASES = {"": str.title, "^": str.upper, "~": str.lower}

_TOKEN = re.compile(r"%(?P<field>-?[mdHIV]|[\^~]?[bB]|[1-9]f|[-:]?z|[YyMSqGujpP])|(?P<literal>[^%]|%%)")
_SERIAL = re.compile(r"(?P<word>epoch_(?:s|ms|us|ns)|excel)(?:\.(?P<digits>[1-9]|1\d))?(?P<float>f)?")
_ZONE = re.compile(r"(?<=[:.h]\d\d)(?:[.,]\d+)?(?: ?[AaPp][Mm])?(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))$")


def tokens(pattern: str) -> list[tuple[str, str]]:
    """The pattern as (field, "") and ("", literal) in order."""
    found, at = [], 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ValueError(f"unknown field in the time pattern {pattern!r} at {pattern[at:]!r}")
        found.append((token["field"] or "", "%" if token["literal"] == "%%" else token["literal"] or ""))
        at = token.end()
    return found


def serial(pattern: str) -> tuple[str, int, bool] | None:
    """The word of a pattern that counts, its decimals, and whether whole numbers have one too; None for any other."""
    found = _SERIAL.fullmatch(pattern)
    return (found["word"], int(found["digits"] or 0), bool(found["float"])) if found else None


def is_serial(pattern: str) -> bool:
    """Whether the pattern is a number that counts from a moment."""
    return serial(pattern) is not None


def counts_from_epoch(pattern: str) -> bool:
    """Whether the pattern is a number since 1970, which is in UTC whatever the clocks say."""
    found = serial(pattern)
    return found is not None and found[0] != "excel"


def fields(pattern: str) -> set[str]:
    """The letters of the fields in a pattern, whatever their flags: Y, m, f, z …; none for one that counts."""
    return set() if serial(pattern) else {field[-1] for field, _ in tokens(pattern) if field}


def has_clock(pattern: str) -> bool:
    """Whether the pattern says more than a date."""
    return bool(serial(pattern)) or bool(fields(pattern) & set("HI"))


def has_offset(pattern: str) -> bool:
    """Whether each text in the pattern has a UTC offset of its own, which is no literal."""
    return "z" in fields(pattern)


def is_digits(pattern: str) -> bool:
    """Whether a text in the pattern is nothing but digits, as other numbers are."""
    return serial(pattern) is not None or (
        all(field and field[-1] not in "bBpPz" for field, _ in tokens(pattern)) and bool(pattern)
    )


def zone_of(text: str) -> str:
    """The UTC offset at the end of a timestamp's text, or of a pattern (`Z`, ` UTC`, `+02:00`), or nothing."""
    filled = re.sub("%-?[HIMS]", "00", text)
    found = _ZONE.search(re.sub(r"%\df", "0", filled)) or re.search(r"(?P<zone>%[-:]?z)$", text)
    return found["zone"] if found else ""


def check_pattern(pattern: str) -> None:
    """Raises ConfigError when the pattern, as a person wrote it, has an unknown field or names no moment."""
    if serial(pattern):
        return
    pattern = re.sub("%f", "%6f", pattern)
    if "%" not in pattern:
        hint = suggest(pattern, SERIALS) + ", or a pattern such as %d/%m/%Y"
        raise ConfigError(f"unknown date format {pattern!r:.60}", hint=hint)
    try:
        found = [field[-1] for field, _ in tokens(pattern) if field and not field.endswith("f")]
    except ValueError as error:
        raise ConfigError(str(error), hint="write it like %Y-%m-%d %H:%M:%S, or %d/%m/%Y") from None
    if twice := next((field for field in found if found.count(field) > 1), ""):
        raise ConfigError(f"the date format {pattern!r:.60} has %{twice} twice")
    if not _names_a_day(set(found)):
        raise ConfigError(f"the date format {pattern!r:.60} does not tell year, month and day apart from each other")


def _names_a_day(found: set[str]) -> bool:
    """Whether fields together name a day, a month, a week or a year, without a hole between large and small."""
    if not found & set("YyG"):
        return False
    if "G" in found:
        return "V" in found and not found & set("Yymdqj")
    month, day, hour = bool(found & set("mbBq")), bool(found & set("dj")), bool(found & set("HI"))
    if ("I" in found) != bool(found & set("pP")):
        return False
    return ("d" not in found or month) and (not hour or day) and ("M" not in found or hour)


def cases_of(names: Iterable[str], flag: str, length: int | None) -> list[bytes]:
    """The names as a flag writes them, cut to a length."""
    return [CASES[flag](name)[:length].encode() for name in names]
