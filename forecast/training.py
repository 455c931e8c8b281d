"""train(): the visible loop — warm-up and cosine, clipping, averaged weights, early stopping, seed and time limit."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from forecast.errors import ConfigError, OutputError
from forecast.models.architecture import Architecture
from forecast.models.losses import pinball
from forecast.models.recurrent import RecurrentNetwork
from forecast.recipe import Recipe
from forecast.windows import Batch, Windows

#: Optimiser steps between two looks at the validation windows.
STEPS_PER_EPOCH = 10
#: The averaged weights forget as fast as 1 / (1 - _AVERAGING) steps.
_AVERAGING = 0.98
_WARM_UP_STEPS = 20
#: The gate between anchors, its trust in their recent errors and the response to covariates have few weights that each
#: do much; they learn this much faster than the rest.
_FAST_RATE = 5.0
_FAST = ("gate", "trust", "response.weight", "state_anchors.gate", "state_anchors.sharpness")


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

    network: RecurrentNetwork
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
) -> Fit:
    """A network trained on the windows at `starts` [n], stopped early when validation windows are given.

    The weights that come back are exponential averages (Polyak & Juditsky 1992): those of the best epoch on the
    validation windows, or the last ones without. Stops at once, with what was reached, when the clock is up.
    """
    device = windows.batch(starts[:1]).context.device
    with _seeded(recipe.seed), torch.enable_grad():
        network = _fresh_network(architecture, windows, starts).to(device)
        averaged = copy.deepcopy(network).eval()
        for layer in averaged.modules():
            if isinstance(layer, nn.RNNBase):
                layer.flatten_parameters()
        optimiser = torch.optim.AdamW(_parameter_groups(network, recipe), weight_decay=recipe.weight_decay)
        batch_size = min(recipe.batch_size, len(starts))
        # Counted before the first step: where even one step makes things worse, the start is what is kept.
        best_loss = math.inf if validation is None else head_loss_on(averaged, *validation)
        best_loss = best_loss if math.isfinite(best_loss) else math.inf
        best_step, best_weights = 0, copy.deepcopy(averaged.state_dict())
        began, up = time.monotonic(), False
        for step in range(1, recipe.max_steps + 1):
            for group in optimiser.param_groups:
                group["lr"] = group["base_lr"] * _schedule(step, recipe.max_steps)
            batch = windows.batch(starts[torch.randint(len(starts), (batch_size,))])
            known = batch.context, batch.spread, batch.covariates, batch.static
            error = network.loss(*known, batch.target, recipe.forcing(step))
            optimiser.zero_grad(set_to_none=True)
            error.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            _average(averaged, network, min(_AVERAGING, step / (step + 9)))
            up = clock.is_up(share)
            if step % STEPS_PER_EPOCH and step != recipe.max_steps and not up:
                continue
            validation_loss = None if validation is None else head_loss_on(averaged, *validation)
            improved = validation_loss is not None and validation_loss < best_loss
            if validation_loss is None or improved:
                best_loss = best_loss if validation_loss is None else validation_loss
                best_step, best_weights = step, copy.deepcopy(averaged.state_dict())
            took = time.monotonic() - began
            clock.report(
                Epoch(
                    stage="refit" if validation is None else "select",
                    member=member,
                    members=members,
                    step=step,
                    steps=recipe.max_steps,
                    loss=error.item(),
                    validation=validation_loss,
                    best=improved,
                    seconds=clock.seconds,
                    seconds_left=took / step * (recipe.max_steps - step),
                )
            )
            if up or (validation is not None and step - best_step >= recipe.patience * STEPS_PER_EPOCH):
                break
    averaged.load_state_dict(best_weights)
    if validation is None:
        return Fit(averaged, best_step, math.nan, not up)
    comparable = best_loss if architecture.head == "quantiles" else loss_on(averaged, *validation)
    return Fit(averaged, best_step, comparable, not up)


def fresh_network(architecture: Architecture, windows: Windows, starts: Tensor, seed: int) -> RecurrentNetwork:
    """A network as training begins with it: random weights, but gate, response and widths set from some windows."""
    with _seeded(seed):
        return _fresh_network(architecture, windows, starts)


def _fresh_network(architecture: Architecture, windows: Windows, starts: Tensor) -> RecurrentNetwork:
    """A network with weights drawn from the current seed, its gate and widths set from a sample of the windows."""
    network = RecurrentNetwork(architecture).float()
    network.measure(*windows.covariate_rows())
    sample = windows.batch(starts[torch.linspace(0, len(starts) - 1, min(len(starts), 512)).long()])
    network.start_at_anchors(sample.context.cpu(), sample.target.cpu(), sample.spread.cpu(), sample.covariates.cpu())
    return network.train()


@torch.no_grad()
def loss_on(network: RecurrentNetwork, windows: Windows, starts: Tensor, batch_size: int = 1024) -> float:
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
def head_loss_on(network: RecurrentNetwork, windows: Windows, starts: Tensor, batch_size: int = 1024) -> float:
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


def _parameter_groups(network: RecurrentNetwork, recipe: Recipe) -> list[dict[str, object]]:
    fast = {name: p for name, p in network.named_parameters() if name in _FAST}
    rest = [p for name, p in network.named_parameters() if name not in fast]
    return [
        {"params": rest, "base_lr": recipe.learning_rate},
        {"params": list(fast.values()), "base_lr": _FAST_RATE * recipe.learning_rate},
    ]


def _schedule(step: int, max_steps: int) -> float:
    """The share of the learning rate at a step: a short linear warm-up, then a cosine that ends near zero."""
    warm_up = min(1.0, step / min(_WARM_UP_STEPS, max_steps))
    return warm_up * 0.5 * (1 + math.cos(0.9 * math.pi * step / max_steps))


@torch.no_grad()
def _average(averaged: RecurrentNetwork, network: RecurrentNetwork, decay: float) -> None:
    for mean, current in zip(averaged.parameters(), network.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)
