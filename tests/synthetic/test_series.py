"""Whole series: the same for the same seed, finite, and of the kinds that are told."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic import FAMILIES, draw_series
from forecast.synthetic.series import SHARES, grown, splice


@pytest.mark.parametrize("name", FAMILIES)
def test_a_seed_is_a_series(name: str) -> None:
    """Twice the same, whatever the global generator of NumPy does meanwhile, and another for another seed."""
    seasons = FAMILIES[name].season_lengths
    first = [draw_series(np.random.default_rng(seed), seasons, 150) for seed in range(12)]
    np.random.seed(7)
    again = [draw_series(np.random.default_rng(seed), seasons, 150) for seed in range(12)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({values.tobytes() for values in first}) == 12


def test_the_global_generator_is_left_alone() -> None:
    """Its next number is the one that it would have been."""
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    draw_series(np.random.default_rng(0), (7,), 100)
    assert np.random.random() == expected


@pytest.mark.parametrize("n", [200, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FAMILIES)
def test_series_of_every_family_are_finite_and_move(name: str, n: int) -> None:
    """None has a value that is missing or infinite, none is all the same, and each has the length asked for."""
    rng = np.random.default_rng(1)
    for _ in range(n):
        values = draw_series(rng, FAMILIES[name].season_lengths, 60)
        assert values.shape == (60,)
        assert np.isfinite(values).all()
        assert values.std() > 0


def test_an_eighth_of_the_series_has_no_season_though_one_is_told() -> None:
    """The share that is written down."""
    assert 1 - SHARES["season"] == pytest.approx(1 / 8, abs=0.006)


def test_most_series_with_a_season_look_like_it() -> None:
    """The mean autocorrelation of the changes is far larger at the season's lag than beside it."""

    def correlation(lag: int) -> float:
        rng = np.random.default_rng(2)
        changes = [np.diff(draw_series(rng, (12,), 240)) for _ in range(300)]
        return float(np.mean([np.corrcoef(c[lag:], c[:-lag])[0, 1] for c in changes]))

    assert correlation(12) > 0.3
    assert abs(correlation(11)) < 0.2


def test_a_splice_follows_one_process_and_then_the_other() -> None:
    """Until the step it is the first, from there on it has the changes of the second, and it does not jump."""
    before, after = np.array([1.0, 2, 3, 4, 5]), np.array([0.0, 10, 20, 30, 50])
    assert splice(before, after, 2).tolist() == [1, 2, 3, 13, 33]


def test_a_fifth_of_the_series_that_grow_fall() -> None:
    """A line is added whose rise over a season lies between a tenth and one and a half deviations of such changes."""
    values = np.random.default_rng(0).normal(size=60)
    unit = (values[12:] - values[:-12]).std()
    rng, rises = np.random.default_rng(1), []
    for _ in range(500):
        added = grown(rng, values, 12) - values
        np.testing.assert_allclose(np.diff(added), added[1], rtol=1e-9)
        rises.append(12 * added[1] / unit)
    assert np.mean(np.array(rises) < 0) == pytest.approx(0.2, abs=0.06)
    assert 0.1 <= np.abs(rises).min() < 0.12
    assert 1.3 < np.abs(rises).max() <= 1.5
