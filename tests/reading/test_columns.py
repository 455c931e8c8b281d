"""Which column is what."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from forecast.panel import Known
from forecast.reading import read_panel
from forecast.reading.columns import TARGET_NAMES, find_target, find_time
from forecast.reading.dialect import Table, split_rows
from tests.reading.files import daily, days, problem_of, problems_of, put, read


def table(**columns: Sequence[object]) -> Table:
    """A table of 20 rows; a column is a sequence of cells, repeated as often as needed."""
    cells = tuple([str(cells[row % len(cells)]) for row in range(20)] for cells in columns.values())
    return Table("x.csv", tuple(columns), cells, range(2, 22), 1)


def time_of(**columns: Sequence[object]) -> str:
    """The name of the column that is taken for the time."""
    it = table(**columns)
    return it.names[find_time(it)]


def target_of(**columns: Sequence[object]) -> str:
    """The name of the column that is taken for the target, the first one being the time."""
    it = table(**columns)
    return it.names[find_target(it, taken={0})]


COUNT = range(1, 21)
MONTHS = [f"{2000 + n // 12}-{n % 12 + 1:02}" for n in range(20)]


def test_the_only_column_of_timestamps_is_the_time() -> None:
    """Wherever it stands and whatever it is called."""
    assert time_of(x=COUNT, when=days(20), kind=["a", "b"]) == "when"


def test_among_several_a_telling_name_wins_then_the_one_without_repeats() -> None:
    """A column that says it is the date is; of two that say so, the finer."""
    assert time_of(shipped=days(20), order_date=days(20), n=COUNT) == "order_date"
    assert time_of(date=["2024-01-01", "2024-01-02"], time=days(20), n=COUNT) == "time"


def test_whole_numbers_are_no_times_but_years_are() -> None:
    """A counter that runs through four digits is not the year; a column called Year is."""
    assert time_of(instant=range(1990, 2010), date=days(20)) == "date"
    assert time_of(Year=range(1990, 2010), value=range(1900, 1920)) == "Year"
    assert time_of(day=[day.replace("-", "") for day in days(20)], n=COUNT) == "day"
    assert target_of(month=MONTHS, rainfall=range(1990, 2010)) == "rainfall"


def test_a_date_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """Another column of timestamps does not stand in for the one that is called date."""
    text = "date,updated,y\n" + "".join(f"{n} o.clock,{day},{n}\n" for n, day in enumerate(days(20), 1))
    problem = problems_of(put(tmp_path, text))[0]
    assert (problem.code, problem.line, problem.column) == ("E311", 2, 1)
    assert problem.hint
    assert read(put(tmp_path, text), time=["updated"]).columns.time == "updated"


def test_a_single_broken_cell_does_not_change_the_choice(tmp_path: Path) -> None:
    """Neither of the time nor of the target: the broken cell is what is reported."""
    rows = [f"{day},{day},{n},{n}" for n, day in enumerate(days(20))]
    rows[3] = "soon,2024-01-04,3,3"
    text = "\n".join(["date,booked,sales,stock", *rows])
    assert problem_of(put(tmp_path, text)).column == 1
    rows[3] = "2024-01-04,2024-01-04,many,3"
    assert problem_of(put(tmp_path, "\n".join(["date,booked,sales,stock", *rows]))).column == 3


def test_an_unnamed_first_column_is_an_index(tmp_path: Path) -> None:
    """Row numbers that a data frame left behind are neither time nor target."""
    for name in ("", "Unnamed: 0"):
        text = f"{name},date,temp\n" + "".join(f"{n},{day},{n}.5\n" for n, day in enumerate(days(20)))
        panel = read_panel(put(tmp_path, text))
        assert (panel.columns.time, panel.columns.targets) == ("date", ("temp",))


def test_an_unnamed_column_of_timestamps_is_the_time_when_no_other_is(tmp_path: Path) -> None:
    """A data frame writes its time index without a name."""
    text = daily().replace("date,", ",")
    panel = read_panel(put(tmp_path, text))
    assert panel.columns.time == ""
    assert "time: the unnamed column" in panel.notes
    assert read_panel(put(tmp_path, text), known=Known(panel.columns, panel.calendar)).digest() == panel.digest()


@pytest.mark.parametrize("name", TARGET_NAMES)
def test_a_known_name_is_the_target(name: str) -> None:
    """Among columns of numbers, in any case; among several of them the first of the list."""
    assert target_of(date=days(20), height=COUNT, **{name.upper(): COUNT}, width=COUNT) == name.upper()
    assert target_of(date=days(20), ot=COUNT, height=COUNT, target=COUNT) == "target"


def test_close_is_the_target_of_a_price_file() -> None:
    """Not the adjusted one, which changes backwards."""
    prices = dict.fromkeys(("Open", "High", "Low", "Close", "Adj Close", "Volume"), COUNT)
    assert target_of(Date=days(20), **prices) == "Close"


def test_a_known_word_in_one_name_is_enough() -> None:
    """weekly_sales are sales; two such names decide nothing."""
    assert target_of(date=days(20), temp=COUNT, weekly_sales=COUNT) == "weekly_sales"
    with pytest.raises(Exception, match="E304"):
        target_of(date=days(20), temp=COUNT, weekly_sales=COUNT, demand_index=COUNT)


def test_several_columns_of_numbers_are_never_guessed_among(tmp_path: Path) -> None:
    """The hint names one as it can be pasted, with quotes where the shell needs them."""
    text = "date,x 1,x 2\n" + "".join(f"{day},{n},{n}\n" for n, day in enumerate(days(20)))
    problem = problem_of(put(tmp_path, text))
    assert problem.code == "E304"
    assert str(problem.hint).endswith("--target 'x 2'")


def test_words_and_truths_are_no_targets() -> None:
    """The one column of numbers is."""
    assert target_of(date=days(20), holiday=["TRUE", "FALSE"], city=["Rome"], temp=COUNT) == "temp"


def test_ids_are_the_text_columns_that_tell_repeats_apart(tmp_path: Path) -> None:
    """With the labels that they determine, without what merely varies, and as the text that they are."""
    rows = [
        f"{day},{city},{state},{('sun', 'rain', 'snow')[(n * n + len(city)) % 3]},{n}"
        for n, day in enumerate(days(20))
        for city, state in (("007", "A"), ("NA", "A"), ("1e5", "B"))
    ]
    text = "\n".join(["date,city,state,weather,y", *rows])
    panel = read_panel(put(tmp_path, text.replace("007", "c007")))
    assert panel.columns.ids == ("city", "state")
    assert len(panel) == 3
    assert [s.item_id for s in read(put(tmp_path, text), id=["city"]).series] == [("007",), ("1e5",), ("NA",)]


def test_numbers_are_ids_only_when_named(tmp_path: Path) -> None:
    """Stores 1 and 2 are a contradiction whose hint names the column."""
    text = "date,store,dept,sales\n" + "".join(
        f"{day},{store},{dept},{n}{store}{dept}\n"
        for n, day in enumerate(days(20))
        for store in (1, 2)
        for dept in (3, 4)
    )
    path = put(tmp_path, text)
    problem = problems_of(path)[0]
    assert problem.code == "E401"
    assert str(problem.hint).endswith("--id store,dept")
    assert len(read(path, id=["store", "dept"])) == 4
    assert problems_of(path, id=["store"])[0].code == "E401"


def test_several_targets_make_several_series(tmp_path: Path) -> None:
    """One for each target of each item, each with the gaps of its own."""
    text = "date,a,b\n" + "".join(f"{day},{n},{'' if n == 5 else -n}\n" for n, day in enumerate(days(20)))
    panel = read(put(tmp_path, text), target=["b", "a"])
    assert [s.target for s in panel.series] == ["b", "a"]
    assert panel.n_missing == 1
    assert panel.series[1].values[7] == 7


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"target": ["y"], "id": ["y"]}, "E305"),
        ({"time": ["date"], "target": ["date"]}, "E305"),
        ({"target": ["y", "y"]}, "E305"),
        ({"id": ["date"]}, "E305"),
        ({"time": ["Date"]}, "E301"),
        ({"target": ["Y"]}, "E301"),
        ({"id": ["shop"]}, "E301"),
        ({"time": ["date "]}, "E301"),
    ],
)
def test_a_name_is_exact_and_has_one_role(tmp_path: Path, options: dict[str, object], code: str) -> None:
    """Another case or a blank is another name, with a suggestion; no column is two things."""
    problem = problem_of(put(tmp_path, daily()), **options)
    assert problem.code == code
    assert problem.hint


def test_the_suggestion_shows_no_control_characters(tmp_path: Path) -> None:
    """Names come from the file and go to a terminal."""
    problem = problem_of(put(tmp_path, daily().replace("date,y", "date,\x1b[31my")), target=["y"])
    assert str(problem.hint).isprintable()
    assert problem.text.isprintable()


def test_names_are_compared_as_unicode_nfc(tmp_path: Path) -> None:
    """An accent may be a character of its own in the file, in the option, or in neither."""
    forms = [unicodedata.normalize(form, "größe é") for form in ("NFC", "NFD")]
    for written in forms:
        for asked in forms:
            panel = read(put(tmp_path, daily().replace(",y", f",{written}")), target=[asked])
            assert panel.columns.targets == (written,)


def test_names_may_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    """They are quoted in the file and plain everywhere else."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["da\nte", 'y, "net"'], *([day, n] for n, day in enumerate(days(20)))])
    panel = read_panel(put(tmp_path, out.getvalue()))
    assert panel.columns.time == "da\nte"
    assert panel.columns.targets == ('y, "net"',)


