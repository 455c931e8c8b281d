"""tune(): settings that do better than the plan's own on the validation windows, searched with Optuna in three stages.

The learning rate first, then the size, then the rest (Greff et al. 2016, "LSTM: a search space odyssey": the learning
rate matters most, the size next, and they hardly interact). Selection sees validation windows only; what the search is
worth on later windows is measured once, after it.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.config import Config
from forecast.errors import ConfigError, DataError, OutputError
from forecast.evaluation import NAMES, Evaluation
from forecast.fitting import selection_loss
from forecast.forecaster import Forecaster
from forecast.panel import Panel
from forecast.planning import Plan, plan
from forecast.study import (
    FEWEST_COMPLETE,
    Space,
    Trial,
    ask,
    drawing,
    finished_trials,
    importance_of,
    open_study,
    require_optuna,
    storage_at,
    trials_of,
)
from forecast.training import Clock, Epoch, computing, pick_device
from forecast.trials import with_better_scaling
from forecast.version import VERSION

if TYPE_CHECKING:
    from optuna import Study
    from optuna import Trial as Asked
    from optuna.trial import FrozenTrial

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
#: Settings that a trial changes in the best so far, at most.
_AT_ONCE = 2


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
    device = pick_device(config.train.device)
    # Once for all trials: losses under different scalings cannot be compared.
    planned = with_better_scaling(panel, plan(panel, config), device)
    clock = Clock(config.train.time_limit, should_stop, None)
    path = None if study is None else Path(study)
    space = search_space(config, planned, max(len(s) for s in panel.series), cells)
    with storage_at(optuna, path) as storage:
        opened = open_study(optuna, storage, path, _identity(panel, config, space), planned.recipe.max_steps)
        search = _Search(panel, config, planned, space, device, clock, opened, trials, on_epoch)
        ended = "trials"
        while len(finished := finished_trials(opened)) < trials:
            proposal = _proposal(optuna, finished, space, _defaults(planned, space), trials, config.train.seed)
            done = None if proposal is None or search.is_over() else search.attempt(*proposal)
            if done is None:
                ended = "exhausted" if proposal is None else "asked" if clock.asked else "time"
                break
            if on_trial is not None:
                on_trial(done, Tuning(trials_of(opened), config, {}).best)
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
    new, old = (evaluation.scores[0].metrics[defaults.deciding] for evaluation in (tuned, defaults))
    figures = f"{NAMES[defaults.deciding]} {new:.4g}"
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

        number = len(finished_trials(self.study)) + 1
        asked = ask(self.study, values, self.space)
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
        return trials_of(self.study)[-1]

    def _loss(self, asked: Asked, values: dict[str, Any], number: int) -> float | None:
        """The validation loss of one network; None where it was cut off. Raises _Pruned."""
        # The first trial is the plan itself, not the plan with its own values put in.
        config = self.config if number == 1 else with_values(self.config, values)
        config = replace(config, model=replace(config.model, members=1), train=replace(config.train, time_limit=None))
        planned = plan(self.panel, config).scaled_by(self.planned.scaling)
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
        best = Tuning(trials_of(self.study), self.config, {}).best
        if best is None:
            return 0.0
        return (self.planned.config.model.members or 1) * (2 * best.seconds + trials_of(self.study)[0].seconds)


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
            sampler = samplers.TPESampler(seed=own_seed, n_startup_trials=FEWEST_COMPLETE, constant_liar=False)
        else:
            sampler = samplers.RandomSampler(seed=own_seed)
        scratch = optuna.create_study()
        scratch.add_trials(finished)
        with drawing(scratch, kept, sampler):
            values = scratch.ask(dict(space)).params
        if not _is_known(values, finished):
            return dict(values)
    return None


def _is_known(values: Mapping[str, Any], finished: Sequence[FrozenTrial]) -> bool:
    return any(trial.params == values for trial in finished)


def _loss(trial: Trial) -> float:
    return math.inf if trial.loss is None else trial.loss


def _tuning(optuna: Any, study: Study, config: Config, space: Space) -> Tuning:
    found = Tuning(trials_of(study), config, importance_of(optuna, trials_of(study), space, config.train.seed))
    return found if found.best is None else replace(found, config=with_values(config, found.best.values))


def _defaults(planned: Plan, space: Space) -> dict[str, Any]:
    own = {**vars(planned.config.model), **vars(planned.config.train)}
    return {name: own[name] for name in space}


def _lower(new: float, old: float) -> str:
    return f" ({1 - new / old:.1%} lower)".replace("%", " %") if old else ""
