"""`forecast train`: a file in, a model file and its scores out."""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document, duration, numbers
from forecast.cli.loading import loading
from forecast.cli.options import DATA_HELP, Json, ModelToWrite, Quiet, Verbose
from forecast.cli.paths import check_model_name, kind_of
from forecast.cli.report import Report, reporting_problems
from forecast.cli.signals import Stop, stop_on_signals
from forecast.config import Config
from forecast.errors import CheckpointError
from forecast.filenames import MODEL_SUFFIX, training_of
from forecast.sources import STDIN, display_source, source_stem

if TYPE_CHECKING:
    from forecast.evaluation import Evaluation, Worth
    from forecast.forecaster import Forecaster
    from forecast.panel import Panel
    from forecast.planning import Plan


#: A service manager that asks to stop kills after ten seconds, at its most impatient.
SECONDS_TO_LEAVE = 8.5


def train(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    *,
    config: Config,
    model: ModelToWrite = None,
    report: Report = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the training of this model that was interrupted; train where there is none.",
            rich_help_panel="Training",
        ),
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Model whose weights training begins with, where they fit; prior or none as --prior auto or none.",
            rich_help_panel="Training",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a model on a file, compare it with baselines, save it.

    No option is needed: columns, calendar, season and network are found or chosen, and what was chosen is printed.
    Ctrl-C ends training early and saves what was reached; with --resume the same command goes on from there.

    Example:
      forecast train sample_data/prices.csv
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    model = model or Path(f"{source_stem(data)}{MODEL_SUFFIX}")
    check_model_name(model)
    config, warm = beginning(config, start)
    begun = time.monotonic()
    with stop_on_signals(seconds=SECONDS_TO_LEAVE) as stop:
        with stop.at_once("nothing was saved yet"):
            with loading():
                from forecast.forecaster import Forecaster
                from forecast.shelf import keep_previous
                from forecast.snapshots import Snapshots
                from forecast.writing import lock

            panel, planned = read_and_plan(screen, data, config, report)
            begun_from = None if warm is None else Forecaster.load(warm)
        with lock(model):
            snapshots = Snapshots(training_of(model), resume=resume, strict=True)
            stop.way_on = lambda: f"{command_again(data, model, start, None)} --resume" if snapshots.saved else ""
            with screen.progress() as on_epoch:
                forecaster = Forecaster.fit(
                    panel, planned, on_epoch=on_epoch, should_stop=stop, snapshots=snapshots, start=begun_from
                )
            # What an interrupted training left is no model to go back to: the one before it stays where it is.
            left = snapshots.resumed and was_left_by(forecaster, model)
            previous = None if left else keep_previous(model)
            forecaster = forecaster.save(model, data=None if data == STDIN else data)
            if not forecaster.stopped:
                snapshots.remove()
        for note in filter(None, (snapshots.note, snapshots.problem)):
            screen.note(note)
        seconds = time.monotonic() - begun
        if json:
            document(summary(panel, forecaster, model, previous, seconds))
        else:
            show_training(screen, planned, forecaster, model, previous, seconds)
        hint = None
        if snapshots.saved:
            moved = (
                previous if warm is not None and previous is not None and warm.resolve() == model.resolve() else None
            )
            hint = f"{command_again(data, model, start, moved)} --resume"
        leave_if_asked(stop, f"what was reached is saved in {model}", hint)


def beginning(config: Config, start: str | None) -> tuple[Config, Path | None]:
    """The config with the prior that --from names, and the model whose weights it means instead."""
    if start is None:
        return config, None
    if start in ("none", "prior"):
        return replace(config, model=replace(config.model, prior="none" if start == "none" else "auto")), None
    if kind_of(Path(start)) == "prior":
        return replace(config, model=replace(config.model, prior=start)), None
    return config, Path(start)


def read_and_plan(
    screen: Screen, data: str, config: Config, report: Path | None, *, training: bool = True
) -> tuple[Panel, Plan]:
    """The panel in a file and the plan for it, with a note for all that was found and chosen.

    What was chosen for the training of networks on these data alone is left out where that is not what comes.
    """
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
    chosen = [note for note in planned.notes if training or note not in planned.about_training]
    for note in (*panel.notes, *found, *chosen):
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
    """The table of scores, a column for each method and the model and its parts first, and a sentence on it."""
    scores = (evaluation.scores[0], *evaluation.parts, *evaluation.scores[1:])
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


def was_left_by(forecaster: Forecaster, model: Path) -> bool:
    """Whether a model file is what an interrupted training on the same data had reached."""
    from forecast.forecaster import read_card

    try:
        card = read_card(model)
    except CheckpointError:
        return False
    return bool(card["stopped"]) and card["data"]["digest"] == forecaster.data.digest


def command_again(data: str, model: Path, start: str | None, moved: Path | None) -> str:
    """The command as it was typed, to be pasted; `moved` is where the model to begin from is now."""
    typed = [text for text in sys.argv[1:] if text != "--resume"]
    if typed[:1] != ["train"]:  # called from a program
        typed = ["train", data, "--model", str(model), *([] if start is None else ["--from", start])]
    if moved is not None:
        for i, text in enumerate(typed):
            if text == f"--from={start}":
                typed[i] = f"--from={moved}"
            elif text == "--from":
                typed[i + 1] = str(moved)
    return shlex.join(["forecast", *typed])


def leave_if_asked(stop: Stop, saved: str, hint: str | None = None) -> None:
    """Raise Interrupted where a signal came, with what was saved of the work and how to go on."""
    if stop.signal_number is not None:
        raise stop.interrupted(saved, hint)
