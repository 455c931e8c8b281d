"""Autoregression fitted to each context by itself, in closed form: what comes is a weighted sum of what came.

y_t = c + Σ a_k y_{t−k} over a few lags: of the values about their mean, of their changes from step to step, or of their
changes over a season, with a drift or without (Box & Jenkins 1970). The weights are those of ridge regression (Hoerl &
Kennard 1970) on the context alone, so nothing has to be learnt before. A forecast feeds on itself step by step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.models.traits import Traits

#: Weights are drawn to zero as by this share of what the lags weigh themselves.
_RIDGE = 0.05
#: A fit looks at so many rows, at most: older ones say little of today.
_MOST_ROWS = 400
#: Seasons up to this have every lag of theirs, longer ones those beside today and beside the season before.
_EVERY_LAG = 12
#: Lags without a season, and beside one.
_FEW, _MANY, _NEAR = 4, 16, 3
#: Added to what lags weigh, in squares of local scales: where they weigh nothing, so do their weights.
_SMALL = 1e-6


class Order(NamedTuple):
    """One autoregression: over how many steps values are differenced (0: not at all), its lags, and whether it drifts.

    Without differences it is about the mean, and has no drift.
    """

    difference: int
    lags: tuple[int, ...]
    drift: bool = False

    @property
    def on_values(self) -> set[int]:
        """The lags of the values themselves that it comes to."""
        d = self.difference
        return {*self.lags, *((d, *(lag + d for lag in self.lags)) if d else ())}

    @property
    def name(self) -> str:
        """What it is, in words."""
        d = self.difference
        of = "values" if not d else "changes" if d == 1 else f"changes over a season of {d} steps"
        return f"autoregression of the {of}: {_in_words(self.lags)}{', with a drift' if self.drift else ''}"


@lru_cache(maxsize=64)
def orders_for(context_length: int, season_lengths: tuple[int, ...]) -> tuple[Order, ...]:
    """The autoregressions that are tried for these seasons; those alone that a context is twice as long as."""
    found: list[Order] = []
    first = season_lengths[0]
    for m in season_lengths:
        if m == 1:
            found += [Order(0, _up_to(_FEW)), Order(0, _up_to(_MANY)), Order(1, _up_to(_FEW))]
            found += [Order(1, _up_to(_FEW), drift=True)]
            continue
        around = {m - 1, m, m + 1, first - 1, first, first + 1}
        near = _up_to(m + 1) if m <= _EVERY_LAG else tuple(sorted({*_up_to(_NEAR), *around}))
        of_season = (*_up_to(min(_NEAR, m - 1)), m)
        found += [Order(0, near), Order(1, near), Order(m, of_season), Order(m, of_season, drift=True)]
        found += [Order(0, _up_to(2 * m + 1))] if m <= _EVERY_LAG else []
    return tuple(order for order in found if 2 * (order.lags[-1] + order.difference) <= context_length)


def autoregression_names(context_length: int, season_lengths: tuple[int, ...]) -> list[str]:
    """What each of the `orders_for` a context is, in words and in order."""
    return [order.name for order in orders_for(context_length, season_lengths)]


def autoregression_traits(context_length: int, season_lengths: tuple[int, ...]) -> list[Traits]:
    """The traits of each of the `orders_for` a context, in order."""
    return [
        Traits(
            autoregression=1.0,
            change=float(order.difference == 1),
            season=float(order.difference > 1),
            drift=float(order.drift),
            seasonless=float(max(season_lengths) == 1),
            depth=math.log2(order.lags[-1]) / 4,
        )
        for order in orders_for(context_length, season_lengths)
    ]


@torch.no_grad()
def autoregressed(context: Tensor, available: Tensor, season_lengths: tuple[int, ...], horizon: int) -> Tensor:
    """The forecasts [B, K, H] of the K `orders_for` contexts [B, L] without missing values, the newest value last.

    available [B] is how many of the L steps lie after the first observed one; only these are fitted to. A forecast goes
    no farther beyond the values of its context than these are apart. It is a constant: no gradient goes through it.
    """
    orders = orders_for(context.shape[1], season_lengths)
    if not orders:
        return context.new_empty(len(context), 0, horizon)
    lags = sorted(set().union(*(order.on_values for order in orders)))
    fits = [_fit(context, available, order) for order in orders]
    weights = torch.stack([_on_values(own, order, lags) for (own, _), order in zip(fits, orders, strict=True)], 1)
    return _continued(context, weights, torch.stack([constant for _, constant in fits], 1), lags, horizon)


def _in_words(lags: Sequence[int]) -> str:
    """Ascending lags as runs: `lags 1 to 3 and 12`."""
    runs: list[list[int]] = []
    for lag in lags:
        if runs and lag == runs[-1][-1] + 1:
            runs[-1].append(lag)
        else:
            runs.append([lag])
    said = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    listed = " and ".join([*([", ".join(said[:-1])] if said[1:] else []), said[-1]])
    return f"lag{'s'[: len(lags) > 1]} {listed}"


def _up_to(lag: int) -> tuple[int, ...]:
    return tuple(range(1, lag + 1))


def _fit(context: Tensor, available: Tensor, order: Order) -> tuple[Tensor, Tensor]:
    """Weights [B, P] of the lags, and the constant [B]."""
    d, deepest = order.difference, order.lags[-1]
    values = context[:, d:] - context[:, :-d] if d else context
    # Counted back from the newest value, the oldest difference that exists is that of step available - d.
    ages = torch.arange(values.shape[1], 0, -1, device=context.device)
    seen = (ages <= (available - d)[:, None]).to(values.dtype)
    mean = values.new_zeros(len(values), 1)
    if order.drift or not d:
        mean = (values * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp_min(1)
        values = values - mean
    end = values.shape[1]
    begin = end - min(end - deepest, _MOST_ROWS)
    counts = (ages[begin:] <= (available - d - deepest)[:, None]).to(values.dtype)
    lagged = torch.stack([values[:, begin - lag : end - lag] for lag in order.lags], -1) * counts[..., None]
    products = lagged.transpose(1, 2) @ lagged
    weight = _RIDGE * products.diagonal(dim1=1, dim2=2).mean(-1) + _SMALL
    ridge = weight[:, None, None] * torch.eye(len(order.lags), device=context.device)
    answers = lagged.transpose(1, 2) @ (values[:, begin:] * counts)[..., None]
    found = torch.linalg.solve(products + ridge, answers)[..., 0]
    return found, mean[:, 0] * (1 - found.sum(1))


def _on_values(weights: Tensor, order: Order, lags: Sequence[int]) -> Tensor:
    """Weights [B, P] of the lags of differences as weights [B, U] of some lags of the values."""
    d, at = order.difference, {lag: i for i, lag in enumerate(lags)}
    found = weights.new_zeros(len(weights), len(lags))
    for lag, own in zip(order.lags, weights.T, strict=True):
        found[:, at[lag]] += own
        if d:
            found[:, at[lag + d]] -= own
    if d:
        found[:, at[d]] += 1
    return found


def _continued(context: Tensor, weights: Tensor, constants: Tensor, lags: Sequence[int], horizon: int) -> Tensor:
    """The paths [B, K, H] that feed on themselves, by weights [B, K, U] of lags of the values and constants [B, K]."""
    batch, n_orders, _ = weights.shape
    deepest = lags[-1]
    path = context.new_empty(batch, n_orders, deepest + horizon)
    path[..., :deepest] = context[:, None, -deepest:]
    low, high = context.amin(1)[:, None], context.amax(1)[:, None]
    apart = high - low
    back = torch.tensor([deepest - lag for lag in lags], device=context.device)
    for step in range(horizon):
        ahead = constants + (weights * path[..., back + step]).sum(-1)
        path[..., deepest + step] = torch.minimum(torch.maximum(ahead, low - apart), high + apart)
    return path[..., deepest:]
