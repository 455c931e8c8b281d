"""`forecast score`: what was forecast beside what came, from the ledger of earlier runs."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecast.cli.backtest import counted
from forecast.cli.display import Screen, document, numbers
from forecast.cli.options import Json, Quiet, Verbose
from forecast.cli.settings import ScoreSettings
from forecast.config import suggest
from forecast.errors import ConfigError, ForecastError
from forecast.jobs import Jobs, expand, read_jobs
from forecast.sources import display_source

if TYPE_CHECKING:
    from forecast.jobs import Unit
    from forecast.ledger import Ledger, Standing
    from forecast.panel import Panel
    from forecast.scoring import JobScore, SourceScore, Window

#: The file of jobs where neither one nor a ledger is named.
JOBS_FILE = Path("jobs.toml")
#: Exit codes: some of the data could not be read; forecasts have got worse, and somebody wants to know.
_PARTIAL, _GATE = 5, 6
#: Intervals that a table has room for.
_LEVELS = (80.0, 95.0)
_NAMES = {
    "mae": "MAE",
    "mase": "MASE",
    "smape": "sMAPE",
    "bias": "bias",
    "log_loss": "log loss",
    "brier": "Brier",
    "accuracy": "accuracy",
}


def score(
    jobs: Annotated[
        Path | None,
        typer.Argument(metavar="JOBS", readable=False, help="File of jobs; jobs.toml unless a ledger is named."),
    ] = None,
    *,
    settings: ScoreSettings,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Score past forecasts against what has come since.

    Reads the newest data of the jobs, joins them with what their ledger says was forecast, and shows how far off it
    was, which way, what the intervals held, and whether it got worse. Without a window: the last 30 days that have
    come, or as long as the longest forecast reaches.

    Example:
      forecast run --init sample_data/prices.csv && forecast run jobs.toml && forecast score jobs.toml
    """
    check_before_work(settings)
    screen = Screen(quiet=quiet, verbose=verbose)
    file = _file_of_jobs(jobs, settings)
    told = None if file is None else read_jobs(file)
    place = settings.ledger or _ledger_of(told)

    from forecast.ledger import Ledger
    from forecast.scoring import score_job

    ledger = Ledger.open(place, make=False)
    failures = _settle(screen, ledger, told, settings) if told is not None and settings.settle is not False else 0
    standings = _chosen(ledger.standings(), settings.only, str(place))
    by_lead = settings.by_lead or settings.plot is not None
    window = _window(settings)
    scores = [
        score_job(ledger, standing, window, hindsight=settings.include_hindsight, by_lead=by_lead)
        for standing in standings
    ]
    written = _write(scores, settings)
    if json:
        document(_summary(scores, place, written))
    else:
        show(screen, scores, display_source(str(place)), settings)
        for path in written:
            screen.aside(f"wrote {path}")
    drifted = [own.job for own in scores if own.drift.verdict == "drift"]
    if settings.fail_on_drift and drifted:
        screen.note(f"drift in {_some(drifted)}")
        return _PARTIAL if failures else _GATE
    return _PARTIAL if failures else 0


def check_before_work(settings: ScoreSettings) -> None:
    """Raise ConfigError for what cannot be done, before time is spent on the rest."""
    if settings.plot is not None:
        from forecast.report.plot import require_matplotlib

        require_matplotlib()


def show(screen: Screen, scores: Sequence[JobScore], place: str, settings: ScoreSettings) -> None:
    """A line for each source of each job, each step ahead where asked, then drift and what was not counted."""
    from forecast.scoring import totals

    if not scores:
        screen.result(f"{place}: no forecast has been recorded yet")
        return
    for of_states in (False, True):
        rows = [own for job in scores for own in job.sources if own.tally.of_states == of_states]
        rows += [own for own in totals(scores) if own.tally.of_states == of_states]
        if rows:
            _table(screen, rows)
            screen.result()
    if settings.by_lead:
        for own in (own for job in scores for own in job.sources):
            _by_lead(screen, own)
            screen.result()
    for line in _words(scores, verbose=screen.verbose):
        screen.result(line)


