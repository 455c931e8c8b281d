"""train(): the visible loop — warm-up and cosine, clipping, averaged weights, early stopping, seed and time limit."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecast.errors import CheckpointError, ConfigError, OutputError
from forecast.models.architecture import Architecture
from forecast.models.losses import pinball
from forecast.models.prior import PriorNetwork
from forecast.models.recurrent import RecurrentNetwork
from forecast.recipe import Recipe
from forecast.snapshots import Snapshots, State
from forecast.windows import Batch, Windows

#: Weights of a network by name, as `state_dict` has them.
Weights = Mapping[str, Tensor]

#: Optimiser steps between two looks at the validation windows.
STEPS_PER_EPOCH = 10
#: The averaged weights forget as fast as 1 / (1 - AVERAGING) steps.
AVERAGING = 0.98
_WARM_UP_STEPS = 20
#: The gate between anchors, its trust in their recent errors and the response to covariates have few weights that each
#: do much; they learn this much faster than the rest.
_FAST_RATE = 5.0
_FAST = ("gate", "trust", "response.weight", "state_anchors.gate", "state_anchors.sharpness")


Network = RecurrentNetwork | PriorNetwork


@dataclass(frozen=True)
class Epoch:
    """What the loop reports every few steps. loss is that of the last batch, validation None in a refit."""

    stage: str
    member: int
    members: int
    step: int
    steps: int
    loss: float
    validation: float | None
    best: bool
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class Fit:
    """A trained network, after how many steps its weights were the best, and the validation loss then (NaN without).

    That loss is the pinball loss of the quantiles, whatever the network was trained with; the cross-entropy of states.

    completed says that training ended by itself, not because the clock was up.
    """

    network: Any
    steps: int
    validation: float
    completed: bool


class Clock:
    """When to leave off: at a deadline or when asked. Also where progress goes."""

    def __init__(
        self,
        time_limit: float | None,
        should_stop: Callable[[], bool] | None,
        on_epoch: Callable[[Epoch], None] | None,
    ) -> None:
        self.begun = time.monotonic()
        self.time_limit = time_limit
        self._should_stop, self._on_epoch = should_stop, on_epoch

    @property
    def seconds(self) -> float:
        """Seconds since the clock was made."""
        return time.monotonic() - self.begun

    @property
    def asked(self) -> bool:
        """Whether somebody asked to stop."""
        return self._should_stop is not None and self._should_stop()

    def is_up(self, share: float) -> bool:
        """Whether to stop now, when this part of the work may use the time limit up to `share` of it."""
        return self.left(share) <= 0

    def left(self, share: float) -> float:
        """Seconds until this part of the work has to stop: infinite without a time limit, none when asked to."""
        if self.asked:
            return 0.0
        return math.inf if self.time_limit is None else share * self.time_limit - self.seconds

    def report(self, epoch: Epoch) -> None:
        """Hand an epoch to whoever listens."""
        if self._on_epoch is not None:
            self._on_epoch(epoch)


def train(
    architecture: Architecture,
    windows: Windows,
    starts: Tensor,
    recipe: Recipe,
    clock: Clock,
    *,
    validation: tuple[Windows, Tensor] | None = None,
    member: int = 1,
    members: int = 1,
    share: float = 1.0,
    start: Weights | None = None,
    snapshots: Snapshots | None = None,
    key: str = "",
) -> Fit:
    """A network trained on the windows at `starts` [n], stopped early when validation windows are given.

    The weights that come back are exponential averages (Polyak & Juditsky 1992): those of the best epoch on the
    validation windows, or the last ones without. Stops at once, with what was reached, when the clock is up. It begins
    from the weights in `start`, or from fresh ones. What the snapshots hold under `key` is not done again: training
    goes on from there to the same weights, to the last bit where one thread of a CPU computes.
    """
    device = windows.batch(starts[:1]).context.device
    state = None if snapshots is None else snapshots.state(key)
    with _seeded(recipe.seed), torch.enable_grad():
        if state is not None and state.done:
            return _finished(state, _built(architecture).to(device))
        network = _beginning(architecture, windows, starts)
        if start is not None:
            network.load_state_dict(dict(start))
        network = network.to(device)
        averaged = copy.deepcopy(network).eval()
        for layer in averaged.modules():
            if isinstance(layer, nn.RNNBase):
                layer.flatten_parameters()
        optimiser = torch.optim.AdamW(_parameter_groups(network, recipe), weight_decay=recipe.weight_decay)
        batch_size = min(recipe.batch_size, len(starts))
        reached = _Reached(network, averaged, optimiser)
        if state is None:
            # Counted before the first step: where even one step makes things worse, the start is what is kept.
            best_loss = math.inf if validation is None else head_loss_on(averaged, *validation)
            reached.best_loss = best_loss if math.isfinite(best_loss) else math.inf
        else:
            reached.restore(state)
        done_before, began, up = reached.step, time.monotonic(), False
        for step in range(max(1, done_before), recipe.max_steps + 1):
            if step > done_before:
                for group in optimiser.param_groups:
                    group["lr"] = group["base_lr"] * schedule(step, recipe.max_steps)
                batch = windows.batch(starts[torch.randint(len(starts), (batch_size,))])
                known = batch.context, batch.spread, batch.covariates, batch.static
                error = network.loss(*known, batch.target, recipe.forcing(step))
                optimiser.zero_grad(set_to_none=True)
                error.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                _average(averaged, network, min(AVERAGING, step / (step + 9)))
                reached.step, reached.loss = step, error.detach()
            up = clock.is_up(share)
            if snapshots is not None and (clock.asked or snapshots.is_due()):
                # Before the look that an early end brings with it: going on from here has to be as if nothing was.
                snapshots.keep(key, reached.state())
                snapshots.write(clock.seconds, last=clock.asked)
            if step % STEPS_PER_EPOCH and step != recipe.max_steps and not up:
                continue
            validation_loss = None if validation is None else head_loss_on(averaged, *validation)
            improved = validation_loss is not None and validation_loss < reached.best_loss
            if validation_loss is None or improved:
                reached.best_loss = reached.best_loss if validation_loss is None else validation_loss
                reached.best_step, reached.best_weights = step, copy.deepcopy(averaged.state_dict())
            took = time.monotonic() - began
            clock.report(
                Epoch(
                    stage="refit" if validation is None else "select",
                    member=member,
                    members=members,
                    step=step,
                    steps=recipe.max_steps,
                    loss=reached.loss.item(),
                    validation=validation_loss,
                    best=improved,
                    seconds=clock.seconds,
                    seconds_left=took / max(1, step - done_before) * (recipe.max_steps - step),
                )
            )
            if up or (validation is not None and step - reached.best_step >= recipe.patience * STEPS_PER_EPOCH):
                break
    averaged.load_state_dict(reached.best_weights)
    if validation is None:
        fit = Fit(averaged, reached.best_step, math.nan, not up)
    else:
        own = architecture.head == "quantiles"
        fit = Fit(averaged, reached.best_step, reached.best_loss if own else loss_on(averaged, *validation), not up)
    # One that was cut short because somebody asked goes on from its last step instead.
    if snapshots is not None and not (up and clock.asked):
        snapshots.keep(key, _end_of(fit))
    return fit


class _Reached:
    """How far one network has come, at the end of a step."""

    def __init__(self, network: Network, averaged: Network, optimiser: torch.optim.AdamW) -> None:
        self._network, self._averaged, self._optimiser = network, averaged, optimiser
        self.step, self.loss = 0, torch.tensor(math.nan)
        self.best_loss, self.best_step = math.inf, 0
        self.best_weights = copy.deepcopy(averaged.state_dict())

    def state(self) -> State:
        """All that the next step depends on: weights, averages, the best ones, moments, and the random numbers."""
        parameters = [p for group in self._optimiser.param_groups for p in group["params"]]
        moments = [self._optimiser.state.get(p, {}) for p in parameters]
        device = parameters[0].device
        facts = {
            "step": self.step,
            "loss": _or_none(self.loss.item()),
            "best_loss": _or_none(self.best_loss),
            "best_step": self.best_step,
            "counts": [int(own["step"]) if own else 0 for own in moments],
            "random": _hex(torch.get_rng_state()),
            "random_there": _hex(torch.cuda.get_rng_state(device)) if device.type == "cuda" else "",
        }
        vectors = {
            "network": _flat(self._network.state_dict().values()),
            "averaged": _flat(self._averaged.state_dict().values()),
            "best": _flat(self.best_weights.values()),
            "first": _flat(own["exp_avg"] for own in moments if own),
            "second": _flat(own["exp_avg_sq"] for own in moments if own),
        }
        return State(done=False, facts=facts, vectors=vectors)

    def restore(self, state: State) -> None:
        """Be where a state was taken. Raises CheckpointError where it is not one of such a network."""
        facts, vectors = state.facts, state.vectors
        try:
            for network, name in ((self._network, "network"), (self._averaged, "averaged")):
                _fill(network.state_dict().values(), vectors[name])
            _fill(self.best_weights.values(), vectors["best"])
            parameters = [p for group in self._optimiser.param_groups for p in group["params"]]
            moved = [(p, n) for p, n in zip(parameters, facts["counts"], strict=True) if n]
            for p, n in moved:
                moments = {"exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
                self._optimiser.state[p] = {"step": torch.tensor(float(n)), **moments}
            for name, vector in (("exp_avg", "first"), ("exp_avg_sq", "second")):
                _fill([self._optimiser.state[p][name] for p, _ in moved], vectors[vector])
            self.step, self.best_step = int(facts["step"]), int(facts["best_step"])
            self.loss = torch.tensor(_or(facts["loss"], math.nan))
            self.best_loss = _or(facts["best_loss"], math.inf)
            torch.set_rng_state(_from_hex(facts["random"]))
            if facts["random_there"]:
                torch.cuda.set_rng_state(_from_hex(facts["random_there"]), parameters[0].device)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError("the state of the training is not one of this network", why=str(error)) from error


def _end_of(fit: Fit) -> State:
    """A Fit as a state that is done."""
    facts = {"steps": fit.steps, "validation": _or_none(fit.validation), "completed": fit.completed}
    return State(done=True, facts=facts, vectors={"network": _flat(fit.network.state_dict().values())})


def _finished(state: State, network: Network) -> Fit:
    """The Fit that a state that is done tells of."""
    try:
        _fill(network.state_dict().values(), state.vectors["network"])
        facts = state.facts
        return Fit(network.eval(), int(facts["steps"]), _or(facts["validation"], math.nan), bool(facts["completed"]))
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError("the state of the training is not one of this network", why=str(error)) from error


def _flat(tensors: Iterable[Tensor]) -> NDArray[np.float32]:
    """All numbers of some tensors in a vector of its own."""
    vector: NDArray[np.float32] = torch.cat([t.detach().float().flatten().cpu() for t in tensors]).numpy()
    return vector


@torch.no_grad()
def _fill(tensors: Iterable[Tensor], vector: NDArray[np.float32]) -> None:
    """Put the numbers of a vector back into tensors. Raises ValueError where it has more or fewer."""
    own = list(tensors)
    if sum(t.numel() for t in own) != len(vector):
        raise ValueError(f"{len(vector)} numbers for {sum(t.numel() for t in own)} places")
    for tensor, part in zip(own, torch.from_numpy(vector).split([t.numel() for t in own]), strict=True):
        tensor.copy_(part.reshape(tensor.shape))


def _or_none(number: float) -> float | None:
    """JSON has no infinity and no NaN."""
    return number if math.isfinite(number) else None


def _or(number: Any, otherwise: float) -> float:
    return otherwise if number is None else float(number)


def _hex(state: Tensor) -> str:
    return state.numpy().tobytes().hex()


def _from_hex(text: str) -> Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)


def fresh_network(architecture: Architecture, windows: Windows, starts: Tensor, seed: int) -> RecurrentNetwork:
    """A network as training begins with it: random weights, but gate, response and widths set from some windows."""
    with _seeded(seed):
        return _fresh_network(architecture, windows, starts)


def _built(architecture: Architecture) -> Network:
    """A network with weights drawn from the current seed."""
    return PriorNetwork(architecture).float() if architecture.prior else RecurrentNetwork(architecture).float()


def _beginning(architecture: Architecture, windows: Windows, starts: Tensor) -> Network:
    """What training begins with; the weights of a prior are none that windows could set."""
    return _built(architecture).train() if architecture.prior else _fresh_network(architecture, windows, starts)


def _fresh_network(architecture: Architecture, windows: Windows, starts: Tensor) -> RecurrentNetwork:
    """A network with weights drawn from the current seed, its gate and widths set from a sample of the windows."""
    network = RecurrentNetwork(architecture).float()
    network.measure(*windows.covariate_rows())
    sample = windows.batch(starts[torch.linspace(0, len(starts) - 1, min(len(starts), 512)).long()])
    network.start_at_anchors(sample.context.cpu(), sample.target.cpu(), sample.spread.cpu(), sample.covariates.cpu())
    return network.train()


@torch.no_grad()
def loss_on(network: Network, windows: Windows, starts: Tensor, batch_size: int = 1024) -> float:
    """The mean pinball loss of a network in evaluation mode over the windows at `starts`, in local scales.

    Of a network of states it is the cross-entropy.
    """
    if network.architecture.states:
        return head_loss_on(network, windows, starts, batch_size)

    def loss(batch: Batch) -> float:
        quantiles, scale = network(batch.context, batch.spread, batch.covariates, batch.static)
        return pinball(quantiles, batch.target, network.levels, scale).item()

    return _mean_over(windows, starts, batch_size, loss)


@torch.no_grad()
def head_loss_on(network: Network, windows: Windows, starts: Tensor, batch_size: int = 1024) -> float:
    """The mean loss of a network's own head in evaluation mode over the windows at `starts`: it decides when to stop.

    Quantiles of counts take long to find; likelihoods need none.
    """

    def loss(batch: Batch) -> float:
        return network.judge(batch.context, batch.spread, batch.covariates, batch.static, batch.target)

    return _mean_over(windows, starts, batch_size, loss)


def _mean_over(windows: Windows, starts: Tensor, batch_size: int, loss: Callable[[Batch], float]) -> float:
    total = 0.0
    for chunk in starts.split(batch_size):
        total += loss(windows.batch(chunk)) * len(chunk)
    return total / len(starts)


def pick_device(name: str) -> str:
    """The device that `auto` stands for here: the first CUDA GPU, Apple's GPU, or the CPU.

    Raises ConfigError when a device is named that this machine does not have.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if present[device])
    if not present[name]:
        raise ConfigError(f"device {name} was asked for, but torch finds none here", hint="--device cpu")
    return name


