"""Unrolling: a stack whose cells run step by step for a while, so that what they carry can be differentiated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from forecast.models.cells import Cell
from forecast.models.stack import Stack


@dataclass(frozen=True)
class Unrolled:
    """What one cell did in one pass, in the order in which it read: of the backward direction the newest step first.

    activations are what `Cell.trace` finds, each [T, H], for the first row of the batch, the state alone where there
    are no gates; states are what was carried away from each of the T steps [N, B, H]. The pass went on from these very
    tensors: a gradient by one of them is all that what came later owes to it.
    """

    activations: dict[str, Tensor]
    states: list[Tensor]


@contextmanager
def uncut(stack: Stack) -> Iterator[None]:
    """A block in which gradients go all the way back through the stack, also where training cuts them."""
    truncation, stack.truncation = stack.truncation, 0
    try:
        yield
    finally:
        stack.truncation = truncation


@contextmanager
def unrolled(stack: Stack) -> Iterator[dict[tuple[int, str], Unrolled]]:
    """A block in which the stack's next pass is noted, by layer (the first is 1) and direction, forward or backward.

    The stack computes what it always does, only more slowly and uncut.
    """
    noted: dict[tuple[int, str], Unrolled] = {}
    handles = [
        cell.register_forward_hook(partial(_run, noted, (layer, direction)))
        for direction, layers in (("forward", stack.forward_layers), ("backward", stack.backward_layers))
        for layer, cell in enumerate(layers, start=1)
    ]
    try:
        with uncut(stack):
            yield noted
    finally:
        for handle in handles:
            handle.remove()


def _run(
    noted: dict[tuple[int, str], Unrolled],
    key: tuple[int, str],
    cell: Cell,
    arguments: tuple[Any, ...],
    found: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """What a cell found, found again one step after the other from the states that are noted on the way."""
    if key in noted:
        return found
    inputs, state = (*arguments, None)[:2]
    with torch.no_grad():
        traced = cell.trace(inputs[:1], None if state is None else state[:, :1])
    states: list[Tensor] = []
    for step in inputs.split(1, 1):
        state = cell.forward(step, state)[1]
        states.append(state)
    # Without gates a candidate is the state itself.
    shown = traced if cell.gates else {"state": traced["state"]}
    noted[key] = Unrolled({name: values[0] for name, values in shown.items()}, states)
    return torch.stack([carried[0] for carried in states], 1), states[-1]
