"""Units: each job's sources, one by one, as they lie there now; and which of them would write the same file."""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forecast.config import suggest
from forecast.errors import ConfigError, DataError, ForecastError
from forecast.jobs.job import Job, Jobs, Unit
from forecast.policies import NEVER
from forecast.shards import Shard
from forecast.sources import is_local, source_stem


@dataclass(frozen=True)
class Expansion:
    """The units of some jobs in the order of the file, and what is wrong with the others, by their name."""

    units: tuple[Unit, ...]
    failures: Mapping[str, ForecastError] = field(default_factory=dict)


def expand(jobs: Jobs) -> Expansion:
    """The units of all jobs: one for each file of a pattern, in the order of their names.

    A pattern without a file is a failure of its job, and units that would write one file or model are failures all.
    """
    units: list[Unit] = []
    failures: dict[str, ForecastError] = {}
    for job in jobs.jobs:
        if not job.is_pattern:
            units.append(Unit(job.name, job, job.data))
            continue
        found = _files(job)
        if not found:
            failures[job.name] = DataError(
                f"{job.data}: no file matches", hint=f"ls {shlex.quote(str(Path(job.data).parent))}"
            )
        units += found
    clashing = conflicts(units)
    failures |= {name: ConfigError(text) for name, text in clashing.items()}
    return Expansion(tuple(unit for unit in units if unit.name not in clashing), failures)


def only(expansion: Expansion, names: Sequence[str]) -> Expansion:
    """What of an expansion belongs to some jobs or units. Raises ConfigError for a name that is none of them."""
    known = dict.fromkeys([*(unit.job.name for unit in expansion.units), *(unit.name for unit in expansion.units)])
    known |= dict.fromkeys(part for name in expansion.failures for part in (name.split("/")[0], name))
    for name in names:
        if name not in known:
            raise ConfigError(f"--only {name}: there is no such job", hint=suggest(name, known))
    return Expansion(
        tuple(unit for unit in expansion.units if {unit.name, unit.job.name} & set(names)),
        {name: error for name, error in expansion.failures.items() if {name, name.split("/")[0]} & set(names)},
    )


def shared(expansion: Expansion, shard: Shard) -> Expansion:
    """What of an expansion a shard holds: units by their names, and jobs that have none by theirs."""
    return Expansion(
        tuple(unit for unit in expansion.units if shard.holds(unit.name)),
        {name: error for name, error in expansion.failures.items() if shard.holds(name)},
    )


def conflicts(units: Iterable[Unit]) -> dict[str, str]:
    """What is wrong with units that share a name or a target, or write over what is read, by their names."""
    units = list(units)
    found: dict[str, str] = {}
    written: dict[str, list[tuple[str, Unit]]] = {}
    read = {_real(unit.data): unit for unit in units if is_local(unit.data)}
    for unit in units:
        written.setdefault(f"name {unit.name}", []).append(("name", unit))
        for what, target in (("output", unit.output()), ("model", str(unit.model)), ("plot", unit.plot())):
            # A table of a database takes the rows of many.
            if target is None or not is_local(str(target)):
                continue
            written.setdefault(_real(str(target)), []).append((what, unit))
            if (other := read.get(_real(str(target)))) is not None:
                found[unit.name] = (
                    f"[jobs.{unit.job.name}]: {what} {target} would take the place of the data of {other.name}"
                )
    for target, owners in written.items():
        if len(owners) > 1 and not _is_shared(target, owners):
            names = " and ".join(dict.fromkeys(unit.name for _, unit in owners))
            for what, unit in owners:
                text = f"{what} {target.removeprefix('name ')} is that of {names}"
                if len(dict.fromkeys(unit.name for _, unit in owners)) == 1:
                    text = f"{target.removeprefix('name ')} is meant for more than one thing of {unit.name}"
                found.setdefault(unit.name, f"[jobs.{unit.job.name}]: {text}; {{name}} or {{stem}} tells them apart")
    return found


def _files(job: Job) -> list[Unit]:
    """A unit for each file that matches, those left out that the job itself has written."""
    found = glob.glob(job.data, recursive=True)  # noqa: PTH207 - the pattern is absolute
    paths = sorted(path for path in found if Path(path).is_file())
    units = [Unit(f"{job.name}/{source_stem(path)}", job, path) for path in paths]
    own = [_pattern_of(unit.output()) for unit in units] + [_pattern_of(str(unit.model)) for unit in units]
    names = {pattern for pattern in own if pattern is not None}
    ours = re.compile("|".join(sorted(names))) if names else None
    return [unit for unit in units if ours is None or not ours.fullmatch(unit.data)]


def _pattern_of(target: str) -> str | None:
    return ".*".join(map(re.escape, target.split("{cutoff}"))) if is_local(target) else None


def _is_shared(target: str, owners: Sequence[tuple[str, Unit]]) -> bool:
    """Whether it is a model that is there, and that none of the units ever trains again."""
    return all(what == "model" and unit.job.retrain[0].kind == NEVER for what, unit in owners) and Path(target).exists()


def _real(path: str) -> str:
    return os.path.realpath(path)
