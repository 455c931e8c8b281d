"""fit_networks(): a plan and a panel → trained networks, their calibration, and how they did on held-out windows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast.calendars import Calendar
from forecast.calibration import Factors
from forecast.config import Config
from forecast.covariates import hide, with_features, with_only
from forecast.errors import ConfigError
from forecast.evaluation import Evaluation, Worth
from forecast.features import feature_names, is_holiday
from forecast.finetuning import Tuned, Tuning, best_share, retune, tune
from forecast.heldout import thinned, too_little, validation_windows, visible
from forecast.judging import Judged, held_out, judge_numbers, judge_states, look, mixed
from forecast.models.architecture import Architecture
from forecast.models.losses import pinball
from forecast.models.prior import PriorNetwork
from forecast.models.recurrent import RecurrentNetwork, normalise
from forecast.panel import Covariate, Panel
from forecast.planning import Holdout, Plan
from forecast.prediction import Ensemble, covariates_of
from forecast.priors import Prior
from forecast.recipe import Recipe
from forecast.scaling import fit_scaling
from forecast.snapshots import Identity, Snapshots
from forecast.training import Clock, Fit, Weights, loss_on, train
from forecast.trials import decided, in_order
from forecast.version import VERSION
from forecast.windows import Windows

Array = NDArray[np.float64]

#: How much of the time limit choosing the number of steps may take; the rest is for the refit.
_SELECTION_SHARE = 0.5


@dataclass(frozen=True)
class Fitted:
    """Trained networks, how they were judged, and their calibration; steps is how many the held-out windows asked for.

    refitted says that the networks were trained again on every row; otherwise they are those that were judged. features
    are those of the calendar that the networks know, scaling is the rule they were trained under. worth is None without
    covariates but these. cut_off is what there was no time for, in sentences. temperature is that of states. chosen are
    the networks that were judged on the holdout, whether or not they were trained again; began says what became of a
    Start. Both are ensembles, as a prior may be among the networks.
    """

    ensemble: Ensemble
    evaluation: Evaluation
    factors: Factors
    persistence: float
    steps: int
    refitted: bool
    features: tuple[str, ...]
    scaling: str
    holdout: Holdout
    chosen: Ensemble
    worth: Worth | None = None
    cut_off: tuple[str, ...] = ()
    temperature: float = 1.0
    began: tuple[str, ...] = ()
    prior: Prior | None = None


@dataclass(frozen=True)
class Start:
    """Networks to begin from, by their weights, and what has to be alike for that to make sense.

    until is the last timestamp that taught them.
    """

    weights: tuple[Weights, ...]
    architecture: Architecture
    scaling: str
    calendar: Calendar
    covariates: tuple[Covariate, ...]
    features: tuple[str, ...]
    states: tuple[str, ...]
    until: np.datetime64


@dataclass(frozen=True)
class _Beginning:
    """What the trainings of one stage begin from: weights by member, and what the snapshots hold of that stage."""

    stage: str
    snapshots: Snapshots | None
    weights: tuple[Weights, ...] = ()


def fit_networks(
    panel: Panel,
    plan: Plan,
    device: str,
    clock: Clock,
    *,
    start: Start | None = None,
    snapshots: Snapshots | None = None,
) -> Fitted:
    """Choose the number of steps on held-out windows, judge the result on later ones, then train again on everything.

    From a `start`, only windows after what taught it are held out: what its weights have seen says nothing about them.
    Raises DataError when the held-out steps leave nothing to train on, or hold nothing themselves.
    """
    if snapshots is not None:
        snapshots.begin(_identity(panel, plan, start))
        clock.begun -= snapshots.seconds
    panel, plan = _prepared(panel, plan, device)
    plan, weights, began = _begun_from(start, panel, plan)
    tuning = Tuning.of(panel, plan)
    selection = _select(panel, plan, device, clock, _Beginning("select", snapshots, weights), tuning)
    chosen = selection.fits
    # The middle one: a single lucky or unlucky draw of initial weights does not decide.
    steps = sorted(fit.steps for fit in chosen)[len(chosen) // 2]
    ensemble, judged, share = _judged(panel, plan, selection, tuning)
    worth = _worth(panel, plan, selection, device, clock, _Beginning("without", snapshots))
    refit = _Beginning("refit", snapshots, weights)
    refitted, in_time = _refit(panel, plan, steps, selection, share, device, clock, refit, tuning)
    return Fitted(
        ensemble=refitted or replace(ensemble, share=share),
        **vars(judged),
        steps=steps,
        refitted=refitted is not None,
        features=plan.features,
        scaling=plan.scaling,
        worth=worth,
        cut_off=_cut_off(plan, selection, clock, judged=worth is not None, in_time=in_time),
        chosen=ensemble,
        holdout=plan.holdout,
        began=(*began, *_of_the_prior(selection, ensemble.share, share)),
        prior=tuning.prior if tuning else None,
    )


def judge_prior(panel: Panel, plan: Plan) -> Fitted:
    """The networks of a prior as they are, judged and calibrated on held-out windows; nothing is trained.

    Raises ConfigError where there is no prior for the plan, DataError where the held-out windows show nothing.
    """
    tuning = Tuning.of(panel, plan)
    if tuning is None:
        cell = plan.config.model.cell
        raise ConfigError(f"no prior is there for {cell} and these settings", hint="forecast train DATA")
    panel = in_order(panel)
    plan = replace(plan.scaled_by(plan.scaling), features=(), on_trial=())
    ensemble = Ensemble((), tuning.untouched, 1.0)
    looks = look(panel, plan, ensemble)
    return Fitted(
        ensemble=ensemble,
        **vars(judge_numbers(plan, looks, looks)),
        steps=0,
        refitted=False,
        features=(),
        scaling=plan.scaling,
        chosen=ensemble,
        holdout=plan.holdout,
        began=("prior: as it came, nothing was trained on these data",),
        prior=tuning.prior,
    )


def _identity(panel: Panel, plan: Plan, start: Start | None) -> Identity:
    """What a training has to have in common with one that was interrupted to go on with it.

    How long it may take and what computes it are no part of that: neither changes what there is to reach.
    """
    settings = plan.config.to_dict()
    settings["train"] = {k: v for k, v in settings["train"].items() if k not in ("time_limit", "threads", "device")}
    told = hashlib.sha256(repr((panel.calendar, replace(plan, config=Config(), notes=(), about_training=()))).encode())
    for weights in () if start is None else start.weights:
        for name, tensor in weights.items():
            told.update(name.encode() + tensor.cpu().numpy().tobytes())
    return Identity(VERSION, panel.digest(), settings, told.hexdigest())


def _begun_from(start: Start | None, panel: Panel, plan: Plan) -> tuple[Plan, tuple[Weights, ...], tuple[str, ...]]:
    """The plan with windows held out that the start has not seen, its weights, and what became of it in a sentence."""
    if start is None:
        return plan, (), ()
    last = np.datetime_as_string(start.until, unit="auto")
    for what, same in (
        ("its networks have another shape", start.architecture == plan.architecture),
        (f"it was trained with scaling {start.scaling}", start.scaling == plan.scaling),
        ("its calendar is another one", start.calendar == panel.calendar),
        (
            "its covariates or features are others",
            (start.covariates, start.features) == (plan.covariates, plan.features),
        ),
        ("its states are others", start.states == plan.states),
    ):
        if not same:
            return plan, (), (f"begun anew, not from the weights of the model before: {what}",)
    new = min(int((s.timestamps > start.until).sum()) for s in panel.series)
    fitting = [tuple(o for o in own if o <= new) for own in (plan.holdout.validation, plan.holdout.test)]
    validation, test = fitting if fitting[0] else (fitting[1], fitting[1])
    if not validation:
        why = f"it was trained until {last}, and the {new} steps since are too few to judge one that begins there"
        return plan, (), (f"begun anew, not from the weights of the model before: {why}",)
    told = f"begun from the weights of the model before, trained until {last}; only windows since are held out"
    return replace(plan, holdout=Holdout(validation, test)), start.weights, (told,)


def selection_loss(panel: Panel, plan: Plan, device: str, clock: Clock, unit_context: int) -> float | None:
    """The mean validation loss of the networks that a plan asks for; None where the clock cut one of them off.

    Errors are measured in the spread of the last `unit_context` steps before each window: networks measure them in that
    of their own context, and a longer one would make the same error look smaller. Nothing is judged or trained again.
    Raises DataError as `fit_networks` does.
    """
    panel, plan = _prepared(panel, plan, device)
    selection = _select(panel, plan, device, clock)
    if not selection.complete:
        return None
    if plan.architecture.context_length == unit_context or plan.states:
        return selection.loss
    losses = [_loss_in_units(fit.network, selection.known, plan, device, unit_context) for fit in selection.fits]
    return sum(losses) / len(losses)


def _prepared(panel: Panel, plan: Plan, device: str) -> tuple[Panel, Plan]:
    """The panel with the calendar features that join, and the plan with all of them decided."""
    panel, plan = in_order(panel), decided(panel, plan, device)
    return with_features(panel, plan.features, plan.architecture.horizon), plan


@torch.no_grad()
def _loss_in_units(network: RecurrentNetwork, panel: Panel, plan: Plan, device: str, unit_context: int) -> float:
    """The validation loss of a network with errors in the spread of the last `unit_context` steps of the context."""
    own, horizon = plan.architecture.context_length, plan.architecture.horizon
    windows, starts = validation_windows(
        panel, plan, device, architecture=replace(plan.architecture, context_length=max(own, unit_context))
    )[1:]
    total, count = 0.0, 0
    for chunk in starts.split(1024):
        batch = windows.batch(chunk)
        observed, _, unit = normalise(batch.context[:, -unit_context:], batch.spread)
        covariates = batch.covariates[:, -(own + horizon) :]
        quantiles, _ = network(batch.context[:, -own:], batch.spread, covariates, batch.static)
        # The same windows, however long the context: those with something to see in the one that gives the unit.
        seen = observed.any(1)
        total += pinball(quantiles[seen], batch.target[seen], network.levels, unit[seen]).item() * int(seen.sum())
        count += int(seen.sum())
    return total / count if count else math.inf


@dataclass(frozen=True)
class _Selection:
    """Networks that did best on the validation windows, and the series that have those windows.

    complete says that all of them were trained, and none was cut off by the clock. tuned are those of a prior, if any.
    """

    fits: list[Fit]
    known: Panel
    complete: bool
    tuned: Tuned | None

    @property
    def loss(self) -> float:
        """The mean validation loss of the networks."""
        return sum(fit.validation for fit in self.fits) / len(self.fits)


def _worth(
    panel: Panel, plan: Plan, selection: _Selection, device: str, clock: Clock, beginning: _Beginning
) -> Worth | None:
    """What the covariates that were asked for are worth on the validation windows; None without any, or without time.

    Features of the calendar that nobody asked for are not counted among them.
    """
    holidays, asked = _asked(plan)
    # Networks that were cut off would be compared by how much time they had.
    if not asked or not selection.complete or clock.is_up(_SELECTION_SHARE):
        return None
    bare = replace(plan, covariates=(), features=tuple(name for name in plan.features if name not in holidays))
    without = _select(with_only(panel, {c.name for c in panel.covariates} - asked), bare, device, clock, beginning)
    if not without.complete:
        return None
    groups = {c.name: {c.name} for c in plan.covariates}
    groups |= {"holidays": set(feature_names(holidays))} if holidays else {}
    hidden = {}
    for name, members in groups.items():
        if clock.asked:
            return None
        windows, validation = validation_windows(hide(selection.known, members), plan, device)[1:]
        losses = [loss_on(fit.network, windows, validation) for fit in selection.fits]
        hidden[name] = sum(losses) / len(losses)
    return Worth(selection.loss, without.loss, hidden)


def _asked(plan: Plan) -> tuple[tuple[str, ...], set[str]]:
    """The holidays, and the columns of these and of the covariates that somebody asked for."""
    holidays = tuple(name for name in plan.features if is_holiday(name))
    return holidays, {c.name for c in plan.covariates} | set(feature_names(holidays))


def _cut_off(plan: Plan, selection: _Selection, clock: Clock, *, judged: bool, in_time: bool) -> tuple[str, ...]:
    """What there was no time for, in sentences; judged says that covariates were, in_time that the refit ended."""
    parts, n_fits, members = [], len(selection.fits), plan.config.model.members or 1
    if n_fits < members:
        parts.append(f"{n_fits} of {members} networks trained")
    if not selection.fits[-1].completed:
        parts.append(f"{'the last' if n_fits > 1 else 'the'} network left off before it had stopped by itself")
    if not in_time:
        parts.append(f"not trained again on every row, so that the last {plan.holdout.span} steps taught nothing")
    if _asked(plan)[1] and not judged:
        parts.append("not measured what the covariates are worth")
    by = "as asked" if clock.asked or clock.time_limit is None else f"by the time limit of {clock.time_limit:g} s"
    return tuple(f"cut off {by}: {part}" for part in parts)


def _select(
    panel: Panel,
    plan: Plan,
    device: str,
    clock: Clock,
    beginning: _Beginning = _Beginning("select", None),
    tuning: Tuning | None = None,
) -> _Selection:
    """Networks that did best on the validation windows; nothing of them, scaling included, saw the held-out steps.

    Those of a prior come first: where time is short they know most.
    """
    span = plan.holdout.span
    usable = visible(panel, span)
    if not usable.series:
        raise too_little(plan, f"no series has a value before its last {span} steps, which are held out")
    training, windows, validation = validation_windows(usable, plan, device)
    starts = training.training_starts(plan.min_context)
    if not len(starts) or not len(validation):
        where = "before" if len(validation) else "among"
        raise too_little(plan, f"no value follows another closely enough {where} the last {span} steps")
    members, share = plan.config.model.members or 1, _SELECTION_SHARE
    tuned = tune(usable, plan, tuning, device, clock, share, beginning.snapshots) if tuning else None
    fits = _train_members(plan, training, starts, plan.recipe, members, clock, share, beginning, (windows, validation))
    complete = len(fits) == members and all(fit.completed for fit in fits)
    return _Selection(fits, usable, complete, tuned)


def _refit(
    panel: Panel,
    plan: Plan,
    steps: int,
    selection: _Selection,
    share: float,
    device: str,
    clock: Clock,
    beginning: _Beginning,
    tuning: Tuning | None,
) -> tuple[Ensemble | None, bool]:
    """As many networks, trained on every row for so many steps, and whether the clock left time for it.

    None when the clock cut one off or its weights ran away: a part of them, or one half trained, would not be what was
    judged and calibrated.
    """
    if clock.asked:
        return None, False
    tuned: list[Fit] = []
    members = len(selection.fits)
    if tuning and selection.tuned:
        tuned = retune(panel, plan, tuning, selection.tuned, device, clock, beginning.snapshots)
    values = [fit_scaling(s.values, plan.scaling).transform(s.values) for s in panel.series]
    a = plan.architecture
    covariates = covariates_of(panel.series, a)
    windows = Windows(values, a.context_length, a.horizon, device, covariates=covariates, on_zero=a.on_zero)
    starts = windows.training_starts(plan.min_context)
    recipe = replace(plan.recipe, max_steps=steps)
    fits = _train_members(plan, windows, starts, recipe, members, clock, 1.0, beginning)
    if clock.asked or len(fits) < members or not all(fit.completed for fit in (*fits, *tuned)):
        return None, False
    ensemble = Ensemble(tuple(fit.network for fit in fits), tuple(fit.network for fit in tuned), share)
    sound = all(math.isfinite(loss_on(network, windows, thinned(starts))) for network in ensemble.networks)
    return ensemble if sound and _are_finite(ensemble.priors) else None, True


def _are_finite(networks: Sequence[PriorNetwork]) -> bool:
    """Whether no weight ran away."""
    return all(bool(torch.isfinite(p).all()) for network in networks for p in network.parameters())


def _judged(panel: Panel, plan: Plan, selection: _Selection, tuning: Tuning | None) -> tuple[Ensemble, Judged, float]:
    """The networks of a selection as the validation windows put them together, how they did, and a share for the end.

    That share is the weight of a prior's networks by all held-out windows: the test windows judge one that they had no
    part in, and then are too good to be left unused.
    """
    networks = tuple(fit.network for fit in selection.fits)
    if plan.states:
        return Ensemble(networks), judge_states(panel, plan, networks), 0.0
    own = look(panel, plan, Ensemble(networks))
    if tuning is None or selection.tuned is None:
        return Ensemble(networks), judge_numbers(plan, own, own), 0.0
    priors, levels = tuple(fit.network for fit in selection.tuned.fits), plan.architecture.quantile_levels
    tuned = look(panel, plan, Ensemble((), priors))
    share = best_share(own[:1], tuned[:1], levels)
    kept = share if plan.holdout.shared else best_share(own, tuned, levels)
    beside = {
        "prior": held_out(panel, plan, plan.holdout.test, Ensemble((), tuning.untouched), news=1.0),
        "fine-tuned": tuned.test,
        "from scratch": own.test,
    }
    judged = judge_numbers(plan, mixed(own, tuned, share), mixed(own, tuned, kept), beside)
    return Ensemble(networks, priors, share), judged, kept


def _of_the_prior(selection: _Selection, judged: float, kept: float) -> tuple[str, ...]:
    """A sentence on what became of a prior; none without one."""
    if selection.tuned is None:
        return ()
    steps, part = selection.tuned.steps, "its head alone " if selection.tuned.head_alone else ""
    learnt = f"{part}fine-tuned for {steps} steps" if steps else "as it came: no step of fine-tuning made it better"
    weight = f"{100 * kept:.0f} % of the weight, the networks trained from nothing the rest"
    before = "" if kept == judged else f" (judged with {100 * judged:.0f} %, by the validation windows alone)"
    return (f"prior: {learnt}; on the held-out windows it deserves {weight}{before}",)


def _train_members(
    plan: Plan,
    windows: Windows,
    starts: Tensor,
    recipe: Recipe,
    members: int,
    clock: Clock,
    share: float,
    beginning: _Beginning,
    validation: tuple[Windows, Tensor] | None = None,
) -> list[Fit]:
    """One Fit per member of the ensemble, each from its own seed; at least one, however little time there is.

    All of it ends at `share` of the time limit. A member that would not, to judge by those before it, is not begun: few
    networks that were trained to their end are worth more than many that were not.
    """
    fits: list[Fit] = []
    begun = clock.seconds
    for member in range(1, members + 1):
        if fits and clock.left(share) <= (clock.seconds - begun) / len(fits):
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
                start=beginning.weights[member - 1] if member <= len(beginning.weights) else None,
                snapshots=beginning.snapshots,
                key=f"{beginning.stage}.{member}",
            )
        )
    return fits
