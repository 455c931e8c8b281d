"""Text to timestamps: one format for the whole column."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config import ReadConfig
from forecast.errors import ConfigError
from forecast.panel import Columns
from forecast.reading import read_panel
from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.times import TimeColumn, clock_pattern, parse_moment, read_times, time_pattern
from forecast.reading.timetexts import TimeTexts
from forecast.timeformat import format_times
from tests.reading.files import days


def table(*columns: list[str], names: Sequence[str] = ("date",)) -> Table:
    """A table whose first row is line 2."""
    return Table("x.csv", tuple(names), tuple(map(Cells.of, columns)), range(2, 2 + len(columns[0])), 1)


def read(cells: list[str], known_pattern: str | None = None, **options: str) -> TimeColumn:
    """A column called date, read with options of ReadConfig."""
    known = Columns("date", ("y",), time_format=known_pattern) if known_pattern else None
    return read_times(table(cells), (0,), ReadConfig(**options), known=known)  # type: ignore[arg-type]


def codes(column: TimeColumn) -> list[tuple[str, int | None]]:
    """The problems of a column as code and line."""
    return [(problem.code, problem.line) for problem in column.problems]


DAYS = [date(2023, 9, 25) + timedelta(days=n) for n in range(40)]


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("{0:%Y-%m-%d}", "%Y-%m-%d"),
        ("{0.year}/{0.month}/{0.day} 0:00", "%Y/%-m/%-d %-H:%M"),
        ("{0:%d.%m.%Y}", "%d.%m.%Y"),
        ("{0:%m/%d/%Y}", "%m/%d/%Y"),
        ("{0.month}/{0.day}/{0.year} 12:30", "%-m/%-d/%Y %H:%M"),
        ("{0:%d-%m-%Y} 7:05:09", "%d-%m-%Y %-H:%M:%S"),
        ("{0:%Y%m%d}", "%Y%m%d"),
        ("{0:%Y-%m-%d}T23:59:59.500+02:00", "%Y-%m-%dT%H:%M:%S.%3f+02:00"),
        ("{0:%Y-%m-%d} 00:00:00 UTC", "%Y-%m-%d %H:%M:%S UTC"),
        ("  {0:%Y-%m-%d} ", "%Y-%m-%d"),
    ],
)
def test_one_format_is_found_for_the_whole_column(form: str, pattern: str) -> None:
    """Padding and the order of fields follow from all of its rows, and every date is the one that was written."""
    column = read([form.format(day) for day in DAYS])
    assert column.pattern == pattern
    assert not column.problems
    np.testing.assert_array_equal(column.timestamps.astype("datetime64[D]"), np.array(DAYS, "datetime64[D]"))


def test_one_day_above_twelve_proves_the_order() -> None:
    """Wherever in the column it stands."""
    early = [f"{day:02}/03/2024" for day in range(1, 12)]
    assert read([*early, "13/03/2024", *early]).pattern == "%d/%m/%Y"
    assert read(["03/13/2024", *[f"03/{day:02}/2024" for day in range(1, 12)]]).pattern == "%m/%d/%Y"


def test_regular_steps_prove_the_order() -> None:
    """The first of every month over two years is monthly one way and nothing the other way."""
    texts = [f"01/{month:02}/{year}" for year in (2022, 2023) for month in range(1, 13)]
    column = read(texts)
    assert column.pattern == "%d/%m/%Y"
    assert not column.problems
    assert [note[:4] for note in column.notes] == ["W301"]
    assert "day/month" in column.notes[0]
    assert column.timestamps[1] == np.datetime64("2022-02-01")
    assert read([f"{t[3:5]}/{t[:2]}/{t[6:]}" for t in texts]).pattern == "%m/%d/%Y"


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        ([f"01/{month:02}/2022" for month in range(1, 13)], 3),
        (["01/02/2022", "05/02/2022", "07/03/2022", "02/04/2022"], 2),
        (["01/02/2022"], 2),
    ],
)
def test_a_doubtful_order_is_refused(texts: list[str], line: int) -> None:
    """Regular both ways, regular neither way, or too short to tell; at the first row that differs."""
    assert codes(read(texts)) == [("E316", line)]


def test_the_pattern_of_a_model_settles_the_order() -> None:
    """A short new file is read as the model's file was, where that fits; else anew."""
    texts = ["01/02/2022", "02/02/2022", "03/02/2022"]
    assert read(texts, "%d/%m/%Y").timestamps[1] == np.datetime64("2022-02-02")
    assert read(texts, "%m/%d/%Y").timestamps[1] == np.datetime64("2022-02-02")
    assert read(texts, "%d/%m/%Y").timestamps[2] == np.datetime64("2022-02-03")
    assert read(days(5), "%d/%m/%Y").pattern == "%Y-%m-%d"


