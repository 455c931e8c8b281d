"""Backtest: exact forecasts of a tiny panel, nothing seen from beyond a cutoff, and every kind of candidate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from forecast.backtesting import Backtest, Candidate, backtest
from forecast.config import QUANTILE_LEVELS, Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import ConfigError, DataError
from forecast.forecaster import Forecaster
from forecast.forecasts import Forecast, ItemForecast
from forecast.panel import Panel
from tests.panels import daily, driven, weekly_wave

QUICK = Config(
    data=DataConfig(features=("none",)),
    model=ModelConfig(hidden=4, members=1, context_length=14, horizon=7),
    train=TrainConfig(max_steps=10),
)
MEDIAN = QUANTILE_LEVELS.index(0.5)


@dataclass(frozen=True)
class Fake:
    """A model that says the last value plus what it was trained on: the number of steps of the first series."""

    learnt: int
    plan_notes: tuple[str, ...] = ("chosen: nothing",)
    cut_off: tuple[str, ...] = ("cut off by the time limit of 1 s: 1 of 3 networks trained",)

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """The same at every step and level."""
        items = tuple(
            ItemForecast(s.item_id, s.target, s.timestamps[:0], np.full((horizon, 13), s.values[-1] + self.learnt))
            for s in panel.series
        )
        return Forecast(items, QUANTILE_LEVELS, panel.columns)

    def caveats(self, panel: Panel) -> tuple[str, ...]:
        """How far the longest of the series goes."""
        return (f"up to {max(len(s) for s in panel.series)} steps are known",)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """Training makes Fakes; the configs it was called with."""
    configs: list[Config] = []

    def fit(panel: Panel, config: Config, **_: Any) -> Fake:
        configs.append(config)
        return Fake(len(panel.series[0]))

    monkeypatch.setattr(Forecaster, "fit", fit)
    return configs


def medians(result: Backtest, name: str) -> list[list[float]]:
    (method,) = (m for m in result.methods if m.name == name)
    found: list[list[float]] = method.quantiles[..., MEDIAN].tolist()
    return found


def test_networks_are_trained_once_before_the_first_cutoff_and_see_fresh_history_at_each(fake: list[Config]) -> None:
    """Of 10 steps, 6 lie before three windows of 2 steps, 1 apart; the last values are then 5, 6 and 7."""
    result = backtest(
        daily(range(10)), [Candidate("lstm", Config())], n_windows=3, step_size=1, horizon=2, season_length=1
    )
    assert medians(result, "lstm") == [[11, 11], [12, 12], [13, 13]]
    assert [config.model.horizon for config in fake] == [2]
    assert result.held_out.actual.tolist() == [[6, 7], [7, 8], [8, 9]]
    assert result.methods[0].notes == ("chosen: nothing",)
    assert "lstm: cut off by the time limit of 1 s: 1 of 3 networks trained" in result.notes
    assert "lstm: up to 8 steps are known" in result.notes


def test_with_refit_they_are_trained_at_each_cutoff(fake: list[Config]) -> None:
    """On 6, 7 and 8 steps."""
    result = backtest(
        daily(range(10)),
        [Candidate("lstm", Config())],
        n_windows=3,
        step_size=1,
        horizon=2,
        season_length=1,
        refit=True,
    )
    assert medians(result, "lstm") == [[11, 11], [13, 13], [15, 15]]
    assert len(fake) == 3


def test_baselines_forecast_from_each_cutoff() -> None:
    """Naive and drift on a line and on its half, at the same cutoffs from their ends."""
    panel = daily(range(8), np.arange(6) / 2)
    result = backtest(panel, [Candidate(n, n) for n in ("naive", "drift")], n_windows=2, horizon=2, season_length=1)
    assert result.rolling.step_size == 2
    assert medians(result, "naive") == [[3, 3], [0.5, 0.5], [5, 5], [1.5, 1.5]]
    assert medians(result, "drift") == [[4, 5], [1, 1.5], [6, 7], [2, 2.5]]
    best, other = result.leaderboard.standings
    assert (best.name, best.metrics["mae"], other.metrics["mae"]) == ("drift", 0, 1.125)
    assert (best.metrics["mase"], other.metrics["mase"]) == (0, 1.5)


def test_changing_what_lies_after_a_cutoff_changes_no_forecast_of_it() -> None:
    """Neither of networks, trained once or at each cutoff, nor of baselines; what lies before it does change them."""
    before = daily(weekly_wave(100), weekly_wave(80, seed=1))
    changed = [s.values.copy() for s in before.series]
    for values in changed:
        values[-14:] *= 3
    after = replace(before, series=tuple(replace(s, values=v) for s, v in zip(before.series, changed, strict=True)))
    for refit, adapt in ((False, False), (True, False), (False, True)):
        candidates = [Candidate("gru", QUICK), Candidate("seasonal naive", "seasonal naive")]
        # Cutoffs 28, 21, 14 and 7 steps before the end: only the last one sees what was changed.
        one, two = (
            backtest(panel, candidates, n_windows=4, horizon=7, season_length=7, refit=refit, adapt=adapt)
            for panel in (before, after)
        )
        unaware = one.held_out.cutoffs < 3
        for method, other in zip(one.methods, two.methods, strict=True):
            np.testing.assert_array_equal(method.quantiles[unaware], other.quantiles[unaware])
            assert not np.array_equal(method.quantiles[~unaware], other.quantiles[~unaware])


def test_all_windows_at_once_are_forecast_as_each_alone() -> None:
    """A batch of cutoffs is what as many calls of predict would say."""
    panel = daily(weekly_wave(100), weekly_wave(90, seed=1))
    forecaster = Forecaster.fit(panel.drop_last(30), QUICK)
    result = backtest(panel, [Candidate("mine", forecaster)], n_windows=3, step_size=5)
    assert result.rolling.horizon == 7
    for number in range(3):
        alone = forecaster.predict(panel.drop_last(17 - 5 * number))
        mine = result.methods[0].quantiles[result.held_out.cutoffs == number]
        np.testing.assert_allclose(mine, [item.quantiles for item in alone.items], rtol=1e-5)


def test_adapted_intervals_are_those_that_predict_would_give() -> None:
    """At each cutoff they answer to what came since training; the medians stay."""
    panel = daily(weekly_wave(100), weekly_wave(100, seed=1))
    forecaster = Forecaster.fit(panel.drop_last(28), QUICK)
    candidates = [Candidate("mine", forecaster)]
    plain, adapted = (backtest(panel, candidates, n_windows=3, adapt=adapt) for adapt in (False, True))
    assert medians(adapted, "mine") == pytest.approx(np.array(medians(plain, "mine")))
    assert not np.allclose(adapted.methods[0].quantiles, plain.methods[0].quantiles)
    for number in range(3):
        known = panel.drop_last(21 - 7 * number)
        alone = forecaster.adapted(known).predict(known)
        mine = adapted.methods[0].quantiles[adapted.held_out.cutoffs == number]
        np.testing.assert_allclose(mine, [item.quantiles for item in alone.items], rtol=1e-5)


def test_a_saved_model_that_saw_the_windows_is_not_compared() -> None:
    """It was trained up to the last 10 steps, and so on two of three windows of a week, in part."""
    panel = daily(weekly_wave(100))
    forecaster = Forecaster.fit(panel.drop_last(10), QUICK)
    result = backtest(panel, [Candidate("mine", forecaster), Candidate("naive", "naive")], n_windows=3)
    assert result.methods[0].seen == 2
    assert result.leaderboard.best is not None
    assert result.leaderboard.best.name == "naive"
    assert result.notes[0].startswith("mine was trained on 2 of the 3 windows: its scores are too good")
    fair = backtest(panel, [Candidate("mine", forecaster)], n_windows=1)
    assert (fair.methods[0].seen, fair.notes) == (0, ())


def test_a_model_with_covariates_of_its_own_is_compared_on_the_same_values() -> None:
    """The others read the data without them; other values are refused."""
    promo = (np.arange(114) % 6 == 0)[:, None]
    told = driven(weekly_wave(100), promo)
    plain = daily(weekly_wave(100))
    forecaster = Forecaster.fit(told.drop_last(14), QUICK)
    result = backtest(plain, [Candidate("told", forecaster, told), Candidate("naive", "naive")], n_windows=2)
    assert len(result.windows) == 2
    assert result.notes[-1].startswith("future covariates as they turned out")
    with pytest.raises(DataError, match="told reads other values of y"):
        backtest(daily(weekly_wave(100, seed=2)), [Candidate("told", forecaster, told)], n_windows=2)


def test_the_table_has_a_row_for_each_method_window_and_step() -> None:
    """Under the user's names, with the cutoff, what came, the median and every quantile."""
    panel = daily([0, 1, 2, float("nan"), 4, 5], range(6))
    result = backtest(
        panel, [Candidate(n, n) for n in ("naive", "drift")], n_windows=2, step_size=1, horizon=2, season_length=1
    )
    frame = result.to_frame()
    names = ["shop", "day", "cutoff", "model", "actual", "forecast", *(f"q_{level:g}" for level in QUANTILE_LEVELS)]
    assert list(frame) == names
    assert len(frame) == 2 * 2 * 2 * 2
    first = frame[(frame["model"] == "naive") & (frame["shop"] == "a")]
    assert first["cutoff"].astype(str).tolist() == ["2020-01-03"] * 2 + ["2020-01-04"] * 2
    assert first["day"].astype(str).tolist() == ["2020-01-04", "2020-01-05", "2020-01-05", "2020-01-06"]
    assert first["actual"].fillna(-1).tolist() == [-1, 4, 4, 5]
    assert first["forecast"].tolist() == [2, 2, 2, 2]
    assert (frame["q_0.5"] == frame["forecast"]).all()


