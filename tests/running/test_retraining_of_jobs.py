"""Retraining in a run: when it is due by what the file of jobs says, and what is left of the models then."""

from __future__ import annotations

import pytest

from forecast.cli.app import run
from forecast.filenames import challenger_of, previous_of
from tests.running.conftest import rows_of
from tests.running.test_run import SALES, summary


def grown(shop, days: int) -> None:
    (shop / "sales.csv").write_text(rows_of(150 + days), encoding="utf-8")


def of_sales(shop) -> tuple[str | None, str | None]:
    unit = summary(shop)["units"]["sales"]
    assert unit["status"] == "done"
    return unit["trained"], unit["contest"]


def test_data_that_have_grown_by_the_age_call_for_a_new_model(shop, jobs):
    """Which takes the place only when it is better; both are kept, and the next night trains none."""
    path = jobs(f'{SALES}retrain = "7d"\n')
    old = (shop / "m.safetensors").read_bytes()
    assert run(["run", path]) == 0
    assert of_sales(shop) == (None, None)
    grown(shop, 6)
    assert run(["run", path]) == 0
    assert of_sales(shop) == (None, None)
    grown(shop, 7)
    assert run(["run", path]) == 0
    trained, contest = of_sales(shop)
    assert trained == "7d: the newest row is 7 d after the last row of the model"
    won = contest.startswith("the new model takes the place")
    kept = previous_of(shop / "m.safetensors") if won else shop / "m.safetensors"
    assert kept.read_bytes() == old
    assert challenger_of(shop / "m.safetensors").exists() != won
    grown(shop, 8)
    assert run(["run", path]) == 0
    assert of_sales(shop) == (None, None)


@pytest.mark.parametrize("wins", [True, False])
def test_who_wins_is_who_forecasts(shop, jobs, wins, monkeypatch):
    """The winner by whatever rule; the loser stays aside."""
    from dataclasses import replace

    import forecast.running.model as model

    whole = model.challenge
    monkeypatch.setattr(model, "challenge", lambda *a, **k: replace(whole(*a, **k), wins=wins))
    path = jobs(f'{SALES}retrain = "7d"\n')
    old = (shop / "m.safetensors").read_bytes()
    grown(shop, 7)
    assert run(["run", path]) == 0
    assert ((shop / "m.safetensors").read_bytes() == old) != wins
    unit = summary(shop)["units"]["sales"]
    assert unit["trained_until"].startswith("2020-06-05" if wins else "2020-05-29")
    assert run(["run", path]) == 0
    assert summary(shop)["counts"]["unchanged"] == 1


def test_other_settings_of_training_call_for_a_contest_once(shop, jobs):
    """Those of the forecast alone do not, nor does the device."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    jobs(f"{SALES}levels = [50]\nthreads = 1\n")
    assert run(["run", path]) == 0
    assert of_sales(shop) == (None, None)
    jobs(f"{SALES}levels = [50]\nseed = 3\n")
    assert run(["run", path]) == 0
    assert of_sales(shop)[0] == "the file of jobs has other settings for training"
    assert run(["run", path, "--force"]) == 0
    assert of_sales(shop) == (None, None)


@pytest.mark.parametrize("options", [[], ["--as-of", "2020-08-01"]])
def test_a_model_that_is_never_to_be_trained_again_stays(shop, jobs, options):
    """And in a back-run any model does."""
    old = (shop / "m.safetensors").read_bytes()
    grown(shop, 80)
    policy = "1d" if options else "never"
    assert run(["run", jobs(f'{SALES}retrain = "{policy}"\n'), *options]) == 0
    assert of_sales(shop) == (None, None)
    assert (shop / "m.safetensors").read_bytes() == old


def test_where_training_fails_the_model_that_is_there_may_stand_in(shop, jobs, monkeypatch, capsys):
    """When the ladder says so; else the run says why it failed."""
    import forecast.running.model as model
    from forecast.errors import OutputError

    def failing(*_arguments, **_named):
        raise OutputError("not enough memory")

    monkeypatch.setattr(model, "challenge", failing)
    grown(shop, 7)
    assert run(["run", jobs(SALES)]) == 7
    assert run(["run", jobs(f'{SALES}fallback = "previous"\n')]) == 6
    assert "previous stands in for the model; not enough memory" in capsys.readouterr().err
    assert summary(shop)["units"]["sales"]["cutoff"] == "2020-06-05"


@pytest.mark.parametrize("policy", ['["drift", "mase > 1000"]', '"mase > 0.0"'])
def test_errors_since_training_can_call_for_a_new_model(shop, jobs, policy):
    """Drift needs more cutoffs than one in the ledger, a metric a horizon of rows."""
    path = jobs(f"{SALES}retrain = {policy}\n")
    assert run(["run", path]) == 0
    grown(shop, 8)
    assert run(["run", path]) == 0
    trained, _ = of_sales(shop)
    assert (trained or "").startswith("mase > 0.0: it is ") == ("drift" not in policy)
