"""Covariates: their kinds, their places beside the target, what is known of the future, and what a model asks for."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.panel import Covariate, Known, Panel
from forecast.reading import read_panel
from forecast.reading.covariates import MOST_CATEGORIES
from tests.reading.files import days, problem_of, problems_of, put, read

NAN = np.nan


def shop(history: int = 20, ahead: int = 0, skip: int = 0) -> list[list[str]]:
    """A shop's days: price and promotion known ahead, visitors only until today, a town that stays."""
    rows = [["date", "sales", "price", "promo", "visitors", "weather", "town"]]
    for n, day in enumerate(days(history + ahead + skip)):
        if history <= n < history + skip:
            continue
        sales, visitors = (str(n), str(100 + n)) if n < history else ("", "")
        rows.append([day, sales, f"{n}.5", "yes" if n % 3 else "no", visitors, ("sun", "rain", "")[n % 3], "Oslo"])
    return rows


def text_of(rows: list[list[str]]) -> str:
    """The rows as a file."""
    return "".join(",".join(row) + "\n" for row in rows)


ROLES = {"target": ["sales"], "past": ["visitors", "weather"], "future": ["price", "promo"], "static": ["town"]}


def test_covariates_stand_beside_the_target(tmp_path: Path) -> None:
    """Past, future and static in the order given: numbers, truths as 1 and 0, texts as places among the categories."""
    panel = read(put(tmp_path, text_of(shop())), **ROLES)
    assert panel.covariates == (
        Covariate("visitors", "past"),
        Covariate("weather", "past", ("rain", "sun")),
        Covariate("price", "future"),
        Covariate("promo", "future"),
        Covariate("town", "static", ("Oslo",)),
    )
    (series,) = panel.series
    assert series.covariates.shape == (20, 4)
    np.testing.assert_array_equal(series.covariates[:3], [[100, 1, 0.5, 0], [101, 0, 1.5, 1], [102, NAN, 2.5, 1]])
    assert series.static.tolist() == [0]


def test_rows_without_a_target_at_the_end_are_the_known_future(tmp_path: Path) -> None:
    """Future covariates go on for as many steps, past ones never, and the series ends where its values do."""
    rows = shop(ahead=5)
    rows[-1][4] = "999"  # Visitors of tomorrow, which nobody can know.
    panel = read(put(tmp_path, text_of(rows)), **ROLES)
    (series,) = panel.series
    assert len(series) == 20
    assert series.covariates.shape == (25, 4)
    assert np.isnan(series.covariates[20:, :2]).all()
    np.testing.assert_array_equal(series.covariates[20:, 2], np.arange(20, 25) + 0.5)
    assert "future covariates are known for 5 steps after the last value" in panel.notes
    assert panel.split_at(np.datetime64("2024-01-10")).series[0].covariates[10:, 2].tolist() == [
        n + 0.5 for n in range(10, 25)
    ]


def test_a_hole_in_the_future_is_unknown_and_not_closed(tmp_path: Path) -> None:
    """Steps without a row keep their place."""
    panel = read(put(tmp_path, text_of(shop(ahead=3, skip=2))), **ROLES)
    np.testing.assert_array_equal(panel.series[0].covariates[20:, 2], [NAN, NAN, 22.5, 23.5, 24.5])


def test_an_absent_row_has_no_covariates_and_a_blank_cell_is_counted(tmp_path: Path) -> None:
    """NaN at its place, never the neighbour's value."""
    rows = shop()
    rows[8][2] = ""
    del rows[5]
    panel = read(put(tmp_path, text_of(rows)), **ROLES)
    covariates = panel.series[0].covariates
    assert np.isnan(covariates[4]).all()
    assert np.flatnonzero(np.isnan(covariates[:, 2])).tolist() == [4, 7]
    assert any(note.startswith("W323") and '"price" 1' in note for note in panel.notes)


