"""Gaps: shares and places of missing values."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic.gaps import before_the_beginning, scattered, stretch


def test_scattered_gaps_are_a_tenth_on_average_and_a_fifth_at_most() -> None:
    """The chance is uniform between nothing and a fifth."""
    rng = np.random.default_rng(0)
    shares = np.array([scattered(rng, 1000).mean() for _ in range(500)])
    assert shares.mean() == pytest.approx(0.1, abs=0.01)
    assert shares.max() < 0.24


def test_a_stretch_is_one_piece_of_a_sixth_at_most() -> None:
    """It begins once, and has a step at least."""
    rng = np.random.default_rng(1)
    for _ in range(300):
        missing = stretch(rng, 120)
        assert 1 <= missing.sum() <= 21
        assert (np.diff(np.concatenate([[False], missing]).astype(int)) == 1).sum() == 1


def test_lengths_of_short_series_are_log_uniform_from_two_seasons() -> None:
    """The median of lengths from 20 to 500 is their geometric mean, 100; and what is missing comes first."""
    rng = np.random.default_rng(2)
    drawn = [before_the_beginning(rng, 500, 10) for _ in range(2000)]
    lengths = np.array([(~missing).sum() for missing in drawn])
    assert lengths.min() >= 20
    assert lengths.max() <= 500
    assert np.median(lengths) == pytest.approx(100, rel=0.08)
    assert all((np.diff(missing.astype(int)) <= 0).all() for missing in drawn)


def test_a_context_shorter_than_two_seasons_is_full() -> None:
    """There is nothing to leave out."""
    assert not before_the_beginning(np.random.default_rng(3), 30, 24).any()
