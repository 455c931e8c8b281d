"""Decoders: how what the recurrence knows at the cutoff becomes outputs [B, H, K], segment by segment of the horizon.

The network says all steps at once where it has none of them. The `segment` decoder takes one recurrent step for each
segment of the horizon, all from the state at the cutoff, told apart by where they lie (Lin et al. 2023). The
`recursive` one goes on from segment to segment, each told the one before: its own, or the true one while it is taught
(Sutskever, Vinyals & Le 2014).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecast.models.stack import Stack


class SegmentDecoder(nn.Module):
    """One step of a stack for each segment of the horizon, from the same state and its own position."""

    def __init__(self, stack: Stack, hidden: int, segment: int, horizon: int, n_outputs: int) -> None:
        super().__init__()
        self.horizon, self.n_outputs = horizon, n_outputs
        self.stack = stack
        self.positions = nn.Parameter(torch.randn(-(-horizon // segment), hidden) / hidden**0.5)
        self.head = _from_zero(hidden, segment * n_outputs)

    def forward(self, hidden: Tensor, carried: Sequence[Tensor]) -> Tensor:
        """Outputs [B, H, K] from a summary [B, hidden] and the states of each layer [N, B, hidden] at the cutoff."""
        count = len(self.positions)
        inputs = (self.positions + hidden[:, None]).flatten(0, 1)[:, None]
        states = self.stack(inputs, [state.repeat_interleave(count, 1) for state in carried]).last
        outputs: Tensor = self.head(states).unflatten(0, (-1, count)).flatten(1).unflatten(1, (-1, self.n_outputs))
        return outputs[:, : self.horizon]


class RecursiveDecoder(nn.Module):
    """A stack that goes on over the horizon, segment by segment, each told the medians of the one before."""

    def __init__(self, stack: Stack, hidden: int, segment: int, horizon: int, n_outputs: int) -> None:
        super().__init__()
        self.segment, self.horizon, self.n_outputs = segment, horizon, n_outputs
        self.stack = stack
        self.feedback = nn.Linear(segment, hidden)
        self.head = _from_zero(hidden, segment * n_outputs)

    def forward(
        self,
        hidden: Tensor,
        carried: Sequence[Tensor],
        recent: Tensor,
        base: Tensor,
        truth: Tensor | None = None,
        forcing: float = 0.0,
    ) -> Tensor:
        """Outputs [B, H, K], of which the first is added to `base` [B, H] to give the medians that are told.

        recent [B, L] are the values before the cutoff, truth [B, H] those after it, NaN where missing; one of a series
        is told instead of its median with the probability `forcing` (scheduled sampling: Bengio et al. 2015).
        """
        count = -(-self.horizon // self.segment)
        beyond = count * self.segment - self.horizon
        base = functional.pad(base, (0, beyond))
        truth = None if truth is None else functional.pad(truth, (0, beyond), value=torch.nan)
        told = functional.pad(recent, (max(0, self.segment - recent.shape[1]), 0))[:, -self.segment :]
        found = []
        for steps in torch.arange(count * self.segment).split(self.segment):
            inputs = torch.relu(self.feedback(told) + hidden)
            encoded = self.stack(inputs[:, None], carried)
            carried = encoded.carried
            outputs = self.head(encoded.last).unflatten(1, (self.segment, self.n_outputs))
            found.append(outputs)
            told = base[:, steps] + outputs[..., 0]
            if truth is not None and forcing > 0:
                forced = (torch.rand(len(told), 1, device=told.device) < forcing) & ~torch.isnan(truth[:, steps])
                told = torch.where(forced, truth[:, steps], told)
        return torch.cat(found, 1)[:, : self.horizon]


def _from_zero(inputs: int, outputs: int) -> nn.Linear:
    """A linear map that is zero at first: training begins at the anchors' forecast."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
