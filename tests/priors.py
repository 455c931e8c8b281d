"""Priors for tests: small networks that nobody trained, which go by how candidates did before."""

from dataclasses import replace

import torch

from forecast.forecaster import Tuned
from forecast.models.candidates import NEWEST
from forecast.models.prior import PriorNetwork
from forecast.priors import Prior, Shape


def untrained(networks=1, design=NEWEST, hidden=8):
    """A prior of so many networks with their initial weights, none alike."""
    shape = Shape("gru", hidden, 1, design)
    torch.manual_seed(1)
    weights = tuple(PriorNetwork(shape.architecture(1, (1,))).state_dict() for _ in range(networks))
    return Prior(shape, weights, {"panel": False})


def with_prior(forecaster, share, prior=None, *, alone=False):
    """A Forecaster with the networks of a prior beside its own, or in their place."""
    prior = prior or untrained()
    networks = prior.networks(forecaster.architecture.horizon, forecaster.season_lengths)
    tuned = Tuned(networks, share, prior.shape, "ab")
    return replace(forecaster, tuned=tuned, networks=() if alone else forecaster.networks)
