"""States on the command line: a file of weather in, probabilities out, and what makes no sense for them."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.forecaster import Forecaster
from forecast.reading import read_panel
from forecast.writing import render

WEATHER = Path(__file__).parents[2] / "sample_data" / "weather.csv"
QUICK = ["--hidden", "8", "--members", "1", "--horizon", "5", "--max-steps", "10"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The last two years of the sample, and a model of whether it rains."""
    folder = tmp_path_factory.mktemp("states")
    header, *lines = WEATHER.read_text().splitlines()
    (folder / "weather.csv").write_text("\n".join([header, *lines[-730:], ""]))
    data = str(folder / "weather.csv")
    model = str(folder / "rain.safetensors")
    assert run(["train", data, "--target", "rain", "--task", "binary", "--model", model, *QUICK, "--quiet"]) == 0
    return folder


@pytest.fixture
def weather(trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def test_a_forecast_has_the_state_and_its_probability(weather, capsys):
    """The file is that of the library, json and stdout say the same."""
    assert run(["predict", "--horizon", "3"]) == 0
    forecaster = Forecaster.load("rain.safetensors")
    forecast = forecaster.predict(read_panel("weather.csv", known=forecaster.known), 3)
    assert Path("weather.forecast.csv").read_bytes() == render(forecast)
    with Path("weather.forecast.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["date", "forecast", "p_yes"]
    assert [row["date"] for row in rows] == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert all(row["forecast"] == ("yes" if float(row["p_yes"]) > 0.5 else "no") for row in rows)
    capsys.readouterr()
    assert run(["predict", "--horizon", "3", "--output", "-"]) == 0
    assert capsys.readouterr().out.encode() == render(forecast)
    assert run(["predict", "--horizon", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["rows"][0]["forecast"] == rows[0]["forecast"]
    assert document["adaptation"] is None


def test_training_says_what_the_states_are_and_how_good_it_is(weather, capsys):
    """Base rates beside the model, the verdict, and how often what was called so probable came."""
    arguments = ["train", "weather.csv", "--target", "sky", "--task", "class", "--model", "sky.safetensors", *QUICK]
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert 'states of column "sky": "cloud"' in err
    assert out.split("\n")[0].split("  ")[-3:] == ["base rate", "persistence", "seasonal base rate"]
    assert "log_loss" in out
    assert "log loss" in out
    assert "came true" in out
    assert run(["inspect", "sky.safetensors"]) == 0
    card = capsys.readouterr().out
    assert "states            cloud, rain, sun" in card
    assert "task              class" in card
    assert run(["predict", "--model", "sky.safetensors", "--chart", "--verbose"]) == 0
    shown = capsys.readouterr().out
    assert "p_cloud" in shown
    assert "cloud┤" in shown


def test_a_picture_of_states_is_written(weather):
    """Beside the forecast."""
    pytest.importorskip("matplotlib")
    assert run(["predict", "--plot", "rain.png", "--quiet"]) == 0
    assert Path("rain.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "asked",
    [["--levels", "80"], ["--quantiles", "0.5"], ["--above", "1"], ["--samples", "10"], ["--cap", "1"], ["--adapt"]],
)
def test_what_only_numbers_have_is_a_usage_error(asked, weather, capsys):
    """Naming the option, with a command that works."""
    assert run(["predict", *asked]) == 2
    err = capsys.readouterr().err
    assert f"{asked[0]}: rain.safetensors forecasts states" in err
    assert "hint: forecast predict --model rain.safetensors" in err


@pytest.mark.parametrize("command", ["backtest", "compare"])
def test_what_compares_numbers_refuses_the_task(command, weather, capsys):
    """Before the file is read; a saved model of states is refused as well."""
    assert run([command, "missing.csv", "--task", "binary"]) == 2
    assert f"--task binary: a {'comparison' if command == 'compare' else command} is of" in capsys.readouterr().err


def test_a_saved_model_of_states_has_no_backtest_and_no_explanation(weather, capsys):
    """Exit code 2, and the reason."""
    assert run(["backtest", "weather.csv", "--model", "rain.safetensors"]) == 2
    assert "the target has states" in capsys.readouterr().err
    assert run(["explain", "rain.safetensors"]) == 2
    assert "rain.safetensors forecasts states" in capsys.readouterr().err


@pytest.mark.parametrize(("target", "task"), [("rain", "binary"), ("sky", "class")])
def test_without_a_task_the_hint_names_it(target, task, weather, capsys):
    """For `train` as for `check`, whose last line is a command that was tried."""
    assert run(["train", "weather.csv", "--target", target]) == 3
    assert f"hint: --task {task}" in capsys.readouterr().err
    assert run(["check", "weather.csv", "--target", target]) == 3
    assert f"forecast train weather.csv --target {target} --task {task}" in capsys.readouterr().out


def test_check_takes_the_task(weather, capsys):
    """And says what the states are; sizes of codes mean nothing, and nothing is said of them."""
    assert run(["check", "weather.csv", "--target", "rain", "--task", "binary", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "forecast train weather.csv --target rain --task binary"
    assert any(fact.startswith('states of column "rain"') for fact in document["facts"])
    assert document["warnings"] == []
    assert run(["check", "weather.csv", "--target", "rain", "--task", "classes"]) == 2


def test_a_state_that_is_new_is_refused_with_its_line(weather, capsys):
    """As training did not see it."""
    with Path("weather.csv").open("a") as file:
        file.write("2024-01-01,3.0,maybe,cloud\n")
    assert run(["predict"]) == 3
    assert 'weather.csv:732:3: E219 column "rain": "maybe" is not a state' in capsys.readouterr().err


def test_the_task_may_stand_in_a_settings_file(weather, capsys):
    """As any setting."""
    Path("forecast.toml").write_text('[model]\ntask = "class"\n')
    assert run(["check", "weather.csv", "--target", "sky", "--json"]) == 0
    capsys.readouterr()
    assert run(["train", "weather.csv", "--target", "sky", "--task", "sorts"]) == 2
    assert "unknown task 'sorts'" in capsys.readouterr().err
