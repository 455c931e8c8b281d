"""What is said of a network is so: gradients and shares known by hand, or found by moving values a little."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from forecast.cells import CELLS
from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import ConfigError, DataError
from forecast.explanation import (
    ANCHORS,
    RECURRENCE,
    SKIP,
    WHOLE,
    Layer,
    Reach,
    explain,
    find_series,
    to_dict,
)
from forecast.forecaster import Forecaster
from forecast.models.anchors import anchor_names, anchors, count_anchors
from forecast.models.recurrent import RecurrentNetwork
from forecast.models.stack import Stack
from forecast.models.unrolling import unrolled
from tests.panels import daily, driven, promoted, weekly_wave
from tests.priors import with_prior

SMALL = ModelConfig(hidden=4, horizon=7, context_length=28, members=2)
BARE = DataConfig(features=("none",), scaling="standard")
BRIEF = TrainConfig(max_steps=3)
WAVE = daily(weekly_wave(120))


@cache
def trained():
    """A Forecaster of the wave after three steps."""
    return Forecaster.fit(WAVE, Config(data=BARE, model=SMALL, train=BRIEF))


def fitted(**model):
    """The same with other settings of the network, its weights away from zero, so that every part does something."""
    config = trained().config
    forecaster = replace(trained(), config=replace(config, model=replace(config.model, **model)))
    torch.manual_seed(0)
    networks = tuple(RecurrentNetwork(forecaster.architecture).eval() for _ in range(2))
    with torch.no_grad():
        for network in networks:
            for weight in network.parameters():
                weight.add_(0.1 * torch.randn_like(weight))
    return replace(forecaster, networks=networks)


def only(forecaster, anchor):
    """The same with nothing left but one anchor."""
    a = forecaster.architecture
    kept = anchor_names(a.context_length, a.season_lengths, a.smoothing).index(anchor)
    with torch.no_grad():
        for network in forecaster.networks:
            network.gate.fill_(-1e4)
            network.gate[kept] = 0.0
            for weight in (network.skip.weight, network.head.weight, network.head.bias):
                weight.zero_()
    return forecaster


@pytest.mark.parametrize("context_length", [10, 40])
@pytest.mark.parametrize("seasons", [(1,), (7,), (4, 1)])
@pytest.mark.parametrize("smoothing", [True, False])
def test_every_anchor_has_a_name_of_its_own(context_length, seasons, smoothing):
    """As many as there are anchors."""
    names = anchor_names(context_length, seasons, smoothing)
    assert len(names) == len(set(names)) == count_anchors(context_length, seasons, smoothing)


@pytest.mark.parametrize(
    ("name", "season", "expected"),
    [
        ("last value", 4, [16.0, 16, 16, 16]),
        ("last season of 4 steps", 4, [13.0, 14, 15, 16]),
        ("mean of the last 2 seasons of 4 steps", 4, [11.0, 12, 13, 14]),
        ("profile over 2 seasons of 4 steps, with half the slope between their levels", 4, [15.0, 16, 17, 18]),
        ("profile over 2 seasons of 4 steps, on the level of the last season", 4, [13.0, 14, 15, 16]),
        ("mean of the last 4 steps", 1, [14.5] * 4),
        ("last value and half the slope over 4 steps", 1, [16.5, 17, 17.5, 18]),
    ],
)
def test_the_name_of_an_anchor_says_what_it_is(name, season, expected):
    """What each name promises, worked out by hand on the numbers from 1 to 16."""
    context = torch.arange(1.0, 17)[None]
    found = anchors(context, torch.tensor([16]), (season,), 4)[0]
    assert found[anchor_names(16, (season,)).index(name)].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("cell", CELLS)
def test_a_stack_step_by_step_is_the_same_stack(cell):
    """Its output does not move for any cell, and afterwards nothing of it is left in the stack."""
    torch.manual_seed(0)
    stack = Stack(cell, 4, 2, True, layer_norm=True, residual=True, learnt_state=True).eval()
    with torch.no_grad():
        for weight in stack.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    inputs = torch.randn(3, 6, 4)
    plain = stack(inputs)
    with unrolled(stack) as noted:
        found = stack(inputs)
    torch.testing.assert_close(found.states, plain.states)
    torch.testing.assert_close(found.last, plain.last)
    assert list(noted) == [(1, "forward"), (1, "backward"), (2, "forward"), (2, "backward")]
    for each in noted.values():
        assert len(each.states) == 6
        state = torch.stack([carried[0, 0] for carried in each.states])
        torch.testing.assert_close(each.activations["state"], state)
    assert not any(module._forward_hooks for module in stack.modules())


def test_gradients_go_back_where_training_cuts_them():
    """Truncation is for learning; the forecast hangs on all steps, and afterwards they are cut again."""
    forecaster = fitted(cell="gru", segment=4, truncation=2)
    found = explain(forecaster, WAVE, WAVE.series[0])
    assert (found.layer().gradient > 0).all()
    assert [network.stack.truncation for network in forecaster.networks] == [2, 2]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_gates_are_those_of_the_trace(cell):
    """Forward and backward, in the order of time; a plain network has its state only."""
    forecaster = fitted(cell=cell, bidirectional=True)
    network, entered = forecaster.networks[1], []
    with network.stack.register_forward_pre_hook(lambda _module, inputs: entered.append(inputs[0])):
        found = explain(forecaster, WAVE, WAVE.series[0], member=2)
    inputs = entered[0][:1]
    for direction, layers, turn in (
        ("forward", network.stack.forward_layers, 1),
        ("backward", network.stack.backward_layers, -1),
    ):
        reverse = inputs if turn == 1 else inputs.flip(1)
        traced = {name: values[0].detach().numpy()[::turn] for name, values in layers[0].trace(reverse).items()}
        activations = found.layer(1, direction).activations
        assert set(activations) == ({"state"} if cell == "rnn" else set(traced))
        for name, values in activations.items():
            np.testing.assert_allclose(values, traced[name], atol=1e-6)


@pytest.mark.parametrize("weight", [0.5, 0.9, 1.2])
def test_the_gradient_of_a_linear_recurrence_is_a_power_of_its_weight(weight):
    """Around the state zero tanh is the identity: k steps back the gradient is multiplied by the weight k times."""
    forecaster = fitted(cell="rnn", segment=1)
    with torch.no_grad():
        for network in forecaster.networks:
            network.embed.weight.zero_()
            network.embed.bias.zero_()
            rnn = network.stack.forward_layers[0].layer
            rnn.bias_ih_l0.zero_()
            rnn.bias_hh_l0.zero_()
            rnn.weight_hh_l0.copy_(weight * torch.eye(4))
    layer = explain(forecaster, WAVE, WAVE.series[0]).layer()
    assert layer.gradient[-1] > 0
    assert layer.lasting / layer.lasting[0] == pytest.approx(weight ** np.arange(28), rel=1e-4)
    assert layer.fade == pytest.approx(weight, rel=1e-4)
    assert layer.faded == {0.5: 7, 0.9: None, 1.2: None}[weight]


def test_the_gradient_of_a_memory_fades_by_its_forget_gate():
    """Without recurrent weights what is remembered is multiplied by the gate at each step, and by nothing else."""
    forecaster = fitted(cell="lstm", segment=1)
    with torch.no_grad():
        for network in forecaster.networks:
            network.embed.weight.zero_()
            network.embed.bias.zero_()
            lstm = network.stack.forward_layers[0].layer
            for weight in (lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0):
                weight.zero_()
            lstm.bias_ih_l0[4:8] = 2.0
    lasting = explain(forecaster, WAVE, WAVE.series[0]).layer().lasting
    # The state of the last step is read, its memory is not: the memory begins a step before.
    assert lasting[2:] / lasting[1:-1] == pytest.approx(1 / (1 + math.exp(-2.0)), rel=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"bidirectional": True},
        {"decoder": "segment"},
        {"decoder": "recursive"},
        {"head": "student-t"},
        {"truncation": 2},
    ],
    ids=str,
)
def test_sensitivities_are_how_far_the_medians_move(model):
    """The derivative by each value of the context against the difference that moving it a little makes."""
    forecaster = fitted(cell="gru", segment=4, **model)
    found = explain(forecaster, WAVE, WAVE.series[0])
    values = WAVE.series[0].values
    context = torch.tensor((values[-28:] - values[-1]) / values.std(), dtype=torch.float32)
    networks = forecaster.networks

    def medians(context):
        with torch.no_grad():
            return torch.stack([n(context[None], torch.ones(1))[0][0, :, middle] for n in networks]).mean(0)

    middle = forecaster.quantile_levels.index(0.5)
    shares = []
    for lag in range(1, 29):
        moved = torch.zeros(28)
        moved[-lag] = 1e-2
        shares.append(((medians(context + moved) - medians(context - moved)) / 2e-2).abs().sum().item())
    assert found.reaches[0].shares == pytest.approx(np.array(shares) / sum(shares), abs=2e-3)


def test_parts_share_the_sensitivity_among_them():
    """Their weights add up to one, and the shares of each to one or to nothing."""
    reaches = {reach.name: reach for reach in explain(fitted(), WAVE, WAVE.series[0]).reaches}
    assert list(reaches) == [WHOLE, ANCHORS, SKIP, RECURRENCE]
    assert sum(reaches[name].weight for name in (ANCHORS, SKIP, RECURRENCE)) == pytest.approx(1)
    assert all(reach.weight > 0.001 and reach.shares.sum() == pytest.approx(1) for reach in reaches.values())


def test_a_seasonal_naive_forecast_looks_at_its_season_only():
    """Each step of the horizon moves with one value of the last season, and with no other."""
    found = explain(only(fitted(), "last season of 7 steps"), WAVE, WAVE.series[0])
    whole, mixed, skip, recurrence = found.reaches
    assert whole.shares == pytest.approx([1 / 7] * 7 + [0] * 21, abs=1e-6)
    assert (mixed.weight, skip.weight, recurrence.weight) == (1, 0, 0)
    assert (whole.within(0.5), whole.within(0.9), whole.furthest) == (4, 7, 7)
    assert found.weights == (("last season of 7 steps", pytest.approx(1)),)
    assert not found.layer().gradient.any()
    assert found.layer().fade is None
    assert found.sentence == (
        "half of the forecast's sensitivity lies within the last 4 steps, 90 % within the last 7 steps; "
        "the furthest step that moves it by more than 1 % is 7 back"
    )


def test_a_naive_forecast_looks_at_the_newest_step():
    """All of its sensitivity lies at lag one."""
    found = explain(only(fitted(), "last value"), WAVE, WAVE.series[0])
    assert found.reaches[0].shares == pytest.approx([1, *[0] * 27])
    assert found.sentence.startswith("half of the forecast's sensitivity lies within the newest step, ")


def test_weights_of_the_mixture_add_up_and_come_in_order():
    """Those of all networks on average, the largest first."""
    weights = [weight for _, weight in explain(fitted(), WAVE, WAVE.series[0]).weights]
    assert sum(weights) == pytest.approx(1)
    assert weights == sorted(weights, reverse=True)


def test_what_is_missing_moves_nothing():
    """A hole in the context has no sensitivity, and everything stays finite."""
    values = weekly_wave(120)
    values[-10] = np.nan
    panel = daily(values)
    found = explain(fitted(), panel, panel.series[0])
    assert found.reaches[0].shares[9] == 0
    assert np.isfinite(found.reaches[0].shares).all()


def test_a_flat_context_can_be_explained():
    """A standard deviation of zero has no slope; what is said of it must not be NaN."""
    panel = daily(np.concatenate([weekly_wave(60), np.full(60, 100.0)]))
    found = explain(fitted(), panel, panel.series[0])
    assert np.isfinite(found.reaches[0].shares).all()
    assert found.reaches[0].shares.sum() == pytest.approx(1)


def test_counts_can_be_explained():
    """Their quantiles go in steps; what they are spread around does not."""
    panel = daily(np.random.default_rng(0).poisson(5.0, 120))
    forecaster = Forecaster.fit(panel, Config(model=replace(SMALL, head="negative-binomial"), train=BRIEF))
    found = explain(forecaster, panel, panel.series[0])
    assert found.reaches[0].shares.sum() == pytest.approx(1)
    assert np.isfinite(found.layer().gradient).all()


def test_a_history_shorter_than_the_context_shows_what_there_is():
    """Steps before its first value are not shown, and the segments are those that hold any of it."""
    panel = daily(weekly_wave(17))
    found = explain(fitted(segment=7), panel, panel.series[0])
    assert found.context.begins == [0, 3, 10]
    assert len(found.context.timestamps) == 17
    assert all(values.shape == (3, 4) for values in found.layer().activations.values())
    assert len(found.layer().gradient) == 3
    assert not found.reaches[0].shares[17:].any()


def test_units_are_sorted_by_what_they_keep():
    """By the mean of the forget gate, and ties as they lie in the weights."""
    gate = np.array([[0.2, 0.9, 0.2], [0.4, 0.7, 0.4]])
    layer = Layer(1, "forward", {"input": gate, "forget": gate, "state": -gate}, np.ones(2))
    assert (layer.sorted_by, layer.order) == ("forget", [1, 0, 2])
    assert Layer(1, "forward", {"state": gate}, np.ones(2)).sorted_by == "state"


def test_a_part_without_sensitivity_reaches_nowhere():
    """Neither a lag nor a furthest step."""
    none = Reach("recurrence", 0.0, np.zeros(5))
    assert (none.within(0.5), none.furthest) == (None, None)


@pytest.mark.parametrize(
    ("layer", "direction", "message"),
    [
        (3, None, "layer is 3, but the network has 2 layers"),
        (0, None, "layer is 0"),
        (1, "backward", "direction is 'backward', but the network reads forward only"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(layer, direction, message):
    """The last one, forward, is taken where none is named."""
    found = explain(fitted(layers=2), WAVE, WAVE.series[0])
    assert (found.layer().number, found.layer().direction) == (2, "forward")
    with pytest.raises(ConfigError, match=message):
        found.layer(layer, direction)


def test_a_member_that_is_not_there_is_refused():
    """With how many there are."""
    with pytest.raises(ConfigError, match="member is 3, but the model has 2 networks"):
        explain(fitted(), WAVE, WAVE.series[0], member=3)


def test_items_are_found_by_their_names():
    """The first one without a name; an unknown one comes with those that are near."""
    panel = daily([1.0, 2.0], [3.0, 4.0])
    assert find_series(panel, None) is panel.series[0]
    assert find_series(panel, "b") is panel.series[1]
    with pytest.raises(ConfigError, match="there is no item 'c'") as caught:
        find_series(panel, "c")
    assert caught.value.hint == "known: a, b"
    several = replace(panel, series=tuple(replace(s, target=t) for s in panel.series for t in ("x", "y")))
    several = replace(several, columns=replace(panel.columns, targets=("x", "y")))
    assert find_series(several, "b · y") is several.series[3]
    assert find_series(several, "b") is several.series[2]


def test_all_numbers_are_plain():
    """For JSON, lags and steps in the order that the words say."""
    found = explain(fitted(), WAVE, WAVE.series[0])
    values = to_dict(found)
    assert values["cutoff"] == str(WAVE.series[0].timestamps[-1])
    assert values["sensitivity"][0]["by_lag"] == found.reaches[0].shares.tolist()
    assert values["layers"][0]["activations"]["forget"] == found.layer().activations["forget"].tolist()
    assert values["context"]["step_begins"][0] == values["context"]["timestamps"][0]


def test_a_covariate_that_is_not_known_ahead_is_refused():
    """As it is by a forecast."""
    panel = promoted(160)
    forecaster = Forecaster.fit(panel, Config(data=BARE, model=SMALL, train=BRIEF))
    panel = driven(panel.series[0].values, panel.series[0].covariates[:160])
    with pytest.raises(DataError, match="'promo' is not known for"):
        explain(forecaster, panel, panel.series[0])


def test_a_prior_beside_networks_is_shown_with_its_share():
    """The networks' own part stays as it is, and the sentence says whose sensitivity it is."""
    plain, found = (explain(f, WAVE, WAVE.series[0]) for f in (fitted(), with_prior(fitted(), 0.25)))
    assert (plain.prior, plain.share) == (None, 1.0)
    assert (found.prior.share, found.share) == (0.25, 0.75)
    assert found.weights == plain.weights
    assert found.sentence == plain.sentence.replace("the forecast's sensitivity", "the sensitivity of these networks")
    values = to_dict(found)
    assert (values["share"], values["prior"]["share"]) == (0.75, 0.25)
    assert sum(each["weight"] for each in values["prior"]["candidates"]) == pytest.approx(1)
    assert to_dict(plain)["prior"] is None


def test_a_prior_without_weight_is_not_part_of_the_forecast():
    """Where held-out windows gave it none."""
    found = explain(with_prior(fitted(), 0.0), WAVE, WAVE.series[0])
    assert (found.prior, found.share) == (None, 1.0)


def test_a_prior_alone_has_candidates_and_nothing_else():
    """No layer, no network and no sentence about any; its context is what it sees."""
    forecaster = with_prior(fitted(), 1.0, alone=True)
    found = explain(forecaster, WAVE, WAVE.series[0])
    assert (found.layers, found.reaches, found.weights, found.sentence) == ((), (), (), None)
    assert (found.share, found.prior.share) == (0.0, 1.0)
    assert (
        found.context.length == found.prior.context_length == forecaster.ensemble.priors[0].architecture.context_length
    )
    values = to_dict(found)
    assert (values["anchors"], values["layers"], values["sentence"]) == ([], [], None)
    assert (values["context"]["segment"], values["context"]["step_begins"]) == (None, [])
    for refused in (found.layer, lambda: explain(forecaster, WAVE, WAVE.series[0], member=2)):
        with pytest.raises(ConfigError, match="the model is a prior alone") as caught:
            refused()
        assert "--picture anchors" in caught.value.hint
