"""Leaderboard: forecasts of the same windows by many methods, scored, ranked, and tested against the best of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from forecast import metrics
from forecast.baselines import seasonal_naive
from forecast.evaluation import mean_where_defined, measure
from forecast.significance import holm, independent_groups, p_value

Values = NDArray[np.float64]

#: Below this p a difference is called real.
SIGNIFICANT = 0.05
#: Losses that differ by less than the first share of themselves, or the second of what was forecast, are equal.
_ROUNDING, _ROUNDING_OF_VALUES = 1e-9, 1e-12
#: What is told of every step ahead.
BY_LEAD = ("mase", "mae", "coverage_80", "coverage_95")


@dataclass(frozen=True)
class HeldOut:
    """N windows: the histories [T], what came after them [N, H] (NaN: missing), and whose and when they are.

    series [N] and cutoffs [N] are numbers of the series and of the cutoff, 0 the earliest; overlap is how many
    consecutive cutoffs have windows that share steps, 1 when none do.
    """

    histories: tuple[Values, ...]
    actual: Values
    series: NDArray[np.int64]
    cutoffs: NDArray[np.int64]
    overlap: int

    @property
    def n_cutoffs(self) -> int:
        """Cutoffs that have a window."""
        return len(np.unique(self.cutoffs))

    @property
    def n_groups(self) -> int:
        """Groups of cutoffs that share no step: what a test can count."""
        return independent_groups(self.n_cutoffs, self.overlap)


@dataclass(frozen=True)
class Method:
    """One method's quantiles [N, H, Q] of the windows, and what they took.

    seen is at how many of the cutoffs its training had seen the window already; notes are sentences on its settings.
    """

    name: str
    quantiles: Values
    train_seconds: float = 0.0
    predict_seconds: float = 0.0
    seen: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """One line of a leaderboard. metrics are means over the windows; NaN where the data leave them undefined.

    relative_mae is the MAE over all windows of a series divided by that of seasonal naive, its geometric mean over
    series; p_value is that of the difference to the best, corrected for the number of methods; NaN for the best.
    by_lead has for each of BY_LEAD its mean at every step ahead [H].
    """

    name: str
    metrics: dict[str, float]
    relative_mae: float
    p_value: float
    seen: int
    train_seconds: float
    predict_seconds: float
    by_lead: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaderboard:
    """The standings, best first, by `deciding`: mase, or mae where the histories leave that undefined."""

    standings: tuple[Standing, ...]
    deciding: str
    n_cutoffs: int
    n_groups: int

    @property
    def best(self) -> Standing | None:
        """The best of those that had not seen the windows in training; None when there is none."""
        ranked = (s for s in self.standings if not s.seen and math.isfinite(s.metrics[self.deciding]))
        return next(ranked, None)

    @property
    def verdict(self) -> str:
        """Which is best, and from which others its difference is real, in plain words."""
        best = self.best
        if best is None:
            return "no method can be called the best: none has a score on windows that it had not seen in training"
        score = f"{self.deciding.upper()} {best.metrics[self.deciding]:.3g}"
        others = [s for s in self.standings if s is not best and not s.seen]
        if not others:
            return f"{best.name} has {score}; there is nothing to compare it with"
        if self.n_groups < 2:
            return (
                f"{best.name} is best ({score}), but {too_few(self.n_cutoffs)} cannot tell whether that is more than "
                "chance: ask for more windows"
            )
        worse = [s.name for s in others if s.p_value < SIGNIFICANT]
        alike = [s.name for s in others if not s.p_value < SIGNIFICANT]
        if not worse:
            return f"{best.name} is best ({score}), but no real difference to the others can be seen: it may be chance"
        said = f"{best.name} is best ({score}), and really better than {listed(worse)}"
        return f"{said}; there is no real difference to {listed(alike)}" if alike else said


def rank(
    held_out: HeldOut, methods: Sequence[Method], season_length: int, quantile_levels: Sequence[float]
) -> Leaderboard:
    """The leaderboard of some methods on the same windows; at quantile_levels that hold those of 80 and 95 %.

    A window in which the data leave a metric undefined is left out of that metric's average, for all alike.
    """
    forecasts = [method.quantiles for method in methods]
    names, table = measure(held_out.histories, held_out.actual, forecasts, season_length, quantile_levels)
    means = mean_where_defined(table)
    deciding = "mae" if np.isnan(table[:, :, names.index("mase")]).all() else "mase"
    horizon = held_out.actual.shape[1]
    reference = np.stack([seasonal_naive(h, season_length, horizon, [0.5])[:, 0] for h in held_out.histories])
    scales = np.array([metrics.seasonal_scales(history, season_length)[0] for history in held_out.histories])
    standings = [
        Standing(
            name=method.name,
            metrics=dict(zip(names, means[i].tolist(), strict=True)),
            relative_mae=_relative(held_out, _median(method, quantile_levels), reference),
            p_value=math.nan,
            seen=method.seen,
            train_seconds=method.train_seconds,
            predict_seconds=method.predict_seconds,
            by_lead=_by_lead(held_out, method, scales, quantile_levels),
        )
        for i, method in enumerate(methods)
    ]
    order = sorted(range(len(methods)), key=lambda i: _last_if_nan(standings[i].metrics[deciding]))
    losses = table[:, :, names.index(deciding)]
    tested = _with_p_values(held_out, [standings[i] for i in order], losses[:, order], season_length, deciding)
    return Leaderboard(tuple(tested), deciding, held_out.n_cutoffs, held_out.n_groups)


def p_values(held_out: HeldOut, losses: Values, against: int, season_length: int, deciding: str) -> list[float]:
    """Of the difference of each method to one of them, from the loss of each window and method [N, M], uncorrected.

    deciding says of which metric the losses are, mase or mae. NaN for that one itself, and where nothing can be told.
    """
    scales = np.array([metrics.seasonal_scales(history, season_length)[0] for history in held_out.histories])
    # How large the values of each window are, in the unit of the losses.
    sizes = metrics.ratio(np.nanmax(np.abs(held_out.actual), axis=1), 1.0 if deciding == "mae" else scales)
    defined = ~np.isnan(losses).all(axis=1)
    cutoffs = np.unique(held_out.cutoffs[defined])
    # Series share what happens at a time, so a cutoff counts once, however many series there are.
    by_cutoff = np.stack([losses[defined & (held_out.cutoffs == cutoff)].mean(axis=0) for cutoff in cutoffs])
    differences = by_cutoff - by_cutoff[:, [against]]
    # What rounding leaves of equal losses is no difference.
    rounding = np.maximum(_ROUNDING * by_cutoff[:, against], _ROUNDING_OF_VALUES * sizes[defined].max())
    differences[np.abs(differences) <= rounding[:, None]] = 0.0
    found = [p_value(differences[:, i], held_out.overlap) for i in range(losses.shape[1])]
    found[against] = math.nan
    return found


def _with_p_values(
    held_out: HeldOut, standings: list[Standing], losses: Values, season_length: int, deciding: str
) -> list[Standing]:
    """The standings with p-values, from the loss of each window and method [N, M] in the same order."""
    fair = [i for i, s in enumerate(standings) if not s.seen]
    if not fair or math.isnan(standings[fair[0]].metrics[deciding]):
        return standings
    best, *others = fair
    uncorrected = p_values(held_out, losses, best, season_length, deciding)
    found = dict(zip(others, holm([uncorrected[i] for i in others]), strict=True))
    return [replace(s, p_value=found.get(i, math.nan)) for i, s in enumerate(standings)]


def _relative(held_out: HeldOut, forecast: Values, reference: Values) -> float:
    """Davydenko & Fildes (2013): the geometric mean over series of the ratio of mean absolute errors."""
    own, other = (
        np.bincount(held_out.series, weights=np.nan_to_num(np.abs(held_out.actual - made), nan=0.0).sum(axis=1))
        for made in (forecast, reference)
    )
    if np.isnan(forecast).any():
        return math.nan
    usable = (own > 0) & (other > 0)
    return float(np.exp(np.log(own[usable] / other[usable]).mean())) if usable.any() else math.nan


def _by_lead(
    held_out: HeldOut, method: Method, scales: Values, quantile_levels: Sequence[float]
) -> dict[str, list[float]]:
    """Means over windows at every step ahead, those that are missing or undefined left out."""
    errors = np.abs(held_out.actual - _median(method, quantile_levels))
    at = [round(level, 6) for level in quantile_levels]
    missing = np.isnan(held_out.actual)
    found = {"mase": errors / np.where(scales > 0, scales, np.nan)[:, None], "mae": errors}
    for level in (80, 95):
        low, high = (method.quantiles[..., at.index(round(0.5 + side * level / 200, 6))] for side in (-1, 1))
        inside = (low <= held_out.actual) & (held_out.actual <= high)
        found[f"coverage_{level}"] = np.where(missing, np.nan, inside)
    return {name: _column_means(found[name]).tolist() for name in BY_LEAD}


def _column_means(values: Values) -> Values:
    """Means of [N, H] over N of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    means: Values = np.where(known, values, 0.0).sum(axis=0) / np.where(count, count, np.nan)
    return means


def _median(method: Method, quantile_levels: Sequence[float]) -> Values:
    median: Values = method.quantiles[..., list(quantile_levels).index(0.5)]
    return median


def _last_if_nan(score: float) -> float:
    return math.inf if math.isnan(score) else score


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def too_few(count: int) -> str:
    """Cutoffs that are too few to tell anything."""
    return "one cutoff" if count == 1 else f"{count} cutoffs whose windows overlap"
