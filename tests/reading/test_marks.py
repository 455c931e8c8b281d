"""The decimal mark of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.config import ReadConfig
from forecast.reading.dialect import Table
from forecast.reading.marks import decide_decimal


def decide(*columns: list[str], **how: Any) -> tuple[str, list[str]]:
    """The mark of a table of those columns, and the codes of the notes."""
    names = tuple("abc"[: len(columns)])
    table = Table("x.csv", names, tuple(columns), range(2, 2 + len(columns[0])))
    mark, notes = decide_decimal(table, range(len(columns)), ReadConfig(**how))
    return mark, [note[:4] for note in notes]


@pytest.mark.parametrize(
    "cells",
    [
        ["12,5", "3", "4,25"],
        ["0,125", "0,250"],
        ["1234,567"],
        [",5"],
        ["-12,5", "", "NA"],
        ["1,5e3", "2"],
        ["1,234", "2,5", "3,25"],
        [" 12,5", "n/a"],
        ["12,5", "-"],
    ],
)
def test_a_decimal_comma_is_proven_by_what_no_group_can_be(cells: list[str]) -> None:
    """Other than three digits behind it, or a zero alone before it; and a note says that it was taken so."""
    assert decide(cells) == (",", ["W201"])


@pytest.mark.parametrize(
    "cells",
    [
        ["12.5", "3"],
        ["1,234"],
        ["1,234", "999"],
        ["1,234,567", "12,5"],
        ["1.234,5", "12,0"],
        ["1,234.5", "12"],
        ["12,5", "12.5"],
        ["12,5 kg"],
        [*["1,234"] * 100, "2,50"],
        [*["1234"] * 100, "12,5"],
        ["a,b", "5"],
        ["", ""],
    ],
)
def test_anything_else_proves_no_decimal_comma(cells: list[str]) -> None:
    """1,234 may be either, a point or a second comma speaks against it, and one cell in a hundred may be a slip."""
    assert decide(cells) == (".", [])


def test_one_column_decides_for_all() -> None:
    """A file has one decimal mark: beside 12,5 a 1,234 is a decimal too, and a point anywhere is a contradiction."""
    assert decide(["12,5", "3,75"], ["1,234", "2,345"], ["1", "2"])[0] == ","
    assert decide(["12,5", "3,75"], ["1.5", "2.5"]) == (".", [])


def test_a_column_that_is_not_used_may_speak_against_it() -> None:
    """Prices with a point beside 12,5 show that the file has points, and 12,5 is a slip."""
    cells = (["12,5", "3,75"], ["2.5", "2.75"], ["1.2.2024", "2.2.2024"])
    table = Table("x.csv", ("a", "b", "c"), cells, range(2, 4))
    assert decide_decimal(table, [0], ReadConfig()) == (".", ())
    assert decide_decimal(Table("x.csv", ("a", "c"), cells[::2], range(2, 4)), [0], ReadConfig())[0] == ","


def test_what_is_given_is_not_decided() -> None:
    """The mark of the settings stands, and so do their thousands, units and missing words."""
    assert decide(["12,5"], decimal=".") == (".", [])
    assert decide(["1.5"], decimal=",") == (",", [])
    assert decide(["12,5"], thousands=",") == (".", [])
    assert decide(["1 234,567", "2 000"], thousands="space")[0] == ","
    assert decide(["12,50 €", "-€ 3,00"], units=("€",))[0] == ","
    assert decide(["12,5", "a.1"], na=("a.1",))[0] == ","


def test_a_minus_sign_of_typography_is_noted() -> None:
    """Where it belongs to a number; the note counts the cells."""
    table = Table("x.csv", ("a",), (["\u22125", "\uff0d7", "6", "\u2212", "größe"],), range(2, 7))
    _, (note,) = decide_decimal(table, [0], ReadConfig())
    assert note == 'W202 2 cells have a minus sign of typography, read as -: "a"'


@settings(deadline=None)
@given(
    st.lists(st.decimals(-10_000, 10_000, places=2), min_size=2, max_size=20),
    st.lists(st.integers(-9999, 9999), max_size=30),
)
def test_numbers_with_two_decimals_are_told_by_their_comma(decimals: list[Any], integers: list[int]) -> None:
    """Written with a comma they are decimals, and with a point they never are commas."""
    texts = [str(number) for number in [*integers, *decimals]]
    assert decide(texts)[0] == "."
    assert decide([text.replace(".", ",") for text in texts])[0] == ","


def test_a_proof_far_down_the_column_counts() -> None:
    """Every cell is looked at."""
    cells = [str(n) for n in np.arange(70_000)]
    cells[69_000], cells[69_500] = "12,5", "13,75"
    assert decide(cells)[0] == ","