def test_every_target_and_every_item_has_its_own_part(tmp_path: Path) -> None:
    """Two shops that end on different days, and two targets of which one ends earlier."""
    rows = [["date", "shop", "a", "b", "price"]]
    for name, count, sign in (("x", 10, 1), ("y", 8, -1)):
        rows += [
            [day, name, str(n) if n < count else "", str(n) if n < count - 2 else "", str(sign * n)]
            for n, day in enumerate(days(12))
        ]
    panel = read(put(tmp_path, text_of(rows)), target=["a", "b"], id=["shop"], future=["price"])
    lengths = {(*s.item_id, s.target): (len(s), len(s.covariates)) for s in panel.series}
    assert lengths == {("x", "a"): (10, 12), ("x", "b"): (8, 12), ("y", "a"): (8, 12), ("y", "b"): (6, 12)}
    for series in panel.series:
        sign = 1 if series.item_id == ("x",) else -1
        np.testing.assert_array_equal(series.covariates[:, 0], sign * np.arange(12.0))


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    """Neither for covariates nor for categories."""
    rows = shop(ahead=5)
    plain = read(put(tmp_path, text_of(rows)), **ROLES)
    body = rows[1:]
    random.Random(3).shuffle(body)
    shuffled = read(put(tmp_path, text_of([rows[0], *body])), **ROLES)
    assert shuffled.digest() == plain.digest()
    assert shuffled.covariates == plain.covariates


def test_a_static_covariate_that_changes_is_an_error_on_both_lines(tmp_path: Path) -> None:
    """The later row is blamed and the earlier one named."""
    rows = shop()
    rows[11][6] = "Bergen"
    problem = problems_of(put(tmp_path, text_of(rows)), **ROLES)[0]
    assert (problem.code, problem.line, problem.column) == ("E341", 12, 7)
    assert "line 11" in problem.text


def test_a_static_covariate_may_be_blank_in_places(tmp_path: Path) -> None:
    """One cell is enough; none at all is NaN."""
    rows = shop()
    for row in rows[1:]:
        row[6] = ""
    assert np.isnan(read(put(tmp_path, text_of(rows)), **ROLES).series[0].static).all()
    rows[7][6] = "Oslo"
    assert read(put(tmp_path, text_of(rows)), **ROLES).series[0].static.tolist() == [0]


def test_a_wrong_number_among_covariates_is_named_with_the_others(tmp_path: Path) -> None:
    """Cells of covariates are as strict as those of the target, and reported together with them."""
    rows = shop()
    rows[3][1], rows[4][2] = "many", "dear"
    found = problems_of(put(tmp_path, text_of(rows)), **ROLES)
    assert [(p.code, p.line, p.column) for p in found] == [("E207", 4, 2), ("E207", 5, 3)]


def test_too_many_texts_are_no_categories(tmp_path: Path) -> None:
    """A text of its own in every row tells a network nothing."""
    rows = [["date", "y", "note"], *([day, str(n), f"note {n}"] for n, day in enumerate(days(MOST_CATEGORIES + 1)))]
    assert problem_of(put(tmp_path, text_of(rows)), target=["y"], past=["note"]).code == "E342"
    assert len(read(put(tmp_path, text_of(rows[:-1])), target=["y"], past=["note"]).covariates[0].categories) == 1_000


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"past": ["visitor"]}, "E301"),
        ({"future": ["sales"]}, "E305"),
        ({"past": ["price"], "future": ["price"]}, "E305"),
        ({"static": ["date"]}, "E305"),
    ],
)
def test_a_covariate_exists_and_has_one_role(tmp_path: Path, options: dict[str, object], code: str) -> None:
    """As for any other column."""
    problem = problem_of(put(tmp_path, text_of(shop())), target=["sales"], **options)
    assert problem.code == code
    assert problem.hint


def test_a_copy_of_the_target_is_warned_of(tmp_path: Path) -> None:
    """It would be a leak, or of no use."""
    rows = shop()
    for row in rows[1:]:
        row[2] = row[1]
    panel = read(put(tmp_path, text_of(rows)), target=["sales"], future=["price"])
    assert any(note.startswith("W325") for note in panel.notes)
    rows[9][2] = "77"
    assert not any(
        "W325" in note for note in read(put(tmp_path, text_of(rows)), target=["sales"], future=["price"]).notes
    )


