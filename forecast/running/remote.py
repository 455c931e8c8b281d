"""Units on other machines: a worker is sent paths, names and digests, and reads the file of jobs itself.

It refuses what was meant for another version or another file of jobs. All machines see the same folders.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from forecast.cluster import is_wanted, place, results_on_cluster
from forecast.errors import LockedError, OutputError
from forecast.jobs import Jobs, Unit, read_jobs
from forecast.running.manifests import file_digest, read_manifest
from forecast.running.outcome import How, Outcome
from forecast.running.runner import ShareOut
from forecast.running.unit import asked_to_stop, attempt
from forecast.version import VERSION

#: Seconds that a worker waits for one that died, or was given up, to let go of what it held.
_PATIENCE = 60.0
#: A unit at a time in a process: random numbers and threads are the process's own.
_ONE = threading.Lock()


def on_cluster(jobs: Jobs, address: str) -> ShareOut:
    """What shares out units of some jobs on the cluster of the scheduler at an address."""

    def share_out(units: Sequence[Unit], how: How, check: Callable[[], None]) -> Generator[tuple[int, Any], None, None]:
        digest = file_digest(jobs.path)
        tasks = [(_errand(jobs, digest, unit, how),) for unit in units]
        return results_on_cluster(address, do_errand, tasks, check=check)

    return share_out


def do_errand(errand: Mapping[str, Any]) -> Outcome:
    """On a worker: what came of a unit. Raises OutputError where it was meant for another version or file of jobs."""
    jobs_file, digest = Path(errand["jobs_file"]), errand["jobs_digest"]
    _require_same(errand["version"], jobs_file, digest)
    jobs = _jobs(jobs_file, digest)
    job = jobs.job(errand["job"])
    unit = Unit(errand["unit"], job, errand["data"] or job.data)
    how = How(
        state=jobs.state,
        now=errand["now"],
        ledger=jobs.ledger,
        keep=jobs.run.keep,
        as_of=errand["as_of"],
        force=errand["force"],
        deadline=errand["deadline"],
        stop_file=Path(errand["stop_file"]),
    )

    def stop() -> bool:
        return asked_to_stop(how) or not is_wanted()

    with _ONE:
        return _done_in_this_run(unit, how) or _attempt(unit, how, stop)


def _errand(jobs: Jobs, digest: str | None, unit: Unit, how: How) -> dict[str, Any]:
    """What a worker has to know: no data, no settings, no addresses of databases."""
    return {
        "version": VERSION,
        "jobs_file": str(jobs.path),
        "jobs_digest": digest,
        "job": unit.job.name,
        "unit": unit.name,
        # The address of a database may hold a password; the file of jobs has it, unless it is a file of a pattern.
        "data": None if unit.data == unit.job.data else unit.data,
        "now": how.now,
        "as_of": how.as_of,
        "force": how.force,
        "deadline": how.deadline,
        "stop_file": str(how.stop_file),
    }


def _require_same(version: str, jobs_file: Path, digest: str | None) -> None:
    """Raises OutputError unless the worker has this version and sees this file of jobs."""
    here = f"the worker {place()} on {platform.node()}"
    if version != VERSION:
        raise OutputError(
            f"{here} has forecast {VERSION}, and this run forecast {version}", hint="the same version on all machines"
        )
    found = file_digest(jobs_file)
    if found is None:
        raise OutputError(f"{here} cannot read {jobs_file}", hint="all machines have to see the same folders")
    if found != digest:
        raise OutputError(
            f"{here} reads {jobs_file} with the sha256 {found}, and this run with {digest}",
            hint="all machines have to see the same folders",
        )


@lru_cache(maxsize=4)
def _jobs(jobs_file: Path, digest: str) -> Jobs:  # noqa: ARG001 - another content, another entry
    return read_jobs(jobs_file)


def _done_in_this_run(unit: Unit, how: How) -> Outcome | None:
    """The outcome that a worker wrote down and could not tell before it died."""
    found = read_manifest(how.state, unit.name, how.as_of)
    if found is None or found.get("written") != how.now:
        return None
    known: dict[str, Any] = {field.name: found[field.name] for field in fields(Outcome) if field.name in found}
    lists = {name: tuple(known[name]) for name in ("sentences", "notes")}
    return Outcome(**{**known, **lists, "outputs": tuple(known["outputs"].items())})


def _attempt(unit: Unit, how: How, stop: Callable[[], bool]) -> Outcome:
    """What came of it, once nobody else is at it any more."""
    until = time.monotonic() + _PATIENCE
    while True:
        outcome = attempt(unit, how, stop)
        if outcome.code != LockedError.exit_code or time.monotonic() > until or stop():
            return outcome
        time.sleep(1.0)
