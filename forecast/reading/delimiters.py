"""Which character divides the fields of a text: the one given, or the only one that gives all rows one width."""

from __future__ import annotations

import re

from forecast.config import ReadConfig
from forecast.errors import ConfigError
from forecast.reading.encodings import line_at
from forecast.reading.lines import Lines
from forecast.reading.misfits import Rows, other_table
from forecast.reading.problems import FileProblems, Problem, shown
from forecast.reading.tokens import Form, tokenise

#: The delimiters that are looked for, and how a person calls them.
DELIMITERS: dict[str, str] = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
#: A file with more columns is no table of time series.
MOST_COLUMNS = 10_000

#: A blank stands for any number of them, and is a delimiter only when that is asked for.
_CALLED = {**DELIMITERS, " ": "blank"}
_OPTIONS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'", " ": "space"}
_BY_OPTION = {option.strip("'"): delimiter for delimiter, option in _OPTIONS.items()}


def called(rows: Rows) -> str:
    """What a person calls the delimiter of some rows."""
    return _CALLED[rows.records.form.delimiter]


def divided(lines: Lines, file: str, read: ReadConfig) -> Rows:
    """The rows under the one delimiter that gives them one width of at least two, or under the one that nearly does.

    Raises FileProblems when none does or several do, or the quotes are at fault.
    """
    quote, escape = _ascii("quote", read.quote) or '"', _ascii("escape", read.escape)
    first, line = _first_record(lines, quote)
    bare = re.sub(f"{re.escape(quote)}[^{re.escape(quote)}]*{re.escape(quote)}", "", first)
    given = _BY_OPTION[read.delimiter] if read.delimiter else None
    readings: dict[str, Rows | Problem] = {}
    for delimiter in [given] if given else [one for one in DELIMITERS if one in bare]:
        if delimiter != " " and bare.count(delimiter) >= MOST_COLUMNS:
            found = f"{bare.count(delimiter) + 1:,} columns, more than {MOST_COLUMNS:,}"
            raise FileProblems(file, [Problem("E212", found, line, hint="give a file with a row for each time")])
        reading = _read(lines, Form(delimiter, quote, escape))
        if isinstance(reading, Rows) and not reading.width:
            raise FileProblems(file, [Problem("E104", "the file holds nothing but delimiters and blanks")])
        if isinstance(reading, Problem) or reading.width > 1:
            readings[delimiter] = reading
    fitting = [reading for reading in readings.values() if isinstance(reading, Rows) and reading.fits]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise FileProblems(file, [_ambiguous(fitting, line)])
    if not given and not any(isinstance(reading, Problem) for reading in readings.values()):
        others = [_read(lines, Form(d, quote, escape)) for d in DELIMITERS if d not in readings]
        rows = [one for one in [*readings.values(), *others] if isinstance(one, Rows)]
    else:
        rows = [one for one in readings.values() if isinstance(one, Rows)]
    if problems := other_table(rows):
        raise FileProblems(file, problems)
    if not readings:
        raise FileProblems(file, [_undivided(lines, first, line, given, Form(" ", quote, escape))])
    best = readings[max(readings, key=lambda delimiter: lines.content.count(delimiter.encode()))]
    if isinstance(best, Problem):
        raise FileProblems(file, [best])
    return best


def _read(lines: Lines, form: Form) -> Rows | Problem:
    records = tokenise(lines.content, form, lines.first)
    return records if isinstance(records, Problem) else Rows.of(records)


def _first_record(lines: Lines, quote: str) -> tuple[str, int]:
    """The first line that is not blank, to a line end outside quotes; and its number."""
    mark = re.escape(quote.encode())
    form = rb"(?:[ \t]*[\r\n])*((?:%b[^%b]*%b|[^\r\n%b]+|%b)*)" % ((mark,) * 5)
    found = re.match(form, lines.content)
    assert found is not None  # nothing is asked for that must be there
    return found[1].decode(errors="replace"), lines.first + line_at(lines.content, found.start(1)) - 1


def _ambiguous(fitting: list[Rows], line: int) -> Problem:
    names = " and ".join(called(rows) for rows in fitting)
    option = _OPTIONS[fitting[-1].records.form.delimiter]
    return Problem("E201", f"{names} both divide the whole file into columns", line, hint=f"--delimiter {option}")


def _undivided(lines: Lines, first: str, line: int, given: str | None, blanks: Form) -> Problem:
    """Nothing divides the first line."""
    if given:
        found = f"no {_CALLED[given]} divides the first line {shown(first)} into columns"
        return Problem("E201", found, line, hint="leave out --delimiter, or name the one that the file has")
    found = f"no comma, semicolon, tab or pipe divides the first line {shown(first)} into columns"
    spaced = _read(lines, blanks)
    if isinstance(spaced, Rows) and spaced.width > 1 and spaced.fits:
        return Problem("E201", found, line, hint="--delimiter space")
    hint = "the first line must hold the names of at least two columns, time and target; remove lines above it"
    return Problem("E201", found, line, hint=hint)


def _ascii(name: str, value: str | None) -> str | None:
    if value is not None and not value.isascii():
        raise ConfigError(f"{name} is {value!r}, but must be an ASCII character")
    return value
