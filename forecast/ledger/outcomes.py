"""Outcomes: forecasts of one kind beside what came, as arrays of rows; what scores and drift are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

#: Half a step in the last of nine digits, at most.
_ROUNDING = 5e-9
Values = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Outcomes:
    """N steps that were forecast and have come, of one job and source, all [N] but numbers.

    numbers [N, Q] are quantiles at the quantile_levels, or of states their probabilities [N, C]. hindsight says that
    the model had seen rows after the cutoff. series counts those of the job from 0; timestamp and the cutoff of the
    data are in microseconds since 1970. scale is the error of seasonal naive within the history, NaN where there is
    none.
    """

    job: str
    source: str
    hindsight: bool
    quantile_levels: tuple[float, ...]
    states: tuple[str, ...]
    series: Numbers
    cutoff: Numbers
    lead: Numbers
    timestamp: Numbers
    forecast: Values
    actual: Values
    scale: Values
    numbers: Values

    def __len__(self) -> int:
        return len(self.lead)

    def where(self, chosen: NDArray[np.bool_]) -> Outcomes:
        """Those of the steps [N] that are chosen."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _COLUMNS})

    @property
    def levels(self) -> tuple[float, ...]:
        """The central intervals in percent that both of their ends are known of, narrowest first."""
        found = {round(level, 9) for level in self.quantile_levels}
        return tuple(
            round(100 * (1 - 2 * low), 6)
            for low in sorted(found, reverse=True)
            if low < 0.5 and round(1 - low, 9) in found
        )

    def inside(self, level: float) -> NDArray[np.bool_]:
        """Whether each actual value [N] lies in the central interval of a level in percent, its ends included."""
        known = [round(own, 9) for own in self.quantile_levels]
        low, high = (self.numbers[:, known.index(round(0.5 + side * level / 200, 9))] for side in (-1, 1))
        # Quantiles are kept with nine digits: what equals an end in all of these lies inside.
        slack = _ROUNDING * np.abs(self.actual)
        return (low <= self.actual + slack) & (self.actual - slack <= high)


_COLUMNS = ("series", "cutoff", "lead", "timestamp", "forecast", "actual", "scale", "numbers")
