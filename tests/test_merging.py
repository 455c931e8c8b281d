"""Parts and the whole: what several machines forecast is, to the byte, what one would have forecast."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast.cli.app import run
from forecast.config import Config, ModelConfig, TrainConfig
from forecast.errors import ConfigError, DataError
from forecast.forecaster import Forecaster
from forecast.forecasts import Forecast, ItemForecast
from forecast.merging import held, merged, merged_name, note_of, of_places, read_part, write_part
from forecast.panel import Columns, Panel
from forecast.shards import Shard
from forecast.writing import render
from tests.panels import daily, weekly_wave

#: Names as users have them: of several lines, with quotes and commas, and one that a spreadsheet would compute.
NAMES = ('a "b", c', "two\nlines", "plain", "=1+1", "Åarhus", "x\r\ny", '"', "100", "9", "b\rc")
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


def made(names: tuple[str, ...] = NAMES, columns: Columns | None = None) -> tuple[Panel, Forecast]:
    """A panel of items, and a forecast of three steps for each that nobody made."""
    draw = np.random.default_rng(1)
    panel = daily(*(weekly_wave(30) for _ in names))
    columns = columns or Columns("day", ("units",), ("shop",))
    series = tuple(replace(s, item_id=(name,)) for s, name in zip(panel.series, names, strict=True))
    panel = replace(panel, series=series, columns=columns)
    times = np.datetime64("2024-01-01", "us") + np.arange(3) * np.timedelta64(1, "D")
    items = tuple(
        ItemForecast(s.item_id, "units", times, np.sort(draw.normal(size=(3, 5)) * 10.0 ** draw.integers(-6, 9)))
        for s in panel.series
    )
    return panel, Forecast(items, LEVELS, columns)


def parts_of(folder: Path, of: int, kind: str = "csv", *, excel_safe: bool = False, **form: object) -> list[Path]:
    """The files of all shards of the forecast that `made` makes."""
    panel, forecast = made()
    paths = []
    for number in range(1, of + 1):
        shard = Shard(number, of)
        places = held(panel, shard)
        own = replace(forecast, items=tuple(forecast.items[place] for place in places or (0,)))
        paths.append(folder / f"x.forecast.{shard.label}.{kind}")
        told = {"places": places, "n_items": len(panel), "made_from": {"model": "m", "data": "d"}}
        write_part(own, paths[-1], shard, excel_safe=excel_safe, **told, **form)  # type: ignore[arg-type]
    return paths


@pytest.mark.parametrize("of", [1, 3, 40])
@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("form", [{}, {"quantiles": [0.3], "named_source": True}, {"nixtla_names": True}])
def test_parts_are_joined_to_the_bytes_of_the_whole(tmp_path: Path, of: int, kind: str, form: dict) -> None:
    """In any order of the parts; with forty, most hold nothing and are a header alone."""
    paths = parts_of(tmp_path, of, kind, **form)
    whole = render(made()[1], format=kind, **form)
    assert merged([read_part(path) for path in reversed(paths)]) == whole


def test_what_a_spreadsheet_would_compute_stays_defused(tmp_path: Path) -> None:
    """Parts are joined as they are."""
    paths = parts_of(tmp_path, 3, excel_safe=True)
    assert merged([read_part(path) for path in paths]) == render(made()[1], excel_safe=True)


def test_parquet_has_the_values_and_types_of_the_whole(tmp_path: Path) -> None:
    """Parts without rows included, which say nothing of types."""
    paths = parts_of(tmp_path, 40, "parquet")
    found = pd.read_parquet(BytesIO(merged([read_part(path) for path in paths])))
    pd.testing.assert_frame_equal(found, pd.read_parquet(BytesIO(render(made()[1], format="parquet"))))


def test_a_shard_without_an_item_writes_a_header_alone(tmp_path: Path) -> None:
    """And its note, so that it is not missing."""
    panel, _ = made()
    empty = next(k for k in range(1, 41) if not held(panel, Shard(k, 40)))
    path = parts_of(tmp_path, 40)[empty - 1]
    assert path.read_text(encoding="utf-8") == "shop,day,forecast,lo_80,hi_80,lo_95,hi_95\n"
    assert json.loads(note_of(path).read_text(encoding="utf-8"))["items"] == []


def test_all_targets_of_an_item_are_in_one_share() -> None:
    """The ids decide, and nothing else."""
    panel = daily(*(weekly_wave(30) for _ in range(20)))
    twice = tuple(replace(s, item_id=(f"i{n // 2}",), target="ab"[n % 2]) for n, s in enumerate(panel.series))
    panel = replace(panel, series=twice)
    for number in (1, 2, 3):
        places = held(panel, Shard(number, 3))
        assert [place % 2 for place in places] == [0, 1] * (len(places) // 2)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda p: p[1].unlink(), "x.forecast.2-of-3.csv: no such file"),
        (lambda p: note_of(p[1]).unlink(), "there is no x.forecast.2-of-3.csv.part"),
        (lambda p: p[1].write_bytes(p[1].read_bytes() + b"x\n"), "is not what its note"),
        (lambda p: note_of(p[1]).write_text("{", encoding="utf-8"), "cannot be read"),
        (lambda p: note_of(p[1]).write_text("[1]", encoding="utf-8"), "is no note of a part"),
        (lambda p: note_of(p[1]).write_text('{"note": 1}', encoding="utf-8"), "is no note of a part"),
        (lambda p: note_of(p[1]).write_text('{"note": 2}', encoding="utf-8"), "of another version"),
    ],
)
def test_a_part_that_is_not_whole_is_refused(tmp_path: Path, break_it, said: str) -> None:
    """By its name."""
    paths = parts_of(tmp_path, 3)
    break_it(paths)
    with pytest.raises(DataError, match=said):
        merged([read_part(path) for path in paths])


def test_parts_that_are_missing_or_doubled_are_named(tmp_path: Path) -> None:
    """As shards."""
    parts = [read_part(path) for path in parts_of(tmp_path, 5)]
    with pytest.raises(DataError, match=r"^of 5 shards 4/5 is missing$"):
        merged(parts[:3] + parts[4:])
    with pytest.raises(DataError, match=r"^of 5 shards 1/5, 5/5 are missing$"):
        merged(parts[1:4])
    with pytest.raises(DataError, match=r"x\.forecast\.2-of-5\.csv and .* are both shard 2/5"):
        merged([*parts, parts[1]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": ("shop", "day", "forecast")}, "another columns"),
        ({"format": "json"}, "another format"),
        ({"n_items": 11}, "another number of series"),
        ({"made_from": {"model": "other", "data": "d"}}, "another model"),
        ({"made_from": {"model": "m", "data": "newer"}}, "another data"),
        ({"shard": "2/4"}, "another number of shards"),
    ],
)
def test_foreign_parts_are_refused(tmp_path: Path, change: dict, said: str) -> None:
    """What they differ in is said."""
    first, second, third = (read_part(path) for path in parts_of(tmp_path, 3))
    if "made_from" in change:
        change = {"made_from": {**second.note.made_from, **change["made_from"]}}
    other = replace(second, note=replace(second.note, **change))
    with pytest.raises(DataError, match=said):
        merged([first, other, third])


def test_items_of_two_parts_are_refused(tmp_path: Path) -> None:
    """Whatever the notes claim."""
    first, second, third = (read_part(path) for path in parts_of(tmp_path, 3))
    place = first.note.items[0][0]
    other = replace(second, note=replace(second.note, items=((place, 3), *second.note.items[1:])))
    with pytest.raises(DataError, match=f"both have series {place + 1} of the whole"):
        merged([first, other, third])
    fewer = replace(second, note=replace(second.note, items=second.note.items[1:]))
    with pytest.raises(DataError, match="no part has series"):
        merged([first, fewer, third])


def test_the_whole_is_called_as_its_parts_are() -> None:
    """Without K-of-N; other names say nothing."""
    assert merged_name([Path("a/x.forecast.1-of-2.csv"), Path("a/x.forecast.2-of-2.csv")]) == Path("a/x.forecast.csv")
    for names in (["x.csv"], ["x.1-of-2.csv", "y.2-of-2.csv"], ["x.1-of-2.csv", "x.csv"]):
        with pytest.raises(ConfigError, match="do not say"):
            merged_name([Path(name) for name in names])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with items in a file and a model that was trained on most of its rows."""
    folder = tmp_path_factory.mktemp("shards")
    draw = np.random.default_rng(2)
    rows = [
        f"{name},{np.datetime64('2024-01-01') + day},{100 + 10 * (day % 7) + draw.normal():.3f}"
        for name in (f"shop {number}" for number in range(19))
        for day in range(80)
    ]
    (folder / "shops.csv").write_text("\n".join(["shop,day,units", *rows, ""]), encoding="utf-8")
    from forecast.reading import read_panel

    panel = read_panel(folder / "shops.csv").split_at(np.datetime64("2024-03-06"))
    config = Config(model=ModelConfig(hidden=8, horizon=7, members=2), train=TrainConfig(max_steps=8))
    Forecaster.fit(panel, config).save(folder / "shops.safetensors", data=folder / "shops.csv")
    return folder


