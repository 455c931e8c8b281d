"""Runs that end early, in whatever way: what was there is whole, what was reached is kept, the next run goes on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

import forecast.running.work as work
from forecast.cli.app import run
from forecast.errors import DataError, OutputError
from forecast.jobs import expand, read_jobs
from forecast.reading.problems import ChangingFile, Problem
from forecast.running.outcome import STATUSES, How, Outcome, worst
from forecast.running.run import Choices, run_jobs
from forecast.running.runner import Ending, exit_code
from forecast.running.unit import attempt, is_passing
from tests.cli.test_process import ENVIRONMENT, FORECAST
from tests.running.conftest import rows_of
from tests.running.test_run import SALES, files, summary

#: A training that takes longer than anybody waits.
LONG = 'max_steps = 1000000\npatience = 100000\n[jobs.long]\ndata = "sales.csv"\n'


def finished(folder: Path) -> bool:
    """Whether nothing that a run makes on its way is left."""
    return not [path for path in folder.rglob("*") if path.suffix == ".tmp" or path.name == ".stop"]


@pytest.mark.parametrize(
    ("statuses", "ending", "code"),
    [
        ("done unchanged", Ending(), 0),
        ("done failed:3", Ending(), 5),
        ("failed:3 failed:4", Ending(), 4),
        ("failed:2 failed:75", Ending(), 2),
        ("done failed:1 failed:7", Ending(), 1),
        ("done failed:7 failed:4", Ending(), 7),
        ("done gate:6", Ending(), 6),
        ("done fallback:6", Ending(), 6),
        ("gate:6 failed:3", Ending(), 3),
        ("fallback:6 failed:3", Ending(), 5),
        ("done stopped:0", Ending(out_of_time=True), 124),
        ("done failed:7 stopped:0", Ending(out_of_time=True), 7),
        ("done unchanged", Ending(out_of_time=True), 0),
        ("done failed:1", Ending(signal_number=15), 143),
        ("", Ending(), 0),
    ],
)
def test_the_most_severe_code_wins(statuses, ending, code):
    """As the contract has it."""
    outcomes = [Outcome(str(i), *_parsed(text)) for i, text in enumerate(statuses.split())]
    assert exit_code(outcomes, ending) == code


def _parsed(text: str) -> tuple[str, int]:
    status, _, code = text.partition(":")
    assert status in STATUSES
    return status, int(code or 0)


def test_codes_have_an_order():
    """signal > 1 > 7 > 124 > 4 > 3 > 2 > 75 > 5 > 6; one that nobody knows is a bug."""
    order = [143, 1, 7, 124, 4, 3, 2, 75, 5, 6, 0]
    assert all(worst([low, high]) == high for high, low in pairwise(order))
    assert worst([99, 7]) == 99


def test_a_run_that_is_asked_to_end_goes_on_where_it_was(shop, jobs, capsys):
    """Exit code 143, the training kept, no model that is half done; then the same weights as without the break."""
    text = '[jobs.a]\ndata = "sales.csv"\nmodel = "a.safetensors"\n[jobs.b]\ndata = "sales.csv"\n'
    head = "[run]\njobs = 1\n[defaults]\nhorizon = 7\nhidden = 4\nmembers = 1\nmax_steps = 60\nfeatures = ['none']\n"
    path = jobs(text, head=head)
    told = read_jobs(Path(path))
    asked = iter([None] * 12)
    values = run_jobs(told, expand(told), Choices(), signal_number=lambda: next(asked, signal.SIGTERM))
    assert values["exit_code"] == 143
    assert values["counts"]["stopped"] == 1
    assert values["counts"]["not begun"] == 1
    assert not (shop / "a.safetensors").exists()
    assert (shop / "a.training.safetensors").exists()
    assert finished(shop)
    assert run(["run", path]) == 0
    assert not (shop / "a.training.safetensors").exists()
    assert (shop / "jobs.state/forecasts/a.csv").read_bytes() == (shop / "jobs.state/forecasts/b.csv").read_bytes()


def test_time_that_is_over_ends_a_run_with_its_state_saved(shop, jobs):
    """Exit code 124; what was not begun says so."""
    path = jobs(f'{SALES}[jobs.b]\ndata = "sales.csv"\n', head=f"[defaults]\n{LONG}")
    begun = time.monotonic()
    assert run(["run", path, "--jobs", "1", "--max-runtime", "2s"]) == 124
    assert time.monotonic() - begun < 10
    counts = summary(shop)["counts"]
    assert (counts["stopped"], counts["not begun"]) == (1, 2)
    assert finished(shop)


CALLS = {
    "write": (os, "write"),
    "fsync": (os, "fsync"),
    "replace": (os, "replace"),
    "open": (os, "open"),
}


#: One of them in every run of the tests, all of them in the slow one.
_CALLS = [pytest.param(call, marks=() if call == "replace" else pytest.mark.slow) for call in CALLS]


@pytest.mark.parametrize("call", _CALLS)
@pytest.mark.parametrize("number", [errno.ENOSPC, pytest.param(errno.EROFS, marks=pytest.mark.slow)])
def test_whichever_call_fails_the_old_forecast_or_the_new_one_is_whole(shop, jobs, monkeypatch, call, number):
    """For the n-th call, for every n: exit code 7, no rest of a file, and the next run does what is missing."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    old = (shop / "sales.forecast.csv").read_bytes()
    (shop / "sales.csv").write_text(rows_of(151), encoding="utf-8")
    assert run(["run", path]) == 0
    new = (shop / "sales.forecast.csv").read_bytes()
    whole = getattr(os, CALLS[call][1])
    failures = 0
    for n in range(100):
        (shop / "sales.csv").write_text(rows_of(150), encoding="utf-8")
        assert run(["run", path]) == 0
        (shop / "sales.csv").write_text(rows_of(151), encoding="utf-8")
        left = [n]

        def failing(*arguments, left=left, **named):
            left[0] -= 1
            if left[0] == -1:
                raise OSError(number, os.strerror(number))
            return whole(*arguments, **named)

        monkeypatch.setattr(os, CALLS[call][1], failing)
        code = run(["run", path])
        monkeypatch.setattr(os, CALLS[call][1], whole)
        assert (shop / "sales.forecast.csv").read_bytes() in (old, new)
        assert finished(shop)
        if left[0] >= 0:
            break
        failures += 1
        # A model that cannot be opened is one that is missing or damaged.
        assert code in ((4, 7) if call == "open" else (7,)), n
        assert run(["run", path]) == 0
        assert (shop / "sales.forecast.csv").read_bytes() == new
    assert code == 0
    assert failures >= 3


