"""What covariates are worth: by shuffling them, and nothing where nobody looks at them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.forecaster import Forecaster
from forecast.importance import importance
from tests.panels import daily, driven, promoted, weekly_wave
from tests.priors import with_prior

SMALL = ModelConfig(hidden=4, horizon=7, context_length=28, members=2)
BARE = DataConfig(features=("none",), scaling="standard")


@pytest.fixture(scope="module")
def told():
    """A panel with a promotion that matters and with noise, and a Forecaster that knows both."""
    panel = promoted(160)
    noise = np.random.default_rng(3).normal(size=(len(panel.series[0].covariates), 1))
    rows = np.hstack([panel.series[0].covariates, noise])
    panel = driven(panel.series[0].values, rows, names=("promo", "noise"))
    config = Config(data=replace(BARE, scaling="standard"), model=SMALL, train=TrainConfig(max_steps=10))
    return panel, Forecaster.fit(panel, config)


def test_shuffling_what_matters_costs_more_than_shuffling_noise(told):
    """The promotion comes first, far above the error as it is; the same seed finds the same."""
    panel, forecaster = told
    found = importance(forecaster, panel)
    first, second = found.covariates
    assert (first.name, second.name) == ("promo", "noise")
    assert first.mean > 1.2 * found.error
    assert abs(second.mean - found.error) < 0.1 * (first.mean - found.error)
    assert first.deviation > 0
    assert found == importance(forecaster, panel)
    # Every cutoff of the last quarter of 153 steps that leaves a whole horizon, all of which training knew.
    assert (found.metric, found.n_windows, found.seen) == ("mase", 38, 38)


def test_an_ignored_covariate_is_worth_exactly_nothing(told):
    """Where no weight looks at it, the error is the same to the last digit."""
    panel, forecaster = told
    loaded = [type(network)(network.architecture).eval() for network in forecaster.networks]
    for copy, network in zip(loaded, forecaster.networks, strict=True):
        copy.load_state_dict(network.state_dict())
        with torch.no_grad():
            copy.response.weight.zero_()
            copy.ahead.by_step.weight.zero_()
            # The first two inputs of a segment are its values and whether they were observed.
            copy.embed.weight[:, 2 * network.architecture.segment :] = 0.0
    found = importance(replace(forecaster, networks=tuple(loaded)), panel, repeats=2)
    assert [(c.mean, c.deviation) for c in found.covariates] == [(found.error, 0.0)] * 2


def test_what_is_the_same_everywhere_cannot_be_shuffled(told):
    """It has no figure, and does not look as if it were worthless."""
    panel, forecaster = told
    rows = panel.series[0].covariates.copy()
    rows[:, 1] = 1.0
    found = importance(forecaster, driven(panel.series[0].values, rows, names=("promo", "noise")))
    assert [(c.name, c.mean is None) for c in found.covariates] == [("promo", False), ("noise", True)]


def test_without_covariates_or_outcomes_there_is_no_importance(told):
    """None at all, or nothing but the number of windows."""
    bare = Forecaster.fit(daily(weekly_wave(120)), Config(data=BARE, model=SMALL, train=TrainConfig(max_steps=1)))
    assert importance(bare, daily(weekly_wave(120))) is None
    panel, forecaster = told
    short = driven(panel.series[0].values[:7], panel.series[0].covariates[:14], names=("promo", "noise"))
    found = importance(forecaster, short)
    assert (found.covariates, found.n_windows) == ((), 0)
    assert math.isnan(found.error)


def test_the_error_is_that_of_the_whole_forecast(told):
    """A prior that looks at no covariate: with all of the weight nothing is worth anything, with half of it half."""
    panel, forecaster = told
    alone = importance(with_prior(forecaster, 1.0), panel)
    assert {(c.mean, c.deviation) for c in alone.covariates} == {(alone.error, 0.0)}
    assert importance(with_prior(forecaster, 1.0, alone=True), panel) == alone
    whole, half = importance(forecaster, panel), importance(with_prior(forecaster, 0.5), panel)
    harm = [found.covariates[0].mean - found.error for found in (whole, half)]
    assert half.covariates[0].name == "promo"
    assert 0.25 * harm[0] < harm[1] < 0.75 * harm[0]
