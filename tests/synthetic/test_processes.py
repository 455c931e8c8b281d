"""Random processes have the moments that are known of them."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic.drawing import Values
from forecast.synthetic.processes import autoregression, bridge, fractional, resonance, volatility

STEPS = 40_000


def correlation(values: Values, lag: int) -> float:
    return float(np.corrcoef(values[lag:], values[:-lag])[0, 1])


def normal(seed: int, length: int = STEPS) -> Values:
    return np.random.default_rng(seed).standard_normal(length)


def test_an_autoregression_is_its_recursion() -> None:
    """From rest, by hand: 1, 0.5 + 1, 0.75 + 1; with a moving part the shock before counts as well."""
    ones = np.ones(3)
    assert autoregression(ones, (0.5,)).tolist() == [1, 1.5, 1.75]
    assert autoregression(ones, (0.5,), (1.0,)).tolist() == [1, 2.5, 3.25]


def test_the_autocorrelation_of_an_autoregression_falls_by_its_coefficient() -> None:
    """0.8, 0.64, …; its variance is 1 / (1 − 0.64)."""
    values = autoregression(normal(0), (0.8,))
    assert [correlation(values, lag) for lag in (1, 2, 5)] == pytest.approx([0.8, 0.64, 0.8**5], abs=0.03)
    assert values.var() == pytest.approx(1 / 0.36, rel=0.05)


def test_a_resonance_has_its_period() -> None:
    """The spectrum is largest at one cycle in 25 steps."""
    values = resonance(normal(1), 0.99, 25)
    power = np.abs(np.fft.rfft(values)) ** 2
    smooth = np.convolve(power, np.ones(41) / 41, mode="same")
    assert STEPS / smooth.argmax() == pytest.approx(25, rel=0.04)


def test_fractional_integration_of_order_0_and_1_is_nothing_and_a_sum() -> None:
    """The two ends between which long memory lies."""
    values = normal(2, 500)
    assert fractional(values, 0.0) == pytest.approx(values)
    assert fractional(values, 1.0) == pytest.approx(np.cumsum(values))


def test_long_memory_has_its_autocorrelation_and_its_slope() -> None:
    """d / (1 − d) at lag 1, and the deviation of means of n steps falls as n^(d − 1/2): Hurst's exponent, less 1."""
    values = fractional(normal(3, 200_000), 0.3)[10_000:]
    assert correlation(values, 1) == pytest.approx(0.3 / 0.7, abs=0.03)
    widths = np.array([10, 30, 100, 300])
    deviations = [values[: len(values) // w * w].reshape(-1, w).mean(axis=1).std() for w in widths]
    assert np.polyfit(np.log(widths), np.log(deviations), 1)[0] == pytest.approx(0.3 - 0.5, abs=0.05)


def test_volatility_clusters_and_leaves_the_size() -> None:
    """The mean square is 1, neighbours are alike, and the deviation of the logarithm is s / √(1 − φ²)."""
    factors = volatility(np.random.default_rng(4), STEPS, 0.9, 0.2)
    assert (factors**2).mean() == pytest.approx(1)
    assert np.log(factors).std() == pytest.approx(0.2 / np.sqrt(1 - 0.81), rel=0.05)
    assert correlation(np.log(factors), 1) == pytest.approx(0.9, abs=0.02)


def test_a_bridge_ends_where_it_began_and_is_widest_in_its_middle() -> None:
    """Both ends are 0, and the variance after a share s of T steps is T s (1 − s)."""
    bridges = np.array([bridge(normal(seed, 101)) for seed in range(2000)])
    assert bridges[:, 0] == pytest.approx(0)
    assert bridges[:, -1] == pytest.approx(0, abs=1e-9)
    assert bridges[:, [25, 50]].var(axis=0) == pytest.approx([100 * 0.25 * 0.75, 100 * 0.25], rel=0.1)
