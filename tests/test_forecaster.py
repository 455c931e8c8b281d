"""A Forecaster: trained, saved, loaded, and honest about what it could know."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast import checkpoint
from forecast import forecaster as forecaster_module
from forecast.calendars import Calendar
from forecast.calibration import Factors, reaches
from forecast.cells import CELLS
from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import CheckpointError, ConfigError, DataError
from forecast.forecaster import Forecaster, read_card
from forecast.scaling import SCALERS
from tests.panels import DAY, daily, promoted, weekly_wave

QUICK = Config(model=ModelConfig(hidden=8, horizon=7, members=2), train=TrainConfig(max_steps=30))
MEDIAN = 6


@pytest.fixture(scope="module")
def panel():
    return daily(weekly_wave(150))


@pytest.fixture(scope="module")
def forecaster(panel):
    return Forecaster.fit(panel, QUICK)


def quantiles(forecast):
    return forecast.items[0].quantiles


def test_two_trainings_give_equal_bytes(panel, forecaster, tmp_path):
    """Same data, same settings, same file, to the last bit."""
    forecaster.save(tmp_path / "one.safetensors")
    Forecaster.fit(panel, QUICK).save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_what_is_loaded_forecasts_like_what_was_saved(panel, forecaster, tmp_path):
    """Weights, scaling, calibration and calendar all come back; saving again gives the same bytes."""
    path = tmp_path / "model.safetensors"
    digest = forecaster.save(path).digest
    loaded = Forecaster.load(path)
    np.testing.assert_array_equal(quantiles(loaded.predict(panel, 20)), quantiles(forecaster.predict(panel, 20)))
    assert loaded.digest == digest
    assert loaded.evaluation.to_dict() == forecaster.evaluation.to_dict()
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_forecast_has_its_dates_and_quantiles_in_order(panel, forecaster):
    """The day after the last row and on, levels ascending, nothing missing."""
    forecast = forecaster.predict(panel)
    item = forecast.items[0]
    assert item.timestamps[0] == panel.last + DAY
    assert len(item.timestamps) == 7
    assert (np.diff(item.quantiles, axis=1) >= 0).all()
    assert forecast.quantile_levels[MEDIAN] == 0.5


def test_a_shorter_horizon_is_a_prefix_and_a_longer_one_a_continuation(panel, forecaster):
    """Three steps, seven and thirty agree on what they share."""
    short, trained, long = (quantiles(forecaster.predict(panel, h)) for h in (3, 7, 30))
    np.testing.assert_array_equal(short, trained[:3])
    np.testing.assert_array_equal(trained, long[:7])


def test_past_the_trained_horizon_intervals_go_on_widening(panel, forecaster):
    """Each later block is wider than the end of the one before it, in logarithms, where this model adds errors."""
    logs = np.log(quantiles(forecaster.predict(panel, 28)))
    width = logs[:, -1] - logs[:, 0]
    for block in range(1, 4):
        assert width[7 * block : 7 * block + 7].min() > width[7 * block - 1]


def test_changing_the_future_leaves_every_earlier_forecast_unchanged(panel, forecaster):
    """Rows after the cutoff may be anything: the forecast at the cutoff is the same, byte for byte."""
    values = panel.series[0].values.copy()
    values[100:] = values[100:][::-1] * 1000
    cutoff = panel.series[0].timestamps[99]
    before = forecaster.predict(panel.split_at(cutoff))
    after = forecaster.predict(daily(values).split_at(cutoff))
    assert quantiles(before).tobytes() == quantiles(after).tobytes()
    assert before.items[0].timestamps.tobytes() == after.items[0].timestamps.tobytes()


def test_held_out_rows_do_not_reach_the_evaluated_network(panel):
    """Scrambling the last horizon changes what the model is judged on, but not what was chosen before it."""
    values = panel.series[0].values.copy()
    values[-7:] = values[-7:][::-1] + 5
    first, second = [], []
    Forecaster.fit(panel, QUICK, on_epoch=first.append)
    Forecaster.fit(daily(values), QUICK, on_epoch=second.append)

    def chosen(epochs):
        return [(e.step, e.loss, e.validation) for e in epochs if e.stage == "select"]

    assert chosen(first) == chosen(second)
    assert len(chosen(first)) > 0


def test_one_series_does_not_change_anothers_forecast(forecaster, panel):
    """Forecast alone or in company, an item gets the same forecast up to rounding in the last place."""
    alone = quantiles(forecaster.predict(panel))
    beside = quantiles(forecaster.predict(daily(panel.series[0].values, 1e6 * weekly_wave(80, seed=9))))
    np.testing.assert_allclose(alone, beside, rtol=1e-5)


@pytest.mark.parametrize(
    ("cell", "extra"),
    [
        *((cell, {}) for cell in CELLS),
        *(("lstm", extra) for extra in ({"layers": 2, "bidirectional": True, "dropout": 0.2}, {"segment": 1})),
    ],
    ids=str,
)
def test_every_cell_and_arrangement_trains_saves_and_forecasts(cell, extra, panel, tmp_path):
    """From a panel to a loaded model's forecast, for every registered cell."""
    model = ModelConfig(cell=cell, hidden=4, horizon=5, members=1, **extra)
    config = Config(model=model, train=TrainConfig(max_steps=4))
    saved = tmp_path / "model.safetensors"
    Forecaster.fit(panel, config).save(saved)
    assert np.isfinite(quantiles(Forecaster.load(saved).predict(panel, 12))).all()


