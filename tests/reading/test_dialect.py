"""Text to rows: delimiters, quotes, line ends and widths."""

from __future__ import annotations

import csv
import io
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.config import ReadConfig
from forecast.reading import read_panel
from forecast.reading.delimiters import DELIMITERS
from forecast.reading.dialect import Table, split_rows
from forecast.reading.problems import FileProblems, Problem
from tests.reading.files import daily, days, problem_of, put, read

#: A row that keeps every column one of text, so that no row of words above it is taken for another header.
LAST = ["x", "y", "z"]


def split_text(text: str, **options: Any) -> Table:
    """The table in a text, with options of ReadConfig."""
    return split_rows(text.encode(), "x.csv", ReadConfig(**options))


def columns(text: str, **options: Any) -> dict[str, list[str]]:
    """The columns of a text by name."""
    table = split_text(text, **options)
    return {name: list(cells) for name, cells in zip(table.names, table.cells, strict=True)}


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(list(DELIMITERS)),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]], delimiter: str, end: str) -> None:
    """Any cells, with delimiters, quotes and line ends inside, come back from a fully quoted file in any dialect."""
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [["a", "b", "c"], *rows, LAST]
    )
    expected = [row for row in rows if row != ["a", "b", "c"]]
    table = split_text(target.getvalue())
    assert [list(row) for row in zip(*table.cells, strict=True)] == [*expected, LAST]


def test_the_line_of_a_row_is_physical() -> None:
    """Blank lines and line ends inside quotes are counted; a row is where it begins."""
    table = split_text('a,b\n\n1,"x\ny\r\nz"\n2,3\n\n\n4,5\n')
    assert list(table.lines) == [3, 6, 9]
    assert table.cells[1][0] == "x\ny\r\nz"
    assert "W102 3 blank lines between rows left out" in table.notes


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("tail", ["", "{end}", "{end}{end}{end}", "{end}   {end}"])
def test_line_ends_and_blank_lines_at_the_end_change_nothing(end: str, tail: str) -> None:
    """Every line end, with or without one at the end of the file, and blank lines after it."""
    assert columns(f"a,b{end}1,2{end}3,4" + tail.format(end=end)) == {"a": ["1", "3"], "b": ["2", "4"]}
    assert not split_text(f"a,b{end}1,2" + tail.format(end=end)).notes


def test_mixed_line_ends_are_one_file() -> None:
    """A file patched on several systems is read as it looks."""
    assert columns("a,b\r\n1,2\n3,4\r5,6") == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_an_unusual_delimiter_is_found_and_noted(tmp_path: Path, delimiter: str) -> None:
    """The file is read and a note says how it is divided."""
    panel = read_panel(put(tmp_path, daily().replace(",", delimiter)))
    assert panel.digest() == read_panel(put(tmp_path, daily())).digest()
    assert f"W101 the delimiter is a {DELIMITERS[delimiter]}" in panel.notes


def test_a_delimiter_in_names_or_cells_does_not_mislead() -> None:
    """Only the one that divides every row alike counts."""
    assert columns("date;units, sold\n2024;1\n2025;2\n") == {"date": ["2024", "2025"], "units, sold": ["1", "2"]}
    assert columns('a,"b;c|d"\n1,"2;3"\n') == {"a": ["1"], "b;c|d": ["2;3"]}


def test_a_row_of_another_width_is_blamed_under_the_delimiter_that_nearly_fits(tmp_path: Path) -> None:
    """A single short row does not make another delimiter win."""
    text = daily().replace("date,y", "date,y;z").replace("2024-01-05,4", "2024-01-05")
    problem = problem_of(put(tmp_path, text))
    assert (problem.code, problem.line) == ("E202", 6)


def test_a_quoted_line_is_one_column(tmp_path: Path) -> None:
    """Delimiters that are all inside quotes divide nothing."""
    text = "".join(f'"{line}"\n' for line in daily().splitlines())
    assert problem_of(put(tmp_path, text)).code == "E201"


def test_blanks_around_cells_are_dropped() -> None:
    """Before and behind a cell and its quotes, but not inside quotes; a note says so."""
    assert columns('a, b\n1, 2\n3, "x, y"\n') == {"a": ["1", "3"], "b": ["2", "x, y"]}
    assert columns('a,b \n1, 2\n\t3 ,  " 4 " \n') == {"a": ["1", "3"], "b": ["2", " 4 "]}
    assert split_text("a,b\n1, 2\n").notes == ("W121 blanks around cells left out",)
    assert split_text("a,b\n1,   \n2,3\n   \n").notes == ()


def test_a_repeated_header_is_left_out(tmp_path: Path) -> None:
    """Exports that were put together with their headers give their rows, and a note."""
    once = daily(20)
    twice = once.replace("2024-01-11,", "date,y\n2024-01-11,")
    panel = read_panel(put(tmp_path, twice))
    assert panel.digest() == read_panel(put(tmp_path, once)).digest()
    assert any("repeat the header" in note or "repeats the header" in note for note in panel.notes)


