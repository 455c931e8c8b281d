"""Data from elsewhere than a CSV file, and forecasts to elsewhere, through the commands."""

import io
import json
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli.app import run
from forecast.forecaster import read_card
from tests.panels import weekly_wave

TINY = ["--hidden", "4", "--members", "1", "--max-steps", "10", "--horizon", "7", "--features", "none"]
DAYS = pd.date_range("2024-01-01", periods=127).strftime("%Y-%m-%d")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a file of sales and promotions, and one with the promotions of the next week."""
    monkeypatch.chdir(tmp_path)
    promo = (np.arange(127) % 6 == 0).astype(int)
    frame = pd.DataFrame({"day": DAYS, "sales": np.append(weekly_wave(120), [np.nan] * 7), "promo": promo})
    frame[:120].to_csv("sales.csv", index=False)
    frame[120:][["day", "promo"]].to_csv("next.csv", index=False)
    frame.to_csv("both.csv", index=False)
    return tmp_path


def test_stdin_is_read_for_a_dash(folder, monkeypatch, capsys):
    """The model is called after it, and says that its data are to be named."""
    content = Path("sales.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert run(["train", "-", "--target", "sales", *TINY]) == 0
    assert read_card("stdin.safetensors")["data"]["path"] is None
    capsys.readouterr()
    assert run(["predict"]) == 2
    assert "--data FILE" in capsys.readouterr().err
    assert run(["predict", "--data", "sales.csv"]) == 0
    assert Path("sales.forecast.csv").exists()


def test_a_database_is_read_and_written(folder):
    """From a query into a table, twice, and the second run replaces what the first wrote."""
    with sqlite3.connect("shop.db") as shop:
        pd.read_csv("sales.csv").to_sql("history", shop, index=False)
    source = "sqlite:///shop.db?query=SELECT day, sales FROM history"
    assert run(["train", source, *TINY]) == 0
    assert read_card("shop.safetensors")["data"]["path"] == source
    for _ in range(2):
        assert run(["predict", "--output", "sqlite:///shop.db#forecast"]) == 0
    with sqlite3.connect("shop.db") as shop:
        written = pd.read_sql("SELECT * FROM forecast ORDER BY day", shop)
    assert len(written) == 7
    assert written["day"].astype(str).str[:10].tolist() == DAYS[120:].tolist()
    assert (written["lo_80"] < written["forecast"]).all()


def test_future_covariates_come_from_a_second_file_or_from_the_same(folder, capsys):
    """Both ways the same forecast; without them the first day that lacks them is named."""
    assert run(["train", "sales.csv", "--target", "sales", "--future", "promo", *TINY]) == 0
    assert "covariates" in capsys.readouterr().out
    assert run(["predict", "--output", "none.csv"]) == 3
    err = capsys.readouterr().err
    assert "'promo' is not known for 2024-04-30, step 1 of the forecast" in err
    assert "--future-data" in err
    assert run(["predict", "--future-data", "next.csv", "--output", "a.csv"]) == 0
    assert run(["predict", "--data", "both.csv", "--output", "b.csv"]) == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert run(["predict", "--future-data", "next.csv", "--output", "next.csv"]) == 2
    assert "take the place of the future data" in capsys.readouterr().err


def test_what_covariates_are_worth_is_in_the_document(folder, capsys):
    """A script reads the losses, a person the sentence."""
    assert run(["train", "sales.csv", "--target", "sales", "--future", "promo", "--json", *TINY]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document["worth"]) == {"loss", "loss_without", "hidden"}
    assert document["covariates"] == [{"name": "promo", "role": "future", "categories": []}]
    assert "covariates" in document["covariates_verdict"]


def test_as_of_forecasts_from_the_past(folder):
    """Rows after it are as if they were not there."""
    assert run(["train", "sales.csv", "--target", "sales", *TINY]) == 0
    assert run(["predict", "--as-of", "2024-03-31"]) == 0
    assert pd.read_csv("sales.forecast.csv")["day"].tolist() == DAYS[91:98].tolist()


def test_excel_safe_defuses_ids(folder):
    """An id that a spreadsheet would compute."""
    frame = pd.read_csv("sales.csv")
    pd.concat([frame.assign(shop="=1+1"), frame.assign(shop="b")]).to_csv("shops.csv", index=False)
    assert run(["train", "shops.csv", "--target", "sales", "--id", "shop", *TINY]) == 0
    assert run(["predict", "--excel-safe"]) == 0
    assert pd.read_csv("shops.forecast.csv")["shop"].unique().tolist() == ["'=1+1", "b"]


NUMBERS = [f"{1000 + n % 7 + n / 10:,.1f}".replace(",", "_").replace(".", ",").replace("_", ".") for n in range(120)]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (
            ["day;sales", *(f"{d};{v}" for d, v in zip(DAYS[:120], NUMBERS, strict=True))],
            ["--decimal", ",", "--thousands", "."],
        ),
        ([f"{d},{v}" for d, v in zip(DAYS[:120], range(120), strict=True)], ["--names", "day,sales"]),
        (["day,sales", *(f"{d},{-200 if n % 9 == 0 else n % 7}" for n, d in enumerate(DAYS[:120]))], ["--na", "-200"]),
        (["made by hand", "day,sales", *(f"{d},{n % 7}" for n, d in enumerate(DAYS[:120]))], ["--skip-lines", "1"]),
        (["day,sales", *(f"{d} 00:00,{n % 7}kg" for n, d in enumerate(DAYS[:120]))], ["--units", "kg"]),
    ],
)
def test_what_a_file_needed_in_training_is_remembered(content, options, folder, capsys):
    """A later forecast reads the file as training did, without being told again."""
    Path("odd.csv").write_text("\n".join([*content, ""]), encoding="utf-8")
    assert run(["train", "odd.csv", *options, *TINY]) == 0
    assert run(["predict", "--output", "a.csv"]) == 0
    assert run(["predict", "--output", "b.csv", *options]) == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert pd.read_csv("a.csv")["forecast"].between(-10, 2000).all()


def test_another_decimal_mark_sets_aside_the_thousands_of_training(folder):
    """A file that has become plain is read with one option."""
    content = ["day;sales", *(f"{d};{v}" for d, v in zip(DAYS[:120], NUMBERS, strict=True))]
    Path("odd.csv").write_text("\n".join([*content, ""]), encoding="utf-8")
    assert run(["train", "odd.csv", "--decimal", ",", "--thousands", ".", *TINY]) == 0
    plain = ["day,sales", *(f"{d},{1000.5 + n % 7}" for n, d in enumerate(DAYS[:120]))]
    Path("plain.csv").write_text("\n".join([*plain, ""]), encoding="utf-8")
    assert run(["predict", "--data", "plain.csv", "--decimal", "."]) == 0


def test_a_forecast_is_not_written_over_a_model(folder, capsys):
    """Whatever the format is said to be."""
    assert run(["train", "sales.csv", "--target", "sales", *TINY]) == 0
    before = Path("sales.safetensors").read_bytes()
    assert run(["predict", "--format", "csv", "--output", "sales.safetensors"]) == 2
    assert run(["predict", "--format", "csv", "--output", "other.safetensors"]) == 2
    assert Path("sales.safetensors").read_bytes() == before
