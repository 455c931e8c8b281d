"""Settings of a command: option, then FORECAST_* variable, then forecast.toml, then default. Never touches data.

Every field of every section is at once an option (`--season-length`), a variable (`FORECAST_SEASON_LENGTH`) and a key
of `forecast.toml` (`[data] season_length`); a new field in `forecast.config` becomes all three by itself.
"""

from __future__ import annotations

import csv
import difflib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from forecast.config import (
    Config,
    DataConfig,
    ModelConfig,
    ReadConfig,
    TrainConfig,
    read_section,
    suggest,
)
from forecast.durations import seconds_in
from forecast.errors import ConfigError
from forecast.settings import PICTURES, PredictSettings, read_toml

SETTINGS_FILE = Path("forecast.toml")
PREFIX = "FORECAST_"

DIRECTIONS = ("forward", "backward")
#: What an explanation can be a picture of.
EXPLANATIONS = ("gates", "gradients", "lags", "anchors", "covariates")


@dataclass(frozen=True)
class ExplainSettings:
    """What `forecast explain` can be told. None: found, or chosen, where the command runs."""

    data: str | None = None
    future_data: str | None = None
    item: str | None = None
    cutoff: str | None = None
    member: int = 1
    layer: int | None = None
    direction: str | None = None
    plot: str | None = None
    picture: str | None = None
    repeats: int = 5
    seed: int = 1
    threads: int | None = None

    def __post_init__(self) -> None:
        TrainConfig(seed=self.seed, threads=self.threads)
        for name, value in (("member", self.member), ("layer", self.layer), ("repeats", self.repeats)):
            if value is not None and not 1 <= value <= 1000:
                raise ConfigError(f"{name} is {value}, but must lie between 1 and 1000")
        for name, known in (("direction", DIRECTIONS), ("picture", EXPLANATIONS)):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise ConfigError(f"unknown {name} {value!r:.60}", hint=suggest(value, known))
        if self.plot is not None and Path(self.plot).suffix.lower() not in (*PICTURES, ".html"):
            raise ConfigError(f"plot is {self.plot!r}, but must end in .png, .svg or .html")


@dataclass(frozen=True)
class PretrainSettings:
    """What `forecast pretrain` can be told of the training. share is that of a panel's windows, where there is one."""

    steps: int = 14_000
    networks: int = 1
    share: float = 0.5

    def __post_init__(self) -> None:
        for name, value, most in (("steps", self.steps, 10_000_000), ("networks", self.networks, 16)):
            if not 1 <= value <= most:
                raise ConfigError(f"{name} is {value}, but must lie between 1 and {most}")
        if not 0 < self.share <= 1:
            raise ConfigError(f"share is {self.share}, but must lie above 0 and be at most 1")


@dataclass(frozen=True)
class TuneSettings:
    """What `forecast tune` can be told about the search. trials counts those of earlier runs of the same study."""

    trials: int = 30
    study: str | None = None
    cells: tuple[str, ...] = ()
    config_output: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= 100_000:
            raise ConfigError(f"trials is {self.trials}, but must lie between 1 and 100000")
        for cell in self.cells:
            ModelConfig(cell=cell)
        for name, suffix in (("study", ".db"), ("config_output", ".toml")):
            value = getattr(self, name)
            if value is not None and Path(value).suffix != suffix:
                hint = f"{option(name)} {shlex.quote(f'{Path(value).stem}{suffix}')}"
                raise ConfigError(f"{name} is {value!r}, but must end in {suffix}", hint=hint)


@dataclass(frozen=True)
class BacktestSettings:
    """What `forecast backtest` can be told of the comparison; "none" alone is an empty list. None and (): chosen."""

    cells: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    windows: int | None = None
    step: int | None = None
    refit: bool = False
    adapt: bool = False
    by_lead: bool = False

    def __post_init__(self) -> None:
        for cell in self.cells if self.cells != ("none",) else ():
            ModelConfig(cell=cell)
        for preset in self.presets:
            TrainConfig(preset=preset)
        if self.presets and self.cells == ("none",):
            raise ConfigError("cells is none, so presets have nothing to train", hint="--cells lstm")
        for name, value in (("windows", self.windows), ("step", self.step)):
            if value is not None and not 1 <= value <= 100_000:
                raise ConfigError(f"{name} is {value}, but must lie between 1 and 100000")


