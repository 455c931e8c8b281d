"""Baselines of states: shares counted by hand."""

import numpy as np
import pytest

from forecast.state_baselines import STATE_BASELINES, base_rate, persistence, seasonal_base_rate

NAN = np.nan


@pytest.mark.parametrize("name", STATE_BASELINES)
@pytest.mark.parametrize("n_states", [2, 4])
def test_probabilities_are_positive_and_sum_to_one(name, n_states):
    """Also of states that were never there, and where values are missing."""
    history = np.array([0, 1, NAN, 1, 0, 0, 1, NAN, 0, 1.0])
    found = STATE_BASELINES[name](history, n_states, 3, 8)
    assert found.shape == (8, n_states)
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_the_base_rate_counts_half_an_outcome_more_of_each():
    """Three of one state and one of the other: 3.5 and 1.5 of 5."""
    np.testing.assert_allclose(base_rate(np.array([0, 0, NAN, 1, 0.0]), 2, 1, 2), [[0.7, 0.3]] * 2)


def test_persistence_stays_as_often_as_it_stayed():
    """Of five pairs one apart four are equal, of four pairs two apart two."""
    found = persistence(np.array([0, 0, 0, 1, 1, 1.0]), 2, 1, 2)
    np.testing.assert_allclose(found[:, 1], [(4 + 0.5) / 6, (2 + 0.5) / 5])


def test_persistence_divides_the_rest_by_the_other_rates():
    """Two of the third state and none of the second: 2.5 to 0.5 of what is left."""
    found = persistence(np.array([2, 2, 0, 0.0]), 3, 1, 1)
    stays = (2 + 0.5) / (3 + 1)
    np.testing.assert_allclose(found[0], [stays, (1 - stays) * 0.5 / 3, (1 - stays) * 2.5 / 3])


def test_the_seasonal_base_rate_looks_at_one_position():
    """The next step of this history stands where only ones were: four of them and two of the base rate."""
    history = np.tile([1.0, 0.0, 0.0], 4)
    found = seasonal_base_rate(history, 2, 3, 3)
    overall = (4 + 0.5) / 13
    np.testing.assert_allclose(found[:, 1], [(4 + 2 * overall) / 6, 2 * overall / 6, 2 * overall / 6])
