"""Table → typed rows in the order of item and time, or every cell that stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecast.config import ReadConfig
from forecast.panel import Columns, Covariate, Known, Timestamps, Values
from forecast.reading.cells import Cells, Positions
from forecast.reading.covariates import numeric_columns, read_covariates
from forecast.reading.dialect import Table
from forecast.reading.doubts import id_doubts, number_doubts
from forecast.reading.ids import find_ids, grouped
from forecast.reading.marks import decide_decimal, grouped_by_points
from forecast.reading.problems import FileProblems, Problem, named, warning
from forecast.reading.roles import Roles, role_notes
from forecast.reading.sentinels import sentinels
from forecast.reading.states import StateColumn, read_states, require_one
from forecast.reading.times import TimeColumn, read_times, resolve_overlap
from forecast.reading.typed import read_numbers
from forecast.timeformat import format_times

#: Rows that are compared at once: they stay in the cache of the processor.
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Rows:
    """N rows, sorted by item and time: items [N] indexes item_ids, source [N] the rows of the table.

    timestamps [N] datetime64[us], values [N, targets], others [N, covariates] float64. `chosen` notes say what was
    taken for what, `found` notes what was noticed. states are what
    the values count, or () where they are numbers.
    """

    columns: Columns
    roles: Roles
    covariates: tuple[Covariate, ...]
    item_ids: tuple[tuple[str, ...], ...]
    items: Positions
    source: Positions
    timestamps: Timestamps
    values: Values
    others: Values
    chosen: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the rows of each item that has any begin."""
        return np.flatnonzero(np.concatenate([[True], self.items[1:] != self.items[:-1]])[: len(self)])

    def parts(self) -> Iterator[tuple[int, slice]]:
        """Every item that has rows, with the slice of them."""
        starts = self.starts
        ends = [*starts[1:].tolist(), len(self)]
        for item, start, end in zip(self.items[starts].tolist(), starts.tolist(), ends, strict=True):
            yield item, slice(start, end)

    def of_role(self, *roles: str) -> list[int]:
        """The columns of `others` that have one of the roles."""
        return [i for i, covariate in enumerate(self.covariates) if covariate.role in roles]

    def take(self, kept: NDArray[np.bool_] | NDArray[np.int64], *notes: str) -> Rows:
        """The rows under a mask, or at indices, with notes on what became of the others."""
        return replace(
            self,
            items=self.items[kept],
            source=self.source[kept],
            timestamps=self.timestamps[kept],
            values=self.values[kept],
            others=self.others[kept],
            found=(*self.found, *notes),
        )

    def name_of(self, item: int) -> str:
        """What a person calls an item; empty when there are no ids."""
        return " / ".join(self.item_ids[item])

    def texts_of(self, stamps: Timestamps) -> list[str]:
        """Timestamps as the file writes them."""
        return format_times(stamps, self.columns.time_format, self.columns.timezone)


def read_rows(
    table: Table, roles: Roles, read: ReadConfig, known: Known | None = None, task: str = "regression"
) -> Rows:
    """The typed rows of a table, sorted. Raises FileProblems with every cell that is wrong."""
    times = read_times(table, roles.time, read, known=known.columns if known else None)
    covariates = known.covariates if known else ()
    numeric = numeric_columns(table, roles.covariates, read, covariates)
    states = _states(table, roles, task, read, known)
    numeric_targets = () if states else roles.targets
    mark, mark_notes = decide_decimal(table, [*numeric_targets, *numeric], read)
    if known is not None and mark == "." and not read.thousands:
        # A few new rows may leave open what all rows of the training showed.
        read = replace(read, decimal=read.decimal or known.columns.decimal or None)
        mark = read.decimal or mark
    how = replace(read, decimal=mark)
    shows_point = any(table.cells[column].signs.point for column in [*numeric_targets, *numeric])
    shown_mark = mark if mark == "," or shows_point else ""
    if states:
        values, problems, doubts = states.values[:, None], list(states.problems), list(states.found)
    else:
        values, problems, doubts = _targets(table, roles.targets, how)
    others = read_covariates(table, roles.covariates, how, covariates)
    points = [problem for column in [*numeric_targets, *numeric] for problem in grouped_by_points(table, column, read)]
    if problems := [*times.problems, *problems, *others.problems, *points]:
        # A date that stands for many rows is one cell all the same.
        places = {(problem.code, problem.line, problem.column): problem for problem in reversed(problems)}
        raise FileProblems(table.file, places.values())
    id_at = find_ids(table, times.timestamps, taken=roles.taken) if roles.ids is None else roles.ids
    item_ids, items = _items(table, id_at)
    times = resolve_overlap(times, items, table, roles.time)
    if times.problems:
        raise FileProblems(table.file, times.problems)
    why = roles.why | {i: roles.why.get(i, "it tells repeated times apart") for i in id_at}
    rows = Rows(
        _columns(table, roles, id_at, times, shown_mark),
        replace(roles, ids=id_at, why=why),
        others.covariates,
        item_ids,
        items,
        np.arange(len(table), dtype=np.int32),
        times.timestamps,
        values,
        others.values,
        (
            *role_notes(table, roles, id_at),
            *(states.chosen if states else ()),
            *table.notes,
            *times.notes,
            *mark_notes,
            *others.notes,
        ),
        (*doubts, *id_doubts(item_ids)),
        states.states if states else (),
    )
    # Only the rows hold the arrays from here on: sorting makes new ones, one after the other.
    del times, values, others, items
    return _sorted(rows)


