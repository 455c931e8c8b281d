"""`--report`: every problem and warning of a file as CSV, for those who have more than ten of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from forecast.errors import ConfigError

if TYPE_CHECKING:
    from forecast.reading.problems import Problem

Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        readable=False,
        help="Write all problems and warnings of the data as CSV.",
        rich_help_panel="Output",
    ),
]


class Line(NamedTuple):
    """One row of a report; empty where a thing has no place in the file, or no hint."""

    file: str
    line: int | str
    column: int | str
    code: str
    text: str
    hint: str


@contextmanager
def reporting_problems(report: Path | None, file: str) -> Iterator[Callable[[Iterable[str]], None]]:
    """A block in which a file is read: its problems go to the report, or the notes that the callable is given.

    The error goes on its way. Without a report nothing is written.
    """
    from forecast.reading.problems import FileProblems

    check_report(report, file)
    noted: list[str] = []
    try:
        yield noted.extend
    except FileProblems as error:
        write_report(report, problem_lines(file, error.problems))
        raise
    write_report(report, note_lines(file, noted))


def check_report(report: Path | None, file: str) -> None:
    """Raise ConfigError where the report would take the place of the data."""
    if report is not None and report.exists() and Path(file).exists() and report.samefile(file):
        raise ConfigError(f"--report {report}: the report would take the place of the data", hint="--report errors.csv")


def write_report(report: Path | None, lines: Iterable[Line]) -> None:
    """The report as a whole file, with its header even when there is nothing to say."""
    from forecast.writing import write_atomic

    if report is None:
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([Line._fields, *lines])
    write_atomic(report, text.getvalue().encode())


def problem_lines(file: str, problems: Iterable[Problem]) -> list[Line]:
    """Problems as rows of a report."""
    return [Line(file, p.line or "", p.column or "", p.code, p.text, p.hint or "") for p in problems]


def note_lines(file: str, notes: Iterable[str]) -> list[Line]:
    """Those notes of a reader that have a code, as rows of a report."""
    coded = [note.partition(" ") for note in notes if note[:1] == "W" and note[1:4].isdigit()]
    return [Line(file, "", "", code, text, "") for code, _, text in coded]