def load_optimiser() -> None:
    """Load what torch loads for the first optimiser of a process, so that no training is charged with these seconds."""
    torch.optim.AdamW([nn.Parameter(torch.zeros(1))])


@contextmanager
def computing(threads: int) -> Iterator[None]:
    """Run with this many torch threads, or as many as there are processors, and put the number back afterwards.

    In between, numbers too small for full precision count as zero: they would take a hundred times as long.
    Running out of memory in between is an OutputError.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(min(threads, os.cpu_count() or 1))
    torch.set_flush_denormal(True)
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # On a CPU torch raises a plain RuntimeError, with these words.
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "allocate memory" not in str(error):
            raise
        raise OutputError("out of memory", hint="--batch-size 64, or a smaller --hidden or --context-length") from error
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    # manual_seed reaches every GPU there is, so every one is put back.
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _parameter_groups(network: Network, recipe: Recipe) -> list[dict[str, object]]:
    fast = {name: p for name, p in network.named_parameters() if name in _FAST}
    rest = [p for name, p in network.named_parameters() if name not in fast]
    return [
        {"params": rest, "base_lr": recipe.learning_rate},
        {"params": list(fast.values()), "base_lr": _FAST_RATE * recipe.learning_rate},
    ]


def schedule(step: int, max_steps: int) -> float:
    """The share of the learning rate at a step: a short linear warm-up, then a cosine that ends near zero."""
    warm_up = min(1.0, step / min(_WARM_UP_STEPS, max_steps))
    return warm_up * 0.5 * (1 + math.cos(0.9 * math.pi * step / max_steps))


@torch.no_grad()
def _average(averaged: Network, network: Network, decay: float) -> None:
    for mean, current in zip(averaged.parameters(), network.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)
