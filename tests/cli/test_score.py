"""`forecast score`: what came stands beside what was forecast, and what is missing is said in plain sentences."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from forecast.cli.app import run
from forecast.forecaster import Forecaster
from forecast.ledger import Ledger
from forecast.reading import read_panel
from tests.ledger.made import forecast, panel
from tests.ledger.test_drift import nights, wavy

JOBS = '[jobs.units]\ndata = "sales.csv"\nmodel = "sales.safetensors"\n'
PLACE = Path("jobs.state/ledger.db")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty one, as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scored(folder):
    """A ledger with a job that has a median off by 1 and 2, of which the second lies outside of its interval."""
    ledger = Ledger.open("ledger.db")
    past = panel({"a": [1, 2, 3]})
    ledger.record("sales", forecast(past, {"a": [5, 7]}), past, model_digest="m", data_digest="d", season_length=1)
    ledger.settle("sales", panel({"a": [1, 2, 3, 4, 5]}))
    return ledger


@pytest.fixture
def recorded(shop):
    """A file of jobs, and a ledger with what its model forecast a week ago."""
    Path("jobs.toml").write_text(JOBS, encoding="utf-8")
    PLACE.parent.mkdir()
    model = Forecaster.load("sales.safetensors")
    past = read_panel("sales.csv", known=model.known).drop_last(7)
    told = {"model_digest": model.digest, "data_digest": past.digest(), "season_length": 7}
    Ledger.open(PLACE).record("units", model.predict(past), past, **told)
    return model


def test_the_data_of_the_jobs_settle_what_was_forecast(recorded, capsys):
    """Seven days, read as the model needs them; a second time, nothing is doubled and nothing else comes out."""
    assert run(["score", "jobs.toml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (job,) = found["jobs"]
    (own,) = job["sources"]
    panel_now = read_panel("sales.csv", known=recorded.known)
    past = panel_now.drop_last(7)
    medians = recorded.predict(past).quantile(0.5)[0]
    assert own["mae"] == pytest.approx(np.abs(panel_now.series[0].values[-7:] - medians).mean())
    assert (job["job"], own["steps"], own["source"], own["coverage"]["80"]["steps"]) == ("units", 7, "model", 7)
    assert job["drift"]["verdict"] == "unknown"
    assert run(["score", "--json"]) == 0  # jobs.toml in this folder needs no name
    assert json.loads(capsys.readouterr().out) == found


def test_without_settling_only_what_the_ledger_has_counts(recorded, capsys):
    """Nothing was read, so nothing has come."""
    assert run(["score", "--no-settle"]) == 0
    out, err = capsys.readouterr()
    assert out == "nothing that was forecast has come yet: the newest cutoff is 2020-05-22\n"
    assert err == ""


def test_data_that_cannot_be_read_are_said_and_the_rest_is_scored(recorded, capsys):
    """Exit code 5, and what came before is there."""
    assert run(["score", "--quiet"]) == 0
    Path("sales.csv").write_text("day,units\n2020-01-01,many\n", encoding="utf-8")
    capsys.readouterr()
    assert run(["score", "jobs.toml"]) == 5
    out, err = capsys.readouterr()
    assert "model        1      7" in out
    assert err.startswith("warning: units: what came could not be read: ")


def test_a_table_has_errors_bias_and_what_intervals_held(scored, capsys):
    """With the count behind each share, and drift in words."""
    assert run(["score", "--ledger", "ledger.db"]) == 0
    header, row, blank, *words = capsys.readouterr().out.splitlines()
    assert header.split() == ["cutoffs", "steps", "MAE", "MASE", "sMAPE", "bias", "in", "80", "%"]
    assert row.split() == ["model", "1", "2", "1.500", "1.500", "27.78", "1.500", "50%", "of", "2"]
    assert blank == ""
    assert words == [
        "what came from 2024-01-04 to 2024-01-05; means over steps",
        "sales: drift is not known: 24 cutoffs are needed, and 1 is there",
    ]


def test_each_step_ahead_has_a_line(scored, capsys):
    """Only where it was asked for."""
    assert run(["score", "--ledger", "ledger.db", "--by-lead"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["step", "1", "1", "1.000", "1.000", "22.22", "1.000", "100%"] in lines
    assert ["step", "2", "1", "2.000", "2.000", "33.33", "2.000", "0%"] in lines


def test_since_until_and_last_choose_by_the_clock_of_the_data(scored, capsys):
    """A day as the end counts whole."""
    for options, steps in (
        (["--since", "2024-01-05"], [2]),
        (["--until", "2024-01-04"], [1]),
        (["--last", "1d"], [2]),
        (["--since", "2024-01-04T00:00", "--until", "2024-01-05"], [1, 2]),
    ):
        assert run(["score", "--ledger", "ledger.db", "--json", "--by-lead", *options]) == 0
        (job,) = json.loads(capsys.readouterr().out)["jobs"]
        assert [lead["lead"] for lead in job["sources"][0]["by_lead"]] == steps, options


def test_only_some_jobs_are_scored(scored, capsys):
    """By name, or by the name before the slash of the files of a pattern."""
    past = panel({"a": [1, 2, 3]})
    for job in ("shops/a", "shops/b"):
        scored.record(job, forecast(past, {"a": [5]}), past, model_digest="m", data_digest="d", season_length=1)
        scored.settle(job, panel({"a": [1, 2, 3, 4]}))
    assert run(["score", "--ledger", "ledger.db", "--only", "shops", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [job["job"] for job in found["jobs"]] == ["shops/a", "shops/b"]
    assert [own["steps"] for own in found["total"]] == [2]
    assert run(["score", "--ledger", "ledger.db", "--only", "sale"]) == 2
    assert "did you mean sales?" in capsys.readouterr().err


def test_hindsight_is_left_out_and_said(scored, capsys):
    """A model that had seen what came shows nothing of how well it forecasts."""
    past = panel({"a": [1, 2, 3, 4]})
    told = {"model_digest": "n", "data_digest": "d", "season_length": 1}
    scored.record("sales", forecast(past, {"a": [5]}), past, hindsight=True, **told)
    assert run(["score", "--ledger", "ledger.db"]) == 0
    assert "left out: 1 step that was forecast by a model which had seen later rows" in capsys.readouterr().out
    assert run(["score", "--ledger", "ledger.db", "--include-hindsight"]) == 0
    assert "\nmodel, in hindsight        1      1" in capsys.readouterr().out


def test_drift_is_an_exit_code_where_it_was_asked_for(folder, capsys):
    """6, a gate that was not met; without the option it is said and no more."""
    nights(Ledger.open("ledger.db"), [*wavy(24), *wavy(12, 3)])
    assert run(["score", "--ledger", "ledger.db"]) == 0
    assert "job: drift: over the last 12 cutoffs the MASE of the first step was 3.05, over the 24" in (
        capsys.readouterr().out
    )
    assert run(["score", "--ledger", "ledger.db", "--fail-on-drift", "--quiet"]) == 6
    assert capsys.readouterr().out == ""


def test_a_picture_and_a_metrics_file_are_written(scored, capsys):
    """With the mode that the umask gives, so that node_exporter can read it."""
    mask = os.umask(0o022)
    try:
        assert run(["score", "--ledger", "ledger.db", "--plot", "s.svg", "--metrics-file", "f.prom", "--json"]) == 0
    finally:
        os.umask(mask)
    assert json.loads(capsys.readouterr().out)["written"] == ["f.prom", "s.svg"]
    assert Path("s.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert Path("f.prom").stat().st_mode & 0o777 == 0o644
    assert 'forecast_mae{job_name="sales",source="model",hindsight="false"} 1.5\n' in Path("f.prom").read_text()


def test_before_anything_has_come_there_is_no_picture_and_no_failure(folder, capsys):
    """The metrics file says at least how new the forecasts are."""
    ledger = Ledger.open("ledger.db")
    past = panel({"a": [1, 2, 3]})
    ledger.record("sales", forecast(past, {"a": [4]}), past, model_digest="m", data_digest="d", season_length=1)
    assert run(["score", "--ledger", "ledger.db", "--plot", "s.png", "--metrics-file", "f.prom"]) == 0
    assert capsys.readouterr().out.startswith("nothing that was forecast has come yet")
    assert not Path("s.png").exists()
    assert "forecast_newest_cutoff_timestamp_seconds" in Path("f.prom").read_text(encoding="utf-8")


def test_an_empty_ledger_is_a_sentence(folder, capsys):
    """Nothing is wrong with it."""
    Ledger.open("ledger.db")
    assert run(["score", "--ledger", "ledger.db"]) == 0
    assert capsys.readouterr().out == "ledger.db: no forecast has been recorded yet\n"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "neither a file of jobs nor a ledger is named"),
        (["--ledger", "none.db"], 2, "there is no ledger none.db"),
        (["none.toml"], 2, "none.toml"),
        (["--ledger", "l.db", "--last", "month"], 2, "'month' is no length of time"),
        (["--ledger", "l.db", "--last", "3d", "--since", "2024-01-01"], 2, "both since and last"),
        (["--ledger", "l.db", "--since", "yesterday"], 2, "must be a date"),
        (["--ledger", "l.db", "--until", "2024-01-31T00:00+01:00"], 2, "by the clock of the data"),
        (["--ledger", "l.db", "--plot", "s.pdf"], 2, "must end in .png or .svg"),
        (["--ledger", "l.db", "--metrics-file", "m.txt"], 2, "files that end in .prom"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(folder, capsys, options, code, said):
    """And nothing is made on the way."""
    assert run(["score", *options]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert list(folder.iterdir()) == []


def test_jobs_without_a_ledger_have_nothing_to_score(shop, capsys):
    """The file itself says so."""
    Path("jobs.toml").write_text(f'[run]\nledger = "none"\n{JOBS}', encoding="utf-8")
    assert run(["score"]) == 2
    assert 'ledger is "none", so nothing was recorded' in capsys.readouterr().err


def test_a_damaged_ledger_is_one_line(folder, capsys):
    """With exit code 7 and a way on."""
    Path("ledger.db").write_bytes(b"once upon a time" * 99)
    assert run(["score", "--ledger", "ledger.db"]) == 7
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ledger ledger.db: the file is damaged, or none of SQLite")
    assert hint == "hint: mv ledger.db ledger.db.damaged, and the next run begins a new one"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_ledger_that_only_others_may_write_can_be_read(scored, capsys):
    """Whoever looks need not be who runs."""
    with closing(sqlite3.connect("ledger.db")) as connection:
        before = list(connection.iterdump())
    Path("ledger.db").chmod(0o444)
    assert run(["score", "--ledger", "ledger.db"]) == 0
    with closing(sqlite3.connect("ledger.db")) as connection:
        assert list(connection.iterdump()) == before
