"""Cases of the catalogue that no file alone can show: one that changes, and what is written for odd ids and values."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path

import pytest

from forecast.cli.app import run
from tests.catalogue.cases import HERE, runs

TINY = ("--members", "1", "--max-steps", "5", "--hidden", "4", "--horizon", "1", "--quiet")
CASES = {one.case[:2]: one.case for one in runs()}


def forecast_of(data: Path, folder: Path, *options: str) -> list[dict[str, str]]:
    """The rows of the forecast after a short training."""
    model, output = folder / "m.safetensors", folder / "f.csv"
    assert run(["train", str(data), "--model", str(model), *TINY, *options]) == 0
    assert run(["predict", "--model", str(model), "--output", str(output), "--quiet"]) == 0
    with io.StringIO(output.read_bytes().decode(), newline="") as text:
        return list(csv.DictReader(text))


def test_a_file_that_grows_while_it_is_read_is_a_reason_to_try_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case 16: exit 75, where half a file might have been read."""
    path, begun, ended = tmp_path / "data.csv", threading.Event(), threading.Event()
    path.write_text("date,sales\n" + "2024-01-01,1\n" * 2_000_000)

    def append() -> None:
        with path.open("a", buffering=1) as file:
            while not ended.is_set():
                file.write("2024-01-01,1\n")
                begun.set()

    writer = threading.Thread(target=append)
    writer.start()
    begun.wait(timeout=60)
    try:
        assert run(["train", str(path)]) == 75
    finally:
        ended.set()
        writer.join()
    assert "E116" in capsys.readouterr().err


def test_a_constant_series_is_forecast_as_what_it_is(tmp_path: Path) -> None:
    """Case 80: its spread is zero, and dividing by it would leave no number at all."""
    (row,) = forecast_of(HERE / CASES["80"] / "data.csv", tmp_path)
    assert [float(value) for name, value in row.items() if name != "date"] == pytest.approx([7.0] * 5, rel=1e-5)


@pytest.mark.parametrize("case", ["83", "84"])
def test_an_id_comes_out_as_it_went_in(case: str, tmp_path: Path) -> None:
    """Cases 83 and 84: a path, a number with zeros in front, a missing word or a formula is only a name."""
    found = forecast_of(HERE / CASES[case] / "data.csv", tmp_path, "--id", "item")
    with (HERE / CASES[case] / "expected.csv").open(encoding="utf-8", newline="") as lines:
        names = {row["item"] for row in csv.DictReader(lines)}
    assert {row["item"] for row in found} == names
    assert [path.name for path in tmp_path.iterdir() if path.suffix not in (".lock", ".safetensors")] == ["f.csv"]
