"""`forecast explain`: what it looks at, what it says and draws, and what it refuses."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from forecast.cli.app import run
from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.explanation import explain, find_series, to_dict
from forecast.forecaster import Forecaster
from forecast.reading import read_panel

QUICK = TrainConfig(max_steps=10)


def test_without_options_it_tells_of_the_newest_window(shop, capsys):
    """What is mixed, how far back, the gradient and the gates, and no word on stderr where nobody watches."""
    assert run(["explain", "sales.safetensors"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    head, mixture, reaches, gradients, gates = out.split("\n\n")
    assert head.splitlines() == [
        "sales: lstm, 1 layer of 8 units; it reads the last 28 steps, 7 values at a time",
        "looked at: units, until 2020-05-29",
    ]
    assert mixture.startswith("the forecast begins with a mixture of\n")
    assert [line.split()[0] for line in reaches.splitlines()[2:6]] == ["forecast", "anchors", "linear", "recurrence"]
    assert "half of the forecast's sensitivity lies within the last" in reaches
    assert "layer 1, forward" in gradients
    assert [line.split()[0] for line in gates.splitlines()[2:]] == [
        *("input", "forget", "output", "candidate", "memory", "state")
    ]


def test_the_document_holds_all_numbers(shop, capsys):
    """Exactly one, and those of the library."""
    assert run(["explain", "sales.safetensors", "--json", "--cutoff", "2020-05-01"]) == 0
    found = json.loads(capsys.readouterr().out)
    forecaster = Forecaster.load("sales.safetensors")
    panel = read_panel("sales.csv", known=forecaster.known).split_at(np.datetime64("2020-05-01"))
    (model,) = found["models"]
    assert model["cutoff"] == "2020-05-01T00:00:00.000000"
    expected = json.loads(json.dumps(to_dict(explain(forecaster, panel, find_series(panel, None)))))
    assert {key: model[key] for key in expected} == expected
    assert (model["model"], model["sha256"]) == ("sales.safetensors", forecaster.digest)
    assert (model["cell"], model["members"], model["layer"], model["direction"]) == ("lstm", 1, 1, "forward")


@pytest.mark.parametrize("name", ["gates.png", "lags.SVG", "all.html"])
def test_the_picture_is_written_in_the_format_of_its_suffix(name, shop, capsys):
    """And said; a page holds all pictures there are for the model."""
    picture = ["--picture", "lags"] if name.startswith("lags") else []
    assert run(["explain", "sales.safetensors", "--plot", name, *picture]) == 0
    assert capsys.readouterr().err == f"wrote {name}\n"
    found = Path(name).read_bytes()
    if name.endswith("png"):
        assert found.startswith(b"\x89PNG")
    elif name.endswith("SVG"):
        assert b"How far back the forecast of units after 2020-05-29 looks" in found
    else:
        text = found.decode()
        assert re.findall(r'<figure id="(\w+)">', text) == ["gates", "gradients", "lags", "anchors"]
        assert "half of the forecast&#x27;s sensitivity" in text


def test_several_models_share_a_picture_of_gradients(shop, capsys):
    """One line for each in every table, under the names of their files."""
    panel = read_panel("sales.csv")
    config = Config(model=ModelConfig(cell="rnn", hidden=4, horizon=7, members=1), train=QUICK)
    Forecaster.fit(panel, config).save("plain.safetensors", data="sales.csv")
    assert run(["explain", "sales.safetensors", "plain.safetensors", "--plot", "gradients.svg"]) == 0
    out = capsys.readouterr().out
    reaches, gradients = out.split("\n\n")[1:]
    assert [line.split()[0] for line in reaches.splitlines()[2:]] == ["sales", "plain"]
    assert [line[:23].split()[0] for line in gradients.splitlines()[2:]] == ["sales,", "plain,"]
    text = Path("gradients.svg").read_text()
    assert "sales (lstm, layer 1, forward)" in text
    assert "plain (rnn, layer 1, forward)" in text
    assert run(["explain", "sales.safetensors", "plain.safetensors", "--json", "--plot", "both.html"]) == 0
    assert [m["cell"] for m in json.loads(capsys.readouterr().out)["models"]] == ["lstm", "rnn"]
    assert run(["explain", "sales.safetensors", "plain.safetensors", "--plot", "a.png", "--picture", "gates"]) == 2
    assert "several models share a picture of gradients or of lags only" in capsys.readouterr().err


def test_models_of_different_files_need_one_that_is_named(shop, capsys):
    """Pictures of different windows would say nothing."""
    Path("other.csv").write_text(Path("sales.csv").read_text(), encoding="utf-8")
    forecaster = Forecaster.load("sales.safetensors")
    forecaster.save("other.safetensors", data="other.csv")
    assert run(["explain", "sales.safetensors", "other.safetensors"]) == 2
    assert "hint: --data FILE names the one to look at" in capsys.readouterr().err
    assert run(["explain", "sales.safetensors", "other.safetensors", "--data", "other.csv", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.fixture(scope="module")
def trained_stores(tmp_path_factory):
    """The folder that `stores` copies."""
    folder = tmp_path_factory.mktemp("stores")
    random = np.random.default_rng(0)
    rows = ["day,store,units,promo"]
    for store in ("Aarhus", "Berlin"):
        for day in range(107):
            promo = int(random.random() < 0.2)
            units = f"{50 + 5 * promo + day % 7 + random.normal():.2f}" if day < 100 else ""
            rows.append(f"{np.datetime64('2021-01-01') + day},{store},{units},{promo}")
    (folder / "stores.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    data = DataConfig(target=("units",), id=("store",), future=("promo",), features=("none",))
    model = ModelConfig(hidden=4, horizon=7, members=2, layers=2, bidirectional=True)
    forecaster = Forecaster.fit(read_panel(folder / "stores.csv", data), Config(data=data, model=model, train=QUICK))
    forecaster.save(folder / "stores.safetensors", data=folder / "stores.csv")
    return folder


@pytest.fixture
def stores(shop, trained_stores):
    """Two stores with a promotion, known a week ahead, and a model of them with two layers in both directions."""
    shutil.copytree(trained_stores, shop, dirs_exist_ok=True)
    return shop


def test_item_layer_direction_and_member_can_be_chosen(stores, capsys):
    """The first item, the last layer, forward and the first network are taken, and said, where they are not."""
    assert run(["explain", "stores.safetensors"]) == 0
    out = capsys.readouterr().out
    assert "stores: lstm, 2 layers of 4 units in both directions; " in out
    assert "looked at: Aarhus, the first of 2 items, until 2021-04-10" in out
    assert "what the recurrence does in layer 2, forward\n" in out
    assert "(network 1 of 2)" in out
    options = ["--item", "Berlin", "--layer", "1", "--direction", "backward", "--member", "2"]
    assert run(["explain", "stores.safetensors", *options]) == 0
    out = capsys.readouterr().out
    assert "looked at: Berlin, until 2021-04-10" in out
    assert "what the recurrence does in layer 1, backward\n" in out
    assert "(network 2 of 2)" in out


def test_covariates_are_shuffled(stores, capsys):
    """Beside the error as it is, with how it was measured; again with the same seed."""
    assert run(["explain", "stores.safetensors", "--repeats", "3"]) == 0
    worth = capsys.readouterr().out.split("\n\n")[-1].splitlines()
    assert worth[1].split() == ["shuffled", "MASE", "±", "sd", "change"]
    assert [line.split()[0] for line in worth[2:4]] == ["none", "promo"]
    assert worth[4].endswith(
        "windows of the last quarter of the data, all of them known from training; shuffled 3 times"
    )
    found = []
    for _ in range(2):
        assert run(["explain", "stores.safetensors", "--json", "--plot", "c.png", "--picture", "covariates"]) == 0
        found.append(json.loads(capsys.readouterr().out)["models"][0]["importance"])
    assert found[0] == found[1]
    assert (found[0]["covariates"][0]["name"], found[0]["repeats"]) == ("promo", 5)


def test_without_the_future_the_hint_names_a_window_that_has_it(stores, capsys):
    """A model that needs a plan can still be explained on its past."""
    lines = Path("stores.csv").read_text().splitlines()
    Path("stores.csv").write_text("\n".join(line for line in lines if ",," not in line), encoding="utf-8")
    assert run(["explain", "stores.safetensors"]) == 3
    err = capsys.readouterr().err
    assert "the future covariate 'promo' of Aarhus is not known for 2021-04-11" in err
    assert "hint: --cutoff 2021-04-03, or --future-data FILE" in err
    assert run(["explain", "stores.safetensors", "--cutoff", "2021-04-03", "-q"]) == 0


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--item", "Bern"], 2, "there is no item 'Bern' in the data\nhint: did you mean Berlin?"),
        (["--layer", "3"], 2, "layer is 3, but the network has 2 layers\nhint: --layer 2"),
        (["--layer", "0"], 2, "--layer: layer is 0, but must lie between 1 and 1000"),
        (["--member", "3"], 2, "member is 3, but the model has 2 networks"),
        (["--direction", "up"], 2, "--direction: unknown direction 'up'\nhint: known: forward, backward"),
        (["--picture", "gate"], 2, "--picture: unknown picture 'gate'\nhint: did you mean gates?"),
        (["--plot", "a.pdf"], 2, "--plot: plot is 'a.pdf', but must end in .png, .svg or .html"),
        (["--cutoff", "yesterday"], 2, "'yesterday' is no date and no time"),
        (["--cutoff", "1999-01-01"], 3, "no series has a value at or before 1999-01-01"),
        (["--data", "none.csv"], 3, "none.csv"),
        (["--plot", "no/such/folder.png"], 7, "there is no folder"),
    ],
)
def test_what_cannot_be_shown_is_refused(options, code, message, stores, capsys):
    """In one line each, and without a picture."""
    assert run(["explain", "stores.safetensors", *options]) == code
    assert message in capsys.readouterr().err
    assert not list(Path().glob("*.png"))


def test_a_model_in_one_direction_has_no_other(shop, capsys):
    """Said as such."""
    assert run(["explain", "sales.safetensors", "--direction", "backward"]) == 2
    assert "direction is 'backward', but the network reads forward only" in capsys.readouterr().err


def test_a_damaged_model_ends_with_its_own_code(shop, capsys):
    """Four, as for every command; so does one that is missing."""
    whole = Path("sales.safetensors").read_bytes()
    Path("sales.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert run(["explain", "sales.safetensors"]) == 4
    assert run(["explain", "missing.safetensors"]) == 4
    assert "Traceback" not in capsys.readouterr().err


def test_a_history_shorter_than_the_context_is_said(shop, capsys):
    """With how many steps there are of those that could be read."""
    lines = Path("sales.csv").read_text().splitlines()
    Path("short.csv").write_text("\n".join([lines[0], *lines[-20:], ""]), encoding="utf-8")
    assert run(["explain", "sales.safetensors", "--data", "short.csv", "--plot", "gates.png"]) == 0
    assert "it reads the last 20 of the 28 steps, 7 values at a time" in capsys.readouterr().out


def test_a_picture_does_not_take_the_place_of_what_is_read(shop, capsys):
    """Whatever its name looks like."""
    Path("sales.png").symlink_to("sales.csv")
    before = Path("sales.csv").read_bytes()
    assert run(["explain", "sales.safetensors", "--plot", "sales.png"]) == 2
    assert "the picture would take the place of sales.csv" in capsys.readouterr().err
    assert Path("sales.csv").read_bytes() == before


def test_stdin_serves_one_model_only(shop, capsys):
    """It cannot be read twice."""
    assert run(["explain", "sales.safetensors", "sales.safetensors", "--data", "-"]) == 2
    assert "stdin can be read once only" in capsys.readouterr().err
