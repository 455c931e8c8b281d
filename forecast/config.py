"""Every setting, as frozen values: Config ⊃ ReadConfig, DataConfig, ModelConfig, TrainConfig. Strict keys in and out.

A setting that is None is chosen by `planning.plan` from what the data is; a Config without None is a plan.
"""

from __future__ import annotations

import codecs
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from forecast.cells import CELLS as CARDS
from forecast.errors import ConfigError

#: What the network is trained to forecast: the median, and enough of both sides for 50, 80, 90 and 95 % intervals.
QUANTILE_LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)

CELLS = tuple(CARDS)
#: What a target is: numbers, one of two states, or one of a few.
TASKS = ("regression", "binary", "class")
PRESETS = ("fast", "balanced", "best")
SCALINGS = ("standard", "robust", "minmax", "maxabs", "log", "mixed", "none")
#: How the steps of the horizon come about, what is said of each, what the recurrence begins with, and whether a decoder
#: that is told its own forecasts is told the truth while it is taught.
DECODERS = ("direct", "segment", "recursive")
HEADS = ("quantiles", "normal", "student-t", "negative-binomial")
INITIAL_STATES = ("zero", "learnt")
TEACHER_FORCING = ("scheduled", "always", "never")
DEVICES = ("auto", "cpu", "cuda", "mps")
#: What may become of several rows of one item and time.
DUPLICATES = ("first", "last", "mean", "sum")
#: What may stand between groups of three digits, as an option names it.
THOUSANDS = {",": ",", ".": ".", "'": "'", "_": "_", "space": " "}
DELIMITERS = {",": ",", ";": ";", "|": "|", "tab": "\t", "space": " "}


