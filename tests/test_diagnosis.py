"""Diagnosis: every defect that is put into clean values is found, and clean values have none."""

import numpy as np
import pytest

from forecast.diagnosis import diagnose, is_random_walk, outliers
from tests.panels import daily, weekly_wave


def codes(*values):
    """The codes of what is found in series."""
    return [finding.code for finding in diagnose(daily(*values)).findings]


def finding(code, *values):
    """The one finding with a code."""
    (found,) = [finding for finding in diagnose(daily(*values)).findings if finding.code == code]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_clean_values_have_no_finding(seed):
    """A week's pattern on a slow walk is how data should be."""
    assert codes(weekly_wave(300, seed)) == []


def test_gaps_are_counted_with_their_dates():
    """The series of January 2020 lacks the 5th to the 7th and the 20th."""
    values = weekly_wave(100)
    values[[4, 5, 6, 19]] = np.nan
    found = diagnose(daily(values, weekly_wave(100)))
    assert (found.n_series, found.n_values, found.n_missing, found.n_gaps) == (2, 196, 4, 2)
    first, second = found.longest_gaps
    assert (first.series, first.first, first.last, first.steps) == ("a", "2020-01-05", "2020-01-07", 3)
    assert (second.first, second.last, second.steps) == ("2020-01-20", "2020-01-20", 1)
    assert found.findings == ()


def test_a_long_gap_is_a_finding():
    """Five weeks, named with the first and the last day; three weeks are none."""
    values = weekly_wave(200)
    values[31:66] = np.nan
    assert finding("W430", values).text == "35 steps without a value, 2020-02-01 … 2020-03-06"
    values[52:66] = 100
    assert "W430" not in codes(values)


def test_a_stuck_value_is_a_finding():
    """Thirty equal values where values otherwise always differ."""
    values = weekly_wave(200)
    values[31:61] = values[31]
    assert finding("W431", values).text == f"{values[31]:g} 30 times in a row, 2020-02-01 … 2020-03-01"


def test_repeats_that_are_the_habit_of_a_series_are_none():
    """Zero every night, as of the sun, and stock that moves once a month."""
    sun = np.maximum(np.sin(2 * np.pi * np.arange(480) / 24) * 50, 0).round(1)
    stock = np.repeat(np.random.default_rng(1).integers(50, 90, 12), 30).astype(float)
    assert "W431" not in codes(sun)
    assert "W431" not in codes(stock)


def test_an_equal_run_does_not_go_on_in_the_next_series():
    """The end of one series and the beginning of the next are not neighbours."""
    first, second = weekly_wave(100), weekly_wave(100, 1)
    first[-8:] = second[:8] = 99.0
    assert "W431" not in codes(first, second)


def test_a_spike_is_a_finding_with_its_date():
    """One value of ten times the level; a level that changes for good is no spike."""
    values = weekly_wave(200)
    values[31] = 1000.0
    assert finding("W432", values).text == "1000 at 2020-02-01 lies far from what is around"
    shifted = weekly_wave(200)
    shifted[100:] += 300
    assert "W432" not in codes(shifted)


def test_spikes_that_come_all_the_time_are_the_behaviour_of_the_series():
    """A promotion every twenty days is not a mistake."""
    values = weekly_wave(400)
    values[::20] += 200
    assert outliers(values, 7) == []


def test_a_steep_end_is_no_outlier():
    """The last value of a line is where the line leads."""
    assert outliers(np.arange(200.0) + 0.1 * np.random.default_rng(0).normal(size=200), 1) == []


def test_a_number_for_missing_values_is_named_with_its_option():
    """-200 among values around 100, as an instrument writes it."""
    values = weekly_wave(200)
    values[[5, 50, 51, 120]] = -200
    found = finding("W205", values)
    assert found.text.startswith("-200 is there 4 times, far from all other values")
    assert found.flag == "--na -200"


def test_a_constant_series_is_a_finding():
    """By its name where there are several."""
    assert finding("W434", np.full(60, 5.0)).text == "every value is 5 all along"
    assert finding("W434", weekly_wave(60), np.full(60, 5.0)).text.startswith('"b" is 5 all along')


def test_mostly_zero_is_a_finding():
    """Two of three values."""
    values = np.where(np.arange(90) % 3 == 0, np.random.default_rng(0).integers(1, 9, 90), 0).astype(float)
    assert finding("W435", values).text == "67% of the values are zero"


def test_a_season_of_another_length_is_named_with_its_option():
    """Thirty days repeat where a calendar suggests weeks."""
    values = 100 + 20 * np.sin(2 * np.pi * np.arange(400) / 30) + np.random.default_rng(0).normal(size=400)
    assert finding("W436", values).flag == "--season-length 30"


def test_few_values_are_a_finding():
    """Forty steps in all; but not forty in each of ten series."""
    assert finding("W437", weekly_wave(40)).text == "only 40 steps"
    assert "W437" not in codes(*(weekly_wave(40, seed) for seed in range(10)))


def test_a_random_walk_is_told_from_what_is_none():
    """By the truth: 19 of 20 walks look like one, no noise and no trend that carries on does."""
    rng = np.random.default_rng(0)
    walks = [np.cumsum(rng.normal(size=500)) for _ in range(40)]
    assert sum(map(bool, map(is_random_walk, walks))) >= 28
    assert not any(is_random_walk(rng.normal(size=500)) for _ in range(20))
    assert not any(is_random_walk(np.cumsum(np.cumsum(rng.normal(size=500)))) for _ in range(20))
    assert is_random_walk(walks[0][:50]) is None


def test_many_series_are_examined_as_a_sample():
    """Counts are of all; what takes time is looked for in at most two hundred."""
    found = diagnose(daily(*(weekly_wave(60, seed) for seed in range(450))))
    assert found.n_series == 450
    assert 100 <= found.n_examined <= 200