@pytest.mark.parametrize("rule", SCALERS)
def test_every_scaling_gives_forecasts_near_the_series(rule, panel):
    """The units come back: a week ahead lies within the range of the series, widened by its spread."""
    values = panel.series[0].values
    median = quantiles(Forecaster.fit(panel, replace(QUICK, data=DataConfig(scaling=rule))).predict(panel))[:, MEDIAN]
    assert (median > values.min() - values.std()).all()
    assert (median < values.max() + values.std()).all()


@pytest.mark.parametrize("length", [8, 20, 40])
def test_short_series_still_train(length):
    """Eight rows give something, twenty a week ahead."""
    short = daily(weekly_wave(length))
    forecast = Forecaster.fit(short, Config(train=TrainConfig(max_steps=10))).predict(short, 10)
    assert np.isfinite(quantiles(forecast)).all()


def test_a_constant_series_is_forecast_as_constant():
    """No spread, no NaN, no invented movement."""
    constant = daily(np.full(60, 5.0))
    np.testing.assert_allclose(quantiles(Forecaster.fit(constant, QUICK).predict(constant)), 5.0, atol=1e-3)


def test_missing_rows_are_not_zeros():
    """A long outage in the middle does not drag the forecast towards zero."""
    values = weekly_wave(150)
    values[60:90] = np.nan
    values[5::11] = np.nan
    holed = daily(values)
    median = quantiles(Forecaster.fit(holed, QUICK).predict(holed))[:, MEDIAN]
    assert np.abs(median - np.nanmean(values[-14:])).max() < 25


def test_several_series_train_one_model(panel):
    """A panel gives one forecast per item, each from its own end, and an item that came later is forecast as well."""
    many = daily(*(weekly_wave(120, seed=i) * 10**i for i in range(4)))
    forecaster = Forecaster.fit(many, QUICK)
    forecast = forecaster.predict(many)
    assert [item.item_id for item in forecast.items] == [("a",), ("b",), ("c",), ("d",)]
    for i, item in enumerate(forecast.items):
        assert 50 * 10**i < np.median(item.quantiles[:, MEDIAN]) < 200 * 10**i
    assert len(forecaster.predict(daily(*[weekly_wave(90)] * 6)).items) == 6


