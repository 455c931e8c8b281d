"""Counts: whole numbers from 0 up whose mean follows a rate.

A count is a function `(rng, rate) -> [T]` of a rate [T] above 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecast.synthetic.drawing import Rng, Values, choose, standardised

Count = Callable[[Rng, Values], Values]


def poisson(rng: Rng, rate: Values) -> Values:
    """Events that know nothing of each other: N_t ~ Poisson(λ_t), of variance λ_t."""
    return rng.poisson(rate).astype(np.float64)


def negative_binomial(rng: Rng, rate: Values) -> Values:
    """Events that come in crowds: Poisson of a rate times Gamma(r, 1/r), of variance λ_t + λ_t² / r, 0.5 < r < 5."""
    crowd = rng.uniform(0.5, 5)
    return rng.poisson(rate * rng.standard_gamma(crowd, len(rate)) / crowd).astype(np.float64)


def intermittent(rng: Rng, rate: Values) -> Values:
    """Demand now and then (Croston 1972): at a step with a chance of 5 to 60 percent on average, then 1 + Poisson(μ).

    The chance follows the rate, p_t = p λ_t / mean(λ), at least 1 and at most 98 percent.
    """
    chance = np.clip(rng.uniform(0.05, 0.6) * rate / rate.mean(), 0.01, 0.98)
    sizes = 1.0 + rng.poisson(rng.exponential(3), len(rate))
    return np.where(rng.random(len(rate)) < chance, sizes, 0.0)


COUNTS: dict[str, Count] = {"poisson": poisson, "negative_binomial": negative_binomial, "intermittent": intermittent}
COUNT_WEIGHTS = {"poisson": 0.5, "negative_binomial": 0.25, "intermittent": 0.25}


def draw_counts(rng: Rng, values: Values) -> Values:
    """Counts [T] at random whose rate follows the values [T] in its logarithm: λ_t = exp(0.7 z_t + c), −1 < c < 3."""
    rate = np.exp(np.clip(standardised(values) * 0.7 + rng.uniform(-1, 3), -3, 6))
    return COUNTS[choose(rng, COUNT_WEIGHTS)](rng, rate)
