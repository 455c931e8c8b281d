"""Public holidays: which days are holidays in a country or a part of it, and columns that tell of them.

The days are those of the holidays package, which is imported on the first question and never before. Names are English
where it has them, so that they do not depend on the machine's language; an observed or an estimated holiday bears the
name of the holiday itself.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Sequence
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
Values = NDArray[np.float64]

_ENGLISH = "en_US"
#: What the package adds to the name of a holiday on a day off in its stead, or on a day that only the moon decides.
_ADDED = re.compile(r" \((?:observed|estimated|observed, estimated|in lieu|substitute[^()]*)\)$")
_COLUMN = re.compile(
    r"(?P<kind>(?:day (?:before|after) )?holiday|holidays|working days) (?P<country>[A-Z]{2}(?:-[\w -]{1,40})?)"
    r"(?:: (?P<single>.{1,200}))?(?:, (?P<n>[1-9]\d{0,3}) (?P<unit>day|month)s? (?P<side>from|to))?"
)


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


class HolidayColumn(NamedTuple):
    """What the name of a holiday column says, such as `holiday DE: Easter Monday` or `working days US, 3 months from`.

    kind is what comes before the country; n units of D or M before or after the day are a period that ends or begins
    with it.
    """

    name: str
    kind: str
    country: str
    single: str | None
    n: int
    unit: str
    ahead: bool

    def values(self, days: Days) -> Values:
        """The column at the days (ascending) [T]. Raises ConfigError when nothing is known of the country."""
        if not len(days):
            return np.empty(0)
        check_country(self.country)
        if self.n:
            return self._counts(days)
        shift = {"day before holiday": 1, "day after holiday": -1}.get(self.kind, 0)
        held = self._held(days[0] - 1, days[-1] + 1)
        found = np.isin(days + shift, held)
        # The second of two holidays in a row is a holiday, and nothing else.
        return (found & ~np.isin(days, held) if shift else found).astype(float)

    def _counts(self, days: Days) -> Values:
        start, end = self._period(days)
        held = self._held(start[0], end[-1])
        if self.kind == "holidays":
            return (np.searchsorted(held, end) - np.searchsorted(held, start)).astype(float)
        usual = 21 * self.n if self.unit == "M" else 5 * self.n / 7
        worked = np.busday_count(start, end, weekmask=workdays(self.country), holidays=held)
        return np.asarray((worked - usual) / 2)

    def _period(self, days: Days) -> tuple[Days, Days]:
        """First day and the day after the last [T] of the periods that the days stand for."""
        unit = days.astype(f"datetime64[{self.unit}]")
        start = unit if self.ahead else unit - (self.n - 1)
        return start.astype("datetime64[D]"), (start + self.n).astype("datetime64[D]")

    def _held(self, first: np.datetime64, last: np.datetime64) -> Days:
        """The holidays in the years of both days, ascending; with a single name, those of that name."""
        years = np.array([first, last]).astype("datetime64[Y]").astype(int) + 1970
        holidays = holidays_between(self.country, int(years[0]), int(years[1]))
        if self.single is not None and all(holiday.name != self.single for holiday in holidays):
            self._check_single(int(years[0]), int(years[1]))
        held = [holiday.day for holiday in holidays if self.single in (None, holiday.name)]
        return np.unique(np.array(held, dtype="datetime64[D]"))

    def _check_single(self, first_year: int, last_year: int) -> None:
        """Raises DataError when the holiday is not in the years around either: another version, another name for it."""
        around = holidays_between(self.country, first_year - 30, last_year)
        if all(holiday.name != self.single for holiday in around):
            raise DataError(
                f"no holiday of {self.country} is called {self.single!r:.60}",
                why="the holidays package had one when the model was trained",
                hint="install the version of holidays that it was trained with, or train again",
            )


def parse_column(name: str, known: Sequence[str] = ()) -> HolidayColumn:
    """The holiday column of a name. Raises ConfigError when it is none, with a hint at what is known."""
    found = _COLUMN.fullmatch(name)
    counts = found is not None and found["kind"] in ("holidays", "working days")
    if found is None or counts != bool(found["n"]) or (found["single"] and found["kind"] != "holiday"):
        raise ConfigError(f"unknown feature {name!r:.60}", hint=suggest(name, known))
    n, unit = int(found["n"] or 0), "M" if found["unit"] == "month" else "D"
    return HolidayColumn(name, found["kind"], found["country"], found["single"], n, unit, found["side"] == "from")


def recurring(country: str, days: Days) -> list[str]:
    """The names of holidays that fall on at least two of the days in different years, in the order of the calendar."""
    years = days[[0, -1]].astype("datetime64[Y]").astype(int) + 1970
    seen: dict[str, list[np.datetime64]] = {}
    present = set(days.tolist())
    for holiday in holidays_between(country, int(years[0]), int(years[1])):
        if holiday.day.tolist() in present:
            seen.setdefault(holiday.name, []).append(holiday.day)
    return [name for name, held in seen.items() if len({day.astype("datetime64[Y]") for day in held}) > 1]


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