@dataclass(frozen=True)
class ReadConfig:
    """How the text of a file is to be read. None and (): what the whole file proves, or the common form of it.

    names are those of the columns of a file without a header, na are more words for a missing value, units are texts
    that are taken off numbers, date_format is a pattern of `timeformat` or one of its words, timezone an IANA name,
    max_missing a percentage of steps, as_of the moment after which rows do not count.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    comment: str | None = None
    skip_lines: int | None = None
    names: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    na: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    date_format: str | None = None
    timezone: str | None = None
    on_duplicate: str | None = None
    max_missing: float | None = None
    as_of: str | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            _known_encoding(self.encoding)
        _one_of("delimiter", self.delimiter, tuple(DELIMITERS))
        for name in ("quote", "escape"):
            _one_character(name, getattr(self, name))
        if self.comment is not None and (not self.comment.strip() or self.comment[0].isalnum()):
            # What rows of data may begin with as well would drop them without a word.
            raise ConfigError(f"comment is {self.comment!r}, but must begin with a sign, such as #")
        _within("skip_lines", self.skip_lines, 0, 1_000_000)
        _one_of("decimal", self.decimal, (".", ","))
        _one_of("thousands", self.thousands, tuple(THOUSANDS))
        if self.thousands is not None and self.thousands == self.decimal:
            raise ConfigError(
                f"{self.thousands!r} cannot be both the decimal mark and the thousands separator",
                hint="--decimal , --thousands ." if self.thousands == "." else "--decimal .",
            )
        _one_of("on_duplicate", self.on_duplicate, DUPLICATES)
        _within("max_missing", self.max_missing, 0, 100)


@dataclass(frozen=True)
class DataConfig:
    """Which columns are what, which calendar they follow, and how values are scaled. None and (): found in the file.

    past, future and static are covariates: known until the cutoff, known over the horizon too, and fixed for each item.
    holidays are countries, such as DE or DE-BY; features are calendar features, ("none",) for not even those that the
    frequency suggests. No forecast lies below floor or above cap, numbers or "none".
    """

    time: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    id: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    freq: str | None = None
    calendar: str | None = None
    season_length: int | None = None
    scaling: str | None = None
    floor: float | str | None = None
    cap: float | str | None = None

    def __post_init__(self) -> None:
        _within("season_length", self.season_length, 1, 100_000)
        _one_of("scaling", self.scaling, SCALINGS)
        check_bounds(self.floor, self.cap)


@dataclass(frozen=True)
class ModelConfig:
    """The network. context_length, segment and horizon are steps of the series. None: chosen from the data.

    task is what the target is: numbers, one of two states whose second is asked for, or one of a few states.
    anchors are the simple continuations that the network begins with; without them it begins with the last value.
    truncation is the number of recurrent steps, which are segments, that gradients go back through; 0: all of them.
    context_loss is how much the loss at every step of the context counts beside that of the horizon.
    prior is where networks come from that were trained before: "auto" for those of the package, "none", or a file.
    """

    cell: str = "lstm"
    hidden: int | None = None
    layers: int | None = None
    bidirectional: bool = False
    anchors: bool = True
    smoothing: bool = True
    dropout: float | None = None
    variational: bool = False
    recurrent_dropout: float = 0.0
    layer_norm: bool = False
    residual: bool = False
    initial_state: str = "zero"
    forget_bias: float = 1.0
    truncation: int = 0
    decoder: str = "direct"
    head: str = "quantiles"
    context_loss: float = 0.0
    task: str = "regression"
    segment: int | None = None
    context_length: int | None = None
    horizon: int | None = None
    members: int | None = None
    prior: str = "auto"

    def __post_init__(self) -> None:
        if not self.prior:
            raise ConfigError("prior is empty, but must be auto, none or a file", hint="--prior none")
        _one_of("task", self.task, TASKS)
        _one_of("cell", self.cell, CELLS)
        _within("hidden", self.hidden, 1, 4_096)
        _within("layers", self.layers, 1, 32)
        _within("dropout", self.dropout, 0.0, 0.95)
        _within("segment", self.segment, 1, 10_000)
        _within("context_length", self.context_length, 2, 100_000)
        _within("horizon", self.horizon, 1, 10_000)
        _within("members", self.members, 1, 64)
        _within("recurrent_dropout", self.recurrent_dropout, 0.0, 0.95)
        _one_of("initial_state", self.initial_state, INITIAL_STATES)
        _within("forget_bias", self.forget_bias, -10.0, 10.0)
        _within("truncation", self.truncation, 0, 100_000)
        _one_of("decoder", self.decoder, DECODERS)
        _one_of("head", self.head, HEADS)
        _within("context_loss", self.context_loss, 0.0, 100.0)
        if self.bidirectional and self.truncation:
            raise ConfigError("a backward direction has no past to cut off", hint="leave --truncation out")
        if self.bidirectional and self.context_loss:
            raise ConfigError(
                "a backward direction has read what a loss at every step of the context asks for",
                hint="leave --context-loss or --bidirectional out",
            )


@dataclass(frozen=True)
class TrainConfig:
    """How the network is trained. time_limit is in seconds; max_steps counts optimiser steps of one member.

    preset is how much to train for what is None: see presets.py. teacher_forcing is for the recursive decoder.
    """

    learning_rate: float | None = None
    batch_size: int | None = None
    max_steps: int | None = None
    patience: int | None = None
    weight_decay: float | None = None
    time_limit: float | None = None
    seed: int = 1
    device: str = "auto"
    threads: int | None = None
    preset: str = "balanced"
    teacher_forcing: str = "scheduled"

    def __post_init__(self) -> None:
        _one_of("preset", self.preset, PRESETS)
        _one_of("teacher_forcing", self.teacher_forcing, TEACHER_FORCING)
        _within("learning_rate", self.learning_rate, 1e-7, 1.0)
        _within("batch_size", self.batch_size, 1, 1_000_000)
        _within("max_steps", self.max_steps, 1, 10_000_000)
        _within("patience", self.patience, 1, 100_000)
        _within("weight_decay", self.weight_decay, 0.0, 10.0)
        _within("time_limit", self.time_limit, 0.1, 1e9)
        _within("seed", self.seed, 0, 2**31 - 1)
        _one_of("device", self.device, DEVICES)
        _within("threads", self.threads, 1, 1_024)


@dataclass(frozen=True)
class Config:
    """Everything a training run depends on besides the data."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    read: ReadConfig = field(default_factory=ReadConfig)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Nested plain values (lists, not tuples), ready for JSON or TOML."""
        return {
            section: {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
            for section, values in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "configuration") -> Config:
        """The Config that nested plain values describe. An unknown key or a wrong type is a ConfigError."""
        sections = {f.name: _SECTIONS[f.name] for f in fields(cls)}
        _check_keys(values, sections, where)
        read = {key: read_section(kind, values.get(key, {}), f"{where} [{key}]") for key, kind in sections.items()}
        return cls(**read)


#: The types of settings, in words.
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "tuple[str, ...]": "a list of texts",
    "tuple[float, ...]": "a list of numbers",
}
_SECTIONS: dict[str, type[Any]] = {"read": ReadConfig, "data": DataConfig, "model": ModelConfig, "train": TrainConfig}


