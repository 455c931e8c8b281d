"""The text form of timestamps, both ways."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.timeformat import format_times, parse_times, patterns_for, zone_of

KNOWN = [
    ("1949-01", "%Y-%m", "1949-01-01"),
    ("2010/10/9 0:00", "%Y/%-m/%-d %-H:%M", "2010-10-09"),
    ("2011-12-31T13:30:00Z", "%Y-%m-%dT%H:%M:%SZ", "2011-12-31T13:30:00"),
    ("2011-12-31 13:30:00+02:00", "%Y-%m-%d %H:%M:%S+02:00", "2011-12-31T13:30:00"),
    ("31.12.2011", "%d.%m.%Y", "2011-12-31"),
    ("12/31/2011", "%m/%d/%Y", "2011-12-31"),
    ("20111231", "%Y%m%d", "2011-12-31"),
    ("2011Q4", "%YQ%q", "2011-10-01"),
    ("2011-Q1", "%Y-Q%q", "2011-01-01"),
    ("2011", "%Y", "2011-01-01"),
    ("03-2011", "%m-%Y", "2011-03-01"),
    ("2011-12-31 13:30:00.250", "%Y-%m-%d %H:%M:%S.%3f", "2011-12-31T13:30:00.250"),
    ("2011-12-31T13:30:00.000007000", "%Y-%m-%dT%H:%M:%S.%9f", "2011-12-31T13:30:00.000007"),
]
PATTERNS = [pattern for _, pattern, _ in KNOWN]


@pytest.mark.parametrize(("text", "pattern", "moment"), KNOWN)
def test_a_known_text_is_read_written_and_recognised(text: str, pattern: str, moment: str) -> None:
    """Each text form gives the moment a person reads in it, the same text back, and is among its own candidates."""
    parsed = parse_times([text], pattern)
    assert parsed[0] == np.datetime64(moment, "us")
    assert format_times(parsed, pattern) == [text]
    assert pattern.replace("+02:00", "%:z") in patterns_for(text)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2023-02-29", "%Y-%m-%d"),
        ("1900-02-29", "%Y-%m-%d"),
        ("2023-13-01", "%Y-%m-%d"),
        ("2023-00-01", "%Y-%m-%d"),
        ("2023-01-00", "%Y-%m-%d"),
        ("2023-1-01", "%Y-%m-%d"),
        ("2023-01-01", "%Y-%-m-%-d"),
        ("2023-01-011", "%Y-%m-%d"),
        ("2023-01-0", "%Y-%m-%d"),
        ("2023-01-01 ", "%Y-%m-%d"),
        ("2023-01-01\0", "%Y-%m-%d"),
        ("٢٠٢٣-01-01", "%Y-%m-%d"),
        ("0000-01-01", "%Y-%m-%d"),
        ("2023-01-01 24:00", "%Y-%m-%d %H:%M"),
        ("2023-01-01 23:60", "%Y-%m-%d %H:%M"),
        ("2023-01-01 23:59:60", "%Y-%m-%d %H:%M:%S"),
        ("2023-01-01 00:00:00.0000001", "%Y-%m-%d %H:%M:%S.%7f"),
        ("2023Q5", "%YQ%q"),
        ("2023Q0", "%YQ%q"),
        ("", "%Y"),
    ],
)
def test_what_is_not_exactly_a_moment_in_the_pattern_is_not_a_time(text: str, pattern: str) -> None:
    """Impossible dates, other paddings, trailing characters and hidden precision are NaT, never something near."""
    assert np.isnat(parse_times([text], pattern)[0])


@given(
    st.sampled_from(PATTERNS),
    st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2199, 12, 31)), min_size=1, max_size=30),
)
def test_parsing_a_formatted_time_gives_it_back(pattern: str, moments: list[datetime]) -> None:
    """parse(format(x)) == x for every x that the pattern can say."""
    sayable = parse_times(format_times(np.array(moments, "datetime64[us]"), pattern), pattern)
    assert not np.isnat(sayable).any()
    again = parse_times(format_times(sayable, pattern), pattern)
    np.testing.assert_array_equal(again, sayable)


@given(st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), min_size=1, max_size=30))
def test_dates_are_read_as_the_standard_library_reads_them(moments: list[datetime]) -> None:
    """An ISO text with microseconds is the same moment here and in datetime."""
    texts = [moment.isoformat(timespec="microseconds") for moment in moments]
    np.testing.assert_array_equal(parse_times(texts, "%Y-%m-%dT%H:%M:%S.%6f"), np.array(moments, "datetime64[us]"))
    assert format_times(np.array(moments, "datetime64[us]"), "%Y-%m-%dT%H:%M:%S.%6f") == texts


@given(st.text("0123456789-/.:TZQ +é\0", max_size=20))
def test_any_text_is_a_time_or_not_but_never_a_crash(text: str) -> None:
    """Candidates of any text can be parsed without an error, and a text that is read is written back the same."""
    for pattern in patterns_for(text):
        parsed = parse_times([text], pattern)
        if not np.isnat(parsed[0]):
            assert format_times(parsed, pattern) == [text]


def test_a_date_in_slashes_may_be_read_both_ways() -> None:
    """Nothing here prefers the day or the month."""
    assert {"%d/%m/%Y", "%m/%d/%Y"} <= set(patterns_for("01/02/2020"))


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2011-12-31T13:30:00Z", "Z"),
        ("2011-12-31 13:30-05", "-05"),
        ("2011-12-31 13:30:00.5 +0200", " +0200"),
        ("2011-12-31 13:30:00 UTC", " UTC"),
        ("2011-12-31", ""),
        ("2011-12-31 13:30", ""),
    ],
)
def test_the_offset_at_the_end_is_found(text: str, zone: str) -> None:
    """Only what follows a clock time is an offset; the day of a date is not."""
    assert zone_of(text) == zone


@pytest.mark.parametrize("text", ["", "12.5", "2020.5", "2020-01-01x", "Total", "1:00", "01/02/20", "2020-01 00:00"])
def test_what_looks_like_no_timestamp_has_no_candidates(text: str) -> None:
    """Numbers, words and two-digit years are not taken for times."""
    assert patterns_for(text) == []


def test_a_large_column_is_parsed_quickly() -> None:
    """120,000 texts without padding take well under half a second."""
    start = datetime(2004, 10, 1)
    moments = [start + timedelta(hours=h) for h in range(120_000)]
    texts = [f"{m.year}/{m.month}/{m.day} {m.hour}:{m.minute:02}" for m in moments]
    began = time.perf_counter()
    parsed = parse_times(texts, "%Y/%-m/%-d %-H:%M")
    assert time.perf_counter() - began < 0.5
    np.testing.assert_array_equal(parsed, np.array(moments, "datetime64[us]"))
