"""`forecast check`: what training would see in a file, what hinders it, and the command that settles it."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document
from forecast.cli.options import HELP, Json, Quiet, Verbose
from forecast.cli.report import Line, Report, check_report, problem_lines, write_report
from forecast.cli.settings import resolve
from forecast.config import TASKS, Config, DataConfig, ModelConfig, ReadConfig
from forecast.errors import DataError
from forecast.sources import safe_source

if TYPE_CHECKING:
    from forecast.checking import Check
    from forecast.diagnosis import Diagnosis
    from forecast.panel import Panel
    from forecast.planning import Plan
    from forecast.reading.problems import Problem

#: Problems, warnings and columns that a page shows.
_MOST_SHOWN = 10
_MOST_ALIKE = 3
#: The exit code for a file that somebody writes at the moment.
LATER = 75
_MOST_COLUMNS = 20
#: What the sentences about columns begin with.
_ROLES = (
    "time",
    "target",
    "targets",
    "ids",
    *(f"{role} covariates" for role in ("past", "future", "static")),
    "not used",
)
_WIDEST_EXAMPLE = 24


def check(
    data: Annotated[str, typer.Argument(metavar="DATA", help="File with a column of timestamps.")],
    *,
    columns: DataConfig,
    read: ReadConfig,
    horizon: Annotated[
        str | None,
        typer.Option("--horizon", "-H", metavar="N", help="Steps to forecast.", rich_help_panel="Data"),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="|".join(TASKS), help=HELP["task"], rich_help_panel="Data"),
    ] = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Show what training would see in a file, and what hinders it.

    For every problem: where it is, what it leads to and the option that settles it. Nothing is trained and nothing is
    changed. Exit code 0 when `forecast train` can use the file, 3 when it cannot.

    Example:
      forecast check sample_data/sales.csv --target units
    """
    check_report(report, data)
    given = {name: value for name, value in {"horizon": horizon, "task": task}.items() if value is not None}
    model = resolve(ModelConfig, given)

    from forecast import checking

    found = checking.check(data, Config(data=columns, model=model, read=read))
    options = [*checking.given_options((columns, read)), *(f"--{name} {value}" for name, value in given.items())]
    command = shlex.join(["forecast", "train", safe_source(data)])
    command = " ".join([command, *options, *found.options]) if found.plan else ""
    write_report(report, report_lines(found))
    if json:
        document(summary(found, command))
    else:
        _show(Screen(quiet=quiet, verbose=verbose), found, command, report)
    return 0 if not found.problems else LATER if found.problems[0].code == "E116" else DataError.exit_code


def report_lines(found: Check) -> list[Line]:
    """The problems of a file, then what else was noticed."""
    file = found.reading.file
    warnings = [Line(file, "", "", warning.code, warning.text, warning.flag) for warning in found.warnings]
    return [*problem_lines(file, found.problems), *warnings]


def summary(found: Check, command: str) -> dict[str, Any]:
    """What `--json` prints; its keys stay as they are."""
    from forecast.reading.consequences import ADVICE

    panel, diagnosis = found.panel, found.diagnosis
    return {
        "file": found.reading.file,
        "usable": not found.problems,
        "rows": found.reading.rows,
        "columns": [asdict(column) for column in found.columns],
        "calendar": panel and {**panel.calendar.to_dict(), "first": str(panel.first), "last": str(panel.last)},
        "series": diagnosis
        and {
            "count": diagnosis.n_series,
            "examined": diagnosis.n_examined,
            "shortest": diagnosis.shortest,
            "median": diagnosis.median,
            "longest": diagnosis.longest,
            "values": diagnosis.n_values,
            "missing": diagnosis.n_missing,
            "gaps": diagnosis.n_gaps,
            "longest_gaps": [asdict(gap) for gap in diagnosis.longest_gaps],
        },
        "seasons": [
            {**asdict(season), "used": found.plan is not None and season.length in found.plan.season_lengths}
            for season in (diagnosis.seasons if diagnosis else ())
        ],
        "plan": found.plan
        and {
            "horizon": found.plan.config.model.horizon,
            "context_length": found.plan.config.model.context_length,
            "held_out": found.plan.holdout.span,
        },
        "problems": [{**asdict(p), "consequence": ADVICE[p.code].consequence} for p in found.problems],
        "warnings": [
            {**asdict(w), "consequence": ADVICE[w.code].consequence, "settles": ADVICE[w.code].settles}
            for w in found.warnings
        ],
        "facts": list(found.facts),
        "options": list(found.options),
        "command": command or None,
    }


