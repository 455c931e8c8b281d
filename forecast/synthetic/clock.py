"""Seasons within seasons: the hour of the day with the day of the week, and the time of the year with either.

A week is a function `(rng, season, season_length, longer) -> [T]`, which gives a season [T] of the shorter length the
longer one as well. Sizes are beside a noise of 0.05 to 2 (`series.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecast.synthetic.drawing import Rng, Values, choose, size
from forecast.synthetic.profiles import draw_profile
from forecast.synthetic.seasons import draw_season

Week = Callable[[Rng, Values, int, int], Values]


def scaled_days(rng: Rng, season: Values, season_length: int, longer: int) -> Values:
    """Each day of the week has a level of its own, and its hours swing by its own factor: (1 + a w_d) s_t + b w_d."""
    days = _per_day(rng, draw_profile(rng, longer // season_length), season_length, len(season))
    return season * (1 + 0.35 * days * rng.random()) + days * size(rng, 0.063, 2)


def other_days(rng: Rng, season: Values, season_length: int, longer: int) -> Values:
    """One or two days of the week have hours of another shape, as of Saturday and Sunday: (1 − o_d) s_t + o_d s'_t."""
    n_days = longer // season_length
    apart = (np.arange(n_days) < rng.integers(1, max(2, n_days // 3) + 1)).astype(float)
    days = _per_day(rng, apart, season_length, len(season))
    other = draw_season(rng, season_length, len(season)) * float(season.std()) * rng.uniform(0.2, 1.2)
    return (1 - days) * season + days * (other + rng.normal() * size(rng, 0.1, 2))


def apart(rng: Rng, season: Values, season_length: int, longer: int) -> Values:  # noqa: ARG001
    """A season of the longer length that knows nothing of the shorter: s_t + s'_t."""
    return season + draw_season(rng, longer, len(season)) * size(rng, 0.16, 2)


WEEKS: dict[str, Week] = {"scaled_days": scaled_days, "other_days": other_days, "apart": apart}
WEEK_WEIGHTS = {"scaled_days": 0.5, "other_days": 0.2, "apart": 0.3}


def draw_week(rng: Rng, season: Values, season_length: int, longer: int) -> Values:
    """A season [T] with a longer one at random; apart when the longer is no whole number of the shorter."""
    name = choose(rng, WEEK_WEIGHTS) if longer % season_length == 0 else "apart"
    return WEEKS[name](rng, season, season_length, longer)


def year(rng: Rng, season: Values, steps_per_year: float) -> Values:
    """A season [T] in a smooth year of two harmonics: (1 + a j_t) s_t + b j_t; a is 0 half of the time."""
    t = np.arange(len(season)) / steps_per_year
    once, twice = np.cos(2 * np.pi * (t + rng.random())), np.cos(4 * np.pi * (t + rng.random()))
    values: Values = once + rng.uniform(-0.5, 0.5) * twice
    swing = rng.uniform(0.1, 0.5) if rng.random() < 0.5 else 0.0
    return season * (1 + swing * values) + values * size(rng, 0.3, 5)


def _per_day(rng: Rng, days: Values, season_length: int, length: int) -> Values:
    """The value of each day of the week [D] at each of its steps, [T], from a random step of the week on."""
    week = np.repeat(days, season_length)
    start = rng.integers(0, len(week))
    return np.resize(np.roll(week, -start), length)
