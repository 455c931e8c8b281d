"""Clock changes: the hours that a zone's wall clock skips in spring and repeats in autumn, and which files show them.

Stamps are wall-clock times without a zone, datetime64[us]. A stamp is labelled by the "start" or the "end" of its step.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Timestamps = NDArray[np.datetime64]
#: Wall-clock intervals [N, 2], from and until.
Spans = NDArray[np.datetime64]

LABELS = ("start", "end")
#: Every zone that a calendar may name: one for each set of clock changes, since a wall clock shows no more than that.
#: In the order in which they win a tie.
ZONES = (
    *("Europe/Berlin", "America/New_York", "Europe/London", "Europe/Helsinki", "Australia/Sydney", "Pacific/Auckland"),
    *("America/Santiago", "America/Sao_Paulo", "America/Mexico_City", "America/Asuncion", "America/Havana"),
    *("Asia/Jerusalem", "Asia/Tehran", "Asia/Beirut", "Asia/Amman", "Asia/Damascus", "Africa/Cairo"),
    *("Africa/Casablanca", "Atlantic/Azores", "Europe/Moscow", "Europe/Istanbul", "Australia/Lord_Howe"),
)


class ClockChanges(NamedTuple):
    """A zone whose skipped hours a file lacks: holes counts the springs in which it does."""

    zone: str
    label: str
    holes: int


def skipped(stamps: Timestamps, zone: str, label: str) -> NDArray[np.bool_]:
    """Which stamps (ascending, [N]) name a time that the zone's wall clock never showed."""
    if not len(stamps):
        return np.zeros(0, dtype=bool)
    return _inside(stamps, _changes(zone, stamps[0], stamps[-1])[0], label)


def clock_change_zone(doubled: Timestamps) -> str:
    """The first zone of ZONES whose wall clock repeats every one of the stamps in autumn, by either label; else ""."""
    stamps = np.unique(doubled.astype("datetime64[us]"))
    for zone in ZONES if len(stamps) else ():
        repeated = _changes(zone, stamps[0], stamps[-1])[1]
        if any(_inside(stamps, repeated, label).all() for label in LABELS):
            return zone
    return ""


def spring_zone(columns: Sequence[Timestamps], step: np.timedelta64) -> ClockChanges | None:
    """The zone whose skipped hours are the holes of the columns (each ascending, a row every `step`), or None.

    The rows must stop right before the change and go on right after it in at least two springs, no row may lie inside
    a skipped hour, and other holes must be so rare that chance is ruled out. A full column, as one in UTC, has no zone.
    """
    rows = sum(len(stamps) for stamps in columns)
    holes = sum(int((np.diff(stamps) > step).sum()) for stamps in columns)
    if not holes:
        return None
    for label in LABELS:
        for zone in ZONES:
            matched, springs = 0, set()
            for stamps in columns:
                spans = _changes(zone, stamps[0], stamps[-1])[0]
                if _inside(stamps, spans, label).any():
                    break
                clean = _clean_holes(stamps, spans, label, step)
                matched += int(clean.sum())
                springs.update(spans[clean, 0].tolist())
            else:
                if len(springs) >= 2 and ((holes - matched) / rows) ** len(springs) < 1e-5:
                    return ClockChanges(zone, label, len(springs))
    return None


def _clean_holes(stamps: Timestamps, spans: Spans, label: str, step: np.timedelta64) -> NDArray[np.bool_]:
    """For each span [N], whether rows right before it and right after it have a hole between them."""
    side: Literal["left", "right"] = "left" if label == "start" else "right"
    after = np.searchsorted(stamps, spans[:, 1], side=side)
    before = np.searchsorted(stamps, spans[:, 0], side=side) - 1
    known = (before >= 0) & (after < len(stamps))
    first, last = stamps[np.maximum(before, 0)], stamps[np.minimum(after, len(stamps) - 1)]
    return np.asarray(known & (spans[:, 0] - first <= step) & (last - spans[:, 1] <= step) & (last - first > step))


def _inside(stamps: Timestamps, spans: Spans, label: str) -> NDArray[np.bool_]:
    """Which stamps lie in a span: from its start to before its end, or after its start to its end for the end label."""
    side: Literal["left", "right"] = "right" if label == "start" else "left"
    begun, ended = (np.searchsorted(spans[:, end], stamps, side=side) for end in (0, 1))
    return np.asarray(begun > ended)


def _changes(zone: str, first: np.datetime64, last: np.datetime64) -> tuple[Spans, Spans]:
    """The spans that the zone's wall clock skips and those that it repeats, over the years of both moments."""
    years = np.array([first, last]).astype("datetime64[Y]").astype(int) + 1970
    # Years that Python's datetime cannot hold have no clock changes that anyone knows of.
    found = [_changes_of_year(zone, year) for year in range(max(int(years[0]), 2), min(int(years[1]), 9997) + 1)]
    spans = [[span for year in found for span in year[kind]] for kind in (0, 1)]
    skips, repeats = (np.array(kind, dtype="datetime64[us]").reshape(-1, 2) for kind in spans)
    return skips, repeats


@lru_cache(maxsize=8192)
def _changes_of_year(zone: str, year: int) -> tuple[list[tuple[datetime, datetime]], list[tuple[datetime, datetime]]]:
    """Skipped and repeated wall-clock spans that begin in the year (UTC), found by asking for the offset every day."""
    rules, start = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=timezone.utc)
    days = [start + timedelta(days=n) for n in range((datetime(year + 1, 1, 1) - datetime(year, 1, 1)).days + 1)]
    offsets = [_offset(day, rules) for day in days]
    skips: list[tuple[datetime, datetime]] = []
    repeats: list[tuple[datetime, datetime]] = []
    for n in range(len(days) - 1):
        if offsets[n] != offsets[n + 1]:
            moment = _moment_of_change(days[n], days[n + 1], rules).replace(tzinfo=None)
            span = sorted((moment + offsets[n], moment + offsets[n + 1]))
            (skips if offsets[n] < offsets[n + 1] else repeats).append((span[0], span[1]))
    return skips, repeats


def _moment_of_change(low: datetime, high: datetime, rules: ZoneInfo) -> datetime:
    """The first second in UTC with the offset that `high` has and `low` has not."""
    before = _offset(low, rules)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset(middle, rules) == before else (low, middle)
    return high


def _offset(moment: datetime, rules: ZoneInfo) -> timedelta:
    return moment.astimezone(rules).utcoffset() or timedelta()
