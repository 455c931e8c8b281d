"""A folder as a user has it: a file of data, and a small model that was trained on it."""

import shutil

import pytest

from forecast.config import Config, ModelConfig, TrainConfig
from forecast.forecaster import Forecaster
from forecast.reading import read_panel
from forecast.timeformat import format_times
from tests.panels import daily, weekly_wave

QUICK = Config(model=ModelConfig(hidden=8, horizon=7, members=1), train=TrainConfig(max_steps=20))


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder that `shop` copies."""
    folder = tmp_path_factory.mktemp("trained")
    (series,) = daily(weekly_wave(150)).series
    days = format_times(series.timestamps, "%Y-%m-%d")
    rows = [f"{day},{value:.3f}" for day, value in zip(days, series.values, strict=True)]
    (folder / "sales.csv").write_text("\n".join(["day,units", *rows, ""]), encoding="utf-8")
    Forecaster.fit(read_panel(folder / "sales.csv"), QUICK).save(
        folder / "sales.safetensors", data=folder / "sales.csv"
    )
    return folder


@pytest.fixture
def shop(trained, tmp_path, monkeypatch):
    """A fresh folder with `sales.csv` and `sales.safetensors`, as the current one; no FORECAST_ variable is set."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
