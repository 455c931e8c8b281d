"""`forecast compare`: a leaderboard of cells from a file, its table of forecasts, and what it refuses."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from forecast.cli.app import run
from forecast.errors import DataError
from forecast.forecaster import Forecaster
from tests.cli.test_process import ENVIRONMENT, FORECAST, on_a_terminal

QUICK = ["--max-steps", "10", "--hidden", "4", "--features", "none", "--horizon", "7", "--windows", "3"]
#: In this process, where a fake can be put.
HERE = ["--jobs", "1"]


def test_cells_stand_beside_baselines(shop, capsys):
    """A line for each, what is real and how it was measured on stdout; the plan and what is done on stderr."""
    assert run(["compare", "sales.csv", *QUICK, *HERE, "--cells", "gru,lstm", "--seeds", "2"]) == 0
    out, err = capsys.readouterr()
    table, words = out.split("\n\n")
    header, *lines = table.splitlines()
    assert header.split()[:6] == ["MASE", "±", "MAE", "skill", "in", "80"]
    assert {line.split("  ")[0].removesuffix(" ≈") for line in lines} == {"gru", "lstm", "naive", "seasonal naive"}
    # Ten steps teach little: where they teach nothing, all cells forecast as they began.
    assert "has the lowest error (MASE " in words or "all cells have the same error (MASE " in words
    assert "3 forecasts of 7 steps: 1 series, 3 cutoffs, 7 steps apart, the last 7 before the end" in words
    assert "single networks from 2 seeds, trained once, before the first cutoff" in words
    assert 'target: "units"' in err
    assert "1/4 gru seed 1: best after " in err
    assert "4/4 lstm seed 2: best after " in err


def test_the_document_holds_the_leaderboard(shop, capsys):
    """Exactly one, with the score of each seed; the best cell and the reference have no p-value of their own."""
    options = ["--cells", "gru,rnn", "--cell", "rnn", "--seeds", "2", "--seed", "7", "--json", "--quiet"]
    assert run(["compare", "sales.csv", *QUICK, *HERE, *options]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert (found["seeds"], found["reference"], found["deciding"]) == ([7, 8], "rnn", "mase")
    rows = {row["name"]: row for row in found["leaderboard"]}
    assert set(rows) == {"gru", "rnn", "naive", "seasonal naive"}
    assert len(rows["gru"]["scores"]) == 2
    assert rows["rnn"]["p_reference"] is None
    assert rows["gru"]["p_reference"] is not None
    assert rows["seasonal naive"]["skill"] == 0
    assert found["config"]["model"]["members"] == 1


def test_all_are_all_that_are_registered(shop, capsys, monkeypatch):
    """Here a registry of two."""
    monkeypatch.setattr("forecast.cli.compare.CELLS", ("gru", "rnn"))
    assert run(["compare", "sales.csv", *QUICK, *HERE, "--cells", "all", "--seeds", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in found["leaderboard"] if row["seeds"]} == {"gru", "rnn"}


def test_every_forecast_goes_to_a_file_whatever_the_jobs(shop, capsys):
    """Each network's, and those of the baselines, in the order in which cells were named."""
    options = ["--cells", "rnn,gru", "--seeds", "2", "--quiet"]
    for name, jobs in (("one.csv", "1"), ("two.csv", "2")):
        assert run(["compare", "sales.csv", *QUICK, *options, "--jobs", jobs, "--output", name]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()
    found = pd.read_csv("one.csv")
    assert list(found)[:6] == ["day", "cutoff", "cell", "seed", "actual", "forecast"]
    assert list(dict.fromkeys(found["cell"])) == ["rnn", "gru", "naive", "seasonal naive"]
    assert len(found) == 6 * 3 * 7


def test_a_cell_that_fails_is_exit_5(shop, capsys, monkeypatch):
    """It is named in the table and below it, and the table of forecasts has the others."""
    fit = Forecaster.fit

    def failing(panel, plan, **how):
        if plan.config.model.cell == "gru":
            raise DataError("too little")
        return fit(panel, plan, **how)

    monkeypatch.setattr(Forecaster, "fit", failing)
    options = ["--cells", "gru,rnn", "--seeds", "1", "--output", "past.csv"]
    assert run(["compare", "sales.csv", *QUICK, *HERE, *options]) == 5
    out, err = capsys.readouterr()
    assert "\ngru failed " in out
    assert "failed: gru seed 1 cannot be trained without the last 21 steps: too little" in out
    assert "gru seed 1: failed" in err
    assert set(pd.read_csv("past.csv")["cell"]) == {"rnn", "naive", "seasonal naive"}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--cells", "lstm,gur"], 2, "hint: did you mean mgu or gru"),
        (["--cells", "lstm,gru,lstm"], 2, "--cells: cells has lstm twice\nhint: --cells lstm,gru\n"),
        (["--seeds", "0"], 2, "--seeds: seeds is 0, but must lie between 1 and 1000"),
        (["--jobs", "0"], 2, "--jobs: jobs is 0"),
        (["--windows", "0"], 2, "--windows: windows is 0"),
        (["--windows", "99"], 3, "99 windows of 7 steps"),
        (["--windows", "20"], 3, "nothing can be trained without the last 140 steps"),
        (["--output", "past.txt"], 2, "its name does not end in .csv, .jsonl or .parquet"),
        (["--output", "sales.csv"], 2, "would take the place of sales.csv"),
        (["--output", "nowhere/past.csv"], 7, "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_an_error_with_its_code(options, code, said, shop, capsys):
    """And nothing is on stdout."""
    assert run(["compare", "sales.csv", *QUICK, *options]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_column_of_the_same_name_is_refused_before_the_work(shop, capsys):
    """A user's own `cell` would hide ours."""
    pd.read_csv("sales.csv").rename(columns={"day": "cell"}).to_csv("other.csv", index=False)
    assert run(["compare", "other.csv", *QUICK, "--output", "past.csv"]) == 3
    assert "column 'cell': the table of forecasts adds a column of this name" in capsys.readouterr().err


def test_threads_and_jobs_together_are_no_more_than_the_processors(shop, monkeypatch):
    """Whatever is asked for."""
    from forecast.cli.compare import _processes
    from forecast.config import Config, TrainConfig

    monkeypatch.setattr("forecast.workers.n_processors", lambda: 8)
    cpu = [(1, None), (1, 3), (1, 99), (3, None), (3, 99), (16, None)]
    found = [_processes(Config(train=TrainConfig(threads=threads, device="cpu")), jobs) for threads, jobs in cpu]
    assert found == [8, 3, 8, 2, 2, 1]
    monkeypatch.setattr("forecast.training.pick_device", lambda name: "cuda")
    assert _processes(Config(), None) == 1


def test_several_networks_in_one_are_left_out_and_that_is_said(shop, capsys):
    """They would hide what a seed does."""
    assert run(["compare", "sales.csv", *QUICK, *HERE, "--cells", "rnn", "--seeds", "1", "--members", "5"]) == 0
    out, err = capsys.readouterr()
    assert "single networks: members 5 would hide what a seed does" in err
    assert "1 network: lstm" in err
    assert "there is no other cell to compare it with" in out


def test_a_signal_leaves_nothing_behind(shop, capsys, monkeypatch):
    """The table that was there stays, and the exit code is that of the signal."""
    Path("past.csv").write_text("before", encoding="utf-8")
    fit = Forecaster.fit

    def interrupted(panel, plan, **how):
        os.kill(os.getpid(), signal.SIGTERM)
        return fit(panel, plan, **how)

    monkeypatch.setattr(Forecaster, "fit", interrupted)
    assert run(["compare", "sales.csv", *QUICK, *HERE, "--output", "past.csv"]) == 143
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("error: stopped by SIGTERM; nothing was written\n")
    assert Path("past.csv").read_text(encoding="utf-8") == "before"


def descendants(pid):
    """The processes under one, as the system lists them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(child)]
    return found


def is_running(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(("number", "twice"), [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)])
def test_no_process_survives_a_signal(number, twice, shop):
    """Sent to the whole group as a terminal does, or to the command alone, once or twice: no word of a traceback."""
    options = ["--cells", "rnn,lstm,gru", "--seeds", "9", "--jobs", "2", "--hidden", "64", "--patience", "9999"]
    process = subprocess.Popen(
        [*FORECAST, "compare", "sales.csv", *options, "--max-steps", "99999"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    begun, workers = time.monotonic(), []
    while len(workers) < 3 and time.monotonic() - begun < 60:
        time.sleep(0.2)
        workers = descendants(process.pid)
    time.sleep(8)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
        if twice:
            time.sleep(0.05)
            process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert out == ""
    assert "Traceback" not in err
    assert workers
    ended = time.monotonic()
    while any(is_running(pid) for pid in workers) and time.monotonic() - ended < 30:
        time.sleep(0.2)
    assert not [pid for pid in workers if is_running(pid)]


@pytest.mark.slow
def test_a_terminal_shows_a_bar_and_no_line_for_each_network(shop):
    """It is gone at the end, and the table stands."""
    code, text = on_a_terminal(
        "compare", "sales.csv", *QUICK, *HERE, "--cells", "rnn,gru", "--seeds", "2", COLUMNS="120"
    )
    assert code == 0
    assert "4/4" in text
    assert "4/4 gru seed 2" not in text
    assert "skill: 1 − MAE / MAE of seasonal naive" in text
