"""Source → Table: the door that a file, an address or a database is read through, by what is inside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from forecast.config import ReadConfig
from forecast.reading.container import PARQUET_MAGIC, display_name, read_bytes, unpacked
from forecast.reading.dialect import Table, split_rows
from forecast.reading.encodings import decode, decode_text
from forecast.reading.jsonl import SUFFIXES, looks_like_json_lines, read_jsonl
from forecast.reading.parquet import read_parquet
from forecast.reading.problems import FileProblems, Problem, shown
from forecast.reading.workbook import is_workbook, read_workbook
from forecast.sources import Source, display_source, parse


def read_table(source: str, read: ReadConfig) -> Table:
    """The text of every cell in a source of any kind: what is a table and which kind it is, its content decides."""
    found = parse(source)
    if found.kind == "database":
        from forecast.reading.database import read_database

        return read_database(found, _name(source))
    content, file, suffix = _content(source, found)
    return table_of(content, file, read, suffix=suffix, part=found.part)


def table_of(content: bytes, file: str, read: ReadConfig, *, suffix: str = "", part: str | None = None) -> Table:
    """The table in the content of a file, of the kind that it is by its first bytes, or else by its suffix."""
    if is_workbook(content):
        return read_workbook(content, file, read, part)
    if part is not None:
        found = f"this is no Excel workbook, so it has no sheet {shown(part)}"
        raise FileProblems(file, [Problem("E105", found, hint=f"leave out #{part}")])
    if content.startswith(PARQUET_MAGIC) or suffix in (".parquet", ".pq"):
        return read_parquet(content, file)
    if suffix in SUFFIXES or looks_like_json_lines(content):
        text, notes = decode_text(content, file, read.encoding)
        table = read_jsonl(text.decode(), file)
    else:
        text, notes = decode(content, file, read.encoding)
        table = split_rows(text, file, read)
    return replace(table, notes=(*notes, *table.notes))


def _content(source: str, found: Source) -> tuple[bytes, str, str]:
    """The content of a file here or elsewhere, unpacked; how messages name it, and its suffix."""
    if found.kind in ("file", "stdin"):
        path = Path(found.address)
        return read_bytes(path), display_name(path), _suffix(path.name)
    # Late: what speaks to servers takes a while to import.
    from forecast.reading.remote import read_store, read_web

    file = _name(source)
    if found.kind == "web":
        content = read_web(found.address, file)
        return unpacked(content, file), file, _suffix(found.address.partition("?")[0])
    return unpacked(read_store(found.address, file), file), file, _suffix(found.address)


def _name(source: str) -> str:
    return shown(display_source(source), 120)[1:-1]


def _suffix(name: str) -> str:
    """The suffix that says what is inside, in small letters: that before the one of a compression."""
    path = PurePosixPath(name)
    packed = path.suffix.lower() in (".gz", ".bz2", ".xz")
    return PurePosixPath(path.stem if packed else path.name).suffix.lower()
