"""Anchors: simple continuations of a context that the network chooses between and corrects.

Each is built from the context alone, so nothing about the season has to be estimated beforehand or stored: the last
value; for each season and some numbers of cycles their mean, their mean profile on the level of the last cycle and on
the level of the last values, and the line through their levels at half its slope (a season of one step leaves means and
lines); and exponential smoothing at some rates (see smoothing.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from forecast.models.smoothing import rates_for, smoothed

_CYCLES = (1, 2, 4, 8)
_STEPS = (2, 4, 8, 16, 32)
#: A line that goes on as it was overshoots more often than not (Gardner & McKenzie 1985 damp it for that reason).
_DAMPING = 0.5


def count_anchors(context_length: int, season_lengths: Sequence[int], smoothing: bool = True) -> int:
    """How many anchors there are for these lengths, with exponential smoothing or without."""
    smoothings = sum(len(rates_for(context_length, m)) for m in season_lengths) if smoothing else 0
    return _count_cyclic(context_length, season_lengths) + smoothings


def anchors(
    context: Tensor, available: Tensor, season_lengths: Sequence[int], horizon: int, kept: Sequence[int] | None = None
) -> Tensor:
    """The anchors [B, K, H] of a context [B, L] without missing values, the newest value last.

    available [B] is how many of the L steps lie after the first observed one: where a season's cycles reach further
    back than that, the same anchor over fewer cycles stands in, or the last value. kept names those of the
    `count_anchors` anchors that are wanted, in ascending order; None: all.
    """
    length = context.shape[1]
    found, at = [], _count_cyclic(length, season_lengths)
    kept = range(count_anchors(length, season_lengths)) if kept is None else kept
    if any(k < at for k in kept):
        cyclic = _cyclic(context, available, season_lengths, horizon)
        found += [cyclic[k] for k in kept if k < at]
    for m in season_lengths:
        rates = rates_for(length, m)
        wanted = [rates[k - at] for k in kept if at <= k < at + len(rates)]
        if wanted:
            found += smoothed(context, m, wanted, horizon).unbind(1)
        at += len(rates)
    return torch.stack(found, 1)


def _count_cyclic(context_length: int, season_lengths: Sequence[int]) -> int:
    per_season = [(m, n) for m in season_lengths for n in _fitting_cycles(context_length, m)]
    return 1 + sum(2 if m == 1 else 1 if n == 1 else 4 for m, n in per_season)


def _cyclic(context: Tensor, available: Tensor, season_lengths: Sequence[int], horizon: int) -> list[Tensor]:
    """The last value and what is made of whole cycles, each [B, H]."""
    batch, context_length = context.shape
    last = context[:, -1:].expand(batch, horizon)
    found = [last]
    steps = torch.arange(horizon, device=context.device)
    for m in season_lengths:
        phase, cycles_ahead = steps % m, steps // m + 1
        recent = max(1, m // 8)
        averaged = profiled = rebased = trended = last
        for n in _fitting_cycles(context_length, m):
            enough = (available >= n * m)[:, None]
            cycles = context[:, -n * m :].reshape(batch, n, m)
            level = cycles.mean(-1)
            profile = (cycles - level[..., None]).mean(1)
            if m > 1:
                profiled = torch.where(enough, (level[:, -1:] + profile)[:, phase], profiled)
                found.append(profiled)
            if n > 1:
                averaged = torch.where(enough, cycles.mean(1)[:, phase], averaged)
                growth = _DAMPING * (level[:, -1:] - level[:, :1]) / (n - 1)
                line = (level[:, -1:] + profile)[:, phase] + growth * cycles_ahead
                trended = torch.where(enough, line, trended)
                found += [averaged, trended]
            if m > 1 and n > 1:
                offset = (context[:, -recent:] - profile[:, -recent:]).mean(1, keepdim=True)
                rebased = torch.where(enough, (offset + profile)[:, phase], rebased)
                found.append(rebased)
    return found


def fill_missing(context: Tensor, season_lengths: Sequence[int]) -> Tensor:
    """The context [B, L] with each missing value taken from the cycle before, else the nearest step.

    Only the anchors see it; the network itself sees zeros and a mask.
    """
    if not torch.isnan(context).any():
        return context
    for m in season_lengths:
        if m > 1:
            surplus = context.shape[1] % m
            head, cycles = context[:, :surplus], context[:, surplus:].unflatten(1, (-1, m))
            context = torch.cat([head, _forward_fill(cycles).flatten(1)], 1)
    filled = _forward_fill(context)
    return torch.where(torch.isnan(filled), _forward_fill(filled.flip(1)).flip(1), filled)


def _forward_fill(values: Tensor) -> Tensor:
    """Values [B, N, ...] with NaN replaced by the last observed value before it along the second axis."""
    shape = (1, -1, *(1,) * (values.dim() - 2))
    positions = torch.arange(values.shape[1], device=values.device).view(shape).expand_as(values)
    return values.gather(1, torch.where(torch.isnan(values), 0, positions).cummax(1).values)


def _fitting_cycles(context_length: int, season_length: int) -> list[int]:
    counts = _STEPS if season_length == 1 else _CYCLES
    return [n for n in counts if n * season_length <= context_length]
