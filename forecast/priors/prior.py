"""Prior: weights that know what series look like, in the strict checkpoint format, and networks of any length of them.

One comes with the package for each cell that has one; `forecast pretrain` makes others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from forecast import checkpoint
from forecast.cells import CELLS
from forecast.config import QUANTILE_LEVELS, suggest
from forecast.errors import CheckpointError
from forecast.models.architecture import Architecture
from forecast.models.candidates import NEWEST
from forecast.models.prior import PriorNetwork, prior_context
from forecast.upgrades import upgraded

#: Bounds of what a file may ask for.
_WIDEST, _MOST_LAYERS, MOST_NETWORKS = 1024, 8, 16
#: The lengths of a network that is only built to know its weights.
_ANY_HORIZON, _ANY_SEASONS = 1, (1,)


@dataclass(frozen=True)
class Shape:
    """What decides the tensors of a prior's networks; design is which of the networks of candidates.py they are."""

    cell: str
    hidden: int
    layers: int
    design: int = NEWEST

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise CheckpointError(f"unknown cell {self.cell!r:.60}", hint=suggest(str(self.cell), CELLS))
        for name, most in (("hidden", _WIDEST), ("layers", _MOST_LAYERS), ("design", NEWEST)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise CheckpointError(f"{name} of the prior is {value!r:.40}, not a whole number from 1 to {most}")

    def architecture(
        self, horizon: int, season_lengths: Sequence[int], quantile_levels: Sequence[float] = QUANTILE_LEVELS
    ) -> Architecture:
        """The network of this shape for a horizon and seasons."""
        seasons = tuple(season_lengths)
        return Architecture(
            cell=self.cell,
            hidden=self.hidden,
            layers=self.layers,
            bidirectional=False,
            dropout=0.0,
            segment=1,
            context_length=prior_context(horizon, seasons),
            horizon=horizon,
            season_lengths=seasons,
            quantile_levels=tuple(quantile_levels),
            prior=self.design,
        )

    def beside(self, a: Architecture) -> Architecture:
        """The network of this shape for what a network of another architecture forecasts, told the same."""
        own = self.architecture(a.horizon, a.season_lengths, a.quantile_levels)
        return replace(own, past=a.past, future=a.future, static=a.static)


@dataclass(frozen=True)
class Prior:
    """The weights of some networks of one shape, and the card that says how they were made.

    digest is that of the file they came from or went to.
    """

    shape: Shape
    weights: tuple[Mapping[str, Tensor], ...]
    card: Mapping[str, Any]
    digest: str = ""

    @property
    def n_weights(self) -> int:
        """Weights of all networks together."""
        return sum(tensor.numel() for own in self.weights for tensor in own.values())

    def networks(self, horizon: int, season_lengths: Sequence[int]) -> tuple[PriorNetwork, ...]:
        """The networks for a horizon and seasons, in evaluation mode."""
        return built(self.shape.architecture(horizon, season_lengths), self.weights)

    def save(self, path: str | Path) -> Prior:
        """Write the file atomically and return this Prior with its digest."""
        metadata = {"kind": "prior", "prior": vars(self.shape), "networks": len(self.weights), "card": dict(self.card)}
        return replace(self, digest=checkpoint.save(path, metadata, tensors_of(self.weights)))

    @classmethod
    def load(cls, path: str | Path) -> Prior:
        """The Prior in a file. Anything wrong with it is a CheckpointError."""
        metadata, tensors = checkpoint.load(Path(path), _expected)
        shape, n = _described(upgraded(metadata))
        weights = tuple(weights_of(tensors, i) for i in range(n))
        return cls(shape, weights, metadata["card"], metadata["sha256"])


def built(architecture: Architecture, weights: Sequence[Mapping[str, Tensor]]) -> tuple[PriorNetwork, ...]:
    """Networks of an architecture with these weights, in evaluation mode."""
    found = []
    for own in weights:
        # Building draws initial weights, which must not move the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            network = PriorNetwork(architecture)
        network.load_state_dict(own)
        found.append(network.eval())
    return tuple(found)


def specs_of(architecture: Architecture, n_networks: int) -> dict[str, checkpoint.TensorSpec]:
    """The tensors of so many networks of an architecture, found without memory for their weights."""
    with torch.device("meta"):
        one = PriorNetwork(architecture).state_dict()
    return {
        f"priors.{i}.{name}": checkpoint.TensorSpec("F32", tuple(tensor.shape))
        for i in range(n_networks)
        for name, tensor in one.items()
    }


def tensors_of(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Any]:
    """The tensors of a file that hold the weights of some networks."""
    return {
        f"priors.{i}.{name}": tensor.detach().cpu().numpy()
        for i, own in enumerate(weights)
        for name, tensor in own.items()
    }


def weights_of(tensors: Mapping[str, Any], i: int) -> dict[str, Tensor]:
    """The weights of the i-th network of a prior among the tensors of a file."""
    prefix = f"priors.{i}."
    return {n.removeprefix(prefix): torch.from_numpy(v) for n, v in tensors.items() if n.startswith(prefix)}


@cache
def bundled(cell: str) -> Prior | None:
    """The Prior that comes with the package for a cell; None where there is none."""
    path = Path(__file__).with_name(f"{cell}.safetensors")
    return Prior.load(path) if cell in CELLS and path.exists() else None


def _expected(metadata: Mapping[str, Any]) -> dict[str, checkpoint.TensorSpec]:
    shape, n = _described(upgraded(metadata))
    return specs_of(shape.architecture(_ANY_HORIZON, _ANY_SEASONS), n)


def _described(metadata: Mapping[str, Any]) -> tuple[Shape, int]:
    """The shape and the number of networks that metadata describes, checked: who seals a file may write anything."""
    if metadata["kind"] != "prior":
        raise CheckpointError("this file does not hold a prior", hint="forecast pretrain makes one")
    shape, n, card = metadata["prior"], metadata["networks"], metadata["card"]
    known = isinstance(shape, dict) and set(shape) == {f.name for f in fields(Shape)}
    if not known or not isinstance(card, dict):
        raise CheckpointError("prior: exactly the keys cell, hidden, layers and design are needed, and a card")
    if type(n) is not int or not 1 <= n <= MOST_NETWORKS:
        raise CheckpointError("the number of networks is out of bounds")
    return Shape(**shape), n
