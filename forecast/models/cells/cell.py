"""Cell: the interface of every recurrent cell, one layer in one direction, without dropout."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

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

    def step(self, drive: Tensor, state: State) -> tuple[dict[str, Tensor], State]:
        """Activations by name and the next state, each [B, H], from the drive [B, K·H] of one step and the state."""
        raise NotImplementedError

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """States [B, T, H] at every step of the inputs [B, T, I], and the state [N, B, H] after the last.

        state [N, B, H] is what an earlier call returned; None: zeros.
        """
        current, states = self._first(inputs, state), []
        for drive in self.drive(inputs).unbind(1):
            current = self.step(drive, current)[1]
            states.append(current[0])
        return torch.stack(states, 1), torch.stack(current)

    def trace(self, inputs: Tensor, state: Tensor | None = None) -> dict[str, Tensor]:
        """Every gate, the candidate, the memory where there is one, and the state at every step, each [B, T, H].

        Differentiable, and from the same weights as `forward`, whose states are here under "state".
        """
        current, steps = self._first(inputs, state), []
        for drive in self.drive(inputs).unbind(1):
            found, current = self.step(drive, current)
            steps.append({**found, "state": current[0]})
        return {name: torch.stack([each[name] for each in steps], 1) for name in steps[0]}

    def _first(self, inputs: Tensor, state: Tensor | None) -> State:
        if state is None:
            return (inputs.new_zeros(len(inputs), self.hidden_size),) * self.n_states
        return state.unbind(0)
