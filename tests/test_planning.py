"""The plan fills every blank by rule, leaves what was set, and holds out windows that come last."""

from dataclasses import fields

import numpy as np
import pytest

from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import DataError
from forecast.planning import plan
from tests.panels import daily, weekly_wave


def test_a_plan_has_no_blanks_left():
    """Every field of the model and what training needs is decided."""
    config = plan(daily(weekly_wave(200)), Config()).config
    blanks = {"time", "freq", "calendar", "time_limit"}
    for section in (config.data, config.model, config.train):
        assert [f.name for f in fields(section) if getattr(section, f.name) is None and f.name not in blanks] == []


def test_what_was_set_stays():
    """An option is never overruled by a rule."""
    config = Config(
        DataConfig(season_length=5, scaling="robust", floor=-3.0, cap="none"),
        ModelConfig(cell="gru", hidden=16, layers=2, dropout=0.0, segment=2, context_length=20, horizon=3, members=1),
        TrainConfig(learning_rate=0.1, batch_size=7, max_steps=11, patience=2, weight_decay=0.0, threads=2),
    )
    assert plan(daily(weekly_wave(200)), config).config == config


def test_a_daily_file_gets_a_week_and_a_month_ahead():
    """The season of the calendar, thirty days, and a context of at least twice the horizon."""
    planned = plan(daily(weekly_wave(400)), Config())
    assert planned.season_lengths == (7,)
    assert planned.architecture.horizon == 30
    assert planned.architecture.context_length >= 60


@pytest.mark.parametrize("length", [8, 12, 20, 36, 100, 1000])
def test_held_out_windows_leave_enough_to_train_on(length):
    """At every length the held-out steps end with the series, and most of what is left is for training."""
    planned = plan(daily(weekly_wave(length)), Config())
    holdout, horizon = planned.holdout, planned.architecture.horizon
    assert horizon in holdout.test
    assert holdout.span < length
    assert length - holdout.span >= length / 3
    assert holdout.shared or min(holdout.validation) - max(holdout.test) >= horizon
    assert not holdout.shared or length < 100


def test_there_are_two_segments_at_least():
    """A recurrence over one segment would be none."""
    for length in (8, 20, 100):
        a = plan(daily(weekly_wave(length)), Config(model=ModelConfig(segment=10_000))).architecture
        assert a.context_length >= 2 * a.segment


def test_a_series_too_short_for_its_horizon_is_an_error_that_says_what_would_fit():
    """Twelve rows cannot teach thirty steps; seven they can."""
    with pytest.raises(DataError, match="12 steps") as caught:
        plan(daily(weekly_wave(12)), Config(model=ModelConfig(horizon=30)))
    assert caught.value.hint == "--horizon 7"
    assert plan(daily(weekly_wave(12)), Config(model=ModelConfig(horizon=7))).architecture.horizon == 7


def test_positive_series_are_seen_in_logarithms_and_others_are_not():
    """One series that cannot be is enough to say no for all."""
    assert plan(daily(weekly_wave(100)), Config()).config.data.scaling == "log"
    assert plan(daily(weekly_wave(100), weekly_wave(100) - 100), Config()).config.data.scaling == "standard"


def test_the_notes_say_what_was_chosen():
    """A person reads the season, the horizon, the scaling and the networks."""
    notes = " ".join(plan(daily(weekly_wave(200)), Config()).notes)
    for word in ("season of 7", "horizon 30", "scaling log", "lstm"):
        assert word in notes


def test_one_long_series_among_short_ones_is_enough():
    """Series shorter than the horizon do not stop the others."""
    planned = plan(daily(weekly_wave(200), weekly_wave(4), weekly_wave(4)), Config())
    assert planned.holdout.span < 200
    assert planned.architecture.horizon == 30


def test_the_rows_the_model_is_judged_by_do_not_shape_it():
    """A collapse in the held-out rows changes neither the scaling nor the season."""
    values = weekly_wave(200)
    planned = plan(daily(values), Config())
    values[-planned.holdout.span :] = np.linspace(1.0, 500.0, planned.holdout.span)
    again = plan(daily(values), Config())
    assert (again.config, again.season_lengths) == (planned.config, planned.season_lengths)


def test_logarithms_asked_of_what_has_none_name_the_series():
    """Among several."""
    with pytest.raises(DataError, match="b: the value -5") as caught:
        plan(daily(weekly_wave(50), np.linspace(-5, 5, 50)), Config(DataConfig(scaling="log")))
    assert caught.value.hint == "--scaling standard"


def test_a_season_that_does_not_fit_the_context_is_not_claimed():
    """The note says what is used."""
    config = Config(DataConfig(season_length=50), ModelConfig(context_length=20))
    planned = plan(daily(weekly_wave(200)), config)
    assert planned.season_lengths == (1,)
    assert "none fits" in planned.notes[0]


def test_a_context_is_no_longer_than_the_longest_series():
    """Asked for a hundred thousand steps of two hundred, or for a season of as many, the plan stays within them."""
    for config in (Config(model=ModelConfig(context_length=100_000)), Config(DataConfig(season_length=100_000))):
        planned = plan(daily(weekly_wave(200)), config)
        assert planned.architecture.context_length <= 200
        assert planned.season_lengths in ((1,), (7,))


def test_features_follow_the_frequency_unless_they_are_named():
    """Days have weekdays, and years once there are two, on trial; what the season says is not, nor what was named."""
    noise = np.random.default_rng(0).normal(size=900)
    assert plan(daily(noise[:200]), Config()).on_trial == ("weekday",)
    assert plan(daily(noise), Config()).on_trial == ("weekday", "time-of-year")
    assert plan(daily(weekly_wave(900)), Config()).on_trial == ("time-of-year",)
    none, named = (plan(daily(weekly_wave(900)), Config(DataConfig(features=(f,)))) for f in ("none", "month"))
    assert (none.features, none.on_trial) == ((), ())
    assert (named.features, named.on_trial) == (("month",), ())


def test_holidays_join_the_features_and_are_said():
    """Columns for the country, or a sentence where there are too few of them."""
    planned = plan(daily(weekly_wave(900)), Config(DataConfig(holidays=("DE",))))
    assert "holiday DE" in planned.features
    assert any(note.startswith("covariates: calendar: holiday DE") for note in planned.notes)
    short = plan(daily(weekly_wave(60), start="2021-06-20"), Config(DataConfig(holidays=("DE",))))
    assert short.features == ()
    assert "the holidays of DE come too seldom in these data to learn from" in short.notes


def test_a_panel_of_which_most_series_suit_logarithms_is_scaled_series_by_series():
    """One series with a collapse does not take the logarithms from the others; alone it decides."""
    growing = [np.exp(np.arange(120) / 40) for _ in range(3)]
    collapsing = np.where(np.arange(120) == 20, 0.001, 5.0 + np.arange(120) % 3)
    assert plan(daily(*growing, collapsing), Config()).scaling == "mixed"
    assert plan(daily(*growing), Config()).scaling == "log"
    assert plan(daily(collapsing), Config()).scaling == "standard"
    assert plan(daily(*growing, collapsing - 1), Config()).scaling == "standard"


def test_a_panel_without_a_season_is_scaled_as_it_is():
    """Of ten series without a season, growth by percentages would run away; of a few, the validation windows decide."""
    growing, config = np.exp(np.arange(40) / 10), Config(DataConfig(season_length=1))
    many, few = (plan(daily(*[growing] * count), config) for count in (10, 3))
    assert (many.scaling, many.logs_on_trial) == ("standard", False)
    assert (few.scaling, few.logs_on_trial) == ("log", True)
