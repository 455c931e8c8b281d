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
from forecast.reading import Reading, inspect_file
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

    `options` are what the hints add to those, and `config` holds both; with them the file has the panel that
    `diagnosis` and `plan` are of, and there is none when no hint leads further. facts are sentences on what was chosen,
    warnings what was repaired or noticed, and stuck is the problem that remains with the options.
    """

    reading: Reading
    config: Config
    problems: tuple[Problem, ...]
    facts: tuple[str, ...]
    warnings: tuple[Finding, ...]
    options: tuple[str, ...]
    panel: Panel | None
    diagnosis: Diagnosis | None
    plan: Plan | None
    stuck: Problem | None = None


def check(path: Path, config: Config) -> Check:
    """The Check of a file. Raises ConfigError only for settings that mean nothing."""
    reading, planned, problems = _read(path, config)
    seen, options, stuck = reading, tuple[str, ...](), None
    if problems:
        config, options, seen, planned, stuck = _settled(path, config, problems)
    panel = seen.panel if planned is not None else None
    diagnosis = None if panel is None else diagnose(panel)
    notes = [match or note for note in seen.notes for match in [_NOTE.fullmatch(note)]]
    warnings = [Finding(note["code"], note["text"]) for note in notes if not isinstance(note, str)]
    warnings += diagnosis.findings if diagnosis else ()
    for finding in warnings:
        if finding.flag:
            config, added = _with_options(config, finding.flag)
            options = (*options, *added)
    facts = tuple(note for note in notes if isinstance(note, str))
    return Check(reading, config, problems, facts, tuple(warnings), options, panel, diagnosis, planned, stuck)


def _read(path: Path, config: Config) -> tuple[Reading, Plan | None, tuple[Problem, ...]]:
    """What the reader sees, the plan for it, and all that stands in the way of either."""
    try:
        reading = inspect_file(path, config.data, config.read)
    except FileProblems as error:
        return Reading(str(path), problems=error.problems), None, error.problems
    except DataError as error:
        problem = Problem("E406", error.message, hint=error.hint)
        return Reading(str(path), problems=(problem,)), None, (problem,)
    if reading.panel is None:
        return reading, None, reading.problems
    try:
        return reading, plan(reading.panel, config), ()
    except DataError as error:
        return reading, None, (Problem("E430", error.message, hint=error.hint),)


def _settled(
    path: Path, config: Config, problems: tuple[Problem, ...]
) -> tuple[Config, tuple[str, ...], Reading, Plan | None, Problem | None]:
    """The settings with what the hints name, one problem after the other, and the first problem that remains."""
    reading, planned, options = Reading(str(path), problems=problems), None, tuple[str, ...]()
    small = path.is_file() and path.stat().st_size <= _LARGEST_READ_AGAIN
    for _ in range(_MOST_ROUNDS if small else 0):
        tried, added = _with_options(config, problems[0].hint or "")
        if not added:
            break
        try:
            reading, planned, problems = _read(path, tried)
        except ConfigError:
            break
        config, options = tried, (*options, *added)
        if not problems:
            return config, options, reading, planned, None
    return config, options, reading, None, problems[0] if options else None


def _with_options(config: Config, hint: str) -> tuple[Config, tuple[str, ...]]:
    """The settings with the options that a hint names, and those of them that were not set before."""
    added = []
    for found in _OPTION.finditer(hint):
        key, text = found["key"].replace("-", "_"), found["text"]
        text = text.rstrip(",;:.") or text
        for section in ("data", "read", "model"):
            settings = getattr(config, section)
            kinds = {field.name: str(field.type) for field in fields(settings)}
            if key in kinds and getattr(settings, key) in (None, ()):
                try:
                    settings = replace(settings, **{key: _value(shlex.split(text)[0], kinds[key])})
                except (ConfigError, ValueError):
                    continue  # a hint in words, such as --skip-lines N
                config = replace(config, **{section: settings})
                added.append(f"--{found['key']}={text}" if text.startswith("-") else f"--{found['key']} {text}")
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
                texts = [value] if not isinstance(value, tuple) else [_in_list(value)]
                text = shlex.quote(str(texts[0]))
                flag = "--" + name.replace("_", "-")
                options.append(f"{flag}={text}" if text.startswith("-") else f"{flag} {text}")
    return options


def _in_list(values: tuple[str, ...]) -> str:
    return ",".join('"' + v.replace('"', '""') + '"' if re.search('[,"]|^ ', v) else v for v in values)
