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
from forecast.calibration import Factors, apply_factors, fit_factors, unchanged
from forecast.config import Config
from forecast.covariates import hide, with_features, with_only
from forecast.dependence import fit_persistence
from forecast.errors import DataError
from forecast.evaluation import Evaluation, StateWindow, Window, Worth, evaluate, evaluate_states
from forecast.features import feature_names, is_holiday
from forecast.forecasts import normal_scores
from forecast.metrics import mase
from forecast.models.architecture import Architecture
from forecast.models.losses import pinball
from forecast.models.recurrent import RecurrentNetwork, normalise
from forecast.panel import Covariate, Panel, Series
from forecast.planning import Holdout, Plan
from forecast.prediction import Scaled, covariates_of, probabilities_after, quantiles_after
from forecast.recipe import Recipe
from forecast.scaling import fit_scaling
from forecast.snapshots import Identity, Snapshots
from forecast.tempering import fit_temperature, tempered
from forecast.training import Clock, Fit, Weights, fresh_network, loss_on, train
from forecast.version import VERSION
from forecast.windows import Windows

Array = NDArray[np.float64]

#: Held-out windows that are used, at most: past that the figures hardly move and only the time grows.
_MOST_WINDOWS = 2_000
_UNSEEN = "these windows came after everything of their series that training and stopping saw"
_SHARED = (
    "the series is too short to hold out more: the same windows also chose when to stop, and the intervals are those "
    "before calibration"
)
_SHARED_STATES = "the series is too short to hold out more: the same windows also chose when to stop"
_HINDSIGHT = "future covariates as they turned out, where a real forecast may have to forecast them first"
#: Steps of one window are alike: of their states so many are worth counting.
_NEWS_OF_STEPS = 0.5
#: How much of the time limit choosing the number of steps may take; the rest is for the refit.
_SELECTION_SHARE = 0.5
#: Calendar features that nobody asked for have to lower it by this share: a few windows show little effects by chance.
_TELLING = 0.03
#: Values as they are have to err less than their logarithms by this share.
_TELLING_OF_SCALING = 0.01


