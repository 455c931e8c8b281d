"""Targets of states through the whole library: what is learnt, what is forecast, what is kept, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from forecast import checkpoint
from forecast.backtesting import Candidate, backtest
from forecast.comparison import agree
from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import CheckpointError, ConfigError, DataError, ForecastError
from forecast.explanation import explain
from forecast.forecaster import Forecaster, read_card
from forecast.planning import plan
from tests.panels import daily
from tests.states import CHAIN, ROUND, WEEK, chain, of_states, weekdays

QUICK = Config(model=ModelConfig(hidden=8, horizon=5, members=1), train=TrainConfig(max_steps=30))


@pytest.fixture(scope="module")
def panel():
    return of_states(chain(CHAIN, 400))


@pytest.fixture(scope="module")
def forecaster(panel):
    return Forecaster.fit(panel, QUICK)


def shares(forecast):
    return forecast.items[0].probabilities


def until(panel, steps):
    (series,) = panel.series
    return replace(panel, series=(replace(series, timestamps=series.timestamps[:steps], values=series.values[:steps]),))


@pytest.mark.parametrize(("transitions", "states"), [(CHAIN, ("no", "yes")), (ROUND, ("cloud", "rain", "sun"))])
def test_the_probabilities_of_a_chain_are_learnt(transitions, states):
    """What follows is forecast nearly as well as by who knows the chain: a hundredth of a nat worse, not a tenth."""
    forecaster = Forecaster.fit(of_states(chain(transitions, 1_200), states=states), QUICK)
    fresh, lost = of_states(chain(transitions, 400, seed=5), states=states), []
    for steps in range(60, 400, 20):
        history = until(fresh, steps)
        stated = shares(forecaster.predict(history))
        last = int(history.series[0].values[-1])
        truth = np.stack([np.linalg.matrix_power(transitions, lead)[last] for lead in range(1, 6)])
        lost.append((truth * np.log(truth / stated)).sum(axis=1))
    assert np.mean(lost) < 0.015
    rates = np.linalg.matrix_power(transitions, 200)[0]
    assert np.mean((transitions * np.log(transitions / rates)).sum(axis=1)) > 0.1


def test_states_that_follow_the_week_are_learnt():
    """Each day of the week has its own probability, two weeks ahead as one."""
    stated = shares(Forecaster.fit(of_states(weekdays(700)), QUICK).predict(of_states(weekdays(700)), 14))[:, 1]
    assert np.abs(stated - np.tile(WEEK, 2)).mean() < 0.08


def test_two_trainings_give_equal_bytes(panel, forecaster, tmp_path):
    """And what is loaded forecasts what was saved."""
    forecaster.save(tmp_path / "one.safetensors")
    Forecaster.fit(panel, QUICK).save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    loaded = Forecaster.load(tmp_path / "one.safetensors")
    np.testing.assert_array_equal(shares(loaded.predict(panel, 12)), shares(forecaster.predict(panel, 12)))
    assert (loaded.states, loaded.temperature, loaded.evaluation) == (
        forecaster.states,
        forecaster.temperature,
        forecaster.evaluation,
    )
    assert read_card(tmp_path / "one.safetensors")["config"]["model"]["task"] == "binary"


def test_a_longer_horizon_goes_on_towards_the_rates(panel, forecaster):
    """A shorter one is a prefix; far ahead nothing is left of the last state."""
    short, trained, long = (shares(forecaster.predict(panel, n)) for n in (3, 5, 60))
    np.testing.assert_array_equal(short, trained[:3])
    np.testing.assert_allclose(trained, long[:5], rtol=1e-6)
    np.testing.assert_allclose(long.sum(axis=1), 1, rtol=1e-9)
    assert abs(long[-1, 1] - 0.25) < 0.15


def test_the_task_follows_from_the_panel(panel, forecaster):
    """Two states are a binary task unless classes are asked for, which differ in what is written only."""
    assert forecaster.config.model.task == "binary"
    assert list(forecaster.predict(panel).to_frame().columns) == ["day", "forecast", "p_yes"]
    classes = Forecaster.fit(panel, replace(QUICK, model=replace(QUICK.model, task="class")))
    assert list(classes.predict(panel).to_frame().columns) == ["day", "forecast", "p_no", "p_yes"]
    np.testing.assert_array_equal(shares(classes.predict(panel)), shares(forecaster.predict(panel)))


def test_several_series_share_a_network_and_gaps_are_allowed():
    """A town in which it always rains is told from one where it never does, by its own past."""
    wet, dry = (np.random.default_rng(seed).random(200) < share for seed, share in ((0, 0.95), (1, 0.05)))
    wet = np.where(np.arange(200) % 9 == 4, np.nan, wet)
    wet[-1] = 1.0
    panel = of_states(wet, dry)
    items = Forecaster.fit(panel, QUICK).predict(panel).items
    assert items[0].probabilities[:, 1].min() > 0.7
    assert items[1].probabilities[:, 1].max() < 0.3


def test_one_series_does_not_change_anothers_forecast():
    """Networks are shared, histories are not."""
    panel = of_states(chain(CHAIN, 150), chain(CHAIN, 150, seed=1))
    forecaster = Forecaster.fit(panel, QUICK)
    other = replace(panel.series[1], values=1 - panel.series[1].values)
    changed = forecaster.predict(replace(panel, series=(panel.series[0], other)))
    np.testing.assert_array_equal(changed.items[0].probabilities, forecaster.predict(panel).items[0].probabilities)


def test_the_evaluation_is_beside_the_base_rate(forecaster):
    """With the skill against it and a table of reliability, all over the same held-out steps."""
    names = [score.name for score in forecaster.evaluation.scores]
    assert names == ["lstm", "base rate", "persistence", "seasonal base rate"]
    assert list(forecaster.evaluation.scores[0].metrics) == [
        *("log_loss", "brier", "accuracy", "calibration_error", "skill"),
    ]
    bins = forecaster.evaluation.reliability
    assert sum(b.count for b in bins) == forecaster.evaluation.n_windows * forecaster.evaluation.horizon


def test_a_coin_is_not_beaten():
    """Nothing follows from a fair coin's past, and the verdict does not claim otherwise."""
    tosses = (np.random.default_rng(0).random(400) < 0.5).astype(float)
    forecaster = Forecaster.fit(of_states(tosses), QUICK)
    assert forecaster.evaluation.scores[0].metrics["skill"] < 0.03
    assert np.abs(shares(forecaster.predict(of_states(tosses))) - 0.5).max() < 0.2


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (Config(data=DataConfig(scaling="log")), "scaling log is for numbers"),
        (Config(data=DataConfig(cap=1.0)), "cap 1"),
        (Config(model=ModelConfig(head="normal")), "head normal is for numbers"),
        (Config(model=ModelConfig(decoder="recursive")), "the recursive decoder is for numbers"),
        (Config(model=ModelConfig(context_loss=1.0)), "context_loss is for numbers"),
    ],
)
def test_settings_for_numbers_are_refused(config, said, panel):
    """Before anything is trained."""
    with pytest.raises(ConfigError, match=said):
        plan(panel, config)


