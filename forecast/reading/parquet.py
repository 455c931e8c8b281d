"""Parquet → the same table of text that a CSV gives, so that every later check sees one kind of file."""

from __future__ import annotations

from typing import Any

import numpy as np

from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, shown
from forecast.reading.values import texts_of

#: Runs of one value take no room in a file, and all of it in memory.
_MAX_CELLS = 200_000_000


def read_parquet(content: bytes, file: str) -> Table:
    """The table in a Parquet file, every value in the text that gives it back exactly; line numbers count its rows.

    Times with a zone are in UTC and end in Z. Raises FileProblems when pyarrow is not installed or the file is damaged.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        hint = 'pip install "forecast[parquet]"'
        raise FileProblems(file, [Problem("E110", "reading Parquet needs the package pyarrow", hint=hint)]) from None
    try:
        # Without threads, so that a reader in a worker process starts no pool of its own.
        packed = parquet.ParquetFile(pyarrow.BufferReader(content))
        if packed.metadata.num_rows * packed.metadata.num_columns > _MAX_CELLS:
            found = f"{packed.metadata.num_rows:,} rows of {packed.metadata.num_columns:,} columns"
            hint = "keep fewer columns or later rows of it"
            raise FileProblems(file, [Problem("E109", f"the table is too large: {found}", hint=hint)])
        table = packed.read(use_threads=False)
    except (pyarrow.ArrowException, OSError) as error:
        found = f"the Parquet file is damaged, or is none: {shown(str(error), 80)}"
        raise FileProblems(file, [Problem("E111", found, hint="write the file again")]) from error
    if not table.num_rows or not table.num_columns:
        raise FileProblems(file, [Problem("E205", "the table has no rows")])
    cells = tuple(Cells.of(_texts(column)) for column in table.columns)
    return Table(file, tuple(table.column_names), cells, range(1, table.num_rows + 1))


def _texts(column: Any) -> list[str]:
    """The texts of a pyarrow column; a missing value is an empty text."""
    import pyarrow
    from pyarrow import types

    if types.is_timestamp(column.type):
        return _timestamp_texts(column)
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_float16(column.type) or types.is_float32(column.type):
        column = column.cast(pyarrow.float64())
    return texts_of(column.to_pylist())


def _timestamp_texts(column: Any) -> list[str]:
    """ISO texts, as short as all of the column allows: dates, then seconds, then as many digits as its unit has."""
    # Whole numbers since 1970, never datetime objects: those would lose nanoseconds without a word.
    unit = column.type.unit
    missing = np.asarray(column.is_null())
    ticks = np.asarray(column.cast("int64").fill_null(0)).astype(f"datetime64[{unit}]")
    for coarser in ("D", "s", unit):
        rounded = ticks.astype(f"datetime64[{coarser}]")
        if (rounded == ticks).all() and not (coarser == "D" and column.type.tz):
            break
    zone = "Z" if column.type.tz else ""
    texts = np.datetime_as_string(rounded).tolist()
    return ["" if gone else text + zone for text, gone in zip(texts, missing.tolist(), strict=True)]
