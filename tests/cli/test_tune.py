"""`forecast tune`: what it asks of the search, what it prints, and what it leaves on the disk."""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from forecast import tuning
from forecast.cli.app import run
from forecast.cli.settings import read_file
from forecast.config import Config
from forecast.errors import DataError
from forecast.forecaster import Forecaster, read_card
from forecast.tuning import Tuning
from forecast.writing import lock
from tests.test_readme import BLOCK, ROOT, environment
from tests.test_readme import run as command

__all__ = ["environment"]

#: Small networks whose learning rate and dropout are searched.
QUICK = [
    *("--horizon", "7", "--members", "1", "--max-steps", "10", "--hidden", "8", "--layers", "1", "--segment", "7"),
    *("--context-length", "28", "--batch-size", "32", "--weight-decay", "0.01"),
]


@pytest.fixture
def asked(monkeypatch):
    """What the command asks of the search, which ends there."""
    seen = []

    def search(panel, config, **how):
        seen.append((config, {name: how[name] for name in ("trials", "cells", "study")}))
        raise DataError("enough was seen")

    monkeypatch.setattr(tuning, "tune", search)
    return seen


@pytest.mark.parametrize(
    ("arguments", "how"),
    [
        ([], {"trials": 30, "cells": (), "study": None}),
        (["--trials", "9", "--study", "s.db"], {"trials": 9, "cells": (), "study": "s.db"}),
        (["--cells", "gru,rnn"], {"trials": 30, "cells": ("gru", "rnn"), "study": None}),
    ],
)
def test_each_option_reaches_the_search(arguments, how, shop, asked):
    """With the settings that are fixed."""
    assert run(["tune", "sales.csv", "--hidden", "8", *arguments]) == 3
    ((config, found),) = asked
    assert found == how
    assert config == replace(Config(), model=replace(Config().model, hidden=8))


def test_a_key_and_a_variable_reach_the_search_too(shop, asked, monkeypatch):
    """The search has a table of its own."""
    Path("forecast.toml").write_text('[tune]\ntrials = 5\nstudy = "a.db"\n[train]\nbatch_size = 9\n')
    monkeypatch.setenv("FORECAST_STUDY", "b.db")
    assert run(["tune", "sales.csv"]) == 3
    ((config, found),) = asked
    assert (found["trials"], found["study"], config.train.batch_size) == (5, "b.db", 9)


def test_the_time_that_reading_took_is_off_the_limit(shop, asked):
    """The limit is for the whole run."""
    assert run(["tune", "sales.csv", "--time-limit", "2m"]) == 3
    assert 100 < asked[0][0].train.time_limit < 120


def test_a_search_leaves_settings_and_the_model_they_train(shop, capsys):
    """`train --config` makes the same file from the settings, to the byte."""
    assert run(["tune", "sales.csv", *QUICK, "--trials", "4", "--model", "tuned.safetensors"]) == 0
    out, err = capsys.readouterr()
    assert "searched: 4 of 4 trials" in err
    assert "wrote the best settings to sales.tuned.toml" in err
    assert err.endswith("next: forecast predict --model tuned.safetensors --horizon 7\n")
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["defaults", "best", "importance"]
    assert {row[0] for row in rows[1:3]} == {"learning_rate", "dropout"}
    assert "on the windows that chose" in out
    assert "naive" in out
    best = Config.from_dict(read_file(Path("sales.tuned.toml")))
    assert best.train.learning_rate is not None
    assert best.model.hidden == 8
    assert best.train.time_limit is None
    assert run(["train", "sales.csv", "--config", "sales.tuned.toml", "--model", "trained.safetensors"]) == 0
    assert Path("trained.safetensors").read_bytes() == Path("tuned.safetensors").read_bytes()


