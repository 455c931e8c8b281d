"""Profiles: the shape of one cycle of a season, [m], with mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecast.synthetic.drawing import Rng, Values, choose, sign, standardised

Profile = Callable[[Rng, int], Values]

#: Cycles of at most so many steps have no shape but the random one.
_SHAPELESS = 5


def independent(rng: Rng, season_length: int) -> Values:
    """Every step of the cycle for itself: p_i ~ N(0, 1)."""
    return rng.standard_normal(season_length)


def smooth(rng: Rng, season_length: int) -> Values:
    """One to four harmonics that fall with their order: Σ_j a_j j^−γ cos(2π (j i / m + φ_j)) (Fourier)."""
    values, x = np.zeros(season_length), np.arange(season_length) / season_length
    for j in range(1, rng.integers(2, 6)):
        values += rng.standard_normal() / j ** rng.uniform(0.3, 1.5) * np.cos(2 * np.pi * (j * x + rng.random()))
    return values


def bumps(rng: Rng, season_length: int) -> Values:
    """One to three bells around the cycle, as of rush hours and of Christmas: Σ a exp(−d² / 2w²)."""
    values, x = np.zeros(season_length), np.arange(season_length)
    for _ in range(rng.integers(1, 4)):
        centre, width = rng.uniform(0, season_length), rng.uniform(0.03, 0.25) * season_length
        away = np.abs(x - centre)
        values += rng.uniform(-1, 2) * np.exp(-((np.minimum(away, season_length - away) / width) ** 2) / 2)
    return values


def spikes(rng: Rng, season_length: int) -> Values:
    """A part of the cycle, 5 to 35 percent, lies apart: the weekend, a month of sales."""
    values = np.zeros(season_length) if season_length <= 12 else 0.3 * rng.standard_normal(season_length)
    n = max(1, int(season_length * rng.uniform(0.05, 0.35)))
    where = (rng.integers(0, season_length) + np.arange(n)) % season_length
    values[where] += rng.standard_normal(n) * 0.3 + sign(rng) * rng.uniform(0.5, 2)
    return values


def nights(rng: Rng, season_length: int) -> Values:
    """Flat for a part of the cycle, an arc in the rest, as of the sun: max(0, cos(2π i / m) − c)^γ, turned."""
    arc = np.maximum(np.cos(2 * np.pi * np.arange(season_length) / season_length) - rng.uniform(-0.7, 0.5), 0)
    height = 1.0 if rng.random() < 0.8 else -1.0
    return np.roll(height * arc ** rng.uniform(0.5, 2), rng.integers(0, season_length))


PROFILES: dict[str, Profile] = {
    "independent": independent,
    "smooth": smooth,
    "bumps": bumps,
    "spikes": spikes,
    "nights": nights,
}
PROFILE_WEIGHTS = {"independent": 0.24, "smooth": 0.26, "bumps": 0.22, "spikes": 0.2, "nights": 0.08}


def draw_profile(rng: Rng, season_length: int) -> Values:
    """The shape of one cycle [m] at random, standardised; of five steps and less always an independent one."""
    name = choose(rng, PROFILE_WEIGHTS) if season_length > _SHAPELESS else "independent"
    return standardised(PROFILES[name](rng, season_length))
