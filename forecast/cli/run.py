"""`forecast run`: many jobs in one process or several, silent when all went well; cron's command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document, duration
from forecast.cli.errors import say
from forecast.cli.options import Json, Quiet, Verbose
from forecast.cli.signals import stop_on_signals
from forecast.config import suggest
from forecast.durations import seconds_in
from forecast.errors import ConfigError
from forecast.jobs import Expansion, Jobs, expand, first_file, read_jobs, shared
from forecast.jobs import only as only_of
from forecast.jobs.job import failures_of
from forecast.shards import Shard

if TYPE_CHECKING:
    from forecast.running.outcome import Outcome
    from forecast.running.run import Choices

LOG_FORMATS = ("text", "json")
#: Characters of what is said about one failure on stderr; the log and the summary have all of it.
_MOST_LETTERS = 400

Files = Annotated[
    list[str], typer.Argument(metavar="JOBS.toml", help="File of jobs; with --init the data files to write one for.")
]
Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="NAMES", help="Jobs to run, with commas; all unless given.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done and why, and write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Forecast again what has not changed.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TEXT", help="Run as if it were then: rows later than this time do not count."),
]
Processes = Annotated[
    str | None, typer.Option("--jobs", metavar="N", help="Processes; without it as many as there are processors.")
]
MaxFailures = Annotated[
    str | None,
    typer.Option("--max-failures", metavar="N|N%", help="More failures than this end the run; no limit unless given."),
]
MaxRuntime = Annotated[
    str | None,
    typer.Option("--max-runtime", metavar="TIME", help="Stop after this long, such as 2h, with exit code 124."),
]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", readable=False, help="Append a line for each event to this file."),
]
LogFormat = Annotated[
    str, typer.Option("--log-format", metavar="|".join(LOG_FORMATS), help="Lines of text, or of JSON.")
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="Run the K-th of N shares of the units only; others run elsewhere."),
]
Dask = Annotated[
    str | None,
    typer.Option("--dask", metavar="ADDRESS", help="Share the units out among the workers of this Dask scheduler."),
]
Init = Annotated[bool, typer.Option("--init", help="Write a first file of jobs for some data files.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", readable=False, help="File that --init writes. [default: jobs.toml]"
    ),
]


def run(
    files: Files,
    *,
    only: Only = None,
    dry_run: DryRun = False,
    force: Force = False,
    as_of: AsOf = None,
    jobs: Processes = None,
    shard: ShardOption = None,
    dask: Dask = None,
    max_failures: MaxFailures = None,
    max_runtime: MaxRuntime = None,
    log_file: LogFile = None,
    log_format: LogFormat = "text",
    init: Init = False,
    output: Output = Path("jobs.toml"),
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Run the jobs of a file, as cron does at night.

    Each reads and checks its data, trains what is due, forecasts, writes and records.

    A success prints nothing; a failure is one line on stderr, and never keeps other jobs from running. What has not
    changed since it was written is not done again, so a run after an outage does all that is missing and no more.

    Example:
      forecast run --init sample_data/prices.csv && forecast run jobs.toml --dry-run
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    if init:
        return _init(screen, files, output)
    if len(files) > 1:
        raise ConfigError(f"one file of jobs is needed, found {len(files)}", hint=f"forecast run {files[0]}")
    processes = _checked(jobs, max_failures, max_runtime, log_format)
    share = None if shard is None else Shard.parse(shard)
    if dask is not None:
        if jobs is not None:
            raise ConfigError("--jobs is for processes of this machine, and --dask for others", hint=f"--dask {dask}")
        # Late: what speaks to clusters takes a while to import.
        from forecast.cluster import check_address

        check_address(dask)
    told = read_jobs(Path(files[0]))
    expansion = expand(told)
    if only is not None:
        expansion = only_of(expansion, [name.strip() for text in only for name in text.split(",") if name.strip()])
    if share is not None:
        expansion = shared(expansion, share)
        if expansion == Expansion(()):
            screen.aside(f"shard {share} holds none of the units")
    with stop_on_signals() as stop:
        from forecast.reading.times import parse_moment
        from forecast.running.run import Choices, run_jobs

        if as_of is not None:
            parse_moment(as_of)
        choices = Choices(
            processes=processes,
            max_failures=max_failures,
            max_runtime=max_runtime,
            as_of=as_of,
            force=force,
            log_file=None if log_file is None else log_file.absolute(),
            log_format=log_format,
            shard=share,
            dask=dask,
        )
        if dry_run:
            return _show_plan(screen, told, expansion, choices, json)
        _stand_somewhere(told.path.parent)
        values = run_jobs(
            told,
            expansion,
            choices,
            signal_number=lambda: stop.signal_number,
            on_outcome=lambda outcome: _tell(screen, outcome),
            warn=lambda text: say(f"warning: {text}"),
        )
    if json:
        document(values)
    else:
        screen.aside(_in_words(values))
    return int(values["exit_code"])


def _checked(jobs: str | None, max_failures: str | None, max_runtime: str | None, log_format: str) -> int | None:
    """The number of processes, and no ConfigError where all options can be used."""
    if jobs is not None and not (jobs.isascii() and jobs.isdigit() and 1 <= int(jobs) <= 1_024):
        raise ConfigError(f"--jobs: {jobs!r:.60} is no number of processes", hint="--jobs 2")
    if max_failures is not None:
        try:
            failures_of(max_failures, 1)
        except ConfigError:
            text = f"--max-failures: {max_failures!r:.60} is no number and no share"
            raise ConfigError(text, hint="--max-failures 10%") from None
    if max_runtime is not None:
        try:
            seconds_in(max_runtime)
        except ConfigError as error:
            raise ConfigError(f"--max-runtime: {error.message}", hint=error.hint) from None
    if log_format not in LOG_FORMATS:
        raise ConfigError(f"--log-format: unknown format {log_format!r:.60}", hint=suggest(log_format, LOG_FORMATS))
    return None if jobs is None else int(jobs)


def _init(screen: Screen, sources: list[str], output: Path) -> int:
    """Writes a first file of jobs, and never over another one."""
    from forecast.writing import write_atomic

    text = first_file(sources, output)
    if os.path.lexists(output):
        raise ConfigError(f"--output {output}: there is such a file already", hint="--output other.toml")
    write_atomic(output, text.encode())
    read_jobs(output)
    screen.note(f"wrote {output}; next: forecast run {output}")
    return 0


def _show_plan(screen: Screen, jobs: Jobs, expansion: Expansion, choices: Choices, json: bool) -> int:
    """What would be done, and why; nothing is written."""
    from forecast.running.manifests import why_again
    from forecast.running.run import how_of
    from forecast.running.runner import Ending, exit_code, unit_failure

    how = how_of(jobs, choices)
    reasons = {unit.name: why_again(unit, how) for unit in expansion.units}
    failures = [unit_failure(name, error) for name, error in expansion.failures.items()]
    if json:
        rows = [
            {"unit": unit.name, "run": reasons[unit.name] is not None, "why": reasons[unit.name], "data": unit.data}
            | {"output": unit.output(), "model": str(unit.model)}
            for unit in expansion.units
        ]
        document({"units": rows, "failures": {o.unit: list(o.sentences) for o in failures}})
    else:
        rows_shown = [
            [name, "-" if why is None else "run", why or "nothing has changed"] for name, why in reasons.items()
        ]
        rows_shown += [[o.unit, "fail", _short(o)] for o in failures]
        width, wide = (max((len(row[i]) for row in rows_shown), default=0) for i in (0, 1))
        for name, what, why in rows_shown:
            screen.result(f"{name:<{width}}  {what:<{wide}}  {why}")
    return exit_code(failures, Ending())


def _stand_somewhere(folder: Path) -> None:
    """A folder that was deleted is no place for libraries to be: the run moves to that of its jobs."""
    try:
        Path.cwd()
    except FileNotFoundError:
        os.chdir(folder)


def _tell(screen: Screen, outcome: Outcome) -> None:
    """A line for what went wrong, and for those who watch a line for everything."""
    from forecast.running.outcome import FAILED, GOOD

    if outcome.status in GOOD:
        what = f"{outcome.status}, {duration(outcome.seconds)}"
        trained = "; ".join(filter(None, (outcome.trained, outcome.contest)))
        screen.aside(f"{outcome.unit}: {what}{f', trained: {trained}' if trained else ''}")
    elif outcome.sentences:
        say(f"{'error' if outcome.status == FAILED else 'warning'}: {outcome.unit}: {_short(outcome)}")
    else:
        screen.aside(f"{outcome.unit}: {outcome.status}")


def _short(outcome: Outcome) -> str:
    """All that is to be said about an outcome, on one line of a length that a person reads."""
    text = "; ".join(outcome.sentences)
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def _in_words(values: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in values["counts"].items() if count)
    return f"{counts or 'nothing to do'}; {duration(values['seconds'])}, exit code {values['exit_code']}"
