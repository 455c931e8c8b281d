"""The pinball loss has the value its definition gives and skips what is missing."""

import math

import pytest
import torch

from forecast.models.losses import pinball

LEVELS = torch.tensor([0.1, 0.5, 0.9])


def test_it_is_the_doubled_mean_of_the_weighted_errors():
    """An error of 1 above costs the level, an error of 1 below costs one minus the level."""
    quantiles = torch.tensor([[[0.0, 0.0, 0.0]]])
    above = pinball(quantiles, torch.tensor([[1.0]]), LEVELS, torch.ones(1, 1))
    below = pinball(quantiles, torch.tensor([[-1.0]]), LEVELS, torch.ones(1, 1))
    assert above.item() == pytest.approx(2 * (0.1 + 0.5 + 0.9) / 3)
    assert below.item() == pytest.approx(2 * (0.9 + 0.5 + 0.1) / 3)


def test_errors_are_measured_in_the_scale():
    """Twice the scale is half the loss."""
    quantiles, target = torch.zeros(1, 1, 3), torch.ones(1, 1)
    one, two = (pinball(quantiles, target, LEVELS, torch.full((1, 1), s)).item() for s in (1.0, 2.0))
    assert one == pytest.approx(2 * two)


def test_missing_targets_have_no_part_in_it():
    """Steps without a target change neither the loss nor its gradient."""
    quantiles = torch.zeros(1, 2, 3, requires_grad=True)
    loss = pinball(quantiles, torch.tensor([[1.0, math.nan]]), LEVELS, torch.ones(1, 1))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert quantiles.grad is not None
    assert (quantiles.grad[0, 1] == 0).all()
    assert torch.isfinite(quantiles.grad).all()


def test_without_any_target_it_is_zero():
    """A batch in which nothing was observed teaches nothing."""
    assert pinball(torch.zeros(1, 1, 3), torch.full((1, 1), math.nan), LEVELS, torch.ones(1, 1)).item() == 0
