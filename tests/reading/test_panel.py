"""A file becomes a Panel: order, repeats, gaps, calendars and what a saved model asks for."""

from __future__ import annotations

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from forecast.calendars import Calendar
from forecast.errors import ConfigError, DataError
from forecast.panel import Columns, Known
from forecast.reading import inspect_file, read_panel
from tests.reading.files import daily, days, problem_of, problems_of, put, read


def hours(first: str, count: int) -> list[str]:
    """Texts of consecutive hours of a clock that never changes."""
    start = datetime.fromisoformat(first)
    return [f"{start + timedelta(hours=n):%Y-%m-%d %H:%M}" for n in range(count)]


def rows(texts: list[str]) -> str:
    """A file with the number of the row as its value."""
    return "t,y\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts))


def test_a_clean_file_becomes_a_panel(tmp_path: Path) -> None:
    """Every row at its time with its value, on the calendar of the file, and notes that say what was chosen."""
    panel = read_panel(str(put(tmp_path, daily())))
    (series,) = panel.series
    assert panel.calendar == Calendar("D")
    assert panel.columns == Columns("date", ("y",), (), "%Y-%m-%d")
    assert series.timestamps.dtype == np.dtype("datetime64[us]")
    np.testing.assert_array_equal(series.timestamps, np.array(days(20), "datetime64[us]"))
    np.testing.assert_array_equal(series.values, np.arange(20.0))
    assert panel.notes[:2] == ('time: column "date"', 'target: "y"')
    assert panel.notes[2].startswith("daily")
    assert len(panel.notes) == 3


def test_the_order_of_rows_changes_nothing_but_a_note(tmp_path: Path) -> None:
    """Shuffled rows of several series give the same panel."""
    lines = [f"{day},{city},{n}" for city in ("Rome", "Oslo") for n, day in enumerate(days(15))]
    plain = read_panel(put(tmp_path, "\n".join(["date,city,y", *lines])))
    assert [s.item_id for s in plain.series] == [("Oslo",), ("Rome",)]
    assert not any("sorted" in note for note in plain.notes)
    random.Random(1).shuffle(lines)
    shuffled = read_panel(put(tmp_path, "\n".join(["date,city,y", *lines])))
    assert shuffled.digest() == plain.digest()
    assert any("have been sorted" in note for note in shuffled.notes)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + daily().encode(),
        daily().replace("\n", "\r\n").encode(),
        daily().replace(",", ";").encode(),
        daily().encode("utf-16"),
        gzip.compress(daily().encode()),
        "".join('"{}","{}"\n'.format(*line.split(",")) for line in daily().splitlines()).encode(),
    ],
)
def test_a_dialect_changes_nothing(tmp_path: Path, content: bytes) -> None:
    """The same data in another dress has the same digest."""
    assert read_panel(put(tmp_path, content)).digest() == read_panel(put(tmp_path, daily(), "plain.csv")).digest()


def test_absent_rows_and_blank_cells_are_missing_and_counted(tmp_path: Path) -> None:
    """They are NaN on the grid of the calendar, and notes name the first few."""
    text = (
        daily(30).replace("2024-01-05,4\n", "").replace("2024-01-20,19\n", "").replace("2024-01-09,8", "2024-01-09,NA")
    )
    panel = read_panel(put(tmp_path, text))
    values = panel.series[0].values
    assert len(values) == 30
    assert np.flatnonzero(np.isnan(values)).tolist() == [4, 8, 19]
    assert values[20] == 20
    assert "W404 2 of 30 steps (6.7 %) have no row and count as missing: 2024-01-05, 2024-01-20" in panel.notes
    assert "W405 1 of 30 steps (3.3 %) have a blank cell and count as missing: 2024-01-09" in panel.notes


def test_missing_values_at_the_ends_are_cut_off(tmp_path: Path) -> None:
    """A series begins and ends with a value; what is cut off its end is said."""
    text = daily(20).replace("-01,0\n", "-01,\n").replace("-19,18\n", "-19,\n").replace("-20,19\n", "-20,null\n")
    panel = read_panel(put(tmp_path, text))
    assert panel.first == np.datetime64("2024-01-02")
    assert panel.last == np.datetime64("2024-01-18")
    assert "W406 the series ends with 2 rows without a value; the last value is of 2024-01-18" in panel.notes
    assert panel.n_missing == 0


