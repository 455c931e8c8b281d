"""`forecast run --shard`: each machine its share, whether they share a folder or have their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forecast.cli.app import run
from forecast.shards import Shard
from forecast.writing import lock
from tests.running.conftest import rows_of

#: Units that share a model which is there, and a job that has none.
MANY = """
[jobs.all]
data = "data/*.csv"
model = "m.safetensors"
retrain = "never"
output = "{stem}.out.csv"
[jobs.none]
data = "x/*.csv"
"""
NAMES = tuple("abcdef")


@pytest.fixture
def many(shop: Path, jobs) -> str:
    """A file of jobs with six units and a failure."""
    (shop / "data").mkdir()
    for position, name in enumerate(NAMES):
        (shop / "data" / f"{name}.csv").write_text(rows_of(100 + position), encoding="utf-8")
    return str(jobs(MANY))


def share_of(name: str, of: int) -> int:
    return next(k for k in range(1, of + 1) if Shard(k, of).holds(name))


def test_shares_of_one_folder_do_together_what_one_run_does(many, shop, capsys):
    """To the byte, each unit once; the summaries stand beside each other, and status sees all of them."""
    assert run(["run", many]) == 5
    whole = {path.name: path.read_bytes() for path in shop.glob("*.out.csv")}
    assert len(whole) == 6
    for path in (*shop.glob("*.out.csv"), *(shop / "jobs.state").rglob("*.json")):
        path.unlink()
    for number in (1, 2, 3):
        own = [name for name in NAMES if share_of(f"all/{name}", 3) == number]
        fails = share_of("none", 3) == number
        assert run(["run", many, "--shard", f"{number}/3"]) == ((5 if own else 3) if fails else 0)
        found = json.loads((shop / "jobs.state" / f"summary.{number}-of-3.json").read_text(encoding="utf-8"))
        assert (found["shard"], found["counts"]["done"]) == (f"{number}/3", len(own))
        assert sorted(found["units"]) == sorted([f"all/{name}" for name in own] + ["none"] * fails)
    assert {path.name: path.read_bytes() for path in shop.glob("*.out.csv")} == whole
    assert not (shop / "jobs.state" / "summary.json").exists()
    capsys.readouterr()
    assert run(["status", many, "--json", "--max-age", "1h"]) == 6
    standings = {unit["unit"]: unit for unit in json.loads(capsys.readouterr().out)["units"]}
    assert [name for name, unit in standings.items() if unit["missed"]] == ["none"]
    assert len(standings) == 7
    # Another cut, and the whole again: nothing is done twice.
    for line in (["--shard", "1/2"], ["--shard", "2/2"], []):
        run(["run", many, *line, "--json"])
        assert json.loads(capsys.readouterr().out)["counts"]["done"] == 0


def test_a_share_without_a_unit_is_done(many, shop, capsys):
    """Exit code 0, and said to who listens."""
    held = {share_of(name, 1000) for name in (*(f"all/{name}" for name in NAMES), "none")}
    empty = next(k for k in range(1, 1001) if k not in held)
    assert run(["run", many, "--shard", f"{empty}/1000"]) == 0
    assert capsys.readouterr() == ("", "")
    assert run(["run", many, "--shard", f"{empty}/1000", "-v"]) == 0
    assert f"shard {empty}/1000 holds none of the units" in capsys.readouterr().err
    assert run(["run", many, "--shard", f"{empty}/1000", "--dry-run"]) == 0


def test_a_share_waits_for_no_other_and_never_runs_twice_at_once(many, shop, capsys):
    """Each has its own lock in the state that they share."""
    number = share_of("all/a", 3)
    (shop / "jobs.state").mkdir()
    with lock(shop / "jobs.state" / f"run.{number}-of-3"):
        assert run(["run", many, "--shard", f"{number}/3"]) == 75
        other = number % 3 + 1
        assert run(["run", many, "--shard", f"{other}/3"]) != 75
        assert run(["run", many, "--only", "all/a"]) == 0


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/10001", "three"])
def test_a_share_that_does_not_exist_is_refused(many, shop, text):
    """Before any work."""
    assert run(["run", many, "--shard", text]) == 2
    assert not (shop / "jobs.state").exists()