def test_stopping_early_keeps_what_was_reached(panel):
    """Asked to stop at once, there is still a Forecaster, and it says that it was stopped."""
    stopped = Forecaster.fit(panel, QUICK, should_stop=lambda: True)
    assert stopped.stopped
    assert np.isfinite(quantiles(stopped.predict(panel))).all()


def test_the_time_limit_leaves_a_forecaster(panel):
    """A limit that is too short for anything gives the network it began with, trained a little."""
    hurried = Forecaster.fit(panel, replace(QUICK, train=TrainConfig(max_steps=100_000, time_limit=0.2)))
    assert np.isfinite(quantiles(hurried.predict(panel))).all()


def test_another_calendar_is_refused(panel, forecaster):
    """Weekly rows cannot be forecast by a model of daily ones."""
    with pytest.raises(DataError, match="calendar"):
        forecaster.predict(replace(panel, calendar=Calendar("W-SUN")))


def test_the_card_tells_what_the_model_is(forecaster, tmp_path):
    """Without weights: config, columns, data, evaluation; and the training file relative to the model."""
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "m.safetensors"
    forecaster.save(path, data=tmp_path / "prices.csv")
    card = read_card(path)
    assert card["data"]["path"] == "../prices.csv"
    assert card["data"]["n_rows"] == 150
    assert card["config"]["model"]["hidden"] == 8
    assert card["columns"]["time"] == "day"
    assert json.dumps(card)


def tampered(path, change):
    """The checkpoint with its metadata changed and its seal renewed."""
    metadata, tensors = checkpoint.load(path, lambda _: specs(path))
    change(metadata)
    path.write_bytes(checkpoint.seal(metadata, tensors))


def specs(path):
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    del header["__metadata__"]
    return {name: checkpoint.TensorSpec(entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("another kind", lambda m: m.update(kind="train-state")),
        ("no config", lambda m: m.pop("config")),
        ("blanks in the config", lambda m: m["config"]["model"].update(hidden=None)),
        ("an unknown cell", lambda m: m["config"]["model"].update(cell="os.system")),
        ("another size", lambda m: m["config"]["model"].update(hidden=9)),
        ("a size without end", lambda m: m["config"]["model"].update(hidden=10**9)),
        ("more networks than weights", lambda m: m.update(networks=3)),
        ("too many networks", lambda m: m.update(networks=10**9)),
        ("networks that are a word", lambda m: m.update(networks="two")),
        ("descending levels", lambda m: m["quantile_levels"].reverse()),
        ("no median", lambda m: m["quantile_levels"].__setitem__(MEDIAN, 0.51)),
        ("negative factors", lambda m: m["factors"]["rows"][0].__setitem__(0, -1.0)),
        ("too few factors", lambda m: m["factors"]["rows"][0].pop()),
        ("a lead without factors", lambda m: m["factors"]["rows"].pop()),
        ("leads that begin late", lambda m: m["factors"]["leads"].__setitem__(0, 2)),
        ("leads that fall", lambda m: m["factors"]["leads"].reverse()),
        ("no persistence", lambda m: m.pop("persistence")),
        ("more than all of an error", lambda m: m.update(persistence=1.5)),
        ("a whole number of persistence", lambda m: m.update(persistence=1)),
        ("factors of another shape", lambda m: m.update(factors=[1.0] * 13)),
        ("rows of factors that are a number", lambda m: m["factors"].update(rows=1.0)),
        ("training that ended never", lambda m: m["data"].update(last="NaT")),
        ("training that ended at no time", lambda m: m["data"].update(last="yesterday")),
        ("a season of nothing", lambda m: m.update(season_lengths=[0])),
        ("a season past the context", lambda m: m.update(season_lengths=[10_000])),
        ("columns of the wrong type", lambda m: m["columns"].update(time=7)),
        ("data of the wrong type", lambda m: m["data"].update(n_rows="many")),
        ("an unknown calendar", lambda m: m["calendar"].update(freq="fortnight")),
        ("no evaluation", lambda m: m.update(evaluation=None)),
        ("notes that are a number", lambda m: m.update(plan_notes=3)),
        ("steps that are a word", lambda m: m.update(steps="7")),
        ("a truth that is a word", lambda m: m.update(stopped="no")),
        ("a factor without bound", lambda m: m["factors"]["rows"][0].__setitem__(0, 1e308)),
        ("a context of one step", lambda m: m["config"]["model"].update(context_length=1)),
    ],
)
def test_metadata_that_was_sealed_by_somebody_else_is_checked_too(name, change, forecaster, tmp_path):
    """A valid seal proves nothing: each field is held to what it may be, and only CheckpointError comes out."""
    path = tmp_path / "model.safetensors"
    forecaster.save(path)
    tampered(path, change)
    with pytest.raises(CheckpointError):
        Forecaster.load(path)


