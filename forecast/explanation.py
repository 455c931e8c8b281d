"""Explanation: what a trained network does with one context, as numbers: gates, gradients, sensitivity, weights.

And how a prior beside it, or alone, weighs what it chooses from. It draws and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecast import weighing as weighings
from forecast.config import suggest
from forecast.covariates import require_known, with_features
from forecast.errors import ConfigError, DataError
from forecast.forecaster import Forecaster
from forecast.models.anchors import anchor_names
from forecast.models.recurrent import RecurrentNetwork
from forecast.models.unrolling import Unrolled, uncut, unrolled
from forecast.panel import Panel, Series, Timestamps, Values
from forecast.prediction import final_windows
from forecast.training import computing
from forecast.weighing import Weighing, weighing
from forecast.windows import Batch

Array = NDArray[np.float64]

FORWARD, BACKWARD = "forward", "backward"
#: The parts that a forecast's sensitivity is divided into, and that of all of them together.
WHOLE, ANCHORS, SKIP, RECURRENCE = "forecast", "anchors", "linear map", "recurrence"
#: Modules of a network through which its recurrence moves the forecast.
_RECURRENT = ("stack", "decoder")
#: Steps of the horizon that are differentiated in one pass: each is one more row of a batch.
_AT_ONCE = 64
#: A part that moves the forecast by less than this share of the whole does so by rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Context:
    """What the network sees of one series: the last M steps before the cutoff, of at most `length` that it could see.

    timestamps and values [M], NaN where missing; a recurrent step takes in `segment` steps, 0 where what sees it is a
    prior, which reads a season in some points.
    """

    item: str
    timestamps: Timestamps
    values: Values
    length: int
    segment: int

    @property
    def cutoff(self) -> np.datetime64:
        """The newest timestamp that is known."""
        return np.datetime64(self.timestamps[-1])

    @property
    def begins(self) -> list[int]:
        """Where in timestamps each recurrent step that sees anything begins; the first may be shorter than others."""
        if not self.segment:
            return []
        reach = -(-len(self.values) // self.segment) * self.segment
        return sorted({max(0, len(self.values) - end) for end in range(self.segment, reach + 1, self.segment)})


@dataclass(frozen=True)
class Layer:
    """One layer of one network in one direction, at each of the T recurrent steps, the oldest first.

    activations [T, H] by name: gates, candidate, memory and state as the cell has them. gradient [T] is the norm of the
    derivative of all medians, in spreads of the context, with respect to all that is carried away from a step.
    """

    number: int
    direction: str
    activations: dict[str, Array]
    gradient: Array

    @property
    def name(self) -> str:
        """What it is called on a picture."""
        return f"layer {self.number}, {self.direction}"

    @property
    def order(self) -> list[int]:
        """The units by the mean of `sorted_by`, the highest first, equal ones as they lie in the weights."""
        means = self.activations[self.sorted_by].mean(0)
        return [int(i) for i in np.argsort(-means, kind="stable")]

    @property
    def sorted_by(self) -> str:
        """The activation that says most of how long a unit remembers."""
        return next(name for name in ("forget", "update", "input", "state") if name in self.activations)

    @property
    def lasting(self) -> Array:
        """The gradient in the order of reading from its end: [k] is that of k steps before the last one read."""
        return self.gradient[::-1] if self.direction == FORWARD else self.gradient

    @property
    def fade(self) -> float | None:
        """What the gradient is multiplied by from step to step on its way back, on average; None without one."""
        first, last, steps = self.lasting[0], self.lasting[-1], len(self.lasting) - 1
        return float((last / first) ** (1 / steps)) if steps and first > 0 else None

    @property
    def faded(self) -> int | None:
        """Steps back from which on the gradient is below a hundredth of that at the last step; None without any."""
        above = np.flatnonzero(self.lasting >= 0.01 * self.lasting[0])
        return int(above[-1]) + 1 if above[-1] + 1 < len(self.lasting) else None


@dataclass(frozen=True)
class Reach:
    """How far back something looks: shares [L] of its absolute sensitivity by lag, lag 1, the newest step, first.

    weight is how much of the forecast's sensitivity it has, beside the other parts. Shares are zero where it has none.
    """

    name: str
    weight: float
    shares: Array

    def within(self, share: float) -> int | None:
        """The lag within which so much of the sensitivity lies; None where there is none."""
        reached = np.flatnonzero(np.cumsum(self.shares) >= share - 1e-9)
        return int(reached[0]) + 1 if len(reached) else None

    @property
    def furthest(self) -> int | None:
        """The furthest lag with more than a hundredth of the sensitivity."""
        felt = np.flatnonzero(self.shares > 0.01)
        return int(felt[-1]) + 1 if len(felt) else None


@dataclass(frozen=True)
class Explanation:
    """One window as a Forecaster sees it. Layers are those of the network `member`, one of those trained from nothing.

    reaches are those of the mean of these networks and of its parts; weights say how much of each anchor is in it, the
    largest first. prior is how a prior weighs its candidates, None where it has no part in the forecast. Of a prior
    alone there is nothing else: no layers, reaches and weights.
    """

    context: Context
    member: int
    layers: tuple[Layer, ...]
    reaches: tuple[Reach, ...]
    weights: tuple[tuple[str, float], ...]
    prior: Weighing | None = None

    @property
    def share(self) -> float:
        """How much of the forecast is that of the networks trained from nothing."""
        return 1.0 if self.prior is None else 1 - self.prior.share

    def layer(self, number: int | None = None, direction: str | None = None) -> Layer:
        """A layer: the last one, forward, unless others are named. Raises ConfigError for one that is not there."""
        if not self.layers:
            raise _prior_alone("layers")
        last = max(layer.number for layer in self.layers)
        number, direction = last if number is None else number, direction or FORWARD
        for layer in self.layers:
            if (layer.number, layer.direction) == (number, direction):
                return layer
        if not 1 <= number <= last:
            raise ConfigError(
                f"layer is {number}, but the network has {last} layer{'s'[: last > 1]}", hint=f"--layer {last}"
            )
        raise ConfigError(f"direction is {direction!r}, but the network reads forward only", hint="--direction forward")

    @property
    def sentence(self) -> str | None:
        """How far back the forecast of the networks trained from nothing looks, in plain words; None without these."""
        if not self.reaches:
            return None
        whole = self.reaches[0]
        half, most, furthest = whole.within(0.5), whole.within(0.9), whole.furthest
        alone = self.prior is None
        if half is None:
            return f"{'the forecast does' if alone else 'these networks do'} not depend on any value of the context"
        whose = "the forecast's sensitivity" if alone else "the sensitivity of these networks"
        said = f"half of {whose} lies {_last(half)}, 90 % {_last(most or half)}"
        if furthest is None:
            return f"{said}; no step alone moves it by more than 1 %"
        whole_context = ", the whole context" if furthest == self.context.length else ""
        return f"{said}; the furthest step that moves it by more than 1 % is {furthest:,} back{whole_context}"


def explain(forecaster: Forecaster, panel: Panel, series: Series, member: int = 1) -> Explanation:
    """What the forecaster does with the last window of one series of a panel.

    A prior alone has no layers, and no member but the first. Derivatives are taken of the medians as they are scaled
    for the network, in logarithms where the model takes them, with the scaling held as it is. Raises ConfigError for a
    member that is not there and for a model of states, DataError for a future covariate that is not known over the
    horizon and for a derivative that is not finite.
    """
    if forecaster.states:
        raise ConfigError("the model forecasts states, and only forecasts of numbers are explained")
    members = len(forecaster.networks)
    if not members and member != 1:
        raise _prior_alone(f"network {member}")
    if members and not 1 <= member <= members:
        raise ConfigError(f"member is {member}, but the model has {members} network{'s'[: members > 1]}")
    a = forecaster.architecture
    one = replace(panel, series=(series,))
    require_known(one, a.horizon)
    told = with_features(one, forecaster.features, a.horizon).series[0]
    with computing(forecaster.config.train.threads or 1):
        prior = weighing(forecaster, told)
        if prior is not None and not members:
            return Explanation(_context(panel, series, prior.context_length), member, (), (), (), prior)
        context = _context(panel, series, a.context_length, a.segment)
        windows, _ = final_windows([told], forecaster.config.data.scaling or "none", a)
        batch = windows.batch(windows.final_starts())
        layers = _layers(forecaster.networks[member - 1], batch, len(context.begins))
        reaches = _reaches(forecaster.networks, batch)
        with torch.no_grad():
            arguments = batch.context, batch.spread, batch.covariates, batch.static
            mixed = torch.stack([network.anchor_weights(*arguments)[0] for network in forecaster.networks]).mean(0)
    # Without anchors there is the first of them, the last value.
    names = anchor_names(a.context_length, a.season_lengths, a.smoothing)
    weights = sorted(
        ((name, weight) for name, weight in zip(names[: len(mixed)], mixed.tolist(), strict=True) if weight > 0),
        key=lambda pair: -pair[1],
    )
    return Explanation(context, member, layers, reaches, tuple(weights), prior)


def find_series(panel: Panel, item: str | None) -> Series:
    """The series of an item, by its ids, its target, or both as pictures name it; the first one where none is named.

    Raises ConfigError with the names that are near for one that is not there.
    """
    if item is None:
        return panel.series[0]
    names: dict[str, Series] = {}
    for series in panel.series:
        for name in (_label(panel, series), series.name, ",".join(series.item_id), series.target):
            names.setdefault(name, series)
    if item not in names:
        known = [_label(panel, series) for series in panel.series]
        hint = suggest(item, known) if len(known) <= 10 else suggest(item, known).partition(", ")[0]
        raise ConfigError(f"there is no item {item!r:.60} in the data", hint=hint)
    return names[item]


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """All numbers of an explanation as plain values, times as ISO texts."""
    context = explanation.context
    return {
        "item": context.item,
        "cutoff": str(context.cutoff),
        "context": {
            "steps": len(context.values),
            "length": context.length,
            "segment": context.segment or None,
            "timestamps": [str(stamp) for stamp in context.timestamps],
            "values": context.values.tolist(),
            "step_begins": [str(context.timestamps[i]) for i in context.begins],
        },
        "share": explanation.share,
        "anchors": [{"name": name, "weight": weight} for name, weight in explanation.weights],
        "prior": None if explanation.prior is None else weighings.to_dict(explanation.prior),
        "sensitivity": [
            {
                "part": reach.name,
                "weight": reach.weight,
                "within_50": reach.within(0.5),
                "within_90": reach.within(0.9),
                "furthest": reach.furthest,
                "by_lag": reach.shares.tolist(),
            }
            for reach in explanation.reaches
        ],
        "sentence": explanation.sentence,
        "member": explanation.member,
        "layers": [
            {
                "layer": layer.number,
                "direction": layer.direction,
                "gradient": layer.gradient.tolist(),
                "fade": layer.fade,
                "faded": layer.faded,
                "units": layer.order,
                "activations": {name: values.tolist() for name, values in layer.activations.items()},
            }
            for layer in explanation.layers
        ],
    }


def _context(panel: Panel, series: Series, length: int, segment: int = 0) -> Context:
    """What a network that sees so many steps sees of a series."""
    seen = min(len(series), length)
    return Context(_label(panel, series), series.timestamps[-seen:], series.values[-seen:], length, segment)


def _medians(network: RecurrentNetwork, batch: Batch) -> Tensor:
    """The medians [B, H] of a batch, scaled and less the level."""
    return network.location(batch.context, batch.spread, batch.covariates, batch.static)


def _parts(network: RecurrentNetwork, batch: Batch) -> Iterator[tuple[Tensor, Batch]]:
    """The steps of the horizon, some at a time, each with as many copies of a batch of one window."""
    for steps in torch.arange(network.architecture.horizon).split(_AT_ONCE):
        copies = {name: part.expand(len(steps), *part.shape[1:]) for name, part in vars(batch).items()}
        copies["context"] = copies["context"].clone().requires_grad_()
        yield steps, Batch(**copies)


def _layers(network: RecurrentNetwork, batch: Batch, seen: int) -> tuple[Layer, ...]:
    """Every layer in every direction over the `seen` newest recurrent steps."""
    squares: dict[tuple[int, str], Array] = {}
    cells: dict[tuple[int, str], Unrolled] = {}
    for steps, copies in _parts(network, batch):
        with unrolled(network.stack) as noted:
            medians = _medians(network, copies)
        cells = noted
        spread = _spread(batch.context)
        # Row k is only asked for step k: one pass back is a whole Jacobian.
        asked = medians[torch.arange(len(steps)), steps].sum() / spread
        states = [state for each in cells.values() for state in each.states]
        found = torch.autograd.grad(asked, states, allow_unused=True, materialize_grads=True)
        sizes = iter(gradient.double().square().sum().item() for gradient in found)
        for key, each in cells.items():
            own = np.array([next(sizes) for _ in each.states])
            squares[key] = squares.get(key, np.zeros(len(own))) + own
    return tuple(
        _layer(number, direction, each, np.sqrt(squares[number, direction]), seen)
        for (number, direction), each in sorted(cells.items(), key=lambda pair: (pair[0][0], pair[0][1] == BACKWARD))
    )


def _layer(number: int, direction: str, found: Unrolled, gradient: Array, seen: int) -> Layer:
    """What one cell did, in the order of time, without the steps before the series began."""
    turn = slice(None, None, -1 if direction == BACKWARD else 1)
    activations = {name: values.double().numpy()[turn][-seen:] for name, values in found.activations.items()}
    return Layer(number, direction, activations, gradient[turn][-seen:])


def _spread(context: Tensor) -> float:
    """The standard deviation of a context [1, L] of which something is observed, 1 where it never moves."""
    observed = context[~torch.isnan(context)]
    return float(observed.double().std(correction=0)) or 1.0


def _reaches(networks: Sequence[RecurrentNetwork], batch: Batch) -> tuple[Reach, ...]:
    """The reach of the mean of the networks, then that of each part of it.

    What flows through a module's output is what is missing when that output is held fast: the chain rule adds paths up.
    """
    free, without, bare = (
        torch.stack([_jacobian(network, batch, held) for network in networks]).mean(0)
        for held in ((), _RECURRENT, (*_RECURRENT, "skip"))
    )
    if not torch.isfinite(free).all():
        raise DataError(
            "the derivative of the forecast is not finite", why="the values are too far from those in training"
        )
    parts = {ANCHORS: bare, SKIP: without - bare, RECURRENCE: free - without}
    # The newest step is at the end of a context, and at the beginning of the lags.
    sizes = {name: part.abs().sum(0).flip(0).double().numpy() for name, part in {WHOLE: free, **parts}.items()}
    total = sum(sizes[name].sum() for name in parts)
    found = []
    for name, size in sizes.items():
        size = size if size.sum() > _ROUNDING * total else np.zeros(len(size))
        weight = 1.0 if name == WHOLE else size.sum() / total if total else 0.0
        found.append(Reach(name, float(weight), size / (size.sum() or 1.0)))
    return tuple(found)


def _jacobian(network: RecurrentNetwork, batch: Batch, held: Sequence[str]) -> Tensor:
    """The derivative [H, L] of the medians by the context, with the outputs of the modules `held` taken as they are."""
    rows = []
    for steps, copies in _parts(network, batch):
        with ExitStack() as block, uncut(network.stack):
            for name in held:
                module: nn.Module | None = getattr(network, name)
                if module is not None:
                    block.enter_context(module.register_forward_hook(lambda _module, _inputs, found: _detached(found)))
            medians = _medians(network, copies)
        asked = medians[torch.arange(len(steps)), steps].sum()
        rows.append(torch.autograd.grad(asked, copies.context)[0])
    return torch.cat(rows)


def _detached(found: Any) -> Any:
    """The tensors in some output, however they lie in it, cut off from what they were made of."""
    if isinstance(found, Tensor):
        return found.detach()
    if isinstance(found, tuple) and hasattr(found, "_fields"):
        return type(found)(*map(_detached, found))
    return type(found)(map(_detached, found)) if isinstance(found, (tuple, list)) else found


def _label(panel: Panel, series: Series) -> str:
    several = len(panel.columns.targets) > 1
    return f"{series.name} · {series.target}" if series.item_id and several else series.name


def _prior_alone(what: str) -> ConfigError:
    return ConfigError(
        f"the model is a prior alone, without {what}: gates, gradients and lags are those of networks trained from "
        "nothing",
        hint="--picture anchors shows what a prior mixes",
    )


def _last(steps: int) -> str:
    return "within the newest step" if steps == 1 else f"within the last {steps:,} steps"
