"""A season is seen where there is one, and not where there is only a trend, noise or a walk."""

import numpy as np
import pytest

from forecast.seasonality import is_seasonal

RNG = np.random.default_rng(0)
MONTHS = np.tile([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], 10)


@pytest.mark.parametrize(
    ("values", "season_length", "expected"),
    [
        (MONTHS, 12, True),
        (MONTHS + 0.5 * np.arange(120) + RNG.normal(size=120), 12, True),
        (MONTHS, 7, False),
        (np.arange(120.0), 12, False),
        (np.full(120, 3.0), 12, False),
        (np.exp(np.arange(120) / 20), 12, False),
        (MONTHS[:20], 12, False),
        (MONTHS, 1, False),
        (np.array([1.0]), 12, False),
    ],
    ids=["season", "season on a trend", "another season", "line", "constant", "growth", "too short", "one", "one row"],
)
def test_a_season_is_told_from_everything_else(values, season_length, expected):
    """Whatever else the series does."""
    assert is_seasonal(values, season_length) is expected


def test_missing_values_do_not_hide_it():
    """With a quarter of the rows absent the season is still there."""
    holed = np.where(RNG.random(120) < 0.25, np.nan, MONTHS)
    assert is_seasonal(holed, 12)


def test_random_walks_are_called_seasonal_about_as_often_as_the_level_says():
    """One side of a 90 % interval is 5 %: of 1,000 walks, some fifty."""
    walks = np.cumsum(np.random.default_rng(1).normal(size=(1000, 300)), axis=1)
    assert 20 < sum(is_seasonal(walk, 7) for walk in walks) < 90
