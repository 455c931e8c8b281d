"""Public holidays: which days of a year are holidays in a country or a part of it, as the holidays package knows them.

The package is imported on the first question and never before. Names are English where it has them, so that they do
not depend on the machine's language; an observed or an estimated holiday bears the name of the holiday itself.
"""

from __future__ import annotations

import difflib
import re
import warnings
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.config import suggest
from forecast.errors import ConfigError, DataError

if TYPE_CHECKING:
    from holidays import HolidayBase

Days = NDArray[np.datetime64]

_ENGLISH = "en_US"
#: What the package adds to the name of a holiday on a day off in its stead, or on a day that only the moon decides.
_ADDED = re.compile(r" \((?:observed|estimated|observed, estimated|in lieu|substitute[^()]*)\)$")


class Holiday(NamedTuple):
    """A day (datetime64[D]) and the name of what is celebrated."""

    day: np.datetime64
    name: str


def check_country(text: str) -> str:
    """The code of a country or of a part of it, DE or DE-BY, as the package spells it. Raises ConfigError."""
    code, _, part = text.strip().upper().partition("-")
    known = _countries()
    if code not in known:
        raise ConfigError(f"no holidays are known for {text!r:.60}", hint=_country_hint(text))
    parts = {name.upper(): name for name in _package(code).subdivisions}
    if part and part not in parts:
        raise ConfigError(f"no part of {code} is called {part!r:.60}", hint=_part_hint(code, text, parts))
    return f"{code}-{parts[part]}" if part else code


def holidays_between(country: str, first_year: int, last_year: int) -> list[Holiday]:
    """The holidays of a country that check_country knows, from the first year to the last, both included, ascending.

    There are none in years before the first that the package knows. Raises DataError for years after the last.
    """
    last_known = _package(country).end_year
    if last_year > last_known:
        raise DataError(f"the holidays of {country} are known until {last_known}, not until {last_year}")
    years = range(max(first_year, first_known_year(country)), last_year + 1)
    return [holiday for year in years for holiday in _holidays_of(country, year)]


def first_known_year(country: str) -> int:
    """The first year whose holidays the package knows."""
    return int(_package(country).start_year)


def workdays(country: str) -> str:
    """The days of the week that are worked, as a weekmask, Monday first."""
    weekend = _package(country).weekend
    return "".join("0" if day in weekend else "1" for day in range(7))


@lru_cache(maxsize=4096)
def _holidays_of(country: str, year: int) -> tuple[Holiday, ...]:
    """The holidays of one year; several on one day are listed one by one."""
    found = {
        Holiday(np.datetime64(day, "D"), _ADDED.sub("", name))
        for day, names in _package(country, year).items()
        for name in names.split("; ")
    }
    return tuple(
        sorted(holiday for holiday in found if holiday.day.astype("datetime64[Y]") == np.datetime64(str(year)))
    )


@lru_cache(maxsize=4096)
def _package(country: str, *years: int) -> HolidayBase:
    """The package's own object for a country, filled with the holidays of the years."""
    library = _library()
    code, _, part = country.partition("-")
    with warnings.catch_warnings():
        # It says so when days follow from the moon, and such holidays are better than none.
        warnings.simplefilter("ignore")
        bare = library.country_holidays(code, subdiv=part or None)
        language = _ENGLISH if _ENGLISH in bare.supported_languages else bare.default_language
        filled: HolidayBase = library.country_holidays(code, subdiv=part or None, years=years, language=language)
    return filled


def _countries() -> dict[str, list[str]]:
    """The countries of the package, each with its parts."""
    return dict(_library().list_supported_countries(include_aliases=False))


def _library() -> ModuleType:
    try:
        import holidays
    except ImportError as error:
        raise ConfigError(
            "holidays need the package of that name, which is not installed",
            hint='pip install "forecast[holidays]"',
        ) from error
    return holidays


def _country_hint(text: str) -> str:
    """The codes of countries that are written alike or called alike."""
    from holidays.registry import COUNTRIES

    codes = _countries()
    called = {word.upper(): names[1] for names in COUNTRIES.values() for word in names[:3] if names[1] in codes}
    called["UK"] = called["ENGLAND"] = called["GREATBRITAIN"] = "GB"
    word = re.sub(r"[^A-Z]", "", text.upper())
    # Any two letters are alike enough to some other two.
    words = [word] if word in called else [w for w in called if len(w) > 3]
    near = dict.fromkeys(called[w] for w in difflib.get_close_matches(word, words, n=3, cutoff=0.7))
    plain = "countries have two letters, as in DE or US, and their parts are written like DE-BY or US-CA"
    return f"did you mean {' or '.join(near)}?" if near else plain


def _part_hint(code: str, text: str, parts: dict[str, str]) -> str:
    if not parts:
        return f"--holidays {code}"
    part = text.strip().partition("-")[2]
    aliases = {name.upper(): own for name, own in _package(code).subdivisions_aliases.items()}
    if part.upper() in aliases:
        return f"did you mean {code}-{aliases[part.upper()]}?"
    return suggest(f"{code}-{part.upper()}", [f"{code}-{name}" for name in parts.values()])