@pytest.mark.parametrize("row", [0, 7, 19])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2024-1-05", "E312"),
        ("05.01.2024", "E312"),
        ("2024-01-05T00:00:00", "E312"),
        ("Q1", "E312"),
        ("2024-02-30", "E313"),
        ("2024-13-01", "E313"),
        ("1699-12-31", "E315"),
        ("2201-01-01", "E315"),
        ("", "E319"),
        ("NA", "E319"),
    ],
)
def test_one_wrong_cell_is_found_wherever_it_stands(row: int, text: str, code: str) -> None:
    """Also in the first row: most cells decide the format, not the first."""
    texts = days(20)
    texts[row] = text
    column = read(texts)
    assert codes(column) == [(code, row + 2)]
    if code != "E315":
        assert np.isnat(column.timestamps[row])


def test_both_lines_of_a_mixture_are_named() -> None:
    """The odd one and one of the others."""
    (problem,) = read([*days(5), "06/01/2024"]).problems
    assert problem.text == 'column "date": "06/01/2024" is not written like "2024-01-01" on line 2'
    assert problem.line == 7


def test_a_fraction_of_changing_length_is_a_mixture() -> None:
    """Whoever writes 00:00:00.5 and then 00:00:01 must say the time one way."""
    column = read(["2024-01-01 00:00:00.5", "2024-01-01 00:00:01.0", "2024-01-01 00:00:02"])
    assert codes(column) == [("E312", 4)]


def test_an_offset_that_stays_is_kept_as_text() -> None:
    """The wall time is what is read; the offset comes back with the format."""
    column = read([f"{day} 06:00:00-05:00" for day in days(4)])
    assert column.pattern == "%Y-%m-%d %H:%M:%S-05:00"
    assert column.timestamps[0] == np.datetime64("2024-01-01T06:00")


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["2024Q1", "2024Q2"], "%YQ%q"),
        (["2019-Q4", "2020-Q1"], "%Y-Q%q"),
        (["Q4 2019", "Q1 2020"], "Q%q %Y"),
        (["12/2019", "01/2020"], "%m/%Y"),
        (["1976 Jul", "1976 Aug"], "%Y %b"),
        (["May 2024", "June 2024"], "%B %Y"),
        (["May 2024", "Jun 2024"], "%b %Y"),
        (["201912", "202001"], "%Y%m"),
    ],
)
def test_periods_begin_on_their_first_day(texts: list[str], pattern: str) -> None:
    """Quarters and months are moments too, those with names among them."""
    column = read(texts)
    assert column.pattern == pattern
    assert (column.timestamps == column.timestamps.astype("datetime64[M]")).all()


def test_weeks_are_their_mondays() -> None:
    """From the last week of 2020, which has 53, into the first of 2021."""
    column = read(["2020-W52", "2020-W53", "2021-W01"])
    assert column.pattern == "%G-W%V"
    assert [str(day) for day in column.timestamps.astype("datetime64[D]")] == ["2020-12-21", "2020-12-28", "2021-01-04"]


