"""`forecast compare`: a file in, a leaderboard of cells on its own past out, with what is more than chance in it."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecast.cli.backtest import check_columns, check_output, counted, in_percent, p_in_words, require_numbers
from forecast.cli.display import Screen, document, duration, numbers
from forecast.cli.options import DATA_HELP, Json, Quiet, Verbose
from forecast.cli.report import Report, reporting_problems
from forecast.cli.settings import CompareSettings
from forecast.cli.signals import stop_on_signals
from forecast.cli.train import leave_if_asked
from forecast.config import CELLS, Config
from forecast.sources import display_source

if TYPE_CHECKING:
    from forecast.comparison import Comparison, Row, Run
    from forecast.panel import Panel

#: The exit code where a cell failed and the others stand.
_PARTIAL = 5


def compare(
    data: Annotated[str, typer.Argument(metavar="DATA", help=DATA_HELP)],
    *,
    config: Config,
    settings: CompareSettings,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            readable=False,
            help="Write every forecast, with its cell, seed and cutoff, and what came, as .csv, .jsonl or .parquet.",
            rich_help_panel="Output",
        ),
    ] = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Compare recurrent cells on a file's past, fairly.

    One plan, the same windows and the same budget for all: only cell and seed differ. Each network is a single one,
    trained once on what lies before the first cutoff. A leaderboard has the spread over seeds, and the last lines say
    which differences are more than chance, to the best cell and to --cell.

    Example:
      forecast compare sample_data/prices.csv --cells rnn,lstm,gru --seeds 2 --windows 4 --max-steps 40
    """
    require_numbers(config, "comparison")
    if output is not None:
        check_output(output, (data,))
    screen = Screen(quiet=quiet, verbose=verbose)
    begun = time.monotonic()
    with stop_on_signals() as stop:
        from forecast.comparison import ADDED, agree
        from forecast.comparison import compare as run_all
        from forecast.writing import lock, write_table

        def check() -> None:
            leave_if_asked(stop, "nothing was written")

        panel = _read(screen, data, config, report)
        if output is not None:
            check_columns(panel, ADDED)
        check()
        with lock(output) if output is not None else nullcontext():
            terms = agree(panel, config, n_windows=settings.windows, step_size=settings.step)
            for note in terms.plan.notes:
                screen.note(note)
            if config.model.members not in (None, 1):
                screen.note(f"single networks: members {config.model.members} would hide what a seed does")
            check()
            cells = CELLS if settings.cells == ("all",) else settings.cells
            limit = config.train.time_limit
            processes = _processes(terms.plan.config, settings.jobs)
            with screen.counting(len(cells) * settings.seeds) as show:
                result = run_all(
                    terms,
                    cells,
                    settings.seeds,
                    processes=processes,
                    time_limit=None if limit is None else max(limit - (time.monotonic() - begun), 0.1),
                    on_run=lambda run: show(_in_words(run)),
                    check=check,
                )
            check()
            if output is not None:
                write_table(result.to_frame(), panel.columns, output)
    if json:
        place = None if output is None else str(output)
        document({"data": display_source(data), "output": place, **result.to_dict()})
    else:
        show_result(screen, result)
        if output is not None:
            screen.note(f"wrote {output}")
    return _PARTIAL if result.failures else 0


def show_result(screen: Screen, result: Comparison) -> None:
    """A line for each cell and baseline, the best first; then what is more than chance, and how it was measured."""
    rows = result.rows
    deciding, against = result.deciding, result.terms.reference
    means = [row.metrics[deciding] for row in rows]
    # In the decimals of the scores, so that both can be read side by side.
    both = numbers([*means, *(row.spread for row in rows)])
    columns = {deciding.upper(): both[: len(rows)], "±": both[len(rows) :]}
    if deciding != "mae":
        columns["MAE"] = numbers([row.metrics["mae"] for row in rows])
    columns["skill"] = [in_percent(row.skill) for row in rows]
    columns["in 80 %"] = [in_percent(row.metrics["coverage_80"]) for row in rows]
    columns["weights"] = [f"{row.weights:,}" if row.weights else "–" for row in rows]
    columns["steps"] = [f"{row.steps:g}" if row.steps == row.steps else "–" for row in rows]
    columns["train s"] = [f"{row.seconds:.2f}" if row.seconds == row.seconds else "–" for row in rows]
    columns["p"] = [p_in_words(row.p_value) for row in rows]
    if any(row.p_reference == row.p_reference and row.p_reference != row.p_value for row in rows):
        columns[f"p {against}"] = [p_in_words(row.p_reference) for row in rows]
    names = [_name(row) for row in rows]
    screen.table(["", *columns], [list(row) for row in zip(names, *columns.values(), strict=True)])
    screen.result()
    for line in (*result.verdict, *_how_measured(result)):
        screen.result(line)
    for failure in result.failures:
        screen.result(f"failed: {failure}")
    for note in result.notes:
        screen.note(note)


def _read(screen: Screen, data: str, config: Config, report: Path | None) -> Panel:
    from forecast.reading import read_panel

    with reporting_problems(report, display_source(data)) as note_down, screen.reading() as on_progress:
        panel = read_panel(data, config.data, config.read, on_progress=on_progress)
        note_down(panel.notes)
    for note in panel.notes:
        screen.note(note)
    return panel


def _processes(config: Config, jobs: int | None) -> int:
    """So many networks at a time that their threads together are never more than the processors."""
    from forecast.training import pick_device
    from forecast.workers import n_processors

    if jobs is None and pick_device(config.train.device) != "cpu":
        # One GPU computes for one network as fast as for several, and has the memory for one.
        return 1
    most = max(1, n_processors() // (config.train.threads or 1))
    return most if jobs is None else min(jobs, most)


def _name(row: Row) -> str:
    if row.failures:
        return f"{row.name} failed"
    return f"{row.name} ≈" if row.tied else row.name


def _in_words(run: Run) -> str:
    """`lstm seed 2: best after 40 steps, 3 s`."""
    if run.error is not None:
        return f"{run.cell} seed {run.seed}: failed"
    return f"{run.cell} seed {run.seed}: best after {counted(run.steps, 'step')}, {duration(run.seconds)}"


def _how_measured(result: Comparison) -> list[str]:
    terms, n_seeds = result.terms, result.n_seeds
    rolling, windows = terms.rolling, terms.held_out
    lines = [
        f"{counted(len(terms.windows), 'forecast')} of {counted(rolling.horizon, 'step')}: "
        f"{len(terms.panel):,} series, {counted(rolling.n_windows, 'cutoff')}, "
        f"{counted(rolling.step_size, 'step')} apart, the last {rolling.horizon} before the end",
        f"single networks from {counted(n_seeds, 'seed')}, trained once, before the first cutoff"
        + ("; means over seeds, steps their median, ± their standard deviation" if n_seeds > 1 else ""),
        f"skill: 1 − MAE / MAE of {'seasonal naive' if terms.season_length > 1 else 'naive'}",
    ]
    if windows.n_groups > 1:
        groups = f"{windows.n_groups} groups of cutoffs" if rolling.overlap > 1 else f"{windows.n_cutoffs} cutoffs"
        chance = f"over {groups}" + (" or over seeds, whichever is larger" if n_seeds > 1 else "")
        lines.append(f"p: of a difference to the best cell, {chance}, for all comparisons together; ≈: no real one")
    return lines
