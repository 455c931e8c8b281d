"""Covariates inside the network: as inputs of the recurrence, and as what the series answers to at once.

Columns hold numbers, or indices into the categories of a categorical covariate; NaN is not known. `sizes` has one entry
per column: 0 for a number, PLAIN for one that is always known, of a size around 1, and acts in a straight line, as the
waves of a calendar; else how many categories there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from forecast.models.architecture import PLAIN

#: Quantiles of the training rows at which the response to a number may bend.
_KNOTS = (0.2, 0.4, 0.6, 0.8)
#: Standardised numbers are cut off here: a slip of the pen must not carry a forecast away.
_FURTHEST = 6.0
_WIDEST_EMBEDDING = 8
#: Penalties that the response to covariates is tried with, per row of features of size one.
_PENALTIES = torch.tensor([1e-3, 1e-2, 1e-1, 1.0, 10.0], dtype=torch.float64)
#: Consecutive parts of the windows for the choice among them.
_PARTS = 5


class Encoder(nn.Module):
    """Columns [..., C] as network inputs [..., W]: numbers standardised, each with a mask, and categories embedded."""

    center: Tensor
    scale: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.plain = [i for i, size in enumerate(sizes) if size == PLAIN]
        self.numbers = [i for i, size in enumerate(sizes) if size == 0]
        self.categories = [i for i, size in enumerate(sizes) if size > 0]
        # Index 0 stands for what is not known.
        self.embeddings = nn.ModuleList(
            nn.Embedding(size + 1, min(_WIDEST_EMBEDDING, (size + 2) // 2)) for size in sizes if size > 0
        )
        self.width = len(self.plain) + 2 * len(self.numbers) + sum(e.embedding_dim for e in self.embeddings)  # type: ignore[misc]
        if self.numbers:
            self.register_buffer("center", torch.zeros(len(self.numbers)))
            self.register_buffer("scale", torch.ones(len(self.numbers)))

    def forward(self, columns: Tensor) -> Tensor:
        # Zero where a context begins before its series: a missing number would make every gradient one.
        parts = [torch.nan_to_num(_some(columns, self.plain))] if self.plain else []
        if self.numbers:
            numbers = _some(columns, self.numbers)
            parts += [_standardised(numbers, self.center, self.scale), (~torch.isnan(numbers)).float()]
        for embedding, column in zip(self.embeddings, self.categories, strict=True):
            parts.append(embedding(_index(columns[..., column])))
        return torch.cat(parts, -1)

    @torch.no_grad()
    def measure(self, rows: Tensor) -> None:
        """Take centre and scale from rows [N, C] of the training data."""
        if not self.numbers:
            return
        self.center.copy_(_mean(rows[:, self.numbers]))
        self.scale.copy_(_deviation(rows[:, self.numbers]))


class Response(nn.Module):
    """How far a series is moved at a step by what is known of that step: columns [..., C] → [...], in spreads.

    Linear in `features`: each number with hinges at its quantiles, so that heat and cold may both count, and each
    category by itself. With outputs it is what moves the logits of so many states: [..., outputs].
    """

    center: Tensor
    scale: Tensor
    knots: Tensor

    def __init__(self, sizes: Sequence[int], outputs: int = 0) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.plain = [i for i, size in enumerate(sizes) if size == PLAIN]
        self.numbers = [i for i, size in enumerate(sizes) if size == 0]
        if self.numbers:
            self.register_buffer("center", torch.zeros(len(self.numbers)))
            self.register_buffer("scale", torch.ones(len(self.numbers)))
            self.register_buffer("knots", torch.zeros(len(_KNOTS), len(self.numbers)))
        n_features = (1 + len(_KNOTS)) * len(self.numbers) + sum(abs(size) for size in sizes)
        self.weight = nn.Parameter(torch.zeros(n_features, outputs) if outputs else torch.zeros(n_features))

    def forward(self, columns: Tensor) -> Tensor:
        return self.features(columns) @ self.weight

    def features(self, columns: Tensor) -> Tensor:
        """What the response is linear in, [..., D]; zero for what is not known."""
        # Zero where a context begins before its series: a missing number would make every gradient one.
        parts = [torch.nan_to_num(_some(columns, self.plain))] if self.plain else []
        if self.numbers:
            numbers = _some(columns, self.numbers)
            z, known = _standardised(numbers, self.center, self.scale), ~torch.isnan(numbers)
            parts += [z, *(torch.relu(z - knot) * known for knot in self.knots)]
        for column, size in enumerate(self.sizes):
            if size > 0:
                indicators = nn.functional.one_hot(_index(columns[..., column]), size + 1)
                parts.append(indicators[..., 1:].to(columns.dtype))
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    @torch.no_grad()
    def measure(self, rows: Tensor) -> None:
        """Take centre, scale and knots from rows [N, C] of the training data."""
        if not self.numbers:
            return
        numbers = rows[:, self.numbers]
        self.center.copy_(_mean(numbers))
        self.scale.copy_(_deviation(numbers))
        z = _standardised(numbers, self.center, self.scale)
        for i in range(z.shape[1]):
            known = z[~torch.isnan(numbers[:, i]), i]
            # Between two values, as those of yes and no, there is nothing to bend.
            bends = len(known) > 0 and len(known.unique()) > len(_KNOTS)
            levels = torch.quantile(known, torch.tensor(_KNOTS)) if bends else torch.full((len(_KNOTS),), 2 * _FURTHEST)
            self.knots[:, i] = levels


class Ahead(nn.Module):
    """What each step's future covariates add, given what the recurrence made of the past: [B, H, Q], at first 0."""

    def __init__(self, hidden: int, width: int, n_levels: int, dropout: float) -> None:
        super().__init__()
        self.by_state = nn.Linear(hidden, hidden)
        self.by_step = nn.Linear(width, hidden, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, n_levels)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, hidden: Tensor, future: Tensor) -> Tensor:
        steps = torch.relu(self.by_state(hidden)[:, None] + self.by_step(future))
        added: Tensor = self.head(self.dropout(steps))
        return added