def test_the_leaderboard_is_plain_values() -> None:
    """Best first, with what it rests on."""
    candidates = [Candidate(n, n) for n in ("naive", "drift")]
    found = backtest(daily(range(9)), candidates, n_windows=2, horizon=2, season_length=1).to_dict()
    assert (found["n_windows"], found["step_size"], found["steps_before_end"]) == (2, 2, [4, 2])
    assert [line["model"] for line in found["leaderboard"]] == ["drift", "naive"]
    assert found["leaderboard"][1]["p_value"] == 0.0
    assert (found["best"], found["independent_groups"]) == ("drift", 2)


def test_a_baseline_that_cannot_be_fitted_says_so() -> None:
    """ETS has nothing to say of three values."""
    result = backtest(daily(range(5)), [Candidate("ets", "ets")], n_windows=1, horizon=2, season_length=1)
    assert result.notes == ("ets could not be fitted to 1 of 1 histories: seasonal naive stands in",)


def test_what_is_not_asked_for_is_chosen() -> None:
    """Horizon and season as for training, windows from the last quarter: 30 days 4 times in 480."""
    result = backtest(daily(weekly_wave(480)), [Candidate("naive", "naive")])
    assert (result.rolling.horizon, result.season_length, result.rolling.n_windows) == (30, 7, 4)


