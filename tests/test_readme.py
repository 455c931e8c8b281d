"""The README: its commands and programs run, and its tables say what the code says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from forecast.errors import EXIT_CODES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: A shell block runs when this comment stands on the line before it; every Python block runs.
MARK = "<!-- run -->\n"
BLOCK = re.compile(rf"^({re.escape(MARK)})?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

#: What makes training short: here only that it runs matters.
QUICK = {"FORECAST_MAX_STEPS": "20", "FORECAST_MEMBERS": "1", "OMP_NUM_THREADS": "1"}
OPTION = re.compile(r"--[a-z][a-z0-9-]*")


def section(heading: str) -> str:
    """The text from a heading, given by its beginning, to the next heading of any level."""
    return re.split(r"^#+ ", README.split(f"\n{heading}", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language that are to run, in order."""
    return [text for mark, name, text in BLOCK.findall(README) if name == language and (mark or name == "python")]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """A folder with the sample data in it, and an environment that finds the installed command first."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    bin_folder = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", **QUICK}


def run(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Run to the end, and fail with what was said on the way."""
    result = subprocess.run(
        arguments,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, f"{arguments[-1]}\n{result.stdout}"


def test_the_commands_run(environment: Mapping[str, str]) -> None:
    """Every marked block, one after the other in one folder, as a reader would type them."""
    assert blocks("sh")
    for text in blocks("sh"):
        run(["bash", "-euo", "pipefail", "-c", text], environment)
    for written in (
        "prices.safetensors",
        "prices.forecast.csv",
        "prices.png",
        "next.csv",
        "next.json",
        "sales.forecast.csv",
        "past.csv",
        "planned.html",
    ):
        assert Path(written).stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize("program", blocks("python"))
def test_the_programs_run(program: str, environment: Mapping[str, str]) -> None:
    """Every Python block is a whole program."""
    run([sys.executable, "-W", "error", "-c", program], environment)


def test_the_exit_codes_are_those_of_the_code() -> None:
    """Scripts rely on the table, so it is one with the tool."""
    rows = dict(re.findall(r"^\| (\S+) \| (.+) \|$", section("## Exit codes"), re.MULTILINE))
    del rows["exit"]
    assert rows == EXIT_CODES


@pytest.mark.parametrize("command", ["train", "predict", "check", "backtest", "compare", "tune", "explain", "score"])
def test_the_options_are_those_of_the_help_page(command: str) -> None:
    """The table of a command and the words about both have every option it offers, and none that it does not."""
    page = subprocess.run(
        [sys.executable, "-m", "forecast", command, "-h"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split("Example:")[0]
    offered = {name for name in OPTION.findall(page) if not name.startswith("--no-")} - {"--help"}
    assert OPTION.findall(section(f"### `forecast {command}"))
    # A command that reads the data of jobs reads them as each job says.
    reads = command != "score"
    reading = OPTION.findall(section("### Reading a file")) if reads else []
    both = [name for name in OPTION.findall(section("### Both")) if reads or name != "--report"]
    # What a backtest, a comparison or a search trains is told as training tells it.
    shared = OPTION.findall(section("### `forecast train")) if command in ("backtest", "compare", "tune") else []
    shared = [name for name in shared if name not in ("--resume", "--from")]  # a single training has them
    if command == "compare":
        shared = [name for name in shared if name != "--model"]  # it writes none
    assert {
        *OPTION.findall(section(f"### `forecast {command}")),
        *both,
        *reading,
        *shared,
    } == offered


def test_relative_links_lead_somewhere() -> None:
    """Every file the README points at exists."""
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target
