"""Counts, disturbances and the calendar: what they do is what they say."""

from __future__ import annotations

import calendar

import numpy as np
import pytest

from forecast.synthetic import disturbances
from forecast.synthetic.calendar_effects import holidays, trading_days
from forecast.synthetic.counts import COUNTS, draw_counts, intermittent, negative_binomial, poisson
from forecast.synthetic.disturbances import DISTURBANCES, disturb

WAVE = np.sin(np.arange(300) / 7)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_whole_numbers_from_0(name: str) -> None:
    """Of any rate."""
    rng = np.random.default_rng(0)
    for rate in (0.05, 1.0, 50.0):
        drawn = COUNTS[name](rng, np.full(200, rate))
        assert (drawn == np.round(drawn)).all()
        assert drawn.min() >= 0


def test_poisson_counts_have_the_mean_and_variance_of_their_rate() -> None:
    """Both are 4."""
    drawn = poisson(np.random.default_rng(1), np.full(20_000, 4.0))
    assert (drawn.mean(), drawn.var()) == pytest.approx((4, 4), rel=0.04)


def test_negative_binomial_counts_have_the_mean_and_a_larger_variance() -> None:
    """With r between 0.5 and 5, between 4 + 16 / 5 and 4 + 16 / 0.5."""
    rng = np.random.default_rng(2)
    drawn = np.array([negative_binomial(rng, np.full(3000, 4.0)) for _ in range(100)])
    assert drawn.mean() == pytest.approx(4, rel=0.03)
    assert 4 + 16 / 5 < np.median(drawn.var(axis=1)) < 4 + 16 / 0.5


def test_intermittent_demand_is_nothing_in_two_thirds_of_the_steps() -> None:
    """The chance of demand is 5 to 60 percent, 32.5 on average; and it follows the rate."""
    rng = np.random.default_rng(3)
    drawn = np.array([intermittent(rng, np.ones(400)) for _ in range(500)])
    zeros = (drawn == 0).mean(axis=1)
    assert zeros.mean() == pytest.approx(1 - 0.325, abs=0.02)
    assert 0.3 < zeros.min() < 0.45
    assert 0.9 < zeros.max() < 1
    halves = intermittent(rng, np.repeat([0.2, 1.8], 3000)) > 0
    assert halves[3000:].mean() == pytest.approx(9 * halves[:3000].mean(), rel=0.35)


def test_counts_follow_the_series_that_they_are_drawn_for() -> None:
    """Where the values are high there is more."""
    rng = np.random.default_rng(4)
    assert np.mean([np.corrcoef(draw_counts(rng, WAVE), WAVE)[0, 1] for _ in range(100)]) > 0.3


@pytest.mark.parametrize("name", DISTURBANCES)
def test_disturbances_change_a_copy(name: str) -> None:
    """The values that are given stay as they are, and what comes back is finite and as long."""
    rng, values = np.random.default_rng(5), WAVE.copy()
    drawn = np.array([DISTURBANCES[name](rng, values, 7) for _ in range(40)])
    assert np.array_equal(values, WAVE)
    assert drawn.shape == (40, 300)
    assert np.isfinite(drawn).all()
    assert (drawn != WAVE).any()


def changed(name: str, seed: int) -> np.ndarray:
    return DISTURBANCES[name](np.random.default_rng(seed), WAVE, 10) - WAVE


def test_a_level_shift_is_one_step_up_or_down() -> None:
    """Before it nothing, after it the same for ever."""
    for seed in range(20):
        assert (np.abs(np.diff(changed("level_shift", seed))) > 1e-9).sum() <= 1


def test_a_passing_shift_passes() -> None:
    """It is largest where it begins, and falls from there by a constant factor."""
    for seed in range(20):
        change = changed("passing_shift", seed)
        start = np.flatnonzero(change)[0]
        assert np.abs(change).argmax() == start
        after = np.abs(change[start:])
        after = after[after > 1e-6]
        assert after[2:] / after[1:-1] == pytest.approx(np.full(len(after[2:]), after[1] / after[0]), rel=1e-3)


