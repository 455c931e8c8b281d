"""Prediction: trained networks + histories → quantiles, for any horizon, in each history's scaled units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forecast.models.architecture import Architecture
from forecast.models.prior import PriorNetwork
from forecast.models.recurrent import RecurrentNetwork
from forecast.models.states import indicators
from forecast.panel import Series
from forecast.scaling import Scaling, fit_history_scaling
from forecast.windows import Batch, Covariates, Windows

Array = NDArray[np.float64]

_BATCH_SIZE = 1024
#: A batch has a multiple of so many rows: in what is left over, libraries add the same numbers up in another order.
_ROWS = 16

Network = RecurrentNetwork | PriorNetwork


@dataclass(frozen=True)
class Ensemble:
    """Networks that forecast together: those trained on the data alone, and those that began as a prior.

    All have one horizon, but not one context. `share` is the weight of the priors together; alone they have all of it.
    """

    networks: tuple[RecurrentNetwork, ...]
    priors: tuple[PriorNetwork, ...] = ()
    share: float = 0.0

    @property
    def architecture(self) -> Architecture:
        """That of the networks with the longest context: no other one sees more."""
        every = [network.architecture for network in self.networks] + [own.architecture for own in self.priors]
        longest = max(architecture.context_length for architecture in every)
        return replace(every[0], context_length=longest)

    @property
    def device(self) -> str:
        """Where the networks are."""
        return str(next((*self.networks, *self.priors)[0].parameters()).device)

    @property
    def shares(self) -> tuple[float, float]:
        """The weight of the networks, and that of the priors."""
        if not self.networks or not self.priors:
            return float(bool(self.networks)), float(bool(self.priors))
        return 1 - self.share, self.share

    @property
    def on_cpu(self) -> Ensemble:
        """The same networks in the memory of the CPU."""
        networks = tuple(network.cpu() for network in self.networks)
        return Ensemble(networks, tuple(network.cpu() for network in self.priors), self.share)

    def quantiles(self, batch: Batch) -> Tensor:
        """The quantiles [B, H, Q] of all networks, averaged, each told no more of the batch than it can see."""
        kinds: tuple[Sequence[Network], ...] = (self.networks, self.priors)
        parts = [(own, share) for own, share in zip(kinds, self.shares, strict=True) if share]
        return sum((share * _mean(own, batch) for own, share in parts), start=torch.zeros(()))


@dataclass(frozen=True)
class Scaled:
    """Quantiles [N, H, Q] in scaled units, and the Scaling of each of the N histories that they follow.

    Calibration belongs before the inverse: what multiplies a distance in logarithms cannot make a positive value
    negative.
    """

    quantiles: Array
    scalings: tuple[Scaling, ...]

    def inverse(self, quantiles: Array) -> Array:
        """Quantiles [N, H, Q] like these in the units of the histories."""
        return np.stack([scaling.inverse(q) for scaling, q in zip(self.scalings, quantiles, strict=True)])


def quantiles_after(ensemble: Ensemble, histories: Sequence[Series], scaling_rule: str, horizon: int) -> Scaled:
    """What follows each history by all networks of an ensemble together, not calibrated.

    Each history is scaled by what it holds itself, without logarithms where it has none, so a forecast depends on
    nothing after its history and on no other series. Steps past the networks' own horizon are made block by block from
    the medians before, and the distance of each quantile from the median goes on from what it was at the end of the
    block before, as independent errors add up.
    """
    a = ensemble.architecture
    blocks_ahead = -(-horizon // a.horizon) * a.horizon
    windows, scalings = final_windows(histories, scaling_rule, a, ensemble.device, ahead=blocks_ahead)
    middle = a.quantile_levels.index(0.5)
    found = []
    with torch.no_grad():
        for own in windows.final_starts().split(_BATCH_SIZE):
            starts = _filled_up(own)
            batch = windows.batch(starts)
            context, blocks = batch.context, [ensemble.quantiles(batch)]
            while len(blocks) * a.horizon < horizon:
                medians = blocks[-1][..., middle]
                context = torch.cat([context, medians], 1)[:, -a.context_length :]
                drivers = windows.covariates_at(starts + len(blocks) * a.horizon)
                following = ensemble.quantiles(replace(batch, context=context, covariates=drivers))
                blocks.append(_widened(following, blocks[-1][:, -1:], middle))
            found.append(torch.cat(blocks, 1)[: len(own), :horizon])
    # To the CPU first: not every device has numbers of 64 bits.
    quantiles: Array = torch.cat(found).cpu().double().numpy() + windows.levels[:, None, None]
    return Scaled(quantiles, scalings)


def final_windows(
    histories: Sequence[Series], scaling_rule: str, a: Architecture, device: str = "cpu", *, ahead: int | None = None
) -> tuple[Windows, tuple[Scaling, ...]]:
    """The windows after the ends of histories, each scaled by what it holds itself, and those scalings."""
    scalings = tuple(fit_history_scaling(history.values, scaling_rule) for history in histories)
    scaled = [scaling.transform(history.values) for scaling, history in zip(scalings, histories, strict=True)]
    return _windows(scaled, histories, a, device, ahead or a.horizon), scalings


def probabilities_after(networks: Sequence[RecurrentNetwork], histories: Sequence[Series], horizon: int) -> Array:
    """What follows each history of states, [N, H, C], averaged over the networks, at no temperature.

    Steps past the networks' own horizon are made block by block from the probabilities before: anchors are linear, so
    that what they say of a probable state is what they would say of it times its probability.
    """
    a = networks[0].architecture
    blocks_ahead = -(-horizon // a.horizon) * a.horizon
    device = str(next(networks[0].parameters()).device)
    windows = _windows([history.values for history in histories], histories, a, device, blocks_ahead)
    found = []
    with torch.no_grad():
        for own in windows.final_starts().split(_BATCH_SIZE):
            starts = _filled_up(own)
            batch = windows.batch(starts)
            context = indicators(batch.context, a.states).transpose(1, 2)
            blocks = [_mean(networks, batch)]
            while len(blocks) * a.horizon < horizon:
                context = torch.cat([context, blocks[-1]], 1)[:, -a.context_length :]
                drivers = windows.covariates_at(starts + len(blocks) * a.horizon)
                blocks.append(_mean(networks, replace(batch, context=context, covariates=drivers)))
            found.append(torch.cat(blocks, 1)[: len(own), :horizon])
    probabilities = torch.cat(found).cpu().double().numpy()
    shares: Array = probabilities / probabilities.sum(-1, keepdims=True)
    return shares


def covariates_of(series: Sequence[Series], architecture: Architecture) -> Covariates | None:
    """What the network is told of these series besides their values; None where it is told nothing."""
    if not (architecture.past or architecture.future or architecture.static):
        return None
    return Covariates(len(architecture.past), [s.covariates for s in series], np.stack([s.static for s in series]))


def _windows(values: Sequence[Array], histories: Sequence[Series], a: Architecture, device: str, ahead: int) -> Windows:
    """The windows after the ends of histories with such values, and what is known of so many steps ahead."""
    known = covariates_of(histories, a)
    return Windows(values, a.context_length, a.horizon, device, covariates=known, ahead=ahead, on_zero=a.on_zero)


def _filled_up(starts: Tensor) -> Tensor:
    """The starts, the last of them repeated, so that no forecast depends on which others are made beside it."""
    return torch.cat([starts, starts[-1:].expand(-len(starts) % _ROWS)])


def _mean(networks: Sequence[Network], batch: Batch) -> Tensor:
    """What networks of one shape make of a batch whose context may be longer than theirs, averaged."""
    a = networks[0].architecture
    unseen = batch.context.shape[1] - a.context_length
    arguments = batch.context[:, unseen:], batch.spread, batch.covariates[:, unseen:], batch.static
    return torch.stack([network(*arguments)[0] for network in networks]).mean(0)


def _widened(quantiles: Tensor, before: Tensor, middle: int) -> Tensor:
    """Quantiles [B, H, Q] of a block whose start is itself uncertain, as `before` [B, 1, Q] says."""
    median = quantiles[..., middle : middle + 1]
    own, inherited = quantiles - median, before - before[..., middle : middle + 1]
    return median + torch.sign(own + inherited) * torch.hypot(own, inherited)
