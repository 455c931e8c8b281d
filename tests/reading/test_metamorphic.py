"""The same rows in another guise give the same forecast, to the last byte."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from forecast.cli.app import run
from tests.panels import weekly_wave
from tests.reading.files import days

SHOPS = ("Oslo", "Rome")
TINY = ("--members", "1", "--max-steps", "5", "--hidden", "4", "--horizon", "5")


def long_rows() -> list[list[str]]:
    """Two shops of seventy days, below each other, with a gap and a blank cell."""
    values = {shop: weekly_wave(70) * (1 + n) + n for n, shop in enumerate(SHOPS)}
    rows = [[day, shop, f"{values[shop][n]:.2f}"] for shop in SHOPS for n, day in enumerate(days(70))]
    rows[30][2] = ""
    return [["day", "shop", "units"], *rows[:50], *rows[52:]]


def text(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return out.getvalue()


def shuffled(rows: list[list[str]]) -> list[list[str]]:
    return [rows[0], *random.Random(1).sample(rows[1:], len(rows) - 1)]


def german(rows: list[list[str]]) -> str:
    return text([[*row[:2], row[2].replace(".", ",")] for row in rows], ";")


def forecast_of(folder: Path, content: bytes, *options: str) -> str:
    """What `forecast train` and `forecast predict` make of a file of these bytes."""
    folder.mkdir(exist_ok=True)
    data, model, output = (folder / f"units.{suffix}" for suffix in ("csv", "safetensors", "forecast.csv"))
    data.write_bytes(content)
    assert run(["train", str(data), "--model", str(model), "--quiet", *TINY, *options]) == 0
    assert run(["predict", "--model", str(model), "--output", str(output), "--quiet"]) == 0
    return output.read_text()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The forecast of the rows as they are."""
    return forecast_of(tmp_path_factory.mktemp("plain"), text(long_rows()).encode())


GUISES: dict[str, Callable[[list[list[str]]], bytes]] = {
    "shuffled rows": lambda rows: text(shuffled(rows)).encode(),
    "newest first": lambda rows: text([rows[0], *rows[:0:-1]]).encode(),
    "byte order mark": lambda rows: b"\xef\xbb\xbf" + text(rows).encode(),
    "UTF-16": lambda rows: text(rows).encode("utf-16"),
    "CR LF": lambda rows: text(rows, end="\r\n").encode(),
    "CR": lambda rows: text(rows, end="\r").encode(),
    "gzip": lambda rows: gzip.compress(text(rows).encode()),
    "semicolons and decimal commas": lambda rows: german(rows).encode(),
    "columns in another order": lambda rows: text([row[::-1] for row in rows]).encode(),
    "equal rows twice": lambda rows: text([*rows, *rows[1:20]]).encode(),
    "the header again": lambda rows: text([*rows[:40], rows[0], *rows[40:]]).encode(),
}


@pytest.mark.parametrize("guise", GUISES)
def test_a_guise_leaves_the_forecast_as_it_is(guise: str, plain: str, tmp_path: Path) -> None:
    """Trained on the same rows, however they are written, the same settings forecast the same bytes."""
    assert forecast_of(tmp_path, GUISES[guise](long_rows())) == plain


def test_one_column_for_each_shop_forecasts_what_one_row_for_each_does(plain: str, tmp_path: Path) -> None:
    """The wide form differs from the long one in how its series are called and in nothing else."""
    rows = long_rows()[1:]
    cells = {(day, shop): value for day, shop, value in rows}
    wide = [["day", *SHOPS], *([day, *(cells.get((day, shop), "") for shop in SHOPS)] for day in days(70))]
    forecast = forecast_of(tmp_path, text(wide).encode(), "--target", ",".join(SHOPS))
    by_name: dict[str, list[dict[str, str]]] = {shop: [] for shop in SHOPS}
    for row in csv.DictReader(io.StringIO(forecast)):
        by_name[row.pop("target")].append(row)
    for row in csv.DictReader(io.StringIO(plain)):
        assert by_name[row.pop("shop")].pop(0) == row
    assert not any(by_name.values())
