"""Reading: all that the reader sees in a file, good or bad, as a value. Nothing in the file makes it raise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forecast.config import DataConfig, ReadConfig
from forecast.panel import Known, Panel
from forecast.reading.panel import read_panel
from forecast.reading.problems import FileProblems, Problem


@dataclass(frozen=True)
class ColumnRole:
    """What one column of a file is taken for, in the order of the file, and why.

    role is time, target, id, past, future, static or "" for a column that is not used; kind is time, number, boolean,
    text or "" for one without a cell; n_missing counts its blank cells and example is the first that is not blank.
    """

    name: str
    role: str
    kind: str
    n_missing: int
    example: str
    why: str = ""


@dataclass(frozen=True)
class Reading:
    """What reading a file found: problems stand in the way of a panel, notes do not. panel is None with problems."""

    file: str
    rows: int = 0
    columns: tuple[ColumnRole, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    panel: Panel | None = None


def inspect_file(
    path: str | Path,
    data: DataConfig | None = None,
    read: ReadConfig | None = None,
    *,
    future_data: str | Path | None = None,
    known: Known | None = None,
) -> Reading:
    """The Reading of a file under the settings that read_panel takes. Settings that mean nothing are a ConfigError."""
    try:
        panel = read_panel(path, data, read, future_data=future_data, known=known)
    except FileProblems as error:
        return Reading(str(path), problems=error.problems)
    return Reading(str(path), notes=panel.notes, panel=panel, rows=panel.n_rows)
