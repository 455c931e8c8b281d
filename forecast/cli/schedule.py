"""`forecast schedule`: a line for a crontab and two units for systemd, printed for somebody to install."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.display import Screen, document
from forecast.cli.options import Json
from forecast.errors import ConfigError
from forecast.jobs import read_jobs
from forecast.schedules import Schedule, cron_table, systemd_units

JobsFile = Annotated[Path, typer.Argument(metavar="JOBS.toml", help="File of jobs to run.")]
Daily = Annotated[str | None, typer.Option("--daily", metavar="HH:MM", help="Every day at this time.")]
Hourly = Annotated[str | None, typer.Option("--hourly", metavar=":MM", help="Every hour, so many minutes past it.")]
Weekly = Annotated[
    str | None, typer.Option("--weekly", metavar="DAY HH:MM", help="Every week on this day, such as mon 06:30.")
]
Cron = Annotated[
    str | None, typer.Option("--cron", metavar="FIELDS", help="The five fields of a crontab; no systemd timer then.")
]
Zone = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="Whose clock is meant; this machine's unless given.")
]
LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log-file", metavar="FILE", readable=False, help="Log of the runs; without it forecast.log beside the jobs."
    ),
]


def schedule(
    jobs: JobsFile,
    *,
    daily: Daily = None,
    hourly: Hourly = None,
    weekly: Weekly = None,
    cron: Cron = None,
    timezone: Zone = None,
    log_file: LogFile = None,
    json: Json = False,
) -> None:
    """Print a crontab line and a systemd timer for a file of jobs.

    Nothing is installed. All paths are absolute, because cron has no PATH to speak of and starts in another folder; two
    runs never overlap, for the command locks its own state.

    Example:
      forecast run --init sample_data/prices.csv && forecast schedule jobs.toml --daily 06:30
    """
    told = read_jobs(jobs)
    given = {"daily": daily, "hourly": hourly, "weekly": weekly, "cron": cron}
    asked = {name: text for name, text in given.items() if text is not None}
    if len(asked) != 1:
        raise ConfigError("one of --daily, --hourly, --weekly and --cron is needed", hint="--daily 06:30")
    ((kind, text),) = asked.items()
    when = Schedule.of(kind, text, timezone)
    log = (log_file or told.path.with_name("forecast.log")).absolute()
    command = [*_program(), "run", str(told.path), "--log-file", str(log)]
    table = cron_table(when, command)
    units = {} if kind == "cron" else systemd_units(when, command, told.path)
    if json:
        document({"crontab": table, "units": units, "command": command})
        return
    screen = Screen()
    screen.result("# crontab -e, then these lines at its end:")
    screen.result(table.rstrip("\n"))
    for name, content in units.items():
        screen.result()
        screen.result(f"# ~/.config/systemd/user/{name}")
        screen.result(content.rstrip("\n"))
    if units:
        screen.result()
        screen.result(f"# systemctl --user enable --now {next(name for name in units if name.endswith('.timer'))}")


def _program() -> list[str]:
    """How this very command is started from anywhere: its script beside the interpreter, or the interpreter itself."""
    script = Path(os.path.abspath(sys.executable)).parent / "forecast"  # noqa: PTH100 - a link to it has other packages
    return [str(script)] if script.is_file() else [os.path.abspath(sys.executable), "-m", "forecast"]  # noqa: PTH100