def test_too_little_before_the_first_cutoff_names_who_cannot_be_trained() -> None:
    """Two steps are left, and fewer windows would help."""
    with pytest.raises(DataError, match="lstm cannot be trained without the last 8 steps") as caught:
        backtest(daily(range(10)), [Candidate("lstm", Config())], n_windows=4, horizon=2, season_length=1)
    assert caught.value.hint == "--windows 2"


@pytest.mark.parametrize(
    ("candidates", "message"),
    [([], "nothing to compare"), ([Candidate("a", "naive"), Candidate("a", "drift")], "the same name")],
)
def test_candidates_have_to_be_told_apart(candidates: list[Candidate], message: str) -> None:
    """None at all, or two of one name, make no leaderboard."""
    with pytest.raises(ConfigError, match=message):
        backtest(daily(range(10)), candidates)


def test_progress_is_told_and_may_end_the_work(fake: list[Config]) -> None:
    """Each piece before it begins; what the listener raises goes through."""
    told: list[str] = []
    candidates = [Candidate("lstm", Config()), Candidate("naive", "naive")]
    backtest(daily(range(10)), candidates, n_windows=2, horizon=2, season_length=1, refit=True, on_stage=told.append)
    assert told == [
        "lstm 1/2: training without the last 4 steps",
        "lstm 2/2: training without the last 2 steps",
        "naive: window 1 of 2",
        "naive: window 2 of 2",
    ]

    def leave(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backtest(daily(range(10)), candidates, n_windows=2, horizon=2, on_stage=leave)
