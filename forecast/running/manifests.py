"""Manifests: what a unit's last forecast was made from and by, written last, so that the same is not made twice.

Readers of several outputs trust the manifest: what it names was written as a whole.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from forecast.errors import OutputError
from forecast.jobs import Unit
from forecast.running.outcome import DONE, GATE, UNCHANGED, How, Outcome
from forecast.sources import is_local, parse
from forecast.version import VERSION
from forecast.writing import write_atomic

_CHUNK = 2**20


def manifest_path(state: Path, unit: str, as_of: str | None = None) -> Path:
    """Where a unit's manifest lies; back-runs have their own."""
    suffix = "" if as_of is None else f"@{as_of.replace(':', '')}"
    return state / "manifests" / f"{unit}{suffix}.json"


def read_manifest(state: Path, unit: str, as_of: str | None = None) -> dict[str, Any] | None:
    """What a manifest says; None where there is none, or none that is whole."""
    try:
        found = json.loads(manifest_path(state, unit, as_of).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("unit") == unit else None


def write_manifest(unit: Unit, how: How, outcome: Outcome, inputs: str | None) -> None:
    """The manifest of what was just written, or checked, for a unit."""
    path = manifest_path(how.state, unit.name, how.as_of)
    make_folder(path.parent)
    values = outcome.to_dict() | {
        "written": how.now,
        "version": VERSION,
        "input_digest": inputs,
        "settings_digest": settings_digest(unit),
        "training_digest": training_digest(unit),
        "model_file_digest": file_digest(unit.model),
    }
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, indent=1)
    write_atomic(path, f"{text}\n".encode())


def unchanged(unit: Unit, how: How) -> Outcome | None:
    """The outcome of a unit whose data, model, settings and version are those of the forecast that is there.

    None where something has changed, where it cannot be known before the data are read, or the outputs are not as they
    were. Nothing heavy is imported. Data that have become too old are what they would be in a new forecast: a gate.
    """
    if why_again(unit, how) is not None:
        return None
    found = read_manifest(how.state, unit.name, how.as_of)
    assert found is not None  # or there would be a reason
    return carried_on(found, unit, how)


def why_again(unit: Unit, how: How, inputs: str | None = None) -> str | None:
    """Why a unit is to be done, in words; None where the forecast that is there is what would come of it.

    inputs are the digest of what was read, where it cannot be had from files.
    """
    if how.force:
        return "--force"
    found = read_manifest(how.state, unit.name, how.as_of)
    if found is None:
        return "there is no forecast yet"
    inputs = inputs or input_digest(unit)
    if inputs is None:
        return "whether the data have changed is known once they are read"
    outputs = found.get("outputs", {})
    checks = {
        "something stood in for the model": found.get("status") == DONE,
        "the data have changed": found.get("input_digest") == inputs,
        "the file of jobs has changed": found.get("settings_digest") == settings_digest(unit),
        "the model has changed": found.get("model_file_digest") == file_digest(unit.model) is not None,
        "forecast has another version": found.get("version") == VERSION,
        "an output is gone or has changed": all(
            file_digest(Path(path)) == digest for path, digest in outputs.items() if digest is not None
        ),
    }
    return next((reason for reason, same in checks.items() if not same), None)


def carried_on(manifest: dict[str, Any], unit: Unit, how: How) -> Outcome:
    """The outcome that a manifest stands for when nothing has changed but the time."""
    from forecast.gates import too_old

    names = "source", "cutoff", "until", "model_digest", "data_digest", "trained_until"
    known: dict[str, Any] = {name: manifest.get(name) for name in names}
    outcome = Outcome(unit.name, UNCHANGED, outputs=tuple(manifest["outputs"].items()), **known)
    if outcome.until is not None and how.as_of is None:
        until = datetime.fromisoformat(outcome.until)
        if said := too_old(unit.job.gates, until, datetime.fromisoformat(how.now)):
            return replace(outcome, status=GATE, code=6, sentences=said)
    return outcome


def input_digest(unit: Unit) -> str | None:
    """A sha256 over the bytes of all files that a unit reads; None where one is not there, or is no file."""
    sha = hashlib.sha256()
    for source in filter(None, (unit.data, unit.future_data)):
        own = file_digest(Path(parse(source).address)) if is_local(source) else None
        if own is None:
            return None
        sha.update(f"{own}\n".encode())
    return sha.hexdigest()


def file_digest(path: Path) -> str | None:
    """The sha256 of a file's bytes; None where it cannot be read."""
    sha = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                sha.update(chunk)
    except OSError:
        return None
    return sha.hexdigest()


def settings_digest(unit: Unit) -> str:
    """A sha256 over all that the file of jobs says of a unit."""
    return hashlib.sha256(repr(unit).encode()).hexdigest()


def training_digest(unit: Unit) -> str:
    """A sha256 over what of it decides how the model comes out."""
    config = unit.job.config
    told = replace(config, train=replace(config.train, device="auto", threads=None))
    return hashlib.sha256(repr(told).encode()).hexdigest()


def make_folder(folder: Path) -> None:
    """The folder is there, and those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {(error.strerror or str(error)).lower()}") from error
