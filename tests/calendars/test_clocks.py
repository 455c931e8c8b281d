"""Clock changes are taken from the holes of a file on solid evidence only, and never from a file in UTC."""

import numpy as np
import pandas as pd
import pytest

from forecast.calendars import Calendar, clock_change_zone, future_timestamps, grid, infer_calendar

HOUR = np.timedelta64(1, "h")


def clock(zone: str, first: str, last: str, *, freq: str = "h", label: str = "start") -> np.ndarray:
    """The wall-clock stamps of a zone."""
    calendar = Calendar(freq, zone=zone, label=label)
    return grid(calendar, np.datetime64(first, "us"), np.datetime64(last, "us"))


def stamps(*texts: str) -> np.ndarray:
    """Timestamps in microseconds."""
    return np.array(texts, dtype="datetime64[us]")


@pytest.mark.parametrize("freq", ["h", "30min", "15min", "10min"])
@pytest.mark.parametrize("label", ["start", "end"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago"])
def test_a_wall_clock_file_gets_its_zone(zone, label, freq):
    """The hour absent in each spring gives away how the clocks change, and so the hours to come."""
    whole = clock(zone, "2021-07-01", "2025-01-01", freq=freq, label=label)
    rows = whole[whole < np.datetime64("2024-01-01")]
    found, evidence = infer_calendar([rows])
    # Berlin's hours by their ends are Helsinki's by their starts: no file of hours can tell.
    if (zone, label, freq) != ("Europe/Berlin", "end", "h"):
        assert found == Calendar(freq, zone=zone, label=label)
    assert found.zone in evidence
    assert np.array_equal(future_timestamps(found, rows[-1], len(whole) - len(rows)), whole[len(rows) :])


@pytest.mark.parametrize(
    ("place", "zone"), [("America/Chicago", "America/New_York"), ("Europe/Paris", "Europe/Berlin")]
)
def test_a_place_is_given_the_zone_whose_clocks_change_alike(place, zone):
    """A wall clock in Chicago shows what one in New York does: the labels of the file cannot tell them apart."""
    local = pd.date_range("2020-07-01", "2022-12-31", freq="h", tz=place, unit="us").tz_localize(None)
    assert infer_calendar([np.unique(local.to_numpy())])[0] == Calendar("h", zone=zone)


def test_other_holes_and_outages_do_not_hide_the_zone():
    """A dozen absent hours and an outage over one of the springs leave three that speak."""
    rows = clock("America/New_York", "2014-01-01", "2018-01-01", label="end")
    rows = np.delete(rows, np.random.default_rng(3).choice(np.arange(2000, 30000), 12, replace=False))
    rows = rows[(rows < np.datetime64("2015-03-05")) | (rows > np.datetime64("2015-03-20"))]
    assert infer_calendar([rows])[0] == Calendar("h", zone="America/New_York", label="end")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.arange(*stamps("2020-01-01", "2024-01-01"), HOUR), id="full, as in UTC"),
        pytest.param(clock("Europe/Berlin", "2021-01-01", "2022-01-01"), id="one spring only"),
        pytest.param(
            np.union1d(clock("Europe/Berlin", "2020-01-01", "2024-01-01"), stamps("2022-03-27T02:00")),
            id="a row inside one of the skipped hours",
        ),
        pytest.param(
            np.delete(
                clock("Europe/Berlin", "2020-01-01", "2023-01-01"),
                np.random.default_rng(1).choice(np.arange(1, 26000), 2500, replace=False),
            ),
            id="so many holes that chance can be the reason",
        ),
        pytest.param(
            np.setdiff1d(
                np.arange(*stamps("2020-01-01", "2024-01-01"), HOUR), stamps("2021-05-05T02:00", "2022-06-06T02:00")
            ),
            id="holes on other days",
        ),
    ],
)
def test_without_solid_evidence_there_is_no_zone(rows):
    """Absent rows are absent rows, unless clocks alone explain them."""
    assert infer_calendar([rows])[0] == Calendar("h")


def test_all_series_must_agree_on_the_zone():
    """One series with a row in a skipped hour shows that the hour exists; without it they share the zone."""
    local = clock("Europe/Berlin", "2020-01-01", "2023-01-01")
    utc = np.arange(*stamps("2020-06-01", "2022-06-01"), HOUR)
    assert infer_calendar([local, local[5000:]])[0] == Calendar("h", zone="Europe/Berlin")
    assert infer_calendar([local, utc])[0] == Calendar("h")


@pytest.mark.parametrize(
    ("doubled", "zone"),
    [
        (stamps("2023-10-29T02:00"), "Europe/Berlin"),
        (stamps("2022-10-30T02:00", "2022-10-30T02:15", "2022-10-30T02:45", "2023-10-29T02:30"), "Europe/Berlin"),
        (stamps("2022-11-06T01:00", "2023-11-05T01:00"), "America/New_York"),
        (stamps("2014-11-02T02:00", "2015-11-01T02:00"), "America/New_York"),  # hours named by their end
        (stamps("2022-10-30T01:00", "2023-10-29T01:00"), "Europe/London"),
        (stamps("2022-10-30T02:00", "2022-11-06T01:00"), ""),
        (stamps("2023-10-29T04:00"), "Europe/Helsinki"),
        (stamps("2023-10-29T02:00", "2023-05-01T02:00"), ""),
        (stamps("2023-07-01T02:00"), ""),
        (stamps(), ""),
    ],
)
def test_doubled_stamps_name_the_zone_that_repeats_them(doubled, zone):
    """All of them must lie in hours that one zone's clocks repeat."""
    assert clock_change_zone(doubled) == zone
