"""`forecast backtest`: a file in, a leaderboard of networks, saved models and baselines on its own past out."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document, numbers
from forecast.cli.options import DATA_HELP, Json, Quiet, Verbose
from forecast.cli.report import Report, reporting_problems
from forecast.cli.settings import BacktestSettings
from forecast.cli.signals import stop_on_signals
from forecast.cli.train import leave_if_asked
from forecast.config import Config
from forecast.errors import ConfigError, DataError
from forecast.settings import override
from forecast.sources import STDIN, display_source, is_local, parse

if TYPE_CHECKING:
    from forecast.backtesting import Backtest, Candidate
    from forecast.panel import Panel
    from forecast.training import Epoch

#: What is beside the models unless baselines are named.
_BASELINES = ("naive", "seasonal-naive", "drift")
#: Formats of the table of forecasts, by suffix.
_SUFFIXES = (".csv", ".jsonl", ".parquet")
_NONE = ("none",)


def backtest(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    *,
    config: Config,
    settings: BacktestSettings,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="FILE",
            readable=False,
            help="Saved model to compare; may be repeated. Without --cells or --presets nothing is trained beside it.",
            rich_help_panel="Comparison",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            readable=False,
            help="Write every forecast, with its cutoff and what came, as .csv, .jsonl or .parquet.",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare networks, saved models and baselines on a file's past.

    Each forecasts the same windows from cutoffs it cannot see beyond. Networks are trained once, on what lies before
    the first cutoff, and see fresh history at each. A leaderboard says which is best, and whether the difference is
    more than chance.

    Example:
      forecast backtest sample_data/prices.csv --cells lstm,gru --windows 5
    """
    require_numbers(config, "backtest")
    models = model or []
    baselines = check_before_work(data, models, settings, output)
    screen = Screen(quiet=quiet, verbose=verbose)
    with stop_on_signals() as stop:
        from forecast.backtesting import ADDED, Candidate
        from forecast.backtesting import backtest as compare
        from forecast.writing import lock, write_table

        panel, candidates = _read(screen, data, config, settings, models, report)
        candidates += [Candidate(name, name) for name in baselines]
        if output is not None:
            check_columns(panel, ADDED)
        leave_if_asked(stop, "nothing was written")
        with lock(output) if output is not None else nullcontext():
            with screen.progress() as show:

                def on_progress(what: Epoch | str) -> None:
                    leave_if_asked(stop, "nothing was written")
                    show(what)

                result = compare(
                    panel,
                    candidates,
                    n_windows=settings.windows,
                    step_size=settings.step,
                    horizon=config.model.horizon,
                    season_length=config.data.season_length,
                    refit=settings.refit,
                    adapt=settings.adapt,
                    on_epoch=on_progress,
                    on_stage=on_progress,
                    should_stop=stop,
                )
            leave_if_asked(stop, "nothing was written")
            if output is not None:
                write_table(result.to_frame(), panel.columns, output)
    if json:
        document(summary(result, data, output, settings.by_lead))
    else:
        show_result(screen, result, settings.by_lead)
        if output is not None:
            screen.note(f"wrote {output}")


def require_numbers(config: Config, what: str) -> None:
    """Raise ConfigError for a task of states, whose probabilities no baseline of a leaderboard forecasts."""
    if config.model.task != "regression":
        raise ConfigError(
            f"--task {config.model.task}: a {what} is of forecasts of numbers",
            hint=f"forecast train DATA --task {config.model.task} says how probabilities did on held-out windows",
        )


def check_before_work(data: str, models: Sequence[Path], settings: BacktestSettings, output: Path | None) -> list[str]:
    """The names of the baselines; ConfigError for what cannot be done, before time is spent on the rest."""
    if output is not None:
        check_output(output, (data, *map(str, models)))
    if data == STDIN and len(models) + _trains(models, settings) > 1:
        raise ConfigError(
            "stdin can be read once only, and each saved model reads the data in its own way",
            hint="save the data in a file",
        )
    names = settings.baselines or _BASELINES
    if names == _NONE:
        return []
    from forecast.baselines import check_baseline

    # Twice the same is once.
    return list(dict.fromkeys(check_baseline(name) for name in names))


def check_output(output: Path, sources: Sequence[str]) -> None:
    """Raise ConfigError for a table of forecasts that cannot be written, or would take the place of one of sources."""
    if output.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"--output {output}: its name does not end in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}",
            hint=f"--output {shlex.quote(f'{output.stem}.csv')}",
        )
    if output.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise ConfigError("parquet files need pyarrow, which is not installed", hint="pip install 'forecast[parquet]'")
    for source in sources:
        path = Path(parse(source).address)
        if is_local(source) and path.is_file() and output.exists() and path.samefile(output):
            raise ConfigError(
                f"--output {output}: the forecasts would take the place of {source}",
                hint=f"--output {shlex.quote(f'{output.stem}.past.csv')}",
            )


def check_columns(panel: Panel, added: Sequence[str]) -> None:
    """Raise DataError where the table of forecasts would have two columns of one name, as it adds those."""
    for name in (*panel.columns.ids, panel.columns.time):
        if name in added:
            raise DataError(
                f"column {name!r}: the table of forecasts adds a column of this name",
                hint="rename the column in the data, or leave out --output",
            )


def summary(result: Backtest, data: str, output: Path | None, by_lead: bool) -> dict[str, Any]:
    """What `--json` prints: the leaderboard, and with by_lead the errors and coverage at each step ahead."""
    values = {"data": display_source(data), "output": None if output is None else str(output), **result.to_dict()}
    if by_lead:
        values["by_lead"] = {s.name: s.by_lead for s in result.leaderboard.standings}
    return values