class TestWithASavedModel:
    """What predicting asks of covariates."""

    @pytest.fixture
    def trained(self, tmp_path: Path) -> Panel:
        """The panel a model was trained on."""
        return read(put(tmp_path, text_of(shop()), "train.csv"), **ROLES)

    def again(self, tmp_path: Path, rows: list[list[str]], trained: Panel, **options: object) -> Panel:
        """Fresh rows, read as the model asks."""
        return read(
            put(tmp_path, text_of(rows)), Known(trained.columns, trained.calendar, trained.covariates), **options
        )

    def test_the_same_file_is_the_same_panel(self, tmp_path: Path, trained: Panel) -> None:
        """No covariate need be named again."""
        panel = self.again(tmp_path, shop(), trained)
        assert panel.digest() == trained.digest()
        assert panel.covariates == trained.covariates

    def test_texts_keep_their_places(self, tmp_path: Path, trained: Panel) -> None:
        """Also where only the second of them is left; one never seen counts as missing, which is said."""
        rows = shop()
        for n, row in enumerate(rows[1:]):
            row[5] = "sun" if n else "fog"
        panel = self.again(tmp_path, rows, trained)
        assert panel.covariates == trained.covariates
        np.testing.assert_array_equal(panel.series[0].covariates[:3, 1], [NAN, 1, 1])
        assert any(note.startswith("W322") and '"fog"' in note for note in panel.notes)

    def test_numbers_that_became_text_are_refused(self, tmp_path: Path, trained: Panel) -> None:
        """A network cannot make anything of them."""
        rows = shop()
        for row in rows[1:]:
            row[2] = "cheap"
        problem = problem_of(
            put(tmp_path, text_of(rows)), known=Known(trained.columns, trained.calendar, trained.covariates)
        )
        assert (problem.code, problem.column) == ("E343", 3)

    def test_every_covariate_must_be_there(self, tmp_path: Path, trained: Panel) -> None:
        """Its history is what the model looks at."""
        rows = [row[:4] for row in shop()]
        known = Known(trained.columns, trained.calendar, trained.covariates)
        found = problems_of(put(tmp_path, text_of(rows)), known=known)
        assert [p.code for p in found] == ["E301"] * 3


class TestFutureData:
    """A second file with what is known of the future."""

    def joined(self, tmp_path: Path, history: list[list[str]], ahead: list[list[str]]) -> Panel:
        """The panel of both files."""
        first = put(tmp_path, text_of(history))
        return read(first, future_data=put(tmp_path, text_of(ahead), "future.csv"), **ROLES)

    def test_it_is_as_if_its_rows_were_in_the_data(self, tmp_path: Path) -> None:
        """Joined by time, without the target or with blank ones."""
        rows = shop(ahead=5)
        whole = read(put(tmp_path, text_of(rows)), **ROLES)
        for kept in ([0, 2, 3], [0, 1, 2, 3], [3, 0, 2]):
            ahead = [[row[i] for i in kept] for row in [rows[0], *rows[21:]]]
            assert self.joined(tmp_path, rows[:21], ahead).digest() == whole.digest()

    def test_rows_of_the_past_are_ignored_and_contradictions_said(self, tmp_path: Path) -> None:
        """The data stand for the past."""
        rows = shop(ahead=5)
        whole = read(put(tmp_path, text_of(rows)), **ROLES)
        panel = self.joined(tmp_path, rows[:21], rows)
        assert panel.digest() == whole.digest()
        assert not any("W324" in note for note in panel.notes)
        changed = [list(row) for row in rows]
        changed[4][2] = "99"
        panel = self.joined(tmp_path, rows[:21], changed)
        assert panel.digest() == whole.digest()
        assert any(note.startswith("W324") for note in panel.notes)

    def test_it_stands_for_the_future(self, tmp_path: Path) -> None:
        """What if the price were another? Rows of the data after the last value give way."""
        rows = shop(ahead=5)
        ahead = [list(row) for row in [rows[0], *rows[21:]]]
        for row in ahead[1:]:
            row[2] = "7"
        panel = self.joined(tmp_path, rows, ahead)
        assert panel.series[0].covariates[20:, 2].tolist() == [7.0] * 5
        assert panel.series[0].covariates[19, 2] == 19.5

    def test_its_problems_carry_its_own_name(self, tmp_path: Path) -> None:
        """A cell, a name and a time that are wrong."""
        rows = shop(ahead=5)
        first = put(tmp_path, text_of(rows[:21]))
        for change, code, line in (("dear", "E207", 2), (None, "E301", 1)):
            ahead = [list(row) for row in [rows[0], *rows[21:]]]
            if change is None:
                ahead[0][2] = "cost"
            else:
                ahead[1][2] = change
            future = put(tmp_path, text_of(ahead), "future.csv")
            problem = problem_of(first, future_data=future, **ROLES)
            assert (problem.code, problem.line) == (code, line)

    def test_a_time_off_the_calendar_is_refused(self, tmp_path: Path) -> None:
        """Its line is that of the second file."""
        rows = shop(ahead=5)
        ahead = [list(row) for row in [rows[0], *rows[21:]]]
        ahead[2][0] = "2024-01-22 12:00"
        ahead = [[f"{row[0]} 00:00" if len(row[0]) == 10 else row[0], *row[1:]] for row in ahead]
        ahead[0][0] = "date"
        future = put(tmp_path, text_of(ahead), "future.csv")
        problem = problem_of(put(tmp_path, text_of(rows[:21])), future_data=future, **ROLES)
        assert (problem.code, problem.line, problem.column) == ("E320", 3, 1)

    def test_items_are_joined_by_their_ids(self, tmp_path: Path) -> None:
        """Each its own rows; one that the data do not have is ignored with a note."""
        history = ["date,shop,y,price", *(f"{day},{s},{n},{n}" for s in "ab" for n, day in enumerate(days(10)))]
        ahead = ["shop,date,price", *(f"{s},{day},{ord(s)}" for s in "bcz" for day in days(13)[10:])]
        first = put(tmp_path, "\n".join(history))
        second = put(tmp_path, "\n".join(ahead), "future.csv")
        panel = read(first, future_data=second, target=["y"], id=["shop"], future=["price"])
        assert [len(s.covariates) for s in panel.series] == [10, 13]
        assert panel.series[1].covariates[10:, 0].tolist() == [98.0] * 3
        assert any(note.startswith("W326") and '"c", "z"' in note for note in panel.notes)

    def test_what_was_noticed_in_it_is_said_with_its_name(self, tmp_path: Path) -> None:
        """A decimal comma and a text that training did not see, the code in front so that a report finds it."""
        rows = shop(ahead=5)
        first = put(tmp_path, text_of(rows[:21]))
        trained = read(first, **ROLES)
        ahead = [list(row) for row in [rows[0], *rows[21:]]]
        for row in ahead[1:]:
            row[2] = "7,5"
        text = "\n".join(";".join(row) for row in ahead)
        known = Known(trained.columns, trained.calendar, trained.covariates)
        panel = read(first, known=known, future_data=put(tmp_path, text, "future.csv"))
        assert panel.series[0].covariates[20:, 2].tolist() == [7.5] * 5
        assert {note.partition(":")[0].partition(" ")[0] for note in panel.notes if "future.csv" in note} == {
            "W101",
            "W201",
        }

    def test_it_needs_a_future_covariate(self, tmp_path: Path) -> None:
        """Otherwise nothing in it is of use."""
        path = put(tmp_path, text_of(shop()))
        assert problem_of(path, target=["sales"], future_data=path).code == "E344"