def test_a_repeated_row_is_dropped_and_a_contradiction_is_not(tmp_path: Path) -> None:
    """The same row twice is one; another value at the same time is an error that names both lines."""
    twice = daily().replace("2024-01-05,4\n", "2024-01-05,4\n2024-01-05,4.0\n")
    panel = read_panel(put(tmp_path, twice))
    assert panel.digest() == read_panel(put(tmp_path, daily())).digest()
    assert "W401 1 row that repeats an earlier one is ignored" in panel.notes
    problem = problem_of(put(tmp_path, twice.replace("4.0", "5")))
    assert (problem.code, problem.line) == ("E401", 7)
    assert problem.text.endswith("first on line 6")
    assert problem_of(put(tmp_path, twice.replace("4.0", ""))).code == "E401"


@pytest.mark.parametrize(("zone_day", "label"), [("2023-11-05", "01"), ("2023-10-29", "02")])
def test_the_hour_that_clocks_repeat_is_kept_once(tmp_path: Path, zone_day: str, label: str) -> None:
    """A doubled hour at an autumn change in America and in Europe is explained in a note, and its first row kept."""
    texts = hours(f"{zone_day[:8]}01 00:00", 24 * 29)
    at = texts.index(f"{zone_day} {label}:00")
    panel = read_panel(put(tmp_path, rows([*texts[: at + 1], *texts[at:]])))
    assert panel.series[0].values[at : at + 3].tolist() == [at, at + 2, at + 3]
    note = next(note for note in panel.notes if "twice" in note)
    assert note.startswith("W402 1 timestamp appears twice")
    assert f"first on line {at + 3}" in note


@pytest.mark.parametrize("moment", ["2023-11-05 07:00", "2023-11-06 01:00"])
def test_another_doubled_hour_is_a_contradiction(tmp_path: Path, moment: str) -> None:
    """An hour that no clock repeats is not explained away."""
    texts = hours("2023-11-01 00:00", 24 * 10)
    at = texts.index(moment)
    problem = problem_of(put(tmp_path, rows([*texts[: at + 1], *texts[at:]])))
    assert (problem.code, problem.line) == ("E401", at + 3)


def test_a_doubled_hour_with_an_offset_or_thrice_is_a_contradiction(tmp_path: Path) -> None:
    """With an offset in the text no hour repeats, and none comes three times."""
    texts = hours("2023-11-01 00:00", 24 * 10)
    at = texts.index("2023-11-05 01:00")
    doubled = [*texts[: at + 1], *texts[at:]]
    assert problem_of(put(tmp_path, rows([f"{text}Z" for text in doubled]))).code == "E401"
    assert len(problems_of(put(tmp_path, rows([*texts[: at + 1], texts[at], *texts[at:]])))) == 2


def test_a_doubled_date_is_a_contradiction_on_any_day(tmp_path: Path) -> None:
    """Midnight of a day on which some clock changes explains nothing in a file of dates."""
    text = "t,y\n" + "".join(f"2023-11-{day:02},{n}\n" for n, day in enumerate([1, 2, 3, 4, 5, 5, *range(6, 30)]))
    assert problem_of(put(tmp_path, text)).code == "E401"


def test_series_too_short_to_use(tmp_path: Path) -> None:
    """Alone it is an error; in a panel it is left out by name."""
    problem = problem_of(put(tmp_path, daily(2)))
    assert problem.code == "E403"
    assert "only 2 values" in problem.text
    lines = [f"{day},{city},{n}" for city, count in (("Rome", 15), ("Oslo", 2)) for n, day in enumerate(days(count))]
    panel = read_panel(put(tmp_path, "\n".join(["date,city,y", *lines])))
    assert [s.item_id for s in panel.series] == [("Rome",)]
    assert 'W403 1 series with fewer than 3 values are left out: "Oslo"' in panel.notes


def test_a_target_too_short_in_one_item_is_left_out_there(tmp_path: Path) -> None:
    """Its item and its name are in a note."""
    text = "date,a,b\n" + "".join(f"{day},{n},{n if n < 2 else ''}\n" for n, day in enumerate(days(20)))
    panel = read(put(tmp_path, text), target=["a", "b"])
    assert [s.target for s in panel.series] == ["a"]
    assert 'W403 1 series with fewer than 3 values are left out: "b"' in panel.notes


