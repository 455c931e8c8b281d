"""Conformal factors have the values that counting gives, and applied to quantiles they never cross them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.calibration import apply_factors, fit_factors

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def held_out(errors):
    """Forecasts [N, 1, 5] of -2, -1, 0, 1, 2 and what happened, [N, 1]."""
    actual = np.asarray(errors, float)[:, None]
    return np.tile([-2.0, -1.0, 0.0, 1.0, 2.0], (len(actual), 1, 1)), actual


def test_the_factor_is_the_conformal_rank_of_the_residuals():
    """Of 9 residuals, 80 % needs rank ceil(10 * 0.8) = 8 and 50 % rank 5; full trust takes them as they are."""
    quantiles, actual = held_out([0.2, -0.4, 0.6, -0.8, 1.0, -1.2, 1.4, -1.6, 1.8])
    factors = fit_factors(quantiles, actual, LEVELS, independent=1e12)
    assert factors == pytest.approx([1.6 / 2, 1.0, 1.0, 1.0, 1.6 / 2])


def test_a_half_rank_is_rounded_up():
    """Of 4 residuals, 50 % needs rank ceil(5 / 2) = 3, not 2: the small-sample correction."""
    quantiles, actual = held_out([0.2, 0.4, 0.8, 1.6])
    assert fit_factors(quantiles, actual, LEVELS, independent=1e12)[1] == pytest.approx(0.8)


def test_little_evidence_moves_a_factor_little():
    """With four independent windows the logarithm of the factor goes half of the way."""
    quantiles, actual = held_out([3.0] * 9)
    assert fit_factors(quantiles, actual, LEVELS, independent=4)[-1] == pytest.approx(math.sqrt(1.5))


def test_nothing_observed_changes_nothing():
    """Without an observed actual every factor is one."""
    quantiles, actual = held_out([np.nan, np.nan])
    assert fit_factors(quantiles, actual, LEVELS, independent=10) == [1.0] * 5


def test_a_factor_is_bounded_even_where_the_interval_has_no_width():
    """An interval of width zero that misses would ask for an infinite factor; it gets the widest."""
    quantiles, actual = np.zeros((9, 1, 5)), np.ones((9, 1))
    assert fit_factors(quantiles, actual, LEVELS, independent=1e12)[0] == pytest.approx(4.0)


def test_factors_of_one_leave_quantiles_as_they_are():
    """Nothing to correct, nothing corrected."""
    quantiles, _ = held_out([0.0])
    np.testing.assert_array_equal(apply_factors(quantiles, [1.0] * 5, LEVELS), quantiles)


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=5),
    st.lists(st.floats(0.5, 4.0), min_size=5, max_size=5),
)
def test_stretched_quantiles_never_cross_and_keep_their_median(values, factors):
    """Whatever the factors, the levels stay in order around the same median."""
    quantiles = np.sort(np.array(values))
    stretched = apply_factors(quantiles, factors, LEVELS)
    assert (np.diff(stretched) >= 0).all()
    assert stretched[2] == quantiles[2]


def test_calibrated_intervals_cover_what_they_say_on_new_draws():
    """Forecasts half as wide as the truth end near the 80 % they claim."""
    rng = np.random.default_rng(0)
    normal = np.array([-1.2816, -0.6745, 0.0, 0.6745, 1.2816])
    quantiles = np.tile(0.5 * normal, (2000, 1, 1))
    factors = fit_factors(quantiles, rng.normal(size=(2000, 1)), LEVELS, independent=2000)
    stretched = apply_factors(quantiles[0, 0], factors, LEVELS)
    fresh = rng.normal(size=20_000)
    assert np.mean((fresh >= stretched[0]) & (fresh <= stretched[-1])) == pytest.approx(0.8, abs=0.03)