def test_dates_with_and_without_leading_zeros_may_stand_in_one_column() -> None:
    """1/2/2024 and 12/10/2024 are one format; 01/2/2024 is another."""
    texts = ["1/2/2024", "12/10/2024", "30/4/2024"]
    column = read(texts)
    assert column.pattern == "%-d/%-m/%Y"
    assert not column.problems
    assert codes(read([*texts, "01/2/2024"])) == [("E312", 5)]


@pytest.mark.parametrize(
    ("texts", "date_format", "pattern", "second"),
    [
        (["01/02/2022", "05/02/2022", "07/03/2022"], "%d/%m/%Y", "%d/%m/%Y", "2022-02-05"),
        (["01/02/2022", "05/02/2022", "07/03/2022"], "%m/%d/%Y", "%m/%d/%Y", "2022-05-02"),
        (["1/2/2022", "5/2/2022"], "%d/%m/%Y", "%-d/%-m/%Y", "2022-02-05"),
        (["01/02/98", "05/02/98"], "%d/%m/%y", "%d/%m/%y", "1998-02-05"),
        (["1704067200000", "1704070800000"], "epoch_ms", "epoch_ms", "2024-01-01T01"),
        (["1704067200.0", "1704070800.0"], "epoch_s", "epoch_s.1", "2024-01-01T01"),
        (["45292", "45292.0416666667"], "excel", "excel.10", "2024-01-01T01"),
        (["45292.0", "45293.0"], "excel", "excel.1f", "2024-01-02"),
        (["05-JAN-2024", "06-JAN-2024"], "%d-%b-%Y", "%d-%^b-%Y", "2024-01-06"),
        (["2024-01-01 00:00:00.5", "2024-01-01 00:00:01.0"], "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%1f", None),
        (["2024-01-01T00:00Z", "2024-01-01T01:00Z"], "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%MZ", "2024-01-01T01"),
    ],
)
def test_a_date_format_is_obeyed(texts: list[str], date_format: str, pattern: str, second: str | None) -> None:
    """Leading zeros, letters and decimals are as the texts have them, so that the same text can be written."""
    column = read(texts, date_format=date_format)
    assert not column.problems
    assert column.pattern == pattern
    if second is not None:
        assert column.timestamps[1] == np.datetime64(second)
    assert format_times(column.timestamps, column.pattern) == texts


def test_a_date_format_that_fits_nothing_is_refused_with_one_that_does() -> None:
    """The hint is what the first cell is written in."""
    (problem,) = read(days(5), date_format="%d.%m.%Y").problems
    assert (problem.code, problem.line, problem.hint) == ("E311", 2, "--date-format %Y-%m-%d")


@pytest.mark.parametrize("options", [{"date_format": "DD.MM.YYYY"}, {"timezone": "Europe/Berlim"}])
def test_an_option_that_means_nothing_is_a_fault_of_the_options(options: dict[str, str]) -> None:
    """Whatever the file holds."""
    with pytest.raises(ConfigError):
        read(days(5), **options)


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        ([f"{day:%d/%m/%y}" for day in DAYS], "--date-format %d/%m/%y"),
        ([f"{day:%m/%d/%y}" for day in DAYS], "--date-format %m/%d/%y"),
        ([f"{day:%y-%m-%d}" for day in DAYS], "--date-format %y-%m-%d"),
        ([f"{day:%d/%m/%y} 06:00" for day in DAYS], "--date-format '%d/%m/%y %H:%M'"),
        (["Jan-24", "Feb-24", "Mar-24"], "--date-format %b-%y"),
        ([str(1_704_067_200 + 3600 * n) for n in range(9)], "--date-format epoch_s"),
        ([str(1_704_067_200_000 + 3600 * n) for n in range(9)], "--date-format epoch_ms"),
        ([str(1_704_067_200_000_000 + 3600 * n) for n in range(9)], "--date-format epoch_us"),
        ([str(1_704_067_200_000_000_000 + 3_600_000 * n) for n in range(9)], "--date-format epoch_ns"),
        ([str(45292 + n) for n in range(9)], "--date-format excel"),
        ([str(45292 + n / 4) for n in range(9)], "--date-format excel"),
        (["2024-01-01 00:00 CET", "2024-01-01 01:00 CET"], "--timezone Europe/Berlin"),
        (["2024-01-01T00:00+01:00[Europe/Paris]", "2024-01-01T01:00+01:00[Europe/Paris]"], "--timezone Europe/Paris"),
        (["1 août 2024", "2 août 2024"], "write months as numbers"),
        (["01 Mai 2024", "02 Mai 2024"], "write months as numbers"),
        (["1 мая 2024", "2 мая 2024"], "write months as numbers"),
        (["one", "two"], "--time"),
    ],
)
def test_what_is_no_timestamp_says_what_it_may_be(texts: list[str], hint: str) -> None:
    """With the very option that reads it, where there is one."""
    (problem,) = read(texts).problems
    assert (problem.code, problem.line) == ("E311", 2)
    assert hint in (problem.hint or "")
    if "--date-format" in hint:
        assert not read(texts, date_format=shlex.split(problem.hint or "")[1]).problems