def test_frequency_and_calendar_are_handed_on(tmp_path: Path) -> None:
    """An option that means nothing, or that the rows contradict, is refused by the calendars."""
    assert read(put(tmp_path, daily()), freq="D").calendar.freq == "D"
    with pytest.raises(ConfigError):
        read(put(tmp_path, daily()), freq="fortnight")
    with pytest.raises(DataError, match=r"data\.csv: .*not on the calendar"):
        read(put(tmp_path, daily()), freq="MS")


def test_prices_follow_an_exchange(tmp_path: Path) -> None:
    """Columns named like those of a price file let an exchange's calendar win; its holidays are no gaps."""
    holidays = ["2023-01-02", "2023-01-16", "2023-02-20"]
    dates = [
        day
        for day in np.arange("2023-01-03", "2023-04-07", dtype="datetime64[D]")
        if np.is_busday(day, holidays=holidays)
    ]
    text = "Date,Open,Close\n" + "".join(f"{day},{n},{n}\n" for n, day in enumerate(dates))
    panel = read_panel(put(tmp_path, text))
    assert panel.calendar.exchange == "XNYS"
    assert panel.n_missing == 0


class TestWithASavedModel:
    """What predicting asks of a new file."""

    def test_the_model_names_the_columns(self, tmp_path: Path) -> None:
        """Columns that nothing else would have chosen."""
        text = "a,b,c,d\n" + "".join(f"{day},{n},{-n},{day}\n" for n, day in enumerate(days(20)))
        panel = read_panel(put(tmp_path, text), known=Known(Columns("d", ("c",)), Calendar("D")))
        assert panel.columns == Columns("d", ("c",), (), "%Y-%m-%d")
        assert panel.series[0].values[3] == -3

    @pytest.mark.parametrize(
        "columns", [Columns("day", ("y",)), Columns("date", ("z",)), Columns("date", ("y",), ("shop",))]
    )
    def test_a_missing_column_is_named(self, tmp_path: Path, columns: Columns) -> None:
        """Whichever role it had."""
        assert problem_of(put(tmp_path, daily()), known=Known(columns, Calendar("D"))).code == "E301"

    def test_no_ids_stay_no_ids(self, tmp_path: Path) -> None:
        """A new text column does not turn one series into many."""
        lines = [
            f"{day},{city},{sign}{n}"
            for n, day in enumerate(days(15), 1)
            for city, sign in (("Rome", ""), ("Oslo", "-"))
        ]
        path = put(tmp_path, "\n".join(["date,city,y", *lines]))
        assert len(read_panel(path)) == 2
        assert problems_of(path, known=Known(Columns("date", ("y",)), Calendar("D")))[0].code == "E401"

    def test_the_format_of_the_new_file_is_kept(self, tmp_path: Path) -> None:
        """The model's own where it fits, else what the file has."""
        short = "date,y\n" + "".join(f"0{n}/02/2024,{n}\n" for n in range(1, 6))
        model = Known(Columns("date", ("y",), (), "%d/%m/%Y"), Calendar("D"))
        assert read_panel(put(tmp_path, short), known=model).last == np.datetime64("2024-02-05")
        assert read_panel(put(tmp_path, daily()), known=model).columns.time_format == "%Y-%m-%d"

    def test_a_row_off_the_calendar_is_an_error_on_its_line(self, tmp_path: Path) -> None:
        """A Saturday among business days."""
        known = Known(Columns("date", ("y",)), Calendar("D", weekmask="1111100"))
        week = "".join(f"2024-01-{day:02},1\n" for day in (1, 2, 3, 4, 5, 8, 9))
        assert len(read_panel(put(tmp_path, "date,y\n" + week), known=known).series[0]) == 7
        problem = problem_of(put(tmp_path, "date,y\n" + week.replace("-08,", "-06,")), known=known)
        assert (problem.code, problem.line, problem.column) == ("E320", 7, 1)
        assert '"2024-01-06" is not on the calendar of the model' in problem.text


