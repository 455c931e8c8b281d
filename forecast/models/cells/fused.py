"""Cells that torch has a kernel for: the whole sequence in one call, and the same equations step by step to trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecast.models.cells.cell import Cell, State


class _Fused(Cell):
    """A cell around one layer of torch, which keeps a bias for the inputs and one for the state."""

    recurrent = ("layer.weight_hh_l0",)
    kernel: ClassVar[Callable[..., nn.RNNBase]]

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:  # noqa: ARG002 - see Lstm
        super().__init__(hidden_size)
        self.layer = self.kernel(input_size, hidden_size, batch_first=True)

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        states, last = self.layer(inputs, state)
        return states, last

    def drive(self, inputs: Tensor) -> Tensor:
        weight, _, bias, _ = self.layer.all_weights[0]
        return functional.linear(inputs, weight, bias)

    def matrices(self) -> tuple[Tensor, ...]:
        _, weight, _, bias = self.layer.all_weights[0]
        return weight, bias


class Rnn(_Fused):
    """h = tanh(Wx + Rh₋ + b) (Elman 1990)."""

    kernel: ClassVar[Callable[..., nn.RNNBase]] = nn.RNN
    extra = 1
    squash: ClassVar[Callable[[Tensor], Tensor]] = torch.tanh

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        h = type(self).squash(drive + functional.linear(state[0], *matrices))
        return {"candidate": h}, (h,)


class RnnRelu(Rnn):
    """h = max(0, Wx + Rh₋ + b)."""

    kernel = partial(nn.RNN, nonlinearity="relu")
    squash = torch.relu


class Irnn(RnnRelu):
    """The same, with R the identity and b zero at the start: what has come in stays (Le, Jaitly & Hinton 2015)."""

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, hidden_size, forget_bias)
        _, weight, *biases = self.layer.all_weights[0]
        with torch.no_grad():
            # An identity made anew would, on a device without memory, first import torch's compiler, for seconds.
            weight.zero_().diagonal().fill_(1.0)
            for bias in biases:
                bias.zero_()


class Lstm(_Fused):
    """i, f, o = σ(Wx + Rh₋ + b), g = tanh(·); c = f·c₋ + i·g; h = o·tanh(c) (Gers, Schmidhuber & Cummins 2000).

    A forget gate that starts open lets gradients through from the first step on (Jozefowicz, Zaremba & Sutskever 2015).
    """

    n_states = 2
    gates = ("input", "forget", "output")
    kernel = nn.LSTM
    extra = 4

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        # Gates lie in the order input, forget, cell, output.
        _, _, for_inputs, for_state = self.layer.all_weights[0]
        with torch.no_grad():
            for_inputs[hidden_size : 2 * hidden_size].fill_(forget_bias)
            for_state[hidden_size : 2 * hidden_size].zero_()

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        states, last = self.layer(inputs, None if state is None else (state[:1], state[1:]))
        return states, torch.cat(last)

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        h, c = state
        i, f, g, o = (drive + functional.linear(h, *matrices)).chunk(4, 1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        return {"input": i, "forget": f, "output": o, "candidate": g, "memory": c}, (o * c.tanh(), c)


class Gru(_Fused):
    """z, r = σ(Wx + Rh₋ + b); n = tanh(Wx + b + r·(Rh₋ + b')); h = (1 − z)·n + z·h₋ (Cho et al. 2014).

    The reset gate acts after the recurrent product, as in cuDNN and torch; the paper has it before: see units.Gru2014.
    """

    gates = ("reset", "update")
    kernel = nn.GRU
    extra = 2

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        h = state[0]
        (r, z, n), (rr, rz, rn) = drive.chunk(3, 1), functional.linear(h, *matrices).chunk(3, 1)
        r, z = (r + rr).sigmoid(), (z + rz).sigmoid()
        n = (n + r * rn).tanh()
        return {"reset": r, "update": z, "candidate": n}, (n + z * (h - n),)
