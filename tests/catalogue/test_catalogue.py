"""The catalogue: every way a file can be odd, with what must become of it, through the command and the reader."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from forecast.cli.app import run as run_command
from forecast.reading import read_panel
from forecast.reading.problems import CODES, WARNINGS
from tests.catalogue.cases import Run, check_values, options_in, runs, settings

RUNS = runs()
#: Run as a process even by the quick tests, of which each takes seconds; the others are so by the slow ones.
PROCESSES = ("04-latin1/latin1.csv", "23-quotes/data.csv", "48-mixed-formats/order.csv")
FIRSTS = list({run.case: run for run in reversed(RUNS)}.values())[::-1]
_ERROR = re.compile(r"(?P<file>.+?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?: (?P<code>E\d{3}) (?P<text>.+)")


@dataclass(frozen=True)
class Outcome:
    """How the command ended: its exit code, its lines of problems and what settles the first."""

    exit: int
    errors: tuple[str, ...] = ()
    hint: str = ""


def params(chosen: Iterable[Run]) -> list[ParameterSet]:
    """The runs as parameters of a test, by their names."""
    return [pytest.param(run, id=run.name, marks=[pytest.mark.slow] if run.slow else []) for run in chosen]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, the current one; what is left in it can be removed again."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for path in tmp_path.iterdir():
        if stat.S_ISREG(path.lstat().st_mode):
            path.chmod(0o600)


def check(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Outcome:
    """What `forecast check` makes of these arguments."""
    code = run_command(["check", *arguments])
    return outcome(code, capsys.readouterr().out)


def outcome(code: int, stdout: str) -> Outcome:
    """The parts of what the command printed: each problem on a line, and how to settle the first."""
    errors = re.findall(r"^  (\S.*: E\d{3} .*)$", stdout, re.MULTILINE)
    hint = re.search(r"^ +to settle it: (.*)$", stdout, re.MULTILINE)
    return Outcome(code, tuple(errors), hint[1] if hint and errors else "")


def check_error(run: Run, found: Outcome) -> None:
    """Fails unless the first problem is the one of the case."""
    first = _ERROR.fullmatch(found.errors[0])
    assert first, found.errors[0]
    assert first["file"] == run.file
    place = [int(text) if (text := first[name]) else None for name in ("line", "column")]
    assert first["code"] in CODES
    assert first["code"].startswith(run.code), found
    assert place == [run.line, run.column], found
    assert run.says in first["text"]
    assert run.hint in found.hint


@pytest.mark.parametrize("run", params(run for run in RUNS if run.exit))
def test_what_is_wrong_is_said_with_its_place(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit, code, line and column are those of the case, and every line is short and safe for a terminal."""
    path = run.place(folder)
    if path.exists() and run.says == "permission" and os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    found = check([run.file, *run.args], capsys)
    assert found.exit == run.exit, found
    for line in found.errors:
        assert len(line) <= 200
        assert line.isprintable()
    check_error(run, found)


@pytest.mark.parametrize("run", params(run for run in RUNS if run.cure))
def test_the_hint_works_when_pasted(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the options that the hint names the file is read, and the values are the right ones."""
    run.place(folder)
    found = check([run.file, *run.args], capsys)
    options = options_in(found.hint, run.way)
    assert options, found
    again = check([run.file, *run.args, *options], capsys)
    assert again.exit == 0, (found, again)
    config = settings((*run.args, *options))
    panel = read_panel(run.file, config.data, config.read)
    if isinstance(run.cure, str):
        check_values(panel, folder / run.cure)


@pytest.mark.parametrize("run", params(run for run in RUNS if not run.exit))
def test_what_is_read_is_right_and_repairs_are_said(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, every timestamp and every value as the case has them, and exactly its warnings."""
    run.place(folder)
    found = check([run.file, *run.args], capsys)
    assert found.exit == 0, found
    config = settings(run.args)
    panel = read_panel(run.file, config.data, config.read)
    check_values(panel, folder / run.expect)
    codes = sorted({note.split(" ")[0] for note in panel.notes} & set(WARNINGS))
    assert codes == sorted(run.notes), panel.notes


@pytest.mark.parametrize(
    "run", [pytest.param(run, id=run.name, marks=[pytest.mark.slow] * (run.name not in PROCESSES)) for run in FIRSTS]
)
def test_the_installed_command_says_the_same(run: Run, folder: Path) -> None:
    """The first file of every case, by a process of its own: the same exit code and the same problem."""
    run.place(folder)
    if run.says == "permission" and os.access(run.file, os.R_OK):
        pytest.skip("this user may read everything")
    command = Path(sys.executable).with_name("forecast")
    ended = subprocess.run(
        [*([command] if command.exists() else [sys.executable, "-m", "forecast"]), "check", run.file, *run.args],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = outcome(ended.returncode, ended.stdout)
    assert found.exit == run.exit, ended
    if run.exit:
        check_error(run, found)
