"""Cell: the interface of every recurrent cell, one layer in one direction; and Gated, what most of them share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

#: What a step carries: one tensor [B, H] for each state, the first of them the output.
State = tuple[Tensor, ...]


class Cell(nn.Module):
    """A cell is a `drive`, what inputs alone contribute to all steps at once, and a `step` from state to state.

    n_states is how many tensors it carries, gates the activations that it traces besides "candidate", "memory" and
    "state", recurrent the parameters that multiply the state before, and extra how many bias vectors it keeps twice.
    """

    n_states: ClassVar[int] = 1
    gates: ClassVar[tuple[str, ...]] = ()
    recurrent: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[int] = 0

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size

    def drive(self, inputs: Tensor) -> Tensor:
        """What the inputs [B, T, I] contribute to every step, [B, T, K·H]."""
        raise NotImplementedError

    def matrices(self) -> tuple[Tensor, ...]:
        """What every step multiplies the state by, made ready once for a sequence."""
        raise NotImplementedError

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        """Activations by name and the next state, each [B, H], from the drive [B, K·H] of one step and the state."""
        raise NotImplementedError

    def start(self, inputs: Tensor, state: Tensor | None) -> State:
        """The state [B, H] each that the first step finds: the one [N, B, H] carried in, or zeros."""
        return (inputs.new_zeros(len(inputs), self.hidden_size),) * self.n_states if state is None else state.unbind(0)

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """States [B, T, H] at every step of the inputs [B, T, I], and the state [N, B, H] after the last.

        state [N, B, H] is what an earlier call returned; None: zeros.
        """
        current, matrices, states = self.start(inputs, state), self.matrices(), []
        for drive in self.drive(inputs).unbind(1):
            current = self.step(drive, current, matrices)[1]
            states.append(current[0])
        return torch.stack(states, 1), torch.stack(current)

    def trace(self, inputs: Tensor, state: Tensor | None = None) -> dict[str, Tensor]:
        """Every gate, the candidate, the memory where there is one, and the state at every step, each [B, T, H].

        Differentiable, and from the same weights as `forward`, whose states are here under "state".
        """
        current, matrices, steps = self.start(inputs, state), self.matrices(), []
        for drive in self.drive(inputs).unbind(1):
            found, current = self.step(drive, current, matrices)
            steps.append({**found, "state": current[0]})
        return {name: torch.stack([each[name] for each in steps], 1) for name in steps[0]}


class Gated(Cell):
    """A cell with one matrix for the inputs, one for the state and one bias, in which each of `rows` has H rows.

    forget_bias is where the gate that keeps the past starts: open_ says which rows have that bias, and times what. All
    other weights start uniform within 1/√H of zero, as those of torch do.
    """

    rows: ClassVar[tuple[str, ...]]
    open_: ClassVar[Mapping[str, float]] = MappingProxyType({"forget": 1.0})
    recurrent: ClassVar[tuple[str, ...]] = ("weight_hh",)
    weight_hh: Tensor

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        super().__init__(hidden_size)
        self.weight_ih = nn.Parameter(torch.empty(len(self.rows) * hidden_size, input_size))
        self.bias = nn.Parameter(torch.empty(len(self.rows) * hidden_size))
        for name, shape in self.shapes(hidden_size).items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        for weight in self.parameters():
            nn.init.uniform_(weight, -(hidden_size**-0.5), hidden_size**-0.5)
        with torch.no_grad():
            for row, sign in self.open_.items():
                if row in self.rows:
                    first = self.rows.index(row) * hidden_size
                    self.bias[first : first + hidden_size].fill_(sign * forget_bias)

    def shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """The shapes of all parameters that act on the state, by name."""
        return {"weight_hh": (len(self.rows) * hidden_size, hidden_size)}

    def drive(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.weight_ih, self.bias)

    def matrices(self) -> tuple[Tensor, ...]:
        return (self.weight_hh.T,)
