"""Seasons: shapes of a cycle, cycles that follow each other, and weeks of days."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic import seasons
from forecast.synthetic.clock import WEEKS, draw_week, scaled_days, year
from forecast.synthetic.profiles import PROFILES, draw_profile, nights, spikes
from forecast.synthetic.seasons import SEASONS, draw_season


@pytest.mark.parametrize("season_length", [2, 5, 7, 12, 48])
def test_profiles_are_standardised(season_length: int) -> None:
    """Mean 0 and deviation 1, and two are never the same."""
    rng = np.random.default_rng(0)
    drawn = np.array([draw_profile(rng, season_length) for _ in range(50)])
    assert drawn.mean(axis=1) == pytest.approx(0, abs=1e-9)
    assert drawn.std(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_a_shape(name: str) -> None:
    """It has the length of the season and is not flat."""
    rng = np.random.default_rng(1)
    for season_length in (6, 24, 52):
        drawn = np.array([PROFILES[name](rng, season_length) for _ in range(30)])
        assert drawn.shape == (30, season_length)
        assert np.isfinite(drawn).all()
        assert (drawn.std(axis=1) > 0).all()


def test_smooth_profiles_are_smoother_than_independent_ones() -> None:
    """Steps between neighbours, beside the deviation: √2 for independent ones."""
    rng = np.random.default_rng(2)

    def roughness(name: str) -> float:
        drawn = np.array([PROFILES[name](rng, 48) for _ in range(200)])
        return float(np.median(np.diff(drawn).std(axis=1) / drawn.std(axis=1)))

    assert roughness("independent") == pytest.approx(np.sqrt(2), abs=0.1)
    assert roughness("smooth") < 0.4
    assert roughness("bumps") < 0.4


def test_nights_are_flat_and_days_are_not() -> None:
    """A sixth of the cycle at least is at 0; spikes have at most 35 percent of it apart."""
    rng = np.random.default_rng(3)
    drawn = np.array([nights(rng, 48) for _ in range(100)])
    assert (drawn == 0).mean(axis=1).min() > 1 / 6
    apart = np.array([spikes(rng, 12) != 0 for _ in range(100)]).sum(axis=1)
    assert 1 <= apart.min() <= apart.max() <= 4


@pytest.fixture
def even(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cycles without the unevenness of three draws in ten."""

    def from_cycles(rng: np.random.Generator, cycles: np.ndarray, length: int) -> np.ndarray:
        return cycles.reshape(-1)[:length]

    monkeypatch.setattr(seasons, "_from_cycles", from_cycles)


def test_a_fixed_season_repeats_itself(even: None) -> None:
    """After its length, and not before."""
    values = SEASONS["fixed"](np.random.default_rng(4), 12, 100)
    assert values[12:] == pytest.approx(values[:-12])
    assert not np.allclose(values[11:], values[:-11])


def test_a_drifting_season_is_the_less_alike_the_farther_away(even: None) -> None:
    """The distance between cycles grows as of a random walk: twice as far after four times the cycles."""
    rng = np.random.default_rng(5)
    drawn = np.array([SEASONS["drifting"](rng, 12, 12 * 41).reshape(41, 12) for _ in range(200)])
    drawn /= np.diff(drawn, axis=1).std(axis=(1, 2), keepdims=True)
    distances = [np.mean((drawn[:, lag:] - drawn[:, :-lag]) ** 2) for lag in (4, 16)]
    assert distances == pytest.approx([4, 16], rel=0.1)


def test_a_changing_season_is_between_two_profiles(even: None) -> None:
    """Its cycles lie on a line from one profile to another: they have rank 2."""
    rng = np.random.default_rng(6)
    for _ in range(20):
        cycles = SEASONS["changing"](rng, 12, 240).reshape(20, 12)
        assert np.linalg.matrix_rank(cycles, tol=1e-8) <= 2


def test_a_swelling_season_keeps_its_shape(even: None) -> None:
    """Its cycles are one profile times a positive amplitude that changes."""
    cycles = SEASONS["swelling"](np.random.default_rng(7), 12, 240).reshape(20, 12)
    assert np.corrcoef(cycles).min() == pytest.approx(1)
    assert np.ptp(cycles.std(axis=1)) > 0.05


def test_a_season_has_its_length_and_its_period() -> None:
    """Every length from one step to many, whatever the season."""
    rng = np.random.default_rng(8)
    for season_length in (2, 7, 52):
        assert [len(draw_season(rng, season_length, n)) for n in (1, 6, 52, 300)] == [1, 6, 52, 300]
    drawn = [draw_season(rng, 24, 240) for _ in range(100)]
    assert np.mean([np.corrcoef(v[24:], v[:-24])[0, 1] for v in drawn]) > 0.6


def test_days_of_a_week_have_levels_of_their_own() -> None:
    """Where the hours are all the same, what is left is a week of seven levels at most."""
    values = scaled_days(np.random.default_rng(9), np.zeros(24 * 28), 24, 168)
    assert values[168:] == pytest.approx(values[:-168])
    assert 2 <= len(np.unique(values.round(9))) <= 7
    changes = np.flatnonzero(np.diff(values))
    assert (np.diff(changes) % 24 == 0).all()


@pytest.mark.parametrize("name", WEEKS)
def test_every_week_repeats_after_a_week_and_not_after_a_day(name: str) -> None:
    """On average over draws from a day that is always the same."""
    rng = np.random.default_rng(10)
    day = np.tile(draw_profile(rng, 24), 56)
    drawn = [WEEKS[name](rng, day, 24, 168) - day for _ in range(60)]
    weekly = np.mean([np.corrcoef(v[168:], v[:-168])[0, 1] for v in drawn])
    daily = np.mean([np.corrcoef(v[24:], v[:-24])[0, 1] for v in drawn])
    assert weekly > 0.6
    assert weekly > daily + 0.1


def test_a_longer_season_that_is_no_whole_number_of_the_shorter_stands_apart() -> None:
    """A season of 10 steps within one of 7."""
    values = draw_week(np.random.default_rng(11), np.zeros(200), 7, 10)
    assert np.corrcoef(values[10:], values[:-10])[0, 1] > 0.5


def test_a_year_has_its_period() -> None:
    """A year of 365.25 steps is the same after four years, to the step."""
    values = year(np.random.default_rng(12), np.zeros(4000), 365.25)
    assert values[1461:] == pytest.approx(values[:-1461])
    assert np.corrcoef(values[180:], values[:-180])[0, 1] < 0
