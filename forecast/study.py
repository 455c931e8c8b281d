"""The study of a search: its trials, in memory or in a SQLite file, for one set of data and settings. Optuna keeps it.

It knows nothing of networks: what is tried and why is for `tuning` to say.
"""

from __future__ import annotations

import math
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.errors import ConfigError, OutputError
from forecast.writing import lock

if TYPE_CHECKING:
    from optuna import Study
    from optuna import Trial as Asked
    from optuna.trial import FrozenTrial

#: A distribution of Optuna for each setting.
Space = Mapping[str, Any]
#: Completed trials before pruning may begin, and the share of the steps that each trial may take in any case.
FEWEST_COMPLETE = 4
_UNPRUNED = 0.25
_NAME = "forecast"


@dataclass(frozen=True)
class Trial:
    """One set of values that was tried, numbered from 1. state is complete, pruned or failed.

    changed are those of the values that are not the defaults. loss is the validation loss: in the end, or when the
    trial was pruned, which is never better than in the end; None where it failed.
    """

    number: int
    stage: str
    state: str
    values: dict[str, Any]
    changed: dict[str, Any]
    loss: float | None
    seconds: float


def require_optuna() -> Any:
    """The module optuna, silenced. Raises ConfigError with the line that installs it."""
    try:
        import optuna
    except ImportError:
        raise ConfigError("tuning needs the package optuna", hint="pip install 'forecast[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def storage_at(optuna: Any, path: Path | None) -> Iterator[Any]:
    """Where the study is kept: a SQLite file that nobody else writes meanwhile, or None for memory."""
    if path is None:
        yield None
        return
    with lock(path), _storage_errors(path):
        _refuse_other_files(path)
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.absolute()}")
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()


def open_study(optuna: Any, storage: Any, path: Path | None, identity: Mapping[str, Any], max_steps: int) -> Study:
    """The study in a storage, new where there is none. Raises ConfigError where it is of other data or settings."""
    pruner = optuna.pruners.MedianPruner(FEWEST_COMPLETE, round(_UNPRUNED * max_steps), n_min_trials=3)
    study: Study = optuna.create_study(storage=storage, study_name=_NAME, pruner=pruner, load_if_exists=True)
    known = study.user_attrs.get("identity")
    if known is None:
        study.set_user_attr("identity", dict(identity))
    else:
        _refuse_other_work(path, known, identity)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        # Of a run that was killed: nobody else runs while we hold the lock.
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _refuse_other_files(path: Path) -> None:
    """Raise ConfigError where a file is no SQLite file, or one with tables of somebody else: none are added there."""
    if not path.exists() or not path.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"{path} cannot be used as a study: {error}", hint="--study tune.db") from error
    if "studies" not in tables:
        raise ConfigError(f"{path} is a database, but holds no study", hint="--study tune.db")


def _refuse_other_work(path: Path | None, known: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    changed = [name for name in dict.fromkeys((*known, *identity)) if known.get(name) != identity.get(name)]
    if not changed:
        return
    if "data" in changed:
        raise ConfigError(
            f"{path}: the study was begun on other data, with which trials on these cannot be compared",
            hint="--study another.db",
        )
    name = changed[0]
    raise ConfigError(
        f"{path}: it was begun with other settings: {name} was {known.get(name)} and is {identity.get(name)} now",
        hint="--study another.db",
    )


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """What the file of a study does not do, as an OutputError."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        origin = getattr(error if isinstance(error, SQLAlchemyError) else error.__cause__, "orig", None) or error
        raise OutputError(f"cannot keep the study in {path}: {origin}") from error


def ask(study: Study, values: Mapping[str, Any], space: Space) -> Asked:
    """A trial of the study with exactly these values."""
    from optuna.samplers import RandomSampler

    with drawing(study, values, RandomSampler(seed=0)):
        return study.ask(dict(space))


@contextmanager
def drawing(study: Study, values: Mapping[str, Any], sampler: Any) -> Iterator[None]:
    """The study with a sampler that draws all but these values."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import PartialFixedSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.sampler = PartialFixedSampler(dict(values), sampler)
        yield


def finished_trials(study: Study) -> list[FrozenTrial]:
    """The trials that count, in order: those that were not cut off."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED") or "error" in trial.user_attrs
    ]


def trials_of(study: Study) -> tuple[Trial, ...]:
    """The same as values of our own."""
    finished = finished_trials(study)
    states = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return tuple(
        Trial(
            number=number,
            stage=trial.user_attrs["stage"],
            state=states[trial.state.name],
            values=dict(trial.params),
            changed={name: value for name, value in trial.params.items() if value != finished[0].params[name]},
            loss=_loss_of(trial),
            seconds=trial.duration.total_seconds() if trial.duration else 0.0,
        )
        for number, trial in enumerate(finished, start=1)
    )


def _loss_of(trial: FrozenTrial) -> float | None:
    if trial.state.name == "COMPLETE":
        return trial.value
    return min(trial.intermediate_values.values(), default=None) if trial.state.name == "PRUNED" else None


def importance_of(optuna: Any, trials: Sequence[Trial], space: Space, seed: int) -> dict[str, float]:
    """The share of each setting that was varied; pruned trials count with the loss they had reached."""
    counted = [trial for trial in trials if trial.loss is not None and math.isfinite(trial.loss)]
    varied = [name for name in space if len({trial.values[name] for trial in counted}) > 1]
    if len(counted) < FEWEST_COMPLETE or len({trial.loss for trial in counted}) < 2:
        return {}
    scratch = optuna.create_study()
    for trial in counted:
        scratch.add_trial(optuna.trial.create_trial(params=trial.values, distributions=dict(space), value=trial.loss))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    return dict(optuna.importance.get_param_importances(scratch, evaluator=evaluator, params=varied))
