"""Paths have the margins of the forecast and the dependence that held-out windows showed, seeded and repeatable."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from forecast.bounds import Bounds
from forecast.config import QUANTILE_LEVELS
from forecast.dependence import USUAL, correlations, draw_scores, fit_persistence
from forecast.errors import ConfigError
from forecast.forecasts import Forecast, ItemForecast, normal_scores
from forecast.panel import Columns
from forecast.upgrades import upgraded
from forecast.writing import render

STEPS = 8


def forecast(persistence, items=("a", "b"), bounds=None):
    """Skewed quantiles that widen with the lead, for some items."""
    shape = np.array([NormalDist().inv_cdf(level) for level in QUANTILE_LEVELS])
    rows = np.stack([10 * step + step * np.exp(shape) for step in range(1, STEPS + 1)])
    days = np.datetime64("2024-01-01", "us") + np.arange(STEPS) * np.timedelta64(1, "D")
    made = tuple(ItemForecast((name,), "y", days, (bounds or Bounds()).clip(rows)) for name in items)
    columns = Columns("day", ("y",), ("shop",))
    return Forecast(made, QUANTILE_LEVELS, columns, bounds=bounds or Bounds(), persistence=persistence)


def test_correlations_are_those_of_errors_that_add_up():
    """None at 0; at 1 those of a random walk, the root of the ratio of the leads; in between by hand."""
    leads = np.array([1, 2, 4])
    np.testing.assert_allclose(correlations(0.0, leads), np.eye(3))
    np.testing.assert_allclose(correlations(1.0, leads)[0], [1, np.sqrt(1 / 2), np.sqrt(1 / 4)])
    half = correlations(0.5, np.array([1, 2]))
    np.testing.assert_allclose(half[0, 1], 0.5 / np.sqrt(1.25))


@pytest.mark.parametrize("persistence", [0.0, 0.6, 1.0])
def test_paths_have_standard_margins_and_these_correlations(persistence):
    """Each step is standard normal by itself."""
    scores = draw_scores(persistence, 5, 40_000, np.random.default_rng(0))
    np.testing.assert_allclose(scores.std(axis=0), 1, atol=0.02)
    np.testing.assert_allclose(np.corrcoef(scores.T), correlations(persistence, np.arange(1, 6)), atol=0.02)


@pytest.mark.parametrize("persistence", [0.0, 0.4, 0.8, 1.0])
@pytest.mark.parametrize("horizon", [2, 12, 300])
def test_the_persistence_of_many_windows_is_recovered(persistence, horizon):
    """From scores that were drawn with it, a tenth of them missing."""
    random = np.random.default_rng(3)
    scores = draw_scores(persistence, horizon, 3_000, random)
    scores[random.random(scores.shape) < 0.1] = np.nan
    assert fit_persistence(scores, 1e9) == pytest.approx(persistence, abs=0.06)


def test_few_windows_move_the_usual_a_little():
    """Ten independent ones half of the way, none not at all; without a pair there is nothing to learn from."""
    scores = draw_scores(0.0, 12, 3_000, np.random.default_rng(3))
    assert fit_persistence(scores, 0.0) == USUAL
    assert fit_persistence(scores, 10.0) == pytest.approx(USUAL / 2, abs=0.03)
    assert fit_persistence(scores[:, :1], 1e9) == USUAL
    assert fit_persistence(np.full((5, 4), np.nan), 1e9) == USUAL
    assert fit_persistence(np.zeros((5, 4)), 1e9) == USUAL


def test_outcomes_infinitely_far_out_count_as_far_out():
    """A zero under a forecast in logarithms does not make the estimate infinite."""
    scores = draw_scores(0.5, 6, 500, np.random.default_rng(1))
    scores[0, 0], scores[1, 3] = -np.inf, np.inf
    assert 0.3 < fit_persistence(scores, 1e9) < 0.7


def test_many_samples_have_the_distribution_of_the_forecast():
    """The largest distance of the distribution functions is that of chance: below 1.63 / √n in 99 of 100 cases."""
    count = 4_000
    made = forecast(0.7)
    for item, paths in enumerate(made.samples(count)):
        for step in (0, 3, 7):
            ordered = np.sort(paths[step])
            below = np.array([made.probability_below(x)[item][step] for x in ordered[::10]])
            assert np.abs(below - np.arange(0, count, 10) / count).max() < 1.95 / np.sqrt(count)


def test_sums_over_the_horizon_spread_wider_when_errors_carry_over():
    """As wide as the correlations of a normal forecast say."""
    shape = np.array([NormalDist().inv_cdf(level) for level in QUANTILE_LEVELS])
    days = np.datetime64("2024-01-01", "us") + np.arange(STEPS) * np.timedelta64(1, "D")
    item = ItemForecast((), "y", days, np.tile(shape, (STEPS, 1)))
    spreads = {}
    for persistence in (0.0, 0.8):
        made = Forecast((item,), QUANTILE_LEVELS, Columns("day", ("y",)), persistence=persistence)
        spreads[persistence] = made.samples(20_000)[0].sum(axis=0).std()
        expected = np.sqrt(correlations(persistence, np.arange(1, STEPS + 1)).sum())
        assert spreads[persistence] == pytest.approx(expected, rel=0.02)
    assert spreads[0.8] > 1.8 * spreads[0.0]


def test_equal_seeds_give_equal_bytes_and_others_do_not():
    """In the file as in the library."""
    made = forecast(0.5)
    assert render(made, samples=3, seed=7) == render(made, samples=3, seed=7)
    assert render(made, samples=3, seed=7) != render(made, samples=3, seed=8)


def test_an_item_has_the_same_paths_whatever_stands_beside_it():
    """More samples begin with the same ones; items differ from each other."""
    both, alone = forecast(0.5).samples(4, 2), forecast(0.5, items=("b",)).samples(4, 2)
    np.testing.assert_array_equal(both[1], alone[0])
    np.testing.assert_array_equal(forecast(0.5).samples(9, 2)[0][:, :4], both[0])
    assert not np.array_equal(both[0], both[1])


def test_samples_stay_within_bounds():
    """As quantiles do."""
    paths = forecast(0.5, bounds=Bounds(15, 60)).samples(2_000)[0]
    assert (paths.min(), paths.max()) == (15, 60)


def test_samples_are_columns_after_all_others():
    """One path down the rows of each item."""
    made = forecast(0.5)
    frame = made.to_frame(levels=(80,), above=(20,), samples=2)
    assert list(frame.columns) == ["shop", "day", "forecast", "lo_80", "hi_80", "p_above_20", "sample_1", "sample_2"]
    np.testing.assert_array_equal(frame["sample_2"], np.concatenate([paths[:, 1] for paths in made.samples(2)]))


def test_normal_scores_undo_quantiles():
    """Of a normal forecast they are the standardised values, missing ones missing."""
    shape = 5 + 2 * np.array([NormalDist().inv_cdf(level) for level in QUANTILE_LEVELS])
    values = np.array([5.0, 6.0, -3.0, 12.0, np.nan])
    found = normal_scores(np.tile(shape, (5, 1)), QUANTILE_LEVELS, values)
    np.testing.assert_allclose(found, [0, 0.5, -4, 3.5, np.nan], atol=1e-12)


def test_a_median_alone_has_no_paths():
    """As it has no intervals; nor are there fewer than one."""
    made = forecast(0.5)
    alone = replace(made, quantile_levels=(0.5,), items=(replace(made.items[0], quantiles=np.ones((STEPS, 1))),))
    with pytest.raises(ConfigError, match="the forecast has its median only"):
        alone.samples(1)
    with pytest.raises(ConfigError, match="must be at least 1"):
        made.samples(0)


def test_older_files_have_the_usual_persistence():
    """What an upgrade writes down stays what it was when it was written."""
    assert upgraded({"format": 3, "config": {}})["persistence"] == USUAL
