"""Recipe: how one network is trained, every setting decided."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The settings of one training run, all decided. patience counts looks at the validation windows."""

    learning_rate: float
    weight_decay: float
    batch_size: int
    max_steps: int
    patience: int
    seed: int