class TestRepeats:
    """What may become of several rows of one item and time."""

    TEXT = "date,kind,y\n" + "".join(f"{day},a,{n}\n" for n, day in enumerate(days(8)))
    TWICE = TEXT.replace("2024-01-03,a,2\n", "2024-01-03,a,2\n2024-01-03,b,6\n2024-01-03,c,\n")

    @pytest.mark.parametrize(("how", "value"), [("first", 2.0), ("last", np.nan), ("mean", 4.0), ("sum", 8.0)])
    def test_they_are_made_one_as_asked(self, tmp_path: Path, how: str, value: float) -> None:
        """Missing values count neither in a sum nor in a mean; the note counts the rows."""
        panel = read(put(tmp_path, self.TWICE), on_duplicate=how, target=["y"], past=["kind"])
        np.testing.assert_array_equal(panel.series[0].values, [0, 1, value, 3, 4, 5, 6, 7])
        assert any(note.startswith("W407 3 rows are of 1 time") for note in panel.notes)

    def test_equal_rows_are_added_too(self, tmp_path: Path) -> None:
        """Two sales of one piece are two pieces; a sum of nothing is missing, not zero."""
        text = daily(8).replace("-03,2\n", "-03,2\n2024-01-03,2\n").replace("-05,4\n", "-05,\n2024-01-05,\n")
        panel = read(put(tmp_path, text), on_duplicate="sum")
        np.testing.assert_array_equal(panel.series[0].values, [0, 1, 4, 3, np.nan, 5, 6, 7])

    def test_a_number_that_seems_to_mark_a_missing_one_is_warned_of(self, tmp_path: Path) -> None:
        """With the option that takes it for one."""
        text = "date,y\n" + "".join(f"{day},{-200 if n % 9 == 4 else n % 7}\n" for n, day in enumerate(days(60)))
        path = put(tmp_path, text)
        assert any(note.startswith("W205") and note.endswith("--na -200") for note in read_panel(path).notes)
        assert not any("W205" in note for note in read(path, na=["-200"]).notes)

    def test_covariates_follow(self, tmp_path: Path) -> None:
        """Numbers have their mean with a mean; texts, and all with a sum, are those of the last row."""
        text = "date,y,p,k\n" + "".join(f"{day},{n},{n},a\n" for n, day in enumerate(days(8)))
        text = text.replace("-03,2,2,a\n", "-03,2,2,a\n2024-01-03,6,8,b\n")
        for how, price in (("mean", 5.0), ("sum", 8.0), ("first", 2.0), ("last", 8.0)):
            panel = read(put(tmp_path, text), on_duplicate=how, target=["y"], past=["p", "k"])
            assert panel.series[0].covariates[2].tolist() == [price, 0.0 if how == "first" else 1.0]

    def test_the_hint_can_be_pasted_where_no_ids_explain_them(self, tmp_path: Path) -> None:
        """An option that settles it."""
        problem = problem_of(put(tmp_path, daily().replace("-03,2\n", "-03,2\n2024-01-03,6\n")))
        assert str(problem.hint).endswith("--on-duplicate last")

    def test_only_times_of_one_item_repeat(self, tmp_path: Path) -> None:
        """Each item has its own."""
        lines = [f"{day},{city},{n}" for city in ("Rome", "Oslo") for n, day in enumerate(days(8))]
        panel = read(
            put(tmp_path, "\n".join(["date,city,y", *lines, lines[3] + "0"])), on_duplicate="last", id=["city"]
        )
        assert [s.values[3] for s in panel.series] == [3, 30]


class TestAsOf:
    """Rows that come after a moment are as if they were not there yet."""

    def test_later_rows_are_ignored_and_counted(self, tmp_path: Path) -> None:
        """A date without a clock time is the whole day."""
        path = put(tmp_path, rows(hours("2024-01-01 00:00", 72)))
        panel = read(path, as_of="2024-01-02")
        assert panel.last == np.datetime64("2024-01-02T23")
        assert "W408 24 rows later than 2024-01-02 are ignored" in panel.notes
        assert read(path, as_of="2024-01-02T05:00").last == np.datetime64("2024-01-02T05")
        assert read(path, as_of="2030-01-01").digest() == read_panel(path).digest()

    def test_future_covariates_stay_known(self, tmp_path: Path) -> None:
        """They were known then; the target and the past covariates were not."""
        text = "date,y,price,visitors\n" + "".join(f"{day},{n},{n},{n}\n" for n, day in enumerate(days(20)))
        panel = read(put(tmp_path, text), as_of="2024-01-15", target=["y"], future=["price"], past=["visitors"])
        (series,) = panel.series
        assert len(series) == 15
        np.testing.assert_array_equal(series.covariates[15:, 1], np.arange(15.0, 20.0))
        assert np.isnan(series.covariates[15:, 0]).all()

    def test_it_leaves_something_and_is_a_moment(self, tmp_path: Path) -> None:
        """Before the first row nothing is left; a word is no moment."""
        problem = problem_of(put(tmp_path, daily()), as_of="2020-01-01")
        assert problem.code == "E407"
        assert str(problem.hint) == "--as-of 2024-01-01"
        with pytest.raises(ConfigError):
            read(put(tmp_path, daily()), as_of="yesterday")


