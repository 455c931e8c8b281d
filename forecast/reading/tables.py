"""Source → Table: the door that a file, an address or a database is read through, by what is inside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from forecast.config import ReadConfig
from forecast.reading.container import PARQUET_MAGIC, display_name, read_bytes
from forecast.reading.dialect import Table, split_text
from forecast.reading.encodings import decode
from forecast.reading.parquet import read_parquet
from forecast.sources import parse


def read_table(source: str, read: ReadConfig) -> Table:
    """The text of every cell in a source of any kind that can be read."""
    found = parse(source)
    path = Path(found.address)
    file = display_name(path)
    return table_of(read_bytes(path), file, read, suffix=path.suffix.lower())


def table_of(content: bytes, file: str, read: ReadConfig, *, suffix: str = "") -> Table:
    """The table in the content of a file, of the kind that it is by its first bytes, or else by its suffix."""
    if content.startswith(PARQUET_MAGIC) or suffix in (".parquet", ".pq"):
        return read_parquet(content, file)
    text, notes = decode(content, file, read.encoding)
    table = split_text(text.decode(), file)
    return replace(table, notes=(*notes, *table.notes))
