"""train_head(): a network of a prior → the same network, of which nothing but the head has learnt from some windows.

What the head is told of a window does not change while the rest stays as it is. It is worked out once, so that hundreds
of steps take a moment.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from forecast.models.losses import pinball
from forecast.models.prior import PriorNetwork, Reading
from forecast.recipe import Recipe
from forecast.training import AVERAGING, STEPS_PER_EPOCH, Clock, Fit, loss_on, schedule
from forecast.windows import Windows

#: A head has few weights, which may move in larger steps than all of a network, and some windows are enough for them.
_LEARNING_RATE, _MOST_WINDOWS, _MOST_JUDGED = 2e-3, 1024, 256
#: Windows that are read at once.
_AT_ONCE = 64


def train_head(
    network: PriorNetwork,
    windows: Windows,
    starts: Tensor,
    recipe: Recipe,
    clock: Clock,
    *,
    share: float = 1.0,
    validation: tuple[Windows, Tensor] | None = None,
) -> Fit:
    """The network with the head that did best on the validation windows, perhaps after no step; else after the last.

    Weights are averaged exponentially, as in `train`, and the learning rate is one for heads; everything else is the
    recipe's. Windows at `starts` [n] are drawn at random where there are many. Of many validation windows some say when
    to stop, and all of them how good the end is. Stops at once, with what was reached, when the clock is up.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    chosen = starts[torch.randperm(len(starts), generator=generator)[:_MOST_WINDOWS].sort().values]
    network = network.to(windows.batch(starts[:1]).context.device)
    averaged = copy.deepcopy(network).eval()
    learning = _read(network, windows, chosen, clock, share)
    judging = None
    if validation is not None:
        every = validation[1]
        few = every[torch.linspace(0, len(every) - 1, min(len(every), _MOST_JUDGED)).long()]
        judging = _read(network, validation[0], few, clock, share)
    if learning is None or (validation is not None and judging is None):
        return Fit(averaged, 0, torch.inf, completed=False)
    reading, target = learning
    optimiser = torch.optim.AdamW(network.head_parameters(), weight_decay=recipe.weight_decay)
    best_loss = torch.inf if judging is None else _judged(averaged, *judging)
    best_step, best, up = 0, copy.deepcopy(averaged.state_dict()), False
    for step in range(1, recipe.max_steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = _LEARNING_RATE * schedule(step, recipe.max_steps)
        rows = torch.randint(len(target), (min(recipe.batch_size, len(target)),), generator=generator)
        loss = _loss(network, Reading(*(part[rows] for part in reading)), target[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.head_parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            for mean, current in zip(averaged.head_parameters(), network.head_parameters(), strict=True):
                mean.lerp_(current, 1 - min(AVERAGING, step / (step + 9)))
        up = clock.is_up(share)
        if judging is None:
            best_step, best = step, averaged.state_dict()
        elif step % STEPS_PER_EPOCH == 0 or step == recipe.max_steps:
            found = _judged(averaged, *judging)
            if found < best_loss:
                best_loss, best_step, best = found, step, copy.deepcopy(averaged.state_dict())
        if up or (judging is not None and step - best_step >= recipe.patience * STEPS_PER_EPOCH):
            break
    averaged.load_state_dict(best)
    return Fit(averaged, best_step, torch.nan if validation is None else loss_on(averaged, *validation), not up)


@torch.no_grad()
def _read(
    network: PriorNetwork, windows: Windows, starts: Tensor, clock: Clock, share: float
) -> tuple[Reading, Tensor] | None:
    """What the head is told of the windows at `starts`, and their targets [n, H]; None when the clock was up before."""
    readings, targets = [], []
    for chunk in starts.split(_AT_ONCE):
        if clock.is_up(share):
            return None
        batch = windows.batch(chunk)
        readings.append(network.read(batch.context, batch.spread, batch.covariates))
        targets.append(batch.target)
    return Reading(*(torch.cat(parts) for parts in zip(*readings, strict=True))), torch.cat(targets)


@torch.no_grad()
def _judged(network: PriorNetwork, reading: Reading, target: Tensor) -> float:
    return _loss(network, reading, target).item()


def _loss(network: PriorNetwork, reading: Reading, target: Tensor) -> Tensor:
    quantiles, unit = network.quantiles(reading)
    return pinball(quantiles, target, network.levels, unit)
