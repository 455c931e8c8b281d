"""Choosing, judging and refitting: what decides, what is counted, and what is kept when time runs out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast import fitting, heldout, judging
from forecast.calibration import Factors, fit_factors
from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import DataError
from forecast.fitting import fit_networks
from forecast.planning import plan
from forecast.training import Clock
from tests.panels import daily, promoted, uneven_wave, weekly_wave

QUICK = Config(model=ModelConfig(hidden=4, horizon=5, members=3), train=TrainConfig(max_steps=40))


def fitted(panel, config=QUICK, **listen):
    return fit_networks(
        panel, plan(panel, config), "cpu", Clock(None, listen.get("should_stop"), listen.get("on_epoch"))
    )


def test_the_middle_member_decides_how_long_the_refit_trains():
    """Three members stop by themselves; the refit takes the median of their best steps, for each member."""
    seen = []
    found = fitted(daily(weekly_wave(150)), on_epoch=seen.append)
    best = {}
    for epoch in seen:
        if epoch.stage == "select" and epoch.best:
            best[epoch.member] = epoch.step
    assert found.steps == sorted(best.get(member, 0) for member in (1, 2, 3))[1]
    assert {epoch.steps for epoch in seen if epoch.stage == "refit"} <= {found.steps}
    assert len(found.ensemble.networks) == 3


def test_a_positive_series_may_reach_zero_in_its_held_out_steps_when_logarithms_are_mixed_in():
    """Its logarithms end where training does not look; intervals are calibrated by those outcomes nevertheless."""
    falling = np.r_[weekly_wave(150), 0.0, 0.0]
    found = fitted(daily(falling), replace(QUICK, data=DataConfig(scaling="mixed")))
    assert np.isfinite(found.factors.rows).all()
    assert np.isfinite(found.evaluation.scores[0].metrics["mae"])


def test_a_refit_that_is_cut_off_leaves_the_chosen_networks():
    """Asked to stop while the last member is chosen, the networks that were judged are what is kept."""
    seen = []
    found = fitted(
        daily(weekly_wave(150)), on_epoch=seen.append, should_stop=lambda: any(epoch.member == 3 for epoch in seen)
    )
    assert [epoch.step for epoch in seen if epoch.stage == "refit"] in ([], [1])
    assert len(found.ensemble.networks) == 3


def test_every_window_of_every_series_is_judged_once():
    """Two series and two cutoffs are four windows, and the note says that they were not seen."""
    panel = daily(weekly_wave(150, seed=1), weekly_wave(150, seed=2))
    planned = plan(panel, QUICK)
    found = fitted(panel)
    assert found.evaluation.n_windows == 2 * len(planned.holdout.test)
    assert "after everything" in found.evaluation.note


def test_a_series_too_short_for_its_own_windows_says_so():
    """Twelve rows: the windows that are looked at also chose when to stop."""
    found = fitted(daily(weekly_wave(12)), Config(model=ModelConfig(hidden=4, horizon=5, members=1)))
    assert "also chose" in found.evaluation.note


def test_windows_are_counted_up_to_a_limit_and_spread_evenly(monkeypatch):
    """A panel with more windows than the limit is judged on every so-many-th."""
    monkeypatch.setattr(heldout, "_MOST_WINDOWS", 4)
    panel = daily(*(weekly_wave(100, seed=i) for i in range(9)))
    assert fitted(panel).evaluation.n_windows == 4
    assert heldout._evenly(9) == [0, 3, 5, 8]


def test_nothing_before_the_held_out_steps_is_an_error():
    """A series whose only early values are missing cannot be judged."""
    values = np.full(60, np.nan)
    values[-6:] = 1.0
    with pytest.raises(DataError):
        fitted(daily(values))


def scrambled_end(values):
    changed = values.copy()
    changed[-5:] = changed[-5:][::-1] * 3 - 250
    return changed


def widths_and_factors(panel):
    planned = plan(panel, QUICK)
    assert planned.holdout.test == (5,)
    assert not planned.holdout.shared
    found = fit_networks(panel, planned, "cpu", Clock(None, None, None))
    return found.evaluation.scores[0].metrics["width_80"], found.factors


def test_the_table_is_calibrated_without_the_windows_it_shows():
    """Other last rows leave the judged intervals as wide as they were; the final factors they move."""
    values = weekly_wave(70) - 100
    panels = daily(values), daily(scrambled_end(values))
    (width, factors), (other_width, other_factors) = map(widths_and_factors, panels)
    assert width == other_width
    assert factors != other_factors


@pytest.mark.parametrize("n_series", [1, 4])
def test_series_of_a_panel_count_for_less_than_as_many_alone(n_series, monkeypatch):
    """Four series are worth two, and of the validation windows only every second is news."""
    counted = []

    def noting(quantiles, actual, levels, independent):
        counted.append((len(quantiles), independent))
        return fit_factors(quantiles, actual, levels, independent)

    monkeypatch.setattr(judging, "fit_factors", noting)
    panel = daily(*(weekly_wave(150, seed) for seed in range(n_series)))
    holdout = plan(panel, QUICK).holdout
    fitted(panel)
    n_validation, n_test = len(holdout.validation), len(holdout.test)
    assert not holdout.shared
    assert counted == [
        (n_series * n_validation, pytest.approx(n_validation / 2 * n_series**0.5)),
        (n_series * (n_validation + n_test), pytest.approx((n_validation / 2 + n_test) * n_series**0.5)),
    ]


def test_the_table_is_calibrated(monkeypatch):
    """Factors of two make its intervals twice as wide as factors of one."""
    panel, widths = daily(weekly_wave(100) - 100), []
    for factor in (1.0, 2.0):
        monkeypatch.setattr(judging, "fit_factors", lambda *_, factor=factor: Factors((1,), ((factor,) * 13,)))
        widths.append(fitted(panel).evaluation.scores[0].metrics["width_80"])
    assert widths[1] == pytest.approx(2 * widths[0])


def test_the_refit_learns_from_the_rows_that_were_held_out():
    """Other last rows choose and judge the same networks, but give other refitted ones."""
    values = weekly_wave(100) - 100
    found = [fitted(daily(v)) for v in (values, scrambled_end(values))]
    assert found[0].steps == found[1].steps
    assert found[0].refitted
    weights = [np.concatenate([p.detach().numpy().ravel() for p in f.ensemble.networks[0].parameters()]) for f in found]
    assert not np.array_equal(*weights)


def test_an_outage_longer_than_the_context_does_not_poison_the_choice():
    """One item of a panel lies idle where the held-out windows are: the others are still learnt from and judged."""
    quiet = weekly_wave(150, seed=7)
    quiet[60:149] = np.nan
    seen = []
    found = fitted(daily(*(weekly_wave(150, seed=i) for i in range(4)), quiet), on_epoch=seen.append)
    assert all(np.isfinite(epoch.validation) for epoch in seen if epoch.stage == "select")
    assert np.isfinite(found.factors.rows).all()
    assert np.isfinite(found.evaluation.scores[0].metrics["mase"])


def test_a_refit_whose_weights_run_away_is_not_kept(monkeypatch):
    """With an infinite loss the chosen networks stay, and it says so."""
    monkeypatch.setattr(fitting, "loss_on", lambda *_: float("inf"))
    found = fitted(daily(weekly_wave(100)))
    assert not found.refitted
    assert len(found.ensemble.networks) == 3


def test_values_too_far_apart_are_an_error():
    """A first and a last value, and nothing for the context between them."""
    values = np.full(60, np.nan)
    values[[0, 1, 59]] = 1.0
    with pytest.raises(DataError, match="too little to learn from"):
        fitted(daily(values))


def test_nothing_to_judge_by_is_an_error():
    """A short context before every window that would be looked at is empty."""
    values = weekly_wave(60)
    values[-9:-1] = np.nan
    config = Config(model=ModelConfig(hidden=4, horizon=5, context_length=2, members=1), train=TrainConfig(max_steps=5))
    with pytest.raises(DataError, match="too little to learn from"):
        fitted(daily(values), config)


def test_the_order_of_series_changes_nothing():
    """The same series train the same networks, whichever comes first in the file."""
    panel = daily(weekly_wave(90), weekly_wave(90, 1))
    planned = plan(panel, Config(model=ModelConfig(hidden=4, members=1, horizon=3), train=TrainConfig(max_steps=5)))
    there, back = (
        fit_networks(replace(panel, series=series), planned, "cpu", Clock(None, None, None))
        for series in (panel.series, panel.series[::-1])
    )
    assert there.factors == back.factors
    for one, other in zip(there.ensemble.networks[0].parameters(), back.ensemble.networks[0].parameters(), strict=True):
        assert torch.equal(one, other)


def test_features_on_trial_are_kept_where_they_lower_the_validation_loss():
    """A yearly wave that no context of a month can hold is told by the time of year; noise is told by nothing."""
    day = np.arange(1100)
    rng = np.random.default_rng(0)
    yearly = daily(30 * np.sin(2 * np.pi * day / 365.25) + rng.normal(size=1100))
    config = Config(
        model=ModelConfig(hidden=4, members=1, horizon=28, context_length=28), train=TrainConfig(max_steps=5)
    )
    assert "time-of-year" in fitted(yearly, config).features
    assert fitted(daily(rng.normal(size=1100)), config).features == ()


def selected(panel, config, unit_context, should_stop=None):
    return fitting.selection_loss(panel, plan(panel, config), "cpu", Clock(None, should_stop, None), unit_context)


def test_the_selection_loss_is_the_best_validation_loss_of_training():
    """The mean over the members of the lowest loss that each reported, and nothing is trained twice."""
    seen = []
    panel = daily(weekly_wave(150))
    planned = plan(panel, QUICK)
    own = planned.architecture.context_length
    loss = fitting.selection_loss(panel, planned, "cpu", Clock(None, None, seen.append), own)
    lowest = [min(e.validation for e in seen if e.member == member) for member in (1, 2, 3)]
    assert loss <= sum(lowest) / 3 + 1e-12  # the untrained network counts too, and is not reported
    assert {epoch.stage for epoch in seen} == {"select"}
    assert selected(panel, QUICK, own, should_stop=lambda: True) is None


def test_a_longer_context_does_not_make_the_same_error_look_smaller():
    """After a jump a long context has a spread of hundreds, the last steps before the windows one of about one."""
    noise = np.random.default_rng(0).normal(size=150)
    panel = daily(np.concatenate([np.zeros(60), np.full(90, 1000.0)]) + noise)
    model = ModelConfig(hidden=4, members=1, horizon=5, segment=4, context_length=120)
    config = Config(DataConfig(season_length=1, features=("none",)), model, TrainConfig(max_steps=1))
    spreads = [np.std(panel.series[0].values[140 - 5 - context : 140 - 5]) for context in (120, 20)]
    ratio = selected(panel, config, 20) / selected(panel, config, 120)
    assert ratio == pytest.approx(spreads[0] / spreads[1], rel=0.5)


def test_the_unit_of_the_own_context_is_the_networks_own():
    """Measured again in its own unit, a network has the loss that training reported."""
    panel = daily(weekly_wave(150))
    planned = plan(panel, QUICK)
    panel, planned = fitting._prepared(panel, planned, "cpu")
    found = fitting._select(panel, planned, "cpu", Clock(None, None, None))
    own = planned.architecture.context_length
    again = [fitting._loss_in_units(fit.network, found.known, planned, "cpu", own) for fit in found.fits]
    assert again == pytest.approx([fit.validation for fit in found.fits])


class Steps(Clock):
    """A clock on which each step of the optimiser takes one second."""

    taken = 0.0

    @property
    def seconds(self):
        """Steps so far."""
        return self.taken

    def is_up(self, share):
        """As ever, after one more second."""
        self.taken += 1
        return super().is_up(share)


def limited(panel, seconds, config=QUICK):
    """What is fitted within so many steps, and the members that were begun for choosing and for the refit."""
    seen = []
    found = fit_networks(panel, plan(panel, config), "cpu", Steps(seconds, None, seen.append))
    begun = {stage: {epoch.member for epoch in seen if epoch.stage == stage} for stage in ("select", "refit")}
    return found, len(begun["select"]), len(begun["refit"])


def test_an_ensemble_that_a_time_limit_makes_smaller_is_whole():
    """Two of three networks fit into half of the limit: the third is not begun, and both are trained on every row."""
    found, chosen, refitted = limited(daily(uneven_wave(150)), 200)
    assert (chosen, refitted, len(found.ensemble.networks), found.refitted) == (2, 2, 2, True)
    assert found.cut_off == ("cut off by the time limit of 200 s: 2 of 3 networks trained",)


def test_the_only_network_there_is_time_for_may_have_all_of_it():
    """Half of the limit for it, then as many steps as were best."""
    found, chosen, refitted = limited(daily(uneven_wave(150)), 60)
    assert (chosen, refitted, len(found.ensemble.networks)) == (1, 1, 1)
    assert found.cut_off[:2] == (
        "cut off by the time limit of 60 s: 1 of 3 networks trained",
        "cut off by the time limit of 60 s: the network left off before it had stopped by itself",
    )


def test_enough_time_cuts_nothing_off():
    """Nor does no limit at all."""
    found, chosen, refitted = limited(daily(uneven_wave(150)), 10_000)
    assert (chosen, refitted, found.refitted, found.cut_off) == (3, 3, True, ())
    assert fitted(daily(uneven_wave(150))).cut_off == ()


def test_what_was_cut_off_when_asked_is_said():
    """The refit, and the worth of covariates, which comes before it."""
    seen = []
    found = fitted(
        promoted(150), on_epoch=seen.append, should_stop=lambda: any(e.member == 3 and e.step == 40 for e in seen)
    )
    span = plan(promoted(150), QUICK).holdout.span
    assert found.cut_off == (
        f"cut off as asked: not trained again on every row, so that the last {span} steps taught nothing",
        "cut off as asked: not measured what the covariates are worth",
    )


@pytest.mark.parametrize(("values", "kept"), [("growing", "log"), ("wandering", "standard")])
def test_logarithms_on_trial_are_kept_where_they_forecast_better(values, kept):
    """Swings that grow with the level are even in logarithms; even swings on a level that wanders are not."""
    steps, rng = np.arange(140), np.random.default_rng(2)
    level = np.abs(np.cumsum(20 * rng.normal(size=20))).repeat(7)
    week = np.tile([0.0, 3, 5, 4, 2, -8, -6], 20)
    growing = np.exp(0.03 * steps + 0.08 * week + 0.02 * rng.normal(size=140))
    panel = daily(growing if values == "growing" else 20 + level + 2 * week)
    planned = plan(panel, replace(QUICK, data=DataConfig(scaling=None)))
    assert (planned.scaling, planned.logs_on_trial) == ("log", True)
    fitted_to = fit_networks(panel, planned, "cpu", Clock(None, None, None))
    assert fitted_to.scaling == kept


def test_a_scaling_that_was_asked_for_is_not_on_trial():
    """Not even where another would do better."""
    steps = np.arange(140)
    panel = daily(60 + 2.0 * steps + 5 * np.tile([0.0, 3, 5, 4, 2, -8, -6], 20))
    planned = plan(panel, replace(QUICK, data=DataConfig(scaling="log")))
    assert not planned.logs_on_trial
    assert fit_networks(panel, planned, "cpu", Clock(None, None, None)).scaling == "log"
