"""Evaluation: scores that can be worked out on paper, a verdict that says them, and a lossless way into JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from forecast.config import QUANTILE_LEVELS
from forecast.errors import CheckpointError
from forecast.evaluation import Evaluation, Score, StateWindow, Window, evaluate, evaluate_states
from forecast.metrics import METRICS

NAN = float("nan")


def window(history: list[float], actual: list[float], medians: list[float], half_width: float = 0.0) -> Window:
    """A window whose model quantiles spread evenly around the medians, from −half_width to +half_width."""
    offsets = np.linspace(-half_width, half_width, len(QUANTILE_LEVELS))
    return Window(np.array(history), np.array(actual), np.array(medians)[:, None] + offsets)


def scores(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    return {score.name: score.metrics for score in evaluation.scores}


def test_each_series_is_scaled_by_its_own_history_before_averaging() -> None:
    """Errors of 1 and 100 on histories that move by 1 and by 50 a step: MASE 1 and 2, so 1.5; MAE 50.5."""
    evaluation = evaluate(
        [window([1, 2, 3], [4.0], [5.0]), window([0, 50, 100], [150.0], [250.0])], season_length=1, model_name="lstm"
    )
    model = scores(evaluation)["lstm"]
    assert model["mase"] == pytest.approx(1.5)
    assert model["mae"] == pytest.approx(50.5)
    assert (evaluation.n_windows, evaluation.horizon, evaluation.season_length) == (2, 1, 1)


def test_baselines_are_measured_on_the_same_windows() -> None:
    """On 1 2 3 → 4 5 naive is off by 1 and 2, drift by nothing, and a model at 4.5 by a half each time."""
    measured = scores(evaluate([window([1, 2, 3], [4, 5], [4.5, 4.5])], season_length=1, model_name="gru"))
    assert {name: figures["mae"] for name, figures in measured.items()} == {"gru": 0.5, "naive": 1.5, "drift": 0.0}


def test_seasonal_naive_is_listed_when_there_is_a_season() -> None:
    """With a season of one step it would be naive twice."""
    windows = [window([1, 9, 2, 9], [3, 9], [3, 9])]
    assert [s.name for s in evaluate(windows, 2, "gru").scores] == ["gru", "naive", "seasonal naive", "drift"]
    assert [s.name for s in evaluate(windows, 1, "gru").scores] == ["gru", "naive", "drift"]


def test_intervals_are_measured_at_80_and_95_percent() -> None:
    """Thirteen quantiles evenly from −6 to +6 put the 80 % interval at ±4 and the 95 % one at ±6."""
    evaluation = evaluate([window([1, 2, 3], [0.0, 5.0], [0.0, 0.0], half_width=6.0)], 1, "lstm")
    model = scores(evaluation)["lstm"]
    assert (model["coverage_80"], model["width_80"]) == pytest.approx((0.5, 8.0))
    assert (model["coverage_95"], model["width_95"]) == pytest.approx((1.0, 12.0))


def test_every_score_holds_every_metric() -> None:
    """The point metrics, the quantile loss, and coverage and width of both intervals."""
    intervals = {"wql", "coverage_80", "width_80", "coverage_95", "width_95"}
    for figures in scores(evaluate([window([1, 2, 4], [3.0], [3.0])], 1, "rnn")).values():
        assert set(figures) == set(METRICS) | intervals


def test_a_window_that_leaves_a_metric_undefined_is_left_out_of_it_alone() -> None:
    """A constant history has no scale, yet its absolute error counts."""
    evaluation = evaluate([window([5, 5, 5], [6.0], [9.0]), window([1, 2, 3], [4.0], [5.0])], 1, "lstm")
    assert scores(evaluation)["lstm"]["mase"] == pytest.approx(1.0)
    assert scores(evaluation)["lstm"]["mae"] == pytest.approx(2.0)


def test_missing_actual_values_are_left_out() -> None:
    """The second step has no truth to compare with."""
    evaluation = evaluate([window([1, 2, 3], [4.0, NAN], [5.0, 1e9])], 1, "lstm")
    assert scores(evaluation)["lstm"]["mae"] == pytest.approx(1.0)


def test_a_model_that_forecasts_nan_is_not_averaged_over() -> None:
    """Its own failure stays in its mean, and it loses."""
    evaluation = evaluate([window([1, 2, 4], [5.0], [NAN]), window([1, 2, 4], [5.0], [5.0])], 1, "lstm")
    assert math.isnan(scores(evaluation)["lstm"]["mase"])
    assert evaluation.verdict.startswith("the model does NOT beat")


def made(model: float, naive: float, seasonal: float, key: str = "mase") -> Evaluation:
    other = "mae" if key == "mase" else "mase"
    named = {"lstm": model, "naive": naive, "seasonal naive": seasonal}
    return Evaluation(tuple(Score(name, {key: v, other: NAN, "wape": v}) for name, v in named.items()), 3, 12, 12)


def test_the_verdict_says_what_the_model_beats_and_by_how_much() -> None:
    """0.71 is a quarter below 0.95."""
    assert made(0.71, 1.3, 0.95).verdict == (
        "the model beats the best baseline (seasonal naive): MASE 0.71 against 0.95 (25 % lower)"
    )


def test_the_verdict_says_when_a_baseline_is_better() -> None:
    """1.14 is a fifth above 0.95, and what to do follows."""
    assert made(1.14, 1.3, 0.95).verdict == (
        "the model does NOT beat seasonal naive here: MASE 1.14 against 0.95 (20 % higher); "
        "use seasonal naive, or give the model more history or more training time"
    )


@pytest.mark.parametrize(
    ("model", "baseline", "said"),
    [
        (0.9491, 0.95, "(under 1 % lower)"),
        (0.95, 0.95, "are equally good: MASE 0.95 against 0.95"),
        (8.9e-16, 0.0, "are equally good"),
        (0.3, 0.0, "MASE 0.3 against 0; use"),
        (90.0, 0.5, "MASE 90 against 0.5; use"),
    ],
)
def test_the_verdict_leaves_out_a_percentage_that_says_nothing(model: float, baseline: float, said: str) -> None:
    """Ties, perfect baselines and models that are many times worse have figures only."""
    assert said in made(model, baseline, baseline + 1).verdict


def test_without_a_scale_the_mean_absolute_error_decides() -> None:
    """MASE is undefined on a constant history; MAE is not."""
    evaluation = made(1.0, 2.0, 4.0, key="mae")
    assert evaluation.best_baseline.name == "naive"
    assert evaluation.verdict == "the model beats the best baseline (naive): MAE 1 against 2 (50 % lower)"


def test_without_any_observed_value_there_is_no_comparison() -> None:
    """Every figure is NaN, and the sentence says why."""
    evaluation = evaluate([window([1, 2, 3], [NAN], [4.0])], 1, "lstm")
    assert evaluation.verdict.startswith("the model cannot be compared")


def test_an_evaluation_survives_strict_json() -> None:
    """What is read back is equal, NaN included, and no NaN is in the text."""
    evaluation = evaluate([window([5, 5, 5], [6.0], [9.0])], 1, "lstm", note="one window, held out of training")
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    again = Evaluation.from_dict(json.loads(text))
    assert again.to_dict() == evaluation.to_dict()
    assert math.isnan(again.scores[0].metrics["mase"])
    assert (again.note, again.n_windows, again.best_baseline.name) == (evaluation.note, 1, "naive")


def plain() -> dict[str, Any]:
    return evaluate([window([1, 2, 4], [3.0], [3.0])], 1, "lstm").to_dict()


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("n_windows",), True, "n_windows is True, not of type int"),
        (("n_windows",), 2.0, "n_windows is 2.0"),
        (("note",), None, "note is None"),
        (("scores",), [], "at least one baseline"),
        (("scores", 0), [], "exactly the keys name, metrics"),
        (("scores", 0, "name"), 3, "name is 3"),
        (("scores", 0, "metrics", "mae"), "1.0", "'mae' is '1.0', not a finite number"),
        (("scores", 0, "metrics", "mae"), False, "'mae' is False"),
        (("scores", 1, "metrics", "wql"), float("inf"), "'wql' is inf"),
        (("scores", 1, "metrics"), {"mae": 1.0}, "'mase' is missing"),
        (("extra",), 1, "exactly the keys"),
    ],
)
def test_anything_else_is_refused(where: tuple[Any, ...], value: object, message: str) -> None:
    """Each damage to a stored evaluation is a CheckpointError that names it."""
    values = plain()
    inner: Any = values
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    with pytest.raises(CheckpointError, match=message):
        Evaluation.from_dict(values)


def of_states(model: list[float], actual: list[float], history: list[float], season_length: int = 1) -> Evaluation:
    """One window of two states with the model's probabilities of the second."""
    stated = np.array([[1 - p, p] for p in model])
    return evaluate_states([StateWindow(np.array(history), np.array(actual), stated)], season_length, "lstm")


