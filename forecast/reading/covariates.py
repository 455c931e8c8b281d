"""Columns of covariates → numbers: as they are, true and false as 1 and 0, or a number for each text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.config import ReadConfig
from forecast.panel import Covariate, Values
from forecast.reading.cells import Cells
from forecast.reading.columns import failure
from forecast.reading.dialect import Table
from forecast.reading.problems import Problem, listed, named, warning
from forecast.reading.typed import MISSING, looks_boolean, looks_numeric, read_numbers, sample

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
        if _is_text(table.cells[column]) if before is None else bool(before.categories):
            categories, values[:, place], said = _texts(table, column, read, before)
            notes += said
        elif before is not None and _is_text(table.cells[column]):
            found = f"{named(name)} held numbers when the model was trained, and holds text here"
            problems += failure(table, "E343", found, "train again, or correct the column", column).problems
            categories = ()
        else:
            categories = ()
            values[:, place], wrong = _numbers(table, column)
            problems += wrong
        if len(categories) > MOST_CATEGORIES:
            found = f"{named(name)} has {len(categories):,} different texts; at most {MOST_CATEGORIES:,} can be used"
            hint = f"leave it out, or name it with --id if it names the series: {listed([name])}"
            problems += failure(table, "E342", found, hint, column).problems
        covariates.append(Covariate(name, role, categories))
    return CovariateColumns(tuple(covariates), values, tuple(problems), tuple(notes))


def _is_text(cells: Sequence[str]) -> bool:
    return bool(sample(cells)) and not (looks_numeric(cells) or looks_boolean(cells))


def _numbers(table: Table, column: int) -> tuple[Values, list[Problem]]:
    if not looks_boolean(table.cells[column]):
        return read_numbers(table, column)
    texts, which = Cells.of(table.cells[column]).distinct()
    return np.array([_TRUTHS.get(text.strip().lower(), np.nan) for text in texts])[which], []


def _texts(
    table: Table, column: int, read: ReadConfig, before: Covariate | None
) -> tuple[tuple[str, ...], Values, list[str]]:
    """The categories in order, the index of each row's [N], and what to say of texts that training did not see."""
    missing = MISSING | set(read.na)
    cells, which = Cells.of(table.cells[column]).distinct()
    texts = [text.strip(" ") for text in cells]
    here = {text for text in texts if text not in missing}
    categories = tuple(sorted(here)) if before is None else before.categories
    index = {text: float(number) for number, text in enumerate(categories)}
    notes = []
    if unseen := sorted(here - set(categories)):
        rows = int(np.isin(which, [i for i, text in enumerate(texts) if text in unseen]).sum())
        notes.append(
            warning(
                "W322",
                f"{named(table.names[column])}: {listed(unseen)} {'was' if len(unseen) == 1 else 'were'} not there in "
                f"training; {rows:,} row{'s' * (rows != 1)} count as missing",
            )
        )
    values = np.array([index.get(text, np.nan) if text not in missing else np.nan for text in texts])
    return categories, values[which], notes