def show_result(screen: Screen, result: Backtest, by_lead: bool) -> None:
    """Errors, then intervals and times, a line for each method and the best first; then what to make of it."""
    board, rolling = result.leaderboard, result.rolling
    names = [f"{s.name} *" if s.seen else s.name for s in board.standings]
    errors = {
        **{name.upper(): [s.metrics[name.lower()] for s in board.standings] for name in ("MASE", "MAE")},
        "sMAPE": [s.metrics["smape"] for s in board.standings],
        "WQL": [s.metrics["wql"] for s in board.standings],
        "relative": [s.relative_mae for s in board.standings],
    }
    columns = {name: numbers(values) for name, values in errors.items()}
    columns["p"] = [p_in_words(s.p_value) for s in board.standings]
    _show_columns(screen, names, columns)
    intervals = {}
    for level in (80, 95):
        intervals[f"in {level} %"] = [in_percent(s.metrics[f"coverage_{level}"]) for s in board.standings]
        intervals[f"width {level}"] = numbers([s.metrics[f"width_{level}"] for s in board.standings])
    for what in ("train", "predict"):
        intervals[f"{what} s"] = [f"{getattr(s, f'{what}_seconds'):.2f}" for s in board.standings]
    screen.result()
    _show_columns(screen, names, intervals)
    if by_lead:
        screen.result()
        screen.result(f"{board.deciding.upper()} at each step ahead")
        by_step = {s.name: numbers(s.by_lead[board.deciding]) for s in board.standings}
        _show_columns(screen, [str(step + 1) for step in range(rolling.horizon)], by_step)
    screen.result()
    screen.result(board.verdict)
    for line in _how_measured(result):
        screen.result(line)
    for note in result.notes:
        screen.note(note)


def _read(
    screen: Screen,
    data: str,
    config: Config,
    settings: BacktestSettings,
    models: Sequence[Path],
    report: Path | None,
) -> tuple[Panel, list[Candidate]]:
    """The panel, and what is to be trained or was: candidates for each cell and preset, and for each saved model.

    A saved model reads the data as it reads them for a forecast.
    """
    from forecast.backtesting import Candidate
    from forecast.forecaster import Forecaster
    from forecast.reading import read_panel

    saved = {
        str(path): Forecaster.load(path, device=config.train.device).on_threads(config.train.threads) for path in models
    }
    panels: dict[str, Panel] = {}
    with reporting_problems(report, display_source(data)) as note_down, screen.reading() as on_progress:
        if _trains(models, settings) or not saved:
            panels[""] = read_panel(data, config.data, config.read, on_progress=on_progress)
        for name, forecaster in saved.items():
            read = override(forecaster.config.read, config.read)
            panels[name] = read_panel(data, read=read, known=forecaster.known, on_progress=on_progress)
        notes = dict.fromkeys(note for panel in panels.values() for note in panel.notes)
        note_down(notes)
    for note in notes:
        screen.note(note)
    candidates = [Candidate(name, own) for name, own in _to_train(config, models, settings).items()]
    candidates += [Candidate(name, forecaster, panels[name]) for name, forecaster in saved.items()]
    return next(iter(panels.values())), candidates


def _trains(models: Sequence[Path], settings: BacktestSettings) -> bool:
    return settings.cells != _NONE and bool(settings.cells or settings.presets or not models)


def _to_train(config: Config, models: Sequence[Path], settings: BacktestSettings) -> dict[str, Config]:
    """What is to be trained, by name: a cell, or where presets are named a cell and a preset."""
    if not _trains(models, settings):
        return {}
    return {
        f"{cell} {preset}" if settings.presets else cell: replace(
            config, model=replace(config.model, cell=cell), train=replace(config.train, preset=preset)
        )
        for cell in settings.cells or (config.model.cell,)
        for preset in settings.presets or (config.train.preset,)
    }


def _show_columns(screen: Screen, names: Sequence[str], columns: dict[str, list[str]]) -> None:
    screen.table(["", *columns], [list(row) for row in zip(names, *columns.values(), strict=True)])


def _how_measured(result: Backtest) -> list[str]:
    rolling, board = result.rolling, result.leaderboard
    lines = [
        f"{counted(len(result.windows), 'forecast')} of {counted(rolling.horizon, 'step')}: "
        f"{len(result.panel):,} series, {counted(rolling.n_windows, 'cutoff')}, "
        f"{counted(rolling.step_size, 'step')} apart, the last {rolling.horizon} before the end",
        "relative: the MAE over that of seasonal naive",
    ]
    if any(s.train_seconds for s in board.standings):
        lines[0] += f"; networks trained {'at each cutoff' if result.refit else 'once, before the first'}"
    if board.n_groups > 1 and len(board.standings) > 1:
        groups = f"{board.n_groups} groups of cutoffs" if rolling.overlap > 1 else f"{board.n_cutoffs} cutoffs"
        lines.append(f"p: of a difference to the best, over {groups}, for all comparisons together")
    if any(s.seen for s in board.standings):
        lines.append("*: had seen windows in training")
    return lines


def counted(count: int, what: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def p_in_words(p_value: float) -> str:
    """Three decimals, and a dash where there is none."""
    if math.isnan(p_value):
        return "–"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def in_percent(share: float) -> str:
    """A share as a whole percentage, and a dash where there is none."""
    return "–" if math.isnan(share) else f"{share:.0%}"
