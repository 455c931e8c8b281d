"""What networks are trained with: losses that skip missing targets."""

from __future__ import annotations

import torch
from torch import Tensor


def pinball(quantiles: Tensor, target: Tensor, levels: Tensor, scale: Tensor) -> Tensor:
    """The mean pinball loss, doubled so that the median's share is the absolute error (Koenker & Bassett 1978).

    quantiles [B, H, Q], target [B, H] with NaN where missing, levels [Q], scale [B, 1] by which errors are divided.
    """
    observed = ~torch.isnan(target)
    error = (torch.where(observed, target, 0.0)[..., None] - quantiles) / scale[..., None]
    loss = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return (loss * observed).sum() / observed.sum().clamp_min(1)


def mean_observed(losses: Tensor, target: Tensor) -> Tensor:
    """The mean of losses [B, H] over the steps whose target [B, H] is not missing."""
    observed = ~torch.isnan(target)
    return (losses * observed).sum() / observed.sum().clamp_min(1)
