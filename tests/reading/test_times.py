"""Text to timestamps: one format for the whole column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from forecast.config import ReadConfig
from forecast.panel import Columns
from forecast.reading import read_panel
from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.times import TimeColumn, read_times, time_pattern
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
        (["12/2019", "01/2020"], "%m/%Y"),
    ],
)
def test_periods_begin_on_their_first_day(texts: list[str], pattern: str) -> None:
    """Quarters and months are moments too."""
    column = read(texts)
    assert column.pattern == pattern
    assert (column.timestamps == column.timestamps.astype("datetime64[M]")).all()


def test_most_of_a_sample_decides_whether_a_column_holds_times() -> None:
    """Numbers and words do not, a few broken cells do no harm."""
    assert time_pattern(["x", *days(300), "y"]) == "%Y-%m-%d"
    assert time_pattern([f"{n}.5" for n in range(300)]) == ""
    assert time_pattern(["sun", "rain"]) == ""
    assert time_pattern(["", ""]) == ""


def test_the_format_of_the_file_is_kept(tmp_path: Path) -> None:
    """A panel carries the pattern that writes its timestamps back as they were."""
    path = tmp_path / "x.csv"
    path.write_text("t,y\n" + "".join(f"{d:%d.%m.%Y},{n}\n" for n, d in enumerate(DAYS)))
    assert read_panel(path).columns == Columns("t", ("y",), (), "%d.%m.%Y")
