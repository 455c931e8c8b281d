"""CELLS: a card for every recurrent cell, saying which class it is, what it does and how large; needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """What is to be known of a cell without building it.

    kind is its module and class in `forecast.models.cells`, idea one line on what its equations do, paper authors and
    year. weights gives the number of weights of one layer in one direction for an input size and a hidden size, with
    one bias vector for each gate (torch's own layers keep some of them twice). recurs says whether any of them multiply
    the state before.
    """

    kind: str
    idea: str
    paper: str
    weights: Callable[[int, int], int]
    recurs: bool = True


def _weights(parts: int, *, vectors: int = 0, matrices: int = 0) -> Callable[[int, int], int]:
    """The formula of so many gates and candidates, with vectors of H and matrices of H × H besides."""
    return lambda i, h: parts * h * (i + h + 1) + vectors * h + matrices * h * h


def n_heads(hidden_size: int) -> int:
    """The heads that the state of an slstm is divided into: four, or as many of them as divide it."""
    return next(n for n in (4, 2, 1) if hidden_size % n == 0)


_GREFF = "Greff et al. 2016"

CELLS: dict[str, Card] = {
    "rnn": Card("fused.Rnn", "tanh of input and state", "Elman 1990", _weights(1)),
    "rnn-relu": Card("fused.RnnRelu", "input and state, cut off below zero", "Le, Jaitly & Hinton 2015", _weights(1)),
    "irnn": Card("fused.Irnn", "rnn-relu that starts as a sum of its inputs", "Le, Jaitly & Hinton 2015", _weights(1)),
    "indrnn": Card(
        "units.Indrnn", "units that see only their own past", "Li et al. 2018", _weights(1, vectors=1, matrices=-1)
    ),
    "lstm1997": Card(
        "lstms.Lstm1997", "memory written and read, never forgotten", "Hochreiter & Schmidhuber 1997", _weights(3)
    ),
    "lstm": Card("fused.Lstm", "memory written, forgotten and read", "Gers, Schmidhuber & Cummins 2000", _weights(4)),
    "peephole": Card(
        "lstms.Peephole", "lstm whose gates see the memory", "Gers & Schmidhuber 2000", _weights(4, vectors=3)
    ),
    "nig": Card("lstms.Nig", "peephole without input gate", _GREFF, _weights(3, vectors=2)),
    "nfg": Card("lstms.Nfg", "peephole without forget gate", _GREFF, _weights(3, vectors=2)),
    "nog": Card("lstms.Nog", "peephole without output gate", _GREFF, _weights(3, vectors=2)),
    "niaf": Card("lstms.Niaf", "peephole without tanh of the candidate", _GREFF, _weights(4, vectors=3)),
    "noaf": Card("lstms.Noaf", "peephole without tanh of the memory", _GREFF, _weights(4, vectors=3)),
    "cifg": Card("lstms.Cifg", "peephole that forgets as much as it writes", _GREFF, _weights(3, vectors=2)),
    "np": Card("fused.Lstm", "peephole without peepholes, the same as lstm", _GREFF, _weights(4)),
    "fgr": Card("lstms.Fgr", "peephole whose gates see the gates before", _GREFF, _weights(4, vectors=3, matrices=9)),
    "slstm": Card(
        "lstms.Slstm",
        "exponential gates, normalised memory, a state in four heads",
        "Beck et al. 2024",
        lambda i, h: 4 * h * (i + h // n_heads(h) + 1),
    ),
    "gru": Card(
        "fused.Gru", "state mixed with a candidate, reset after the product", "Cho et al. 2014", _weights(3, vectors=1)
    ),
    "gru2014": Card("units.Gru2014", "gru with the reset before the product", "Cho et al. 2014", _weights(3)),
    "mgu": Card("units.Mgu", "gru with one gate for reset and update", "Zhou et al. 2016", _weights(2)),
    "ugrnn": Card("units.Ugrnn", "gru without reset", "Collins, Sohl-Dickstein & Sussillo 2017", _weights(2)),
    "janet": Card("units.Janet", "lstm with just the forget gate", "van der Westhuizen & Lasenby 2018", _weights(2)),
    "lem": Card("units.Lem", "two states, each moving by steps of learnt size", "Rusch et al. 2022", _weights(4)),
    "minlstm": Card(
        "scans.Minlstm",
        "gates without state, all steps in parallel",
        "Feng et al. 2024",
        _weights(3, matrices=-3),
        recurs=False,
    ),
    "mingru": Card(
        "scans.Mingru",
        "one gate without state, all steps in parallel",
        "Feng et al. 2024",
        _weights(2, matrices=-2),
        recurs=False,
    ),
}
