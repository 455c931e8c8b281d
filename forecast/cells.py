"""CELLS: a card for every recurrent cell, saying which class it is, what it does and how large; needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """What is to be known of a cell without building it.

    kind is its module and class in `forecast.models.cells`, idea one line on what its equations do, paper authors and
    year. weights gives the number of weights of one layer in one direction for an input size and a hidden size, with
    one bias vector for each gate (torch's own layers keep some of them twice).
    """

    kind: str
    idea: str
    paper: str
    weights: Callable[[int, int], int]


CELLS: dict[str, Card] = {
    "rnn": Card("fused.Rnn", "tanh of input and state", "Elman 1990", lambda i, h: h * (i + h + 1)),
    "lstm": Card(
        "fused.Lstm",
        "memory that is written, forgotten and read through gates",
        "Gers, Schmidhuber & Cummins 2000",
        lambda i, h: 4 * h * (i + h + 1),
    ),
    "gru": Card(
        "fused.Gru",
        "state mixed with a candidate, reset after the recurrent product",
        "Cho et al. 2014",
        lambda i, h: 3 * h * (i + h + 1) + h,
    ),
}
