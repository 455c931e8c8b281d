"""`forecast tune`: a file in; out of a search over settings the best of them as TOML, and the model they train."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document, duration, numbers
from forecast.cli.options import DATA_HELP, Json, ModelToWrite, Quiet, Verbose
from forecast.cli.paths import check_model_name
from forecast.cli.report import Report
from forecast.cli.settings import TuneSettings, read_file, to_toml
from forecast.cli.signals import Stop, stop_on_signals
from forecast.cli.train import leave_if_asked, read_and_plan, show_training, summary
from forecast.config import Config
from forecast.errors import ConfigError
from forecast.filenames import MODEL_SUFFIX
from forecast.sources import STDIN, source_stem

if TYPE_CHECKING:
    from forecast.evaluation import Evaluation
    from forecast.panel import Panel
    from forecast.study import Trial
    from forecast.tuning import Tuning


def tune(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    *,
    config: Config,
    settings: TuneSettings,
    model: ModelToWrite = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Search for better settings, and train a model with them.

    The learning rate is searched first, then the size of the network, then the rest; what is given is fixed. The first
    trial is the defaults. Ctrl-C ends the search and keeps the best settings; with --study the same command goes on.

    Example:
      forecast tune sample_data/prices.csv --trials 6 --max-steps 40 --study prices.db
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    model = model or Path(f"{source_stem(data)}{MODEL_SUFFIX}")
    check_model_name(model)
    output = Path(settings.config_output or f"{source_stem(data)}.tuned.toml")
    _check_replaceable(output)
    begun = time.monotonic()
    with stop_on_signals() as stop:
        from forecast.forecaster import Forecaster
        from forecast.planning import plan
        from forecast.shelf import keep_previous
        from forecast.study import require_optuna
        from forecast.tuning import gains, judge
        from forecast.writing import lock, write_atomic

        require_optuna()
        panel, planned = read_and_plan(screen, data, config, report)
        leave_if_asked(stop, "nothing was saved yet")
        with lock(model), lock(output):
            tuning = _searched(screen, panel, config, settings, stop, begun)
            # The limit was for this run, not for those that train with the settings it found.
            best = replace(tuning.config, train=replace(tuning.config.train, time_limit=None))
            write_atomic(output, to_toml(best).encode())
            screen.note(f"wrote the best settings to {output}")
            again = f"; the same command goes on with {settings.study}" if settings.study else ""
            leave_if_asked(stop, f"the best settings so far are in {output}, no model was trained{again}")
            is_up = _limit(config.train.time_limit, begun, stop)
            with screen.progress() as on_epoch:
                forecaster = Forecaster.fit(panel, best_plan := plan(panel, best), on_epoch=on_epoch, should_stop=is_up)
            previous = keep_previous(model)
            forecaster = forecaster.save(model, data=None if data == STDIN else data)
            measured = None
            if tuning.best != tuning.trials[0] and not planned.holdout.shared:
                measured = judge(panel, planned, is_up)
            said = gains(tuning, planned, forecaster.evaluation, measured)
        seconds = time.monotonic() - begun
        if json:
            found = search_summary(tuning, said, measured, output, settings.study)
            document({**summary(panel, forecaster, model, previous, seconds), "tuning": found})
        else:
            _show_search(screen, tuning, said)
            show_training(screen, best_plan, forecaster, model, previous, seconds)
        leave_if_asked(stop, f"what was reached is saved in {model}")


def _check_replaceable(output: Path) -> None:
    """Raise ConfigError where a file is in the way that holds anything but what this command writes there."""
    try:
        lost = [f"[{name}]" for name in read_file(output) if name not in vars(Config())]
        why = f"it has {', '.join(lost)}, which would be lost" if lost else ""
    except ConfigError as error:
        why = error.message
    if why:
        raise ConfigError(
            f"--config-output {output}: the settings would take the place of another file",
            why=why,
            hint=f"--config-output {shlex.quote(f'{output.stem}.tuned.toml')}",
        )


def search_summary(
    tuning: Tuning, said: tuple[str, ...], defaults: Evaluation | None, output: Path, study: str | None
) -> dict[str, Any]:
    """What `--json` says of the search; defaults are the scores of the plan itself, where they were measured."""
    return {
        "trials": [asdict(trial) for trial in tuning.trials],
        "best": None if tuning.best is None else tuning.best.number,
        "ended": tuning.ended,
        "importance": tuning.importance,
        "gains": list(said),
        "defaults": None if defaults is None else defaults.to_dict(),
        "config": str(output),
        "study": study,
    }


def _searched(screen: Screen, panel: Panel, config: Config, settings: TuneSettings, stop: Stop, begun: float) -> Tuning:
    """The search, with a line for each trial where somebody watches. Raises where it has nothing to show."""
    from forecast.tuning import tune

    def tell(trial: Trial, best: Trial | None) -> None:
        screen.aside(_in_words(trial, best, settings.trials))

    limit = config.train.time_limit
    if limit is not None:
        left = max(limit - (time.monotonic() - begun), 0.1)
        config = replace(config, train=replace(config.train, time_limit=left))
    with screen.progress() as on_epoch:
        tuning = tune(
            panel,
            config,
            trials=settings.trials,
            cells=settings.cells,
            study=settings.study,
            on_epoch=on_epoch,
            on_trial=tell,
            should_stop=stop,
        )
    if tuning.best is None:
        leave_if_asked(stop, "no trial was finished yet")
        raise ConfigError(
            "no trial was finished within the time limit", hint=f"--time-limit {round(10 * (limit or 6))}"
        )
    states = Counter(trial.state for trial in tuning.trials)
    counts = ", ".join(f"{n} {state}" for state, n in states.items())
    took = duration(sum(trial.seconds for trial in tuning.trials))
    screen.note(f"searched: {len(tuning.trials)} of {settings.trials} trials ({counts}) in {took}{_ENDS[tuning.ended]}")
    return tuning


_ENDS = {
    "trials": "",
    "asked": ", then asked to stop",
    "time": ", then the rest of the time limit was kept for training",
    "exhausted": ", then nothing new was left to try",
}


def _limit(seconds: float | None, begun: float, stop: Stop) -> Callable[[], bool]:
    """Whether a signal came, or the time limit of the run is reached."""
    return lambda: stop() or (seconds is not None and time.monotonic() - begun >= seconds)


def _in_words(trial: Trial, best: Trial | None, trials: int) -> str:
    """`trial 7/30 (size): hidden 128: validation loss 0.1234, best 0.1201 (trial 4)`."""
    parts = [f"trial {trial.number}/{trials} ({trial.stage})"]
    if trial.changed:
        parts.append(", ".join(f"{name} {_text(value)}" for name, value in trial.changed.items()))
    result = {"complete": f"validation loss {_number(trial.loss)}", "pruned": f"pruned at {_number(trial.loss)}"}
    so_far = f", best {_number(best.loss)} (trial {best.number})" if best else ""
    parts.append(result.get(trial.state, "failed") + so_far)
    return ": ".join(parts)


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _number(loss: float | None) -> str:
    return "–" if loss is None else numbers([loss])[0]


def _show_search(screen: Screen, tuning: Tuning, said: tuple[str, ...]) -> None:
    """The settings that were searched, as they were and as they are now, what each matters, and what was gained."""
    first, best = tuning.trials[0], tuning.best
    assert best is not None
    rows = []
    for name in sorted(first.values, key=lambda name: -tuning.importance.get(name, 0.0)):
        share = tuning.importance.get(name)
        matters = "–" if share is None else f"{share:.0%}".replace("%", " %")
        rows.append([name, _text(first.values[name]), _text(best.values[name]), matters])
    screen.table(["", "defaults", "best", "importance"], rows)
    for sentence in said:
        screen.result(sentence)
    screen.result()
