"""Future data: a second table with what is known beyond the end of the first, joined by item and time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecast.calendars import Calendar, describe, first_off_calendar
from forecast.config import ReadConfig
from forecast.panel import Known
from forecast.reading.columns import find_column, in_list
from forecast.reading.dialect import Table
from forecast.reading.problems import WARNINGS, FileProblems, Problem, listed, named, shown, warning
from forecast.reading.repeats import without_repeats
from forecast.reading.roles import Roles
from forecast.reading.rows import Rows, read_rows
from forecast.reading.steps import Steps, steps_of
from forecast.reading.tables import read_table


def with_future(rows: Rows, calendar: Calendar, source: str, read: ReadConfig) -> tuple[Rows, Steps]:
    """The rows with the future covariates that another table has after each item's last value, and their steps.

    Its problems carry its own name. Where it contradicts the history, the history stands.
    """
    table = read_table(source, read)
    known = Known(rows.columns, calendar, rows.covariates)
    more = without_repeats(table, read_rows(table, _roles(table, rows), read, known), read.on_duplicate)
    place = {item: number for number, item in enumerate(rows.item_ids)}
    here = np.array([place.get(item, -1) for item in more.item_ids])
    # An item may have lost its rows on the way: then nothing is forecast for it.
    here[~np.isin(here, rows.items)] = -1
    # The code stays in front, so that a report finds it; which column is what was already said of the data.
    notes = [
        warning(code, f"{table.file}: {text}")
        for code, _, text in (note.partition(" ") for note in (*more.chosen, *more.found))
        if code in WARNINGS
    ]
    if strangers := [more.name_of(item) for item in np.flatnonzero(here < 0).tolist()]:
        text = f"{table.file}: {len(strangers):,} of its items are not in the data and are ignored: {listed(strangers)}"
        notes.append(warning("W326", text))
    more = replace(more, items=here[more.items])
    more = more.take(more.items >= 0)
    joined = _joined(table, rows, more, notes)
    steps = steps_of(joined, calendar)
    if steps is None:
        raise FileProblems(table.file, _off_calendar(table, rows, more, calendar))
    return joined, steps


def _roles(table: Table, rows: Rows) -> Roles:
    """The columns of the second table: time, ids and future covariates under the names that they have in the first."""
    future = [rows.covariates[i].name for i in rows.of_role("future")]
    if not future:
        used = {*rows.columns.time_parts, rows.columns.time, *rows.columns.ids, *rows.columns.targets}
        others = [i for i, name in enumerate(table.names) if name not in used]
        hint = f"name those that the data have too: --future {in_list(table, others)}" if others else None
        raise FileProblems(table.file, [Problem("E344", "nothing tells what to read from this file", hint=hint)])
    time = tuple(find_column(table, name) for name in rows.columns.time_parts or (rows.columns.time,))
    ids = tuple(find_column(table, name) for name in rows.columns.ids)
    return Roles(time, (), ids, tuple((find_column(table, name), "future") for name in future))


def _joined(table: Table, rows: Rows, more: Rows, notes: list[str]) -> Rows:
    """The rows of both, sorted. After the last value of an item the second ones stand, before it the first."""
    columns = rows.of_role("future")
    last = np.full(len(rows.item_ids), np.datetime64("NaT", "us"))
    has_value = ~np.isnan(rows.values).all(axis=1)
    # Sorted by time within an item, so that the last one written is the latest.
    last[rows.items[has_value]] = rows.timestamps[has_value]
    others = np.full((len(more), len(rows.covariates)), np.nan)
    others[:, columns] = more.others
    both = replace(
        rows,
        items=np.concatenate([rows.items, more.items]),
        source=np.concatenate([rows.source, np.full(len(more), -1)]),
        timestamps=np.concatenate([rows.timestamps, more.timestamps]),
        values=np.concatenate([rows.values, np.full((len(more), rows.values.shape[1]), np.nan)]),
        others=np.concatenate([rows.others, others]),
    )
    both = both.take(np.lexsort((both.timestamps, both.items)))
    again = np.flatnonzero((both.items[1:] == both.items[:-1]) & (both.timestamps[1:] == both.timestamps[:-1])) + 1
    first, second = both.others[again - 1][:, columns], both.others[again][:, columns]
    past = (both.timestamps[again] <= last[both.items[again]])[:, None]
    stands, gives_way = np.where(past, first, second), np.where(past, second, first)
    differ = (~(np.isnan(first) | np.isnan(second)) & (first != second)).any(axis=1)
    if differ.any():
        stamp = both.texts_of(both.timestamps[again[differ]][:1])[0]
        count = int(differ.sum())
        text = f"{table.file}: {count:,} row{'s' * (count != 1)} contradict{'s' * (count == 1)} the data, first at "
        text += f"{stamp}: the data stand for the past, this file for what comes after the last value"
        notes.append(warning("W324", text))
    both.others[np.ix_(again - 1, np.array(columns))] = np.where(np.isnan(stands), gives_way, stands)
    kept = np.ones(len(both), dtype=bool)
    kept[again] = False
    return both.take(kept, *notes)


def _off_calendar(table: Table, rows: Rows, more: Rows, calendar: Calendar) -> list[Problem]:
    """The first timestamp of each item that does not follow on the calendar of the data."""
    problems = []
    begins = dict(zip(rows.items[rows.starts].tolist(), rows.timestamps[rows.starts], strict=True))
    for item, part in more.parts():
        stamps = np.unique(np.append(more.timestamps[part], begins[item]))
        off = first_off_calendar(calendar, stamps)
        if off is not None:
            row = int(more.source[part][min(np.searchsorted(more.timestamps[part], off), part.stop - part.start - 1)])
            text = f"{named(more.columns.time)}: {shown(more.texts_of(np.array([off]))[0])} is not on the calendar of "
            text += f"the data, {describe(calendar)}"
            hint = "give the rows that follow the last ones of the data, step by step"
            problems.append(table.problem("E320", text, row, more.roles.time[0], hint=hint))
    return problems
