"""Trends and noises: what holds for every draw, and how draws spread."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic import trends
from forecast.synthetic.drawing import Values
from forecast.synthetic.noises import NOISES
from forecast.synthetic.trends import TRENDS


def draws(name: str, n: int, length: int, unit: int = 10) -> Values:
    rng = np.random.default_rng(11)
    return np.array([TRENDS[name](rng, length, unit) for _ in range(n)])


@pytest.mark.parametrize("name", TRENDS)
def test_every_trend_has_its_length_and_is_finite(name: str) -> None:
    """At a few steps and at many."""
    for length in (12, 700):
        values = draws(name, 40, length)
        assert values.shape == (40, length)
        assert np.isfinite(values).all()


def test_a_level_is_0_and_a_line_is_straight() -> None:
    """No change at all, and no change of the change; lines go up as often as down."""
    assert not draws("level", 1, 50).any()
    lines = draws("line", 400, 50)
    assert np.diff(lines, 2) == pytest.approx(0, abs=1e-9)
    assert np.mean(lines[:, -1] > 0) == pytest.approx(0.5, abs=0.07)


def test_a_line_rises_per_unit() -> None:
    """With the same draws, a unit of twenty steps has half the slope of one of ten."""
    assert draws("line", 5, 30, 20) == pytest.approx(draws("line", 5, 30, 10) / 2)


def test_a_broken_line_breaks_seldom() -> None:
    """Two pieces on average or a few, each of them straight."""
    breaks = (np.abs(np.diff(draws("broken_line", 300, 200), 2)) > 1e-9).sum(axis=1)
    assert breaks.max() <= 8
    # A Poisson number of mean 1, and one; a break in the first two steps does not show.
    assert breaks.mean() == pytest.approx(2, abs=0.2)


def test_the_variance_of_a_random_walk_grows_with_time() -> None:
    """Four times the steps have twice the distance, of normal and of heavy steps."""
    walks = draws("random_walk", 3000, 401)
    scaled = walks / np.diff(walks).std(axis=1, keepdims=True)
    distances = [np.mean((scaled[:, lag:] - scaled[:, :-lag]) ** 2) for lag in (25, 100)]
    assert distances == pytest.approx([25, 100], rel=0.1)


def test_a_drifting_walk_goes_somewhere() -> None:
    """Over a hundred units most are where their first half was going."""
    walks = draws("drifting_walk", 400, 1001)
    assert np.mean((walks[:, 500] > 0) == (walks[:, 1000] > walks[:, 500])) > 0.85


def test_a_local_trend_keeps_its_direction() -> None:
    """Changes of neighbouring steps are alike on average, which those of a random walk are not."""
    changes = np.diff(draws("local_trend", 300, 300))
    assert np.mean([np.corrcoef(c[1:], c[:-1])[0, 1] for c in changes]) > 0.25
    changes = np.diff(draws("random_walk", 300, 300))
    assert np.mean([np.corrcoef(c[1:], c[:-1])[0, 1] for c in changes]) == pytest.approx(0, abs=0.02)


def test_a_bridge_comes_back() -> None:
    """It begins and ends at 0, and is somewhere else between."""
    values = draws("random_bridge", 30, 100)
    assert values[:, [0, -1]] == pytest.approx(0, abs=1e-9)
    assert np.abs(values).max(axis=1).min() > 0


def test_growth_is_exponential() -> None:
    """From 0, with changes whose ratio stays the same."""
    values = draws("growth", 50, 60)
    assert values[:, 0] == pytest.approx(0)
    changes = np.diff(values)
    assert changes[:, 1:] / changes[:, :-1] == pytest.approx(np.repeat(changes[:, 1:2] / changes[:, :1], 58, axis=1))


def test_saturation_stays_between_floor_and_ceiling() -> None:
    """Monotone, on one side of 0, and within 8 of it."""
    values = draws("saturation", 100, 200)
    assert np.abs(values).max() < 8
    assert (np.sign(values) == np.sign(values[:, :1])).all()
    assert (np.sign(np.diff(values)) == np.sign(values[:, :1])).mean() > 0.99


def test_some_slow_cycles_are_longer_than_the_series() -> None:
    """Some draws, and not most, turn twice at most; others have many cycles."""
    values = np.array([np.convolve(v, np.ones(15) / 15, mode="valid") for v in draws("slow_cycles", 300, 300)])
    turns = (np.diff(np.sign(np.diff(values)), axis=1) != 0).sum(axis=1)
    assert 0.03 < np.mean(turns <= 2) < 0.5
    assert np.mean(turns >= 10) > 0.25


def test_a_wandering_cycle_has_no_drift() -> None:
    """Its mean is 0 and its size 1 to 5."""
    values = draws("wandering_cycle", 100, 300)
    assert values.mean(axis=1) == pytest.approx(0, abs=1e-9)
    assert values.std(axis=1).min() >= 1
    assert values.std(axis=1).max() <= 5


def test_gaussian_processes_have_sizes_from_1_to_5() -> None:
    """They are standardised first."""
    spread = draws("gaussian_process", 60, 200).std(axis=1)
    assert 1 <= spread.min() < 2
    assert 4 < spread.max() <= 5


def test_half_of_the_steps_of_walks_have_heavy_tails() -> None:
    """Kurtosis of normal steps is 3; of the others it is larger."""
    rng = np.random.default_rng(2)
    steps = [trends._steps(rng, 4000) for _ in range(200)]
    kurtosis = np.array([np.mean((s - s.mean()) ** 4) / s.var() ** 2 for s in steps])
    assert np.mean(kurtosis < 3.5) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("name", NOISES)
def test_every_noise_has_mean_0_and_about_unit_size(name: str) -> None:
    """On average over draws; that of a persistent autoregression is larger."""
    rng = np.random.default_rng(4)
    values = np.array([NOISES[name](rng, 800) for _ in range(150)])
    assert values.shape == (150, 800)
    assert values.mean() == pytest.approx(0, abs=0.08)
    assert 0.8 < np.median(values.std(axis=1)) < 1.6


def test_only_noises_that_remember_have_autocorrelation() -> None:
    """White, Student's and volatile noise have none; of the squares, volatile noise has."""
    rng = np.random.default_rng(5)

    def mean_correlation(name: str, power: int = 1) -> float:
        values = [np.abs(NOISES[name](rng, 600)) ** 2 if power == 2 else NOISES[name](rng, 600) for _ in range(100)]
        return float(np.mean([np.corrcoef(v[1:], v[:-1])[0, 1] for v in values]))

    for name in ("white", "student", "volatile"):
        assert mean_correlation(name) == pytest.approx(0, abs=0.03)
    for name in ("autoregressive", "moving_average", "long_memory"):
        assert mean_correlation(name) > 0.15
    assert mean_correlation("white", 2) == pytest.approx(0, abs=0.03)
    assert mean_correlation("volatile", 2) > 0.1
