"""A workbook gives what its CSV gives: values as stored, dates as shown, and nothing that was never computed."""

from __future__ import annotations

import io
import random
import sys
import zipfile
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from forecast.config import ReadConfig
from forecast.reading import read_panel
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem
from forecast.reading.tables import read_table
from tests.reading.files import daily, days, put

openpyxl = pytest.importorskip("openpyxl")

DAYS = [datetime.fromisoformat(day) for day in days(20)]
CLEAN = [["date", "y"], *([day, n] for n, day in enumerate(DAYS))]


def book(*sheets: list[list[Any]], **named: list[list[Any]]) -> bytes:
    """A workbook with these rows on its sheets."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in {**{f"Sheet{n}": rows for n, rows in enumerate(sheets, 1)}, **named}.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def edited(content: bytes, part: str, old: str, new: str) -> bytes:
    """The workbook with a text in one of its parts changed, as other programs than openpyxl would write it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            text = source.read(name)
            if name == part:
                assert old.encode() in text, text
                text = text.replace(old.encode(), new.encode())
            target.writestr(name, text)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def table(folder: Path, content: bytes, sheet: str = "", **options: Any) -> Table:
    path = put(folder, content, "x.xlsx")
    return read_table(f"{path}#{sheet}" if sheet else str(path), ReadConfig(**options))


def columns(found: Table) -> dict[str, list[str]]:
    return {name: list(cells) for name, cells in zip(found.names, found.cells, strict=True)}


def refused(folder: Path, content: bytes, sheet: str = "") -> Problem:
    with pytest.raises(FileProblems) as caught:
        table(folder, content, sheet)
    (problem,) = caught.value.problems
    return problem


def test_a_workbook_equals_its_csv(tmp_path: Path) -> None:
    """The same digest, whatever the name ends with."""
    plain = read_panel(put(tmp_path, daily())).digest()
    for name in ("x.xlsx", "x.xlsm", "x.csv", "x"):
        assert read_panel(put(tmp_path, book(CLEAN), name)).digest() == plain


def test_every_kind_of_cell_has_its_text(tmp_path: Path) -> None:
    """Numbers with all digits, true and false, dates without times where all are at midnight, times to the second."""
    rows: list[list[Any]] = [
        ["day", "moment", "clock", "number", "whole", "truth", "text"],
        [DAYS[0], datetime(2024, 1, 1), time(9, 30), 0.1 + 0.2, 10**15, True, "007"],
        [DAYS[1], datetime(2024, 1, 1, 5, 30, 1), time(10), 1e-300, -5, False, " 1+1 €"],
        [None, None, None, None, None, None, "last"],
    ]
    # Excel writes seventeen digits, openpyxl fewer.
    found = table(tmp_path, edited(book(rows), SHEET, "<v>0.3</v>", "<v>0.30000000000000004</v>"))
    assert columns(found) == {
        "day": ["2024-01-01", "2024-01-02", ""],
        "moment": ["2024-01-01T00:00:00", "2024-01-01T05:30:01", ""],
        "clock": ["09:30:00", "10:00:00", ""],
        "number": ["0.30000000000000004", "1e-300", ""],
        "whole": ["1000000000000000", "-5", ""],
        "truth": ["true", "false", ""],
        "text": ["007", " 1+1 €", "last"],
    }


def test_dates_count_from_the_epoch_of_the_workbook(tmp_path: Path) -> None:
    """Workbooks from old Macs count from 1904."""
    content = edited(book(CLEAN), "xl/workbook.xml", "<workbookPr ", '<workbookPr date1904="1" ')
    first = table(tmp_path, content).cells[0][0]
    assert datetime.fromisoformat(first) == datetime(2024, 1, 1) + timedelta(days=1462)


def test_hours_are_whole_hours(tmp_path: Path) -> None:
    """Fractions of a day are no hours in binary; they are read to the millisecond, as Excel shows them."""
    rows = [["t", "y"], *([datetime(2024, 1, 1) + timedelta(hours=n), n] for n in range(500))]
    texts = list(table(tmp_path, book(rows)).cells[0])
    assert texts == [(datetime(2024, 1, 1) + timedelta(hours=n)).isoformat() for n in range(500)]


def test_blank_rows_and_columns_are_left_out_and_lines_are_rows_of_the_sheet(tmp_path: Path) -> None:
    """Above the header, between rows and beside them."""
    rows = [[], [], [None, "date", None, "y"], [None, DAYS[0], None, 1], [], [None, DAYS[1], None, 2], []]
    found = table(tmp_path, book(rows))
    assert columns(found) == {"date": ["2024-01-01", "2024-01-02"], "y": ["1", "2"]}
    assert (found.header_line, list(found.lines)) == (3, [4, 6])


def test_a_size_that_the_sheet_gets_wrong_loses_nothing(tmp_path: Path) -> None:
    """Other programs write A1:A1 and then a thousand rows."""
    content = edited(book(CLEAN), SHEET, 'dimension ref="A1:B21"', 'dimension ref="A1:A2"')
    assert columns(table(tmp_path, content)) == columns(table(tmp_path, book(CLEAN)))


def test_a_title_above_the_header_comes_with_the_lines_to_skip(tmp_path: Path) -> None:
    """The hint works."""
    content = book([["Sales of 2024"], [], *CLEAN])
    problem = refused(tmp_path, content)
    assert (problem.code, problem.line, problem.column, problem.hint) == ("E203", 3, 2, "--skip-lines 2")
    found = table(tmp_path, content, skip_lines=2)
    assert (found.names, found.lines[0], len(found)) == (("date", "y"), 4, 20)