def cautious_ridge(features: Tensor, left: Tensor) -> Tensor:
    """Weights [D] of a ridge regression of what is left [B, H], NaN where missing, on features [B, H, D].

    The penalty is the one that does best on consecutive parts of the windows that a fit to the others has not seen
    (Stone 1974); where none does better than nothing, the weights are zero. Sizes count, not squares: the rows that the
    first fit misses most weigh less in a second one (Huber 1964).
    """
    known = ~torch.isnan(left)
    part = (torch.arange(len(left)) * _PARTS // len(left))[:, None].expand_as(left)[known]
    x, y = features[known].double(), left[known].double()
    if len(y) < 2 * _PARTS or part.unique().numel() < _PARTS:
        return torch.zeros(features.shape[-1])
    # Per row and per feature of size one: what the anchors know already leaves features of almost nothing, and dividing
    # by them would blow rounding up.
    penalties = _PENALTIES * len(y)
    losses = torch.zeros(len(penalties) + 1)
    for k in range(_PARTS):
        inside = part != k
        for i, penalty in enumerate(penalties):
            losses[i] += (y[~inside] - x[~inside] @ _robust_ridge(x[inside], y[inside], penalty)).abs().sum()
        losses[-1] += y[~inside].abs().sum()
    best = int(losses.argmin())
    if best == len(penalties):
        return torch.zeros(features.shape[-1])
    return _robust_ridge(x, y, penalties[best]).float()


def _robust_ridge(x: Tensor, y: Tensor, penalty: Tensor) -> Tensor:
    """Ridge weights [D] for rows [N, D] and responses [N], refitted with large residuals weighed down."""
    weights, weight = torch.ones(len(y), dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
    identity = torch.eye(x.shape[1], dtype=x.dtype)
    for _ in range(3):
        weighed = x * weights[:, None]
        weight = torch.linalg.solve(weighed.T @ x + penalty * identity, weighed.T @ y)
        residual = (y - x @ weight).abs()
        weights = (residual.median().clamp_min(1e-9) / residual.clamp_min(1e-9)).clamp_max(1.0)
    return weight


def _some(columns: Tensor, chosen: Sequence[int]) -> Tensor:
    """Some of the columns [..., C]; all of them are not copied."""
    return columns if len(chosen) == columns.shape[-1] else columns[..., list(chosen)]


def _standardised(numbers: Tensor, center: Tensor, scale: Tensor) -> Tensor:
    return torch.nan_to_num((numbers - center) / scale).clamp(-_FURTHEST, _FURTHEST)


def _index(codes: Tensor) -> Tensor:
    return torch.where(torch.isnan(codes), 0, codes + 1).long()


def _mean(numbers: Tensor) -> Tensor:
    return torch.nan_to_num(numbers.double().nanmean(0)).float()


def _deviation(numbers: Tensor) -> Tensor:
    """Standard deviations [C] that can be divided by: 1 for a column that never changes."""
    numbers = numbers.double()
    deviation = (numbers - numbers.nanmean(0)).square().nanmean(0).sqrt()
    return torch.where(deviation > 1e-9 * numbers.abs().nan_to_num().amax(0), deviation, 1.0).float()
