"""tune(): settings that do better than the plan's own on the validation windows, searched with Optuna in three stages.

The learning rate first, then the size, then the rest (Greff et al. 2016, "LSTM: a search space odyssey": the learning
rate matters most, the size next, and they hardly interact). Selection sees validation windows only; what the search is
worth on later windows is measured once, after it.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.config import Config
from forecast.errors import ConfigError, DataError, OutputError
from forecast.evaluation import Evaluation
from forecast.fitting import selection_loss
from forecast.forecaster import Forecaster
from forecast.panel import Panel
from forecast.planning import Plan, plan
from forecast.training import Clock, Epoch, computing, pick_device
from forecast.version import VERSION
from forecast.writing import lock

if TYPE_CHECKING:
    from optuna import Study
    from optuna import Trial as Asked
    from optuna.trial import FrozenTrial

    Space = Mapping[str, Any]  # a distribution of optuna for each setting

#: What each stage searches, and its share of the trials after the first one.
STAGES: dict[str, tuple[tuple[str, ...], float]] = {
    "learning rate": (("learning_rate",), 0.3),
    "size": (("hidden", "layers"), 0.3),
    "rest": (("context_length", "segment", "dropout", "cell", "batch_size", "weight_decay"), 0.4),
}
#: The first trial: the plan as it is.
DEFAULTS = "defaults"
#: Learning rates that are tried first, as multiples of the default.
_FIRST_RATES = (0.5, 2.0, 0.25, 4.0)
_RATES = (1e-4, 3e-2)
_CHOICES: dict[str, tuple[float, ...]] = {
    "hidden": (16, 32, 64, 128, 256),
    "layers": (1, 2, 3),
    "dropout": (0.0, 0.1, 0.2, 0.4),
    "batch_size": (64, 128, 256, 512),
    "weight_decay": (0.0, 1e-3, 1e-2, 1e-1),
}
#: Context and segment, as multiples of the default.
_STRETCHES = (0.5, 1.0, 1.5, 2.0, 3.0)
#: Draws in a row that were all tried before, after which a stage has nothing new; of these, draws near the good ones.
_MOST_DRAWS, _NEAR_DRAWS = 60, 10
#: Completed trials before pruning may begin, and the share of the steps that each trial may take in any case.
_FEWEST_COMPLETE = 4
_UNPRUNED = 0.25
#: Settings that a trial changes in the best so far, at most.
_AT_ONCE = 2
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


@dataclass(frozen=True)
class Tuning:
    """What a search has found so far. trials are those of earlier runs of the study, too; the first is the plan itself.

    config is the one that was given with the best values in it. importance is the share of each searched setting in the
    variance of the loss, as far as it was varied (fANOVA, Hutter et al. 2014), the largest first; empty where the
    trials are too few. ended says why the search did: all trials were made, the time limit, asked to stop, or nothing
    new left to try (exhausted).
    """

    trials: tuple[Trial, ...]
    config: Config
    importance: dict[str, float]
    ended: str = "trials"

    @property
    def best(self) -> Trial | None:
        """The completed trial with the lowest loss, the earliest of equals; None where none is complete."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        return min(complete, key=_loss, default=None)


class _Pruned(Exception):
    """A trial is worse than most were at the same step."""


