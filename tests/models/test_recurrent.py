"""The network: quantiles that cannot cross, equal treatment of level and scale, and nothing from behind its context."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.cells import CELLS
from forecast.config import QUANTILE_LEVELS
from forecast.models.architecture import Architecture
from forecast.models.recurrent import RecurrentNetwork, normalise

SMALL = Architecture("lstm", 8, 1, False, 0.1, 3, 12, 5, (4,), QUANTILE_LEVELS)
VARIANTS = {
    **{name: replace(SMALL, cell=name) for name in CELLS},
    "stacked": replace(SMALL, layers=3),
    "bidirectional": replace(SMALL, layers=2, bidirectional=True),
    "textbook": replace(SMALL, segment=1),
    "two segments": replace(SMALL, segment=6),
    "segments that do not divide": replace(SMALL, segment=5),
    "no season": replace(SMALL, season_lengths=(1,)),
}


def jittered(architecture):
    """A network whose weights are all away from zero, as after training, in evaluation mode."""
    torch.manual_seed(0)
    network = RecurrentNetwork(architecture).eval()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return network


@pytest.mark.parametrize("architecture", VARIANTS.values(), ids=VARIANTS.keys())
def test_quantiles_have_their_shape_and_never_cross(architecture):
    """[B, H, Q], ascending, finite, for every cell and arrangement."""
    quantiles, scale = jittered(architecture)(torch.randn(7, 12), torch.ones(7))
    assert quantiles.shape == (7, 5, len(QUANTILE_LEVELS))
    assert scale.shape == (7, 1)
    assert (quantiles.diff(dim=-1) > 0).all()


@pytest.mark.parametrize("architecture", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_weight_is_used(architecture):
    """A loss moves every parameter; one without a gradient would be dead."""
    network = jittered(architecture)
    network(torch.randn(4, 12), torch.ones(4))[0].square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_forecast_moves_with_the_level():
    """Adding a constant to the context adds it to every quantile: the network knows no level."""
    network, context = jittered(SMALL), torch.randn(3, 12)
    here, there = (network(context + shift, torch.ones(3))[0] for shift in (0.0, 10.0))
    torch.testing.assert_close(there, here + 10, rtol=1e-4, atol=1e-4)


def test_missing_values_are_not_zeros():
    """A hole is told apart from a value by the mask, and whatever is stored in it does not matter."""
    network, context = jittered(SMALL), torch.randn(2, 12)
    context[:, 5] = math.nan
    holed = network(context, torch.ones(2))[0]
    assert torch.isfinite(holed).all()
    observed, center, _ = normalise(context, torch.ones(2))
    plugged = torch.where(observed, context, center)
    assert not torch.allclose(network(plugged, torch.ones(2))[0], holed, atol=1e-3)


def test_before_training_the_median_is_a_mix_of_anchors():
    """On a perfect season the fresh network repeats it: everything but the anchors starts at zero."""
    network = RecurrentNetwork(SMALL).eval()
    season = torch.tensor([1.0, 5.0, 2.0, 8.0])
    windows, targets = season.repeat(3)[None], season.repeat(2)[None, :5]
    network.start_at_anchors(windows, targets, torch.ones(1))
    median = network(windows, torch.ones(1))[0][0, :, QUANTILE_LEVELS.index(0.5)]
    torch.testing.assert_close(median, targets[0], atol=0.01, rtol=0)


def seasons_and_walks(n):
    """Windows [n, 12] and targets [n, 5]: half a season of four that repeats, half random walks."""
    generator = torch.Generator().manual_seed(5)
    season = torch.randn(n // 2, 4, generator=generator).repeat(1, 5)[:, :17]
    walks = torch.randn(n - n // 2, 17, generator=generator).cumsum(1)
    paths = torch.cat([season, walks])
    return paths[:, :12], paths[:, 12:]


def test_the_gate_trusts_what_did_well_in_the_context_at_hand():
    """Among seasons and random walks no anchor is best everywhere; its error a horizon ago tells which is here."""
    windows, targets = seasons_and_walks(400)
    errors = {}
    for smoothing in (True, False):
        network = RecurrentNetwork(replace(SMALL, smoothing=smoothing)).eval()
        network.start_at_anchors(windows, targets, torch.ones(400))
        median = network(windows, torch.ones(400))[0][..., QUANTILE_LEVELS.index(0.5)]
        errors[smoothing] = (median - targets).abs().mean()
        if smoothing:
            assert network.trust.item() > 0.5
    # Most of the error is that of the walks, which nothing can forecast.
    assert errors[True] < 0.97 * errors[False]


def test_without_smoothing_weights_are_fitted_as_they_will_be_used():
    """No recent errors then: where the mixture is fitted with them and used without, it is not the best there is."""
    windows, targets = seasons_and_walks(400)
    network = RecurrentNetwork(replace(SMALL, smoothing=False)).eval()
    network.start_at_anchors(windows, targets, torch.ones(400))
    fitted = (network(windows, torch.ones(400))[0][..., QUANTILE_LEVELS.index(0.5)] - targets).abs().mean()
    alone = []
    for kept in torch.nonzero(network.gate > -1_000).flatten().tolist():
        network.gate.data.fill_(-1e4)
        network.gate.data[kept] = 0.0
        median = network(windows, torch.ones(400))[0][..., QUANTILE_LEVELS.index(0.5)]
        alone.append((median - targets).abs().mean())
    assert fitted <= min(alone) + 1e-6


def test_an_anchor_that_is_left_out_stays_out():
    """Shut gates count for nothing and get no gradient; training cannot open them."""
    windows, targets = seasons_and_walks(60)
    network = RecurrentNetwork(SMALL)
    network.start_at_anchors(windows, targets, torch.ones(60))
    shut = network.gate < -1_000
    assert 0 < shut.sum() < len(shut)
    network(windows, torch.ones(60))[0].square().sum().backward()
    assert not network.gate.grad[shut].any()
    assert network.gate.grad[~shut].any()


def test_a_mixture_is_found_where_it_is_better_than_either_anchor():
    """The truth halfway between the last value and the season before: the gate must weigh, not choose."""
    generator = torch.Generator().manual_seed(8)
    windows = torch.randn(300, 12, generator=generator)
    halfway = (windows[:, -1:] + torch.cat([windows[:, -4:], windows[:, -4:-3]], 1)) / 2
    network = RecurrentNetwork(SMALL).eval()
    network.start_at_anchors(windows, halfway, torch.ones(300))
    median = network(windows, torch.ones(300))[0][..., QUANTILE_LEVELS.index(0.5)]
    # Either anchor is as far from halfway as the other.
    nearest = (halfway - windows[:, -1:]).abs().mean()
    assert (halfway - median).abs().mean() < 0.75 * nearest


def test_before_training_the_quantiles_are_normal_around_it():
    """Their distances are in the ratios of the normal distribution's."""
    network = RecurrentNetwork(SMALL).eval()
    quantiles = network(torch.randn(1, 12), torch.ones(1))[0][0, 0]
    middle = QUANTILE_LEVELS.index(0.5)
    ratio = (quantiles[-1] - quantiles[middle]) / (quantiles[QUANTILE_LEVELS.index(0.9)] - quantiles[middle])
    assert ratio.item() == pytest.approx(1.95996 / 1.28155, rel=1e-4)


