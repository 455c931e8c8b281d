"""Exponential smoothing with fixed rates, as linear maps: the recurrence that came before networks.

With its rates fixed, additive exponential smoothing (Holt 1957, Winters 1960; damped trend: Gardner & McKenzie 1985) is
linear in the values it has seen. What it would forecast after any context is therefore one matrix, found by running the
recurrence over the unit vectors once, and a batch of contexts costs one product instead of a loop over their steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class Rates(NamedTuple):
    """What one smoothing takes over from each new value, and how much of the trend is left after a step."""

    level: float
    trend: float
    damping: float
    season: float


_LEVELS = (0.05, 0.2, 0.5, 0.9)
_TRENDS = ((0.0, 0.0), (0.1, 0.9))
_SEASONS = (0.1, 0.3)
#: Smoothing looks no further back than this many seasons, or steps where there is no season: the rest has no weight.
_MOST_CYCLES, _MOST_STEPS = 12, 256
#: A season whose maps would hold more numbers than this goes without.
_MOST_NUMBERS = 40_000_000


def rates_for(context_length: int, season_length: int) -> tuple[Rates, ...]:
    """The rates that are tried for a season; none where the context is shorter than two seasons, or the season huge."""
    m = season_length
    found = tuple(
        Rates(level, trend, damping, season)
        for level in _LEVELS
        for trend, damping in _TRENDS
        for season in (_SEASONS if m > 1 else (0.0,))
    )
    fits = 2 * m <= context_length and len(found) * _reach(context_length, m) * (m + 2) <= _MOST_NUMBERS
    return found if fits else ()


def smoothed(context: Tensor, season_length: int, rates: Sequence[Rates], horizon: int) -> Tensor:
    """The forecasts [B, K, H] of K smoothings after contexts [B, L] without missing values, the newest value last."""
    m = season_length
    reach = _reach(context.shape[1], m)
    maps, damped = _maps_ahead(reach, m, tuple(rates), min(m, horizon)), _damped(horizon, tuple(rates))
    states = (context[:, -reach:] @ maps.to(context.device)).unflatten(1, (len(rates), -1))
    level, trend, season = states[..., :1], states[..., 1:2], states[..., 2:]
    found: Tensor = level + trend * damped.to(context.device) + repeated(season, horizon)
    return found


def repeated(season: Tensor, horizon: int) -> Tensor:
    """A season [..., M] over and over until the horizon [..., H]."""
    # Copied in whole rows: picking each step by its number is slower.
    again = -(-horizon // season.shape[-1])
    return season.repeat(*(1,) * (season.dim() - 1), again)[..., :horizon]


def _reach(context_length: int, season_length: int) -> int:
    most = _MOST_STEPS if season_length == 1 else _MOST_CYCLES * season_length
    return min(context_length, max(most, 2 * season_length))


@lru_cache(maxsize=32)
def _maps(length: int, season_length: int, rates: tuple[Rates, ...]) -> Tensor:
    """Maps [L, K·(2 + m)] from a context to the level, the trend, and the season from the step after the context on."""
    m, values = season_length, torch.eye(length, dtype=torch.float64)
    a, b, phi, g = (torch.tensor(each, dtype=torch.float64)[:, None] for each in zip(*rates, strict=True))
    # The first season is the start: its mean is the level, and there is no trend yet.
    level = values[:m].mean(0).expand(len(rates), length)
    trend = torch.zeros_like(level)
    season = [values[i] - level for i in range(m)]
    for t in range(m, length):
        phase, before = t % m, level
        level = a * (values[t] - season[phase]) + (1 - a) * (level + phi * trend)
        trend = b * (level - before) + (1 - b) * phi * trend
        season[phase] = g * (values[t] - level) + (1 - g) * season[phase]
    if m == 1:
        season = [torch.zeros_like(level)]
    ahead = [season[(length + i) % m] for i in range(m)]
    states = torch.stack([level, trend, *ahead], 1)
    return states.flatten(0, 1).T.float().contiguous()


@lru_cache(maxsize=32)
def _maps_ahead(length: int, season_length: int, rates: tuple[Rates, ...], ahead: int) -> Tensor:
    """The same maps to the level, the trend, and so many steps of a season, of which a horizon may need few."""
    states = _maps(length, season_length, rates).unflatten(1, (len(rates), -1))
    needed: Tensor = states[:, :, : 2 + ahead].flatten(1).contiguous()
    return needed


@lru_cache(maxsize=32)
def _damped(horizon: int, rates: tuple[Rates, ...]) -> Tensor:
    """How far a damped trend of one a step has gone after each step, [K, H]."""
    damping = torch.tensor([r.damping for r in rates], dtype=torch.float64)[:, None]
    return (damping ** torch.arange(1, horizon + 1)).cumsum(1).float()
