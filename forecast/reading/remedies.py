"""Why a cell is not a number, and the options that would make all such cells of its column numbers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecast.config import ReadConfig
from forecast.reading.dialect import Table
from forecast.reading.notation import Notation
from forecast.reading.problems import Problem, named, shown
from forecast.reading.statenames import task_of

#: What a column of true and false may say, in any case.
TRUTHS = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})

_MISSING = re.compile(r"-+|\.+|\?+|[\u2010-\u2015]|#?n/?\.?a!?\.?|missing|#[A-Z][\w/]*[!?]?", re.IGNORECASE)
_REMARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[-+]?[1-9]\d{0,2},\d{3}"), "thousands separator or decimal comma?"),
    (re.compile(r"[-+]?\d{1,3}([,.' \u00a0\u202f\u2019]\d{3})+([.,]\d+)?"), "thousands separators?"),
    (re.compile(r"[-+]?\d*,\d+"), "decimal comma?"),
    (re.compile(r"[-+]?\d+(_\d+)+(\.\d+)?"), "underscores?"),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), "hexadecimal?"),
    (re.compile(r"[\u2010-\u2015]\d.*"), "a dash for a minus sign?"),
    (_MISSING, "a missing value?"),
    (re.compile(r"\d[\d.,]*-"), "a minus sign behind the number?"),
    (re.compile(r"[-+]?[\d.,]*[^\W0-9a-zA-Z_][\d.,]*"), "digits of another script?"),
    (re.compile(r"\(.*\d.*\)"), "a negative number in brackets?"),
    (re.compile(r"[$€£¥].*\d|.*\d ?[^\d\s.,]+"), "a currency or a unit?"),
)
_HINT = "write numbers like -1234.5 and leave missing cells empty, or name another column with --target"
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
_AROUND = re.compile(
    r"[-+(]* ?(?P<front>[^\d\s.,()+-]*) ?[-+(]*"
    r"[\d.,'_ \u00a0\u202f\u2019]*\d[.,]?\s*(?P<end>[^\d\s.,()][^()]*?)?\)?"
)
#: Decimal marks and thousands separators as options name them, the common ones first.
_MARKS: tuple[tuple[str, str | None], ...] = (
    *((".", None), (",", None), (".", ","), (",", ".")),
    *((".", "space"), (",", "space"), (".", "'"), (",", "'"), (".", "_"), (",", "_")),
)
# What measures something. A number behind 5k or 5e400 would be another when the letters came off.
_UNIT = re.compile(r"[%‰°$€£¥¢₹₽₩₺₪]|°[CF]|[A-Z]{1,3}\$|[^\W\d_]{1,12}(/[^\W\d_]{1,12})?[²³]?|[a-z]{0,2}m[23]")
_MAGNITUDES = frozenset(
    ("k", "e", "x", "b", "bn", "mn", "mm", "mio", "mrd", "tsd", "tn", "million", "billion", "thousand")
)
# Letters that a hand or a scanner writes for digits: 1O is ten, and no quantity of O.
_LIKE_DIGITS = re.compile(r"[OoQlI|]+")
_ERROR = re.compile(r"#[A-Z][A-Z/0]*[!?]?")
#: Millions of problems would take more memory than the file.
_MOST_PROBLEMS = 10_000
_MOST_TEXTS, _MOST_WORDS = 2000, 12


def refusals(table: Table, column: int, rows: NDArray[np.int64], how: ReadConfig) -> list[Problem]:
    """A problem for each of the rows of a column, none of which is a number; one for all after the first 10,000."""
    texts, which = table.cells[column].take(rows).distinct()
    # Cells that differ in blanks around them only are one in a hint.
    remedy = _remedy(table, column, [text.strip(" ") for text in texts], how)
    reasons = [_reason(text.strip(" "), remedy or _task(table, column, how)) for text in texts]
    who = named(table.names[column])
    problems = []
    for row, number in zip(rows[:_MOST_PROBLEMS].tolist(), which[:_MOST_PROBLEMS].tolist(), strict=True):
        code, found, hint = reasons[number]
        problems.append(table.problem(code, f"{who}: {found}", row, column, hint=hint))
    if len(rows) > _MOST_PROBLEMS:
        found = f"{who}: from here on {len(rows) - _MOST_PROBLEMS:,} more cells are not numbers"
        problems.append(table.problem("E207", found, int(rows[_MOST_PROBLEMS]), column, hint=reasons[0][2]))
    return problems


def _task(table: Table, column: int, how: ReadConfig) -> str | None:
    """The option that forecasts a target of a few names; None where there are numbers among them, or too many names."""
    task = task_of(table.cells[column].distinct()[0], how)
    return f"--task {task}, or name another column with --target" if task else None


def _reason(text: str, remedy: str | None) -> tuple[str, str, str]:
    """The code, what was found, and a hint for a text that is not a number."""
    if _INFINITY.fullmatch(text) or (_NUMBER.fullmatch(text) and abs(float(text)) > 1e150):
        return "E208", f"{shown(text)} is infinite or beyond 1e150", remedy or "leave cells without a value empty"
    if text.casefold() in TRUTHS and len(text) > 1:
        hint = remedy or "write 1 and 0, or name another column with --target"
        return "E209", f"{shown(text)} is true or false, where a number is needed", hint
    remark = next((f" ({remark})" for form, remark in _REMARKS if form.fullmatch(text)), "")
    hint = "write the digits 0 to 9" if "script" in remark else "write a minus sign as -" if "dash" in remark else _HINT
    return "E207", f"{shown(text)} is not a number{remark}", remedy or hint


def _remedy(table: Table, column: int, texts: list[str], how: ReadConfig) -> str | None:
    """Options, as they can be pasted, with which the texts and the other cells of the column are numbers or missing.

    None when no options are enough. Where a decimal comma and a thousands comma both are, the likelier comes first.
    """
    if len(texts) > _MOST_TEXTS:
        texts = texts[:: len(texts) // _MOST_TEXTS]
    cells = table.cells[column]
    others = [text.strip(" ") for text in cells.take(np.arange(0, len(cells), max(len(cells) // _MOST_TEXTS, 1)))]
    words = [text for text in texts if _is_word(text)]
    texts = [text for text in texts if not _NUMBER.fullmatch(text)]
    if len(words) > _MOST_WORDS or not (all(map(_means_missing, words)) or _mostly_numbers(others, words)):
        return None
    units = _units([text for text in texts if not _is_word(text)], how)
    trial = replace(how, na=_more(how.na, words), units=_more(how.units, units))
    found = [marked for marked in _with_marks(trial) if _all_read(Notation.of(marked), [*texts, *others])]
    if not found:
        return None
    hints = [_options(how, marked) for marked in found]
    if _is_doubtful(found):
        first = int(_are_grouped(others))
        return f"{hints[first]} or {hints[1 - first]}"
    return hints[0] or None


def _with_marks(how: ReadConfig) -> Iterator[ReadConfig]:
    """The settings with every decimal mark and thousands separator, those that are given first."""
    given = (Notation.of(how).mark, how.thousands)
    for mark, thousands in (given, *(marks for marks in _MARKS if marks != given)):
        decimal = how.decimal if mark == given[0] else mark
        yield replace(how, decimal=decimal, thousands=thousands)


def _all_read(notation: Notation, texts: list[str]) -> bool:
    """Whether each of the texts is a finite number or missing, and at least one is a number."""
    left = [text for text in texts if not notation.is_missing(text)]
    numbers = notation.numbers(notation.bare(left))
    return bool(left) and all(number is not None and abs(number) <= 1e150 for number in numbers)


def _is_doubtful(found: list[ReadConfig]) -> bool:
    """Whether the comma may be the decimal mark and may stand between thousands."""
    return [(Notation.of(how).mark, how.thousands) for how in found[:2]] == [(",", None), (".", ",")]


def _are_grouped(texts: list[str]) -> bool:
    """Whether commas between thousands are likelier: there is no number above a thousand without one."""
    return not any(re.fullmatch(r"[-+]?\d{4,}", text) for text in texts)


def _is_word(text: str) -> bool:
    """Whether there is no digit in it but those in an error of a spreadsheet, such as #DIV/0!."""
    return (not re.search(r"\d", text) or _ERROR.fullmatch(text) is not None) and text.casefold() not in TRUTHS


