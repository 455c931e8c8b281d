"""Candidates: what is fitted to a context finds what made it and knows nothing from before it."""

import pytest
import torch

from forecast.models.analogues import analogues, stretches_for
from forecast.models.anchors import anchors, count_anchors
from forecast.models.autoregression import Order, autoregressed, orders_for
from forecast.models.candidates import FIRST, NEWEST, candidate_names, candidate_traits, candidates, n_traits
from forecast.models.traits import N_OF_ANCHORS, Traits

SHAPES = [(60, (1,)), (60, (4,)), (168, (12,)), (208, (52,)), (336, (24, 168)), (720, (96, 672)), (9, (7,)), (2, (1,))]


def all_of(context):
    return torch.full((len(context),), context.shape[1])


def order_of(seasons, length, wanted):
    return orders_for(length, seasons).index(wanted)


@pytest.mark.parametrize(("length", "seasons"), SHAPES)
@pytest.mark.parametrize("design", [FIRST, NEWEST])
def test_every_candidate_has_traits_of_its_own(length, seasons, design):
    """A row of them for each, in order, and no two alike."""
    torch.manual_seed(0)
    context = torch.randn(3, length).cumsum(1)
    found = candidates(context, all_of(context), seasons, 7, design)
    traits = candidate_traits(length, seasons, design)
    assert found.shape == (3, len(traits), 7)
    assert torch.isfinite(found).all()
    assert traits.shape[1] == n_traits(design)
    assert len(traits.unique(dim=0)) == len(traits)


@pytest.mark.parametrize(("length", "seasons"), SHAPES)
@pytest.mark.parametrize("design", [FIRST, NEWEST])
def test_every_candidate_has_a_name_of_its_own(length, seasons, design):
    """As many as there are candidates, in their order: kinds are named as their traits say."""
    names = candidate_names(length, seasons, design)
    traits = candidate_traits(length, seasons, design)
    assert len(names) == len(set(names)) == len(traits)
    for name, row in zip(names, traits.tolist(), strict=True):
        own = Traits(*row)
        assert name.startswith("autoregression") == bool(own.autoregression)
        assert name.startswith("analogues") == bool(own.analogue)
        assert name.startswith("exponential smoothing") == bool(own.smoothing)
        assert (" half the slope " in name, " the whole slope " in name) == (
            bool(own.line and not own.drift),
            bool(own.line and own.drift),
        )
        assert name.endswith("with a drift") == bool(own.autoregression and own.drift)


@pytest.mark.parametrize(
    ("name", "season", "expected"),
    [
        ("last value and the whole slope over 4 steps", 1, [17.0, 18, 19, 20, 21]),
        ("profile over 2 seasons of 4 steps, with the whole slope between their levels", 4, [17.0, 18, 19, 20, 21]),
        (
            "autoregression of the changes over a season of 4 steps: lags 1 to 4, with a drift",
            4,
            [17.0, 18, 19, 20, 21],
        ),
        ("autoregression of the changes: lags 1 to 4, with a drift", 1, [17.0, 18, 19, 20, 21]),
    ],
)
def test_the_name_of_a_candidate_says_what_it_is(name, season, expected):
    """Each goes on with the numbers from 1 to 16 as they went."""
    context = torch.arange(1.0, 17)[None]
    found = candidates(context, all_of(context), (season,), 5)[0, candidate_names(16, (season,)).index(name)]
    torch.testing.assert_close(found, torch.tensor(expected), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (Order(0, (1,)), "autoregression of the values: lag 1"),
        (Order(1, (1, 2), True), "autoregression of the changes: lags 1 to 2, with a drift"),
        (Order(7, (1, 2, 3, 7)), "autoregression of the changes over a season of 7 steps: lags 1 to 3 and 7"),
        (Order(0, (1, 2, 3, 23, 24, 25, 168)), "autoregression of the values: lags 1 to 3, 23 to 25 and 168"),
    ],
)
def test_an_autoregression_names_what_it_is_of_its_lags_and_its_drift(order, name):
    """Lags that follow each other as one run."""
    assert order.name == name


