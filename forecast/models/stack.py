"""Stack: layers of one cell over one another, in one direction or both, [B, T, I] → states and what is carried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from forecast.models.cells import Cell, make_cell


class Encoded(NamedTuple):
    """states [B, T', D·H] of the last layer, last [B, D·H], and carried, for each layer what goes on [N, B, H].

    T' is T, or the steps of the last part where gradients are cut and no other states were asked for. last holds the
    state of each direction after all that it has read; carried is that of the forward direction.
    """

    states: Tensor
    last: Tensor
    carried: list[Tensor]


class Stack(nn.Module):
    """Layers of one cell, bidirectional or not.

    The backward direction starts at the cutoff and runs into the past; its last state is the one at the first step.

    dropout acts on what goes from layer to layer; with `variational`, on what enters every layer and alike at all steps
    of a series (Gal & Ghahramani 2016). recurrent_dropout drops recurrent weights, the same ones at all steps (Merity,
    Keskar & Socher 2018). layer_norm normalises what leaves a layer (Ba, Kiros & Hinton 2016), residual adds what
    entered it where that is as wide (He et al. 2016; in recurrent stacks Wu et al. 2016). learnt_state begins with
    states that are weights, not with zeros. With truncation K, gradients go back through K steps at most: the state is
    carried on, its past is not (Williams & Peng 1990).
    """

    def __init__(
        self,
        cell: str,
        hidden: int,
        layers: int,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        learnt_state: bool = False,
        forget_bias: float = 1.0,
        truncation: int = 0,
    ) -> None:
        super().__init__()
        directions = 2 if bidirectional else 1
        widths = [hidden, *[directions * hidden] * (layers - 1)]
        self.forward_layers = nn.ModuleList(make_cell(cell, width, hidden, forget_bias) for width in widths)
        backward = widths if bidirectional else []
        self.backward_layers = nn.ModuleList(make_cell(cell, width, hidden, forget_bias) for width in backward)
        self.norms = nn.ModuleList(nn.LayerNorm(directions * hidden) for _ in widths if layer_norm)
        n_states = self._layer(0).n_states
        self.initial = nn.ParameterList(
            nn.Parameter(torch.zeros(n_states, 1, hidden)) for _ in range(directions * layers if learnt_state else 0)
        )
        self.dropout = nn.Dropout(dropout)
        self.variational, self.residual, self.truncation = variational, residual, truncation
        self.recurrent_dropout = recurrent_dropout

    def forward(self, inputs: Tensor, carried: Sequence[Tensor] | None = None, whole: bool = False) -> Encoded:
        """The states after inputs [B, T, I], from what is carried [N, B, H] into each layer, or from the beginning.

        whole asks for the states of all steps, also where gradients are cut.
        """
        steps = inputs.shape[1]
        if not 0 < self.truncation < steps:
            return self._through(inputs, carried)
        first = steps % self.truncation
        sizes = [*([first] if first else []), *[self.truncation] * (steps // self.truncation)]
        parts: list[Tensor] = []
        for part in inputs.split(sizes, 1):
            encoded = self._through(part, carried)
            carried = [state.detach() for state in encoded.carried]
            parts = [*parts, encoded.states] if whole else [encoded.states]
        return Encoded(torch.cat(parts, 1), encoded.last, encoded.carried)

    def _layer(self, number: int, *, backward: bool = False) -> Cell:
        layers = self.backward_layers if backward else self.forward_layers
        layer: Cell = layers[number]  # type: ignore[assignment]
        return layer

    def _through(self, inputs: Tensor, carried: Sequence[Tensor] | None) -> Encoded:
        states, last, onward = inputs, inputs[:, -1], []
        for i in range(len(self.forward_layers)):
            entered = states
            dropped = self._dropped(entered, first=i == 0)
            forward, backward = self._beginnings(i, carried)
            states, state = self._run(self._layer(i), dropped, self._begin(forward, entered))
            onward.append(state)
            width = states.shape[-1]
            if self.backward_layers:
                layer = self._layer(i, backward=True)
                reverse, _ = self._run(layer, dropped.flip(1), self._begin(backward, entered))
                states = torch.cat([states, reverse.flip(1)], -1)
            states = self._left(i, states, entered)
            last = states[:, -1]
            if self.backward_layers:
                last = torch.cat([states[:, -1, :width], states[:, 0, width:]], -1)
        return Encoded(states, last, onward)

    def _left(self, number: int, states: Tensor, entered: Tensor) -> Tensor:
        """What leaves a layer, of the states [B, T, D·H] that it made of what entered it."""
        if self.residual and entered.shape[-1] == states.shape[-1]:
            states = states + entered
        return self.norms[number](states) if self.norms else states

    def _dropped(self, inputs: Tensor, *, first: bool) -> Tensor:
        if self.variational:
            mask: Tensor = self.dropout(torch.ones_like(inputs[:, :1]))
            return inputs * mask
        dropped: Tensor = inputs if first else self.dropout(inputs)
        return dropped

    def _beginnings(self, number: int, carried: Sequence[Tensor] | None) -> tuple[Tensor | None, Tensor | None]:
        """What a layer begins with [N, B or 1, H] in each direction; None where that is zeros."""
        directions = 2 if self.backward_layers else 1
        learnt = list(self.initial[directions * number : directions * (number + 1)]) or [None, None]
        return learnt[0] if carried is None else carried[number], learnt[-1]

    def _begin(self, state: Tensor | None, inputs: Tensor) -> Tensor | None:
        return None if state is None else state.expand(-1, len(inputs), -1).contiguous()

    def _run(self, layer: Cell, inputs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        if not (self.training and self.recurrent_dropout):
            plain: tuple[Tensor, Tensor] = layer(inputs, state)
            return plain
        weights = dict(layer.named_parameters())
        dropped = {name: functional.dropout(weights[name], self.recurrent_dropout) for name in layer.recurrent}
        thinned: tuple[Tensor, Tensor] = functional_call(layer, dropped, (inputs, state))
        return thinned