def every_factor(factor):
    """The same factor for every quantile at every lead."""
    return Factors((1,), ((factor,) * 13,))


def test_the_calibration_is_applied(panel):
    """Factors of two double every distance from the median, where scaling is linear."""
    forecaster = Forecaster.fit(panel, replace(QUICK, data=DataConfig(scaling="standard")))
    once = quantiles(replace(forecaster, factors=every_factor(1.0)).predict(panel))
    twice = quantiles(replace(forecaster, factors=every_factor(2.0)).predict(panel))
    np.testing.assert_allclose(twice - once[:, [MEDIAN]], 2 * (once - once[:, [MEDIAN]]), rtol=1e-9)


def test_how_errors_carry_over_is_learnt_from_held_out_windows_and_kept(tmp_path):
    """Of a random walk nearly all does; of noise around a level nearly nothing."""
    random = np.random.default_rng(5)
    noise = random.normal(size=(6, 300))
    carried = {}
    for name, values in {"walk": 100 + np.cumsum(noise, axis=1), "noise": 100 + noise}.items():
        fitted = Forecaster.fit(daily(*values), QUICK)
        carried[name] = fitted.persistence
        fitted.save(tmp_path / "m.safetensors")
        loaded = Forecaster.load(tmp_path / "m.safetensors")
        assert loaded.persistence == loaded.predict(daily(*values)).persistence == fitted.persistence
    assert carried["walk"] > 0.75
    assert carried["noise"] < 0.45


def later(panel, changed, since):
    """The panel with other values from a row on."""
    (series,) = panel.series
    return replace(panel, series=(replace(series, values=np.r_[series.values[:since], changed]),))


@pytest.fixture(scope="module")
def grown(panel):
    """The panel of training and twenty days more, of which the last six are not a whole horizon."""
    return daily(weekly_wave(170))


def test_without_later_rows_there_is_nothing_to_adapt_to(panel, forecaster):
    """On the rows of training, or fewer, or on other items that began later: the forecast is what it was."""
    newcomer = daily(weekly_wave(60), start="2021-01-01")
    for known in (panel, panel.split_at(panel.series[0].timestamps[80]), newcomer):
        found = forecaster.adapted(known)
        assert found.adaptation is None
        np.testing.assert_array_equal(quantiles(found.predict(known)), quantiles(forecaster.predict(known)))


def test_adapted_intervals_are_those_of_the_calibrated_ones_at_each_later_cutoff(grown, forecaster):
    """Forecast by forecast with `predict`: the outcomes inside, counted with the widths known at the time."""
    change, held = 1.0, []
    log = np.log(grown.series[0].values)
    for cut in (150, 157, 164):
        q = np.log(quantiles(forecaster.predict(grown.split_at(grown.series[0].timestamps[cut - 1]))))
        low, median, high = q[:, 2], q[:, MEDIAN], q[:, 10]  # 80 %
        outcome = log[cut : cut + 7]
        n = len(outcome)
        reach = np.where(outcome > median[:n], (outcome - median[:n]) / (high - median)[:n], (median[:n] - outcome))
        reach = np.where(outcome > median[:n], reach, reach / (median - low)[:n])
        held += list(reach <= change)
        change *= np.exp(0.5 * n / 7 * (0.8 - np.mean(reach <= change)))
    found = forecaster.adapted(grown).adaptation
    of_80 = found.promised.index(pytest.approx(0.8))
    assert (found.cutoffs, found.outcomes) == (3, 20)
    assert found.held[of_80] == pytest.approx(np.mean(held))
    assert found.changes[of_80] == pytest.approx(change)


