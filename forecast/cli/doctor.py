"""`forecast doctor`: what this machine has that forecast needs, and what it lacks. Changes nothing."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from forecast.cli.display import Screen, document
from forecast.cli.options import Json
from forecast.version import VERSION

#: Optional parts: what each is for, the module it needs, and how it is installed.
_PARTS = (
    ("pictures (--plot)", "matplotlib", "pip install 'forecast[plot]'"),
    ("parquet (--format parquet)", "pyarrow", "pip install 'forecast[parquet]'"),
    ("databases, also as ledger", "sqlalchemy", "pip install 'forecast[sql]'"),
    ("clusters (forecast run --dask)", "distributed", "pip install 'forecast[dask]'"),
    ("search (forecast tune)", "optuna", "pip install 'forecast[tune]'"),
)


def doctor(*, json: Json = False) -> None:
    """Show versions, devices and what is missing on this machine.

    Example:
      forecast doctor
    """
    found = examine()
    if json:
        document(found)
        return
    screen = Screen()
    for heading, facts in found.items():
        screen.result(heading)
        for name, fact in facts.items():
            screen.result(f"  {name:<28}{fact}")


def examine() -> dict[str, dict[str, Any]]:
    """Facts by heading, each a text or a number."""
    return {
        "versions": {"forecast": VERSION, "python": platform.python_version(), "system": platform.platform()}
        | {name: _version(name) for name in _dependencies()},
        "devices": _devices(),
        "folder": {"path": str(Path.cwd()), "writable": _writable(Path.cwd())},
        "optional parts": {
            what: f"installed ({module} {_version(module)})" if find_spec(module) else f"missing; {install}"
            for what, module, install in _PARTS
        },
    }


def _dependencies() -> list[str]:
    """The packages that forecast cannot do without; none where it runs from a folder instead of being installed."""
    try:
        needed = requires("forecast") or []
    except PackageNotFoundError:
        return []
    return [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in needed if ";" not in line]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _devices() -> dict[str, Any]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a broken shared library is an OSError
        return {"torch": f"cannot be imported: {error}"}
    cuda = torch.cuda.is_available()
    return {
        "cpu": f"{len(os.sched_getaffinity(0)) if sys.platform == 'linux' else os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads",
        "cuda": torch.cuda.get_device_name(0) if cuda else "not available",
        "mps": "available" if torch.backends.mps.is_available() else "not available",
    }


def _writable(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return "yes"
    except OSError as error:
        return f"no: {error.strerror}"
