"""Anchors continue a context in ways that can be worked out by hand."""

import math

import pytest
import torch

from forecast.models.anchors import anchors, count_anchors, fill_missing

NAN = math.nan


def enough(context):
    return torch.full((context.shape[0],), context.shape[1])


def test_the_first_anchor_is_the_last_value():
    """Whatever the season, the naive forecast is among them."""
    context = torch.tensor([[5.0, 1.0, 2.0, 7.0]])
    assert anchors(context, enough(context), (2,), 3)[0, 0].tolist() == [7, 7, 7]


def test_one_cycle_is_the_seasonal_naive_forecast():
    """The last season repeated, for as long as the horizon."""
    context = torch.tensor([[9.0, 9.0, 9.0, 1.0, 2.0, 3.0]])
    assert anchors(context, enough(context), (3,), 5)[0, 1].tolist() == [1, 2, 3, 1, 2]


def test_a_season_with_a_trend_is_continued_at_half_its_growth():
    """Two cycles that rise by 10 each are continued by two that rise by 5."""
    context = torch.tensor([[1.0, 2.0, 11.0, 12.0]])
    found = anchors(context, enough(context), (2,), 4)[0]
    assert [16, 17, 21, 22] in found.tolist()


def test_without_a_season_half_the_line_is_continued():
    """A season of one step leaves the last value and lines."""
    context = torch.arange(8.0)[None]
    found = anchors(context, enough(context), (1,), 2)[0]
    assert found[0].tolist() == [7, 7]
    assert [7.5, 8] in found.tolist()


def test_without_a_season_there_are_means_of_the_last_values():
    """Over two, four and eight steps."""
    context = torch.tensor([[4.0, 0.0, 0.0, 0.0, 2.0, 0.0, 4.0, 2.0]])
    found = anchors(context, enough(context), (1,), 2)[0].tolist()
    assert [3, 3] in found
    assert [2, 2] in found
    assert [1.5, 1.5] in found


def test_a_season_can_be_averaged_over_its_cycles():
    """The mean of two cycles, level and all."""
    context = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    assert [2, 4, 2, 4] in anchors(context, enough(context), (2,), 4)[0].tolist()


@pytest.mark.parametrize(("length", "seasons"), [(4, (2,)), (24, (12,)), (48, (1,)), (336, (24, 168)), (3, (7,))])
def test_they_are_as_many_as_counted(length, seasons):
    """The network's gate has one weight per anchor, so the count must be right."""
    context = torch.rand(2, length)
    assert anchors(context, enough(context), seasons, 5).shape == (2, count_anchors(length, seasons), 5)


def test_cycles_that_reach_before_the_first_value_are_replaced():
    """With five known steps of four-step seasons the two-cycle anchors fall back to one cycle, or to the last value."""
    context = torch.tensor([[0.0, 0.0, 0.0, 4.0, 1.0, 2.0, 3.0, 4.0]])
    once, again = (anchors(context, torch.tensor([known]), (4,), 4, range(6))[0].tolist() for known in (5, 3))
    assert once[:3] == [[4, 4, 4, 4], [1, 2, 3, 4], [1, 2, 3, 4]]
    assert once[3:] == [[4, 4, 4, 4]] * 3
    assert again == [[4, 4, 4, 4]] * 6


def test_any_of_them_can_be_had_alone():
    """Those that are kept are what they are among all, and in their order."""
    context = torch.randn(3, 24)
    everything = anchors(context, enough(context), (4, 1), 5)
    some = [0, 5, everything.shape[1] - 20, everything.shape[1] - 1]
    torch.testing.assert_close(anchors(context, enough(context), (4, 1), 5, some), everything[:, some])


def test_without_smoothing_there_are_those_of_cycles_alone():
    """They come first, so a network that knows no others counts the same way."""
    fewer, all_ = count_anchors(24, (4,), smoothing=False), count_anchors(24, (4,))
    assert 0 < fewer < all_


@pytest.mark.parametrize(
    ("context", "filled"),
    [
        ([1.0, 2, 3, 4, NAN, 6], [1, 2, 3, 4, 2, 6]),
        ([NAN, NAN, 3, 4, 5, NAN], [3, 3, 3, 4, 5, 3]),
        ([1.0, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
    ],
    ids=["a season ago", "the nearest where there is no season ago", "nothing missing"],
)
def test_missing_values_come_from_the_season_before_or_the_nearest_step(context, filled):
    """With a season of three steps."""
    assert fill_missing(torch.tensor([context]), (3,)).tolist() == [filled]


def test_each_context_of_a_batch_is_filled_as_it_is_alone():
    """Beside one with gaps, one that is only padded, one that has all, and one that has nothing."""
    contexts = torch.tensor(
        [[1.0, 2, 3, 4, NAN, 6], [NAN, NAN, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6], [NAN, NAN, NAN, NAN, NAN, NAN]]
    )
    filled = [[1.0, 2, 3, 4, 2, 6], [3.0, 3, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6]]
    assert fill_missing(contexts, (3,))[:3].tolist() == filled
    assert fill_missing(contexts, (3,))[3].isnan().all()


@pytest.mark.parametrize("available", [3, 8, 23, 24])
def test_any_one_anchor_is_what_it_is_among_all(available):
    """Also where one over fewer cycles has to stand in for it."""
    context = torch.arange(24.0)[None] ** 1.5 % 7
    everything = anchors(context, torch.tensor([available]), (3, 12, 1), 14)
    for k in range(count_anchors(24, (3, 12, 1))):
        alone = anchors(context, torch.tensor([available]), (3, 12, 1), 14, [k])
        torch.testing.assert_close(alone[:, 0], everything[:, k])