@pytest.mark.parametrize("options", [["--horizon", "17"], ["--format", "json", "--samples", "2"]])
def test_machines_forecast_together_what_one_does(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """To the byte, with intervals that answer to all items, whichever shares these are cut into."""
    monkeypatch.chdir(tmp_path)
    for name in ("shops.csv", "shops.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    kind = "json" if "json" in options else "csv"
    assert run(["predict", *options, "--quiet"]) == 0
    whole = Path(f"shops.forecast.{kind}").read_bytes()
    for of in (2, 5):
        for number in range(1, of + 1):
            assert run(["predict", "--shard", f"{number}/{of}", *options, "--quiet"]) == 0
        parts = [f"shops.forecast.{number}-of-{of}.{kind}" for number in range(1, of + 1)]
        Path(f"shops.forecast.{kind}").unlink()
        assert run(["merge", *parts]) == 0
        assert Path(f"shops.forecast.{kind}").read_bytes() == whole


def test_a_forecast_does_not_depend_on_what_is_forecast_beside_it(trained: Path) -> None:
    """Bit for bit: batches of other sizes would otherwise add the same numbers up in another order."""
    from forecast.reading import read_panel

    forecaster = Forecaster.load(trained / "shops.safetensors")
    panel = read_panel(trained / "shops.csv")
    whole = forecaster.predict(panel, 9)
    for places in ([0], [3, 7], list(range(18, -1, -1)), list(range(1, 18))):
        for place, item in zip(places, forecaster.predict(of_places(panel, places), 9).items, strict=True):
            np.testing.assert_array_equal(item.quantiles, whole.items[place].quantiles)


def test_the_commands_refuse_what_cannot_be_done(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before or after reading, with their codes; and nothing is written."""
    monkeypatch.chdir(trained)
    assert run(["predict", "--shard", "1/2", "--output", "p1.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == len(read_part(Path("p1.csv")).note.items)
    before = sorted(path.name for path in trained.iterdir())
    assert run(["predict", "--shard", "3/2"]) == 2
    assert run(["predict", "--shard", "1/2", "--output", "-"]) == 2
    assert run(["predict", "--shard", "1/2", "--plot", "a.png"]) == 2
    assert run(["merge", "p1.csv"]) == 2
    assert run(["merge", "p1.csv", "--output", "whole.csv"]) == 3
    assert "of 2 shards 2/2 is missing" in capsys.readouterr().err
    assert run(["merge", "p1.csv", "--output", "p1.csv"]) == 2
    assert run(["merge", "p1.csv", "--output", "whole.json"]) == 2
    assert run(["merge", "gone.csv", "--output", "whole.csv"]) == 3
    assert run(["predict", "--shard", "2/2", "--output", "p2.csv", "--levels", "50"]) == 0
    assert run(["merge", "p1.csv", "p2.csv", "--output", "whole.csv"]) == 3
    assert "another columns" in capsys.readouterr().err
    after = sorted(path.name for path in trained.iterdir())
    assert set(after) - set(before) == {"p2.csv", "p2.csv.lock", "p2.csv.part"}
