"""Periods: the steps after which series repeat themselves, those their calendar suggests and those only they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.seasonality import is_seasonal

Array = NDArray[np.float64]

#: Over how many steps values are averaged before their changes are looked at: noise hides a long and smooth cycle.
_SCALES = (1, 4, 16, 64)
#: The longest season that can be asked for.
_LONGEST = 100_000
#: What a correlation must be for a period that nothing but the values suggests.
_STRONG = 0.3
_MOST_FOUND = 3


@dataclass(frozen=True)
class Season:
    """A period in steps. strength is the correlation of changes a period apart: 1 when they repeat exactly.

    expected: the calendar suggests it; visible: at least half of the series show it.
    """

    length: int
    strength: float
    expected: bool
    visible: bool


def find_seasons(series: Sequence[Array], suggested: Sequence[int]) -> tuple[Season, ...]:
    """The suggested periods that some series [T] is long enough for, then up to three others that they show."""
    reach = min(int(np.median([len(values) for values in series])) // 3, _LONGEST)
    farthest = max([reach, *(length for length in suggested if any(len(v) >= 2 * length + 2 for v in series))])
    curves = {scale: [_correlations(values, scale, farthest) for values in series] for scale in _SCALES}
    seasons: list[Season] = []
    for length in suggested:
        long_enough = [i for i, values in enumerate(series) if len(values) >= 2 * length + 2]
        if long_enough:
            scales = [scale for scale in _SCALES if 4 * scale <= length] or [1]
            strength = max(float(np.mean([curves[scale][i][length] for i in long_enough])) for scale in scales)
            visible = sum(is_seasonal(series[i], length) for i in long_enough) >= len(series) / 2
            seasons.append(Season(length, strength, True, visible))
    long_enough = [i for i, values in enumerate(series) if len(values) >= 3 * reach]
    n = float(np.median([np.count_nonzero(~np.isnan(series[i])) for i in long_enough]))
    found: list[Season] = []
    for scale in _SCALES:
        mean = np.mean([curves[scale][i][: reach + 1] for i in long_enough], axis=0)
        known = [season.length for season in seasons if season.strength >= _STRONG / 2]
        found += [
            Season(length, float(mean[length]), False, True)
            for length in _peaks(mean, scale, n)
            if not any(_related(length, other, scale) for other in known)
        ]
    return (*seasons, *_distinct(found)[:_MOST_FOUND])


def _distinct(found: Sequence[Season]) -> list[Season]:
    """The strongest first, without near neighbours; where a period and its multiple repeat, the period."""
    kept: list[Season] = []
    for season in sorted(found, key=lambda season: -season.strength):
        parts = [s for s in found if s.strength > season.strength / 2 and _related(season.length, s.length, 1)]
        shortest = min(parts, key=lambda season: season.length)
        near = [s for s in found if abs(s.length - shortest.length) <= shortest.length / 5]
        best = max(near, key=lambda season: season.strength)
        if not any(_related(best.length, other.length, 0.4 * other.length) for other in kept):
            kept.append(best)
    return kept


def _peaks(correlations: Array, scale: int, n: float) -> list[int]:
    """Lags at which changes between means of `scale` steps are more alike than in n steps of a random walk."""
    shortest = max(2, 4 * scale)
    # Bartlett's limit, with the correlation that taking means makes by itself; 4, because many lags are looked at.
    kernel = np.convolve(np.ones(scale), np.ones(scale))
    alone = np.correlate(kernel, kernel, "full") / (kernel @ kernel)
    limit = max(4 * float(np.sqrt(alone @ alone / n)), _STRONG)
    middle = correlations[1:-1]
    top = np.flatnonzero((middle >= correlations[:-2]) & (middle > correlations[2:]) & (middle > limit)) + 1
    return sorted(top[top >= shortest].tolist(), key=lambda lag: -float(correlations[lag]))[: 4 * _MOST_FOUND]


def _correlations(values: Array, scale: int, reach: int) -> Array:
    """Autocorrelations [reach + 1] of the changes of one series [T], missing ones left out; zeros where none change."""
    missing = np.isnan(values)
    if missing.any():
        known = np.flatnonzero(~missing)
        values = np.interp(np.arange(len(values)), known, values[known]) if scale > 1 else values
    sums = np.concatenate([[0.0], np.cumsum(values)]) if scale > 1 else values
    means = sums[scale:] - sums[:-scale] if scale > 1 else values
    changes = means[scale:] - means[:-scale]
    present = ~np.isnan(changes)
    if not present.any():
        return np.zeros(reach + 1)
    centred = np.where(present, changes - changes[present].mean(), 0.0)
    variance = float(centred @ centred)
    if variance <= 1e-24 * float(np.nanmax(np.abs(values))) ** 2 * len(values):
        return np.zeros(reach + 1)
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(centred, size)) ** 2
    found = np.fft.irfft(spectrum, size)[: min(reach + 1, len(centred))] / variance
    # Beyond its length a series has nothing to compare.
    return np.pad(found, (0, reach + 1 - len(found)))


def _related(length: int, other: int, scale: float) -> bool:
    """Whether one period is about a multiple of the other, as closely as means over `scale` steps can tell."""
    short, long = sorted((length, other))
    times = round(long / short)
    return abs(long - times * short) <= min(max(1.0, scale / 2, 0.06 * short), short / 4)
