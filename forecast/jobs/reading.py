"""read_jobs: a file of jobs becomes Jobs, or one error that lists everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from forecast.config import Config, DataConfig, ModelConfig, ReadConfig, TrainConfig, read_section, suggest
from forecast.durations import seconds_in
from forecast.errors import ConfigError
from forecast.jobs.job import Gates, Job, Jobs, JobSettings, RunSettings, Unit
from forecast.jobs.units import conflicts
from forecast.policies import DRIFT, Policy, check_policies
from forecast.settings import FORMATS, PICTURES, PredictSettings, read_toml
from forecast.sources import is_local, parse

_TABLES = ("run", "defaults", "jobs")
_SECTIONS: dict[str, type[Any]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "train": TrainConfig,
    "read": ReadConfig,
    "predict": PredictSettings,
    "gates": Gates,
    "job": JobSettings,
}
#: Where a key of several sections belongs to one only: a job's own paths are resolved by the job.
_OWN = {field.name for field in fields(JobSettings)}
#: Options of `forecast predict` that a run has no use for, and what to write instead.
_ELSEWHERE = {
    "as_of": "forecast run --as-of",
    "chart": 'plot = "{name}.png"',
    "expect_sha256": 'retrain = "never"',
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_HOLES = re.compile(r"\{[^{}]*\}?|\}")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/)(?![A-Za-z]:)(?!:memory:)(.+)", re.DOTALL)


def read_jobs(path: Path) -> Jobs:
    """The jobs of a file. Paths in it are relative to it.

    Raises ConfigError that lists all that is wrong, each with the table it stands in.
    """
    path = path.absolute()
    tables = read_toml(path)
    wrong: list[str] = []
    for name in tables:
        if name not in _TABLES:
            wrong.append(f"unknown table [{name}]; {_table_hint(name)}")
    run = _run(tables.get("run", {}), wrong)
    state = _resolved(run.state or f"{path.stem}.state", path.parent)
    defaults = _good(tables.get("defaults", {}), "[defaults]", wrong)
    jobs = []
    named = tables.get("jobs", {})
    if not isinstance(named, Mapping) or not named:
        wrong.append('there is no job; write [jobs.NAME] and under it data = "FILE"')
        named = {}
    for name, table in named.items():
        where = f"[jobs.{name}]"
        before = len(wrong)
        if not _NAME.fullmatch(name):
            wrong.append(f"{where}: a name of letters, digits and - _ . is needed")
        own = _good(table, where, wrong)
        if len(wrong) == before:
            with _noting(wrong, where):
                jobs.append(_job(name, {**defaults, **own}, path.parent, Path(state)))
    if run.ledger == "none":
        lacking = [job.name for job in jobs if any(policy.kind == DRIFT for policy in job.retrain)]
        wrong += [f"[jobs.{name}]: drift is found in the ledger, and there is none" for name in lacking]
    wrong += conflicts([Unit(job.name, job, job.data) for job in jobs if not job.is_pattern]).values()
    if wrong:
        said = "1 thing is wrong" if len(wrong) == 1 else f"{len(wrong)} things are wrong"
        raise ConfigError("\n".join([f"{path}: {said}, and nothing was done", *(f"  {text}" for text in wrong)]))
    return Jobs(path, Path(state), _ledger(run.ledger, path.parent, Path(state)), run, tuple(jobs))


def _run(table: Any, wrong: list[str]) -> RunSettings:
    values = _good(table, "[run]", wrong, {"run": RunSettings})
    with _noting(wrong, "[run]"):
        run: RunSettings = read_section(RunSettings, values, "[run]")
        return run
    return RunSettings()


def _good(table: Any, where: str, wrong: list[str], sections: Mapping[str, type[Any]] = _SECTIONS) -> dict[str, Any]:
    """The keys of a table that can be used, each looked at alone; what is wrong with the others is noted."""
    if not isinstance(table, Mapping):
        wrong.append(f"{where}: a table of settings is needed, found {table!r:.60}")
        return {}
    good = {}
    known = [key for kind in sections.values() for key in (f.name for f in fields(kind)) if key not in _ELSEWHERE]
    for key, value in table.items():
        homes = [kind for kind in sections.values() if key in {f.name for f in fields(kind)}]
        if key in _ELSEWHERE and sections is _SECTIONS:
            wrong.append(f"{where}: {key} is nothing a job can be told; {_ELSEWHERE[key]}")
        elif not homes:
            wrong.append(f"{where}: unknown key {key!r}; {suggest(key, dict.fromkeys(known))}")
        else:
            before = len(wrong)
            value = _in_seconds(key, value, where, wrong)
            with _noting(wrong, where):
                for kind in _of_one(homes, key):
                    read_section(kind, {key: value}, where)
            if len(wrong) == before:
                good[key] = value
    return good


def _of_one(homes: list[type[Any]], key: str) -> list[type[Any]]:
    return [JobSettings] if key in _OWN else homes


def _in_seconds(key: str, value: Any, where: str, wrong: list[str]) -> Any:
    """`time_limit = "10m"` as the seconds that training takes; every other value as it is."""
    if key == "time_limit" and isinstance(value, str):
        with _noting(wrong, f"{where}: time_limit"):
            return seconds_in(value)
    return value


def _job(name: str, values: Mapping[str, Any], folder: Path, state: Path) -> Job:
    """One job of settings that are right by themselves."""
    parts = {
        section: read_section(
            kind,
            {
                key: value
                for key, value in values.items()
                if key in {f.name for f in fields(kind)} and kind in _of_one([kind], key)
            },
            f"[jobs.{name}]",
        )
        for section, kind in _SECTIONS.items()
    }
    own: JobSettings = parts["job"]
    if own.data is None:
        raise ConfigError("data is missing", hint='data = "FILE"')
    if parse(own.data).kind == "stdin":
        raise ConfigError("data is stdin, which a run does not read", hint='data = "FILE"')
    predict: PredictSettings = parts["predict"]
    output = own.output or str(state / "forecasts" / f"{{name}}.{predict.format or 'csv'}")
    model = own.model or str(state / "models" / "{name}.safetensors")
    _check_output(output, predict)
    if own.plot is not None and Path(own.plot).suffix.lower() not in PICTURES:
        raise ConfigError(f"plot is {own.plot!r}, but must end in .png or .svg")
    if Path(model).suffix != ".safetensors":
        raise ConfigError(f"model is {model!r}, but must end in .safetensors")
    for key, template, holes in (
        ("output", output, ("{name}", "{stem}", "{cutoff}")),
        ("plot", own.plot or "", ("{name}", "{stem}", "{cutoff}")),
        ("model", model, ("{name}", "{stem}")),
        ("future_data", own.future_data or "", ("{name}", "{stem}")),
    ):
        for hole in _HOLES.findall(template):
            if hole not in holes:
                raise ConfigError(f"{key}: {hole} is nothing that can be filled in", hint=f"known: {', '.join(holes)}")
    policies = tuple(_policy(text) for text in own.retrain)
    if not policies:
        raise ConfigError("retrain is empty", hint='retrain = "never"')
    check_policies(policies)
    return Job(
        name=name,
        data=_resolved(own.data, folder),
        config=Config(**{section: parts[section] for section in ("data", "model", "train", "read")}),
        predict=predict,
        output=_resolved(output, folder),
        model=_resolved(model, folder),
        plot=None if own.plot is None else _resolved(own.plot, folder),
        future_data=None if own.future_data is None else _resolved(own.future_data, folder),
        retrain=policies,
        gates=parts["gates"],
        fallback=own.fallback,
    )


def _policy(text: str) -> Policy:
    try:
        return Policy.parse(text)
    except ConfigError as error:
        raise ConfigError(f"retrain: {error.message}", hint=error.hint) from None


def _check_output(output: str, predict: PredictSettings) -> None:
    kind = parse(output).kind
    if kind == "stdin":
        raise ConfigError("output is stdout, which a run does not write to", hint='output = "{name}.forecast.csv"')
    if kind not in ("file", "database"):
        raise ConfigError(f"output is {output!r:.60}, but must be a file or a table of a database")
    if kind == "file" and predict.format is None and Path(output).suffix.lower().removeprefix(".") not in FORMATS:
        names = ", ".join(f".{name}" for name in FORMATS)
        raise ConfigError(f"output is {output!r:.60}, but must end in one of {names}", hint='or write format = "csv"')


def _ledger(named: str | None, folder: Path, state: Path) -> str | None:
    if named == "none":
        return None
    return str(state / "ledger.db") if named is None else _resolved(named, folder)


def _resolved(source: str, folder: Path) -> str:
    """The source with its path, where it has one, seen from a folder."""
    if is_local(source):
        return source if source.startswith("file:") else str(folder / Path(source).expanduser())
    found = _SQLITE.fullmatch(source)
    return f"{found[1]}{folder / found[2]}" if found else source


def _table_hint(name: str) -> str:
    homes = [section for section, kind in _SECTIONS.items() if name in {f.name for f in fields(kind)}]
    if name in {f.name for f in fields(RunSettings)}:
        return "write it under [run]"
    return "write it under [defaults] or [jobs.NAME]" if homes else suggest(name, _TABLES)


@contextmanager
def _noting(wrong: list[str], where: str) -> Iterator[None]:
    """Notes what is wrong inside instead of raising it, with its hint."""
    try:
        yield
    except ConfigError as error:
        text = error.message if error.message.startswith(where) else f"{where}: {error.message}"
        wrong.append(f"{text}; {error.hint}" if error.hint else text)
