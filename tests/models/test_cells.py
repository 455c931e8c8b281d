"""Every registered cell obeys one interface and the equations of its paper."""

import numpy as np
import pytest
import torch
from torch import nn

from forecast.cells import CELLS
from forecast.config import CELLS as CONFIGURABLE
from forecast.models.cells import make_cell

TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step_rnn(x, state, w):
    h = np.tanh(w["W"] @ x + w["b"] + w["R"] @ state[0] + w["c"])
    return (h,)


def step_lstm(x, state, w):
    h, c = state
    i, f, g, o = np.split(w["W"] @ x + w["b"] + w["R"] @ h + w["c"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def step_gru(x, state, w):
    h = state[0]
    (r, z, n), (rr, rz, rn) = np.split(w["W"] @ x + w["b"], 3), np.split(w["R"] @ h + w["c"], 3)
    z = sigmoid(z + rz)
    return ((1 - z) * np.tanh(n + sigmoid(r + rr) * rn) + z * h,)


STEPS = {"rnn": step_rnn, "lstm": step_lstm, "gru": step_gru}


def double(name, input_size=3, hidden_size=4):
    """A cell in float64 whose weights, biases included, are all away from zero."""
    torch.manual_seed(0)
    cell = make_cell(name, input_size, hidden_size).double()
    with torch.no_grad():
        for p in cell.parameters():
            p.copy_(0.5 * torch.randn_like(p))
    return cell


def draw(*shape, **options):
    return torch.randn(*shape, dtype=torch.float64, **options)


@pytest.mark.parametrize("name", CELLS)
def test_a_layer_follows_its_equations_step_by_step(name):
    """In float64, against the equations written out one step at a time, from a state that is carried in."""
    cell = double(name)
    inputs, state = draw(2, 6, 3), draw(cell.n_states, 2, 4)
    found, last = (t.detach().numpy() for t in cell(inputs, state))
    named = {k.rsplit(".", 1)[-1]: v.detach().numpy() for k, v in cell.named_parameters()}
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = {letter: named[f"{kind}_l0"] for letter, kind in zip("WRbc", kinds, strict=True)}
    for b in range(2):
        own = tuple(state[:, b].numpy())
        for t in range(6):
            own = STEPS[name](inputs[b, t].numpy(), own, weights)
            np.testing.assert_allclose(found[b, t], own[0], atol=1e-12)
        np.testing.assert_allclose(last[:, b], own, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_right(name):
    """Finite differences in float64 agree with backpropagation through time, for inputs, state and every weight."""
    cell = double(name, 2, 2)
    names, weights = zip(*cell.named_parameters(), strict=True)

    def run(inputs, state, *weights):
        return torch.func.functional_call(cell, dict(zip(names, weights, strict=True)), (inputs, state))

    arguments = (draw(2, 3, 2), draw(cell.n_states, 2, 2), *(w.detach() for w in weights))
    assert torch.autograd.gradcheck(run, [each.requires_grad_() for each in arguments])


@pytest.mark.parametrize("name", CELLS)
def test_a_card_counts_the_weights(name):
    """The formula on the card, and what the class says it keeps twice."""
    cell = make_cell(name, 5, 8)
    assert sum(p.numel() for p in cell.parameters()) == CELLS[name].weights(5, 8) + 8 * cell.extra


@pytest.mark.parametrize("name", CELLS)
def test_without_a_state_it_starts_at_zeros(name):
    """None and zeros are the same."""
    cell, inputs = double(name), draw(2, 5, 3)
    for found, expected in zip(cell(inputs), cell(inputs, torch.zeros(cell.n_states, 2, 4).double()), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", CELLS)
def test_two_halves_with_the_state_between_them_are_the_whole(name):
    """A sequence may be fed in pieces."""
    cell, inputs = double(name), draw(2, 9, 3)
    states, last = cell(inputs)
    first, between = cell(inputs[:, :4])
    second, final = cell(inputs[:, 4:], between)
    assert last.shape == (cell.n_states, 2, 4)
    torch.testing.assert_close(torch.cat([first, second], 1), states)
    torch.testing.assert_close(final, last)
    torch.testing.assert_close(last[0], states[:, -1])


@pytest.mark.parametrize("name", CELLS)
def test_a_trace_is_the_same_run_seen_from_inside(name):
    """Its states are those of `forward`, it has every gate, and it passes the same gradients on."""
    cell, inputs, state = double(name), draw(2, 6, 3, requires_grad=True), draw(make_cell(name, 1, 1).n_states, 2, 4)
    traced, states = cell.trace(inputs, state), cell(inputs, state)[0]
    assert {"state", "candidate", *cell.gates} <= set(traced)
    assert all(t.shape == (2, 6, 4) for t in traced.values())
    torch.testing.assert_close(traced["state"], states)
    weights = [inputs, *cell.parameters()]
    through = [torch.autograd.grad(each.square().sum(), weights) for each in (traced["state"], states)]
    torch.testing.assert_close(through[0], through[1])


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_weights_are_named(name):
    """Those that are, decide how the state before matters; they have a gradient."""
    cell = double(name)
    parameters = dict(cell.named_parameters())
    cell(draw(2, 3, 3))[0].sum().backward()
    for weight in cell.recurrent:
        assert parameters[weight].grad.abs().sum() > 0


@pytest.mark.parametrize("scale", [1e-30, 1e4, 1e18])
@pytest.mark.parametrize("name", CELLS)
def test_extreme_inputs_leave_gradients_finite(name, scale):
    """In float32, for inputs of any size."""
    torch.manual_seed(0)
    cell, inputs = make_cell(name, 3, 4), scale * torch.randn(2, 50, 3)
    states = cell(inputs.requires_grad_())[0]
    torch.tanh(states / (1 + scale)).sum().backward()
    assert states.isfinite().all()
    assert all(t.grad.isfinite().all() for t in (inputs, *cell.parameters()))


@pytest.mark.parametrize("name", TORCH)
def test_cells_of_torch_equal_torch(name):
    """With its weights, from a state that is carried in, and with the state that it ends in."""
    cell, reference = double(name), TORCH[name](3, 4, batch_first=True).double()
    reference.load_state_dict({k.removeprefix("layer."): v for k, v in cell.state_dict().items()})
    inputs, state = draw(2, 7, 3), draw(cell.n_states, 2, 4)
    carried = (state[:1], state[1:]) if name == "lstm" else state
    states, last = reference(inputs, carried)
    last = torch.cat(last) if name == "lstm" else last
    for found, expected in zip(cell(inputs, state), (states, last), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("bias", [0.0, 1.0, 3.0])
def test_the_forget_gate_starts_as_far_open_as_asked(bias):
    """Its biases add up to that, the other gates' stay near zero."""
    layer = dict(make_cell("lstm", 3, 4, bias).named_parameters())
    total = layer["layer.bias_ih_l0"] + layer["layer.bias_hh_l0"]
    assert total[4:8].tolist() == [bias] * 4
    assert total.abs()[[0, 1, 2, 3, 8, 9, 10, 11]].max() <= 1


def test_every_cell_that_can_be_configured_exists():
    """The names in the configuration are the names in the registry."""
    assert set(CONFIGURABLE) == set(CELLS)
