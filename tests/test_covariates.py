"""Covariates of a panel, and what a forecast makes of them."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.covariates import hide, require_known, with_features, with_only
from forecast.errors import DataError
from forecast.forecaster import Forecaster
from forecast.panel import Covariate
from tests.panels import daily, driven, promoted, weekly_wave

TINY = Config(
    data=DataConfig(features=("none",)),
    model=ModelConfig(hidden=8, members=1, horizon=7, context_length=28),
    train=TrainConfig(max_steps=40),
)


@pytest.fixture(scope="module")
def forecaster():
    return Forecaster.fit(promoted(300), TINY)


def medians(forecaster, panel, horizon=None):
    return forecaster.predict(panel, horizon).quantile(0.5)[0]


def test_a_known_effect_is_recovered(forecaster):
    """What a promotion adds to a day of the forecast is what it added in the history, on that day alone."""
    panel = promoted(300)
    none, third = panel.series[0].covariates.copy(), panel.series[0].covariates.copy()
    none[300:] = third[300:] = 0.0
    third[302] = 1.0
    with_, without = (
        medians(forecaster, replace(panel, series=(replace(panel.series[0], covariates=rows),)))
        for rows in (third, none)
    )
    np.testing.assert_allclose((with_ - without)[2], 5.0, atol=1.0)
    np.testing.assert_allclose(np.delete(with_ - without, 2), 0.0, atol=0.05)


def test_what_covariates_are_worth_is_measured(forecaster):
    """The loss with them is lower than without, and hiding the only one loses what it gave."""
    worth = forecaster.worth
    assert worth.loss < 0.9 * worth.loss_without
    assert worth.hidden["promo"] > worth.loss
    assert worth.verdict.startswith("the covariates help: validation loss")


def test_a_covariate_that_means_nothing_is_said_to_be_worth_nothing():
    """Noise does not lower the loss."""
    noise = np.random.default_rng(9).normal(size=(320, 1))
    worth = Forecaster.fit(driven(weekly_wave(300), noise), TINY).worth
    assert not worth.verdict.startswith("the covariates help")


def test_the_first_step_without_a_future_covariate_is_named(forecaster):
    """A forecast of seven steps needs seven known ones, and says which is missing and how far one can go."""
    panel = promoted(300, ahead=4)
    assert len(medians(forecaster, panel, 4)) == 4
    with pytest.raises(DataError, match=r"'promo' is not known for 2020-10-31, step 5 of the forecast") as caught:
        forecaster.predict(panel)
    assert caught.value.hint == "--future-data FILE with these rows, or --horizon 4"


def test_a_hole_in_the_future_is_not_filled(forecaster):
    """A missing value among known ones stops the forecast too."""
    panel = promoted(300)
    panel.series[0].covariates[303] = np.nan
    with pytest.raises(DataError, match="2020-10-30, step 4 of the forecast"):
        forecaster.predict(panel)


def test_the_item_that_lacks_a_covariate_is_named():
    """Among many, the series is said as well."""
    panel = daily(weekly_wave(50), weekly_wave(50, 1))
    rows = [np.zeros((60, 1)), np.zeros((52, 1))]
    series = tuple(replace(s, covariates=r) for s, r in zip(panel.series, rows, strict=True))
    panel = replace(panel, series=series, covariates=driven([1, 2, 3], np.zeros((3, 1))).covariates)
    require_known(panel, 2)
    with pytest.raises(DataError, match=r"'promo' of b is not known"):
        require_known(panel, 3)


def test_a_text_that_training_did_not_see_is_the_reason_given():
    """It counts as missing, and whoever looks for a missing row would not find one."""
    weather = Covariate("promo", "future", ("big", "small"))
    panel = replace(promoted(300, ahead=4), covariates=(weather,))
    panel.series[0].covariates[302] = np.nan
    with pytest.raises(DataError) as bare:
        require_known(panel, 4)
    assert "giga" not in bare.value.why
    notes = ('W322 column "promo": "giga" was not there in training', 'W322 column "other": "huge" was not there')
    with pytest.raises(DataError) as told:
        require_known(replace(panel, notes=notes), 4)
    assert "giga" in told.value.why
    assert "huge" not in told.value.why


def test_past_covariates_are_not_asked_for_ahead_and_never_seen_there():
    """What a past covariate will be changes nothing, and its past does."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(320, 1))
    values = weekly_wave(300) + 4 * np.concatenate([[0.0], rows[:299, 0]])
    panel = driven(values, rows, role="past")
    forecaster = Forecaster.fit(panel, TINY)
    cut = driven(values, rows[:300], role="past")
    np.testing.assert_array_equal(medians(forecaster, panel, 20), medians(forecaster, cut, 20))
    other = driven(values, -rows, role="past")
    assert not np.array_equal(medians(forecaster, panel), medians(forecaster, other))


def test_the_future_of_a_covariate_past_the_horizon_changes_nothing(forecaster):
    """A forecast of three steps is the same whatever is known of the fourth."""
    panel, other = promoted(300), promoted(300)
    other.series[0].covariates[303:] = 1 - other.series[0].covariates[303:]
    np.testing.assert_array_equal(medians(forecaster, panel, 3), medians(forecaster, other, 3))


