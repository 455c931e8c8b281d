"""Offsets and the clocks of a zone: brought to UTC exactly, written back as they were, or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.config import ReadConfig
from forecast.panel import Columns
from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.times import TimeColumn, read_times, resolve_overlap
from forecast.timeformat import format_times

ZONE = "Europe/Berlin"
AUTUMN = pd.date_range("2024-10-26", "2024-10-28", freq="30min", tz="UTC", unit="us")
SPRING = pd.date_range("2024-03-30", "2024-04-01", freq="30min", tz="UTC", unit="us")


def read(texts: list[str], items: list[int] | None = None, known: Columns | None = None, **options: str) -> TimeColumn:
    """A column whose first row is line 2, with the repeated hour settled."""
    table = Table("x.csv", ("time",), (Cells.of(texts),), range(2, 2 + len(texts)), 1)
    column = read_times(table, (0,), ReadConfig(**options), known=known)  # type: ignore[arg-type]
    return resolve_overlap(column, np.array(items or [0] * len(texts)), table, (0,))


def naive(moments: pd.DatetimeIndex) -> np.ndarray:
    """Moments in UTC as a panel has them."""
    return moments.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")


def shown(moments: pd.DatetimeIndex, zone: str = ZONE) -> list[str]:
    """What the clocks of a zone show, by pandas."""
    return moments.tz_convert(zone).strftime("%Y-%m-%d %H:%M").tolist()


def codes(column: TimeColumn) -> list[str]:
    """The codes of the notes."""
    return [note[:4] for note in column.notes]


@pytest.mark.parametrize("form", ["%z", "%:z", "%-z"])
def test_offsets_that_change_are_brought_to_utc(form: str) -> None:
    """With a zero offset in the spelling of the file."""
    offsets = {"%z": ("+0200", "+0100", "+0000"), "%:z": ("+02:00", "+01:00", "+00:00"), "%-z": ("+02", "+01", "+00")}
    summer, winter, zero = offsets[form]
    texts = [
        f"{text}{summer if moment.utcoffset().seconds == 7200 else winter}"
        for text, moment in zip(shown(AUTUMN), AUTUMN.tz_convert(ZONE), strict=True)
    ]
    column = read(texts)
    assert not column.problems
    assert column.pattern == f"%Y-%m-%d %H:%M{zero}"
    assert codes(column) == ["W303"]
    np.testing.assert_array_equal(column.timestamps, naive(AUTUMN))


def test_offsets_and_their_zone_come_back_as_they_were() -> None:
    """Where the zone is named, each time has its own offset again."""
    texts = [moment.isoformat() for moment in AUTUMN.tz_convert(ZONE)]
    column = read(texts, timezone=ZONE)
    assert (column.timezone, column.pattern, column.notes) == (ZONE, "%Y-%m-%dT%H:%M:%S%:z", ())
    np.testing.assert_array_equal(column.timestamps, naive(AUTUMN))
    assert format_times(column.timestamps, column.pattern, column.timezone) == texts


@pytest.mark.parametrize("suffix", ["Z", "+00:00", " UTC"])
def test_times_in_utc_are_written_by_the_clocks_of_the_zone(suffix: str) -> None:
    """With the offset that says so."""
    column = read([f"{text}{suffix}" for text in AUTUMN.strftime("%Y-%m-%d %H:%M")], timezone=ZONE)
    np.testing.assert_array_equal(column.timestamps, naive(AUTUMN))
    first = format_times(column.timestamps[:1], column.pattern, column.timezone)
    assert first == [f"2024-10-26 02:00{' ' * suffix.startswith(' ')}+02:00"]


def test_offsets_of_another_zone_are_exact_and_noted() -> None:
    """The moment is what counts."""
    column = read([moment.isoformat() for moment in AUTUMN.tz_convert("Europe/London")], timezone=ZONE)
    np.testing.assert_array_equal(column.timestamps, naive(AUTUMN))
    assert codes(column) == ["W306"]


def test_offsets_follow_the_one_of_a_model() -> None:
    """A model of summer reads rows of winter: the same moments, in its own offset."""
    known = Columns("time", ("y",), time_format="%Y-%m-%d %H:%M+02:00")
    column = read(["2024-12-01 12:00+01:00", "2024-12-01 13:00+01:00"], known=known)
    assert column.pattern == known.time_format
    assert column.timestamps[0] == np.datetime64("2024-12-01T13:00")
    assert codes(column) == ["W303"]


def test_days_whose_offset_changes_are_refused() -> None:
    """In UTC they would begin at 23:00, then at 22:00; by no one offset at midnight."""
    days = pd.date_range("2024-03-28", "2024-04-03", freq="D", tz=ZONE)
    for options in ({}, {"timezone": ZONE}):
        problems = read([day.isoformat() for day in days], **options).problems
        assert [(problem.code, problem.line) for problem in problems] == [("E317", 6), ("E317", 7), ("E317", 8)]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns"])
@pytest.mark.parametrize("order", [1, -1])
def test_wall_clock_times_of_a_zone_are_brought_to_utc_and_back(zone: str, order: int) -> None:
    """Over a whole year, forwards or backwards in time, the hour that is there twice included."""
    moments = pd.date_range("2024-01-01", "2024-12-31", freq="30min", tz="UTC", unit="us")[::order]
    texts = shown(moments, zone)
    column = read(texts, timezone=zone)
    assert not column.problems
    assert codes(column) == ["W308"]
    np.testing.assert_array_equal(column.timestamps, naive(moments))
    assert format_times(column.timestamps, column.pattern, column.timezone) == texts


def test_the_repeated_hour_is_told_apart_in_each_series() -> None:
    """Rows of two series may be mixed, and each has the hour twice."""
    order = np.random.default_rng(2).permutation(np.repeat([0, 1], len(AUTUMN)))
    at = np.where(order == 0, np.cumsum(order == 0), np.cumsum(order == 1)) - 1
    column = read([shown(AUTUMN)[i] for i in at], order.tolist(), timezone=ZONE)
    np.testing.assert_array_equal(column.timestamps, naive(AUTUMN)[at])


def test_times_sorted_by_the_clock_are_taken_in_pairs() -> None:
    """02:00 02:00 02:30 02:30: of each two the first comes before the change."""
    texts = sorted(shown(AUTUMN))
    column = read(texts, timezone=ZONE)
    np.testing.assert_array_equal(np.sort(column.timestamps), naive(AUTUMN))
    assert format_times(column.timestamps, column.pattern, ZONE) == texts


def test_a_time_that_is_there_once_is_taken_as_the_first() -> None:
    """Which a note says; one behind the change is known by the time before it."""
    texts = shown(AUTUMN)
    once = list(dict.fromkeys(texts))
    column = read(once, timezone=ZONE)
    assert codes(column) == ["W309"]
    first = once.index("2024-10-27 02:00")
    assert column.timestamps[first] == np.datetime64("2024-10-27T00:00")
    # 02:00 02:30 02:30: without the second 02:00 the last is still behind the change.
    second = [i for i, text in enumerate(texts) if text.endswith("27 02:00")][1]
    column = read(texts[:second] + texts[second + 1 :], timezone=ZONE)
    np.testing.assert_array_equal(column.timestamps, np.delete(naive(AUTUMN), second))


def test_times_in_no_order_cannot_be_told_apart() -> None:
    """An error at each of them, never a guess."""
    order = np.random.default_rng(1).permutation(len(AUTUMN))
    texts = [shown(AUTUMN)[i] for i in order]
    problems = read(texts, timezone=ZONE).problems
    assert {problem.code for problem in problems} == {"E323"}
    assert [texts[(problem.line or 0) - 2][11:13] for problem in problems] == ["02"] * 4


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    """At its line; the hint depends on whether it is the very moment of the change."""
    texts = shown(SPRING)
    at = texts.index("2024-03-31 03:00")
    (problem,) = read([*texts[:at], "2024-03-31 02:30", *texts[at:]], timezone=ZONE).problems
    assert (problem.code, problem.line) == ("E321", at + 2)
    assert "follow no such clocks" in (problem.hint or "")
    (problem,) = read([*texts[:at], "2024-03-31 02:00", *texts[at + 1 :]], timezone=ZONE).problems
    assert "end of their steps" in (problem.hint or "")


@pytest.mark.parametrize("texts", [["2024-03-30", "2024-03-31", "2024-04-01"], ["2024-W10", "2024-W11"], ["2024Q1"]])
def test_dates_have_no_clock_that_could_change(texts: list[str]) -> None:
    """The zone is passed over without a word."""
    column = read(texts, timezone=ZONE)
    assert (column.timezone, column.notes) == ("", ())
    assert (column.timestamps == column.timestamps.astype("datetime64[D]")).all()


def test_days_at_midnight_stay_days() -> None:
    """So do rows that are six hours apart by the clock, whatever happens in between; a note says so."""
    for freq in ("D", "6h"):
        texts = pd.date_range("2024-03-28", "2024-04-03", freq=freq).strftime("%Y-%m-%d %H:%M").tolist()
        column = read(texts, timezone=ZONE)
        assert (column.timezone, codes(column)) == ("", ["W307"])
        assert column.timestamps[0] == np.datetime64("2024-03-28T00:00")


def test_counts_since_1970_are_in_utc_whatever_the_zone() -> None:
    """And are written as they were."""
    texts = [str(1_704_067_200 + 3600 * n) for n in range(5)]
    column = read(texts, timezone=ZONE, date_format="epoch_s")
    assert column.timestamps[0] == np.datetime64("2024-01-01T00:00")
    assert format_times(column.timestamps, column.pattern, column.timezone) == texts


def test_the_zone_of_a_model_is_used_again() -> None:
    """Without naming it anew."""
    known = Columns("time", ("y",), time_format="%Y-%m-%d %H:%M", timezone=ZONE)
    column = read(shown(SPRING), known=known)
    assert column.timezone == ZONE
    np.testing.assert_array_equal(column.timestamps, naive(SPRING))


def test_a_z_among_offsets_is_an_offset_of_zero() -> None:
    """As London has it in winter, where offsets are written so."""
    texts = [moment.isoformat().replace("+00:00", "Z") for moment in AUTUMN.tz_convert("Europe/London")]
    assert len({text[19:] for text in texts}) == 2
    column = read(texts)
    assert (column.pattern, codes(column)) == ("%Y-%m-%dT%H:%M:%S+00:00", ["W303"])
    np.testing.assert_array_equal(column.timestamps, naive(AUTUMN))
    assert [problem.code for problem in read([*texts, "2024-10-28T01:00:00Zx"]).problems] == ["E312"]
