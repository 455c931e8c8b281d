"""Analogues: what came after the stretches of a context that looked most like its end (Lorenz 1969).

Nothing is said of a week: after a Friday night, the nearest stretches are Friday nights. Stretches are compared about
their own means, and what followed counts from there, so that the level is that of today.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from forecast.models.smoothing import repeated
from forecast.models.traits import Traits

#: How many stretches are averaged, the fewest steps of one, and their lengths in seasons.
_NEAREST, _SHORTEST, _SEASONS = 5, 6, (1, 2)
#: A context holds so many stretches, at least.
_FEWEST = 4


def stretches_for(context_length: int, season_length: int) -> tuple[int, ...]:
    """The lengths of the stretches that are compared, in steps."""
    m = max(season_length, _SHORTEST)
    return tuple(n * m for n in _SEASONS if _FEWEST * n * m <= context_length)


def analogue_names(context_length: int, season_length: int) -> list[str]:
    """What each of the `stretches_for` a context makes, in words and in order."""
    return [
        f"analogues: what followed the {_NEAREST} stretches of {steps} steps most like the last"
        for steps in stretches_for(context_length, season_length)
    ]


def analogue_traits(context_length: int, season_length: int) -> list[Traits]:
    """The traits of each of the `stretches_for` a context, in order."""
    return [
        Traits(analogue=1.0, seasonless=float(season_length == 1), depth=math.log2(steps) / 4)
        for steps in stretches_for(context_length, season_length)
    ]


def analogues(context: Tensor, available: Tensor, season_length: int, horizon: int) -> Tensor:
    """The forecasts [B, K, H] after contexts [B, L] without missing values, one for each length of stretches.

    available [B] is how many of the L steps lie after the first observed one; stretches from before count for nothing,
    and where there are no others, the forecast is the mean of the last stretch. Where the horizon is longer than a
    third of the context and a stretch, the last season of what followed is repeated.
    """
    length = context.shape[1]
    found = [_after(context, available, n, season_length, horizon) for n in stretches_for(length, season_length)]
    return torch.stack(found, 1) if found else context.new_empty(len(context), 0, horizon)


def _after(context: Tensor, available: Tensor, steps: int, season_length: int, horizon: int) -> Tensor:
    """The mean [B, H] of what followed the nearest stretches of so many steps."""
    length = context.shape[1]
    ahead = min(horizon, max(steps, length // 3))
    level = context[:, -steps:].mean(1, keepdim=True)
    apart, means = _apart(context[:, : length - ahead], context[:, -steps:] - level)
    begins = torch.arange(apart.shape[1], device=context.device)
    apart = apart.masked_fill(begins < (length - available)[:, None], torch.inf)
    nearest = apart.topk(min(_NEAREST, apart.shape[1]), dim=1, largest=False)
    usable = torch.isfinite(nearest.values).to(context.dtype)
    share = usable / usable.sum(1, keepdim=True).clamp_min(1)
    at = nearest.indices[..., None] + steps + torch.arange(ahead, device=context.device)
    followed = context.gather(1, at.flatten(1)).unflatten(1, at.shape[1:]) - means.gather(1, nearest.indices)[..., None]
    found: Tensor = level + (share[..., None] * followed).sum(1)
    if horizon == ahead:
        return found
    return torch.cat([found, repeated(found[:, -min(season_length, ahead) :], horizon - ahead)], 1)


def _apart(values: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """How far each stretch of values [B, N] is from the last one [B, S], both about their means, and those means.

    The sum of squared differences, less the squares of the last one, which are the same for all: [B, N − S + 1].
    """
    steps, n = last.shape[1], values.shape[1]
    # Sums of thousands of values are taken from each other; not every device has more than single precision.
    exact = values.float() if values.device.type == "mps" else values.double()
    sums, squares = (functional.pad(v.cumsum(1), (1, 0)) for v in (exact, exact.square()))
    means = (sums[:, steps:] - sums[:, :-steps]) / steps
    within = squares[:, steps:] - squares[:, :-steps] - steps * means.square()
    # The products with every stretch at once, by the Fourier transform.
    size = 1 << (n + steps - 1).bit_length()
    products = torch.fft.irfft(torch.fft.rfft(values, size) * torch.fft.rfft(last, size).conj(), size)
    return within.to(values.dtype) - 2 * products[:, : n - steps + 1], means.to(values.dtype)
