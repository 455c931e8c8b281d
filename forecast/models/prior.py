"""PriorNetwork: the same weights for every season, horizon and length, so that they can be learnt before any file.

It weighs simple continuations of a context (see candidates.py) as one would: by looking at how each of them did at
earlier cutoffs of the same context. One recurrence reads the judgements of a candidate, cutoff after cutoff; another
reads the context itself, a season in a dozen points whatever its length. Nothing in it depends on a length but the
candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecast.models.anchors import fill_missing
from forecast.models.architecture import Architecture
from forecast.models.candidates import FIRST, candidate_names, candidate_traits, candidates, n_traits
from forecast.models.covariates import Response
from forecast.models.heads import Outlook, Quantiles
from forecast.models.losses import pinball
from forecast.models.recurrent import normalise
from forecast.models.stack import Stack

#: Earlier cutoffs at which the candidates are judged.
N_CUTOFFS = 8
#: Steps that candidates see of a short season, of a year of weeks, and of a longer one, in seasons if that is long.
_SHORT, _YEAR_OF_WEEKS, _CYCLES, _LONGEST = 60, 208, 14, 720
#: Points that a long season is read in, points to one step of the recurrence, and steps of it, at most.
_POINTS, _GROUP, _MOST_STEPS = 12, 4, 48
#: Judgements need so many steps before them, and a judged window lasts no longer than a season or this.
_FEWEST_BEFORE, _LONGEST_JUDGED = 8, 48
#: Added to errors, in local scales: below that one is as good as another.
_SMALL = 1e-3
#: Logarithms of widths stay within this of how the same candidates erred before.
_FURTHEST = 5.0
#: The mean absolute deviation of a normal distribution times this is its standard deviation.
_DEVIATION = math.sqrt(math.pi / 2)


def judged_horizon(horizon: int, season_lengths: tuple[int, ...]) -> int:
    """Steps of each earlier window that judges candidates: the horizon, where that is not far beyond the season."""
    return min(horizon, max(season_lengths[0], _LONGEST_JUDGED))


def prior_context(horizon: int, season_lengths: tuple[int, ...]) -> int:
    """Steps of context for a horizon: what the candidates see, and the windows before in which they are judged."""
    return _anchored(season_lengths[0]) + max(N_CUTOFFS * judged_horizon(horizon, season_lengths), season_lengths[0])


def _widths(architecture: Architecture) -> tuple[int, int, int]:
    """Of the recurrence over judgements, of what candidates and contexts are compared in, and of the head.

    They grow with the recurrence over points; those of the first design did not.
    """
    hidden = 64 if architecture.prior == FIRST else architecture.hidden
    return max(4, 3 * hidden // 8), max(8, 3 * hidden // 4), hidden


def _anchored(season_length: int) -> int:
    """Steps that a candidate sees."""
    if season_length <= _POINTS:
        return _SHORT
    return _YEAR_OF_WEEKS if season_length == 52 else max(min(_CYCLES * season_length, _LONGEST), 2 * season_length)


class Reading(NamedTuple):
    """What the head of a network is told of contexts: a tensor each, whose first axis is the batch.

    features [B, H, F], the median before it is corrected and how far it missed so far [B, H], the centre [B, H] and the
    scale [B, 1] that give them their units, and the local scale [B, 1].
    """

    features: Tensor
    location: Tensor
    profile: Tensor
    center: Tensor
    scale: Tensor
    unit: Tensor


class Weighed(NamedTuple):
    """How the candidates after contexts are weighed: weights [B, K, H], those of one context and step add up to one.

    errors [B, K] are what the weights come from: the mean absolute error of each candidate at those of the earlier
    cutoffs [B] that tell anything, in the scale of the context; NaN where there are none.
    """

    weights: Tensor
    errors: Tensor
    cutoffs: Tensor


class PriorNetwork(nn.Module):
    """A network that tells from a context alone how to continue it; `forward` and `loss` are RecurrentNetwork's.

    Its context_length has to be `prior_context` of its horizon and seasons. What series answer to at once (see
    covariates.Response) is taken off the context and put back on the horizon, where it was fitted to a file; past and
    static covariates are not looked at.
    """

    levels: Tensor
    architecture: Architecture

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.distribution = Quantiles(a.quantile_levels)
        self.register_buffer("levels", torch.tensor(a.quantile_levels, dtype=torch.float32), persistent=False)
        judge, match, head = _widths(a)
        self.embed = nn.Linear(6 * _GROUP, a.hidden)
        self.stack = Stack(a.cell, a.hidden, a.layers)
        self.embed_judgement = nn.Linear(6, judge)
        self.judging = Stack(a.cell, judge, 1)
        self.match_context = nn.Linear(a.hidden + 5, match)
        told = n_traits(a.prior) + judge + 4
        self.match_anchor = nn.Sequential(nn.Linear(told, match), nn.ReLU(), nn.Linear(match, match))
        self.match_lead = nn.Linear(4, match)
        self.query = nn.Linear(match, match, bias=False)
        self.score = nn.Linear(match, 1, bias=False)
        self.response = Response(a.future) if a.future else None
        self.reliance = nn.Parameter(torch.tensor(6.0))
        self.hidden_head = nn.Linear(match + 4 + 4, head)
        self.head = nn.Linear(head, 1 + self.distribution.n_outputs)
        # Training begins at the candidates, as wide as these erred before.
        for weight in self.head.parameters():
            nn.init.zeros_(weight)

    def adopt(self, season_lengths: tuple[int, ...], horizon: int) -> None:
        """Forecast so far with such seasons from now on, with the same weights."""
        length = prior_context(horizon, season_lengths)
        self.architecture = replace(
            self.architecture, context_length=length, horizon=horizon, season_lengths=season_lengths
        )

    def forward(
        self,
        context: Tensor,
        spread: Tensor,
        covariates: Tensor | None = None,
        static: Tensor | None = None,  # noqa: ARG002 - for networks that have an encoder of them
    ) -> tuple[Tensor, Tensor]:
        """Quantiles [B, H, Q] in the context's units, and the local scale [B, 1]; arguments as of RecurrentNetwork."""
        return self.quantiles(self.read(context, spread, covariates))

    def loss(
        self,
        context: Tensor,
        spread: Tensor,
        covariates: Tensor | None,
        static: Tensor | None,
        target: Tensor,
        forcing: float = 0.0,  # noqa: ARG002 - for networks that are told their own forecasts
    ) -> Tensor:
        """The mean pinball loss against a target [B, H], NaN where missing."""
        quantiles, unit = self(context, spread, covariates, static)
        return pinball(quantiles, target, self.levels, unit)

    def judge(
        self, context: Tensor, spread: Tensor, covariates: Tensor | None, static: Tensor | None, target: Tensor
    ) -> float:
        """The same loss as a number."""
        return float(self.loss(context, spread, covariates, static, target).detach())

    def head_parameters(self) -> list[nn.Parameter]:
        """The weights that come after what `read` finds."""
        return [*self.hidden_head.parameters(), *self.head.parameters()]

    def read(self, context: Tensor, spread: Tensor, covariates: Tensor | None) -> Reading:
        """All that the head is told of contexts; arguments as of `forward`."""
        a, seasons = self.architecture, self.architecture.season_lengths
        seen = self._seen(context, spread, covariates)
        options, past = self._candidates(seen), self._past(seen)
        state = self._state(seen, past)
        weights = self._weights(state, past)
        location = (weights * options).sum(1)
        spread_out = (weights * (options - location[:, None]).abs()).sum(1) + _SMALL
        overall, profile = _errors_of(weights, past, spread_out)
        told = [
            spread_out.log(),
            overall.log().expand_as(profile),
            (spread_out / overall).log(),
            (profile / overall).log(),
        ]
        leads = _leads(a.horizon, seasons[0], context.device).expand(len(context), -1, -1)
        features = torch.cat([state[:, None].expand(-1, a.horizon, -1), leads, torch.stack(told, -1)], -1)
        return Reading(features, location, profile, seen.center.expand(-1, a.horizon), seen.scale, seen.unit)

    def quantiles(self, reading: Reading) -> tuple[Tensor, Tensor]:
        """What the head makes of a reading: quantiles [B, H, Q] and the local scale [B, 1], as of `forward`."""
        outputs = self.head(torch.relu(self.hidden_head(reading.features)))
        width = _DEVIATION * reading.profile * torch.exp(outputs[..., 0].clamp(-_FURTHEST, _FURTHEST))
        location = reading.location + reading.profile * outputs[..., 1]
        outlook = Outlook(location, width, outputs[..., 2:], reading.center, reading.scale, reading.unit)
        return self.distribution.quantiles(outlook), outlook.unit

    @property
    def candidate_names(self) -> tuple[str, ...]:
        """What each of the K candidates is, in words and in order."""
        a = self.architecture
        return candidate_names(_anchored(a.season_lengths[0]), a.season_lengths, a.prior)

    def candidate_weights(self, context: Tensor, spread: Tensor, covariates: Tensor | None = None) -> Weighed:
        """How much of each candidate is in a forecast, and how each did before; arguments as of `forward`."""
        seen = self._seen(context, spread, covariates)
        past = self._past(seen)
        cutoffs = past.usable.sum(1)
        errors = past.mean_errors[0].masked_fill((cutoffs == 0)[:, None], torch.nan)
        return Weighed(self._weights(self._state(seen, past), past), errors, cutoffs)

    def _seen(self, context: Tensor, spread: Tensor, covariates: Tensor | None) -> _Seen:
        """What is seen of contexts, less what they answer to at once."""
        a = self.architecture
        answer, length = None, a.context_length
        unit = normalise(context, spread)[2]
        if self.response is not None and covariates is not None:
            answer = self.response(covariates[..., len(a.past) :]) * spread[:, None]
            context = context - answer[:, :length]
        observed, center, scale = normalise(context, spread)
        filled = fill_missing(context, a.season_lengths)
        filled = (torch.where(torch.isnan(filled), center, filled) - center) / scale
        first = torch.where(observed.any(1), observed.int().argmax(1), context.shape[1])
        center = center if answer is None else center + answer[:, length:]
        return _Seen(filled, observed, first, center, scale, unit)

    def _candidates(self, seen: _Seen) -> Tensor:
        """The candidates after the context [B, K, H]."""
        a = self.architecture
        length = _anchored(a.season_lengths[0])
        available = (seen.filled.shape[1] - seen.first).clamp(1, length)
        return candidates(seen.filled[:, -length:], available, a.season_lengths, a.horizon, a.prior)

    def _past(self, seen: _Seen) -> _Past:
        """The candidates after each earlier cutoff beside what came."""
        a = self.architecture
        batch, whole = seen.filled.shape
        length, judged = _anchored(a.season_lengths[0]), judged_horizon(a.horizon, a.season_lengths)
        cuts = [whole - judged * (N_CUTOFFS - i) for i in range(N_CUTOFFS)]
        before = torch.stack([seen.filled[:, cut - length : cut] for cut in cuts], 1).flatten(0, 1)
        available = torch.stack([cut - seen.first for cut in cuts], 1)
        found = candidates(before, available.flatten().clamp(1, length), a.season_lengths, judged, a.prior)
        truth = torch.stack([seen.filled[:, cut : cut + judged] for cut in cuts], 1)
        known = torch.stack([seen.observed[:, cut : cut + judged] for cut in cuts], 1)
        enough = available > min(a.season_lengths[0], _FEWEST_BEFORE)
        return _Past(found.unflatten(0, (batch, N_CUTOFFS)), truth, (known & enough[..., None]).float())

    def _state(self, seen: _Seen, past: _Past) -> Tensor:
        """What the recurrence makes of a context and of how well it could be forecast so far, [B, M]."""
        m = self.architecture.season_lengths[0]
        last = self.stack(torch.relu(self.embed(_points(seen, m)))).last
        full, near = (errors.amin(1, keepdim=True).log() for errors in past.mean_errors)
        history = ((seen.filled.shape[1] - seen.first).float() / m).log1p()
        season = torch.full_like(history, math.log(m))
        told = torch.cat([last, full, near, past.share[:, None], history[:, None], season[:, None]], -1)
        return torch.relu(self.match_context(told))

    def _weights(self, state: Tensor, past: _Past) -> Tensor:
        """The weights [B, K, H] of the candidates at each step."""
        a = self.architecture
        batch, _, n_found, _ = past.found.shape
        judgements = past.judgements.transpose(1, 2).flatten(0, 1)
        judged = self.judging(torch.relu(self.embed_judgement(judgements))).last.unflatten(0, (batch, n_found))
        full, near = ((errors / errors.amin(1, keepdim=True)).log() for errors in past.mean_errors)
        traits = candidate_traits(_anchored(a.season_lengths[0]), a.season_lengths, a.prior).to(state.device)
        told = [traits.expand(batch, -1, -1), judged, torch.stack([full, near, full - near], -1)]
        told.append(past.share[:, None, None].expand(-1, n_found, 1))
        options, query = self.match_anchor(torch.cat(told, -1)), self.query(state)
        leads = _leads(a.horizon, a.season_lengths[0], state.device)
        asked = torch.relu(query[:, None] + self.match_lead(leads))
        scores = torch.tanh(options) @ asked.transpose(1, 2) + self.score(torch.relu(options + query[:, None]))
        # The first steps go by how the first steps went.
        early = torch.exp(-torch.arange(1, a.horizon + 1, device=state.device) / _near(past.truth.shape[-1]))
        errors = full[..., None] * (1 - early) + near[..., None] * early
        return torch.softmax(scores - self.reliance * errors, 1)


