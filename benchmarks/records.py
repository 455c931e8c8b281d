"""Records: the CSV of finished pieces that a long measurement is continued from, and tables made of them.

A piece is one row. What it was measured with (method, settings, code) is part of the row, so that figures of another
version are never taken for those of this one.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import forecast

Record = dict[str, str]


def read_records(path: Path) -> list[Record]:
    """The finished pieces in a file, as they were written; none where there is no file yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append_record(path: Path, record: Mapping[str, object]) -> Record:
    """The record as text, after it was added to the end of the file. Exits when the file has other columns."""
    texts = {name: _text(value) for name, value in record.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.exists() and path.stat().st_size > 0
    if begun:
        with path.open(newline="", encoding="utf-8") as file:
            columns = next(csv.reader(file))
        if columns != list(texts):
            raise SystemExit(f"{path} has other columns than this version writes: move it away, or use --output")
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(texts), lineterminator="\n")
        if not begun:
            writer.writeheader()
        writer.writerow(texts)
    return texts


def find_record(records: Sequence[Record], key: Mapping[str, object]) -> Record | None:
    """The last of the records that has all the values of the key, if any has."""
    wanted = {name: _text(value) for name, value in key.items()}
    found = [r for r in records if all(r.get(name) == value for name, value in wanted.items())]
    return found[-1] if found else None


def markdown(records: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> str:
    """A Markdown table of records; columns are heading → name of the value, with a format after a colon.

    `{"MASE": "mase:.3f"}` writes numbers with three places; what is no number is written as it is.
    """
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for record in records:
        cells = []
        for column in columns.values():
            name, _, form = column.partition(":")
            cells.append(_cell(record.get(name, ""), form))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def code_digest() -> str:
    """Eight digits that change with any line of the package's code: figures belong to the code they were made by."""
    sha = hashlib.sha256()
    folder = Path(forecast.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        # What reads, prints and draws has no part in a figure.
        if path.relative_to(folder).parts[0] not in ("cli", "report", "reading", "writing.py", "timeformat"):
            sha.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return sha.hexdigest()[:8]


def _text(value: object) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _cell(value: object, form: str) -> str:
    if not form or value == "":
        return str(value)
    return format(float(str(value)), form)