def suggest(word: str, known: Iterable[str]) -> str:
    """A hint that names at most three known words near `word`, or all of them when none is near."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"


def check_task(task: str) -> None:
    """Raise ConfigError for a task that is not one of TASKS."""
    _one_of("task", task, TASKS)


def read_section(kind: type[Any], values: Any, where: str) -> Any:
    """The `kind` (a dataclass of settings) that a table of plain values describes, with strict keys and types."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: a table of settings is needed, found {values!r}")
    annotations = {f.name: str(f.type) for f in fields(kind)}
    _check_keys(values, annotations, where)
    return kind(**{key: _typed(value, annotations[key], f"{where} {key}") for key, value in values.items()})


def check_bounds(floor: float | str | None, cap: float | str | None) -> None:
    """Raises ConfigError unless each is a finite number, "none" or None, and the floor lies below the cap."""
    for name, value in (("floor", floor), ("cap", cap)):
        if isinstance(value, str) and value != "none":
            raise ConfigError(f"{name} is {value!r}, but must be a number or none")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{name} is {value}, but must be finite", hint=f"--{name} none")
    if not isinstance(floor, str | None) and not isinstance(cap, str | None) and floor >= cap:
        raise ConfigError(f"the floor {floor:.12g} does not lie below the cap {cap:.12g}")


def _check_keys(values: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}", hint=suggest(key, known))


def _typed(value: Any, annotation: str, where: str) -> Any:
    """The value in the type its field declares; bool is not an int here, and an int may stand for a float."""
    kinds = annotation.split(" | ")
    if value is None and "None" in kinds:
        return None
    if "tuple[str, ...]" in kinds:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, (list, tuple)) and all(isinstance(item, str) for item in items):
            return tuple(items)
    elif "tuple[float, ...]" in kinds:
        items = value if isinstance(value, (list, tuple)) else [value]
        if all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in items):
            return tuple(items)
    elif "bool" in kinds:
        if isinstance(value, bool):
            return value
    elif isinstance(value, bool):
        pass
    elif "int" in kinds and isinstance(value, int):
        return value
    elif "float" in kinds and isinstance(value, (int, float)):
        return float(value)
    elif "str" in kinds and isinstance(value, str):
        return value
    needed = " or ".join(_KINDS[kind] for kind in kinds if kind != "None")
    raise ConfigError(f"{where}: {value!r} is not {needed}")


def _within(name: str, value: float | None, low: float, high: float) -> None:
    # `not low <= value` rather than `value < low`: NaN must fail too.
    if value is not None and not low <= value <= high:
        raise ConfigError(f"{name} is {value}, but must lie between {low} and {high}")


def _one_character(name: str, value: str | None) -> None:
    if value is not None and (len(value) != 1 or not value.isprintable()):
        raise ConfigError(f"{name} is {value!r}, but must be one character")


def _known_encoding(name: str) -> None:
    try:
        codec = codecs.lookup(name)
        is_text = isinstance("".encode(codec.name), bytes)
    except (LookupError, UnicodeError, ValueError):
        is_text = False
    if not is_text:
        raise ConfigError(f"unknown encoding {name!r}", hint=suggest(name, ("utf-8", "cp1252", "latin-1", "utf-16")))


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise ConfigError(f"unknown {name} {value!r}", hint=suggest(value, known))
