"""Significance: p-values that others give as well, and what is not there found as seldom as it should be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from forecast.significance import holm, independent_groups, p_value, welch_p_value

NAN = float("nan")


def test_without_overlap_it_is_the_paired_t_test() -> None:
    """Means 1, 2 and 6: the t of 3 with a standard error of √(7 / 3) is 1.96 at two degrees of freedom."""
    differences = np.array([1.0, 2.0, 6.0])
    assert p_value(differences) == pytest.approx(ttest_1samp(differences, 0).pvalue)
    assert p_value(differences) == pytest.approx(0.18847, abs=1e-4)


def test_without_overlap_it_is_diebold_and_mariano_as_corrected_by_harvey_leybourne_and_newbold() -> None:
    """Their statistic at a step of one: the mean over √(γ₀ / n), times √((n − 1) / n), against t with n − 1."""
    d = np.random.default_rng(3).normal(0.4, 1, 9)
    n, variance = len(d), np.mean((d - d.mean()) ** 2)
    statistic = d.mean() / math.sqrt(variance / n) * math.sqrt((n + 1 - 2 * 1 + 1 * 0 / n) / n)
    from scipy.stats import t

    assert p_value(d) == pytest.approx(2 * t.sf(abs(statistic), n - 1))


def test_overlapping_windows_count_as_one_group() -> None:
    """Six cutoffs of which three at a time share steps are two groups, and their means are all that is tested."""
    differences = np.array([1.0, 2.0, 3.0, 5.0, 6.0, 7.0])
    assert independent_groups(6, 3) == 2
    assert p_value(differences, 3) == pytest.approx(p_value(np.array([2.0, 6.0])))


@pytest.mark.parametrize(("count", "overlap"), [(1, 1), (3, 2), (9, 5)])
def test_fewer_than_two_groups_tell_nothing(count: int, overlap: int) -> None:
    """Whatever the differences are."""
    assert math.isnan(p_value(np.full(count, 9.0), overlap))


@pytest.mark.parametrize(("differences", "p"), [([0.0, 0.0, 0.0], 1.0), ([0.5, 0.5, 0.5], 0.0), ([NAN, 1.0], NAN)])
def test_differences_without_spread_are_nothing_or_certain(differences: list[float], p: float) -> None:
    """Equal forecasts do not differ; one that is not known makes the whole unknown."""
    assert p_value(np.array(differences)) == pytest.approx(p, nan_ok=True)


@pytest.mark.parametrize(("cutoffs", "overlap"), [(3, 1), (10, 1), (6, 3), (10, 4)])
def test_a_difference_that_is_not_there_is_seldom_called_real(cutoffs: int, overlap: int) -> None:
    """At 5 % in 5 to 8 of 100 trials, where the corrected variance of all autocovariances finds it in up to 17."""
    rng, ones = np.random.default_rng(5), np.ones(overlap) / overlap
    trials = [np.convolve(rng.standard_t(5, cutoffs + overlap - 1), ones, "valid") for _ in range(1500)]
    assert np.mean([p_value(trial, overlap) < 0.05 for trial in trials]) < 0.085


def test_two_samples_of_unlike_spread_are_compared_as_welch_did() -> None:
    """1 and 3 against 2.5 and 3.5 by another implementation; a value that is certain is a t-test of the others."""
    assert welch_p_value([1, 3], [2.5, 3.5]) == pytest.approx(ttest_ind([1, 3], [2.5, 3.5], equal_var=False).pvalue)
    assert welch_p_value([1.0, 2.0, 6.0], [0.0]) == pytest.approx(ttest_1samp([1.0, 2.0, 6.0], 0).pvalue)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [([1, 1], [1, 1], 1.0), ([1, 1], [2, 2], 0.0), ([0.3], [0.4], NAN), ([NAN, 1], [1, 1], NAN)],
)
def test_samples_without_spread_differ_or_do_not(first: list[float], second: list[float], p: float) -> None:
    """Two single values tell nothing."""
    assert welch_p_value(first, second) == pytest.approx(p, nan_ok=True)


def test_what_seeds_make_looks_real_over_windows_and_seldom_over_both() -> None:
    """Two equally good cells whose networks differ by seed as much as losses do by window: 3 seeds, 10 windows."""
    rng, trials = np.random.default_rng(1), 400
    over_windows = over_both = 0
    for _ in range(trials):
        first, second = (rng.normal(size=(3, 1)) + rng.normal(size=(3, 10)) for _ in range(2))
        p = p_value(first.mean(axis=0) - second.mean(axis=0))
        over_windows += p < 0.05
        over_both += max(p, welch_p_value(first.mean(axis=1).tolist(), second.mean(axis=1).tolist())) < 0.05
    assert over_windows > 0.4 * trials
    assert over_both < 0.07 * trials


def test_holm_multiplies_the_smallest_by_the_number_of_tests() -> None:
    """0.01, 0.02 and 0.04 become 0.03, 0.04 and 0.04; what is not known takes no part."""
    assert holm([0.04, NAN, 0.01, 0.02]) == pytest.approx([0.04, NAN, 0.03, 0.04], nan_ok=True)
    assert holm([0.6, 0.7]) == [1.0, 1.0]