def test_the_lines_of_quote_faults_are_those_where_they_open() -> None:
    """However many lines the open quote swallows, with two characters at each line end and blanks before it."""
    text = 'a, b\r\n1, 2\r\n"x\r\ny", 3\r\n4, "5\r\n6, 7\r\n'
    with pytest.raises(FileProblems) as caught:
        split_text(text)
    assert [(p.code, p.line, p.column) for p in caught.value.problems] == [("E204", 5, 2)]


def test_a_doubled_quote_is_a_character() -> None:
    """Quoted text holds quotes by doubling them, also at its ends."""
    assert columns('a,b\n"say ""hi""","""x"""\n') == {"a": ['say "hi"'], "b": ['"x"']}


def test_a_field_too_long_for_a_cell_is_refused_on_its_line(tmp_path: Path) -> None:
    """A million characters are no number and no name."""
    problem = problem_of(put(tmp_path, daily().replace("2024-01-05,4", "2024-01-05," + "4" * 1_050_000)))
    assert (problem.code, problem.line) == ("E211", 6)


def test_numbers_may_be_names() -> None:
    """A header of numbers is one as long as anything in it is a name."""
    assert list(columns("date,0,1\n2024-01-01,5,6\n")) == ["date", "0", "1"]


def test_every_row_of_another_width_is_listed_up_to_ten(tmp_path: Path) -> None:
    """The message lists ten and counts the others; the exception holds all of them."""
    text = "date,y\n" + "".join(f"{day},1,2\n" for day in days(30)) + "2024-02-01,3\n"
    with pytest.raises(FileProblems) as caught:
        read_panel(put(tmp_path, text))
    lines = caught.value.message.splitlines()
    assert len(caught.value.problems) == 30
    assert len(lines) == 11
    assert lines[-1] == "and 20 more; --report errors.csv lists all"
    assert "data.csv:2:3: E203 3 fields where the header has 2" in lines[0]


DAYS = days(20)
ROWS = "".join(f"{day},{n}\n" for n, day in enumerate(DAYS))


def only_problem(text: str, **options: Any) -> Problem:
    """The one thing that is wrong in a text."""
    with pytest.raises(FileProblems) as caught:
        split_text(text, **options)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "hint"),
    [
        ("Report\nof 2024\n\ndate,y\n" + ROWS, "E213", 1, None, "--skip-lines 3"),
        ("Report, 2024, all\ndate,y\n" + ROWS, "E213", 1, None, "--skip-lines 1"),
        ("Report, 2024\n" + ("date,y\n" + ROWS).replace(",", ";"), "E213", 1, None, "--skip-lines 1"),
        ("date,y\n,kWh\n" + ROWS, "E214", 2, 2, "--skip-lines 2 --names date,y"),
        ("date,y\nyyyy-mm-dd,m3/h\n" + ROWS, "E214", 2, 1, "--skip-lines 2 --names date,y"),
        ("Sales,Sales\ndate,y\n,EUR\n" + ROWS, "E214", 2, 1, "--skip-lines 3 --names date,y"),
        ("# from the till\ndate,y\n" + ROWS, "E216", 1, 1, "--comment '#'"),
        ("# from, the till\ndate,y\n" + ROWS, "E216", 1, 1, "--comment '#'"),
        ("date,y\n" + ROWS.replace("2024-01-05", "% moved\n2024-01-05"), "E216", 6, 1, "--comment '%'"),
        (ROWS, "E206", 1, 1, "--names column1,column2"),
        ("".join(f"A,{day},3\n" for day in DAYS), "E206", 1, 2, "--names column1,column2,column3"),
        ("".join(f"{'AB'[n % 2]},{n}\n" for n in range(20)), "E206", 1, 2, "--names column1,column2"),
        ("'date','y'\n" + "".join(f"'{day}','3'\n" for day in DAYS), "E218", 1, 1, '--quote "\'"'),
        ('date,s,y\n2024-01-01,"a \\"q\\" b",3\n', "E210", 2, 2, "--escape \\\\"),
        ("date,s,y\n2024-01-01,a\\, b,3\n", "E203", 2, 4, "--escape \\\\"),
        ("date,s,y\n2024-01-01,'a, b',3\n", "E203", 2, 4, '--quote "\'"'),
        (("date,y\n" + ROWS).replace(",", "   "), "E201", 1, None, "--delimiter space"),
        ("date;units,price\n2024-01-01;1,5\n", "E201", 1, None, "--delimiter ';'"),
    ],
)
def test_the_hint_of_a_misshapen_file_reads_it(text: str, code: str, line: int, column: int | None, hint: str) -> None:
    """A problem says what the file seems to be, and the option of its hint is enough to read the file."""
    problem = only_problem(text)
    assert (problem.code, problem.line, problem.column, problem.hint) == (code, line, column, hint)
    assert len(split_text(text, **options_of(hint))) >= 1


