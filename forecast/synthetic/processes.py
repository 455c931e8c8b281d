"""Random processes whose parameters are given, what trends and noises are made of: recursions over shocks [T]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.signal import fftconvolve, lfilter

from forecast.synthetic.drawing import Rng, Values


def autoregression(shocks: Values, coefficients: Sequence[float], moving: Sequence[float] = ()) -> Values:
    """ARMA from rest, [T]: y_t = Σ φ_i y_{t−i} + e_t + Σ θ_j e_{t−j} (Box & Jenkins 1970)."""
    values: Values = lfilter([1.0, *moving], [1.0, *(-c for c in coefficients)], shocks)
    return values


def resonance(shocks: Values, radius: float, period: float) -> Values:
    """A cycle that wanders, [T]: the autoregression of order two with roots of a radius below 1, and a period in steps.

    y_t = 2 r cos(2π/p) y_{t−1} − r² y_{t−2} + e_t (Yule 1927, on the sunspots).
    """
    return autoregression(shocks, (2 * radius * np.cos(2 * np.pi / period), -(radius**2)))


def fractional(shocks: Values, order: float) -> Values:
    """Long memory, [T]: shocks integrated `order` times, below 0.5; (1 − B)^d y_t = e_t.

    The weights of the shocks are ψ_k = ψ_{k−1} (k − 1 + d) / k (Granger & Joyeux 1980; Hosking 1981), and the
    autocorrelation at lag 1 is d / (1 − d).
    """
    k = np.arange(1, len(shocks))
    weights = np.cumprod(np.concatenate([[1.0], (k - 1 + order) / k]))
    values: Values = fftconvolve(shocks, weights)[: len(shocks)]
    return values


def volatility(rng: Rng, length: int, persistence: float, spread: float) -> Values:
    """Factors [T] of mean square 1 by which calm and wild times follow each other: log σ_t is an autoregression.

    Stochastic volatility (Taylor 1982): log σ_t = φ log σ_{t−1} + s η_t.
    """
    factors: Values = np.exp(autoregression(rng.standard_normal(length) * spread, (persistence,)))
    factors /= np.sqrt((factors**2).mean())
    return factors


def bridge(shocks: Values) -> Values:
    """A random walk [T] that begins and ends at 0: W_t − (t / T) W_T."""
    walk: Values = np.cumsum(shocks) - shocks[0]
    share: Values = np.arange(len(walk)) / (len(walk) - 1)
    return walk - share * float(walk[-1])
