"""A text stands for one thing, its secrets stay in it, and a name made from it is a plain one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.sources import Source, display_source, is_local, parse, safe_source, source_stem

SELECT = "SELECT day, y+1 FROM sales WHERE id LIKE '%ad%' AND a = b & c"
KINDS = {
    "-": Source("stdin", "-"),
    "sales.csv": Source("file", "sales.csv"),
    "./a#b.csv": Source("file", "./a#b.csv"),
    "C:/data/sales.csv": Source("file", "C:/data/sales.csv"),
    "book.xlsx#Sheet 2": Source("file", "book.xlsx", "Sheet 2"),
    "file:///data/a%20b.csv": Source("file", "/data/a b.csv"),
    "https://h/x.csv?raw=1": Source("web", "https://h/x.csv?raw=1"),
    "https://h/book.xlsx#Mai%202": Source("web", "https://h/book.xlsx", "Mai 2"),
    "s3://bucket/a#b.csv": Source("store", "s3://bucket/a#b.csv"),
    "s3://bucket/book.xlsx#Mai": Source("store", "s3://bucket/book.xlsx", "Mai"),
    "zip://a.csv::s3://bucket/x.zip": Source("store", "zip://a.csv::s3://bucket/x.zip"),
    "sqlite:///sales.db": Source("database", "sqlite:///sales.db"),
    "sqlite:///sales.db#daily": Source("database", "sqlite:///sales.db", "daily"),
    f"sqlite:///sales.db?query={SELECT}": Source("database", "sqlite:///sales.db", query=SELECT),
    "sqlite:///s.db?query=SELECT%20a%2Bb%20FROM%20t": Source("database", "sqlite:///s.db", query="SELECT a+b FROM t"),
    "sqlite:///s.db?query=SELECT+a%2Bb+FROM+t": Source("database", "sqlite:///s.db", query="SELECT a+b FROM t"),
    "postgresql+psycopg://u:p#w@h/db": Source("database", "postgresql+psycopg://u:p#w@h/db"),
    "mysql://h/db?charset=utf8&query=SELECT 1": Source("database", "mysql://h/db?charset=utf8", query="SELECT 1"),
    "anything+driver://h/db#t": Source("database", "anything+driver://h/db", "t"),
}


@pytest.mark.parametrize("text", KINDS)
def test_a_text_is_taken_apart(text: str) -> None:
    """Kind, address, sheet or table, and a query that is never cut nor decoded where it was not encoded."""
    assert parse(text) == KINDS[text]
    assert is_local(text) == (KINDS[text].kind == "file")


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("-", "stdin"),
        ("data/sales.csv", "sales"),
        ("sales.csv.gz", "sales"),
        ("sales.2024.csv", "sales.2024"),
        ("book.xlsx#Sheet2", "book"),
        ("https://h/x/sales.csv?raw=1", "sales"),
        ("https://h/x/sales.csv.gz", "sales"),
        ("https://h", "h"),
        ("https://h/a/%2E%2E%2F%2E%2E%2Fetc%2Fpasswd", "passwd"),
        ("https://h/%2e%2e", "web"),
        ("https://[::1/x.csv", "x"),
        ("s3://bucket/folder/sales.parquet", "sales"),
        ("sqlite:///sales.db?query=SELECT a/b FROM t", "sales"),
        ("sqlite:////var/data/sales.db#daily", "sales"),
        ("postgresql+psycopg://u:p/w@h:5432/shop?sslmode=require#daily", "shop"),
        ("sqlite://", "database"),
    ],
)
def test_files_made_from_a_source_have_its_name(text: str, stem: str) -> None:
    """Without folder, suffix, query, sheet or table."""
    assert source_stem(text) == stem


@given(st.text(min_size=1, max_size=40))
def test_no_address_chooses_a_folder(path: str) -> None:
    """Whatever stands after the host, the name is one name, not hidden and not blank."""
    stem = source_stem(f"https://h/{path}")
    assert stem
    assert not set(stem) & set('/\\\0\n:"')
    assert stem[0] != "."


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("sales.csv", "sales.csv"),
        ("a:b@c.csv", "a:b@c.csv"),
        ("postgresql+psycopg://u:hush@h/db?query=SELECT 1", "postgresql+psycopg://u@h/db?query=SELECT 1"),
        ("postgresql://u:hu/s?h@h:5432/db#t", "postgresql://u@h:5432/db#t"),
        ("postgresql://u:hu@sh@h/db", "postgresql://u@h/db"),
        ("postgresql://:hush@h/db", "postgresql://@h/db"),
        ("postgresql://h/db?password=hush&sslmode=require#t", "postgresql://h/db?sslmode=require#t"),
        ("postgresql://u@h/db?query=SELECT '@'", "postgresql://u@h/db?query=SELECT '@'"),
        ("mssql+pyodbc://?odbc_connect=PWD%3Dhush", "mssql+pyodbc://"),
        ("https://hush:x@h/a.csv", "https://h/a.csv"),
        ("https://hush@h/a.csv", "https://h/a.csv"),
        ("https://h:8080/x@y.csv", "https://h:8080/x@y.csv"),
        ("https://h/a.csv?raw=1&token=hush&x=2", "https://h/a.csv?raw=1&x=2"),
        ("https://h/a.csv?X-Amz-Signature=hush", "https://h/a.csv"),
        ("https://h/a.xlsx?sig=hush#Mai", "https://h/a.xlsx#Mai"),
        ("ftp://u:hush@h/a.csv", "ftp://u@h/a.csv"),
    ],
)
def test_what_is_shown_and_kept_has_no_secret(text: str, safe: str) -> None:
    """Passwords, tokens and keys are left out; the rest still names the same place."""
    assert safe_source(text) == safe
    assert "hush" not in display_source(text)


@given(st.text(st.characters(exclude_characters="@"), min_size=8, max_size=20))
def test_no_password_is_ever_shown(password: str) -> None:
    """Any text between the user and the host, if it is long enough to be recognised."""
    for text in (f"postgresql://user:{password}@host/db#t", f"mysql+pymysql://user:{password}@host/db?query=SELECT 1"):
        assert password not in safe_source(text).replace("mysql+pymysql", "").replace("postgresql", "")
        assert password not in display_source(text).replace("mysql+pymysql", "").replace("postgresql", "")


def test_messages_are_short() -> None:
    """A long address is named by its end."""
    assert display_source("https://host/" + "folder/" * 20 + "sales.csv?x=1") == "sales.csv"
    assert display_source("sqlite:///sales.db#daily") == "sqlite:///sales.db#daily"
    assert display_source("sqlite:///sales.db?query=SELECT 1") == "sqlite:///sales.db"
