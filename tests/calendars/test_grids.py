"""Grids agree with pandas' own offsets, with its time zones and with the history of New York."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.calendars import Calendar, first_off_calendar, future_timestamps, grid
from forecast.errors import DataError
from tests.calendars.examples import CALENDARS, start_of

PLAIN = [c for c in CALENDARS if not (c.exchange or c.zone or c.day) and c.weekmask == "1111111"]


def moment(text: str) -> np.datetime64:
    """A timestamp in microseconds."""
    return np.datetime64(text, "us")


def days(*texts: str) -> list[np.datetime64]:
    """Timestamps at midnight."""
    return [moment(text) for text in texts]


@pytest.mark.parametrize("calendar", PLAIN, ids=str)
def test_a_grid_is_the_range_that_pandas_has(calendar):
    """Every freq means to us what it means to pandas, over 100 steps."""
    expected = pd.date_range(start_of(calendar), periods=100, freq=calendar.freq, unit="us").to_numpy()
    assert np.array_equal(grid(calendar, expected[0], expected[-1]), expected)


@pytest.mark.parametrize("calendar", [c for c in CALENDARS if c.weekmask != "1111111"], ids=str)
def test_a_weekmask_is_the_custom_business_day_that_pandas_has(calendar):
    """Any choice of weekdays, over 100 steps."""
    freq = pd.offsets.CustomBusinessDay(
        weekmask=" ".join(
            name
            for name, on in zip(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), calendar.weekmask, strict=True)
            if on == "1"
        )
    )
    expected = pd.date_range(start_of(calendar), periods=100, freq=freq, unit="us").to_numpy()
    assert np.array_equal(grid(calendar, expected[0], expected[-1]), expected)


@pytest.mark.parametrize("calendar", CALENDARS, ids=str)
@settings(max_examples=5, deadline=None)
@given(n=st.integers(1, 400))
def test_the_future_is_the_grid_after_its_first_timestamp(calendar, n):
    """What comes after a timestamp, n steps on, is the same from either function, and lies on the calendar."""
    last = start_of(calendar)
    future = future_timestamps(calendar, last, n)
    assert future.dtype == np.dtype("datetime64[us]")
    assert len(future) == n
    assert np.array_equal(grid(calendar, last, future[-1])[1:], future)
    assert first_off_calendar(calendar, future) is None


def test_month_ends_know_leap_years():
    """The last of February is the 29th in 2000 and 2024, the 28th in 1900 and 2023."""
    for year, last in ((1900, 28), (2000, 29), (2023, 28), (2024, 29)):
        future = future_timestamps(Calendar("ME"), moment(f"{year}-01-31"), 2)
        assert future.tolist() == days(f"{year}-02-{last}", f"{year}-03-31")
    leap_days = future_timestamps(Calendar("YE-FEB"), moment("2023-02-28"), 2)
    assert leap_days.tolist() == days("2024-02-29", "2025-02-28")


def test_a_fixed_day_is_the_last_of_a_shorter_month():
    """The 30th of February is its last day, and March goes on with the 30th."""
    future = future_timestamps(Calendar("MS", day=30), moment("2024-01-30"), 3)
    assert future.tolist() == days("2024-02-29", "2024-03-30", "2024-04-30")


def test_the_time_of_day_is_kept():
    """Sessions stamped at their close, and month ends at one second to midnight."""
    close = future_timestamps(Calendar("D", exchange="XNYS"), moment("2018-12-04T16:00"), 1)
    assert close.tolist() == [moment("2018-12-06T16:00").item()]
    end = future_timestamps(Calendar("ME"), moment("2024-01-31T23:59:59"), 1)
    assert end.tolist() == [moment("2024-02-29T23:59:59").item()]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("2018-12-04", "2018-12-06"),  # mourning of George H. W. Bush
        ("2001-09-10", "2001-09-17"),  # the attacks of 11 September
        ("2012-10-26", "2012-10-31"),  # hurricane Sandy
        ("2021-07-02", "2021-07-06"),  # Independence Day on a Sunday
        ("2024-03-28", "2024-04-01"),  # Good Friday
        ("2021-06-17", "2021-06-18"),  # Juneteenth was no holiday of the exchange yet
        ("2023-06-16", "2023-06-20"),
        ("2040-07-03", "2040-07-05"),  # far beyond what the library prepares by itself
    ],
)
def test_new_york_trades_on_its_next_session(last, expected):
    """Sessions that went by and sessions to come, with the holidays that were and will be."""
    assert future_timestamps(Calendar("D", exchange="XNYS"), moment(last), 1)[0] == moment(expected)


def test_sessions_that_nobody_knows_yet_are_an_error():
    """Riyadh's holidays follow the moon and are listed to 2029 only: the forecast says so instead of guessing."""
    riyadh = Calendar("D", exchange="XSAU")
    assert len(future_timestamps(riyadh, moment("2029-12-02"), 15)) == 15
    with pytest.raises(DataError, match="XSAU from 2029 to 2030") as caught:
        future_timestamps(riyadh, moment("2029-12-02"), 60)
    assert "--calendar" in str(caught.value.hint)


