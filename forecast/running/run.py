"""run_jobs: a whole run under its lock, from the first line of the log to the summary, written whatever happens."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from forecast.durations import seconds_in
from forecast.errors import OutputError
from forecast.jobs import Expansion, Jobs
from forecast.ledger import Ledger
from forecast.running.logbook import Logbook
from forecast.running.manifests import make_folder
from forecast.running.outcome import FAILED, GOOD, How, Outcome
from forecast.running.ping import TIMEOUT, ping
from forecast.running.remote import on_cluster
from forecast.running.runner import Runner, Watchdog
from forecast.running.summary import label, read_summary, summary, write_summary
from forecast.shards import Shard
from forecast.version import VERSION
from forecast.writing import lock, write_atomic

#: Seconds that a ping may take once a signal has come.
_HURRY = 2.0


@dataclass(frozen=True)
class Choices:
    """What one run is told on its command line. None: as the file of jobs has it."""

    processes: int | None = None
    max_failures: int | str | None = None
    max_runtime: str | None = None
    as_of: str | None = None
    force: bool = False
    log_file: Path | None = None
    log_format: str = "text"
    shard: Shard | None = None
    dask: str | None = None


def how_of(jobs: Jobs, choices: Choices) -> How:
    """What holds for every unit of a run that begins now."""
    limit = choices.max_runtime or jobs.run.max_runtime
    return How(
        state=jobs.state,
        now=_now(),
        ledger=jobs.ledger,
        keep=jobs.run.keep,
        as_of=choices.as_of,
        force=choices.force,
        deadline=None if limit is None else time.time() + seconds_in(limit),
    )


def run_jobs(
    jobs: Jobs,
    expansion: Expansion,
    choices: Choices,
    *,
    signal_number: Callable[[], int | None] = lambda: None,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """The summary of a run, with its exit_code, once it is written.

    Raises LockedError where another run has the same state, OutputError where state, ledger, log or summary cannot be
    written, before any work where that can be known; and what ended the run itself, rather than one unit of it.
    """
    how, run_id, begun = how_of(jobs, choices), secrets.token_hex(6), time.monotonic()
    make_folder(jobs.state)
    shard = choices.shard
    with lock(jobs.state / f"run{label(shard)}"):
        log = Logbook(choices.log_file, run_id, choices.log_format)
        log.note(how.now, "info", "begun", jobs=str(jobs.path), version=VERSION, units=len(expansion.units))
        if how.ledger is not None:
            Ledger.open(how.ledger)
        before = read_summary(jobs.state, shard)
        say = _Once(warn, log)

        def noted(outcome: Outcome) -> None:
            outcome = _with_crash(outcome, jobs.state, say)
            say.log(_level(outcome), outcome.status, **_details(outcome))
            on_outcome(outcome)

        runner = Runner(
            expansion,
            how,
            signal_number=signal_number,
            max_failures=choices.max_failures if choices.max_failures is not None else jobs.run.max_failures,
            on_outcome=noted,
            share_out=None if choices.dask is None else on_cluster(jobs, choices.dask),
            label=label(shard),
        )

        def finish() -> dict[str, Any]:
            values = summary(
                run_id,
                jobs,
                runner.outcomes.values(),
                started=how.now,
                finished=_now(),
                seconds=time.monotonic() - begun,
                code=runner.code,
                as_of=how.as_of,
                shard=shard,
                before=before,
            )
            write_summary(jobs.state, values, shard)
            return values

        say.warn(ping(jobs.run.ping, "start"))
        with Watchdog(signal_number, finish):
            try:
                runner.run(choices.processes or jobs.run.jobs)
            finally:
                values = finish()
        _keep_books(jobs, how, values, say)
        say.log("info", "ended", code=values["exit_code"], seconds=values["seconds"])
        hurry = _HURRY if signal_number() is not None else TIMEOUT
        say.warn(ping(jobs.run.ping, "fail" if values["exit_code"] else "", timeout=hurry))
        if (failure := runner.ending.failure) is not None:
            raise failure
    return values


class _Once:
    """Warnings and lines of the log, which must not end a run that has begun: a log that fails is told of once."""

    def __init__(self, warn: Callable[[str], None], log: Logbook) -> None:
        self._warn, self._log, self._failed = warn, log, False

    def warn(self, text: str | None) -> None:
        if text is not None:
            self._warn(text)
            self.log("warning", "warning", text=text)

    def log(self, level: str, event: str, **details: Any) -> None:
        try:
            self._log.note(_now(), level, event, **details)
        except OutputError as error:
            if not self._failed:
                self._failed = True
                self._warn(error.message)


def _keep_books(jobs: Jobs, how: How, values: dict[str, Any], say: _Once) -> None:
    """Notes the run in the ledger, and lets go of what is older than is to be kept."""
    if how.ledger is None:
        return
    ledger = Ledger.open(how.ledger)
    told = {key: values[key] for key in ("counts", "failures", "seconds", "as_of", "version", "jobs_file")}
    ledger.note_run(values["run_id"], started=how.now, ended=values["finished"], code=values["exit_code"], summary=told)
    if jobs.run.retention is not None:
        oldest = datetime.now(timezone.utc).replace(tzinfo=None)
        gone = ledger.prune(np.datetime64(oldest, "us") - np.timedelta64(int(seconds_in(jobs.run.retention)), "s"))
        say.log("info", "pruned", forecasts=gone or None)


def _with_crash(outcome: Outcome, state: Path, say: _Once) -> Outcome:
    """The outcome of a bug with where its trace was written; any other as it is."""
    if outcome.trace is None:
        return outcome
    path = state / "crashes" / f"{outcome.unit.replace('/', '-')}.txt"
    try:
        make_folder(path.parent)
        write_atomic(path, outcome.trace.encode())
    except OutputError as error:
        say.warn(error.message)
        return outcome
    return replace(outcome, sentences=(*outcome.sentences, f"hint: the trace is in {path}"))


def _level(outcome: Outcome) -> str:
    if outcome.status in GOOD:
        return "info"
    return "error" if outcome.status == FAILED else "warning"


def _details(outcome: Outcome) -> dict[str, Any]:
    names = "unit", "code", "sentences", "source", "cutoff", "trained", "contest", "retries", "seconds"
    return {name: getattr(outcome, name) or None for name in names}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