def test_analogues_are_named_by_the_length_of_their_stretches():
    """In the order in which they stand, at the end."""
    assert candidate_names(60, (7,))[-2:] == tuple(
        f"analogues: what followed the 5 stretches of {steps} steps most like the last" for steps in (7, 14)
    )


def test_the_first_design_chose_between_anchors_alone():
    """Its candidates are the anchors, its traits those that anchors have."""
    torch.manual_seed(0)
    context = torch.randn(2, 60)
    known = all_of(context)
    assert torch.equal(candidates(context, known, (12,), 5, FIRST), anchors(context, known, (12,), 5))
    assert candidate_traits(60, (12,), FIRST).shape == (count_anchors(60, (12,)), N_OF_ANCHORS)
    assert Traits._fields[:N_OF_ANCHORS][-1] == "season"


@pytest.mark.parametrize("seasons", [(1,), (4,)])
def test_a_line_at_its_whole_slope_goes_on_as_it_was(seasons):
    """Where the anchors have half of it: for a straight line these candidates are exact at the end of each season."""
    m, horizon = seasons[0], 8
    context = torch.arange(60.0)[None]
    traits = [Traits(*row) for row in candidate_traits(60, seasons).tolist()]
    found = candidates(context, all_of(context), seasons, horizon)[0]
    whole = [i for i, t in enumerate(traits) if t.line and t.drift]
    assert whole
    for i in whole:
        torch.testing.assert_close(found[i, m - 1 :: m], torch.arange(60.0, 60 + horizon)[m - 1 :: m])


def test_an_autoregression_finds_the_weights_that_made_a_series():
    """y_t = 1.2 y_{t-1} - 0.7 y_{t-2} about its mean: the forecast without noise is the recursion itself."""
    torch.manual_seed(1)
    values = torch.zeros(400)
    for t in range(2, 400):
        values[t] = 1.2 * values[t - 1] - 0.7 * values[t - 2] + 0.1 * torch.randn(())
    context = values[None] + 5
    found = autoregressed(context, all_of(context), (1,), 6)[0, order_of((1,), 400, Order(0, (1, 2, 3, 4)))]
    mean, expected = context.mean(), list(context[0, -2:] - context.mean())
    for _ in range(6):
        expected.append(1.2 * expected[-1] - 0.7 * expected[-2])
    torch.testing.assert_close(found, torch.stack(expected[2:]) + mean, atol=0.08, rtol=0)


def test_a_season_of_changes_repeats_itself():
    """Without noise, differences over a season are zero: the last season goes on, and with a drift the line too."""
    season = torch.tensor([0.0, 4.0, 1.0, 7.0])
    flat = season.repeat(15)[None]
    rising = flat + torch.arange(60.0) / 4
    at = order_of((4,), 60, Order(4, (1, 2, 3, 4)))
    torch.testing.assert_close(autoregressed(flat, all_of(flat), (4,), 8)[0, at], season.repeat(2), atol=1e-4, rtol=0)
    drifting = order_of((4,), 60, Order(4, (1, 2, 3, 4), drift=True))
    ahead = season.repeat(2) + torch.arange(60.0, 68.0) / 4
    torch.testing.assert_close(autoregressed(rising, all_of(rising), (4,), 8)[0, drifting], ahead, atol=1e-3, rtol=0)


def test_an_autoregression_never_runs_away():
    """A series that doubles at each step: forecasts stay within a range of the context beyond it."""
    context = (2.0 ** torch.arange(30.0))[None]
    found = autoregressed(context, all_of(context), (1,), 50)
    assert torch.isfinite(found).all()
    assert found.max() <= 2 * context.max() - context.min()


