"""Families: the kinds of series by how often they are measured, with the seasons and horizons they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from forecast.synthetic.gaps import SHORT_SHARE


@dataclass(frozen=True)
class Family:
    """A kind of series: its season lengths in steps, shortest first and (1,) for none, and usual horizons in steps.

    The weight is how often it is drawn beside the others. short is the share of series that began within a context, and
    growing that of series that grow, or fall, from beginning to end.
    """

    name: str
    season_lengths: tuple[int, ...]
    horizons: tuple[int, ...]
    weight: float
    short: float = SHORT_SHARE
    growing: float = 0.0


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("yearly", (1,), (4, 6, 8), 1.0, short=0.95, growing=0.5),
        Family("half-yearly", (2,), (4, 8), 0.1, short=0.9, growing=0.4),
        Family("quarterly", (4,), (4, 8, 12), 1.2, short=0.75, growing=0.25),
        Family("monthly", (12,), (12, 18, 24), 2.0, short=0.6, growing=0.15),
        Family("weekly", (52,), (13, 26), 0.8),
        Family("daily", (7,), (14, 28, 30), 1.5),
        Family("business", (5,), (10, 30), 0.7),
        Family("unseasonal", (1,), (12, 13, 24, 30), 1.5),
        Family("four-hourly", (6,), (12, 42), 0.15),
        Family("hourly", (24,), (24, 48), 0.8),
        Family("hourly-week", (24, 168), (24, 48), 0.8),
        Family("half-hourly", (48,), (48,), 0.4),
        Family("half-hourly-week", (48, 336), (48,), 0.4),
        Family("quarter-hourly", (96,), (48, 96), 0.2),
        Family("quarter-hourly-week", (96, 672), (48, 96), 0.2),
        Family("ten-minutes", (144,), (72, 144), 0.15),
        Family("minutes", (60,), (30, 60), 0.2),
    )
}
