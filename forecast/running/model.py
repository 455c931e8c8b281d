"""Today's model of a unit: the one that is there, the first one, or the one that a contest has left in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from forecast.errors import CheckpointError
from forecast.filenames import challenger_of, training_of
from forecast.forecaster import Forecaster
from forecast.jobs import Unit
from forecast.panel import Panel
from forecast.planning import plan
from forecast.policies import DRIFT, NEVER
from forecast.retraining import challenge, due, settle
from forecast.running.data import check_data, ledger_of, read_anew
from forecast.running.manifests import make_folder, read_manifest, training_digest
from forecast.running.outcome import How, LeftOff
from forecast.snapshots import Snapshots
from forecast.writing import lock

Stop = Callable[[], bool]


@dataclass(frozen=True)
class Today:
    """The model to forecast with, why one was trained, and what came of that, where one was."""

    forecaster: Forecaster
    trained: str | None = None
    contest: str | None = None


def loaded(path: Path, unit: Unit) -> Forecaster:
    """The model in a file, where the unit wants it to compute."""
    return Forecaster.load(path, device=unit.job.predict.device)


def first_model(unit: Unit, how: How, stop: Stop) -> Forecaster:
    """A model that was trained on the data of a unit without one, and saved."""
    panel = read_anew(unit, how)
    planned = plan(panel, unit.job.config)
    check_data(unit, how, panel, unit.job.predict.horizon or planned.architecture.horizon)
    make_folder(unit.model.parent)
    with lock(unit.model):
        if unit.model.exists():  # somebody trained it while this waited for nothing
            return loaded(unit.model, unit)
        snapshots = Snapshots(training_of(unit.model))
        forecaster = Forecaster.fit(panel, planned, should_stop=stop, snapshots=snapshots)
        if forecaster.stopped:
            raise _left_off(snapshots)
        forecaster = forecaster.save(unit.model, data=unit.data)
        snapshots.remove()
        return forecaster


def retrained(unit: Unit, how: How, stop: Stop, champion: Forecaster, panel: Panel) -> Today:
    """The champion, or the model that was trained to take its place and was better, where training was due.

    A back-run trains none: what it would be better at lies in the future of the forecast.
    """
    why = None if how.as_of is not None else _due(unit, how, champion, panel)
    if why is None:
        return Today(champion)
    anew = read_anew(unit, how)
    with lock(unit.model):
        snapshots = Snapshots(training_of(unit.model))
        contest = challenge(anew, champion, unit.job.config, should_stop=stop, snapshots=snapshots)
        if contest.challenger.stopped:
            raise _left_off(snapshots)
        current = settle(unit.model, contest, data=unit.data, keep=how.keep)
        snapshots.remove()
    return Today(current, why, contest.sentence)


def _due(unit: Unit, how: How, champion: Forecaster, panel: Panel) -> str | None:
    """Why a model is to be trained again: a policy says so, or the file of jobs would train another one now."""
    policies = unit.job.retrain
    if any(policy.kind == NEVER for policy in policies):
        return None
    before = read_manifest(how.state, unit.name)
    if before is not None and before.get("training_digest") != training_digest(unit):
        return "the file of jobs has other settings for training"
    ledger = ledger_of(how) if any(policy.kind == DRIFT for policy in policies) else None
    drift = None if ledger is None else ledger.drift(unit.name, champion.digest)
    return due(policies, champion, panel, drift, loser=_loser(unit))


def _loser(unit: Unit) -> Forecaster | None:
    """The challenger that did not win last time; one that cannot be read is as good as none."""
    path = challenger_of(unit.model)
    try:
        return Forecaster.load(path) if path.exists() else None
    except CheckpointError:
        return None


def _left_off(snapshots: Snapshots) -> LeftOff:
    """What ends a training in good order: the next run goes on where it was."""
    if snapshots.saved:
        return LeftOff("left off while the model was trained; the next run goes on from there")
    why = f": {snapshots.problem}" if snapshots.problem else ""
    return LeftOff(f"left off while the model was trained, and nothing is saved of it{why}")
