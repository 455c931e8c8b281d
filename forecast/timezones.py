"""Wall clocks and UTC: the offset that a time zone has at each moment, a whole column at once, and its clock changes.

Moments are datetime64[us] without a zone; whether one is UTC or wall clock is what the names here say.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from forecast.config import suggest
from forecast.errors import ConfigError

Timestamps = NDArray[np.datetime64]
Durations = NDArray[np.timedelta64]


class Changes(NamedTuple):
    """The clock changes of a zone over some years: moments [C] in UTC, and the offsets between them [C + 1]."""

    moments: Timestamps
    offsets: Durations

    @property
    def before(self) -> Durations:
        """The offset that each change ends [C]."""
        return self.offsets[:-1]

    @property
    def after(self) -> Durations:
        """The offset that each change begins [C]."""
        return self.offsets[1:]


class Utc(NamedTuple):
    """Wall-clock times in UTC [N].

    missing marks those that the clocks skip in spring, NaT in both; repeated those that they show twice in autumn:
    `first` is then the moment before the clocks are set back and `second` the one after, else both are one.
    """

    first: Timestamps
    second: Timestamps
    missing: NDArray[np.bool_]
    repeated: NDArray[np.bool_]


def check_zone(name: str) -> None:
    """Raises ConfigError when there is no time zone of that name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = suggest(name, ("UTC", "Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo"))
        near = suggest(name, sorted(available_timezones()))
        raise ConfigError(f"unknown time zone {name!r:.60}", hint=near if near.startswith("did") else hint) from None


def to_local(moments: Timestamps, zone: str) -> Timestamps:
    """What the zone's wall clock shows at moments in UTC [N]."""
    return np.asarray(moments.astype("datetime64[us]") + offsets_at(moments, zone))


def offsets_at(moments: Timestamps, zone: str) -> Durations:
    """How far the zone's wall clock is ahead of UTC at moments in UTC [N], timedelta64[us]."""
    changes = _changes_around(moments, zone)
    return np.asarray(changes.offsets[np.searchsorted(changes.moments, moments, side="right")])


def to_utc(wall: Timestamps, zone: str) -> Utc:
    """The moments at which the zone's wall clock shows the times [N]."""
    wall = wall.astype("datetime64[us]")
    changes = _changes_around(wall, zone)
    # How many changes have happened by the clock that each of them ends, and by the one that it begins.
    ended = np.searchsorted(changes.moments + changes.before, wall, side="right")
    begun = np.searchsorted(changes.moments + changes.after, wall, side="right")
    first, second = wall - changes.offsets[ended], wall - changes.offsets[begun]
    missing = ended > begun
    first[missing] = second[missing] = np.datetime64("NaT")
    return Utc(first, second, missing, ended < begun)


def changes_between(zone: str, first_year: int, last_year: int) -> Changes:
    """The clock changes of a zone that begin in those years (UTC), both included."""
    # Years that Python's datetime cannot hold have no clock changes that anyone knows of.
    first_year, last_year = max(first_year, 2), min(last_year, 9997)
    found = [change for year in range(first_year, last_year + 1) for change in _changes_of_year(zone, year)]
    start = _offset(datetime(min(first_year, 9997), 1, 1, tzinfo=timezone.utc), ZoneInfo(zone))
    moments = np.array([moment for moment, _ in found], dtype="datetime64[us]")
    return Changes(moments, np.array([start, *(after for _, after in found)], dtype="timedelta64[us]"))


def _changes_around(moments: Timestamps, zone: str) -> Changes:
    known = moments[~np.isnat(moments)]
    if not len(known):
        return changes_between(zone, 1970, 1970)
    years = np.array([known.min(), known.max()]).astype("datetime64[Y]").astype(int) + 1970
    # A year more on both sides: at New Year the wall clock and UTC are in different years.
    return changes_between(zone, int(years[0]) - 1, int(years[1]) + 1)


@lru_cache(maxsize=8192)
def _changes_of_year(zone: str, year: int) -> list[tuple[datetime, timedelta]]:
    """Each change as its moment in UTC and the offset after it, found by asking for the offset every day."""
    rules, start = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=timezone.utc)
    days = [start + timedelta(days=n) for n in range((datetime(year + 1, 1, 1) - datetime(year, 1, 1)).days + 1)]
    offsets = [_offset(day, rules) for day in days]
    return [
        (_moment_of_change(days[n], days[n + 1], rules).replace(tzinfo=None), offsets[n + 1])
        for n in range(len(days) - 1)
        if offsets[n] != offsets[n + 1]
    ]


def _moment_of_change(low: datetime, high: datetime, rules: ZoneInfo) -> datetime:
    """The first second in UTC with the offset that `high` has and `low` has not."""
    before = _offset(low, rules)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset(middle, rules) == before else (low, middle)
    return high


def _offset(moment: datetime, rules: ZoneInfo) -> timedelta:
    return moment.astimezone(rules).utcoffset() or timedelta()
