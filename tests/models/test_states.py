"""Networks of states: indicators, mixtures of anchors, the response to known futures, and where training begins."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from forecast.models.architecture import PLAIN, Architecture
from forecast.models.recurrent import RecurrentNetwork
from forecast.models.states import (
    chosen,
    cross_entropy,
    fit_response,
    fit_weights,
    indicators,
    mixed,
    shares_after,
    shares_of,
)
from tests.states import CHAIN, chain

NAN = math.nan


def architecture(**changes):
    common = {
        **{"cell": "gru", "hidden": 8, "layers": 1, "bidirectional": False, "dropout": 0.0, "segment": 4},
        **{"context_length": 14, "horizon": 5, "season_lengths": (7,), "quantile_levels": (), "states": 2},
    }
    return Architecture(**{**common, **changes})


def network(seed=0, **changes):
    torch.manual_seed(seed)
    return RecurrentNetwork(architecture(**changes)).eval()


def windows(values, length, horizon):
    """Contexts [B, L] and targets [B, H] of every cutoff."""
    rows = torch.tensor(values, dtype=torch.float32).unfold(0, length + horizon, 1)
    return rows[:, :length], rows[:, length:]


def test_a_state_is_seen_as_ones_and_zeros():
    """A missing one in no channel; probabilities pass as they are."""
    seen = indicators(torch.tensor([[1.0, NAN, 0.0]]), 2)
    np.testing.assert_array_equal(seen[0], [[0, NAN, 1], [1, NAN, 0]])
    shares = torch.tensor([[[0.25, 0.75], [0.5, 0.5]]])
    np.testing.assert_array_equal(indicators(shares, 2)[0], [[0.25, 0.5], [0.75, 0.5]])


def test_a_mixture_of_shares_is_a_forecast():
    """Positive, of sum one, the weighted mean where anchors are shares; one that leaves 0 to 1 is held there."""
    options = torch.tensor([[[[1.0], [0.5]], [[0.0], [0.5]]]])
    np.testing.assert_allclose(mixed(options, torch.tensor([[[0.2], [0.8]]]))[0, :, 0], [0.6, 0.4], rtol=1e-6)
    beyond = mixed(torch.tensor([[[[1.5]], [[-0.5]]]]), torch.ones(1, 1, 1))
    assert beyond.sum() == pytest.approx(1)
    assert 0 < beyond[0, 1, 0] < 0.01


def test_the_weights_that_made_the_outcomes_are_found_for_every_lead():
    """Two forecasters, of whom nature follows the first in 80 % of all cases at one lead and 30 % at the other."""
    rng = np.random.default_rng(0)
    said = torch.tensor(rng.uniform(0.05, 0.95, (4_000, 2, 2)), dtype=torch.float32)
    follows = rng.random((4_000, 2)) < [0.8, 0.3]
    of_one = np.where(follows, said[:, 0].numpy(), said[:, 1].numpy())
    target = torch.tensor(rng.random((4_000, 2)) < of_one, dtype=torch.float32)
    options = torch.stack([1 - said, said], 1)
    weights, kept = fit_weights(chosen(options, target), 16, 0.01)
    assert kept.all()
    np.testing.assert_allclose(weights[0], [0.8, 0.3], atol=0.06)
    np.testing.assert_allclose(weights.sum(0), 1, rtol=1e-5)


def test_a_lead_without_an_outcome_takes_what_all_leads_say():
    """And an outcome that is missing counts for nothing."""
    said = torch.tensor([[[0.9, NAN], [0.1, NAN]], [[0.9, NAN], [0.1, NAN]]])
    weights, _ = fit_weights(said, 16, 0.0)
    assert torch.isfinite(weights).all()
    assert weights[0, 1] > 0.9


def test_what_follows_a_state_is_counted():
    """In 0 1 1 0 a one follows a zero, a one and a zero follow a one, and after two steps a one follows a zero."""
    codes = torch.tensor([[0.0, 1.0, 1.0, 0.0]])
    rates = shares_of(codes, 2)
    np.testing.assert_allclose(rates, [0.5, 0.5])
    found = shares_after(codes, 2, rates)
    np.testing.assert_allclose(found[0], [[1 / (1 / 3 + 2), (1 / 3 + 1) / (1 / 3 + 2)], [0.5, 0.5]], rtol=1e-6)
    assert found[1, 0, 1] == pytest.approx((1 / 2 + 1) / (1 / 2 + 2))
    assert shares_after(torch.tensor([[NAN, 1.0]]), 1, rates)[0].tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_the_response_to_what_is_known_ahead_is_a_logistic_regression():
    """A feature that makes the second state e squared times as likely is found; one of chance gets nothing."""
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(600, 4, 2)), dtype=torch.float32)
    chance = torch.sigmoid(2 * x[..., 0] - 0.5)
    target = (torch.tensor(rng.random((600, 4)), dtype=torch.float32) < chance).float()
    offset = torch.tensor([0.0, -0.5]).expand(600, 4, 2)
    weight, bias, sharpness = fit_response(x, offset, target)
    assert (weight[0, 1] - weight[0, 0]).item() == pytest.approx(2, abs=0.25)
    assert abs(weight[1, 1] - weight[1, 0]).item() < 0.2
    assert abs(bias[1] - bias[0] - 0.5 * (sharpness - 1)).item() < 0.3
    noise = torch.tensor(rng.normal(size=(60, 4, 8)), dtype=torch.float32)
    fair = (torch.tensor(rng.random((60, 4))) < 0.5).float()
    assert fit_response(noise, torch.zeros(60, 4, 2), fair)[0].abs().max() < 0.5


def test_the_loss_is_the_cross_entropy_of_what_is_known():
    """That of torch itself where nothing is missing."""
    logits, target = torch.randn(3, 4, 5), torch.randint(5, (3, 4)).float()
    expected = functional.cross_entropy(logits.flatten(0, 1), target.flatten().long())
    assert cross_entropy(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)
    holed = target.clone()
    holed[1:] = NAN
    assert cross_entropy(logits, holed).item() == pytest.approx(cross_entropy(logits[:1], target[:1]).item(), rel=1e-5)


@pytest.mark.parametrize("changes", [{}, {"states": 5}, {"decoder": "segment"}, {"bidirectional": True, "segment": 1}])
def test_every_network_gives_probabilities(changes):
    """Positive and of sum one, also after a context without any state."""
    net = network(**changes)
    context = torch.randint(net.architecture.states, (6, 14)).float()
    context[2, 3:9], context[4] = NAN, NAN
    shares, scale = net(context, torch.ones(6))
    assert shares.shape == (6, 5, net.architecture.states)
    assert (shares > 0).all()
    np.testing.assert_allclose(shares.sum(-1).detach(), 1, rtol=1e-5)
    assert scale.tolist() == [[1.0]] * 6


def test_training_begins_at_what_the_past_says():
    """Of a chain of two states an untrained network knows, to a few hundredths, what follows each of them."""
    context, target = windows(chain(CHAIN, 1_500), 14, 5)
    net = network()
    net.start_at_anchors(context, target, torch.ones(len(context)))
    shares = net(context[:200], torch.ones(200))[0].detach().numpy()
    truth = np.stack([np.linalg.matrix_power(CHAIN, lead)[context[:200, -1].long()] for lead in range(1, 6)], 1)
    assert np.abs(shares - truth).mean() < 0.04


def test_certain_probabilities_are_states():
    """A context of ones and zeros gives the forecast that its codes give."""
    context, target = windows(chain(CHAIN, 300), 14, 5)
    net = network()
    net.start_at_anchors(context, target, torch.ones(len(context)))
    certain = indicators(context, 2).transpose(1, 2)
    spread = torch.ones(len(context))
    np.testing.assert_allclose(net(certain, spread)[0].detach(), net(context, spread)[0].detach(), rtol=1e-5)


def test_what_is_known_ahead_moves_its_own_step():
    """An untrained network has learnt at the start that a promotion decides, and says so at the promoted step only."""
    rng = np.random.default_rng(2)
    drivers = torch.tensor(rng.random((400, 19, 1)) < 0.5, dtype=torch.float32)
    values = (torch.tensor(rng.random((400, 19))) < torch.where(drivers[..., 0] > 0, 0.9, 0.2)).float()
    net = network(future=(PLAIN,))
    net.start_at_anchors(values[:, :14], values[:, 14:], torch.ones(400), drivers)
    known = torch.zeros(1, 19, 1)
    known[:, 16] = 1
    shares = net(values[:1, :14], torch.ones(1), known)[0][0, :, 1]
    assert shares[2] > 0.75
    assert shares[[0, 1, 3, 4]].max() < 0.4
