"""Dependence: how much of an error carries over from one step of a forecast to the next, and paths drawn with that.

A Gaussian copula: the normal scores of what comes at the steps of a horizon are those of errors that add up,
e₁ = ε₁ and e_h = φ e_{h-1} + ε_h. With a persistence φ of 0 steps are independent, with 1 they are a random walk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: The persistence where nothing is known of it, and the independent windows that move it half of the way to what they
#: say.
USUAL, _WINDOWS = 0.8, 10.0
#: A score farther out says no more than one of this size.
_FARTHEST = 3.0
#: Leads that are looked at, at most: pairs of them grow with the square.
_MOST_LEADS = 200
#: Halvings of the range in which the persistence is looked for.
_HALVINGS = 40


def fit_persistence(scores: Array, independent: float) -> float:
    """The persistence in [0, 1] that the normal scores [N, H] of held-out windows show, as far as it is to be trusted.

    It gives the mean correlation over all pairs of leads that they have, since that is what decides how far sums over
    the horizon spread. independent is how many windows count as independent; few draw it towards USUAL. NaN stands for
    what is missing.
    """
    leads = np.unique(np.linspace(0, scores.shape[1] - 1, min(scores.shape[1], _MOST_LEADS)).round().astype(int))
    seen = ~np.isnan(scores[:, leads])
    known = np.where(seen, np.clip(scores[:, leads], -_FARTHEST, _FARTHEST), 0.0)
    pairs = np.triu(seen.T.astype(float) @ seen.astype(float), 1)
    square = (known**2).sum() / max(seen.sum(), 1)
    if not pairs.sum() or not square:
        return USUAL
    shown = np.triu(known.T @ known, 1).sum() / pairs.sum() / square
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = (pairs * correlations(middle, leads + 1)).sum() / pairs.sum()
        low, high = (middle, high) if expected < shown else (low, middle)
    return USUAL + independent / (independent + _WINDOWS) * ((low + high) / 2 - USUAL)


def correlations(persistence: float, leads: NDArray[np.int64]) -> Array:
    """The correlations [K, K] of the normal scores at ascending leads [K], 1 being the first step."""
    spreads = _spreads(persistence, int(leads[-1]))[leads - 1]
    lags = np.abs(leads[:, None] - leads[None, :])
    ratio = np.minimum(spreads[:, None], spreads[None, :]) / np.maximum(spreads[:, None], spreads[None, :])
    found: Array = np.power(persistence, lags) * ratio
    return found


def draw_scores(persistence: float, horizon: int, count: int, random: np.random.Generator) -> Array:
    """So many paths of normal scores [count, H]: each step standard normal by itself, the steps dependent."""
    fresh = random.standard_normal((count, horizon))
    errors = np.empty_like(fresh)
    before = np.zeros(count)
    for step in range(horizon):
        before = errors[:, step] = persistence * before + fresh[:, step]
    scores: Array = errors / _spreads(persistence, horizon)
    return scores


def _spreads(persistence: float, horizon: int) -> Array:
    """The standard deviations [H] of errors that add up from fresh ones of 1."""
    variances = np.empty(horizon)
    before = 0.0
    for step in range(horizon):
        before = variances[step] = persistence**2 * before + 1
    return np.sqrt(variances)
