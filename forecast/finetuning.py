"""Fine-tuning: a prior's networks → the same networks after steps on the data, and how much weight they deserve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from forecast.headtuning import train_head
from forecast.heldout import validation_windows
from forecast.judging import HeldOut, in_scaled_units
from forecast.models.architecture import Architecture
from forecast.models.losses import pinball
from forecast.models.prior import PriorNetwork
from forecast.panel import Panel
from forecast.planning import Plan
from forecast.prediction import covariates_of
from forecast.presets import tuning_effort
from forecast.priors import Prior, bundled
from forecast.priors.prior import built
from forecast.recipe import Recipe
from forecast.scaling import fit_scaling
from forecast.snapshots import Snapshots
from forecast.training import Clock, Fit, Weights, fresh_network, train
from forecast.windows import Windows

#: Small steps: what the weights know already is worth more than what one file can add.
_LEARNING_RATE, _WEIGHT_DECAY, _BATCH_SIZE = 5e-4, 1e-3, 64
#: How much of the weight the priors may have.
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
#: By this share the loss of forecasts of one kind alone has to be lower than that of both alike.
_TELLING = 0.02


@dataclass(frozen=True)
class Tuning:
    """What fine-tuning has to know: the prior, its architecture on these data, and how long each network may learn."""

    prior: Prior
    architecture: Architecture
    recipe: Recipe

    @classmethod
    def of(cls, panel: Panel, plan: Plan) -> Tuning | None:
        """The tuning that a plan asks for; None where it begins from nothing, or its cell has no prior."""
        prior = prior_of(plan)
        if prior is None:
            return None
        steps, patience = tuning_effort(plan.config.train.preset, len(panel))
        recipe = replace(
            plan.recipe,
            learning_rate=_LEARNING_RATE,
            weight_decay=_WEIGHT_DECAY,
            batch_size=_BATCH_SIZE,
            max_steps=min(steps, plan.recipe.max_steps),
            patience=patience,
        )
        return cls(prior, prior.shape.beside(plan.architecture), recipe)

    @property
    def untouched(self) -> tuple[PriorNetwork, ...]:
        """The prior's networks as they are, without a response to covariates."""
        return self.prior.networks(self.architecture.horizon, self.architecture.season_lengths)


def prior_of(plan: Plan) -> Prior | None:
    """The prior that a plan names, the one of its cell that comes with the package, or None."""
    if plan.prior is None:
        return None
    return bundled(plan.config.model.cell) if plan.prior == "auto" else Prior.load(plan.prior)


