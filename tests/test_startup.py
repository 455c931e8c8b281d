"""Starting is quick: what takes a second to import is loaded where it is needed, and nowhere before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    *("torch", "pandas", "numpy", "sklearn", "scipy", "matplotlib", "pyarrow", "exchange_calendars"),
    *("joblib", "holidays", "optuna", "sqlalchemy", "statsforecast"),
)
SAMPLE_DATA = Path(__file__).parent.parent / "sample_data"

#: Runs the command as the installed script does, then reports its exit code, what is loaded, and how the process ends.
COMMAND = """
import gc, json, sys
from forecast.cli import main
sys.argv = ["forecast", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code
loaded = {name.partition(".")[0] for name in sys.modules}
commands = [name for name in sys.modules if name.startswith("forecast.cli.")]
collector = {"works": gc.isenabled(), "spares": gc.get_freeze_count()}
print("\\n" + json.dumps({"code": code, "loaded": sorted(loaded), "commands": commands, "collector": collector}))
"""


def run(program: str, *arguments: str, cwd: Path) -> dict[str, object]:
    """What `program` printed as its last line, parsed."""
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert result.stdout, result.stderr
    report: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return report


def heavy(report: dict[str, object]) -> set[str]:
    """The heavy packages that a report says were loaded."""
    return set(HEAVY) & set(report["loaded"])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-h",
        "--help",
        "--version",
        "check -h",
        "train -h",
        "tune -h",
        "predict -h",
        "merge -h",
        "backtest -h",
        "compare -h",
        "inspect -h",
        "cells",
        "cells --json",
        "explain -h",
        "run -h",
        "status -h",
        "schedule -h",
        "score -h",
        "doctor -h",
        "completion -h",
        "completion bash",
    ],
)
def test_asking_loads_nothing_heavy(line: str, tmp_path: Path) -> None:
    """Help pages, the version and completion scripts end well without a heavy import."""
    report = run(COMMAND, *line.split(), cwd=tmp_path)
    assert report["code"] in (0, None)
    assert heavy(report) == set()


@pytest.mark.parametrize(
    "line",
    [
        "tarin",
        "train",
        "check",
        "train data.csv --no-such-option",
        "train data.csv --cell transformer",
        "train data.csv --layers none",
        "train data.csv --hidden 0",
        "tune data.csv --trials none",
        "tune data.csv --study study.txt",
        "predict --levels 80,many",
        "backtest",
        "backtest data.csv --cells transformer",
        "backtest data.csv --windows 0",
        "backtest data.csv --output past.txt",
        "compare data.csv --cells lstm,lstn",
        "compare data.csv --cells lstm,lstm",
        "compare data.csv --seeds 0",
        "compare data.csv --output past.txt",
        "predict --horizon -3",
        "predict --shard 0/3",
        "merge",
        "explain",
        "explain model.safetensors --picture gate",
        "explain model.safetensors --plot gates.pdf",
        "inspect",
        "run",
        "run missing.toml",
        "run missing.toml --max-runtime soon",
        "status missing.toml",
        "schedule missing.toml --daily 06:30",
        "score",
        "score --ledger ledger.db --since yesterday",
        "score --ledger ledger.db --last month",
        "score --ledger ledger.db --metrics-file scores.txt",
        "completion tcsh-of-old",
    ],
)
def test_a_usage_error_loads_nothing_heavy(line: str, tmp_path: Path) -> None:
    """A mistyped command line ends with exit code 2 before anything heavy is imported."""
    report = run(COMMAND, *line.split(), cwd=tmp_path)
    assert report["code"] == 2
    assert heavy(report) == set()


@pytest.mark.parametrize("output", ["now.csv", "now.json"])
def test_a_forecast_without_a_model_loads_torch_and_nothing_else_that_is_heavy(output: str, tmp_path: Path) -> None:
    """From the rows of an exchange to a dated forecast: no data frames, no library of calendars, no statistics.

    Where pandas turns up because another version of exchange_calendars is installed: `make almanac`.
    """
    rows = (SAMPLE_DATA / "prices.csv").read_text().splitlines()
    (tmp_path / "prices.csv").write_text("\n".join([rows[0], *rows[-500:]]) + "\n")
    report = run(COMMAND, *f"predict --data prices.csv --horizon 30 --output {output}".split(), cwd=tmp_path)
    assert report["code"] in (0, None)
    assert len((tmp_path / output).read_text().splitlines()) > 30
    assert heavy(report) == {"torch", "numpy"}
    # It paused only while torch was imported, and is not to look through all of that when the process ends.
    assert report["collector"]["works"]  # type: ignore[index]
    assert report["collector"]["spares"] > 100_000  # type: ignore[index]


def test_a_command_loads_no_other_command(tmp_path: Path) -> None:
    """Only a page that names all of them does."""
    others = {"forecast.cli.train", "forecast.cli.predict", "forecast.cli.run", "forecast.cli.score"}
    assert others.isdisjoint(run(COMMAND, "cells", cwd=tmp_path)["commands"])  # type: ignore[arg-type]
    assert others <= set(run(COMMAND, "--help", cwd=tmp_path)["commands"])  # type: ignore[call-overload]


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path) -> None:
    """Neither does its version; the names that need more load it when used."""
    program = """
import json, sys
import forecast
forecast.__version__, forecast.Config, forecast.ForecastError
print(json.dumps({"loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""
    assert heavy(run(program, cwd=tmp_path)) == set()
