"""Gaussian processes whose kernels are put together at random, drawn by random Fourier features.

A stationary kernel is the mean of cos(2π f τ) over the frequencies f of its spectrum (Bochner 1932), so a sum of
cosines with frequencies drawn from there has that kernel (Rahimi & Recht 2007). The product of two kernels has the sums
of their frequencies, a sum of kernels is a sum of draws, and the linear kernel makes t · y_t of y_t: no matrix is
inverted.
The grammar of sums and products is that of Duvenaud et al. (2013), as KernelSynth draws it (Ansari et al. 2024).

A kernel is a function `(rng, n, scale) -> [n]`: frequencies in cycles per step for a scale in steps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecast.synthetic.drawing import Rng, Values, choose, size, standardised

Kernel = Callable[[Rng, int, float], Values]

#: Cosines of a draw: at 48 a draw of 1,500 steps takes about a millisecond.
_FEATURES = 48


def squared_exponential(rng: Rng, n: int, scale: float) -> Values:
    """RBF: k(τ) = exp(−τ² / 2λ²), of frequencies N(0, 1 / (2πλ)²)."""
    return rng.standard_normal(n) / (2 * np.pi * scale)


def rational_quadratic(rng: Rng, n: int, scale: float) -> Values:
    """k(τ) = (1 + τ² / 2αλ²)^−α with α = 1: RBFs of many scales, of precisions that are Gamma(α, α)."""
    return rng.standard_normal(n) * np.sqrt(rng.standard_gamma(1.0, n)) / (2 * np.pi * scale)


def rough(rng: Rng, n: int, scale: float) -> Values:
    """Matérn of order 1/2, the continuous random walk that returns: k(τ) = exp(−|τ| / λ), of Cauchy frequencies.

    A frequency above half a cycle per step is one below at whole steps, so nothing is lost.
    """
    return rng.standard_cauchy(n) / (2 * np.pi * scale)


def periodic(rng: Rng, n: int, scale: float) -> Values:
    """k(τ) = exp(−2 sin²(πτ / p) / λ²) with period p = `scale` and λ = 1: whole multiples of 1 / p.

    The share of harmonic j is e^{−1/λ²} I_j(1/λ²) with I the modified Bessel function, that is, the difference of two
    Poisson numbers of mean 1 / 2λ² each (Skellam 1946).
    """
    return (rng.poisson(0.5, n) - rng.poisson(0.5, n)) / scale


KERNELS: dict[str, Kernel] = {
    "squared_exponential": squared_exponential,
    "rational_quadratic": rational_quadratic,
    "rough": rough,
    "periodic": periodic,
}
KERNEL_WEIGHTS = {"squared_exponential": 0.35, "rational_quadratic": 0.2, "rough": 0.15, "periodic": 0.3}


def process_of(rng: Rng, frequencies: Values, length: int) -> Values:
    """A draw [T], of variance 1 over draws, of the Gaussian process whose spectrum the frequencies [n] come from.

    Amplitudes are Rayleigh and phases uniform, so given the frequencies every value is exactly normal.
    """
    amplitudes = rng.rayleigh(1, len(frequencies)) / np.sqrt(len(frequencies))
    phases = rng.uniform(0, 2 * np.pi, len(frequencies))
    values: Values = amplitudes @ np.cos(2 * np.pi * np.outer(frequencies, np.arange(length)) + phases[:, None])
    return values


def composed_process(rng: Rng, length: int, unit: int) -> Values:
    """A draw [T] of one to three summed terms, each of one or two kernels, one in five times a line; standardised.

    Scales are log-uniform from half a unit (the season, or ten steps) to twice the length, periods from two steps on.
    """
    values = np.zeros(length)
    for _ in range(rng.integers(1, 4)):
        frequencies = np.zeros(_FEATURES)
        for _ in range(rng.integers(1, 3)):
            name = choose(rng, KERNEL_WEIGHTS)
            if name == "periodic":
                scale = unit if rng.random() < 0.5 else size(rng, 2, length)
            else:
                scale = size(rng, unit / 2, 2 * length)
            frequencies += KERNELS[name](rng, _FEATURES, scale)
        term = process_of(rng, frequencies, length)
        if rng.random() < 0.2:
            term = term * np.linspace(rng.uniform(-1, 1), rng.uniform(-2, 2), length)
        values += term * rng.uniform(0.2, 1)
    return standardised(values)
