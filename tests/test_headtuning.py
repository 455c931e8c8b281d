"""Tuning of a head: nothing else moves, and none of it may make the network worse."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecast.headtuning import train_head
from forecast.models.prior import PriorNetwork, prior_context
from forecast.priors import Shape
from forecast.priors.prior import built
from forecast.recipe import Recipe
from forecast.training import Clock, loss_on
from forecast.windows import Windows

SHAPE, HORIZON, SEASONS = Shape("gru", 8, 1), 5, (7,)
RECIPE = Recipe(learning_rate=1e-3, weight_decay=0.0, batch_size=16, max_steps=60, patience=6, seed=1)

CLOCK = Clock(None, None, None)


def fresh():
    """The same random weights each time."""
    torch.manual_seed(0)
    return PriorNetwork(SHAPE.architecture(HORIZON, SEASONS)).eval()


@pytest.fixture
def network():
    """A small network with random weights."""
    return fresh()


@pytest.fixture
def windows():
    """Windows of a line under noise, which goes on where the candidates are cautious."""
    rng = np.random.default_rng(3)
    values = [np.arange(260.0) * slope + rng.normal(size=260) for slope in (0.5, 1.0)]
    return Windows(values, prior_context(HORIZON, SEASONS), HORIZON, "cpu")


def split(windows):
    """Starts to learn from, and later ones to judge by."""
    starts = windows.training_starts(20)
    return starts[::2].contiguous(), starts[1::2].contiguous()


def test_nothing_but_the_head_moves(network, windows):
    """And the head does."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fit = train_head(network, windows, split(windows)[0], RECIPE, CLOCK)
    moved = {name for name, tensor in fit.network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"hidden_head.weight", "hidden_head.bias", "head.weight", "head.bias"}
    assert fit.steps == RECIPE.max_steps


def test_the_loss_on_validation_windows_falls_and_is_the_one_that_training_measures(network, windows):
    """It is that of the network that comes back, by the function that judges all others."""
    learning, judging = split(windows)
    before = loss_on(network, windows, judging)
    fit = train_head(network, windows, learning, RECIPE, CLOCK, validation=(windows, judging))
    assert fit.validation < before
    assert loss_on(fit.network, windows, judging) == pytest.approx(fit.validation, rel=1e-4)


def test_a_head_that_only_gets_worse_stays_as_it_is(network, windows, monkeypatch):
    """Steps that are far too large: none of them is kept."""
    monkeypatch.setattr("forecast.headtuning._LEARNING_RATE", 1e3)
    learning, judging = split(windows)
    fit = train_head(network, windows, learning, RECIPE, CLOCK, validation=(windows, judging))
    assert fit.steps == 0
    assert fit.validation == pytest.approx(loss_on(fresh(), windows, judging), rel=1e-4)


def test_the_seed_decides(network, windows):
    """The same one gives the same weights, another one others."""
    starts, own = split(windows)[0], network.state_dict()
    (again, other) = built(network.architecture, [own, own])
    first = train_head(network, windows, starts, RECIPE, CLOCK).network.head.weight
    assert torch.equal(first, train_head(again, windows, starts, RECIPE, CLOCK).network.head.weight)
    assert not torch.equal(
        first, train_head(other, windows, starts, replace(RECIPE, seed=2), CLOCK).network.head.weight
    )


@pytest.mark.parametrize("calls", [1, 12])
def test_it_leaves_off_when_asked(network, windows, calls):
    """Before it has read everything nothing has moved; later what was reached comes back, and neither is complete."""
    asked = iter(range(1000))
    clock = Clock(None, lambda: next(asked) >= calls, None)
    fit = train_head(network, windows, split(windows)[0], RECIPE, clock)
    assert not fit.completed
    assert fit.steps < RECIPE.max_steps
    assert (fit.steps == 0) == (calls == 1)


def test_many_validation_windows_are_looked_at_in_part_and_judged_whole(network, windows, monkeypatch):
    """Two of them say when to stop; the loss that is told is that of all."""
    monkeypatch.setattr("forecast.headtuning._MOST_JUDGED", 2)
    learning, judging = split(windows)
    fit = train_head(network, windows, learning, RECIPE, CLOCK, validation=(windows, judging))
    assert fit.validation == pytest.approx(loss_on(fit.network, windows, judging), rel=1e-6)