def options_of(hint: str) -> dict[str, Any]:
    """The options of a command line as those of ReadConfig."""
    words = shlex.split(hint)
    options: dict[str, Any] = {
        name.removeprefix("--").replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)
    }
    if "skip_lines" in options:
        options["skip_lines"] = int(options["skip_lines"])
    if "names" in options:
        options["names"] = tuple(options["names"].split(","))
    return options


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("date,y\n" + ROWS + "\nday,z,w\n2024-01-01,1,2\n2024-01-02,1,2\n", "E215", 23, 1),
        ("date,y\n" + ROWS + "\nday,z\n2024-01-01,1\n", "E215", 23, 1),
        ("date,y\n" + ROWS + "Total\n", "E202", 22, 2),
        ("date,y\n" + ROWS + "Source: a, b, and c\n", "E203", 22, 3),
        ("date,y,\n2024-01-01,3,\n2024-01-02,4\n", "E202", 3, 3),
        (";;;\n;;\n", "E104", None, None),
        (",".join(f"c{n}" for n in range(10_001)) + "\n", "E212", 1, None),
        ("date,y\n2024-01-01,1\n" + ",".join(["x" * 1_000_000] * 11) + "\n", "E211", 3, None),
    ],
)
def test_what_no_option_repairs_is_refused_at_its_line(
    text: str, code: str, line: int | None, column: int | None
) -> None:
    """Second tables, footers, rows of another width and rows without end."""
    problem = only_problem(text)
    assert (problem.code, problem.line, problem.column) == (code, line, column)


def test_a_comma_that_divides_numbers_is_not_taken_for_a_column() -> None:
    """The hint does not offer to read the halves of numbers as columns."""
    with pytest.raises(FileProblems) as caught:
        split_text("date,y\n" + ROWS.replace("\n", ",5\n"))
    assert len(caught.value.problems) == 20
    assert "decimal" in str(caught.value.hint)
    assert "--names" not in str(caught.value.hint)


def test_a_header_of_years_or_dates_is_one() -> None:
    """In a wide table names look like data, but not like the data under them; nor do the texts come again."""
    assert split_text("store,2020,2021\nA,5,6\nB,7,8\n").names == ("store", "2020", "2021")
    assert split_text("store,2020-01-01,2021-01-01\nA,5,6\nB,7,8\n").names[1] == "2020-01-01"


def test_columns_at_the_end_without_name_or_cell_are_left_out() -> None:
    """A delimiter at the end of every line makes no column; one cell under it does."""
    table = split_text("date;y;;\n2024-01-01;2,5;;\n;;;\n2024-01-02;3;;\n;;;\n")
    assert table.names == ("date", "y")
    assert list(table.lines) == [2, 4]
    assert table.notes == (
        "W101 the delimiter is a semicolon",
        "W102 1 blank line between rows left out",
        "W120 2 columns at the end with neither a name nor a cell left out",
    )
    assert split_text("date,y,\n2024-01-01,2,\n2024-01-02,2,note\n").names == ("date", "y", "")


def test_comments_are_left_out_and_lines_keep_their_numbers() -> None:
    """Whatever is in them; what looks like one inside quotes is text."""
    text = '# it\'s "open\ndate,y\n2024-01-01,1\n  # note\n2024-01-02,"x\n# y"\n2024-01-03,3\n'
    table = split_text(text, comment="#")
    assert list(table.cells[1]) == ["1", "x\n# y", "3"]
    assert list(table.lines) == [3, 5, 7]
    assert table.notes == ("2 lines that begin with # left out, as asked",)


def test_names_that_are_given_take_the_place_of_a_header() -> None:
    """As many as there are columns, and no header may be there."""
    table = split_text(ROWS, names=("date", "y"))
    assert (table.names, table.header_line, len(table), table.lines[0]) == (("date", "y"), None, 20, 1)
    assert only_problem(ROWS, names=("date", "y", "z")).code == "E217"
    assert only_problem("date,y\n" + ROWS, names=("a", "b")).hint == "--skip-lines 1"


def test_lines_that_are_skipped_are_counted() -> None:
    """Problems below them are at their physical lines; that nothing is left is one."""
    text = 'a "bad\r\nstart\rdate,y\n' + ROWS.replace("2024-01-03", "2024-01-03,1")
    assert only_problem(text, skip_lines=2).line == 6
    assert only_problem(text, skip_lines=99).code == "E104"


def test_a_given_delimiter_wins() -> None:
    """Over one that would divide the rows too; blanks may be any number of blanks and tabs."""
    assert split_text("a;b,c\n1;2,3\n", delimiter=",").names == ("a;b", "c")
    table = split_text('  date  y \n 2024-01-01\t 5\n2024-01-02   "6 7"  \n', delimiter="space")
    assert [list(cells) for cells in table.cells] == [["2024-01-01", "2024-01-02"], ["5", "6 7"]]
    assert only_problem("a,b\n1,2\n", delimiter="|").code == "E201"


def test_lines_of_comment_are_counted(tmp_path: Path) -> None:
    """Whoever leaves lines out is told how many."""
    text = daily().replace("2024-01-03", "# 2024-01-03").replace("2024-01-05", "# 2024-01-05")
    assert "2 lines that begin with # left out, as asked" in read(put(tmp_path, text), comment="#").notes
