"""Held out: the windows at the end of each series that choose and judge networks, and what was known before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast.errors import DataError
from forecast.models.architecture import Architecture
from forecast.panel import Panel, Series
from forecast.planning import Plan
from forecast.prediction import covariates_of
from forecast.scaling import fit_scaling
from forecast.windows import Windows

Array = NDArray[np.float64]

#: Held-out windows that are used, at most: past that the figures hardly move and only the time grows.
_MOST_WINDOWS = 2_000


def visible(panel: Panel, span: int) -> Panel:
    """The series that have a value before their last `span` steps, which are held out."""
    known = tuple(s for s in panel.series if not np.isnan(s.values[: max(len(s) - span, 0)]).all())
    return replace(panel, series=known)


def validation_windows(
    panel: Panel, plan: Plan, device: str, *, architecture: Architecture | None = None
) -> tuple[Windows, Windows, Tensor]:
    """Windows without the held-out steps, windows with them, and the validation starts in these.

    Nothing of the first, their scaling included, saw the held-out steps.
    """
    span = plan.holdout.span
    scalings = [fit_scaling(s.values[:-span], plan.scaling, s.values[-span:]) for s in panel.series]
    whole = [scaling.transform(s.values) for scaling, s in zip(scalings, panel.series, strict=True)]
    a = architecture or plan.architecture
    lengths, on_zero = (a.context_length, a.horizon), a.on_zero
    covariates = covariates_of(panel.series, a)
    training = Windows([v[:-span] for v in whole], *lengths, device, covariates=covariates, on_zero=on_zero)
    windows = Windows(whole, *lengths, device, measured_by=training, covariates=covariates, on_zero=on_zero)
    return training, windows, thinned(windows.starts_before_end(plan.holdout.validation))


def cutoffs(panel: Panel, plan: Plan, offsets: Sequence[int]) -> tuple[list[Series], Array, int]:
    """What was known so many steps before the ends of series, what came [N, H], and of how many series they are."""
    a = plan.architecture
    horizon = a.horizon
    cuts = [(s, len(s) - offset) for offset in offsets for s in panel.series if _is_visible(s, len(s) - offset, a)]
    cuts = [cuts[i] for i in _evenly(len(cuts))]
    if not cuts:
        raise too_little(plan, f"no value follows another closely enough among the last {max(offsets)} steps")
    histories = [replace(s, timestamps=s.timestamps[:cut], values=s.values[:cut]) for s, cut in cuts]
    actuals = np.full((len(cuts), horizon), np.nan)
    for row, (s, cut) in zip(actuals, cuts, strict=True):
        row[: len(s.values[cut : cut + horizon])] = s.values[cut : cut + horizon]
    return histories, actuals, len({id(s) for s, _ in cuts})


def too_little(plan: Plan, what: str) -> DataError:
    """The error that there is not enough data, with a shorter horizon where that could help."""
    horizon = plan.architecture.horizon
    return DataError(f"{what}: too little to learn from", hint=f"--horizon {horizon // 2}" if horizon > 1 else None)


def thinned(starts: Tensor) -> Tensor:
    """The starts, at most _MOST_WINDOWS of them, evenly spread."""
    return starts[torch.tensor(_evenly(len(starts)), dtype=torch.long)]


def _is_visible(series: Series, cut: int, a: Architecture) -> bool:
    """Whether a cutoff of a series has a value in the context before it and one in the horizon after it."""
    context, target = series.values[max(0, cut - a.context_length) : max(0, cut)], series.values[max(0, cut) :]
    return not (np.isnan(context).all() or np.isnan(target[: a.horizon]).all())


def _evenly(count: int) -> list[int]:
    """At most _MOST_WINDOWS of the numbers below count, evenly spread."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MOST_WINDOWS))})