def test_a_panel_without_covariates_has_none(tmp_path: Path) -> None:
    """No array is made for nothing."""
    (series,) = read_panel(put(tmp_path, "date,y\n" + "".join(f"{day},{n}\n" for n, day in enumerate(days(9))))).series
    assert series.covariates.size == 0
    assert series.static.size == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_cell_stands_where_a_plain_reading_puts_it(tmp_path: Path, data: st.DataObject) -> None:
    """Rows of several items in any order, some absent and some blank, against a dictionary filled cell by cell."""
    columns = ["y", "past", "future"]
    first = date(2024, 1, 1)
    cells: dict[tuple[str, int], list[str]] = {}
    for item in "ab":
        for day in range(data.draw(st.integers(8, 14))):
            if day < 5 or data.draw(st.booleans()):
                blank = [day >= 5 and data.draw(st.integers(0, 3)) == 0 for _ in columns]
                cells[item, day] = ["" if gone else str(100 * day + k + ord(item)) for k, gone in enumerate(blank)]
    keys = data.draw(st.permutations(list(cells)))
    lines = [",".join([str(first + timedelta(days=day)), item, *cells[item, day]]) for item, day in keys]
    path = put(tmp_path, "\n".join(["date,item,y,past,future", *lines]))
    panel = read(path, id=["item"], target=["y"], past=["past"], future=["future"], calendar="daily", max_missing=100.0)
    for series in panel.series:
        (item,) = series.item_id
        rows = {day: row for (name, day), row in cells.items() if name == item}
        last = max(day for day, row in rows.items() if row[0])
        ahead = max([day for day, row in rows.items() if row[2] and day > last], default=last)
        assert (len(series), len(series.covariates)) == (last + 1, ahead + 1)
        for day in range(ahead + 1):
            y, past, future = (float(text or "nan") for text in rows.get(day, ["", "", ""]))
            if day <= last:
                np.testing.assert_equal(series.values[day], y)
            np.testing.assert_equal(series.covariates[day], [past if day <= last else NAN, future])
