"""Whatever a source is and whatever lies in it, the same rows give the same table."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from forecast.config import ReadConfig
from forecast.reading import read_panel
from forecast.reading.problems import FileProblems
from forecast.reading.tables import read_table
from tests.reading.files import daily, days, put

ROWS = [(day, n) for n, day in enumerate(days(20))]
LINES = "".join(json.dumps({"date": day, "y": n}) + "\n" for day, n in ROWS)


def parquet() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    writer = pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    writer.write_table(pyarrow.table({"date": days(20), "y": list(range(20))}), out)
    return out.getvalue()


def workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in [("date", "y"), *ROWS]:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


KINDS = {
    "csv": daily().encode,
    "jsonl": LINES.encode,
    "json": f"[{','.join(LINES.splitlines())}]".encode,
    "parquet": parquet,
    "xlsx": workbook,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_inside_decides_and_not_the_name(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its own name, under none, packed, and from stdin: the same panel."""
    content, expected = KINDS[kind](), read_panel(put(tmp_path, daily())).digest()
    for name in (f"x.{kind}", "x", "x.txt"):
        assert read_panel(put(tmp_path, content, name)).digest() == expected
        assert read_panel(put(tmp_path, gzip.compress(content), f"{name}.gz")).digest() == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_panel("-").digest() == expected


def test_a_database_is_a_source_of_a_panel(tmp_path: Path) -> None:
    """By a query or by the name of a table."""
    pytest.importorskip("sqlalchemy")
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection, connection:
        connection.execute("CREATE TABLE sales (date TEXT, y INTEGER)")
        connection.executemany("INSERT INTO sales VALUES (?, ?)", ROWS)
    expected = read_panel(put(tmp_path, daily())).digest()
    for rest in ("", "#sales", "?query=SELECT y, date FROM sales ORDER BY y DESC"):
        assert read_panel(f"sqlite:///{tmp_path}/x.db{rest}").digest() == expected


def test_how_text_is_read_holds_for_every_door_of_text(tmp_path: Path) -> None:
    """The encoding, here."""
    for name, text in {"x.csv": "date,k\n2024-01-01,ä\n", "x.jsonl": '{"date": "2024-01-01", "k": "ä"}\n'}.items():
        path = put(tmp_path, text.encode("cp1252"), name)
        assert list(read_table(str(path), ReadConfig(encoding="cp1252")).cells[1]) == ["ä"]
        with pytest.raises(FileProblems, match="E106"):
            read_table(str(path), ReadConfig())


def test_no_door_loads_what_only_another_needs() -> None:
    """Reading a CSV imports neither what speaks to servers nor what opens workbooks and databases."""
    code = (
        "import sys, tempfile; from forecast.reading import read_panel; from tests.reading.files import daily\n"
        "file = tempfile.NamedTemporaryFile('w', suffix='.csv'); file.write(daily()); file.flush()\n"
        "read_panel(file.name)\n"
        "print(sorted({'openpyxl', 'sqlalchemy', 'fsspec', 'urllib.request'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
