"""fit_networks(): a plan and a panel → trained networks, their calibration, and how they did on held-out windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast.calibration import apply_factors, fit_factors
from forecast.errors import DataError
from forecast.evaluation import Evaluation, Window, evaluate
from forecast.models.recurrent import Architecture, RecurrentNetwork
from forecast.panel import Panel, Series
from forecast.planning import Plan
from forecast.prediction import Scaled, quantiles_after
from forecast.scaling import fit_scaling
from forecast.training import Clock, Fit, Recipe, loss_on, train
from forecast.windows import Windows

Array = NDArray[np.float64]

#: Held-out windows that are used, at most: past that the figures hardly move and only the time grows.
_MOST_WINDOWS = 2_000
_UNSEEN = "these windows came after everything of their series that training and stopping saw"
_SHARED = (
    "the series is too short to hold out more: the same windows also chose when to stop, and the intervals are those "
    "before calibration"
)
#: How much of the time limit choosing the number of steps may take; the rest is for the refit.
_SELECTION_SHARE = 0.5


@dataclass(frozen=True)
class Fitted:
    """Trained networks, how they were judged, and their calibration; steps is how many the held-out windows asked for.

    refitted says that the networks were trained again on every row; otherwise they are those that were judged.
    """

    networks: tuple[RecurrentNetwork, ...]
    evaluation: Evaluation
    factors: tuple[float, ...]
    steps: int
    refitted: bool


def fit_networks(panel: Panel, plan: Plan, device: str, clock: Clock) -> Fitted:
    """Choose the number of steps on held-out windows, judge the result on later ones, then train again on everything.

    Raises DataError when the held-out steps leave nothing to train on, or hold nothing themselves.
    """
    chosen = _select(panel, plan, device, clock)
    networks = [fit.network for fit in chosen]
    # The middle one: a single lucky or unlucky draw of initial weights does not decide.
    steps = sorted(fit.steps for fit in chosen)[len(chosen) // 2]
    levels = plan.architecture.quantile_levels
    # Validation windows begin half a horizon apart, so only every second one is news.
    validation = _held_out(panel, plan, plan.holdout.validation, networks, news=0.5)
    test = _held_out(panel, plan, plan.holdout.test, networks, news=1.0)
    if plan.holdout.shared:
        # Corrected by these windows, the intervals would cover them whatever they are worth.
        evaluation = _evaluation(test, [1.0] * len(levels), plan, _SHARED)
        factors = _factors([validation], levels)
    else:
        evaluation = _evaluation(test, _factors([validation], levels), plan, _UNSEEN)
        factors = _factors([validation, test], levels)
    refitted = _refit(panel, plan, steps, device, clock)
    return Fitted(tuple(refitted or networks), evaluation, tuple(factors), steps, refitted is not None)


def _select(panel: Panel, plan: Plan, device: str, clock: Clock) -> list[Fit]:
    """Networks that did best on the validation windows; nothing of them, scaling included, saw the held-out steps."""
    span = plan.holdout.span
    known = [s for s in panel.series if not np.isnan(s.values[: max(len(s) - span, 0)]).all()]
    if not known:
        raise _too_little(plan, f"no series has a value before its last {span} steps, which are held out")
    scalings = [fit_scaling(s.values[:-span], plan.scaling) for s in known]
    whole = [scaling.transform(s.values) for scaling, s in zip(scalings, known, strict=True)]
    lengths = plan.architecture.context_length, plan.architecture.horizon
    training = Windows([values[:-span] for values in whole], *lengths, device)
    windows = Windows(whole, *lengths, device, measured_by=training)
    validation = _thinned(windows.starts_before_end(plan.holdout.validation))
    starts = training.training_starts(plan.min_context)
    if not len(starts) or not len(validation):
        where = "before" if len(validation) else "among"
        raise _too_little(plan, f"no value follows another closely enough {where} the last {span} steps")
    return _train_members(plan, training, starts, plan.recipe, clock, (0.0, _SELECTION_SHARE), (windows, validation))


def _refit(panel: Panel, plan: Plan, steps: int, device: str, clock: Clock) -> list[RecurrentNetwork] | None:
    """All networks, trained on every row for so many steps; None when the clock cut one off or its weights ran away.

    A part of them, or one half trained, would not be what was judged and calibrated.
    """
    values = [fit_scaling(s.values, plan.scaling).transform(s.values) for s in panel.series]
    windows = Windows(values, plan.architecture.context_length, plan.architecture.horizon, device)
    starts = windows.training_starts(plan.min_context)
    recipe = replace(plan.recipe, max_steps=steps)
    fits = _train_members(plan, windows, starts, recipe, clock, (_SELECTION_SHARE, 1.0))
    if len(fits) < (plan.config.model.members or 1) or not all(fit.completed for fit in fits):
        return None
    networks = [fit.network for fit in fits]
    sound = all(math.isfinite(loss_on(network, windows, _thinned(starts))) for network in networks)
    return networks if sound else None


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
    """Cutoffs of some series: what was known, what came [N, H], and what the chosen networks forecast.

    independent is how many of the N windows are worth counting: overlapping ones tell the same twice.
    """

    histories: list[Array]
    actuals: Array
    forecast: Scaled
    independent: float


def _held_out(
    panel: Panel, plan: Plan, offsets: Sequence[int], networks: Sequence[RecurrentNetwork], news: float
) -> _HeldOut:
    a = plan.architecture
    horizon = a.horizon
    cuts = [(s, len(s) - offset) for offset in offsets for s in panel.series if _is_visible(s, len(s) - offset, a)]
    cuts = [cuts[i] for i in _evenly(len(cuts))]
    if not cuts:
        raise _too_little(plan, f"no value follows another closely enough among the last {max(offsets)} steps")
    histories = [s.values[:cut] for s, cut in cuts]
    actuals = np.full((len(cuts), horizon), np.nan)
    for row, (s, cut) in zip(actuals, cuts, strict=True):
        row[: len(s.values[cut : cut + horizon])] = s.values[cut : cut + horizon]
    return _HeldOut(histories, actuals, quantiles_after(networks, histories, plan.scaling, horizon), news * len(cuts))


def _is_visible(series: Series, cut: int, a: Architecture) -> bool:
    """Whether a cutoff of a series has a value in the context before it and one in the horizon after it."""
    context, target = series.values[max(0, cut - a.context_length) : max(0, cut)], series.values[max(0, cut) :]
    return not (np.isnan(context).all() or np.isnan(target[: a.horizon]).all())


def _factors(parts: Sequence[_HeldOut], levels: Sequence[float]) -> list[float]:
    quantiles = np.concatenate([part.forecast.quantiles for part in parts])
    actuals = np.concatenate(
        [
            scaling.transform(row)[None]
            for p in parts
            for scaling, row in zip(p.forecast.scalings, p.actuals, strict=True)
        ]
    )
    return fit_factors(quantiles, actuals, levels, sum(part.independent for part in parts))


def _evaluation(test: _HeldOut, factors: Sequence[float], plan: Plan, note: str) -> Evaluation:
    levels = plan.architecture.quantile_levels
    quantiles = test.forecast.inverse(apply_factors(test.forecast.quantiles, factors, levels))
    windows = [Window(h, a, q) for h, a, q in zip(test.histories, test.actuals, quantiles, strict=True)]
    name = plan.config.model.cell
    return evaluate(windows, plan.config.data.season_length or 1, name, quantile_levels=levels, note=note)


def _too_little(plan: Plan, what: str) -> DataError:
    horizon = plan.architecture.horizon
    return DataError(f"{what}: too little to learn from", hint=f"--horizon {horizon // 2}" if horizon > 1 else None)


def _thinned(starts: Tensor) -> Tensor:
    return starts[torch.tensor(_evenly(len(starts)), dtype=torch.long)]


def _evenly(count: int) -> list[int]:
    """At most _MOST_WINDOWS of the numbers below count, evenly spread."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MOST_WINDOWS))})
