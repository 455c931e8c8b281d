"""`forecast predict`: which model and data it takes, what it asks of the library, and what it leaves on the disk."""

import csv
import hashlib
import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.cli.origins import find_data
from forecast.config import ReadConfig
from forecast.errors import ConfigError
from forecast.forecaster import Forecaster, read_card
from forecast.reading import read_panel
from forecast.settings import override
from forecast.writing import lock, render


def rows(text):
    """A CSV file as dictionaries."""
    return list(csv.DictReader(io.StringIO(text)))


def expected(horizon=None, **form):
    """The forecast file, straight from the library."""
    forecaster = Forecaster.load("sales.safetensors")
    panel = read_panel("sales.csv", known=forecaster.known)
    return render(forecaster.predict(panel, horizon), **form)


def test_without_options_the_newest_model_continues_its_own_file(shop, capsys):
    """A file beside the others, and not a word where nobody watches."""
    assert run(["predict"]) == 0
    assert Path("sales.forecast.csv").read_bytes() == expected()
    assert capsys.readouterr() == ("", "")


def test_the_file_may_have_grown_since_training(shop):
    """The forecast starts after the newest row."""
    with Path("sales.csv").open("a") as file:
        file.write("2020-05-30,99\n2020-05-31,101\n")
    assert run(["predict", "--horizon", "2"]) == 0
    assert [row["day"] for row in rows(Path("sales.forecast.csv").read_text())] == ["2020-06-01", "2020-06-02"]


@pytest.mark.parametrize(
    ("arguments", "form"),
    [
        (["--horizon", "3"], {"horizon": 3}),
        (["-H", "20"], {"horizon": 20}),
        (["--levels", "50,90"], {"levels": (50, 90)}),
        (["--levels", "99.5"], {"levels": (99.5,)}),
        (["--quantiles", "0.1,0.9"], {"quantiles": (0.1, 0.9)}),
        (["--quantiles", "0.1", "--quantiles", "0.9"], {"quantiles": (0.1, 0.9)}),
        (["--quantiles", "0.1", "--levels", "50"], {"quantiles": (0.1,), "levels": (50,)}),
        (["--above", "100"], {"above": (100,)}),
        (["--above", "100.0", "--above", "-1.5,1e6", "--below", "90"], {"above": (100, -1.5, 1e6), "below": (90,)}),
        (["-H", "20", "--nixtla-names", "--above", "100"], {"horizon": 20, "nixtla_names": True, "above": (100,)}),
        (["--samples", "3"], {"samples": 3}),
        (
            ["--samples", "2", "--seed", "9", "--format", "json", "-H", "20"],
            {"samples": 2, "seed": 9, "format": "json", "horizon": 20},
        ),
        (["--nixtla-names"], {"nixtla_names": True}),
        (["--format", "json"], {"format": "json"}),
        (["--device", "cpu", "--threads", "2"], {}),
    ],
)
def test_each_option_reaches_the_library(arguments, form, shop, capfdbinary):
    """What is on stdout is what the library renders."""
    assert run(["predict", *arguments, "--output", "-"]) == 0
    assert capfdbinary.readouterr() == (expected(**form), b"")
    assert not Path("sales.forecast.csv").exists()


def grow(days=20):
    """`sales.csv` with days after training on which far more was sold than ever before."""
    with Path("sales.csv").open("a") as file:
        file.write("".join(f"2020-06-{day:02},{300 + day}\n" for day in range(1, days + 1)))


def ends(forecast):
    """How wide the 80 % interval is at the last step of a forecast file."""
    last = rows(forecast)[-1]
    return float(last["hi_80"]) / float(last["lo_80"])


def test_rows_after_training_change_the_intervals_and_it_says_so(shop, capsys):
    """Wider where the rows lay outside, in the file and in words; the same again with the same input."""
    grow()
    assert run(["predict", "--no-adapt"]) == 0
    plain = Path("sales.forecast.csv").read_text()
    assert capsys.readouterr() == ("", "")
    assert run(["predict", "--verbose"]) == 0
    said = capsys.readouterr().err
    adapted = Path("sales.forecast.csv").read_text()
    assert "80 % intervals of 4 cutoffs since training held" in said
    assert ends(adapted) > 1.1 * ends(plain)
    assert [row["forecast"] for row in rows(adapted)] == [row["forecast"] for row in rows(plain)]
    assert run(["predict"]) == 0
    assert Path("sales.forecast.csv").read_text() == adapted


