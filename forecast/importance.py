"""Importance: how much worse a forecast becomes over many windows when a covariate is shuffled.

It draws and prints nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast import metrics
from forecast.covariates import with_features
from forecast.features import feature_names, is_holiday
from forecast.forecaster import Forecaster
from forecast.panel import Panel, Series
from forecast.prediction import final_windows
from forecast.rolling import Window, ahead, history
from forecast.training import computing
from forecast.windows import Batch

Array = NDArray[np.float64]

#: Windows that covariates are shuffled over, at most.
_MOST_WINDOWS = 200


@dataclass(frozen=True)
class Shuffled:
    """The error with one covariate shuffled over the windows: mean and standard deviation over the repeats.

    None for one that is the same in all windows, so that there is nothing to shuffle.
    """

    name: str
    mean: float | None
    deviation: float | None


@dataclass(frozen=True)
class Importance:
    """What covariates are worth: the error as it is, and with each of them shuffled, the most harmful first.

    The metric is mase, or mae where that is undefined, averaged over n_windows, `seen` of which were known in training.
    There are no covariates here and the error is NaN where fewer than two windows have outcomes.
    """

    metric: str
    error: float
    covariates: tuple[Shuffled, ...]
    n_windows: int
    seen: int
    repeats: int


def importance(forecaster: Forecaster, panel: Panel, repeats: int = 5, seed: int = 1) -> Importance | None:
    """What each covariate is worth on recent windows of all series, by shuffling it over them (Breiman 2001).

    A covariate takes the values that it has around another window, context and horizon alike; holidays are shuffled
    together, and so are the columns of one calendar feature. None where there are no covariates.
    """
    groups = _groups(forecaster)
    if not groups:
        return None
    chosen = _recent(forecaster, panel, seed)
    if len(chosen) < 2:
        return Importance("mase", math.nan, (), len(chosen), 0, repeats)
    ensemble, histories = forecaster.ensemble, [history for history, _ in chosen]
    told = replace(forecaster.architecture, context_length=ensemble.architecture.context_length)
    windows, scalings = final_windows(histories, forecaster.config.data.scaling or "none", told)
    batch = windows.batch(windows.final_starts())
    actual = np.stack([outcome for _, outcome in chosen])
    season = forecaster.config.data.season_length or 1
    scales = np.array([metrics.seasonal_scales(history.values, season)[0] for history, _ in chosen])

    def errors(batch: Batch) -> tuple[float, float]:
        """MASE and MAE, each over the windows where it is defined."""
        median = np.stack(
            [s.inverse(m + level) for s, m, level in zip(scalings, medians(batch), windows.levels, strict=True)]
        )
        mae = metrics.mae(actual, forecaster.bounds.clip(median))
        return _mean(metrics.ratio(mae, scales)), _mean(mae)

    def medians(batch: Batch) -> Array:
        with torch.no_grad():
            found = ensemble.quantiles(batch)[..., forecaster.quantile_levels.index(0.5)]
        return np.asarray(found.double().numpy())

    random = np.random.default_rng(seed)
    with computing(forecaster.config.train.threads or 1):
        as_it_is = errors(batch)
        which = 1 if math.isnan(as_it_is[0]) else 0
        found = []
        for name, (varying, static) in groups.items():
            if not _differ(batch.covariates[..., varying]) and not _differ(batch.static[:, static]):
                found.append(Shuffled(name, None, None))
                continue
            shuffled = [errors(_shuffled(batch, varying, static, random))[which] for _ in range(repeats)]
            # Of the changes, so that what nobody looks at is worth nothing to the last digit.
            worse = np.array(shuffled) - as_it_is[which]
            deviation = float(worse.std(ddof=min(1, repeats - 1)))
            found.append(Shuffled(name, as_it_is[which] + float(worse.mean()), deviation))
    trained = np.datetime64(forecaster.data.last)
    seen = sum(bool(history.timestamps[-1] < trained) for history, _ in chosen)
    ranked = sorted(found, key=lambda each: -math.inf if each.mean is None else each.mean, reverse=True)
    return Importance(("mase", "mae")[which], as_it_is[which], tuple(ranked), len(chosen), seen, repeats)


def _groups(forecaster: Forecaster) -> dict[str, tuple[list[int], list[int]]]:
    """What is shuffled together, by name: its columns among past and future covariates, and among the static ones."""
    holidays = tuple(name for name in forecaster.features if is_holiday(name))
    own = [c.name for c in forecaster.covariates if c.role != "static"]
    varying = [*own, *feature_names(forecaster.features)]
    groups: dict[str, tuple[list[int], list[int]]] = {name: ([i], []) for i, name in enumerate(own)}
    static = [c.name for c in forecaster.covariates if c.role == "static"]
    groups |= {name: ([], [i]) for i, name in enumerate(static)}
    if holidays:
        groups["holidays"] = ([varying.index(name, len(own)) for name in feature_names(holidays)], [])
    for feature in forecaster.features:
        if not is_holiday(feature):
            groups[feature] = ([varying.index(name, len(own)) for name in feature_names((feature,))], [])
    return groups


def _recent(forecaster: Forecaster, panel: Panel, seed: int) -> list[tuple[Series, Array]]:
    """Histories as they were known at a cutoff, and outcomes [H], of windows of the last quarter of each series."""
    a = forecaster.architecture
    latest = np.array([max(len(s) - a.horizon, 0) for s in panel.series])
    # Every step is a cutoff: of windows a horizon apart, all might begin on the same day of the week.
    counts = np.where(latest > 0, np.maximum(latest // 4, 1), 0)
    total = int(counts.sum())
    drawn = np.sort(np.random.default_rng(seed).permutation(total)[:_MOST_WINDOWS])
    owners = np.searchsorted(np.cumsum(counts), drawn, side="right")
    used, rows = np.unique(owners, return_inverse=True)
    if not len(used):
        return []
    some = replace(panel, series=tuple(panel.series[i] for i in used))
    some = with_features(some, forecaster.features, a.horizon)
    future = [i for i, c in enumerate(some.of_role("past", "future")) if c.role == "future"]
    found = []
    for number, owner, row in zip(drawn.tolist(), owners.tolist(), rows.tolist(), strict=True):
        series = some.series[row]
        cut = int(latest[owner] - (number - (np.cumsum(counts)[owner] - counts[owner])))
        window = Window(row, 0, cut)
        outcome = ahead(series, window, a.horizon)
        known = not np.isnan(series.covariates[cut : cut + a.horizon, future]).any() if future else True
        if known and not (
            np.isnan(series.values[max(0, cut - a.context_length) : cut]).all() or np.isnan(outcome).all()
        ):
            found.append((history(some, window), outcome))
    return found


def _shuffled(batch: Batch, varying: list[int], static: list[int], random: np.random.Generator) -> Batch:
    order = torch.from_numpy(random.permutation(len(batch.context)))
    covariates, fixed = batch.covariates.clone(), batch.static.clone()
    covariates[..., varying] = batch.covariates[order][..., varying]
    fixed[:, static] = batch.static[order][:, static]
    return replace(batch, covariates=covariates, static=fixed)


def _differ(values: Tensor) -> bool:
    """Whether not all windows [B, ...] have the same values, not known counting as one."""
    same = (values == values[:1]) | (torch.isnan(values) & torch.isnan(values[:1]))
    return not bool(same.all())


def _mean(values: Array) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else math.nan
