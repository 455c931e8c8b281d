"""Columns of covariates → numbers: as they are, true and false as 1 and 0, or a number for each text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.config import ReadConfig
from forecast.panel import Covariate, Values
from forecast.reading.cells import Cells
from forecast.reading.columns import failure, in_list
from forecast.reading.dialect import Table
from forecast.reading.notation import Notation
from forecast.reading.problems import Problem, listed, named, warning
from forecast.reading.typed import looks_boolean, looks_numeric, read_numbers, read_truths, sample

#: More different texts than this are names of things, not kinds of days.
MOST_CATEGORIES = 1_000

_TRUTHS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


@dataclass(frozen=True)
class CovariateColumns:
    """The covariates in the order of their columns, values [N, covariates] with NaN where a cell is blank."""

    covariates: tuple[Covariate, ...]
    values: Values
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def read_covariates(
    table: Table, columns: Sequence[tuple[int, str]], read: ReadConfig, known: Sequence[Covariate] = ()
) -> CovariateColumns:
    """The columns, each with its role, in numbers. A known covariate keeps the kind and the texts of its training."""
    by_name = {covariate.name: covariate for covariate in known}
    covariates: list[Covariate] = []
    problems: list[Problem] = []
    notes: list[str] = []
    values = np.full((len(table), len(columns)), np.nan)
    for place, (column, role) in enumerate(columns):
        name = table.names[column]
        before = by_name.get(name)
        is_text = not _is_numeric(table.cells[column], read)
        if is_text if before is None else bool(before.categories):
            categories, values[:, place], said = _texts(table, column, read, before)
            notes += said
        elif is_text:
            found = f"{named(name)} held numbers when the model was trained, and holds text here"
            problems += failure(table, "E343", found, "train again, or correct the column", column).problems
            categories = ()
        else:
            categories = ()
            truths = looks_boolean(table.cells[column], read)
            values[:, place], wrong = (read_truths if truths else read_numbers)(table, column, read)
            problems += wrong
        if len(categories) > MOST_CATEGORIES:
            found = f"{named(name)} has {len(categories):,} different texts; at most {MOST_CATEGORIES:,} can be used"
            hint = f"leave it out, or if it names the series: --id {in_list(table, [column])}"
            problems += failure(table, "E342", found, hint, column).problems
        covariates.append(Covariate(name, role, categories))
    return CovariateColumns(tuple(covariates), values, tuple(problems), tuple(notes))


def numeric_columns(
    table: Table, columns: Sequence[tuple[int, str]], read: ReadConfig, known: Sequence[Covariate] = ()
) -> list[int]:
    """Those of the columns that hold numbers."""
    texts = {covariate.name for covariate in known if covariate.categories}
    return [
        column
        for column, _ in columns
        if table.names[column] not in texts
        and looks_numeric(table.cells[column], read)
        and not looks_boolean(table.cells[column], read)
    ]


def _is_numeric(cells: Sequence[str], read: ReadConfig) -> bool:
    """Whether the cells are numbers, truths, or nothing at all."""
    return looks_numeric(cells, read) or looks_boolean(cells, read) or not sample(cells, read)


def _texts(
    table: Table, column: int, read: ReadConfig, before: Covariate | None
) -> tuple[tuple[str, ...], Values, list[str]]:
    """The categories in order, the index of each row's [N], and what to say of texts that training did not see."""
    notation = Notation.of(read)
    cells, which = Cells.of(table.cells[column]).distinct()
    texts = [text.strip(" ") for text in cells]
    here = {text for text in texts if not notation.is_missing(text)}
    categories = tuple(sorted(here)) if before is None else before.categories
    index = {text: float(number) for number, text in enumerate(categories)}
    notes = []
    if unseen := sorted(here - set(categories)):
        rows = int(np.isin(which, [i for i, text in enumerate(texts) if text in unseen]).sum())
        notes.append(
            warning(
                "W322",
                f"{named(table.names[column])}: {listed(unseen)} {'was' if len(unseen) == 1 else 'were'} not there in "
                f"training; {rows:,} row{'s' * (rows != 1)} count{'s' * (rows == 1)} as missing",
            )
        )
    values = np.array([index.get(text, np.nan) if text in here else np.nan for text in texts], dtype=np.float64)
    return categories, values[which], notes
