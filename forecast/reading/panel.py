"""read_panel: a table becomes a Panel, through shape, roles, types, repeats, calendar and gaps, in that order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecast.calendars import Calendar, describe, first_off_calendar, infer_calendar
from forecast.config import DataConfig, ReadConfig, check_task
from forecast.errors import DataError
from forecast.panel import Known, Panel
from forecast.reading.dialect import Table
from forecast.reading.frequencies import check_frequencies, columns_of, name_frequencies
from forecast.reading.future import with_future
from forecast.reading.gaps import check_extent, gap_notes
from forecast.reading.history import check_covariates, until
from forecast.reading.problems import FileProblems, Problem, listed, named, shown, warning
from forecast.reading.repeats import without_repeats
from forecast.reading.roles import Roles, find_roles
from forecast.reading.rows import Rows, read_rows
from forecast.reading.series import LEAST_VALUES, build_series
from forecast.reading.shapes import LongTable, long_form
from forecast.reading.steps import Steps, steps_of
from forecast.reading.tables import read_table

#: A calendar that so many different time columns follow is tried on all of them before all are looked at.
_MOST_LOOKED_AT = 500

#: Takes how much of the work is done, from 0 to 1, and what is being done.
OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class Settings:
    """What decides how a table becomes a panel, as read_panel takes it."""

    data: DataConfig
    read: ReadConfig
    future_data: str | None = None
    known: Known | None = None
    task: str = "regression"


def _silent(_share: float, _what: str) -> None:
    """Tells nobody."""


def _nobody(_table: Table, _roles: Roles) -> None:
    """Tells nobody."""


def read_panel(
    path: str | Path,
    data: DataConfig | None = None,
    read: ReadConfig | None = None,
    *,
    task: str = "regression",
    future_data: str | Path | None = None,
    known: Known | None = None,
    on_progress: OnProgress | None = None,
) -> Panel:
    """The panel in a file or database. Names that are not given are found, and notes say how.

    With the task `binary` or `class` the target holds states: yes and no, or names.
    `known` comes from a saved model: its columns must be there and its calendar must fit. `future_data` holds the
    future covariates after the end of the data. Raises FileProblems, a DataError that lists everything that is wrong.
    """
    settings = Settings(
        data or DataConfig(), read or ReadConfig(), None if future_data is None else str(future_data), known, task
    )
    progress = on_progress or _silent
    progress(0.0, "reading")
    # No name here holds on to the table, so that its text is gone once it has become numbers.
    return panel_of(read_table(str(path), settings.read), settings, progress)


def panel_of(
    table: Table, settings: Settings, progress: OnProgress = _silent, on_roles: Callable[[Table, Roles], None] = _nobody
) -> Panel:
    """The panel in a table; on_roles is told what the columns are, as soon as it is known and when the ids are too."""
    data, read, known = settings.data, settings.read, settings.known
    check_task(settings.task)
    table = long_form(table, data, known)
    progress(0.3, "times and numbers")
    roles = find_roles(table, data, read, known, table.ids if isinstance(table, LongTable) else (), settings.task)
    on_roles(table, roles)
    rows = read_rows(table, roles, read, known, settings.task)
    on_roles(table, rows.roles)
    rows = until(table, rows, read.as_of)
    rows = without_repeats(table, rows, read.on_duplicate)
    rows = check_covariates(table, rows)
    # The cells have become numbers: half of the memory is free again.
    table = replace(table, cells=())
    rows = _long_enough(table, rows)
    progress(0.6, "calendar")
    calendar, evidence, steps = _calendar(table, rows, settings)
    if settings.future_data is not None:
        rows, steps = with_future(rows, calendar, settings.future_data, read)
    assert steps is not None  # every row has been found on the calendar
    check_extent(table.file, rows, steps, read.max_missing)
    built = build_series(rows, steps, lambda share: progress(0.7 + 0.3 * share, "series"))
    gaps = gap_notes(table.file, rows, steps, built, calendar, read.max_missing)
    notes = (*rows.chosen, evidence, *rows.found, *gaps)
    progress(1.0, "series")
    return Panel(tuple(built.series), calendar, rows.columns, notes, rows.covariates, rows.states)


def _calendar(table: Table, rows: Rows, settings: Settings) -> tuple[Calendar, str, Steps | None]:
    """The calendar of the model or of the rows, what speaks for it, and the step of every row where they are known."""
    if settings.known is not None:
        calendar = settings.known.calendar
        steps = steps_of(rows, calendar)
        if steps is None:
            _check_calendar(table, rows, calendar)
        return calendar, f"{describe(calendar)}: as in the model", steps
    freq, asked = settings.data.freq, settings.data.calendar
    try:
        calendar, evidence, steps = _inferred(rows, freq, asked, _is_price_like(table))
    except DataError as error:
        if freq is None and asked is None:
            name_frequencies(table.file, rows)
        raise FileProblems(table.file, [Problem("E406", error.message, hint=error.hint)]) from None
    if freq is None and asked is None:
        check_frequencies(table.file, rows, steps, calendar)
    return calendar, evidence, steps


def _inferred(rows: Rows, freq: str | None, calendar: str | None, price_like: bool) -> tuple[Calendar, str, Steps]:
    """The calendar that all rows are on, learnt from a part of the items where that is enough."""
    columns = columns_of(rows)
    some = columns[:: -(-len(columns) // _MOST_LOOKED_AT)]
    for chosen in [some, columns] if len(some) < len(columns) else [columns]:
        found, evidence = infer_calendar(chosen, freq=freq, calendar=calendar, price_like=price_like)
        if (steps := steps_of(rows, found)) is not None:
            return found, evidence, steps
    raise DataError(f"some row is not on the calendar of the others, {describe(found)}", hint="--freq D")


def _is_price_like(table: Table) -> bool:
    names = {name.casefold() for name in table.names}
    return "close" in names and bool(names & {"open", "high", "low", "volume"})


def _long_enough(table: Table, rows: Rows) -> Rows:
    """The rows of items of which some target has enough values. Raises FileProblems when there is none."""
    starts = rows.starts
    counts = np.add.reduceat(~np.isnan(rows.values), starts, axis=0, dtype=np.int64).max(axis=1)
    items = rows.items[starts]
    few = counts < LEAST_VALUES
    if not few.any():
        return rows
    if not few.all():
        names = listed(rows.name_of(item) for item in items[few].tolist())
        note = f"{int(few.sum()):,} series with fewer than {LEAST_VALUES} values are left out: {names}"
        return rows.take(~np.isin(rows.items, items[few]), warning("W403", note))
    problems = []
    for item, count in zip(items.tolist(), counts.tolist(), strict=True):
        who = f"the series {shown(rows.name_of(item))}" if rows.columns.ids else "the series"
        has = f"only {count} value{'s' * (count != 1)}" if count else "no value"
        problems.append(Problem("E403", f"{who} has {has}; at least {LEAST_VALUES} are needed"))
    raise FileProblems(table.file, problems)


def _check_calendar(table: Table, rows: Rows, calendar: Calendar) -> None:
    """Raises FileProblems naming the first timestamp of each item that the model's calendar does not have."""
    problems = []
    for _, part in rows.parts():
        off = first_off_calendar(calendar, rows.timestamps[part])
        if off is not None:
            row = int(rows.source[part][np.searchsorted(rows.timestamps[part], off)])
            found = f"{named(rows.columns.time)}: {shown(rows.texts_of(np.array([off]))[0])}"
            text = f"{found} is not on the calendar of the model, {describe(calendar)}"
            hint = "predict from rows on the same calendar, or train again"
            problems.append(table.problem("E320", text, row, rows.roles.time[0], hint=hint))
    if problems:
        raise FileProblems(table.file, problems)
