"""Scaling is exact in both directions, agrees with scikit-learn, and never divides by nothing."""

import numpy as np
import pytest
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from forecast.config import SCALINGS
from forecast.errors import DataError
from forecast.scaling import SCALERS, fit_history_scaling, fit_scaling, prefers_log

VALUES = np.exp(np.random.default_rng(3).normal(2.0, 0.7, 200))


@pytest.mark.parametrize("rule", SCALERS)
def test_inverse_gives_back_what_was_transformed(rule):
    """Every rule is undone exactly, up to rounding."""
    scaling = fit_scaling(VALUES, rule)
    np.testing.assert_allclose(scaling.inverse(scaling.transform(VALUES)), VALUES, rtol=1e-13)


@pytest.mark.parametrize(
    ("rule", "scaler"),
    [("standard", StandardScaler), ("robust", RobustScaler), ("minmax", MinMaxScaler), ("maxabs", MaxAbsScaler)],
)
def test_affine_rules_agree_with_scikit_learn(rule, scaler):
    """The two numbers do what scikit-learn's object does; min-max up to the constant that it centres by."""
    expected = scaler().fit_transform(VALUES[:, None])[:, 0]
    np.testing.assert_allclose(fit_scaling(VALUES, rule).transform(VALUES), expected, rtol=1e-12, atol=1e-13)


def test_log_is_standard_scaling_of_logarithms():
    """Log takes logarithms first and inverts with an exponential."""
    logs = np.log(VALUES)
    np.testing.assert_allclose(fit_scaling(VALUES, "log").transform(VALUES), (logs - logs.mean()) / logs.std())


@pytest.mark.parametrize("rule", SCALERS)
@pytest.mark.parametrize("constant", [5.0, 0.1, 1e6 / 3])
def test_a_constant_series_never_becomes_nan(rule, constant):
    """A series without spread gets scale 1 (or its own size), whatever rounding does to its variance."""
    values = np.full(7, constant)
    scaling = fit_scaling(values, rule)
    assert np.isfinite(scaling.transform(values)).all()
    assert np.abs(scaling.transform(values)).max() < 1e7
    np.testing.assert_allclose(scaling.inverse(scaling.transform(values)), values)


@pytest.mark.parametrize("rule", SCALERS)
def test_missing_values_stay_missing_and_do_not_count(rule):
    """NaN is left alone and has no part in the fit."""
    holed = np.insert(VALUES, [10, 20], np.nan)
    assert fit_scaling(holed, rule) == fit_scaling(VALUES, rule)
    assert np.isnan(fit_scaling(holed, rule).transform(holed)).sum() == 2


def test_a_logarithm_of_nothing_is_an_error_with_the_way_out():
    """A value that is not positive cannot be scaled in logarithms."""
    with pytest.raises(DataError, match="-1 has no logarithm") as caught:
        fit_scaling(np.array([1.0, -1.0, 2.0]), "log")
    assert "--scaling" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.exp(np.arange(60) / 10), True),
        (np.array([5.0, 6, 7, 8] * 10 + [0.01] + [5.0, 6, 7, 8] * 10), False),
        (np.array([5.0, 6, 7, 8] * 10 + [1.0] + [5.0, 6, 7, 8] * 10), True),
        (np.array([1.0, 0.0, 2.0] * 10), False),
        (np.array([-1.0, 2.0] * 10), False),
        (np.array([np.nan]), False),
        (np.array([3.0]), True),
        (np.array([800.0, 900, 700, 20, 15, 25] * 20), True),
    ],
    ids=["growth", "one collapse", "a deep dip", "zeros", "negative", "nothing observed", "one value", "deep nights"],
)
def test_logarithms_are_for_positive_series_without_collapses(values, expected):
    """Growth over orders of magnitude is fine, a single drop to a five-hundredth is not."""
    assert prefers_log(values, 4) is expected


def test_mixed_scaling_takes_logarithms_only_where_they_suit():
    """Growth in logarithms, zeros and a collapse as they are: each series decides for itself, by its own values."""
    collapse = np.array([5.0, 6, 7, 8] * 10 + [0.01] + [5.0, 6, 7, 8] * 10)
    assert fit_scaling(np.exp(np.arange(60) / 10), "mixed") == fit_scaling(np.exp(np.arange(60) / 10), "log")
    for values in (collapse, np.array([1.0, 0.0, 2.0] * 10)):
        assert fit_scaling(values, "mixed") == fit_scaling(values, "standard")


def test_mixed_scaling_takes_no_logarithms_where_later_values_have_none():
    """A count that reaches zero after the rows it is fitted to can still be transformed."""
    growing, gap = np.exp(np.arange(60) / 10), np.array([400.0, np.nan])
    assert fit_scaling(growing, "mixed", np.append(gap, 0.0)) == fit_scaling(growing, "standard")
    assert fit_scaling(growing, "mixed", gap) == fit_scaling(growing, "log")


@pytest.mark.parametrize("rule", SCALERS)
def test_a_history_without_logarithms_is_scaled_as_it_is(rule):
    """Only where the rule is log, and only where a value has none; missing ones do not count."""
    zero = np.array([2.0, np.nan, 0.0, 5.0])
    expected = "standard" if rule == "log" else rule
    assert fit_history_scaling(zero, rule) == fit_scaling(zero, expected)
    assert fit_history_scaling(VALUES, rule) == fit_scaling(VALUES, rule)


def test_outcomes_without_a_logarithm_lie_infinitely_far_below():
    """Zero and less are below every forecast in logarithms; what has one is transformed as ever."""
    logs, plain = fit_scaling(VALUES, "log"), fit_scaling(VALUES, "standard")
    outcomes = np.array([0.0, -3.0, 2.0, np.nan])
    np.testing.assert_array_equal(logs.transform_outcomes(outcomes)[:2], -np.inf)
    np.testing.assert_array_equal(logs.transform_outcomes(outcomes)[2:], logs.transform(outcomes[2:]))
    np.testing.assert_array_equal(plain.transform_outcomes(outcomes), plain.transform(outcomes))


def test_every_scaling_that_can_be_configured_exists():
    """The names in the configuration are the names in the registry."""
    assert set(SCALINGS) == set(SCALERS)
