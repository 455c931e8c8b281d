"""No forecast lies outside the bounds, wherever it is made, and values that do are told of or refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from forecast.backtesting import Candidate, backtest
from forecast.bounds import Bounds, outside
from forecast.calibration import reaches, unchanged
from forecast.config import QUANTILE_LEVELS, Config, DataConfig, ModelConfig, TrainConfig, check_bounds
from forecast.errors import ConfigError, DataError
from forecast.forecaster import Forecaster, read_card
from forecast.forecasts import Forecast, ItemForecast
from forecast.judging import HeldOut, _evaluation
from forecast.panel import Columns
from forecast.planning import plan
from forecast.prediction import Scaled
from forecast.scaling import Scaling
from tests.panels import daily, weekly_wave

QUICK = Config(
    data=DataConfig(scaling="standard"),
    model=ModelConfig(hidden=8, horizon=7, members=1),
    train=TrainConfig(max_steps=20),
)


def falling(length=120, seed=0):
    """Counts that come down to zero: their forecasts would go on below it."""
    noise = np.random.default_rng(seed).normal(size=length)
    return np.maximum(np.linspace(40, 0.5, length) + 2 * noise, 0)


@pytest.fixture(scope="module")
def panel():
    return daily(falling())


@pytest.fixture(scope="module")
def forecaster(panel):
    return Forecaster.fit(panel, QUICK)


def quantiles(forecast):
    return forecast.items[0].quantiles


def test_clipping_moves_what_lies_outside_and_nothing_else():
    """To the nearest bound; without bounds nothing moves."""
    values = np.array([-3.0, 0.0, 4.0, 11.0])
    assert Bounds(0, 10).clip(values).tolist() == [0, 0, 4, 10]
    np.testing.assert_array_equal(Bounds().clip(values), values)


@pytest.mark.parametrize(
    ("floor", "cap", "expected"),
    [(0, 5.5, Bounds(0, 5.5)), ("none", None, Bounds()), (None, "none", Bounds()), (-2.0, "none", Bounds(floor=-2.0))],
)
def test_a_bound_is_a_number_or_none(floor, cap, expected):
    """None and "none" are no bound."""
    assert Bounds.of(floor, cap) == expected


@pytest.mark.parametrize(
    ("floor", "cap", "message"),
    [
        ("much", None, "floor is 'much', but must be a number or none"),
        (None, float("inf"), "cap is inf, but must be finite"),
        (float("nan"), None, "floor is nan, but must be finite"),
        (5.0, 5.0, "the floor 5 does not lie below the cap 5"),
    ],
)
def test_bounds_that_mean_nothing_are_refused(floor, cap, message):
    """In a configuration as on the command line."""
    with pytest.raises(ConfigError, match=message):
        check_bounds(floor, cap)
    with pytest.raises(ConfigError, match=message):
        DataConfig(floor=floor, cap=cap)


def test_the_first_value_outside_is_named_with_its_series_and_time():
    """And how many there are; missing values lie nowhere."""
    panel = daily([1.0, np.nan, 3.0], [2.0, -1.5, -2.0])
    assert outside(panel, Bounds(-2.0, 3.0)) is None
    assert outside(panel, Bounds(cap=2.5)) == "a: the value 3 of 2020-01-03 lies above the cap 2.5"
    assert outside(panel, Bounds(floor=0)) == (
        "b: the value -1.5 of 2020-01-02 lies below the floor 0, the first of 2 values outside"
    )


@pytest.mark.parametrize(
    ("values", "asked", "floor", "cap"),
    [
        (weekly_wave(60), {}, 0.0, "none"),
        (weekly_wave(60) - 100, {}, "none", "none"),
        (np.maximum(weekly_wave(60) - 100, 0), {}, 0.0, "none"),
        (weekly_wave(60), {"floor": "none"}, "none", "none"),
        (weekly_wave(60), {"floor": 20.0, "cap": 500.0}, 20.0, 500.0),
        (weekly_wave(60), {"cap": 500.0}, 0.0, 500.0),
        (-weekly_wave(60), {"cap": 0.0}, "none", 0.0),
        (np.zeros(60), {"cap": 0.0}, "none", 0.0),
    ],
)
def test_the_floor_is_zero_where_no_value_is_negative(values, asked, floor, cap):
    """Unless something else was asked for; there is a cap only where one was asked for."""
    data = plan(daily(values), Config(data=DataConfig(**asked))).config.data
    assert (data.floor, data.cap) == (floor, cap)


def test_one_series_below_zero_takes_the_floor_from_all():
    """The bounds belong to the model."""
    assert plan(daily(weekly_wave(60), weekly_wave(60) - 100), Config()).bounds == Bounds()


def test_the_plan_tells_of_its_bounds():
    """What was chosen and how to undo it, what was asked for, and nothing where there are none."""
    panel = daily(weekly_wave(60))
    assert "floor 0: no value is negative, and so no forecast is; --floor none lifts it" in plan(panel, Config()).notes
    asked = Config(data=DataConfig(floor=1.0, cap=500.0))
    assert "floor 1, cap 500: as asked" in plan(panel, asked).notes
    lifted = plan(panel, Config(data=DataConfig(floor="none")))
    assert not any(note.startswith(("floor", "cap")) for note in lifted.notes)


@pytest.mark.parametrize(
    ("bounds", "word"), [({"floor": 90.0}, "below the floor 90"), ({"cap": 90.0}, "above the cap")]
)
def test_training_values_outside_bounds_that_were_asked_for_are_an_error(bounds, word):
    """Whoever sets them is mistaken about them or about the data."""
    with pytest.raises(DataError, match=word) as caught:
        plan(daily(weekly_wave(60)), Config(data=DataConfig(**bounds)))
    assert "--floor none --cap none" in str(caught.value.hint)


def test_a_forecast_of_counts_is_never_negative(panel, forecaster):
    """No quantile, trained or beyond, at any horizon; and without the floor it would be."""
    forecast = forecaster.predict(panel, 30)
    free = forecaster.within("none", None).predict(panel, 30)
    assert quantiles(free).min() < 0
    np.testing.assert_array_equal(quantiles(forecast), np.maximum(quantiles(free), 0))
    assert forecast.quantile(1e-6)[0].min() == 0
    assert free.quantile(1e-6)[0].min() < quantiles(free).min()
    assert forecast.to_frame(levels=(99.9,))["lo_99.9"].min() == 0


def test_a_cap_holds_as_a_floor_does(panel, forecaster):
    """Every quantile is at most the cap, and what lies below stays where it was."""
    capped = forecaster.within(None, 3.0).predict(panel)
    assert quantiles(capped).max() == 3.0
    np.testing.assert_array_equal(quantiles(capped), np.minimum(quantiles(forecaster.predict(panel)), 3.0))
    assert capped.quantile(0.9999)[0].max() == 3.0


def test_bounds_are_kept_with_the_model(forecaster, tmp_path):
    """In its file, and on its card."""
    path = tmp_path / "m.safetensors"
    forecaster.within(None, 50).save(path)
    assert Forecaster.load(path).bounds == Bounds(0, 50)
    data = read_card(path)["config"]["data"]
    assert (data["floor"], data["cap"]) == (0.0, 50.0)


def test_another_floor_must_lie_below_the_cap_of_the_model(forecaster):
    """As in one configuration."""
    with pytest.raises(ConfigError, match="the floor 60 does not lie below the cap 50"):
        forecaster.within(None, 50.0).within(60.0, None)


def test_nothing_is_likely_outside_the_bounds():
    """Above the floor and below: certain or impossible outside; at a bound lies what was clipped."""
    normal = [[-19.6, -16.4, -12.8, -8.4, -5.2, -2.5, 0.0, 2.5, 5.2, 8.4, 12.8, 16.4, 19.6]]
    bounds = Bounds(0, 10)
    days = np.array(["2024-01-01"], dtype="datetime64[us]")
    items = (ItemForecast((), "y", days, bounds.clip(np.array(normal))),)
    forecast = Forecast(items, QUANTILE_LEVELS, Columns("day", ("y",)), bounds=bounds)
    above = {x: forecast.probability_above(x)[0].item() for x in (-5.0, 0.0, 5.0, 10.0, 11.0)}
    below = {x: forecast.probability_below(x)[0].item() for x in (-5.0, 0.0, 5.0, 10.0, 11.0)}
    assert (above[-5.0], above[10.0], above[11.0]) == (1, 0, 0)
    assert (below[-5.0], below[0.0], below[11.0]) == (0, 0, 1)
    assert above[0.0] == pytest.approx(0.5)
    assert above[5.0] + below[5.0] == pytest.approx(1)
    assert 0 < 1 - below[10.0] < 0.2


def test_the_evaluation_is_that_of_clipped_quantiles():
    """An interval from -8 to 8 around 0 is half as wide with a floor, and covers the same."""
    panel = daily(np.arange(60.0))
    planned = plan(panel, replace(QUICK, model=replace(QUICK.model, horizon=2)))
    spread = np.linspace(-12.0, 12.0, 13)
    (series,) = panel.series
    scaled = Scaled(np.broadcast_to(spread, (1, 2, 13)), (Scaling(0.0, 1.0),))
    held_out = HeldOut([series], np.array([[1.0, 2.0]]), scaled, 1.0)
    free = replace(planned, config=replace(planned.config, data=replace(planned.config.data, floor="none")))
    clipped, whole = (
        _evaluation(held_out, unchanged(QUANTILE_LEVELS), p, "").scores[0].metrics for p in (planned, free)
    )
    assert (clipped["width_80"], whole["width_80"]) == (8, 16)
    assert clipped["coverage_80"] == whole["coverage_80"] == 1
    assert clipped["mae"] == whole["mae"] == 1.5


def test_a_backtest_is_clipped_and_tells_of_values_outside(forecaster, panel):
    """The model that was saved, with its own floor; and it says so where the data have left it."""
    below = daily(np.concatenate([falling(), np.full(14, -1.0)]))
    found = backtest(below, [Candidate("mine", forecaster)], horizon=7, n_windows=2)
    assert found.methods[0].quantiles.min() == 0
    said = "mine: y: the value -1 of 2020-04-30 lies below the floor 0, the first of 7 values outside, "
    assert any(note.startswith(said) for note in found.notes)


def test_an_outcome_at_a_bound_is_inside_an_interval_that_is_clipped_to_it():
    """Zeros after a forecast of less than nothing are what it said; a zero far below the interval is not."""
    levels = QUANTILE_LEVELS
    below, above = np.linspace(-30, -6, 13), np.linspace(6, 30, 13)
    bounds, zero = Bounds(floor=0.0), np.zeros(1)
    for row, inside in ((below, True), (above, False)):
        settled = bounds.settled(zero, row[6:7])
        reach = reaches(row[None, None], settled[None], levels)
        assert (reach <= 1).all() == inside
        clipped = bounds.clip(row)
        assert (clipped[2] <= 0 <= clipped[-3]) == inside


def test_adapted_intervals_hold_what_clipped_intervals_hold(panel, forecaster):
    """Where a floor lies above all that was forecast, outcomes at the floor are just what is forecast."""
    floor = float(quantiles(forecaster.predict(panel)).max()) + 5
    grown = daily(np.concatenate([panel.series[0].values, np.full(7, floor)]))
    assert forecaster.adapted(grown).adaptation.held == pytest.approx([0.0] * 6)
    assert forecaster.within(floor, None).adapted(grown).adaptation.held == pytest.approx([1.0] * 6)


def test_the_caveats_say_what_lies_outside(panel, forecaster):
    """And what lifts the bounds; nothing where all is well."""
    assert forecaster.caveats(panel) == ()
    sunk = daily(np.append(panel.series[0].values, -2.0))
    (caveat,) = forecaster.caveats(sunk)
    assert "forecast without" not in caveat
    said = (
        "y: the value -2 of 2020-04-30 lies below the floor 0, and no forecast does; --floor none --cap none lift this"
    )
    assert caveat == said
    assert forecaster.within("none", None).caveats(sunk) == ()


def test_a_card_is_plain_json(forecaster):
    """A floor that is none is a word, for JSON has no infinity."""
    json.dumps(forecaster.within("none", "none").metadata, allow_nan=False)
