"""Weighing: how a prior weighs the candidates after one context, and how each of them did at earlier cutoffs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from forecast.forecaster import Forecaster
from forecast.models.prior import judged_horizon
from forecast.panel import Series
from forecast.prediction import final_windows

Array = NDArray[np.float64]

#: Candidates that are shown by themselves: those with so much of the weight, and no more than so many.
_LEAST_SHOWN, _MOST_SHOWN = 0.01, 12


@dataclass(frozen=True)
class Candidate:
    """A simple continuation by its name and its weight at each step of the horizon [H].

    error is its mean absolute error at the earlier cutoffs, that of the best candidate being 1; None without any.
    """

    name: str
    by_step: Array
    error: float | None

    @property
    def weight(self) -> float:
        """Its mean weight over the horizon."""
        return float(self.by_step.mean())


@dataclass(frozen=True)
class Weighing:
    """The candidates after one context, those of most weight first; weights and errors are means over the networks.

    share is how much of the forecast is that of the prior. Its networks have seen so many steps, of the context_length
    that they could, and judge candidates at so many earlier cutoffs, each by the `judged` steps after it.
    """

    share: float
    networks: int
    seen: int
    context_length: int
    cutoffs: int
    judged: int
    candidates: tuple[Candidate, ...]

    @property
    def shown(self) -> tuple[Candidate, ...]:
        """Those that are worth a line each."""
        return tuple(c for c in self.candidates[:_MOST_SHOWN] if c.weight >= _LEAST_SHOWN)

    @property
    def others(self) -> tuple[int, Array]:
        """How many candidates are not shown, and what they weigh together at each step [H]."""
        rest = [candidate.by_step for candidate in self.candidates[len(self.shown) :]]
        return len(rest), np.sum([np.zeros_like(self.candidates[0].by_step), *rest], axis=0)


def weighing(forecaster: Forecaster, history: Series) -> Weighing | None:
    """How the prior in a forecaster weighs what could follow a history; None where it has no weight in the forecast.

    The history has the features of the forecaster's calendar beside its covariates, as `covariates.with_features` adds.
    """
    ensemble = forecaster.ensemble
    if not ensemble.priors or not ensemble.shares[1]:
        return None
    a = ensemble.priors[0].architecture
    windows, _ = final_windows([history], forecaster.config.data.scaling or "none", a)
    batch = windows.batch(windows.final_starts())
    with torch.no_grad():
        found = [own.candidate_weights(batch.context, batch.spread, batch.covariates) for own in ensemble.priors]
    weights = torch.stack([own.weights[0] for own in found]).mean(0).double().numpy()
    errors = torch.stack([own.errors[0] / own.errors[0].min() for own in found]).mean(0).tolist()
    rows = zip(ensemble.priors[0].candidate_names, weights, errors, strict=True)
    candidates = [Candidate(name, own, None if math.isnan(error) else error) for name, own, error in rows]
    return Weighing(
        share=ensemble.shares[1],
        networks=len(ensemble.priors),
        seen=min(len(history), a.context_length),
        context_length=a.context_length,
        cutoffs=int(found[0].cutoffs),
        judged=judged_horizon(a.horizon, a.season_lengths),
        candidates=tuple(sorted(candidates, key=lambda candidate: -candidate.weight)),
    )


def to_dict(weighing: Weighing) -> dict[str, Any]:
    """All numbers of a weighing as plain values."""
    return {
        "share": weighing.share,
        "networks": weighing.networks,
        "steps": weighing.seen,
        "context_length": weighing.context_length,
        "cutoffs": weighing.cutoffs,
        "judged_steps": weighing.judged,
        "candidates": [
            {"name": c.name, "weight": c.weight, "error": c.error, "by_step": c.by_step.tolist()}
            for c in weighing.candidates
        ],
    }
