"""Searching: what is tried in which order, what counts, what goes on where it was left, and what is said in the end."""

import math
import sqlite3
import sys
import time
from dataclasses import replace

import numpy as np
import optuna
import pytest

from forecast import tuning
from forecast.config import Config, ModelConfig, TrainConfig
from forecast.errors import ConfigError, DataError, LockedError, OutputError
from forecast.evaluation import Evaluation, Score
from forecast.forecaster import Forecaster
from forecast.planning import plan
from forecast.study import Trial
from forecast.training import Epoch
from forecast.tuning import STAGES, Tuning, gains, judge, search_space, tune, with_values
from forecast.writing import lock
from tests.panels import daily, weekly_wave

PANEL = daily(weekly_wave(120))
BLANK = Config(model=ModelConfig(horizon=7), train=TrainConfig(max_steps=100))
#: Small enough to train for real, with the size left to search.
SMALL = Config(
    model=ModelConfig(horizon=5, members=1, segment=4, context_length=12, dropout=0.1),
    train=TrainConfig(max_steps=10, batch_size=16, weight_decay=0.01),
)


#: The best learning rate of the made-up loss.
VALLEY = {"rate": 0.008}


def known_loss(planned):
    """The lowest at the learning rate of the valley and a width of 128; everything else hardly matters."""
    model, recipe = planned.config.model, planned.recipe
    return (
        0.5
        + math.log(recipe.learning_rate / VALLEY["rate"]) ** 2
        + 0.05 * abs(math.log2(model.hidden / 128))
        + 0.01 * model.layers
        + 0.001 * model.dropout
    )


@pytest.fixture
def made_up(monkeypatch):
    """Training that takes no time: ten epochs that come down to a known loss. Returns the plans it was asked for."""
    plans = []

    def loss(panel, planned, device, clock, unit_context):
        plans.append(planned)
        final = known_loss(planned)
        for step in range(10, 101, 10):
            clock.report(Epoch("select", 1, 1, step, 100, 0.0, final + 1 - step / 100, True, 0.0, None))
            if clock.is_up(1.0):
                return None
        return final

    monkeypatch.setattr(tuning, "selection_loss", loss)
    return plans


def outcome(found):
    return [(t.stage, t.state, t.values, t.loss) for t in found.trials]


def test_the_first_trial_is_the_plan_itself(made_up):
    """With the blanks that the user left, but one network; its values are those that the plan chose."""
    found = tune(PANEL, BLANK, trials=1)
    one = replace(BLANK, model=replace(BLANK.model, members=1))
    assert made_up == [plan(PANEL, one).scaled_by("log")]
    (trial,) = found.trials
    own = plan(PANEL, BLANK).config
    assert (trial.stage, trial.state, trial.changed) == ("defaults", "complete", {})
    assert trial.values["learning_rate"] == own.train.learning_rate
    assert trial.values["context_length"] == own.model.context_length


def test_the_learning_rate_comes_first_then_the_size_then_the_rest(made_up):
    """Each stage changes its own settings alone, in the best values that were found before."""
    found = tune(PANEL, BLANK, trials=21)
    stages = [trial.stage for trial in found.trials]
    assert stages == ["defaults"] + ["learning rate"] * 6 + ["size"] * 6 + ["rest"] * 8
    for i, trial in enumerate(found.trials[1:], start=1):
        best = min((t for t in found.trials[:i] if t.state == "complete"), key=lambda t: t.loss)
        changed = {name for name in trial.values if trial.values[name] != best.values[name]}
        assert changed
        assert changed <= set(STAGES[trial.stage][0])
        assert len(changed) <= 2


def test_the_search_finds_what_it_looks_for(made_up):
    """The learning rate of the valley within a third, and a better width than the default."""
    found = tune(PANEL, BLANK, trials=30)
    assert found.best.loss == min(t.loss for t in found.trials if t.state == "complete")
    assert found.best.loss < 0.7 < found.trials[0].loss
    assert found.config.train.learning_rate == pytest.approx(0.008, rel=0.35)
    assert found.config.model.hidden in (64, 128, 256)
    assert found.config.model.horizon == 7
    assert found.config.model.members is None


def test_what_is_given_is_not_searched(made_up):
    """It is the same in every trial, and the others vary."""
    config = Config(model=ModelConfig(horizon=7, hidden=32, layers=1), train=TrainConfig(batch_size=64, max_steps=100))
    found = tune(PANEL, config, trials=12)
    assert {(p.config.model.hidden, p.config.model.layers, p.recipe.batch_size) for p in made_up} == {(32, 1, 64)}
    assert set(found.trials[0].values) == {
        "learning_rate", "context_length", "segment", "dropout", "weight_decay"
    }  # fmt: skip
    assert "size" not in {trial.stage for trial in found.trials}