def test_adapted_forecasts_keep_their_medians_and_change_their_widths(panel, grown, forecaster):
    """A step of the level that no interval held makes them wider, at every lead and beyond the trained horizon."""
    jump = later(grown, grown.series[0].values[150:] * np.r_[np.full(7, 3.0), np.full(13, 0.4)], 150)
    adapted = forecaster.adapted(jump)
    before, after = np.log(quantiles(forecaster.predict(jump, 20))), np.log(quantiles(adapted.predict(jump, 20)))
    np.testing.assert_array_equal(before[:, MEDIAN], after[:, MEDIAN])
    of_80 = adapted.adaptation.changes[3]
    assert of_80 > 1.2
    np.testing.assert_allclose(after[:, 10] - after[:, MEDIAN], of_80 * (before[:, 10] - before[:, MEDIAN]), rtol=1e-9)


def test_an_outcome_without_a_logarithm_lies_outside_every_interval(grown, forecaster):
    """A count that drops to zero after a cutoff is judged like any other value far below."""
    data = replace(forecaster.config.data, scaling="mixed")
    mixed = replace(forecaster, config=replace(forecaster.config, data=data))
    assert mixed.adapted(later(grown, np.full(7, 0.0), 150)).adaptation.held == pytest.approx([0.0] * 6)


def test_a_history_without_logarithms_is_forecast_as_it_is_and_told_of(panel, forecaster):
    """One zero among values around a hundred; the series beside it is still seen in logarithms."""
    assert forecaster.config.data.scaling == "log"
    (series,) = panel.series
    zero = replace(series, item_id=("z",), values=np.where(np.arange(150) == 20, 0.0, series.values))
    both = replace(panel, series=(replace(series, item_id=("a",)), zero))
    alone, beside = forecaster.predict(panel), forecaster.predict(both)
    np.testing.assert_allclose(quantiles(alone), beside.items[0].quantiles, rtol=1e-6)
    np.testing.assert_allclose(beside.items[1].quantiles[:, MEDIAN], quantiles(alone)[:, MEDIAN], rtol=0.1)
    said = "z: the value 0 of 2020-01-21 has no logarithm, and the model was trained in them: "
    assert forecaster.caveats(both) == (f"{said}this series is forecast without",)
    twice = replace(both, series=(zero, zero))
    assert forecaster.caveats(twice)[0].endswith(": this and 1 more series are forecast without")


def test_the_same_rows_adapt_the_same_and_adapting_twice_is_adapting_once(grown, forecaster):
    """No state is kept: the second time begins where the first did."""
    once, again = forecaster.adapted(grown), forecaster.adapted(grown).adapted(grown)
    assert once.adaptation == again.adaptation
    assert once.metadata == forecaster.metadata


def test_how_a_cutoff_was_judged_does_not_depend_on_what_came_later(grown, forecaster):
    """The steps up to the second cutoff are the same whatever follows it."""
    day = grown.series[0].timestamps[156]
    before = forecaster.adapted(grown.split_at(day)).adaptation
    other = later(grown, grown.series[0].values[157:] * 5, 157)
    assert forecaster.adapted(other.split_at(day)).adaptation == before
    assert before.cutoffs == 1
    assert forecaster.adapted(other).adaptation != forecaster.adapted(grown).adaptation


