"""`forecast status`: what went well, what did not, and what never ran."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

from forecast.cli.app import run
from forecast.jobs import read_jobs
from forecast.running.status import standings
from tests.running.conftest import LAST
from tests.running.test_run import SALES

NOW = datetime.now(timezone.utc)


def test_before_the_first_run_there_is_nothing_to_say(jobs, capsys):
    """Which is a missed night for whoever asks for one."""
    path = jobs(SALES)
    assert run(["status", path]) == 0
    out, err = capsys.readouterr()
    assert "there is no state" in err
    assert "not run yet" in out
    assert run(["status", path, "--max-age", "26h"]) == 6
    assert "it never went well" in capsys.readouterr().out


def test_after_a_run_each_unit_is_in_order(jobs, capsys):
    """With what its forecast was made from and by."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    assert run(["status", path, "--max-age", "26h"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[0] == "sales"
    assert LAST in line
    assert "model" in line
    assert line.endswith("in order")
    (found,) = standings(read_jobs(Path(path)), NOW + timedelta(hours=27), "26h")
    assert re.fullmatch("the last success was (27|26.9) h ago", found.missed)
    (found,) = standings(read_jobs(Path(path)), NOW + timedelta(hours=27))
    assert found.missed is None


def test_a_failure_shows_although_the_forecast_before_is_there(shop, jobs, capsys):
    """With what was said about it; a run of other jobs does not hide it."""
    path = jobs(f'{SALES}[jobs.gone]\ndata = "gone.csv"\n')
    (shop / "gone.csv").write_bytes((shop / "sales.csv").read_bytes())
    assert run(["run", path]) == 0
    (shop / "gone.csv").unlink()
    assert run(["run", path]) == 5
    assert run(["run", path, "--only", "sales"]) == 0
    capsys.readouterr()
    assert run(["status", path, "--json"]) == 6
    units = {unit["unit"]: unit for unit in json.loads(capsys.readouterr().out)["units"]}
    assert (units["sales"]["missed"], units["gone"]["missed"]) == (None, "the last run failed")
    assert units["gone"]["last_success"] is not None
    assert "there is no such file" in units["gone"]["sentences"][0]


def test_a_fallback_needs_somebody(shop, jobs):
    """As exit code 6 says, too."""
    (shop / "m.safetensors").write_bytes(b"x")
    path = jobs(f'{SALES}fallback = "seasonal-naive"\n')
    assert run(["run", path]) == 6
    (found,) = standings(read_jobs(Path(path)), NOW)
    assert (found.source, found.missed) == ("seasonal-naive", "something stood in for the model")


def test_what_a_killed_run_has_written_counts(shop, jobs):
    """Its manifests are there, although its summary is not."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    (shop / "jobs.state" / "summary.json").unlink()
    (found,) = standings(read_jobs(Path(path)), NOW, "26h")
    assert (found.status, found.missed, found.cutoff) == ("done", None, LAST)
