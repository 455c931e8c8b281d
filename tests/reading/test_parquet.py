"""Parquet gives what CSV gives."""

from __future__ import annotations

import io
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast.config import ReadConfig
from forecast.reading import parquet as reading_parquet
from forecast.reading import read_panel
from forecast.reading.tables import read_table
from tests.reading.files import daily, days, problem_of, problems_of, put

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def pack(**columns: Any) -> bytes:
    """A Parquet file of these columns."""
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


DAYS = [date.fromisoformat(day) for day in days(20)]


@pytest.mark.parametrize(
    ("times", "pattern"),
    [
        (days(20), "%Y-%m-%d"),
        (DAYS, "%Y-%m-%d"),
        (pyarrow.array(DAYS, pyarrow.date64()), "%Y-%m-%d"),
        (np.array(DAYS, "datetime64[ns]"), "%Y-%m-%d"),
        (np.array(DAYS, "datetime64[ms]") + np.timedelta64(90, "m"), "%Y-%m-%dT%H:%M:%S"),
        (np.array(DAYS, "datetime64[us]") + np.timedelta64(250_000, "us"), "%Y-%m-%dT%H:%M:%S.%6f"),
        (
            pyarrow.array(np.array(DAYS, "datetime64[us]"), pyarrow.timestamp("us", "Europe/Paris")),
            "%Y-%m-%dT%H:%M:%SZ",
        ),
        (pyarrow.array(days(20)).dictionary_encode(), "%Y-%m-%d"),
    ],
)
def test_every_kind_of_time_is_read(tmp_path: Path, times: Any, pattern: str) -> None:
    """Text, dates and timestamps of any unit give their days; times with a zone are in UTC."""
    panel = read_panel(put(tmp_path, pack(date=times, y=np.arange(20)), "x.parquet"))
    assert panel.columns.time_format == pattern
    np.testing.assert_array_equal(panel.series[0].timestamps.astype("datetime64[D]"), np.array(DAYS, "datetime64[D]"))
    np.testing.assert_array_equal(panel.series[0].values, np.arange(20.0))


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 1, 20) / 3,
        (np.linspace(0, 1, 20) / 3).astype(np.float32),
        np.arange(20, dtype=np.uint8),
        pyarrow.array([1, None, *range(18)]),
        pyarrow.array([0.1, None, float("nan"), *range(17)], pyarrow.float64()),
    ],
)
def test_numbers_come_back_exactly(tmp_path: Path, values: Any) -> None:
    """Every bit of every width; a null is a missing value."""
    panel = read_panel(put(tmp_path, pack(date=DAYS, y=values), "x.parquet"))
    expected = [
        np.nan if v is None else float(v) for v in (values.to_pylist() if hasattr(values, "to_pylist") else values)
    ]
    np.testing.assert_array_equal(panel.series[0].values, np.array(expected))


def test_a_parquet_file_equals_its_csv(tmp_path: Path) -> None:
    """The same digest, whatever the name ends with."""
    plain = read_panel(put(tmp_path, daily()))
    for name in ("x.parquet", "x.pq", "x.csv"):
        assert read_panel(put(tmp_path, pack(date=DAYS, y=np.arange(20)), name)).digest() == plain.digest()


def test_an_index_that_pandas_kept_is_no_column_of_its_own(tmp_path: Path) -> None:
    """Its stored name is not one that a person gave."""
    packed = pack(y=np.arange(20.0), __index_level_0__=np.array(DAYS, "datetime64[ns]"))
    assert read_panel(put(tmp_path, packed, "x.parquet")).columns.targets == ("y",)
    packed = pack(date=DAYS, temp=np.arange(20.0), __index_level_0__=np.arange(20))
    assert read_panel(put(tmp_path, packed, "x.parquet")).columns.targets == ("temp",)


def test_a_problem_names_the_row(tmp_path: Path) -> None:
    """There are no lines, so rows are counted from one."""
    values = [*range(19), float("inf")]
    problem = problem_of(put(tmp_path, pack(date=DAYS, y=values), "x.parquet"))
    assert (problem.code, problem.line, problem.column) == ("E208", 20, 2)
    problems = problems_of(put(tmp_path, pack(date=DAYS, y=[True] * 20), "x.parquet"))
    assert {problem.code for problem in problems} == {"E209"}


def test_what_is_finer_than_a_microsecond_is_refused(tmp_path: Path) -> None:
    """Nanoseconds are never cut off without a word."""
    times = np.array([datetime(2024, 1, 1)] * 5, "datetime64[ns]") + np.arange(5)
    problem = problem_of(put(tmp_path, pack(date=times[1:2], y=[1.0]), "x.parquet"), time=["date"])
    assert problem.code == "E311"


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    """A schema is not data."""
    packed = pack(date=pyarrow.array([], pyarrow.date32()), y=pyarrow.array([], pyarrow.float64()))
    assert problem_of(put(tmp_path, packed, "x.parquet")).code == "E205"


def test_texts_and_decimals_come_back_as_they_were(tmp_path: Path) -> None:
    """Those too that were written as bytes in UTF-8, as older programs do, and numbers of more digits than a float."""
    packed = pack(
        item=pyarrow.array(["Käse".encode(), None]),
        amount=pyarrow.array([Decimal("12345678901234567890.10"), Decimal("-1.00")]),
        ok=[True, False],
    )
    found = read_table(str(put(tmp_path, packed, "x.parquet")), ReadConfig())
    assert [list(cells) for cells in found.cells] == [
        ["Käse", ""],
        ["12345678901234567890.10", "-1.00"],
        ["true", "false"],
    ]


def test_a_table_that_only_its_runs_make_small_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its footer says how many cells it has."""
    monkeypatch.setattr(reading_parquet, "_MAX_CELLS", 39)
    assert problem_of(put(tmp_path, pack(date=DAYS, y=[1] * 20), "x.parquet")).code == "E109"
    assert len(read_panel(put(tmp_path, pack(date=DAYS[1:], y=[1] * 19), "x.parquet")).series[0]) == 19


def test_without_pyarrow_the_hint_is_its_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Parquet needs it."""
    path = put(tmp_path, pack(date=DAYS, y=np.arange(20)), "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    problem = problem_of(path)
    assert (problem.code, problem.hint) == ("E110", 'pip install "forecast[parquet]"')
    assert len(read_panel(put(tmp_path, daily()))) == 1
