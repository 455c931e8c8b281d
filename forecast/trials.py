"""Trials: logarithms and calendar features that nobody asked for, each kept where it proves itself before training.

Networks are compared as they are before their first step, when the anchors, the gate and the responses are fitted and
nothing else has been learnt: that takes a moment, and what a feature or a scaling is worth is there from the start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from forecast.covariates import with_features
from forecast.heldout import validation_windows, visible
from forecast.judging import held_out
from forecast.metrics import mase
from forecast.models.recurrent import RecurrentNetwork
from forecast.panel import Panel
from forecast.planning import Plan
from forecast.prediction import Ensemble
from forecast.training import fresh_network, loss_on
from forecast.windows import Windows

#: Calendar features that nobody asked for have to lower it by this share: a few windows show little effects by chance.
_TELLING = 0.03
#: Values as they are have to err less than their logarithms by this share.
_TELLING_OF_SCALING = 0.01


def with_better_scaling(panel: Panel, plan: Plan, device: str) -> Plan:
    """The plan, without logarithms where those were only on trial and do worse on the validation windows.

    Networks are compared as they are before training, by the error of their medians in units of the data, which do not
    depend on the scaling, relative to that of the seasonal naive forecast within each history (MASE).
    """
    if not plan.logs_on_trial:
        return plan
    plain, plan = plan.scaled_by("standard"), plan.scaled_by(plan.scaling)
    limit = (1 - _TELLING_OF_SCALING) * _untrained_error(panel, plan, device)
    return plain if _untrained_error(panel, plain, device) < limit else plan


def decided(panel: Panel, plan: Plan, device: str) -> Plan:
    """The plan without anything on trial: the scaling and the calendar features that training would choose."""
    panel = in_order(panel)
    plan = with_better_scaling(panel, plan, device)
    return replace(plan, features=(*_worthwhile(panel, plan, device), *plan.features), on_trial=())


def tried(planned: Plan, scaling: str, features: Sequence[str]) -> tuple[str, ...]:
    """Sentences on logarithms that were tried and left, and on calendar features, where there were any."""
    left = scaling != planned.scaling
    found = (f"scaling {scaling}: on the validation windows it errs less than {planned.scaling}",) if left else ()
    if not planned.on_trial:
        return found
    kept, names = [name for name in planned.on_trial if name in features], ", ".join(planned.on_trial)
    if not kept:
        return (*found, f"calendar features: none of {names} lowers the validation loss")
    return (*found, f"calendar features: {', '.join(kept)}, of {names}")


def in_order(panel: Panel) -> Panel:
    """In the order of names, whatever the order in the file: the same series train the same networks."""
    return replace(panel, series=tuple(sorted(panel.series, key=lambda s: (*s.item_id, s.target))))


def _worthwhile(panel: Panel, plan: Plan, device: str) -> tuple[str, ...]:
    """Those of the calendar features on trial that lower the validation loss: all, one of them, or none.

    Networks are compared as they are before training, when the response to the calendar is already fitted and nothing
    else has been learnt: that takes a moment, and what a feature is worth is there from the start.
    """
    if not plan.on_trial:
        return ()
    singles = [(name,) for name in plan.on_trial] if len(plan.on_trial) > 1 else []
    losses = {features: _untrained_loss(panel, plan, features, device) for features in ((), plan.on_trial, *singles)}
    best = min(losses, key=lambda features: losses[features])
    return best if losses[best] < (1 - _TELLING) * losses[()] else ()


def _untrained_error(panel: Panel, plan: Plan, device: str) -> float:
    """The mean absolute scaled error on the validation windows of a network before its first step; else infinite."""
    found = _untrained(panel, plan, device)
    if found is None:
        return math.inf
    seen = held_out(found.known, plan, plan.holdout.validation, Ensemble((found.network,)), news=0.5)
    middle = plan.architecture.quantile_levels.index(0.5)
    medians = seen.forecast.inverse(seen.forecast.quantiles)[..., middle]
    season = plan.config.data.season_length or 1
    errors = [
        float(mase(actual[None], median[None], history.values, season)[0])
        for actual, median, history in zip(seen.actuals, medians, seen.histories, strict=True)
    ]
    finite = [error for error in errors if math.isfinite(error)]
    return sum(finite) / len(finite) if finite else math.inf


def _untrained_loss(panel: Panel, plan: Plan, features: tuple[str, ...], device: str) -> float:
    """The validation loss of a network with these calendar features before its first step; infinite where undefined."""
    found = _untrained(panel, replace(plan, features=(*features, *plan.features)), device)
    if found is None:
        return math.inf
    loss = loss_on(found.network, found.windows, found.validation)
    return loss if math.isfinite(loss) else math.inf


@dataclass(frozen=True)
class _Untrained:
    """A network before its first step, the series it knows, and the windows and starts that judge it."""

    network: RecurrentNetwork
    known: Panel
    windows: Windows
    validation: Tensor


def _untrained(panel: Panel, plan: Plan, device: str) -> _Untrained | None:
    """A network that a plan begins with, before the held-out steps; None where there is too little to begin with."""
    known = visible(with_features(panel, plan.features, plan.architecture.horizon), plan.holdout.span)
    if not known.series:
        return None
    training, windows, validation = validation_windows(known, plan, device)
    starts = training.training_starts(plan.min_context)
    if not len(starts) or not len(validation):
        return None
    network = fresh_network(plan.architecture, training, starts, plan.recipe.seed).to(device).eval()
    return _Untrained(network, known, windows, validation)
