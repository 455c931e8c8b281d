"""`forecast backtest`: a leaderboard from a file, its table of forecasts, and what it refuses."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli.app import run
from forecast.forecaster import Forecaster

QUICK = ["--max-steps", "10", "--members", "1", "--hidden", "4", "--features", "none", "--horizon", "7"]


def leaderboard(out):
    """The first table on stdout: name → the other cells."""
    lines = out.split("\n\n")[0].splitlines()[1:]
    return {line[:16].strip(): line[16:].split() for line in lines}


def test_networks_stand_beside_baselines(shop, capsys):
    """Without options the cell of the configuration and the baselines that need nothing, in two tables."""
    assert run(["backtest", "sales.csv", *QUICK]) == 0
    out, err = capsys.readouterr()
    errors, intervals, words = out.split("\n\n")
    assert errors.splitlines()[0].split() == ["MASE", "MAE", "sMAPE", "WQL", "relative", "p"]
    assert set(leaderboard(out)) == {"lstm", "naive", "seasonal naive", "drift"}
    assert "in 80 %" in intervals
    assert "train s" in intervals
    assert " is best (MASE " in words
    assert "5 forecasts of 7 steps: 1 series, 5 cutoffs, 7 steps apart, the last 7 before the end" in words
    assert 'target: "units"' in err
    assert not Path("sales.safetensors.lock").exists()


def test_the_document_holds_the_leaderboard(shop, capsys):
    """Exactly one, with every metric; errors at each step ahead where they are asked for."""
    options = ["--cells", "gru,rnn", "--baselines", "seasonal-naive", "--windows", "3", "--step", "2", "--refit"]
    assert run(["backtest", "sales.csv", *QUICK, *options, "--by-lead", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {line["model"] for line in found["leaderboard"]} == {"gru", "rnn", "seasonal naive"}
    assert (found["n_windows"], found["step_size"], found["horizon"], found["refit"]) == (3, 2, 7, True)
    assert found["steps_before_end"] == [11, 9, 7]
    assert found["independent_groups"] == 1
    assert all(line["p_value"] is None for line in found["leaderboard"])
    assert set(found["leaderboard"][0]["metrics"]) >= {"mase", "mae", "smape", "wql", "coverage_80", "width_95"}
    assert len(found["by_lead"]["gru"]["mase"]) == 7
    naive = next(line for line in found["leaderboard"] if line["model"] == "seasonal naive")
    assert naive["relative_mae"] == pytest.approx(1)


def test_errors_at_each_step_are_shown_when_asked_for(shop, capsys):
    """A third table, with a line for each step."""
    assert run(["backtest", "sales.csv", "--cells", "none", "--horizon", "3", "--windows", "2", "--by-lead"]) == 0
    table = capsys.readouterr().out.split("\n\n")[2].splitlines()
    assert table[0] == "MASE at each step ahead"
    assert [line.split()[0] for line in table[2:]] == ["1", "2", "3"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_forecast_goes_to_a_file(suffix, shop, capsys):
    """The actual values are those of the data, the cutoff is before the step, and the quantiles ascend."""
    output = Path(f"past{suffix}")
    options = ["--cells", "none", "--baselines", "naive,drift", "--horizon", "7", "--windows", "2"]
    assert run(["backtest", "sales.csv", *options, "--output", str(output)]) == 0
    assert f"wrote {output}" in capsys.readouterr().err
    read = {".csv": pd.read_csv, ".jsonl": lambda f: pd.read_json(f, lines=True), ".parquet": pd.read_parquet}
    found = read[suffix](output)
    assert len(found) == 2 * 2 * 7
    assert list(found)[:5] == ["day", "cutoff", "model", "actual", "forecast"]
    days, cutoffs = (pd.to_datetime(found[name]) for name in ("day", "cutoff"))
    assert ((days - cutoffs).dt.days - 1).tolist() == list(range(7)) * 4
    data = pd.read_csv("sales.csv")
    by_day = dict(zip(pd.to_datetime(data["day"]), data["units"], strict=True))
    assert found["actual"].tolist() == pytest.approx([by_day[day] for day in days])
    assert (np.diff(found[["q_0.025", "q_0.5", "q_0.975"]], axis=1) >= 0).all()


def test_missing_values_are_empty_cells(shop):
    """They have no actual value, and are no reason to fail."""
    lines = Path("sales.csv").read_text(encoding="utf-8").splitlines()
    lines[-3] = lines[-3].split(",")[0] + ","
    Path("holes.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    options = ["--cells", "none", "--baselines", "naive", "--horizon", "7", "--windows", "1"]
    for output in ("past.csv", "past.jsonl"):
        assert run(["backtest", "holes.csv", *options, "--output", output]) == 0
    assert pd.read_csv("past.csv")["actual"].isna().tolist() == [False] * 4 + [True] + [False] * 2
    assert json.loads(Path("past.jsonl").read_text(encoding="utf-8").splitlines()[4])["actual"] is None


def test_saved_models_are_compared_as_they_are(shop, capsys):
    """Nothing is trained beside them, and one that knows the windows is marked and never the best."""
    assert run(["train", "sales.csv", *QUICK, "--as-of", "2020-05-10", "--model", "early.safetensors", "--quiet"]) == 0
    options = ["--model", "early.safetensors", "--model", "sales.safetensors", "--baselines", "none", "--windows", "2"]
    assert run(["backtest", "sales.csv", *options]) == 0
    out, err = capsys.readouterr()
    assert "sales.safetensors *" in out
    assert "early.safetensors has MASE" in out
    assert "sales.safetensors was trained on 2 of the 2 windows" in err
    assert run(["backtest", "sales.csv", *QUICK, *options, "--cells", "gru", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {line["model"] for line in found["leaderboard"]} == {"gru", "early.safetensors", "sales.safetensors"}


def test_a_signal_leaves_nothing_behind(shop, capsys, monkeypatch):
    """The table that was there stays, and the exit code is that of the signal."""
    Path("past.csv").write_text("before", encoding="utf-8")
    fit = Forecaster.fit

    def interrupted(panel, config, **callbacks):
        os.kill(os.getpid(), signal.SIGINT)
        return fit(panel, config, **callbacks)

    monkeypatch.setattr(Forecaster, "fit", interrupted)
    assert run(["backtest", "sales.csv", *QUICK, "--output", "past.csv"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("error: stopped by SIGINT; nothing was written\n")
    assert Path("past.csv").read_text(encoding="utf-8") == "before"
    assert not list(Path().glob(".past*"))


def test_quiet_prints_nothing(shop, capsys):
    """The table of forecasts is what was asked for."""
    assert run(["backtest", "sales.csv", "--cells", "none", "--horizon", "7", "--quiet", "-o", "past.csv"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("past.csv").exists()


def test_verbose_tells_what_is_trained(shop, capsys):
    """With the name of the candidate, where no line can be redrawn."""
    assert run(["backtest", "sales.csv", *QUICK, "--cells", "gru", "--windows", "2", "--refit", "--verbose"]) == 0
    err = capsys.readouterr().err
    assert "gru 1/2: training without the last 14 steps" in err
    assert "gru 2/2: select 1/1" in err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--cells", "lstm,gur"], 2, "unknown cell 'gur'"),
        (["--baselines", "naive,est"], 2, "unknown baseline 'est'"),
        (["--cells", "none", "--baselines", "none"], 2, "nothing to compare"),
        (["--presets", "fast,bset"], 2, "--presets: unknown preset 'bset'"),
        (["--cells", "none", "--presets", "fast"], 2, "cells is none, so presets have nothing to train"),
        (["--windows", "0"], 2, "--windows: windows is 0"),
        (["--step", "0"], 2, "--step: step is 0"),
        (["--windows", "99"], 3, "99 windows of 7 steps"),
        (["--windows", "20"], 3, "lstm cannot be trained without the last 140 steps"),
        (["--output", "past.txt"], 2, "its name does not end in .csv, .jsonl or .parquet"),
        (["--output", "sales.csv"], 2, "would take the place of sales.csv"),
        (["--output", "nowhere/past.csv"], 7, "there is no folder"),
        (["--model", "sales.csv"], 4, "sales.csv"),
        (["--model", "gone.safetensors"], 4, "gone.safetensors"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_its_code(options, code, said, shop, capsys):
    """And nothing is on stdout."""
    assert run(["backtest", "sales.csv", *QUICK, *options]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(("error: ", "hint: ", "why: "))
    assert said in err


def test_a_column_of_the_same_name_is_refused_before_the_work(shop, capsys):
    """A user's own `cutoff` would hide ours."""
    data = pd.read_csv("sales.csv").rename(columns={"day": "cutoff"})
    data.to_csv("other.csv", index=False)
    assert run(["backtest", "other.csv", *QUICK, "--output", "past.csv"]) == 3
    assert "column 'cutoff': the table of forecasts adds a column of this name" in capsys.readouterr().err