class Tuned(NamedTuple):
    """Networks of a prior as they did best on the validation windows; head_alone says that only their heads learnt."""

    fits: list[Fit]
    head_alone: bool

    @property
    def steps(self) -> int:
        """After how many steps they did: the middle one."""
        return sorted(fit.steps for fit in self.fits)[len(self.fits) // 2]

    @property
    def loss(self) -> float:
        """Their mean loss on the validation windows."""
        return sum(fit.validation for fit in self.fits) / len(self.fits)


def tune(
    panel: Panel, plan: Plan, tuning: Tuning, device: str, clock: Clock, share: float, snapshots: Snapshots | None
) -> Tuned:
    """The networks of the prior as they do best on the validation windows: all weights, or their heads, or no step."""
    training, windows, validation = validation_windows(panel, plan, device, architecture=tuning.architecture)
    starts = training.training_starts(plan.min_context)
    weights = _beginnings(plan, tuning, training, starts)
    lesson = _Lesson(weights, training, starts, tuning.recipe, clock, share, (windows, validation))
    # Heads first: they take a moment, and where time is short they are what there is.
    heads = Tuned(_train_heads(tuning, lesson), True)
    every = Tuned(_train(tuning, lesson, snapshots, "tune"), False)
    return heads if heads.loss < every.loss else every


def retune(
    panel: Panel,
    plan: Plan,
    tuning: Tuning,
    tuned: Tuned,
    device: str,
    clock: Clock,
    snapshots: Snapshots | None,
) -> list[Fit]:
    """The networks of the prior after as many steps as the held-out windows asked for, on every row."""
    a = tuning.architecture
    values = [fit_scaling(s.values, plan.scaling).transform(s.values) for s in panel.series]
    windows = Windows(values, a.context_length, a.horizon, device, covariates=covariates_of(panel.series, a))
    starts = windows.training_starts(plan.min_context)
    recipe = replace(tuning.recipe, max_steps=tuned.steps)
    lesson = _Lesson(_beginnings(plan, tuning, windows, starts), windows, starts, recipe, clock)
    return _train_heads(tuning, lesson) if tuned.head_alone else _train(tuning, lesson, snapshots, "retune")


def best_share(own: Sequence[HeldOut], priors: Sequence[HeldOut], levels: Sequence[float]) -> float:
    """The weight of the priors' forecasts under which the mixture errs least over parts of the held-out windows.

    Each part counts alike. Forecasts of one kind alone have to be better by _TELLING than both alike: few windows show
    much by chance.
    """
    at = torch.tensor(levels)

    def parts() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for mine, others in zip(own, priors, strict=True):
            actual = torch.from_numpy(in_scaled_units(mine))
            # A zero has no logarithm: under a scaling in logarithms it counts for neither.
            actual = torch.where(torch.isfinite(actual), actual, torch.nan)
            yield actual, torch.from_numpy(mine.forecast.quantiles), torch.from_numpy(others.forecast.quantiles)

    seen = list(parts())

    def cost(share: float) -> float:
        losses = [pinball((1 - share) * a + share * b, y, at, torch.ones(len(y), 1)).item() for y, a, b in seen]
        return sum(losses) * (1 + _TELLING * abs(2 * share - 1))

    return min(_SHARES, key=cost)


@dataclass(frozen=True)
class _Lesson:
    """What the networks of a prior learn from and for how long, and the weights that each of them begins with."""

    weights: Sequence[Weights]
    windows: Windows
    starts: Tensor
    recipe: Recipe
    clock: Clock
    share: float = 1.0
    validation: tuple[Windows, Tensor] | None = None

    def recipe_of(self, member: int) -> Recipe:
        """The recipe with the seed of one of the networks, counted from 1."""
        return replace(self.recipe, seed=self.recipe.seed + member)


def _train_heads(tuning: Tuning, lesson: _Lesson) -> list[Fit]:
    """The networks of the prior, of which nothing but the head has learnt."""
    with torch.enable_grad():
        return [
            train_head(
                network,
                lesson.windows,
                lesson.starts,
                lesson.recipe_of(member),
                lesson.clock,
                share=lesson.share,
                validation=lesson.validation,
            )
            for member, network in enumerate(built(tuning.architecture, lesson.weights), start=1)
        ]


def _train(tuning: Tuning, lesson: _Lesson, snapshots: Snapshots | None, stage: str) -> list[Fit]:
    """The networks of the prior, all weights of which have learnt."""
    return [
        train(
            tuning.architecture,
            lesson.windows,
            lesson.starts,
            lesson.recipe_of(member),
            lesson.clock,
            validation=lesson.validation,
            member=member,
            members=len(lesson.weights),
            share=lesson.share,
            start=weights,
            snapshots=snapshots,
            key=f"{stage}.{member}",
        )
        for member, weights in enumerate(lesson.weights, start=1)
    ]


def _beginnings(plan: Plan, tuning: Tuning, windows: Windows, starts: Tensor) -> list[Weights]:
    """The weights that each network of the prior begins with: its own, and those of a response to what is known ahead.

    The response is that of a network that has no prior.
    """
    a, response = tuning.architecture, {}
    if a.future:
        beginning = replace(plan.architecture, context_length=a.context_length)
        network = fresh_network(beginning, windows, starts, plan.recipe.seed)
        assert network.response is not None
        response = {f"response.{name}": tensor for name, tensor in network.response.state_dict().items()}
    return [{**weights, **response} for weights in tuning.prior.weights]
