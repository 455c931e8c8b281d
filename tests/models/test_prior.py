"""The network of a prior: the same weights for every season and horizon, and nothing but the context decides."""

import math

import pytest
import torch

from forecast.config import QUANTILE_LEVELS
from forecast.models.anchors import anchor_names, anchor_traits, count_anchors
from forecast.models.architecture import Architecture
from forecast.models.candidates import candidates
from forecast.models.prior import PriorNetwork, judged_horizon, prior_context

SHAPES = [((1,), 6), ((4,), 8), ((12,), 1), ((7,), 30), ((52,), 13), ((24, 168), 24), ((96,), 120)]


def architecture(seasons, horizon, **more):
    length = prior_context(horizon, seasons)
    return Architecture("lstm", 8, 1, False, 0.0, 1, length, horizon, seasons, QUANTILE_LEVELS, prior=2, **more)


def network(seasons=(7,), horizon=10, **more):
    torch.manual_seed(1)
    return PriorNetwork(architecture(seasons, horizon, **more)).eval()


def contexts(own, n=3, seed=2):
    torch.manual_seed(seed)
    return torch.randn(n, own.architecture.context_length).cumsum(1)


@pytest.mark.parametrize(("seasons", "horizon"), SHAPES)
def test_the_same_weights_serve_every_season_and_horizon(seasons, horizon):
    """Weights made for one shape load into every other, and give ordered, finite quantiles there."""
    own = PriorNetwork(architecture(seasons, horizon)).eval()
    own.load_state_dict(network().state_dict())
    context = contexts(own)
    with torch.no_grad():
        quantiles, unit = own(context, torch.ones(3))
    assert quantiles.shape == (3, horizon, len(QUANTILE_LEVELS))
    assert unit.shape == (3, 1)
    assert torch.isfinite(quantiles).all()
    assert (quantiles.diff(dim=-1) >= 0).all()


def test_another_level_and_unit_move_the_forecast_with_them():
    """What is said of 10 x + 5 is ten times what is said of x, and 5."""
    own = network()
    context = contexts(own)
    with torch.no_grad():
        plain = own(context, torch.ones(3))[0]
        moved = own(10 * context + 5, 10 * torch.ones(3))[0]
    torch.testing.assert_close(moved, 10 * plain + 5, rtol=1e-3, atol=1e-2)


