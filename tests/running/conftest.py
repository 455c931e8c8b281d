"""A folder as a night finds it: files of data, a small model that was trained on one of them, and a file of jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from forecast.config import Config, ModelConfig, TrainConfig
from forecast.forecaster import Forecaster
from forecast.reading import read_panel
from forecast.timeformat import format_times
from tests.panels import daily, weekly_wave

#: What training takes no time with.
QUICK = """
[run]
jobs = 1
[defaults]
output = "{name}.forecast.csv"
horizon = 7
hidden = 4
members = 1
max_steps = 5
preset = "fast"
features = ["none"]
"""
#: The newest row of the data, and the first of the rows that are added to it.
LAST = "2020-05-29"


def rows_of(days: int) -> str:
    """A file of so many days of a weekly wave."""
    (series,) = daily(weekly_wave(days)).series
    times = format_times(series.timestamps, "%Y-%m-%d")
    rows = [f"{day},{value:.3f}" for day, value in zip(times, series.values, strict=True)]
    return "\n".join(["day,units", *rows, ""])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `shop` copies."""
    folder = tmp_path_factory.mktemp("night")
    (folder / "sales.csv").write_text(rows_of(150), encoding="utf-8")
    config = Config(model=ModelConfig(hidden=4, horizon=7, members=1), train=TrainConfig(max_steps=5))
    Forecaster.fit(read_panel(folder / "sales.csv"), config).save(folder / "m.safetensors", data=folder / "sales.csv")
    return folder


@pytest.fixture
def shop(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder with sales.csv and m.safetensors, which is not the current one."""
    folder = tmp_path / "shop"
    shutil.copytree(trained, folder)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


@pytest.fixture
def jobs(shop: Path) -> Callable[[str], str]:
    """Writes a file of jobs with quick settings, and gives its path."""

    def write(text: str, head: str = QUICK) -> str:
        (shop / "jobs.toml").write_text(head + text, encoding="utf-8")
        return str(shop / "jobs.toml")

    return write
