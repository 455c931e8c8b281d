"""Every registered cell obeys one interface and the equations of its paper."""

import numpy as np
import pytest
import torch

from forecast.config import CELLS as CONFIGURABLE
from forecast.models.cells import CELLS


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


STEPS = {"rnn": (step_rnn, 1), "lstm": (step_lstm, 2), "gru": (step_gru, 1)}


@pytest.mark.parametrize("name", CELLS)
def test_a_layer_follows_its_equations_step_by_step(name):
    """In float64, against the equations written out one step at a time."""
    torch.manual_seed(0)
    layer = CELLS[name](3, 4).double()
    inputs = torch.randn(2, 6, 3, dtype=torch.float64)
    found = layer(inputs).detach().numpy()
    named = {k.rsplit(".", 1)[-1]: v.detach().numpy() for k, v in layer.named_parameters()}
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = {letter: named[f"{kind}_l0"] for letter, kind in zip("WRbc", kinds, strict=True)}
    step, n_states = STEPS[name]
    for b in range(2):
        state = tuple(np.zeros(4) for _ in range(n_states))
        for t in range(6):
            state = step(inputs[b, t].numpy(), state, weights)
            np.testing.assert_allclose(found[b, t], state[0], atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_right(name):
    """Finite differences in float64 agree with backpropagation through time."""
    torch.manual_seed(0)
    layer = CELLS[name](2, 3).double()
    assert torch.autograd.gradcheck(layer, torch.randn(1, 4, 2, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize(("name", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_parameter_counts_match_the_formula(name, gates):
    """gates * H * (I + H + 2), the last 2 because torch keeps two bias vectors."""
    inputs, hidden = 5, 7
    count = sum(p.numel() for p in CELLS[name](inputs, hidden).parameters())
    assert count == gates * hidden * (inputs + hidden + 2)


def test_the_forget_gate_starts_open():
    """Its biases add up to one, the other gates' stay near zero."""
    layer = dict(CELLS["lstm"](3, 4).named_parameters())
    total = layer["layer.bias_ih_l0"] + layer["layer.bias_hh_l0"]
    assert total[4:8].tolist() == [1.0] * 4


def test_every_cell_that_can_be_configured_exists():
    """The names in the configuration are the names in the registry."""
    assert set(CONFIGURABLE) == set(CELLS)
