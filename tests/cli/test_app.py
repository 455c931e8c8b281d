"""All commands together: help pages, the version, and command lines that make no sense."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from forecast.cli.app import COMMANDS, run
from forecast.version import VERSION

ROOT = Path(__file__).parents[2]


def help_page(*command):
    return subprocess.run(
        [sys.executable, "-m", "forecast", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
    ).stdout


def examples(*command):
    """The command lines below `Example:` at the end of a help page."""
    return [line.strip() for line in help_page(*command).partition("Example:\n")[2].splitlines()]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_h_is_help_everywhere_and_ends_with_an_example(command, capsys):
    """The same page for -h and --help."""
    assert run([*command, "-h"]) == 0
    page = capsys.readouterr().out
    assert run([*command, "--help"]) == 0
    assert capsys.readouterr().out == page
    example = page.partition("Example:\n")[2].splitlines()
    assert 1 <= len(example) <= 2
    assert all("forecast" in line for line in example)


def test_without_arguments_the_help_page_is_shown(capsys):
    """Somebody wants to know what this is."""
    assert run([]) == 0
    first = capsys.readouterr().out
    assert run(["--help"]) == 0
    assert capsys.readouterr().out == first
    for name in COMMANDS:
        assert f"\n  {name} " in first
    assert "..." not in first.partition("Commands:")[2].partition("Example:")[0]


@pytest.mark.slow
@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_the_examples_run(command, tmp_path):
    """As they stand, on the sample data."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    (tmp_path / "forecast").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m forecast "$@"\n')
    (tmp_path / "forecast").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "FORECAST_MAX_STEPS": "20"}
    for line in examples(*command):
        subprocess.run(["bash", "-euc", line], cwd=tmp_path, env=environment, check=True, timeout=300)


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_that_of_the_package(flag, capsys):
    """One line."""
    assert run([flag]) == 0
    assert capsys.readouterr().out == f"forecast {VERSION}\n"


@pytest.mark.parametrize(
    ("line", "error", "hint"),
    [
        ("trian x.csv", "unknown command 'trian'", "did you mean train or pretrain or run?"),
        ("xyz", "unknown command 'xyz'", f"known: {', '.join(COMMANDS)}"),
        ("train a.csv --horizon soon", "--horizon: 'soon' is not a whole number", None),
        ("train a.csv --dropout much", "--dropout: 'much' is not a number", None),
        ("train a.csv --cell lstmm", "--cell: unknown cell 'lstmm'", "did you mean lstm or slstm or minlstm?"),
        ("predict --levels 80,x", "--levels: 'x' is not a number", None),
    ],
)
def test_a_wrong_command_line_is_answered_in_our_words(line, error, hint, capsys):
    """`error:` and `hint:` on stderr, exit code 2, nothing on stdout, no frames drawn around it."""
    assert run(shlex.split(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: {error}\n" + (f"hint: {hint}\n" if hint else "")


@pytest.mark.parametrize(
    ("line", "beginning", "hint"),
    [
        ("train", "missing argument", "forecast train --help"),
        ("train a.csv b.csv", "got unexpected extra argument", "forecast train --help"),
        ("train a.csv --horizn 3", "no such option", "did you mean --horizon or --hidden?"),
        ("train a.csv -x", "no such option", "forecast train --help"),
        ("predict --horizon", "option '--horizon' requires an argument", "--help"),
    ],
)
def test_a_complaint_of_the_parser_takes_our_shape(line, beginning, hint, capsys):
    """Its words differ from version to version, the two lines on stderr do not, and no frame is drawn around them."""
    assert run(shlex.split(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith(f"error: {beginning}")
    assert second.startswith("hint: ")
    assert second.endswith(hint)
