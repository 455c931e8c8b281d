"""Candidates: the simple continuations of a context that a prior chooses between, and what each of them is.

Beside the anchors, on which networks that are trained from nothing stand as well: lines that go on at their whole
slope, where anchors have half of it; autoregressions; and analogues.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from forecast.models.analogues import analogue_names, analogue_traits, analogues
from forecast.models.anchors import HALF_THE_SLOPE, anchor_names, anchor_traits, anchors
from forecast.models.autoregression import autoregressed, autoregression_names, autoregression_traits
from forecast.models.traits import N_OF_ANCHORS, Traits

#: Designs of the network of a prior: the first one chose between anchors alone.
FIRST, NEWEST = 1, 2


def n_traits(design: int) -> int:
    """How many traits the networks of a design know."""
    return N_OF_ANCHORS if design == FIRST else len(Traits._fields)


def candidates(
    context: Tensor, available: Tensor, season_lengths: tuple[int, ...], horizon: int, design: int = NEWEST
) -> Tensor:
    """The continuations [B, K, H] of contexts [B, L] without missing values, the newest value last.

    available [B] is how many of the L steps lie after the first observed one.
    """
    found = anchors(context, available, season_lengths, horizon)
    if design == FIRST:
        return found
    # Before its second season a line is the last value, which has no slope; its base may be a season already.
    whole = [
        torch.where((available >= 2 * m)[:, None], 2 * found[:, line] - found[:, base], found[:, line])
        for line, base, m in _lines(context.shape[1], season_lengths)
    ]
    return torch.cat(
        [
            found,
            *(slope[:, None] for slope in whole),
            autoregressed(context, available, season_lengths, horizon),
            analogues(context, available, season_lengths[0], horizon),
        ],
        1,
    )


def candidate_names(context_length: int, season_lengths: tuple[int, ...], design: int = NEWEST) -> tuple[str, ...]:
    """What each of the `candidates` of a context is, in words and in order."""
    plain = anchor_names(context_length, season_lengths)
    if design == FIRST:
        return plain
    lines = [plain[line] for line, _, _ in _lines(context_length, season_lengths)]
    return (
        *plain,
        *(name.replace(HALF_THE_SLOPE, "the whole slope") for name in lines),
        *autoregression_names(context_length, season_lengths),
        *analogue_names(context_length, season_lengths[0]),
    )


@lru_cache(maxsize=64)
def candidate_traits(context_length: int, season_lengths: tuple[int, ...], design: int = NEWEST) -> Tensor:
    """The traits [K, T] of each of the `candidates` of a context, in order."""
    plain = anchor_traits(context_length, season_lengths)
    if design == FIRST:
        return plain[:, :N_OF_ANCHORS]
    lines = _lines(context_length, season_lengths)
    whole = [Traits(*plain[line].tolist())._replace(drift=1.0) for line, _, _ in lines]
    fitted = autoregression_traits(context_length, season_lengths)
    return torch.cat([plain, torch.tensor([*whole, *fitted, *analogue_traits(context_length, season_lengths[0])])])


@lru_cache(maxsize=64)
def _lines(context_length: int, season_lengths: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Where each line is among the anchors, where its base, which is it without its slope, and the steps of its season.

    The base is the profile of as many seasons, or the last value where there is none.
    """
    every = [Traits(*row) for row in anchor_traits(context_length, season_lengths).tolist()]
    bases = {own: i for i, own in enumerate(every) if own.profile}
    return tuple(
        (i, 0 if own.seasonless else bases[own._replace(line=0.0, profile=1.0)], season_lengths[int(own.rank)])
        for i, own in enumerate(every)
        if own.line
    )
