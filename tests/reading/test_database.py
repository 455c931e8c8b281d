"""A database gives what its CSV gives; it is never written to, and its password is never shown."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from forecast.config import ReadConfig
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem
from forecast.reading.tables import read_table
from forecast.reading.values import texts_of
from tests.reading.files import daily, days, put

sqlalchemy = pytest.importorskip("sqlalchemy")


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A database with a table of twenty days, and one of other things."""
    path = tmp_path / "sales.db"
    execute(path, "CREATE TABLE daily (date TEXT, y INTEGER, item TEXT)")
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = [(day, n, "100% a:b") for n, day in enumerate(days(20))]
        connection.executemany("INSERT INTO daily VALUES (?, ?, ?)", rows)
    execute(path, 'CREATE TABLE "odd ""name" ("a b" REAL)')
    execute(path, 'INSERT INTO "odd ""name" VALUES (0.1)')
    return path


def execute(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def table(path: Path, rest: str = "") -> Table:
    return read_table(f"sqlite:///{path}{rest}", ReadConfig())


def refused(source: str) -> Problem:
    with pytest.raises(FileProblems) as caught:
        read_table(source, ReadConfig())
    assert "hush" not in f"{caught.value} {caught.value.hint}"
    assert "\n" not in str(caught.value)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    "query", ["SELECT date, y FROM daily", "SELECT%20date,%20y%20FROM%20daily", "SELECT+date%2C+y+FROM+daily"]
)
def test_the_answer_to_a_query_is_a_table(query: str, sales: Path) -> None:
    """Whether the query is encoded for an address or not; its rows are counted from one."""
    found = table(sales, f"?query={query}")
    assert (found.names, list(found.lines)) == (("date", "y"), list(range(1, 21)))
    assert [list(cells) for cells in found.cells] == [days(20), [str(n) for n in range(20)]]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("SELECT * FROM daily WHERE item LIKE '100% a:%'", 20),
        ("SELECT * FROM daily WHERE item LIKE '%ad%' OR y = 3 -- ; a comment", 1),
        ("WITH late AS (SELECT * FROM daily WHERE y >= 15) SELECT * FROM late;", 5),
        ("SELECT * FROM daily WHERE y & 1 = 1 AND item <> 'a;b'", 10),
        ("select date, y+1 as y, '?' as q from daily", 20),
    ],
)
def test_a_query_is_sent_as_it_is(query: str, count: int, sales: Path) -> None:
    """No percent sign, colon, plus, question mark, semicolon or ampersand in it means anything to us."""
    assert len(table(sales, f"?query={query}")) == count


def test_a_table_is_read_by_its_name(sales: Path) -> None:
    """However odd it is; a wrong one is answered with one that is there."""
    assert list(table(sales, '#odd "name').cells[0]) == ["0.1"]
    assert len(table(sales, "#daily")) == 20
    problem = refused(f"sqlite:///{sales}#dayly")
    assert (problem.code, problem.hint) == ("E114", f"'sqlite:///{sales}#daily'")


def test_the_only_table_needs_no_name(tmp_path: Path) -> None:
    """A view counts; of two tables one must be named, and the note or the hint says which."""
    path = tmp_path / "x.db"
    execute(path, "CREATE TABLE t (a, b)")
    execute(path, "INSERT INTO t VALUES (1, NULL)")
    found = table(path)
    assert ([list(c) for c in found.cells], found.notes) == (
        [["1"], [""]],
        ('W111 the table "t" is read, the only one',),
    )
    execute(path, "CREATE VIEW v AS SELECT a FROM t")
    assert table(path, "#v").names == ("a",)
    assert refused(f"sqlite:///{path}").code == "E114"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM daily",
        "WITH x AS (SELECT 1) DELETE FROM daily",
        "SELECT 1; DELETE FROM daily",
        "SELECT 1 /* a */ ; /* b */ DROP TABLE daily",
        "INSERT INTO daily VALUES (1, 2, 3)",
        "PRAGMA user_version = 7",
        "/* SELECT */ DROP TABLE daily",
        "VACUUM",
        "",
    ],
)
def test_nothing_is_ever_written(statement: str, sales: Path) -> None:
    """Neither by a statement that says so nor by one that hides it: the file stays the same to the byte."""
    before = sales.read_bytes()
    assert refused(f"sqlite:///{sales}?query={statement}").code == "E114"
    assert sales.read_bytes() == before
    assert [path.name for path in sales.parent.iterdir()] == [sales.name]


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    """Nor is a folder, or one in memory, taken for one."""
    assert refused(f"sqlite:///{tmp_path / 'no.db'}#t").code == "E101"
    assert refused(f"sqlite:///{tmp_path}#t").code == "E101"
    assert refused("sqlite://").code == "E113"
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_a_problem(tmp_path: Path) -> None:
    """In the words of SQLite."""
    assert "not a database" in refused(f"sqlite:///{put(tmp_path, daily() * 9)}#t").text


