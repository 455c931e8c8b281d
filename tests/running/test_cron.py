"""The line that `forecast schedule` prints, run by the daemon of Debian under a clock that is sped up.

A minute of the daemon's clock lasts a second or less, while the jobs themselves have the machine's own time.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from forecast.cli.app import run
from tests.cli.test_process import ENVIRONMENT
from tests.running.conftest import LAST, rows_of
from tests.running.test_endings import finished
from tests.running.test_run import summary

pytestmark = pytest.mark.slow

#: Training that takes no time; the models are there before the clock runs.
TINY = """
[run]
jobs = 1
[defaults]
output = "{name}.forecast.csv"
horizon = 7
max_steps = 2
members = 1
preset = "fast"
prior = "none"
"""
DAYS = 150
#: Longer than any of these tests waits on a machine that has other work to do.
PATIENCE = 90.0
#: Stands in for /bin/sh in the crontab, whose line stays as it was printed: keeps what a run said and its exit code,
#: which cron would mail and forget.
SHELL = """#!/bin/sh
name={folder}/$(date +%s%N)
echo $$ > $name.begun
/bin/sh "$@" > $name.said 2>&1
echo $? > $name.tmp
mv $name.tmp $name.code
"""


@dataclass(frozen=True)
class Ran:
    """What came of one start of the command."""

    code: int
    said: str


@dataclass(frozen=True)
class Daemon:
    """A cron that obeys the crontab of whoever runs the tests, and its runs."""

    folder: Path

    def obey(self, lines: str) -> None:
        """Puts a crontab in place of the last one."""
        shell = self.folder / "sh"
        shell.write_text(SHELL.format(folder=self.folder), encoding="utf-8")
        shell.chmod(0o755)
        head = f'SHELL={shell}\nMAILTO=""\nPYTHONPATH={ENVIRONMENT["PYTHONPATH"]}\nOMP_NUM_THREADS=1\n'
        subprocess.run(["crontab", "-"], input=head + lines, text=True, check=True)

    @contextmanager
    def at(self, clock: str, speed: int) -> Iterator[None]:
        """The daemon, from this time of Berlin's clock on; at the end it is gone and its runs are over."""
        command = ["faketime", "-f", f"@{clock} x{speed}", shutil.which("cron") or "cron", "-f", "-L", "0"]
        environment = {**os.environ, "TZ": "Europe/Berlin"}
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            yield
            assert process.poll() is None
        finally:
            # faketime removes what it shares with the daemon once that has ended: it is not to be killed itself.
            for number, name, group in processes():
                if name == "cron" and group == process.pid:
                    os.kill(number, signal.SIGTERM)
            process.wait(timeout=30)
            # Each run has a daemon of its own that waits for its end, and outlives the first one.
            until(lambda: "cron" not in {name for _, name, _ in processes()})
            until(lambda: len(list(self.folder.glob("*.begun"))) == len(self.runs()))

    def runs(self) -> list[Ran]:
        """Those that are over, in the order in which they began."""
        codes = sorted(self.folder.glob("*.code"))
        return [Ran(int(path.read_text()), path.with_suffix(".said").read_text(encoding="utf-8")) for path in codes]

    def codes(self) -> list[int]:
        """Exit codes of the runs that are over."""
        return [ran.code for ran in self.runs()]