class _Seen(NamedTuple):
    """A context in its own units: filled and observed [B, N], and the position of its first value [B].

    center [B, 1], or [B, H] with what the horizon answers to, scale and the local scale unit [B, 1] are these units.
    """

    filled: Tensor
    observed: Tensor
    first: Tensor
    center: Tensor
    scale: Tensor
    unit: Tensor


@dataclass(frozen=True)
class _Past:
    """Earlier cutoffs, the oldest first: candidates found [B, J, K, E], truth and whether it counts [B, J, E]."""

    found: Tensor
    truth: Tensor
    counts: Tensor

    @cached_property
    def usable(self) -> Tensor:
        """Which cutoffs tell something [B, J]."""
        return (self.counts.sum(-1) > 0).float()

    @property
    def share(self) -> Tensor:
        """The share of the cutoffs that do [B]."""
        return self.usable.mean(1)

    @cached_property
    def errors(self) -> tuple[Tensor, Tensor]:
        """The mean absolute error of each candidate at each cutoff [B, J, K], over all steps and the first ones."""
        missed = (self.found - self.truth[:, :, None]).abs() * self.counts[:, :, None]
        near, counts = _near(missed.shape[-1]), self.counts[:, :, None]
        full = missed.sum(-1) / counts.sum(-1).clamp_min(1) + _SMALL
        return full, missed[..., :near].sum(-1) / counts[..., :near].sum(-1).clamp_min(1) + _SMALL

    @cached_property
    def mean_errors(self) -> tuple[Tensor, Tensor]:
        """The same over the usable cutoffs [B, K]; 1 without any."""
        usable = self.usable[..., None]
        n = usable.sum(1)
        full, near = ((errors * usable).sum(1) / n.clamp_min(1) + (n == 0) for errors in self.errors)
        return full, near

    @property
    def judgements(self) -> Tensor:
        """What each cutoff says of each candidate [B, J, K, 6]: zeros where it says nothing."""
        full, near = self.errors
        relative = (full / full.mean(-1, keepdim=True)).log()
        relative_near = (near / near.mean(-1, keepdim=True)).log()
        best = full.amin(-1, keepdim=True)
        told = [relative, relative_near, best.log().expand_as(full), torch.ones_like(full), (full / best).log()]
        return torch.stack([*told, relative - relative_near], -1) * self.usable[..., None, None]


