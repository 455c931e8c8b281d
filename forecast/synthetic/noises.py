"""Noises: what is left of a series when its trend and its season are known. Each has about unit size.

A noise is a function `(rng, length) -> [T]`; those that remember have shocks of Student's t in three of ten draws.
"""

from __future__ import annotations

from collections.abc import Callable

from forecast.synthetic.drawing import Rng, Values, choose, shocks, standardised
from forecast.synthetic.processes import autoregression, fractional, resonance, volatility

Noise = Callable[[Rng, int], Values]


def white(rng: Rng, length: int) -> Values:
    """Independent and normal: e_t ~ N(0, 1)."""
    return rng.standard_normal(length)


def student(rng: Rng, length: int) -> Values:
    """Independent with heavy tails: e_t ~ t_ν, 2.5 < ν < 6 (Student 1908)."""
    return rng.standard_t(rng.uniform(2.5, 6), length)


def autoregressive(rng: Rng, length: int) -> Values:
    """y_t = φ y_{t−1} + e_t, −0.3 < φ < 0.95; its shocks have unit size, so a persistent one is larger."""
    return autoregression(shocks(rng, length), (rng.uniform(-0.3, 0.95),))


def moving_average(rng: Rng, length: int) -> Values:
    """ARMA(1, 1): y_t = φ y_{t−1} + e_t + θ e_{t−1}, 0 < φ < 0.9, −0.8 < θ < 0.8; standardised."""
    values = autoregression(shocks(rng, length), (rng.uniform(0, 0.9),), (rng.uniform(-0.8, 0.8),))
    return standardised(values)


def cyclic(rng: Rng, length: int) -> Values:
    """A cycle that comes and goes, of 2 to 100 steps: `processes.resonance` of radius 0.3 to 0.97; standardised."""
    return standardised(resonance(shocks(rng, length), rng.uniform(0.3, 0.97), 2 / rng.uniform(0.02, 1)))


def long_memory(rng: Rng, length: int) -> Values:
    """Autocorrelations that fall like a power of the lag: `processes.fractional` of order 0.1 to 0.45; standardised."""
    return standardised(fractional(shocks(rng, length), rng.uniform(0.1, 0.45)))


def volatile(rng: Rng, length: int) -> Values:
    """Calm and wild times: shocks times `processes.volatility` of persistence 0.95."""
    return shocks(rng, length) * volatility(rng, length, 0.95, 0.24)


NOISES: dict[str, Noise] = {
    "white": white,
    "student": student,
    "autoregressive": autoregressive,
    "moving_average": moving_average,
    "cyclic": cyclic,
    "long_memory": long_memory,
    "volatile": volatile,
}
NOISE_WEIGHTS = {
    "white": 0.16,
    "student": 0.06,
    "autoregressive": 0.2,
    "moving_average": 0.08,
    "cyclic": 0.15,
    "long_memory": 0.17,
    "volatile": 0.18,
}


def draw_noise(rng: Rng, length: int) -> Values:
    """A noise [T] at random."""
    return NOISES[choose(rng, NOISE_WEIGHTS)](rng, length)
