"""Choosing, judging and refitting: what decides, what is counted, and what is kept when time runs out."""

import numpy as np
import pytest

from forecast import fitting
from forecast.config import Config, ModelConfig, TrainConfig
from forecast.errors import DataError
from forecast.fitting import fit_networks
from forecast.planning import plan
from forecast.training import Clock
from tests.panels import daily, weekly_wave

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
    assert len(found.networks) == 3


def test_a_refit_that_is_cut_off_leaves_the_chosen_networks():
    """Asked to stop while the last member is chosen, the networks that were judged are what is kept."""
    seen = []
    found = fitted(
        daily(weekly_wave(150)), on_epoch=seen.append, should_stop=lambda: any(epoch.member == 3 for epoch in seen)
    )
    assert [epoch.step for epoch in seen if epoch.stage == "refit"] in ([], [1])
    assert len(found.networks) == 3


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
    monkeypatch.setattr(fitting, "_MOST_WINDOWS", 4)
    panel = daily(*(weekly_wave(100, seed=i) for i in range(9)))
    assert fitted(panel).evaluation.n_windows == 4
    assert fitting._evenly(9) == [0, 3, 5, 8]


def test_nothing_before_the_held_out_steps_is_an_error():
    """A series whose only early values are missing cannot be judged."""
    values = np.full(60, np.nan)
    values[-6:] = 1.0
    with pytest.raises(DataError, match="held out"):
        fitted(daily(values))