def test_rows_without_a_header_take_the_names_given(tmp_path: Path) -> None:
    """And data is never taken for names."""
    assert refused(tmp_path, book(CLEAN[1:])).code == "E206"
    found = table(tmp_path, book(CLEAN[1:]), names=("date", "y"))
    assert (found.names, len(found), found.header_line) == (("date", "y"), 20, None)


@pytest.mark.parametrize(("rows", "code"), [([], "E104"), ([[], [None]], "E104"), ([["date", "y"]], "E205")])
def test_a_sheet_without_rows_is_refused(rows: list[list[Any]], code: str, tmp_path: Path) -> None:
    """Blank, or nothing but names."""
    assert refused(tmp_path, book(rows)).code == code


def test_the_first_sheet_is_read_unless_another_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note says so where there are several."""
    monkeypatch.chdir(tmp_path)
    tmp_path = Path()
    content = book([["a"], [1]], **{"Mai 2024": [["b"], [2]]})
    first = table(tmp_path, content)
    assert (first.names, first.notes[0][:41]) == (("a",), 'W111 the sheet "Sheet1" is read, the firs')
    second = table(tmp_path, content, "Mai 2024")
    assert (second.names, second.notes) == (("b",), ())
    problem = refused(tmp_path, content, "Mai 2025")
    assert (problem.code, problem.hint) == ("E115", "'x.xlsx#Mai 2024'")


def test_a_hidden_sheet_is_not_the_first(tmp_path: Path) -> None:
    """Nobody sees it, though by name it is read."""
    made = openpyxl.load_workbook(io.BytesIO(book([["hidden"], [1]], [["seen"], [2]])))
    made["Sheet1"].sheet_state = "hidden"
    out = io.BytesIO()
    made.save(out)
    assert table(tmp_path, out.getvalue()).names == ("seen",)
    assert table(tmp_path, out.getvalue(), "Sheet1").names == ("hidden",)


def test_a_csv_has_no_sheets(tmp_path: Path) -> None:
    """A text file under the name of a workbook is what it is, but for sheets."""
    path = put(tmp_path, daily(), "x.xlsx")
    assert len(read_table(str(path), ReadConfig())) == 20
    with pytest.raises(FileProblems, match="E105"):
        read_table(f"{path}#Sheet1", ReadConfig())


def test_an_error_in_a_cell_is_refused_unless_it_counts_as_missing(tmp_path: Path) -> None:
    """With the place as Excel calls it, and the option that takes it for a missing value."""
    rows = [list(row) for row in CLEAN]
    rows[4][1] = "#N/A"
    problem = refused(tmp_path, book(rows))
    assert (problem.code, problem.line, problem.column, problem.hint) == ("E115", 5, 2, "--na '#N/A'")
    assert "B5" in problem.text
    assert list(table(tmp_path, book(rows), na=("#N/A",)).cells[1])[3] == ""


def test_a_formula_counts_as_the_value_stored_with_it(tmp_path: Path) -> None:
    """One that was never computed is no missing value; one that gave an empty text is."""
    rows = [list(row) for row in CLEAN]
    rows[4][1] = "=1+1"
    never = book(rows)
    problem = refused(tmp_path, never)
    assert (problem.code, problem.line, problem.column) == ("E115", 5, 2)
    computed = edited(never, SHEET, "<f>1+1</f><v />", "<f>1+1</f><v>2.5</v>")
    assert list(table(tmp_path, computed).cells[1])[2:5] == ["2", "2.5", "4"]
    empty = edited(never, SHEET, '<c r="B5"><f>1+1</f><v />', '<c r="B5" t="str"><f>""</f><v></v>')
    assert list(table(tmp_path, empty).cells[1])[2:5] == ["2", "", "4"]


def test_a_damaged_workbook_is_an_error_of_the_data_wherever_it_is_damaged(tmp_path: Path) -> None:
    """Cut anywhere or with a byte changed: the same table, or a problem with a code, and never a traceback."""
    content, whole = book(CLEAN), columns(table(tmp_path, book(CLEAN)))
    random_ = random.Random(1)
    damaged = [content[: random_.randrange(4, len(content))] for _ in range(15)]
    for _ in range(45):
        at = random_.randrange(4, len(content))
        damaged.append(content[:at] + bytes([random_.randrange(256)]) + content[at + 1 :])
    codes = []
    for some in damaged:
        try:
            found = table(tmp_path, some)
        except FileProblems as error:
            codes += [problem.code for problem in error.problems]
        else:
            assert columns(found) == whole
    assert len(codes) >= 20
    assert set(codes) <= {"E115", "E105", "E109"}


def test_xml_that_is_broken_or_declares_entities_is_refused(tmp_path: Path) -> None:
    """A workbook has no use for entities, and a bomb has."""
    assert refused(tmp_path, edited(book(CLEAN), SHEET, "</sheetData>", "")).code == "E115"
    bomb = edited(book(CLEAN), SHEET, "<worksheet", '<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet')
    assert "entities" in refused(tmp_path, bomb).text


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """Seventy megabytes of zeros in a few kilobytes."""
    out = io.BytesIO(book(CLEAN))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("x", "w") as part:
        for _ in range(70):
            part.write(bytes(2**20))
    assert refused(tmp_path, out.getvalue()).code == "E109"


def test_other_archives_and_old_workbooks_are_named(tmp_path: Path) -> None:
    """What cannot be read says what it is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("sales.csv", daily())
    for content in (out.getvalue(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)):
        assert refused(tmp_path, content).code == "E105"


def test_without_openpyxl_the_hint_is_its_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only workbooks need it."""
    content = book(CLEAN)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    problem = refused(tmp_path, content)
    assert (problem.code, problem.hint) == ("E110", 'pip install "forecast[excel]"')
