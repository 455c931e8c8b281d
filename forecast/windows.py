"""Windows: (context, target) pairs over many series as strided views of one buffer, copied only when drawn.

Series lie end to end in the buffer with missing values between them, so that no window ever crosses from one into
the next, and a context that begins before its series is padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """context [B, L] and target [B, H], NaN where missing, less their series' level; spread [B], that of the series.

    covariates [B, L + H, C] hold the past and future ones, of which the past ones are NaN after the context; static
    [B, S].
    """

    context: Tensor
    target: Tensor
    spread: Tensor
    covariates: Tensor
    static: Tensor


@dataclass(frozen=True)
class Covariates:
    """What is known besides the targets of N series: N arrays [T + E, C], past columns first, and static [N, S].

    E is the number of steps after the last value for which something is known, and may differ from series to series.
    """

    n_past: int
    varying: Sequence[NDArray[np.float64]]
    static: NDArray[np.float64]


class Windows:
    """Every window of some scaled series. A start is the buffer position of a window's first target step.

    What is drawn lacks each series' level (its last observed value), which is in `levels`. `spreads` are the standard
    deviations that tell how small a change is nothing. Both are those of the same series in `measured_by`, where that
    knows less of them.
    """

    levels: NDArray[np.float64]
    spreads: list[float]

    def __init__(
        self,
        series: Sequence[NDArray[np.float64]],
        context_length: int,
        horizon: int,
        device: str,
        *,
        measured_by: Windows | None = None,
        covariates: Covariates | None = None,
        ahead: int | None = None,
        on_zero: bool = False,
    ) -> None:
        """`ahead` is how many steps after the end of each series its covariates are kept for, if not the horizon.

        on_zero keeps every level at zero: what is drawn is the series as they are.
        """
        self.context_length, self.horizon = context_length, horizon
        # Numbers of the size of a billion lose their units in float32; the network knows no level, so none is kept.
        levels = [0.0 if on_zero else _last_observed(values) for values in series]
        self.levels = measured_by.levels if measured_by else np.array(levels)
        self.spreads = measured_by.spreads if measured_by else [_spread(values) for values in series]
        lengths = torch.tensor([len(values) for values in series])
        ahead = max(horizon, ahead or 0)
        strides = lengths + context_length + ahead
        self.ends = torch.cumsum(strides, 0) - ahead
        self.begins = self.ends - lengths
        buffer = np.full(int(strides.sum()), np.nan, np.float32)
        for begin, end, values, level in zip(
            self.begins.tolist(), self.ends.tolist(), series, self.levels, strict=True
        ):
            buffer[begin:end] = values - level
        self._observed = np.concatenate([[0], np.cumsum(~np.isnan(buffer))])
        self._view = torch.from_numpy(buffer).to(device).unfold(0, context_length + horizon, 1)
        self._spread = torch.tensor(self.spreads, dtype=torch.float32, device=device)
        known = covariates or Covariates(0, [np.empty((0, 0))] * len(series), np.empty((len(series), 0)))
        self._n_past = known.n_past
        self._static = torch.from_numpy(known.static.astype(np.float32)).to(device)
        drivers = np.full((len(buffer), known.varying[0].shape[1]), np.nan, np.float32)
        for begin, end, rows in zip(self.begins.tolist(), self.ends.tolist(), known.varying, strict=True):
            stop = min(begin + len(rows), end + ahead)
            drivers[begin:stop] = rows[: stop - begin]
            drivers[end:stop, : known.n_past] = np.nan
        self._drivers = torch.from_numpy(drivers).to(device)

    def training_starts(self, min_context: int) -> Tensor:
        """Starts [n] of all windows worth training on: `min_context` steps behind them and enough ahead.

        Ahead lies the whole horizon, or a quarter of the series where it is too short for that: the loss skips the
        rest. Behind lies no more than half of what is left. Windows without an observed context or an observed target
        are left out.
        """
        starts = []
        for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True):
            ahead = min(self.horizon, max(1, (end - begin) // 4))
            behind = min(min_context, (end - begin - ahead) // 2)
            starts.append(np.arange(begin + max(behind, 1), end - ahead + 1))
        return self._with_something_observed(np.concatenate(starts))

    def starts_before_end(self, offsets: Sequence[int]) -> Tensor:
        """Starts [n] the given numbers of steps before the end of each series, those with nothing to see left out."""
        begins, ends = self.begins.numpy(), self.ends.numpy()
        starts = [ends - offset for offset in offsets]
        return self._with_something_observed(np.concatenate([s[s > begins] for s in starts]))

    def _with_something_observed(self, starts: NDArray[np.int64]) -> Tensor:
        context = self._observed[starts] - self._observed[starts - self.context_length]
        target = self._observed[starts + self.horizon] - self._observed[starts]
        return torch.from_numpy(starts[(context > 0) & (target > 0)])

    def final_starts(self) -> Tensor:
        """The start right after the end of each series: the windows whose targets are not known yet."""
        return self.ends

    def series_of(self, starts: Tensor) -> Tensor:
        """The index of the series each start belongs to [n]."""
        return torch.searchsorted(self.ends, starts)

    def batch(self, starts: Tensor) -> Batch:
        """The windows at these starts, copied out of the buffer."""
        series = self.series_of(starts).to(self._spread.device)
        rows = self._view[(starts - self.context_length).to(self._view.device)]
        context, target = rows[:, : self.context_length], rows[:, self.context_length :]
        return Batch(context, target, self._spread[series], self.covariates_at(starts), self._static[series])

    def covariates_at(self, starts: Tensor) -> Tensor:
        """The covariates [B, L + H, C] around these starts, as known there: the past ones are NaN from the start on."""
        # Whole rows at once: they lie together, while the steps of one column do not.
        steps = torch.arange(-self.context_length, self.horizon, device=self._drivers.device)
        known = self._drivers[starts.to(self._drivers.device)[:, None] + steps]
        known[:, self.context_length :, : self._n_past] = torch.nan
        return known

    def covariate_rows(self, most: int = 100_000) -> tuple[Tensor, Tensor]:
        """Rows [N, C] of the covariates within the series, at most so many, and the static ones [series, S]."""
        inside = torch.cat([torch.arange(b, e) for b, e in zip(self.begins.tolist(), self.ends.tolist(), strict=True)])
        kept = inside[:: -(-len(inside) // most)]
        return self._drivers[kept.to(self._drivers.device)].cpu(), self._static.cpu()


def _spread(values: NDArray[np.float64]) -> float:
    """The standard deviation of a series, and 1 for one that never moves."""
    # Not nanstd, which takes three times as long for a short series.
    return float(values[~np.isnan(values)].std()) or 1.0


def _last_observed(values: NDArray[np.float64]) -> float:
    return float(values[~np.isnan(values)][-1])
