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
from forecast.reading import read_panel
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
