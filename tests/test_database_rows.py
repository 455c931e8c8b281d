"""A forecast in a database is there once, whole or not at all, and beside it nothing has changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast import database_rows
from forecast.config import QUANTILE_LEVELS
from forecast.database_rows import Column, replace_rows
from forecast.databases import DatabaseFault
from forecast.errors import ConfigError, OutputError
from forecast.forecasts import Forecast, ItemForecast
from forecast.panel import Columns
from forecast.writing import write_forecast_sql

pytest.importorskip("sqlalchemy")

DAY = Columns("date", ("sales",), ids=("shop",))


def made(
    items: dict[str, list[float]], columns: Columns = DAY, source: str = "model", first: str = "2024-02-28"
) -> Forecast:
    """A forecast of days with these medians for each shop, and quantiles one apart."""
    forecasts = []
    for shop, medians in items.items():
        quantiles = np.array(medians)[:, None] + np.arange(-6.0, 7)
        stamps = np.datetime64(first, "us") + np.arange(len(medians)) * np.timedelta64(1, "D")
        ids = (shop,) if columns.ids else ()
        forecasts += [ItemForecast(ids, target, stamps, quantiles) for target in columns.targets]
    return Forecast(tuple(forecasts), QUANTILE_LEVELS, columns, source)


def run(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "sales.db"


def write(db: Path, forecast: Forecast, table: str = "forecast", **options: Any) -> None:
    write_forecast_sql(forecast, f"sqlite:///{db}#{table}", **{"levels": (80,), **options})


ROWS = "SELECT shop, date, forecast FROM forecast ORDER BY shop, date"


def test_a_new_table_has_the_columns_of_the_file_and_a_source(db: Path) -> None:
    """Dates as dates, numbers with all digits, and the database is made where there was none."""
    write(db, made({"a": [1 / 3, 2.0]}))
    assert run(db, "SELECT * FROM forecast") == [
        ("a", "2024-02-28", 1 / 3, 1 / 3 - 4, 1 / 3 + 4, "model"),
        ("a", "2024-02-29", 2.0, -2.0, 6.0, "model"),
    ]
    names = [row[1] for row in run(db, "PRAGMA table_info(forecast)")]
    assert names == ["shop", "date", "forecast", "lo_80", "hi_80", "source"]


def test_writing_twice_is_as_writing_once(db: Path) -> None:
    """Rows of the same shop and day are replaced; earlier days and other shops stay."""
    write(db, made({"a": [1.0, 2.0], "b": [5.0]}))
    write(db, made({"a": [1.0, 2.0], "b": [5.0]}))
    write(db, made({"a": [9.0, 8.0]}, first="2024-02-29", source="naive"))
    expected = [("a", "2024-02-28", 1.0), ("a", "2024-02-29", 9.0), ("a", "2024-03-01", 8.0), ("b", "2024-02-28", 5.0)]
    assert run(db, ROWS) == expected
    assert run(db, "SELECT source, count(*) FROM forecast GROUP BY 1") == [("model", 2), ("naive", 2)]


def test_several_targets_are_rows_of_their_own(db: Path) -> None:
    """The target belongs to the key."""
    for _ in range(2):
        write(db, made({"a": [1.0]}, Columns("date", ("sales", "returns"), ids=("shop",))))
    assert run(db, "SELECT shop, target FROM forecast ORDER BY target") == [("a", "returns"), ("a", "sales")]


@pytest.mark.parametrize(
    ("pattern", "timezone", "stored"),
    [
        ("%Y-%m", "", "2024-02-28"),
        ("%d.%m.%Y", "", "2024-02-28"),
        ("%Y-%m-%d %H:%M", "", "2024-02-28 00:00:00.000000"),
        ("%Y-%m-%dT%H:%MZ", "", "2024-02-28T00:00Z"),
        ("%Y-%m-%dT%H:%M%:z", "Europe/Berlin", "2024-02-28T01:00+01:00"),
        ("%Y-%m-%d %H:%M", "Europe/Berlin", "2024-02-28 01:00"),
    ],
)
def test_a_time_is_a_date_or_a_timestamp_or_keeps_its_offset_as_text(
    pattern: str, timezone: str, stored: str, db: Path
) -> None:
    """No type of a database may say another moment than the file does."""
    for _ in range(2):
        write(db, made({"": [1.0]}, Columns("when", ("y",), time_format=pattern, timezone=timezone)))
    assert run(db, 'SELECT "when" FROM forecast') == [(stored,)]


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("DATE", "2024-02-28"), ("TEXT", "28.02.2024"), ("DATETIME", "2024-02-28 00:00:00.000000"), ("", "28.02.2024")],
)
def test_a_table_that_is_there_keeps_its_own_types(kind: str, stored: str, db: Path) -> None:
    """And its columns: those that may stay empty, or fill themselves, are its own business; a source is not needed."""
    run(
        db,
        "CREATE TABLE forecast (no INTEGER PRIMARY KEY, shop TEXT NOT NULL, remark TEXT, "
        f"at TEXT NOT NULL DEFAULT 'now', hi_80 REAL, lo_80 NUMERIC, forecast DOUBLE, date {kind})",
    )
    for _ in range(2):
        write(db, made({"a": [1.0]}, Columns("date", ("sales",), ids=("shop",), time_format="%d.%m.%Y")))
    rows = run(db, "SELECT shop, date, forecast, lo_80, hi_80, remark, at FROM forecast")
    assert rows == [("a", stored, 1.0, -3.0, 5.0, None, "now")]


def test_seconds_since_1970_fit_a_column_of_whole_numbers(db: Path) -> None:
    """As they were in the file."""
    run(db, "CREATE TABLE forecast (t INTEGER, forecast REAL)")
    for _ in range(2):
        write(db, made({"": [1.0]}, Columns("t", ("y",), time_format="epoch_s")), levels=())
    assert run(db, "SELECT * FROM forecast") == [(1709078400, 1.0)]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("(shop TEXT, date DATE, forecast REAL)", "lacks the column 'lo_80', lacks the column 'hi_80'"),
        (
            "(shop TEXT, date DATE, forecast REAL, lo_80 REAL, hi_80 REAL, extra TEXT NOT NULL)",
            "needs a column 'extra'",
        ),
        ("(shop TEXT, date DATE, forecast INTEGER, lo_80 REAL, hi_80 REAL)", "'forecast' .* is of type INTEGER"),
        ("(shop TEXT, date REAL, forecast REAL, lo_80 REAL, hi_80 REAL)", "'date' .* is of type REAL"),
        ("(shop REAL, date DATE, forecast REAL, lo_80 REAL, hi_80 REAL)", "'shop' .* is of type REAL"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: str, said: str, db: Path) -> None:
    """Naming the columns that differ, with nothing written."""
    run(db, f"CREATE TABLE forecast {table}")
    before = db.read_bytes()
    with pytest.raises(OutputError, match=said) as caught:
        write(db, made({"a": [1.0]}))
    assert caught.value.exit_code == 7
    assert db.read_bytes() == before


def test_a_time_without_an_offset_is_not_given_to_a_column_with_one() -> None:
    """The database would add that of its own zone."""
    import sqlalchemy as sql

    table = sql.Table("t", sql.MetaData(), sql.Column("date", sql.DateTime(timezone=True)))
    with pytest.raises(DatabaseFault, match="DATETIME with time zone, not of date"):
        database_rows._fitting(table, Column("date", "date", [date(2024, 2, 28)]))


def test_other_levels_do_not_fit_the_table_of_before(db: Path) -> None:
    """Half a row would be left over."""
    write(db, made({"a": [1.0]}), levels=(80, 95))
    with pytest.raises(OutputError, match="needs a column 'lo_95', needs a column 'hi_95'"):
        write(db, made({"a": [2.0]}))
    assert run(db, ROWS) == [("a", "2024-02-28", 1.0)]


def test_a_failure_half_way_leaves_everything_as_it_was(db: Path) -> None:
    """Deleted rows are back, and a table that was made is gone again."""
    write(db, made({"a": [1.0, 2.0], "b": [3.0]}))
    before = run(db, ROWS)
    run(db, "CREATE TRIGGER no BEFORE INSERT ON forecast WHEN NEW.shop = 'b' BEGIN SELECT RAISE(ABORT, 'no b'); END")
    with pytest.raises(OutputError, match=r"cannot write .*sales.db#forecast: no b"):
        write(db, made({"a": [7.0, 8.0], "b": [9.0]}))
    assert run(db, ROWS) == before
    twice = [Column("k", "text", ["x", "x"], key=True), Column("v", "number", [1.0, 2.0])]
    with pytest.raises(OutputError, match="UNIQUE"):
        replace_rows(f"sqlite:///{db}#other", twice)
    assert run(db, "SELECT name FROM sqlite_master WHERE type = 'table'") == [("forecast",)]


@pytest.mark.parametrize("name", ['we "ird', "x; DROP TABLE forecast", "a'b", "select", "%(x)s :y ?", "Käse 1.2"])
def test_names_and_ids_may_hold_anything(name: str, db: Path) -> None:
    """They are quoted by the library, never pasted into a statement."""
    write(db, made({"a": [1.0]}))
    for _ in range(2):
        write(db, made({name: [2.0]}, Columns("date", ("sales",), ids=(name,))), "t" if "." in name else name)
    tables = {row[0] for row in run(db, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"forecast", "t" if "." in name else name}
    quoted = ("t" if "." in name else name).replace('"', '""')
    assert [row[0] for row in run(db, f'SELECT * FROM "{quoted}"')] == [name]


def test_a_schema_stands_before_a_point(db: Path, tmp_path: Path) -> None:
    """`main` is the one that SQLite has; a schema that is not there is a problem."""
    write(db, made({"a": [1.0]}), "main.forecast")
    write(db, made({"a": [1.0]}), "main.forecast")
    assert len(run(db, ROWS)) == 1
    with pytest.raises(OutputError, match="unknown database"):
        write(db, made({"a": [1.0]}), "absent.forecast")


@pytest.mark.parametrize("rest", ["", "?query=SELECT 1", "#"])
def test_a_target_names_a_table(rest: str, db: Path) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigError) as caught:
        write_forecast_sql(made({"a": [1.0]}), f"sqlite:///{db}{rest}")
    assert caught.value.exit_code == 2
    assert not db.exists()


def test_what_cannot_be_opened_is_an_output_error_without_a_password(tmp_path: Path) -> None:
    """A folder that is missing, a file that is no database, a driver that is not installed."""
    (tmp_path / "x.db").write_text("no database" * 99)
    for target in (
        f"sqlite:///{tmp_path}/no/x.db#t",
        f"sqlite:///{tmp_path}/x.db#t",
        f"sqlite:///{tmp_path}#t",
        "postgresql+nodriver://me:hush@h/db#t",
    ):
        with pytest.raises(OutputError) as caught:
            write_forecast_sql(made({"a": [1.0]}), target)
        assert caught.value.exit_code == 7
        assert "hush" not in f"{caught.value}{caught.value.hint}"
        assert "\n" not in caught.value.message


def test_a_column_of_the_users_own_that_is_called_source_stays(db: Path) -> None:
    """It is an id then, and no second one is added."""
    write(db, made({"web": [1.0]}, Columns("date", ("sales",), ids=("source",))))
    assert run(db, "SELECT source, forecast FROM forecast") == [("web", 1.0)]


def test_a_locked_database_is_waited_for(db: Path) -> None:
    """Two jobs that end at once both write."""
    import threading

    write(db, made({"a": [1.0]}))
    with closing(sqlite3.connect(db, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        timer.start()
        write(db, made({"a": [2.0]}))
        timer.join()
    assert run(db, ROWS) == [("a", "2024-02-28", 2.0)]
