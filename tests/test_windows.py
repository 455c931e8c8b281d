"""Windows are views that stay inside their series."""

import numpy as np
import pytest
import torch

from forecast.windows import Windows

A = np.arange(1.0, 11.0)
B = np.arange(101.0, 107.0)


def drawn(windows, starts):
    """Context and target in the series' own numbers, the level put back."""
    batch = windows.batch(starts)
    level = torch.tensor(windows.levels, dtype=torch.float32)[windows.series_of(starts)][:, None]
    return batch.context + level, batch.target + level


@pytest.fixture
def windows():
    return Windows([A, B], context_length=4, horizon=2, device="cpu")


def test_each_window_is_the_rows_around_its_start(windows):
    """The context ends right before the start and the target begins there."""
    start = windows.begins[:1] + 5
    context, target = drawn(windows, start)
    assert context.tolist() == [[2.0, 3.0, 4.0, 5.0]]
    assert target.tolist() == [[6.0, 7.0]]


def test_no_window_sees_another_series(windows):
    """Whatever is drawn holds values of one series only."""
    rows = torch.cat(drawn(windows, windows.training_starts(min_context=1)), 1)
    for row in rows:
        kept = row[~torch.isnan(row)]
        assert (kept < 100).all() or (kept > 100).all()


def test_all_full_windows_are_drawn_once(windows):
    """With two steps behind and the horizon ahead, a series of T steps has T - 2 - H + 1 windows."""
    starts = windows.training_starts(min_context=2)
    assert len(starts) == len(set(starts.tolist())) == (10 - 2 - 2 + 1) + (6 - 2 - 1 + 1)


def test_a_context_longer_than_the_past_is_padded_with_missing(windows):
    """The first window of a series has NaN where nothing was."""
    context, target = drawn(windows, windows.begins[1:] + 1)
    assert torch.isnan(context[0, :3]).all()
    assert context[0, 3] == 101
    assert target.tolist() == [[102.0, 103.0]]


def test_the_final_window_ends_with_the_series_and_knows_no_target(windows):
    """What is forecast comes after everything that is known."""
    context, target = drawn(windows, windows.final_starts())
    assert context.tolist() == [[7.0, 8.0, 9.0, 10.0], [103.0, 104.0, 105.0, 106.0]]
    assert torch.isnan(target).all()


def test_windows_without_anything_to_learn_are_left_out():
    """A context or a target in which nothing was observed is no window."""
    holed = np.array([1.0, 2, np.nan, np.nan, np.nan, np.nan, np.nan, 8, 9, 10])
    windows = Windows([holed], context_length=2, horizon=2, device="cpu")
    batch = windows.batch(windows.training_starts(min_context=1))
    assert (~torch.isnan(batch.context)).any(1).all()
    assert (~torch.isnan(batch.target)).any(1).all()
    assert len(batch.context) > 0


def test_held_out_starts_count_from_each_series_own_end(windows):
    """An offset reaches back from where each series ends, and skips those that are too short for it."""
    starts = windows.starts_before_end([2, 7])
    assert drawn(windows, starts)[1][:, 0].tolist() == [9.0, 105.0, 4.0]
    assert windows.series_of(starts).tolist() == [0, 1, 0]


def test_held_out_windows_without_anything_to_see_are_left_out():
    """In an outage of six steps a context of four is empty at three starts, a target of two at five."""
    holed = np.arange(20.0)
    holed[6:12] = np.nan
    windows = Windows([holed], context_length=4, horizon=2, device="cpu")
    starts = windows.starts_before_end(range(1, 20)) - windows.begins[0]
    assert sorted(set(range(1, 20)) - set(starts.tolist())) == [6, 7, 8, 9, 10, 11, 12]


def test_large_levels_do_not_cost_small_changes():
    """A swing of ten on a billion survives numbers of 32 bits, because the level is kept apart."""
    values = 1e9 + np.array([0.0, 10, 0, 10, 0, 10, 0, 10])
    batch = Windows([values], context_length=4, horizon=1, device="cpu").batch(torch.tensor([8]))
    assert batch.context.tolist() == [[-10.0, 0.0, -10.0, 0.0]]


def test_windows_can_be_measured_by_what_was_known_before():
    """Level and spread come from the shorter history, so that later rows do not show in them."""
    known = Windows([A[:5]], context_length=4, horizon=2, device="cpu")
    whole = Windows([A], context_length=4, horizon=2, device="cpu", measured_by=known)
    assert whole.levels.tolist() == [5.0]
    assert whole.batch(whole.final_starts()).spread.tolist() == pytest.approx([A[:5].std()])


def test_the_spread_is_that_of_the_whole_series_and_never_zero():
    """A constant series is measured in ones."""
    windows = Windows([A, np.full(5, 3.0)], context_length=2, horizon=1, device="cpu")
    assert windows.batch(windows.final_starts()).spread.tolist() == pytest.approx([A.std(), 1.0])


def test_windows_are_views_of_one_buffer():
    """A million windows of a long series need the memory of the series, not of the windows."""
    windows = Windows([np.zeros(1_000_000)], context_length=500, horizon=100, device="cpu")
    assert windows._view.untyped_storage().nbytes() < 4 * 1_001_000
    assert windows._view.shape == (1_000_001, 600)
