"""docs/: the commands and programs in it run, as a reader would type them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from forecast.errors import EXIT_CODES
from forecast.jobs import Gates, RunSettings
from forecast.jobs.job import JobSettings
from forecast.presets import EFFORTS
from tests.test_readme import BLOCK, OPTION, ROOT, environment, run

__all__ = ["environment"]

TEXT = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")
COMMANDS = [text for mark, name, text in BLOCK.findall(TEXT) if name == "sh" and mark]
PROGRAMS = [text for _, name, text in BLOCK.findall(TEXT) if name == "python"]
#: The other pages whose blocks run in the order of the page, and what they leave behind.
PAGES = {
    "cells": ("gradients.png",),
    "compare": (),
    "cron": ("prices.forecast.csv", "energy.forecast.csv", "schedule.json", "jobs.state/summary.json"),
    "explain": ("gates.png", "prices.html", "prior.png", "gradients.png"),
    "machines": ("sales.forecast.csv", "jobs.state/summary.1-of-2.json"),
    "network": ("t.safetensors",),
    "presets": (),
    "prior": ("now.csv", "sales.csv"),
    "probabilities": (),
    "score": ("score.png", "forecast.prom"),
    "retraining": ("sales.safetensors", "prices.previous.safetensors"),
    "states": (),
    "synthetic": (),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", COMMANDS)
def test_the_commands_of_the_backtest_page_run(text: str, environment: Mapping[str, str]) -> None:
    """Every marked block, in a folder of its own with the sample data."""
    run(["bash", "-euo", "pipefail", "-c", text], environment)


def test_the_table_of_forecasts_is_where_the_page_says(environment: Mapping[str, str]) -> None:
    """The block that writes files writes both."""
    run(["bash", "-euo", "pipefail", "-c", COMMANDS[-1]], environment)
    header = Path("past.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header[1:5] == ["cutoff", "model", "actual", "forecast"]
    assert Path("leaderboard.json").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_of_the_backtest_page_run(program: str, environment: Mapping[str, str]) -> None:
    """Whole programs, without a warning."""
    run([sys.executable, "-W", "error", "-c", program], environment)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "written"), PAGES.items(), ids=PAGES)
def test_the_commands_and_programs_of_a_page_run(
    page: str, written: tuple[str, ...], environment: Mapping[str, str]
) -> None:
    """Commands in the order of the page, then its program; the files are where it says."""
    blocks = BLOCK.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"))
    assert blocks
    for mark, _, text in blocks:
        if mark:
            run(["bash", "-euo", "pipefail", "-c", text], environment)
    # What a page tells in pieces is one program.
    program = "\n".join(text for _, name, text in blocks if name == "python")
    run([sys.executable, "-W", "error", "-c", program], environment)
    assert all(Path(file).stat().st_size > 0 for file in written)


def test_the_table_of_presets_says_what_the_code_does() -> None:
    """Every number of every preset."""
    page = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")
    for preset, (members, patience, learning_rate, most) in EFFORTS.items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{preset}`") and line.count("|") == 6)
        steps = ", ".join(f"{n:,}" for n in most)
        assert row.split("|", 2)[2] == f" {members} | {steps} | {patience} | {learning_rate:g} |"


@pytest.mark.parametrize("command", ["run", "schedule", "status"])
def test_the_page_on_cron_has_every_option(command: str) -> None:
    """Of each of the three commands, in a table."""
    page = (ROOT / "docs" / "cron.md").read_text(encoding="utf-8")
    told = {name for line in page.splitlines() if line.startswith("| `--") for name in OPTION.findall(line)}
    shown = subprocess.run(
        [sys.executable, "-m", "forecast", command, "-h"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split("Example:")[0]
    assert set(OPTION.findall(shown.split("Options:")[-1])) - {"--help", "--debug"} <= told


def test_the_page_on_cron_has_every_key_of_a_job_and_every_exit_code() -> None:
    """Options of training and forecasting aside, whose tables are elsewhere."""
    page = (ROOT / "docs" / "cron.md").read_text(encoding="utf-8")
    for kind in (JobSettings, Gates, RunSettings):
        for field in fields(kind):
            assert f"`{field.name}`" in page, field.name
    assert [line.split("|")[1].strip() for line in page.split("| exit |")[1].splitlines()[2:]] == list(EXIT_CODES)
