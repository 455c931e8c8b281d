"""The loop: reproducible, stops when it should, keeps the best, and learns what can be learnt."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.errors import ConfigError, OutputError
from forecast.models.architecture import Architecture
from forecast.recipe import Recipe
from forecast.training import STEPS_PER_EPOCH, Clock, computing, loss_on, pick_device, train
from forecast.windows import Windows

SMALL = Architecture("gru", 8, 1, False, 0.1, 3, 12, 3, (1,), (0.1, 0.5, 0.9))
RECIPE = Recipe(learning_rate=5e-3, weight_decay=1e-2, batch_size=32, max_steps=60, patience=100, seed=1)
# A period of 5 that no anchor knows of: what is learnt of it, the network learnt.
WAVE = np.sin(2 * np.pi * np.arange(300) / 5) + 0.05 * np.random.default_rng(0).normal(size=300)


@pytest.fixture
def windows():
    return Windows([WAVE], SMALL.context_length, SMALL.horizon, "cpu")


@pytest.fixture
def starts(windows):
    return windows.training_starts(min_context=8)


def clock(time_limit=None, should_stop=None, on_epoch=None):
    return Clock(time_limit, should_stop, on_epoch)


def weights_of(fit):
    return torch.cat([p.flatten() for p in fit.network.parameters()])


def test_two_runs_with_one_seed_give_equal_weights(windows, starts):
    """To the last bit, dropout included, whatever the caller's own random state."""
    first = train(SMALL, windows, starts, RECIPE, clock())
    torch.manual_seed(123)
    second = train(SMALL, windows, starts, RECIPE, clock())
    assert torch.equal(weights_of(first), weights_of(second))
    other = train(SMALL, windows, starts, replace(RECIPE, seed=2), clock())
    assert not torch.equal(weights_of(first), weights_of(other))


def test_the_callers_random_numbers_are_left_alone(windows, starts):
    """Training draws from its own stream."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(SMALL, windows, starts, replace(RECIPE, max_steps=2), clock())
    assert torch.equal(torch.rand(3), expected)


def test_it_learns_a_pattern_that_no_anchor_has(windows, starts):
    """A period unknown to the anchors is found by the network: the loss falls to a fraction of the start's."""
    start = train(SMALL, windows, starts, replace(RECIPE, max_steps=0), clock())
    trained = train(SMALL, windows, starts, replace(RECIPE, max_steps=300), clock())
    assert loss_on(trained.network, windows, starts) < 0.5 * loss_on(start.network, windows, starts)


def test_without_improvement_it_stops_and_keeps_the_best(windows, starts):
    """Validation windows that training cannot serve end it after the patience, with the best epoch's weights."""
    noise = Windows([np.random.default_rng(1).normal(size=60)], SMALL.context_length, SMALL.horizon, "cpu")
    validation = noise, noise.training_starts(min_context=8)
    seen = []
    recipe = replace(RECIPE, max_steps=2000, patience=3, learning_rate=2e-2)
    fit = train(SMALL, windows, starts, recipe, clock(on_epoch=seen.append), validation=validation)
    assert seen[-1].step < 2000
    assert seen[-1].step - fit.steps == 3 * STEPS_PER_EPOCH
    assert fit.validation == pytest.approx(loss_on(fit.network, *validation), rel=1e-6)
    assert fit.validation <= min(epoch.validation for epoch in seen)
    assert fit.completed


def test_where_every_step_hurts_the_start_is_kept():
    """An exact season is continued exactly by an anchor, and a huge rate only does harm: zero steps are best."""
    season = Windows([np.tile([1.0, 5.0, 2.0, 8.0], 20)], SMALL.context_length, SMALL.horizon, "cpu")
    inside = season.training_starts(min_context=8)
    recipe = replace(RECIPE, learning_rate=0.5, max_steps=40)
    fit = train(replace(SMALL, season_lengths=(4,)), season, inside, recipe, clock(), validation=(season, inside))
    assert fit.steps == 0


def test_it_stops_when_asked_and_returns_what_it_has(windows, starts):
    """Asked at the fifth look, it ends there, reports that epoch and says it was not completed."""
    looks = iter(range(1000))
    seen = []
    fit = train(SMALL, windows, starts, RECIPE, clock(should_stop=lambda: next(looks) >= 4, on_epoch=seen.append))
    assert not fit.completed
    assert [epoch.step for epoch in seen] == [5]
    assert fit.steps == 5


def test_the_time_limit_ends_it(windows, starts):
    """A limit that has already passed leaves time for a single step."""
    fit = train(SMALL, windows, starts, RECIPE, clock(time_limit=1e-9))
    assert fit.steps == 1
    assert not fit.completed


def test_epochs_tell_how_far_it_is(windows, starts):
    """Every ten steps, with the loss, and in a refit without a validation loss."""
    seen = []
    train(SMALL, windows, starts, RECIPE, clock(on_epoch=seen.append), member=2, members=3)
    assert [epoch.step for epoch in seen] == [10, 20, 30, 40, 50, 60]
    assert {(e.stage, e.member, e.members, e.steps, e.validation) for e in seen} == {("refit", 2, 3, 60, None)}
    assert all(math.isfinite(e.loss) and e.seconds >= 0 for e in seen)
    assert seen[-1].seconds_left == 0


def test_missing_targets_and_contexts_do_not_poison_the_weights():
    """A third of the values absent at random, and a long outage: the weights stay finite."""
    values = WAVE.copy()
    values[np.random.default_rng(3).random(300) < 0.3] = np.nan
    values[100:150] = np.nan
    windows = Windows([values], SMALL.context_length, SMALL.horizon, "cpu")
    fit = train(SMALL, windows, windows.training_starts(min_context=1), RECIPE, clock())
    assert torch.isfinite(weights_of(fit)).all()


def test_auto_is_a_device_that_is_there_and_others_are_refused():
    """The CPU always is; a GPU that is missing is an error with the way out."""
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in {"cpu", "cuda", "mps"}
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="cuda"):
            pick_device("cuda")


def test_thread_counts_are_put_back():
    """The caller's setting survives, also after an error."""
    before = torch.get_num_threads()
    with computing(before + 1):
        assert torch.get_num_threads() == before + 1
    with pytest.raises(ZeroDivisionError), computing(before + 1):
        1 / 0  # noqa: B018 - anything that raises
    assert torch.get_num_threads() == before


def test_running_out_of_memory_is_an_error_of_resources():
    """A tensor of an exabyte cannot be had; other failures of torch stay what they are."""
    with pytest.raises(OutputError, match="out of memory"), computing(1):
        torch.empty(2**58)
    with pytest.raises(RuntimeError, match="size"), computing(1):
        torch.ones(2) @ torch.ones(3)