@pytest.mark.parametrize("year", [1066, 2500])
def test_sessions_of_other_ages_are_an_error(year):
    """No exchange has sessions in the middle ages."""
    with pytest.raises(DataError, match="1900 to 2200"):
        future_timestamps(Calendar("D", exchange="XNYS"), moment(f"{year}-01-01"), 1)


@pytest.mark.parametrize("freq", ["h", "15min"])
@pytest.mark.parametrize(
    ("zone", "label"),
    [
        ("Europe/Berlin", "start"),
        ("Australia/Sydney", "start"),
        ("Australia/Lord_Howe", "start"),
        ("Africa/Casablanca", "start"),
        ("America/Sao_Paulo", "start"),
        ("America/New_York", "end"),
    ],
)
def test_hours_that_the_clocks_skip_are_not_on_the_grid(zone, label, freq):
    """Over five years, what is left are the times that pandas can localise in the zone."""
    calendar = Calendar(freq, zone=zone, label=label)
    every = pd.date_range("2015-01-01", "2019-12-31", freq=freq, unit="us")
    started = every - every.freq if label == "end" else every
    real = started.tz_localize(zone, nonexistent="NaT", ambiguous=[True] * len(started)).notna()
    assert 0 < (~real).sum() < 100
    expected = every[real].to_numpy()
    assert np.array_equal(grid(calendar, expected[0], expected[-1]), expected)


@pytest.mark.parametrize(
    ("calendar", "first", "last", "named"),
    [
        (Calendar("D", exchange="XNYS"), "2018-12-05", "2018-12-31", "2018-12-05"),
        (Calendar("D", weekmask="1111100"), "2024-01-05", "2024-01-06", "2024-01-06"),
        (Calendar("W-SUN"), "2024-01-06", "2024-01-14", "2024-01-06"),
        (Calendar("ME"), "2024-02-28", "2024-03-31", "2024-02-28"),
        (Calendar("QS-JAN"), "2024-02-01", "2024-04-01", "2024-02-01"),
        (Calendar("h"), "2024-01-01T00:00", "2024-01-01T05:30", "2024-01-01T05:30"),
        (Calendar("h"), "2024-01-01T05:00", "2024-01-01T04:00", "2024-01-01T05:00"),
        (Calendar("h", zone="Europe/Berlin"), "2024-03-31T02:00", "2024-04-01T00:00", "2024-03-31T02:00"),
    ],
)
def test_an_end_that_is_not_on_the_calendar_is_named(calendar, first, last, named):
    """A grid begins and ends with what was asked for, or says which of the two does not exist."""
    with pytest.raises(DataError, match=f"^{named} is not on the calendar"):
        grid(calendar, moment(first), moment(last))


def test_a_step_far_too_fine_is_refused_before_it_fills_the_memory():
    """A year of microseconds would take 250 terabytes."""
    with pytest.raises(DataError, match="20,000,000 steps"):
        grid(Calendar("us"), moment("2024-01-01"), moment("2025-01-01"))


def test_a_future_without_a_date_is_refused():
    """Nobody writes the year 10000, and arithmetic would wrap around in the end."""
    with pytest.raises(DataError, match="9999"):
        future_timestamps(Calendar("YS-JAN"), moment("2024-01-01"), 10_000)
    assert len(future_timestamps(Calendar("YS-JAN"), moment("2024-01-01"), 7_000)) == 7_000


def test_the_first_row_off_the_calendar_is_found():
    """The first of several that do not fit is returned, and None when all fit although some are absent."""
    hours = np.arange(moment("2024-01-01"), moment("2024-01-03"), np.timedelta64(1, "h"))
    assert first_off_calendar(Calendar("h"), np.delete(hours, [5, 6, 20])) is None
    hours[[7, 9]] += np.timedelta64(1, "s")
    assert first_off_calendar(Calendar("h"), hours) == moment("2024-01-01T07:00:01")
