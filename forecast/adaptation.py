"""Adaptation: how intervals did at cutoffs after training, in the order of time, and how much wider they are since.

Adaptive conformal inference (Gibbs & Candès 2021) as quantile tracking on the logarithm of the width (the P of the
conformal PID of Angelopoulos, Candès & Tibshirani 2023): whatever the data do, the share of outcomes inside tends to
the share that was promised, as long as the change stays within its bounds. A cutoff is judged by the widths that were
known there, never by its own outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: The logarithm of a width moves by this times the difference between promised and realised coverage of a cutoff.
RATE = 0.5
#: A width is never changed by more than this factor, nor by less than one over it.
_MOST_CHANGE = 4.0


@dataclass(frozen=True)
class Adaptation:
    """What P central intervals promised at some cutoffs, what they held of it, and how their widths have changed since.

    promised [P] are shares in ascending order, held [P] those of the `outcomes` observed values that lay inside when
    they came (NaN before there were any), changes [P] what the widths are to be multiplied by from now on.
    """

    promised: tuple[float, ...]
    held: tuple[float, ...]
    changes: tuple[float, ...]
    cutoffs: int = 0
    outcomes: int = 0

    @classmethod
    def begin(cls, promised: Sequence[float]) -> Adaptation:
        """Before the first cutoff: nothing is known, and nothing is changed."""
        return cls(tuple(promised), (math.nan,) * len(promised), (1.0,) * len(promised))

    def after(self, reaches: Array, rate: float = RATE) -> Adaptation:
        """The Adaptation after one more cutoff, with how far its outcomes reached in half-widths [..., P].

        The half-widths are those before any adaptation; NaN stands for what has not been observed. A cutoff of which
        only a part has been observed counts for that part. The order of calls is the order of time.
        """
        known = reaches[~np.isnan(reaches[..., 0])]
        if not len(known):
            return self
        inside = (known <= np.array(self.changes)).mean(axis=0)
        share = len(known) / reaches[..., 0].size
        steps = np.exp(rate * share * (np.array(self.promised) - inside))
        changes = np.clip(np.array(self.changes) * steps, 1 / _MOST_CHANGE, _MOST_CHANGE)
        outcomes = self.outcomes + len(known)
        before = np.array(self.held) * self.outcomes if self.outcomes else 0.0
        held = (before + inside * len(known)) / outcomes
        return replace(
            self,
            held=tuple(held.tolist()),
            changes=tuple(changes.tolist()),
            cutoffs=self.cutoffs + 1,
            outcomes=outcomes,
        )

    @property
    def by_quantile(self) -> list[float]:
        """The change of each of the 2 P + 1 quantiles' distance from the median, in ascending order of their levels."""
        return [*reversed(self.changes), 1.0, *self.changes]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: a row for each interval, its level in percent."""
        rows = zip(self.promised, self.held, self.changes, strict=True)
        return {
            "cutoffs": self.cutoffs,
            "outcomes": self.outcomes,
            "intervals": [
                {"level": round(100 * promised, 6), "held": held, "width_change": change}
                for promised, held, change in rows
            ],
        }