def processes() -> Iterator[tuple[int, str, int]]:
    """Number, name and group of each process of this machine that has not ended."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:
            continue
        state, _, group = rest.split()[:3]
        if state != "Z":
            yield int(path.parent.name), head.partition("(")[2], int(group)


def until(condition: Callable[[], object], pause: float = 0.05) -> None:
    """Waits for something to hold, and fails where it does not in time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """None runs yet. Only where the tests may have the machine's cron for themselves; nothing of it is left behind."""
    if os.geteuid() != 0:
        pytest.skip("only root may run cron")
    missing = [name for name in ("cron", "crontab", "faketime") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with (Path(tempfile.gettempdir()) / "forecast-cron.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if "cron" in {name for _, name, _ in processes()}:
            pytest.skip("a cron runs already")
        if subprocess.run(["crontab", "-l"], capture_output=True, check=False).returncode == 0:
            pytest.skip("root has a crontab, which is not for tests to replace")
        folder = tmp_path / "runs"
        folder.mkdir()
        try:
            yield Daemon(folder)
        finally:
            subprocess.run(["crontab", "-r"], capture_output=True, check=False)
            begun = {
                int(path.read_text() or 0) for path in folder.glob("*.begun") if not path.with_suffix(".code").exists()
            }
            for number, _, group in processes():
                if number in begun:
                    os.killpg(group, signal.SIGKILL)
            Path("/run/crond.pid").unlink(missing_ok=True)


def lines(path: str, capsys: pytest.CaptureFixture[str], *when: str) -> str:
    """What `forecast schedule` prints for a crontab."""
    capsys.readouterr()
    assert run(["schedule", path, *when, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["crontab"]


EVERY_MINUTE = ("--cron", "* * * * *")


def grow(path: Path, days: int) -> None:
    """Puts a longer file in place of a shorter one, as a whole."""
    path.with_suffix(".part").write_text(rows_of(DAYS + days), encoding="utf-8")
    path.with_suffix(".part").rename(path)


def day(later: int) -> str:
    return str(date.fromisoformat(LAST) + timedelta(days=later))


def first(path: Path) -> str:
    """The day that a forecast begins with."""
    return path.read_text(encoding="utf-8").splitlines()[1][: len(LAST)]


def booked(shop: Path) -> list[tuple[str, str, int]]:
    """Job, cutoff and number of steps of each forecast in the ledger, read with other means than its own."""
    query = """
        SELECT job, date(cutoff / 1000000, 'unixepoch'), count(*) FROM ledger_forecasts AS f
        JOIN ledger_series AS s ON s.id = f.series_id JOIN ledger_steps AS t ON t.forecast_id = f.id
        GROUP BY f.id ORDER BY 1, 2"""
    connection = sqlite3.connect(shop / "jobs.state" / "ledger.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def noted(shop: Path) -> list[int]:
    """The exit codes of the runs in the ledger."""
    connection = sqlite3.connect(shop / "jobs.state" / "ledger.db")
    try:
        return [code for (code,) in connection.execute("SELECT code FROM ledger_runs ORDER BY started")]
    finally:
        connection.close()


def logged(shop: Path, event: str) -> int:
    """How many lines of the log tell of an event."""
    path = shop / "forecast.log"
    return path.read_text(encoding="utf-8").count(f" {event}") if path.exists() else 0


def manifest(shop: Path, unit: str) -> dict:
    return json.loads((shop / "jobs.state" / "manifests" / f"{unit}.json").read_text(encoding="utf-8"))


def test_runs_that_overlap_leave_and_a_bad_file_costs_only_itself(shop, jobs, daemon, capsys):
    """Exit codes 5 and 75 and no other; the good job is written once for each end of its data, the bad one is named."""
    (shop / "bad.csv").write_text(rows_of(DAYS).replace(f"{LAST},", f"{LAST},about "), encoding="utf-8")
    path = jobs('[jobs.good]\ndata = "sales.csv"\n[jobs.bad]\ndata = "bad.csv"\n', head=TINY)
    assert run(["run", path]) == 5
    grow(shop / "sales.csv", 1)
    daemon.obey(lines(path, capsys, *EVERY_MINUTE))
    with daemon.at("2026-06-01 12:00:00", 60):
        until(lambda: daemon.codes().count(5) >= 2 and daemon.codes().count(75) >= 1)
    assert set(daemon.codes()) == {5, 75}
    for ran in daemon.runs():
        assert ("held by pid" in ran.said) == (ran.code == 75)
        assert ("bad.csv" in ran.said) == (ran.code == 5)
    whole = daemon.codes().count(5)
    assert (logged(shop, "begun"), logged(shop, "ended"), logged(shop, "done")) == (whole, whole, 1)
    assert noted(shop) == [5] * (1 + whole)
    assert booked(shop) == [("good", LAST, 7), ("good", day(1), 7)]
    assert (first(shop / "good.forecast.csv"), manifest(shop, "good")["cutoff"]) == (day(2), day(1))
    assert not (shop / "bad.forecast.csv").exists()
    units = summary(shop)["units"]
    assert summary(shop)["exit_code"] == 5
    assert (units["good"]["status"], units["bad"]["status"]) == ("unchanged", "failed")
    assert finished(shop)
    capsys.readouterr()
    assert run(["status", path, "--json"]) == 6
    missed = {unit["unit"]: unit["missed"] for unit in json.loads(capsys.readouterr().out)["units"]}
    assert missed == {"good": None, "bad": "the last run failed"}


def test_the_run_after_one_that_was_killed_does_what_is_missing(shop, jobs, daemon, capsys):
    """Killed when the first of its units is written: nothing is doubled, nothing is lost, no rest of a file is left."""
    units = [f"shops/{letter}" for letter in "abcdef"]
    for letter in "abcdef":
        shutil.copyfile(shop / "sales.csv", shop / f"{letter}.csv")
    path = jobs('[jobs.shops]\ndata = "?.csv"\n', head=TINY)
    assert run(["run", path]) == 0
    for letter in "abcdef":
        grow(shop / f"{letter}.csv", 1)
    daemon.obey(lines(path, capsys, *EVERY_MINUTE))
    with daemon.at("2026-06-01 12:00:00", 60):
        until(lambda: logged(shop, "begun") == 1)
        until(lambda: first(shop / "shops" / "a.forecast.csv") == day(2), pause=0.001)
        os.kill(holding(shop), signal.SIGKILL)
        until(lambda: 137 in daemon.codes())
        missing = [unit for unit in units if first(shop / f"{unit}.forecast.csv") != day(2)]
        until(lambda: 0 in daemon.codes())
    assert missing
    assert set(daemon.codes()) <= {0, 75, 137}
    assert daemon.codes().count(137) == 1
    assert logged(shop, "begun") == logged(shop, "ended") + 1
    assert noted(shop) == [0] * (1 + daemon.codes().count(0))
    assert booked(shop) == [(unit, cutoff, 7) for unit in units for cutoff in (LAST, day(1))]
    assert {first(shop / f"{unit}.forecast.csv") for unit in units} == {day(2)}
    assert {manifest(shop, unit)["cutoff"] for unit in units} == {day(1)}
    assert summary(shop)["exit_code"] == 0
    assert finished(shop)


def holding(shop: Path) -> int:
    """The process that has the lock of the runs, whose file begins with `pid` and its number."""
    return int((shop / "jobs.state" / "run.lock").read_text(encoding="utf-8").split()[1])


def test_a_machine_that_was_away_catches_up(shop, jobs, daemon, capsys):
    """The forecast starts after the newest row, the days between have none; and whatever is well says nothing."""
    path = jobs('[jobs.sales]\ndata = "sales.csv"\n', head=TINY)
    assert run(["run", path]) == 0
    daemon.obey(lines(path, capsys, *EVERY_MINUTE))
    grow(shop / "sales.csv", 1)
    with daemon.at("2026-06-01 12:00:00", 60):
        until(lambda: daemon.codes().count(0) >= 2)
    assert first(shop / "sales.forecast.csv") == day(2)
    before = daemon.codes().count(0)
    grow(shop / "sales.csv", 5)
    with daemon.at("2026-06-05 12:00:00", 60):
        until(lambda: daemon.codes().count(0) >= before + 2)
    assert (first(shop / "sales.forecast.csv"), manifest(shop, "sales")["cutoff"]) == (day(6), day(5))
    assert booked(shop) == [("sales", LAST, 7), ("sales", day(1), 7), ("sales", day(5), 7)]
    assert set(daemon.codes()) <= {0, 75}
    assert {ran.said for ran in daemon.runs() if ran.code == 0} == {""}
    assert logged(shop, "done") == 2
    assert summary(shop)["units"]["sales"]["status"] == "unchanged"


@pytest.mark.parametrize(
    ("clock", "speed", "minutes"),
    [("2026-03-29 01:57:00", 30, 8), ("2026-10-25 01:55:00", 300, 102)],
    ids=["the hour that is not there", "the hour that is there twice"],
)
def test_a_night_on_which_the_clock_is_changed_has_one_forecast(shop, jobs, daemon, capsys, clock, speed, minutes):
    """Half past two comes not at all in spring and twice in autumn; the run of that time is made once."""
    path = jobs('[jobs.sales]\ndata = "sales.csv"\n', head=TINY)
    assert run(["run", path]) == 0
    grow(shop / "sales.csv", 1)
    daemon.obey(lines(path, capsys, "--daily", "02:30", "--timezone", "Europe/Berlin"))
    with daemon.at(clock, speed):
        time.sleep(60 * minutes / speed)
    assert daemon.runs() == [Ran(0, "")]
    assert noted(shop) == [0, 0]
    assert booked(shop) == [("sales", LAST, 7), ("sales", day(1), 7)]
    assert first(shop / "sales.forecast.csv") == day(2)
