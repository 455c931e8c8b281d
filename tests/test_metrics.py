"""Metrics: answers known by hand, and the same numbers as an independent implementation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from utilsforecast import losses

from forecast.metrics import METRICS, coverage, mae, mase, rmse, rmsse, smape, wape, width, wql

NAN = float("nan")
SPREAD = np.array([-1.0, 0.0, 1.0])


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_errors_have_the_values_computed_by_hand() -> None:
    """Errors 1, −1 and 2 on actual values 10, 20 and −5."""
    actual, forecast = array(10, 20, -5), array(9, 21, -7)
    assert mae(actual, forecast) == pytest.approx(4 / 3)
    assert rmse(actual, forecast) == pytest.approx(math.sqrt(2))
    assert wape(actual, forecast) == pytest.approx(4 / 35)
    assert smape(actual, forecast) == pytest.approx(200 * (1 / 19 + 1 / 41 + 2 / 12) / 3)


def test_scaled_errors_divide_by_the_seasonal_change_of_the_history() -> None:
    """A history 1 2 4 8 has changes 3 and 6 at lag 2, and 1, 2 and 4 at lag 1."""
    actual, forecast, history = array(10, 20), array(13, 17), array(1, 2, 4, 8)
    assert mase(actual, forecast, history, 2) == pytest.approx(3 / 4.5)
    assert mase(actual, forecast, history, 1) == pytest.approx(3 / (7 / 3))
    assert rmsse(actual, forecast, history, 2) == pytest.approx(3 / math.sqrt((9 + 36) / 2))


def test_smape_of_a_hit_on_zero_is_zero_and_of_opposite_signs_is_200() -> None:
    """The two ends of the scale."""
    assert smape(array(0.0), array(0.0)) == 0.0
    assert smape(array(5.0), array(-3.0)) == pytest.approx(200 * 8 / 8)
    assert smape(array(0.0), array(1e-9)) == pytest.approx(200)


def test_wql_of_one_level_is_the_pinball_loss_by_hand() -> None:
    """At level 0.9, being 2 too low costs 1.8 and being 1 too high costs 0.1; sum |y| is 30."""
    actual, quantiles = array(10, 20), np.array([[8.0], [21.0]])
    assert wql(actual, quantiles, [0.9]) == pytest.approx(2 * (1.8 + 0.1) / 30)


def test_wql_of_the_median_alone_is_wape() -> None:
    """Twice the pinball loss at 0.5 is the absolute error."""
    actual, forecast = array(3, -4, 0.5), array(2, 2, 2)
    assert wql(actual, forecast[:, None], [0.5]) == pytest.approx(wape(actual, forecast))


def test_coverage_counts_the_bounds_as_inside() -> None:
    """Of 1, 2, 3 and 4 the interval [2, 3] holds two."""
    actual = array(1, 2, 3, 4)
    assert coverage(actual, np.full(4, 2.0), np.full(4, 3.0)) == 0.5
    assert width(array(1, 2), array(2, 5)) == 2.0


def test_a_missing_actual_is_left_out() -> None:
    """Every metric is the same with a step added whose actual value is NaN."""
    actual, forecast = array(10, 20, 30), array(11, 18, 33)
    longer, longer_forecast = array(10, NAN, 20, 30), array(11, 1e6, 18, 33)
    history = array(1, 5, 2, 6, 4)
    for metric in METRICS.values():
        assert metric(longer, longer_forecast, history, 2) == metric(actual, forecast, history, 2)
    quantiles, longer_quantiles = forecast[:, None] + SPREAD, longer_forecast[:, None] + SPREAD
    assert wql(longer, longer_quantiles, [0.1, 0.5, 0.9]) == wql(actual, quantiles, [0.1, 0.5, 0.9])
    assert coverage(longer, longer_quantiles[:, 0], longer_quantiles[:, 2]) == coverage(
        actual, quantiles[:, 0], quantiles[:, 2]
    )


def test_a_missing_value_in_the_history_leaves_out_the_changes_it_touches() -> None:
    """Of 1 NaN 4 8 10 only 4→8 and 8→10 are changes at lag 1."""
    assert mase(array(0.0), array(6.0), array(1, NAN, 4, 8, 10), 1) == pytest.approx(6 / 3)


def test_a_missing_forecast_shows() -> None:
    """A NaN forecast of an observed value is never passed over."""
    actual, forecast, history = array(1, 2), array(1, NAN), array(1, 2, 3)
    for metric in METRICS.values():
        assert math.isnan(metric(actual, forecast, history, 1))
    assert math.isnan(wql(actual, forecast[:, None], [0.5]))
    assert math.isnan(coverage(actual, forecast, array(9, 9)))


@pytest.mark.parametrize("name", METRICS)
def test_nothing_observed_is_undefined(name: str) -> None:
    """No actual value, no figure, and no warning."""
    assert math.isnan(METRICS[name](array(NAN), array(1.0), array(1, 2, 4), 1))
    assert math.isnan(coverage(array(NAN), array(0.0), array(1.0)))


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(np.full(30, 0.1), id="constant"),
        pytest.param(np.sin(2 * np.pi * np.arange(48) / 12) + 5, id="an exact cycle but for rounding"),
        pytest.param(array(1, 2, 3), id="shorter than a season"),
        pytest.param(np.full(30, NAN), id="nothing observed"),
    ],
)
def test_a_history_without_seasonal_change_leaves_scaled_errors_undefined(history: np.ndarray) -> None:
    """There is nothing to scale by: NaN, not infinity and not 10^16."""
    assert math.isnan(mase(array(1.0), array(2.0), history, 12))
    assert math.isnan(rmsse(array(1.0), array(2.0), history, 12))


def test_relative_errors_of_zeros_are_undefined() -> None:
    """The sum of absolute actual values is 0."""
    assert math.isnan(wape(array(0, 0), array(1, 2)))
    assert math.isnan(wql(array(0, 0), np.ones((2, 1)), [0.5]))


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_forecast_scores_zero(name: str) -> None:
    """Every point metric is an error."""
    actual = array(3, 1, 2)
    assert METRICS[name](actual, actual, array(1, 2, 4, 3), 1) == 0.0


@pytest.mark.parametrize("season_length", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_an_independent_implementation(seed: int, season_length: int) -> None:
    """The same figures as utilsforecast, whose smape runs from 0 to 1 and whose wape is called nd."""
    draw = np.random.default_rng(seed)
    history, actual, forecast = draw.normal(3, 2, 40), draw.normal(3, 2, 9), draw.normal(3, 2, 9)
    frame = pd.DataFrame({"unique_id": "a", "ds": range(40, 49), "y": actual, "model": forecast})
    train = pd.DataFrame({"unique_id": "a", "ds": range(40), "y": history})

    def theirs(loss: str, **arguments: object) -> float:
        return float(getattr(losses, loss)(frame, models=["model"], **arguments)["model"].iloc[0])

    scaled = {"seasonality": season_length, "train_df": train}
    expected = {
        "mae": theirs("mae"),
        "rmse": theirs("rmse"),
        "smape": 200 * theirs("smape"),
        "wape": theirs("nd"),
        "mase": theirs("mase", **scaled),
        "rmsse": theirs("rmsse", **scaled),
    }
    measured = {name: metric(actual, forecast, history, season_length) for name, metric in METRICS.items()}
    assert measured == pytest.approx(expected)


def test_quantile_metrics_equal_an_independent_implementation() -> None:
    """The same figures as utilsforecast, whose scaled CRPS is the weighted quantile loss of one series."""
    draw = np.random.default_rng(7)
    actual, levels = draw.normal(10, 3, 50), np.array([0.1, 0.5, 0.9])
    quantiles = draw.normal(10, 3, (50, 1)) + np.array([-3.0, 0.0, 3.0])
    frame = pd.DataFrame(quantiles, columns=["model-lo-80", "model", "model-hi-80"]).assign(
        unique_id="a", ds=range(50), y=actual
    )
    theirs = losses.scaled_crps(frame, {"model": ["model-lo-80", "model", "model-hi-80"]}, levels)
    assert wql(actual, quantiles, levels.tolist()) == pytest.approx(float(theirs["model"].iloc[0]))
    theirs = losses.coverage(frame, ["model"], level=80)
    assert coverage(actual, quantiles[:, 0], quantiles[:, 2]) == pytest.approx(float(theirs["model"].iloc[0]))


def test_many_windows_at_once_have_the_figures_of_each() -> None:
    """Missing steps, a sum of zeros and a missing forecast among them."""
    draw = np.random.default_rng(11)
    actual, quantiles = draw.normal(size=(5, 4)), np.sort(draw.normal(size=(5, 4, 3)))
    actual[0, 1], actual[1], actual[2], quantiles[3, 2, 1] = NAN, NAN, 0.0, NAN
    levels, history = [0.1, 0.5, 0.9], array(1, 3, 2, 5)
    median, low, high = quantiles[..., 1], quantiles[..., 0], quantiles[..., 2]
    for metric in METRICS.values():
        alone = [metric(a, m, history, 1) for a, m in zip(actual, median, strict=True)]
        np.testing.assert_array_equal(metric(actual, median, history, 1), alone)
    alone = [wql(a, q, levels) for a, q in zip(actual, quantiles, strict=True)]
    np.testing.assert_array_equal(wql(actual, quantiles, levels), alone)
    alone = [coverage(*window) for window in zip(actual, low, high, strict=True)]
    np.testing.assert_array_equal(coverage(actual, low, high), alone)
