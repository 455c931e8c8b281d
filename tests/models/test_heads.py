"""Heads against scipy's distributions, and what every one of them promises."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from forecast.config import HEADS as NAMES
from forecast.config import QUANTILE_LEVELS
from forecast.models.heads import HEADS, NegativeBinomial, Normal, Outlook, StudentT, negative_binomial_quantiles


def outlook(n_outputs, location=((1.0, 2.0),), width=((0.5, 2.0),), center=100.0, scale=10.0):
    """An outlook of a context whose values are 100 plus ten times what is said inside."""
    shape = torch.zeros(*torch.tensor(location).shape, n_outputs - 1)
    at = torch.full((len(location), 1), center), torch.full((len(location), 1), scale)
    return Outlook(torch.tensor(location), torch.tensor(width), shape, *at, at[1])


def test_every_head_has_a_name_in_the_settings():
    """The names that options and files know are those of the table."""
    assert tuple(HEADS) == NAMES


@pytest.mark.parametrize("name", HEADS)
def test_quantiles_ascend_and_a_missing_target_counts_for_nothing(name):
    """Over random outlooks; a loss with a hole in its target equals that of the rest, and its gradient is finite."""
    torch.manual_seed(0)
    head = HEADS[name](QUANTILE_LEVELS)
    shape = torch.randn(50, 3, head.n_outputs - 1, requires_grad=True)
    at = torch.full((50, 1), 20.0), torch.full((50, 1), 5.0)
    some = Outlook(torch.randn(50, 3), torch.rand(50, 3) + 0.1, shape, *at, at[1])
    assert (head.quantiles(some).diff(dim=-1) >= 0).all()
    target = torch.randint(0, 60, (50, 3)).float()
    holed = target.clone()
    holed[:, 1] = torch.nan
    loss = head.loss(some, holed)
    two = Outlook(*(part[:, [0, 2]] for part in some[:3]), *some[3:])
    torch.testing.assert_close(loss, head.loss(two, target[:, [0, 2]]))
    loss.backward()
    assert shape.grad.isfinite().all()
    assert (shape.grad[:, 1] == 0).all()


def test_the_normal_head_is_scipys_normal_distribution():
    """Quantiles in units of the data, and the density in those of the context."""
    head = Normal(QUANTILE_LEVELS)
    expected = stats.norm.ppf(np.array(QUANTILE_LEVELS), 120, 20)
    np.testing.assert_allclose(head.quantiles(outlook(2))[0, 1].numpy(), expected, rtol=1e-5)
    loss = head.loss(outlook(2), torch.tensor([[math.nan, 150.0]])).item()
    assert loss == pytest.approx(-stats.norm.logpdf(5.0, 2.0, 2.0), rel=1e-5)


def test_the_student_t_head_is_scipys_t_distribution():
    """With the ten degrees of freedom that it begins with."""
    head = StudentT(QUANTILE_LEVELS)
    assert head.degrees.item() == pytest.approx(10.0)
    expected = stats.t.ppf(np.array(QUANTILE_LEVELS), 10, 120, 20)
    np.testing.assert_allclose(head.quantiles(outlook(2))[0, 1].detach().numpy(), expected, rtol=1e-5)
    loss = head.loss(outlook(2), torch.tensor([[math.nan, 150.0]])).item()
    assert loss == pytest.approx(-stats.t.logpdf(5.0, 10, 2.0, 2.0), rel=1e-4)


def test_the_student_t_head_learns_how_heavy_tails_are():
    """Maximum likelihood finds the degrees of freedom of a sample of 20,000 to a tenth."""
    head = StudentT(QUANTILE_LEVELS)
    sample = torch.from_numpy(stats.t.rvs(4, size=(20_000, 1), random_state=1)).float()
    one = torch.ones(20_000, 1)
    shape = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([*head.parameters(), shape], lr=0.1)
    for _ in range(150):
        some = Outlook(0 * one, one, shape.expand(20_000, 1, 1), 0 * one, one, one)
        optimiser.zero_grad()
        head.loss(some, sample).backward()
        optimiser.step()
    assert head.degrees.item() == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize(("mean", "deviation"), [(0.3, 0.2), (3.0, 2.0), (40.0, 30.0), (500.0, 1.0)])
def test_the_negative_binomial_head_is_scipys_distribution(mean, deviation):
    """Quantiles equal scipy's counts, the variance is μ + deviation², the loss is a probability's logarithm."""
    head = NegativeBinomial(QUANTILE_LEVELS)
    some = outlook(2, ((mean,),), ((deviation,),), center=0.0, scale=1.0)
    size = mean**2 / deviation**2
    reference = stats.nbinom(size, size / (size + mean))
    assert reference.var() == pytest.approx(mean + deviation**2)
    assert head.quantiles(some)[0, 0].tolist() == reference.ppf(np.array(QUANTILE_LEVELS)).tolist()
    loss = head.loss(some, torch.tensor([[7.0]])).item()
    assert loss == pytest.approx(-reference.logpmf(7), rel=1e-3)


def test_quantiles_of_counts_are_the_smallest_that_reach_their_level():
    """Over means from a thousandth to a million: the distribution function reaches the level there and not before."""
    rng = np.random.default_rng(0)
    mean, size = 10.0 ** rng.uniform(-3, 6, 300), 10.0 ** rng.uniform(-1, 4, 300)
    found = negative_binomial_quantiles(mean, size, (0.05, 0.5, 0.975))
    reference = stats.nbinom(size[:, None], (size / (size + mean))[:, None])
    assert (reference.cdf(found) >= np.array([0.05, 0.5, 0.975]) - 1e-9).all()
    assert (reference.cdf(found - 1) < np.array([0.05, 0.5, 0.975]) + 1e-9)[found > 0].all()


def test_the_mean_of_counts_stays_positive_and_keeps_its_gradient():
    """However low the location, the mean is above zero; the median's gradient is that of the mean."""
    location = torch.tensor([[-1000.0, -5.0, 0.0, 3.0, 1e6]], requires_grad=True)
    one = torch.ones(1, 1)
    some = Outlook(location, torch.ones(1, 5), torch.zeros(1, 5, 1), 0 * one, one, one)
    head = NegativeBinomial(QUANTILE_LEVELS)
    mean = head.mean_and_size(some)[0]
    assert (mean > 0).all()
    assert mean[0, 3] == 3.0
    head.quantiles(some)[..., QUANTILE_LEVELS.index(0.5)].sum().backward()
    assert location.grad[0, 3:].tolist() == [1.0, 1.0]
    assert location.grad.isfinite().all()
