"""Seasons: cycles that follow each other, the same or changing. Each begins at a random step of its cycle.

A season is a function `(rng, season_length, length) -> [T]`, of about unit size.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecast.synthetic.drawing import Rng, Values, choose, size
from forecast.synthetic.profiles import draw_profile

Season = Callable[[Rng, int, int], Values]


def fixed(rng: Rng, season_length: int, length: int) -> Values:
    """Every cycle as the one before: y_t = p_{t mod m}."""
    return _from_cycles(rng, np.tile(draw_profile(rng, season_length), (_cycles(season_length, length), 1)), length)


def drifting(rng: Rng, season_length: int, length: int) -> Values:
    """Every step of the cycle is a random walk over the cycles, as in the basic structural model (Harvey 1989)."""
    n = _cycles(season_length, length)
    walks = np.cumsum(rng.standard_normal((n, season_length)) * size(rng, 0.0032, 0.2), axis=0)
    return _from_cycles(rng, draw_profile(rng, season_length) + walks, length)


def changing(rng: Rng, season_length: int, length: int) -> Values:
    """One profile gives way to another, over all of the length or a part: (1 − w_c) p + w_c q."""
    old, new = draw_profile(rng, season_length), draw_profile(rng, season_length)
    way = np.linspace(rng.uniform(-0.5, 1), rng.uniform(0, 1.5), _cycles(season_length, length))
    share = np.clip(way, 0, 1)[:, None]
    return _from_cycles(rng, (1 - share) * old + share * new, length)


def swelling(rng: Rng, season_length: int, length: int) -> Values:
    """A profile of an amplitude that walks in its logarithm, with a drift: a_c p, log a_c = log a_{c−1} + g + s e_c."""
    n = _cycles(season_length, length)
    steps = rng.standard_normal(n) * rng.uniform(0.01, 0.15) + rng.normal(0, 0.5) / n
    amplitudes = np.exp(np.clip(np.cumsum(steps), -3, 3))[:, None]
    return _from_cycles(rng, draw_profile(rng, season_length) * amplitudes, length)


SEASONS: dict[str, Season] = {"fixed": fixed, "drifting": drifting, "changing": changing, "swelling": swelling}
SEASON_WEIGHTS = {"fixed": 0.4, "drifting": 0.3, "changing": 0.15, "swelling": 0.15}


def draw_season(rng: Rng, season_length: int, length: int) -> Values:
    """A season [T] of a length in steps, at random."""
    return SEASONS[choose(rng, SEASON_WEIGHTS)](rng, season_length, length)


def _cycles(season_length: int, length: int) -> int:
    """So many cycles that the length can begin at any step of the first."""
    return -(-length // season_length) + 1


def _from_cycles(rng: Rng, cycles: Values, length: int) -> Values:
    """The values [T] of cycles [C, m] from a random step of the first; three in ten are a little uneven."""
    if rng.random() < 0.3:
        cycles = cycles + rng.standard_normal(cycles.shape) * rng.uniform(0.02, 0.3)
    start = rng.integers(0, cycles.shape[1])
    return cycles.reshape(-1)[start : start + length]
