"""What a person may write for --freq and --calendar, and what it means."""

from __future__ import annotations

import re
from typing import NamedTuple

from forecast.calendars.calendar import BUSINESS_DAYS, EVERY_DAY, LAST_DAY, MONTHS, UNITS, WEEKDAYS, Step
from forecast.calendars.exchanges import EXCHANGES, LARGE
from forecast.config import suggest
from forecast.errors import ConfigError

#: Each word for a unit as (n, unit, day of the month); day 0 is whichever day the file has.
_UNITS: dict[str, tuple[int, str, int]] = {unit: (1, unit, 0) for unit in UNITS} | {
    "S": (1, "s", 0),
    "T": (1, "min", 0),
    "H": (1, "h", 0),
    "d": (1, "D", 0),
    "W": (1, "W", 0),
    "w": (1, "W", 0),
    **{word: (1, "M", day) for word, day in (("M", 0), ("MS", 1), ("ME", LAST_DAY))},
    **{word: (3, "M", day) for word, day in (("Q", 0), ("QS", 1), ("QE", LAST_DAY))},
    **{word: (12, "M", day) for word, day in (("Y", 0), ("A", 0), ("YS", 1), ("AS", 1), ("YE", LAST_DAY))},
}
_UNIT_NAMES = {
    **dict.fromkeys(("second", "seconds", "sec"), "s"),
    **dict.fromkeys(("minute", "minutes", "minutely"), "min"),
    **dict.fromkeys(("hour", "hours", "hourly"), "h"),
    **dict.fromkeys(("day", "days", "daily"), "D"),
    **dict.fromkeys(("week", "weeks", "weekly"), "W"),
    **dict.fromkeys(("month", "months", "monthly"), "M"),
    **dict.fromkeys(("quarter", "quarters", "quarterly"), "Q"),
    **dict.fromkeys(("year", "years", "yearly", "annual"), "Y"),
}
_FREQ_EXAMPLES = ("min", "15min", "30min", "h", "D", "B", "W", "MS", "ME", "QS", "QE", "YS", "YE", "hourly", "monthly")

_WEEKMASKS = {
    **dict.fromkeys(("daily", "d", "7-day"), EVERY_DAY),
    **dict.fromkeys(("b", "business", "weekdays"), BUSINESS_DAYS),
}
_EXCHANGE_NAMES = {"NYSE": "XNYS", "NASDAQ": "XNYS", "LSE": "XLON", "XETRA": "XETR", "TSX": "XTSE", "HKEX": "XHKG"}
_CALENDAR_EXAMPLES = ("B", "daily", "mon-sat", "sun-thu", *LARGE)


class Asked(NamedTuple):
    """What the options fix; what they leave to the file is None, "", or a step without anchor and with day 0."""

    step: Step | None = None
    weekmask: str = ""
    exchange: str = ""


def read_options(freq: str | None, calendar: str | None) -> Asked:
    """The meaning of --freq and --calendar. A word that nobody knows, or two that exclude each other: ConfigError."""
    weekmask, exchange = _calendar(calendar) if calendar is not None else ("", "")
    if freq is None:
        return Asked(Step(1, "D") if calendar is not None else None, weekmask, exchange)
    if freq.strip().lower() in ("b", "business"):
        return Asked(Step(1, "D"), weekmask or (BUSINESS_DAYS if not exchange else ""), exchange)
    step = _step(freq)
    if calendar is not None and (step.n, step.unit) != (1, "D"):
        raise ConfigError(
            f"--calendar {calendar} chooses among days, but --freq {freq} does not step by days",
            hint="leave one of the two out",
        )
    return Asked(step, weekmask, exchange)


def _step(freq: str) -> Step:
    found = re.fullmatch(r"(?P<n>[1-9]\d{0,4})? ?(?P<word>[A-Za-z]+)(?:-(?P<anchor>[A-Za-z]{3}))?", freq.strip())
    word = _UNIT_NAMES.get(found["word"].lower(), found["word"]) if found else ""
    if found is None or word not in _UNITS:
        raise ConfigError(f"unknown --freq {freq!r:.60}", hint=suggest(freq, _FREQ_EXAMPLES))
    times, unit, day = _UNITS[word]
    n = times * int(found["n"] or 1)
    if unit in UNITS and n * UNITS[unit] % UNITS["D"] == 0:
        n, unit = n * UNITS[unit] // UNITS["D"], "D"
    if unit == "D" and n % 7 == 0:
        n, unit = n // 7, "W"
    return Step(n, unit, _anchor(freq, found["anchor"], n, unit), day)


def _anchor(freq: str, word: str | None, n: int, unit: str) -> int | None:
    if word is None:
        return None
    names = {"W": WEEKDAYS, "M": MONTHS if n in (3, 12) else ()}.get(unit, ())
    if word.upper() not in names:
        hint = suggest(word.upper(), names) if names else "only weeks, quarters and years have an ending such as W-SUN"
        raise ConfigError(f"unknown ending of --freq {freq!r:.60}", hint=hint)
    return names.index(word.upper())


def _calendar(text: str) -> tuple[str, str]:
    """A weekmask and an exchange, one of them empty."""
    word = text.strip()
    if word.lower() in _WEEKMASKS:
        return _WEEKMASKS[word.lower()], ""
    exchange = _EXCHANGE_NAMES.get(word.upper(), word.upper())
    if exchange in EXCHANGES:
        return "", exchange
    days = [WEEKDAYS.index(day) if day in WEEKDAYS else -1 for day in re.split("[-,]", word.upper())]
    if -1 in days or len(set(days)) != len(days) or ("-" in word and len(days) != 2):
        raise ConfigError(f"unknown --calendar {text!r:.60}", hint=suggest(word, _CALENDAR_EXAMPLES))
    if "-" in word:
        days = [day % 7 for day in range(days[0], days[1] + 1 + 7 * (days[1] < days[0]))]
    return "".join("1" if day in days else "0" for day in range(7)), ""
