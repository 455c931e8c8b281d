"""fit_networks(): a plan and a panel → trained networks, their calibration, and how they did on held-out windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast.calibration import apply_factors, fit_factors
from forecast.errors import DataError
from forecast.evaluation import Evaluation, Window, evaluate
from forecast.models.recurrent import RecurrentNetwork
from forecast.panel import Panel, Series
from forecast.planning import Plan
from forecast.prediction import quantiles_after
from forecast.scaling import fit_scaling
from forecast.training import Clock, Fit, Recipe, train
from forecast.windows import Windows

Array = NDArray[np.float64]

#: Held-out windows that are used, at most: past that the figures hardly move and only the time grows.
_MOST_WINDOWS = 2_000
#: How much of the time limit choosing the number of steps may take; the rest is for the refit.
_SELECTION_SHARE = 0.5


@dataclass(frozen=True)
class Fitted:
    """Networks trained on everything; steps is how many the held-out windows asked for, factors the calibration."""

    networks: tuple[RecurrentNetwork, ...]
    evaluation: Evaluation
    factors: tuple[float, ...]
    steps: int


def fit_networks(panel: Panel, plan: Plan, device: str, clock: Clock) -> Fitted:
    """Choose the number of steps on held-out windows, judge the result on later ones, then train again on everything.

    Raises DataError when no series has a value before the held-out steps.
    """
    chosen = _select(panel, plan, device, clock)
    networks = [fit.network for fit in chosen]
    # The middle one: a single lucky or unlucky draw of initial weights does not decide.
    steps = sorted(fit.steps for fit in chosen)[len(chosen) // 2]
    validation = _held_out(panel, plan.holdout.validation, networks, plan.scaling)
    test = _held_out(panel, plan.holdout.test, networks, plan.scaling)
    factors = _factors([validation], plan)
    evaluation = _evaluation(test, factors, plan)
    known = [validation] if plan.holdout.shared else [validation, test]
    refitted = _refit(panel, plan, steps, device, clock)
    # A refit that the clock cut off is no better than the networks that were chosen without the last rows.
    return Fitted(refitted or tuple(networks), evaluation, _factors(known, plan), steps)


def _select(panel: Panel, plan: Plan, device: str, clock: Clock) -> list[Fit]:
    """Networks that did best on the validation windows; nothing of them, scaling included, saw the held-out steps."""
    span = plan.holdout.span
    known = [s for s in panel.series if not np.isnan(s.values[: max(len(s) - span, 0)]).all()]
    if not known:
        raise DataError(
            f"no series has a value before its last {span} steps, which are held out to judge the model",
            hint=f"--horizon {max(1, plan.architecture.horizon // 2)}",
        )
    scalings = [fit_scaling(s.values[:-span], plan.scaling) for s in known]
    whole = [scaling.transform(s.values) for scaling, s in zip(scalings, known, strict=True)]
    lengths = plan.architecture.context_length, plan.architecture.horizon
    training = Windows([values[:-span] for values in whole], *lengths, device)
    windows = Windows(whole, *lengths, device)
    validation = _thinned(windows.starts_before_end(plan.holdout.validation, min_context=1))
    starts = training.training_starts(plan.min_context)
    return _train_members(plan, training, starts, plan.recipe, clock, (0.0, _SELECTION_SHARE), (windows, validation))


def _refit(panel: Panel, plan: Plan, steps: int, device: str, clock: Clock) -> tuple[RecurrentNetwork, ...]:
    """Networks trained on every row for so many steps; only those that were completed before the clock was up."""
    values = [fit_scaling(s.values, plan.scaling).transform(s.values) for s in panel.series]
    windows = Windows(values, plan.architecture.context_length, plan.architecture.horizon, device)
    starts = windows.training_starts(plan.min_context)
    recipe = replace(plan.recipe, max_steps=steps)
    fits = _train_members(plan, windows, starts, recipe, clock, (_SELECTION_SHARE, 1.0))
    return tuple(fit.network for fit in fits if fit.completed)


def _train_members(
    plan: Plan,
    windows: Windows,
    starts: Tensor,
    recipe: Recipe,
    clock: Clock,
    shares: tuple[float, float],
    validation: tuple[Windows, Tensor] | None = None,
) -> list[Fit]:
    """One Fit per member of the ensemble, each from its own seed; at least one, however little time there is.

    The members divide the part of the time limit between the two `shares` among themselves.
    """
    members, (begin, end) = plan.config.model.members or 1, shares
    fits: list[Fit] = []
    for member in range(1, members + 1):
        share = begin + (end - begin) * member / members
        if fits and clock.is_up(share):
            break
        own = replace(recipe, seed=recipe.seed + member)
        fits.append(
            train(
                plan.architecture,
                windows,
                starts,
                own,
                clock,
                validation=validation,
                member=member,
                members=members,
                share=share,
            )
        )
    return fits


@dataclass(frozen=True)
class _HeldOut:
    """Cutoffs of some series: what was known, what came, and the chosen networks' quantiles [N, H, Q]."""

    histories: list[Array]
    actuals: Array
    quantiles: Array


def _held_out(panel: Panel, offsets: Sequence[int], networks: Sequence[RecurrentNetwork], rule: str) -> _HeldOut:
    horizon = networks[0].architecture.horizon
    cuts = [(s, len(s) - offset) for offset in offsets for s in panel.series if _is_known(s, len(s) - offset)]
    cuts = [cuts[i] for i in _evenly(len(cuts))]
    histories = [s.values[:cut] for s, cut in cuts]
    actuals = np.full((len(cuts), horizon), np.nan)
    for row, (s, cut) in zip(actuals, cuts, strict=True):
        row[: len(s.values[cut : cut + horizon])] = s.values[cut : cut + horizon]
    return _HeldOut(histories, actuals, quantiles_after(networks, histories, rule, horizon))


def _is_known(series: Series, cut: int) -> bool:
    return cut > 0 and not np.isnan(series.values[:cut]).all()


def _factors(parts: Sequence[_HeldOut], plan: Plan) -> tuple[float, ...]:
    quantiles = np.concatenate([part.quantiles for part in parts])
    actuals = np.concatenate([part.actuals for part in parts])
    # Validation windows begin half a horizon apart, so only every second one is news.
    return tuple(fit_factors(quantiles, actuals, plan.architecture.quantile_levels, len(actuals) / 2))


def _evaluation(test: _HeldOut, factors: Sequence[float], plan: Plan) -> Evaluation:
    levels = plan.architecture.quantile_levels
    quantiles = apply_factors(test.quantiles, factors, levels)
    windows = [Window(h, a, q) for h, a, q in zip(test.histories, test.actuals, quantiles, strict=True)]
    if plan.holdout.shared:
        note = "the series is too short to hold out more: the same windows also chose when to stop"
    else:
        note = "these windows came after everything that training and stopping saw"
    name = plan.config.model.cell
    return evaluate(windows, plan.config.data.season_length or 1, name, quantile_levels=levels, note=note)


def _thinned(starts: Tensor) -> Tensor:
    return starts[torch.tensor(_evenly(len(starts)), dtype=torch.long)]


def _evenly(count: int) -> list[int]:
    """At most _MOST_WINDOWS of the numbers below count, evenly spread."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MOST_WINDOWS))})