@dataclass(frozen=True)
class Fitted:
    """Trained networks, how they were judged, and their calibration; steps is how many the held-out windows asked for.

    refitted says that the networks were trained again on every row; otherwise they are those that were judged. features
    are those of the calendar that the networks know, scaling is the rule they were trained under. worth is None without
    covariates but these. cut_off is what there was no time for, in sentences. temperature is that of states. chosen are
    the networks that were judged on the holdout, whether or not they were trained again; began says what became of a
    Start.
    """

    networks: tuple[RecurrentNetwork, ...]
    evaluation: Evaluation
    factors: Factors
    persistence: float
    steps: int
    refitted: bool
    features: tuple[str, ...]
    scaling: str
    holdout: Holdout
    worth: Worth | None = None
    cut_off: tuple[str, ...] = ()
    temperature: float = 1.0
    chosen: tuple[RecurrentNetwork, ...] = ()
    began: tuple[str, ...] = ()


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
    selection = _select(panel, plan, device, clock, _Beginning("select", snapshots, weights))
    chosen = selection.fits
    networks = [fit.network for fit in chosen]
    # The middle one: a single lucky or unlucky draw of initial weights does not decide.
    steps = sorted(fit.steps for fit in chosen)[len(chosen) // 2]
    judged = (_judge_states if plan.states else _judge_numbers)(panel, plan, networks)
    worth = _worth(panel, plan, selection, device, clock, _Beginning("without", snapshots))
    refit = _Beginning("refit", snapshots, weights)
    refitted, in_time = _refit(panel, plan, steps, len(chosen), device, clock, refit)
    return Fitted(
        networks=tuple(refitted or networks),
        **vars(judged),
        steps=steps,
        refitted=refitted is not None,
        features=plan.features,
        scaling=plan.scaling,
        worth=worth,
        cut_off=_cut_off(plan, selection, clock, judged=worth is not None, in_time=in_time),
        chosen=tuple(networks),
        holdout=plan.holdout,
        began=began,
    )


def _identity(panel: Panel, plan: Plan, start: Start | None) -> Identity:
    """What a training has to have in common with one that was interrupted to go on with it.

    How long it may take and what computes it are no part of that: neither changes what there is to reach.
    """
    settings = plan.config.to_dict()
    settings["train"] = {k: v for k, v in settings["train"].items() if k not in ("time_limit", "threads", "device")}
    told = hashlib.sha256(repr((panel.calendar, replace(plan, config=Config(), notes=()))).encode())
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


@dataclass(frozen=True)
class _Judged:
    """How the chosen networks did on held-out windows, and what was calibrated there."""

    evaluation: Evaluation
    factors: Factors
    persistence: float = 0.0
    temperature: float = 1.0


def _judge_numbers(panel: Panel, plan: Plan, networks: Sequence[RecurrentNetwork]) -> _Judged:
    """How the chosen networks did, the calibration of their quantiles, and how much of an error carries over."""
    levels = plan.architecture.quantile_levels
    # Validation windows begin half a horizon apart, so only every second one is news.
    validation = _held_out(panel, plan, plan.holdout.validation, networks, news=0.5)
    test = _held_out(panel, plan, plan.holdout.test, networks, news=1.0)
    if plan.holdout.shared:
        # Corrected by these windows, the intervals would cover them whatever they are worth.
        evaluation = _evaluation(test, unchanged(levels), plan, _SHARED)
        factors, parts = _factors([validation], levels), [validation]
    else:
        evaluation = _evaluation(test, _factors([validation], levels), plan, _UNSEEN)
        factors, parts = _factors([validation, test], levels), [validation, test]
    return _Judged(evaluation, factors, _persistence(parts, factors, levels))


def _judge_states(panel: Panel, plan: Plan, networks: Sequence[RecurrentNetwork]) -> _Judged:
    """How the chosen networks did, and the temperature of their probabilities."""
    horizon, parts = plan.architecture.horizon, []
    # As for numbers only every second validation window is news.
    for offsets, news in ((plan.holdout.validation, 0.5), (plan.holdout.test, 1.0)):
        histories, actuals, n_series = _cutoffs(panel, plan, offsets)
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
    return _Judged(evaluation, unchanged(()), temperature=_temperature([validation] if shared else parts))


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
    panel = _in_order(panel)
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


def _prepared(panel: Panel, plan: Plan, device: str) -> tuple[Panel, Plan]:
    """The panel with the calendar features that join, and the plan with all of them decided."""
    panel, plan = _in_order(panel), decided(panel, plan, device)
    return with_features(panel, plan.features, plan.architecture.horizon), plan


def _in_order(panel: Panel) -> Panel:
    """In the order of names, whatever the order in the file: the same series train the same networks."""
    return replace(panel, series=tuple(sorted(panel.series, key=lambda s: (*s.item_id, s.target))))


@torch.no_grad()
def _loss_in_units(network: RecurrentNetwork, panel: Panel, plan: Plan, device: str, unit_context: int) -> float:
    """The validation loss of a network with errors in the spread of the last `unit_context` steps of the context."""
    own, horizon = plan.architecture.context_length, plan.architecture.horizon
    windows, starts = _validation(panel, plan, device, context_length=max(own, unit_context))[1:]
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

    complete says that all of them were trained, and none was cut off by the clock.
    """

    fits: list[Fit]
    known: Panel
    complete: bool

    @property
    def loss(self) -> float:
        """The mean validation loss of the networks."""
        return sum(fit.validation for fit in self.fits) / len(self.fits)


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
    held_out = _held_out(found.known, plan, plan.holdout.validation, [found.network], news=0.5)
    middle = plan.architecture.quantile_levels.index(0.5)
    medians = held_out.forecast.inverse(held_out.forecast.quantiles)[..., middle]
    season = plan.config.data.season_length or 1
    errors = [
        float(mase(actual[None], median[None], history.values, season)[0])
        for actual, median, history in zip(held_out.actuals, medians, held_out.histories, strict=True)
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
    known = _visible(with_features(panel, plan.features, plan.architecture.horizon), plan.holdout.span)
    if not known.series:
        return None
    training, windows, validation = _validation(known, plan, device)
    starts = training.training_starts(plan.min_context)
    if not len(starts) or not len(validation):
        return None
    network = fresh_network(plan.architecture, training, starts, plan.recipe.seed).to(device).eval()
    return _Untrained(network, known, windows, validation)


def _visible(panel: Panel, span: int) -> Panel:
    """The series that have a value before their last `span` steps, which are held out."""
    visible = tuple(s for s in panel.series if not np.isnan(s.values[: max(len(s) - span, 0)]).all())
    return replace(panel, series=visible)


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
        windows, validation = _validation(hide(selection.known, members), plan, device)[1:]
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
    panel: Panel, plan: Plan, device: str, clock: Clock, beginning: _Beginning = _Beginning("select", None)
) -> _Selection:
    """Networks that did best on the validation windows; nothing of them, scaling included, saw the held-out steps."""
    span = plan.holdout.span
    usable = _visible(panel, span)
    if not usable.series:
        raise _too_little(plan, f"no series has a value before its last {span} steps, which are held out")
    training, windows, validation = _validation(usable, plan, device)
    starts = training.training_starts(plan.min_context)
    if not len(starts) or not len(validation):
        where = "before" if len(validation) else "among"
        raise _too_little(plan, f"no value follows another closely enough {where} the last {span} steps")
    members, share = plan.config.model.members or 1, _SELECTION_SHARE
    fits = _train_members(plan, training, starts, plan.recipe, members, clock, share, beginning, (windows, validation))
    complete = len(fits) == members and all(fit.completed for fit in fits)
    return _Selection(fits, usable, complete)


def _validation(
    panel: Panel, plan: Plan, device: str, *, context_length: int | None = None
) -> tuple[Windows, Windows, Tensor]:
    """Windows without the held-out steps, windows with them, and the validation starts in these."""
    span = plan.holdout.span
    scalings = [fit_scaling(s.values[:-span], plan.scaling, s.values[-span:]) for s in panel.series]
    whole = [scaling.transform(s.values) for scaling, s in zip(scalings, panel.series, strict=True)]
    lengths = context_length or plan.architecture.context_length, plan.architecture.horizon
    covariates = covariates_of(panel.series, plan.architecture)
    on_zero = plan.architecture.on_zero
    training = Windows([v[:-span] for v in whole], *lengths, device, covariates=covariates, on_zero=on_zero)
    windows = Windows(whole, *lengths, device, measured_by=training, covariates=covariates, on_zero=on_zero)
    return training, windows, _thinned(windows.starts_before_end(plan.holdout.validation))


def _refit(
    panel: Panel, plan: Plan, steps: int, members: int, device: str, clock: Clock, beginning: _Beginning
) -> tuple[list[RecurrentNetwork] | None, bool]:
    """So many networks, trained on every row for so many steps, and whether the clock left time for it.

    None when the clock cut one off or its weights ran away: a part of them, or one half trained, would not be what was
    judged and calibrated.
    """
    if clock.asked:
        return None, False
    values = [fit_scaling(s.values, plan.scaling).transform(s.values) for s in panel.series]
    a = plan.architecture
    covariates = covariates_of(panel.series, a)
    windows = Windows(values, a.context_length, a.horizon, device, covariates=covariates, on_zero=a.on_zero)
    starts = windows.training_starts(plan.min_context)
    recipe = replace(plan.recipe, max_steps=steps)
    fits = _train_members(plan, windows, starts, recipe, members, clock, 1.0, beginning)
    if clock.asked or len(fits) < members or not all(fit.completed for fit in fits):
        return None, False
    networks = [fit.network for fit in fits]
    sound = all(math.isfinite(loss_on(network, windows, _thinned(starts))) for network in networks)
    return networks if sound else None, True


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


@dataclass(frozen=True)
class _HeldOut:
    """Cutoffs of some series: what was known, what came [N, H], and what the chosen networks forecast.

    independent is how many of the N windows are worth counting: overlapping ones tell the same twice, and series of a
    panel share what happens to all of them.
    """

    histories: list[Series]
    actuals: Array
    forecast: Scaled
    independent: float


def _held_out(
    panel: Panel, plan: Plan, offsets: Sequence[int], networks: Sequence[RecurrentNetwork], news: float
) -> _HeldOut:
    histories, actuals, n_series = _cutoffs(panel, plan, offsets)
    # Between S independent series and S that are one: with all counted, intervals followed shocks common to a panel.
    independent = news * len(histories) / math.sqrt(n_series)
    horizon = plan.architecture.horizon
    return _HeldOut(histories, actuals, quantiles_after(networks, histories, plan.scaling, horizon), independent)


def _cutoffs(panel: Panel, plan: Plan, offsets: Sequence[int]) -> tuple[list[Series], Array, int]:
    """What was known so many steps before the ends of series, what came [N, H], and of how many series they are."""
    a = plan.architecture
    horizon = a.horizon
    cuts = [(s, len(s) - offset) for offset in offsets for s in panel.series if _is_visible(s, len(s) - offset, a)]
    cuts = [cuts[i] for i in _evenly(len(cuts))]
    if not cuts:
        raise _too_little(plan, f"no value follows another closely enough among the last {max(offsets)} steps")
    histories = [replace(s, timestamps=s.timestamps[:cut], values=s.values[:cut]) for s, cut in cuts]
    actuals = np.full((len(cuts), horizon), np.nan)
    for row, (s, cut) in zip(actuals, cuts, strict=True):
        row[: len(s.values[cut : cut + horizon])] = s.values[cut : cut + horizon]
    return histories, actuals, len({id(s) for s, _ in cuts})


def _is_visible(series: Series, cut: int, a: Architecture) -> bool:
    """Whether a cutoff of a series has a value in the context before it and one in the horizon after it."""
    context, target = series.values[max(0, cut - a.context_length) : max(0, cut)], series.values[max(0, cut) :]
    return not (np.isnan(context).all() or np.isnan(target[: a.horizon]).all())


def _factors(parts: Sequence[_HeldOut], levels: Sequence[float]) -> Factors:
    quantiles, actuals, independent = _joined(parts)
    return fit_factors(quantiles, actuals, levels, independent)


def _persistence(parts: Sequence[_HeldOut], factors: Factors, levels: Sequence[float]) -> float:
    """How much of an error carries over to the next step, from the normal scores of what came."""
    quantiles, actuals, independent = _joined(parts)
    calibrated = apply_factors(quantiles, factors, levels)
    scores = normal_scores(calibrated.reshape(-1, len(levels)), levels, actuals.ravel()).reshape(actuals.shape)
    return fit_persistence(scores, independent)


def _joined(parts: Sequence[_HeldOut]) -> tuple[Array, Array, float]:
    """Quantiles [N, H, Q] and what came [N, H] of all windows, in scaled units, and how many count as independent."""
    quantiles = np.concatenate([part.forecast.quantiles for part in parts])
    actuals = np.concatenate(
        [
            scaling.transform_outcomes(row)[None]
            for p in parts
            for scaling, row in zip(p.forecast.scalings, p.actuals, strict=True)
        ]
    )
    return quantiles, actuals, sum(part.independent for part in parts)


def _evaluation(test: _HeldOut, factors: Factors, plan: Plan, note: str) -> Evaluation:
    levels = plan.architecture.quantile_levels
    quantiles = plan.bounds.clip(test.forecast.inverse(apply_factors(test.forecast.quantiles, factors, levels)))
    windows = [Window(h.values, a, q) for h, a, q in zip(test.histories, test.actuals, quantiles, strict=True)]
    name = plan.config.model.cell
    season = plan.config.data.season_length or 1
    return evaluate(windows, season, name, quantile_levels=levels, note=_noted(note, plan))


def _noted(note: str, plan: Plan) -> str:
    """The note, with what future covariates make easier than it will be."""
    return f"{note}; {_HINDSIGHT}" if any(c.role == "future" for c in plan.covariates) else note


def _too_little(plan: Plan, what: str) -> DataError:
    horizon = plan.architecture.horizon
    return DataError(f"{what}: too little to learn from", hint=f"--horizon {horizon // 2}" if horizon > 1 else None)


def _thinned(starts: Tensor) -> Tensor:
    return starts[torch.tensor(_evenly(len(starts)), dtype=torch.long)]


def _evenly(count: int) -> list[int]:
    """At most _MOST_WINDOWS of the numbers below count, evenly spread."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MOST_WINDOWS))})