def _show(screen: Screen, found: Check, command: str, report: Path | None) -> None:
    """The page: the file, what hinders training, columns, calendar and series, what was noticed, and how to go on."""
    screen.result(_title(found))
    if found.problems:
        screen.result()
        _show_problems(screen, found.problems, found.reading.file, report)
    if found.problems and found.plan:
        screen.result()
        screen.result(f"with {' '.join(found.options)}:")
    _section(screen, "columns", _columns(found))
    if found.panel and found.diagnosis and found.plan:
        told = [fact for fact in found.facts if not (found.columns and _is_role(fact))]
        _section(screen, "states", [[fact] for fact in told if _is_of_states(fact)])
        _section(screen, "calendar", [[fact] for fact in told if not _is_of_states(fact)])
        _section(screen, "series", _series(found.panel, found.diagnosis, found.plan))
    _show_warnings(screen, found)
    screen.result()
    if command:
        screen.result("train with" if not found.problems else "this would do, if every option says what you mean:")
        screen.result(f"  {command}")
        return
    if found.stuck:
        screen.result(f"with {' '.join(found.options)} there is another problem")
        _show_problems(screen, [found.stuck], found.reading.file, report)
    screen.result("no option is known that would settle all of it")


def _is_role(fact: str) -> bool:
    """Whether a sentence says what a column is taken for, as the table of columns does."""
    return fact.partition(":")[0] in _ROLES


def _is_of_states(fact: str) -> bool:
    """Whether a sentence says which states the target may be in."""
    return fact.startswith("states of ")


def _title(found: Check) -> str:
    file, rows, columns = found.reading.file, found.reading.rows, len(found.columns)
    size = ", ".join([*([f"{rows:,} rows"] if rows else []), *([f"{columns:,} columns"] if columns else [])])
    verdict = "cannot be used as it is" if found.problems else "can be trained on"
    return f"{file}{f' ({size})' if size else ''} {verdict}"


