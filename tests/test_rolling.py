"""Rolling: cutoffs that can be counted on paper, and nothing from beyond them."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.errors import ConfigError, DataError
from forecast.rolling import Rolling, Window, ahead, default_windows, divided, history, windows_of
from tests.panels import daily, driven

NAN = float("nan")


def test_the_last_window_ends_where_its_series_ends() -> None:
    """Three windows of 4 steps, 2 apart: 8, 6 and 4 steps before the end."""
    rolling = Rolling(3, 2, 4)
    assert [rolling.offset(number) for number in range(3)] == [8, 6, 4]
    assert rolling.overlap == 2


@pytest.mark.parametrize(
    ("windows", "step", "horizon", "overlap"), [(5, 4, 4, 1), (5, 9, 4, 1), (5, 3, 7, 3), (2, 1, 9, 2)]
)
def test_windows_overlap_when_the_step_is_shorter_than_the_horizon(
    windows: int, step: int, horizon: int, overlap: int
) -> None:
    """Three in a row share steps where the horizon reaches into the third; never more than there are."""
    assert Rolling(windows, step, horizon).overlap == overlap


def test_every_series_has_the_same_cutoffs_from_its_own_end() -> None:
    """Series of 10 and 6 steps, two windows of 2 steps."""
    windows, notes = windows_of(daily(range(10), range(6)), Rolling(2, 2, 2), 1)
    assert windows == [Window(0, 0, 6), Window(1, 0, 2), Window(0, 1, 8), Window(1, 1, 4)]
    assert notes == []


def test_a_window_with_nothing_to_see_is_left_out() -> None:
    """One series is too short for the first cutoff, one has a gap before it, one has nothing after it."""
    gap = [1, 2, NAN, NAN, NAN, NAN, 7, 8, 9, 10]
    nothing = [1, 2, 3, 4, 5, 6, NAN, NAN, 9, 10]
    windows, notes = windows_of(daily(range(4), gap, nothing, range(10)), Rolling(2, 2, 2), 1)
    assert [(w.series, w.number) for w in windows] == [(3, 0), (0, 1), (1, 1), (2, 1), (3, 1)]
    assert notes == ["3 of 8 windows left out: no value in the season before the cutoff, or none after it"]


def test_a_window_is_left_out_where_a_future_covariate_is_not_known() -> None:
    """The second of three windows of 2 steps lacks one of its promotions."""
    promo = np.zeros((12, 1))
    promo[9] = NAN
    windows, notes = windows_of(driven(np.arange(12.0), promo), Rolling(3, 2, 2), 1)
    assert [w.number for w in windows] == [0, 2]
    assert notes == ["1 of 3 windows left out: a future covariate is not known over their horizon"]
    past = driven(np.arange(12.0), promo, role="past")
    assert len(windows_of(past, Rolling(3, 2, 2), 1)[0]) == 3


def test_windows_that_reach_back_too_far_are_refused_with_the_number_that_fits() -> None:
    """Ten steps hold four windows of 2 and one step before them."""
    with pytest.raises(DataError, match="reach back 12 steps, and the longest series has 10") as caught:
        windows_of(daily(range(10)), Rolling(6, 2, 2), 1)
    assert caught.value.hint == "--windows 4"
    assert windows_of(daily(range(10)), Rolling(4, 2, 2), 1)
    with pytest.raises(DataError) as caught:
        windows_of(daily(range(10)), Rolling(1, 10, 10), 1)
    assert caught.value.hint == "--horizon 2"


def test_where_no_window_is_left_the_reasons_are_told() -> None:
    """A future covariate that is known nowhere."""
    with pytest.raises(DataError, match="nothing to forecast: 2 of 2 windows left out: a future covariate"):
        windows_of(driven(np.arange(12.0), np.full((12, 1), NAN)), Rolling(2, 2, 2), 1)


def test_a_history_holds_nothing_from_beyond_its_cutoff_but_future_covariates() -> None:
    """Values, times and past covariates end there; what came is `ahead`."""
    rows = np.arange(14.0)[:, None]
    past = history(driven(np.arange(12.0), rows, role="past"), Window(0, 0, 8))
    assert (len(past.values), len(past.timestamps)) == (8, 8)
    assert np.isnan(past.covariates[8:]).all()
    future = driven(np.arange(12.0), rows)
    np.testing.assert_array_equal(history(future, Window(0, 0, 8)).covariates, rows)
    assert ahead(future.series[0], Window(0, 0, 8), 3).tolist() == [8, 9, 10]


@pytest.mark.parametrize(
    ("length", "horizon", "step", "windows"), [(144, 12, 12, 3), (20, 12, 12, 1), (9999, 7, 7, 10)]
)
def test_as_many_windows_as_the_last_quarter_holds(length: int, horizon: int, step: int, windows: int) -> None:
    """36 months hold three years; there is always one, and never more than ten."""
    assert default_windows(daily(np.arange(length)), horizon, step) == windows


def test_a_number_below_one_is_refused() -> None:
    """It would be no window at all."""
    with pytest.raises(ConfigError, match="step_size is 0"):
        Rolling(3, 0, 2)


def test_windows_are_divided_where_their_histories_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, nothing changes places, and a single long one is a part of its own."""
    monkeypatch.setattr("forecast.rolling._MOST_STEPS", 10)
    windows = [Window(0, i, cut) for i, cut in enumerate((4, 5, 6, 20, 1))]
    assert divided(windows) == [[0, 1], [2], [3], [4]]
    assert divided([Window(0, 0, 5), Window(0, 1, 6), Window(1, 0, 9)], by_cutoff=True) == [[0, 2], [1]]
