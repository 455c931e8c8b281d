"""The parts of the network that know covariates."""

import numpy as np
import torch

from forecast.models.architecture import PLAIN
from forecast.models.covariates import Encoder, Response, cautious_ridge


def test_numbers_are_standardised_and_masked():
    """Zero and a mask of zero where nothing is known."""
    encoder = Encoder((0,))
    encoder.measure(torch.tensor([[1.0], [3.0], [float("nan")]]))
    assert encoder(torch.tensor([[1.0], [3.0], [float("nan")]])).tolist() == [[-1, 1], [1, 1], [0, 0]]


def test_categories_are_embedded_and_the_unknown_has_a_place_of_its_own():
    """Equal codes, equal vectors; a missing one is another vector than each of them."""
    encoder = Encoder((3, 0))
    encoded = encoder(torch.tensor([[0.0, 1], [2, 1], [0, 1], [float("nan"), 1]]))
    assert encoded.shape == (4, encoder.width)
    assert torch.equal(encoded[0], encoded[2])
    assert len({tuple(row) for row in encoded.tolist()}) == 3


def test_a_response_starts_at_nothing_and_may_bend():
    """A fit of its features to a parabola is far better than a line, and two values leave nothing to bend."""
    response = Response((0, 0))
    x = torch.linspace(-3, 3, 200)
    rows = torch.stack([x, (x > 0).float()], 1)
    response.measure(rows)
    assert torch.equal(response(rows), torch.zeros(200))
    features = response.features(rows)
    y, known = x.square().numpy(), torch.cat([features, torch.ones(200, 1)], 1).numpy()
    left = y - known @ np.linalg.lstsq(known, y)[0]
    assert left.std() < 0.2 * y.std()
    assert torch.count_nonzero(features[:, 3::2]) == 0


def test_a_constant_column_divides_by_nothing():
    """Neither inputs nor features become infinite."""
    rows = torch.full((10, 1), 7.0)
    for part in (Encoder((0,)), Response((0,))):
        part.measure(rows)
        assert torch.isfinite(part(rows)).all()


def test_what_lies_far_outside_the_training_rows_is_cut_off():
    """A temperature of a thousand degrees moves a forecast as far as one of six standard deviations."""
    encoder = Encoder((0,))
    encoder.measure(torch.tensor([[-1.0], [1.0]]))
    assert encoder(torch.tensor([[1000.0]]))[0, 0] == 6


def test_ridge_finds_what_is_there_and_nothing_where_there_is_nothing():
    """The weights of a linear effect among outliers, and zeros for noise."""
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(200, 4, 2)), dtype=torch.float32)
    y = 2 * x[..., 0] + torch.tensor(0.3 * rng.normal(size=(200, 4)), dtype=torch.float32)
    y[::20] += 50
    np.testing.assert_allclose(cautious_ridge(x, y).numpy(), [2, 0], atol=0.1)
    noise = torch.tensor(rng.normal(size=(200, 4)), dtype=torch.float32)
    assert cautious_ridge(x, noise).abs().max() < 0.1
    assert cautious_ridge(x[:2], y[:2]).tolist() == [0, 0]


def test_what_is_not_known_gives_no_gradient():
    """A step before the series began moves no weight, and makes none of them undefined."""
    for part in (Encoder((3,)), Response((PLAIN,)), Response((0,)), Response((3,))):
        part(torch.tensor([[float("nan")], [1.0]])).sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in part.parameters())


def test_what_the_anchors_know_already_gets_no_weight():
    """Features that differ from nothing by rounding must not explain noise."""
    rng = np.random.default_rng(0)
    rounding = torch.tensor(1e-7 * rng.normal(size=(200, 4, 2)), dtype=torch.float32)
    noise = torch.tensor(rng.normal(size=(200, 4)), dtype=torch.float32)
    assert cautious_ridge(rounding, noise).abs().max() < 1e-3