def test_a_task_of_states_needs_states():
    """Numbers are no states, and three are not two."""
    with pytest.raises(ConfigError, match="task class needs states"):
        plan(daily(np.arange(90.0)), Config(model=ModelConfig(task="class")))
    with pytest.raises(ConfigError, match="needs two states, and the panel has 3"):
        plan(of_states(chain(ROUND, 90), states=("a", "b", "c")), Config(model=ModelConfig(task="binary")))


def test_what_is_for_numbers_only_says_so(panel, forecaster):
    """Adaptation, quantiles, samples, a backtest, a comparison and an explanation."""
    forecast = forecaster.predict(panel)
    for attempt in (
        lambda: forecaster.adapted(panel),
        lambda: forecast.quantile(0.5),
        lambda: forecast.probability_above(1),
        lambda: forecast.samples(10),
        lambda: backtest(panel, [Candidate("lstm", QUICK)]),
        lambda: agree(panel, QUICK),
        lambda: explain(forecaster, panel, panel.series[0]),
    ):
        with pytest.raises(ForecastError, match="states"):
            attempt()


def test_other_states_than_those_of_the_training_are_refused(panel, forecaster):
    """Their codes would mean something else."""
    with pytest.raises(DataError, match="other states than the model was trained with"):
        forecaster.predict(replace(panel, states=("dry", "wet")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"states": ["yes"]}, "1 states are not those of task binary"),
        ({"states": ["yes", "yes"]}, "a list of different texts"),
        ({"states": ["no", 1]}, "a list of different texts"),
        ({"states": []}, "0 states are not those of task binary"),
        ({"temperature": 100.0}, "temperature is out of bounds"),
        ({"temperature": 1}, "1 to 1 numbers"),
        ({"quantile_levels": [0.1, 0.5, 0.9]}, "0 to 0 numbers"),
    ],
)
def test_damaged_metadata_is_refused(change, said, forecaster, tmp_path):
    """Whoever seals a file may write anything."""
    path = tmp_path / "m.safetensors"
    forecaster.save(path)
    tensors = {f"networks.0.{name}": tensor.numpy() for name, tensor in forecaster.networks[0].state_dict().items()}
    path.write_bytes(checkpoint.seal({**forecaster.metadata, **change}, tensors))
    with pytest.raises(CheckpointError) as caught:
        Forecaster.load(path)
    assert said in f"{caught.value.message} {caught.value.why}"


def test_a_search_over_settings_goes_by_the_log_loss(panel):
    """Its trials are compared by the cross-entropy on the windows that choose."""
    pytest.importorskip("optuna")
    from forecast.tuning import tune

    tuning = tune(panel, replace(QUICK, train=replace(QUICK.train, max_steps=10)), trials=2)
    losses = [trial.loss for trial in tuning.trials]
    assert all(loss is not None and 0.2 < loss < 1.0 for loss in losses)
