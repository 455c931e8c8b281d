"""RecurrentNetwork: context → segments → stacked recurrence → anchored forecast of a head, [B, L] → [B, H, Q]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecast.models.anchors import anchors, count_anchors, fill_missing
from forecast.models.architecture import PLAIN, Architecture
from forecast.models.covariates import Ahead, Encoder, Response, cautious_ridge
from forecast.models.decoders import RecursiveDecoder, SegmentDecoder
from forecast.models.heads import HEADS, Outlook
from forecast.models.stack import Encoded, Stack
from forecast.models.states import StateAnchors, cross_entropy, fit_response, indicators

#: Strength of the ridge in `start_at_anchors`, per window, in squared logarithms.
_RIDGE = 0.01
#: Windows times features that the anchors are worked out for when the response is fitted, at most.
_MOST_ANCHORED = 16_384
#: As many independent windows as this leave half of a slope that was found in them.
_HALF_WAY_WINDOWS = 10.0


#: The opening of the gate for an anchor that is left out; a softmax makes it an exact zero.
_SHUT = -1e4
#: Anchors that the mixture is made of, at most, and the least weight that one must have.
_MOST_KEPT, _LEAST_WEIGHT = 16, 0.01
#: Windows that the mixture is fitted to, at most, steps of that fit, and their rate.
_GATE_WINDOWS, _GATE_STEPS, _GATE_RATE = 256, 100, 0.05
#: How much of the best error a divergence of one from the start may cost.
_GATE_CAUTION = 0.05
#: Added to recent errors, in local scales: below that one is as good as another.
_SMALL_ERROR = 1e-3
#: How much weight recent errors have before anything says how much they deserve.
_FIRST_TRUST = 0.3


class RecurrentNetwork(nn.Module):
    """A recurrent network over segments of a locally normalised context, with all horizon steps and quantiles at once.

    The location of its head is a gated mix of anchors (see anchors.py), plus a linear map of the context that starts at
    zero, plus what the recurrence adds. What the series answers to at once (see covariates.Response) is taken off the
    context first and put back on every step of the horizon, so that a holiday does not change the level of the days
    after it.

    Where values are states, the recurrence sees an indicator of each, and the head is a softmax whose logits are those
    of a mixture of anchors of the indicators (see states.py), plus what covariates and the recurrence add.
    """

    levels: Tensor
    architecture: Architecture

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.past, self.future, self.static = (Encoder(c) if c else None for c in (a.past, a.future, a.static))
        self.response = Response(a.future, a.states) if a.future else None
        past, future, static = (part.width if part else 0 for part in (self.past, self.future, self.static))
        # What the calendar tells of the past adds nothing to the past itself, and would take most of the time.
        self.n_told = sum(size != PLAIN for size in a.future)
        self.told = Encoder(a.future[: self.n_told]) if self.n_told else None
        self.embed = nn.Linear(
            (1 + (a.states or 1) + past + (self.told.width if self.told else 0)) * a.segment, a.hidden
        )
        self.stack = _stack(a, bidirectional=a.bidirectional, learnt=a.initial_state == "learnt")
        width = a.hidden * (2 if a.bidirectional else 1)
        self.dropout = nn.Dropout(a.dropout)
        self.register_buffer("levels", torch.tensor(a.quantile_levels, dtype=torch.float32), persistent=False)
        if a.states:
            self.state_anchors = StateAnchors(a, width)
            n_outputs = a.states
        else:
            self.distribution = HEADS[a.head](a.quantile_levels)
            n_outputs = self.distribution.n_outputs
        self.hidden_head = nn.Linear(width + 1 + static, a.hidden)
        self.head = nn.Linear(a.hidden, a.horizon * n_outputs) if a.decoder == "direct" else None
        self.decoder = _decoder(a, n_outputs)
        self.each_step = nn.Linear(a.hidden, a.segment) if a.context_loss else None
        if not a.states:
            self._add_anchors(width)
        # Everything but the anchors starts at zero: training begins at their forecast and can only be led away from it.
        for layer in (self.head, self.each_step):
            for weight in layer.parameters() if layer is not None else ():
                nn.init.zeros_(weight)
        self.ahead = Ahead(a.hidden, future, n_outputs, a.dropout) if a.future else None

    def _add_anchors(self, width: int) -> None:
        """What mixes the anchors of numbers, with a state of the recurrence that is so wide."""
        a = self.architecture
        # The first anchor is the last value.
        n_anchors = count_anchors(a.context_length, a.season_lengths, a.smoothing) if a.anchors else 1
        self.skip = nn.Linear(a.context_length, a.horizon, bias=False) if a.anchors else None
        self.gate = nn.Parameter(torch.zeros(n_anchors))
        self.trust = nn.Parameter(torch.zeros(1)) if a.smoothing else None
        self.gate_by_state = nn.Linear(width, n_anchors, bias=False)
        self.log_width = nn.Parameter(torch.zeros(a.horizon))
        self.width_by_change = nn.Parameter(torch.zeros(1 + (a.season_lengths[0] < a.context_length)))
        for layer in (self.skip, self.gate_by_state):
            if layer is not None:
                nn.init.zeros_(layer.weight)

    def forward(
        self, context: Tensor, spread: Tensor, covariates: Tensor | None = None, static: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] in the context's units, and the local scale [B, 1] that errors are measured in.

        context [B, L] with NaN where missing, the newest value last; spread [B], the spread of the whole series, of
        which a thousandth is the least the local scale can be. covariates [B, L + H, C], past columns first, and static
        [B, S] may be left out where the network has none.

        Of states, the context may hold their probabilities [B, L, C] in place of codes, and probabilities [B, H, C] are
        what comes back, with a scale of one.
        """
        if self.architecture.states:
            logits = self._logits(context, covariates, static)
            return logits.softmax(-1), torch.ones_like(logits[:, :1, 0])
        outlook = self._outlook(context, spread, covariates, static)[0]
        return self.distribution.quantiles(outlook), outlook.unit

    def location(
        self, context: Tensor, spread: Tensor, covariates: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """What the head spreads its quantiles around [B, H], the arguments as in `forward`: differentiable always.

        It is the median, but for counts, whose quantiles go in steps.
        """
        outlook = self._outlook(context, spread, covariates, static)[0]
        return outlook.location * outlook.scale + outlook.center

    def loss(
        self,
        context: Tensor,
        spread: Tensor,
        covariates: Tensor | None,
        static: Tensor | None,
        target: Tensor,
        forcing: float = 0.0,
    ) -> Tensor:
        """What training lowers: the head's loss against the target [B, H], NaN where missing.

        The loss at every step of the context joins it where the network has one. `forcing` is how often a recursive
        decoder is told the truth in place of its own forecast.
        """
        if self.architecture.states:
            return cross_entropy(self._logits(context, covariates, static), target)
        outlook, encoded, values, observed = self._outlook(context, spread, covariates, static, target, forcing)
        loss = self.distribution.loss(outlook, target)
        if self.each_step is None:
            return loss
        return loss + self.architecture.context_loss * self._context_loss(encoded.states, values, observed)

    def judge(
        self, context: Tensor, spread: Tensor, covariates: Tensor | None, static: Tensor | None, target: Tensor
    ) -> float:
        """The head's loss alone, of forecasts that are told nothing of the target [B, H]."""
        if self.architecture.states:
            return float(self.loss(context, spread, covariates, static, target).detach())
        outlook = self._outlook(context, spread, covariates, static)[0]
        return float(self.distribution.loss(outlook, target).detach())

    def _outlook(
        self,
        context: Tensor,
        spread: Tensor,
        covariates: Tensor | None,
        static: Tensor | None,
        target: Tensor | None = None,
        forcing: float = 0.0,
    ) -> tuple[Outlook, Encoded, Tensor, Tensor]:
        """What the head is told, what the recurrence made of the context, and that context [B, L] with its mask."""
        a = self.architecture
        length, n_past = a.context_length, len(a.past)
        covariates, static = self._given(context, covariates, static)
        response = self.response(covariates[..., n_past:]) * spread[:, None] if self.response else None
        local = self._localise(context if response is None else context - response[:, :length], spread)
        values = torch.where(local.observed, local.filled, 0.0)
        encoded, hidden, added = self._read([values, local.observed], local.scale.log(), covariates, static)
        options, weights = self._options(local, encoded.last)
        base = (weights[..., None] * options).sum(1)
        base = base if self.skip is None else base + self.skip(values)
        # Errors are measured in the scale of the context as it was: a response could make them small by adding to it.
        center, unit = local.center, local.scale
        if response is not None:
            center, unit = center + response[:, length:], normalise(context, spread)[2]
        if self.head is not None:
            outputs = self.head(self.dropout(hidden)).unflatten(1, (a.horizon, -1)) + added
        elif isinstance(self.decoder, RecursiveDecoder):
            # Data to the decoder: the slope of a missing value by its unit would be NaN, although nobody is told it.
            truth = None if target is None else ((target - center) / local.scale).detach()
            base = base + (added[..., 0] if isinstance(added, Tensor) else 0.0)
            outputs = self.decoder(self.dropout(hidden), encoded.carried, local.filled, base, truth, forcing)
            if isinstance(added, Tensor):
                outputs = torch.cat([outputs[..., :1], outputs[..., 1:] + added[..., 1:]], -1)
        else:
            assert isinstance(self.decoder, SegmentDecoder)
            outputs = self.decoder(self.dropout(hidden), encoded.carried) + added
        width = torch.exp(self.log_width + (local.changes @ self.width_by_change)[:, None])
        outlook = Outlook(base + outputs[..., 0], width, outputs[..., 1:], center, local.scale, unit)
        return outlook, encoded, values, local.observed

    def _logits(self, context: Tensor, covariates: Tensor | None, static: Tensor | None) -> Tensor:
        """The logits [B, H, C] of states after a context of codes [B, L], NaN where missing, or of probabilities."""
        a = self.architecture
        covariates, static = self._given(context, covariates, static)
        seen = indicators(context, a.states)
        observed = ~torch.isnan(seen[:, 0])
        channels = [torch.nan_to_num(seen).transpose(1, 2), observed]
        encoded, hidden, added = self._read(channels, torch.zeros_like(seen[:, 0, :1]), covariates, static)
        logits: Tensor = self.state_anchors(seen, encoded.last)
        if self.response is not None:
            logits = logits + self.response(covariates[:, a.context_length :, len(a.past) :])
        if self.head is not None:
            outputs: Tensor = self.head(self.dropout(hidden)).unflatten(1, (a.horizon, -1))
        else:
            assert isinstance(self.decoder, SegmentDecoder)
            outputs = self.decoder(self.dropout(hidden), encoded.carried)
        return logits + outputs + added

    def _given(self, context: Tensor, covariates: Tensor | None, static: Tensor | None) -> tuple[Tensor, Tensor]:
        """The covariates [B, L + H, C] and static ones [B, S], with no columns where there are none."""
        a, batch = self.architecture, len(context)
        covariates = context.new_empty(batch, a.context_length + a.horizon, 0) if covariates is None else covariates
        return covariates, context.new_empty(batch, 0) if static is None else static

    def _read(
        self, channels: Sequence[Tensor], log_scale: Tensor, covariates: Tensor, static: Tensor
    ) -> tuple[Encoded, Tensor, Tensor | float]:
        """What the recurrence makes of channels [B, L] or [B, L, C], a summary [B, hidden], and what futures add.

        log_scale [B, 1] joins the summary. What is added to outputs [B, H, K] comes from covariates that are known
        ahead, given the summary.
        """
        length, n_past = self.architecture.context_length, len(self.architecture.past)
        past = self.past(covariates[:, :length, :n_past]) if self.past else covariates[:, :length, :0]
        told = covariates[:, :length, n_past : n_past + self.n_told]
        told = self.told(told) if self.told else told
        fixed = self.static(static) if self.static else static
        inputs = _segments([*channels, past, told], self.architecture.segment)
        encoded = self.stack(torch.relu(self.embed(inputs)), whole=self.each_step is not None)
        summary = torch.cat([self.dropout(encoded.last), log_scale, fixed], -1)
        hidden = torch.relu(self.hidden_head(summary))
        if self.future is None or self.ahead is None:
            return encoded, hidden, 0.0
        added: Tensor = self.ahead(hidden, self.future(covariates[:, length:, n_past:]))
        return encoded, hidden, added

    def _context_loss(self, states: Tensor, values: Tensor, observed: Tensor) -> Tensor:
        """The mean absolute error of what the state after each segment of the context says of the next one."""
        assert self.each_step is not None
        segment = self.architecture.segment
        followed = _segments([values], segment)[:, 1:]
        seen = _segments([observed.float()], segment)
        newest = _segments([values], segment)[:, :-1, -1:]
        said: Tensor = newest + self.each_step(states[:, :-1, : self.architecture.hidden])
        error = (said - followed).abs()
        weights = seen[:, 1:] * seen[:, :-1, -1:]
        mean: Tensor = (error * weights).sum() / weights.sum().clamp_min(1)
        return mean

    def anchor_weights(
        self, context: Tensor, spread: Tensor, covariates: Tensor | None = None, static: Tensor | None = None
    ) -> Tensor:
        """The weight [B, K] of each of the anchors in a forecast, the arguments as in `forward`."""
        state = self._outlook(context, spread, covariates, static)[1].last
        response = None
        if self.response is not None and covariates is not None:
            response = self.response(covariates[..., len(self.architecture.past) :]) * spread[:, None]
        local = self._localise(context if response is None else context - response[:, : context.shape[1]], spread)
        weights = context.new_zeros(len(context), len(self.gate))
        weights[:, self._kept()] = self._options(local, state)[1]
        return weights

    def _kept(self) -> list[int]:
        """The anchors that the gate has not shut out."""
        return torch.nonzero(self.gate > _SHUT / 2).flatten().tolist()

    def _options(self, local: _Local, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The kept anchors [B, K, H] of a context and their weights [B, K]."""
        a, kept = self.architecture, self._kept()
        options = anchors(local.filled, local.available, a.season_lengths, a.horizon, kept)
        opening = self.gate[kept]
        if self.trust is not None:
            opening = opening - self.trust * self._recent_errors(local, kept)
        if state is not None:
            opening = opening + state @ self.gate_by_state.weight[kept].T
        return options, torch.softmax(opening, -1)

    def _recent_errors(self, local: _Local, kept: Sequence[int]) -> Tensor:
        """How each kept anchor did a horizon ago, over what has been seen since: logarithms of errors [B, K], centred.

        The past of a context that begins too late for that is its first season again.
        """
        a = self.architecture
        length, m = a.context_length, a.season_lengths[0]
        back = max(1, min(a.horizon, length // 3))
        first = torch.arange(back, device=local.filled.device) - back
        first = (first + -(-back // m) * m).clamp_max(length - 1)
        before = torch.cat([local.filled[:, first], local.filled[:, :-back]], 1)
        found = anchors(before, (local.available - back).clamp_min(1), a.season_lengths, back, kept)
        actual, observed = local.filled[:, None, -back:], local.observed[:, None, -back:]
        errors = ((found - actual).abs() * observed).sum(-1) / observed.sum(-1).clamp_min(1) + _SMALL_ERROR
        return (errors / errors.mean(1, keepdim=True)).log()

    def measure(self, rows: Tensor, static: Tensor) -> None:
        """Take the scales of covariates from rows [N, C] of the training data and static ones [N, S]."""
        n_past = len(self.architecture.past)
        for part, own in (
            (self.past, rows[:, :n_past]),
            (self.told, rows[:, n_past : n_past + self.n_told]),
            (self.future, rows[:, n_past:]),
            (self.response, rows[:, n_past:]),
            (self.static, static),
        ):
            if part is not None:
                part.measure(own)

    @torch.no_grad()
    def start_at_anchors(
        self,
        context: Tensor,
        target: Tensor,
        spread: Tensor,
        covariates: Tensor | None = None,
        sharpness: float = 10.0,
    ) -> None:
        """Set gate, trust and width from windows [B, L], [B, H]: weights that err least, width as they erred.

        The weights begin with those of anchors that erred least alone: with the default sharpness, an anchor whose mean
        absolute error is a tenth above the best has a weight lower by the factor e. How the width follows the recent
        changes of a context is a ridge regression of logarithms.
        With future covariates [B, L + H, C] the response to them is set first, from what the anchors leave unexplained,
        and the gate once more for what is left without it. Of states, the gate is that under which what came is most
        probable, and the response a logistic regression beside it.
        """
        if self.architecture.states:
            offset = self.state_anchors.start(context, target)
            if self.response is not None and covariates is not None:
                ahead = covariates[:, self.architecture.context_length :, len(self.architecture.past) :]
                weight, bias, factor = fit_response(self.response.features(ahead), offset, target)
                self.response.weight.copy_(weight)
                self.state_anchors.bias.copy_(bias)
                self.state_anchors.sharpness.copy_(factor)
            return
        truth, local = self._without_response(context, target, spread, None)
        self._open_gate(local, truth, sharpness)
        if self.response is not None and covariates is not None:
            future = covariates[..., len(self.architecture.past) :]
            left = truth - self._mixed(local)
            # Every feature takes anchors of its own: with many of them, fewer windows have to do.
            some = slice(None, None, -(-len(context) * len(self.response.weight) // _MOST_ANCHORED))
            few = _Local(*(part[some] for part in local))
            features = self._anchored_features(future[some], few) * (spread[some, None] / few.scale)[..., None]
            self.response.weight.copy_(cautious_ridge(features, left[some]))
            truth, local = self._without_response(context, target, spread, future)
            self._open_gate(local, truth, sharpness)
        missed = (self._mixed(local) - truth).abs()
        slopes = _slopes(local.changes, missed.nanmean(1).clamp_min(1e-4).log())
        # Windows overlap: only every H-th is news, and a slope learnt from few of them is mostly chance.
        independent = len(context) / self.architecture.horizon
        self.width_by_change.copy_(slopes * independent / (independent + _HALF_WAY_WINDOWS))
        missed = missed / torch.exp(local.changes @ self.width_by_change)[:, None]
        # The mean absolute deviation of a normal distribution is its standard deviation times sqrt(2 / pi).
        width = missed.nanmean(0) * math.sqrt(math.pi / 2)
        overall = width.nanmean().nan_to_num(1.0)
        self.log_width.copy_(torch.where(torch.isnan(width), overall, width).clamp_min(1e-4).log())

    def _without_response(
        self, context: Tensor, target: Tensor, spread: Tensor, future: Tensor | None
    ) -> tuple[Tensor, _Local]:
        """Truth [B, H] and context of windows in local units, less the response to their future covariates."""
        if self.response is not None and future is not None:
            response = self.response(future) * spread[:, None]
            context, target = context - response[:, : context.shape[1]], target - response[:, context.shape[1] :]
        local = self._localise(context, spread)
        return (target - local.center) / local.scale, local

    def _mixed(self, local: _Local) -> Tensor:
        """What the gate makes of the anchors [B, H] before anything is learnt."""
        options, weights = self._options(local)
        return (weights[..., None] * options).sum(1)

    def _open_gate(self, local: _Local, truth: Tensor, sharpness: float) -> None:
        """Set gate and trust by the errors of anchors and of their mixtures over windows, truth [B, H] NaN if missing.

        The start is the soft choice of those that erred least. From there the mean absolute error of the mixture is
        lowered by gradient descent, held near the start by the Kullback-Leibler divergence.
        """
        a = self.architecture
        options = anchors(local.filled, local.available, a.season_lengths, a.horizon, range(len(self.gate)))
        errors = (options - truth[:, None]).abs().nanmean((0, 2))
        best = errors.min().clamp_min(1e-6)
        kept = torch.topk(errors, min(_MOST_KEPT, len(errors)), largest=False).indices.sort().values
        start = torch.log_softmax(-sharpness * (errors[kept] / best - 1), 0)
        few = slice(None, None, -(-len(truth) // _GATE_WINDOWS))
        recent = torch.zeros(len(truth[few]), len(kept))
        if self.trust is not None:
            recent = self._recent_errors(_Local(*(part[few] for part in local)), kept.tolist())
        gate, trust = _mixture(options[few][:, kept], truth[few], recent, start, best)
        weights = gate.softmax(0)
        open_ = weights >= min(_LEAST_WEIGHT, float(weights.max()))
        self.gate.fill_(_SHUT)
        self.gate[kept[open_]] = gate[open_]
        if self.trust is not None:
            self.trust.copy_(trust)

    def _anchored_features(self, future: Tensor, local: _Local) -> Tensor:
        """What each feature of the response [B, H, D] adds to a forecast from anchors that had it in their context.

        Anchors are linear in the context: taking a response off it takes the anchors of that response off the forecast.
        """
        assert self.response is not None
        a, kept = self.architecture, self._kept()
        weights = self._options(local)[1][..., None]
        columns = []
        for feature in self.response.features(future).unbind(-1):
            context, ahead = feature[:, : a.context_length], feature[:, a.context_length :]
            options = anchors(context, local.available, a.season_lengths, a.horizon, kept)
            columns.append(ahead - (weights * options).sum(1))
        return torch.stack(columns, -1)

    def _localise(self, context: Tensor, spread: Tensor) -> _Local:
        seasons = self.architecture.season_lengths
        observed, center, scale = normalise(context, spread)
        filled = fill_missing(context, seasons)
        # A context without any value is flat: whatever is said of it, it must not be NaN.
        filled = (torch.where(torch.isnan(filled), center, filled) - center) / scale
        available = torch.where(observed.any(1), context.shape[1] - observed.int().argmax(1), 0)
        lags = [lag for lag in (1, seasons[0]) if lag < context.shape[1]]
        changes = [_mean_change(filled, available, lag).clamp_min(1e-3).log() for lag in lags]
        return _Local(observed, center, scale, filled, available, torch.stack(changes, -1))


def _stack(a: Architecture, *, bidirectional: bool, learnt: bool) -> Stack:
    return Stack(
        a.cell,
        a.hidden,
        a.layers,
        bidirectional,
        a.dropout,
        variational=a.variational,
        recurrent_dropout=a.recurrent_dropout,
        layer_norm=a.layer_norm,
        residual=a.residual,
        learnt_state=learnt,
        forget_bias=a.forget_bias,
        truncation=a.truncation,
    )


def _decoder(a: Architecture, n_outputs: int) -> SegmentDecoder | RecursiveDecoder | None:
    if a.decoder == "direct":
        return None
    kind = SegmentDecoder if a.decoder == "segment" else RecursiveDecoder
    return kind(_stack(a, bidirectional=False, learnt=False), a.hidden, a.segment, a.horizon, n_outputs)


class _Local(NamedTuple):
    """A context in its own units: observed and filled [B, L], center and scale [B, 1], available [B], changes [B, C].

    changes are logarithms of the mean absolute change over one step and over one season, in local scales: a calm series
    that has drifted far has a large scale, but small changes.
    """

    observed: Tensor
    center: Tensor
    scale: Tensor
    filled: Tensor
    available: Tensor
    changes: Tensor


def _mixture(options: Tensor, truth: Tensor, recent: Tensor, start: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
    """Gate [K] and trust [1] with which the anchors [B, K, H] come nearest to the truth [B, H], from the start [K]."""
    known, truth = ~torch.isnan(truth), torch.nan_to_num(truth)
    with torch.enable_grad():
        gate, trust = start.clone().requires_grad_(), torch.full((1,), _FIRST_TRUST, requires_grad=True)
        optimiser = torch.optim.Adam([gate, trust], lr=_GATE_RATE)
        for _ in range(_GATE_STEPS):
            weights = torch.softmax(gate - trust.relu() * recent, -1)
            error = (((weights[..., None] * options).sum(1) - truth).abs() * known).sum() / known.sum()
            logs = torch.log_softmax(gate, 0)
            loss = error / unit + _GATE_CAUTION * (logs.exp() * (logs - start)).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return gate.detach(), trust.detach().clamp_min(0.0)


def _mean_change(filled: Tensor, available: Tensor, lag: int) -> Tensor:
    """The mean absolute change over `lag` steps [B] within the last `available` [B] of a context [B, L].

    The padding before them does not change at all, and would make a short history look calm.
    """
    sizes = (filled[:, lag:] - filled[:, :-lag]).abs()
    steps = torch.arange(lag, filled.shape[1], device=filled.device)
    inside = steps >= (filled.shape[1] - available + lag)[:, None]
    return (sizes * inside).sum(1) / inside.sum(1).clamp_min(1)


def _slopes(features: Tensor, response: Tensor) -> Tensor:
    """The slopes [C] of a ridge regression of the response [B], NaN where missing, on features [B, C]."""
    known = ~torch.isnan(response)
    x, y = features[known], response[known]
    x, y = x - x.mean(0), y - y.mean()
    penalty = _RIDGE * max(len(x), 1) * torch.eye(x.shape[1])
    slopes: Tensor = torch.linalg.solve(x.T @ x + penalty, x.T @ y)
    return slopes


def normalise(context: Tensor, spread: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which steps of a context [B, L] are observed, the last of them [B, 1] and their standard deviation [B, 1]."""
    observed = ~torch.isnan(context)
    count = observed.sum(1, keepdim=True).clamp_min(1)
    values = torch.where(observed, context, 0.0)
    mean = values.sum(1, keepdim=True) / count
    deviation = torch.where(observed, context - mean, 0.0).square().sum(1, keepdim=True) / count
    newest = context.shape[1] - 1 - observed.flip(1).int().argmax(1, keepdim=True)
    # One value alone says nothing about spread; that of the whole series has to do.
    # Clamped where nothing changes by it: a root has no slope at zero, and that of a flat context would be NaN.
    deviation = deviation.clamp_min(1e-30).sqrt()
    scale = torch.where(count < 2, spread[:, None], torch.maximum(deviation, 1e-3 * spread[:, None]))
    return observed, values.gather(1, newest), scale


def _segments(channels: Sequence[Tensor], segment: int) -> Tensor:
    """Tensors [B, L] and [B, L, C] as segments [B, ceil(L / S), S·(…)], padded at the oldest end."""
    padding = -channels[0].shape[1] % segment
    padded = [functional.pad(t.float(), (0, 0) * (t.dim() - 2) + (padding, 0)) for t in channels if t.shape[-1]]
    return torch.cat([t.unflatten(1, (-1, segment)).flatten(2) for t in padded], -1)
