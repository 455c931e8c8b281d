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
    """context [B, L] and target [B, H], NaN where missing; spread [B], the overall spread of each window's series."""

    context: Tensor
    target: Tensor
    spread: Tensor


class Windows:
    """Every window of some scaled series. A start is the buffer position of a window's first target step."""

    def __init__(self, series: Sequence[NDArray[np.float64]], context_length: int, horizon: int, device: str) -> None:
        self.context_length, self.horizon = context_length, horizon
        lengths = torch.tensor([len(values) for values in series])
        strides = lengths + context_length + horizon
        self.ends = torch.cumsum(strides, 0) - horizon
        self.begins = self.ends - lengths
        buffer = np.full(int(strides.sum()), np.nan, np.float32)
        for begin, end, values in zip(self.begins.tolist(), self.ends.tolist(), series, strict=True):
            buffer[begin:end] = values
        self._missing = np.isnan(buffer)
        self._view = torch.from_numpy(buffer).to(device).unfold(0, context_length + horizon, 1)
        spreads = [float(np.nanstd(values)) for values in series]
        self._spread = torch.tensor([spread if spread > 0 else 1.0 for spread in spreads], device=device)

    def training_starts(self, min_context: int) -> Tensor:
        """Starts [n] of all windows worth training on: `min_context` steps behind them and enough ahead.

        Ahead lies the whole horizon, or a quarter of the series where it is too short for that: the loss skips the
        rest. Windows without an observed context or an observed target are left out.
        """
        observed = np.concatenate([[0], np.cumsum(~self._missing)])
        starts = []
        for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True):
            ahead = min(self.horizon, max(1, (end - begin) // 4))
            behind = min(min_context, end - begin - ahead)
            candidates = np.arange(begin + max(behind, 1), end - ahead + 1)
            context = observed[candidates] - observed[candidates - self.context_length]
            target = observed[candidates + self.horizon] - observed[candidates]
            starts.append(candidates[(context > 0) & (target > 0)])
        return torch.from_numpy(np.concatenate(starts))

    def starts_before_end(self, offsets: Sequence[int], min_context: int) -> Tensor:
        """Starts [n] that lie the given numbers of steps before the end of each series that is long enough for it."""
        starts = [self.ends - offset for offset in offsets]
        return torch.cat([s[s - self.begins >= min_context] for s in starts])

    def final_starts(self) -> Tensor:
        """The start right after the end of each series: the windows whose targets are not known yet."""
        return self.ends

    def series_of(self, starts: Tensor) -> Tensor:
        """The index of the series each start belongs to [n]."""
        return torch.searchsorted(self.ends, starts)

    def batch(self, starts: Tensor) -> Batch:
        """The windows at these starts, copied out of the buffer."""
        rows = self._view[(starts - self.context_length).to(self._view.device)]
        spread = self._spread[self.series_of(starts).to(self._spread.device)]
        return Batch(rows[:, : self.context_length], rows[:, self.context_length :], spread)
