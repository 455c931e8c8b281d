"""The command as a process: streams that are full, closed or no terminal, signals from outside, and bugs."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forecast.forecaster import read_card

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TERM": "xterm-256color", "COLUMNS": "80"}
FORECAST = [sys.executable, "-m", "forecast"]
# Each of these loads torch in a process of its own, which takes seconds.
slow = pytest.mark.slow
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shell(line, **changes):
    """A line of shell in which `forecast` is the command."""
    return subprocess.run(
        ["bash", "-c", f'forecast() {{ "{sys.executable}" -m forecast "$@"; }}\n{line}'],
        env={**ENVIRONMENT, **changes},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def on_a_terminal(*arguments, **changes):
    """Exit code and text of a command whose three streams are a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*FORECAST, *arguments], env={**ENVIRONMENT, **changes}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    text = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(65536):
                text += part
        except OSError:  # how Linux says that the other side is gone
            pass
    return process.wait(timeout=120), text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("line", ["--help", "--version", "completion bash"])
def test_a_full_disk_under_stdout_is_exit_7(line, shop):
    """What could not be printed is never a success."""
    found = shell(f"forecast {line} > /dev/full")
    assert found.returncode == 7
    assert found.stderr == "error: output: no space left on device\n"


def test_a_full_disk_under_stderr_changes_no_exit_code(shop):
    """There is nobody left to tell, but the code still does."""
    assert shell("forecast trian 2> /dev/full").returncode == 2


def test_a_closed_stdout_is_exit_7(shop):
    """And no file takes its place. The words are those of the system."""
    found = shell("forecast completion bash >&-")
    assert (found.returncode, found.stderr) == (7, "error: output: bad file descriptor\n")


@slow
def test_a_prediction_needs_no_stream_at_all(shop):
    """Some schedulers close all three."""
    assert shell("forecast predict <&- >&- 2>&-").returncode == 0
    assert Path("sales.forecast.csv").read_text().startswith("day,forecast")


