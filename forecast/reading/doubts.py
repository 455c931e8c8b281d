"""What is read as it stands and may yet be meant otherwise: notes on numbers and ids, which change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from forecast.panel import Values
from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.problems import named, shown, warning
from forecast.reading.typed import ends_of

#: From here on not every whole number is a float64.
_EXACT = 2.0**53
#: Among whole numbers so few below zero may be slips, or returns among sales.
_FEW = 0.1
#: What a spreadsheet begins to compute at, or to run.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def number_doubts(table: Table, column: int, values: Values) -> list[str]:
    """Notes on the numbers [N] of a column: digits that are lost, zeros in front, and a few counts below zero."""
    cells, name = Cells.of(table.cells[column]), named(table.names[column])
    notes = []
    least, most = ends_of(values)
    # The ends of the values tell whether any is looked for, without another column in memory.
    large = np.flatnonzero(np.abs(values) > _EXACT).tolist() if max(-least, most) > _EXACT else []
    lost = [row for row in large if _is_whole(cells[row]) and int(cells[row]) != int(values[row])]
    if lost:
        example = f"{shown(cells[lost[0]])} on line {table.lines[lost[0]]} is read as {values[lost[0]]:.0f}"
        notes.append(warning("W203", f"{name}: {_count(lost, 'number')} of more digits than can be kept: {example}"))
    padded = cells.signs.padded
    if padded:
        example = f"{shown(cells[padded[0]])} on line {table.lines[padded[0]]}"
        notes.append(warning("W206", f"{name}: {_count(padded, 'number')} with zeros in front: {example}"))
    below = np.flatnonzero(values < 0).tolist() if least < 0 else []
    seen = values[~np.isnan(values)] if below else values[:0]
    if 0 < len(below) <= _FEW * len(seen) and (seen == np.floor(seen)).all():
        example = f"{shown(cells[below[0]])} on line {table.lines[below[0]]}"
        notes.append(warning("W204", f"{name}: {_count(below, 'whole number')} below zero among others: {example}"))
    return notes


def id_doubts(items: Iterable[Sequence[str]]) -> list[str]:
    """A note on ids that a spreadsheet would take for formulas, when it opens the forecast."""
    odd = [text for item in items for text in item if text.startswith(FORMULA_STARTS)]
    if not odd:
        return []
    return [warning("W410", f"{_count(odd, 'id')} that a spreadsheet would compute: {shown(odd[0])}")]


def _is_whole(text: str) -> bool:
    return text.strip(" ").lstrip("+-").isdigit()


def _count(some: Sequence[object], what: str) -> str:
    return f"{len(some):,} {what}{'s' * (len(some) != 1)}"
