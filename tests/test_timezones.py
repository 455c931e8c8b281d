"""Wall clocks and UTC: every moment as an independent implementation has it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecast.errors import ConfigError
from forecast.timezones import check_zone, offsets_at, to_local, to_utc

ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"),
    *("Europe/Istanbul", "Asia/Pyongyang", "America/Sao_Paulo", "Pacific/Apia", "Europe/Amsterdam"),
]


def moments(*texts: str) -> np.ndarray:
    """Timestamps in microseconds."""
    return np.array(texts, dtype="datetime64[us]")


@pytest.mark.parametrize("years", [("1930", "2035"), ("2017", "2020")])
@pytest.mark.parametrize("zone", ZONES)
def test_the_wall_clock_is_the_one_that_pandas_shows(zone: str, years: tuple[str, str]) -> None:
    """Also in years without clock changes, and in zones that have moved since; and it leads back to the moment."""
    first, last = (int(np.datetime64(year, "s").astype(int)) for year in years)
    utc = np.random.default_rng(5).integers(first, last, 2000).astype("datetime64[s]").astype("datetime64[us]")
    shown = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone).tz_localize(None).to_numpy()
    local = to_local(utc, zone)
    np.testing.assert_array_equal(local, shown.astype("datetime64[us]"))
    np.testing.assert_array_equal(local - utc, offsets_at(utc, zone))
    back = to_utc(local, zone)
    assert not back.missing.any()
    assert ((back.first == utc) | (back.second == utc)).all()
    np.testing.assert_array_equal(back.first != back.second, back.repeated)


def test_a_skipped_hour_is_no_moment_and_a_repeated_one_is_two() -> None:
    """In Berlin, 2024: from 2 to 3 on 31 March and on 27 October, the ends of the hour counted as they fall."""
    spring = to_utc(
        moments("2024-03-31T01:59", "2024-03-31T02:00", "2024-03-31T02:59", "2024-03-31T03:00"), "Europe/Berlin"
    )
    assert spring.missing.tolist() == [False, True, True, False]
    assert np.isnat(spring.first).tolist() == [False, True, True, False]
    assert spring.first[3] == np.datetime64("2024-03-31T01:00")
    autumn = to_utc(
        moments("2024-10-27T01:59", "2024-10-27T02:00", "2024-10-27T02:59", "2024-10-27T03:00"), "Europe/Berlin"
    )
    assert autumn.repeated.tolist() == [False, True, True, False]
    assert autumn.first[1] == np.datetime64("2024-10-27T00:00")
    assert autumn.second[1] == np.datetime64("2024-10-27T01:00")
    assert autumn.first[3] == autumn.second[3] == np.datetime64("2024-10-27T02:00")


def test_what_is_no_moment_stays_so() -> None:
    """NaT among others changes none of them."""
    utc = to_utc(moments("2024-07-01T12:00", "NaT"), "Europe/Berlin")
    assert utc.first[0] == np.datetime64("2024-07-01T10:00")
    assert np.isnat(utc.first[1])
    assert not (utc.missing | utc.repeated).any()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berlim", "Europe/Berlin"),
        ("CEST", "CET"),
        ("../etc/passwd", "UTC"),
        ("", "UTC"),
        ("Europe", "Europe/Rome"),
    ],
)
def test_an_unknown_zone_is_refused_with_a_near_one(name: str, hint: str) -> None:
    """Neither a folder of zones nor a path is one."""
    with pytest.raises(ConfigError, match="unknown time zone") as caught:
        check_zone(name)
    assert hint in str(caught.value.hint)


def test_every_zone_of_the_standard_library_will_do() -> None:
    """Abbreviations that it knows among them."""
    for name in (*ZONES, "CET", "America/Argentina/Buenos_Aires"):
        check_zone(name)
