"""The text form of timestamps, both ways."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.errors import ConfigError
from forecast.timeformat import (
    check_pattern,
    clock_patterns_for,
    format_times,
    has_offset,
    parse_times,
    patterns_for,
    zone_of,
)

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
    ("31-Dec-2011", "%d-%b-%Y", "2011-12-31"),
    ("31DEC2011:13:30:00", "%d%^b%Y:%H:%M:%S", "2011-12-31T13:30"),
    ("3. january 2011", "%-d. %~B %Y", "2011-01-03"),
    ("January 5, 2011", "%B %-d, %Y", "2011-01-05"),
    ("1976 Jul", "%Y %b", "1976-07-01"),
    ("May 2011", "%b %Y", "2011-05-01"),
    ("May 2011", "%B %Y", "2011-05-01"),
    ("Q4 2011", "Q%q %Y", "2011-10-01"),
    ("1990q3", "%Yq%q", "1990-07-01"),
    ("201112", "%Y%m", "2011-12-01"),
    ("2011M12", "%YM%m", "2011-12-01"),
    # 3 January 2011 was a Monday, and began the first week; 2 January 2011 ended week 52 of 2010; 2020 had 53 weeks.
    ("2011-W01", "%G-W%V", "2011-01-03"),
    ("2010W52", "%GW%V", "2010-12-27"),
    ("2010-W52-7", "%G-W%V-%u", "2011-01-02"),
    ("2020-W53", "%G-W%V", "2020-12-28"),
    ("12/31/2011 1:30 PM", "%m/%d/%Y %-I:%M %p", "2011-12-31T13:30"),
    ("31/12/2011 12:00 am", "%d/%m/%Y %I:%M %P", "2011-12-31T00:00"),
    ("31/12/2011 12:05:00 PM", "%d/%m/%Y %I:%M:%S %p", "2011-12-31T12:05"),
    ("31/12/2011 18.00.00", "%d/%m/%Y %H.%M.%S", "2011-12-31T18:00"),
    ("2011-12-31 18h00", "%Y-%m-%d %Hh%M", "2011-12-31T18:00"),
    ("2011123118", "%Y%m%d%H", "2011-12-31T18:00"),
    ("20111231 1830", "%Y%m%d %H%M", "2011-12-31T18:30"),
    ("20111231T183000Z", "%Y%m%dT%H%M%SZ", "2011-12-31T18:30"),
    ("2011-12-31 18", "%Y-%m-%d %H", "2011-12-31T18:00"),
    ("2011-12-31 18:30:00,500", "%Y-%m-%d %H:%M:%S,%3f", "2011-12-31T18:30:00.500"),
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
        ("2011-W53", "%G-W%V"),
        ("2011-W00", "%G-W%V"),
        ("2011-W01-8", "%G-W%V-%u"),
        ("31-DEC-2011", "%d-%b-%Y"),
        ("31-Dez-2011", "%d-%b-%Y"),
        ("May 2011", "%^b %Y"),
        ("01/01/2011 13:00 PM", "%d/%m/%Y %I:%M %p"),
        ("01/01/2011 00:00 AM", "%d/%m/%Y %I:%M %p"),
        ("2011-01-01 00:00+25:00", "%Y-%m-%d %H:%M%:z"),
        ("2011-366", "%Y-%j"),
        ("60", "excel"),
        ("045292", "excel"),
        ("45292.", "excel"),
        ("1.7e9", "epoch_s"),
        ("01700000000", "epoch_s"),
        ("-0", "epoch_s"),
        ("1700000000123456789", "epoch_ns"),
        ("99999999999999999999", "epoch_ns"),
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


@given(st.text("0123456789-/.:TZQW +éJanuaryPM,\0", max_size=20))
def test_any_text_is_a_time_or_not_but_never_a_crash(text: str) -> None:
    """Candidates of any text can be parsed without an error, and a text that is read is written back the same."""
    for pattern in patterns_for(text):
        parsed = parse_times([text], pattern)
        if not np.isnat(parsed[0]) and not has_offset(pattern):
            assert format_times(parsed, pattern) == [text]


@pytest.mark.parametrize(
    ("text", "pattern", "moment"),
    [
        ("1704067200", "epoch_s", "2024-01-01"),
        ("-86400", "epoch_s", "1969-12-31"),
        ("0", "epoch_s", "1970-01-01"),
        ("1704067200.250", "epoch_s.3", "2024-01-01T00:00:00.250"),
        ("-0.5", "epoch_s.1", "1969-12-31T23:59:59.5"),
        ("1704067200001", "epoch_ms", "2024-01-01T00:00:00.001"),
        ("1704067200000001", "epoch_us", "2024-01-01T00:00:00.000001"),
        ("1704067200000001000", "epoch_ns", "2024-01-01T00:00:00.000001"),
        # As spreadsheets show them: day 1 is 1 January 1900, and a 29 February 1900 is counted that never was.
        ("1", "excel", "1900-01-01"),
        ("59", "excel", "1900-02-28"),
        ("61", "excel", "1900-03-01"),
        ("45292", "excel", "2024-01-01"),
        ("45292.0416666667", "excel", "2024-01-01T01:00"),
        ("45292.041666666664", "excel.12", "2024-01-01T01:00"),
        ("45292.0", "excel.9f", "2024-01-01"),
        ("45292.75", "excel.9f", "2024-01-01T18:00"),
        ("31/12/68", "%d/%m/%y", "2068-12-31"),
        ("31/12/69", "%d/%m/%y", "1969-12-31"),
        ("2024-060", "%Y-%j", "2024-02-29"),
    ],
)
def test_a_form_that_must_be_named_is_read_and_written(text: str, pattern: str, moment: str) -> None:
    """Numbers that count, years of two digits and days of the year."""
    parsed = parse_times([text], pattern)
    assert parsed[0] == np.datetime64(moment, "us")
    assert format_times(parsed, pattern) == [text]
    assert pattern not in patterns_for(text)


@given(st.lists(st.datetimes(datetime(1900, 3, 1), datetime(2199, 12, 31)), min_size=1, max_size=30))
def test_serials_are_as_exact_as_they_are_written(moments: list[datetime]) -> None:
    """Microseconds as counts, whole seconds as days of Excel."""
    exact = np.array(moments, "datetime64[us]")
    for pattern in ("epoch_s.6", "epoch_ms.3", "epoch_us", "epoch_ns"):
        np.testing.assert_array_equal(parse_times(format_times(exact, pattern), pattern), exact)
    seconds = exact.astype("datetime64[s]")
    np.testing.assert_array_equal(parse_times(format_times(seconds, "excel"), "excel"), seconds)


@given(st.lists(st.dates(datetime(1700, 1, 1).date(), datetime(2199, 12, 31).date()), min_size=1, max_size=30))
def test_weeks_and_names_are_those_of_the_standard_library(dates: list[date]) -> None:
    """Numbers of ISO weeks as `isocalendar` has them, names of months as strftime writes them in English."""
    moments = np.array(dates, "datetime64[us]")
    assert format_times(moments, "%G-W%V-%u") == ["{}-W{:02}-{}".format(*day.isocalendar()) for day in dates]
    for pattern in ("%G-W%V-%u", "%d %B %Y", "%~b/%d/%Y", "%Y-%j"):
        np.testing.assert_array_equal(parse_times(format_times(moments, pattern), pattern), moments)


@pytest.mark.parametrize(("form", "pattern"), [("+02:00", "%:z"), ("+0200", "%z"), ("+02", "%-z"), (" +02:00", " %:z")])
def test_an_offset_that_is_a_field_is_read_into_utc_and_written_by_a_zone(form: str, pattern: str) -> None:
    """Summer in Berlin is two hours ahead, winter one."""
    text, pattern = f"2024-07-01 12:00{form}", f"%Y-%m-%d %H:%M{pattern}"
    parsed = parse_times([text], pattern)
    assert parsed[0] == np.datetime64("2024-07-01T10:00")
    assert format_times(parsed, pattern, "Europe/Berlin") == [text]
    winter = np.array(["2024-01-01T11:00"], "datetime64[us]")
    assert format_times(winter, pattern, "Europe/Berlin") == [f"2024-01-01 12:00{form.replace('2', '1')}"]
    assert has_offset(pattern)


def test_a_zone_writes_what_its_clocks_show() -> None:
    """The hour of autumn twice, as the clocks do."""
    utc = np.array(["2024-10-26T23:00", "2024-10-27T00:00", "2024-10-27T01:00", "2024-10-27T02:00"], "datetime64[us]")
    texts = [text[11:] for text in format_times(utc, "%Y-%m-%d %H:%M", "Europe/Berlin")]
    assert texts == ["01:00", "02:00", "02:00", "03:00"]


@pytest.mark.parametrize("text", ["18.00.00", "18:00", "06:15:00", "6:15", "06:15 PM", "18h00"])
def test_a_clock_time_alone_is_known_as_such(text: str) -> None:
    """It has a form, is no timestamp, and comes back."""
    assert patterns_for(text) == []
    pattern = clock_patterns_for(text)[0]
    assert format_times(parse_times([text], pattern), pattern) == [text]


@pytest.mark.parametrize("text", ["18.00", "1800", "18", "2024-01-01", "-1:00", ""])
def test_a_number_or_a_date_is_no_clock_time(text: str) -> None:
    """18.00 is a price before it is an hour."""
    assert clock_patterns_for(text) == []


@pytest.mark.parametrize(
    "pattern",
    [
        *("%Y-%m-%d", "%d/%m/%y %H:%M", "%G-W%V", "%Y-%j", "%Y", "%b %Y", "%I:%M %p %d.%m.%Y"),
        *("%Y-%m-%dT%H:%M:%S.%f%z", "epoch_ms", "excel", "excel.9f"),
    ],
)
def test_a_date_format_that_names_moments_is_taken(pattern: str) -> None:
    """Fields of strftime, and words."""
    check_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("YYYY-MM-DD", "unknown date format"),
        ("epoch", "unknown date format"),
        ("%Y-%m-%k", "unknown field"),
        ("%d/%m", "does not tell"),
        ("%Y-%d", "does not tell"),
        ("%Y-%m %H", "does not tell"),
        ("%d-%M-%Y", "does not tell"),
        ("%Y-%m-%d %I:%M", "does not tell"),
        ("%Y-%m-%d %Y", "twice"),
    ],
)
def test_a_date_format_that_names_no_moment_is_refused(pattern: str, told: str) -> None:
    """Minutes in the place of months, and hours of twelve without a half of the day, too."""
    with pytest.raises(ConfigError, match=told):
        check_pattern(pattern)


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
