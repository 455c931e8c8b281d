"""`forecast completion`: scripts that shells accept, and the completions they then ask for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.cli.completion import SHELLS, VARIABLE

BASH = """
eval "$(forecast completion bash)"
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_forecast_completion forecast
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def command(tmp_path):
    """The PATH of a folder that holds the command `forecast`."""
    script = tmp_path / "forecast"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m forecast "$@"\n')
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(Path.cwd())}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script_that_calls_back(shell, capsys):
    """On stdout, and nothing else there."""
    assert run(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert VARIABLE in out
    assert "forecast" in out
    assert err == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("forecast tr", ["train"]),
        ("forecast in", ["inspect"]),
        ("forecast train --cell gr", ["gru", "gru2014"]),
        ("forecast tune --preset b", ["balanced", "best"]),
        ("forecast predict --expect", ["--expect-sha256"]),
        ("forecast completion f", ["fish"]),
        ("forecast nonsense x", [""]),
    ],
)
def test_bash_completes(words, completions, command):
    """Commands, options and the values of options, in a real shell."""
    script = BASH.format(words=words)
    found = subprocess.run(["bash", "-c", script], env=command, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.splitlines() == completions
    assert found.stderr == ""


def test_an_unknown_shell_is_a_usage_error(capsys):
    """With the ones there are."""
    assert run(["completion", "bsh"]) == 2
    assert "did you mean bash" in capsys.readouterr().err
