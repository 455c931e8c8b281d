"""Wall-clock times and UTC offsets of a column: kept as they are, brought to UTC, or refused with their lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Timestamps
from forecast.reading.problems import warning
from forecast.reading.timetexts import Fit
from forecast.timeformat import counts_from_epoch, has_clock, has_offset, offset_text, zone_of
from forecast.timezones import offsets_at, to_local, to_utc

_HOUR = 3_600_000_000
_MINUTE = np.timedelta64(60_000_000, "us")


class Settled(NamedTuple):
    """Times [N] as the panel has them: UTC with a timezone, else by the text; `broken` rows [N] name no such time.

    `repeated` [N] are those that a clock shows twice in autumn, taken as the first for now.
    """

    timestamps: Timestamps
    pattern: str
    timezone: str = ""
    notes: tuple[str, ...] = ()
    code: str = ""
    fault: str = ""
    hint: str = ""
    broken: NDArray[np.bool_] | None = None
    repeated: NDArray[np.bool_] | None = None


def settle(fit: Fit, *, timezone: str, known_pattern: str) -> Settled:
    """The moments of a fit, with what its offsets and the timezone of the user make of them."""
    if fit.offsets is not None:
        return _with_offsets(fit, fit.offsets, timezone, known_pattern)
    zone = zone_of(fit.pattern)
    if not timezone or not has_clock(fit.pattern) or counts_from_epoch(fit.pattern):
        return Settled(fit.timestamps, fit.pattern)
    if zone:
        return _in_zone(fit, fit.timestamps - _ahead(zone), timezone)
    step = _step(fit.timestamps)
    if step == 0 or (step > _HOUR and step % _HOUR == 0):
        note = warning("W307", f"the clocks of {timezone} change nothing: the times are {_hours(step)} apart")
        return Settled(fit.timestamps, fit.pattern, notes=(note,) if step else ())
    utc = to_utc(fit.timestamps, timezone)
    return Settled(
        utc.first,
        fit.pattern,
        timezone,
        code="E321",
        fault=f"is a time that the clocks of {timezone} skip",
        hint=_hint_for_skipped(fit.timestamps[utc.missing], timezone),
        broken=utc.missing,
        repeated=utc.repeated,
    )


def _hint_for_skipped(wall: Timestamps, timezone: str) -> str:
    """What to do about times that the clocks skip."""
    before = to_utc(wall - np.timedelta64(1, "us"), timezone)
    if len(wall) and not before.missing.any():
        # All of them are the very moment of the change, which is not shown: 02:00 is then 03:00.
        return "leave --timezone out if the times name the end of their steps, as these then do"
    return "correct the cell, or leave --timezone out if the times follow no such clocks"


def _with_offsets(fit: Fit, offsets: NDArray[np.int64], timezone: str, known_pattern: str) -> Settled:
    read = ~np.isnat(fit.timestamps)
    form = zone_of(fit.pattern)
    bare = fit.pattern.removesuffix(form)
    if timezone:
        return _in_zone(fit, fit.timestamps, timezone)
    known = zone_of(known_pattern)
    if known and not has_offset(known_pattern) and known_pattern.removesuffix(known) == bare:
        moved = bool((offsets[read] * _MINUTE != _ahead(known)).any())
        note = warning("W303", f"the UTC offsets are not that of the model: all times are brought to {known.strip()}")
        return Settled(fit.timestamps + _ahead(known), known_pattern, notes=(note,) * moved)
    different = np.unique(offsets[read])
    if len(different) == 1:
        offset = int(different[0])
        return Settled(fit.timestamps + offset * _MINUTE, bare + offset_text(offset, form))
    wall = fit.timestamps + offsets * _MINUTE
    if _is_daily(wall[read]) and not _is_daily(fit.timestamps[read]):
        return _days_with_offsets(fit, wall, bare, offsets)
    note = f"the UTC offset changes within the column ({len(different)} of them): all times are brought to UTC"
    return Settled(fit.timestamps, bare + offset_text(0, form), notes=(warning("W303", note),))


def _in_zone(fit: Fit, utc: Timestamps, timezone: str) -> Settled:
    """Times that are known in UTC, to be written by the clocks of a zone."""
    zone = zone_of(fit.pattern)
    form = zone if has_offset(fit.pattern) else _field_of(zone)
    pattern = fit.pattern.removesuffix(zone) + form
    read = ~np.isnat(utc)
    wall = to_local(utc[read], timezone)
    if fit.offsets is None:
        return Settled(utc, pattern, timezone)
    own = (offsets_at(utc[read], timezone) // np.timedelta64(1, "m")).astype(np.int64)
    if _is_daily(wall) and not _is_daily(utc[read]):
        return _days_with_offsets(fit, utc, pattern, fit.offsets)
    notes: tuple[str, ...] = ()
    if fit.offsets.any() and (own != fit.offsets[read]).any():
        text = f"the UTC offsets are not those of {timezone}: the times are taken exactly and written by its clocks"
        notes = (warning("W306", text),)
    return Settled(utc, pattern, timezone, notes)


def _days_with_offsets(fit: Fit, timestamps: Timestamps, pattern: str, offsets: NDArray[np.int64]) -> Settled:
    """The refusal of days whose offset changes: in UTC their lengths differ, and their clocks have not one offset."""
    read = ~np.isnat(fit.timestamps)
    return Settled(
        timestamps,
        pattern,
        code="E317",
        fault="has another UTC offset than other rows, where each row is a day",
        hint="write the dates without clock time and offset, such as 2024-01-31",
        broken=read & (offsets != offsets[np.argmax(read)]),
    )


def _is_daily(wall: Timestamps) -> bool:
    """Whether all times have one time of day, and there are several days."""
    days = wall.astype("datetime64[D]")
    return len(np.unique(days)) > 1 and len(np.unique(wall - days)) == 1


def _step(wall: Timestamps) -> int:
    """The longest step in microseconds that divides every difference of the times; 0 when all are one."""
    known = wall[~np.isnat(wall)].astype(np.int64)
    return int(np.gcd.reduce(np.diff(known))) if len(known) > 1 else 0


def _hours(step: int) -> str:
    days, hours = divmod(step // _HOUR, 24)
    return f"{days} day{'s' * (days > 1)}" if not hours else f"{step // _HOUR} hours"


def _ahead(zone: str) -> np.timedelta64:
    """How far ahead of UTC a literal such as Z, ` UTC` or +02:00 is."""
    digits = zone.strip().replace(":", "")
    if not digits.startswith(("+", "-")):
        return 0 * _MINUTE
    minutes = 60 * int(digits[1:3]) + int(digits[3:] or 0)
    return (-minutes if digits[0] == "-" else minutes) * _MINUTE


def _field_of(zone: str) -> str:
    """The field that writes offsets as a literal is written; with minutes for Z, ` UTC` and ` GMT`."""
    text = zone.strip()
    blank = zone[: len(zone) - len(text)]
    if ":" in text or not text.startswith(("+", "-")):
        return f"{blank}%:z"
    return blank + ("%z" if len(text) == 5 else "%-z")


def in_file_order(
    first: Timestamps, repeated: NDArray[np.bool_], items: NDArray[np.int64], timezone: str
) -> tuple[Timestamps, NDArray[np.bool_], int]:
    """The moments [N] with those in repeated hours told apart by the order of the rows of each item in that night.

    The clocks show the hour first before they are set back, then again: in a file that goes back in time, the other way
    round. Also the rows [N] in no order, where nothing can be told, and how many times were there only once.
    """
    moments, untold, lonely = first.copy(), np.zeros(len(first), dtype=bool), 0
    moments[repeated] = to_utc(to_local(first[repeated], timezone), timezone).second
    # Nights are days that begin at noon, and so cut no hour that is shown twice.
    nights = (first - np.timedelta64(12, "h")).astype("datetime64[D]").astype(np.int64)
    keys = items * 1_000_000 + nights
    near = np.flatnonzero(np.isin(keys, np.unique(keys[repeated])))
    groups: dict[int, list[int]] = {}
    for row, key in zip(near.tolist(), keys[near].tolist(), strict=True):
        groups.setdefault(key, []).append(row)
    for night in groups.values():
        rows = [row for row in night if repeated[row]]
        direction = _direction(first[[row for row in night if not repeated[row]]])
        times = first[rows].astype(np.int64).tolist()
        if not direction and len(set(times)) < len(times):
            untold[rows] = True
            continue
        order = slice(None, None, -1 if direction < 0 else 1)
        later, single = _later(times[order])
        lonely += single
        early = [row for row, is_later in zip(rows[order], later, strict=True) if not is_later]
        moments[early] = first[early]
    return moments, untold, lonely


def _direction(moments: Timestamps) -> int:
    """1 for rows that go forward in time, -1 for back, 0 for neither."""
    steps = np.diff(moments[~np.isnat(moments)]).astype(np.int64)
    return 1 if (steps >= 0).all() else -1 if (steps <= 0).all() else 0


def _later(times: list[int]) -> tuple[list[bool], int]:
    """Which of the times in a repeated hour, in the order they happened, come after the change; how many are guessed.

    A time that is there twice is first before and then after it. One that is there once is after it when the clock had
    gone back by then; else it is taken to be before it, which is a guess unless the clock goes back later on.
    """
    back = next((i for i in range(1, len(times)) if times[i] <= times[i - 1]), len(times))
    seen: set[int] = set()
    later = []
    for i, time in enumerate(times):
        later.append(time in seen or (times.count(time) == 1 and i >= back))
        seen.add(time)
    return later, len(times) if back == len(times) else 0
