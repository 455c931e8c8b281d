"""`forecast train`: what it asks of the library, what it prints, and what it leaves on the disk."""

import csv
import json
import os
import shlex
import signal
from pathlib import Path

import numpy as np
import pytest

from forecast.cli.app import run
from forecast.config import Config, DataConfig, ModelConfig, ReadConfig, TrainConfig
from forecast.errors import DataError
from forecast.forecaster import Forecaster, read_card
from forecast.writing import lock
from tests.panels import daily, uneven_wave

QUICK = ["--hidden", "8", "--members", "1", "--horizon", "7", "--max-steps", "20"]


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What the command asks of the library: the arguments of `read_panel`, and the Config to plan by."""
    monkeypatch.chdir(tmp_path)
    seen = []

    def read(path, data, read, task="regression", on_progress=None):
        seen.append((path, data, read))
        return daily(range(9))

    def plan(panel, config):
        seen.append(config)
        raise DataError("enough was seen")

    monkeypatch.setattr("forecast.reading.read_panel", read)
    monkeypatch.setattr("forecast.planning.plan", plan)
    return seen


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        ([], Config()),
        (["--time", "day"], Config(data=DataConfig(time=("day",)))),
        (["--target", "a,b"], Config(data=DataConfig(target=("a", "b")))),
        (["-t", "a", "-t", "b"], Config(data=DataConfig(target=("a", "b")))),
        (["--future", "promo", "--past", "a,b"], Config(data=DataConfig(future=("promo",), past=("a", "b")))),
        (["--decimal", ",", "--na", "-200,n/a"], Config(read=ReadConfig(decimal=",", na=("-200", "n/a")))),
        (["--id", "shop"], Config(data=DataConfig(id=("shop",)))),
        (["--freq", "MS"], Config(data=DataConfig(freq="MS"))),
        (["--calendar", "XNYS"], Config(data=DataConfig(calendar="XNYS"))),
        (["--season-length", "7"], Config(data=DataConfig(season_length=7))),
        (["--scaling", "robust"], Config(data=DataConfig(scaling="robust"))),
        (["--cell", "gru", "-H", "30"], Config(model=ModelConfig(cell="gru", horizon=30))),
        (["--context-length", "64", "--segment", "8"], Config(model=ModelConfig(context_length=64, segment=8))),
        (["--layers", "2", "--hidden", "32"], Config(model=ModelConfig(layers=2, hidden=32))),
        (["--bidirectional", "--dropout", "0.2"], Config(model=ModelConfig(bidirectional=True, dropout=0.2))),
        (["--no-bidirectional", "--members", "5"], Config(model=ModelConfig(members=5))),
        (["--learning-rate", "1e-3", "--batch-size", "64"], Config(train=TrainConfig(0.001, 64))),
        (["--max-steps", "9", "--patience", "2"], Config(train=TrainConfig(max_steps=9, patience=2))),
        (["--preset", "best"], Config(train=TrainConfig(preset="best"))),
        (["--weight-decay", "0", "--time-limit", "60"], Config(train=TrainConfig(weight_decay=0.0, time_limit=60))),
        (
            ["--seed", "3", "--device", "cpu", "--threads", "2"],
            Config(train=TrainConfig(seed=3, device="cpu", threads=2)),
        ),
    ],
)
def test_each_option_reaches_the_library(arguments, config, calls):
    """The command is a thin twin of two calls."""
    assert run(["train", "data/sales.csv", *arguments]) == 3
    assert calls == [("data/sales.csv", config.data, config.read), config]


def test_the_file_is_named_last_or_first(calls):
    """Options may stand on either side of it."""
    assert run(["train", "--seed", "3", "sales.csv", "--layers", "2"]) == 3
    assert calls[1] == Config(model=ModelConfig(layers=2), train=TrainConfig(seed=3))


def test_a_variable_and_a_key_reach_the_library_too(calls, monkeypatch):
    """The option goes before both."""
    monkeypatch.setenv("FORECAST_LAYERS", "3")
    Path("forecast.toml").write_text("[model]\nlayers = 4\nhidden = 4\n")
    assert run(["train", "sales.csv", "--horizon", "5"]) == 3
    assert calls[1].model == ModelConfig(layers=3, hidden=4, horizon=5)


@pytest.mark.parametrize(
    "name", ["store", "my, store", "it's", 'the "store"', " store", "store ", "größe €", "$HOME;#"]
)
def test_a_hint_that_names_a_column_works_when_pasted(name, tmp_path, monkeypatch, capsys):
    """Whatever signs the name holds: the shell and the option take it apart again."""
    monkeypatch.chdir(tmp_path)
    with Path("sales.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(f"2024-01-{day:02d}", store, 10 * store + day) for day in range(1, 21) for store in (1, 2)]
        csv.writer(file).writerows([("date", name, "units"), *rows])
    assert run(["train", "sales.csv"]) == 3
    hint = capsys.readouterr().err.splitlines()[-1]
    seen = []

    def plan(panel, _):
        seen.append(panel.columns.ids)
        raise DataError("enough was seen")

    monkeypatch.setattr("forecast.planning.plan", plan)
    run(["train", "sales.csv", *shlex.split(hint.partition("train with: ")[2])])
    assert seen == [(name.strip(),)]


def test_the_lock_is_on_the_model_that_is_written(shop, capsys):
    """Two runs must not train the same model."""
    before = Path("sales.safetensors").read_bytes()
    with lock(Path("sales.safetensors")):
        assert run(["train", "sales.csv", *QUICK, "--seed", "9"]) == 75
    assert Path("sales.safetensors").read_bytes() == before
    assert "sales.safetensors: held by pid" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_leaves_nothing_behind(tmp_path, monkeypatch):
    """A mistyped name makes no lock file either."""
    monkeypatch.chdir(tmp_path)
    assert run(["train", "slaes.csv"]) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_first_run_leaves_a_model_and_says_what_it_did(shop, capsys):
    """Scores and verdict on stdout; what was found, chosen and saved, and the next command, on stderr."""
    Path("sales.safetensors").unlink()
    assert run(["train", "sales.csv", *QUICK]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["lstm", "naive", "seasonal", "naive", "drift"]
    card = read_card("sales.safetensors")
    metrics = card["evaluation"]["scores"][0]["metrics"]
    assert {line.split()[0] for line in lines[1 : 1 + len(metrics)]} == set(metrics)
    assert "best baseline" in out or "does NOT beat" in out
    assert 'target: "units"' in err
    assert "horizon 7 steps" in err
    assert f"sha256 {card['sha256']}" in err
    assert err.endswith("next: forecast predict --model sales.safetensors --horizon 7\n")
    assert not Path("sales.previous.safetensors").exists()
    assert Forecaster.load("sales.safetensors").data_path == "sales.csv"


@pytest.mark.parametrize("model", ["sales.csv", "model", "sales.SAFETENSORS"])
def test_a_model_is_called_as_models_are(model, shop, capsys):
    """Any other name may be that of the data, and `predict` would not find it."""
    before = Path("sales.csv").read_bytes()
    assert run(["train", "sales.csv", *QUICK, "--model", model]) == 2
    name = Path(model).stem
    assert capsys.readouterr().err == (
        f"error: --model {model}: the name of a model file ends in .safetensors\nhint: --model {name}.safetensors\n"
    )
    assert Path("sales.csv").read_bytes() == before


def test_a_file_that_may_not_be_read_is_left_to_the_reader(calls, monkeypatch):
    """Whether it may be read is a question of data (exit code 3), not of how the command is used."""
    Path("sales.csv").touch()
    monkeypatch.setattr("os.access", lambda *_: False)
    assert run(["train", "sales.csv"]) == 3
    assert len(calls) == 2


def test_the_model_before_is_kept(shop, capsys):
    """Byte for byte, and it is said."""
    before = Path("sales.safetensors").read_bytes()
    assert run(["train", "sales.csv", *QUICK, "--seed", "9"]) == 0
    assert Path("sales.previous.safetensors").read_bytes() == before
    assert Path("sales.safetensors").read_bytes() != before
    assert "kept the model before as sales.previous.safetensors" in capsys.readouterr().err


def test_a_failure_leaves_the_model_as_it_was(shop, capsys):
    """And keeps no copy of it."""
    before = Path("sales.safetensors").read_bytes()
    assert run(["train", "sales.csv", "--horizon", "1000"]) == 3
    assert Path("sales.safetensors").read_bytes() == before
    assert not Path("sales.previous.safetensors").exists()


def test_json_is_one_document(shop, capsys):
    """With the plan, the columns, the scores, the file and its digest."""
    assert run(["train", "sales.csv", *QUICK, "--model", "m.safetensors", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    card = read_card("m.safetensors")
    assert (found["model"], found["previous"], found["sha256"]) == ("m.safetensors", None, card["sha256"])
    for key in ("config", "columns", "calendar", "evaluation", "data"):
        assert found[key] == card[key]
    assert found["config"]["model"]["horizon"] == 7
    assert found["weights"] > 0
    assert found["seconds"] > 0
    assert 'target: "units"' in found["notes"]


def test_quiet_prints_nothing(shop, capsys):
    """Not a word, and the model is there."""
    assert run(["train", "sales.csv", *QUICK, "--quiet", "-m", "m.safetensors"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("m.safetensors").exists()


def test_verbose_tells_of_every_network(shop, capsys):
    """Where no line can be redrawn, lines are printed."""
    days = np.datetime64("2024-01-01") + np.arange(150)
    rows = [f"{day},{value:.3f}" for day, value in zip(days, uneven_wave(150), strict=True)]
    Path("wave.csv").write_text("\n".join(["day,units", *rows]))
    assert run(["train", "wave.csv", *QUICK, "--verbose"]) == 0
    err = capsys.readouterr().err
    assert "select 1/1" in err
    assert "refit 1/1" in err


def test_a_signal_while_training_saves_what_was_reached(shop, capsys, monkeypatch):
    """Training is asked to stop; the model is complete; the exit code is that of the signal."""
    fit = Forecaster.fit

    def interrupted(panel, config, *, should_stop, **how):
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop()
        return fit(panel, config, should_stop=should_stop, **how)

    monkeypatch.setattr(Forecaster, "fit", interrupted)
    assert run(["train", "sales.csv", *QUICK, "--model", "m.safetensors"]) == 143
    assert read_card("m.safetensors")["stopped"] is True
    out, err = capsys.readouterr()
    assert "naive" in out
    assert err.endswith(
        "error: stopped by SIGTERM; what was reached is saved in m.safetensors\n"
        "hint: forecast train sales.csv --model m.safetensors --resume\n"
    )
    assert Path("m.training.safetensors").exists()


def test_a_signal_before_training_saves_nothing(shop, capsys, monkeypatch):
    """There is nothing yet that could be saved."""

    def read(path, *_, **__):
        os.kill(os.getpid(), signal.SIGINT)
        return daily(range(9))

    monkeypatch.setattr("forecast.reading.read_panel", read)
    assert run(["train", "sales.csv", "--model", "m.safetensors"]) == 130
    assert not Path("m.safetensors").exists()
    assert capsys.readouterr().err.endswith("error: stopped by SIGINT; nothing was saved yet\n")


@pytest.mark.parametrize("name", ["nowhere.csv", "forecast.toml.csv"])
def test_a_file_that_is_not_there_is_an_error_of_the_data(name, shop, capsys):
    """Exit code 3, and no model."""
    assert run(["train", name]) == 3
    assert capsys.readouterr().err.startswith(f"error: {name}")


def test_a_preset_is_said_in_the_plan_and_kept_in_the_model(shop, capsys):
    """On stderr what it decided and what was asked for beside it; in the settings file as an option."""
    Path("forecast.toml").write_text('[train]\npreset = "best"\n', encoding="utf-8")
    assert run(["train", "sales.csv", *QUICK, "--model", "best.safetensors"]) == 0
    said = (
        "preset best: 1 network of at most 20 steps, patience 8, learning rate 0.002: 150 rows are soon over-fitted; "
    )
    assert said + "members, max steps as asked" in capsys.readouterr().err
    assert read_card("best.safetensors")["config"]["train"]["preset"] == "best"


@pytest.mark.parametrize(
    ("arguments", "text", "where"),
    [
        (["--preset", "balance"], "", "--preset"),
        ([], '[train]\npreset = "balance"\n', "forecast.toml"),
    ],
)
def test_an_unknown_preset_is_an_error_with_a_suggestion(arguments, text, where, shop, capsys):
    """Wherever it was written."""
    Path("forecast.toml").write_text(text, encoding="utf-8")
    assert run(["train", "sales.csv", *arguments]) == 2
    assert capsys.readouterr().err == f"error: {where}: unknown preset 'balance'\nhint: did you mean balanced?\n"


def test_what_a_time_limit_cut_off_is_said(shop, capsys):
    """After training, and in the document."""
    options = [*QUICK, "--max-steps", "1000000", "--patience", "100000", "--time-limit", "0.5"]
    assert run(["train", "sales.csv", *options]) == 0
    said = "cut off by the time limit of 0.5 s: the network left off before it had stopped by itself"
    assert said in capsys.readouterr().err
    assert run(["train", "sales.csv", *options, "--json"]) == 0
    assert said in json.loads(capsys.readouterr().out)["notes"]
