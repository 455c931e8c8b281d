"""Anchors: simple continuations of a context that the network chooses between and corrects.

Each is built from the context alone, so nothing about the season has to be estimated beforehand or stored: the last
value; for each season and some numbers of cycles their mean, their mean profile on the level of the last cycle and on
the level of the last values, and the line through their levels at half its slope (a season of one step leaves means and
lines); and exponential smoothing at some rates (see smoothing.py).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from forecast.models.smoothing import Rates, rates_for, repeated, smoothed
from forecast.models.traits import Traits

_CYCLES = (1, 2, 4, 8)
_STEPS = (2, 4, 8, 16, 32)
#: A line that goes on as it was overshoots more often than not (Gardner & McKenzie 1985 damp it for that reason).
_DAMPING = 0.5
#: What names call that.
HALF_THE_SLOPE = "half the slope"


def count_anchors(context_length: int, season_lengths: Sequence[int], smoothing: bool = True) -> int:
    """How many anchors there are for these lengths, with exponential smoothing or without."""
    smoothings = sum(len(rates_for(context_length, m)) for m in season_lengths) if smoothing else 0
    return _count_cyclic(context_length, season_lengths) + smoothings


def anchor_names(context_length: int, season_lengths: Sequence[int], smoothing: bool = True) -> tuple[str, ...]:
    """What each of the `count_anchors` anchors is, in words and in order."""
    names = ["last value"]
    for m in season_lengths:
        names += [_cyclic_name(kind, n, m) for n in _fitting_cycles(context_length, m) for kind in _kinds(m, n)]
    for m in season_lengths if smoothing else ():
        names += [_smoothing_name(rates, m) for rates in rates_for(context_length, m)]
    return tuple(names)


@lru_cache(maxsize=64)
def anchor_traits(context_length: int, season_lengths: tuple[int, ...]) -> Tensor:
    """The traits [K, T] of each of the `count_anchors` anchors, in order."""
    found = [Traits(last=1.0, seasonless=1.0)]
    for rank, m in enumerate(season_lengths):
        of = Traits(seasonless=float(m == 1), rank=rank)
        for n in _fitting_cycles(context_length, m):
            found += [of._replace(**{kind: 1.0}, cycles=math.log2(n)) for kind in _kinds(m, n)]
    for rank, m in enumerate(season_lengths):
        of = Traits(smoothing=1.0, seasonless=float(m == 1), rank=rank)
        found += [
            of._replace(level=rates.level, trend=float(rates.trend > 0), season=rates.season)
            for rates in rates_for(context_length, m)
        ]
    return torch.tensor(found)


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
        found += _cyclic(context, available, season_lengths, horizon, [k for k in kept if k < at])
    for m in season_lengths:
        rates = rates_for(length, m)
        wanted = [rates[k - at] for k in kept if at <= k < at + len(rates)]
        if wanted:
            found += smoothed(context, m, wanted, horizon).unbind(1)
        at += len(rates)
    return torch.stack(found, 1)


def _count_cyclic(context_length: int, season_lengths: Sequence[int]) -> int:
    return 1 + sum(len(_kinds(m, n)) for m in season_lengths for n in _fitting_cycles(context_length, m))


def _kinds(season_length: int, cycles: int) -> list[str]:
    """What is made of so many cycles: a season of one step has no profile, and one cycle no mean and no line."""
    kinds = {"profile": season_length > 1, "mean": cycles > 1, "line": cycles > 1}
    return [kind for kind, there in {**kinds, "rebased": season_length > 1 and cycles > 1}.items() if there]


def _cyclic_name(kind: str, cycles: int, season_length: int) -> str:
    if season_length == 1:
        return {
            "mean": f"mean of the last {cycles} steps",
            "line": f"last value and {HALF_THE_SLOPE} over {cycles} steps",
        }[kind]
    if cycles == 1:
        return f"last season of {season_length} steps"
    seasons = f"{cycles} seasons of {season_length} steps"
    return {
        "profile": f"profile over {seasons}, on the level of the last season",
        "mean": f"mean of the last {seasons}",
        "line": f"profile over {seasons}, with {HALF_THE_SLOPE} between their levels",
        "rebased": f"profile over {seasons}, on the level of the last values",
    }[kind]


def _smoothing_name(rates: Rates, season_length: int) -> str:
    said = [f"level {rates.level:g}"]
    said += [f"damped trend {rates.trend:g}"] if rates.trend else []
    said += [f"season of {season_length} steps {rates.season:g}"] if season_length > 1 else []
    return f"exponential smoothing: {', '.join(said)}"


def _cyclic(
    context: Tensor, available: Tensor, season_lengths: Sequence[int], horizon: int, wanted: Collection[int]
) -> list[Tensor]:
    """Those that are wanted of the last value and of what is made of whole cycles, each [B, H]."""
    batch, context_length = context.shape
    last = context[:, -1:].expand(batch, horizon)
    found, number = [last] if 0 in wanted else [], 1
    for m in season_lengths:
        counts = _fitting_cycles(context_length, m)
        numbered = list(enumerate(((n, kind) for n in counts for kind in _kinds(m, n)), number))
        # One over fewer cycles may have to stand in, so that those are needed, too.
        most = {kind: n for k, (n, kind) in numbered if k in wanted}
        made = dict.fromkeys(most, last)
        for n in counts:
            needed = [kind for kind in most if n <= most[kind] and kind in _kinds(m, n)]
            if needed:
                continued = _continued(context[:, -n * m :].reshape(batch, n, m), horizon, needed)
                enough = (available >= n * m)[:, None]
                made |= {kind: torch.where(enough, continued[kind], made[kind]) for kind in needed}
            found += [made[kind] for k, (cycles, kind) in numbered if cycles == n and k in wanted]
        number += len(numbered)
    return found


def _continued(cycles: Tensor, horizon: int, kinds: Collection[str]) -> dict[str, Tensor]:
    """The continuations [B, H] of some cycles [B, N, M] by their kinds."""
    n, m = cycles.shape[1:]
    found = {}
    if "mean" in kinds:
        found["mean"] = repeated(cycles.mean(1), horizon)
    if {"profile", "line", "rebased"}.isdisjoint(kinds):
        return found
    level = cycles.mean(-1)
    profile = (cycles - level[..., None]).mean(1)
    if "profile" in kinds or "line" in kinds:
        found["profile"] = repeated(level[:, -1:] + profile, horizon)
    if "line" in kinds:
        cycles_ahead = torch.arange(horizon, device=cycles.device) // m + 1
        growth = _DAMPING * (level[:, -1:] - level[:, :1]) / (n - 1)
        found["line"] = found["profile"] + growth * cycles_ahead
    if "rebased" in kinds:
        recent = max(1, m // 8)
        offset = (cycles[:, -1, -recent:] - profile[:, -recent:]).mean(1, keepdim=True)
        found["rebased"] = repeated(offset + profile, horizon)
    return found


def fill_missing(context: Tensor, season_lengths: Sequence[int]) -> Tensor:
    """The context [B, L] with each missing value taken from the cycle before, else the nearest step.

    Only the anchors see it; the network itself sees zeros and a mask.
    """
    missing = torch.isnan(context)
    if not missing.any():
        return context
    first = missing.int().argmin(1, keepdim=True)
    # Before its first value a context has no cycle and no step but that one: most need nothing else.
    padded = torch.where(missing, context.gather(1, first), context)
    gappy = torch.nonzero(missing.sum(1) > first[:, 0]).flatten()
    if len(gappy):
        padded[gappy] = _fill_gaps(context[gappy], season_lengths)
    return padded


def _fill_gaps(context: Tensor, season_lengths: Sequence[int]) -> Tensor:
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
