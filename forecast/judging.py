"""Judging: how networks did on held-out windows, and what of their forecasts is calibrated there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecast.calibration import Factors, apply_factors, fit_factors, unchanged
from forecast.dependence import fit_persistence
from forecast.evaluation import Evaluation, StateWindow, Window, evaluate, evaluate_states
from forecast.forecasts import normal_scores
from forecast.heldout import cutoffs
from forecast.models.recurrent import RecurrentNetwork
from forecast.panel import Panel, Series
from forecast.planning import Plan
from forecast.prediction import Ensemble, Scaled, probabilities_after, quantiles_after
from forecast.tempering import fit_temperature, tempered

Array = NDArray[np.float64]

_UNSEEN = "these windows came after everything of their series that training and stopping saw"
_SHARED = (
    "the series is too short to hold out more: the same windows also chose when to stop, and the intervals are those "
    "before calibration"
)
_SHARED_STATES = "the series is too short to hold out more: the same windows also chose when to stop"
_HINDSIGHT = "future covariates as they turned out, where a real forecast may have to forecast them first"
#: Steps of one window are alike: of their states so many are worth counting.
_NEWS_OF_STEPS = 0.5


@dataclass(frozen=True)
class Judged:
    """How the chosen networks did on held-out windows, and what was calibrated there."""

    evaluation: Evaluation
    factors: Factors
    persistence: float = 0.0
    temperature: float = 1.0


@dataclass(frozen=True)
class HeldOut:
    """Cutoffs of some series: what was known, what came [N, H], and what the chosen networks forecast.

    independent is how many of the N windows are worth counting: overlapping ones tell the same twice, and series of a
    panel share what happens to all of them.
    """

    histories: list[Series]
    actuals: Array
    forecast: Scaled
    independent: float


class Looks(NamedTuple):
    """Cutoffs among the validation windows, and among the test windows after them."""

    validation: HeldOut
    test: HeldOut


def held_out(panel: Panel, plan: Plan, offsets: Sequence[int], ensemble: Ensemble, news: float) -> HeldOut:
    """How an ensemble forecasts from the cutoffs so many steps before the ends of series; `news` of them count."""
    histories, actuals, n_series = cutoffs(panel, plan, offsets)
    # Between S independent series and S that are one: with all counted, intervals followed shocks common to a panel.
    independent = news * len(histories) / math.sqrt(n_series)
    horizon = plan.architecture.horizon
    return HeldOut(histories, actuals, quantiles_after(ensemble, histories, plan.scaling, horizon), independent)


def look(panel: Panel, plan: Plan, ensemble: Ensemble) -> Looks:
    """How an ensemble forecasts from all held-out cutoffs."""
    # Validation windows begin half a horizon apart, so only every second one is news.
    parts = ((plan.holdout.validation, 0.5), (plan.holdout.test, 1.0))
    return Looks(*(held_out(panel, plan, offsets, ensemble, news) for offsets, news in parts))


def mixed(own: Looks, other: Looks, share: float) -> Looks:
    """The same cutoffs by forecasts of which `share` is the other one's."""
    return Looks(*(_mixed(a, b, share) for a, b in zip(own, other, strict=True)))


def _mixed(own: HeldOut, other: HeldOut, share: float) -> HeldOut:
    quantiles = (1 - share) * own.forecast.quantiles + share * other.forecast.quantiles
    return replace(own, forecast=replace(own.forecast, quantiles=quantiles))


def judge_numbers(plan: Plan, judged: Looks, kept: Looks, beside: Mapping[str, HeldOut] | None = None) -> Judged:
    """How forecasts did, the calibration of their quantiles, and how much of an error carries over.

    The test windows judge `judged`, in whose making they had no part; what is calibrated belongs to `kept`, in which
    they may have had one. Forecasts of the test windows that are shown `beside` it are not calibrated.
    """
    levels = plan.architecture.quantile_levels
    others = {name: other.forecast for name, other in (beside or {}).items()}
    if plan.holdout.shared:
        # Corrected by these windows, the intervals would cover them whatever they are worth.
        evaluation = _evaluation(judged.test, unchanged(levels), plan, _SHARED, others)
        factors, parts = _factors([kept.validation], levels), [kept.validation]
    else:
        evaluation = _evaluation(judged.test, _factors([judged.validation], levels), plan, _UNSEEN, others)
        factors, parts = _factors(kept, levels), list(kept)
    return Judged(evaluation, factors, _persistence(parts, factors, levels))