def test_a_steady_season_goes_on():
    """Without any training the weights lie on the anchors that never erred: a season without noise is repeated."""
    own = network((4,), 8)
    length = own.architecture.context_length
    season = torch.tensor([0.0, 3.0, 1.0, 5.0])
    context = season.repeat(-(-length // 4))[-length:][None]
    with torch.no_grad():
        median = own(context, torch.ones(1))[0][0, :, QUANTILE_LEVELS.index(0.5)]
    expected = torch.stack([context[0, length - 4 + h % 4] for h in range(8)])
    torch.testing.assert_close(median, expected, atol=0.35, rtol=0)


@pytest.mark.parametrize("known", [1, 2, 5, 20])
def test_a_short_history_is_forecast_without_anything_that_is_not_finite(known):
    """Where no earlier cutoff has anything before it, the anchors are weighed by their traits alone."""
    own = network((12,), 12)
    context = contexts(own)
    context[:, :-known] = math.nan
    with torch.no_grad():
        assert torch.isfinite(own(context, torch.ones(3))[0]).all()


def test_scattered_missing_values_do_not_reach_the_forecast():
    """A fifth of the values may be absent, the newest among them."""
    own = network()
    context = contexts(own)
    torch.manual_seed(3)
    context[torch.rand_like(context) < 0.2] = math.nan
    context[0, -3:] = math.nan
    with torch.no_grad():
        assert torch.isfinite(own(context, torch.ones(3))[0]).all()


def test_every_weight_learns():
    """After a step from the start has opened the head, the loss has a finite slope by each weight."""
    own = network().train()
    torch.nn.init.normal_(own.head.weight, std=0.1)
    context, target = contexts(own, 8), torch.randn(8, 10)
    own.loss(context, torch.ones(8), None, None, target).backward()
    slopes = {name: p.grad for name, p in own.named_parameters()}
    assert all(slope is not None and torch.isfinite(slope).all() for slope in slopes.values())
    assert all(slope.abs().sum() > 0 for slope in slopes.values())


def test_what_is_known_ahead_is_taken_off_the_context_and_put_back():
    """With a response of 2 to a feature, a forecast where it is on lies 2 above that where it is off."""
    own = network(future=(-1,))
    own.response.weight.data.fill_(2.0)
    own.response.measure(torch.tensor([[0.0], [1.0]]))
    context, horizon = contexts(own), own.architecture.horizon
    off = torch.zeros(3, own.architecture.context_length + horizon, 1)
    on = off.clone()
    on[:, -horizon:] = 1.0
    with torch.no_grad():
        difference = own(context, torch.ones(3), on)[0] - own(context, torch.ones(3), off)[0]
        step = own.response(on[:, -1:]) - own.response(off[:, -1:])
    torch.testing.assert_close(difference, step[:, :, None].expand_as(difference), rtol=1e-4, atol=1e-4)


def test_adopting_other_lengths_is_as_being_made_for_them():
    """A network that goes over to another season forecasts as one that was made for it."""
    own, other = network((7,), 10), PriorNetwork(architecture((12,), 18)).eval()
    other.load_state_dict(own.state_dict())
    own.adopt((12,), 18)
    context = contexts(own)
    with torch.no_grad():
        assert torch.equal(own(context, torch.ones(3))[0], other(context, torch.ones(3))[0])


@pytest.mark.parametrize(("seasons", "horizon"), SHAPES)
def test_the_context_holds_eight_judged_windows_and_a_season(seasons, horizon):
    """The judged windows lie after what the anchors see, and the change over a season is known at each point."""
    beyond = prior_context(horizon, seasons) - prior_context(1, (1,)) if seasons == (1,) else None
    assert beyond is None or beyond == 8 * (judged_horizon(horizon, seasons) - 1)
    assert judged_horizon(horizon, seasons) <= horizon


@pytest.mark.parametrize(("length", "seasons"), [(60, (1,)), (60, (12,)), (336, (24, 168)), (208, (52,))])
def test_every_anchor_has_traits_of_its_own(length, seasons):
    """Traits come in the order of the anchors, one row for each, and no two rows are alike."""
    traits = anchor_traits(length, seasons)
    assert len(traits) == count_anchors(length, seasons) == len(anchor_names(length, seasons))
    assert len(traits.unique(dim=0)) == len(traits)
    smoothing = [name.startswith("exponential") for name in anchor_names(length, seasons)]
    assert traits[:, 5].bool().tolist() == smoothing


def test_a_forecast_is_what_its_weights_make_of_the_candidates():
    """Before its head has learnt anything, the median is the sum of the candidates by the weights that are told."""
    own = network((4,), 8)
    context, length = contexts(own), 60
    with torch.no_grad():
        median = own(context, torch.ones(3))[0][..., QUANTILE_LEVELS.index(0.5)]
        weights = own.candidate_weights(context, torch.ones(3)).weights
    options = candidates(context[:, -length:], torch.full((3,), length), (4,), 8)
    assert weights.shape == options.shape == (3, len(own.candidate_names), 8)
    torch.testing.assert_close(weights.sum(1), torch.ones(3, 8))
    torch.testing.assert_close(median, (weights * options).sum(1), atol=1e-3, rtol=1e-3)


def test_the_past_error_of_a_candidate_is_what_it_missed_by():
    """That of the last value by hand: at eight cutoffs a horizon apart, in standard deviations of the context."""
    own = network((4,), 8)
    context = contexts(own)
    with torch.no_grad():
        found = own.candidate_weights(context, torch.ones(3))
    cuts = range(context.shape[1] - 64, context.shape[1], 8)
    missed = torch.stack([(context[:, cut : cut + 8] - context[:, cut - 1, None]).abs().mean(1) for cut in cuts])
    expected = missed.mean(0) / context.std(1, correction=0) + 1e-3
    torch.testing.assert_close(found.errors[:, own.candidate_names.index("last value")], expected)
    assert found.cutoffs.tolist() == [8, 8, 8]


def test_without_an_earlier_cutoff_there_are_no_past_errors():
    """Weights there are."""
    own = network((12,), 12)
    context = contexts(own)
    context[:, :-3] = math.nan
    with torch.no_grad():
        found = own.candidate_weights(context, torch.ones(3))
    assert torch.isnan(found.errors).all()
    assert not found.cutoffs.any()
    torch.testing.assert_close(found.weights.sum(1), torch.ones(3, 12))


def test_candidates_are_weighed_without_what_is_known_ahead():
    """The weights are those of the context less what it answers to."""
    own = network(future=(-1,))
    own.response.weight.data.fill_(2.0)
    own.response.measure(torch.tensor([[0.0], [1.0]]))
    context, length = contexts(own), own.architecture.context_length
    torch.manual_seed(4)
    covariates = (torch.rand(3, length + 10, 1) < 0.3).float()
    with torch.no_grad():
        answer = own.response(covariates)[:, :length]
        found = own.candidate_weights(context + answer, torch.ones(3), covariates)
        plain = own.candidate_weights(context, torch.ones(3))
    torch.testing.assert_close(found.weights, plain.weights, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found.errors, plain.errors, atol=1e-4, rtol=1e-3)