def test_cells_are_searched_where_they_are_named(made_up):
    """The plan's own among them."""
    fixed = TrainConfig(learning_rate=0.01, batch_size=64, weight_decay=0.0, max_steps=100)
    config = Config(BLANK.data, ModelConfig("lstm", 32, 1, dropout=0.0, segment=7, context_length=28, horizon=7), fixed)
    found = tune(PANEL, config, trials=9, cells=("gru", "rnn"))
    assert [t.values for t in found.trials[:1]] == [{"cell": "lstm"}]
    assert {t.values["cell"] for t in found.trials} == {"lstm", "gru", "rnn"}
    assert (len(found.trials), found.ended) == (3, "exhausted")
    with pytest.raises(ConfigError, match="nothing is left to search"):
        tune(PANEL, config)


def test_all_trials_are_scaled_alike(made_up, monkeypatch):
    """Whether logarithms do better is decided once: losses under different scalings cannot be compared."""
    asked = []

    def plain(panel, planned, device):
        asked.append(planned.logs_on_trial)
        return planned.scaled_by("standard")

    monkeypatch.setattr(tuning, "with_better_scaling", plain)
    tune(PANEL, BLANK, trials=12)
    assert asked == [True]
    assert {(p.scaling, p.logs_on_trial) for p in made_up} == {("standard", False)}
    assert len({p.config.model.context_length for p in made_up}) > 1


def test_choices_fit_the_data():
    """The plan's own value is always one of them, and no context is longer than half of the longest series."""
    planned = plan(PANEL, BLANK)
    space = search_space(BLANK, planned, 120)
    for name, value in {**vars(planned.config.model), **vars(planned.config.train)}.items():
        if name in space:
            assert space[name]._contains(space[name].to_internal_repr(value)), name
    assert max(space["context_length"].choices) <= 60
    odd = replace(BLANK, train=replace(BLANK.train, max_steps=5))
    wide = replace(planned, config=with_values(planned.config, {"learning_rate": 0.5, "hidden": 48}))
    space = search_space(odd, wide, 120)
    assert space["learning_rate"].high == 0.5
    assert 48 in space["hidden"].choices


def test_a_trial_that_falls_behind_is_pruned(made_up, monkeypatch):
    """A learning rate far off is given up at a part of its steps, with the loss it had reached; the search goes on."""
    monkeypatch.setitem(VALLEY, "rate", 0.001)
    heard = []
    found = tune(PANEL, BLANK, trials=20, on_epoch=heard.append)
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        last = max(e.step for e in heard if e.member == trial.number)
        assert 25 <= last < 100
        assert trial.loss > known_loss(made_up[trial.number - 1])
    assert all(e.stage == "trial" and e.members == 20 for e in heard)
    assert {max(e.step for e in heard if e.member == t.number) for t in found.trials if t.state == "complete"} == {100}


def test_another_context_is_not_pruned(made_up, monkeypatch):
    """Its losses along the way are in another unit than those it would be compared with."""
    original = tuning.selection_loss

    def worse_with_other_contexts(panel, planned, device, clock, unit):
        loss = original(panel, planned, device, clock, unit)
        return loss if planned.architecture.context_length == unit else loss + 50

    monkeypatch.setattr(tuning, "selection_loss", worse_with_other_contexts)
    found = tune(PANEL, BLANK, trials=40)
    others = [t for t in found.trials if "context_length" in t.changed]
    assert others
    assert {t.state for t in others} == {"complete"}
    assert "context_length" not in found.best.changed


def test_the_same_trials_twice(made_up):
    """Equal seeds draw equal values; another seed draws others."""
    first, second = (outcome(tune(PANEL, BLANK, trials=12)) for _ in range(2))
    assert first == second
    assert outcome(tune(PANEL, replace(BLANK, train=replace(BLANK.train, seed=5)), trials=12)) != first


