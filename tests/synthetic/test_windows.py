"""Windows: normalised by their context, short or with gaps in it, and whole in the future."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import forecast.synthetic.windows as module
from forecast.synthetic import FAMILIES, draw_series, draw_windows
from forecast.synthetic.drawing import Rng, Values


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


def test_a_series_gives_four_windows_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine windows need three series, and no two of them are the same."""
    lengths = []

    def counted(rng: Rng, season_lengths: Sequence[int], length: int, growing: float) -> Values:
        lengths.append(length)
        return draw_series(rng, season_lengths, length, growing)

    monkeypatch.setattr(module, "draw_series", counted)
    windows = draw_windows(np.random.default_rng(5), (12,), 60, 12, 9)
    assert len(lengths) == 3
    assert all(72 <= length < 72 + 60 for length in lengths)
    assert len({window.tobytes() for window in windows}) == 9


def test_contexts_without_spread_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series that moves once, in its middle, is cut where the context sees it; a wild future is not shown."""
    step = np.repeat([0.0, 1.0], 100)
    monkeypatch.setattr(module, "draw_series", lambda rng, season_lengths, length, growing: step[-length:])
    for window in draw_windows(np.random.default_rng(6), (1,), 100, 20, 20):
        assert np.nanstd(window[:100]) == pytest.approx(1)
    calm = np.sin(np.arange(220.0))
    calm[150:] = 1e6
    monkeypatch.setattr(module, "draw_series", lambda rng, season_lengths, length, growing: calm[:length])
    assert np.nanmax(np.abs(draw_windows(np.random.default_rng(7), (1,), 100, 20, 20))) <= 1e3


def test_short_series_are_as_common_as_told_and_have_two_seasons_at_least() -> None:
    """In nine of twenty contexts values begin later; a twentieth has scattered gaps, three in a hundred a stretch."""
    windows = draw_windows(np.random.default_rng(6), (12,), 400, 12, 2000)
    beginnings = np.isfinite(windows).argmax(axis=1)
    assert np.mean(beginnings > 5) == pytest.approx(0.45, abs=0.04)
    whole = ~np.isnan(windows[:, :400]).any(axis=1)
    assert whole.mean() == pytest.approx(0.55 * 0.95 * 0.97, abs=0.04)
    assert beginnings.max() >= 400 - 48
    # A scattered gap or a stretch may hide the first values, but a season is left of two.
    assert beginnings.max() <= 400 - 12


def test_a_family_says_how_many_of_its_series_are_short() -> None:
    """None, and all of them."""
    for short, share in ((0.0, 0.0), (1.0, 1.0)):
        windows = draw_windows(np.random.default_rng(8), (12,), 400, 12, 400, short=short)
        beginnings = np.isfinite(windows).argmax(axis=1)
        # A scattered gap may hide the first value of any series.
        assert np.mean(beginnings > 5) == pytest.approx(share, abs=0.03)


def test_series_of_a_growing_family_go_somewhere() -> None:
    """Where all grow, the last value lies farther from the first, beside the changes between, than where none does."""
    far = []
    for growing in (0.0, 1.0):
        windows = draw_windows(np.random.default_rng(9), (1,), 60, 6, 400, short=0.0, growing=growing)
        first, last = np.nanmean(windows[:, :5], axis=1), np.nanmean(windows[:, 55:60], axis=1)
        far.append(np.median(np.abs(last - first)))
    assert far[1] > 1.2 * far[0]