def _file_of_jobs(named: Path | None, settings: ScoreSettings) -> Path | None:
    if named is not None or settings.ledger is not None:
        return named
    if JOBS_FILE.is_file():
        return JOBS_FILE
    raise ConfigError(
        "neither a file of jobs nor a ledger is named, and there is no jobs.toml here",
        hint="forecast score JOBS.toml, or forecast score --ledger FILE",
    )


def _ledger_of(jobs: Jobs | None) -> str:
    assert jobs is not None  # _file_of_jobs has seen to it
    if jobs.ledger is None:
        raise ConfigError(f'{jobs.path}: [run] ledger is "none", so nothing was recorded', hint="leave it out")
    return jobs.ledger


def _settle(screen: Screen, ledger: Ledger, jobs: Jobs, settings: ScoreSettings) -> int:
    """Puts what has come into the ledger; how many units' data could not be read, each of which is said."""
    known = {standing.job for standing in ledger.standings()}
    expansion = expand(jobs)
    failures, settled = 0, 0
    for name, error in expansion.failures.items():
        if _is_chosen(name, settings.only):
            failures += 1
            screen.note(f"warning: {name}: what came could not be read: {error.message}")
    for unit in expansion.units:
        if unit.name not in known or not _is_chosen(unit.name, settings.only):
            continue
        try:
            settled += ledger.settle(unit.name, _panel_of(unit))
        except ForecastError as error:
            failures += 1
            screen.note(f"warning: {unit.name}: what came could not be read: {error.message}")
    if settled:
        screen.aside(f"{counted(settled, 'value')} that had been forecast came since the last time")
    return failures


def _panel_of(unit: Unit) -> Panel:
    """Today's data of a unit, read as its model needs them, or as one would be trained on them where there is none."""
    from forecast.reading import read_panel

    config = unit.job.config
    if not unit.model.exists():
        return read_panel(unit.data, config.data, config.read, task=config.model.task)
    from forecast.forecaster import Forecaster
    from forecast.settings import override

    model = Forecaster.load(unit.model)
    return read_panel(unit.data, read=override(model.config.read, config.read), known=model.known)


def _chosen(standings: Sequence[Standing], only: Sequence[str], place: str) -> list[Standing]:
    names = {standing.job for standing in standings}
    names |= {name.partition("/")[0] for name in names}
    for name in only:
        if standings and name not in names:
            found = f"--only {name}: {display_source(place)} has no such job"
            raise ConfigError(found, hint=suggest(name, dict.fromkeys(sorted(names))))
    return [standing for standing in standings if _is_chosen(standing.job, only)]


def _is_chosen(job: str, only: Sequence[str]) -> bool:
    return not only or job in only or job.partition("/")[0] in only


def _window(settings: ScoreSettings) -> Window:
    import numpy as np

    from forecast.durations import seconds_in
    from forecast.scoring import Window

    since, until = (None if text is None else np.datetime64(text, "us") for text in (settings.since, settings.until))
    # A day as the end is all of that day.
    if until is not None and settings.until is not None and len(settings.until) == len("2024-01-31"):
        until += np.timedelta64(1, "D") - np.timedelta64(1, "us")
    last = None if settings.last is None else np.timedelta64(round(seconds_in(settings.last) * 1e6), "us")
    return Window(since, until, last)


def _write(scores: Sequence[JobScore], settings: ScoreSettings) -> list[str]:
    """The files that were asked for; those that were written."""
    from forecast.writing import write_atomic

    written = []
    if settings.metrics_file is not None:
        from forecast.scoring.prometheus import exposition

        write_atomic(Path(settings.metrics_file), exposition(scores))
        written.append(settings.metrics_file)
    # Before anything has come there is nothing to draw, which is no reason to fail on the first night.
    if settings.plot is not None and any(own.sources for own in scores):
        from forecast.report.scores import picture

        path = Path(settings.plot)
        write_atomic(path, picture(scores, format=path.suffix.lower().removeprefix(".")))
        written.append(settings.plot)
    return written


