"""Text → numbers. Every cell is converted exactly or is a problem with its line and column."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from forecast.panel import Values
from forecast.reading.dialect import Table
from forecast.reading.problems import Problem, named, shown

#: The only words that mean a missing value.
MISSING = frozenset({"", "NA", "NaN", "nan", "null", "NULL", "None"})
#: Sums of squares of numbers beyond this are no longer finite.
LARGEST = 1e150

_TRUTH = frozenset({"true", "false", "yes", "no"})
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
_PLAIN = re.compile(r"[-+0-9.eE \0]*")
# Well written or not: enough to know that the column is one of numbers. The digits may be of any script.
_MEANT_AS_NUMBER = re.compile(
    r"[-+\u2212(]*[$€£]? ?(\d[\d.,'\u2019_ \u00a0]*|\.\d+|0x[0-9a-f]+)(e[-+]?\d+)? ?[)%$€£]?|[-+]?inf(inity)?",
    re.IGNORECASE,
)
_REMARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[-+]?\d{1,3},\d{3}"), "thousands separator or decimal comma?"),
    (re.compile(r"[-+]?\d{1,3}([,.' \u00a0\u2019]\d{3})+([.,]\d+)?"), "thousands separators?"),
    (re.compile(r"[-+]?\d*,\d+"), "decimal comma?"),
    (re.compile(r"[-+]?\d+(_\d+)+(\.\d+)?"), "underscores?"),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), "hexadecimal?"),
    (re.compile(r"\u2212.*"), "a minus sign from a word processor?"),
    (re.compile(r"-+|\.+|\?+|#?n/?a!?|missing|#[\w/!?]+", re.IGNORECASE), "a missing value? leave the cell empty"),
    (re.compile(r"\(.*\d.*\)"), "a negative number in brackets?"),
    (re.compile(r"[$€£].*\d|.*\d ?[^\d\s.,]+"), "a currency or a unit?"),
)
_HINT = "write numbers like -1234.5 and leave missing cells empty, or name another column with --target"
_SAMPLE = 64


def read_numbers(table: Table, column: int) -> tuple[Values, list[Problem]]:
    """The column as float64 [N], exactly as float() reads each cell, NaN where missing; and what is wrong with it."""
    cells = table.cells[column]
    values = np.full(len(cells), np.nan)
    rows = [i for i, cell in enumerate(cells) if cell not in MISSING]
    present = [cells[i] for i in rows] if len(rows) < len(cells) else cells
    if _PLAIN.fullmatch("\0".join(present)):
        try:
            numbers = np.fromiter(map(float, present), np.float64, len(rows))
        except ValueError:
            numbers = np.array([np.inf])  # The loop below says where.
        if not (np.abs(numbers) > LARGEST).any():
            values[rows] = numbers
            return values, []
    problems = []
    for row in rows:
        text = cells[row].strip(" ")
        if _NUMBER.fullmatch(text) and abs(float(text)) <= LARGEST:
            values[row] = float(text)
        elif text not in MISSING:
            problems.append(_not_a_number(table, row, column, text))
    return values, problems


def looks_numeric(cells: Sequence[str]) -> bool:
    """Whether most cells of a sample were meant as numbers, well written or not."""
    texts = sample(cells)
    return 2 * sum(1 for text in texts if _MEANT_AS_NUMBER.fullmatch(text)) > len(texts)


def looks_boolean(cells: Sequence[str]) -> bool:
    """Whether every cell of a sample is true or false in some spelling."""
    texts = sample(cells)
    return bool(texts) and all(text.lower() in _TRUTH for text in texts)


def sample(cells: Sequence[str]) -> list[str]:
    """At most about a hundred cells spread over the column that are not missing, without blanks around them."""
    for part in (cells[:: max(len(cells) // _SAMPLE, 1)], cells):
        present = [text for cell in part if (text := cell.strip(" ")) not in MISSING]
        if present:
            return present[:: max(len(present) // _SAMPLE, 1)]
    return []


def _not_a_number(table: Table, row: int, column: int, text: str) -> Problem:
    found = f"{named(table.names[column])}: {shown(text)}"
    if _NUMBER.fullmatch(text) or _INFINITY.fullmatch(text):
        hint = "leave cells without a usable value empty"
        return table.problem("E208", f"{found} is infinite or beyond 1e150", row, column, hint=hint)
    if text.lower() in _TRUTH:
        hint = "write 1 and 0, or name another column with --target"
        return table.problem("E209", f"{found} is true or false, where a number is needed", row, column, hint=hint)
    remark = next((f" ({remark})" for form, remark in _REMARKS if form.fullmatch(text)), "")
    return table.problem("E207", f"{found} is not a number{remark}", row, column, hint=_HINT)
