"""Conformal factors have the values that counting gives, and applied to quantiles they never cross them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.calibration import Factors, apply_factors, fit_factors, intervals, reaches, unchanged

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
ALL = 1e12  # so many independent windows that nothing is left of what is usual


def held_out(errors):
    """Forecasts [N, 1, 5] of -2, -1, 0, 1, 2 and what happened, [N, 1]."""
    actual = np.asarray(errors, float)[:, None]
    return np.tile([-2.0, -1.0, 0.0, 1.0, 2.0], (len(actual), 1, 1)), actual


def growing(horizon, windows, power):
    """Forecasts of -2 … 2 at every lead; what happened lies 2 lead ** power above the median, then below, in turns."""
    actual = np.array([[(-1) ** n * 2 * lead**power for lead in range(1, horizon + 1)] for n in range(windows)])
    return np.tile([-2.0, -1.0, 0.0, 1.0, 2.0], (windows, horizon, 1)), actual


def test_each_end_takes_the_conformal_rank_of_its_own_residuals():
    """Of 9, 90 % needs rank 9 and 75 % rank ceil(7.5) = 8: of 0 0 0 0 .1 .3 .5 .7 .9 half-widths above, say."""
    quantiles, actual = held_out([0.2, -0.4, 0.6, -0.8, 1.0, -1.2, 1.4, -1.6, 1.8])
    ((low_10, low_25, median, high_75, high_90),) = fit_factors(quantiles, actual, LEVELS, ALL).rows
    assert (low_10, high_90) == pytest.approx((0.8, 0.9))
    assert (low_25, high_75) == pytest.approx((1.2, 1.4))
    assert median == 1.0


def test_with_some_windows_what_is_usual_and_what_they_say_are_mixed():
    """Size half of the way from 1.05 to .6, side 20 / 70 of the way from .6 to .7, 24 degrees of freedom.

    60 % of 9 residuals needs rank 6, though 0.8 - 0.2 is a little more than 0.6 in binary.
    """
    quantiles = np.tile([-1.0, 0.0, 1.0], (9, 1, 1))
    actual = np.array([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8, 0.9])[:, None]
    found = fit_factors(quantiles, actual, (0.2, 0.5, 0.8), independent=20).rows[0][-1]
    assert found == pytest.approx(math.sqrt(1.05 * 0.6) * (0.7 / 0.6) ** (2 / 7) * 0.85686 / 0.84162, rel=1e-4)


def test_few_windows_move_the_size_little_and_widen_by_students_t():
    """Twenty windows go half of the way from 1.05 to 1.5; 0.9 of t with 24 degrees of freedom is 1.318, of z 1.2816."""
    quantiles, actual = held_out([3.0, -3.0] * 10)
    found = fit_factors(quantiles, actual, LEVELS, independent=20).rows[0][-1]
    assert found == pytest.approx(math.sqrt(1.05 * 1.5) * 1.31784 / 1.28155, rel=1e-4)


def test_without_an_outcome_the_factors_are_the_usual_ones():
    """4 degrees of freedom: 0.9 of t is 1.5332; the median stays."""
    quantiles, actual = held_out([np.nan, np.nan])
    row = fit_factors(quantiles, actual, LEVELS, independent=0).rows[0]
    assert row[-1] == row[0] == pytest.approx(1.05 * 1.5332 / 1.28155, rel=1e-3)
    assert row[2] == 1.0


def test_errors_that_grow_with_the_lead_make_factors_that_do():
    """Errors as lead ** 0.3 in intervals that do not grow: with many windows the factors are that power."""
    factors = fit_factors(*growing(8, 99, 0.3), LEVELS, ALL)
    assert factors.leads == (1, 2, 3, 4, 6, 8)
    np.testing.assert_allclose(factors.at(8)[:, 0], np.arange(1, 9) ** 0.3)


def test_few_windows_say_little_about_growth():
    """Of errors that do not grow, ten windows leave half of the usual power of 0.1, and by lead 5 / 6 of that."""
    factors = fit_factors(*growing(30, 10, 0.0), LEVELS, 10).at(30)
    np.testing.assert_allclose(factors[:, -1] / factors[0, -1], np.arange(1, 31) ** (0.05 * 5 / 6), rtol=5e-3)


def test_a_factor_is_bounded_even_where_the_interval_has_no_width():
    """An interval of width zero that misses would ask for an infinite factor; it gets the widest."""
    quantiles, actual = np.zeros((9, 1, 5)), np.ones((9, 1))
    assert fit_factors(quantiles, actual, LEVELS, ALL).rows[0][-1] == pytest.approx(8.0)
    quantiles, actual = held_out([0.0] * 9)
    assert fit_factors(quantiles, actual, LEVELS, ALL).rows[0][-1] == pytest.approx(0.25)


def test_missing_outcomes_do_not_count():
    """Rows and steps without a value leave the factors as they are without them."""
    quantiles, actual = growing(6, 12, 0.2)
    holed = np.concatenate([actual, np.full((5, 6), np.nan)])
    found = fit_factors(np.concatenate([quantiles, quantiles[:5]]), holed, LEVELS, 12)
    np.testing.assert_allclose(found.rows, fit_factors(quantiles, actual, LEVELS, 12).rows)


def test_factors_between_two_leads_are_linear_in_logarithms_and_stay_beyond_the_last():
    """1 at the first lead and 4 at the fourth are 2 at the second, 3 at the third, and 4 from then on."""
    factors = Factors((1, 4), ((1.0, 1.0), (1.0, 4.0)))
    np.testing.assert_allclose(factors.at(6)[:, 1], [1, 2, 3, 4, 4, 4])
    np.testing.assert_allclose(factors.at(2), [[1, 1], [1, 2]])


def test_a_change_multiplies_each_quantile_at_every_lead():
    """Within the bounds of a factor."""
    factors = Factors((1, 4), ((1.0, 1.0, 2.0), (0.5, 1.0, 4.0)))
    assert factors.times([0.5, 1.0, 3.0]) == Factors((1, 4), ((0.5, 1.0, 6.0), (0.25, 1.0, 8.0)))


def test_factors_of_one_leave_quantiles_as_they_are():
    """Nothing to correct, nothing corrected."""
    quantiles, _ = held_out([0.0])
    np.testing.assert_array_equal(apply_factors(quantiles, unchanged(LEVELS), LEVELS), quantiles)


def test_each_lead_is_stretched_by_its_own_factor():
    """Distances of 1 and 2 from the median, doubled at the second lead alone."""
    quantiles = np.tile([8.0, 9.0, 10.0, 11.0, 12.0], (2, 1))
    factors = Factors((1, 2), ((1.0,) * 5, (2.0,) * 5))
    np.testing.assert_allclose(apply_factors(quantiles, factors, LEVELS), [[8, 9, 10, 11, 12], [6, 8, 10, 12, 14]])


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=5),
    st.lists(st.floats(0.25, 8.0), min_size=5, max_size=5),
)
def test_stretched_quantiles_never_cross_and_keep_their_median(values, factors):
    """Whatever the factors, the levels stay in order around the same median."""
    quantiles = np.sort(np.array(values))[None]
    stretched = apply_factors(quantiles, Factors((1,), (tuple(factors),)), LEVELS)
    assert (np.diff(stretched) >= 0).all()
    assert stretched[0, 2] == quantiles[0, 2]


def test_a_reach_is_measured_in_the_half_width_of_its_side():
    """3 above a median of 0 is 3 / 1 of the inner and 3 / 2 of the outer interval; 1 below is 1 and a half."""
    quantiles, actual = held_out([3.0, -1.0, np.nan])
    quantiles[1, 0, :2] = [-4.0, -2.0]
    np.testing.assert_allclose(reaches(quantiles, actual, LEVELS)[:, 0], [[3, 1.5], [0.5, 0.25], [np.nan, np.nan]])
    assert intervals(LEVELS) == pytest.approx([0.5, 0.8])


@pytest.mark.parametrize("horizon", [1, 6])
def test_calibrated_intervals_cover_what_they_say_on_new_draws(horizon):
    """Forecasts half as wide as the truth end near the 80 % they claim, at each lead."""
    rng = np.random.default_rng(0)
    normal = np.array([-1.2816, -0.6745, 0.0, 0.6745, 1.2816])
    spread = np.sqrt(np.arange(1, horizon + 1))
    quantiles = np.tile(0.5 * normal, (2000, horizon, 1))
    factors = fit_factors(quantiles, spread * rng.normal(size=(2000, horizon)), LEVELS, independent=2000)
    stretched = apply_factors(quantiles[0], factors, LEVELS)
    fresh = spread * rng.normal(size=(20_000, horizon))
    inside = (fresh >= stretched[:, 0]) & (fresh <= stretched[:, -1])
    np.testing.assert_allclose(inside.mean(axis=0), 0.8, atol=0.03)
