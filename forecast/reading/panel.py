"""read_panel: a file becomes a Panel, through text, columns, types, repeats and gaps, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forecast.calendars import Calendar, describe, first_off_calendar, grid, infer_calendar
from forecast.config import DataConfig, ReadConfig
from forecast.errors import DataError
from forecast.panel import Known, Panel, Series, Timestamps
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, named, shown
from forecast.reading.repeats import without_repeats
from forecast.reading.rows import Rows, read_rows
from forecast.reading.tables import read_table
from forecast.timeformat import format_times

#: A series with fewer values than this has no step to learn from.
LEAST_VALUES = 3


def read_panel(
    path: str | Path,
    data: DataConfig | None = None,
    read: ReadConfig | None = None,
    *,
    future_data: str | Path | None = None,
    known: Known | None = None,
) -> Panel:
    """The panel in a CSV, gzipped CSV or Parquet file. Names that are not given are found, and notes say how.

    `known` comes from a saved model: its columns must be there and its calendar must fit. Raises FileProblems, a DataError that lists every cell that is wrong, and DataError where no calendar fits the rows.
    """
    data, read = data or DataConfig(), read or ReadConfig()
    columns = known.columns if known else None
    time, freq, calendar = data.time[0] if data.time else None, data.freq, data.calendar
    table = read_table(str(path), read)
    rows = read_rows(
        table,
        time=time or (columns.time if columns else None),
        targets=data.target or (columns.targets if columns else ()),
        ids=data.id or (columns.ids if columns else None),
        known_pattern=columns.time_format if columns else None,
    )
    rows = _long_enough(table, without_repeats(table, rows))
    if known is None:
        per_item = [rows.timestamps[part] for _, part in rows.parts()]
        try:
            found, evidence = infer_calendar(per_item, freq=freq, calendar=calendar, price_like=_is_price_like(table))
        except DataError as error:
            raise DataError(f"{table.file}: {error.message}", why=error.why, hint=error.hint) from None
    else:
        found, evidence = known.calendar, f"{describe(known.calendar)}: as in the model"
        _check_calendar(table, rows, found)
    series, gaps = _series(rows, found)
    return Panel(series, found, rows.columns, (*rows.chosen, evidence, *rows.found, *gaps))


def _is_price_like(table: Table) -> bool:
    names = {name.casefold() for name in table.names}
    return "close" in names and bool(names & {"open", "high", "low", "volume"})


def _long_enough(table: Table, rows: Rows) -> Rows:
    """The rows of items of which some target has enough values. Raises FileProblems when there is none."""
    most = {item: int((~np.isnan(rows.values[part])).sum(axis=0).max()) for item, part in rows.parts()}
    short = [item for item, count in most.items() if count < LEAST_VALUES]
    if not short:
        return rows
    if len(short) < len(most):
        names = listed(rows.name_of(item) for item in short)
        note = f"{len(short)} series with fewer than {LEAST_VALUES} values are left out: {names}"
        return rows.keep(~np.isin(rows.items, short), note)
    problems = []
    for item in short:
        who = f"the series {shown(rows.name_of(item))}" if rows.columns.ids else "the series"
        has = f"only {most[item]} value{'s' * (most[item] != 1)}" if most[item] else "no value"
        problems.append(Problem("E403", f"{who} has {has}; at least {LEAST_VALUES} are needed"))
    raise FileProblems(table.file, problems)


def _check_calendar(table: Table, rows: Rows, calendar: Calendar) -> None:
    """Raises FileProblems naming the first timestamp of each item that the model's calendar does not have."""
    problems = []
    for _, part in rows.parts():
        off = first_off_calendar(calendar, rows.timestamps[part])
        if off is not None:
            row = int(rows.source[part][np.searchsorted(rows.timestamps[part], off)])
            found = f"{named(rows.columns.time)}: {shown(table.cells[rows.time_at][row])}"
            text = f"{found} is not on the calendar of the model, {describe(calendar)}"
            hint = "predict from rows on the same calendar, or train again"
            problems.append(table.problem("E320", text, row, rows.time_at, hint=hint))
    if problems:
        raise FileProblems(table.file, problems)


def _series(rows: Rows, calendar: Calendar) -> tuple[tuple[Series, ...], list[str]]:
    """Every target of every item on the calendar's grid, from its first value to its last; and notes on gaps.

    A target with too few values in an item is left out, which a note says.
    """
    series: list[Series] = []
    absent, blank, ended, short = [], [], [], []
    grids: dict[tuple[np.datetime64, np.datetime64], Timestamps] = {}
    for item, part in rows.parts():
        for target, column in zip(rows.columns.targets, rows.values[part].T, strict=True):
            name = " / ".join([*rows.item_ids[item], *([target] if len(rows.columns.targets) > 1 else [])])
            observed = np.flatnonzero(~np.isnan(column))
            if len(observed) < LEAST_VALUES:
                short.append(name)
                continue
            kept = slice(observed[0], observed[-1] + 1)
            stamps = rows.timestamps[part][kept]
            ends = stamps[0], stamps[-1]
            if ends not in grids:
                grids[ends] = grid(calendar, *ends)
            values = np.full(len(grids[ends]), np.nan)
            at = np.searchsorted(grids[ends], stamps)
            values[at] = column[kept]
            series.append(Series(rows.item_ids[item], target, grids[ends], values))
            absent.append(np.delete(grids[ends], at))
            blank.append(stamps[np.isnan(column[kept])])
            if observed[-1] + 1 < len(column):
                ended.append((name, len(column) - int(observed[-1]) - 1, ends[1]))
    pattern = rows.columns.time_format
    notes = _missing("absent row", absent, pattern) + _missing("blank cell", blank, pattern)
    if ended:
        name, count, last = ended[0]
        who = f"{len(ended)} series, first {shown(name)}," if len(series) > 1 else "the series"
        end = format_times(np.array([last]), pattern)[0]
        notes.append(
            f"{who} end{'s' * (len(ended) == 1)} with {count} row{'s' * (count != 1)} without a value; "
            f"the last value is of {end}"
        )
    if short:
        notes.append(f"{len(short)} series with fewer than {LEAST_VALUES} values are left out: {listed(short)}")
    return tuple(series), notes


def _missing(what: str, stamps: Sequence[Timestamps], pattern: str) -> list[str]:
    """A note on missing steps of every series, with the first few; none when nothing is missing."""
    places = np.unique(np.concatenate(stamps))
    if not len(places):
        return []
    count, touched = sum(map(len, stamps)), sum(1 for some in stamps if len(some))
    where = f" in {touched} of {len(stamps)} series" if len(stamps) > 1 else ""
    first = ", ".join(format_times(places[:3], pattern)) + (" …" if len(places) > 3 else "")
    counted = f"{count} {what} is" if count == 1 else f"{count} {what}s are"
    return [f"{counted} taken as missing{where}: {first}"]
