"""Every registered cell obeys one interface and the equations of its paper."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from forecast.cells import CELLS
from forecast.config import CELLS as CONFIGURABLE
from forecast.models.cells import make_cell
from forecast.models.cells.scans import accumulate

TORCH = {"rnn": nn.RNN, "rnn-relu": partial(nn.RNN, nonlinearity="relu"), "lstm": nn.LSTM, "gru": nn.GRU}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logistic_and_linear(x):
    return np.where(x >= 0, x + 0.5, sigmoid(x))


def of_torch(cell, names):
    """Named weights of a cell around a layer of torch: W, b for the inputs and R, c for the state, by gate."""
    parts = [np.split(p.detach().numpy(), len(names)) for _, p in cell.layer.named_parameters()]
    return {f"{k}{name}": v[i] for k, v in zip("WRbc", parts, strict=True) for i, name in enumerate(names)}


def of_rows(cell, names):
    """Named weights of the other cells: W, R and b by gate, the rest under their own names."""
    own = {name: p.detach().numpy() for name, p in cell.named_parameters()}
    found = {k: v for k, v in own.items() if k not in ("weight_ih", "weight_hh", "bias")}
    for k, name in (("W", "weight_ih"), ("R", "weight_hh"), ("b", "bias")):
        if name in own:
            rows = own[name] if own[name].ndim == 4 else np.split(own[name], len(names))
            found |= {f"{k}{gate}": row for gate, row in zip(names, rows, strict=True)}
    return found


def step_rnn(squash):
    def step(x, state, w):
        return (squash(w["Wh"] @ x + w["bh"] + w["Rh"] @ state[0] + w["ch"]),)

    return "h", step


def step_lstm(x, state, w):
    h, c = state
    i, f, g, o = (w[f"W{k}"] @ x + w[f"b{k}"] + w[f"R{k}"] @ h + w[f"c{k}"] for k in "ifgo")
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def step_gru(x, state, w):
    h = state[0]
    r = sigmoid(w["Wr"] @ x + w["br"] + w["Rr"] @ h + w["cr"])
    z = sigmoid(w["Wz"] @ x + w["bz"] + w["Rz"] @ h + w["cz"])
    n = np.tanh(w["Wn"] @ x + w["bn"] + r * (w["Rn"] @ h + w["cn"]))
    return ((1 - z) * n + z * h,)


def step_lstm1997(x, state, w):
    h, c = state
    i = sigmoid(w["Wi"] @ x + w["Ri"] @ h + w["bi"])
    o = sigmoid(w["Wo"] @ x + w["Ro"] @ h + w["bo"])
    c = c + i * np.tanh(w["Wg"] @ x + w["Rg"] @ h + w["bg"])
    return o * np.tanh(c), c


def step_peephole(open_=(), squash_in=np.tanh, squash_out=np.tanh):
    """The vanilla LSTM of Greff et al., or with gates that are always open, or with other activation functions."""
    names = "".join(k for k in "ifo" if k not in open_) + "g"

    def step(x, state, w):
        h, c = state
        gate = {}
        for k, name in (("i", "input"), ("f", "forget")):
            if k in open_:
                gate[k] = 1.0
            else:
                gate[k] = sigmoid(w[f"W{k}"] @ x + w[f"R{k}"] @ h + w[f"peephole_{name}"] * c + w[f"b{k}"])
        c = gate["f"] * c + gate["i"] * squash_in(w["Wg"] @ x + w["Rg"] @ h + w["bg"])
        o = 1.0 if "o" in open_ else sigmoid(w["Wo"] @ x + w["Ro"] @ h + w["peephole_output"] * c + w["bo"])
        return o * squash_out(c), c

    return names, step


def step_cifg(x, state, w):
    h, c = state
    i = sigmoid(w["Wi"] @ x + w["Ri"] @ h + w["peephole_input"] * c + w["bi"])
    c = (1 - i) * c + i * np.tanh(w["Wg"] @ x + w["Rg"] @ h + w["bg"])
    o = sigmoid(w["Wo"] @ x + w["Ro"] @ h + w["peephole_output"] * c + w["bo"])
    return o * np.tanh(c), c


def step_fgr(x, state, w):
    h, c, *before = state
    from_gates = {
        to: sum(w["weight_gates"][4 * row : 4 * row + 4, 4 * k : 4 * k + 4] @ before[k] for k in range(3))
        for row, to in enumerate("ifo")
    }
    i = sigmoid(w["Wi"] @ x + w["Ri"] @ h + from_gates["i"] + w["peephole_input"] * c + w["bi"])
    f = sigmoid(w["Wf"] @ x + w["Rf"] @ h + from_gates["f"] + w["peephole_forget"] * c + w["bf"])
    c = f * c + i * np.tanh(w["Wg"] @ x + w["Rg"] @ h + w["bg"])
    o = sigmoid(w["Wo"] @ x + w["Ro"] @ h + from_gates["o"] + w["peephole_output"] * c + w["bo"])
    return o * np.tanh(c), c, i, f, o


def step_slstm(x, state, w):
    """As the paper states it before it is stabilised: c and n grow as they like."""
    h, c, n, m = state
    c, n = c * np.exp(m), n * np.exp(m)
    total = {}
    for k in "ifog":
        within_heads = np.concatenate([block @ part for block, part in zip(w[f"R{k}"], np.split(h, 4), strict=True)])
        total[k] = w[f"W{k}"] @ x + within_heads + w[f"b{k}"]
    i, f = np.exp(total["i"]), sigmoid(total["f"])
    m = np.maximum(np.log(f) + m, total["i"])
    c, n = f * c + i * np.tanh(total["g"]), f * n + i
    return sigmoid(total["o"]) * c / n, c / np.exp(m), n / np.exp(m), m


def step_gru2014(x, state, w):
    h = state[0]
    r = sigmoid(w["Wr"] @ x + w["Rr"] @ h + w["br"])
    z = sigmoid(w["Wz"] @ x + w["Rz"] @ h + w["bz"])
    return (z * h + (1 - z) * np.tanh(w["Wn"] @ x + w["Rn"] @ (r * h) + w["bn"]),)


def step_mgu(x, state, w):
    h = state[0]
    f = sigmoid(w["Wf"] @ x + w["Rf"] @ h + w["bf"])
    return ((1 - f) * h + f * np.tanh(w["Wn"] @ x + w["Rn"] @ (f * h) + w["bn"]),)


def step_ugrnn(x, state, w):
    h = state[0]
    g = sigmoid(w["Wg"] @ x + w["Rg"] @ h + w["bg"])
    return (g * h + (1 - g) * np.tanh(w["Wn"] @ x + w["Rn"] @ h + w["bn"]),)


def step_janet(x, state, w):
    h = state[0]
    s = w["Ws"] @ x + w["Rs"] @ h + w["bs"]
    return (sigmoid(s) * h + (1 - sigmoid(s - 1)) * np.tanh(w["Wn"] @ x + w["Rn"] @ h + w["bn"]),)


def step_lem(x, state, w):
    y, z = state
    a = sigmoid(w["Wa"] @ x + w["Ra"] @ y + w["ba"])
    b = sigmoid(w["Wb"] @ x + w["Rb"] @ y + w["bb"])
    z = (1 - a) * z + a * np.tanh(w["Wz"] @ x + w["Rz"] @ y + w["bz"])
    return (1 - b) * y + b * np.tanh(w["Wy"] @ x + w["Ry"] @ z + w["by"]), z


def step_indrnn(x, state, w):
    return (np.maximum(0, w["Wh"] @ x + w["Rh"] * state[0] + w["bh"]),)


def step_minlstm(x, state, w):
    f, i = sigmoid(w["Wf"] @ x + w["bf"]), sigmoid(w["Wi"] @ x + w["bi"])
    return (f / (f + i) * state[0] + i / (f + i) * logistic_and_linear(w["Wn"] @ x + w["bn"]),)


def step_mingru(x, state, w):
    z = sigmoid(w["Wz"] @ x + w["bz"])
    return ((1 - z) * state[0] + z * logistic_and_linear(w["Wn"] @ x + w["bn"]),)


#: The order in which a cell keeps the weights of its gates, each by the letter of its paper, and one step of it.
STEPS = {
    "rnn": step_rnn(np.tanh),
    "rnn-relu": step_rnn(lambda x: np.maximum(0, x)),
    "irnn": step_rnn(lambda x: np.maximum(0, x)),
    "indrnn": ("h", step_indrnn),
    "lstm1997": ("iog", step_lstm1997),
    "lstm": ("ifgo", step_lstm),
    "peephole": step_peephole(),
    "nig": step_peephole("i"),
    "nfg": step_peephole("f"),
    "nog": step_peephole("o"),
    "niaf": step_peephole(squash_in=lambda x: x),
    "noaf": step_peephole(squash_out=lambda x: x),
    "cifg": ("iog", step_cifg),
    "np": ("ifgo", step_lstm),
    "fgr": ("ifog", step_fgr),
    "slstm": ("ifog", step_slstm),
    "gru": ("rzn", step_gru),
    "gru2014": ("rzn", step_gru2014),
    "mgu": ("fn", step_mgu),
    "ugrnn": ("gn", step_ugrnn),
    "janet": ("sn", step_janet),
    "lem": ("abzy", step_lem),
    "minlstm": ("fin", step_minlstm),
    "mingru": ("zn", step_mingru),
}


def double(name, input_size=3, hidden_size=4):
    """A cell in float64 whose weights, biases included, are all away from zero."""
    torch.manual_seed(0)
    cell = make_cell(name, input_size, hidden_size).double()
    with torch.no_grad():
        for p in cell.parameters():
            p.copy_(0.5 * torch.randn_like(p))
    return cell


def carried(cell, batch, input_size=3):
    """A state that a run over some inputs has left."""
    return cell(draw(batch, 4, input_size))[1].detach()


def draw(*shape, **options):
    return torch.randn(*shape, dtype=torch.float64, **options)


@pytest.mark.parametrize("name", CELLS)
def test_a_layer_follows_its_equations_step_by_step(name):
    """In float64, against the equations written out one step at a time, from a state that is carried in."""
    cell, (names, step) = double(name), STEPS[name]
    inputs, state = draw(2, 6, 3), carried(cell, 2)
    weights = (of_torch if hasattr(cell, "layer") else of_rows)(cell, names)
    found, last = (t.detach().numpy() for t in cell(inputs, state))
    for b in range(2):
        own = tuple(state[:, b].numpy())
        for t in range(6):
            own = step(inputs[b, t].numpy(), own, weights)
            np.testing.assert_allclose(found[b, t], own[0], atol=1e-12)
        np.testing.assert_allclose(last[:, b], own, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_right(name):
    """Finite differences in float64 agree with backpropagation through time, also through the state between halves."""
    cell = double(name, 2, 2)
    names, weights = zip(*cell.named_parameters(), strict=True)

    def run(inputs, state, *weights):
        halves = []
        for half in inputs.split(2, 1):
            states, state = torch.func.functional_call(cell, dict(zip(names, weights, strict=True)), (half, state))
            halves.append(states)
        return torch.cat(halves, 1)

    arguments = (draw(2, 4, 2), carried(cell, 2, 2), *(w.detach() for w in weights))
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
    cell, inputs = double(name), draw(2, 6, 3, requires_grad=True)
    state = carried(cell, 2)
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


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("name", ["mingru", "minlstm"])
def test_a_scan_over_many_steps_equals_the_recurrence(name, scale):
    """Over 1,000 steps and in float32, with gates that are open, shut and between: no overflow, no drift."""
    torch.manual_seed(0)
    cell, inputs = make_cell(name, 3, 4), scale * torch.randn(2, 1_000, 3)
    states = cell(inputs)[0]
    torch.testing.assert_close(states, cell.trace(inputs)["state"], atol=1e-5, rtol=1e-5)
    assert states.isfinite().all()


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("block", [1, 2, 3, 7, 50])
def test_a_scan_in_blocks_of_any_size_is_the_same(block, direction):
    """Also where the last block is not full, forwards and backwards."""
    keep, add = torch.rand(2, 7, 3), torch.randn(2, 7, 3)
    expected, state = add.clone(), torch.zeros(2, 3)
    for t in range(7)[::direction]:
        state = expected[:, t] = keep[:, t] * state + add[:, t]
    torch.testing.assert_close(accumulate(keep.clone(), add.clone(), direction, block), expected)


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


def test_an_slstm_with_a_shut_input_gate_stays_finite():
    """An input gate shut far beyond what exp can tell from zero still fills an empty memory."""
    cell = make_cell("slstm", 1, 4)
    with torch.no_grad():
        cell.bias[:4].fill_(-1_000.0)
    states, last = cell(torch.ones(1, 3, 1))
    assert states.isfinite().all()
    assert (last[2] >= 1).all()


def test_an_irnn_starts_as_a_running_sum():
    """With the identity and no bias, what has come in is added up."""
    cell = make_cell("irnn", 2, 2)
    with torch.no_grad():
        cell.layer.weight_ih_l0.copy_(torch.eye(2))
    inputs = torch.rand(1, 5, 2)
    torch.testing.assert_close(cell(inputs)[0], inputs.cumsum(1))


@pytest.mark.parametrize("bias", [0.0, 1.0, 3.0])
def test_the_forget_gate_starts_as_far_open_as_asked(bias):
    """Its biases add up to that, the other gates' stay near zero; a coupled input gate starts as far shut."""
    layer = dict(make_cell("lstm", 3, 4, bias).named_parameters())
    total = layer["layer.bias_ih_l0"] + layer["layer.bias_hh_l0"]
    assert total[4:8].tolist() == [bias] * 4
    assert total.abs()[[0, 1, 2, 3, 8, 9, 10, 11]].max() <= 1
    assert make_cell("peephole", 3, 4, bias).bias[4:8].tolist() == [bias] * 4
    assert make_cell("cifg", 3, 4, bias).bias[:4].tolist() == [-bias] * 4


def test_building_without_memory_loads_no_compiler():
    """A model file is checked against networks on a device without memory: some calls there would take seconds."""
    program = """
import sys, torch
from forecast.cells import CELLS
from forecast.models.cells import make_cell
with torch.device("meta"):
    for name in CELLS:
        make_cell(name, 3, 4)
print("torch._dynamo" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "False\n"


def test_every_cell_that_can_be_configured_exists():
    """The names in the configuration are the names in the registry."""
    assert set(CONFIGURABLE) == set(CELLS)
