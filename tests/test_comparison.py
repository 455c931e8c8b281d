"""Comparison: figures of seeds that can be worked out on paper, equal terms for all, and results whatever the jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from forecast.comparison import ADDED, Comparison, Row, Run, Terms, agree, compare, rows_of, verdict_of
from forecast.config import QUANTILE_LEVELS, Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import ConfigError, DataError, OutputError
from forecast.forecaster import Forecaster
from forecast.forecasts import Forecast, ItemForecast
from forecast.leaderboard import HeldOut
from forecast.panel import Panel
from forecast.planning import Plan
from forecast.writing import write_table
from tests.panels import daily, uneven_wave, weekly_wave

NAN = float("nan")
QUICK = Config(
    data=DataConfig(features=("none",)),
    model=ModelConfig(hidden=4, context_length=14, horizon=7),
    train=TrainConfig(max_steps=10),
)


def walks(cutoffs: int, overlap: int = 1) -> HeldOut:
    """Histories that move by 1 a step, and a zero after them: MASE and MAE are how far a forecast is from zero."""
    histories = tuple(np.array([0.0, 1, 0, 1]) for _ in range(cutoffs))
    return HeldOut(histories, np.zeros((cutoffs, 1)), np.zeros(cutoffs, int), np.arange(cutoffs), overlap)


def quantiles(medians: list[float], half_width: float = 0.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """[N, 1, Q] around the median of each window."""
    return np.array(medians, float)[:, None, None] + np.linspace(-half_width, half_width, len(QUANTILE_LEVELS))


def run(cell: str, seed: int, medians: list[float], half_width: float = 0.0, **other: Any) -> Run:
    return Run(cell, seed, quantiles(medians, half_width), **other)


def ranked(windows: HeldOut, runs: list[Run], naive: list[float], reference: str = "lstm") -> dict[str, Row]:
    by_cell: dict[str, list[Run]] = {}
    for one in runs:
        by_cell.setdefault(one.cell, []).append(one)
    rows, _ = rows_of(windows, by_cell, {"naive": quantiles(naive)}, 1, reference)
    return {row.name: row for row in rows}


def test_seeds_are_put_together() -> None:
    """Errors of 1 and 3 are 2 ± √2, half of naive's 4; 10, 20 and 90 steps have the median 20, seconds are a mean.

    The interval of 80 % reaches 10 to each side for the first and not at all for the others.
    """
    runs = [
        run("lstm", 1, [1, 1], 15, steps=10, weights=7, seconds=1.0),
        run("lstm", 2, [3, 3], steps=90, weights=7, seconds=2.0),
        run("lstm", 3, [2, 2], steps=20, weights=7, seconds=6.0),
    ]
    found = ranked(walks(2), runs, [4, 4])
    row = found["lstm"]
    assert list(found) == ["lstm", "naive"]
    assert row.scores == (1, 3, 2)
    assert (row.metrics["mase"], row.metrics["mae"], row.spread, row.skill) == (2, 2, 1, 0.5)
    assert (row.weights, row.steps, row.seconds, row.seeds) == (7, 20, 3, 3)
    assert row.metrics["coverage_80"] == pytest.approx(1 / 3)
    assert (found["naive"].skill, found["naive"].seeds) == (0, 0)
    assert math.isnan(found["naive"].spread)


def test_the_best_stands_first_and_a_cell_that_failed_last() -> None:
    """A baseline stands where its figure puts it; one failure takes a cell out, whatever its other seeds did."""
    broken = Run("rnn", 2, error=DataError("rnn seed 2: too little"))
    runs = [
        run("gru", 1, [3]),
        run("gru", 2, [3]),
        run("rnn", 1, [0]),
        broken,
        run("lstm", 1, [1]),
        run("lstm", 2, [1]),
    ]
    found = ranked(walks(1), runs, [2])
    assert list(found) == ["lstm", "naive", "gru", "rnn"]
    assert found["rnn"].failures == ("rnn seed 2: too little",)
    assert math.isnan(found["rnn"].metrics["mase"])


def test_a_difference_of_windows_is_tested_over_cutoffs() -> None:
    """Differences of 1 and 2 at two cutoffs: t = 3 at one degree of freedom, times two for two tests (Holm)."""
    found = ranked(walks(2), [run("lstm", 1, [1, 1]), run("gru", 1, [2, 3])], [2, 3])
    p = 1 - 2 * math.atan(3) / math.pi
    assert found["gru"].p_value == pytest.approx(2 * p)
    assert found["gru"].tied
    # Beside the reference there is one other cell: no correction.
    assert found["gru"].p_reference == pytest.approx(p)
    assert math.isnan(found["lstm"].p_value)
    assert not found["lstm"].tied


def test_a_difference_that_seeds_could_make_is_a_tie() -> None:
    """At every cutoff 1 lower on average, but with errors of 1 and 3 against 2.5 and 3.5 from one seed to the other."""
    runs = [run("lstm", 1, [1] * 4), run("lstm", 2, [3] * 4), run("gru", 1, [2.5] * 4), run("gru", 2, [3.5] * 4)]
    found = ranked(walks(4), runs, [9] * 4)
    p = ttest_ind([1, 3], [2.5, 3.5], equal_var=False).pvalue
    assert found["gru"].p_reference == pytest.approx(p)
    assert found["gru"].p_value == pytest.approx(max(p, 2 * ttest_1samp([1, 3], 9).pvalue))
    assert found["gru"].tied


def test_a_difference_that_is_the_same_everywhere_is_real() -> None:
    """Over cutoffs and over seeds; equal cells are tied."""
    runs = [run(cell, seed, [error] * 3) for cell, error in (("lstm", 1), ("gru", 1), ("rnn", 2)) for seed in (1, 2)]
    found = ranked(walks(3), runs, [3] * 3)
    assert [found[name].tied for name in ("gru", "rnn", "naive")] == [True, False, False]
    assert found["rnn"].p_value == 0


def row(name: str, mase: float, p: float = NAN, p_reference: float = NAN, seeds: int = 2) -> Row:
    return Row(name, seeds, {"mase": mase}, p_value=p, p_reference=p_reference)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [row("gru", 1, NAN, 0.4), row("lstm", 1.1, 0.4), row("rnn", 2, 0.01, 0.01), row("naive", 3, 0.01, seeds=0)],
            [
                "gru has the lowest error (MASE 1), and is really better than rnn; there is no real difference to lstm",
                "no cell is better than lstm by more than chance; worse: rnn",
                "gru is really better than naive (MASE 3)",
            ],
        ),
        (
            [row("naive", 0.5, 0.01, seeds=0), row("gru", 1, NAN, 0.01), row("lstm", 2, 0.01)],
            [
                "gru has the lowest error (MASE 1), and is really better than lstm",
                "better than lstm by more than chance: gru; worse: none",
                "no cell is as good as naive (MASE 0.5)",
            ],
        ),
        (
            [row("gru", 1), row("rnn", 2, 0.3), row("naive", 3, 0.3, seeds=0)],
            [
                "gru has the lowest error (MASE 1), but no other cell is really worse: it may be chance",
                "there is no real difference between gru and the best baseline, naive (MASE 3)",
            ],
        ),
        ([row("gru", 1)], ["gru has MASE 1; there is no other cell to compare it with"]),
        ([row("naive", 1, seeds=0), row("gru", NAN)], ["no cell has a score"]),
    ],
)
def test_the_last_lines_say_what_is_real(rows: list[Row], said: list[str]) -> None:
    """Of the best cell, of the reference where it takes part, and of the best baseline."""
    assert list(verdict_of(rows, "mase", 5, 5, "lstm")) == said


def test_equal_cells_are_called_equal() -> None:
    """None of them has the lowest error."""
    same = [replace(row(name, 1, 1.0, 1.0), scores=(0.9, 1.1)) for name in ("gru", "lstm")]
    assert verdict_of(same, "mase", 5, 5, "lstm") == ("all cells have the same error (MASE 1)",)


@pytest.mark.parametrize(("cutoffs", "said"), [(1, "one cutoff"), (3, "3 cutoffs whose windows overlap")])
def test_few_windows_tell_nothing(cutoffs: int, said: str) -> None:
    """However large the difference."""
    (sentence,) = verdict_of([row("gru", 1), row("lstm", 9)], "mase", cutoffs, 1, "lstm")
    assert sentence == (
        f"gru has the lowest error (MASE 1), but {said} cannot tell whether any difference is more than chance: "
        "ask for more windows"
    )


@dataclass(frozen=True)
class Fake:
    """A model that says the seed after the last value, for any cell but one that cannot be trained."""

    config: Config
    steps: int = 30
    n_weights: int = 12
    cut_off: tuple[str, ...] = ()

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """The same at every step and level."""
        items = tuple(
            ItemForecast(
                s.item_id, s.target, s.timestamps[:0], np.full((horizon, 13), s.values[-1] + self.config.train.seed)
            )
            for s in panel.series
        )
        return Forecast(items, QUANTILE_LEVELS, panel.columns)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Panel, Plan]]:
    """Training makes Fakes, and fails for rnn; what it was called with."""
    seen: list[tuple[Panel, Plan]] = []

    def fit(panel: Panel, plan: Plan, **_: Any) -> Fake:
        seen.append((panel, plan))
        if plan.config.model.cell == "rnn":
            raise OutputError("out of memory")
        return Fake(plan.config)

    monkeypatch.setattr(Forecaster, "fit", fit)
    return seen


def terms(**how: Any) -> Terms:
    """Three windows of one step of a short wave."""
    config = replace(QUICK, model=replace(QUICK.model, horizon=1), train=replace(QUICK.train, seed=5, time_limit=50.0))
    return agree(daily(weekly_wave(60)), config, n_windows=3, **how)


def test_only_cell_and_seed_differ(trained: list[tuple[Panel, Plan]]) -> None:
    """One network each, on the rows before the first cutoff, and nothing left to try that a cell could decide."""
    result = compare(terms(), ["lstm", "gru"], 2)
    assert [(run.cell, run.seed) for run in result.runs] == [("lstm", 5), ("lstm", 6), ("gru", 5), ("gru", 6)]
    assert [(p.config.model.cell, p.config.train.seed) for _, p in trained] == [(r.cell, r.seed) for r in result.runs]
    alike = {
        repr(replace(p, config=replace(p.config, model=replace(p.config.model, cell="lstm"), train=TrainConfig())))
        for _, p in trained
    }
    assert len(alike) == 1
    assert len({repr(replace(p.config.train, seed=1)) for _, p in trained}) == 1
    assert {(p.config.model.members, p.on_trial, p.logs_on_trial, len(s.series[0])) for s, p in trained} == {
        (1, (), False, 57)
    }
    assert result.runs[0].quantiles is not None
    values = result.terms.panel.series[0].values
    assert result.runs[0].quantiles[:, 0, 0].tolist() == (values[-4:-1] + 5).tolist()


def test_a_time_limit_is_shared_equally(trained: list[tuple[Panel, Plan]]) -> None:
    """Four networks, one after the other, have a quarter each, and the plan knows of no other limit."""
    compare(terms(), ["lstm", "gru"], 2, time_limit=80)
    limits = [p.config.train.time_limit for _, p in trained]
    assert limits == pytest.approx([limits[0]] * 4)
    assert limits[0] == pytest.approx(20, abs=0.5)
    compare(terms(), ["lstm", "gru"], 2)
    assert trained[-1][1].config.train.time_limit is None


def test_a_cell_that_fails_is_named_and_the_others_stand(trained: list[tuple[Panel, Plan]]) -> None:
    """In the table and among the failures; its forecasts are in no file."""
    result = compare(terms(), ["rnn", "lstm"], 2)
    assert result.failures == ("rnn seed 5: out of memory", "rnn seed 6: out of memory")
    assert [row.name for row in result.rows if row.failures] == ["rnn"]
    assert set(result.to_frame()["cell"]) == {"lstm", "naive", "seasonal naive"}
    assert result.to_dict()["leaderboard"][-1]["failures"] == list(result.failures)


def test_where_all_fail_the_first_failure_is_raised(trained: list[tuple[Panel, Plan]]) -> None:
    """There is nothing to show."""
    with pytest.raises(OutputError, match="out of memory"):
        compare(terms(), ["rnn"], 2)


def test_progress_is_told_and_a_check_may_end_the_work(trained: list[tuple[Panel, Plan]]) -> None:
    """Before the next network."""
    heard: list[Run] = []

    def check() -> None:
        if heard:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(terms(), ["lstm", "gru"], 2, on_run=heard.append, check=check)
    assert [(run.cell, run.seed) for run in heard] == [("lstm", 5)]


def test_what_was_cut_off_or_cannot_be_told_is_said() -> None:
    """One seed hides luck, a time limit may change the order, and training that never helped compares no cells."""
    base = terms()
    still = run("lstm", 1, [1, 1, 1], steps=0)
    moved = run("gru", 1, [1, 1, 1], steps=20, cut_off=True)
    notes = Comparison(base, (still, moved), {"naive": quantiles([2, 2, 2])}).notes
    assert any(note.startswith("1 of 2 networks were cut off by the time limit (gru)") for note in notes)
    assert any(note.startswith("lstm: no step of training helped") for note in notes)
    assert any(note.startswith("with one seed") for note in notes)


def test_the_table_has_a_row_for_each_network_window_and_step(trained: list[tuple[Panel, Plan]]) -> None:
    """With the seed of each, which is empty for baselines, and the columns that are announced."""
    frame = compare(terms(), ["lstm"], 2).to_frame()
    assert list(frame)[:6] == ["day", "cutoff", "cell", "seed", "actual", "forecast"]
    assert set(frame) - {"day"} <= set(ADDED)
    assert frame["seed"].tolist() == ["5"] * 3 + ["6"] * 3 + [""] * 6
    assert frame["cell"].tolist() == ["lstm"] * 6 + ["naive"] * 3 + ["seasonal naive"] * 3


@pytest.mark.parametrize(("cells", "seeds"), [([], 1), (["gru", "gru"], 1), (["gru"], 0)])
def test_what_is_no_comparison_is_refused(cells: list[str], seeds: int) -> None:
    """Before anything is trained."""
    with pytest.raises(ConfigError, match="each named once"):
        compare(terms(), cells, seeds)


def test_seeds_past_the_largest_are_refused() -> None:
    """They would be seeds that no option can name."""
    config = replace(QUICK, train=replace(QUICK.train, seed=2**31 - 1))
    with pytest.raises(ConfigError, match="leave the range of seeds"):
        compare(agree(daily(weekly_wave(60)), config, n_windows=1), ["gru"], 2)


def test_too_short_a_series_says_how_many_windows_fit() -> None:
    """And what is too little to train on says so of all cells."""
    with pytest.raises(DataError) as caught:
        agree(daily(weekly_wave(60)), QUICK, n_windows=20)
    assert caught.value.hint == "--windows 8"
    with pytest.raises(DataError, match="nothing can be trained without the last 56 steps"):
        agree(daily(weekly_wave(60)), QUICK, n_windows=8)


def test_targets_of_states_are_refused() -> None:
    """Their errors would be those of the numbers that stand for them."""
    with pytest.raises(DataError, match="y has states"):
        agree(replace(daily([0.0, 1.0] * 30), states=("no", "yes")), QUICK)


def test_processes_change_no_byte_and_the_order_of_cells_no_figure(tmp_path: Any) -> None:
    """Two networks at a time, and cells in another order: each network is what it was."""
    agreed = agree(daily(uneven_wave(120)), QUICK, n_windows=3)
    one, two = (compare(agreed, ["gru", "rnn"], 2, processes=processes) for processes in (1, 2))
    for name, result in (("one.csv", one), ("two.csv", two)):
        write_table(result.to_frame(), agreed.panel.columns, tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert one.verdict == two.verdict
    turned = compare(agreed, ["rnn", "gru"], 2)
    assert {row.name: row.metrics for row in turned.rows} == {row.name: row.metrics for row in one.rows}
    assert all(run.steps > 0 for run in one.runs)


def test_what_lies_after_the_first_cutoff_trains_nothing() -> None:
    """Other values there, and the forecasts from the first cutoff are the same."""
    values = uneven_wave(120)
    changed = values.copy()
    changed[-14:] += 50
    before, after = (
        compare(agree(daily(v), QUICK, n_windows=2), ["gru"], 1).runs[0].quantiles for v in (values, changed)
    )
    assert before is not None
    assert after is not None
    assert before[0].tolist() == after[0].tolist()
    assert before[1].tolist() != after[1].tolist()
