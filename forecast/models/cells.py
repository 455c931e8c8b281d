"""CELLS: recurrent layers behind one interface, input [B, T, I] → states [B, T, H], one layer in one direction.

Stacking, direction and dropout belong to the network, so a new cell is one class and one line in CELLS.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rnn(nn.Module):
    """The simple recurrent network with tanh (Elman 1990)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.layer = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.layer(inputs)[0]
        return states


class Lstm(nn.Module):
    """Long short-term memory with a forget gate (Gers, Schmidhuber & Cummins 2000)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.layer = nn.LSTM(input_size, hidden_size, batch_first=True)
        # Gates lie in the order input, forget, cell, output. A forget gate that starts open lets gradients through
        # from the first step on (Jozefowicz, Zaremba & Sutskever 2015).
        biases = dict(self.layer.named_parameters())
        with torch.no_grad():
            biases["bias_ih_l0"][hidden_size : 2 * hidden_size].fill_(1.0)
            biases["bias_hh_l0"][hidden_size : 2 * hidden_size].zero_()

    def forward(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.layer(inputs)[0]
        return states


class Gru(nn.Module):
    """The gated recurrent unit, with the reset gate applied after the recurrent product (Cho et al. 2014)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.layer = nn.GRU(input_size, hidden_size, batch_first=True)

    def forward(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.layer(inputs)[0]
        return states


CELLS: dict[str, type[nn.Module]] = {
    "rnn": Rnn,
    "lstm": Lstm,
    "gru": Gru,
}
