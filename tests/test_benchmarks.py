"""The benchmarks score as published protocols do: their metrics, splits and naive methods on data known by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

# As the programs in benchmarks/ import each other.
from competition import Group, check_published, owa, point_scores
from ett import CHANNELS, Split, first_rows, scores_of_repeat, seen_at, split, standardised
from m4 import has_season, naive, naive2, seasonal_indices, seasonal_naive
from memory import Adder, gradient_norms, sequences, table
from peer_worker import seasons_of
from peers import OURS, comparison, windows
from records import append_record, find_record, markdown, read_records
from scale import write_series
from speed import Part, Timer, step_flops

from forecast import read_panel
from forecast.models.architecture import Architecture
from forecast.models.recurrent import RecurrentNetwork
from tests.panels import daily


def test_scores_are_means_over_series_of_means_over_steps() -> None:
    """sMAPE of 3 for 1 is 100, of 1 for 1 is 0; MASE divides by the history's own mean change."""
    group = Group("weekly", daily([1.0, 2, 3], [1.0, 3, 5]), np.array([[1.0, 1], [1, 1]]), 1)
    scores = point_scores(group, np.array([[3.0, 1], [3, 3]]))
    assert scores["smape"] == pytest.approx((50 + 100) / 2)
    assert scores["mase"] == pytest.approx((1 / 1 + 2 / 2) / 2)


def test_owa_is_the_mean_of_both_errors_relative_to_naive2() -> None:
    """Half the sMAPE and the same MASE make three quarters."""
    assert owa({"smape": 5.0, "mase": 2.0}, {"smape": 10.0, "mase": 2.0}) == 0.75


def test_naive_methods_repeat_what_was_last() -> None:
    """The last value, and the last season from its first value on."""
    history = np.array([9.0, 1, 2, 3])
    assert naive(history, 3, 2).tolist() == [3, 3]
    assert seasonal_naive(history, 3, 4).tolist() == [1, 2, 3, 1]


def test_naive2_of_a_seasonal_line_of_level_100_is_its_season() -> None:
    """With level 100 and indices 0.5, 1, 1.5, 1 the forecast begins where the season goes on."""
    season = np.array([50.0, 100, 150, 100])
    history = np.tile(season, 6)[:-2]  # ends after 100, so that 150 is next
    assert seasonal_indices(history, 4) == pytest.approx(season / 100)
    assert has_season(history, 4)
    assert naive2(history, 4, 5) == pytest.approx([150, 100, 50, 100, 150])


def test_naive2_is_naive_without_a_season() -> None:
    """Less than three seasons, or no autocorrelation at its lag, is none."""
    noise = np.random.default_rng(1).normal(100, 1, 400)
    for history in (np.tile([50.0, 100, 150, 100], 2), noise):
        assert not has_season(history, 4)
        assert naive2(history, 4, 2).tolist() == [history[-1]] * 2


def test_earlier_windows_are_cut_from_the_end_of_the_training_part() -> None:
    """Two horizons back, the horizon after the cut is scored, and a series too short for it is absent."""
    group = Group("weekly", daily(np.arange(10.0), np.arange(6.0)), np.full((2, 2), np.nan), 1)
    earlier = group.back(2)
    assert [series.values.tolist() for series in earlier.panel.series] == [[0, 1, 2, 3, 4, 5]]
    assert earlier.actual.tolist() == [[6, 7]]
    assert group.back(0) is group
    assert [s.item_id for s in group.limited(1).panel.series] == [("a",)]
    assert group.limited(None) is group


def test_a_figure_that_is_not_the_published_one_ends_the_run() -> None:
    """Equal to the last place published, and no further."""
    check_published("MASE", 2.77749, 2.777, 3)
    with pytest.raises(SystemExit, match=r"MASE is 2\.77800, not 2\.777"):
        check_published("MASE", 2.778, 2.777, 3)
    with pytest.raises(SystemExit):
        check_published("MASE", float("nan"), 2.777, 3)


