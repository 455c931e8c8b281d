"""Cells whose gates see the inputs only: the state is linear in its past, and all steps are found in parallel."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from forecast.models.cells.cell import Gated, State


class _Scanned(Gated):
    """h = (1 − z)·h₋ + z·g(Wx + b), where z comes from the inputs alone and g is positive (Feng et al. 2024).

    g(x) is x + ½ above zero and σ(x) below.
    """

    recurrent = ()

    def shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002 - nothing acts on the state
        return {}

    def matrices(self) -> tuple[Tensor, ...]:
        return ()

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        states = scan(*self._parts(self.drive(inputs)), self.start(inputs, state)[0])
        return states, states[None, :, -1]

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:  # noqa: ARG002
        z, candidate = self._parts(drive)
        named = {"input": z, "forget": 1 - z} if "forget" in self.gates else {"update": z}
        return {**named, "candidate": candidate}, (torch.lerp(state[0], candidate, z),)

    def _parts(self, drive: Tensor) -> tuple[Tensor, Tensor]:
        """How much of the state is replaced, and by what, each [..., H]."""
        raise NotImplementedError


class Mingru(_Scanned):
    """The minimal gated recurrent unit: z = σ(Wx + b); h = (1 − z)·h₋ + z·g(Wx + b) (Feng et al. 2024)."""

    gates = ("update",)
    rows = ("update", "candidate")

    def _parts(self, drive: Tensor) -> tuple[Tensor, Tensor]:
        z, n = drive.chunk(2, -1)
        return z.sigmoid(), _positive(n)


class Minlstm(_Scanned):
    """f, i = σ(Wx + b); h = (f·h₋ + i·g(Wx + b)) / (f + i), the minimal long short-term memory (Feng et al. 2024).

    Gates are traced as they act, divided by their sum.
    """

    gates = ("input", "forget")
    rows = ("forget", "input", "candidate")

    def _parts(self, drive: Tensor) -> tuple[Tensor, Tensor]:
        f, i, n = drive.chunk(3, -1)
        # i / (f + i) from the logarithms of both, which stay apart where both gates are shut.
        return (functional.logsigmoid(i) - functional.logsigmoid(f)).sigmoid(), _positive(n)


def scan(update: Tensor, candidate: Tensor, first: Tensor) -> Tensor:
    """The states h = (1 − z)·h₋ + z·n [B, T, H] after every step, from z and n [B, T, H] and the first h₋ [B, H].

    With z between 0 and 1 nothing can overflow: products of 1 − z only become smaller, and nothing is divided by them.
    """
    found: Tensor = _Scan.apply(update, candidate, first)  # type: ignore[no-untyped-call]
    return found


class _Scan(torch.autograd.Function):
    """The gradient of a linear recurrence is the same recurrence from the last step to the first."""

    @staticmethod
    def forward(ctx: Any, update: Tensor, candidate: Tensor, first: Tensor) -> Tensor:
        keep, add = 1 - update, update * candidate
        add[:, 0].addcmul_(keep[:, 0], first)
        states = accumulate(keep, add, 1)
        ctx.save_for_backward(update, candidate, first, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        update, candidate, first, states = ctx.saved_tensors
        # What is kept of a state is kept at the step after it.
        keep = torch.cat([1 - update[:, 1:], torch.zeros_like(update[:, :1])], 1)
        whole = accumulate(keep, gradient.clone(), -1)
        change = candidate.clone()
        change[:, 0] -= first
        change[:, 1:] -= states[:, :-1]
        return change.mul_(whole), update * whole, whole[:, 0] * (1 - update[:, 0])


def accumulate(keep: Tensor, add: Tensor, direction: int, block: int | None = None) -> Tensor:
    """The states s = keep·s₋ + add [B, T, H] from zero, s₋ that of the step before (1) or after (−1); uses up both.

    All blocks of steps are run through at once, then what each ends with is handed to the next. A block has all steps
    on a processor, where the least work is quickest, and √T of them on an accelerator, where the fewest calls are.
    """
    length = keep.shape[1]
    block = block or (length if keep.device.type == "cpu" else math.isqrt(length - 1) + 1)
    short = -length % block
    if short:
        around = (0, 0, 0, short) if direction > 0 else (0, 0, short, 0)
        keep, add = functional.pad(keep, around), functional.pad(add, around)
    products, states = keep.unflatten(1, (-1, block)), add.unflatten(1, (-1, block))
    several = states.shape[1] > 1
    for (product, state), (next_product, next_state) in pairwise(
        list(zip(products.unbind(2), states.unbind(2), strict=True))[::direction]
    ):
        next_state.addcmul_(next_product, state)
        if several:
            next_product.mul_(product)
    end = slice(-1, None) if direction > 0 else slice(0, 1)
    for k, later in pairwise(range(states.shape[1])[::direction]):
        states[:, later].addcmul_(products[:, later], states[:, k, end])
    return add[:, :length] if direction > 0 else add[:, short:]


def _positive(x: Tensor) -> Tensor:
    """x + ½ above zero, σ(x) below."""
    return x.relu() + x.clamp_max(0).sigmoid()
