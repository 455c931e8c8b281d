"""Trends: where a series goes when its seasons and its noise are taken away.

A trend is a function `(rng, length, unit) -> [T]`, where the unit is the number of steps in which something may happen:
the season, or ten steps if that is more. Sizes are beside a noise of 0.05 to 2 (`series.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecast.synthetic.drawing import Rng, Values, choose, shocks, sign, size, standardised
from forecast.synthetic.kernels import composed_process
from forecast.synthetic.processes import autoregression, bridge, resonance, volatility

Trend = Callable[[Rng, int, int], Values]


def level(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001  every trend is called alike
    """None: y_t = 0."""
    return np.zeros(length)


def line(rng: Rng, length: int, unit: int) -> Values:
    """y_t = b t, with a slope per unit of 0.1 to 3 times a normal number."""
    slope = rng.standard_normal() * size(rng, 0.1, 3.2) / unit
    return slope * np.arange(length, dtype=np.float64)


def broken_line(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """A line whose slope changes at one or more steps, of Poisson number (piecewise linear, Taylor & Letham 2018)."""
    cuts = np.sort(rng.integers(0, length, rng.poisson(1.0) + 1))
    slopes = rng.standard_normal(len(cuts) + 1) * size(rng, 0.01, 0.4)
    return np.cumsum(np.repeat(slopes, np.diff(np.concatenate([[0], cuts, [length]]))))


def random_walk(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """Prices and rates: y_t = y_{t−1} + s e_t, the steps independent, or heavy-tailed with calm and wild times."""
    return np.cumsum(_steps(rng, length)) * size(rng, 0.032, 2)


def drifting_walk(rng: Rng, length: int, unit: int) -> Values:
    """A random walk with a drift that shows after one to a hundred units: y_t = y_{t−1} + c + s e_t."""
    drift = sign(rng) * size(rng, 0.1, 1) / np.sqrt(unit)
    return np.cumsum(_steps(rng, length) + drift) * size(rng, 0.032, 1)


def local_trend(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """Local linear trend, damped: y_t = y_{t−1} + b_t + s e_t, b_t = φ b_{t−1} + r η_t (Gardner & McKenzie 1985)."""
    damping = (0.8, 0.9, 0.95, 0.98, 1.0)[rng.integers(0, 5)]
    slopes = autoregression(rng.standard_normal(length) * size(rng, 0.0032, 0.2), (damping,))
    return np.cumsum(slopes + rng.standard_normal(length) * size(rng, 0.01, 0.32))


def random_bridge(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """A random walk that comes back to where it began: `processes.bridge`."""
    return bridge(_steps(rng, length)) * size(rng, 0.032, 2)


def growth(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """Exponential growth or decay towards a level: y_t = a (exp(g t / T) − 1), −2.4 < g < 3.6."""
    rate = rng.uniform(-0.6, 0.9) * rng.uniform(1, 4)
    rise: Values = np.expm1(rate * np.linspace(0, 1, length))
    return rise * rng.uniform(0.5, 4)


def saturation(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """Logistic growth to a ceiling, or down to a floor: y_t = c / (1 + exp(−(t − t₀) / w)) (Verhulst 1838)."""
    middle, width = rng.uniform(0, 1) * length, rng.uniform(0.03, 0.3) * length
    share: Values = 1 / (1 + np.exp(-(np.arange(length) - middle) / width))
    return share * sign(rng) * rng.uniform(1, 8)


def slow_cycles(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """One to three cosines of 8 steps to twice the length, whose phases wander a little: business cycles, climate."""
    values, t = np.zeros(length), np.arange(length)
    for _ in range(rng.integers(1, 4)):
        wander = 1 + 0.1 * np.cumsum(rng.standard_normal(length)) / length
        values += rng.uniform(0.3, 3) * np.sin(2 * np.pi * (t / size(rng, 8, 2 * length) * wander + rng.random()))
    return values


def wandering_cycle(rng: Rng, length: int, unit: int) -> Values:  # noqa: ARG001
    """A cycle of 10 to 200 steps without a clock, as of sunspots: `processes.resonance` of radius 0.97 to 0.999."""
    warm_up = 200
    values = resonance(rng.standard_normal(length + warm_up), rng.uniform(0.97, 0.999), size(rng, 10, 200))
    return standardised(values[warm_up:]) * rng.uniform(1, 5)


def gaussian_process(rng: Rng, length: int, unit: int) -> Values:
    """Any smooth or rough function: `kernels.composed_process`."""
    return composed_process(rng, length, unit) * rng.uniform(1, 5)


def _steps(rng: Rng, length: int) -> Values:
    """Steps of a walk: normal ones, or heavy-tailed ones with calm and wild times."""
    if rng.random() < 0.5:
        return rng.standard_normal(length)
    return shocks(rng, length) * volatility(rng, length, 0.96, 0.2)


TRENDS: dict[str, Trend] = {
    "level": level,
    "line": line,
    "broken_line": broken_line,
    "random_walk": random_walk,
    "drifting_walk": drifting_walk,
    "local_trend": local_trend,
    "random_bridge": random_bridge,
    "growth": growth,
    "saturation": saturation,
    "slow_cycles": slow_cycles,
    "wandering_cycle": wandering_cycle,
    "gaussian_process": gaussian_process,
}
TREND_WEIGHTS = {
    "level": 0.13,
    "line": 0.11,
    "broken_line": 0.11,
    "random_walk": 0.14,
    "drifting_walk": 0.06,
    "local_trend": 0.13,
    "random_bridge": 0.02,
    "growth": 0.07,
    "saturation": 0.06,
    "slow_cycles": 0.07,
    "wandering_cycle": 0.06,
    "gaussian_process": 0.04,
}


def draw_trend(rng: Rng, length: int, unit: int) -> Values:
    """A trend [T] at random."""
    return TRENDS[choose(rng, TREND_WEIGHTS)](rng, length, unit)
