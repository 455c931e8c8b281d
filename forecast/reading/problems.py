"""What is wrong in a file, each with a stable code and its place. A problem is data until somebody raises it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from forecast.errors import DataError

#: Every code and its meaning. Append-only: scripts and people's notes depend on it.
CODES: dict[str, str] = {
    # E1 the file
    "E101": "the file does not exist",
    "E102": "it is not a regular file",
    "E103": "the file may not be read",
    "E104": "the file is empty",
    "E105": "the file is of another kind: Excel, zip, PDF, a web page …",
    "E106": "the text is not UTF-8",
    "E107": "the text holds a NUL byte",
    "E108": "the compressed file is damaged",
    "E109": "the file is too large",
    "E110": "a package is needed to read this kind of file",
    "E111": "the Parquet file is damaged",
    "E112": "a line of JSON is broken, or is no object of plain values",
    "E113": "an address or a database cannot be reached",
    "E114": "a database does not answer the query",
    "E115": "the workbook is damaged, lacks the sheet, or has an error in a cell",
    "E116": "the file changes while it is read",
    # E2 rows and cells
    "E201": "no delimiter, or more than one, divides the whole file into columns",
    "E202": "a row has too few fields",
    "E203": "a row has too many fields",
    "E204": "a quote is opened and never closed",
    "E205": "there is a header and no row",
    "E206": "there is no header",
    "E207": "a cell is not a number",
    "E208": "a number is infinite or too large",
    "E209": "a cell is true or false where a number is needed",
    "E210": "a quote stands inside a field",
    "E211": "a field is too long",
    "E212": "there are too many columns",
    "E213": "there are lines above the header",
    "E214": "there is more than one row of header",
    "E215": "there is a second table under the first",
    "E216": "there are lines of comment",
    "E217": "the names that were given are not as many as the columns",
    "E218": "the cells are in single quotes",
    "E219": "a state is one that the model does not know",
    # E3 columns and times
    "E301": "a named column does not exist",
    "E302": "no column holds timestamps",
    "E303": "several columns hold timestamps",
    "E304": "no column, or no single one, can be the target",
    "E305": "one column has two roles",
    "E306": "a name that is used belongs to several columns",
    "E311": "the timestamps are in no known format",
    "E312": "a timestamp is written in another format than the others",
    "E313": "a timestamp names a moment that does not exist",
    "E314": "a timestamp says 24:00",
    "E315": "a year lies outside 1700 to 2200",
    "E316": "the day and the month cannot be told apart",
    "E317": "the UTC offset changes within the column",
    "E318": "some timestamps have a UTC offset and some have none",
    "E319": "a row has no timestamp",
    "E320": "a timestamp does not lie on the calendar",
    "E321": "a time is one that the clocks of the time zone skip",
    "E323": "times that the clocks show twice are in no order that tells them apart",
    "E340": "every row is a series, and nothing says at what times",
    "E341": "a static covariate changes within a series",
    "E342": "a covariate has too many different texts",
    "E343": "a covariate is of another kind than in training",
    "E344": "future data are given, but no future covariate",
    "E345": "the target does not have as many states as the task needs",
    # E4 series
    "E401": "a timestamp appears twice with different values",
    "E402": "several sets of columns could be the ids",
    "E403": "a series has too few values",
    "E404": "too many steps are missing",
    "E405": "series have different frequencies",
    "E406": "no calendar fits the rows",
    "E407": "no row is as early as asked for",
    "E430": "the series are too short for the horizon",
}

#: Every warning and its meaning: what was repaired or noticed while a file was read. Append-only, like CODES.
WARNINGS: dict[str, str] = {
    # W1 the file and its rows
    "W101": "the delimiter is not a comma",
    "W102": "blank lines between rows are left out",
    "W103": "rows that repeat the header are ignored",
    "W120": "columns at the end without a name or a cell are left out",
    "W121": "blanks around cells are left out",
    "W104": "the text is not in UTF-8 and was decoded",
    "W105": "the encoding that was given is taken at its word",
    "W110": "keys are absent from some objects of JSON",
    "W111": "one of several sheets or tables is read",
    # W2 cells
    "W201": "the comma is the decimal mark",
    "W202": "a minus sign of typography is read as -",
    "W203": "a whole number has more digits than can be kept",
    "W204": "a few whole numbers are below zero among others",
    "W205": "a number seems to stand for a missing value",
    "W206": "numbers have zeros in front",
    "W207": "a state is written in several ways",
    # W3 times
    "W301": "day and month are told apart by the one reading that is regular",
    "W302": "the rows were not in the order of time",
    "W303": "UTC offsets that change are brought to one",
    "W304": "dates without a clock time are taken as midnight",
    "W305": "years of two digits are read as 1969 to 2068",
    "W306": "the UTC offsets are not those of the time zone",
    "W307": "the time zone changes nothing, as for days",
    "W308": "times that the clocks show twice are told apart by the order of the rows",
    "W309": "a time that the clocks show twice is there once, and taken as the first",
    "W320": "a row is a day, with a column for every time of day",
    "W321": "a row is a series, with a column for every time",
    "W322": "a covariate has texts that were not there in training",
    "W323": "cells of covariates are blank",
    "W324": "future data say otherwise than the data",
    "W325": "a covariate has the values of the target",
    "W326": "future data hold items that the data do not",
    # W4 series
    "W401": "rows that repeat earlier ones are ignored",
    "W402": "an hour that the clocks repeat in autumn is there twice",
    "W403": "series that are too short are left out",
    "W404": "rows are absent",
    "W405": "cells are blank",
    "W406": "a series ends with rows that have no value",
    "W407": "rows of one item and time are made one",
    "W408": "rows later than asked for are ignored",
    "W409": "a series ends long before the others",
    "W410": "a spreadsheet would compute an id",
    # W43 what the values themselves show
    "W430": "a long stretch of steps has no value",
    "W431": "one value is repeated for a long time",
    "W432": "values lie far from everything around them",
    "W434": "a series never changes",
    "W435": "most values are zero",
    "W436": "a season can be seen that is not the calendar's",
    "W437": "the series are short",
    "W438": "the changes look like chance",
}

_MOST_SHOWN = 10
_LONGEST_LINE = 200
_LONGEST_PATH = 100


def warning(code: str, text: str) -> str:
    """A note on something repaired or noticed, as `Panel.notes` has it: its code, one of WARNINGS, and the text."""
    assert code in WARNINGS, code
    return f"{code} {text}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. line is the physical line and column the field, both from 1; None where there is none.

    In a Parquet file, which has no lines, line is the number of the row.
    """

    code: str
    text: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def render(self, file: str) -> str:
        """One line of at most 200 characters: `sales.csv:1042:3: E207 column "units": "12,5" is not a number`."""
        place = "".join(f":{number}" for number in (self.line, self.column) if number is not None)
        where = file if len(file) <= _LONGEST_PATH else f"…{file[1 - _LONGEST_PATH :]}"
        line = f"{where}{place}: {self.code} {self.text}"
        return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


class FileProblems(DataError):
    """A file cannot be used; `problems` holds everything that was found, the message the first ten in file order."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line or 0, p.column or 0)))
        shown = [problem.render(file) for problem in self.problems[:_MOST_SHOWN]]
        more = len(self.problems) - len(shown)
        message = "\n".join([*shown, f"and {more} more; --report errors.csv lists all"] if more else shown)
        super().__init__(message, hint=self.problems[0].hint)


class ChangingFile(FileProblems):
    """Somebody writes the file while it is read; later it can be used."""

    exit_code = 75


def shown(text: str, limit: int = 40) -> str:
    """The text in quotes, safe for a terminal: control and hidden characters escaped, cut to the limit."""
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return f'"{visible}"' if len(visible) <= limit else f'"{visible[: limit - 1]}…"'


def named(name: str) -> str:
    """How a message speaks of a column."""
    return f"column {shown(name)}" if name else "the unnamed column"


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Names in quotes, joined by commas, at most `limit` of them and then how many more."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(shown(name) for name in names[:limit]) + more