def test_a_time_may_be_spread_over_columns(tmp_path: Path) -> None:
    """A date and a clock time, or year, month and day: found or named, and found again by a model."""
    clock = "Date,Time,y\n" + "".join(f"{day},{h:02}:00,{h}\n" for day in days(3) for h in range(24))
    fields = "year,month,day,y\n" + "".join(f"{day[:4]},{day[5:7]},{day[8:]},1{day[8:]}\n" for day in days(20))
    for text, parts, freq in ((clock, ("Date", "Time"), "h"), (fields, ("year", "month", "day"), "D")):
        panel = read_panel(put(tmp_path, text))
        assert panel.columns.time == " ".join(parts)
        assert panel.columns.time_parts == parts
        assert (panel.calendar.freq, panel.n_missing) == (freq, 0)
        assert read(put(tmp_path, text), time=list(parts)).digest() == panel.digest()
        assert read(put(tmp_path, text), Known(panel.columns, panel.calendar)).digest() == panel.digest()


def test_a_clock_time_beside_days_that_do_not_repeat_is_left_alone(tmp_path: Path) -> None:
    """When a daily file says at what time it was measured, it is daily all the same."""
    text = "date,time,y\n" + "".join(f"{day},{8 + n % 3:02}:1{n % 7},{n}\n" for n, day in enumerate(days(20)))
    assert read_panel(put(tmp_path, text)).columns.time == "date"


