"""Drift is found where it is, seldom where it is not, and never guessed from too little."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from forecast.drift import FEWEST, GROUPS, find_drift, recent


def test_the_p_value_is_that_of_groups_of_cutoffs() -> None:
    """One-sided, of Welch's statistic of the groups' means, with the degrees of freedom of one side less one."""
    rng = np.random.default_rng(3)
    before, now = rng.gamma(2, 1, 36), rng.gamma(2, 1.3, 12)
    means = [side.reshape(GROUPS, -1).mean(axis=1) for side in (before, now)]
    statistic = stats.ttest_ind(means[1], means[0], equal_var=False).statistic
    found = find_drift(before, now)
    assert found.p_value == pytest.approx(stats.t.sf(statistic, GROUPS - 1))
    assert (found.n_before, found.n_now) == (36, 12)
    assert found.ratio == pytest.approx(now.mean() / before.mean())


def test_errors_that_double_are_drift_and_those_that_halve_are_not() -> None:
    """Only what gets worse is worth a word."""
    errors = np.tile([0.9, 1.1, 1.0], 16)
    worse, better = errors.copy(), errors.copy()
    worse[-12:] *= 2
    better[-12:] /= 2
    found = find_drift(worse[:-12], worse[-12:])
    assert found.verdict == "drift"
    assert found.p_value < 0.001
    assert found.sentence == "drift: over the last 12 cutoffs the error was 2, over the 36 before 1, p < 0.001"
    assert find_drift(better[:-12], better[-12:]).verdict == "none"


def test_an_increase_that_is_certain_but_small_is_none() -> None:
    """Two per cent more is no reason to train again, however sure."""
    found = find_drift(np.full(24, 1.0), np.full(12, 1.02))
    assert (found.verdict, found.p_value) == ("none", 0.0)


def test_intervals_that_hold_less_are_drift_with_errors_that_stay() -> None:
    """A level that is missed by more and more is worse, too; both tests count as two."""
    errors = 1 + 0.1 * np.sin(np.arange(48))
    shares = 0.8 + 0.05 * np.cos(np.arange(48))
    emptier = shares.copy()
    emptier[-12:] -= 0.2
    assert find_drift(errors[:-12], errors[-12:], shares[:-12], shares[-12:]).verdict == "none"
    found = find_drift(errors[:-12], errors[-12:], emptier[:-12], emptier[-12:])
    assert found.verdict == "drift"
    assert found.coverage_p_value < 0.001 < found.p_value
    assert "the 80 % interval held 60 %, before 80 %, p < 0.001" in found.sentence
    alone = find_drift(errors[:-12], errors[-12:])
    # Holm: the larger of two p-values stays as it is.
    assert found.p_value == pytest.approx(alone.p_value)
    assert math.isnan(alone.coverage_p_value)


@pytest.mark.parametrize(("before", "now"), [(0, 0), (FEWEST - 1, FEWEST), (100, FEWEST - 1)])
def test_too_few_cutoffs_are_no_verdict(before: int, now: int) -> None:
    """However clear they look."""
    found = find_drift(np.ones(before), np.full(now, 9.0))
    assert found.verdict == "unknown"
    assert "24 cutoffs are needed" in found.sentence
    assert found.to_dict()["p_value"] is None


def test_an_error_that_is_no_number_is_no_verdict() -> None:
    """It would make a mean of nothing."""
    errors = np.ones(12)
    assert find_drift(np.append(errors, np.nan), errors).verdict == "unknown"
    assert find_drift(errors, errors, np.append(errors, np.nan), errors).verdict == "none"


def test_the_last_ones_are_a_quarter_within_bounds() -> None:
    """Few enough to be recent, enough to tell."""
    assert [recent(n) for n in (0, 24, 48, 80, 120, 1000)] == [12, 12, 12, 20, 30, 30]


@pytest.mark.parametrize("n_cutoffs", [24, 48, 120])
def test_where_nothing_changes_drift_is_seldom_found(n_cutoffs: int) -> None:
    """In a thousand draws of independent errors, even long-tailed ones, no more often than its level says."""
    rng = np.random.default_rng(n_cutoffs)
    now = recent(n_cutoffs)
    for draw in (lambda: np.abs(rng.standard_normal(n_cutoffs)), lambda: rng.lognormal(size=n_cutoffs)):
        found = sum(
            find_drift(errors[:-now], errors[-now:]).verdict == "drift" for errors in (draw() for _ in range(1000))
        )
        assert found <= 12