def test_outliers_are_few() -> None:
    """One at least and three in a hundred at most."""
    n = [np.count_nonzero(np.abs(changed("outliers", seed)) > 1e-12) for seed in range(100)]
    assert 1 <= min(n) <= max(n) <= 9


def test_a_floor_is_0_and_often() -> None:
    """10 to 70 percent of the values are at it, and none is below."""
    for seed in range(20):
        values = disturbances.floor(np.random.default_rng(seed), WAVE, 7)
        assert values.min() == 0
        assert 0.09 < (values == 0).mean() < 0.72


def test_rounded_values_are_multiples_of_one_step() -> None:
    """Distances between them are whole numbers of the smallest one."""
    values = disturbances.rounding(np.random.default_rng(6), WAVE, 7)
    steps = np.diff(np.unique(values))
    assert steps / steps.min() == pytest.approx(np.round(steps / steps.min()), abs=1e-6)
    assert np.abs(values - WAVE).max() <= steps.min() / 2 + 1e-9


def test_a_stuck_sensor_repeats_its_value() -> None:
    """Somewhere a value stands still, which a sine never does."""
    for seed in range(20):
        values = disturbances.stuck(np.random.default_rng(seed), WAVE, 7)
        still = np.diff(values) == 0
        assert still.sum() <= 2 * 21
        assert still.any() or values[-1] == WAVE[-1]


def test_strange_cycles_are_whole_cycles() -> None:
    """At most three pieces of the season's length are elsewhere."""
    for seed in range(20):
        assert np.count_nonzero(np.abs(changed("strange_cycles", seed)) > 1e-12) <= 30


def test_disturbances_happen_as_often_as_told() -> None:
    """Half of the series are as they were: the product of what does not happen."""
    rng = np.random.default_rng(7)
    untouched = np.mean([np.array_equal(disturb(rng, WAVE, 7), WAVE) for _ in range(2000)])
    shares = disturbances.DISTURBANCE_SHARES.values()
    assert untouched == pytest.approx(np.prod([1 - share for share in shares]), abs=0.04)


def test_holidays_come_back_after_a_year() -> None:
    """Days that do not roam change the same steps every year: those of 365 or 366 steps later."""
    rng, years = np.random.default_rng(8), []
    for _ in range(60):
        effects = np.abs(holidays(rng, np.sin(np.arange(1500.0)), 7) - np.sin(np.arange(1500.0))) > 1e-12
        days = np.flatnonzero(effects[:1100])
        assert 3 <= effects.sum() <= 6 * 3 * 5
        years.append(np.mean([effects[day + 363 : day + 368].any() for day in days]))
    assert np.mean(years) > 0.7


def test_a_holiday_of_hours_is_a_whole_day() -> None:
    """Twenty-four steps that begin at a multiple of twenty-four."""
    values = np.sin(np.arange(24 * 500.0))
    effects = np.abs(holidays(np.random.default_rng(9), values, 24) - values).reshape(500, 24) > 1e-12
    assert (effects.all(axis=1) == effects.any(axis=1)).all()
    assert effects.any()


def test_months_differ_by_their_weekdays() -> None:
    """Months that begin on the same weekday and are as long have the same effect, as Python's calendar has them."""
    rng = np.random.default_rng(10)
    values = np.sin(np.arange(240.0))
    effects = trading_days(rng, values, 12) - values
    start = np.random.default_rng(10).integers(0, 960)
    months = [(1950 + m // 12, m % 12 + 1) for m in range(start, start + 240)]
    kinds: dict[tuple[int, int], list[float]] = {}
    for month, effect in zip(months, effects, strict=True):
        kinds.setdefault(calendar.monthrange(*month), []).append(effect)
    assert len(kinds) > 20
    assert all(np.ptp(group) < 1e-9 for group in kinds.values())
    assert np.ptp([group[0] for group in kinds.values()]) > 0.01
    # Twenty-eight days are four of each weekday, whatever they begin with.
    februaries = [group[0] for (_, days), group in kinds.items() if days == 28]
    assert np.ptp(februaries) < 1e-9
