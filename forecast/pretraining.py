"""pretrain(): series that are made up, or those of a panel → a Prior that knows what such series look like.

Errors of a window count relative to how far its values go, so that calm and wild ones teach alike. Weights are averaged
exponentially on the way (Polyak & Juditsky 1992), and the average is what comes back.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from forecast.errors import DataError
from forecast.models.prior import PriorNetwork, prior_context
from forecast.panel import Panel
from forecast.priors.prior import Prior, Shape
from forecast.scaling import fit_scaling
from forecast.synthetic import FAMILIES, draw_windows
from forecast.training import Clock, Epoch, computing
from forecast.windows import Windows

#: The averaged weights forget as fast as 1 / (1 - _AVERAGING) steps.
_AVERAGING = 0.998
_WARM_UP_STEPS, _STEPS_PER_EPOCH = 100, 50
_WEIGHT_DECAY = 1e-4
#: What is added to how far a window goes, in local scales, and the largest loss of one window: no one window decides.
_LEAST_REACH, _LARGEST_LOSS = 0.05, 20.0


@dataclass(frozen=True)
class Curriculum:
    """How a prior is trained. share is that of a panel's windows among the batches, where there is a panel."""

    steps: int
    batch_size: int = 64
    learning_rate: float = 2e-3
    networks: int = 1
    seed: int = 1
    share: float = 0.5


class Lesson(NamedTuple):
    """Windows [N, L + H] for a network of these seasons and this horizon; values are missing where they are NaN."""

    season_lengths: tuple[int, ...]
    horizon: int
    windows: Tensor
    spread: Tensor


#: Draws the next Lesson of so many windows.
Draw = Callable[[np.random.Generator, int], Lesson]


def synthetic(rng: np.random.Generator, n: int) -> Lesson:
    """Windows of one family of synthetic series, each family as often as its weight says."""
    families = list(FAMILIES.values())
    weights = np.array([family.weight for family in families])
    family = families[rng.choice(len(families), p=weights / weights.sum())]
    horizon = int(rng.choice(family.horizons))
    length = prior_context(horizon, family.season_lengths)
    drawn = draw_windows(rng, family.season_lengths, length, horizon, n, short=family.short, growing=family.growing)
    return Lesson(family.season_lengths, horizon, torch.from_numpy(drawn.astype(np.float32)), torch.ones(n))


def of_panel(panel: Panel, scaling: str, season_lengths: tuple[int, ...], horizon: int) -> Draw:
    """Draws windows from anywhere in a panel; raises DataError where it holds none with something to see."""
    values = [fit_scaling(s.values, scaling).transform(s.values) for s in panel.series]
    windows = Windows(values, prior_context(horizon, season_lengths), horizon, "cpu")
    starts = windows.training_starts(max(2 * season_lengths[0], 8))
    if not len(starts):
        raise DataError(f"no series of the panel is long enough for a horizon of {horizon} steps")

    def draw(rng: np.random.Generator, n: int) -> Lesson:
        batch = windows.batch(starts[torch.from_numpy(rng.integers(len(starts), size=n))])
        return Lesson(season_lengths, horizon, torch.cat([batch.context, batch.target], 1), batch.spread)

    return draw


def pretrain(
    shape: Shape,
    curriculum: Curriculum,
    *,
    own: Draw | None = None,
    device: str = "cpu",
    threads: int = 1,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Prior:
    """A Prior of networks that were trained on synthetic windows, and on those that `own` draws.

    Stops early, with what was reached, when `should_stop` turns true.
    """
    clock = Clock(None, should_stop, on_epoch)
    fits = []
    with computing(threads):
        for member in range(1, curriculum.networks + 1):
            fits.append(_train(shape, curriculum, member, own, device, clock))
            if clock.asked:
                break
    card = {
        "curriculum": asdict(curriculum),
        "steps": [fit.steps for fit in fits],
        "loss": [round(fit.loss, 4) for fit in fits],
        "panel": own is not None,
    }
    weights = tuple({name: tensor.cpu() for name, tensor in fit.network.state_dict().items()} for fit in fits)
    return Prior(shape, weights, card)


class _Fit(NamedTuple):
    network: PriorNetwork
    steps: int
    loss: float


def _train(shape: Shape, plan: Curriculum, member: int, own: Draw | None, device: str, clock: Clock) -> _Fit:
    rng = np.random.default_rng([plan.seed, member])
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), torch.enable_grad():
        torch.manual_seed(plan.seed + member)
        network = PriorNetwork(shape.architecture(1, (1,))).to(device)
        averaged, recent = copy.deepcopy(network).eval(), 0.0
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=_WEIGHT_DECAY)
        begun, step = clock.seconds, 0
        for step in range(1, plan.steps + 1):
            for group in optimiser.param_groups:
                group["lr"] = plan.learning_rate * _schedule(step, plan.steps)
            draw = own if own is not None and rng.random() < plan.share else synthetic
            loss = lesson_loss(network, draw(rng, plan.batch_size), device)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            _average(averaged, network, min(_AVERAGING, step / (step + 9)))
            recent += (loss.item() - recent) / min(step, 500)
            if step % _STEPS_PER_EPOCH == 0 or step == plan.steps:
                left = (clock.seconds - begun) / step * (plan.steps - step)
                clock.report(_epoch(plan, member, step, recent, clock.seconds, left))
            if clock.asked:
                break
    return _Fit(averaged, step, recent)


def lesson_loss(network: PriorNetwork, lesson: Lesson, device: str) -> Tensor:
    """The mean pinball loss of the windows, each relative to how far its own target goes from the last value."""
    network.adopt(lesson.season_lengths, lesson.horizon)
    windows = lesson.windows.to(device)
    context, target = windows[:, : -lesson.horizon], windows[:, -lesson.horizon :]
    quantiles, unit = network(context, lesson.spread.to(device))
    known = ~torch.isnan(target)
    last = _last(context)
    reach = ((target - last).abs().nan_to_num().sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp_min(1)) / unit
    error = (torch.where(known, target, 0.0)[..., None] - quantiles) / (unit * (reach + _LEAST_REACH))[..., None]
    levels = network.levels
    losses = 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    own = (losses * known).sum(1) / known.sum(1).clamp_min(1)
    return own.clamp_max(_LARGEST_LOSS).mean()


def _last(context: Tensor) -> Tensor:
    """The newest observed value of each context [B, 1]."""
    newest = context.shape[1] - 1 - (~torch.isnan(context)).flip(1).int().argmax(1, keepdim=True)
    return context.gather(1, newest)


def _schedule(step: int, steps: int) -> float:
    """The share of the learning rate at a step: a linear warm-up, then a cosine to nearly zero."""
    return min(1.0, step / min(_WARM_UP_STEPS, 1 + steps // 10)) * 0.5 * (1 + math.cos(0.97 * math.pi * step / steps))


@torch.no_grad()
def _average(averaged: PriorNetwork, network: PriorNetwork, decay: float) -> None:
    for mean, current in zip(averaged.parameters(), network.parameters(), strict=True):
        mean.lerp_(current, 1 - decay)


def _epoch(plan: Curriculum, member: int, step: int, loss: float, seconds: float, left: float) -> Epoch:
    return Epoch("pretrain", member, plan.networks, step, plan.steps, loss, None, False, seconds, left)
