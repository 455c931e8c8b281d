"""What a forecast can be asked for, and how its files of settings are read. It never touches data.

Both a command and a job in a file of jobs are told so; where a setting may come from besides is their own affair.
"""

from __future__ import annotations

import math
import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.config import ModelConfig, ReadConfig, TrainConfig, check_bounds, suggest
from forecast.errors import ConfigError

if TYPE_CHECKING:
    from forecast.forecasts import Form

FORMATS = ("csv", "json", "parquet")
PICTURES = (".png", ".svg")


@dataclass(frozen=True)
class PredictSettings:
    """What `forecast predict` can be told. None: found, or chosen, where the command runs."""

    model: str | None = None
    data: str | None = None
    future_data: str | None = None
    horizon: int | None = None
    levels: tuple[float, ...] = ()
    quantiles: tuple[float, ...] = ()
    above: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    samples: int | None = None
    seed: int = 1
    floor: float | str | None = None
    cap: float | str | None = None
    output: str | None = None
    format: str | None = None
    nixtla_names: bool = False
    excel_safe: bool = False
    plot: str | None = None
    chart: bool | None = None
    adapt: bool | None = None
    expect_sha256: str | None = None
    device: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.horizon is not None:
            ModelConfig(horizon=self.horizon)
        TrainConfig(device=self.device, threads=self.threads, seed=self.seed)
        if self.samples is not None and not 1 <= self.samples <= 100_000:
            raise ConfigError(f"samples is {self.samples}, but must lie between 1 and 100000")
        if self.format is not None and self.format not in FORMATS:
            raise ConfigError(f"unknown format {self.format!r}", hint=suggest(self.format, FORMATS))
        for level in self.levels:
            if not 0 < level < 100:
                raise ConfigError(f"a level of {level} % was asked for, but levels lie between 0 and 100")
        for quantile in self.quantiles:
            if not 0 < quantile < 1:
                raise ConfigError(f"a quantile of {quantile} was asked for, but quantiles lie between 0 and 1")
        check_bounds(self.floor, self.cap)
        for threshold in (*self.above, *self.below):
            if not math.isfinite(threshold):
                raise ConfigError(f"a threshold of {threshold} was asked for, but thresholds are finite")
        if self.plot is not None and Path(self.plot).suffix.lower() not in PICTURES:
            raise ConfigError(f"plot is {self.plot!r}, but must end in .png or .svg")

    @property
    def form(self) -> Form:
        """The columns of the file, as `Forecast.to_table` takes them."""
        return {
            "levels": self.levels or None,
            "quantiles": self.quantiles,
            "nixtla_names": self.nixtla_names,
            "above": self.above,
            "below": self.below,
            "samples": self.samples or 0,
            "seed": self.seed,
        }


def override(stored: ReadConfig, given: ReadConfig) -> ReadConfig:
    """How the model's data were read, but for what is given here."""
    # Until when rows count belongs to one run: a model that kept it would never see what came after its training.
    given_here = {name: value for name, value in vars(given).items() if value not in (None, ())}
    # Whoever says what the decimal mark is now says, too, that the one between thousands may have changed.
    thousands = {"thousands": None} if given.decimal and given.decimal != stored.decimal else {}
    return replace(stored, **({"as_of": None} | thousands | given_here))


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file in TOML, unchecked. Raises ConfigError where there is none, or it cannot be read."""
    if not path.is_file():
        if not os.path.lexists(path):
            raise ConfigError(f"{path}: there is no such file")
        raise ConfigError(
            f"{path} is not a regular file",
            hint=f"move it away: mv {shlex.quote(str(path))} {shlex.quote(f'{path}.old')}",
        )
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read: it is not UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    return tables
