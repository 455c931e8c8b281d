"""Clock changes: the hours that a zone's wall clock skips in spring and repeats in autumn, and which files show them.

Stamps are wall-clock times without a zone, datetime64[us]. A stamp is labelled by the "start" or the "end" of its step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.timezones import changes_between

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
    changes = changes_between(zone, int(years[0]), int(years[1]))
    spans = np.column_stack([changes.moments + changes.before, changes.moments + changes.after])
    ahead = changes.after > changes.before
    return spans[ahead], spans[~ahead][:, ::-1]