def _section(screen: Screen, heading: str, rows: Sequence[Sequence[str]]) -> None:
    """A heading and aligned rows of text under it; nothing when there are none."""
    if not rows:
        return
    screen.result()
    screen.result(heading)
    widths = [max((len(row[i]) for row in rows if i < len(row)), default=0) for i in range(max(map(len, rows)))]
    for row in rows:
        screen.result("  " + "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip())


def _columns(found: Check) -> list[list[str]]:
    columns = found.columns
    rows = [
        [
            _cut(column.name or "(no name)"),
            column.role or "not used",
            column.kind or "empty",
            _cut(column.example),
            f"{column.n_missing:,} blank" if column.n_missing else "",
            column.why,
        ]
        for column in sorted(columns, key=lambda column: not column.role)[:_MOST_COLUMNS]
    ]
    more = len(columns) - len(rows)
    return [*rows, [f"and {more:,} more"]] if more > 0 else rows


def _series(panel: Panel, diagnosis: Diagnosis, plan: Plan) -> list[list[str]]:
    import numpy as np

    from forecast.timeformat import format_times

    columns = panel.columns
    first, last = format_times(np.array([panel.first, panel.last]), columns.time_format, columns.timezone)
    n, low, high = diagnosis.n_series, diagnosis.shortest, diagnosis.longest
    lengths = f"{high:,} steps" if low == high else f"{low:,} to {high:,} steps"
    rows = [["length", f"{lengths}, {first} … {last}" if n == 1 else f"{n:,} series of {lengths}, {first} … {last}"]]
    rows.append(["missing", _missing(diagnosis, several=n > 1)])
    if diagnosis.seasons:
        rows.append(["seasons", _seasons(diagnosis, plan)])
    if diagnosis.n_examined < n:
        rows.append(["examined", f"every series counted, {diagnosis.n_examined:,} looked at for seasons and outliers"])
    model = plan.config.model
    assert model.horizon is not None
    span = plan.holdout.span
    rows.append(["horizon", f"{model.horizon:,} steps, from a context of {model.context_length:,}"])
    rows.append(["history", f"{max(high - span, 0):,} steps to learn from, {span:,} held out to judge"])
    return rows


def _missing(diagnosis: Diagnosis, *, several: bool) -> str:
    if not diagnosis.n_missing:
        return "none"
    share = diagnosis.n_missing / (diagnosis.n_missing + diagnosis.n_values)
    gap = diagnosis.longest_gaps[0]
    where = f" ({gap.series})" if several else ""
    span = gap.first if gap.steps == 1 else f"{gap.first} … {gap.last}"
    gaps = "1 gap" if diagnosis.n_gaps == 1 else f"{diagnosis.n_gaps:,} gaps, the longest of {gap.steps:,}"
    steps = f"{diagnosis.n_missing:,} step{'s' * (diagnosis.n_missing != 1)}"
    return f"{steps} ({100 * share:.2g} %) in {gaps}: {span}{where}"


def _seasons(diagnosis: Diagnosis, plan: Plan) -> str:
    return ", ".join(
        f"{season.length} (strength {max(season.strength, 0):.2f}, "
        f"{'used' if season.length in plan.season_lengths else 'not used'})"
        for season in diagnosis.seasons
    )


def _show_problems(screen: Screen, problems: Sequence[Problem], file: str, report: Path | None) -> None:
    """At most ten, at most three of a kind, each kind with what it leads to and how to settle it."""
    from forecast.reading.consequences import ADVICE

    screen.result("problems" if len(problems) > 1 else "problem")
    left = _MOST_SHOWN
    for code in dict.fromkeys(problem.code for problem in problems):
        alike = [problem for problem in problems if problem.code == code]
        shown = alike[: min(_MOST_ALIKE, left)]
        left -= len(shown)
        for problem in shown:
            screen.result(f"  {problem.render(file)}")
        if len(alike) > len(shown):
            where = f"{report} lists them" if report else "--report errors.csv lists them"
            screen.result(f"  {'and ' if shown else ''}{len(alike) - len(shown):,} more {code}; {where}")
        screen.result(f"      if read anyway: {ADVICE[code].consequence}")
        for hint in dict.fromkeys(problem.hint for problem in shown if problem.hint):
            screen.result(f"      to settle it: {hint}")


def _show_warnings(screen: Screen, found: Check) -> None:
    from forecast.reading.consequences import ADVICE

    if not found.warnings:
        return
    screen.result()
    screen.result("noticed")
    for warning in found.warnings[:_MOST_SHOWN]:
        advice = ADVICE[warning.code]
        _paragraph(screen, f"{warning.code} {warning.text}")
        if advice.consequence.startswith("nothing:"):
            continue
        settle = warning.flag or advice.settles.replace("`", "")
        screen.result(f"      if left: {advice.consequence}")
        screen.result(f"      to settle it: {settle}")
    more = len(found.warnings) - _MOST_SHOWN
    if more > 0:
        screen.result(f"  and {more:,} more; --report errors.csv lists all")


def _paragraph(screen: Screen, text: str) -> None:
    """A sentence of a list: on a terminal in lines that fit, elsewhere in one that can be searched."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    for line in textwrap.wrap(text, width - 8, break_long_words=False, break_on_hyphens=False) or [""]:
        screen.result(f"  {line}" if text.startswith(line) else f"       {line}")


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST_EXAMPLE else f"{text[: _WIDEST_EXAMPLE - 1]}…"