def test_faults_of_a_query_are_told_in_the_words_of_the_database(sales: Path) -> None:
    """On one line; an answer without rows is one too."""
    problem = refused(f"sqlite:///{sales}?query=SELECT nope FROM daily")
    assert (problem.code, problem.text) == ("E114", "no such column: nope")
    assert refused(f"sqlite:///{sales}?query=SELECT * FROM daily WHERE 0").code == "E205"


def test_a_path_may_hold_blanks_and_hashes(tmp_path: Path) -> None:
    """What follows the last hash is the table."""
    path = tmp_path / "sales #1 of 2.db"
    execute(path, "CREATE TABLE t (a)")
    execute(path, "INSERT INTO t VALUES (1)")
    assert len(table(path, "#t")) == 1


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("postgresql+nodriver://me:hush@localhost/db#t", "E110"),
        ("nothing+known://me:hush@localhost/db#t", "E110"),
        ("postgresql://me:hush@localhost:port/db#t", "E113"),
        ("sqlite:///sales.db?password=hush#t", "E113"),
    ],
)
def test_no_message_has_a_password(address: str, code: str) -> None:
    """Whatever is wrong with the rest of the address."""
    assert refused(address).code == code


def test_a_driver_that_repeats_the_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some drivers put all of the address into their messages."""
    from sqlalchemy import create_engine, exc

    def failing(*_arguments: object, **_options: object) -> Any:
        def connect() -> None:
            raise exc.OperationalError(
                "", {}, Exception("cannot connect as me:hush at postgresql://me:hush@h/db\nmore")
            )

        return create_engine("sqlite://", creator=connect)

    monkeypatch.setattr(sqlalchemy, "create_engine", failing)
    problem = refused("postgresql+psycopg://me:hush@h/db#t")
    assert (problem.code, problem.text) == ("E113", "cannot connect as me:*** at postgresql://me:***@h/db")


def test_a_driver_that_is_missing_comes_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name that the package has, not the module."""
    for module in ("psycopg", "psycopg2", "MySQLdb"):
        monkeypatch.setitem(sys.modules, module, None)
    assert refused("postgresql+psycopg://h/db#t").hint == 'pip install "psycopg[binary]"'
    assert refused("postgresql+psycopg2://h/db#t").hint == "pip install psycopg2-binary"
    assert refused("mysql://h/db#t").hint == "pip install mysqlclient"


def test_without_sqlalchemy_the_hint_is_its_install_line(sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only databases need it."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    problem = refused(f"sqlite:///{sales}#daily")
    assert (problem.code, problem.hint) == ("E110", 'pip install "forecast[sql]"')


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([Decimal("12345678901234567890.10"), Decimal("1E+3"), None], ["12345678901234567890.10", "1E+3", ""]),
        ([0.1 + 0.2, 1e300, float("nan")], ["0.30000000000000004", "1e+300", "nan"]),
        ([10**30, -1, True, False], ["1" + "0" * 30, "-1", "true", "false"]),
        ([date(2024, 1, 1), None], ["2024-01-01", ""]),
        ([datetime(2024, 1, 1), datetime(2024, 1, 2)], ["2024-01-01", "2024-01-02"]),
        ([datetime(2024, 1, 1), datetime(2024, 1, 1, 1)], ["2024-01-01T00:00:00", "2024-01-01T01:00:00"]),
        (
            [datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 5)],
            ["2024-01-01T00:00:00.000000", "2024-01-01T00:00:00.000005"],
        ),
        (
            [datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=1)))],
            ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"],
        ),
        ([time(9, 30)], ["09:30:00"]),
        (["007", " a ", ""], ["007", " a ", ""]),
        ([b"K\xc3\xa4se", b"\xff\x00"], ["Käse", "0xff00"]),
        ([UUID(int=1)], ["00000000-0000-0000-0000-000000000001"]),
    ],
)
def test_a_value_becomes_the_text_that_gives_it_back(values: Sequence[Any], texts: list[str]) -> None:
    """Whatever type a driver gives it."""
    assert texts_of(values) == texts
