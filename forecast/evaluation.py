"""The model beside the baselines, on windows it was not trained on, and the verdict in one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast import metrics, probabilities
from forecast.baselines import BASELINES
from forecast.config import QUANTILE_LEVELS
from forecast.errors import CheckpointError
from forecast.probabilities import Bin
from forecast.state_baselines import STATE_BASELINES

Values = NDArray[np.float64]

#: Errors that differ by less than this share of the values do so by rounding.
_ROUNDING = 1e-9
#: A change of the loss by less than this share is called none.
_WORTHWHILE = 0.01
#: Central intervals, in percent, whose coverage and width are reported.
LEVELS = (80, 95)


@dataclass(frozen=True)
class Window:
    """One cutoff of one series: history [T] up to it, actual [H] after it (NaN: missing), model_quantiles [H, Q]."""

    history: Values
    actual: Values
    model_quantiles: Values


@dataclass(frozen=True)
class StateWindow:
    """One cutoff of a series of states: history [T] of codes, actual [H] (NaN: missing), probabilities [H, C]."""

    history: Values
    actual: Values
    probabilities: Values


@dataclass(frozen=True)
class Score:
    """One method's metrics, each averaged over windows; NaN where the data leave it undefined in every window."""

    name: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """The scores of the model, then of the baselines, over the same windows.

    reliability says of a model of states how often what it called so probable came.
    """

    scores: tuple[Score, ...]
    n_windows: int
    horizon: int
    season_length: int
    note: str = ""
    reliability: tuple[Bin, ...] = ()
    parts: tuple[Score, ...] = ()

    @property
    def best_baseline(self) -> Score:
        """The baseline with the lowest MASE, or the lowest MAE where the history's scale leaves MASE undefined.

        Of states, the one with the lowest log loss.
        """
        return min(self.scores[1:], key=lambda score: score.metrics[self.deciding])

    @property
    def verdict(self) -> str:
        """Whether the model is worth using, in one sentence with both figures."""
        best, deciding = self.best_baseline, self.deciding
        model, other = self.scores[0].metrics[deciding], best.metrics[deciding]
        if math.isnan(other):
            return "the model cannot be compared with a baseline: the held-out windows have no observed value"
        figures = f"{NAMES[deciding]} {model:.3g} against {other:.3g}"
        apart = model - other if self.of_states else self.scores[0].metrics["wape"] - best.metrics["wape"]
        apart = abs(apart)
        if model == other or apart < _ROUNDING:
            return f"the model and the best baseline ({best.name}) are equally good: {figures}"
        if model < other:
            return f"the model beats the best baseline ({best.name}): {figures} ({_percent(1 - model / other)} lower)"
        # Past ten times as much a percentage says less than the figures, and a baseline without error has none.
        behind = f" ({_percent(model / other - 1)} higher)" if other < model < 10 * other else ""
        return (
            f"the model does NOT beat {best.name} here: {figures}{behind}; "
            f"use {best.name}, or give the model more history or more training time"
        )

    @property
    def of_states(self) -> bool:
        """Whether probabilities of states were judged, and not numbers."""
        return "log_loss" in self.scores[0].metrics

    @property
    def deciding(self) -> str:
        """The metric that says which is best: the log loss of states, else MASE, or MAE where that is undefined."""
        if self.of_states:
            return "log_loss"
        return "mae" if math.isnan(self.scores[1].metrics["mase"]) else "mase"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, which has no NaN: an undefined metric is None."""
        return {
            "scores": [_plain(score) for score in self.scores],
            "n_windows": self.n_windows,
            "horizon": self.horizon,
            "season_length": self.season_length,
            "note": self.note,
            **({"reliability": [asdict(own) for own in self.reliability]} if self.of_states else {}),
            **({"parts": [_plain(score) for score in self.parts]} if self.parts else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """What `to_dict` wrote, checked key by key and type by type; anything else is a CheckpointError."""
        kinds = {"scores": list, "n_windows": int, "horizon": int, "season_length": int, "note": str}
        kinds |= {name: list for name in ("reliability", "parts") if name in values}
        _check(values, kinds, "evaluation")
        if len(values["scores"]) < 2:
            raise CheckpointError("evaluation: the scores of a model and of at least one baseline are needed")
        scores = tuple(_score(score, f"evaluation score {i}") for i, score in enumerate(values["scores"], start=1))
        parts = tuple(_score(score, f"evaluation part {i}") for i, score in enumerate(values.get("parts", ()), start=1))
        rows = enumerate(values.get("reliability", ()), start=1)
        bins = tuple(_bin(own, f"evaluation reliability {i}") for i, own in rows)
        return cls(**{**values, "scores": scores, "reliability": bins, "parts": parts})


@dataclass(frozen=True)
class Worth:
    """What covariates are worth: the mean validation loss with them, of networks trained without them, and hiding each.

    hidden has for each covariate the loss of the networks trained with all, when they are not told that one.
    """

    loss: float
    loss_without: float
    hidden: dict[str, float]

    @property
    def verdict(self) -> str:
        """Whether they help, in one sentence with both figures."""
        change = 1 - self.loss / self.loss_without if self.loss_without else 0.0
        figures = f"validation loss {self.loss:.4g} with them, {self.loss_without:.4g} without"
        if change > _WORTHWHILE:
            return f"the covariates help: {figures} ({change:.0%} lower)".replace("%", " %")
        if change < -_WORTHWHILE:
            return f"the covariates do NOT help here: {figures}; train without them"
        return f"the covariates make no difference: {figures}"


def evaluate(
    windows: Sequence[Window],
    season_length: int,
    model_name: str,
    *,
    quantile_levels: Sequence[float] = QUANTILE_LEVELS,
    note: str = "",
    others: Mapping[str, Values] | None = None,
) -> Evaluation:
    """The metrics of the model and of every baseline on the same windows of one horizon, averaged over the windows.

    others are quantiles [N, H, Q] by name that are shown beside the model, parts of it for example.

    quantile_levels belong to the windows' model_quantiles and hold 0.5 and both ends of every interval in LEVELS. A
    window in which the data leave a metric undefined is left out of that metric's average, for all alike.
    """
    # A season of one step makes seasonal naive the same as naive: one of them is enough.
    baselines = {name: f for name, f in BASELINES.items() if season_length > 1 or name != "seasonal naive"}
    histories = [window.history for window in windows]
    actual = np.stack([window.actual for window in windows])
    horizon = actual.shape[1]
    forecasts = [np.stack([window.model_quantiles for window in windows])]
    for baseline in baselines.values():
        forecasts.append(np.stack([baseline(h, season_length, horizon, quantile_levels) for h in histories]))
    others = others or {}
    names, table = measure(histories, actual, [*forecasts, *others.values()], season_length, quantile_levels)
    every = [
        Score(name, dict(zip(names, values.tolist(), strict=True)))
        for name, values in zip((model_name, *baselines, *others), mean_where_defined(table), strict=True)
    ]
    n = 1 + len(baselines)
    return Evaluation(
        scores=tuple(every[:n]),
        parts=tuple(every[n:]),
        n_windows=len(windows),
        horizon=horizon,
        season_length=season_length,
        note=note,
    )


def evaluate_states(
    windows: Sequence[StateWindow], season_length: int, model_name: str, *, note: str = ""
) -> Evaluation:
    """The metrics of the model and of every baseline of states over all observed steps of the same windows.

    skill is by how much of it the log loss is below that of the base rate.
    """
    # A season of one step makes the seasonal base rate the same as the base rate: one of them is enough.
    baselines = {name: f for name, f in STATE_BASELINES.items() if season_length > 1 or "seasonal" not in name}
    actual = np.stack([window.actual for window in windows])
    horizon, n_states = windows[0].probabilities.shape
    observed = ~np.isnan(actual)
    found = {model_name: np.stack([window.probabilities for window in windows])[observed]}
    for name, baseline in baselines.items():
        made = [baseline(window.history, n_states, season_length, horizon) for window in windows]
        found[name] = np.stack(made)[observed]
    outcomes = actual[observed]
    reference = probabilities.log_loss(outcomes, found["base rate"])
    scores = []
    for name, own in found.items():
        measured = {metric: measure(outcomes, own) for metric, measure in _STATE_METRICS.items()}
        scores.append(Score(name, {**measured, "skill": 1 - measured["log_loss"] / reference}))
    return Evaluation(
        scores=tuple(scores),
        n_windows=len(windows),
        horizon=horizon,
        season_length=season_length,
        note=note,
        reliability=probabilities.reliability(outcomes, found[model_name]),
    )


#: The metrics of states, all called as (outcomes [N], probabilities [N, C]).
_STATE_METRICS = {
    "log_loss": probabilities.log_loss,
    "brier": probabilities.brier,
    "accuracy": probabilities.accuracy,
    "calibration_error": probabilities.calibration_error,
}
#: What people call the metrics that decide.
NAMES = {"mase": "MASE", "mae": "MAE", "log_loss": "log loss"}


def measure(
    histories: Sequence[Values],
    actual: Values,
    forecasts: Sequence[Values],
    season_length: int,
    quantile_levels: Sequence[float],
) -> tuple[list[str], Values]:
    """Every metric's name, and their figures [N, methods, metrics] of N windows; NaN where undefined.

    histories [T] and actual [N, H] are those of the windows, forecasts the quantiles [N, H, Q] of each method.
    """
    at = [round(level, 6) for level in quantile_levels]
    scales = np.array([metrics.seasonal_scales(history, season_length) for history in histories])
    table = []
    for quantiles in forecasts:
        median = quantiles[..., at.index(0.5)]
        measured = {name: error(actual, median) for name, error in metrics.ERRORS.items()}
        measured["mase"] = metrics.ratio(measured["mae"], scales[:, 0])
        measured["rmsse"] = metrics.ratio(measured["rmse"], scales[:, 1])
        measured["wql"] = metrics.wql(actual, quantiles, quantile_levels)
        for level in LEVELS:
            low, high = (quantiles[..., at.index(round(0.5 + side * level / 200, 6))] for side in (-1, 1))
            measured[f"coverage_{level}"] = metrics.coverage(actual, low, high)
            measured[f"width_{level}"] = metrics.width(low, high)
        table.append(np.stack(list(measured.values()), axis=-1))
    return list(measured), np.stack(table, axis=1)


def mean_where_defined(table: Values) -> Values:
    """Means over windows of [windows, methods, metrics], leaving out those where a metric is NaN for every method.

    A NaN of one method alone is its own failure, and stays in its mean.
    """
    defined = ~np.all(np.isnan(table), axis=1, keepdims=True)
    n_defined = defined.sum(axis=0)
    means: Values = np.where(defined, table, 0.0).sum(axis=0) / np.where(n_defined, n_defined, np.nan)
    return means


def _plain(score: Score) -> dict[str, Any]:
    """A score for JSON, None for a metric that is undefined."""
    return {"name": score.name, "metrics": {k: v if math.isfinite(v) else None for k, v in score.metrics.items()}}


def _percent(ratio: float) -> str:
    return "under 1 %" if ratio < 0.01 else f"{ratio:.0%}".replace("%", " %")


def _score(values: Any, where: str) -> Score:
    _check(values, {"name": str, "metrics": dict}, where)
    measured = values["metrics"]
    for name in ("log_loss", "skill") if "log_loss" in measured else ("mae", "mase"):
        if name not in measured:
            raise CheckpointError(f"{where}: the metric {name!r} is missing")
    for name, value in measured.items():
        if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
            raise CheckpointError(f"{where}: the metric {name!r} is {value!r}, not a finite number")
    return Score(values["name"], {k: math.nan if v is None else float(v) for k, v in measured.items()})


def _bin(values: Any, where: str) -> Bin:
    _check(values, {"low": float, "high": float, "count": int, "forecast": float, "observed": float}, where)
    return Bin(**values)


def _check(values: Any, kinds: Mapping[str, type], where: str) -> None:
    # `type() is`, not isinstance: True would pass for an int.
    if not isinstance(values, Mapping) or set(values) != set(kinds):
        raise CheckpointError(f"{where}: exactly the keys {', '.join(kinds)} are needed")
    for key, kind in kinds.items():
        if type(values[key]) is not kind:
            raise CheckpointError(f"{where}: {key} is {values[key]!r}, not of type {kind.__name__}")