def test_a_date_format_finds_the_time(tmp_path: Path) -> None:
    """Numbers that would not be taken for times without it."""
    text = "moment,y\n" + "".join(f"{1704067200 + 3600 * n},{n}\n" for n in range(20))
    panel = read(put(tmp_path, text), date_format="epoch_s", target=["y"])
    assert panel.columns.time == "moment"
    assert panel.first == np.datetime64("2024-01-01")


def test_a_decimal_comma_is_one_for_all_columns(tmp_path: Path) -> None:
    """What the covariate proves, the target has too."""
    text = "date;y;price\n" + "".join(f"{day};{n},250;{n},5\n" for n, day in enumerate(days(20)))
    panel = read(put(tmp_path, text), target=["y"], past=["price"])
    assert panel.columns.decimal == ","
    assert panel.series[0].values[3] == 3.25
    assert panel.series[0].covariates[3, 0] == 3.5


def test_a_doubled_name_matters_only_when_used(tmp_path: Path) -> None:
    """Two columns of notes do no harm."""
    text = "date,y,note,note\n" + "".join(f"{day},{n},a,b\n" for n, day in enumerate(days(20)))
    assert read_panel(put(tmp_path, text)).columns.targets == ("y",)
    assert problem_of(put(tmp_path, text), id=["note"]).code == "E306"


def test_a_first_line_of_data_is_no_header() -> None:
    """Numbers, dates and blanks are no names."""
    for first in ("2024-01-01,5", "2024-01-01 10:00:00Z,,3.5", "1,2", "01/02/2024;NA"):
        with pytest.raises(Exception, match="E206"):
            split_rows(f"{first}\n{first}\n".encode(), "x.csv")


@pytest.mark.parametrize(
    "cells",
    [
        [f"01/{day:02}/21" for day in range(1, 21)],
        [str(1609459200 + 86400 * n) for n in range(20)],
        [str(1609459200000 + 86400000 * n) for n in range(20)],
    ],
    ids=["years of two digits", "seconds", "milliseconds"],
)
def test_the_only_column_that_may_be_times_is_proposed(tmp_path: Path, cells: list[str]) -> None:
    """Nothing but its name says what it is, so it is not taken unasked; the hint can be pasted."""
    rows = ["t,v,w", *(f"{cell},{n},{n * 7 % 5}" for n, cell in enumerate(cells))]
    problem = problem_of(put(tmp_path, "\n".join(rows)), target=["v"])
    assert (problem.code, problem.hint) == ("E302", "if it is this one: --time t")