class TestMissing:
    """Steps without a value are counted, and too many of them are no series."""

    def test_the_longest_gap_is_named_with_its_ends(self, tmp_path: Path) -> None:
        """For absent rows and for blank cells."""
        texts = days(40)
        text = "date,y\n" + "".join(
            f"{day},{'' if 30 <= n < 34 else n}\n" for n, day in enumerate(texts) if n not in (3, *range(10, 15))
        )
        notes = read_panel(put(tmp_path, text)).notes
        absent = next(note for note in notes if note.startswith("W404"))
        assert absent.startswith("W404 6 of 40 steps (15 %) have no row")
        assert absent.endswith("the longest gap has 5 steps, 2024-01-11 to 2024-01-15")
        blank = next(note for note in notes if note.startswith("W405"))
        assert blank.startswith("W405 4 of 40 steps (10 %) have a blank cell")
        assert blank.endswith("the longest gap has 4 steps, 2024-01-31 to 2024-02-03")

    def test_too_many_are_an_error_with_the_limit_that_would_do(self, tmp_path: Path) -> None:
        """Three of four days are blank."""
        text = "date,y\n" + "".join(f"{day},{n if n % 4 == 0 else ''}\n" for n, day in enumerate(days(41)))
        problem = problem_of(put(tmp_path, text))
        assert problem.code == "E404"
        assert "30 of 41 steps (73.2 %)" in problem.text
        assert str(problem.hint).startswith("--max-missing 75 ")
        assert read(put(tmp_path, text), max_missing=75.0).n_missing == 30

    def test_a_limit_may_be_stricter(self, tmp_path: Path) -> None:
        """None missing is a limit too."""
        path = put(tmp_path, daily().replace("-03,2\n", "-03,\n"))
        assert problem_of(path, max_missing=0.0).code == "E404"
        assert read(path, max_missing=5.0).n_missing == 1


def cities(**steps: list[str]) -> str:
    """A file with a series for each city that has a row at each of its times."""
    lines = [f"{text},{city},{n}" for city, texts in steps.items() for n, text in enumerate(texts)]
    return "\n".join(["date,city,y", *lines])


def test_a_series_that_ended_long_ago_is_named(tmp_path: Path) -> None:
    """Not one that ends a few days before the others."""
    notes = read_panel(put(tmp_path, cities(Rome=days(100), Oslo=days(60), Bonn=days(95)))).notes
    (note,) = [note for note in notes if note.startswith("W409")]
    assert '1 series ends long before the last, which goes to 2024-04-09: "Oslo" (2024-02-29)' in note


def test_series_of_different_frequencies_are_refused_by_name(tmp_path: Path) -> None:
    """Whether one calendar would hold both or not; a step that is asked for is taken."""
    mondays, months = days(200)[::7], [f"2024-{month:02}-01" for month in range(1, 13)]
    for other in (mondays, months):
        problem = problem_of(put(tmp_path, cities(Rome=days(200), Oslo=other)))
        assert problem.code == "E405"
        assert '"Oslo"' in problem.text
        assert '"Rome"' in problem.text
    assert len(read(put(tmp_path, cities(Rome=days(200), Oslo=mondays)), freq="D")) == 2


def test_an_item_with_holes_is_of_no_other_frequency(tmp_path: Path) -> None:
    """Rows now and then, of a series that otherwise steps as the others do."""
    some = [day for n, day in enumerate(days(100)) if n % 5 not in (2, 4)]
    assert len(read_panel(put(tmp_path, cities(Rome=days(100), Oslo=some)))) == 2


