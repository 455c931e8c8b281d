"""Architecture: all that decides the tensors of a network. It builds none, so a plan needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

#: In place of the number of categories: a number that is always known and acts in a straight line.
PLAIN = -1


@dataclass(frozen=True)
class Architecture:
    """All that decides the network's tensors. context_length, horizon and segment are steps.

    anchors says whether there are others but the last value, and a linear map of the context beside the recurrence.
    smoothing says whether exponential smoothing is among the anchors, and whether their recent errors count. The
    options of the recurrence are told in stack.py, decoder in decoders.py and head in heads.py; context_loss is how
    much the loss at every step of the context counts. states is how many states there are, 0 where values are numbers.
    prior is 0, or the design of a network of a prior, which only knows its cell, hidden, layers, lengths, covariates.

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
    anchors: bool = True
    smoothing: bool = True
    variational: bool = False
    recurrent_dropout: float = 0.0
    layer_norm: bool = False
    residual: bool = False
    initial_state: str = "zero"
    forget_bias: float = 1.0
    truncation: int = 0
    decoder: str = "direct"
    head: str = "quantiles"
    context_loss: float = 0.0
    states: int = 0
    prior: int = 0

    @property
    def counts(self) -> bool:
        """Whether the values are counts, which the network has to see on their own zero and unscaled."""
        return self.head == "negative-binomial"

    @property
    def on_zero(self) -> bool:
        """Whether the network has to see the values as they are, and not less the level of their series."""
        return self.counts or self.states > 0
