"""`forecast train`: a file in, a model file and its scores out."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document, duration, numbers
from forecast.cli.options import DATA_HELP, Json, ModelToWrite, Quiet, Verbose
from forecast.cli.paths import check_model_name
from forecast.cli.report import Report, reporting_problems
from forecast.cli.signals import Stop, stop_on_signals
from forecast.config import Config
from forecast.errors import Interrupted
from forecast.filenames import MODEL_SUFFIX
from forecast.sources import STDIN, display_source, source_stem

if TYPE_CHECKING:
    from forecast.evaluation import Evaluation, Worth
    from forecast.forecaster import Forecaster
    from forecast.panel import Panel
    from forecast.planning import Plan


def train(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    *,
    config: Config,
    model: ModelToWrite = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a model on a file, compare it with baselines, save it.

    No option is needed: columns, calendar, season and network are found or chosen, and what was chosen is printed.
    Ctrl-C ends training early and saves what was reached.

    Example:
      forecast train sample_data/prices.csv
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    model = model or Path(f"{source_stem(data)}{MODEL_SUFFIX}")
    check_model_name(model)
    begun = time.monotonic()
    with stop_on_signals() as stop:
        from forecast.forecaster import Forecaster
        from forecast.shelf import keep_previous
        from forecast.writing import lock

        panel, planned = read_and_plan(screen, data, config, report)
        leave_if_asked(stop, "nothing was saved yet")
        with lock(model):
            with screen.progress() as on_epoch:
                forecaster = Forecaster.fit(panel, planned, on_epoch=on_epoch, should_stop=stop)
            previous = keep_previous(model)
            forecaster = forecaster.save(model, data=None if data == STDIN else data)
        seconds = time.monotonic() - begun
        if json:
            document(summary(panel, forecaster, model, previous, seconds))
        else:
            show_training(screen, planned, forecaster, model, previous, seconds)
        leave_if_asked(stop, f"what was reached is saved in {model}")


def read_and_plan(screen: Screen, data: str, config: Config, report: Path | None) -> tuple[Panel, Plan]:
    """The panel in a file and the plan for it, with a note for all that was found and chosen."""
    from forecast.diagnosis import diagnose
    from forecast.planning import plan
    from forecast.reading import read_panel
    from forecast.reading.problems import warning

    with reporting_problems(report, display_source(data)) as note_down:
        with screen.reading() as on_progress:
            panel = read_panel(data, config.data, config.read, task=config.model.task, on_progress=on_progress)
        found = [warning(finding.code, finding.text) for finding in diagnose(panel).findings]
        note_down([*panel.notes, *found])
    planned = plan(panel, config)
    for note in (*panel.notes, *found, *planned.notes):
        screen.note(note)
    return panel, planned


def summary(panel: Panel, forecaster: Forecaster, model: Path, previous: Path | None, seconds: float) -> dict[str, Any]:
    """What `--json` prints: the model's own metadata, and where and how it came to be."""
    return {
        "model": str(model),
        "previous": None if previous is None else str(previous),
        "sha256": forecaster.digest,
        "seconds": round(seconds, 3),
        "weights": forecaster.n_weights,
        "notes": [*panel.notes, *forecaster.plan_notes],
        "verdict": forecaster.evaluation.verdict,
        "covariates_verdict": None if forecaster.worth is None else forecaster.worth.verdict,
        **forecaster.metadata,
    }


def show_evaluation(screen: Screen, evaluation: Evaluation) -> None:
    """The table of scores, a column for each method and the model first, and what to make of it in a sentence."""
    scores = evaluation.scores
    rows = [[name, *numbers([score.metrics[name] for score in scores])] for name in scores[0].metrics]
    screen.table(["", *(score.name for score in scores)], rows)
    screen.result(evaluation.verdict)
    n, steps = evaluation.n_windows, evaluation.horizon
    windows = f"{n} window{'s' * (n != 1)} of {steps} step{'s' * (steps != 1)}"
    screen.result(f"measured on {windows}{evaluation.note and f'; {evaluation.note}'}")
    if evaluation.reliability:
        show_reliability(screen, evaluation)


def show_reliability(screen: Screen, evaluation: Evaluation) -> None:
    """How often what the model called so probable came, bin by bin."""
    screen.result()
    rows = [
        [f"{100 * b.low:.0f} – {100 * b.high:.0f} %", f"{b.count:,}", f"{b.forecast:.3f}", f"{b.observed:.3f}"]
        for b in evaluation.reliability
    ]
    screen.table(["probability", "steps", "forecast", "came true"], rows)


def show_worth(screen: Screen, worth: Worth) -> None:
    """What the covariates are worth, and each of them to the networks that were trained with all."""
    screen.result(worth.verdict)
    if len(worth.hidden) > 1:
        losses = zip(worth.hidden, numbers(list(worth.hidden.values())), strict=True)
        screen.result(f"validation loss when one is hidden: {', '.join(f'{name} {loss}' for name, loss in losses)}")


def show_training(
    screen: Screen, planned: Plan, forecaster: Forecaster, model: Path, previous: Path | None, seconds: float
) -> None:
    """What came of training, and the command that forecasts with it."""
    for note in forecaster.plan_notes[len(planned.notes) :]:
        screen.note(note)
    show_evaluation(screen, forecaster.evaluation)
    if forecaster.worth is not None:
        show_worth(screen, forecaster.worth)
    if previous is not None:
        screen.note(f"kept the model before as {previous}")
    screen.note(f"saved {model} after {duration(seconds)}, sha256 {forecaster.digest}")
    screen.note(f"next: forecast predict --model {shlex.quote(str(model))} --horizon {forecaster.config.model.horizon}")


def leave_if_asked(stop: Stop, saved: str) -> None:
    """Raise Interrupted where a signal came, with what was saved of the work."""
    if stop.signal_number is not None:
        raise Interrupted(f"stopped by {stop.name}; {saved}", signal_number=stop.signal_number)
