"""HEADS: what the network says of a step, as quantiles and as what it is trained with.

`quantiles` are free steps away from the median, trained with the pinball loss. The others are families of distributions
with exact quantiles, trained by maximum likelihood: `normal`, `student-t` with degrees of freedom that are learnt once
for all, and `negative-binomial` for counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from forecast.models.losses import mean_observed, pinball

#: Logarithms of widths stay within this of where they began.
_FURTHEST = 8.0
#: Student's t begins near the normal distribution, and keeps a variance.
_FIRST_DEGREES, _FEWEST_DEGREES = 10.0, 2.0
#: Below this share of a context's scale the mean of counts bends, so that it never reaches zero.
_SMALL_MEAN = 0.05
#: The least variance of counts beyond that of Poisson, relative to it.
_LEAST_EXCESS = 1e-4


class Outlook(NamedTuple):
    """What the network makes of a context, in the context's own units but for center and scale.

    location and width [B, H], shape [B, H, K - 1] at first zero; a value is center [B, 1 or H] + scale [B, 1] times one
    in these units. Errors are measured in `unit` [B, 1].
    """

    location: Tensor
    width: Tensor
    shape: Tensor
    center: Tensor
    scale: Tensor
    unit: Tensor

    def outside(self, values: Tensor) -> Tensor:
        """Values [B, H, Q] in the units of the data."""
        return values * self.scale[..., None] + self.center[..., None]

    def inside(self, target: Tensor) -> Tensor:
        """A target [B, H] in the context's units."""
        return (target - self.center) / self.scale


class Quantiles(nn.Module):
    """A median, and the other quantiles cumulated outwards from it in positive steps, so that they cannot cross.

    With a shape of zero they are those of a normal distribution with standard deviation `width`.
    """

    levels: Tensor
    gaps: Tensor

    def __init__(self, quantile_levels: Sequence[float]) -> None:
        super().__init__()
        self.n_outputs = len(quantile_levels)
        self.middle = quantile_levels.index(0.5)
        scores = [NormalDist().inv_cdf(level) for level in quantile_levels]
        # Plain numbers: arithmetic on tensors without memory would first import torch's compiler, for a second.
        gaps = [high - low for low, high in pairwise(scores)]
        self.register_buffer("gaps", torch.tensor(gaps, dtype=torch.float32), persistent=False)
        self.register_buffer("levels", torch.tensor(quantile_levels, dtype=torch.float32), persistent=False)

    def quantiles(self, outlook: Outlook) -> Tensor:
        """Quantiles [B, H, Q] in the units of the data."""
        steps = self.gaps * outlook.width[..., None] * torch.exp(outlook.shape.clamp(-_FURTHEST, _FURTHEST))
        below = steps[..., : self.middle].flip(-1).cumsum(-1).flip(-1)
        above = steps[..., self.middle :].cumsum(-1)
        median = outlook.location[..., None]
        return outlook.outside(torch.cat([median - below, median, median + above], -1))

    def loss(self, outlook: Outlook, target: Tensor) -> Tensor:
        """The mean pinball loss against a target [B, H], NaN where missing."""
        return pinball(self.quantiles(outlook), target, self.levels, outlook.unit)


class Normal(nn.Module):
    """A normal distribution."""

    scores: Tensor

    def __init__(self, quantile_levels: Sequence[float]) -> None:
        super().__init__()
        self.n_outputs = 2
        scores = [NormalDist().inv_cdf(level) for level in quantile_levels]
        self.register_buffer("scores", torch.tensor(scores, dtype=torch.float32), persistent=False)

    def quantiles(self, outlook: Outlook) -> Tensor:
        """Quantiles [B, H, Q] in the units of the data."""
        return outlook.outside(outlook.location[..., None] + _deviation(outlook)[..., None] * self.scores)

    def loss(self, outlook: Outlook, target: Tensor) -> Tensor:
        """The mean negative logarithm of the density, in the context's units."""
        deviation = _deviation(outlook)
        z = (outlook.inside(_plugged(target)) - outlook.location) / deviation
        return mean_observed(0.5 * z.square() + deviation.log() + 0.5 * math.log(2 * math.pi), target)


