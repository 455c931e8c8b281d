"""Plain decimal numbers in bulk."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.reading import decimals
from forecast.reading.cells import Cells
from forecast.reading.decimals import Decimals, parse_decimals


def parse(texts: list[str], mark: str = ".", group: str | None = None, width: int = 24) -> Decimals:
    """The numbers among texts, of each at most that many bytes."""
    return parse_decimals(*Cells.of(texts).matrix(width), mark, group)


def bits(values: np.ndarray) -> list[int]:
    return values.view(np.int64).tolist()


def test_a_million_random_numbers_are_bit_for_bit_what_float_reads() -> None:
    """Up to 18 digits with a point anywhere, of which about half need more than the quick division."""
    rng = np.random.default_rng(7)
    digits = rng.integers(10**17, 10**18, 1_000_000)
    lengths, points = rng.integers(1, 19, len(digits)), rng.integers(0, 19, len(digits))
    texts = []
    for number, length, point in zip(digits.tolist(), lengths.tolist(), points.tolist(), strict=True):
        text = str(number)[:length]
        at = min(point, length)
        texts.append(f"{'-' if number % 2 else ''}{text[:at]}.{text[at:]}")
    found = parse(texts)
    assert found.good.mean() > 0.99
    expected = np.array(list(map(float, texts)))
    assert bits(found.values[found.good]) == bits(expected[found.good])


def test_numbers_between_two_neighbours_are_right_or_left_to_others() -> None:
    """Decimal texts that lie exactly in the middle of two floats, or next to it, are where a second rounding shows."""
    rng = random.Random(3)
    texts = []
    for _ in range(20_000):
        whole = rng.randrange(2**53, 2**54)
        # Between 2 ** 53 and 2 ** 54 every odd integer is a middle; the quotients by ten lie near others.
        texts += [str(whole | 1), str(whole), f"{whole // 10}.{whole % 10}", str((whole | 1) * 8 + 4)]
    texts = [text for text in texts if len(text.replace(".", "")) <= 18]
    found = parse(texts)
    expected = np.array(list(map(float, texts)))
    assert bits(found.values[found.good]) == bits(expected[found.good])
    assert not found.good.all()


@given(st.lists(st.from_regex(r"[-+]?[0-9]{0,12}[.,]?[0-9]{0,12}", fullmatch=True), min_size=1, max_size=30))
def test_what_is_good_is_a_number_and_what_is_a_short_number_is_good(texts: list[str]) -> None:
    """Of signs, digits and marks, exactly those with a digit are numbers under their own mark."""
    for mark in ".,":
        found = parse(texts, mark)
        for text, good, value in zip(texts, found.good.tolist(), found.values.tolist(), strict=True):
            other = "," if mark == "." else "."
            number = any(c.isdigit() for c in text) and other not in text
            if good:
                assert number
                assert value == float(text.replace(",", "."))
            elif sum(c.isdigit() for c in text) <= 15:
                assert not number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            ("1,234", 1234.0),
            ("-12,345,678.5", -12345678.5),
            ("999", 999.0),
            ("1234.5", 1234.5),
            ("+123,456.", 123456.0),
        ),
        *(("12,34", None), ("1234,567", None), (",123", None), ("1,,234", None), ("1,234,", None), ("-,123", None)),
        *(("1,234.567,8", None), ("0.123,456", None), ("1,2345", None), ("123,", None), ("1.234,567", None)),
        *((".123,567", None), ("1.234,567,8", None), ("12.,345", None)),
    ],
)
def test_groups_are_of_three_digits_and_stand_before_the_mark(text: str, value: float | None) -> None:
    """All groups are kept apart, or none is; anything else is left to be refused."""
    found = parse([text], group=",")
    assert found.good.tolist() == [value is not None]
    if value is not None:
        assert found.values.tolist() == [value]


def test_the_point_groups_where_the_comma_is_the_mark() -> None:
    """As in 1.234.567,8."""
    found = parse(["1.234.567,8", "1.5", "-0,5"], ",", ".")
    assert found.good.tolist() == [True, False, True]
    assert found.values[[0, 2]].tolist() == [1234567.8, -0.5]


def test_a_cell_that_is_cut_off_is_no_number() -> None:
    """Its first digits are not its value."""
    assert parse(["12345678", "1234"], width=4).good.tolist() == [False, True]


def test_nineteen_digits_are_left_to_others() -> None:
    """They may be more than an integer holds, and wrap around into a small one."""
    texts = ["9" * 19, "18446744073709551617", "0.0000000000000000001"]
    assert not parse(texts).good.any()


def test_a_machine_without_long_doubles_reads_fewer_numbers_and_none_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever needs them is left to float()."""
    monkeypatch.setattr(decimals, "_LONG_ENOUGH", False)
    found = parse(["0.12345678901234567", "12345678901234567", "1.5"])
    assert found.good.tolist() == [False, False, True]


def test_digits_are_counted_on_both_sides_of_the_mark() -> None:
    """What tells a decimal comma from one between thousands."""
    found = parse(["1234,5", "0,125", "12", "7,"], ",")
    assert found.whole.tolist() == [4, 1, 2, 1]
    assert found.after.tolist() == [1, 3, 0, 0]
    assert found.marked.tolist() == [True, True, False, True]
