"""Explanation: what a trained network does with one context, as numbers: gates, gradients, sensitivity, weights.

And, over many windows, how much worse the forecast becomes when a covariate is shuffled. It draws and prints nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecast import metrics
from forecast.config import suggest
from forecast.covariates import require_known, with_features
from forecast.errors import ConfigError, DataError
from forecast.features import feature_names, is_holiday
from forecast.forecaster import Forecaster
from forecast.models.anchors import anchor_names
from forecast.models.recurrent import RecurrentNetwork
from forecast.models.unrolling import Unrolled, uncut, unrolled
from forecast.panel import Panel, Series, Timestamps, Values
from forecast.prediction import covariates_of
from forecast.rolling import Window, ahead, history
from forecast.scaling import Scaling, fit_history_scaling
from forecast.training import computing
from forecast.windows import Batch, Windows

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
#: Windows that covariates are shuffled over, at most.
_MOST_WINDOWS = 200


@dataclass(frozen=True)
class Context:
    """What the network sees of one series: the last M steps before the cutoff, of at most `length` that it could see.

    timestamps and values [M], NaN where missing; a recurrent step takes in `segment` steps.
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
        return sorted({max(0, len(self.values) - end) for end in range(self.segment, self._reach + 1, self.segment)})

    @property
    def _reach(self) -> int:
        return -(-len(self.values) // self.segment) * self.segment


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
    """One window as a Forecaster sees it. Layers are those of the network `member`; the rest is the whole forecast.

    reaches are those of the forecast and of its parts; weights say how much of each anchor is in it, the largest first.
    """

    context: Context
    member: int
    layers: tuple[Layer, ...]
    reaches: tuple[Reach, ...]
    weights: tuple[tuple[str, float], ...]

    def layer(self, number: int | None = None, direction: str | None = None) -> Layer:
        """A layer: the last one, forward, unless others are named. Raises ConfigError for one that is not there."""
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
    def sentence(self) -> str:
        """How far back the forecast looks, in plain words."""
        whole = self.reaches[0]
        half, most, furthest = whole.within(0.5), whole.within(0.9), whole.furthest
        if half is None:
            return "the forecast does not depend on any value of the context"
        said = f"half of the forecast's sensitivity lies {_last(half)}, 90 % {_last(most or half)}"
        if furthest is None:
            return f"{said}; no step alone moves it by more than 1 %"
        whole_context = ", the whole context" if furthest == self.context.length else ""
        return f"{said}; the furthest step that moves it by more than 1 % is {furthest:,} back{whole_context}"


@dataclass(frozen=True)
class Shuffled:
    """The error with one covariate shuffled over the windows: mean and standard deviation over the repeats.

    None for one that is the same in all windows, so that there is nothing to shuffle.
    """

    name: str
    mean: float | None
    deviation: float | None


@dataclass(frozen=True)
class Importance:
    """What covariates are worth: the error as it is, and with each of them shuffled, the most harmful first.

    The metric is mase, or mae where that is undefined, averaged over n_windows, `seen` of which were known in training.
    There are no covariates here and the error is NaN where fewer than two windows have outcomes.
    """

    metric: str
    error: float
    covariates: tuple[Shuffled, ...]
    n_windows: int
    seen: int
    repeats: int


def explain(forecaster: Forecaster, panel: Panel, series: Series, member: int = 1) -> Explanation:
    """What the forecaster does with the last window of one series of a panel.

    Derivatives are taken of the medians as they are scaled for the network, in logarithms where the model takes them,
    with the scaling held as it is. Raises ConfigError for a member that is not there and for a model of states,
    DataError for a future covariate that is not known over the horizon and for a derivative that is not finite.
    """
    if forecaster.states:
        raise ConfigError("the model forecasts states, and only forecasts of numbers are explained")
    members = len(forecaster.networks)
    if not members:
        raise ConfigError(
            "the model is a prior alone, and what is explained are networks that were trained on the data",
            hint="forecast train DATA",
        )
    if not 1 <= member <= members:
        raise ConfigError(f"member is {member}, but the model has {members} network{'s'[: members > 1]}")
    a = forecaster.architecture
    one = replace(panel, series=(series,))
    require_known(one, a.horizon)
    told = with_features(one, forecaster.features, a.horizon).series[0]
    windows, _ = _windows(forecaster, [told])
    batch = windows.batch(windows.final_starts())
    seen = min(len(series), a.context_length)
    context = Context(
        _label(panel, series),
        series.timestamps[-seen:],
        series.values[-seen:],
        a.context_length,
        a.segment,
    )
    with computing(forecaster.config.train.threads or 1):
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
    return Explanation(context, member, layers, reaches, tuple(weights))


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


def importance(forecaster: Forecaster, panel: Panel, repeats: int = 5, seed: int = 1) -> Importance | None:
    """What each covariate is worth on recent windows of all series, by shuffling it over them (Breiman 2001).

    A covariate takes the values that it has around another window, context and horizon alike; holidays are shuffled
    together, and so are the columns of one calendar feature. None where there are no covariates.
    """
    groups = _groups(forecaster)
    if not groups:
        return None
    chosen = _recent(forecaster, panel, seed)
    if len(chosen) < 2:
        return Importance("mase", math.nan, (), len(chosen), 0, repeats)
    windows, scalings = _windows(forecaster, [history for history, _ in chosen])
    batch = windows.batch(windows.final_starts())
    actual = np.stack([outcome for _, outcome in chosen])
    season = forecaster.config.data.season_length or 1
    scales = np.array([metrics.seasonal_scales(history.values, season)[0] for history, _ in chosen])

    def errors(batch: Batch) -> tuple[float, float]:
        """MASE and MAE, each over the windows where it is defined."""
        median = np.stack(
            [s.inverse(m + level) for s, m, level in zip(scalings, medians(batch), windows.levels, strict=True)]
        )
        mae = metrics.mae(actual, forecaster.bounds.clip(median))
        return _mean(metrics.ratio(mae, scales)), _mean(mae)

    def medians(batch: Batch) -> Array:
        with torch.no_grad():
            arguments = batch.context, batch.spread, batch.covariates, batch.static
            found = torch.stack([network(*arguments)[0] for network in forecaster.networks]).mean(0)
        return np.asarray(found[..., forecaster.quantile_levels.index(0.5)].double().numpy())

    random = np.random.default_rng(seed)
    with computing(forecaster.config.train.threads or 1):
        as_it_is = errors(batch)
        which = 1 if math.isnan(as_it_is[0]) else 0
        found = []
        for name, (varying, static) in groups.items():
            if not _differ(batch.covariates[..., varying]) and not _differ(batch.static[:, static]):
                found.append(Shuffled(name, None, None))
                continue
            worse = [errors(_shuffled(batch, varying, static, random))[which] for _ in range(repeats)]
            found.append(Shuffled(name, float(np.mean(worse)), float(np.std(worse, ddof=min(1, repeats - 1)))))
    trained = np.datetime64(forecaster.data.last)
    seen = sum(bool(history.timestamps[-1] < trained) for history, _ in chosen)
    ranked = sorted(found, key=lambda each: -math.inf if each.mean is None else each.mean, reverse=True)
    return Importance(("mase", "mae")[which], as_it_is[which], tuple(ranked), len(chosen), seen, repeats)


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """All numbers of an explanation as plain values, times as ISO texts."""
    context = explanation.context
    return {
        "item": context.item,
        "cutoff": str(context.cutoff),
        "context": {
            "steps": len(context.values),
            "length": context.length,
            "segment": context.segment,
            "timestamps": [str(stamp) for stamp in context.timestamps],
            "values": context.values.tolist(),
            "step_begins": [str(context.timestamps[i]) for i in context.begins],
        },
        "anchors": [{"name": name, "weight": weight} for name, weight in explanation.weights],
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


def _windows(forecaster: Forecaster, histories: Sequence[Series]) -> tuple[Windows, list[Scaling]]:
    """The histories as the network sees them, each scaled by what it holds itself, and those scalings."""
    a = forecaster.architecture
    scalings = [fit_history_scaling(each.values, forecaster.config.data.scaling or "none") for each in histories]
    scaled = [scaling.transform(each.values) for scaling, each in zip(scalings, histories, strict=True)]
    lengths, covariates = (a.context_length, a.horizon), covariates_of(histories, a)
    return Windows(scaled, *lengths, "cpu", covariates=covariates, on_zero=a.counts), scalings


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


def _groups(forecaster: Forecaster) -> dict[str, tuple[list[int], list[int]]]:
    """What is shuffled together, by name: its columns among past and future covariates, and among the static ones."""
    holidays = tuple(name for name in forecaster.features if is_holiday(name))
    own = [c.name for c in forecaster.covariates if c.role != "static"]
    varying = [*own, *feature_names(forecaster.features)]
    groups: dict[str, tuple[list[int], list[int]]] = {name: ([i], []) for i, name in enumerate(own)}
    static = [c.name for c in forecaster.covariates if c.role == "static"]
    groups |= {name: ([], [i]) for i, name in enumerate(static)}
    if holidays:
        groups["holidays"] = ([varying.index(name, len(own)) for name in feature_names(holidays)], [])
    for feature in forecaster.features:
        if not is_holiday(feature):
            groups[feature] = ([varying.index(name, len(own)) for name in feature_names((feature,))], [])
    return groups


def _recent(forecaster: Forecaster, panel: Panel, seed: int) -> list[tuple[Series, Array]]:
    """Histories as they were known at a cutoff, and outcomes [H], of windows of the last quarter of each series."""
    a = forecaster.architecture
    latest = np.array([max(len(s) - a.horizon, 0) for s in panel.series])
    # Every step is a cutoff: of windows a horizon apart, all might begin on the same day of the week.
    counts = np.where(latest > 0, np.maximum(latest // 4, 1), 0)
    total = int(counts.sum())
    drawn = np.sort(np.random.default_rng(seed).permutation(total)[:_MOST_WINDOWS])
    owners = np.searchsorted(np.cumsum(counts), drawn, side="right")
    used, rows = np.unique(owners, return_inverse=True)
    if not len(used):
        return []
    some = replace(panel, series=tuple(panel.series[i] for i in used))
    some = with_features(some, forecaster.features, a.horizon)
    future = [i for i, c in enumerate(some.of_role("past", "future")) if c.role == "future"]
    found = []
    for number, owner, row in zip(drawn.tolist(), owners.tolist(), rows.tolist(), strict=True):
        series = some.series[row]
        cut = int(latest[owner] - (number - (np.cumsum(counts)[owner] - counts[owner])))
        window = Window(row, 0, cut)
        outcome = ahead(series, window, a.horizon)
        known = not np.isnan(series.covariates[cut : cut + a.horizon, future]).any() if future else True
        if known and not (
            np.isnan(series.values[max(0, cut - a.context_length) : cut]).all() or np.isnan(outcome).all()
        ):
            found.append((history(some, window), outcome))
    return found


def _shuffled(batch: Batch, varying: list[int], static: list[int], random: np.random.Generator) -> Batch:
    order = torch.from_numpy(random.permutation(len(batch.context)))
    covariates, fixed = batch.covariates.clone(), batch.static.clone()
    covariates[..., varying] = batch.covariates[order][..., varying]
    fixed[:, static] = batch.static[order][:, static]
    return replace(batch, covariates=covariates, static=fixed)


def _differ(values: Tensor) -> bool:
    """Whether not all windows [B, ...] have the same values, not known counting as one."""
    same = (values == values[:1]) | (torch.isnan(values) & torch.isnan(values[:1]))
    return not bool(same.all())


def _mean(values: Array) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _label(panel: Panel, series: Series) -> str:
    several = len(panel.columns.targets) > 1
    return f"{series.name} · {series.target}" if series.item_id and several else series.name


def _last(steps: int) -> str:
    return "within the newest step" if steps == 1 else f"within the last {steps:,} steps"
