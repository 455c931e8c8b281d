"""Probabilities of states: what simple continuations say of each, mixed, and what known futures do to them.

A state is seen as its indicator, 1 where it was and 0 elsewhere. The anchors of an indicator are shares of the past
(the last state, that of a season ago, how often it was there), and a mixture of shares is a forecast.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecast.models.anchors import anchors, count_anchors, fill_missing
from forecast.models.architecture import Architecture
from forecast.models.losses import mean_observed

#: No state is called less probable than this before the network has its say.
_LEAST = 1e-3
#: The opening of the gate for an anchor that is left out; a softmax makes it an exact zero.
_SHUT = -1e4
#: Anchors that the mixture is made of, at most, and the least weight that one must have.
_MOST_KEPT, _LEAST_WEIGHT = 16, 0.01
#: Outcomes at the common rates that are added to those after each state.
_FEW_OUTCOMES = 2.0
#: Rounds of expectation and maximisation: from there on the log loss hardly moves.
_ROUNDS = 60
#: What all leads together say counts as much as so many outcomes of one lead.
_POOLED = 20.0
#: Penalties that the response is tried with, per row.
_PENALTIES = (1e-3, 1e-2, 1e-1)
#: Consecutive parts of the windows for the choice among them, and the rows that it is made from, at most.
_PARTS, _MOST_ROWS = 5, 4_096
_STEPS = 30


class StateAnchors(nn.Module):
    """What a context says of the states to come before the recurrence has its say: logits [B, H, C].

    A mixture of the anchors of each state's indicator, of what followed the last state so many steps later in training,
    and of how often each state was there. Its weights are others for every step ahead, and the recurrence may shift
    them; a linear map of each state's own past starts at zero.
    """

    rates: Tensor
    followed: Tensor

    def __init__(self, architecture: Architecture, width: int) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.count = count_anchors(a.context_length, a.season_lengths, a.smoothing)
        self.gate = nn.Parameter(torch.zeros(self.count + 2, a.horizon))
        self.by_state = nn.Linear(width, self.count + 2, bias=False)
        self.skip = nn.Linear(a.context_length, a.horizon, bias=False)
        self.bias = nn.Parameter(torch.zeros(a.states))
        self.sharpness = nn.Parameter(torch.ones(1))
        for layer in (self.by_state, self.skip):
            nn.init.zeros_(layer.weight)
        self.register_buffer("rates", torch.full((a.states,), 1.0 / a.states))
        self.register_buffer("followed", torch.full((a.horizon, a.states, a.states), 1.0 / a.states))

    def forward(self, seen: Tensor, state: Tensor) -> Tensor:
        """Logits [B, H, C] from indicators [B, C, L] and what the recurrence made of them [B, width]."""
        kept = torch.nonzero(self.gate.amax(1) > _SHUT / 2).flatten().tolist()
        opening = self.gate[kept] + (state @ self.by_state.weight[kept].T)[..., None]
        log_shares = mixed(self._options(seen, kept), torch.softmax(opening, 1)).log()
        own: Tensor = self.skip(torch.nan_to_num(seen))
        logits: Tensor = (self.sharpness * log_shares + own).transpose(1, 2) + self.bias
        return logits

    def start(self, context: Tensor, target: Tensor) -> Tensor:
        """Set shares and gate by what came after contexts [B, L], codes [B, H]; the logits [B, H, C] of the mixture.

        The weights are those under which what came is most probable (see `fit_weights`).
        """
        self.rates.copy_(shares_of(target, len(self.rates)))
        self.followed.copy_(shares_after(torch.cat([context, target], 1), self.architecture.horizon, self.rates))
        seen = indicators(context, len(self.rates))
        options = self._options(seen, range(len(self.gate)))
        weights, kept = fit_weights(chosen(options, target), _MOST_KEPT, _LEAST_WEIGHT)
        self.gate.fill_(_SHUT)
        self.gate[kept] = weights[kept].clamp_min(1e-6).log()
        return mixed(options, weights.expand(len(seen), -1, -1)).log().transpose(1, 2)

    def _options(self, seen: Tensor, kept: Sequence[int]) -> Tensor:
        """What each kept anchor says of each state [B, C, K, H]: the anchors, what followed, how often it was there."""
        a = self.architecture
        flat = seen.flatten(0, 1)
        filled = fill_missing(flat, a.season_lengths).unflatten(0, seen.shape[:2])
        # A context without any state leaves nothing but how often each was there.
        filled = torch.where(torch.isnan(filled), self.rates[:, None], filled)
        said = []
        if own := [k for k in kept if k < self.count]:
            observed = ~torch.isnan(flat)
            available = torch.where(observed.any(1), flat.shape[1] - observed.int().argmax(1), 0)
            found = anchors(filled.flatten(0, 1), available, a.season_lengths, a.horizon, own)
            said.append(found.unflatten(0, seen.shape[:2]))
        if self.count in kept:
            said.append(torch.einsum("bc,hcd->bdh", filled[..., -1], self.followed)[:, :, None])
        if self.count + 1 in kept:
            said.append(self.rates[:, None, None].expand(len(seen), -1, 1, a.horizon))
        return torch.cat(said, 2)


def shares_of(codes: Tensor, n_states: int) -> Tensor:
    """How often each state is there [C] among codes, NaN where missing, and half a time more."""
    counts = torch.bincount(codes[~torch.isnan(codes)].long(), minlength=n_states) + 0.5
    return counts / counts.sum()


def shares_after(codes: Tensor, horizon: int, rates: Tensor) -> Tensor:
    """How often each state followed each other one 1 … H steps later, [H, C, C], in windows of codes [B, T].

    Windows overlap: each pair is taken to be there once for every step of a window, and a few outcomes at the rates [C]
    join those after every state.
    """
    n_states = len(rates)
    found = []
    for lead in range(1, horizon + 1):
        pairs = codes[:, :-lead] * n_states + codes[:, lead:]
        counts = torch.bincount(pairs[~torch.isnan(pairs)].long(), minlength=n_states**2).to(rates.dtype)
        counts = counts.unflatten(0, (n_states, n_states)) / max(1, pairs.shape[1]) + _FEW_OUTCOMES * rates
        found.append(counts / counts.sum(-1, keepdim=True))
    return torch.stack(found)


def indicators(context: Tensor, n_states: int) -> Tensor:
    """The indicators [B, C, L] of codes [B, L], NaN where missing; probabilities [B, L, C] are that already."""
    if context.dim() == 3:
        return context.transpose(1, 2)
    found = functional.one_hot(torch.nan_to_num(context).long(), n_states).to(context.dtype).transpose(1, 2)
    return torch.where(torch.isnan(context)[:, None], torch.nan, found)


def mixed(options: Tensor, weights: Tensor) -> Tensor:
    """Probabilities [B, C, H] from what K anchors say of each state [B, C, K, H], by weights [B, K, H] that sum to 1.

    An anchor that continues a line may leave 0 to 1; it is held there.
    """
    shares = (options.clamp(0.0, 1.0) * weights[:, None]).sum(2).clamp_min(_LEAST)
    return shares / shares.sum(1, keepdim=True)


def chosen(options: Tensor, target: Tensor) -> Tensor:
    """What each anchor [B, C, K, H] said of the state that came, codes [B, H] → [B, K, H]; NaN where none is known."""
    codes = torch.nan_to_num(target).long()[:, None, None].expand(-1, 1, options.shape[2], -1)
    said = options.clamp(0.0, 1.0).gather(1, codes)[:, 0]
    return torch.where(torch.isnan(target)[:, None], torch.nan, said)


def fit_weights(said: Tensor, most: int, least: float) -> tuple[Tensor, Tensor]:
    """Weights [K, H] under which a mixture makes what came most probable, and which of the K have any [K], bool.

    said [N, K, H] is what each anchor said of what came. Expectation maximisation (Dempster, Laird & Rubin 1977), first
    over all leads, which decides on at most `most` anchors with at least the weight `least`, then for each lead on its
    own, to which the first answer counts as outcomes that have been seen.
    """
    n_anchors = said.shape[1]
    flat = said.transpose(1, 2).reshape(-1, n_anchors)
    flat = flat[~torch.isnan(flat[:, 0])]
    overall = _maximised(flat[None], torch.zeros(1, n_anchors))[0]
    kept = torch.zeros(n_anchors, dtype=torch.bool)
    kept[torch.topk(overall, min(most, n_anchors)).indices] = True
    kept &= overall >= min(least, float(overall.max()))
    # The last one calls nothing impossible.
    kept[-1] = True
    overall = torch.where(kept, overall, 0.0)
    overall = overall / overall.sum()
    # A lead that has no outcome at all is left with the prior.
    by_lead = torch.nan_to_num(said.permute(2, 0, 1), nan=1.0)
    return _maximised(by_lead, _POOLED * overall[None], ~torch.isnan(said[:, 0]).T).T, kept


def fit_response(features: Tensor, offset: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights [D, C], bias [C] and sharpness [1] under which what came, codes [B, H], is most probable.

    The logits are the sharpness times an offset [B, H, C], and what the weights make of features [B, H, D]: where these
    know better, the offset has less to say. Logistic regression with the penalty that does best on consecutive parts of
    the windows that the others were fitted without; zeros, and a sharpness of one, where none does better than those.
    """
    known = ~torch.isnan(target)
    part = (torch.arange(len(target)) * _PARTS // len(target))[:, None].expand_as(target)[known]
    every = -(-len(part) // _MOST_ROWS) if len(part) else 1
    features = torch.cat([features, torch.ones_like(features[..., :1])], -1)
    x, y = features[known][::every].double(), target[known][::every].long()
    base, part = offset[known][::every].double(), part[::every]
    weight, sharpness = torch.zeros(x.shape[1], base.shape[1], dtype=x.dtype), torch.ones(1, dtype=x.dtype)
    if part.unique().numel() == _PARTS and len(y) >= 2 * _PARTS:
        losses = [float(functional.cross_entropy(base, y, reduction="sum"))]
        for penalty in _PENALTIES:
            loss = 0.0
            for k in range(_PARTS):
                inside = part != k
                w, s = _logistic(x[inside], base[inside], y[inside], penalty)
                logits = s * base[~inside] + x[~inside] @ w
                loss += float(functional.cross_entropy(logits, y[~inside], reduction="sum"))
            losses.append(loss)
        if best := losses.index(min(losses)):
            weight, sharpness = _logistic(x, base, y, _PENALTIES[best - 1])
    return weight[:-1].float(), weight[-1].float(), sharpness.float()


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """The mean of minus the log probabilities, by logits [B, H, C], of what came, codes [B, H], NaN where missing."""
    codes = torch.nan_to_num(target).long()[..., None]
    return mean_observed(-logits.log_softmax(-1).gather(-1, codes)[..., 0], target)


def _maximised(said: Tensor, prior: Tensor, known: Tensor | None = None) -> Tensor:
    """Weights [G, K] for G groups of what was said [G, N, K], beside prior outcomes [1, K] of each anchor."""
    n_anchors = said.shape[-1]
    known = torch.ones(said.shape[:2], dtype=torch.bool) if known is None else known
    weights = prior / prior.sum() if float(prior.sum()) else torch.full((1, n_anchors), 1.0 / n_anchors)
    weights = weights.expand(len(said), n_anchors)
    tiny = torch.finfo(said.dtype).tiny
    for _ in range(_ROUNDS):
        joint = weights[:, None] * said
        share = joint / joint.sum(-1, keepdim=True).clamp_min(tiny)
        counts = (share * known[..., None]).sum(1) + prior
        weights = counts / counts.sum(-1, keepdim=True).clamp_min(tiny)
    return weights


def _logistic(x: Tensor, base: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """The weights [D, C] of x [N, D] and the factor [1] of logits base [N, C] in a penalised regression of y [N]."""
    with torch.enable_grad():
        weight = torch.zeros(x.shape[1], base.shape[1], dtype=x.dtype, requires_grad=True)
        factor = torch.ones(1, dtype=x.dtype, requires_grad=True)
        optimiser = torch.optim.LBFGS([weight, factor], max_iter=_STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            size = weight.square().sum() + (factor - 1).square().sum()
            value = functional.cross_entropy(factor * base + x @ weight, y) + penalty / 2 * size
            value.backward()
            return value

        optimiser.step(loss)
    return weight.detach(), factor.detach()
