"""Numbers that stand for a missing value."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.reading.sentinels import sentinels

RNG = np.random.default_rng(5)
SALES = RNG.gamma(2, 100, 1000).round()
WARMTH = (15 + 12 * np.sin(np.arange(1000) / 58)).round(1)


def spoiled(values: np.ndarray, *codes: float, times: int = 30) -> np.ndarray:
    """The values with some of them replaced by codes."""
    values = values.copy()
    for number, code in enumerate(codes):
        values[number :: len(values) // times][:times] = code
    return values


@pytest.mark.parametrize("code", [-200.0, -999.0, -9999.0, -1.0, -99.0, 99999.0, -(2.0**15), 9999999.0])
def test_a_code_among_numbers_is_found_with_its_count(code: float) -> None:
    """Below all that is measured, or all nines above it."""
    assert sentinels(spoiled(SALES, code)) == [(code, 30)]


def test_a_code_is_found_among_negative_numbers_when_it_is_far_from_them() -> None:
    """Farther than they span."""
    values = WARMTH - 20
    assert sentinels(spoiled(values, -200)) == [(-200.0, 30)]
    assert sentinels(spoiled(values, 999.0)) == [(999.0, 30)]


def test_several_codes_are_found_from_the_outside_in() -> None:
    """A file may tell kinds of missing apart; blanks are none of them."""
    values = np.append(spoiled(SALES, -999, -99), [np.nan] * 50)
    assert sentinels(values) == [(-999.0, 30), (-99.0, 30)]


@pytest.mark.parametrize(
    "values",
    [
        SALES,
        WARMTH,
        spoiled(SALES, -200, times=1),
        spoiled(SALES, 0),
        np.where(SALES > 300, 300, SALES),
        np.arange(100.0) % 7,
        np.tile([-1.0, 0.0, 1.0], 50),
        np.tile([-1.0, 1.0], 50),
        RNG.normal(0, 1, 500).round(),
        np.append(np.arange(99.0), [99.0] * 5),
        np.append(SALES, [5000.0] * 10),
        np.full(50, -200.0),
        np.full(50, np.nan),
        np.empty(0),
    ],
    ids=lambda _: "",
)
def test_what_may_be_measured_is_no_code(values: np.ndarray) -> None:
    """A single value, zeros, a cap, small changes up and down, percentages up to 99, and a peak."""
    assert sentinels(values) == []
