"""One transaction on the database of a ledger: SQLite by the standard library alone, PostgreSQL through SQLAlchemy.

Statements are the same text for both, with values as `:name`. What fails is an error of this house, without a password.
"""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from forecast.databases import DatabaseFault, connected
from forecast.errors import ConfigError, ForecastError, LockedError, OutputError
from forecast.sources import display_source, parse

#: Seconds to wait for another writer.
PATIENCE = 30
#: Rows that are in memory at a time while many are read.
_BLOCK = 10_000
_SQLITE = ("sqlite://", "sqlite+pysqlite://")
_POSTGRESQL = ("postgresql", "postgres")


@dataclass(frozen=True)
class Transaction:
    """Statements inside one transaction, on a connection of sqlite3 or of SQLAlchemy."""

    connection: Any
    is_sqlite: bool

    def run(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Executes the statement once for each row; not at all for none."""
        if not rows:
            return
        if self.is_sqlite:
            self.connection.executemany(statement, rows)
        else:
            self.connection.execute(_text(statement), list(rows))

    def define(self, statement: str) -> None:
        """Executes one statement that has no values."""
        if self.is_sqlite:
            self.connection.execute(statement)
        else:
            self.connection.exec_driver_sql(statement)

    def blocks(self, query: str, **values: Any) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query in lists of some thousands, so that a large answer is never in memory at once."""
        if self.is_sqlite:
            cursor = self.connection.execute(query, values)
            while block := cursor.fetchmany(_BLOCK):
                yield block
        else:
            found = self.connection.execute(_text(query), values, execution_options={"stream_results": True})
            for rows in found.partitions(_BLOCK):
                yield [tuple(row) for row in rows]

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return [row for block in self.blocks(query, **values) for row in block]

    def count(self, statement: str, **values: Any) -> int:
        """Executes a DELETE, and says how many rows went."""
        if self.is_sqlite:
            return int(self.connection.execute(statement, values).rowcount)
        return int(self.connection.execute(_text(statement), values).rowcount)


@dataclass(frozen=True)
class Store:
    """Where a ledger is kept: an address of PostgreSQL, or the path of a SQLite file."""

    address: str
    path: Path | None

    @classmethod
    def at(cls, place: str | Path) -> Store:
        """The store that a path or an address means. Raises ConfigError for other databases and for tables or queries.

        SQLite is `ledger.db` or `sqlite:///ledger.db`.
        """
        text = str(place)
        source = parse(text)
        if source.kind not in ("file", "database"):
            raise ConfigError(f"ledger {display_source(text)}: this is neither a file nor a database", hint=_EXAMPLES)
        if source.kind == "file":
            return cls(text, Path(text))
        if source.part is not None or source.query is not None:
            found = "a ledger has its own tables, and the address names " + ("a table" if source.part else "a query")
            raise ConfigError(f"ledger {display_source(text)}: {found}", hint=_EXAMPLES)
        scheme = text.partition("://")[0].lower()
        if f"{scheme}://" in _SQLITE:
            name = text.partition("://")[2]
            if not name.startswith("/") or name == "/" or name[1:].startswith(":memory:") or "?" in name:
                raise ConfigError(f"ledger {text}: this names no file", hint=_EXAMPLES)
            return cls(text, Path(name[1:]))
        if scheme.partition("+")[0] not in _POSTGRESQL:
            found = "a ledger is kept in SQLite or PostgreSQL"
            raise ConfigError(f"ledger {display_source(text)}: {found}", hint=_EXAMPLES)
        return cls(text, None)

    @property
    def shown(self) -> str:
        """How messages name it."""
        return display_source(self.address)

    @property
    def exists(self) -> bool:
        """Whether there is a file; a server is taken to be there, and so is what nobody may look at."""
        try:
            return self.path is None or self.path.exists()
        except OSError:
            return True

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[Transaction]:
        """A transaction that is committed at the end of the block when writing, and rolled back otherwise.

        A writer waits for others, PATIENCE seconds at most, and makes a SQLite file that is not there. Raises
        LockedError after that, ConfigError where a package is missing, OutputError for whatever else fails.
        """
        if self.path is not None:
            with self._sqlite_errors(), closing(self._connect(writing)) as connection:
                # A deferred transaction that turns into a writer would fail at once where another writes.
                connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                try:
                    yield Transaction(connection, True)
                except BaseException:
                    connection.rollback()
                    raise
                connection.execute("COMMIT" if writing else "ROLLBACK")
            return
        try:
            with connected(self.address, writing=writing) as other:
                if other.dialect.name != "postgresql":
                    raise ConfigError(f"ledger {self.shown}: a ledger is kept in SQLite or PostgreSQL")
                if writing:
                    other.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
                yield Transaction(other, False)
        except DatabaseFault as fault:
            raise self._fault(fault) from None

    def _connect(self, writing: bool) -> sqlite3.Connection:
        assert self.path is not None
        if writing and not self.path.absolute().parent.is_dir():
            folder = self.path.absolute().parent
            raise OutputError(
                f"ledger {self.path}: there is no folder {folder}", hint=f"mkdir -p {shlex.quote(str(folder))}"
            )
        # Readers may write too: what a writer that was killed left half done has to be rolled back first.
        name = f"file:{quote(str(self.path.absolute()))}?mode={'rwc' if writing else 'rw'}"
        return sqlite3.connect(name, uri=True, isolation_level=None, timeout=PATIENCE)

    @contextmanager
    def _sqlite_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "locked" in text or "busy" in text:
                raise self._busy() from None
            if "not a database" in text or "malformed" in text:
                path = shlex.quote(str(self.path))
                raise OutputError(
                    f"ledger {self.path}: the file is damaged, or none of SQLite ({text})",
                    hint=f"mv {path} {path}.damaged, and the next run begins a new one",
                ) from None
            raise OutputError(f"ledger {self.path}: {text}") from None

    def _busy(self) -> LockedError:
        return LockedError(f"ledger {self.shown}: another run is writing it", hint="run again when it has ended")

    def _fault(self, fault: DatabaseFault) -> ForecastError:
        if "lock timeout" in fault.message or "deadlock" in fault.message:
            return self._busy()
        kind = ConfigError if fault.kind == "package" else OutputError
        return kind(f"ledger {self.shown}: {fault.message}", hint=fault.hint)


_EXAMPLES = "ledger.db, or postgresql+psycopg://USER@HOST/DATABASE"


def _text(statement: str) -> Any:
    from sqlalchemy import text

    return text(statement)
