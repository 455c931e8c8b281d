"""Windows of drawn series, as a network is shown them: cut at random, short or with gaps, and normalised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecast.synthetic.drawing import Rng, Values
from forecast.synthetic.gaps import SHORT_SHARE, draw_gaps
from forecast.synthetic.series import draw_series

#: Windows that are cut from one series, at most.
PER_SERIES = 4
#: A window with a value farther away than so many deviations of its context is drawn again.
_FARTHEST = 1e3
#: Values of a context that has to be there.
_FEWEST = 2


def draw_windows(
    rng: Rng,
    season_lengths: Sequence[int],
    context_length: int,
    horizon: int,
    n: int,
    *,
    short: float = SHORT_SHARE,
    growing: float = 0.0,
) -> Values:
    """Windows [n, L + H] of drawn series, each a context [L] and the future [H] that came after it.

    The context has NaN where a value is missing or from before the series began; the future is whole. The last value
    that was observed is 0, and those of the context have standard deviation 1. Windows of one series, four at most, are
    neighbours. short and growing are shares of the series, as of a Family.
    """
    windows = np.empty((n, context_length + horizon))
    filled = 0
    while filled < n:
        length = context_length + horizon + int(rng.integers(0, context_length))
        values = draw_series(rng, season_lengths, length, growing)
        for _ in range(min(PER_SERIES, n - filled)):
            end = int(rng.integers(context_length + horizon, length + 1))
            window = values[end - context_length - horizon : end].copy()
            window[:context_length][draw_gaps(rng, context_length, season_lengths[0], short)] = np.nan
            if _normalise(window, context_length):
                windows[filled] = window
                filled += 1
    return windows


def _normalise(window: Values, context_length: int) -> bool:
    """Normalise a window [L + H] in place; false when its context has no spread, or a value is out of all bounds."""
    context = window[:context_length]
    observed = context[~np.isnan(context)]
    if len(observed) < _FEWEST:
        return False
    spread = observed.std()
    if spread <= 1e-9 * (1 + np.abs(observed).max()):
        return False
    window -= observed[-1]
    window /= spread
    return bool(np.nanmax(np.abs(window)) <= _FARTHEST)
