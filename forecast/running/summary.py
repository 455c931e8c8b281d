"""The summary of a run: what came of each unit, with digests, versions and the exit code, as one JSON file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from forecast.jobs import Jobs
from forecast.running.outcome import FAILED, GATE, NOT_BEGUN, STATUSES, Outcome
from forecast.shards import Shard
from forecast.version import VERSION
from forecast.writing import write_atomic

FORMAT = 1


def summary_path(state: Path, shard: Shard | None = None) -> Path:
    """Where it lies; each shard has its own, as several may share a state."""
    return state / f"summary{label(shard)}.json"


def label(shard: Shard | None) -> str:
    """What tells the files of a shard's run from those of others: `.3-of-16`, or nothing."""
    return "" if shard is None else f".{shard.label}"


def read_summary(state: Path, shard: Shard | None = None) -> dict[str, Any] | None:
    """That of the last run, of a shard or of all; None where there is none that is whole."""
    return _read(summary_path(state, shard))


def last_outcomes(state: Path) -> dict[str, dict[str, Any]]:
    """What came last of each unit, by its name, in whichever run of this state, with its time `at`."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(state.glob("summary*.json")):
        for name, outcome in ((_read(path) or {}).get("units", {})).items():
            if str(outcome.get("at", "")) >= str(found.get(name, {}).get("at", "")):
                found[name] = outcome
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())
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
    shard: Shard | None = None,
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
        "shard": None if shard is None else str(shard),
        "exit_code": code,
        "counts": {status: counts[status] for status in STATUSES},
        "failures": [o.unit for o in outcomes if o.status in (FAILED, GATE)],
        "units": kept,
    }


def write_summary(state: Path, values: Mapping[str, Any], shard: Shard | None = None) -> None:
    """Writes it as a whole, or leaves the one before."""
    text = json.dumps(values, ensure_ascii=False, indent=1)
    write_atomic(summary_path(state, shard), f"{text}\n".encode())
