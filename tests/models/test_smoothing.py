"""Smoothing as a matrix equals the recurrence written out step by step, and continues what it has learnt."""

import numpy as np
import pytest
import torch

from forecast.models.smoothing import Rates, rates_for, smoothed


def by_hand(values, m, rates, horizon):
    """Additive Holt-Winters with a damped trend, one number after the other, from the first season on."""
    a, b, phi, g = rates
    level, trend = float(np.mean(values[:m])), 0.0
    season = [v - level if m > 1 else 0.0 for v in values[:m]]
    for t in range(m, len(values)):
        old = level
        level = a * (values[t] - season[t % m]) + (1 - a) * (old + phi * trend)
        trend = b * (level - old) + (1 - b) * phi * trend
        if m > 1:
            season[t % m] = g * (values[t] - level) + (1 - g) * season[t % m]
    ahead, found = 0.0, []
    for h in range(horizon):
        ahead += phi ** (h + 1)
        found.append(level + trend * ahead + season[(len(values) + h) % m])
    return found


@pytest.mark.parametrize(("length", "m"), [(24, 12), (30, 7), (16, 4), (20, 1), (11, 5)])
def test_the_maps_equal_the_recurrence(length, m):
    """For every combination of rates that is tried, on random walks."""
    contexts = np.cumsum(np.random.default_rng(3).normal(size=(4, length)), axis=1)
    rates = rates_for(length, m)
    found = smoothed(torch.from_numpy(contexts).float(), m, rates, 9).numpy()
    expected = [[by_hand(row, m, r, 9) for r in rates] for row in contexts]
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_season_comes_back_and_a_level_is_held():
    """What repeats exactly is continued exactly, whatever the rates."""
    season = torch.tensor([3.0, -1.0, 4.0, 0.0])
    found = smoothed(season.repeat(5)[None], 4, rates_for(20, 4), 6)
    torch.testing.assert_close(found, season.repeat(2)[:6].expand_as(found), atol=1e-5, rtol=0)


def test_a_high_rate_follows_and_a_low_one_averages():
    """After a jump of one at the last of many steps, the level has taken over its rate of it."""
    context = torch.zeros(1, 64)
    context[0, -1] = 1.0
    rates = (Rates(0.9, 0.0, 0.0, 0.0), Rates(0.05, 0.0, 0.0, 0.0))
    torch.testing.assert_close(smoothed(context, 1, rates, 2)[0], torch.tensor([[0.9, 0.9], [0.05, 0.05]]))


def test_values_long_ago_are_not_looked_at():
    """Without a season 256 steps are enough for the slowest rate."""
    context = torch.randn(1, 400)
    changed = context.clone()
    changed[:, : 400 - 256] += 100
    rates = rates_for(400, 1)
    torch.testing.assert_close(smoothed(context, 1, rates, 3), smoothed(changed, 1, rates, 3))


@pytest.mark.parametrize(("length", "m"), [(23, 12), (5, 3), (100_000, 10_000)])
def test_nothing_is_tried_where_two_seasons_do_not_fit_or_the_maps_would_be_huge(length, m):
    """The cyclic anchors have to do then."""
    assert rates_for(length, m) == ()