def test_states_are_judged_by_log_loss_beside_how_often_they_were_there() -> None:
    """A base rate of 1.5 of 5 for what came: -ln 0.3; a model that says 0.6 has a skill of 1 - ln 0.6 / ln 0.3."""
    evaluation = of_states([0.6, 0.5], [1.0, NAN], [0, 0, 1, 0])
    measured = scores(evaluation)
    assert list(measured) == ["lstm", "base rate", "persistence"]
    assert measured["lstm"]["log_loss"] == pytest.approx(-math.log(0.6))
    assert measured["base rate"]["log_loss"] == pytest.approx(-math.log(0.3))
    assert measured["lstm"]["skill"] == pytest.approx(1 - math.log(0.6) / math.log(0.3))
    assert measured["base rate"]["skill"] == 0
    assert [(own.low, own.count, own.observed) for own in evaluation.reliability] == [(0.6, 1, 1.0)]
    assert "seasonal base rate" in scores(of_states([0.6], [1.0], [0, 0, 1, 0], season_length=2))


def test_the_verdict_on_states_says_when_the_base_rate_is_better() -> None:
    """As plainly as of numbers."""
    worse = of_states([0.9], [0.0], [0, 0, 0, 0, 1, 1, 1, 1])
    assert worse.best_baseline.name == "base rate"
    assert worse.verdict.startswith("the model does NOT beat base rate here: log loss 2.3 against 0.693")
    better = of_states([0.1], [0.0], [0, 0, 0, 0, 1, 1, 1, 1])
    assert better.verdict == (
        "the model beats the best baseline (base rate): log loss 0.105 against 0.693 (85 % lower)"
    )


def test_an_evaluation_of_states_survives_strict_json() -> None:
    """Its reliability too; a damaged bin is refused."""
    evaluation = of_states([0.6, 0.2], [1.0, 0.0], [0, 0, 1, 0])
    values = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert Evaluation.from_dict(values) == evaluation
    values["reliability"][0]["count"] = 1.5
    with pytest.raises(CheckpointError, match=r"reliability 1: count is 1\.5"):
        Evaluation.from_dict(values)
