"""Architecture: all that decides the tensors of a network. It builds none, so a plan needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

#: In place of the number of categories: a number that is always known and acts in a straight line.
PLAIN = -1


@dataclass(frozen=True)
class Architecture:
    """All that decides the network's tensors. context_length, horizon and segment are steps.

    smoothing says whether exponential smoothing is among the anchors, and whether their recent errors count.

    past, future and static have an entry for each covariate: 0 for a number, PLAIN for one that is always known and
    acts in a straight line, else how many categories there are.
    """

    cell: str
    hidden: int
    layers: int
    bidirectional: bool
    dropout: float
    segment: int
    context_length: int
    horizon: int
    season_lengths: tuple[int, ...]
    quantile_levels: tuple[float, ...]
    past: tuple[int, ...] = ()
    future: tuple[int, ...] = ()
    static: tuple[int, ...] = ()
    smoothing: bool = True
