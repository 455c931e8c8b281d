"""Which columns are the ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.ids import _Times, find_ids
from forecast.reading.problems import FileProblems
from tests.reading.files import problems_of, put

ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), st.sampled_from("xy")), min_size=2, max_size=14)


def _found(rows: list[tuple[int, str, str]]) -> object:
    times, shops, regions = zip(*rows, strict=True)
    stamps = np.datetime64("2024-01-01", "us") + np.array(times) * np.timedelta64(1, "D")
    texts = [str(stamp)[:10] for stamp in stamps]
    cells = tuple(Cells.of(list(column)) for column in (texts, shops, regions, [str(i) for i in range(len(rows))]))
    table = Table("f.csv", ("date", "shop", "region", "y"), cells, range(2, 2 + len(rows)), 1)
    try:
        return find_ids(table, stamps, taken=(0, 3))
    except FileProblems as error:
        return str(error)


@settings(deadline=None)
@given(ROWS, st.sampled_from(["as they come", "by shop", "by time"]))
def test_the_order_of_rows_only_saves_work(rows: list[tuple[int, str, str]], order: str) -> None:
    """What the order of the rows shows at a glance is what looking at all pairs of rows finds too."""
    if order == "by shop":
        rows = sorted(rows, key=lambda row: (row[1], row[0]))
    elif order == "by time":
        rows = sorted(rows)
    quick = _found(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Times, "apart", lambda self, key: False)
        assert _found(rows) == quick


def test_a_column_that_tells_repeated_times_apart_is_the_id_and_takes_along_what_it_determines() -> None:
    """Shops a and b have the same two days; each lies in one region. With another region for one row it does not."""
    assert _found([(0, "a", "x"), (1, "a", "x"), (0, "b", "x"), (1, "b", "x")]) == (1,)
    assert _found([(0, "a", "x"), (1, "a", "x"), (0, "b", "y"), (1, "b", "y"), (0, "c", "y")]) == (1, 2)
    assert _found([(0, "a", "x"), (1, "a", "y"), (0, "b", "y"), (1, "b", "y")]) == (1,)


def test_times_that_do_not_repeat_need_no_ids() -> None:
    """In order or not."""
    assert _found([(0, "a", "x"), (1, "a", "x"), (2, "b", "x")]) == ()
    assert _found([(2, "a", "x"), (1, "a", "x"), (0, "b", "x")]) == ()


def test_a_week_is_never_proposed_as_an_id(tmp_path: Path) -> None:
    """Fifty-two series of one value a year would be trained without a word."""
    rows = [f"{year},{week},{week}" for year in (2021, 2022, 2023) for week in range(1, 53)]
    problem = problems_of(put(tmp_path, "\n".join(["year,week,sales", *rows, ""])), target=["sales"])[0]
    assert problem.code == "E401"
    assert "--id" not in str(problem.hint)
