"""History: which rows count, and whether the covariates beside them are what they are said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecast.reading.columns import in_list
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, named, shown, warning
from forecast.reading.rows import Rows
from forecast.reading.series import LEAST_VALUES
from forecast.reading.times import parse_moment


def until(table: Table, rows: Rows, as_of: str | None) -> Rows:
    """The rows as they were known at a moment, a whole day where it names no hour: later values do not count.

    Future covariates stay known. Raises FileProblems when nothing is left, ConfigError for a text that is no moment.
    """
    if as_of is None:
        return rows
    late = rows.timestamps > parse_moment(as_of, rows.columns.timezone)
    if not late.any():
        return rows
    if late.all():
        first = rows.texts_of(rows.timestamps.min()[None])[0]
        text = f"no row is as early as {as_of}; the first is of {first}"
        raise FileProblems(
            table.file,
            [Problem("E407", text, hint=f"--as-of {np.datetime_as_string(rows.timestamps.min(), unit='auto')}")],
        )
    values, others = rows.values.copy(), rows.others.copy()
    values[late] = np.nan
    others[np.ix_(np.flatnonzero(late), np.array(rows.of_role("past"), dtype=np.int64))] = np.nan
    future = others[:, rows.of_role("future")]
    kept = ~late | ~np.isnan(future).all(axis=1) if future.shape[1] else ~late
    count = int(late.sum())
    what = "1 row later than" if count == 1 else f"{count:,} rows later than"
    but = ", but for their future covariates" if (kept & late).any() else ""
    note = warning("W408", f"{what} {as_of} {'is' if count == 1 else 'are'} ignored{but}")
    return replace(rows, values=values, others=others).take(kept, note)


def check_covariates(table: Table, rows: Rows) -> Rows:
    """The rows, with notes on blank cells of covariates and on those that are the target in disguise.

    Raises FileProblems where a static covariate changes within an item.
    """
    if not rows.covariates:
        return rows
    _check_static(table, rows)
    notes = []
    dynamic = rows.of_role("past", "future")
    history = ~np.isnan(rows.values).all(axis=1)
    blank = np.isnan(rows.others[history]).sum(axis=0)
    counts = [f"{shown(rows.covariates[i].name)} {int(blank[i]):,}" for i in range(len(blank)) if blank[i]]
    if counts:
        total = int(history.sum())
        notes.append(warning("W323", f"covariates are not known in some of {total:,} rows: {', '.join(counts)}"))
    for number, target in enumerate(rows.columns.targets):
        values = rows.values[:, number]
        for i in dynamic:
            both = ~(np.isnan(values) | np.isnan(rows.others[:, i]))
            if both.sum() >= LEAST_VALUES and np.array_equal(values[both], rows.others[both, i]):
                name = named(rows.covariates[i].name)
                text = f"{name} has the values of the target {shown(target)} in every row"
                notes.append(warning("W325", f"{text}: will it be known when the target is not?"))
    return replace(rows, found=(*rows.found, *notes))


def _check_static(table: Table, rows: Rows) -> None:
    problems = []
    for i in rows.of_role("static"):
        known = np.flatnonzero(~np.isnan(rows.others[:, i]))
        values, items = rows.others[known, i], rows.items[known]
        other = np.flatnonzero((items[1:] == items[:-1]) & (values[1:] != values[:-1]))
        # One change for each item: the rest of the column follows from it.
        _, first = np.unique(items[other], return_index=True)
        for at in other[first].tolist():
            before, row = sorted((int(rows.source[known[at]]), int(rows.source[known[at + 1]])))
            who = f" of {shown(rows.name_of(int(items[at])))}" if rows.columns.ids else ""
            column = rows.roles.covariates[i][0]
            cells = table.cells[column]
            text = f"{named(table.names[column])}{who}: {shown(cells[row])}, but {shown(cells[before])} on line "
            text += f"{table.lines[before]}: a static covariate is the same in every row of a series"
            hint = f"where it changes with time: --past {in_list(table, [column])}"
            problems.append(table.problem("E341", text, row, column, hint=hint))
    if problems:
        raise FileProblems(table.file, problems)