def _means_missing(word: str) -> bool:
    return _MISSING.fullmatch(word) is not None or _INFINITY.fullmatch(word) is not None


def _mostly_numbers(texts: list[str], words: list[str]) -> bool:
    """Whether words are rare enough to stand for missing values, and not for themselves."""
    return 2 * sum(1 for text in texts if text in words) < len(texts)


def _units(texts: list[str], how: ReadConfig) -> list[str]:
    """The unit in front of numbers or behind them, if there is one; and "()" where brackets mean a minus."""
    units: list[str] = []
    for text in Notation.of(how).bare(texts):
        if around := _AROUND.fullmatch(text):
            units += [unit for unit in (around["front"], around["end"]) if unit and unit not in units]
    brackets = ["()"] if any(text.count("(") == 1 and text.endswith(")") for text in texts) else []
    # 5 kg and 5 g in one column are no numbers of one kind.
    fits = len(units) == 1 and _UNIT.fullmatch(units[0]) and units[0].casefold() not in _MAGNITUDES
    fits = fits and not _LIKE_DIGITS.fullmatch(units[0])
    return [*(units if fits else ()), *brackets]


def _more(given: tuple[str, ...], words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*given, *words)))


def _options(how: ReadConfig, wanted: ReadConfig) -> str:
    """The options that differ, with their whole values."""
    options = []
    for name in ("decimal", "thousands", "na", "units"):
        value = getattr(wanted, name)
        if value is not None and value != getattr(how, name):
            options.append(f"--{name} {_pasted(value if isinstance(value, str) else _in_list(value))}")
    dropped = " and no --thousands" if how.thousands and not wanted.thousands else ""
    return " ".join(options) + dropped


def _in_list(words: tuple[str, ...]) -> str:
    return ",".join(word if re.fullmatch('[^,"]+', word) else '"' + word.replace('"', '""') + '"' for word in words)


def _pasted(text: str) -> str:
    if text == "'":
        return '"\'"'
    return text if re.fullmatch(r"[\w.,%+/-]+", text) else shlex.quote(text)
