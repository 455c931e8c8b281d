"""Stacks: torch's own layers, and every option, against what they are defined to be."""

import pytest
import torch
from torch import nn

from forecast.cells import CELLS
from forecast.models.cells import make_cell
from forecast.models.stack import Stack
from forecast.models.unrolling import unrolled


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_a_bidirectional_stack_ends_with_both_directions_last_states():
    """The backward half is the state of a backward layer that has read from the last step to the first."""
    stack = Stack("gru", 4, layers=1, bidirectional=True)
    inputs = torch.randn(2, 6, 4)
    forward, backward = stack.forward_layers[0](inputs)[0], stack.backward_layers[0](inputs.flip(1))[0]
    encoded = stack(inputs)
    torch.testing.assert_close(encoded.last, torch.cat([forward[:, -1], backward[:, -1]], -1))
    torch.testing.assert_close(encoded.states, torch.cat([forward, backward.flip(1)], -1))


def test_a_stack_equals_torch_with_the_same_weights():
    """Two bidirectional layers against torch.nn.LSTM with copied weights: the same last hidden states."""
    stack = Stack("lstm", 4, layers=2, bidirectional=True)
    reference = nn.LSTM(4, 4, num_layers=2, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for i in range(2):
            for layers, suffix in ((stack.forward_layers, ""), (stack.backward_layers, "_reverse")):
                for name, p in layers[i].layer.named_parameters():
                    dict(reference.named_parameters())[name.replace("_l0", f"_l{i}") + suffix].copy_(p)
    inputs = torch.randn(3, 5, 4)
    _, (hidden, _) = reference(inputs)
    torch.testing.assert_close(stack(inputs).last, torch.cat([hidden[2], hidden[3]], -1))


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_carried_continues_the_sequence(cell):
    """Two halves, the second from what the first carries, end where the whole does: for every cell and two layers."""
    stack = Stack(cell, 4, layers=2).double()
    inputs = torch.randn(3, 8, 4, dtype=torch.float64)
    first = stack(inputs[:, :5])
    torch.testing.assert_close(stack(inputs[:, 5:], first.carried).last, stack(inputs).last)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_unrolling_changes_no_state_whatever_the_options(cell, bidirectional):
    """With layer norm, residual connections and a learnt beginning, step by step is the same as all at once."""
    stack = Stack(cell, 4, 2, bidirectional, layer_norm=True, residual=True, learnt_state=True).double()
    with torch.no_grad():
        for state in stack.initial:
            state.normal_()
    inputs = torch.randn(2, 6, 4, dtype=torch.float64)
    with unrolled(stack) as noted:
        states = stack(inputs).states
    torch.testing.assert_close(states, stack(inputs).states)
    assert len(noted) == (4 if bidirectional else 2)


def test_residual_connections_add_what_entered():
    """A layer whose weights are zero says nothing: what entered comes out again."""
    stack = Stack("rnn", 4, layers=1, residual=True)
    for p in stack.parameters():
        nn.init.zeros_(p)
    inputs = torch.randn(2, 3, 4)
    torch.testing.assert_close(stack(inputs).last, inputs[:, -1])


def test_layer_norm_leaves_no_mean_and_unit_variance():
    """Before anything is learnt, every state that leaves a layer has mean zero and variance one over its units."""
    states = Stack("lstm", 16, layers=1, layer_norm=True)(torch.randn(4, 5, 16)).states
    torch.testing.assert_close(states.mean(-1), torch.zeros(4, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(states.var(-1, unbiased=False), torch.ones(4, 5), atol=1e-2, rtol=0)


def test_a_learnt_beginning_is_where_the_cell_starts_and_has_a_gradient():
    """The state before the first step is the weight itself, for every series of a batch."""
    stack = Stack("gru", 4, layers=1, learnt_state=True)
    with torch.no_grad():
        stack.initial[0].fill_(0.5)
    inputs = torch.randn(3, 2, 4)
    expected = stack.forward_layers[0](inputs, torch.full((1, 3, 4), 0.5))[0]
    encoded = stack(inputs)
    torch.testing.assert_close(encoded.states, expected)
    encoded.last.sum().backward()
    assert stack.initial[0].grad.abs().sum() > 0


def test_variational_dropout_drops_the_same_at_every_step():
    """What enters is zero at all steps or at none; plain dropout would mix them."""
    stack = Stack("rnn", 4, layers=1, dropout=0.5, variational=True)
    dropped = stack._dropped(torch.ones(64, 10, 4), first=True)
    assert ((dropped == 0).all(1) | (dropped == 2).all(1)).all()
    assert 0.3 < (dropped[:, 0] == 0).float().mean() < 0.7
    assert torch.equal(stack.eval()._dropped(torch.ones(2, 3, 4), first=True), torch.ones(2, 3, 4))


def test_recurrent_dropout_drops_weights_in_training_only():
    """With nearly all recurrent weights gone, the first state stays as it is and later ones forget; in use, none do."""
    stack = Stack("rnn", 4, layers=1, recurrent_dropout=0.95)
    inputs = torch.randn(2, 6, 4)
    inputs[:, 1:] = 0
    kept = [p.clone() for p in stack.parameters()]
    trained = stack(inputs).states
    used = stack.eval()(inputs).states
    torch.testing.assert_close(trained[:, 0], used[:, 0])
    assert not torch.allclose(trained[:, 1], used[:, 1])
    torch.testing.assert_close(used, make_like(stack)(inputs)[0])
    assert all(torch.equal(p, q) for p, q in zip(stack.parameters(), kept, strict=True))


def make_like(stack):
    """The only layer of a stack of rnn cells, in a cell of its own."""
    cell = make_cell("rnn", 4, 4)
    cell.load_state_dict(stack.forward_layers[0].state_dict())
    return cell


@pytest.mark.parametrize("whole", [False, True])
def test_truncation_changes_no_state_and_cuts_gradients(whole):
    """States are those without truncation; the last one has no gradient from before its own part of the sequence."""
    stack = Stack("gru", 4, layers=2, truncation=3)
    inputs = torch.randn(2, 8, 4, requires_grad=True)
    encoded = stack(inputs, whole=whole)
    stack.truncation = 0
    plain = stack(inputs)
    torch.testing.assert_close(encoded.last, plain.last)
    torch.testing.assert_close(encoded.states, plain.states if whole else plain.states[:, -3:])
    (gradient,) = torch.autograd.grad(encoded.last.sum(), inputs)
    assert (gradient[:, :5] == 0).all()
    assert (gradient[:, 5:] != 0).any(-1).all()
