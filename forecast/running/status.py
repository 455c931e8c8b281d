"""status: how each unit of a file of jobs stands: when it last went well, from what, and whether a night was missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from forecast.durations import in_words, seconds_in
from forecast.jobs import Jobs, expand
from forecast.running.manifests import read_manifest
from forecast.running.outcome import FAILED, GATE, GOOD, NOT_BEGUN, WRITTEN
from forecast.running.summary import last_outcomes


@dataclass(frozen=True)
class Standing:
    """One unit: its last outcome, when a forecast of it was last in order (ISO, UTC), and what that was made from.

    missed says why it needs somebody, in words; None where it needs nobody.
    """

    unit: str
    status: str | None
    last_success: str | None
    age_seconds: float | None
    cutoff: str | None
    source: str | None
    trained_until: str | None
    sentences: tuple[str, ...]
    missed: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def standings(jobs: Jobs, now: datetime, max_age: str | None = None) -> tuple[Standing, ...]:
    """How each unit stands that there is now, in the order of the file, and each job without one.

    Without max_age only what went wrong counts as missed.
    """
    last = last_outcomes(jobs.state)
    expansion = expand(jobs)
    names = [unit.name for unit in expansion.units] + list(expansion.failures)
    return tuple(_standing(jobs, name, last.get(name, {}), now, max_age) for name in names)


def _standing(jobs: Jobs, name: str, outcome: Mapping[str, Any], now: datetime, max_age: str | None) -> Standing:
    manifest = read_manifest(jobs.state, name) or {}
    status = outcome.get("status")
    # After a run that was killed there are manifests that no summary knows of.
    times = [manifest.get("written")] + ([outcome.get("at")] if status in WRITTEN else [])
    last = max((time for time in times if time), default=None)
    age = None if last is None else (now - datetime.fromisoformat(last)).total_seconds()
    newer = bool(manifest) and str(manifest.get("written")) > str(outcome.get("at", ""))
    if newer:
        status = manifest.get("status")
    known = manifest if manifest else outcome
    return Standing(
        unit=name,
        status=status,
        last_success=last,
        age_seconds=None if age is None else round(age),
        cutoff=known.get("cutoff"),
        source=known.get("source"),
        trained_until=known.get("trained_until"),
        sentences=() if newer else tuple(outcome.get("sentences", ())),
        missed=_missed(status, age, max_age),
    )


def _missed(status: str | None, age: float | None, max_age: str | None) -> str | None:
    if status in (FAILED, GATE):
        return "the last run failed" if status == FAILED else "a gate was not met"
    if status not in (None, NOT_BEGUN, *GOOD):
        return "something stood in for the model" if status in WRITTEN else "the last run was stopped"
    if status == NOT_BEGUN:
        return "the last run did not come to it"
    if max_age is not None and (age is None or age > seconds_in(max_age)):
        return "it never went well" if age is None else f"the last success was {in_words(age)} ago"
    return None
