"""Recipe: how one network is trained, every setting decided."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The settings of one training run, all decided.

    patience counts looks at the validation windows. teacher_forcing is how often a recursive decoder is told the truth:
    "always", "never", or "scheduled", which begins with always and ends with never.
    """

    learning_rate: float
    weight_decay: float
    batch_size: int
    max_steps: int
    patience: int
    seed: int
    teacher_forcing: str = "scheduled"

    def forcing(self, step: int) -> float:
        """The probability at a step, counted from 1, that the truth is told (a line down: Bengio et al. 2015)."""
        if self.teacher_forcing == "scheduled":
            return 1 - (step - 1) / self.max_steps
        return float(self.teacher_forcing == "always")