def require_optuna() -> Any:
    """The module optuna, silenced. Raises ConfigError with the line that installs it."""
    try:
        import optuna
    except ImportError:
        raise ConfigError("tuning needs the package optuna", hint="pip install 'forecast[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def tune(
    panel: Panel,
    config: Config,
    *,
    trials: int = 30,
    cells: Sequence[str] = (),
    study: str | Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_trial: Callable[[Trial, Trial | None], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Tuning:
    """Search until so many trials are finished, those that the study file already has counted, or as asked to stop.

    Settings that the config fixes are not searched; its time limit is for all trials and for training the best one
    afterwards, for which enough is left. Each trial trains one network. on_trial hears of every finished trial and of
    the best so far; epochs come with the number of their trial as member. A trial that is cut off does not count. Equal
    seed, data and trials give equal results, in one run or in several. Raises ConfigError when nothing is left to
    search, or when the study is one of other data or settings.
    """
    optuna = require_optuna()
    planned = plan(panel, config)
    device = pick_device(planned.config.train.device)
    clock = Clock(config.train.time_limit, should_stop, None)
    path = None if study is None else Path(study)
    space = search_space(config, planned, max(len(s) for s in panel.series), cells)
    with _storage(optuna, path) as storage:
        opened = _opened(optuna, storage, path, _identity(panel, config, space), planned.recipe.max_steps)
        search = _Search(panel, config, planned, space, device, clock, opened, trials, on_epoch)
        ended = "trials"
        while len(finished := _finished(opened)) < trials:
            proposal = _proposal(optuna, finished, space, _defaults(planned, space), trials, config.train.seed)
            done = None if proposal is None or search.is_over() else search.attempt(*proposal)
            if done is None:
                ended = "exhausted" if proposal is None else "asked" if clock.asked else "time"
                break
            if on_trial is not None:
                on_trial(done, Tuning(_trials(opened), config, {}).best)
        return replace(_tuning(optuna, opened, config, space), ended=ended)


def search_space(config: Config, planned: Plan, longest: int, cells: Sequence[str] = ()) -> Space:
    """What is searched where, by setting: those that the config leaves blank, and the cell where several are named.

    The plan's own value is always among the choices. Raises ConfigError when the config leaves nothing to search.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    asked, own = (
        {**vars(config.model), **vars(config.train)},
        {**vars(planned.config.model), **vars(planned.config.train)},
    )
    context, segment = own["context_length"], own["segment"]
    choices: dict[str, Sequence[Any]] = {
        **_CHOICES,
        "context_length": [n for r in _STRETCHES if 4 <= (n := round(r * context)) <= max(context, longest // 2)],
        "segment": [max(1, round(r * segment)) for r in _STRETCHES],
    }
    space: dict[str, Any] = {}
    for name in (name for names, _ in STAGES.values() for name in names):
        if name == "cell":
            several: list[Any] = list(dict.fromkeys((own["cell"], *cells)))
        elif asked[name] is not None:
            continue
        elif name == "learning_rate":
            space[name] = FloatDistribution(min(_RATES[0], own[name]), max(_RATES[1], own[name]), log=True)
            continue
        else:
            several = sorted({type(own[name])(choice) for choice in (*choices[name], own[name])})
        if len(several) > 1:
            space[name] = CategoricalDistribution(several)
    if not space:
        raise ConfigError("every setting is fixed: nothing is left to search", hint="forecast train DATA")
    return space


def judge(panel: Panel, planned: Plan, should_stop: Callable[[], bool]) -> Evaluation | None:
    """How networks of a plan do on the later windows that choose nothing; None when asked to stop meanwhile."""
    refitting: list[bool] = []

    def hear(epoch: Epoch) -> None:
        if epoch.stage == "refit":
            # The scores are those from before it.
            refitting.append(True)

    fitted = Forecaster.fit(panel, planned, on_epoch=hear, should_stop=lambda: bool(refitting) or should_stop())
    return None if should_stop() else fitted.evaluation


def gains(tuning: Tuning, planned: Plan, tuned: Evaluation, defaults: Evaluation | None) -> tuple[str, ...]:
    """What the search gained over the plan's own settings, in a sentence for each kind of window.

    planned says whether there are windows that the search did not choose by; defaults is None where those of the plan
    were not measured.
    """
    first, best = tuning.trials[0], tuning.best
    assert best is not None and first.loss is not None and best.loss is not None
    if best == first:
        return (f"no trial was better than the defaults on the windows that chose: validation loss {first.loss:.4g}",)
    chosen = f"validation loss {best.loss:.4g} instead of {first.loss:.4g} with the defaults"
    said = f"on the windows that chose: {chosen}{_lower(best.loss, first.loss)}"
    if planned.holdout.shared:
        return (
            said,
            "there are no other windows: the series is too short to say what the search is worth on unseen ones",
        )
    if defaults is None:
        return said, "the defaults were not measured on later windows: there was no time left"
    metric = "mae" if math.isnan(defaults.scores[1].metrics["mase"]) else "mase"
    new, old = tuned.scores[0].metrics[metric], defaults.scores[0].metrics[metric]
    figures = f"{metric.upper()} {new:.4g}"
    if new < old:
        later = f"on later windows, which the search never saw: {figures} instead of {old:.4g} with the defaults"
        return said, f"{later}{_lower(new, old)}"
    return said, (
        "on later windows, which the search never saw, the tuned settings are NOT better than the defaults: "
        f"{figures} against {old:.4g}"
    )


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """The config with values of a trial in their sections."""
    parts = {
        part: replace(getattr(config, part), **{k: v for k, v in values.items() if hasattr(getattr(config, part), k)})
        for part in ("model", "train")
    }
    return replace(config, **parts)


class _Search:
    """What all trials of a run have in common, and the time that remains for them."""

    def __init__(
        self,
        panel: Panel,
        config: Config,
        planned: Plan,
        space: Space,
        device: str,
        clock: Clock,
        study: Study,
        trials: int,
        on_epoch: Callable[[Epoch], None] | None,
    ) -> None:
        self.panel, self.config, self.planned, self.space, self.device = panel, config, planned, space, device
        self.clock, self.study, self.trials, self.on_epoch = clock, study, trials, on_epoch
        self._for_training = self._time_for_training()

    def is_over(self) -> bool:
        """Whether it was asked to stop, or what is left of the time limit is needed for training."""
        limit = self.config.train.time_limit
        return self.clock.asked or (limit is not None and self.clock.seconds + self._for_training >= limit)

    def attempt(self, stage: str, values: dict[str, Any]) -> Trial | None:
        """The finished trial with these values, as the study has it; None where it was cut off, and does not count."""
        from optuna.trial import TrialState

        number = len(_finished(self.study)) + 1
        asked = _asked(self.study, values, self.space)
        asked.set_user_attr("stage", stage)
        try:
            loss = self._loss(asked, values, number)
        except _Pruned:
            self.study.tell(asked, state=TrialState.PRUNED)
        except (DataError, OutputError) as error:
            if number > 1:
                asked.set_user_attr("error", error.message)
            self.study.tell(asked, state=TrialState.FAIL)
            if number == 1:
                # Values that were drawn may be too much for the data or the memory; those of the plan may not.
                raise
        else:
            if loss is None:
                self.study.tell(asked, state=TrialState.FAIL)
                return None
            self.study.tell(asked, loss)
        self._for_training = self._time_for_training()
        return _trials(self.study)[-1]

    def _loss(self, asked: Asked, values: dict[str, Any], number: int) -> float | None:
        """The validation loss of one network; None where it was cut off. Raises _Pruned."""
        # The first trial is the plan itself, not the plan with its own values put in.
        config = self.config if number == 1 else with_values(self.config, values)
        config = replace(config, model=replace(config.model, members=1), train=replace(config.train, time_limit=None))
        planned = plan(self.panel, config)
        unit = self.planned.architecture.context_length
        # Losses along the way are measured in the spread of the context: of another one they cannot be compared.
        comparable = planned.architecture.context_length == unit
        lowest = math.inf

        def hear(epoch: Epoch) -> None:
            nonlocal lowest
            if self.on_epoch is not None:
                self.on_epoch(replace(epoch, stage="trial", member=number, members=self.trials))
            if epoch.validation is not None and comparable:
                lowest = min(lowest, epoch.validation)
                asked.report(lowest, epoch.step)
                if asked.should_prune():
                    raise _Pruned

        with computing(planned.config.train.threads or 1):
            return selection_loss(self.panel, planned, self.device, Clock(None, self.is_over, hear), unit)

    def _time_for_training(self) -> float:
        """Seconds that it takes to train the best settings twice, and the plan's own once, all members of them."""
        best = Tuning(_trials(self.study), self.config, {}).best
        if best is None:
            return 0.0
        return (self.planned.config.model.members or 1) * (2 * best.seconds + _trials(self.study)[0].seconds)


@contextmanager
def _storage(optuna: Any, path: Path | None) -> Iterator[Any]:
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


def _opened(optuna: Any, storage: Any, path: Path | None, identity: Mapping[str, Any], max_steps: int) -> Study:
    """The study in a storage, new where there is none. Raises ConfigError where it is of other data or settings."""
    pruner = optuna.pruners.MedianPruner(_FEWEST_COMPLETE, round(_UNPRUNED * max_steps), n_min_trials=3)
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


def _identity(panel: Panel, config: Config, space: Space) -> dict[str, Any]:
    """What trials have to have in common to be compared, as plain values: data, fixed settings, what is searched."""
    settings = config.to_dict()
    for name in ("time_limit", "threads", "device"):
        del settings["train"][name]
    del settings["model"]["members"]
    fixed = {f"{part} {name}": v for part in ("data", "model", "train") for name, v in settings[part].items()}
    searched = {f"values of {name}": str(distribution) for name, distribution in space.items()}
    plain = {"data": panel.digest(), "version": VERSION, **fixed, **searched}
    return dict(json.loads(json.dumps(plain)))


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


def _proposal(
    optuna: Any, finished: Sequence[FrozenTrial], space: Space, defaults: dict[str, Any], trials: int, seed: int
) -> tuple[str, dict[str, Any]] | None:
    """The stage and the values of the next trial, from the finished ones alone; None where all were tried.

    So a search that was interrupted goes on as it would have.
    """
    complete = [trial for trial in finished if trial.value is not None and trial.state.name == "COMPLETE"]
    if not complete:
        return DEFAULTS, defaults
    best = min(complete, key=lambda trial: trial.value or 0.0).params
    stages = _stages_from(len(finished) - 1, space, trials - 1)
    for stage in stages:
        free = [name for name in STAGES[stage][0] if name in space]
        # Around the best: settings hardly interact, and with all of them drawn at once few trials come near it.
        free = random.Random(seed + len(finished)).sample(free, min(_AT_ONCE, len(free)))
        kept = {name: value for name, value in best.items() if name not in free}
        n_before = sum(trial.user_attrs["stage"] == stage for trial in finished)
        if stage == "learning rate" and n_before < len(_FIRST_RATES):
            rate = defaults["learning_rate"] * _FIRST_RATES[n_before]
            values = {**kept, "learning_rate": min(max(rate, space["learning_rate"].low), space["learning_rate"].high)}
            if not _is_known(values, finished):
                return stage, values
        drawn = _drawn(optuna, finished, space, kept, seed)
        if drawn is not None:
            return stage, drawn
    return None


def _stages_from(done: int, space: Space, trials: int) -> list[str]:
    """The stages that search something, the one whose turn it is after so many trials first."""
    active = {stage: share for stage, (names, share) in STAGES.items() if any(name in space for name in names)}
    names, reached, total = list(active), 0.0, sum(active.values())
    for i, share in enumerate(active.values()):
        reached += share / total
        # Rounded up, so that even few trials begin with the learning rate.
        if done < math.ceil(round(reached * trials, 6)):
            return names[i:] + names[:i]
    return names


def _drawn(
    optuna: Any, finished: Sequence[FrozenTrial], space: Space, kept: dict[str, Any], seed: int
) -> dict[str, Any] | None:
    """Values drawn near the good trials (TPE, Bergstra et al. 2011), those in `kept` given; None where none is new.

    Where what is near was tried already, they are drawn from everywhere.
    """
    for attempt in range(_MOST_DRAWS):
        own_seed = (seed + 1_000 * len(finished) + attempt) % 2**32
        samplers = optuna.samplers
        if attempt < _NEAR_DRAWS:
            sampler = samplers.TPESampler(seed=own_seed, n_startup_trials=_FEWEST_COMPLETE, constant_liar=False)
        else:
            sampler = samplers.RandomSampler(seed=own_seed)
        scratch = optuna.create_study()
        scratch.add_trials(finished)
        with _fixed(scratch, kept, sampler):
            values = scratch.ask(dict(space)).params
        if not _is_known(values, finished):
            return dict(values)
    return None


def _is_known(values: Mapping[str, Any], finished: Sequence[FrozenTrial]) -> bool:
    return any(trial.params == values for trial in finished)


def _asked(study: Study, values: Mapping[str, Any], space: Space) -> Asked:
    """A trial of the study with exactly these values."""
    from optuna.samplers import RandomSampler

    with _fixed(study, values, RandomSampler(seed=0)):
        return study.ask(dict(space))


@contextmanager
def _fixed(study: Study, values: Mapping[str, Any], sampler: Any) -> Iterator[None]:
    """The study with a sampler that draws all but these values."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import PartialFixedSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.sampler = PartialFixedSampler(dict(values), sampler)
        yield


def _finished(study: Study) -> list[FrozenTrial]:
    """The trials that count, in order: those that were not cut off."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED") or "error" in trial.user_attrs
    ]


