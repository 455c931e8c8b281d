"""Failures: one shape on stderr, one exit code for each kind, and a traceback only for those who ask."""

import errno
import sys

import pytest
import typer

from forecast.cli.errors import reporting, show, show_bug
from forecast.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    ForecastError,
    Interrupted,
    LockedError,
    OutputError,
)


def failing(error):
    @reporting
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ForecastError("x"), 1),
        (ConfigError("x"), 2),
        (DataError("x"), 3),
        (CheckpointError("x"), 4),
        (OutputError("x"), 7),
        (LockedError("x"), 75),
        (Interrupted("x", signal_number=15), 143),
        (MemoryError(), 7),
        (typer.BadParameter("x"), 2),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(error, code, capsys):
    """Scripts depend on the table; stdout stays empty and stderr begins with `error:`."""
    assert failing(error)() == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")


def test_an_error_says_why_and_gives_a_hint_where_it_has_them(capsys):
    """Each on a line of its own, and no line without words."""
    assert show(DataError("sales.csv:3: no date", why="the cell is blank", hint="--time day")) == 3
    assert show(DataError("too short")) == 3
    assert capsys.readouterr().err == (
        "error: sales.csv:3: no date\nwhy: the cell is blank\nhint: --time day\nerror: too short\n"
    )


def test_a_value_from_a_file_cannot_steer_the_terminal(capsys):
    """It is shown with its control characters escaped; several lines stay several lines."""
    show(DataError("bad \x1b[31mvalue\nnext"))
    assert capsys.readouterr().err == "error: bad \\x1b[31mvalue\nnext\n"


def test_success_ends_with_what_the_command_returned(capsys):
    """Nothing returned is 0."""
    assert reporting(lambda: None)() == 0
    assert reporting(lambda: 5)() == 5
    assert capsys.readouterr() == ("", "")


def test_a_bug_is_not_caught():
    """It has to reach the hook that calls it one."""
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError("division by zero"))()


def test_a_bug_is_one_line(capsys):
    """With the way to learn more."""
    show_bug(ValueError, ValueError("first\nsecond"), None)
    assert capsys.readouterr().err == "error: a bug in forecast: ValueError: first; run again with --debug\n"
    show_bug(AssertionError, AssertionError(), None)
    assert capsys.readouterr().err == "error: a bug in forecast: AssertionError; run again with --debug\n"


@pytest.mark.parametrize("debug", [False, True])
def test_a_traceback_needs_debug(debug, capsys, monkeypatch):
    """For expected failures and for bugs."""
    monkeypatch.setattr(sys, "argv", ["forecast", "train", *(["--debug"] if debug else [])])
    failing(DataError("no rows"))()
    show_bug(ValueError, ValueError("x"), None)
    err = capsys.readouterr().err
    assert ("Traceback" in err) == debug
    assert ("ValueError: x\n" in err) == debug


def test_a_failure_of_the_system_is_about_output(capsys, monkeypatch):
    """With the name of the file where the system gives one."""
    monkeypatch.setattr("forecast.cli.errors._drop", lambda _: None)
    assert failing(OSError(errno.ENOSPC, "No space left on device"))() == 7
    assert failing(OSError(errno.EMFILE, "Too many open files", "model.bin"))() == 7
    assert capsys.readouterr().err == "error: output: no space left on device\nerror: model.bin: too many open files\n"
