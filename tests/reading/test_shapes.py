"""Tables whose header holds the times become one row for each time, and problems keep their place in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecast.panel import Known
from forecast.reading import read_panel
from tests.reading.files import daily, days, problem_of, put, read

CLOCKS = [f"{hour:02}:00" for hour in range(0, 24, 6)]


def day_table(count: int = 10) -> list[list[str]]:
    """A header with four times of day, and a row for each day that counts on."""
    return [["Day", *CLOCKS], *([day, *(str(4 * n + k) for k in range(4))] for n, day in enumerate(days(count)))]


def text_of(rows: list[list[str]]) -> str:
    """The rows as a file."""
    return "".join(",".join(row) + "\n" for row in rows)


def test_a_column_for_every_time_of_day_is_one_series(tmp_path: Path) -> None:
    """Each cell stands at its date and its clock time, and the forecast writes both."""
    panel = read_panel(put(tmp_path, text_of(day_table())))
    (series,) = panel.series
    assert series.timestamps[:2].tolist() == np.array(["2024-01-01T00", "2024-01-01T06"], "M8[us]").tolist()
    np.testing.assert_array_equal(series.values, np.arange(40.0))
    assert (panel.columns.time, panel.columns.targets) == ("Day", ("value",))
    assert panel.columns.time_format == "%Y-%m-%d %H:%M"
    assert any(note.startswith("W320") for note in panel.notes)


def test_a_wrong_cell_of_a_day_is_named_at_its_place(tmp_path: Path) -> None:
    """Line and field are those of the file, for a value as for a date."""
    table = day_table()
    table[3][2] = "many"
    problem = problem_of(put(tmp_path, text_of(table)))
    assert (problem.code, problem.line, problem.column) == ("E207", 4, 3)
    table = day_table()
    table[5][0] = "2024-02-31"
    problem = problem_of(put(tmp_path, text_of(table)))
    assert (problem.line, problem.column) == (6, 1)


def test_ids_stand_beside_the_days(tmp_path: Path) -> None:
    """Two stations on every day are two series."""
    rows = [["Station", *day_table()[0]]]
    rows += [[name, *row] for row in day_table()[1:] for name in ("north", "south")]
    panel = read_panel(put(tmp_path, text_of(rows)))
    assert [s.item_id for s in panel.series] == [("north",), ("south",)]
    assert all(len(s) == 40 for s in panel.series)


def test_clock_times_that_do_not_follow_each_other_are_columns_like_others(tmp_path: Path) -> None:
    """Nothing is turned round that only looks like a day."""
    table = day_table()
    table[0][4] = "19:00"
    assert problem_of(put(tmp_path, text_of(table))).code == "E304"


def series_table(first: int = 0) -> list[list[str]]:
    """Two series of ten days, each in a row of its own."""
    return [
        ["Country", "Code", *days(10)],
        ["Norway", "NO", *(str(first + n) for n in range(10))],
        ["Sweden", "SE", *(str(-n) for n in range(10))],
    ]


def test_a_column_for_every_date_makes_a_series_of_each_row(tmp_path: Path) -> None:
    """The columns of text in front are the ids."""
    panel = read_panel(put(tmp_path, text_of(series_table())))
    assert [s.item_id for s in panel.series] == [("Norway", "NO"), ("Sweden", "SE")]
    assert panel.columns.ids == ("Country", "Code")
    assert (panel.columns.time, panel.columns.targets) == ("Date", ("value",))
    assert panel.columns.time_format == "%Y-%m-%d"
    np.testing.assert_array_equal(panel.series[1].values, -np.arange(10.0))
    assert any(note.startswith("W321") for note in panel.notes)


def test_years_in_the_header_are_times(tmp_path: Path) -> None:
    """Where they follow each other; a row that ends early ends there."""
    rows = [["Country", *map(str, range(1990, 2000))], ["Norway", *map(str, range(9)), ""], ["Sweden", *"1234567890"]]
    panel = read_panel(put(tmp_path, text_of(rows)))
    assert panel.columns.time_format == "%Y"
    assert [len(s) for s in panel.series] == [9, 10]
    assert panel.last == np.datetime64("1999-01-01")


def test_years_beside_a_column_of_times_are_columns_like_others(tmp_path: Path) -> None:
    """A row is then a time already, and which year is meant must be said."""
    rows = [["date", "2019", "2020", "2021"], *([day, *"123"] for day in days(10))]
    assert problem_of(put(tmp_path, text_of(rows))).code == "E304"


def test_a_single_row_of_dates_is_a_single_series(tmp_path: Path) -> None:
    """It has its name as its id."""
    panel = read_panel(put(tmp_path, text_of(series_table()[:2])))
    assert [s.item_id for s in panel.series] == [("Norway", "NO")]


def test_a_wrong_cell_of_a_series_is_named_at_its_place(tmp_path: Path) -> None:
    """The third date of the second series."""
    table = series_table()
    table[2][4] = "-2,5"
    problem = problem_of(put(tmp_path, text_of(table).replace("-2,5", '"x2"')))
    assert (problem.code, problem.line, problem.column) == ("E207", 3, 5)


def test_whole_numbers_in_front_are_ids_where_text_tells_nothing_apart(tmp_path: Path) -> None:
    """Two stores of one chain."""
    rows = [["chain", "store", *days(6)], ["A", "1", *"123456"], ["A", "2", *"654321"]]
    assert [s.item_id for s in read_panel(put(tmp_path, text_of(rows))).series] == [("A", "1"), ("A", "2")]


@pytest.mark.parametrize("table", [day_table(), series_table()])
def test_a_model_reads_the_same_shape_again(tmp_path: Path, table: list[list[str]]) -> None:
    """Its columns are those of the long form."""
    path = put(tmp_path, text_of(table))
    panel = read_panel(path)
    assert read_panel(path, known=Known(panel.columns, panel.calendar)).digest() == panel.digest()


def test_a_named_target_leaves_the_table_as_it_is(tmp_path: Path) -> None:
    """One time of day by itself is a daily series."""
    panel = read(put(tmp_path, text_of(day_table())), target=["06:00"])
    assert panel.calendar.freq == "D"
    np.testing.assert_array_equal(panel.series[0].values, 4 * np.arange(10.0) + 1)


def test_rows_of_series_without_times_are_refused(tmp_path: Path) -> None:
    """Numbers of columns are no times, and the message says so."""
    rows = [[f"V{n}" for n in range(1, 9)], *([f"H{n}", *"1234567"] for n in range(5))]
    problem = problem_of(put(tmp_path, text_of(rows)))
    assert problem.code == "E340"
    assert problem.hint


def test_one_row_for_each_time_is_left_alone(tmp_path: Path) -> None:
    """The common shape is no other."""
    assert not any("W32" in note for note in read_panel(put(tmp_path, daily())).notes)


def test_several_targets_and_one_column_of_ids_hold_the_same_values(tmp_path: Path) -> None:
    """Wide or long: the same numbers at the same times."""
    wide = "date,a,b\n" + "".join(f"{day},{n},{n * n}\n" for n, day in enumerate(days(20)))
    long = "date,kind,y\n" + "".join(f"{day},a,{n}\n{day},b,{n * n}\n" for n, day in enumerate(days(20)))
    one, other = read(put(tmp_path, wide), target=["a", "b"]), read(put(tmp_path, long))
    assert [s.name for s in other.series] == [s.target for s in one.series]
    for mine, its in zip(one.series, other.series, strict=True):
        np.testing.assert_array_equal(mine.timestamps, its.timestamps)
        np.testing.assert_array_equal(mine.values, its.values)
