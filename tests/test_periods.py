"""Periods: what repeats is found where it was put, and nothing is found in chance."""

import numpy as np
import pytest

from forecast.periods import find_seasons


def noise(length, seed=0):
    """Independent values of a normal distribution."""
    return np.random.default_rng(seed).normal(size=length)


def unexpected(series, suggested=(7,)):
    """The lengths that no calendar suggests."""
    return [season.length for season in find_seasons(series, suggested) if not season.expected]


@pytest.mark.parametrize(("period", "length"), [(10, 300), (23, 500), (130, 900)])
def test_a_period_is_found_where_it_was_put(period, length):
    """Sharp or smooth, short or long; and not its multiples."""
    wave = 5 * np.sin(2 * np.pi * np.arange(length) / period) + noise(length)
    (found,) = unexpected([wave])
    assert abs(found - period) <= 1


def test_a_pulse_every_ten_steps_has_a_period_of_ten():
    """What repeats need not be a wave."""
    assert unexpected([8.0 * (np.arange(300) % 10 == 3) + noise(300)]) == [10]


@pytest.mark.parametrize("make", [noise, lambda n, s: np.cumsum(noise(n, s))], ids=["noise", "walk"])
def test_chance_has_no_period(make):
    """Neither independent values nor a random walk, whichever seed."""
    assert [unexpected([make(400, seed)]) for seed in range(40)] == [[]] * 40


def test_a_suggested_period_is_told_with_its_strength():
    """A week that repeats exactly has strength 1 (less what the ends of the series lack), one that is not there 0."""
    week = np.tile([0.0, 3, 5, 4, 2, -8, -6], 60)
    shown, hidden = find_seasons([week], (7, 60))
    assert (shown.length, shown.expected, shown.visible) == (7, True, True)
    assert shown.strength > 0.97
    assert (hidden.length, hidden.visible) == (60, False)


def test_a_period_must_be_seen_in_half_of_the_series():
    """One series of four does not make a season."""
    week = np.tile([0.0, 3, 5, 4, 2, -8, -6], 30)
    (season,) = find_seasons([week, *(np.cumsum(noise(210, seed)) for seed in range(3))], (7,))
    assert not season.visible
    (season,) = find_seasons([week, week + noise(210), noise(210, 1)], (7,))
    assert season.visible


def test_missing_values_do_not_hide_a_period():
    """Every fifth value is gone, and the wave is still there."""
    wave = 5 * np.sin(2 * np.pi * np.arange(500) / 23) + noise(500)
    wave[1::5] = np.nan
    (found,) = unexpected([wave])
    assert abs(found - 23) <= 1


def test_constant_and_short_series_have_no_period():
    """There is nothing to compare."""
    assert unexpected([np.full(100, 3.0)]) == []
    assert find_seasons([np.arange(4.0)], (7,)) == ()
