"""What the metadata of a model file say of a Forecaster, checked part by part; nothing is built from them here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from forecast.calendars import Calendar
from forecast.calibration import MOST_LEADS, WIDEST, Factors
from forecast.config import Config, read_section
from forecast.errors import CheckpointError, ConfigError
from forecast.evaluation import Evaluation, Worth
from forecast.models.architecture import Architecture
from forecast.panel import Columns, Covariate
from forecast.planning import architecture_of
from forecast.priors.prior import MOST_NETWORKS, Shape
from forecast.snapshots import KIND
from forecast.tempering import COLDEST, HOTTEST

_MOST_COVARIATES, _MOST_CATEGORIES, _MOST_STATES = 1_000, 1_000, 1_000
_LATEST_LEAD = 10**9


@dataclass(frozen=True)
class TrainingData:
    """What is known of the data a Forecaster was trained on: its extent and digest, never its rows."""

    path: str | None
    digest: str
    n_series: int
    n_rows: int
    n_missing: int
    first: str
    last: str


def network_of(parts: Mapping[str, Any]) -> Architecture:
    """The network that checked parts of metadata call for."""
    names = "config", "season_lengths", "quantile_levels", "covariates", "features"
    try:
        config, seasons, levels, covariates, features = (parts[name] for name in names)
        return architecture_of(config, seasons, levels, covariates, features, len(parts["states"]))
    except ConfigError as error:  # a feature of another version
        raise CheckpointError(error.message, hint=error.hint) from error


def parts_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Forecaster that metadata describes, each checked. Whoever seals a file may write anything."""
    if metadata["kind"] == KIND:
        raise CheckpointError("it is what a training that was interrupted had reached, and not a model")
    if metadata["kind"] != "forecaster":
        raise CheckpointError("this checkpoint does not hold a forecaster")
    config = Config.from_dict(metadata["config"], where="configuration")
    if any(value is None for value in asdict(config.model).values()) or None in (
        config.data.scaling,
        config.data.floor,
        config.data.cap,
    ):
        raise CheckpointError("the configuration has blanks")
    states = _states(metadata["states"], config.model.task)
    levels = _levels(metadata["quantile_levels"], states)
    (temperature,) = _numbers([metadata["temperature"]], float, 1, 1)
    if not COLDEST <= temperature <= HOTTEST:
        raise CheckpointError("the temperature is out of bounds")
    seasons = _numbers(metadata["season_lengths"], int, 1, 8)
    if min(seasons) < 1 or max(seasons) > config.model.context_length:
        raise CheckpointError("a season length is out of bounds")
    (n_networks,) = _numbers([metadata["networks"]], int, 1, 1)
    prior = _prior(metadata["prior"], alone=n_networks == 0)
    if not (prior is None) <= n_networks <= 64:
        raise CheckpointError("the number of networks is out of bounds")
    (persistence,) = _numbers([metadata["persistence"]], float, 1, 1)
    if not 0 <= persistence <= 1:
        raise CheckpointError("the persistence is out of bounds")
    return {
        "n_networks": n_networks,
        "prior": prior,
        "config": config,
        "season_lengths": seasons,
        "quantile_levels": levels,
        "factors": _factors(metadata["factors"], len(levels)),
        "persistence": persistence,
        "columns": read_section(Columns, metadata["columns"], "columns"),
        "calendar": Calendar.from_dict(metadata["calendar"]),
        "evaluation": Evaluation.from_dict(metadata["evaluation"]),
        "data": _training_data(metadata["data"]),
        "covariates": _covariates(metadata["covariates"]),
        "worth": _worth(metadata["worth"]),
        "states": states,
        "temperature": temperature,
        **vars(read_section(_History, {f.name: metadata[f.name] for f in fields(_History)}, "training")),
    }


@dataclass(frozen=True)
class PriorPart:
    """What metadata say of the networks of a prior; alone, nothing was fitted to the data, nor to covariates."""

    shape: Shape
    networks: int
    share: float
    digest: str
    alone: bool

    def architecture(self, beside: Architecture) -> Architecture:
        """That of these networks, beside networks of another, or for what these would forecast."""
        a = beside
        if self.alone:
            return self.shape.architecture(a.horizon, a.season_lengths, a.quantile_levels)
        return self.shape.beside(a)