def test_a_count_that_is_finer_than_a_microsecond_is_refused() -> None:
    """It would not come back as it was."""
    texts = [str(1_704_067_200_000_000_000 + 1_000 * n + (n == 4)) for n in range(9)]
    (problem,) = read(texts, date_format="epoch_ns").problems
    assert (problem.code, problem.line) == ("E313", 6)


def test_a_doubtful_order_is_settled_by_the_hint() -> None:
    """Pasted as it is, it reads the column."""
    texts = ["1/2/2022 6:30", "5/2/2022 6:30", "7/3/2022 6:30"]
    (problem,) = read(texts).problems
    assert problem.hint == "--date-format '%-d/%-m/%Y %-H:%M'"
    assert not read(texts, date_format=shlex.split(problem.hint)[1]).problems


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("2024-01-01 24:00", "E314", "24:00"),
        ("2024-01-01 23:60", "E313", "no moment"),
        ("2024-01-01 25:00", "E313", "no moment"),
        ("2024-02-30 12:00", "E313", "no moment"),
        ("2024-01-01 12:00Z", "E318", "a UTC offset"),
        ("2024-01-01 12:00 CET", "E312", "time zone"),
    ],
)
def test_an_odd_time_is_called_what_it_is(text: str, code: str, words: str) -> None:
    """Each with its line."""
    (problem,) = read([*(f"{day} 12:00" for day in days(20)), text]).problems
    assert (problem.code, problem.line) == (code, 22)
    assert words in problem.text


def test_a_leap_second_is_no_moment_here() -> None:
    """The minute has sixty seconds, 0 to 59."""
    (problem,) = read(["2016-12-31 23:59:59", "2016-12-31 23:59:60", "2017-01-01 00:00:00"]).problems
    assert (problem.code, problem.line) == ("E313", 3)
    assert "leap second" in problem.text


def test_midnights_without_a_clock_time_are_read_where_they_can_be_nothing_else() -> None:
    """Whoever leaves out 00:00 at midnight, and only there, in rows that are regular with it."""
    hours = np.arange(np.datetime64("2024-01-01T20"), np.datetime64("2024-01-04T04"))
    texts = [
        str(hour).replace("T", " ").removesuffix(" 00") + ":00" * (" " in str(hour).replace("T", " ")) for hour in hours
    ]
    texts = [text.removesuffix(":00") if len(text) < 14 else text for text in texts]
    column = read(texts)
    assert not column.problems
    assert [note[:4] for note in column.notes] == ["W304"]
    np.testing.assert_array_equal(column.timestamps, hours.astype("datetime64[us]"))
    # A midnight with a clock time shows that a date without one is something else.
    assert codes(read([*texts, "2024-01-05 00:00"]))[0][0] == "E312"