def test_many_cutoffs_and_series_are_bounded(forecaster, monkeypatch):
    """The newest cutoffs, and of the series some that are evenly spread."""
    monkeypatch.setattr(forecaster_module, "_MOST_CUTOFFS", 2)
    monkeypatch.setattr(forecaster_module, "_MOST_HISTORIES", 6)
    many = daily(*(weekly_wave(190, seed=i) for i in range(9)))
    last = np.datetime64(forecaster.data.last)
    found = forecaster_module.cutoffs_after(last, many.series, forecaster.architecture)
    assert found == [(number, i, 150 + 7 * number) for number in (4, 5) for i in (0, 3, 6)]
    assert forecaster.adapted(many).adaptation.cutoffs == 2


def test_intervals_adapt_with_covariates_and_calendar_features(monkeypatch):
    """What counts at a cutoff is what `predict` says there, told of the days that followed it."""
    config = replace(QUICK, data=DataConfig(features=("weekday",)))
    forecaster = Forecaster.fit(promoted(150, ahead=20), config)
    grown = promoted(164, ahead=6, seed=0)
    there = replace(
        grown,
        series=tuple(replace(s, timestamps=s.timestamps[:157], values=s.values[:157]) for s in grown.series),
    )
    seen = []
    monkeypatch.setattr(forecaster_module, "reaches", lambda q, *rest: seen.append(q) or reaches(q, *rest))
    assert forecaster.adapted(grown).adaptation.cutoffs == 2
    assert forecaster.config.data.scaling == "log"
    second, direct = seen[0][1], np.log(quantiles(forecaster.predict(there)))
    # In the network's units: the same but for a shift and a factor.
    second, direct = ((q - q[0, MEDIAN]) / (q[0, -1] - q[0, MEDIAN]) for q in (second, direct))
    np.testing.assert_allclose(second, direct, rtol=1e-4, atol=1e-6)


def test_gaps_after_training_do_not_count(grown, forecaster):
    """A week without a value is no cutoff that anything can be learnt from."""
    values = grown.series[0].values[150:].copy()
    values[:7] = np.nan
    found = forecaster.adapted(later(grown, values, 150)).adaptation
    assert (found.cutoffs, found.outcomes) == (2, 13)


def test_in_logarithms_no_calibration_makes_a_positive_series_negative(panel, forecaster):
    """However far the intervals are stretched."""
    assert forecaster.config.data.scaling == "log"
    assert (quantiles(replace(forecaster, factors=every_factor(8.0)).predict(panel, 60)) > 0).all()


def test_a_forecast_that_is_not_finite_is_an_error(panel, forecaster):
    """Weights that ran away say so instead of writing infinities."""
    network = copy.deepcopy(forecaster.networks[0])
    with torch.no_grad():
        network.log_width.fill_(1e4)
    with pytest.raises(DataError, match="not finite"):
        replace(forecaster, networks=(network,)).predict(panel)


@pytest.mark.parametrize("horizon", [0, -3])
def test_a_horizon_is_at_least_one_step(horizon, panel, forecaster):
    """Zero steps are no forecast."""
    with pytest.raises(ConfigError, match="at least 1"):
        forecaster.predict(panel, horizon)


@pytest.mark.parametrize("rule", SCALERS)
def test_small_changes_on_a_huge_level_are_not_lost(rule):
    """A swing of ten on a billion: the interval is about as wide as the swing under every rule."""
    values = 1e9 + 10 * np.sign(np.sin(np.arange(150.0))) + np.random.default_rng(0).normal(size=150)
    huge = daily(values)
    found = quantiles(Forecaster.fit(huge, replace(QUICK, data=DataConfig(scaling=rule))).predict(huge))
    assert (found[:, -1] - found[:, 0] > 1).all()
    assert (found[:, -1] - found[:, 0] < 200).all()


def test_the_card_says_whether_there_was_a_refit(panel):
    """Whether the networks were trained again on every row is known; with a stop in the middle they were not."""
    assert Forecaster.fit(panel, QUICK).metadata["refitted"] is True
    assert Forecaster.fit(panel, QUICK, should_stop=lambda: True).metadata["refitted"] is False