def test_two_runs_of_a_study_are_one_search(made_up, tmp_path):
    """Asked to stop in the middle of a trial, that trial does not count; the next run goes on as one run would have."""
    whole = tune(PANEL, BLANK, trials=14)
    study = tmp_path / "study.db"
    epochs = []
    part = tune(PANEL, BLANK, trials=14, study=study, on_epoch=epochs.append, should_stop=lambda: len(epochs) >= 45)
    assert part.ended == "asked"
    assert outcome(part) == outcome(whole)[: len(part.trials)]
    assert 0 < len(part.trials) < 14
    done = len(made_up)
    rest = tune(PANEL, BLANK, trials=14, study=study)
    assert outcome(rest) == outcome(whole)
    assert len(made_up) - done == 14 - len(part.trials)
    assert rest.importance == whole.importance
    again = tune(PANEL, BLANK, trials=14, study=study)
    assert (outcome(again), len(made_up) - done) == (outcome(whole), 14 - len(part.trials))


def test_a_trial_of_a_run_that_was_killed_does_not_count(made_up, tmp_path, monkeypatch):
    """It stays behind as running, and is tried again."""
    study = tmp_path / "study.db"
    tune(PANEL, BLANK, trials=2, study=study)
    left = optuna.load_study(study_name="forecast", storage=f"sqlite:///{study}")
    left.ask(dict(search_space(BLANK, plan(PANEL, BLANK), 120)))
    found = tune(PANEL, BLANK, trials=4, study=study)
    assert outcome(found) == outcome(tune(PANEL, BLANK, trials=4))


def test_a_study_refuses_other_data_and_other_settings(made_up, tmp_path):
    """Their losses could not be compared; more time, other threads and more members leave them as they are."""
    study = tmp_path / "study.db"
    tune(PANEL, BLANK, trials=2, study=study)
    changed = replace(PANEL.series[0], values=PANEL.series[0].values + 1)
    with pytest.raises(ConfigError, match="begun on other data") as caught:
        tune(replace(PANEL, series=(changed,)), BLANK, trials=3, study=study)
    assert caught.value.hint == "--study another.db"
    with pytest.raises(ConfigError, match="model hidden was None and is 32 now"):
        tune(PANEL, with_values(BLANK, {"hidden": 32}), trials=3, study=study)
    with pytest.raises(ConfigError, match="values of cell was None"):
        tune(PANEL, BLANK, trials=3, cells=("gru",), study=study)
    free = replace(BLANK, train=replace(BLANK.train, time_limit=1e6, threads=2), model=replace(BLANK.model, members=2))
    assert len(tune(PANEL, free, trials=3, study=study).trials) == 3


def test_a_file_of_somebody_else_is_no_study(made_up, tmp_path):
    """Not a byte of it changes."""
    shop, text = tmp_path / "shop.db", tmp_path / "text.db"
    connection = sqlite3.connect(shop)
    connection.execute("create table sales (day text, units real)")
    connection.commit()
    connection.close()
    text.write_text("day,units\n" * 100)
    before = shop.read_bytes(), text.read_bytes()
    with pytest.raises(ConfigError, match="holds no study"):
        tune(PANEL, BLANK, trials=1, study=shop)
    with pytest.raises(ConfigError, match="cannot be used as a study: file is not a database"):
        tune(PANEL, BLANK, trials=1, study=text)
    assert (shop.read_bytes(), text.read_bytes()) == before


def test_a_study_that_cannot_be_written_is_an_error_of_output(made_up, tmp_path):
    """A folder that is not there, and a file that may only be read."""
    with pytest.raises(OutputError, match="no folder"):
        tune(PANEL, BLANK, trials=1, study=tmp_path / "nowhere" / "study.db")
    study = tmp_path / "study.db"
    tune(PANEL, BLANK, trials=1, study=study)
    with sqlite3.connect(study) as connection:
        connection.execute("create trigger full before insert on trials begin select raise(abort, 'disk full'); end")
    connection.close()
    with pytest.raises(OutputError, match=r"cannot keep the study in .*study\.db: disk full"):
        tune(PANEL, BLANK, trials=2, study=study)


def test_one_run_at_a_time_uses_a_study(made_up, tmp_path):
    """The second one is told to try later."""
    with lock(tmp_path / "study.db"), pytest.raises(LockedError):
        tune(PANEL, BLANK, trials=1, study=tmp_path / "study.db")


def test_time_is_left_for_training(monkeypatch):
    """A trial that takes a fifth of a second: training its three networks twice, and judging the plan, takes 1.8."""

    def slow(*_):
        time.sleep(0.2)
        return 1.0

    monkeypatch.setattr(tuning, "selection_loss", slow)
    limited = replace(BLANK, train=replace(BLANK.train, time_limit=2.0))
    found = tune(PANEL, limited, trials=30)
    assert (len(found.trials), found.ended) == (1, "time")


