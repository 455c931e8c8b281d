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
from forecast.training import AVERAGING, STEPS_PER_EPOCH, Fit, schedule
from forecast.windows import Windows

#: A head has few weights, which may move in larger steps than all of a network, and some windows are enough for them.
_LEARNING_RATE, _MOST_WINDOWS = 2e-3, 1024
#: Windows that are read at once.
_AT_ONCE = 64


def train_head(
    network: PriorNetwork,
    windows: Windows,
    starts: Tensor,
    recipe: Recipe,
    validation: tuple[Windows, Tensor] | None,
) -> Fit:
    """The network with the head that did best on the validation windows, perhaps after no step; else after the last.

    Weights are averaged exponentially, as in `train`, and the learning rate is one for heads; everything else is the
    recipe's. Windows at `starts` [n] are drawn at random where there are many.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    chosen = starts[torch.randperm(len(starts), generator=generator)[:_MOST_WINDOWS].sort().values]
    network = network.to(windows.batch(starts[:1]).context.device)
    reading, target = _read(network, windows, chosen)
    judged = None if validation is None else _read(network, *validation)
    averaged = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.head_parameters(), weight_decay=recipe.weight_decay)
    best_loss = torch.inf if judged is None else _loss(averaged, *judged).item()
    best_step, best = 0, copy.deepcopy(averaged.state_dict())
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
        if judged is None:
            best_step, best = step, averaged.state_dict()
        elif step % STEPS_PER_EPOCH == 0 or step == recipe.max_steps:
            found = _loss(averaged, *judged).item()
            if found < best_loss:
                best_loss, best_step, best = found, step, copy.deepcopy(averaged.state_dict())
            if step - best_step >= recipe.patience * STEPS_PER_EPOCH:
                break
    averaged.load_state_dict(best)
    return Fit(averaged, best_step, best_loss if judged is not None else torch.nan, completed=True)


@torch.no_grad()
def _read(network: PriorNetwork, windows: Windows, starts: Tensor) -> tuple[Reading, Tensor]:
    """What the head is told of the windows at `starts`, and their targets [n, H]."""
    readings, targets = [], []
    for chunk in starts.split(_AT_ONCE):
        batch = windows.batch(chunk)
        readings.append(network.read(batch.context, batch.spread, batch.covariates))
        targets.append(batch.target)
    return Reading(*(torch.cat(parts) for parts in zip(*readings, strict=True))), torch.cat(targets)


def _loss(network: PriorNetwork, reading: Reading, target: Tensor) -> Tensor:
    quantiles, unit = network.quantiles(reading)
    return pinball(quantiles, target, network.levels, unit)
