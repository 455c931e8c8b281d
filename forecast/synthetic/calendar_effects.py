"""What the calendar does beside the season: holidays, and months of unlike weekdays.

Which steps are a day and a year follows from the season length, as far as it tells: 7 are days, 12 months, 24 hours.
"""

from __future__ import annotations

import numpy as np

from forecast.synthetic.drawing import Rng, Values

#: Steps in a year by season length, of those whose cycle is not a day.
_YEARS = {4: 4.0, 5: 260.9, 7: 365.25, 12: 12.0, 52: 52.18}
#: Season lengths that are a day.
DAYS = (24, 48, 96, 144, 288)


def steps_per_year(season_length: int) -> float | None:
    """How many steps a year has; None when the season length does not tell."""
    return season_length * 365.25 if season_length in DAYS else _YEARS.get(season_length)


def holidays(rng: Rng, values: Values, season_length: int) -> Values:
    """One to six days that come every year, each with an effect of its own that is the same every year to a fifth.

    A day is one step, or a whole cycle of hours. One in three roams within two weeks of its date, as Easter does, and
    one in three has half of its effect on the days before and after.
    """
    year, day = steps_per_year(season_length), season_length if season_length in DAYS else 1
    assert year is not None
    effects = np.zeros(len(values))
    for _ in range(rng.integers(1, 7)):
        roam = 14 / 365.25 * year if rng.random() < 1 / 3 else 0.0
        dates = np.arange(rng.uniform(-year, 0), len(values), year)
        first = (np.round(dates + rng.uniform(-roam, roam, len(dates))) // day * day).astype(int)
        strengths = rng.standard_normal() * rng.uniform(0.8, 1.2, len(dates))
        around = 0.5 if rng.random() < 1 / 3 else 0.0
        for shift, share in ((-day, around), (0, 1.0), (day, around)):
            steps = first[:, None] + shift + np.arange(day)
            known = (steps >= 0) & (steps < len(values))
            effects[steps[known]] += (share * strengths[:, None] * known)[known]
    scale = float(values.std()) * rng.uniform(0.5, 2.5)
    return values + effects * scale


def trading_days(rng: Rng, values: Values, season_length: int) -> Values:
    """Months or quarters that have more Saturdays than others (Young 1965): y_t + Σ_d b_d n_{d,t}, of n weekdays d.

    The months are real ones from some month between 1950 and 2029 on.
    """
    months = 12 // season_length
    start = np.datetime64("1950-01") + rng.integers(0, 960) // months * months
    edges = (start + np.arange(len(values) + 1) * months).astype("datetime64[D]").astype(np.int64)
    # Day 0 of NumPy's calendar is a Thursday; a weekday d has been there (day − d + 6) // 7 times before a day.
    counts = np.diff((edges[:, None] - np.arange(7) + 6) // 7, axis=0)
    weekend = np.isin(np.arange(7), (2, 3))
    effects = counts @ np.where(weekend, rng.normal(-0.5, 0.7, 7), rng.normal(0.2, 0.2, 7))
    changes: Values = effects - effects.mean()
    return values + changes * float(values.std()) * rng.uniform(0.1, 0.6)
