"""Roles: which column of a table is the time, a target, an id, a covariate, or none of these; and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from forecast.config import DataConfig, ReadConfig
from forecast.panel import Known
from forecast.reading.columns import failure, find_column, find_target, find_time, has_repeats, holds_times
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, named, shown
from forecast.reading.states import find_state_target
from forecast.reading.timeparts import time_parts
from forecast.reading.times import time_pattern
from forecast.timeformat import parse_times

_NAMED, _AS_IN_THE_MODEL = "named", "as in the model"


@dataclass(frozen=True)
class Roles:
    """Indices of the table's columns. ids of None are those that will tell repeated times apart.

    covariates are in the order past, future, static, each with its role; why holds a reason for every column that has
    a role.
    """

    time: tuple[int, ...]
    targets: tuple[int, ...]
    ids: tuple[int, ...] | None
    covariates: tuple[tuple[int, str], ...] = ()
    why: dict[int, str] = field(default_factory=dict)

    @property
    def taken(self) -> set[int]:
        """Every column that has a role."""
        return {*self.time, *self.targets, *(self.ids or ()), *(column for column, _ in self.covariates)}


def find_roles(
    table: Table,
    data: DataConfig,
    read: ReadConfig,
    known: Known | None = None,
    ids: tuple[str, ...] = (),
    task: str = "regression",
) -> Roles:
    """The role of every column: as named, as in a saved model, or as the file itself shows.

    ids are the columns that the shape of the file makes the ids. Raises FileProblems with every name that does not
    exist, for a column with two roles, and where the file does not show which column is the time or the target.
    """
    names, reason = _names(data, known, ids)
    found = _found(table, names)
    why = {column: reason[role] for role, columns in found.items() for column in columns}
    _check(table, found)
    others = {column for columns in found.values() for column in columns}
    time = found["time"] or _time(table, others, read)
    _check_header(table, time)
    why |= dict.fromkeys(time, why.get(time[0], "it holds the times"))
    targets = found["target"]
    if not targets:
        taken = {*time, *others}
        numbers = task == "regression"
        column = find_target(table, read, taken=taken) if numbers else find_state_target(table, task, read, taken=taken)
        targets = (column,)
        why[column] = ("it holds numbers" if numbers else "it holds states") if table.names[column] else ""
    _check(table, found | {"time": time, "target": targets})
    covariates = tuple((column, role) for role in ("past", "future", "static") for column in found[role])
    return Roles(time, targets, found["id"] if found["id"] or known else None, covariates, why)


def _time(table: Table, taken: set[int], read: ReadConfig) -> tuple[int, ...]:
    """The column of the times, or those that they are spread over where no column holds times without repeats."""
    parts = time_parts(table, taken)
    try:
        column = find_time(table, read, taken=taken)
    except FileProblems:
        if parts:
            return parts
        raise
    return parts if column in parts and (has_repeats(table, column) or not holds_times(table, column)) else (column,)


def _names(
    data: DataConfig, known: Known | None, ids: tuple[str, ...]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The names that each role has been given, and by whom."""
    given = {
        "time": data.time,
        "target": data.target,
        "id": data.id,
        "past": data.past,
        "future": data.future,
        "static": data.static,
    }
    if known is None:
        names = given | {"id": data.id or ids}
        return names, dict.fromkeys(given, _NAMED)
    columns = known.columns
    stored = {
        "time": columns.time_parts or (columns.time,),
        "target": columns.targets,
        "id": columns.ids,
        **{
            role: tuple(covariate.name for covariate in known.covariates if covariate.role == role)
            for role in ("past", "future", "static")
        },
    }
    names = {role: given[role] or stored[role] for role in given}
    return names, {role: _NAMED if given[role] else _AS_IN_THE_MODEL for role in given}


def _found(table: Table, names: dict[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    """The column of each name. Raises FileProblems with all that are not there once."""
    problems: list[Problem] = []
    found = {}
    for role, wanted in names.items():
        columns = []
        for name in wanted:
            try:
                columns.append(find_column(table, name))
            except FileProblems as error:
                problems += error.problems
        found[role] = tuple(columns)
    if problems:
        raise FileProblems(table.file, dict.fromkeys(problems))
    return found


def _check(table: Table, found: dict[str, tuple[int, ...]]) -> None:
    """Raises FileProblems when one column has two roles."""
    seen: dict[int, str] = {}
    for role, columns in found.items():
        for column in columns:
            if column in seen:
                what = f"{named(table.names[column])} cannot be {_called(seen[column])} and {_called(role)} at once"
                if seen[column] == role:
                    what = f"{named(table.names[column])} is named twice as {_called(role)}"
                hint = "give every column one role: --time, --target, --id, --past, --future, --static"
                raise failure(table, "E305", what, hint, column)
            seen[column] = role


def _check_header(table: Table, time: tuple[int, ...]) -> None:
    """Raises FileProblems where the name of the time column is a time itself: then the header is a row."""
    name = table.names[time[0]]
    pattern = time_pattern(table.cells[time[0]]) if len(time) == 1 else ""
    if pattern and not np.isnat(parse_times([name.strip(" ")], pattern)[0]):
        text = f"the first line holds data and no names: {shown(name)} is a timestamp"
        raise failure(table, "E206", text, "the first line must hold the names of the columns", time[0])


def _called(role: str) -> str:
    return f"a {role} covariate" if role in ("past", "future", "static") else role


def role_notes(table: Table, roles: Roles, ids: Sequence[int]) -> list[str]:
    """What was taken for what, and which columns are not used."""
    covariates = [
        f"{role} covariates: {listed((table.names[i] for i, is_role in roles.covariates if is_role == role), 10)}"
        for role in dict.fromkeys(role for _, role in roles.covariates)
    ]
    used = {*roles.taken, *ids}
    unused = [name for i, name in enumerate(table.names) if i not in used and name]
    time = " and ".join(named(table.names[i]) for i in roles.time)
    targets = [table.names[i] for i in roles.targets]
    notes = [f"time: {time}", f"target{'s' * (len(targets) > 1)}: {listed(targets, 10)}"]
    notes += [f"ids: {listed(table.names[i] for i in ids)}"] if ids else []
    return [*notes, *covariates, *([f"not used: {listed(unused, 10)}"] if unused else [])]