@dataclass(frozen=True)
class CompareSettings:
    """What `forecast compare` can be told of the comparison; "all" alone is every cell there is. None: chosen."""

    cells: tuple[str, ...] = ("rnn", "lstm", "gru")
    seeds: int = 3
    windows: int | None = None
    step: int | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        for cell in self.cells if self.cells != ("all",) else ():
            ModelConfig(cell=cell)
        for cell in self.cells:
            if self.cells.count(cell) > 1:
                raise ConfigError(f"cells has {cell} twice", hint=f"--cells {','.join(dict.fromkeys(self.cells))}")
        if not self.cells:
            raise ConfigError("cells is empty, but there must be one to compare", hint="--cells lstm,gru")
        if not 1 <= self.seeds <= 1_000:
            raise ConfigError(f"seeds is {self.seeds}, but must lie between 1 and 1000")
        for name, value in (("windows", self.windows), ("step", self.step), ("jobs", self.jobs)):
            if value is not None and not 1 <= value <= 100_000:
                raise ConfigError(f"{name} is {value}, but must lie between 1 and 100000")


@dataclass(frozen=True)
class ScoreSettings:
    """What `forecast score` can be told. None: found, or chosen, where the command runs."""

    ledger: str | None = None
    only: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    last: str | None = None
    by_lead: bool = False
    include_hindsight: bool = False
    settle: bool | None = None
    fail_on_drift: bool = False
    plot: str | None = None
    metrics_file: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("since", self.since), ("until", self.until)):
            if value is not None:
                check_moment(name, value)
        if self.last is not None:
            seconds_in(self.last)
            if self.since is not None:
                raise ConfigError("both since and last say where the time begins", hint="leave --last out")
        if self.plot is not None and Path(self.plot).suffix.lower() not in PICTURES:
            raise ConfigError(f"plot is {self.plot!r}, but must end in .png or .svg")
        if self.metrics_file is not None and Path(self.metrics_file).suffix != ".prom":
            found = f"metrics_file is {self.metrics_file!r}, but node_exporter reads files that end in .prom"
            raise ConfigError(found, hint=f"--metrics-file {shlex.quote(Path(self.metrics_file).stem + '.prom')}")


def check_moment(name: str, text: str) -> None:
    """Raise ConfigError unless a text is a date, or a date and a time, in ISO form and without an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None or not re.match(r"\d{4}-\d\d-\d\d", text):
        found = f"{name} is {text!r:.40}, but must be a date, or a date and a time by the clock of the data"
        raise ConfigError(found, hint=f"{option(name)} 2024-01-31, or {option(name)} 2024-01-31T06:00")


#: The tables of forecast.toml.
SECTIONS: dict[str, type[Any]] = {
    "read": ReadConfig,
    "data": DataConfig,
    "model": ModelConfig,
    "train": TrainConfig,
    "predict": PredictSettings,
    "explain": ExplainSettings,
    "tune": TuneSettings,
    "pretrain": PretrainSettings,
    "backtest": BacktestSettings,
    "compare": CompareSettings,
    "score": ScoreSettings,
}

#: Seconds in what may follow the number of a length of time.
_UNITS = {"s": 1, "m": 60, "h": 3600}


def resolve(kind: type[Any], given: Mapping[str, Any], file: Path | None = None) -> Any:
    """A Config or one section, from the options that were given over the variables that are set over the file.

    The file is forecast.toml, which may be missing, unless another is named.
    """
    if file is not None and not os.path.lexists(file):
        raise ConfigError(f"--config {file}: there is no such file")
    in_file, in_environment = read_file(file or SETTINGS_FILE), read_environment(os.environ)
    if kind is Config:
        parts = ("data", "model", "train", "read")
        return Config(**{name: _merged(name, in_file, in_environment, given) for name in parts})
    return _merged(next(name for name in SECTIONS if SECTIONS[name] is kind), in_file, in_environment, given)


def read_file(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a settings file, checked key by key; empty when there is no such file."""
    if not os.path.lexists(path):
        return {}
    tables = read_toml(path)
    for name, table in tables.items():
        if name not in SECTIONS:
            homes = [f"[{section}]" for section, kind in SECTIONS.items() if name in {f.name for f in fields(kind)}]
            hint = f"write it under {' or '.join(homes)}" if homes else suggest(name, SECTIONS)
            raise ConfigError(f"{path}: unknown table {name!r}", hint=hint)
        with _named(str(path)):
            read_section(SECTIONS[name], table, f"[{name}]")
    return tables


