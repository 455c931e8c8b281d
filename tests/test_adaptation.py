"""Intervals answer to how they did: exact steps, in the order of time, and in the long run the right coverage."""

import math

import numpy as np
import pytest

from forecast.adaptation import Adaptation


def reaching(*reaches):
    """One cutoff whose outcomes reach so far, measured in the half-widths of two intervals of equal width."""
    return np.repeat(np.array(reaches, float)[:, None], 2, axis=1)


def test_a_cutoff_moves_the_logarithm_of_the_width_by_what_it_lacked():
    """Half of four outcomes inside, 80 % promised: 0.3 too few, times a rate of 0.5; of 50 % none is lacking."""
    found = Adaptation.begin([0.5, 0.8]).after(reaching(0.5, 0.9, 1.1, 3.0), rate=0.5)
    assert found.held == (0.5, 0.5)
    assert found.changes == pytest.approx((1.0, math.exp(0.15)))
    assert (found.cutoffs, found.outcomes) == (1, 4)
    assert found.by_quantile == pytest.approx([math.exp(0.15), 1.0, 1.0, 1.0, math.exp(0.15)])


def test_a_cutoff_is_judged_by_the_widths_known_there():
    """A reach of 1.1 is inside once the first cutoff has widened the intervals by e ** 0.15, and outside before."""
    first = Adaptation.begin([0.8]).after(np.array([[0.5], [0.9], [1.1], [3.0]]), rate=0.5)
    second = first.after(np.array([[1.1], [1.1]]), rate=0.5)
    assert second.held == pytest.approx((4 / 6,))
    assert second.changes[0] == pytest.approx(math.exp(0.15 - 0.1))


def test_what_is_not_observed_yet_does_not_count():
    """A quarter of the outcomes, all of them outside: a quarter of the step."""
    found = Adaptation.begin([0.8]).after(np.array([[2.0], [np.nan], [np.nan], [np.nan]]), rate=0.5)
    assert found.changes[0] == pytest.approx(math.exp(0.8 * 0.5 / 4))
    nothing = Adaptation.begin([0.8])
    assert nothing.after(np.full((3, 1), np.nan)) is nothing


def test_all_series_and_steps_of_a_cutoff_count_together():
    """Two series of two steps: one outcome of four outside."""
    found = Adaptation.begin([0.8]).after(np.array([[[0.1], [0.2]], [[0.3], [7.0]]]), rate=1.0)
    assert found.changes[0] == pytest.approx(math.exp(0.05))


def test_the_change_has_bounds():
    """However long everything lies outside, or nothing does."""
    wide = narrow = Adaptation.begin([0.95])
    for _ in range(200):
        wide, narrow = wide.after(np.full((5, 1), np.inf)), narrow.after(np.zeros((5, 1)))
    assert wide.changes == (4.0,)
    assert narrow.changes == (0.25,)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_coverage_comes_right_whatever_the_widths_were_worth(scale):
    """Errors half or two and a half times as large as the intervals say: over 400 cutoffs, 80 % lie inside."""
    rng = np.random.default_rng(0)
    found = Adaptation.begin([0.8])
    for _ in range(400):
        found = found.after(np.abs(scale * rng.normal(size=(8, 1))) / 1.2816)
    assert found.held[0] == pytest.approx(0.8, abs=0.01)
    assert found.changes[0] == pytest.approx(scale, rel=0.5)


def test_as_plain_values_there_is_a_row_for_each_interval():
    """Levels in percent, innermost first."""
    found = Adaptation.begin([0.5, 0.9 - 0.1]).after(reaching(0.5, 3.0), rate=0.5).to_dict()
    assert (found["cutoffs"], found["outcomes"]) == (1, 2)
    assert [row["level"] for row in found["intervals"]] == [50, 80]
    assert found["intervals"][1]["held"] == 0.5
