"""`forecast status`: how the jobs of a file stand, and whether a night was missed."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.display import Screen, aligned, document
from forecast.cli.errors import say
from forecast.cli.options import Json, Quiet
from forecast.durations import in_words, seconds_in
from forecast.errors import ConfigError, GateError
from forecast.jobs import read_jobs

JobsFile = Annotated[Path, typer.Argument(metavar="[JOBS.toml]", help="File of jobs; jobs.toml unless given.")]
MaxAge = Annotated[
    str | None,
    typer.Option("--max-age", metavar="TIME", help="End with exit code 6 where a success is longer ago, such as 26h."),
]


def status(
    jobs: JobsFile = Path("jobs.toml"), *, max_age: MaxAge = None, json: Json = False, quiet: Quiet = False
) -> int:
    """Say how jobs stand, and whether a night was missed.

    Each with its last success, what its forecast was made from and by, and how old it is. The exit code is 6 where the
    last run of a job failed, or was longer ago than --max-age: a run that never began cannot say so itself.

    Example:
      forecast run --init sample_data/prices.csv && forecast status jobs.toml
    """
    if max_age is not None:
        try:
            seconds_in(max_age)
        except ConfigError as error:
            raise ConfigError(f"--max-age: {error.message}", hint=error.hint) from None
    told = read_jobs(jobs)
    from forecast.running.status import standings

    found = standings(told, datetime.now(timezone.utc), max_age)
    code = GateError.exit_code if any(standing.missed for standing in found) else 0
    if not told.state.is_dir():
        say(f"there is no state in {told.state}: nothing has run yet")
    if json:
        document({"jobs_file": str(told.path), "exit_code": code, "units": [standing.to_dict() for standing in found]})
        return code
    header = ["", "last success", "ago", "cutoff", "source", "trained until", "state"]
    rows = [
        [
            s.unit,
            (s.last_success or "never")[:16].replace("T", " "),
            "" if s.age_seconds is None else in_words(s.age_seconds),
            s.cutoff or "",
            s.source or "",
            (s.trained_until or "")[:10],
            s.missed or ("in order" if s.last_success else "not run yet"),
        ]
        for s in found
    ]
    screen = Screen(quiet=quiet)
    screen.result(aligned(header, rows))
    for s in found:
        for sentence in s.sentences[:3] if s.missed else ():
            screen.result(f"{s.unit}: {sentence}")
    return code
