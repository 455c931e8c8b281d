"""A forecast without a model, training from a prior, and a prior of one's own: from the command line."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from forecast.cli.app import run

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the prices in it."""
    shutil.copy(SAMPLES / "prices.csv", tmp_path)
    shutil.copy(SAMPLES / "sales.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A prior after two steps on the sales of some stores."""
    path = tmp_path_factory.mktemp("prior") / "own.safetensors"
    typed = ["pretrain", str(SAMPLES / "sales.csv"), "--target", "units", "--steps", "2", "--hidden", "8"]
    assert run([*typed, "--batch-size", "4", "--quiet", "--output", str(path)]) == 0
    return path


@pytest.mark.prior
def test_a_file_is_forecast_without_any_training(folder, capsys):
    """With data and no model in the folder: dated rows with intervals, and it says that nothing was trained."""
    assert run(["predict", "--data", "prices.csv", "--horizon", "3", "--verbose"]) == 0
    assert "nothing is trained" in capsys.readouterr().err
    rows = list(csv.DictReader((folder / "prices.forecast.csv").read_text().splitlines()))
    assert [row["Date"] for row in rows] == ["2024-01-02", "2024-01-03", "2024-01-04"]
    assert all(float(row["lo_95"]) < float(row["forecast"]) < float(row["hi_95"]) for row in rows)


@pytest.mark.prior
def test_columns_are_named_where_no_model_knows_them(folder, capsys):
    """--target picks one, and a model refuses it."""
    assert run(["predict", "--model", "prior", "--data", "sales.csv", "--target", "price", "--horizon", "2"]) == 0
    assert run(["predict", "--model", "prior", "--data", "sales.csv", "--target", "nothing", "--horizon", "2"]) == 3
    assert run(["train", "prices.csv", "--max-steps", "2", "--members", "1", "--prior", "none", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["predict", "--target", "Close"]) == 2
    assert "knows its columns" in capsys.readouterr().err


def test_without_data_there_is_nothing_to_forecast(folder, capsys):
    """It says which file is missing; an empty folder without data is an error of the model, as before."""
    assert run(["predict", "--model", "prior"]) == 2
    assert "--data FILE" in capsys.readouterr().err
    assert run(["predict"]) == 4


def test_a_digest_is_of_a_model_file(folder):
    """The prior of the package has none to be held against."""
    assert run(["predict", "--model", "prior", "--data", "prices.csv", "--expect-sha256", "ab"]) == 2


def test_a_prior_of_ones_own_forecasts_trains_and_is_inspected(folder, own, capsys):
    """By its file, in each place where a prior can be named."""
    assert run(["predict", "--model", str(own), "--data", "prices.csv", "--horizon", "2"]) == 0
    typed = ["train", "prices.csv", "--horizon", "3", "--max-steps", "2", "--members", "1", "--json"]
    capsys.readouterr()
    assert run([*typed, "--from", str(own)]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["prior"]["hidden"] == 8
    assert card["config"]["model"]["prior"] == str(own)
    assert run(["inspect", str(own), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["curriculum"]["steps"] == 2
    assert run(["inspect", str(own)]) == 0
    assert "prior" in capsys.readouterr().out


def test_the_newest_model_of_a_folder_is_never_a_prior(folder, own):
    """It lies there, and is no model of any data."""
    shutil.copy(own, folder / "own.safetensors")
    assert run(["predict"]) == 4


def test_from_none_is_the_old_way(folder, capsys):
    """No prior joins, and the file says so."""
    typed = ["train", "prices.csv", "--horizon", "3", "--max-steps", "2", "--members", "1", "--json"]
    assert run([*typed, "--from", "none"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["prior"], card["config"]["model"]["prior"]) == (None, "none")


def test_pretraining_without_a_file_needs_none(tmp_path, capsys):
    """Synthetic series alone teach; the document says what came of it."""
    path = tmp_path / "p.safetensors"
    typed = ["pretrain", "--steps", "1", "--hidden", "8", "--batch-size", "2", "--cell", "gru", "--json"]
    assert run([*typed, "--output", str(path)]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["cell"], card["panel"], card["steps"]) == ("gru", False, [1])
    assert run(["pretrain", "--steps", "0"]) == 2
    assert run(["pretrain", "--output", "p.bin"]) == 2
