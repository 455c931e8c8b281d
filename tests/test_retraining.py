"""When a model is due, and who may stay: figures known by hand, and every way to lose."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forecast.config import Config, ModelConfig, TrainConfig
from forecast.drift import Drift
from forecast.errors import CheckpointError
from forecast.filenames import challenger_of, previous_of
from forecast.forecaster import Forecaster
from forecast.metrics import mase
from forecast.panel import Panel
from forecast.policies import Policy
from forecast.retraining import MARGIN, Contest, challenge, due, measured_since, settle
from forecast.snapshots import Snapshots
from tests.panels import daily, weekly_wave

QUICK = Config(model=ModelConfig(hidden=4, horizon=7, members=1), train=TrainConfig(max_steps=20))
VALUES = weekly_wave(300)
DRIFTED = Drift(verdict="drift", sentence="errors are twice as large", n_before=20, n_now=12)
DAMAGED = CheckpointError("m.safetensors: the sha256 does not match")


def until(rows: int) -> Panel:
    """The first rows of one series."""
    return daily(VALUES[:rows])


@pytest.fixture(scope="module")
def champion() -> Forecaster:
    """A model of the first 200 rows."""
    return Forecaster.fit(until(200), QUICK)


@pytest.mark.parametrize(
    ("texts", "rows", "reason"),
    [
        (["never"], 300, None),
        (["7d"], 200, None),
        (["7d"], 206, None),
        (["7d"], 207, "7d: the newest row is 7 d after the last row of the model"),
        (["48h"], 202, "48h: the newest row is 2 d after the last row of the model"),
        (["2w", "7d"], 208, "7d: the newest row is 8 d after the last row of the model"),
        (["mase > 0.001"], 206, None),
        (["mase > 1000"], 230, None),
        (["mase < 1000"], 206, None),
        (["skill > 1"], 230, None),
    ],
)
def test_an_age_is_that_of_the_data(texts: list[str], rows: int, reason: str | None, champion: Forecaster) -> None:
    """The clock has no say; and a metric needs a horizon of rows."""
    assert due([Policy.parse(text) for text in texts], champion, until(rows)) == reason


@pytest.mark.parametrize("text", ["mase > 0.001", "mae > 0.001", "rmse < 1000", "wape > 0", "skill < 1"])
def test_a_metric_is_that_of_the_rows_after_training(text: str, champion: Forecaster) -> None:
    """In the reason with its figure."""
    reason = due([Policy.parse(text)], champion, until(230))
    assert reason is not None
    assert reason.startswith(f"{text}: it is ")


def test_the_error_since_training_is_that_of_forecasts_a_horizon_apart(champion: Forecaster) -> None:
    """Each forecast is made by hand from what was known at its cutoff, the last of them with two rows to compare."""
    measured = measured_since(champion, until(216))
    assert measured is not None
    errors = []
    for cut in (200, 207, 214):
        (item,) = champion.predict(until(cut)).items
        actual = np.full(7, np.nan)
        actual[: min(7, 216 - cut)] = VALUES[cut : min(cut + 7, 216)]
        median = item.quantiles[:, champion.quantile_levels.index(0.5)]
        errors.append(float(mase(actual, median, VALUES[:cut], champion.evaluation.season_length)))
    assert measured.n_windows == 3
    assert measured.scores[0].metrics["mase"] == pytest.approx(np.mean(errors), rel=1e-6)


def test_missing_rows_since_training_count_for_nothing(champion: Forecaster) -> None:
    """A horizon of steps without values says nothing."""
    values = VALUES[:210].copy()
    values[200:209] = np.nan
    assert measured_since(champion, daily(values)) is None


def test_drift_is_a_reason_in_its_own_words(champion: Forecaster) -> None:
    """And neither no drift nor no verdict is one."""
    policies = [Policy.parse("drift")]
    assert due(policies, champion, until(230), DRIFTED) == "drift: errors are twice as large"
    for verdict in ("none", "unknown"):
        assert due(policies, champion, until(230), replace(DRIFTED, verdict=verdict)) is None
    assert due(policies, champion, until(230)) is None


@pytest.mark.parametrize(("rows", "is_due"), [(200, False), (206, False), (207, True)])
def test_a_contest_is_not_lost_again_every_night(rows: int, is_due: bool, champion: Forecaster) -> None:
    """After a challenger that lost, ages count from its last row, and other reasons wait for a horizon of rows."""
    newer = until(rows + 30)
    loser = replace(champion, data=replace(champion.data, last=str(until(230).last)))
    for text in ("7d", "drift", "mase > 0.001"):
        assert (due([Policy.parse(text)], champion, newer, DRIFTED, loser=loser) is not None) == is_due, text


def test_a_model_that_cannot_be_read_is_due_unless_never(champion: Forecaster) -> None:
    """Whatever the policy waits for."""
    reason = "the model cannot be read: m.safetensors: the sha256 does not match"
    assert due([Policy.parse("mase > 9")], DAMAGED, until(230)) == reason
    assert due([Policy.parse("never")], DAMAGED, until(230)) is None


@pytest.fixture(scope="module")
def spoiled() -> Forecaster:
    """A model of the first 200 rows whose weights are noise, of another shape, so that nothing begins from them."""
    forecaster = Forecaster.fit(until(200), replace(QUICK, model=replace(QUICK.model, hidden=5)))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in forecaster.networks[0].parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    return forecaster


def test_a_better_model_takes_the_place(spoiled: Forecaster) -> None:
    """The sentence has both errors; only rows that neither has seen are counted."""
    contest = challenge(until(230), spoiled, QUICK)
    assert contest.wins
    assert contest.challenger_error < (1 - MARGIN) * contest.champion_error
    assert contest.sentence == (
        f"the new model takes the place: MASE {contest.challenger_error:.4g} against {contest.champion_error:.4g} "
        "over 21 windows of the last 21 steps, counting what came after 2020-07-18"
    )


def test_the_model_stays_where_the_new_one_is_no_better(champion: Forecaster) -> None:
    """The same weights again are as good: a tie is no victory."""
    panel = until(203)
    twin = Forecaster.fit(panel, QUICK)
    assert twin.judged is not None
    stayed = replace(twin.with_ensemble(twin.judged.ensemble), data=replace(twin.data, last=champion.data.last))
    contest = challenge(panel, stayed, QUICK)
    assert not contest.wins
    assert contest.champion_error == contest.challenger_error
    assert contest.sentence.startswith("the model stays: the new one has MASE ")


def test_the_errors_are_those_of_the_same_steps_by_hand(champion: Forecaster) -> None:
    """From every step of those that were held out last; steps that the champion has seen are not counted."""
    panel = until(212)
    contest = challenge(panel, champion, QUICK)
    judged = contest.challenger.judged
    assert judged is not None
    errors = []
    for cut in range(212 - max(judged.holdout.test), 212):
        actual = np.full(7, np.nan)
        known = VALUES[max(cut, 200) : min(cut + 7, 212)]
        if not len(known):
            continue
        actual[max(cut, 200) - cut :][: len(known)] = known
        (item,) = champion.predict(until(cut)).items
        median = item.quantiles[:, champion.quantile_levels.index(0.5)]
        errors.append(float(mase(actual, median, VALUES[:cut], contest.challenger.evaluation.season_length)))
    assert contest.champion_error == pytest.approx(np.mean(errors), rel=1e-6)


def test_without_a_row_since_the_old_model_has_the_advantage(champion: Forecaster) -> None:
    """It has seen what it is judged by, and the sentence says so."""
    assert ", which the old one has seen" in challenge(until(200), champion, QUICK).sentence


def test_a_damaged_model_loses() -> None:
    """With the reason; there is nothing to compare."""
    contest = challenge(until(200), DAMAGED, QUICK)
    assert contest.wins
    assert math.isnan(contest.champion_error)
    assert contest.sentence.startswith("the new model takes the place: the one before cannot be read: m.safetensors")


def test_a_model_for_other_data_loses(champion: Forecaster) -> None:
    """Other columns, or another calendar."""
    other = replace(champion, columns=replace(champion.columns, targets=("z",)))
    assert challenge(until(210), other, QUICK).sentence.endswith("the one before is for other columns")
    elsewhere = replace(champion, calendar=replace(champion.calendar, freq="h"))
    contest = challenge(until(210), elsewhere, QUICK)
    assert contest.wins
    assert "cannot take part: the data are on another calendar" in contest.sentence


def test_a_training_that_is_left_off_wins_nothing(champion: Forecaster, tmp_path: Path) -> None:
    """What it had reached is kept for the next run, which ends as if nothing had been."""
    path = tmp_path / "m.training.safetensors"
    contest = challenge(until(230), champion, QUICK, should_stop=lambda: True, snapshots=Snapshots(path))
    assert not contest.wins
    assert contest.sentence == "the model stays: training anew was left off early"
    again = challenge(until(230), champion, QUICK, snapshots=Snapshots(path))
    straight = challenge(until(230), champion, QUICK)
    assert again.sentence == straight.sentence
    assert (
        again.challenger.save(tmp_path / "a.safetensors").digest
        == straight.challenger.save(tmp_path / "b.safetensors").digest
    )


def contest_of(challenger: Forecaster, *, wins: bool) -> Contest:
    """A contest that is already decided."""
    return Contest(challenger, wins, 1.0, 0.5, "")


def test_both_models_are_kept(champion: Forecaster, tmp_path: Path) -> None:
    """The winner in the place of the other, which moves to the shelf; a loser beside, until another one wins."""
    model = tmp_path / "m.safetensors"
    champion.save(model)
    first = model.read_bytes()
    challenger = champion.within(1.0, None)
    stayed = settle(model, contest_of(challenger, wins=False))
    assert (stayed.digest, model.read_bytes()) == (Forecaster.load(model).digest, first)
    assert Forecaster.load(challenger_of(model)).bounds == challenger.bounds
    assert settle(model, contest_of(challenger, wins=True)).bounds == challenger.bounds
    assert previous_of(model).read_bytes() == first
    assert not challenger_of(model).exists()


def test_a_damaged_model_does_not_push_a_whole_one_off_the_shelf(champion: Forecaster, tmp_path: Path) -> None:
    """There is no way back to it anyway."""
    model = tmp_path / "m.safetensors"
    champion.save(previous_of(model))
    before = previous_of(model).read_bytes()
    model.write_bytes(b"damaged")
    settle(model, contest_of(champion.within(1.0, None), wins=True))
    assert previous_of(model).read_bytes() == before
    assert Forecaster.load(model).bounds.floor == 1.0