def without_a_reader(*arguments):
    """Exit code and stderr of a command whose stdout is a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        found = subprocess.run(
            [*FORECAST, *arguments], env=ENVIRONMENT, stdout=pipe, stderr=subprocess.PIPE, check=False, timeout=120
        )
    return found.returncode, found.stderr


def test_a_reader_that_leaves_early_ends_the_command(shop):
    """`| head -1` is no error worth a word: the process ends by SIGPIPE, as any other tool does."""
    assert without_a_reader("--help") == (-signal.SIGPIPE, b"")


@slow
def test_a_reader_that_leaves_early_does_not_end_training(shop):
    """The model is saved first; the exit code is that of the signal."""
    code, _ = without_a_reader("train", "sales.csv", "--members", "1", "--max-steps", "20", "-m", "m.safetensors")
    assert code == 128 + signal.SIGPIPE
    assert read_card("m.safetensors")["stopped"] is False


@slow
def test_without_a_terminal_there_are_no_escape_sequences(shop):
    """Not in the results, not in the notes, not even where colour is forced on other tools."""
    line = "forecast train sales.csv --max-steps 20 --members 1 --horizon 7 -v 2>&1 && forecast predict --chart -v 2>&1"
    found = shell(line, FORCE_COLOR="1")
    assert found.returncode == 0
    assert "░" in found.stdout
    assert "\x1b" not in found.stdout


@slow
def test_under_cron_a_prediction_is_silent(shop):
    """A bare environment, no terminal, no stdin, and the C locale."""
    found = subprocess.run(
        [*FORECAST, "predict"],
        env={
            "HOME": str(shop),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C",
            "PYTHONCOERCECLOCALE": "0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
    assert Path("sales.forecast.csv").exists()


@slow
def test_output_is_utf8_whatever_the_locale_says(shop):
    """The chart cannot be drawn in ASCII."""
    found = shell(
        "forecast predict --chart", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii"
    )
    assert found.returncode == 0
    assert "░" in found.stdout


@pytest.mark.parametrize("colour", [True, pytest.param(False, marks=slow)])
def test_a_terminal_shows_chart_and_table(colour, shop):
    """In colour, unless NO_COLOR says otherwise; never wider than the terminal."""
    code, text = on_a_terminal("predict", "--horizon", "20", **({} if colour else {"NO_COLOR": "1"}))
    assert code == 0
    assert ("\x1b[" in text) == colour
    lines = ESCAPE.sub("", text).splitlines()
    assert "next 20 days: 2020-05-30 … 2020-06-18" in lines
    assert any("░" in line for line in lines)
    assert any(line.split()[:1] == ["2020-06-18"] for line in lines)
    assert lines[-1] == "wrote sales.forecast.csv"
    assert max(map(len, lines)) <= 80


@slow
def test_a_terminal_shows_progress_and_takes_it_away(shop):
    """A line that is redrawn, and gone when training has ended; the table fits."""
    code, text = on_a_terminal("train", "sales.csv", "--members", "1", "--horizon", "7", "--max-steps", "60")
    assert code == 0
    assert "getting ready" in text or "select 1/1" in text
    after = ESCAPE.sub("", text.rpartition("\x1b[2K")[2]).splitlines()
    assert not any("select" in line for line in after)
    assert any(line.split()[:4] == ["lstm", "naive", "seasonal", "naive"] for line in after)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=slow), pytest.param(signal.SIGHUP, marks=slow)]
)
def test_a_signal_ends_training_with_a_saved_model(number, shop):
    """Exit code 128+n; the file on the disk is complete and says that training was stopped."""
    process = subprocess.Popen(
        [
            *FORECAST,
            "train",
            "sales.csv",
            "--max-steps",
            "1000000",
            "--patience",
            "100000",
            "-v",
            "-m",
            "m.safetensors",
        ],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    # Not before training has begun: earlier there is nothing to save.
    begun = next(line for line in process.stderr if "select 1/" in line)
    assert begun
    time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert read_card("m.safetensors")["stopped"] is True
    assert "naive" in out
    assert err.endswith(
        f"error: stopped by {number.name}; what was reached is saved in m.safetensors\n"
        "hint: forecast train sales.csv --max-steps 1000000 --patience 100000 -v -m m.safetensors --resume\n"
    )


INTERRUPTED = """
import os, signal, sys
from forecast.cli import doctor, main
doctor.doctor = lambda: os.kill(os.getpid(), signal.SIGINT)
doctor.doctor.__doc__ = "Wait. Example: forecast doctor"
main()
"""


def test_ctrl_c_ends_a_command_that_has_nothing_to_save_at_once(shop):
    """By the signal itself: as an exception it can be swallowed by whatever library is being imported."""
    found = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "doctor"], env=ENVIRONMENT, capture_output=True, check=False, timeout=60
    )
    assert (found.returncode, found.stdout, found.stderr) == (-signal.SIGINT, b"", b"")


@slow
@pytest.mark.parametrize("delay", [0.2, 0.5, 0.8, 1.1])
def test_ctrl_c_is_heard_while_libraries_are_imported(delay, shop):
    """Neither a traceback, nor a bug, nor a forecast all the same."""
    process = subprocess.Popen([*FORECAST, "predict"], env=ENVIRONMENT, stderr=subprocess.PIPE)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-signal.SIGINT, b"")


BUG = """
import sys
from forecast.cli import doctor, main
doctor.doctor = lambda: 1 / 0
doctor.doctor.__doc__ = "Fail. Example: forecast doctor"
sys.argv[0] = "forecast"
main()
"""


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_one_line_and_exit_1(debug, shop):
    """The traceback is there for whoever asks."""
    found = subprocess.run(
        [sys.executable, "-c", BUG, "doctor", *(["--debug"] if debug else [])],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    line = "error: a bug in forecast: ZeroDivisionError: division by zero; run again with --debug\n"
    assert found.returncode == 1
    assert found.stderr.endswith(line)
    assert (found.stderr != line) == debug
    assert ("Traceback" in found.stderr) == debug