def _errors_of(weights: Tensor, past: _Past, otherwise: Tensor) -> tuple[Tensor, Tensor]:
    """How such a mixture of candidates erred at the earlier cutoffs: [B, 1] in all, and [B, H] step by step.

    Steps beyond those that were judged erred like the last of them. `otherwise` [B, H] is for contexts without any.
    """
    horizon, judged = weights.shape[-1], past.truth.shape[-1]
    mixed = torch.einsum("bke,bjke->bje", weights[..., :judged], past.found)
    missed, counts = (mixed - past.truth).abs() * past.counts, past.counts
    n = counts.sum((1, 2))
    overall = torch.where(n > 0, missed.sum((1, 2)) / n.clamp_min(1), otherwise.mean(1))[:, None] + _SMALL
    # Few cutoffs say little of one step: it leans on all steps, and on its neighbours.
    by_step = (missed.sum(1) + overall) / (counts.sum(1) + 1)
    reach = max(1, judged // 6)
    padded = functional.pad(by_step[:, None], (reach, reach), mode="replicate")
    smooth = functional.avg_pool1d(padded, 2 * reach + 1, 1)[:, 0]
    return overall, functional.pad(smooth[:, None], (0, horizon - judged), mode="replicate")[:, 0]


def _points(seen: _Seen, season_length: int) -> Tensor:
    """The last of a context as the recurrence reads it, [B, T, 6·G]: a few points of a season, some at a time.

    Each point is the mean value, the change over a season, the share of values that are there, and where in the season
    it lies.
    """
    m = season_length
    per_point = max(1, m // _POINTS)
    length = min(_anchored(m), _MOST_STEPS * _GROUP * per_point)
    values, observed = seen.filled[:, -length:], seen.observed[:, -length:]
    before = seen.filled[:, -length - m : -m]
    channels = torch.stack([values, values - before, observed.float()], 1)
    channels = functional.pad(channels, (-length % (per_point * _GROUP), 0)).unflatten(2, (-1, per_point)).mean(-1)
    phase = torch.arange(channels.shape[-1] - 1, -1, -1, device=values.device) * (2 * math.pi * per_point / m)
    places = torch.stack([phase.sin(), phase.cos(), torch.full_like(phase, float(m == 1))])
    points = torch.cat([channels / 3, places.expand(len(values), -1, -1)], 1).transpose(1, 2)
    grouped: Tensor = points.unflatten(1, (-1, _GROUP)).flatten(2)
    return grouped


def _leads(horizon: int, season_length: int, device: torch.device) -> Tensor:
    """What is said of how far ahead each step lies, [H, 4]."""
    step = torch.arange(1, horizon + 1, device=device)
    return torch.stack([step.log() / 4, step / horizon, (step / season_length).clamp_max(4) / 4, 1 / step], -1)


def _near(judged: int) -> int:
    """How many of the judged steps are the first ones."""
    return max(1, judged // 4)
