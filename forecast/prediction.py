"""Prediction: trained networks + histories → quantiles in the series' own units, for any horizon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast.models.recurrent import RecurrentNetwork
from forecast.scaling import fit_scaling
from forecast.windows import Windows

Array = NDArray[np.float64]

_BATCH_SIZE = 1024


@torch.no_grad()
def quantiles_after(
    networks: Sequence[RecurrentNetwork], histories: Sequence[Array], scaling_rule: str, horizon: int
) -> Array:
    """What follows each history [T]: quantiles [N, H, Q], averaged over the networks, not calibrated.

    Each history is scaled by what it holds itself, so a forecast depends on nothing after its history and on no other
    series. Steps past the networks' own horizon are made block by block from the medians before, and the distance of
    each quantile from the median goes on from what it was at the end of the block before, as independent errors add up.
    """
    a = networks[0].architecture
    device = next(networks[0].parameters()).device
    scalings = [fit_scaling(history, scaling_rule) for history in histories]
    scaled = [scaling.transform(history) for scaling, history in zip(scalings, histories, strict=True)]
    windows = Windows(scaled, a.context_length, a.horizon, str(device))
    middle = a.quantile_levels.index(0.5)
    found = []
    for starts in windows.final_starts().split(_BATCH_SIZE):
        batch = windows.batch(starts)
        context, blocks = batch.context, [_mean_quantiles(networks, batch.context, batch.spread)]
        while len(blocks) * a.horizon < horizon:
            medians = blocks[-1][..., middle]
            context = torch.cat([context, medians], 1)[:, -a.context_length :]
            following = _mean_quantiles(networks, context, batch.spread)
            blocks.append(_widened(following, blocks[-1][:, -1:], middle))
        found.append(torch.cat(blocks, 1)[:, :horizon])
    quantiles = torch.cat(found).double().cpu().numpy()
    return np.stack([scaling.inverse(q) for scaling, q in zip(scalings, quantiles, strict=True)])


def _mean_quantiles(networks: Sequence[RecurrentNetwork], context: Tensor, spread: Tensor) -> Tensor:
    return torch.stack([network(context, spread)[0] for network in networks]).mean(0)


def _widened(quantiles: Tensor, before: Tensor, middle: int) -> Tensor:
    """Quantiles [B, H, Q] of a block whose start is itself uncertain, as `before` [B, 1, Q] says."""
    median = quantiles[..., middle : middle + 1]
    own, inherited = quantiles - median, before - before[..., middle : middle + 1]
    return median + torch.sign(own + inherited) * torch.hypot(own, inherited)