def test_stdin_is_not_read_twice(shop, capsys):
    """A saved model reads the data in its own way."""
    assert run(["backtest", "-", "--model", "sales.safetensors", "--cells", "gru"]) == 2
    assert "stdin can be read once only" in capsys.readouterr().err


def test_parquet_without_its_library_is_refused_before_the_work(shop, capsys, monkeypatch):
    """Nothing is read, let alone trained."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run(["backtest", "nowhere.csv", "--output", "past.parquet"]) == 2
    assert capsys.readouterr().err == (
        "error: parquet files need pyarrow, which is not installed\nhint: pip install 'forecast[parquet]'\n"
    )


def test_one_method_alone_is_compared_with_nothing(shop, capsys):
    """No word of a test that was not made."""
    assert run(["backtest", "sales.csv", "--cells", "none", "--baselines", "naive", "--windows", "3"]) == 0
    out = capsys.readouterr().out
    assert "there is nothing to compare it with" in out
    assert "p: of a difference" not in out


def test_a_method_whose_library_is_missing_says_how_to_install_it(shop, capsys, monkeypatch):
    """Before anything is read."""
    monkeypatch.setattr("forecast.statistical.find_spec", lambda name: None)
    assert run(["backtest", "nowhere.csv", "--baselines", "ets"]) == 2
    assert "hint: pip install 'forecast[statistics]'" in capsys.readouterr().err


@pytest.fixture
def configs(monkeypatch):
    """The configs that are trained, in place of training."""
    seen = []
    fit = Forecaster.fit

    def listen(panel, config, **how):
        seen.append(config)
        return fit(panel, config, **how)

    monkeypatch.setattr(Forecaster, "fit", listen)
    return seen


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--preset", "fast"], {"lstm": ("lstm", "fast")}),
        (["--presets", "fast"], {"lstm fast": ("lstm", "fast")}),
        (
            ["--cells", "gru,rnn", "--presets", "fast,best"],
            {f"{cell} {preset}": (cell, preset) for cell in ("gru", "rnn") for preset in ("fast", "best")},
        ),
        (["--cell", "gru", "--presets", "fast,fast"], {"gru fast": ("gru", "fast")}),
        (["--model", "sales.safetensors", "--presets", "best"], {"lstm best": ("lstm", "best")}),
    ],
)
def test_each_preset_is_trained_with_each_cell(arguments, names, shop, configs, capsys):
    """And stands under both names; what is asked for goes before each preset."""
    options = [*QUICK, "--baselines", "none", "--windows", "2", *arguments, "--json"]
    assert run(["backtest", "sales.csv", *options]) == 0
    found = {line["model"] for line in json.loads(capsys.readouterr().out)["leaderboard"]}
    assert found - {"sales.safetensors"} == set(names)
    assert [(c.model.cell, c.train.preset) for c in configs] == list(names.values())
    assert {(c.model.members, c.train.max_steps) for c in configs} == {(1, 10)}
