"""A forecast without a model, training from a prior, and a prior of one's own: from the command line."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.config import Config, ModelConfig, TrainConfig
from forecast.forecaster import Forecaster
from forecast.models.candidates import candidate_names
from forecast.priors import Prior
from forecast.reading import read_panel
from tests.priors import with_prior

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


@pytest.fixture(scope="module")
def modelled(own, tmp_path_factory):
    """A folder with a model that was trained from nothing, and one that is a prior alone."""
    folder = tmp_path_factory.mktemp("modelled")
    shutil.copy(SAMPLES / "prices.csv", folder)
    panel = read_panel(folder / "prices.csv")
    config = Config(model=ModelConfig(horizon=3, prior="none", members=1, hidden=4), train=TrainConfig(max_steps=1))
    Forecaster.fit(panel, config).save(folder / "a.safetensors", data=folder / "prices.csv")
    alone = Forecaster.of_prior(panel, Config(model=ModelConfig(horizon=3, prior=str(own))))
    alone.save(folder / "alone.safetensors", data=folder / "prices.csv")
    return folder


@pytest.fixture
def models(modelled, folder):
    """A copy of it, as the current folder."""
    shutil.copytree(modelled, folder, dirs_exist_ok=True)
    return folder


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


def test_a_prior_of_ones_own_is_looked_into_without_any_training(folder, own, capsys):
    """Columns and horizon are named where no model knows them; weights add up, and names are those of the library."""
    typed = ["explain", str(own), "--data", "sales.csv", "--target", "units", "--horizon", "7"]
    assert run(typed) == 0
    head, mixture = capsys.readouterr().out.split("\n\n")
    assert head.splitlines()[0] == "own: a prior, 1 network of lstm; it reads the last 116 steps"
    assert head.splitlines()[1].startswith("looked at: Aarhus, the first of 12 items, until ")
    lines = mixture.splitlines()
    assert lines[0] == "the forecast begins with a mixture of"
    assert re.split("  +", lines[1]) == ["", "weight", "first step", "last step", "past error"]
    assert lines[-2].split()[1:3] == ["others", "together"]
    assert lines[-1].startswith("past error: what each missed by at 8 earlier cutoffs, by 7 steps each")
    assert run([*typed, "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert (model["anchors"], model["layers"], model["layer"], model["members"]) == ([], [], None, 0)
    assert model["sha256"] == Prior.load(own).digest
    found = model["prior"]["candidates"]
    assert {c["name"] for c in found} == set(candidate_names(60, (7,)))
    assert [sum(step) for step in zip(*(c["by_step"] for c in found), strict=True)] == pytest.approx([1] * 7)
    assert (model["prior"]["share"], model["prior"]["judged_steps"]) == (1.0, 7)


def test_a_model_that_is_a_prior_alone_is_looked_into(models, capsys):
    """Saved from Python: its one picture is drawn unless another is asked for, and a page holds it."""
    assert run(["explain", "alone.safetensors", "--plot", "a.svg"]) == 0
    assert "alone: a prior, 1 network of lstm" in capsys.readouterr().out
    assert "What the forecast of Close after" in Path("a.svg").read_text()
    assert run(["explain", "alone.safetensors", "--plot", "a.html", "-q"]) == 0
    assert re.findall(r'<figure id="(\w+)">', Path("a.html").read_text()) == ["anchors"]
    for options in (["--plot", "b.png", "--picture", "lags"], ["--layer", "1"], ["--member", "2"]):
        assert run(["explain", "alone.safetensors", *options]) == 2
        err = capsys.readouterr().err
        assert "is a prior alone" in err
        assert "--picture anchors shows what a prior mixes" in err
    assert not Path("b.png").exists()


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_a_fine_tuned_prior_is_shown_beside_the_networks(share, models, own, capsys):
    """Both with their share, and nothing of a prior that got none."""
    both = with_prior(Forecaster.load("a.safetensors"), share, Prior.load(own))
    both.save("both.safetensors", data="prices.csv")
    assert run(["explain", "both.safetensors", "--plot", "a.svg", "--picture", "anchors"]) == 0
    out, err = capsys.readouterr()
    assert err == "wrote a.svg\n"
    sections = [section.splitlines()[0] for section in out.split("\n\n")]
    if not share:
        assert "prior" not in out
        assert sections[1] == "the forecast begins with a mixture of"
        return
    heads = out.splitlines()
    assert heads[0].endswith("at a time; 75 % of the forecast")
    assert heads[1].startswith("both: a fine-tuned prior, 1 network of lstm; it reads the last ")
    assert heads[1].endswith(" steps; 25 % of the forecast")
    assert sections[1:4] == [
        "the networks trained from nothing begin with a mixture of",
        "the fine-tuned prior begins with a mixture of",
        "how far back the networks trained from nothing look, in steps before the first",
    ]
    assert "the fine-tuned prior, 25 % of the forecast" in Path("a.svg").read_text()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["prior"], "a prior belongs to no file, and needs one to look at\nhint: forecast explain prior --data FILE"),
        (["prior", "prior", "--data", "prices.csv"], "prior is a prior alone, and several models are compared"),
        (["a.safetensors", "--target", "Close"], "--target: a.safetensors knows its columns and its horizon"),
        (["a.safetensors", "--horizon", "3"], "--horizon: a.safetensors knows its columns and its horizon"),
        (["a.safetensors", "prior", "--data", "prices.csv"], "several models are compared by their networks"),
        (["a.safetensors", "alone.safetensors"], "alone.safetensors is a prior alone, and several models are compared"),
    ],
)
@pytest.mark.usefixtures("models")
def test_what_cannot_be_looked_into_is_refused(typed, message, capsys):
    """Before anything is read."""
    assert run(["explain", *typed]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.prior
def test_the_prior_of_the_package_is_looked_into_by_its_name(folder, capsys):
    """In the place of a model, with a file."""
    assert run(["explain", "prior", "--data", "prices.csv"]) == 0
    out = capsys.readouterr().out
    assert re.match(r"prior: a prior, \d+ networks? of lstm; it reads the last 300 steps\n", out)
    assert "\nlast value " in out


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
