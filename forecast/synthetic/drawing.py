"""How a choice, a size and a scale are drawn: the few helpers that all parts of the generator share."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Values = NDArray[np.float64]


def choose(rng: Rng, weights: Mapping[str, float]) -> str:
    """One of the names, each as often as its share of the weights."""
    ends = list(accumulate(weights.values()))
    return list(weights)[min(bisect_right(ends, rng.random() * ends[-1]), len(ends) - 1)]


def sign(rng: Rng) -> float:
    """1 or −1."""
    return 1.0 if rng.random() < 0.5 else -1.0


def size(rng: Rng, least: float, most: float) -> float:
    """A number between two, log-uniform: as often between 1 and 2 as between 2 and 4."""
    return float(least * (most / least) ** rng.random())


def standardised(values: Values) -> Values:
    """The same values [N] with mean 0 and standard deviation 1; zeros when they are all the same."""
    centred: Values = values - values.mean()
    spread = centred.std()
    return centred / spread if spread > 0 else centred


def shocks(rng: Rng, length: int) -> Values:
    """Independent values [T] of mean 0: normal, or in three of ten draws Student's t of 2.5 to 6 degrees of freedom."""
    return rng.standard_normal(length) if rng.random() < 0.7 else rng.standard_t(rng.uniform(2.5, 6), length)