def test_a_trial_is_cut_off_at_the_time_limit(made_up):
    """Even the first one; then there is nothing to show."""
    limited = replace(BLANK, train=replace(BLANK.train, time_limit=0.1))
    found = tune(PANEL, limited, on_epoch=lambda _: time.sleep(0.05))
    assert (found.trials, found.best, found.ended) == ((), None, "time")


def test_a_trial_that_fails_is_passed_over(monkeypatch):
    """Too little memory for a wide network ends the trial, not the search; what the plan itself cannot do ends both."""

    def loss(panel, planned, *_):
        if planned.config.model.hidden > 64:
            raise OutputError("out of memory")
        return known_loss(planned)

    monkeypatch.setattr(tuning, "selection_loss", loss)
    found = tune(PANEL, BLANK, trials=25)
    failed = [t for t in found.trials if t.state == "failed"]
    assert failed
    assert all(t.loss is None and t.values["hidden"] > 64 for t in failed)
    assert len(found.trials) == 25
    monkeypatch.setattr(tuning, "selection_loss", lambda *_: (_ for _ in ()).throw(DataError("too little")))
    with pytest.raises(DataError, match="too little"):
        tune(PANEL, BLANK)


def test_the_importance_is_that_of_what_makes_the_loss(made_up):
    """The learning rate alone makes most of it; shares add up to one; before there is enough to tell, none is told."""
    found = tune(PANEL, BLANK, trials=25)
    assert next(iter(found.importance)) == "learning_rate"
    assert found.importance["learning_rate"] > 0.5
    assert sum(found.importance.values()) == pytest.approx(1)
    assert tune(PANEL, BLANK, trials=3).importance == {}


def test_without_optuna_it_says_how_to_get_it(monkeypatch):
    """The line can be pasted."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match="needs the package optuna") as caught:
        tune(PANEL, BLANK)
    assert caught.value.hint == "pip install 'forecast[tune]'"


def test_real_networks_are_searched_the_same_twice():
    """No made-up loss: the same trials, and the first one's is that of the plan with one network."""
    first, second = (tune(PANEL, SMALL, trials=5) for _ in range(2))
    assert outcome(first) == outcome(second)
    assert all(np.isfinite(t.loss) for t in first.trials)
    seen = []
    Forecaster.fit(PANEL, SMALL, on_epoch=seen.append)
    assert first.trials[0].loss <= min(e.validation for e in seen if e.stage == "select") + 1e-9


def test_the_plan_is_judged_as_training_judges_it():
    """The same scores without the refit; none when asked to stop."""
    planned = plan(PANEL, SMALL)
    assert judge(PANEL, planned, lambda: False) == Forecaster.fit(PANEL, planned).evaluation
    assert judge(PANEL, planned, lambda: True) is None


def scored(mase):
    metrics = {"mae": 2.0, "mase": mase}
    return Evaluation((Score("lstm", metrics), Score("naive", metrics)), 3, 7, 7)


def searched(default, best):
    values = {"hidden": 64}
    first = Trial(1, "defaults", "complete", values, {}, default, 1.0)
    second = Trial(2, "size", "complete", {"hidden": 32}, {"hidden": 32}, best, 1.0)
    return Tuning((first, second), BLANK, {})


def test_what_was_gained_is_said_plainly():
    """On both kinds of windows with both figures, and that it was nothing where it was nothing."""
    planned = plan(PANEL, BLANK)
    chosen = "on the windows that chose: validation loss 0.9 instead of 1 with the defaults (10.0 % lower)"
    later = "on later windows, which the search never saw"
    assert gains(searched(1.0, 0.9), planned, scored(0.8), scored(1.0)) == (
        chosen,
        f"{later}: MASE 0.8 instead of 1 with the defaults (20.0 % lower)",
    )
    for new in (1.0, 1.2):
        assert gains(searched(1.0, 0.9), planned, scored(new), scored(1.0)) == (
            chosen,
            f"{later}, the tuned settings are NOT better than the defaults: MASE {new:.4g} against 1",
        )
    assert gains(searched(1.0, 0.9), planned, scored(math.nan), scored(math.nan))[1].endswith("MAE 2 against 2")
    assert gains(searched(1.0, 0.9), planned, scored(0.8), None)[1].endswith("there was no time left")
    assert gains(searched(1.0, 1.1), planned, scored(0.8), None) == (
        "no trial was better than the defaults on the windows that chose: validation loss 1",
    )
    shared = plan(daily(weekly_wave(14)), BLANK)
    assert shared.holdout.shared
    assert "too short" in gains(searched(1.0, 0.9), shared, scored(0.8), None)[1]
