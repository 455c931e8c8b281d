"""How a prior weighs candidates: all of the weight, in order, and on those that repeat what repeats itself."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.forecaster import Forecaster
from forecast.models.anchors import anchor_names
from forecast.models.candidates import FIRST, NEWEST
from forecast.weighing import to_dict, weighing
from tests.panels import daily, weekly_wave
from tests.priors import untrained, with_prior

WEEK = [0.0, 3, 5, 4, 2, -8, -6]
NOISY = daily(weekly_wave(200))


@pytest.fixture(scope="module")
def trained():
    """A Forecaster of a week after one step."""
    data, model = DataConfig(features=("none",), scaling="standard"), ModelConfig(hidden=4, horizon=9, members=1)
    return Forecaster.fit(NOISY, Config(data=data, model=model, train=TrainConfig(max_steps=1)))


@pytest.mark.parametrize("design", [FIRST, NEWEST])
def test_the_weights_of_every_step_add_up_to_one(trained, design):
    """Over all candidates there are, the largest mean first; the first design has the anchors alone."""
    forecaster = with_prior(trained, 0.5, untrained(design=design))
    found = weighing(forecaster, NOISY.series[0])
    np.testing.assert_allclose(np.sum([c.by_step for c in found.candidates], axis=0), np.ones(9), rtol=1e-5)
    sizes = [c.weight for c in found.candidates]
    assert sizes == sorted(sizes, reverse=True)
    names = forecaster.ensemble.priors[0].candidate_names
    assert sorted(c.name for c in found.candidates) == sorted(names)
    assert (names == anchor_names(60, (7,))) == (design == FIRST)
    assert min(c.error for c in found.candidates) == 1


def test_a_week_without_noise_puts_the_weight_on_what_repeats_it(trained):
    """Those that never erred, the last season among them, have next to all of it, and the last value next to none."""
    found = weighing(with_prior(trained, 0.5), daily(np.tile(WEEK, 30)).series[0])
    by_name = {c.name: c for c in found.candidates}
    exact = [c for c in found.candidates if c.error < 1.5]
    assert by_name["last season of 7 steps"] in exact
    assert sum(c.weight for c in exact) > 0.99
    assert by_name["last value"].error > 100
    assert by_name["last value"].weight < 1e-6
    assert found.cutoffs == 8
    assert found.judged == 9


def test_several_networks_have_their_mean(trained):
    """Of the weights of each by itself."""
    prior = untrained(networks=2)
    both = weighing(with_prior(trained, 0.5, prior), NOISY.series[0])
    alone = [
        {c.name: c.by_step for c in weighing(with_prior(trained, 0.5, one), NOISY.series[0]).candidates}
        for one in (replace(prior, weights=prior.weights[i : i + 1]) for i in range(2))
    ]
    assert both.networks == 2
    for candidate in both.candidates:
        expected = (alone[0][candidate.name] + alone[1][candidate.name]) / 2
        np.testing.assert_allclose(candidate.by_step, expected, atol=1e-6)


def test_a_short_history_says_nothing_of_the_past(trained):
    """Without an earlier cutoff there are weights, and no errors that they could come from."""
    found = weighing(with_prior(trained, 0.5), daily([1.0, 2.0, 3.0]).series[0])
    assert (found.seen, found.cutoffs) == (3, 0)
    assert {c.error for c in found.candidates} == {None}
    assert sum(c.weight for c in found.candidates) == pytest.approx(1)


def test_what_is_not_shown_is_counted(trained):
    """The lines that are shown and what the others have together make the whole."""
    found = weighing(with_prior(trained, 0.5), NOISY.series[0])
    count, rest = found.others
    assert 0 < len(found.shown) <= 12
    assert len(found.shown) + count == len(found.candidates)
    np.testing.assert_allclose(sum(c.by_step for c in found.shown) + rest, np.ones(9), rtol=1e-5)
    assert all(c.weight >= 0.01 for c in found.shown)


def test_what_has_no_weight_is_not_weighed(trained):
    """No prior, or one without a share."""
    assert weighing(trained, NOISY.series[0]) is None
    assert weighing(with_prior(trained, 0.0), NOISY.series[0]) is None


def test_all_numbers_are_plain(trained):
    """For JSON, the steps in order."""
    found = weighing(with_prior(trained, 0.25), NOISY.series[0])
    values = to_dict(found)
    assert (values["share"], values["networks"], values["cutoffs"], values["judged_steps"]) == (0.25, 1, 8, 9)
    assert values["steps"] == values["context_length"] == found.context_length
    assert values["candidates"][0]["by_step"] == found.candidates[0].by_step.tolist()
    assert type(values["candidates"][0]["weight"]) is float