def _prior(values: Any, *, alone: bool) -> PriorPart | None:
    if values is None:
        return None
    if not isinstance(values, dict) or set(values) != {f.name for f in fields(Shape)} | {"networks", "share", "digest"}:
        raise CheckpointError("prior: exactly the keys of its shape, networks, share and digest are needed")
    (share,), (n,) = _numbers([values["share"]], float, 1, 1), _numbers([values["networks"]], int, 1, 1)
    if not 0 <= share <= 1 or not 1 <= n <= MOST_NETWORKS or type(values["digest"]) is not str:
        raise CheckpointError("the prior has a share, a number of networks or a digest that is out of bounds")
    return PriorPart(Shape(**{f.name: values[f.name] for f in fields(Shape)}), n, share, values["digest"], alone)


@dataclass(frozen=True)
class _History:
    """How the training went, as a checkpoint tells it."""

    plan_notes: tuple[str, ...]
    steps: int
    refitted: bool
    stopped: bool
    features: tuple[str, ...]


def _states(values: Any, task: str) -> tuple[str, ...]:
    """The names of states, as many as the task has: none for numbers."""
    if not isinstance(values, list) or not all(type(v) is str for v in values) or len(set(values)) != len(values):
        raise CheckpointError("states: a list of different texts is needed")
    fewest, most = {"regression": (0, 0), "binary": (2, 2)}.get(task, (2, _MOST_STATES))
    if not fewest <= len(values) <= most:
        raise CheckpointError(f"{len(values)} states are not those of task {task}")
    return tuple(values)


def _levels(values: Any, states: Sequence[str]) -> tuple[float, ...]:
    """The quantile levels, of which states have none."""
    levels = _numbers(values, float, 0, 0) if states else _numbers(values, float, 3, 99)
    if states:
        return levels
    ascending = list(levels) == sorted(set(levels)) and levels[0] > 0 and levels[-1] < 1
    if not ascending or levels[len(levels) // 2] != 0.5 or len(levels) % 2 == 0:
        raise CheckpointError("the quantile levels are not an odd number of ascending ones around 0.5")
    return levels


def _training_data(values: Any) -> TrainingData:
    data: TrainingData = read_section(TrainingData, values, "data")
    # Text that is no time raises a ValueError, which is the file's fault as well.
    if np.isnat(np.datetime64(data.last)):
        raise CheckpointError("data: the last timestamp is not a time")
    return data


def _factors(values: Any, n_levels: int) -> Factors:
    if not isinstance(values, dict) or set(values) != {"leads", "rows"} or not isinstance(values["rows"], list):
        raise CheckpointError("factors: exactly the keys leads and rows are needed")
    leads = _numbers(values["leads"], int, 1, MOST_LEADS)
    rows = tuple(_numbers(row, float, n_levels, n_levels) for row in values["rows"])
    ascending = leads[0] == 1 and list(leads) == sorted(set(leads)) and leads[-1] <= _LATEST_LEAD
    if not ascending or len(rows) != len(leads) or not all(0 < factor <= WIDEST for row in rows for factor in row):
        raise CheckpointError("a calibration factor or its lead is out of bounds")
    return Factors(leads, rows)


def _covariates(values: Any) -> tuple[Covariate, ...]:
    if not isinstance(values, list) or len(values) > _MOST_COVARIATES:
        raise CheckpointError("covariates: a list is needed")
    covariates = tuple(read_section(Covariate, value, "covariates") for value in values)
    if any(c.role not in ("past", "future", "static") or len(c.categories) > _MOST_CATEGORIES for c in covariates):
        raise CheckpointError("covariates: an unknown role, or too many categories")
    return covariates


def _worth(values: Any) -> Worth | None:
    if values is None:
        return None
    known = isinstance(values, dict) and set(values) == {"loss", "loss_without", "hidden"}
    if not known or not isinstance(values["hidden"], dict):
        raise CheckpointError("worth: exactly the keys loss, loss_without and hidden are needed")
    losses = _numbers([values["loss"], values["loss_without"], *values["hidden"].values()], float, 2, 1_000)
    return Worth(losses[0], losses[1], dict(zip(values["hidden"], losses[2:], strict=True)))


def _numbers(values: Any, kind: type[float] | type[int], fewest: int, most: int) -> tuple[Any, ...]:
    """A list of so many finite numbers of one kind, as a tuple."""
    if not isinstance(values, list) or not fewest <= len(values) <= most or not all(type(v) is kind for v in values):
        raise CheckpointError(f"{fewest} to {most} numbers of type {kind.__name__} are needed, found {values!r:.40}")
    return tuple(values)
