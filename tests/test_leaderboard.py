"""Leaderboard: scores, ranks and tests that can be worked out on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forecast.config import QUANTILE_LEVELS
from forecast.leaderboard import HeldOut, Leaderboard, Method, rank

NAN = float("nan")


def held_out(
    histories: list[list[float]], actual: list[list[float]], series: list[int], cutoffs: list[int], overlap: int = 1
) -> HeldOut:
    arrays = tuple(np.array(history, float) for history in histories)
    return HeldOut(arrays, np.array(actual, float), np.array(series), np.array(cutoffs), overlap)


def method(name: str, medians: list[list[float]], half_width: float = 0.0, seen: int = 0) -> Method:
    offsets = np.linspace(-half_width, half_width, len(QUANTILE_LEVELS))
    return Method(name, np.array(medians, float)[..., None] + offsets, seen=seen)


def board(windows: HeldOut, *methods: Method, season_length: int = 1) -> Leaderboard:
    return rank(windows, methods, season_length, QUANTILE_LEVELS)


def walks(cutoffs: int, overlap: int = 1) -> HeldOut:
    """Histories that move by 1 a step, and zeros after them."""
    return held_out([[0, 1, 0, 1]] * cutoffs, [[0.0, 0.0]] * cutoffs, [0] * cutoffs, list(range(cutoffs)), overlap)


def test_the_best_stands_first() -> None:
    """Errors of 2 and 1 on a history that moves by 1 a step."""
    found = board(walks(2), method("worse", [[2, 2], [2, 2]]), method("better", [[1, 1], [1, 1]]))
    assert [(s.name, s.metrics["mase"], s.metrics["mae"]) for s in found.standings] == [
        ("better", 1, 1),
        ("worse", 2, 2),
    ]
    assert found.best is not None
    assert found.best.name == "better"


def test_the_relative_error_is_a_geometric_mean_over_series() -> None:
    """Seasonal naive is off by 2 on one series and by 1 on the other, the method by 1 and by 8: √(1/2 · 8) = 2.

    The first series has two windows, and its errors are put together before they are divided.
    """
    windows = held_out([[0, 2], [0, 2], [0, 1]], [[4.0], [4.0], [0.0]], [0, 0, 1], [0, 1, 1])
    (found,) = board(windows, method("m", [[3], [5], [8]])).standings
    assert found.relative_mae == pytest.approx(2)


def test_errors_and_coverage_are_told_for_each_step_ahead() -> None:
    """One step right, the next off by 2 and then by 4; the interval of 80 % reaches 2 to each side."""
    windows = held_out([[0, 1], [0, 2]], [[0, 0], [0, NAN]], [0, 0], [0, 1])
    (found,) = board(windows, method("m", [[0, 2.5], [1, 9]], half_width=3)).standings
    assert found.by_lead["mae"] == pytest.approx([0.5, 2.5])
    assert found.by_lead["mase"] == pytest.approx([0.25, 2.5])
    assert found.by_lead["coverage_80"] == [1.0, 0.0]
    assert found.by_lead["coverage_95"] == [1.0, 1.0]


def test_a_difference_that_is_the_same_at_every_cutoff_is_real() -> None:
    """And one that comes and goes is not."""
    steady = method("steady", [[2, 2]] * 4)
    lucky = method("lucky", [[0.5, 0.5], [1.6, 1.6], [0.5, 0.5], [1.6, 1.6]])
    found = board(walks(4), method("best", [[1, 1]] * 4), steady, lucky)
    assert [s.p_value < 0.05 for s in found.standings] == [False, False, True]
    assert found.verdict == "best is best (MASE 1), and really better than steady; there is no real difference to lucky"


def test_a_cutoff_counts_once_however_many_series_there_are() -> None:
    """At both cutoffs four series agree, but two differences that differ are too few for 5 %."""
    windows = held_out([[0, 1]] * 8, [[0.0]] * 8, [0, 1, 2, 3] * 2, [0] * 4 + [1] * 4)
    found = board(windows, method("a", [[1]] * 8), method("b", [[2]] * 4 + [[3]] * 4))
    # Differences of 1 and 2: t = 1.5 / 0.5 = 3 at one degree of freedom.
    assert found.standings[1].p_value == pytest.approx(1 - 2 * math.atan(3) / math.pi)
    assert found.verdict == "a is best (MASE 1), but no real difference to the others can be seen: it may be chance"


@pytest.mark.parametrize(
    ("cutoffs", "overlap", "said"), [(1, 1, "one cutoff"), (3, 3, "3 cutoffs whose windows overlap")]
)
def test_what_cannot_be_told_is_said(cutoffs: int, overlap: int, said: str) -> None:
    """One window, or windows that share steps, are one observation."""
    found = board(walks(cutoffs, overlap), method("a", [[1, 1]] * cutoffs), method("b", [[9, 9]] * cutoffs))
    assert math.isnan(found.standings[1].p_value)
    assert f"but {said} cannot tell whether that is more than chance" in found.verdict


def test_equal_forecasts_do_not_differ_by_rounding() -> None:
    """An ulp at every cutoff is no proof."""
    other = method("b", [[1 + 3e-16, 1 + 3e-16]] * 5)
    assert board(walks(5), method("a", [[1, 1]] * 5), other).standings[1].p_value == 1.0


def test_rounding_is_no_difference_to_a_forecast_without_error() -> None:
    """A constant series that one method repeats, and another but for an ulp."""
    windows = held_out([[5, 5]] * 3, [[5.0]] * 3, [0] * 3, [0, 1, 2])
    found = board(windows, method("exact", [[5]] * 3), method("near", [[5 + 9e-16]] * 3), method("off", [[6]] * 3))
    assert [s.p_value for s in found.standings[1:]] == [1.0, 0.0]


def test_what_was_trained_on_the_windows_is_never_the_best() -> None:
    """It is shown where its figure puts it, without a test."""
    found = board(walks(3), method("cheat", [[0, 0]] * 3, seen=3), method("fair", [[1, 1]] * 3))
    assert [s.name for s in found.standings] == ["cheat", "fair"]
    assert found.best is not None
    assert found.best.name == "fair"
    assert found.verdict == "fair has MASE 1; there is nothing to compare it with"
    alone = board(walks(3), method("cheat", [[0, 0]] * 3, seen=3))
    assert alone.best is None
    assert "no method can be called the best" in alone.verdict


def test_without_a_scale_the_absolute_error_decides() -> None:
    """Histories that never move have no MASE."""
    windows = held_out([[5, 5]] * 2, [[5.0]] * 2, [0, 0], [0, 1])
    found = board(windows, method("a", [[7]] * 2), method("b", [[6]] * 2))
    assert found.deciding == "mae"
    assert [s.name for s in found.standings] == ["b", "a"]
    assert found.verdict.startswith("b is best (MAE 1)")


def test_a_method_that_forecasts_nan_stands_last() -> None:
    """Its own failure is not averaged away."""
    found = board(walks(2), method("broken", [[NAN, 1], [1, 1]]), method("fine", [[9, 9], [9, 9]]))
    assert [s.name for s in found.standings] == ["fine", "broken"]
    assert math.isnan(found.standings[1].relative_mae)
