"""Prediction averages networks and goes on past their horizon as it says."""

import numpy as np
import pytest
import torch

from forecast.models.architecture import Architecture
from forecast.models.recurrent import RecurrentNetwork
from forecast.prediction import Ensemble, _widened, quantiles_after
from tests.panels import daily

SMALL = Architecture("gru", 4, 1, False, 0.0, 2, 8, 3, (1,), (0.1, 0.5, 0.9))


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return [RecurrentNetwork(SMALL).eval() for _ in range(2)]


def after(networks, histories, horizon, rule="none"):
    """Quantiles in the units of the histories, not calibrated."""
    scaled = quantiles_after(Ensemble(tuple(networks)), daily(*histories).series, rule, horizon)
    return scaled.inverse(scaled.quantiles)


def test_the_average_over_networks_is_taken_per_quantile(networks):
    """Two networks' quantiles, each in the series' units, averaged where scaling is linear."""
    history = [np.arange(10.0)]
    both = after(networks, history, 3)
    single = [after([network], history, 3) for network in networks]
    np.testing.assert_allclose(both, (single[0] + single[1]) / 2, rtol=1e-6)


def test_later_blocks_start_from_the_medians_of_the_earlier(networks):
    """Six steps are three steps, then three more from a history that the first medians prolong."""
    history = np.sin(np.arange(12.0)) + 3
    six = after(networks, [history], 6)[0]
    first = after(networks, [history], 3)[0]
    np.testing.assert_allclose(six[:3], first)
    following = after(networks, [np.concatenate([history, first[:, 1]])], 3)[0]
    np.testing.assert_allclose(six[3:, 1], following[:, 1], rtol=1e-4)
    own, inherited = following[:, 2] - following[:, 1], first[-1, 2] - first[-1, 1]
    np.testing.assert_allclose(six[3:, 2] - six[3:, 1], np.hypot(own, inherited), rtol=1e-3)


def test_uncertainties_add_like_independent_errors():
    """3 and 4 on one side make 5; on the other side it is 5 and 12 that make 13."""
    block, before = torch.tensor([[[-5.0, 0.0, 3.0]]]), torch.tensor([[[88.0, 100.0, 104.0]]])
    assert _widened(block, before, 1).tolist() == [[[-13.0, 0.0, 5.0]]]


def test_scaling_is_fitted_to_each_history_alone(networks):
    """A history times a thousand gives a forecast times a thousand, whatever stands beside it."""
    small = np.cos(np.arange(12.0)) + 2
    found = after(networks, [small, 1000 * small], 5, "standard")
    np.testing.assert_allclose(found[1], 1000 * found[0], rtol=1e-5)