def _trials(study: Study) -> tuple[Trial, ...]:
    finished = _finished(study)
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


def _loss(trial: Trial) -> float:
    return math.inf if trial.loss is None else trial.loss


def _tuning(optuna: Any, study: Study, config: Config, space: Space) -> Tuning:
    found = Tuning(_trials(study), config, _importance(optuna, _trials(study), space, config.train.seed))
    return found if found.best is None else replace(found, config=with_values(config, found.best.values))


def _importance(optuna: Any, trials: Sequence[Trial], space: Space, seed: int) -> dict[str, float]:
    """The share of each setting that was varied; pruned trials count with the loss they had reached."""
    counted = [trial for trial in trials if trial.loss is not None and math.isfinite(trial.loss)]
    varied = [name for name in space if len({trial.values[name] for trial in counted}) > 1]
    if len(counted) < _FEWEST_COMPLETE or len({trial.loss for trial in counted}) < 2:
        return {}
    scratch = optuna.create_study()
    for trial in counted:
        scratch.add_trial(optuna.trial.create_trial(params=trial.values, distributions=dict(space), value=trial.loss))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    return dict(optuna.importance.get_param_importances(scratch, evaluator=evaluator, params=varied))


def _defaults(planned: Plan, space: Space) -> dict[str, Any]:
    own = {**vars(planned.config.model), **vars(planned.config.train)}
    return {name: own[name] for name in space}


def _lower(new: float, old: float) -> str:
    return f" ({1 - new / old:.1%} lower)".replace("%", " %") if old else ""