@pytest.mark.parametrize("made", ["autoregressed", "analogues"])
def test_what_lies_before_the_first_value_changes_nothing(made):
    """Forecasts are those of what was observed, whatever stands before it."""
    torch.manual_seed(2)
    context = torch.randn(1, 96).cumsum(1)
    available = torch.tensor([60])
    other = context.clone()
    other[:, :36] = other[:, 36:37]
    context[:, :36] = 0.5 * (context[:, 36:].amin() + context[:, 36:].amax())
    for m in (1, 12):
        found, again = (
            autoregressed(c, available, (m,), 9) if made == "autoregressed" else analogues(c, available, m, 9)
            for c in (context, other)
        )
        torch.testing.assert_close(found, again, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("known", [1, 2, 5])
def test_next_to_nothing_is_forecast_without_anything_that_is_not_finite(known):
    """A value or two, and the rest of the context as filling."""
    context = torch.full((1, 60), 3.0)
    context[:, -known:] += torch.arange(float(known))
    assert torch.isfinite(candidates(context, torch.tensor([known]), (12,), 30)).all()


def test_analogues_go_on_as_the_nearest_stretches_did():
    """A pattern without a fixed length that came before: what followed it follows again, on the level of today."""
    torch.manual_seed(3)
    motif = torch.tensor([0.0, 5.0, -5.0, 2.0, 0.0, 1.0, 8.0, -3.0, 4.0])
    noise = 0.01 * torch.randn(120)
    values = torch.zeros(120) + noise
    for begin in (10, 33, 50, 71, 90):
        values[begin : begin + 9] += motif
    context = torch.cat([values, motif[:6] + 100.0])[None]
    (found,) = analogues(context, all_of(context), 1, 3)[0, :1]
    assert stretches_for(126, 1)[0] == 6
    torch.testing.assert_close(found, motif[6:] + 100.0, atol=0.1, rtol=0)


def test_analogues_compare_by_the_sum_of_squares(monkeypatch):
    """One nearest stretch, found by the transform, is that of a plain search over all of them."""
    monkeypatch.setattr("forecast.models.analogues._NEAREST", 1)
    torch.manual_seed(4)
    context = torch.randn(5, 150).cumsum(1)
    found = analogues(context, all_of(context), 12, 10)[:, 0]
    for row, own in zip(context, found, strict=True):
        last = row[-12:] - row[-12:].mean()
        begins = range(150 - 10 - 12 + 1)
        far = [((row[b : b + 12] - row[b : b + 12].mean() - last) ** 2).sum() for b in begins]
        b = min(begins, key=lambda b: far[b])
        expected = row[b + 12 : b + 22] - row[b : b + 12].mean() + row[-12:].mean()
        # Of a context of 150, what followed is known for a third and more of it.
        torch.testing.assert_close(own, expected, atol=1e-3, rtol=0)


def test_a_horizon_beyond_what_followed_repeats_its_last_season():
    """A context of 60 tells what came up to 20 steps after a stretch; after that, the last season again and again."""
    torch.manual_seed(5)
    context = torch.randn(2, 60)
    found = analogues(context, all_of(context), 4, 40)
    torch.testing.assert_close(found[..., 20:24], found[..., 16:20])
    torch.testing.assert_close(found[..., 36:], found[..., 16:20])


def test_no_gradient_goes_through_an_autoregression():
    """It is fitted in closed form, and a constant to what learns."""
    context = torch.randn(2, 60, requires_grad=True)
    assert not autoregressed(context, all_of(context), (4,), 5).requires_grad
    assert candidates(context, all_of(context), (4,), 5).requires_grad


@pytest.mark.parametrize("known", [5, 12, 18, 23])
def test_before_its_second_season_a_line_has_no_slope_to_be_whole(known):
    """It is the last value there, as the line at half its slope is, whatever the one season looked like."""
    torch.manual_seed(6)
    context = torch.zeros(1, 60)
    context[0, -known:] = torch.randn(known)
    context[0, :-known] = context[0, -known]
    traits = [Traits(*row) for row in candidate_traits(60, (12,)).tolist()]
    found = candidates(context, torch.tensor([known]), (12,), 9)[0]
    for i in (i for i, t in enumerate(traits) if t.line and t.drift):
        torch.testing.assert_close(found[i], context[0, -1].expand(9))