def _summary(scores: Sequence[JobScore], place: str, written: Sequence[str]) -> dict[str, object]:
    from forecast.scoring import totals

    return {
        "ledger": display_source(place),
        "written": list(written),
        "jobs": [own.to_dict() for own in scores],
        "total": [own.to_dict() for own in totals(scores)],
    }


def _table(screen: Screen, rows: Sequence[SourceScore]) -> None:
    columns = {"cutoffs": [f"{row.n_cutoffs:,}" for row in rows], "steps": [f"{row.tally.steps:,}" for row in rows]}
    for name in rows[0].tally.scores:
        # The units of jobs are their own: each row has its own decimals, and all jobs together have no such score.
        if name in ("mae", "bias"):
            both = [numbers([row.tally.scores["mae"], row.tally.scores[name]]) for row in rows]
            columns[_NAMES[name]] = [own[1] if row.job else "–" for own, row in zip(both, rows, strict=True)]
        else:
            columns[_NAMES[name]] = numbers([row.tally.scores[name] for row in rows])
    for level in _LEVELS:
        if any(level in row.tally.coverage for row in rows):
            columns[f"in {level:g} %"] = [_held(row, level) for row in rows]
    several = len({row.job for row in rows}) > 1
    names = [f"{row.job or 'total'}  {row.name}" if several else row.name for row in rows]
    screen.table(["", *columns], [list(row) for row in zip(names, *columns.values(), strict=True)])


def _held(row: SourceScore, level: float) -> str:
    """`78% of 1,200`: a share, and the count behind it."""
    share, count = row.tally.coverage.get(level), dict(row.tally.counted).get(level)
    return "–" if share is None else f"{share:.0%} of {count:,}"


def _by_lead(screen: Screen, own: SourceScore) -> None:
    tallies = list(own.by_lead.values())
    columns = {"steps": [f"{tally.steps:,}" for tally in tallies]}
    for name in own.tally.scores:
        columns[_NAMES[name]] = numbers([tally.scores[name] for tally in tallies])
    for level in (level for level in _LEVELS if level in own.tally.coverage):
        columns[f"in {level:g} %"] = [f"{tally.coverage.get(level, math.nan):.0%}" for tally in tallies]
    leads = [f"step {lead}" for lead in own.by_lead]
    screen.table(
        [f"{own.job}  {own.name}", *columns], [list(row) for row in zip(leads, *columns.values(), strict=True)]
    )


def _words(scores: Sequence[JobScore], *, verbose: bool) -> list[str]:
    """Sentences on when, on drift, and on what does not count."""
    from forecast.scoring.scores import in_words

    lines = []
    waiting = [own for own in scores if not own.sources]
    for own in waiting[:1] if len(waiting) == len(scores) else ():
        lines.append(
            f"nothing that was forecast has come yet: the newest cutoff is {in_words(own.standing.last_cutoff)}"
            if own.standing.newest_actual is None
            else f"nothing that was forecast for this time has come; the newest value is of "
            f"{in_words(own.standing.newest_actual)}"
        )
    if waiting and len(waiting) < len(scores):
        lines.append(f"nothing has come yet, or not in this time, for {_some([own.job for own in waiting])}")
    firsts, lasts = ([end for own in scores if (end := getattr(own, name)) is not None] for name in ("first", "last"))
    if firsts:
        lines.append(f"what came from {in_words(min(firsts))} to {in_words(max(lasts))}; means over steps")
    for own in scores:
        if own.sources and (len(scores) == 1 or own.drift.verdict == "drift" or verbose):
            lines.append(f"{own.job}: {own.drift.sentence}")
    left_out = sum(own.left_out for own in scores)
    if left_out:
        lines.append(
            f"left out: {counted(left_out, 'step')} that {'were' if left_out > 1 else 'was'} forecast by a model which "
            "had seen later rows; --include-hindsight shows them apart"
        )
    return lines


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(shlex.quote(name) for name in names[:3])
    return f"{shown} and {len(names) - 3:,} more" if len(names) > 3 else shown
