"""Probabilities of states that need no training: how often each was there. What a model of states has to beat.

Counts begin with half an outcome of each state (Krichevsky & Trofimov 1981), so that nothing is called impossible.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
StateBaseline = Callable[[Values, int, int, int], Values]

_HALF = 0.5
#: So many outcomes of the base rate are added to those at one position of the season.
_SEASONAL_PRIOR = 2.0


def base_rate(history: Values, n_states: int, season_length: int, horizon: int) -> Values:
    """How often each state was there in the history [T] of codes, the same at every step; [H, C]."""
    return np.tile(_shares(history, n_states), (horizon, 1))


def persistence(history: Values, n_states: int, season_length: int, horizon: int) -> Values:
    """The last state, as often as states so many steps apart were the same, and else the others by their rates; [H, C].

    Further ahead than half the history, as at the furthest step before.
    """
    last = int(history[~np.isnan(history)][-1])
    others = _shares(history, n_states)
    others[last] = 0.0
    others /= others.sum()
    found = np.empty((horizon, n_states))
    for step in range(horizon):
        lag = min(step + 1, max(1, len(history) // 2))
        before, after = history[:-lag], history[lag:]
        pairs = ~(np.isnan(before) | np.isnan(after))
        same = (float((before[pairs] == after[pairs]).sum()) + _HALF) / (float(pairs.sum()) + 2 * _HALF)
        found[step] = (1 - same) * others
        found[step, last] = same
    return found


def seasonal_base_rate(history: Values, n_states: int, season_length: int, horizon: int) -> Values:
    """How often each state was there at the same position of the season, drawn towards the base rate; [H, C]."""
    overall = _shares(history, n_states)
    found = np.empty((horizon, n_states))
    for step in range(horizon):
        there = history[(len(history) + step) % season_length :: season_length]
        counts = _counts(there, n_states) + _SEASONAL_PRIOR * overall
        found[step] = counts / counts.sum()
    return found


#: Every baseline, called as (history [T] of codes with NaN where missing, n_states, season_length, horizon) → [H, C].
STATE_BASELINES: dict[str, StateBaseline] = {
    "base rate": base_rate,
    "persistence": persistence,
    "seasonal base rate": seasonal_base_rate,
}


def _shares(history: Values, n_states: int) -> Values:
    counts = _counts(history, n_states) + _HALF
    shares: Values = counts / counts.sum()
    return shares


def _counts(history: Values, n_states: int) -> Values:
    return np.bincount(history[~np.isnan(history)].astype(np.int64), minlength=n_states).astype(np.float64)
