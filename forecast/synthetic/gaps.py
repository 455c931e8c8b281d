"""Gaps: which values of a series nobody has.

A gap is a function `(rng, length) -> [L]`, true where a value is missing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forecast.synthetic.drawing import Rng, size

Missing = NDArray[np.bool_]
Gap = Callable[[Rng, int], Missing]


def scattered(rng: Rng, length: int) -> Missing:
    """Each step for itself, with one chance of 0 to 20 percent for the series."""
    return rng.random(length) < rng.uniform(0, 0.2)


def stretch(rng: Rng, length: int) -> Missing:
    """One stretch of 1 step to a sixth of the length."""
    since = np.arange(length) - rng.integers(0, length)
    return (since >= 0) & (since < rng.integers(1, 2 + length // 6))


GAPS: dict[str, Gap] = {"scattered": scattered, "stretch": stretch}
GAP_SHARES = {"scattered": 0.05, "stretch": 0.03}
#: How often a series is shorter than the context, unless its family says otherwise.
SHORT_SHARE = 0.45


def before_the_beginning(rng: Rng, length: int, season_length: int) -> Missing:
    """The steps before a series began whose length is log-uniform from two seasons, and at least 8 steps, up to all."""
    least = min(length, max(2 * season_length, 8))
    return np.arange(length) < length - int(size(rng, least, length + 1))


def draw_gaps(rng: Rng, length: int, season_length: int, short: float = SHORT_SHARE) -> Missing:
    """Which values of a context [L] are missing, or from before the series began, as a share of them is short."""
    missing = np.zeros(length, dtype=bool)
    if rng.random() < short:
        missing |= before_the_beginning(rng, length, season_length)
    for name, gap in GAPS.items():
        if rng.random() < GAP_SHARES[name]:
            missing |= gap(rng, length)
    return missing