def _states(table: Table, roles: Roles, task: str, read: ReadConfig, known: Known | None) -> StateColumn | None:
    """The states of the target; None where it is one of numbers, or there is none, as in future data."""
    if not roles.targets or not (known.states if known else task != "regression"):
        return None
    require_one([table.names[column] for column in roles.targets])
    return read_states(table, roles.targets[0], task, read, known.states if known else ())


def _targets(table: Table, columns: Sequence[int], how: ReadConfig) -> tuple[Values, list[Problem], list[str]]:
    """The numbers in the target columns [N, targets], what is wrong with them, and what is doubtful."""
    each: list[Values] = []
    problems: list[Problem] = []
    notes: list[str] = []
    for column in columns:
        values, wrong = read_numbers(table, column, how)
        each.append(values)
        problems += wrong
        notes += number_doubts(table, column, values)
        notes += [_sentinel(table.names[column], *found) for found in sentinels(values)]
    # One column is a matrix as it is.
    matrix = each[0][:, None] if len(each) == 1 else np.stack(each, axis=1) if each else np.empty((len(table), 0))
    return matrix, problems, notes


def _sentinel(name: str, number: float, count: int) -> str:
    text = f"{named(name)}: {number:.15g} is there {count:,} times, far from all other values, and seems to mark a "
    return warning("W205", f"{text}missing one: --na {number:.15g}")


def _columns(table: Table, roles: Roles, id_at: Sequence[int], times: TimeColumn, mark: str) -> Columns:
    return Columns(
        time=" ".join(table.names[i] for i in roles.time),
        targets=tuple(table.names[i] for i in roles.targets),
        ids=tuple(table.names[i] for i in id_at),
        time_format=times.pattern,
        time_parts=tuple(table.names[i] for i in roles.time) if len(roles.time) > 1 else (),
        timezone=times.timezone,
        decimal=mark,
    )


def _items(table: Table, id_at: Sequence[int]) -> tuple[tuple[tuple[str, ...], ...], Positions]:
    """The ids in sorted order, so that the order of rows changes nothing, and the index of each row's [N]."""
    if not id_at:
        return ((),), np.zeros(len(table), dtype=np.int32)
    texts, codes = zip(*(_in_order(table.cells[column]) for column in id_at), strict=True)
    if len(id_at) == 1:
        return tuple((text,) for text in texts[0]), codes[0]
    items = grouped(codes, len(table))
    first = np.zeros(int(items.max()) + 1, dtype=np.int64)
    first[items[::-1]] = np.arange(len(table))[::-1]
    return tuple(
        zip(
            *([text[code] for code in part[first].tolist()] for text, part in zip(texts, codes, strict=True)),
            strict=True,
        )
    ), items


def _in_order(cells: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct texts in sorted order, and the index of each row's [N]."""
    texts, which = Cells.of(cells).distinct()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    if order == list(range(len(texts))):
        return texts, which
    rank = np.empty(len(texts), dtype=which.dtype)
    rank[order] = np.arange(len(texts))
    return [texts[i] for i in order], rank[which]


def _sorted(rows: Rows) -> Rows:
    """The rows in the order of item and time, those of one item and time in the order of the file."""
    if all(_is_sorted(rows, at, at + _CHUNK) for at in range(0, len(rows), _CHUNK)):
        return rows
    order = np.lexsort((rows.timestamps, rows.items))
    if np.array_equal(order, np.argsort(rows.items, kind="stable")):
        return rows.take(order)
    return rows.take(order, warning("W302", "the rows were not in the order of time and have been sorted"))


def _is_sorted(rows: Rows, begin: int, end: int) -> bool:
    """Whether no row from one to another, both included, comes too late."""
    items, stamps = rows.items[begin : end + 1], rows.timestamps[begin : end + 1]
    next_item = items[1:] > items[:-1]
    return bool((next_item | ((items[1:] == items[:-1]) & (stamps[1:] >= stamps[:-1]))).all())