def judge_states(panel: Panel, plan: Plan, networks: Sequence[RecurrentNetwork]) -> Judged:
    """How the chosen networks did, and the temperature of their probabilities."""
    horizon, parts = plan.architecture.horizon, []
    # As for numbers only every second validation window is news.
    for offsets, news in ((plan.holdout.validation, 0.5), (plan.holdout.test, 1.0)):
        histories, actuals, n_series = cutoffs(panel, plan, offsets)
        parts.append(
            _HeldOutStates(
                histories, actuals, probabilities_after(networks, histories, horizon), news / math.sqrt(n_series)
            )
        )
    validation, test = parts
    shared = plan.holdout.shared
    stated = tempered(test.probabilities, 1.0 if shared else _temperature([validation]))
    windows = [
        StateWindow(history.values, actual, own)
        for history, actual, own in zip(test.histories, test.actuals, stated, strict=True)
    ]
    season, name = plan.config.data.season_length or 1, plan.config.model.cell
    note = _noted(_SHARED_STATES if shared else _UNSEEN, plan)
    evaluation = evaluate_states(windows, season, name, note=note)
    return Judged(evaluation, unchanged(()), temperature=_temperature([validation] if shared else parts))


@dataclass(frozen=True)
class _HeldOutStates:
    """Cutoffs of some series of states: what was known, what came [N, H], and its probabilities [N, H, C].

    news is the share of the windows that is worth counting.
    """

    histories: list[Series]
    actuals: Array
    probabilities: Array
    news: float


def _temperature(parts: Sequence[_HeldOutStates]) -> float:
    """The temperature of probabilities beside what came, in the order of the windows."""
    outcomes = np.concatenate([part.actuals.ravel() for part in parts])
    stated = np.concatenate([part.probabilities.reshape(-1, part.probabilities.shape[-1]) for part in parts])
    observed = ~np.isnan(outcomes)
    counted = sum(part.news * int((~np.isnan(part.actuals)).sum()) for part in parts)
    return fit_temperature(outcomes[observed], stated[observed], _NEWS_OF_STEPS * counted)


def _factors(parts: Sequence[HeldOut], levels: Sequence[float]) -> Factors:
    quantiles, actuals, independent = _joined(parts)
    return fit_factors(quantiles, actuals, levels, independent)


def _persistence(parts: Sequence[HeldOut], factors: Factors, levels: Sequence[float]) -> float:
    """How much of an error carries over to the next step, from the normal scores of what came."""
    quantiles, actuals, independent = _joined(parts)
    calibrated = apply_factors(quantiles, factors, levels)
    scores = normal_scores(calibrated.reshape(-1, len(levels)), levels, actuals.ravel()).reshape(actuals.shape)
    return fit_persistence(scores, independent)


def _joined(parts: Sequence[HeldOut]) -> tuple[Array, Array, float]:
    """Quantiles [N, H, Q] and what came [N, H] of all windows, in scaled units, and how many count as independent."""
    quantiles = np.concatenate([part.forecast.quantiles for part in parts])
    return quantiles, np.concatenate([in_scaled_units(part) for part in parts]), sum(part.independent for part in parts)


def in_scaled_units(part: HeldOut) -> Array:
    """What came [N, H] in the units that the networks forecast in."""
    rows = zip(part.forecast.scalings, part.actuals, strict=True)
    return np.stack([scaling.transform_outcomes(row) for scaling, row in rows])


def _evaluation(
    test: HeldOut, factors: Factors, plan: Plan, note: str, beside: Mapping[str, Scaled] | None = None
) -> Evaluation:
    levels = plan.architecture.quantile_levels
    quantiles = plan.bounds.clip(test.forecast.inverse(apply_factors(test.forecast.quantiles, factors, levels)))
    others = {name: plan.bounds.clip(other.inverse(other.quantiles)) for name, other in (beside or {}).items()}
    windows = [Window(h.values, a, q) for h, a, q in zip(test.histories, test.actuals, quantiles, strict=True)]
    name = plan.config.model.cell
    season = plan.config.data.season_length or 1
    return evaluate(windows, season, name, quantile_levels=levels, note=_noted(note, plan), others=others)


def _noted(note: str, plan: Plan) -> str:
    """The note, with what future covariates make easier than it will be."""
    return f"{note}; {_HINDSIGHT}" if any(c.role == "future" for c in plan.covariates) else note
