"""Disturbances: what happens to a series that was fine; `gaps.py` has missing values, `calendar_effects.py` holidays.

A disturbance is a function `(rng, values, season_length) -> [T]`; it happens to a series with its own chance, one after
the other in the order of the registry.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecast.synthetic.drawing import Rng, Values

Disturbance = Callable[[Rng, Values, int], Values]


def floor(rng: Rng, values: Values, season_length: int) -> Values:  # noqa: ARG001  every disturbance is called alike
    """Nothing is below a floor that 10 to 70 percent of the values would be: rain, sunshine, sales."""
    return np.maximum(values - np.quantile(values, rng.uniform(0.1, 0.7)), 0)


def outliers(rng: Rng, values: Values, season_length: int) -> Values:  # noqa: ARG001
    """Single steps, up to 3 percent and at least one, are off by t₃ times 0.5 to 4 deviations (additive; Fox 1972)."""
    n = max(1, int(len(values) * rng.uniform(0, 0.03)))
    sizes = rng.standard_t(3, n) * values.std() * rng.uniform(0.5, 4)
    values = values.copy()
    values[rng.integers(0, len(values), n)] += sizes
    return values


def level_shift(rng: Rng, values: Values, season_length: int) -> Values:  # noqa: ARG001
    """From one step on all is higher, or lower, by a normal number times 0.3 to 3 deviations (Tsay 1988)."""
    shift = rng.standard_normal() * float(values.std()) * rng.uniform(0.3, 3)
    return values + shift * (np.arange(len(values)) >= rng.integers(0, len(values)))


def passing_shift(rng: Rng, values: Values, season_length: int) -> Values:
    """A shift that fades within one to ten cycles: δ^(t − t₀) (Chen & Liu 1993)."""
    shift = rng.standard_normal() * float(values.std()) * rng.uniform(1, 5)
    since = np.arange(len(values)) - rng.integers(0, len(values))
    fading = np.exp(-np.maximum(since, 0) / (max(season_length, 3) * rng.uniform(1, 10) / 3))
    return values + shift * np.where(since >= 0, fading, 0.0)


def strange_cycles(rng: Rng, values: Values, season_length: int) -> Values:
    """One to three cycles lie higher, or lower, as a whole: a strike, a holiday, a closed month."""
    values, deviation = values.copy(), values.std()
    for _ in range(rng.integers(1, 4)):
        start = rng.integers(0, len(values))
        values[start : start + max(season_length, 3)] += rng.standard_normal() * deviation
    return values


def rounding(rng: Rng, values: Values, season_length: int) -> Values:  # noqa: ARG001
    """Whole multiples of 0.02 to 1 deviations, as of prices in cents and of coarse sensors."""
    step = values.std() * 10 ** rng.uniform(-1.7, 0)
    return np.round(values / step) * step if step > 0 else values


def stuck(rng: Rng, values: Values, season_length: int) -> Values:
    """The last value again and again, for up to three cycles, once or twice: a sensor or a feed that stopped."""
    values = values.copy()
    for _ in range(rng.integers(1, 3)):
        start = rng.integers(0, len(values))
        values[start : start + rng.integers(2, 3 * max(season_length, 3))] = values[start]
    return values


DISTURBANCES: dict[str, Disturbance] = {
    "floor": floor,
    "outliers": outliers,
    "level_shift": level_shift,
    "passing_shift": passing_shift,
    "strange_cycles": strange_cycles,
    "rounding": rounding,
    "stuck": stuck,
}
DISTURBANCE_SHARES = {
    "floor": 0.05,
    "outliers": 0.2,
    "level_shift": 0.12,
    "passing_shift": 0.03,
    "strange_cycles": 0.05,
    "rounding": 0.03,
    "stuck": 0.01,
}


def disturb(rng: Rng, values: Values, season_length: int) -> Values:
    """The values [T] with each disturbance as often as its share has it."""
    for name, disturbance in DISTURBANCES.items():
        if rng.random() < DISTURBANCE_SHARES[name]:
            values = disturbance(rng, values, season_length)
    return values
