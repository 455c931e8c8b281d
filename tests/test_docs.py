"""docs/: the commands and programs in it run, as a reader would type them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.test_readme import BLOCK, ROOT, environment, run

__all__ = ["environment"]

TEXT = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")
COMMANDS = [text for mark, name, text in BLOCK.findall(TEXT) if name == "sh" and mark]
PROGRAMS = [text for _, name, text in BLOCK.findall(TEXT) if name == "python"]


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
