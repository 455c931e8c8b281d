"""effort(): how much a preset trains on how much data. A rule of three sizes of data, and the numbers for each."""

from __future__ import annotations

from dataclasses import dataclass

#: Fewer rows over-fit within seconds.
_FEW_ROWS = 400
#: From so many series on, there is more to learn than one alone can show.
_MANY_SERIES = 10


@dataclass(frozen=True)
class Effort:
    """How many networks, the most steps of each, how many looks without progress end it; why is a clause for people."""

    members: int
    max_steps: int
    patience: int
    learning_rate: float
    why: str


#: Members, patience and learning rate of each preset, and the most steps for few rows, for more, and for many series.
#: Few steps have to be larger ones. The best one has more networks and nothing else: where its networks use all
#: their steps, twice the steps and patience took half as long again for 2 % less error.
EFFORTS: dict[str, tuple[int, int, float, tuple[int, int, int]]] = {
    "fast": (1, 4, 4e-3, (80, 200, 300)),
    "balanced": (3, 8, 2e-3, (150, 800, 1200)),
    "best": (10, 8, 2e-3, (150, 800, 1200)),
}


#: The most steps of fine-tuning a prior and the looks without progress that end it.
_TUNING = {"fast": (60, 3), "balanced": (150, 5), "best": (300, 6)}


def tuning_effort(preset: str, n_series: int) -> tuple[int, int]:
    """The most steps of fine-tuning a prior, and how many looks without progress end it."""
    steps, patience = _TUNING[preset]
    return (steps if n_series < _MANY_SERIES else 2 * steps), patience


def effort(preset: str, n_rows: int, n_series: int) -> Effort:
    """What a preset asks of a panel with so many rows in so many series."""
    members, patience, learning_rate, most = EFFORTS[preset]
    size = 0 if n_rows < _FEW_ROWS else 1 if n_series < _MANY_SERIES else 2
    whys = (f"{n_rows:,} rows are soon over-fitted", f"{n_rows:,} rows", f"{n_series:,} series have more to teach")
    return Effort(members, most[size], patience, learning_rate, whys[size])
