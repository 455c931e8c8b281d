"""`forecast train --resume` and `--from`: an interrupted training goes on, and its leavings are no model."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.forecaster import Forecaster, read_card

QUICK = ["--max-steps", "20", "--members", "2", "--hidden", "4", "--horizon", "7", "--model", "m.safetensors"]
STATE = Path("m.training.safetensors")
MODEL = Path("m.safetensors")


@pytest.fixture
def straight(shop):
    """The model file of a training that nobody interrupts."""
    assert run(["train", "sales.csv", *QUICK, "--quiet"]) == 0
    expected = MODEL.read_bytes()
    MODEL.unlink()
    return expected


@pytest.fixture
def stop_at(monkeypatch):
    """A function that has the next training hear a signal at its n-th report."""
    fit = Forecaster.fit

    def at(n, number=signal.SIGTERM):
        def interrupted(panel, plan, *, on_epoch, **how):
            heard = []

            def listen(epoch):
                heard.append(epoch)
                if len(heard) == n:
                    os.kill(os.getpid(), number)
                on_epoch(epoch)

            monkeypatch.setattr(Forecaster, "fit", fit)
            return fit(panel, plan, on_epoch=listen, **how)

        monkeypatch.setattr(Forecaster, "fit", interrupted)

    return at


@pytest.mark.parametrize(("n", "number"), [(1, signal.SIGTERM), (4, signal.SIGINT), (7, signal.SIGHUP)])
def test_the_same_command_goes_on_to_the_same_file(n, number, straight, stop_at, capsys):
    """While choosing and while training again; the state is gone when training has ended."""
    stop_at(n, number)
    assert run(["train", "sales.csv", *QUICK]) == 128 + number
    assert STATE.exists()
    assert read_card(MODEL)["stopped"] is True
    capsys.readouterr()
    assert run(["train", "sales.csv", *QUICK, "--resume"]) == 0
    assert "going on with the training that was interrupted" in capsys.readouterr().err
    assert MODEL.read_bytes() == straight
    assert not STATE.exists()


def test_the_way_back_leads_to_the_model_before_both(straight, stop_at):
    """What an interrupted training left is replaced, not kept."""
    before = Path("sales.safetensors").read_bytes()
    shutil.copy("sales.safetensors", MODEL)
    stop_at(2)
    assert run(["train", "sales.csv", *QUICK, "--quiet"]) == 143
    assert Path("m.previous.safetensors").read_bytes() == before
    assert run(["train", "sales.csv", *QUICK, "--quiet", "--resume"]) == 0
    assert MODEL.read_bytes() == straight
    assert Path("m.previous.safetensors").read_bytes() == before


def test_a_line_of_cron_may_always_resume(straight, capsys):
    """Where nothing was interrupted it is an ordinary training, and a note says so."""
    assert run(["train", "sales.csv", *QUICK, "--resume"]) == 0
    assert "there is no interrupted training to go on with: this one begins anew" in capsys.readouterr().err
    assert MODEL.read_bytes() == straight


def test_without_the_option_training_begins_anew(straight, stop_at, capsys):
    """And says what it could have done."""
    stop_at(2)
    assert run(["train", "sales.csv", *QUICK, "--quiet"]) == 143
    assert run(["train", "sales.csv", *QUICK]) == 0
    assert "which --resume would have gone on with" in capsys.readouterr().err
    assert MODEL.read_bytes() == straight
    assert not STATE.exists()


def test_a_forgotten_option_costs_nothing(straight, stop_at, capsys):
    """Exit code 2 with what differs; the state is as it was."""
    stop_at(2)
    assert run(["train", "sales.csv", *QUICK, "--quiet"]) == 143
    before = STATE.read_bytes()
    capsys.readouterr()
    assert run(["train", "sales.csv", *QUICK, "--hidden", "6", "--resume"]) == 2
    err = capsys.readouterr().err
    assert "error: --resume: the training that was interrupted had other settings: hidden 4, now 6\n" in err
    assert "hint: give the same options again, or leave --resume out to begin anew\n" in err
    assert STATE.read_bytes() == before
    assert run(["train", "sales.csv", *QUICK, "--resume", "--quiet"]) == 0
    assert MODEL.read_bytes() == straight


@pytest.mark.parametrize("command", [["predict", "--model"], ["inspect"]])
def test_a_state_is_refused_where_a_model_is_needed(command, shop, stop_at, capsys):
    """Exit code 4, in words; and without a name it is not taken for the newest model."""
    stop_at(1)
    assert run(["train", "sales.csv", *QUICK, "--quiet"]) == 143
    os.utime(STATE)
    capsys.readouterr()
    assert run([*command, str(STATE)]) == 4
    err = capsys.readouterr().err
    assert err.startswith(f"error: {STATE}: ")
    assert "it is what a training that was interrupted had reached, and not a model" in err
    assert run(["predict", "--quiet"]) == 0


def test_training_begins_from_the_weights_of_a_model(shop, capsys):
    """Or says why not; the digest of the data has nothing to do with it."""
    lines = Path("sales.csv").read_text().splitlines()
    Path("first.csv").write_text("\n".join([*lines[:100], ""]))
    size = ["--max-steps", "20", "--members", "1", "--hidden", "8", "--horizon", "7", "--scaling", "standard"]
    assert run(["train", "first.csv", *size, "--quiet"]) == 0
    assert run(["train", "sales.csv", *size, "--from", "first.safetensors"]) == 0
    assert "begun from the weights of the model before" in capsys.readouterr().err
    assert run(["train", "sales.csv", *size, "--hidden", "6", "--from", "first.safetensors"]) == 0
    assert "begun anew, not from the weights of the model before: its networks have" in capsys.readouterr().err
    assert run(["train", "sales.csv", *size, "--from", "nowhere.safetensors"]) == 4


def test_a_model_that_begins_from_itself_goes_on_from_where_that_is_now(shop, stop_at, capsys):
    """The hint of the message names the model before, which the interrupted training has replaced."""
    arguments = ["train", "sales.csv", "--max-steps", "20", "--horizon", "7", "--model", "m.safetensors"]
    shutil.copy("sales.safetensors", MODEL)
    stop_at(1)
    assert run([*arguments, "--from", "m.safetensors"]) == 143
    (hint,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("hint: "))
    assert hint.endswith("--from m.previous.safetensors --resume")
    assert run([*arguments, "--from", "m.previous.safetensors", "--resume"]) == 0
    assert "going on" in capsys.readouterr().err


@pytest.mark.slow
def test_signals_at_random_moments_of_the_command(straight):
    """Reading, planning, choosing, judging, training again: it leaves in ten seconds, and --resume ends as it would."""
    command = [sys.executable, "-m", "forecast", "train", "sales.csv", *QUICK, "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    begun = time.monotonic()
    subprocess.run(command, env=environment, check=True, timeout=120)
    whole, chance, ended = time.monotonic() - begun, random.Random(3), []
    MODEL.unlink()
    for _ in range(15):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.0, 1.05 * whole))
        process.terminate()
        asked = time.monotonic()
        ended.append(process.wait(timeout=30))
        assert time.monotonic() - asked < 10
        subprocess.run([*command, "--resume"], env=environment, check=True, timeout=120)
        assert MODEL.read_bytes() == straight
        assert not STATE.exists()
        MODEL.unlink()
    # Before the handlers are there the signal itself ends the process.
    assert set(ended) <= {0, 143, -signal.SIGTERM}
    assert ended.count(143) > 3
