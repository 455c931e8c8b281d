"""Temperatures: the one that is right is found, and kept only where it helps."""

import numpy as np
import pytest

from forecast.probabilities import log_loss
from forecast.tempering import fit_temperature, tempered


def outcomes_of(probabilities, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random(len(probabilities))[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).astype(float)


def test_a_temperature_of_one_changes_nothing():
    """Not a bit."""
    stated = np.random.default_rng(0).dirichlet([1, 1, 1], 10)
    np.testing.assert_array_equal(tempered(stated, 1.0), stated)


def test_temperatures_raise_to_a_power():
    """Two makes a square root of the odds: 0.8 to 0.2 becomes 2 to 1."""
    np.testing.assert_allclose(tempered(np.array([[0.8, 0.2]]), 2.0), [[2 / 3, 1 / 3]])
    np.testing.assert_allclose(tempered(np.array([[0.8, 0.2]]), 0.5), [[16 / 17, 1 / 17]])


@pytest.mark.parametrize("truth", [0.5, 2.0, 3.0])
def test_the_temperature_that_made_forecasts_too_sure_or_unsure_is_found(truth):
    """Outcomes come by the tempered probabilities; with ten thousand of them it is known to a tenth."""
    stated = np.random.default_rng(1).dirichlet([2, 2, 2], 10_000)
    came = outcomes_of(tempered(stated, truth))
    found = fit_temperature(came, stated)
    assert found == pytest.approx(truth, rel=0.1)
    assert log_loss(came, tempered(stated, found)) < log_loss(came, stated)


def test_right_forecasts_keep_their_temperature():
    """What a fit finds in forty outcomes of the very probabilities is chance, and does not hold for the others."""
    kept = 0
    for seed in range(20):
        stated = np.random.default_rng(seed).dirichlet([2, 2], 40)
        kept += fit_temperature(outcomes_of(stated, seed), stated) == 1.0
    assert kept >= 12


def test_too_few_outcomes_say_nothing():
    """Nine of them, all of which were called improbable."""
    assert fit_temperature(np.ones(9), np.tile([0.9, 0.1], (9, 1))) == 1.0
