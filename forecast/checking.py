"""check(): a file as training would see it, and what stands in the way of it. Reads, looks and plans; never trains."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from forecast.config import Config, DataConfig, ReadConfig
from forecast.diagnosis import Diagnosis, Finding, diagnose
from forecast.errors import ConfigError, DataError
from forecast.panel import Panel
from forecast.planning import Plan, plan
from forecast.reading import ColumnRole, Reading, inspect_file
from forecast.reading.problems import FileProblems, Problem

#: Files beyond this size are not read again to see whether the options in the hints are enough.
_LARGEST_READ_AGAIN = 200 * 1024**2
#: How many problems, one behind the other, are settled by their hints.
_MOST_ROUNDS = 6

_OPTION = re.compile(r"--(?P<key>[a-z]+(?:-[a-z]+)*)[ =](?P<text>(?!--)(?:\"[^\"]*\"|'[^']*'|[^\s\"'])+)")
_NOTE = re.compile(r"(?P<code>W\d{3}) (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Check:
    """What is known of a file before training. problems stand in its way under the options that were given.

    `options` are what the hints add to those; with them the file has the `panel` that `columns`,
    `diagnosis` and `plan` are of.
    There is none when no hint leads further: then `stuck` is the problem that remains with the options. facts are
    sentences on what was chosen, warnings what was repaired or noticed.
    """

    reading: Reading
    columns: tuple[ColumnRole, ...]
    problems: tuple[Problem, ...]
    facts: tuple[str, ...]
    warnings: tuple[Finding, ...]
    options: tuple[str, ...]
    panel: Panel | None
    diagnosis: Diagnosis | None
    plan: Plan | None
    stuck: Problem | None


@dataclass(frozen=True)
class _Attempt:
    """What reading under some settings came to; a plan where nothing stands in the way. options were added for it."""

    config: Config
    reading: Reading
    problems: tuple[Problem, ...]
    plan: Plan | None = None
    options: tuple[str, ...] = ()


def check(source: str, config: Config) -> Check:
    """The Check of a file. Raises ConfigError only for settings that mean nothing."""
    first = _read(source, config)
    last = _settled(source, first)
    diagnosis = diagnose(last.reading.panel) if last.plan and last.reading.panel else None
    settled: list[Finding] = []
    while diagnosis and (flagged := [finding for finding in diagnosis.findings if finding.flag]):
        after = _with_hint(source, last, " ".join(finding.flag for finding in flagged))
        if after is None or after.plan is None or after.reading.panel is None:
            break
        settled += flagged
        last, diagnosis = after, diagnose(after.reading.panel)
    coded = [found for note in last.reading.notes if (found := _NOTE.fullmatch(note))]
    return Check(
        reading=first.reading,
        columns=last.reading.columns if last.plan else first.reading.columns,
        problems=first.problems,
        facts=tuple(note for note in last.reading.notes if not _NOTE.fullmatch(note)),
        warnings=(
            *(Finding(found["code"], found["text"], _flag(found["text"])) for found in coded),
            *settled,
            *(finding for finding in (diagnosis.findings if diagnosis else ()) if finding not in settled),
        ),
        options=last.options,
        panel=last.reading.panel if last.plan else None,
        diagnosis=diagnosis,
        plan=last.plan,
        stuck=None if last.plan or not last.options else last.problems[0],
    )


def _read(source: str, config: Config, options: tuple[str, ...] = ()) -> _Attempt:
    """What the reader sees, the plan for it, and all that stands in the way of either."""
    try:
        reading = inspect_file(source, config.data, config.read, task=config.model.task)
    except FileProblems as error:
        return _Attempt(config, Reading(source, problems=error.problems), error.problems, options=options)
    except DataError as error:
        problem = Problem("E406", error.message, hint=error.hint)
        return _Attempt(config, Reading(source, problems=(problem,)), (problem,), options=options)
    if reading.panel is None:
        return _Attempt(config, reading, reading.problems, options=options)
    try:
        return _Attempt(config, reading, (), plan(reading.panel, config), options)
    except DataError as error:
        return _Attempt(config, reading, (Problem("E430", error.message, hint=error.hint),), options=options)


def _settled(source: str, first: _Attempt) -> _Attempt:
    """The last attempt with what the hints name, one problem after the other; the first where no hint names any."""
    last = first
    for _ in range(_MOST_ROUNDS):
        # Holes that an option has made say that it was the wrong one, and are not to be allowed by the next.
        if not last.problems or (last.options and last.problems[0].code == "E404"):
            break
        after = _with_hint(source, last, last.problems[0].hint or "")
        if after is None:
            break
        last = after
    return last


def _with_hint(source: str, last: _Attempt, hint: str) -> _Attempt | None:
    """Another attempt with the options that a hint names besides, or None when it names none or reading takes long."""
    config, added = _with_options(last.config, hint)
    path = Path(source)
    if not added or not path.is_file() or path.stat().st_size > _LARGEST_READ_AGAIN:
        return None
    try:
        return _read(source, config, (*last.options, *added))
    except ConfigError:
        return None


def _flag(text: str) -> str:
    """The first option with a value in a sentence, which says that it settles the matter; empty without one."""
    found = _OPTION.search(text)
    return found[0] if found else ""


def _with_options(config: Config, hint: str) -> tuple[Config, tuple[str, ...]]:
    """The settings with the options that a hint names, and those of them that were not set before."""
    added = []
    for found in _OPTION.finditer(hint):
        key, text = found["key"].replace("-", "_"), found["text"]
        text = text.rstrip(",;:.") or text
        for section in ("data", "read", "model"):
            settings = getattr(config, section)
            kinds = {field.name: str(field.type) for field in fields(settings)}
            if key in kinds and getattr(settings, key) == getattr(type(settings)(), key):
                try:
                    settings = replace(settings, **{key: _value(shlex.split(text)[0], kinds[key])})
                except (ConfigError, ValueError):
                    continue  # a hint in words, such as --skip-lines N
                config = replace(config, **{section: settings})
                added.append(f"--{found['key']} {text}")
    return config, tuple(added)


def _value(text: str, kind: str) -> Any:
    """What the text of an option means in the type that a field declares."""
    if kind.startswith("tuple"):
        return tuple(next(csv.reader([text], skipinitialspace=True)))
    return {"int": int, "float": float}.get(kind.split(" | ")[0], str)(text)


def given_options(settings: Iterable[DataConfig | ReadConfig]) -> list[str]:
    """The settings that are not the default, as options that can be pasted."""
    options = []
    for section in settings:
        default = type(section)()
        for name, value in vars(section).items():
            if value != getattr(default, name):
                options.append(f"--{name.replace('_', '-')} {shlex.quote(_text_of(value))}")
    return options


def _text_of(value: Any) -> str:
    """A setting as its option takes it: several with commas between them, in quotes where one holds a comma."""
    if isinstance(value, tuple):
        return ",".join('"' + v.replace('"', '""') + '"' if re.search('[,"]|^ ', v) else v for v in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)