def test_a_date_and_a_clock_time_may_stand_in_two_columns() -> None:
    """Their texts are joined by a blank, and so is the pattern; a fault is shown in the column that has it."""
    dates = [f"{day:%d/%m/%Y}" for day in DAYS for _ in range(3)]
    clocks = [f"{hour:02}.30.00" for _ in DAYS for hour in (0, 8, 16)]
    both = read_times(table(dates, clocks, names=("Date", "Time")), (0, 1), ReadConfig())
    assert both.pattern == "%d/%m/%Y %H.%M.%S"
    assert not both.problems
    assert both.timestamps[4] == np.datetime64("2023-09-26T08:30")
    joined = [" ".join(pair) for pair in zip(dates, clocks, strict=True)]
    assert format_times(both.timestamps, both.pattern) == joined
    clocks[7], dates[9] = "24.00.00", ""
    faults = read_times(table(dates, clocks, names=("Date", "Time")), (0, 1), ReadConfig()).problems
    assert sorted((p.code, p.line, p.column) for p in faults) == [("E314", 9, 2), ("E319", 11, 1)]


def test_year_month_and_day_may_stand_in_columns_of_their_own() -> None:
    """In the order of the file, whatever it is, by the names of the columns."""
    columns = [[f"{day.day}" for day in DAYS], [f"{day.month:02}" for day in DAYS], [str(day.year) for day in DAYS]]
    names = ("Day", "Month", "Year")
    column = read_times(table(*columns, names=names), (0, 1, 2), ReadConfig())
    assert column.pattern == "%-d %m %Y"
    np.testing.assert_array_equal(column.timestamps.astype("datetime64[D]"), np.array(DAYS, "datetime64[D]"))
    columns[0][2], columns[1][2] = "30", "02"
    columns[1][5] = "13"
    faults = read_times(table(*columns, names=names), (0, 1, 2), ReadConfig()).problems
    assert [(p.code, p.line, p.column) for p in faults] == [("E313", 4, 1), ("E313", 7, 2)]


def test_the_pattern_of_a_model_reads_the_same_columns_again() -> None:
    """However many they are: it is divided among them."""
    known = Columns("Date Time", ("y",), time_format="%m/%d/%Y %H.%M", time_parts=("Date", "Time"))
    texts = table(["01/02/2022", "01/03/2022"], ["06.00", "06.00"], names=("Date", "Time"))
    column = read_times(texts, (0, 1), ReadConfig(), known=known)
    assert column.pattern == "%m/%d/%Y %H.%M"
    assert column.timestamps[0] == np.datetime64("2022-01-02T06:00")


def test_most_of_a_sample_decides_whether_a_column_holds_times() -> None:
    """Numbers and words do not, a few broken cells do no harm."""
    assert time_pattern(["x", *days(300), "y"]) == "%Y-%m-%d"
    assert time_pattern([f"{n}.5" for n in range(300)]) == ""
    assert time_pattern(["sun", "rain"]) == ""
    assert time_pattern(["", ""]) == ""


def test_numbers_are_times_only_when_all_of_them_are() -> None:
    """Dates and months of digits alone; a number among them that is none shows that none is meant."""
    assert time_pattern([day.replace("-", "") for day in days(40)]) == "%Y%m%d"
    assert time_pattern([*(day.replace("-", "") for day in days(40)), "20241301"]) == ""
    assert time_pattern([f"{year}{month:02}" for year in (2022, 2023) for month in range(1, 13)]) == "%Y%m"
    assert time_pattern([str(200_100 + 37 * n) for n in range(50)]) == ""


