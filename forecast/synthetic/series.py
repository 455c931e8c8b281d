"""A whole series: trend, seasons and noise put together at random, then what happens to series in the world."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.synthetic.calendar_effects import DAYS, holidays, steps_per_year, trading_days
from forecast.synthetic.clock import draw_week, year
from forecast.synthetic.counts import draw_counts
from forecast.synthetic.disturbances import disturb
from forecast.synthetic.drawing import Rng, Values, size, standardised
from forecast.synthetic.noises import draw_noise
from forecast.synthetic.seasons import draw_season
from forecast.synthetic.trends import draw_trend

#: How often each thing is part of a series; of those that need a season or a calendar, how often where there is one.
SHARES = {
    "mixture": 0.04,
    "regime_change": 0.03,
    "second_trend": 0.3,
    "strong_trend": 0.4,
    "calm_trend": 0.5,
    "season": 0.88,
    "hidden_season": 0.25,
    "hidden_week": 0.35,
    "year": 0.2,
    "noise_of_the_level": 0.12,
    "multiplicative": 0.15,
    "multiplicative_growth": 0.4,
    "counts": 0.06,
    "holidays": 0.08,
    "trading_days": 0.08,
}


def draw_series(rng: Rng, season_lengths: Sequence[int], length: int, growing: float = 0.0) -> Values:
    """A series [T] at random for season lengths in steps, shortest first, (1,) for none; finite, and not all the same.

    growing is how often it grows, or falls, from beginning to end.

    Most are one trend, season and noise; some the weighted sum of two or three such (mixture), some one such until a
    step and another from there on (regime change).
    """
    while True:
        with np.errstate(over="ignore", invalid="ignore"):
            values = _draw(rng, tuple(season_lengths), length, growing)
        if np.isfinite(values).all() and values.std() > 0:
            return values


def _draw(rng: Rng, season_lengths: tuple[int, ...], length: int, growing: float) -> Values:
    kind = rng.random()
    if kind < SHARES["mixture"]:
        weights = rng.dirichlet(np.ones(rng.integers(2, 4)))
        parts = (w * standardised(_single(rng, season_lengths, length, growing)) for w in weights)
        return sum(parts, np.zeros(length))
    if kind < SHARES["mixture"] + SHARES["regime_change"]:
        before, after = (_single(rng, season_lengths, length, growing) for _ in range(2))
        return splice(before, after, int(rng.integers(1, length)))
    return _single(rng, season_lengths, length, growing)


def splice(before: Values, after: Values, at: int) -> Values:
    """One series [T] until a step and another [T] from there on, which begins where the first one ends."""
    return np.concatenate([before[:at], after[at:] - after[at] + before[at]])


def _single(rng: Rng, season_lengths: tuple[int, ...], length: int, growing: float) -> Values:
    """One trend, or the sum of two, with seasons, noise, effects of the calendar and disturbances."""
    season_length = season_lengths[0]
    trend = _trend(rng, season_length, length)
    values = trend + _seasons(rng, season_lengths, length) + _noise(rng, trend)
    grows = rng.random() < growing
    if grows:
        values = grown(rng, values, season_length)
    if rng.random() < SHARES["multiplicative_growth" if grows else "multiplicative"]:
        values = np.exp(np.clip(standardised(values) * rng.uniform(0.1, 0.8), -6, 6))
    if steps_per_year(season_length) is not None and rng.random() < SHARES["holidays"]:
        values = holidays(rng, values, season_length)
    if season_length in (4, 12) and rng.random() < SHARES["trading_days"]:
        values = trading_days(rng, values, season_length)
    if rng.random() < SHARES["counts"]:
        values = draw_counts(rng, values)
    return disturb(rng, values, season_length)


def grown(rng: Rng, values: Values, season_length: int) -> Values:
    """The values [T] and a line: over a season it rises by 0.1 to 1.5 deviations of changes over one; a fifth falls.

    So go many yearly series of people, prices and production, for which a random walk wavers too much.
    """
    m = min(season_length, len(values) - 1)
    slope = size(rng, 0.1, 1.5) * (values[m:] - values[:-m]).std() / m
    line: Values = (slope if rng.random() < 0.8 else -slope) * np.arange(len(values), dtype=np.float64)
    return values + line


def _trend(rng: Rng, season_length: int, length: int) -> Values:
    """One trend, or the sum of two: often stronger with few steps a year, and calmer where the season is a day."""
    unit = max(season_length, 10)
    trend = draw_trend(rng, length, unit)
    if rng.random() < SHARES["second_trend"]:
        trend = trend + draw_trend(rng, length, unit)
    if season_length <= 4 and rng.random() < SHARES["strong_trend"]:
        trend = trend * size(rng, 1, 4)
    if season_length in DAYS and rng.random() < SHARES["calm_trend"]:
        trend = trend * size(rng, 0.1, 1)
    return trend


def _seasons(rng: Rng, season_lengths: tuple[int, ...], length: int) -> Values:
    """The season, and the longer ones with it; none in about an eighth, and now and then one where none is told."""
    season_length, *longer = season_lengths
    if season_length == 1:
        if rng.random() < SHARES["hidden_season"]:
            return draw_season(rng, int(rng.integers(3, 30)), length) * size(rng, 0.1, 2)
        return np.zeros(length)
    if rng.random() >= SHARES["season"]:
        return np.zeros(length)
    season = draw_season(rng, season_length, length) * size(rng, 0.2, 8)
    if not longer and season_length in DAYS and rng.random() < SHARES["hidden_week"]:
        longer = [7 * season_length]
    for m in longer:
        season = draw_week(rng, season, season_length, m)
    steps = steps_per_year(season_length)
    if steps is not None and steps > 2 * season_length and rng.random() < SHARES["year"]:
        season = year(rng, season, steps)
    return season


def _noise(rng: Rng, trend: Values) -> Values:
    """Noise of 0.05 to 2, log-uniform; at times the larger the farther the trend is from its mean."""
    noise = draw_noise(rng, len(trend)) * size(rng, 0.05, 2)
    if rng.random() < SHARES["noise_of_the_level"]:
        noise = noise * (0.3 + np.abs(standardised(trend)))
    return noise
