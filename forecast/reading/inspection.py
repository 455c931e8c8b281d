"""Reading: all that the reader sees in a file, good or bad, as a value. Nothing in the file makes it raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecast.config import DataConfig, ReadConfig
from forecast.panel import Known, Panel
from forecast.reading.cells import Cells
from forecast.reading.columns import holds_times
from forecast.reading.dialect import Table
from forecast.reading.panel import Settings, panel_of
from forecast.reading.problems import FileProblems, Problem
from forecast.reading.roles import Roles
from forecast.reading.tables import read_table
from forecast.reading.typed import MISSING, looks_boolean, looks_numeric, sample


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
    task: str = "regression",
) -> Reading:
    """The Reading of a file under the settings that read_panel takes. Settings that mean nothing are a ConfigError."""
    future = None if future_data is None else str(future_data)
    settings = Settings(data or DataConfig(), read or ReadConfig(), future, known, task)
    try:
        table = read_table(str(path), settings.read)
    except FileProblems as error:
        return Reading(str(path), problems=error.problems)
    missing = MISSING | set(settings.read.na)
    seen = Reading(table.file, len(table), _columns(table, None, missing), notes=table.notes)

    def on_roles(table: Table, roles: Roles) -> None:
        nonlocal seen
        seen = replace(seen, rows=len(table), columns=_columns(table, roles, missing), notes=table.notes)

    try:
        panel = panel_of(table, settings, on_roles=on_roles)
    except FileProblems as error:
        return replace(seen, problems=error.problems)
    return replace(seen, notes=panel.notes, panel=panel)


def _columns(table: Table, roles: Roles | None, missing: frozenset[str]) -> tuple[ColumnRole, ...]:
    found = {}
    if roles is not None:
        found = dict.fromkeys(roles.time, "time") | dict.fromkeys(roles.targets, "target")
        found |= dict.fromkeys(roles.ids or (), "id") | dict(roles.covariates)
    return tuple(
        ColumnRole(
            name,
            found.get(i, ""),
            "time" if found.get(i) == "time" else _kind(table, i),
            _n_missing(table.cells[i], missing),
            next(iter(sample(table.cells[i])), ""),
            roles.why.get(i, "") if roles else "",
        )
        for i, name in enumerate(table.names)
    )


def _kind(table: Table, column: int) -> str:
    cells = table.cells[column]
    if not sample(cells):
        return ""
    if holds_times(table, column):
        return "time"
    if looks_boolean(cells):
        return "boolean"
    return "number" if looks_numeric(cells) else "text"


def _n_missing(cells: Sequence[str], missing: frozenset[str]) -> int:
    # Only short cells can be missing: the long ones need not be looked at.
    cells = Cells.of(cells)
    short = np.flatnonzero(cells.lengths() <= max(len(word.encode()) for word in missing))
    texts, which = cells.take(short).distinct()
    gone = [i for i, text in enumerate(texts) if text.strip(" ") in missing]
    return int(np.isin(which, gone).sum())
