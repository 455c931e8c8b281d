"""Traits: what a simple continuation of a context is, in numbers that mean the same for every season and horizon."""

from __future__ import annotations

from typing import NamedTuple


class Traits(NamedTuple):
    """Which kind of continuation one is, of what, and with which rates. Append-only: networks know them by position.

    rank is 0 for the first season, 1 for the second. cycles is the logarithm of their number to the base of two, and
    depth a quarter of that of the steps that are looked back over. season is the rate of a smoothing, and 1 for changes
    over a season.
    """

    last: float = 0.0
    profile: float = 0.0
    mean: float = 0.0
    line: float = 0.0
    rebased: float = 0.0
    smoothing: float = 0.0
    seasonless: float = 0.0
    rank: float = 0.0
    cycles: float = 0.0
    level: float = 0.0
    trend: float = 0.0
    season: float = 0.0
    autoregression: float = 0.0
    change: float = 0.0
    drift: float = 0.0
    analogue: float = 0.0
    depth: float = 0.0


#: How many of the traits anchors have by themselves.
N_OF_ANCHORS = Traits._fields.index("autoregression")
