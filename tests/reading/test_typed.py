"""Text to numbers."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config import ReadConfig
from forecast.reading.dialect import Table
from forecast.reading.notation import MINUS_SIGNS, Notation
from forecast.reading.typed import LARGEST, MISSING, looks_boolean, looks_numeric, read_numbers, read_truths, sample

#: A blank, and those that keep a line from being broken.
BLANKS = " \u00a0\u202f"


def table(cells: list[str]) -> Table:
    """A table of one column called y whose first row is line 2."""
    return Table("x.csv", ("y",), (cells,), range(2, 2 + len(cells)))


@given(st.lists(st.floats(-LARGEST, LARGEST) | st.integers(-(10**18), 10**18), min_size=1, max_size=20))
def test_every_number_is_what_float_reads(numbers: list[float]) -> None:
    """Bit for bit, whichever way Python wrote it."""
    for write in (repr, "{:e}".format, "{:+.3f}".format):
        texts = [write(number) for number in numbers]
        values, problems = read_numbers(table(texts), 0)
        assert not problems
        assert values.tobytes() == np.array([float(text) for text in texts]).tobytes()


@given(st.lists(st.sampled_from(sorted(MISSING)) | st.floats(-1e9, 1e9).map(repr), min_size=1, max_size=20))
def test_the_missing_words_are_missing_and_nothing_else_is(cells: list[str]) -> None:
    """Seven words mean a missing value."""
    values, problems = read_numbers(table(cells), 0)
    assert not problems
    assert np.isnan(values).tolist() == [cell in MISSING for cell in cells]


@settings(deadline=None)  # pandas is imported within the first example
@given(st.text(max_size=10))
def test_any_text_is_a_number_as_python_has_it_or_a_problem(text: str) -> None:
    """What is read is what float() says; what float() refuses is never read; what is refused has its line."""
    values, problems = read_numbers(table(["1", text, "2"]), 0)
    if problems:
        assert [(p.line, p.column) for p in problems] == [(3, 1)]
        assert np.isnan(values[1])
    elif text.strip(BLANKS) in MISSING:
        assert np.isnan(values[1])
    else:
        plain = text.strip(BLANKS).translate(dict.fromkeys(map(ord, MINUS_SIGNS), "-"))
        assert values[1] == float(plain)
        assert plain.isascii()
    assert values[[0, 2]].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "text", ["1e5", "1E+5", ".5", "5.", "+3", "-0", "007", " 12 ", "1e-400", "123456789012345678901234567890"]
)
def test_unusual_but_plain_numbers_are_read(text: str) -> None:
    """Whatever has digits, a point, a sign and an exponent in the usual order."""
    values, problems = read_numbers(table(["1", text]), 0)
    assert not problems
    assert values[1] == float(text)


@pytest.mark.parametrize(
    "text",
    [
        *("1_0", "0x10", "1,5", "1.2.3", "--1", "1e", "e5", "1 0", "\u0661", "\t1", "1\n"),
        *("nan1", "NAN", "Infinity", "1e151"),
    ],
)
def test_what_only_looks_like_a_number_is_refused(text: str) -> None:
    """Python would read several of these; here each is a problem on its line."""
    _, problems = read_numbers(table(["1", "2", text]), 0)
    assert [p.line for p in problems] == [4]


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("12,5", "decimal comma?"),
        ("1,234", "thousands separator or decimal comma?"),
        ("1.234.567,5", "thousands separators?"),
        ("1 234 567", "thousands separators?"),
        ("1\u00a0234", "thousands separators?"),
        ("1_000", "underscores?"),
        ("0x1F", "hexadecimal?"),
        ("€ 5", "a currency or a unit?"),
        ("5 %", "a currency or a unit?"),
        ("(5)", "a negative number in brackets?"),
        ("#N/A", "a missing value?"),
        ("#DIV/0!", "a missing value?"),
        ("-", "a missing value?"),
        ("\u20135", "a dash for a minus sign?"),
        ("6-", "a minus sign behind the number?"),
        ("\u0663\u0664", "digits of another script?"),
        ("\uff11\uff12", "digits of another script?"),
    ],
)
def test_a_refused_number_comes_with_what_it_may_be(text: str, remark: str) -> None:
    """The message guesses what happened, the reader does not."""
    _, (problem,) = read_numbers(table([text]), 0)
    assert problem.text.endswith(f"is not a number ({remark})")


def numbers(cells: list[str], **how: Any) -> list[float | None]:
    """The numbers of a column without a problem, None where missing."""
    values, problems = read_numbers(table(cells), 0, ReadConfig(**how))
    assert not problems
    return [None if np.isnan(value) else value for value in values.tolist()]


def hint(cells: list[str], **how: Any) -> str | None:
    """The one hint of all that is wrong with a column."""
    _, problems = read_numbers(table(cells), 0, ReadConfig(**how))
    (found,) = {problem.hint for problem in problems}
    return found


def test_more_words_may_mean_a_missing_value() -> None:
    """As texts without the blanks around them, and as numbers however those are written."""
    cells = ["1", "-200", "-200.0", "-2e2", " n/a ", "200", "-200.5"]
    assert numbers(cells, na=("-200", "n/a")) == [1, None, None, None, None, 200, -200.5]
    assert numbers(["-200,0", "1,5"], na=("-200",), decimal=",") == [None, 1.5]


def test_units_come_off_at_either_end() -> None:
    """With a blank or none between, before or behind a sign, and several of them."""
    cells = ["$5", "-$5", "$-5", "$ 5.5", "5 kg", "5kg", "7 %", "8%", "6"]
    assert numbers(cells, units=("$", "kg", "%")) == [5, -5, -5, 5.5, 5, 5, 7, 8, 6]
    assert hint(["5 kgs", "4"], units=("kg",)) == "--units kg,kgs"


def test_brackets_are_a_minus_where_that_is_said() -> None:
    """Around the unit or inside it; never with another sign."""
    assert numbers(["(8)", "($8)", "$(8)", "(8%)", "(8)%", "8"], units=("()", "$", "%")) == [-8, -8, -8, -8, -8, 8]
    _, problems = read_numbers(table(["(-8)", "-(8)", "(8", "8)"]), 0, ReadConfig(units=("()",)))
    assert len(problems) == 4


@pytest.mark.parametrize(
    ("how", "cells", "expected"),
    [
        ({"thousands": ","}, ["1,234", "12", "-1,234,567.5", "1234"], [1234, 12, -1234567.5, 1234]),
        ({"decimal": ",", "thousands": "."}, ["1.234,5", "12,25", "1.000.000"], [1234.5, 12.25, 1e6]),
        ({"decimal": ",", "thousands": "space"}, ["1 234,5", "1\u00a0234", "1\u202f000\u2009000"], [1234.5, 1234, 1e6]),
        ({"thousands": "'"}, ["1'234.5", "1\u2019234"], [1234.5, 1234]),
        ({"thousands": "_"}, ["1_000", "2_000_000"], [1000, 2e6]),
        ({"decimal": ","}, ["1,234", "1,5e3", ",5"], [1.234, 1500, 0.5]),
    ],
)
def test_marks_are_read_as_they_are_named(how: dict[str, str], cells: list[str], expected: list[float]) -> None:
    """The decimal mark and the separator of thousands, with the forms of a blank and of an apostrophe."""
    assert numbers(cells, **how) == expected


@pytest.mark.parametrize(
    ("how", "text"),
    [
        *(({"thousands": ","}, text) for text in ("12,34", "1,2345", "1234,567", ",123", "1.5,000", "1,,000")),
        *(({"decimal": ",", "thousands": "."}, text) for text in ("1.5", "12.34,5", "1,234.5")),
        *(({"decimal": ","}, text) for text in ("1.5", "1,5,5")),
    ],
)
def test_groups_that_are_not_of_three_digits_are_refused(how: dict[str, str], text: str) -> None:
    """Wrong grouping is another notation, or a slip; neither is guessed."""
    _, problems = read_numbers(table(["1", text]), 0, ReadConfig(**how))
    assert [p.line for p in problems] == [3]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["5", "N/A", "?", "N/A", "6"], "--na 'N/A,?'"),
        (["5", "-", "6", "7"], "--na -"),
        (["5", "#DIV/0!", "inf"], "--na '#DIV/0!,inf'"),
        (["$5", "$6.50"], "--units '$'"),
        (["5 kg", "(6 kg)"], "--units 'kg,()'"),
        (["7%", "8 %"], "--units %"),
        (["$1,234.50", "-", "$7.00"], "--thousands , --na - --units '$'"),
        (["1.234,5", "12,0"], "--decimal , --thousands ."),
        (["1,234,567", "12"], "--thousands ,"),
        (["1'234.5"], '--thousands "\'"'),
        (["1_000"], "--thousands _"),
        (["1\u00a0234"], "--thousands space"),
        (["12,5"], "--decimal ,"),
        (["1,234", "999"], "--thousands , or --decimal ,"),
        (["1,234", "1999"], "--decimal , or --thousands ,"),
    ],
)
def test_a_hint_names_all_that_the_column_needs(cells: list[str], expected: str) -> None:
    """Every option is there with its whole value, and with them the column is read."""
    assert hint(cells) == expected
    for options in expected.split(" or "):
        words = shlex.split(options)
        how = {name[2:]: value for name, value in zip(words[::2], words[1::2], strict=True)}
        lists = {name: tuple(how.pop(name).split(",")) for name in ("na", "units") if name in how}
        assert len(numbers(cells, **how, **lists)) == len(cells)


@pytest.mark.parametrize(
    "text", ["0x10", "10-20", "2024-01-01", "< 5", "5k", "5 Mio", "1.2.3", "6-", "\u20136", "5e999"]
)
def test_no_hint_makes_another_number_of_a_text(text: str) -> None:
    """What would be left when the rest came off is not what the cell says."""
    found = hint(["1", "2", text])
    assert found is not None
    assert "--units" not in found
    assert "--na" not in found


def test_units_that_differ_are_not_made_one() -> None:
    """5 kg and 5 g are not the same number."""
    assert "--units" not in (hint(["5 kg", "5 g"]) or "")


def test_a_hint_keeps_what_was_given() -> None:
    """An option that is given twice would lose its first value."""
    assert hint(["-200", "5", "-"], na=("-200",)) == "--na -200,-"
    assert hint(["1.5"], decimal=",") == "--decimal ."
    assert hint(["12,34", "1,000"], thousands=",") == "--decimal , and no --thousands"


def test_words_of_a_column_of_words_are_not_called_missing() -> None:
    """Only few words among numbers may stand for missing values."""
    assert "--na" not in (hint(["red", "green", "5"]) or "")
    assert hint(["5", "6", "closed", "7", "8"]) == "--na closed"


@settings(deadline=None)
@given(st.lists(st.text("0123456789.,'_ -+e$()\u2212\u00a0", max_size=9), min_size=1, max_size=40), st.data())
def test_cells_in_bulk_are_read_as_one_by_one(cells: list[str], data: st.DataObject) -> None:
    """The quick way and the slow one are two implementations of one notation."""
    mark, thousands = data.draw(st.sampled_from([(".", None), (",", None), (".", ","), (",", "."), (",", "space")]))
    how = ReadConfig(decimal=mark, thousands=thousands, units=("$", "()"))
    values, problems = read_numbers(table(cells), 0, how)
    alone = [Notation.of(how).number(cell) for cell in cells]
    expected = [np.nan if number is None or abs(number) > LARGEST else number for number in alone]
    np.testing.assert_array_equal(values, expected)
    refused = [row + 2 for row, cell in enumerate(cells) if np.isnan(expected[row]) and cell.strip(BLANKS)]
    assert [problem.line for problem in problems] == refused


def test_many_rows_are_read_as_few_are() -> None:
    """Rows are read in blocks: their ends are no ends of anything, and a bad cell keeps its line."""
    cells = [str(n / 4) for n in range(100_000)]
    cells[70_000], cells[99_999], cells[32_768] = "x", " 7 ", "1e3"
    values, (problem,) = read_numbers(table(cells), 0)
    assert problem.line == 70_002
    expected = np.arange(100_000) / 4
    expected[[70_000, 99_999, 32_768]] = [np.nan, 7, 1000]
    np.testing.assert_array_equal(values, expected)


def test_a_column_of_words_is_a_list_that_fits() -> None:
    """After ten thousand cells one problem counts the rest."""
    _, problems = read_numbers(table(["x"] * 10_500), 0)
    assert len(problems) == 10_001
    assert problems[-1].line == 10_002
    assert "500 more cells" in problems[-1].text


def test_a_long_cell_is_read_to_its_end() -> None:
    """Whatever the width of what is read at once."""
    long = "0." + "0" * 300 + "1"
    assert numbers(["1", long, "1" + "0" * 30, "1." + "0" * 30 + "e2"]) == [1, float(long), 1e30, 100]


def test_truths_are_ones_and_zeros() -> None:
    """In any case and in words; anything else is a problem on its line."""
    values, problems = read_truths(table(["TRUE", "false", "", "Yes", "no", "NA"]), 0)
    assert not problems
    np.testing.assert_array_equal(values, [1, 0, np.nan, 1, 0, np.nan])
    values, (problem,) = read_truths(table(["t", "f", "maybe"]), 0)
    assert (problem.code, problem.line) == ("E209", 4)
    assert values[:2].tolist() == [1, 0]


def test_a_column_is_numeric_when_most_cells_were_meant_so() -> None:
    """A few bad cells, or all of them in a foreign notation, do not make a column one of words."""
    assert looks_numeric(["1", "2", "x"])
    assert looks_numeric(["1,5"] * 9)
    assert looks_numeric(["$5", "(6)", "7%", "inf"])
    assert not looks_numeric(["2024-01-01"] * 9)
    assert not looks_numeric(["5 Main Street", "6 Main Street"])
    assert not looks_numeric(["", "NA"])
    assert not looks_numeric(["5 kg"] * 9)
    assert looks_numeric(["5 kg"] * 9, ReadConfig(units=("kg",)))
    assert looks_numeric(["closed"] * 9 + ["5"], ReadConfig(na=("closed",)))


def test_a_column_is_boolean_when_every_cell_is() -> None:
    """In any spelling; zeros and ones are numbers."""
    assert looks_boolean(["True", "FALSE", "", "yes"])
    assert not looks_boolean(["True", "1"])
    assert not looks_boolean(["", ""])
    assert looks_boolean(["t", "f"])
    assert not looks_boolean(["f", "f"])


def test_a_sample_passes_over_what_is_missing() -> None:
    """However rare the other cells are."""
    assert sample(["", "NA"] * 5000 + [" 7 "]) == ["7"]
    assert sample(["", "NA", "-"], ReadConfig(na=("-",))) == []