def to_toml(config: Config) -> str:
    """The settings of a Config that are not their defaults, as `read_file` reads them."""
    blank = Config().to_dict()
    lines = []
    for section, values in config.to_dict().items():
        said = {key: value for key, value in values.items() if value != blank[section][key]}
        if said:
            lines += ["", f"[{section}]", *(f"{key} = {_toml_value(value)}" for key, value in said.items())]
    return "".join(f"{line}\n" for line in lines[1:])


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml_value(item) for item in value)}]"
    # JSON writes numbers, true, false and texts as TOML does, but for one control character.
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")


def read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The text of every FORECAST_ variable that is set, by setting. An unknown one is a ConfigError; empty is unset."""
    known = {field.name for kind in SECTIONS.values() for field in fields(kind)}
    found = {name.removeprefix(PREFIX).lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
    for key in found:
        if key not in known:
            near = " or ".join(variable(k) for k in difflib.get_close_matches(key, sorted(known), n=3))
            raise ConfigError(
                f"unknown environment variable {variable(key)}",
                hint=f"did you mean {near}?" if near else f"unset {variable(key)}",
            )
    return {key: text for key, text in found.items() if text}


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + key.upper()


def option(key: str) -> str:
    """The option of a setting."""
    return "--" + key.replace("_", "-")


def _merged(
    section: str, in_file: Mapping[str, Any], in_environment: Mapping[str, str], given: Mapping[str, Any]
) -> Any:
    kind = SECTIONS[section]
    kinds = {field.name: str(field.type) for field in fields(kind)}
    values = dict(in_file.get(section, {}))
    for key in kinds.keys() & in_environment.keys():
        with _named(variable(key)):
            values[key] = _from_text([_in_seconds(key, in_environment[key])], kinds[key])
            kind(**{key: values[key]})
    for key in kinds.keys() & given.keys():
        with _named(option(key)):
            value = given[key]
            texts = [_in_seconds(key, value)] if isinstance(value, str) else value
            values[key] = value if isinstance(value, bool) else _from_text(texts, kinds[key])
            kind(**{key: values[key]})
    return read_section(kind, values, f"[{section}]")


def _from_text(texts: Sequence[str], kind: str) -> Any:
    """What a person typed (more than once, for a list), in the type that a field declares, such as `int | None`."""
    base = kind.split(" | ")[0]
    if base.startswith("tuple"):
        items = [item for text in texts for item in _items(text)]
        return tuple(_number(item) for item in items) if "float" in base else tuple(items)
    if base == "bool":
        return _truth(texts[-1])
    if "str" in kind.split(" | ")[1:] and texts[-1] == "none":
        return texts[-1]
    if base in ("int", "float"):
        return _number(texts[-1], whole=base == "int")
    return texts[-1]


def _in_seconds(key: str, text: str) -> str:
    """`90s`, `10m` or `1.5h` as a text of seconds, where the setting is a length of time; other texts as they are."""
    number, unit = text[:-1], text[-1:]
    if key != "time_limit" or unit not in _UNITS:
        return text
    return str(_number(number) * _UNITS[unit])


def _items(text: str) -> list[str]:
    try:
        return next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        raise ConfigError(
            f"{text!r} is not a list of names", hint="put a name with a line end in double quotes"
        ) from None


def _number(text: str, *, whole: bool = False) -> float:
    """An int where the text is one: a level of 80 is written `lo_80`, never `lo_80.0`."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        if not whole:
            return float(text)
    except ValueError:
        pass
    raise ConfigError(f"{text!r} is not a {'whole ' if whole else ''}number")


def _truth(text: str) -> bool:
    for words, truth in ((("1", "true", "yes", "on"), True), (("0", "false", "no", "off"), False)):
        if text.strip().lower() in words:
            return truth
    raise ConfigError(f"{text!r} is neither yes nor no", hint="use 1 or 0")


@contextmanager
def _named(source: str) -> Iterator[None]:
    """Puts the place a setting came from in front of what is wrong with it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{source}: {error.message}", why=error.why, hint=error.hint) from error
