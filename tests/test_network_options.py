"""Options of the network through the whole program: every one trains, is saved, loads and forecasts as before."""

from dataclasses import replace

import numpy as np
import pytest

from forecast import Forecaster
from forecast.cells import CELLS
from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import ConfigError, DataError
from forecast.models.cells import make_cell
from forecast.planning import plan
from tests.panels import daily, weekly_wave

QUICK = TrainConfig(max_steps=20, patience=2)
SERIES = 50 + 10 * np.sin(np.arange(96) * np.pi / 6) + np.random.default_rng(0).normal(0, 1, 96)

OPTIONS = {
    "segment": {"decoder": "segment", "layers": 2},
    "recursive": {"decoder": "recursive", "bidirectional": True},
    "normal": {"head": "normal"},
    "student-t": {"head": "student-t", "decoder": "segment"},
    "no-anchors": {"anchors": False, "cell": "gru"},
    "everything": {
        **{"variational": True, "recurrent_dropout": 0.2, "layer_norm": True, "residual": True, "layers": 2},
        **{"initial_state": "learnt", "forget_bias": 2.0, "truncation": 3, "context_loss": 0.5, "segment": 2},
    },
}


def settings(**model):
    return Config(model=ModelConfig(hidden=8, members=1, horizon=6, **model), train=QUICK)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_comes_back_from_the_model_file(name, tmp_path):
    """The forecast of a saved and loaded model equals that of the model itself, and is finite and in order."""
    panel = daily(SERIES)
    forecaster = Forecaster.fit(panel, settings(**OPTIONS[name])).save(tmp_path / "m.safetensors")
    loaded = Forecaster.load(tmp_path / "m.safetensors")
    one, other = (f.predict(panel, 9).items[0].quantiles for f in (forecaster, loaded))
    assert np.array_equal(one, other)
    assert np.isfinite(one).all()
    assert (np.diff(one, axis=-1) >= 0).all()
    assert all(getattr(loaded.config.model, key) == value for key, value in OPTIONS[name].items())


def test_counts_are_forecast_on_their_own_zero():
    """Poisson counts around three: the negative binomial head leaves them unscaled, and its median is near three."""
    counts = np.random.default_rng(1).poisson(3, 120).astype(float)
    forecaster = Forecaster.fit(daily(counts), settings(head="negative-binomial"))
    quantiles = forecaster.predict(daily(counts)).items[0].quantiles
    assert forecaster.config.data.scaling == "none"
    assert (quantiles >= 0).all()
    assert 1.5 < np.median(quantiles[:, forecaster.quantile_levels.index(0.5)]) < 4.5


@pytest.mark.parametrize("wrong", [-1.0, 2.5])
def test_what_is_no_count_is_refused(wrong):
    """A negative or a broken number under the negative binomial head is named, with another head as the hint."""
    with pytest.raises(DataError, match=f"{wrong:g} is not a count") as caught:
        plan(daily(np.append(np.arange(40.0), wrong)), settings(head="negative-binomial"))
    assert caught.value.hint == "--head student-t"


def test_settings_that_contradict_each_other_are_refused():
    """Counts are not scaled, the truth is told to a recursive decoder only, and a backward direction is not cut."""
    counts, asked = daily(np.arange(40.0)), settings(head="negative-binomial")
    with pytest.raises(ConfigError, match="scaling log"):
        plan(counts, replace(asked, data=DataConfig(scaling="log")))
    with pytest.raises(ConfigError, match="recursive decoder"):
        plan(counts, replace(settings(), train=TrainConfig(teacher_forcing="always")))
    with pytest.raises(ConfigError, match="no past to cut off"):
        ModelConfig(bidirectional=True, truncation=2)
    with pytest.raises(ConfigError, match="every step of the context"):
        ModelConfig(bidirectional=True, context_loss=1.0)


def test_a_scheduled_decoder_is_told_the_truth_ever_more_seldom():
    """From always to nearly never over the steps; the other two stay as they are."""
    recipe = plan(daily(SERIES), settings()).recipe
    assert [recipe.forcing(step) for step in (1, 11, 20)] == pytest.approx([1.0, 0.5, 0.05])
    assert replace(recipe, teacher_forcing="always").forcing(20) == 1.0
    assert replace(recipe, teacher_forcing="never").forcing(1) == 0.0


def test_without_anchors_training_begins_at_the_last_value():
    """Before its first step the median of such a network is the last value, whatever the season says."""
    values = weekly_wave(120)
    config = Config(
        data=DataConfig(scaling="none", features=("none",)),
        model=ModelConfig(hidden=8, members=1, horizon=7, anchors=False),
        train=TrainConfig(max_steps=1, learning_rate=1e-7),
    )
    forecaster = Forecaster.fit(daily(values), config)
    median = forecaster.predict(daily(values)).items[0].quantiles[:, forecaster.quantile_levels.index(0.5)]
    np.testing.assert_allclose(median, values[-1], rtol=1e-4)
    assert "no anchors" in " ".join(forecaster.plan_notes)


def test_a_plain_recurrence_learns_the_season_by_itself():
    """Without anchors a hundred steps bring the error of a weekly wave below that of the last value by a third."""
    values = weekly_wave(300)
    config = Config(
        model=ModelConfig(hidden=32, members=1, horizon=7, anchors=False, cell="gru"),
        train=TrainConfig(max_steps=150, learning_rate=0.01, patience=15),
    )
    scores = {s.name: s.metrics["mae"] for s in Forecaster.fit(daily(values), config).evaluation.scores}
    assert scores["gru"] < 0.67 * scores["naive"]


@pytest.mark.parametrize("cell", CELLS)
def test_dropping_recurrent_weights_needs_some(cell):
    """A card says whether its cell has recurrent weights; one without cannot have them dropped."""
    assert CELLS[cell].recurs == bool(make_cell(cell, 2, 4).recurrent)
    asked = settings(cell=cell, recurrent_dropout=0.2)
    if CELLS[cell].recurs:
        plan(daily(SERIES), asked)
    else:
        with pytest.raises(ConfigError, match=f"{cell} has no recurrent weights"):
            plan(daily(SERIES), asked)


def test_variational_dropout_needs_dropout():
    """With nothing to drop it would have no effect."""
    with pytest.raises(ConfigError, match="dropout is 0") as caught:
        plan(daily(SERIES), settings(variational=True, dropout=0.0))
    assert caught.value.hint == "--dropout 0.2"
