"""Origins: what a forecast, or a look inside one, is made from: a model and its data, or a prior and any data."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from forecast.cli.paths import kind_of
from forecast.cli.settings import resolve
from forecast.config import Config, ReadConfig
from forecast.errors import ConfigError, DataError
from forecast.sources import parse

#: What stands for a model where there is none: the prior that comes with the package.
PRIOR = "prior"
#: The setting that asks for that prior; any other one names a file.
BUNDLED = "auto"


def column_option(name: str, *short: str) -> Any:
    """The option that names columns of a kind to a forecast without a model."""
    return typer.Option(
        f"--{name}",
        *short,
        metavar="NAMES",
        help=f"Columns of the {name}, where no model knows them.",
        rich_help_panel="Without a model",
    )


def prior_meant(model: Path) -> str | None:
    """Which prior is meant in the place of a model: BUNDLED, or a file; None where it is a model of data."""
    if model == Path(PRIOR) and not model.exists():
        return BUNDLED
    return str(model) if kind_of(model) == "prior" else None


def config_without_model(prior: str, columns: Mapping[str, list[str]], horizon: int | None, read: ReadConfig) -> Config:
    """What a forecast without a model goes by: the settings of files and variables, and what was named here."""
    given = {**columns, "prior": prior}
    given |= {} if horizon is None else {"horizon": str(horizon)}
    config: Config = resolve(Config, given)
    return replace(config, read=read)


def find_data(named: str | None, stored: str | None, model: Path) -> str:
    """The source to forecast from: the one that was named, or the one the model was trained on, seen from the model.

    Raises DataError where the model has been moved away from a file.
    """
    if named is not None:
        return named
    if stored is None:
        raise ConfigError(f"{model} does not say which file it was trained on", hint="forecast predict --data FILE")
    source = parse(stored)
    if source.kind != "file":
        return stored
    path = _shortest(model.resolve().parent / source.address)
    if not path.exists():
        hint = f"forecast predict --model {shlex.quote(str(model))} --data FILE"
        raise DataError(f"{path}: there is no such file, and {model} was trained on it", hint=hint)
    return f"{path}#{source.part}" if source.part else str(path)


def _shortest(path: Path) -> Path:
    """The path as seen from here where it lies below, in full elsewhere."""
    path = Path(os.path.normpath(path))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
