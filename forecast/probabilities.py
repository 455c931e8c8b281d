"""How good forecast probabilities were: pure functions of outcomes [N], codes 0 … C - 1, and probabilities [N, C]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: No probability counts as less than this: one outcome that was called impossible would make every mean infinite.
LEAST = 1e-6
_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Forecasts with a probability from low to high: how many, their mean, and the share of them that came true."""

    low: float
    high: float
    count: int
    forecast: float
    observed: float


def log_loss(outcomes: Values, probabilities: Values) -> float:
    """Minus the mean logarithm of the probability of what came (Good 1952): 0 at best, in nats."""
    return float(-np.log(np.clip(_of_outcomes(outcomes, probabilities), LEAST, 1.0)).mean())


def brier(outcomes: Values, probabilities: Values) -> float:
    """The mean squared distance of the probabilities from what came (Brier 1950): 0 at best.

    Summed over the states; of two, where both are equally far off, it is that of one, so that it is at most 1.
    """
    came = np.eye(probabilities.shape[1])[outcomes.astype(np.int64)]
    squares = ((probabilities - came) ** 2).sum(axis=1).mean()
    return float(squares / 2 if probabilities.shape[1] == 2 else squares)


def accuracy(outcomes: Values, probabilities: Values) -> float:
    """The share of steps at which the most probable state came; of equally probable ones the first is forecast."""
    return float((probabilities.argmax(axis=1) == outcomes).mean())


def calibration_error(outcomes: Values, probabilities: Values) -> float:
    """The mean distance of forecast and observed shares over the bins of `reliability`, weighed by their counts.

    The expected calibration error of Naeini, Cooper & Hauskrecht (2015): 0 at best.
    """
    bins = reliability(outcomes, probabilities)
    return sum(b.count * abs(b.forecast - b.observed) for b in bins) / sum(b.count for b in bins)


def reliability(outcomes: Values, probabilities: Values) -> tuple[Bin, ...]:
    """Ten bins of equal width, those without a forecast left out.

    Of two states, the probability of the second is counted and how often that came; of more, the probability of the
    most probable one and how often it was right (Guo et al. 2017).
    """
    if probabilities.shape[1] == 2:
        stated, right = probabilities[:, 1], outcomes == 1
    else:
        stated, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == outcomes
    which = np.clip((stated * _BINS).astype(np.int64), 0, _BINS - 1)
    found = []
    for number in np.unique(which).tolist():
        inside = which == number
        shares = float(stated[inside].mean()), float(right[inside].mean())
        found.append(Bin(number / _BINS, (number + 1) / _BINS, int(inside.sum()), *shares))
    return tuple(found)


def _of_outcomes(outcomes: Values, probabilities: Values) -> Values:
    chosen: Values = probabilities[np.arange(len(outcomes)), outcomes.astype(np.int64)]
    return chosen