def test_series_in_different_phases_have_their_own_grids(tmp_path: Path) -> None:
    """Hours that begin at the full hour and at a quarter past, with a hole in one."""
    late = [text.replace(":00", ":15") for text in hours("2024-01-01 00:00", 48)]
    text = cities(Rome=hours("2024-01-01 00:00", 48), Oslo=late[:10] + late[12:])
    panel = read(put(tmp_path, text), id=["city"])
    oslo, rome = panel.series
    assert panel.calendar.freq == "h"
    assert oslo.timestamps[0] == np.datetime64("2024-01-01T00:15")
    assert np.flatnonzero(np.isnan(oslo.values)).tolist() == [10, 11]
    np.testing.assert_array_equal(rome.values, np.arange(48.0))


def test_items_far_apart_in_time_do_not_share_a_grid(tmp_path: Path) -> None:
    """Hours in each of two centuries need no hours between them."""
    early, late = hours("1801-01-01 00:00", 30), hours("2024-01-01 00:00", 30)
    panel = read(put(tmp_path, cities(Rome=early, Oslo=late)), id=["city"], freq="h")
    assert [len(s) for s in panel.series] == [30, 30]


def test_progress_runs_from_nothing_to_all(tmp_path: Path) -> None:
    """It never goes back, and says what is being done."""
    seen: list[tuple[float, str]] = []
    read_panel(put(tmp_path, daily()), on_progress=lambda share, what: seen.append((share, what)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert all(what for _, what in seen)


class TestInspecting:
    """A reading of a file that raises nothing."""

    def test_it_tells_what_every_column_is(self, tmp_path: Path) -> None:
        """With how many cells are blank, and an example."""
        text = "date,city,y,note\n" + "".join(
            f"{day},{city},{'' if n == 3 else n},\n" for city in ("Rome", "Oslo") for n, day in enumerate(days(9))
        )
        reading = inspect_file(put(tmp_path, text))
        assert [(c.name, c.role, c.kind, c.n_missing) for c in reading.columns] == [
            ("date", "time", "time", 0),
            ("city", "id", "text", 0),
            ("y", "target", "number", 2),
            ("note", "", "", 18),
        ]
        assert reading.columns[0].example == "2024-01-01"
        assert reading.panel is not None
        assert (reading.rows, reading.problems) == (18, ())

    @pytest.mark.parametrize(
        ("text", "code", "columns"),
        [
            ("", "E104", 0),
            (daily().replace(",3\n", ",three\n"), "E207", 2),
            (daily(2), "E403", 2),
            ("date,y\n2024-01-01,1\n2024-01-02,2\n2024-01-05,3\n2024-02-17,4\n2024-08-02,4\n", "E406", 2),
        ],
    )
    def test_what_is_wrong_is_told_with_what_is_known(self, tmp_path: Path, text: str, code: str, columns: int) -> None:
        """However far reading went."""
        reading = inspect_file(put(tmp_path, text))
        assert reading.panel is None
        assert [problem.code for problem in reading.problems] == [code]
        assert len(reading.columns) == columns


def test_the_decimal_mark_of_the_model_settles_what_new_rows_leave_open(tmp_path: Path) -> None:
    """99 beside 100.250 may be thousands in a file of its own, but not in one that goes on with 100.25."""
    text = "date,y\n" + "".join(f"{day},{n}.{n % 7}{n % 3}{n % 4}\n" for n, day in enumerate(days(20)))
    panel = read(put(tmp_path, text))
    grown = "date,y\n2024-01-20,1.250\n2024-01-21,99\n2024-01-22,3.250\n2024-01-23,4.125\n"
    assert problem_of(put(tmp_path, grown)).code == "E207"
    known = Known(panel.columns, panel.calendar)
    assert read(put(tmp_path, grown), known=known).series[0].values.tolist() == [1.25, 99, 3.25, 4.125]


def test_a_slip_in_a_year_is_refused_before_room_is_made_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows every minute with one of another month: nothing is laid out for the minutes between."""
    monkeypatch.setattr("forecast.reading.panel.build_series", None)
    rows = [f"2024-01-01T00:{n:02},{n}" for n in range(40)]
    rows[20] = "2028-01-01T00:20,20"
    problem = problem_of(put(tmp_path, "\n".join(["date,y", *rows, ""])), freq="min")
    assert problem.code == "E404"
    assert "40" in str(problem.hint)