def test_a_clock_time_is_no_timestamp() -> None:
    """It is a part of one."""
    clocks = [f"{hour:02}.00.00" for hour in range(24)]
    assert clock_pattern(clocks) == "%H.%M.%S"
    assert time_pattern(clocks) == ""
    assert clock_pattern([f"{n}.50" for n in range(24)]) == ""
    assert clock_pattern(days(5)) == ""


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2024-01-31", "", "2024-01-31T23:59:59.999999"),
        ("2024-01-31 18:00", "", "2024-01-31T18:00"),
        ("2024-01-31T18:00:30", "", "2024-01-31T18:00:30"),
        ("2024-07-31T18:00", "Europe/Berlin", "2024-07-31T16:00"),
        ("2024-07-31", "Europe/Berlin", "2024-07-31T21:59:59.999999"),
        ("2024-07-31T18:00Z", "Europe/Berlin", "2024-07-31T18:00"),
    ],
)
def test_a_moment_is_named_in_iso_form(text: str, zone: str, moment: str) -> None:
    """A date means the whole of its day, by the clocks of the zone."""
    assert parse_moment(text, zone) == np.datetime64(moment)


@pytest.mark.parametrize("text", ["31.01.2024", "2024-02-30", "now", "", "1704067200", "20240131"])
def test_anything_else_names_no_moment(text: str) -> None:
    """It is a fault of the options."""
    with pytest.raises(ConfigError):
        parse_moment(text)


def test_the_format_of_the_file_is_kept(tmp_path: Path) -> None:
    """A panel carries the pattern that writes its timestamps back as they were."""
    path = tmp_path / "x.csv"
    path.write_text("t,y\n" + "".join(f"{d:%d.%m.%Y},{n}\n" for n, d in enumerate(DAYS)))
    assert read_panel(path).columns == Columns("t", ("y",), (), "%d.%m.%Y")


FORMS = [
    *("%Y-%m-%d", "%-d/%-m/%Y", "%m/%d/%Y %-I:%M %p", "%Y%m%d", "%d %b %Y", "%B %-d, %Y", "%G-W%V", "%YQ%q", "%Y-%m"),
    *("%d.%m.%Y %H.%M.%S", "%Y-%m-%dT%H:%M:%S.%3fZ", "%Y-%m-%d %H:%M+05:30", "%Y%m%dT%H%M", "%d-%^b-%Y %H"),
]


@settings(max_examples=200, deadline=None)
@given(
    form=st.sampled_from(FORMS),
    moments=st.lists(st.datetimes(datetime(1800, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=12),
    spoilt=st.lists(st.tuples(st.integers(0, 11), st.text("0123456789-/.:TZQW +JanM", max_size=12)), max_size=3),
)
def test_every_text_that_is_read_comes_back(form: str, moments: list[datetime], spoilt: list[tuple[int, str]]) -> None:
    """Whatever else stands in the column: each cell is a moment that is written as the cell is, or a problem."""
    texts = format_times(np.array(moments, "datetime64[us]"), form)
    for row, text in spoilt:
        texts[row % len(texts)] = text
    column = read(texts)
    read_rows = np.flatnonzero(~np.isnat(column.timestamps))
    blamed = {(problem.line or 0) - 2 for problem in column.problems}
    if column.pattern:
        assert blamed | set(read_rows.tolist()) == set(range(len(texts)))
    else:
        assert blamed
    if not any(note.startswith(("W303", "W304")) for note in column.notes):
        again = format_times(column.timestamps[read_rows], column.pattern) if len(read_rows) else []
        assert again == [texts[row].strip(" ") for row in read_rows]


@pytest.mark.parametrize("change", [None, (7, "2024-02-30"), (0, "2024-01-0x"), (11, "2023-01-01")])
def test_times_that_come_again_for_every_series_are_read_as_one_by_one(change: tuple[int, str] | None) -> None:
    """Four series of three days, also where one text is no time or another one."""
    texts = ["2024-01-01", "2024-01-02", "2024-01-03"] * 4
    if change:
        texts[change[0]] = change[1]
    fit = TimeTexts([Cells.of(texts)]).parse(("%Y-%m-%d",))
    expected = [np.datetime64("NaT") if "x" in text or "30" in text else np.datetime64(text) for text in texts]
    np.testing.assert_array_equal(fit.timestamps, np.array(expected, dtype="datetime64[us]"))