def test_the_windows_of_ett_are_those_of_the_literature() -> None:
    """Hourly and quarter-hourly numbers of test windows, at the nearest and the farthest horizon."""
    assert [len(split(24).cutoffs(horizon)) for horizon in (96, 192, 336, 720)] == [2785, 2689, 2545, 2161]
    assert [len(split(96).cutoffs(horizon)) for horizon in (96, 720)] == [11425, 10801]
    assert split(24, back=1) == Split(8640, 11520)
    assert Split(4, 8).cutoffs(2, every=2).tolist() == [4, 6]


def test_repeat_is_scored_on_every_window_and_channel() -> None:
    """One channel climbs by one a row, the other stands still: errors of 1 and 2, and none."""
    scaled = np.stack([np.arange(8.0), np.ones(8)], axis=1)
    found = scores_of_repeat(scaled, Split(4, 8).cutoffs(2), 2)
    assert found == {"windows": 3, "mse": (1 + 4) / 4, "mae": (1 + 2) / 4}


def test_channels_are_standardised_by_their_training_months() -> None:
    """The mean and deviation of the first 360 days alone, at one row a day."""
    climbing = np.r_[np.tile([1.0, 3.0], 180), 1000.0]
    values = standardised(daily(climbing), 1)
    assert values[0, 0] == -1
    assert values[-1, 0] == 998


def test_a_forecast_of_ett_sees_nothing_from_its_window_on() -> None:
    """What training and forecasts know ends before the row they are not to know."""
    panel = daily(np.arange(20.0), np.arange(20.0))
    assert [s.values[-1] for s in first_rows(panel, 12).series] == [11, 11]
    assert [(s.values[-1], len(s.timestamps)) for s in seen_at(panel, 12)] == [(11, 12), (11, 12)]
    assert len(CHANNELS) == 7


