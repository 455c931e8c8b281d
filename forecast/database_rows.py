"""Rows → a table of a database, in one transaction: they replace those with the same key, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from forecast.databases import DatabaseFault, connected
from forecast.errors import ConfigError, OutputError
from forecast.sources import display_source, parse

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table
    from sqlalchemy.types import TypeEngine

#: Where a text of any length can be no key; longer ones are refused there by the database itself.
_KEY_LENGTH = 255
_SHORT_KEYS = ("mysql", "mariadb", "mssql", "oracle")


@dataclass(frozen=True)
class Column:
    """A column of N values. kind is text, number, date or timestamp; the columns with `key` together name a row.

    A time has its texts as well, for a table that keeps times as text. An optional column is left out where a table
    that is there already does not have it.
    """

    name: str
    kind: str
    values: Sequence[Any]
    key: bool = False
    texts: Sequence[str] = ()
    optional: bool = False


def check_target(target: str) -> None:
    """Raises ConfigError unless the target names a table of a database, as in `sqlite:///sales.db#forecast`."""
    source = parse(target)
    if source.query is not None or not source.part:
        found = "a query is read only" if source.query is not None else "it names no table"
        hint = f"--output '{display_source(source.address)}#forecast'"
        raise ConfigError(f"--output {display_source(target)}: {found}", hint=hint)


def replace_rows(target: str, columns: Sequence[Column]) -> None:
    """Writes the rows into `address#table` or `address#schema.table`, which is made when it is not there.

    Rows that have the same values in the key columns are deleted first, so that writing twice is as writing once.
    Raises OutputError, with nothing written, where the table has other columns or the database refuses.
    """
    check_target(target)
    source = parse(target)
    assert source.part is not None
    try:
        with connected(source.address, writing=True) as connection:
            table = _found(connection, source.part)
            if table is None:
                table = _made(connection, source.part, columns)
            columns = [column for column in columns if not column.optional or column.name in table.columns]
            _check_columns(table, columns)
            rows = _rows(table, columns)
            _delete(connection, table, [column.name for column in columns if column.key], rows)
            connection.execute(table.insert(), rows)
    except DatabaseFault as fault:
        shown = display_source(target)
        raise OutputError(f"cannot write {shown}: {fault.message}", hint=fault.hint) from None


def _found(connection: Connection, name: str) -> Table | None:
    """The table of that name as the database has it; a point may divide the schema from it."""
    from sqlalchemy import MetaData, Table, inspect

    inspector = inspect(connection)
    for schema, own in _readings(name):
        if inspector.has_table(own, schema=schema):
            return Table(own, MetaData(), schema=schema, autoload_with=connection)
    return None


def _readings(name: str) -> list[tuple[str | None, str]]:
    schema, dot, own = name.rpartition(".")
    return [(None, name), *([(schema, own)] if dot and schema and own else [])]


def _made(connection: Connection, name: str, columns: Sequence[Column]) -> Table:
    """A new table, with a primary key: it finds rows quickly, and keeps two runs at once from writing both."""
    import sqlalchemy as sql

    short = connection.dialect.name in _SHORT_KEYS
    kinds: dict[str, TypeEngine[Any]] = {
        "text": sql.Text(),
        "number": sql.Double(),
        "date": sql.Date(),
        "timestamp": sql.DateTime(),
    }
    made = [
        sql.Column(
            column.name,
            sql.String(_KEY_LENGTH) if short and column.key and column.kind == "text" else kinds[column.kind],
            primary_key=column.key,
            nullable=False,
            autoincrement=False,
        )
        for column in columns
    ]
    schema, own = _readings(name)[-1]
    table = sql.Table(own, sql.MetaData(), *made, schema=schema)
    table.create(connection)
    return table


def _check_columns(table: Table, columns: Sequence[Column]) -> None:
    """Raises DatabaseFault where the table lacks a column, or has another that must be filled."""
    known, given = set(table.columns.keys()), {column.name for column in columns}
    lacking = [column.name for column in columns if column.name not in known]
    # What the database fills by itself, or may leave empty, is no business of a forecast.
    demanding = [
        column.name
        for column in table.columns
        if column.name not in given
        and not column.nullable
        and column.server_default is None
        and column.identity is None
        and column is not table.autoincrement_column
    ]
    if not lacking and not demanding:
        return
    found = [f"lacks the column {name!r}" for name in lacking] + [f"needs a column {name!r}" for name in demanding]
    raise DatabaseFault(
        "query",
        f"the table {table.fullname} {', '.join(found)}",
        "name a table that does not exist yet, and it will be made; or choose the columns with --levels, --quantiles",
    )


def _rows(table: Table, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """One dict for each row, its values of the types that the columns of the table have."""
    names = [column.name for column in columns]
    values = [_fitting(table, column) for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _fitting(table: Table, column: Column) -> Sequence[Any]:
    """The values of a column as its namesake in the table takes them."""
    import sqlalchemy as sql

    kind = table.columns[column.name].type
    if isinstance(kind, sql.types.NullType):
        return column.texts or column.values
    if isinstance(kind, sql.String) and column.kind != "number":
        return column.texts or column.values
    if column.kind == "number" and isinstance(kind, sql.Numeric | sql.Float):
        return column.values
    # The database would take a time without an offset for one of its own zone.
    if column.kind in ("date", "timestamp") and isinstance(kind, sql.DateTime) and not kind.timezone:
        return [datetime.combine(value, getattr(value, "time", time)()) for value in column.values]
    if column.kind == "date" and isinstance(kind, sql.Date):
        return column.values
    if isinstance(kind, sql.Integer) and column.texts and all(text.isdecimal() for text in column.texts):
        return [int(text) for text in column.texts]
    zone = " with time zone" if getattr(kind, "timezone", False) else ""
    found = f"the column {column.name!r} of the table {table.fullname} is of type {kind}{zone}, not of {column.kind}"
    raise DatabaseFault("query", found, "name a table that does not exist yet, and it will be made")


def _delete(connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Deletes what the rows will replace."""
    from sqlalchemy import and_, bindparam, delete

    matching = and_(*(table.columns[key] == bindparam(f"key_{at}") for at, key in enumerate(keys)))
    connection.execute(
        delete(table).where(matching), [{f"key_{at}": row[key] for at, key in enumerate(keys)} for row in rows]
    )
