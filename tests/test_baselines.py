"""Baselines: forecasts and intervals that can be worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.baselines import BASELINES, check_baseline, drift, forecast_histories, naive, seasonal_naive
from forecast.config import QUANTILE_LEVELS
from forecast.errors import ConfigError

NAN = float("nan")
#: The median, and one standard deviation above it: the quantile level of z = 1.
LEVELS = (0.5, 0.8413447460685429)


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def centre_and_spread(quantiles: np.ndarray) -> tuple[list[float], list[float]]:
    return quantiles[:, 0].tolist(), (quantiles[:, 1] - quantiles[:, 0]).tolist()


def test_naive_repeats_the_last_value_with_a_random_walks_spread() -> None:
    """Changes 1, −1, 3 and 1 have a mean square of 3, and the spread grows with √h."""
    centre, spread = centre_and_spread(naive(array(1, 2, 1, 4, 5), 1, 4, LEVELS))
    assert centre == [5, 5, 5, 5]
    assert spread == pytest.approx(np.sqrt([3, 6, 9, 12]))


def test_seasonal_naive_repeats_the_last_season_with_a_spread_that_steps_up_each_season() -> None:
    """Yearly changes of 2, 2 and 4 in three positions have a mean square of 8: √8 for a season, then √16."""
    history = array(1, 2, 3, 3, 4, 7)
    centre, spread = centre_and_spread(seasonal_naive(history, 3, 5, LEVELS))
    assert centre == [3, 4, 7, 3, 4]
    assert spread == pytest.approx(np.sqrt([8, 8, 8, 16, 16]))


def test_seasonal_naive_keeps_the_season_in_step_when_the_history_ends_inside_one() -> None:
    """After 1 2 3 10 20 the next step stands where 3 stood."""
    assert seasonal_naive(array(1, 2, 3, 10, 20), 3, 4, [0.5])[:, 0].tolist() == [3, 10, 20, 3]


def test_drift_continues_the_line_through_the_ends() -> None:
    """1 3 2 7 rises by 2 a step; its residuals 0, −3 and 3 leave a variance of 18 / 2."""
    centre, spread = centre_and_spread(drift(array(1, 3, 2, 7), 1, 2, LEVELS))
    assert centre == [9, 11]
    assert spread == pytest.approx([3 * np.sqrt(1 * (1 + 1 / 3)), 3 * np.sqrt(2 * (1 + 2 / 3))])


def test_a_change_over_a_gap_counts_as_that_many_steps() -> None:
    """From 0 to 4 in four steps has the variance per step of a change by 2 in one: 16 / 4."""
    _, spread = centre_and_spread(naive(array(0, NAN, NAN, NAN, 4, 6), 1, 1, LEVELS))
    assert spread == pytest.approx([2])


def test_missing_values_at_the_end_widen_the_first_step() -> None:
    """With two values missing at the end, the first step is the third since the last one observed."""
    centre, spread = centre_and_spread(naive(array(0, 2, NAN, NAN), 1, 2, LEVELS))
    assert centre == [2, 2]
    assert spread == pytest.approx(2 * np.sqrt([3, 4]))
    centre, spread = centre_and_spread(drift(array(0, 1, 2, NAN), 1, 1, LEVELS))
    assert centre == [4]


def test_seasonal_naive_goes_back_to_the_last_season_that_was_observed() -> None:
    """The second position was last seen two seasons ago, and its spread says so."""
    history = array(1, 5, 3, 6, 5, NAN)
    centre, spread = centre_and_spread(seasonal_naive(history, 2, 2, LEVELS))
    assert centre == [5, 6]
    assert spread[1] == pytest.approx(spread[0] * np.sqrt(2))


def test_a_position_never_observed_takes_the_last_value() -> None:
    """Values exist at every second step only."""
    history = array(4, NAN, 6, NAN)
    assert seasonal_naive(history, 2, 2, [0.5])[:, 0].tolist() == [6, 6]


def test_a_history_shorter_than_a_season_is_forecast_by_naive() -> None:
    """Three values know nothing of a season of twelve."""
    history = array(3, 1, 2)
    np.testing.assert_array_equal(seasonal_naive(history, 12, 5, LEVELS), naive(history, 1, 5, LEVELS))


def test_a_history_of_one_season_has_the_spread_of_its_steps() -> None:
    """No value is seen twice, so the steps 1 and −1 are what is known of the spread."""
    centre, spread = centre_and_spread(seasonal_naive(array(1, 2, 1), 3, 4, LEVELS))
    assert centre == [1, 2, 1, 1]
    assert spread == pytest.approx(np.sqrt([1, 1, 1, 2]))


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    "history",
    [
        pytest.param(array(7), id="one value"),
        pytest.param(array(7, 9), id="two values"),
        pytest.param(np.full(30, 7.0), id="constant"),
        pytest.param(array(NAN, 7, NAN), id="one observed value"),
        pytest.param(np.where(np.arange(60) % 7 < 2, NAN, np.arange(60) % 7), id="no weekends"),
    ],
)
def test_every_baseline_gives_finite_ascending_quantiles(name: str, history: np.ndarray) -> None:
    """However little there is, there is a number for every step and level."""
    quantiles = BASELINES[name](history, 7, 10, QUANTILE_LEVELS)
    assert quantiles.shape == (10, len(QUANTILE_LEVELS))
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize("name", BASELINES)
def test_the_interval_of_a_random_walk_covers_what_it_says(name: str) -> None:
    """Over 1,000 simulated walks the 80 % interval one step ahead holds the truth about 80 times in 100."""
    walks = np.random.default_rng(1).normal(size=(1_000, 61)).cumsum(axis=1)
    bounds = np.array([BASELINES[name](walk[:-1], 1, 1, (0.1, 0.9))[0] for walk in walks])
    inside = (bounds[:, 0] <= walks[:, -1]) & (walks[:, -1] <= bounds[:, 1])
    # Four standard errors of a proportion of 0.8 over 1,000 walks.
    assert inside.mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 1_000))


def test_histories_of_any_length_are_forecast_together() -> None:
    """Each from its own last value, and every one of them can be."""
    quantiles, stood_in = forecast_histories("naive", [array(1, 2, 4), array(7, 8)], 7, 2, (0.1, 0.5, 0.9))
    assert quantiles.shape == (2, 2, 3)
    assert quantiles[:, :, 1].tolist() == [[4, 4], [8, 8]]
    assert stood_in == 0


@pytest.mark.parametrize("typed", ["seasonal naive", "seasonal-naive", "Seasonal_Naive", " seasonal-naive "])
def test_a_name_may_be_typed_without_a_blank(typed: str) -> None:
    """On a command line a blank would need quotes."""
    assert check_baseline(typed) == "seasonal naive"


def test_an_unknown_baseline_is_refused_with_a_suggestion() -> None:
    """The nearest name is in the hint, as it is typed."""
    with pytest.raises(ConfigError, match="unknown baseline 'seasonal'") as caught:
        forecast_histories("seasonal", [array(1, 2)], 7, 1)
    assert "seasonal-naive" in (caught.value.hint or "")
