"""Random Fourier features have the kernel that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic.drawing import Values
from forecast.synthetic.kernels import KERNELS, composed_process, process_of

LAGS = np.arange(40)
#: Each kernel in closed form at scale 12.
CLOSED = {
    "squared_exponential": np.exp(-(LAGS**2) / (2 * 12**2)),
    "rational_quadratic": 1 / (1 + LAGS**2 / (2 * 12**2)),
    "rough": np.exp(-LAGS / 12),
    "periodic": np.exp(-2 * np.sin(np.pi * LAGS / 12) ** 2),
}


def mean_cosine(frequencies: Values) -> Values:
    return np.cos(2 * np.pi * np.outer(LAGS, frequencies)).mean(axis=1)


@pytest.mark.parametrize("name", KERNELS)
def test_the_mean_cosine_of_the_frequencies_is_the_kernel(name: str) -> None:
    """Bochner's theorem, at forty lags."""
    frequencies = KERNELS[name](np.random.default_rng(0), 20_000, 12.0)
    assert mean_cosine(frequencies) == pytest.approx(CLOSED[name], abs=0.025)


def test_sums_of_frequencies_are_products_of_kernels() -> None:
    """A season that fades: RBF times periodic."""
    rng = np.random.default_rng(1)
    frequencies = KERNELS["squared_exponential"](rng, 20_000, 12.0) + KERNELS["periodic"](rng, 20_000, 12.0)
    assert mean_cosine(frequencies) == pytest.approx(CLOSED["squared_exponential"] * CLOSED["periodic"], abs=0.025)


def test_draws_have_the_covariance_of_the_kernel() -> None:
    """Over many draws, with few features each: variance 1, and the kernel between two steps."""
    rng = np.random.default_rng(2)
    draws = np.array([process_of(rng, KERNELS["rough"](rng, 48, 12.0), 40) for _ in range(6000)])
    assert draws.T @ draws[:, 0] / len(draws) == pytest.approx(CLOSED["rough"], abs=0.06)
    assert draws.mean(axis=0) == pytest.approx(0, abs=0.06)


def test_composed_processes_are_standardised_and_differ() -> None:
    """Mean 0, deviation 1, and none like another."""
    rng = np.random.default_rng(3)
    draws = np.array([composed_process(rng, 200, 12) for _ in range(50)])
    assert draws.mean(axis=1) == pytest.approx(0, abs=1e-9)
    assert draws.std(axis=1) == pytest.approx(1)
    assert len({values.tobytes() for values in draws}) == 50