def test_the_line_of_a_crontab_runs_as_cron_runs_it(shop, jobs, capsys):
    """In another folder, without PATH, HOME of no use, no terminal, stdin closed; silent, and done."""
    path = jobs('[jobs.sales]\ndata = "sales.csv"\n')
    assert run(["schedule", path, "--daily", "06:30", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)["crontab"].splitlines()[-1].split(" ", 5)[5].replace("\\%", "%")
    # The script beside the interpreter imports the package that is installed: here it has to be the one under test.
    line = f"PYTHONPATH={ENVIRONMENT['PYTHONPATH']} OMP_NUM_THREADS=1 {line}"
    command = ["env", "-i", "HOME=/nonexistent", "LOGNAME=nobody", "PATH=/usr/bin:/bin", "SHELL=/bin/sh"]
    found = subprocess.run(
        [*command, "setsid", "--wait", "sh", "-c", f"{line} <&-"],
        cwd="/",
        capture_output=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
    assert (shop / "sales.forecast.csv").exists()
    assert "begun" in (shop / "forecast.log").read_text(encoding="utf-8")


def test_a_folder_that_was_deleted_and_closed_streams_do_not_matter(shop, jobs):
    """Only what is unchanged, so that no time is lost on imports."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    command = f'"{sys.executable}" -m forecast run "{path}"'
    program = f"mkdir -p gone && cd gone && rmdir ../gone && exec {command} <&- >&- 2>&-"
    found = subprocess.run(["sh", "-c", program], env=ENVIRONMENT, check=False, timeout=60)
    assert found.returncode == 0
    assert summary(shop)["counts"]["unchanged"] == 1


def test_a_run_in_which_nothing_has_changed_loads_neither_torch_nor_pandas(shop, jobs):
    """Which is why a crontab may ask every five minutes."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    program = (
        "import sys; from forecast.cli.app import run; code = run(['run', sys.argv[1]]); "
        "print(code, sorted({'torch', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, path], env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "0 []\n"


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_within_ten_seconds(shop, jobs, processes, number):
    """With 128 + n, the summary written, the training kept, and no process left behind."""
    path = jobs('[jobs.other]\ndata = "other.csv"\n', head=f"[defaults]\n{LONG}")
    (shop / "other.csv").write_text(rows_of(140), encoding="utf-8")
    process = subprocess.Popen([*FORECAST, "run", path, "--jobs", processes], env=ENVIRONMENT, start_new_session=True)
    model = shop / "jobs.state" / "models" / "long.safetensors.lock"
    until = time.monotonic() + 60
    while not model.exists() and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(number)
    begun = time.monotonic()
    assert process.wait(timeout=30) == 128 + number
    assert time.monotonic() - begun < 10
    assert summary(shop)["exit_code"] == 128 + number
    assert summary(shop)["units"]["long"]["status"] == "stopped"
    assert (shop / "jobs.state" / "models" / "long.training.safetensors").exists()
    assert finished(shop)
    until = time.monotonic() + 3
    while (left := others_of(process.pid)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == ""


def others_of(session: int) -> str:
    """The processes of a session that are still there."""
    listed = subprocess.run(
        ["ps", "-s", str(session), "-o", "pid=,stat=,args="], capture_output=True, text=True, check=False
    )
    return "".join(line for line in listed.stdout.splitlines() if " Z" not in line)


@pytest.mark.slow
def test_a_worker_that_dies_takes_only_its_own_job_with_it(shop, jobs, monkeypatch):
    """As a system ends one that takes too much memory."""
    for name in ("a", "b", "c"):
        (shop / f"{name}.csv").write_text(rows_of(110), encoding="utf-8")
    path = jobs('[jobs.shops]\ndata = "?.csv"\n')
    monkeypatch.setattr("forecast.running.runner.attempt", dying)
    assert run(["run", path, "--jobs", "2"]) == 7
    values = summary(shop)
    assert {name: unit["status"] for name, unit in values["units"].items()} == {
        "shops/a": "done",
        "shops/b": "failed",
        "shops/c": "done",
    }
    assert values["units"]["shops/b"]["code"] == 7
    assert (shop / "shops" / "a.forecast.csv").exists()


def dying(unit, how):
    """What a worker is given to do instead: it ends itself over one of the units."""
    if unit.name == "shops/b":
        os._exit(9)
    return attempt(unit, how)


@pytest.mark.slow
def test_twenty_kills_at_any_moment_leave_a_whole_forecast(shop, jobs):
    """The old one or the new one; and the next run does what is missing."""
    path = jobs(SALES)
    assert run(["run", path]) == 0
    old = (shop / "sales.forecast.csv").read_bytes()
    (shop / "sales.csv").write_text(rows_of(151), encoding="utf-8")
    assert run(["run", path]) == 0
    new = (shop / "sales.forecast.csv").read_bytes()
    seconds = 4.0
    for n in range(20):
        (shop / "sales.csv").write_text(rows_of(150 + n % 2), encoding="utf-8")
        process = subprocess.Popen([*FORECAST, "run", path, "--force"], env=ENVIRONMENT)
        time.sleep(seconds * (0.55 + 0.5 * n / 20))
        process.kill()
        process.wait()
        assert (shop / "sales.forecast.csv").read_bytes() in (old, new)
    (shop / "sales.csv").write_text(rows_of(151), encoding="utf-8")
    assert run(["run", path]) == 0
    assert (shop / "sales.forecast.csv").read_bytes() == new
    assert finished(shop)


def test_what_passes_by_itself_is_tried_again(shop, jobs, monkeypatch):
    """A file that somebody writes, twice; wrong data never."""
    (unit,) = expand(read_jobs(Path(jobs(SALES)))).units
    how = How(shop / "jobs.state", "2020-06-01T00:00:00+00:00", force=True)
    whole, calls = work.forecast_unit, []
    monkeypatch.setattr("forecast.running.unit._WAITS", (0.01, 0.01))

    def changing(*arguments):
        calls.append(1)
        if len(calls) < 3:
            raise ChangingFile("sales.csv", [Problem("E116", "the file changed while it was read")])
        return whole(*arguments)

    monkeypatch.setattr(work, "forecast_unit", changing)
    outcome = attempt(unit, how)
    assert (outcome.status, outcome.retries) == ("done", 2)
    calls.clear()
    monkeypatch.setattr(work, "forecast_unit", lambda *_: calls.append(1) or (_ for _ in ()).throw(DataError("no")))
    assert attempt(unit, how).retries == 0
    assert len(calls) == 1


def test_only_what_passes_is_called_passing():
    """A disk that says EIO while it is read; never one that is full."""
    for number, passes in ((errno.EIO, True), (errno.ESTALE, True), (errno.ENFILE, True), (errno.ENOSPC, False)):
        error = DataError("x")
        error.__cause__ = OSError(number, "x")
        assert is_passing(error) == passes
    error = OutputError("x")
    error.__cause__ = OSError(errno.EIO, "x")
    assert not is_passing(error)


def test_nothing_is_left_of_a_run_but_what_it_says(shop, jobs):
    """All files that are new are those of the state and the outputs."""
    before = set(files(shop))
    assert run(["run", jobs(SALES)]) == 0
    new = {name for name in set(files(shop)) - before if not name.startswith("jobs.state/")}
    assert new == {"jobs.toml", "sales.forecast.csv"}