def test_json_tells_how_intervals_did_since_training(shop, capsys):
    """None without later rows; else the cutoffs, and for each interval what it held and how its width changed."""
    assert run(["predict", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["adaptation"] is None
    grow(3)
    assert run(["predict", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["adaptation"]
    assert found["cutoffs"] == 1
    assert {"level", "held", "width_change"} == set(found["intervals"][0])
    assert run(["predict", "--json", "--no-adapt"]) == 0
    assert json.loads(capsys.readouterr().out)["adaptation"] is None


def test_threads_are_those_of_the_option(shop, monkeypatch):
    """The model keeps its own setting; this run has another."""
    seen = []
    monkeypatch.setattr(Forecaster, "predict", lambda self, *_: seen.append(self.config.train.threads) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(["predict", "--threads", "2"])
    assert seen == [2]


@pytest.mark.parametrize(("name", "start"), [("next.csv", "day,forecast"), ("next.json", '{"columns"')])
def test_the_suffix_of_the_output_decides_its_format(name, start, shop):
    """Unless a format is named."""
    assert run(["predict", "--output", name]) == 0
    assert Path(name).read_text().startswith(start)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "sales.csv"],
        ["--output", "link.csv"],
        ["--output", "sales.safetensors", "--format", "csv"],
    ],
)
def test_what_is_read_is_not_written_over(arguments, shop, capsys):
    """The history would be gone, or the model, and neither can be made again from the forecast."""
    Path("link.csv").symlink_to("sales.csv")
    before = [Path(name).read_bytes() for name in ("sales.csv", "sales.safetensors")]
    assert run(["predict", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: --output {arguments[1]}: the forecast would take the place of ")
    assert [Path(name).read_bytes() for name in ("sales.csv", "sales.safetensors")] == before


@pytest.mark.parametrize("output", ["next.xlsx", "next", "/dev/stdout"])
def test_an_output_of_no_format_is_refused_before_anything_is_read(output, tmp_path, monkeypatch, capsys):
    """There is not even a model here."""
    monkeypatch.chdir(tmp_path)
    assert run(["predict", "--output", output]) == 2
    assert capsys.readouterr().err == (
        f"error: --output {output}: its name does not end in .csv, .json or .parquet\nhint: --format csv\n"
    )


def test_a_named_format_names_the_file(shop):
    """Without --output."""
    assert run(["predict", "--format", "json"]) == 0
    assert json.loads(Path("sales.forecast.json").read_text())["columns"][0] == "day"


def test_the_data_are_found_from_where_the_model_lies(shop, tmp_path_factory, monkeypatch):
    """A model may be used from any folder."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert run(["predict", "--model", str(shop / "sales.safetensors")]) == 0
    assert Path("sales.forecast.csv").read_text().startswith("day,forecast,lo_80,hi_80,lo_95,hi_95\n2020-05-30,")


def test_data_that_did_not_come_along_have_to_be_named(shop, tmp_path_factory, monkeypatch, capsys):
    """A model in a new folder still looks for its data beside itself."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    shutil.copy(shop / "sales.safetensors", "sales.safetensors")
    assert run(["predict"]) == 3
    assert capsys.readouterr().err == (
        "error: sales.csv: there is no such file, and sales.safetensors was trained on it\n"
        "hint: forecast predict --model sales.safetensors --data FILE\n"
    )


def test_other_data_may_be_named(shop):
    """The output is called after them."""
    shutil.copy("sales.csv", "today.csv")
    assert run(["predict", "--data", "today.csv"]) == 0
    assert Path("today.forecast.csv").read_bytes() == expected()


def test_a_symbolic_link_to_a_model_leads_to_the_data_of_the_model(shop, tmp_path_factory, monkeypatch):
    """The path is stored as seen from the model itself."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    Path("link.safetensors").symlink_to(shop / "sales.safetensors")
    assert find_data(None, "sales.csv", Path("link.safetensors")) == str(shop / "sales.csv")


def test_a_model_that_knows_no_data_asks_for_them():
    """A model saved by a program need not come from a file."""
    with pytest.raises(ConfigError, match="does not say which file") as caught:
        find_data(None, None, Path("m.safetensors"))
    assert caught.value.hint == "forecast predict --data FILE"


def test_verbose_tells_and_shows_what_a_terminal_would_show(shop, capsys):
    """Which model, which data, which days, the first and the last rows, and where they were written."""
    assert run(["predict", "--verbose", "--horizon", "20"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "next 20 days: 2020-05-30 … 2020-06-18"
    assert lines[1].split() == ["day", "forecast", "lo_80", "hi_80", "lo_95", "hi_95"]
    shown = [line.split()[0] for line in lines[2:]]
    assert shown == [*(f"2020-0{d}" for d in ("5-30", "5-31", "6-01", "6-02", "6-03")), "…", "2020-06-17", "2020-06-18"]
    first = rows(expected(20).decode())[0]
    assert [float(cell) for cell in lines[2].split()[1:]] == pytest.approx(
        [float(text) for name, text in first.items() if name != "day"], abs=0.06
    )
    assert err.startswith("forecasting with sales.safetensors from sales.csv\n")
    assert err.endswith("wrote sales.forecast.csv\n")


def test_the_table_has_the_intervals_that_were_asked_for(shop, capsys):
    """The first two of them; more do not fit. One step is a date and no range."""
    assert run(["predict", "--verbose", "--horizon", "1", "--levels", "50,90,99"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "next day: 2020-05-30"
    assert lines[1].split() == ["day", "forecast", "lo_50", "hi_50", "lo_90", "hi_90"]


def test_the_table_and_the_document_have_the_probabilities(shop, capsys):
    """In the table after the intervals, in the document in each row."""
    options = ["--horizon", "1", "--above", "100", "--below", "-5"]
    assert run(["predict", "--verbose", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[-2:] == ["p_above_100", "p_below_-5"]
    assert run(["predict", "--json", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["columns"][-2:] == ["p_above_100", "p_below_-5"]
    assert lines[2].split()[-2:] == [f"{found['rows'][0]['p_above_100']:.3f}", "0.000"]


def test_samples_have_bounds(shop, capsys):
    """None is not a number of them, and a table has only so much room."""
    assert run(["predict", "--samples", "0"]) == 2
    message = "error: --samples: samples is 0, but must lie between 1 and 100000\n"
    assert capsys.readouterr().err == message


def test_a_threshold_that_is_no_number_is_refused(shop, capsys):
    """Before any work."""
    assert run(["predict", "--above", "much"]) == 2
    assert capsys.readouterr().err == "error: --above: 'much' is not a number\n"
    assert run(["predict", "--below", "inf"]) == 2
    assert capsys.readouterr().err == "error: --below: a threshold of inf was asked for, but thresholds are finite\n"


def test_the_table_has_the_time_before_item_and_target(shop, capsys):
    """Where there is little room the end of a name is cut, and never the time."""
    days = [f"2024-01-{day:02d}" for day in range(1, 31)]
    lines = [f"{day},{store},{n % 7 + 1},{n % 5 + 1}" for n, day in enumerate(days) for store in "ab"]
    Path("stores.csv").write_text("\n".join(["day,store,units,price", *lines]))
    quick = ["--max-steps", "1", "--members", "1", "--quiet"]
    assert run(["train", "stores.csv", "--target", "units,price", "--horizon", "1", *quick]) == 0
    assert run(["predict", "--model", "stores.safetensors", "--verbose"]) == 0
    shown = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    items = [f"2024-01-31 / {store} / {target}" for store in "ab" for target in ("units", "price")]
    assert shown == ["day / store / target", *items]


def test_a_zero_does_not_stop_a_model_in_logarithms(shop, capsys):
    """A count that reaches zero after training is warned of, and forecast all the same; in a backtest as well."""
    assert read_card("sales.safetensors")["config"]["data"]["scaling"] == "log"
    with Path("sales.csv").open("a") as file:
        file.write("2020-05-30,0\n" + "".join(f"2020-06-{day:02},100\n" for day in range(1, 9)))
    said = (
        "units: the value 0 of 2020-05-30 has no logarithm, and the model was trained in them: this series is forecast "
        "without\n"
    )
    assert run(["predict"]) == 0
    assert capsys.readouterr() == ("", f"warning: {said}")
    assert len(rows(Path("sales.forecast.csv").read_text())) == 7
    compare = ["backtest", "sales.csv", "--model", "sales.safetensors", "--baselines", "naive", "--windows", "1"]
    assert run(compare) == 0
    assert f"sales.safetensors: {said}" in capsys.readouterr().err


def test_logarithms_that_are_asked_for_need_values_that_have_them(shop, capsys):
    """In training, where they are a choice."""
    with Path("sales.csv").open("a") as file:
        file.write("2020-05-30,0\n")
    assert run(["train", "sales.csv", "--decimal", ".", "--scaling", "log"]) == 3
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "error: units: the value 0 has no logarithm",
        "hint: --scaling standard",
    ]


def test_bounds_may_be_other_than_those_of_the_model(shop, capfdbinary):
    """For one forecast; the model keeps its own."""
    assert read_card("sales.safetensors")["config"]["data"]["floor"] == 0
    assert run(["predict", "--floor", "99", "--cap", "101", "--quantiles", "0.001,0.999", "--output", "-"]) == 0
    out, err = capfdbinary.readouterr()
    values = [float(row[name]) for row in rows(out.decode()) for name in ("forecast", "q_0.001", "q_0.999")]
    assert min(values) == 99
    assert max(values) == 101
    assert err.startswith(b"warning: units: the value ")
    assert run(["predict", "--output", "-", "--quiet"]) == 0
    assert capfdbinary.readouterr() == (expected(), b"")


def test_data_that_left_the_bounds_are_warned_of_where_nobody_watches(shop, capsys):
    """Once, on stderr; in the document among the notes; and not after the bounds were lifted."""
    with Path("sales.csv").open("a") as file:
        file.write("2020-05-30,4\n2020-05-31,5\n")
    warning = (
        "units: the value 4 of 2020-05-30 lies below the floor 10, the first of 2 values outside, "
        "and no forecast does; --floor none --cap none lift this"
    )
    Forecaster.load("sales.safetensors").within(10.0, None).save("sales.safetensors", data="sales.csv")
    assert run(["predict"]) == 0
    assert capsys.readouterr() == ("", f"warning: {warning}\n")
    assert run(["predict", "--json"]) == 0
    assert warning in json.loads(capsys.readouterr().out)["notes"]
    assert run(["predict", "--floor", "none"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--floor", "much"], "--floor: 'much' is not a number"),
        (["--cap", "inf"], "--cap: cap is inf, but must be finite\nhint: --cap none"),
        (["--floor", "5", "--cap", "4"], "the floor 5 does not lie below the cap 4"),
        (["--cap", "-1"], "the floor 0 does not lie below the cap -1"),
    ],
)
def test_bounds_that_mean_nothing_are_a_usage_error(arguments, message, shop, capsys):
    """Also where only the model's own bound is in the way."""
    assert run(["predict", *arguments]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_chart_is_drawn_where_it_was_asked_for(shop, capsys):
    """Plain text, because this is no terminal."""
    assert run(["predict", "--chart"]) == 0
    out = capsys.readouterr().out
    assert "░" in out
    assert out.splitlines()[0].startswith("units ")
    assert "\x1b" not in out


def test_a_picture_is_drawn_into_the_file(shop):
    """Beside the forecast."""
    assert run(["predict", "--plot", "sales.png"]) == 0
    assert Path("sales.png").read_bytes().startswith(b"\x89PNG")
    assert Path("sales.forecast.csv").exists()


def test_without_matplotlib_nothing_is_begun(shop, capsys, monkeypatch):
    """The error comes before the work."""
    monkeypatch.setattr("forecast.report.plot.find_spec", lambda _: None)
    assert run(["predict", "--plot", "sales.png"]) == 2
    assert capsys.readouterr().err.endswith("hint: pip install 'forecast[plot]'\n")
    assert not Path("sales.forecast.csv").exists()


def test_what_the_reader_noticed_is_in_the_document(shop, capsys):
    """Where nobody watches it is the only place for it."""
    data = Path("sales.csv")
    lines = data.read_text().splitlines(keepends=True)
    data.write_text("".join([*lines, lines[-1]]))
    assert run(["predict", "--json"]) == 0
    assert any(note.startswith("W401 1 row") for note in json.loads(capsys.readouterr().out)["notes"])


def test_until_when_rows_count_is_not_kept_with_a_model():
    """It would never see what came after its training; how text is to be read holds on."""
    stored = ReadConfig(as_of="2024-06-30", decimal=",")
    assert override(stored, ReadConfig()) == ReadConfig(decimal=",")
    assert override(stored, ReadConfig(as_of="2024-07-31")) == replace(stored, as_of="2024-07-31")


def test_json_is_one_document(shop, capsys):
    """Which model and data, where the forecast went, and the forecast itself."""
    assert run(["predict", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["sha256"] == read_card("sales.safetensors")["sha256"]
    assert [found[key] for key in ("model", "data", "output", "plot", "horizon", "items", "source")] == [
        "sales.safetensors",
        "sales.csv",
        "sales.forecast.csv",
        None,
        7,
        1,
        "model",
    ]
    assert {"columns": found["columns"], "rows": found["rows"]} == json.loads(expected(format="json"))
    assert Path("sales.forecast.csv").read_bytes() == expected()


@pytest.mark.parametrize(
    "arguments", [["--json", "--output", "-"], ["--chart", "--output", "-"], ["--json", "--chart"]]
)
def test_two_things_do_not_share_stdout(arguments, shop, capsys):
    """A program that reads it could not tell them apart."""
    assert run(["predict", *arguments]) == 2
    assert "cannot share stdout" in capsys.readouterr().err


def test_the_model_that_was_meant_is_the_model_that_is_used(shop, capsys):
    """A digest pins it, in capitals too; another one stops the run before anything is written."""
    digest = read_card("sales.safetensors")["sha256"]
    assert run(["predict", "--expect-sha256", digest.upper()]) == 0
    Path("sales.forecast.csv").unlink()
    assert run(["predict", "--expect-sha256", hashlib.sha256(b"").hexdigest()]) == 4
    assert f"its sha256 is {digest}" in capsys.readouterr().err
    assert not Path("sales.forecast.csv").exists()


def test_a_damaged_model_is_refused(shop, capsys):
    """One flipped bit is enough."""
    content = bytearray(Path("sales.safetensors").read_bytes())
    content[-1] ^= 1
    Path("sales.safetensors").write_bytes(content)
    assert run(["predict"]) == 4
    assert capsys.readouterr().err.startswith("error: sales.safetensors")


def test_without_a_model_the_way_to_one_is_shown(tmp_path, monkeypatch, capsys):
    """Exit code 4."""
    monkeypatch.chdir(tmp_path)
    assert run(["predict"]) == 4
    assert "hint: forecast train DATA" in capsys.readouterr().err


def test_the_lock_is_on_the_output(shop, capsys):
    """Two runs must not write the same file."""
    with lock(Path("sales.forecast.csv")):
        assert run(["predict"]) == 75
        assert run(["predict", "--output", "other.csv"]) == 0


def test_quiet_prints_nothing_even_for_the_verbose(shop, capsys):
    """The stricter word wins."""
    assert run(["predict", "--quiet", "--verbose", "--chart"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_prediction_needs_no_drawing_library(shop):
    """Neither rich nor matplotlib is loaded where nothing is drawn."""
    before = {name for name in ("rich", "matplotlib") if name in sys.modules}
    assert run(["predict"]) == 0
    assert {name for name in ("rich", "matplotlib") if name in sys.modules} == before