def test_peers_see_fresh_history_at_the_second_cutoff() -> None:
    """Two windows of two at the end of eight, with seasonal naive of a season of three beside them."""
    histories, actual, seasonal = windows(np.arange(8.0), 3, 2)
    assert [history.tolist() for history in histories] == [[0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]
    assert actual.tolist() == [[4, 5], [6, 7]]
    assert seasonal.tolist() == [[1, 2], [3, 4]]


def test_statistical_methods_are_told_the_seasons_they_can_model() -> None:
    """A day of half-hours is a day and a week to MSTL, and none to AutoETS; a year of months is one to both."""
    assert seasons_of("MSTL", 48) == [48, 336]
    assert seasons_of("AutoETS", 48) == 1
    assert seasons_of("AutoTheta", 48) == 48
    assert {seasons_of(method, 12) for method in ("MSTL", "AutoETS", "AutoTheta")} == {12}


def test_a_peer_that_failed_has_not_won() -> None:
    """Lower on two of three files: one is worse, and on one the peer has no figure; its time counts nowhere."""
    errors = {OURS: [0.5, 0.9, 0.9], "peer": [0.6, 0.8, float("nan")]}
    seconds = {OURS: [1.0, 1.0, 5.0], "peer": [10.0, 9.0, float("nan")]}
    told = comparison("peer", lambda m, f: (errors if f == "relative_mae" else seconds)[m], 3)
    assert "lower on 2 of 3 files (67%)" in told
    assert "0.11 of its time, and at most a tenth on 1 files" in told


def test_a_measurement_is_continued_from_its_file(tmp_path) -> None:
    """What was written is found again by its key, the last of equal ones; other columns are not mixed in."""
    path = tmp_path / "results" / "some.csv"
    assert read_records(path) == []
    for mase in (2.0, 1.23456789012):
        append_record(path, {"group": "weekly", "back": 0, "mase": mase})
    found = find_record(read_records(path), {"group": "weekly", "back": 0})
    assert found == {"group": "weekly", "back": "0", "mase": "1.2345679"}
    assert find_record(read_records(path), {"group": "weekly", "back": 1}) is None
    with pytest.raises(SystemExit, match="other columns"):
        append_record(path, {"group": "weekly"})


def test_tables_have_the_places_that_were_asked_for() -> None:
    """A number is written in its form, a blank stays blank."""
    rows = [{"name": "a", "mase": "1.23456"}, {"name": "b", "mase": ""}]
    assert markdown(rows, {"who": "name", "MASE": "mase:.2f"}) == "| who | MASE |\n|---|---|\n| a | 1.23 |\n| b |  |\n"


def test_generated_series_are_read_as_a_panel(tmp_path) -> None:
    """As many series and rows as asked for, found without any option."""
    write_series(tmp_path / "series.csv", 3, 40)
    panel = read_panel(tmp_path / "series.csv")
    assert (len(panel), panel.n_rows, panel.n_missing) == (3, 120, 0)


def test_the_products_of_a_step_are_counted_by_weight_and_segment() -> None:
    """One unit, two segments of two steps, one step ahead, three quantiles: counted on paper."""
    a = Architecture("gru", 1, 1, False, 0.0, 2, 4, 1, (4,), (0.1, 0.5, 0.9), smoothing=False)
    network = RecurrentNetwork(a)
    # Twice in each of two segments for the embedding of 2 x 2 numbers, thrice for 3 + 3 weights of the cell; then once
    # each: 2 numbers into the hidden unit, 3 quantiles out of it, 4 steps past it, and a gate for two anchors.
    twice, thrice = 2 * 4 + 4, 2 * (3 + 3) + 2 + 3 + 2
    assert step_flops(network, batch=5) == 2 * 5 * (2 * twice + 3 * thrice)


def test_seconds_belong_to_the_innermost_part_but_for_one_that_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outer 1 + 4, inner 2 inside of it; the whole one takes what is inside of it as well."""
    clock = iter([0, 0, 1, 3, 7, 7, 8, 9, 10])
    monkeypatch.setattr("speed.time.process_time", lambda: next(clock))
    outer, inner, whole = Part("outer", None, ""), Part("inner", None, ""), Part("whole", None, "", whole=True)
    timer = Timer()
    for first, second in ((outer, inner), (whole, inner)):
        timer.enter(first)
        timer.enter(second)
        timer.leave()
        timer.leave()
    assert dict(timer.seconds) == {"outer": 5, "inner": 2, "whole": 3}


def test_the_adding_problem_asks_for_the_sum_of_two_marked_numbers() -> None:
    """One mark in each half; answering 1 always errs by a sixth, the variance of the sum of two uniform numbers."""
    inputs, sums = sequences(4_000, 10, torch.Generator().manual_seed(1))
    numbers, marks = inputs.unbind(-1)
    assert (marks[:, :5].sum(1) == 1).all()
    assert (marks[:, 5:].sum(1) == 1).all()
    torch.testing.assert_close(sums, (numbers * marks).sum(1))
    assert float((sums - 1).square().mean()) == pytest.approx(1 / 6, rel=0.05)


def test_a_gradient_that_nothing_damps_is_the_same_at_every_step() -> None:
    """A sum of its inputs passes the gradient of the last step to the first; who forgets passes none."""
    network = Adder("irnn")
    inputs, sums = sequences(8, 6, torch.Generator().manual_seed(1))
    with torch.no_grad():
        dict(network.named_parameters())["cell.layer.weight_ih_l0"].abs_()
    norms = gradient_norms(network, inputs, sums)
    torch.testing.assert_close(norms, norms[-1].expand(6))
    with torch.no_grad():
        dict(network.named_parameters())["cell.layer.weight_hh_l0"].zero_()
    norms = gradient_norms(network, inputs, sums)
    assert (norms[:-1] == 0).all()
    assert norms[-1] > 0


def test_the_table_of_the_adding_problem_says_what_was_learnt() -> None:
    """Below 0.02 it is solved, clearly below a sixth in part, else not at all; gradients are shares of the last."""
    base = {"cell": "gru", "length": "50", "taken": "300", "at_last_step": "2", "seconds": "1"}
    middle = {"at_middle_step": "1", "at_first_step": "0.02"}
    lines = table([{**base, **middle, "error": error} for error in ("0.01", "0.1", "0.17", "9e9")]).splitlines()[2:]
    assert [line.split("|")[4].strip() for line in lines] == [
        "solved after 300 steps",
        "in part",
        "no",
        "no, it diverged",
    ]
    assert [cell.strip() for cell in lines[0].split("|")[6:8]] == ["5e-01", "1e-02"]
