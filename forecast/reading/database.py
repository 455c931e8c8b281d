"""Database → the same table of text that a CSV gives: the answer to one query, or a whole table. It never writes."""

from __future__ import annotations

import difflib
import re
import shlex
from typing import TYPE_CHECKING, Any

from forecast.databases import DatabaseFault, connected
from forecast.reading.cells import Cells
from forecast.reading.container import MAX_BYTES
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, shown, warning
from forecast.reading.values import texts_of
from forecast.sources import Source, safe_source

if TYPE_CHECKING:
    from sqlalchemy import Connection, Result

_CODES = {"missing": "E101", "package": "E110", "connection": "E113", "query": "E114"}
_AT_ONCE = 10_000
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS = re.compile(r"[\s(]*(select|with|values|table)\b", re.IGNORECASE)


def read_database(source: Source, file: str) -> Table:
    """The rows that a query gives, or those of a table; lines count them from 1. Only SELECT and WITH are queries.

    Numbers of any width keep all digits, times with an offset are in UTC and end in Z. Raises FileProblems.
    """
    try:
        with connected(source.address) as connection:
            notes: tuple[str, ...] = ()
            if source.query is not None:
                result = _answer(connection, source.query)
            else:
                name, notes = _table_name(connection, source, file)
                result = _whole(connection, name)
            names = tuple(result.keys())
            columns = _columns(result, len(names), file)
    except DatabaseFault as fault:
        raise FileProblems(file, [Problem(_CODES[fault.kind], fault.message, hint=fault.hint)]) from None
    if not names or not columns or not columns[0]:
        raise FileProblems(file, [Problem("E205", "the answer of the database has no rows")])
    cells = tuple(Cells.of(texts_of(column)) for column in columns)
    return Table(file, names, cells, range(1, len(columns[0]) + 1), notes=notes)


def _answer(connection: Connection, query: str) -> Result[Any]:
    bare = _QUOTED.sub(" ", query).strip().rstrip("; \t\r\n")
    if not _READS.match(bare):
        raise DatabaseFault("query", f"{shown(query)} is no query", "only SELECT and WITH are read")
    if ";" in bare:
        raise DatabaseFault("query", f"{shown(query)} is more than one statement", "give one SELECT")
    # The text as it is: a colon names no parameter in it, and a percent sign is one.
    return connection.execution_options(no_parameters=True, stream_results=True).exec_driver_sql(query)


def _whole(connection: Connection, name: tuple[str | None, str]) -> Result[Any]:
    from sqlalchemy import literal_column, select, table

    schema, own = name
    # No types of columns: those of SQLite are promises that its values need not keep.
    return connection.execution_options(stream_results=True).execute(
        select(literal_column("*")).select_from(table(own, schema=schema))
    )


def _table_name(connection: Connection, source: Source, file: str) -> tuple[tuple[str | None, str], tuple[str, ...]]:
    """Schema and name of the table to read, and a note where none was named because there is one only."""
    from sqlalchemy import inspect

    inspector = inspect(connection)
    known = [*inspector.get_table_names(), *inspector.get_view_names()]
    wanted = source.part
    if wanted is None:
        if len(known) == 1:
            return (None, known[0]), (warning("W111", f"the table {shown(known[0])} is read, the only one"),)
        hint = shlex.quote(f"{file}#{known[0]}") if known else None
        raise DatabaseFault("query", f"which table? There are {listed(known) or 'none'}", hint)
    if wanted in known:
        return (None, wanted), ()
    schema, dot, own = wanted.rpartition(".")
    if dot and (inspector.has_table(own, schema=schema) or own in inspector.get_view_names(schema=schema)):
        return (schema, own), ()
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5) or known[:1]
    hint = shlex.quote(f"{safe_source(source.address)}#{near[0]}") if near else None
    raise DatabaseFault("query", f"there is no table {shown(wanted)}; there are {listed(known) or 'none'}", hint)


def _columns(result: Result[Any], width: int, file: str) -> list[list[Any]]:
    """The values of every column, in the order of the rows."""
    columns: list[list[Any]] = [[] for _ in range(width)]
    size = 0
    for rows in result.partitions(_AT_ONCE):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
            size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in values)
        if size > MAX_BYTES:
            found = f"the answer is too large: more than {MAX_BYTES:,} bytes"
            raise FileProblems(file, [Problem("E109", found, hint="select fewer columns or later rows")])
    return columns
