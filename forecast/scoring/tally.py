"""Tally: sums over steps that have come, of which scores are made; two of them added are the tally of both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast import metrics, probabilities
from forecast.ledger import Outcomes


@dataclass(frozen=True)
class Tally:
    """Sums over so many steps: errors, absolute, scaled, symmetric and signed, and what intervals held, by level.

    Of states: losses and hits. scaled_steps are those with a scale; inside and counted go by the level in percent.
    """

    steps: int = 0
    absolute: float = 0.0
    signed: float = 0.0
    symmetric: float = 0.0
    scaled: float = 0.0
    scaled_steps: int = 0
    log_loss: float = 0.0
    brier: float = 0.0
    hits: float = 0.0
    of_states: bool = False
    inside: tuple[tuple[float, int], ...] = ()
    counted: tuple[tuple[float, int], ...] = ()

    @classmethod
    def of(cls, outcomes: Outcomes) -> Tally:
        """The tally of all steps of some outcomes."""
        actual, point, n = outcomes.actual, outcomes.forecast, len(outcomes)
        if outcomes.states:
            shares = outcomes.numbers
            return cls(
                steps=n,
                log_loss=n * probabilities.log_loss(actual, shares),
                brier=n * probabilities.brier(actual, shares),
                hits=n * probabilities.accuracy(actual, shares),
                of_states=True,
            )
        error = np.abs(actual - point)
        has_scale = np.isfinite(outcomes.scale)
        return cls(
            steps=n,
            absolute=float(error.sum()),
            signed=float((point - actual).sum()),
            symmetric=n * float(metrics.smape(actual, point)),
            scaled=float((error[has_scale] / outcomes.scale[has_scale]).sum()),
            scaled_steps=int(has_scale.sum()),
            inside=tuple((level, int(outcomes.inside(level).sum())) for level in outcomes.levels),
            counted=tuple((level, n) for level in outcomes.levels),
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            steps=self.steps + other.steps,
            absolute=self.absolute + other.absolute,
            signed=self.signed + other.signed,
            symmetric=self.symmetric + other.symmetric,
            scaled=self.scaled + other.scaled,
            scaled_steps=self.scaled_steps + other.scaled_steps,
            log_loss=self.log_loss + other.log_loss,
            brier=self.brier + other.brier,
            hits=self.hits + other.hits,
            of_states=self.of_states or other.of_states,
            inside=_added(self.inside, other.inside),
            counted=_added(self.counted, other.counted),
        )

    @property
    def scores(self) -> dict[str, float]:
        """Each score by its name, NaN where it is not defined.

        MAE and bias (above 0: forecasts were too high) in the unit of the data, MASE in units of the error of seasonal
        naive within the history of each forecast, sMAPE from 0 to 200; means over steps. Of states: log loss, Brier
        score and accuracy.
        """
        if self.of_states:
            sums = {"log_loss": self.log_loss, "brier": self.brier, "accuracy": self.hits}
            return {name: _ratio(total, self.steps) for name, total in sums.items()}
        return {
            "mae": _ratio(self.absolute, self.steps),
            "mase": _ratio(self.scaled, self.scaled_steps),
            "smape": _ratio(self.symmetric, self.steps),
            "bias": _ratio(self.signed, self.steps),
        }

    @property
    def coverage(self) -> dict[float, float]:
        """The share of values inside the central interval of each level in percent, narrowest first."""
        counted = dict(self.counted)
        return {level: count / counted[level] for level, count in sorted(self.inside)}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, the counts behind each share among them."""
        counted = dict(self.counted)
        held = {
            f"{level:.12g}": {"share": count / counted[level], "inside": count, "steps": counted[level]}
            for level, count in sorted(self.inside)
        }
        return {"steps": self.steps, **self.scores, **({} if self.of_states else {"coverage": held})}


def _added(one: tuple[tuple[float, int], ...], other: tuple[tuple[float, int], ...]) -> tuple[tuple[float, int], ...]:
    sums = dict(one)
    for level, count in other:
        sums[level] = sums.get(level, 0) + count
    return tuple(sorted(sums.items()))


def _ratio(total: float, count: int) -> float:
    return total / count if count else math.nan
