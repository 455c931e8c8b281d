"""Decoders inside the network: what they are told, what they may not see, and that they can learn."""

from dataclasses import replace

import pytest
import torch

from forecast.config import DECODERS, QUANTILE_LEVELS
from forecast.models.architecture import Architecture
from forecast.models.decoders import RecursiveDecoder, SegmentDecoder
from forecast.models.recurrent import RecurrentNetwork
from forecast.models.stack import Stack

SMALL = Architecture(
    cell="gru",
    hidden=8,
    layers=2,
    bidirectional=False,
    dropout=0.0,
    segment=3,
    context_length=12,
    horizon=7,
    season_lengths=(4,),
    quantile_levels=QUANTILE_LEVELS,
)
MIDDLE = QUANTILE_LEVELS.index(0.5)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_begins_at_the_anchors_and_learns(decoder, bidirectional):
    """Before training all say the same; 200 steps later each has learnt what no anchor says, better than half."""
    context = torch.randn(64, 12)
    target = context[:, -1:] + context[:, :7].abs()
    forecasts = {}
    for name in ("direct", decoder):
        torch.manual_seed(1)
        network = RecurrentNetwork(replace(SMALL, decoder=name, bidirectional=bidirectional)).eval()
        network.start_at_anchors(context, target, torch.ones(64))
        forecasts[name] = network(context, torch.ones(64))[0]
    torch.testing.assert_close(forecasts[decoder], forecasts["direct"])
    assert forecasts[decoder].shape == (64, 7, len(QUANTILE_LEVELS))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    before = network.judge(context, torch.ones(64), None, None, target)
    for step in range(200):
        optimiser.zero_grad()
        network.loss(context, torch.ones(64), None, None, target, forcing=1 - step / 200).backward()
        optimiser.step()
    assert network.judge(context, torch.ones(64), None, None, target) < 0.5 * before


def test_the_segment_decoder_takes_one_step_for_each_segment_from_the_same_state():
    """Outputs of segment j are the head's on one step of the stack whose input is position j and the summary."""
    stack = Stack("lstm", 4, layers=1)
    decoder = SegmentDecoder(stack, hidden=4, segment=2, horizon=5, n_outputs=3)
    torch.nn.init.normal_(decoder.head.weight)
    hidden, carried = torch.randn(2, 4), [torch.randn(2, 2, 4)]
    outputs = decoder(hidden, carried)
    assert outputs.shape == (2, 5, 3)
    states = stack((decoder.positions[1] + hidden)[:, None], carried).last
    torch.testing.assert_close(outputs[:, 2:4], decoder.head(states).reshape(2, 2, 3))


def test_the_recursive_decoder_is_told_its_own_medians_or_the_truth():
    """With forcing 1 the second segment answers to the truth of the first, with 0 only to what was forecast."""
    decoder = RecursiveDecoder(Stack("gru", 4, layers=1), hidden=4, segment=2, horizon=4, n_outputs=2)
    torch.nn.init.normal_(decoder.head.weight)
    told = torch.randn(3, 4), [torch.randn(1, 3, 4)], torch.randn(3, 6), torch.randn(3, 4)
    truth = torch.randn(3, 4)
    free = decoder(*told)
    assert torch.equal(decoder(*told, truth, 0.0), free)
    forced = decoder(*told, truth, 1.0)
    torch.testing.assert_close(forced[:, :2], free[:, :2])
    assert not torch.allclose(forced[:, 2:], free[:, 2:])
    other = truth.clone()
    other[:, 2:] = 100.0
    torch.testing.assert_close(decoder(*told, other, 1.0), forced)
    # What was forecast itself, given as the truth, changes nothing; neither does a truth that is missing.
    own = told[-1] + free[..., 0]
    torch.testing.assert_close(decoder(*told, own, 1.0), free)
    torch.testing.assert_close(decoder(*told, torch.full_like(own, torch.nan), 1.0), free)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_decoder_knows_future_covariates(decoder):
    """A flag in the future moves the forecast of its own step, with every decoder, once weights are not zero."""
    network = RecurrentNetwork(replace(SMALL, decoder=decoder, future=(0,))).eval()
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.3)
    context, covariates = torch.randn(2, 12), torch.zeros(2, 19, 1)
    flagged = covariates.clone()
    flagged[:, 12 + 4] = 1.0
    moved = network(context, torch.ones(2), flagged)[0] - network(context, torch.ones(2), covariates)[0]
    assert moved[:, 4].abs().max() > 1e-3
    assert moved[:, :3].abs().max() < 1e-5


def test_a_loss_at_every_step_of_the_context_teaches_the_recurrence():
    """Without a target of its own the network still lowers it: states come to say what the next segment will be."""
    network = RecurrentNetwork(replace(SMALL, context_loss=1.0, segment=1, layers=1)).eval()
    context = torch.sin(torch.arange(12) * 2.5 + torch.rand(64, 1) * 6)
    hidden_future = torch.full((64, 7), torch.nan)

    def loss():
        return network.loss(context, torch.ones(64), None, None, hidden_future)

    optimiser, before = torch.optim.Adam(network.parameters(), lr=0.01), loss().item()
    for _ in range(300):
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
    assert value.item() < 0.3 * before


def test_the_loss_at_every_step_looks_no_further_than_the_next_segment():
    """A change of the newest segment reaches the loss of the state before it and of no earlier one."""
    network = RecurrentNetwork(replace(SMALL, context_loss=1.0, segment=4, layers=1))
    torch.nn.init.normal_(network.each_step.weight)
    values, observed = torch.randn(1, 12), torch.ones(1, 12, dtype=torch.bool)
    states = torch.randn(1, 3, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(network._context_loss(states, values, observed), states)
    assert (gradient[:, :2].abs().sum(-1) > 0).all()
    assert (gradient[:, 2] == 0).all()


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_missing_value_to_come_leaves_gradients_finite_where_covariates_are_known(decoder):
    """The units of a context answer to what is known ahead, and a target that is missing says nothing of them."""
    network = RecurrentNetwork(replace(SMALL, decoder=decoder, future=(0,)))
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.3)
    target = torch.randn(8, 7)
    target[:3, 1] = torch.nan
    network.loss(torch.randn(8, 12), torch.ones(8), torch.randn(8, 19, 1), None, target, forcing=0.5).backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
