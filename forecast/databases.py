"""Connections to databases of any kind that SQLAlchemy knows; what fails is a DatabaseFault without a password."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from forecast.sources import safe_source

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

#: Seconds that a server may take to let us in, where its driver has such a setting.
_TIMEOUT = 30
_TIMED = ("psycopg", "psycopg2", "pymysql", "mysqldb")
#: The package on the index of Python, where it is not called like its module.
_PACKAGES = {"psycopg": '"psycopg[binary]"', "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
_READ_ONLY = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET TRANSACTION READ ONLY",
    "mariadb": "SET TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}


class DatabaseFault(Exception):
    """What a database, or the way to it, does not do. kind is missing, package, connection or query."""

    def __init__(self, kind: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


@contextmanager
def connected(address: str, *, writing: bool = False) -> Iterator[Connection]:
    """A connection inside one transaction, committed at the end of the block when writing, rolled back otherwise.

    Reading opens SQLite files read-only and never makes one. Raises DatabaseFault, also for errors inside the block.
    """
    try:
        from sqlalchemy import exc
    except ImportError:
        raise DatabaseFault("package", "databases need the package sqlalchemy", 'pip install "forecast[sql]"') from None
    url = _url(address)
    kind = "connection"
    try:
        engine = _engine(url, writing)
        try:
            with engine.connect() as connection, connection.begin() as transaction:
                kind = "query"
                if not writing and (statement := _READ_ONLY.get(engine.dialect.name)):
                    connection.exec_driver_sql(statement)
                yield connection
                if not writing:
                    transaction.rollback()
        finally:
            engine.dispose()
    except exc.NoSuchModuleError:
        found = f"SQLAlchemy knows no database {url.drivername!r}"
        raise DatabaseFault("package", found, "install the package that has it, or correct the name") from None
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        hint = f"pip install {_PACKAGES.get(module, module)}"
        raise DatabaseFault("package", f"{url.drivername} needs the package {module}", hint) from None
    except exc.DBAPIError as error:
        raise DatabaseFault(kind, _said(error.orig, url)) from None
    except (exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise DatabaseFault(kind, _said(error, url)) from None


def _url(address: str) -> URL:
    from sqlalchemy import exc
    from sqlalchemy.engine import make_url

    try:
        # The name that Heroku and others still give it.
        return make_url(re.sub(r"^postgres(?=[:+])", "postgresql", address))
    except (exc.ArgumentError, ValueError):
        hint = "sqlite:///FILE, or postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"
        raise DatabaseFault("connection", "the address of the database is not one of SQLAlchemy's", hint) from None


def _engine(url: URL, writing: bool) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return _sqlite_engine(url, writing)
    arguments: dict[str, Any] = {}
    if url.get_driver_name() in _TIMED and "connect_timeout" not in url.query:
        arguments["connect_timeout"] = _TIMEOUT
    return create_engine(url, poolclass=NullPool, connect_args=arguments)


def _sqlite_engine(url: URL, writing: bool) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    if not url.database or url.database == ":memory:":
        raise DatabaseFault("connection", "a database in memory holds nothing", "sqlite:///FILE")
    if url.query:
        found = f"sqlite takes no {next(iter(url.query))!r} in its address"
        raise DatabaseFault("connection", found, f"sqlite:///{url.database}?query=SELECT …")
    path = Path(url.database)
    if not writing and not path.is_file():
        raise DatabaseFault("missing", "there is no such file" if not path.exists() else "this is not a regular file")
    if writing and not path.parent.is_dir():
        raise DatabaseFault("missing", f"there is no folder {path.parent}", f"mkdir -p {path.parent}")
    name = f"file:{quote(str(path.absolute()))}?mode={'rwc' if writing else 'ro'}"

    def connect() -> sqlite3.Connection:
        # Without a level the driver begins no transaction of its own, which would leave CREATE TABLE outside.
        return sqlite3.connect(name, uri=True, isolation_level=None, timeout=_TIMEOUT)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _said(error: BaseException | None, url: URL) -> str:
    """The first line of what the driver says, without the password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = safe_source(lines[0]) if lines else type(error).__name__
    for secret in (url.password, *([quote(str(url.password))] if url.password else [])):
        text = text.replace(str(secret), "***") if secret else text
    return text[:1].lower() + text[1:] if not text[:2].isupper() else text