class StudentT(nn.Module):
    """Student's t distribution: tails as heavy as the training data have them."""

    def __init__(self, quantile_levels: Sequence[float]) -> None:
        super().__init__()
        self.n_outputs = 2
        self.quantile_levels = tuple(quantile_levels)
        beginning = math.log(math.expm1(_FIRST_DEGREES - _FEWEST_DEGREES))
        self.degrees_above_two = nn.Parameter(torch.full((1,), beginning))

    @property
    def degrees(self) -> Tensor:
        """Degrees of freedom [1], above two."""
        return _FEWEST_DEGREES + functional.softplus(self.degrees_above_two)

    def quantiles(self, outlook: Outlook) -> Tensor:
        """Quantiles [B, H, Q] in the units of the data."""
        from scipy.special import stdtrit  # late: only here

        degrees = float(self.degrees.detach())
        found = [0.0 if level == 0.5 else float(stdtrit(degrees, level)) for level in self.quantile_levels]
        scores = torch.tensor(found, device=outlook.width.device, dtype=outlook.width.dtype)
        return outlook.outside(outlook.location[..., None] + _deviation(outlook)[..., None] * scores)

    def loss(self, outlook: Outlook, target: Tensor) -> Tensor:
        """The mean negative logarithm of the density, in the context's units."""
        deviation, degrees = _deviation(outlook), self.degrees
        z = (outlook.inside(_plugged(target)) - outlook.location) / deviation
        constant = torch.lgamma(degrees / 2) - torch.lgamma((degrees + 1) / 2) + 0.5 * torch.log(math.pi * degrees)
        losses = (degrees + 1) / 2 * torch.log1p(z.square() / degrees) + deviation.log() + constant
        return mean_observed(losses, target)


class NegativeBinomial(nn.Module):
    """A negative binomial distribution of counts: mean μ and variance μ + (deviation beyond Poisson's)².

    The location is the mean but for values near zero, where it bends so as to stay positive.
    """

    def __init__(self, quantile_levels: Sequence[float]) -> None:
        super().__init__()
        self.n_outputs = 2
        self.quantile_levels = tuple(quantile_levels)

    def quantiles(self, outlook: Outlook) -> Tensor:
        """Quantiles [B, H, Q], whole numbers; their gradient is that of the mean."""
        mean, size = self.mean_and_size(outlook)
        found = negative_binomial_quantiles(
            mean.detach().double().cpu().numpy(), size.detach().double().cpu().numpy(), self.quantile_levels
        )
        whole = torch.from_numpy(found).to(mean.device, mean.dtype)
        return whole + (mean - mean.detach())[..., None]

    def loss(self, outlook: Outlook, target: Tensor) -> Tensor:
        """The mean negative logarithm of the probability."""
        mean, size = self.mean_and_size(outlook)
        count = _plugged(target).clamp_min(0)
        log_probability = (
            torch.lgamma(count + size)
            - torch.lgamma(size)
            - torch.lgamma(count + 1)
            - size * torch.log1p(mean / size)
            + count * (mean.log() - (mean + size).log())
        )
        return mean_observed(-log_probability, target)

    def mean_and_size(self, outlook: Outlook) -> tuple[Tensor, Tensor]:
        """The mean [B, H] and the size r [B, H] of variance μ + μ² / r."""
        location = outlook.location * outlook.scale + outlook.center
        small = _SMALL_MEAN * outlook.scale.expand_as(location)
        # Held at zero where it is not used: the gradient of an overflow would not be a number.
        bent = small * torch.exp((location / small - 1).clamp_max(0)).clamp_min(1e-6)
        mean = torch.where(location > small, location, bent)
        excess = (_deviation(outlook) * outlook.scale).square()
        size = mean.square() / torch.maximum(excess, _LEAST_EXCESS * mean)
        return mean, size.clamp(1e-4, 1e6)


def negative_binomial_quantiles(
    mean: np.ndarray, size: np.ndarray, quantile_levels: Sequence[float]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The smallest counts [..., Q] whose distribution function reaches each level, for means and sizes [...]."""
    from scipy.special import betainc, nbdtrik  # late: only here

    share = size / (size + mean)
    found = []
    for level in quantile_levels:
        count = np.ceil(np.maximum(nbdtrik(level, size, share), 0.0))
        # The inverse is found by iteration: a count that was only just reached may come out one too high.
        lower = np.maximum(count - 1, 0.0)
        found.append(np.where(betainc(size, lower + 1, share) >= level, lower, count))
    return np.stack(found, -1)


HEADS: dict[str, type[Quantiles] | type[Normal] | type[StudentT] | type[NegativeBinomial]] = {
    "quantiles": Quantiles,
    "normal": Normal,
    "student-t": StudentT,
    "negative-binomial": NegativeBinomial,
}


def _deviation(outlook: Outlook) -> Tensor:
    return outlook.width * torch.exp(outlook.shape[..., 0].clamp(-_FURTHEST, _FURTHEST))


def _plugged(target: Tensor) -> Tensor:
    """A target with zeros where it is missing: what is not a number would make every gradient one."""
    return torch.nan_to_num(target)
