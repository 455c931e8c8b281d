"""Windows: normalised by their context, short or with gaps in it, and whole in the future."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic import FAMILIES, draw_windows


@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_value_of_a_context_is_0_and_its_spread_1(name: str) -> None:
    """Of what was observed; and the future is whole."""
    family = FAMILIES[name]
    windows = draw_windows(np.random.default_rng(0), family.season_lengths, 120, 20, 50)
    assert windows.shape == (50, 140)
    assert np.isfinite(windows[:, 120:]).all()
    for context in windows[:, :120]:
        observed = context[~np.isnan(context)]
        assert observed[-1] == 0
        assert observed.std() == pytest.approx(1)


def test_windows_of_a_seed_are_the_same() -> None:
    """Bit by bit."""
    first, again = (draw_windows(np.random.default_rng(4), (24, 168), 200, 24, 30) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_no_window_is_twice_and_at_most_four_are_of_a_series() -> None:
    """Nine windows need three series: with the same seed the fifth window differs from one of the first series."""
    windows = draw_windows(np.random.default_rng(5), (12,), 60, 12, 9)
    assert len({window.tobytes() for window in windows}) == 9


def test_short_series_are_as_common_as_told_and_have_two_seasons_at_least() -> None:
    """In nine of twenty contexts, hardly any of them by chance as long as the context, values begin later."""
    windows = draw_windows(np.random.default_rng(6), (12,), 400, 12, 2000)
    beginnings = np.isfinite(windows).argmax(axis=1)
    assert np.mean(beginnings > 5) == pytest.approx(0.45, abs=0.04)
    whole = ~np.isnan(windows[:, :400]).any(axis=1)
    assert whole.mean() == pytest.approx(0.55 * 0.95 * 0.97, abs=0.04)
    assert beginnings.max() >= 400 - 48
    # A scattered gap or a stretch may hide the first values, but a season is left of two.
    assert beginnings.max() <= 400 - 12