def test_json_is_one_document_with_every_trial(shop, capsys):
    """What train says of the model, and the search; the model before is kept."""
    before = Path("sales.safetensors").read_bytes()
    arguments = ["--trials", "3", "--study", "s.db", "--config-output", "best.toml", "--json"]
    assert run(["tune", "sales.csv", *QUICK, *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sha256"] == read_card("sales.safetensors")["sha256"]
    assert Path(found["previous"]).read_bytes() == before
    search = found["tuning"]
    assert [trial["number"] for trial in search["trials"]] == [1, 2, 3]
    losses = {trial["number"]: trial["loss"] for trial in search["trials"] if trial["state"] == "complete"}
    assert search["best"] == min(losses, key=losses.get)
    assert (search["config"], search["study"], search["ended"]) == ("best.toml", "s.db", "trials")
    assert Path("best.toml").exists()
    assert len(search["gains"]) in (1, 2)


def test_verbose_tells_of_every_trial(shop, capsys):
    """Its stage, what it changed, its loss and the best so far."""
    assert run(["tune", "sales.csv", *QUICK, "--trials", "3", "--verbose"]) == 0
    err = capsys.readouterr().err
    assert "trial 1/3 (defaults): validation loss" in err
    assert "trial 2/3 (learning rate): learning_rate 0.001: " in err
    assert ", best " in err


def test_quiet_prints_nothing(shop, capsys):
    """Not a word from the library that searches either."""
    assert run(["tune", "sales.csv", *QUICK, "--trials", "2", "--quiet", "--study", "s.db"]) == 0
    assert capsys.readouterr() == ("", "")


def interrupt_after(monkeypatch, n):
    """SIGINT comes while trial n + 1 is under way."""
    original, calls = tuning.selection_loss, []

    def loss(*arguments):
        calls.append(None)
        if len(calls) == n + 1:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(tuning, "selection_loss", loss)


def test_a_signal_while_searching_keeps_the_best_and_the_same_command_goes_on(shop, capsys, monkeypatch):
    """Exit code of the signal; settings are written, the model is as it was; the trials before are not made again."""
    before = Path("sales.safetensors").read_bytes()
    command = ["tune", "sales.csv", *QUICK, "--trials", "4", "--study", "s.db"]
    with monkeypatch.context() as patched:
        interrupt_after(patched, 2)
        assert run(command) == 130
    err = capsys.readouterr().err
    assert "searched: 2 of 4 trials (2 complete)" in err
    assert err.endswith(
        "error: stopped by SIGINT; the best settings so far are in sales.tuned.toml, no model was trained; "
        "the same command goes on with s.db\n"
    )
    assert Path("sales.safetensors").read_bytes() == before
    assert read_file(Path("sales.tuned.toml"))["train"]["learning_rate"] > 0
    calls = []
    original = tuning.selection_loss
    monkeypatch.setattr(tuning, "selection_loss", lambda *a: (calls.append(None), original(*a))[1])
    assert run(command) == 0
    assert len(calls) == 2
    assert "searched: 4 of 4 trials" in capsys.readouterr().err


def test_a_signal_before_the_first_trial_is_finished_leaves_nothing(shop, capsys, monkeypatch):
    """There are no settings that could be written."""
    interrupt_after(monkeypatch, 0)
    assert run(["tune", "sales.csv", *QUICK]) == 130
    assert capsys.readouterr().err.endswith("error: stopped by SIGINT; no trial was finished yet\n")
    assert not Path("sales.tuned.toml").exists()


def test_a_signal_while_the_best_is_trained_saves_what_was_reached(shop, capsys, monkeypatch):
    """As in `train`."""
    fit = Forecaster.fit

    def interrupted(panel, config, *, on_epoch, should_stop):
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop()
        return fit(panel, config, on_epoch=on_epoch, should_stop=should_stop)

    monkeypatch.setattr(Forecaster, "fit", interrupted)
    assert run(["tune", "sales.csv", *QUICK, "--trials", "1", "--model", "m.safetensors"]) == 143
    assert read_card("m.safetensors")["stopped"] is True
    assert capsys.readouterr().err.endswith("error: stopped by SIGTERM; what was reached is saved in m.safetensors\n")


def test_too_little_time_for_one_trial_is_an_error(shop, capsys, monkeypatch):
    """With a limit that may do."""
    monkeypatch.setattr(tuning, "tune", lambda *_, **__: Tuning((), Config(), {}, "time"))
    assert run(["tune", "sales.csv", *QUICK, "--time-limit", "0.5"]) == 2
    assert capsys.readouterr().err.endswith(
        "error: no trial was finished within the time limit\nhint: --time-limit 5\n"
    )


def test_other_data_are_refused_by_the_study(shop, capsys):
    """Exit code 2, the study named, another one proposed."""
    assert run(["tune", "sales.csv", *QUICK, "--trials", "1", "--study", "s.db"]) == 0
    lines = Path("sales.csv").read_text().splitlines()
    Path("sales.csv").write_text("\n".join(lines[:-1]) + "\n")
    capsys.readouterr()
    assert run(["tune", "sales.csv", *QUICK, "--trials", "1", "--study", "s.db"]) == 2
    err = capsys.readouterr().err
    assert "error: s.db: the study was begun on other data" in err
    assert err.endswith("hint: --study another.db\n")


def test_without_optuna_it_says_how_to_get_it(shop, capsys, monkeypatch):
    """Before the file is read."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run(["tune", "nowhere.csv"]) == 2
    assert capsys.readouterr().err == ("error: tuning needs the package optuna\nhint: pip install 'forecast[tune]'\n")


def test_the_lock_is_on_the_model_that_is_written(shop, capsys):
    """Two runs must not train the same model."""
    with lock(Path("sales.safetensors")):
        assert run(["tune", "sales.csv", *QUICK]) == 75


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[predict]\nhorizon = 3\n", "it has [predict], which would be lost"),
        ("[project]\n", "mine.toml: unknown table 'project'"),
        ("no settings at all", "mine.toml cannot be read: "),
    ],
)
def test_settings_never_take_the_place_of_what_they_do_not_hold(text, why, shop, capsys):
    """Before the file is read, a settings file with more in it, or another file, is left as it is."""
    Path("mine.toml").write_text(text)
    assert run(["tune", "nowhere.csv", "--config-output", "mine.toml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: --config-output mine.toml: the settings would take the place of another file\n")
    assert f"why: {why}" in err
    assert err.endswith("hint: --config-output mine.tuned.toml\n")
    assert Path("mine.toml").read_text() == text


def test_a_folder_for_the_settings_that_is_missing_is_told_before_the_search(shop, asked):
    """Nothing that was searched for hours can then be lost."""
    assert run(["tune", "sales.csv", "--config-output", "no/where.toml"]) == 7
    assert asked == []


def test_a_name_with_another_suffix_is_answered_with_one_that_fits(capsys):
    """For the study and for the settings."""
    assert run(["tune", "sales.csv", "--study", "my trials.sqlite"]) == 2
    assert capsys.readouterr().err.endswith("hint: --study 'my trials.db'\n")


def test_a_problem_of_the_data_is_in_the_report(shop, capsys):
    """As with `train`."""
    Path("bad.csv").write_text("day,units\n2024-01-01,1\n2024-01-02,x\n2024-01-03,3\n")
    assert run(["tune", "bad.csv", "--report", "errors.csv"]) == 3
    assert "bad.csv" in Path("errors.csv").read_text()


@pytest.mark.slow
def test_the_commands_of_the_page_on_tuning_run(environment):
    """Every marked block of docs/tune.md, one after the other in one folder."""
    text = (ROOT / "docs" / "tune.md").read_text(encoding="utf-8")
    blocks = [block for mark, name, block in BLOCK.findall(text) if name == "sh" and mark]
    assert len(blocks) == 4
    for block in blocks:
        command(["bash", "-euo", "pipefail", "-c", block], environment)
