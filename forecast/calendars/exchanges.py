"""Exchange sessions: which exchange keeps the days of a file, and on which days an exchange trades.

The holidays are those of the exchange_calendars library. It is imported on the first question that the almanac, its
answers written down, leaves open.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.calendars.almanac import FIRST_YEAR, LAST_YEAR, almanac_of, sessions_in_almanac
from forecast.errors import DataError

Days = NDArray[np.datetime64]

#: The exchanges most files come from, no two alike over a year, in the order in which they win a tie.
LARGE = ("XNYS", "XLON", "XETR", "XPAR", "XTKS", "XHKG", "XSHG", "XTSE", "XASX", "XBOM", "XSWX", "BVMF")
#: Every exchange that a calendar may name, in the order in which they are tried.
EXCHANGES = (
    *LARGE,
    *("XMIL", "XMAD", "XSTO", "XCSE", "XHEL", "XOSL", "XAMS", "XBRU", "XLIS", "XDUB", "XFRA", "XWBO", "XTAI", "XSES"),
    *("XKRX", "XNZE", "XJSE", "XMEX", "XIST", "XWAR", "XBKK", "XKLS", "XIDX", "XPHS", "XSGO", "XBUE", "XBOG", "XLIM"),
    *("XPRA", "XBUD", "ASEX", "XBSE", "XZAG", "XLJU", "XBRA", "XTAL", "XRIS", "XLIT", "XICE", "XLUX", "XCYS", "XBEL"),
    *("XDUS", "XHAM", "XSTU", "XEUR", "XEEE", "XMOS", "XKAR", "XBDA", "XCBF", "CMES", "IEPA", "AIXK", "XTAE", "XSAU"),
)
#: Those that trade on Sundays, or did.
SUNDAY_EXCHANGES = ("XTAE", "XSAU")

#: With so many holidays explained, nothing but the exchange itself explains a file.
_SURE = 10
#: Years that lie within the bounds of every exchange.
_KNOWN_BY_ALL = (2022, 2022)


class Match(NamedTuple):
    """An exchange whose sessions contain every day of a file; absent counts sessions without a row, not outages."""

    code: str
    sessions: int
    absent: int
    holidays: int
    ties: tuple[str, ...]


def sessions(code: str, first_year: int, last_year: int) -> Days:
    """The sessions of an exchange of EXCHANGES from 1 January to 31 December of the years, datetime64[D], ascending.

    Raises DataError when the library does not know them.
    """
    # The library has no opinion on other years, and its nanoseconds end in 2262.
    if not 1900 <= first_year <= last_year <= 2200:
        raise DataError(f"sessions of {code} are known for the years 1900 to 2200, not {first_year} to {last_year}")
    return _sessions(code, first_year, last_year)


def best_match(days: Days, weekmask: str, absent: int, *, price_like: bool) -> Match | None:
    """The exchange whose sessions are the days of a file (sorted, unique, datetime64[D]), or None.

    absent counts the days of the weekmask without a row. A row on a day that is no session excludes an exchange; a
    session without a row is tolerated when there are very few, or few beside many holidays that are explained. The
    order of EXCHANGES decides between equals.
    """
    groups = (SUNDAY_EXCHANGES,) if weekmask[6] == "1" else (LARGE, EXCHANGES[len(LARGE) :])
    # Those that trade on Fridays close on one of the two: a file of every weekday is told from theirs without asking.
    if weekmask[4] == "1" and _has(days, 12, 25) and _has(days, 1, 1):
        return None
    weekdays = int(np.busday_count(days[0], days[-1] + 1, weekmask=weekmask))
    years = (days[-1] - days[0]) / np.timedelta64(366, "D")
    matches: list[Match] = []
    for group in groups:
        # Building an exchange's sessions takes its time: ask only those for which there are holidays enough.
        for code in (code for code in group if _fewest_holidays(code, price_like) <= absent):
            match = _match(code, days, weekdays)
            if match and match.holidays >= _fewest_holidays(code, price_like):
                matches.append(match)
                if match.absent == 0 and match.holidays >= _SURE:
                    return match
        # Exchanges differ by a day or more a year: with fewer days absent than that, they are absent rows.
        if any(match.absent == 0 or (match.holidays >= _SURE and match.absent < years) for match in matches):
            break
    if not matches:
        return None
    best = min(matches, key=lambda match: match.absent)
    return best._replace(ties=tuple(m.code for m in matches if m.absent == best.absent and m.code != best.code))


def without_outages(candidates: Days, days: Days) -> Days:
    """The candidates but those in a gap of more than three weeks between two of the days: no holiday is that long."""
    after = np.searchsorted(days, candidates)
    gap = days[after] - days[np.maximum(after - 1, 0)]
    return np.asarray(candidates[(days[after] == candidates) | (gap <= np.timedelta64(21, "D"))])


def _has(days: Days, month: int, day: int) -> bool:
    months = days.astype("datetime64[M]")
    on_day = days - months.astype("datetime64[D]") == np.timedelta64(day - 1, "D")
    return bool((on_day & (months.astype(int) % 12 == month - 1)).any())


def _fewest_holidays(code: str, price_like: bool) -> int:
    """How many holidays must speak for an exchange: somewhere in the world, every other day is one."""
    first = code == EXCHANGES[0]
    return (0 if first else 1) if price_like else (1 if first else 3)


def _match(code: str, days: Days, weekdays: int) -> Match | None:
    held = _between(code, days)
    if held is None or not np.isin(days, held).all():
        return None
    absent, holidays = len(without_outages(held, days)) - len(days), weekdays - len(held)
    few = absent <= 0.005 * len(held) or (holidays >= _SURE and absent <= min(holidays, 0.05 * len(held)))
    return Match(code, len(held), absent, holidays, ()) if few else None


def _between(code: str, days: Days) -> Days | None:
    """The sessions from the first to the last of the days; None when the library does not know them."""
    years = days[[0, -1]].astype("datetime64[Y]").astype(int) + 1970
    try:
        held = sessions(code, int(years[0]), int(years[1]))
    except DataError:
        return None
    return np.asarray(held[(held >= days[0]) & (held <= days[-1])])


@lru_cache(maxsize=256)
def _sessions(code: str, first_year: int, last_year: int) -> Days:
    held = sessions_in_almanac(code, first_year, last_year)
    if held is None:
        held = sessions_of_library(code, first_year, last_year)
    held.flags.writeable = False
    return held


def sessions_of_library(code: str, first_year: int, last_year: int) -> Days:
    """What `sessions` says, asked of the library itself."""
    return np.asarray(_calendar_of_library(code, first_year, last_year).sessions.to_numpy().astype("datetime64[D]"))


def almanac_of_library() -> str:
    """The text of the almanac, from what the library knows of its years."""
    known = {}
    for code in EXCHANGES:
        # Some exchanges are beyond the library with the pandas that is installed.
        with suppress(DataError):
            first, last = _years_of_library(code)
            known[code] = (first, last, sessions_of_library(code, first, last))
    return almanac_of(known)


def _years_of_library(code: str) -> tuple[int, int]:
    """The first and the last of the almanac's years of which the library knows the sessions of an exchange."""
    calendar = _calendar_of_library(code, *_KNOWN_BY_ALL)
    start, end = calendar.bound_min(), calendar.bound_max()
    first = FIRST_YEAR if start is None else start.year + ((start.month, start.day) != (1, 1))
    last = LAST_YEAR if end is None else end.year - ((end.month, end.day) != (12, 31))
    return max(first, FIRST_YEAR), min(last, LAST_YEAR)


def _calendar_of_library(code: str, first_year: int, last_year: int) -> Any:
    with warnings.catch_warnings():
        # The library's own use of pandas, which its next release follows up on.
        warnings.simplefilter("ignore")
        import exchange_calendars  # type: ignore[import-untyped, unused-ignore]

        try:
            return exchange_calendars.get_calendar(code, start=f"{first_year}-01-01", end=f"{last_year}-12-31")
        except (ValueError, NotImplementedError, exchange_calendars.errors.CalendarError) as error:
            raise DataError(
                f"the sessions of {code} from {first_year} to {last_year} are not known",
                why=str(error),
                hint="--calendar B takes every Monday to Friday",
            ) from error