def test_normalising_a_constant_or_empty_context_stays_finite():
    """The scale is never below a thousandth of the series' spread; with one value or none it is the spread itself."""
    context = torch.tensor([[3.0, 3.0, 3.0], [math.nan] * 3, [math.nan, math.nan, 7.0]])
    observed, center, scale = normalise(context, torch.tensor([2.0, 2.0, 2.0]))
    assert observed.sum(1).tolist() == [3, 0, 1]
    assert center.tolist() == [[3.0], [0.0], [7.0]]
    assert scale[:, 0].tolist() == pytest.approx([0.002, 2.0, 2.0])


def test_a_context_without_any_value_gives_a_finite_forecast():
    """Whatever it is worth: it must not poison a batch."""
    quantiles, _ = jittered(SMALL)(torch.full((1, 12), math.nan), torch.ones(1))
    assert torch.isfinite(quantiles).all()


def test_the_padding_before_a_short_history_is_not_taken_for_calm():
    """Eight known steps in a context of twelve have the mean change of those eight."""
    context = torch.randn(1, 12)
    context[:, :4] = math.nan
    local = RecurrentNetwork(SMALL)._localise(context, torch.ones(1))
    known = (context[0, 4:] - local.center[0]) / local.scale[0]
    assert local.available.tolist() == [8]
    assert local.changes[0, 0].exp().item() == pytest.approx(known.diff().abs().mean().item(), rel=1e-5)
    assert local.changes[0, 1].exp().item() == pytest.approx((known[4:] - known[:-4]).abs().mean().item(), rel=1e-5)


def test_the_recurrence_sees_zeros_and_a_mask_where_values_are_missing():
    """What the anchors are filled with does not reach it."""
    network, seen = RecurrentNetwork(SMALL), []
    network.embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    context = torch.arange(12.0)[None]
    context[:, 4] = math.nan
    network(context, torch.ones(1))
    values, mask = seen[0][0].split(3, dim=-1)
    assert values.flatten()[4] == 0
    assert mask.flatten().tolist() == [1.0] * 4 + [0.0] + [1.0] * 7


def test_widths_start_by_following_the_changes_where_those_tell_something():
    """Contexts of equal spread, some calm and some restless, whose errors go with their changes."""
    rng = np.random.default_rng(0)
    size = np.repeat([0.1, 1.0], 500)[:, None]
    steps = size * rng.normal(size=(1000, 17))
    drift = np.linspace(0, 6, 17) * rng.choice([-1, 1], size=(1000, 1))
    paths = torch.tensor(np.cumsum(steps, 1) + drift, dtype=torch.float32)
    network = RecurrentNetwork(replace(SMALL, season_lengths=(1,), horizon=5))
    network.start_at_anchors(paths[:, :12], paths[:, 12:], torch.ones(1000))
    assert network.width_by_change[0] > 0.2


def test_the_last_observed_value_is_the_center():
    """Trailing holes are stepped over; the deviation counts observed values only."""
    _, center, scale = normalise(torch.tensor([[1.0, 3.0, math.nan, math.nan]]), torch.ones(1))
    assert center.item() == 3.0
    assert scale.item() == 1.0


def test_a_response_does_not_change_what_errors_are_measured_in():
    """Or training could shrink every error by adding swings to the context instead of forecasting better."""
    network = RecurrentNetwork(replace(SMALL, future=(0,))).eval()
    context, covariates = torch.randn(2, 12), torch.randn(2, 17, 1)
    before = network(context, torch.ones(2), covariates)[1]
    with torch.no_grad():
        network.response.weight.fill_(100.0)
    assert torch.equal(network(context, torch.ones(2), covariates)[1], before)
