"""The summary of a run: what came of each unit, with digests, versions and the exit code, as one JSON file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from forecast.jobs import Jobs
from forecast.running.outcome import FAILED, GATE, NOT_BEGUN, STATUSES, Outcome
from forecast.version import VERSION
from forecast.writing import write_atomic

FORMAT = 1


def summary_path(state: Path) -> Path:
    """Where it lies."""
    return state / "summary.json"


def read_summary(state: Path) -> dict[str, Any] | None:
    """That of the last run; None where there is none that is whole."""
    try:
        found = json.loads(summary_path(state).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def summary(
    run_id: str,
    jobs: Jobs,
    outcomes: Iterable[Outcome],
    *,
    started: str,
    finished: str,
    seconds: float,
    code: int,
    as_of: str | None = None,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The summary as plain values. Units that this run left out stay as the one before had them, with its time."""
    outcomes = list(outcomes)
    counts = Counter(outcome.status for outcome in outcomes)
    kept = dict((before or {}).get("units", {}))
    for outcome in outcomes:
        if outcome.status != NOT_BEGUN or outcome.unit not in kept:
            kept[outcome.unit] = {"run_id": run_id, "at": finished, **outcome.to_dict()}
    return {
        "format": FORMAT,
        "run_id": run_id,
        "version": VERSION,
        "jobs_file": str(jobs.path),
        "started": started,
        "finished": finished,
        "seconds": round(seconds, 3),
        "as_of": as_of,
        "exit_code": code,
        "counts": {status: counts[status] for status in STATUSES},
        "failures": [o.unit for o in outcomes if o.status in (FAILED, GATE)],
        "units": kept,
    }


def write_summary(state: Path, values: Mapping[str, Any]) -> None:
    """Writes it as a whole, or leaves the one before."""
    text = json.dumps(values, ensure_ascii=False, indent=1)
    write_atomic(summary_path(state), f"{text}\n".encode())