def test_a_longer_horizon_follows_its_covariates(forecaster):
    """Block by block, each with the covariates of its own steps."""
    panel = promoted(300)
    longer = medians(forecaster, panel, 14)
    np.testing.assert_allclose(longer[:7], medians(forecaster, panel, 7))
    lifted = promoted(300)
    lifted.series[0].covariates[312] = 1 - lifted.series[0].covariates[312]
    moved = medians(forecaster, lifted, 14) - longer
    assert abs(moved[12]) > 3
    np.testing.assert_allclose(moved[:7], 0.0)


def test_other_covariates_than_those_of_training_are_refused(forecaster):
    """A panel without the promotions is not what the model knows."""
    with pytest.raises(DataError, match="other covariates"):
        forecaster.predict(daily(weekly_wave(300)))


def test_categories_and_static_covariates_train_save_and_load(tmp_path):
    """Embedded, with codes that a series never had before and missing ones, and equal after a round trip."""
    rng = np.random.default_rng(1)
    kinds = rng.integers(0, 3, size=(214, 1)).astype(float)
    values = weekly_wave(200) + np.array([0.0, 4.0, -4.0])[kinds[:200, 0].astype(int)]
    kinds[5] = np.nan
    panel = driven(values, kinds, static=[2.0], categories=("a", "b", "c"))
    forecaster = Forecaster.fit(panel, TINY)
    forecaster.save(tmp_path / "m.safetensors")
    loaded = Forecaster.load(tmp_path / "m.safetensors")
    assert loaded.covariates == panel.covariates
    assert loaded.worth == forecaster.worth
    np.testing.assert_allclose(medians(loaded, panel), medians(forecaster, panel))
    changed = driven(values, np.where(np.arange(214)[:, None] == 202, 1.0, kinds), ("promo",), "future", [2.0], "abc")
    other = driven(values, np.where(np.arange(214)[:, None] == 202, 2.0, kinds), ("promo",), "future", [2.0], "abc")
    np.testing.assert_allclose((medians(loaded, changed) - medians(loaded, other))[2], 8.0, atol=2.5)


def test_features_of_the_calendar_come_back_from_a_file_by_their_names(tmp_path):
    """A model that knows weekdays forecasts the same after a round trip."""
    config = replace(TINY, data=DataConfig(features=("weekday",)))
    panel = daily(weekly_wave(200))
    forecaster = Forecaster.fit(panel, config)
    forecaster.save(tmp_path / "m.safetensors")
    loaded = Forecaster.load(tmp_path / "m.safetensors")
    assert loaded.features == forecaster.features == ("weekday",)
    np.testing.assert_allclose(medians(loaded, panel, 20), medians(forecaster, panel, 20))


def test_features_are_columns_beside_the_users_own():
    """Known as far ahead as the horizon, with the user's own missing where they are."""
    panel = with_features(promoted(20, ahead=2), ("weekday",), 5)
    rows = panel.series[0].covariates
    assert len(rows) == 25
    assert len(panel.covariates) == rows.shape[1] > 1
    assert np.isnan(rows[22:, 0]).all()
    assert np.isfinite(rows[:, 1:]).all()
    np.testing.assert_array_equal(rows[3:10, 1:], rows[10:17, 1:])


def test_covariates_are_kept_and_hidden_by_name():
    """Columns go with their names, static ones too."""
    panel = driven(np.arange(4.0), np.arange(12.0).reshape(6, 2), ("a", "b"), static=[7.0])
    only = with_only(panel, {"b", "fixed0"})
    assert [c.name for c in only.covariates] == ["b", "fixed0"]
    assert only.series[0].covariates[:, 0].tolist() == [1, 3, 5, 7, 9, 11]
    hidden = hide(panel, {"a", "fixed0"}).series[0]
    assert np.isnan(hidden.covariates[:, 0]).all()
    assert np.isnan(hidden.static).all()
    assert hidden.covariates[:, 1].tolist() == only.series[0].covariates[:, 0].tolist()
    assert panel.series[0].covariates[0, 0] == 0


def test_a_cut_panel_knows_the_future_ones_and_forgets_the_past_ones():
    """Backtests see what was known at the cutoff."""
    future, past = (
        driven(np.arange(6.0), np.arange(8.0)[:, None], role=role).drop_last(2) for role in ("future", "past")
    )
    assert len(future.series[0]) == len(past.series[0]) == 4
    assert future.series[0].covariates[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert past.series[0].covariates[:4, 0].tolist() == [0, 1, 2, 3]
    assert np.isnan(past.series[0].covariates[4:]).all()


def test_scores_with_future_covariates_say_that_they_had_hindsight(forecaster):
    """A temperature that was measured is better than one that was forecast."""
    assert forecaster.evaluation.note.endswith("where a real forecast may have to forecast them first")


def test_networks_that_were_cut_off_say_nothing_of_covariates():
    """Stopped in the middle, the one without them had less time to learn."""
    looks = iter(range(10_000))
    stopped = Forecaster.fit(promoted(300), TINY, should_stop=lambda: next(looks) > 45)
    assert stopped.worth is None
