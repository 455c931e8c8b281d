"""Rolling origin: at which cutoffs the past is forecast again, and what could be known there. Never looks beyond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.errors import ConfigError, DataError
from forecast.panel import Panel, Series, Values

#: The most cutoffs that are chosen where nobody says how many.
_MOST_WINDOWS = 10
#: Steps of all histories that are forecast at once, at most: memory grows with them.
_MOST_STEPS = 20_000_000
#: In the season before a cutoff something must have been observed; a shorter season counts as this many steps.
_SHORTEST_SEASON = 4


@dataclass(frozen=True)
class Rolling:
    """`n_windows` cutoffs, `step_size` steps apart, numbered from 0, the earliest.

    Every series has the same cutoffs, counted from its own end: the last window ends where its series ends.
    """

    n_windows: int
    step_size: int
    horizon: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ConfigError(f"{name} is {value}, but must be at least 1")

    def offset(self, number: int) -> int:
        """Steps from a cutoff to the end of its series."""
        return self.horizon + self.step_size * (self.n_windows - 1 - number)

    @property
    def overlap(self) -> int:
        """How many consecutive windows share steps; 1 when none do."""
        return min(-(-self.horizon // self.step_size), self.n_windows)


@dataclass(frozen=True)
class Window:
    """One cutoff of one series of a panel: what is known there are the first `cut` steps."""

    series: int
    number: int
    cut: int


def default_windows(panel: Panel, horizon: int, step_size: int) -> int:
    """As many windows as lie in the last quarter of the median series, from 1 to 10."""
    length = int(np.median([len(s) for s in panel.series]))
    return min(_MOST_WINDOWS, max(1, 1 + (length // 4 - horizon) // max(step_size, 1)))


def windows_of(
    panel: Panel, rolling: Rolling, season_length: int, others: Sequence[Panel] = ()
) -> tuple[list[Window], list[str]]:
    """Every cutoff of every series with something to see on both sides, and notes on those that are left out.

    Left out as well is a window over which a future covariate of the panel, or of the others, which are the same data
    with other covariates, is not known. Raises DataError when no series reaches back far enough, or nothing is left.
    """
    _check_reach(panel, rolling)
    windows, unseen, unknown = [], 0, 0
    for number in range(rolling.n_windows):
        for i, series in enumerate(panel.series):
            window = Window(i, number, len(series) - rolling.offset(number))
            if not _is_visible(series, window, rolling.horizon, season_length):
                unseen += 1
            elif not all(_is_known(own, window, rolling.horizon) for own in (panel, *others)):
                unknown += 1
            else:
                windows.append(window)
    total = rolling.n_windows * len(panel)
    reasons = {
        "no value in the season before the cutoff, or none after it": unseen,
        "a future covariate is not known over their horizon": unknown,
    }
    notes = [f"{count} of {total} windows left out: {why}" for why, count in reasons.items() if count]
    if not windows:
        raise DataError(f"there is nothing to forecast: {'; '.join(notes)}", hint="forecast check DATA")
    return windows, notes


def history(panel: Panel, window: Window) -> Series:
    """The series of a window as it was known at the cutoff: of what came later, only future covariates."""
    series, cut = panel.series[window.series], window.cut
    known = panel.known_at(series.covariates, cut)
    return replace(series, timestamps=series.timestamps[:cut], values=series.values[:cut], covariates=known)


def ahead(series: Series, window: Window, horizon: int) -> Values:
    """What came after the cutoff [H]; NaN where missing."""
    return series.values[window.cut : window.cut + horizon]


def divided(windows: Sequence[Window], *, by_cutoff: bool = False) -> list[list[int]]:
    """The positions of the windows in parts whose histories fit into memory together, or in one for each cutoff."""
    if by_cutoff:
        numbers = sorted({window.number for window in windows})
        return [[i for i, window in enumerate(windows) if window.number == number] for number in numbers]
    parts: list[list[int]] = []
    steps = _MOST_STEPS
    for i, window in enumerate(windows):
        if steps + window.cut > _MOST_STEPS:
            parts.append([])
            steps = 0
        parts[-1].append(i)
        steps += window.cut
    return parts


def _check_reach(panel: Panel, rolling: Rolling) -> None:
    longest, reach = max(len(s) for s in panel.series), rolling.offset(0)
    if longest <= reach:
        fits = 1 + (longest - 1 - rolling.horizon) // rolling.step_size
        raise DataError(
            f"{rolling.n_windows} windows of {rolling.horizon} steps, {rolling.step_size} apart, reach back {reach} "
            f"steps, and the longest series has {longest}",
            hint=f"--windows {fits}" if fits > 0 else f"--horizon {max(1, longest // 4)}",
        )


def _is_visible(series: Series, window: Window, horizon: int, season_length: int) -> bool:
    """Whether there is a value in the season before the cutoff, and one within the horizon after it."""
    if window.cut < 1:
        return False
    before = series.values[max(0, window.cut - max(season_length, _SHORTEST_SEASON)) : window.cut]
    return not (np.isnan(before).all() or np.isnan(ahead(series, window, horizon)).all())


def _is_known(panel: Panel, window: Window, horizon: int) -> bool:
    """Whether the future covariates of a window are known at every step of its horizon."""
    future = [i for i, c in enumerate(panel.of_role("past", "future")) if c.role == "future"]
    if not future:
        return True
    rows = panel.series[window.series].covariates[window.cut : window.cut + horizon, future]
    return not bool(np.isnan(rows).any())
