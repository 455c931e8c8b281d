"""Text to numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.reading.dialect import Table
from forecast.reading.typed import LARGEST, MISSING, looks_boolean, looks_numeric, read_numbers


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


@given(st.text(max_size=10))
def test_any_text_is_a_number_as_python_has_it_or_a_problem(text: str) -> None:
    """What is read is what float() says; what float() refuses is never read; what is refused has its line."""
    values, problems = read_numbers(table(["1", text, "2"]), 0)
    if problems:
        assert [(p.line, p.column) for p in problems] == [(3, 1)]
        assert np.isnan(values[1])
    elif text.strip(" ") in MISSING:
        assert np.isnan(values[1])
    else:
        assert values[1] == float(text)
        assert text.isascii()
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
        ("#N/A", "a missing value? leave the cell empty"),
        ("#DIV/0!", "a missing value? leave the cell empty"),
        ("-", "a missing value? leave the cell empty"),
        ("\u22125", "a minus sign from a word processor?"),
    ],
)
def test_a_refused_number_comes_with_what_it_may_be(text: str, remark: str) -> None:
    """The message guesses what happened, the reader does not."""
    _, (problem,) = read_numbers(table([text]), 0)
    assert problem.text.endswith(f"is not a number ({remark})")


def test_a_column_is_numeric_when_most_cells_were_meant_so() -> None:
    """A few bad cells, or all of them in a foreign notation, do not make a column one of words."""
    assert looks_numeric(["1", "2", "x"])
    assert looks_numeric(["1,5"] * 9)
    assert looks_numeric(["$5", "(6)", "7%", "inf"])
    assert not looks_numeric(["2024-01-01"] * 9)
    assert not looks_numeric(["5 Main Street", "6 Main Street"])
    assert not looks_numeric(["", "NA"])


def test_a_column_is_boolean_when_every_cell_is() -> None:
    """In any spelling; zeros and ones are numbers."""
    assert looks_boolean(["True", "FALSE", "", "yes"])
    assert not looks_boolean(["True", "1"])
    assert not looks_boolean(["", ""])
