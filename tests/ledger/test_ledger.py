"""A ledger has each forecast once, beside what came, whatever database it is in and whoever else writes it."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast.errors import ConfigError, LockedError, OutputError
from forecast.forecasts import Forecast, ItemForecast
from forecast.ledger import Ledger, schema, store
from forecast.panel import Panel
from tests.ledger.made import forecast, panel

#: Two shops until January 5; the first changes by 1 every day, the second by 2, the errors of naive.
PAST = {"a": [1, 2, 3, 4, 5], "b": [2, 4, 6, 8, 10]}


def record(ledger: Ledger, past: Panel, medians: Mapping[str, Sequence[float]], **options: Any) -> None:
    told = {"model_digest": "m1", "data_digest": "d1", "season_length": 1, "hindsight": False}
    made = {key: options.pop(key) for key in ("width", "source") if key in options}
    ledger.record(options.pop("job", "sales"), forecast(past, medians, **made), past, **{**told, **options})


def test_what_came_stands_beside_what_was_forecast(place: str) -> None:
    """Each value with its lead, its scale and its interval; what has not come yet is not there."""
    ledger = Ledger.open(place)
    past = panel(PAST)
    record(ledger, past, {"a": [6, 7, 8], "b": [12, 14, 16]})
    now = panel({"a": [*PAST["a"], 6.5, 9.0], "b": [*PAST["b"], float("nan"), 14.0]})
    assert ledger.settle("sales", now) == 3
    (found,) = ledger.scores("sales")
    assert (found.job, found.source, found.hindsight) == ("sales", "model", False)
    rows = sorted(
        zip(found.scale, found.lead, found.forecast, found.actual, found.numbers.tolist(), strict=True),
        key=lambda row: row[:2],
    )
    assert rows == [(1, 1, 6, 6.5, [5, 6, 7]), (1, 2, 7, 9, [6, 7, 8]), (2, 2, 14, 14, [13, 14, 15])]
    assert found.levels == (80,)
    assert dict(zip(found.actual, found.inside(80), strict=True)) == {6.5: True, 9.0: False, 14.0: True}
    assert set(found.cutoff.tolist()) == {1_704_412_800_000_000}  # 2024-01-05 in UTC


def test_recording_and_settling_twice_is_as_doing_it_once(place: str) -> None:
    """Nothing is doubled, and a value that was corrected takes the place of the old one."""
    ledger = Ledger.open(place)
    past, now = panel(PAST), panel({"a": [*PAST["a"], 6], "b": [*PAST["b"], 12]})
    for _ in range(2):
        record(ledger, past, {"a": [6, 7], "b": [12, 14]})
    assert [ledger.settle("sales", now), ledger.settle("sales", now)] == [2, 0]
    assert ledger.settle("sales", panel({"a": [*PAST["a"], 6.25]})) == 1
    (found,) = ledger.scores("sales")
    assert sorted(found.actual) == [6.25, 12]
    assert ledger.standings()[0].n_forecasts == 2


def test_a_forecast_that_is_recorded_anew_with_fewer_steps_has_only_these(place: str) -> None:
    """The ledger has what was published last."""
    ledger = Ledger.open(place)
    past = panel({"a": PAST["a"]})
    record(ledger, past, {"a": [6, 7, 8]})
    record(ledger, past, {"a": [9]})
    ledger.settle("sales", panel({"a": [*PAST["a"], 6, 7, 8]}))
    (found,) = ledger.scores("sales")
    assert found.forecast.tolist() == [9]


def test_of_two_forecasts_from_one_cutoff_the_later_counts_and_hindsight_stands_apart(place: str) -> None:
    """What took the model's place was what people saw; a model that knew what came is never mixed in."""
    ledger = Ledger.open(place)
    past = panel({"a": PAST["a"]})
    record(ledger, past, {"a": [6]}, model_digest="m1")
    record(ledger, past, {"a": [7]}, model_digest="", source="seasonal-naive")
    record(ledger, past, {"a": [8]}, model_digest="m2", hindsight=True)
    ledger.settle("sales", panel({"a": [*PAST["a"], 8]}))
    found = [(own.source, own.hindsight, own.forecast.tolist()) for own in ledger.scores("sales")]
    assert found == [("seasonal-naive", False, [7]), ("model", True, [8])]
    record(ledger, past, {"a": [6]}, model_digest="m1")
    assert [own.source for own in ledger.scores("sales")] == ["model", "model"]


def test_only_what_was_forecast_is_settled_and_jobs_are_apart(place: str) -> None:
    """History and days between two forecasts are none of a ledger's business."""
    ledger = Ledger.open(place)
    long = panel({"a": [*range(1, 21)]})
    record(ledger, panel({"a": PAST["a"]}), {"a": [6, 7]})
    record(ledger, panel({"a": [*range(1, 11)]}), {"a": [11, 12]})
    record(ledger, panel({"a": PAST["a"]}), {"a": [0]}, job="other")
    assert ledger.settle("sales", long) == 4
    (found,) = ledger.scores("sales")
    assert sorted(found.actual) == [6, 7, 11, 12]
    assert ledger.scores("other") == ()
    assert ledger.settle("other", long) == 1


def test_since_and_until_choose_among_the_times_that_were_forecast(place: str) -> None:
    """Both ends belong to what is chosen."""
    ledger = Ledger.open(place)
    record(ledger, panel({"a": PAST["a"]}), {"a": [6, 7, 8, 9]})
    ledger.settle("sales", panel({"a": [*range(1, 10)]}))
    (found,) = ledger.scores("sales", np.datetime64("2024-01-07"), np.datetime64("2024-01-08"))
    assert sorted(found.lead) == [2, 3]
    (standing,) = ledger.standings()
    assert str(standing.newest_actual) == "2024-01-09T00:00:00.000000"
    assert standing.longest == np.timedelta64(4, "D")


def test_a_value_at_the_end_of_an_interval_lies_inside(place: str) -> None:
    """Though the ledger keeps nine digits of the end, and a third has no end of digits."""
    ledger = Ledger.open(place)
    third = 100 / 3
    past = panel({"a": [1, 2, 3]})
    record(ledger, past, {"a": [third, third, 0, 0.0]}, width=0)
    ledger.settle("sales", panel({"a": [1, 2, 3, third, third + 1e-6, 0, 1e-12]}))
    (found,) = ledger.scores("sales")
    order = np.argsort(found.lead)
    assert found.inside(80)[order].tolist() == [True, False, True, False]
    assert found.forecast[order][0] == third


def test_states_are_kept_with_their_probabilities(place: str) -> None:
    """A forecast of states has no quantiles, and its point is the most probable one."""
    ledger = Ledger.open(place)
    past = panel({"a": [0, 1, 0, 1]})
    stamps = past.last + np.arange(1, 3) * np.timedelta64(1, "D")
    item = ItemForecast(("a",), "sales", stamps, np.empty((2, 0)), np.array([[0.9, 0.1], [0.2, 0.8]]))
    made = Forecast((item,), (), past.columns, states=("dry", "wet"), task="binary")
    ledger.record("rain", made, past, model_digest="m", data_digest="d", season_length=1)
    ledger.settle("rain", panel({"a": [0, 1, 0, 1, 0, 0]}))
    (found,) = ledger.scores("rain")
    assert found.states == ("dry", "wet")
    rows = sorted(zip(found.lead, found.forecast, found.actual, found.numbers.tolist(), strict=True))
    assert rows == [(1, 0, 0, [0.9, 0.1]), (2, 1, 0, [0.2, 0.8])]
    assert ledger.drift("rain").verdict == "unknown"


def test_items_keep_their_names_whatever_these_are(place: str) -> None:
    """Quotes, other alphabets and an empty id are texts like any other."""
    ledger = Ledger.open(place)
    names = {"O'Hara": [1, 2], "北京": [3, 4], "": [5, 6], 'a "b"\n:c %s': [7, 8]}
    record(ledger, panel(names), {name: [9] for name in names}, job="job 'x'")
    assert ledger.settle("job 'x'", panel({name: [*own, 10] for name, own in names.items()})) == 4


def test_pruning_removes_old_forecasts_and_what_only_they_needed(place: str) -> None:
    """A value that a younger forecast is judged by stays, and so do the runs since then."""
    ledger = Ledger.open(place)
    record(ledger, panel({"a": PAST["a"]}), {"a": [6, 7]})
    record(ledger, panel({"a": [*PAST["a"], 6]}), {"a": [7, 8]})
    ledger.settle("sales", panel({"a": [*range(1, 9)]}))
    for day in ("03", "09"):
        ledger.note_run(day, started=f"2024-01-{day}T02:00:00Z", summary={})
    assert ledger.prune(np.datetime64("2024-01-08")) == 1
    (found,) = ledger.scores("sales")
    assert sorted(zip(found.lead, found.actual, strict=True)) == [(1, 7), (2, 8)]
    assert [run["id"] for run in ledger.runs()] == ["09"]
    assert ledger.prune(np.datetime64("2030-01-01")) == 1
    assert (ledger.standings(), ledger.scores("sales"), ledger.runs()) == ((), (), ())


def test_a_run_is_kept_once_with_what_it_did(place: str) -> None:
    """It is noted when it starts, and again when it has ended."""
    ledger = Ledger.open(place)
    ledger.note_run("r1", started="2024-01-05T02:00:00Z", summary={})
    ledger.note_run("r1", started="2024-01-05T02:00:00Z", ended="2024-01-05T02:01:00Z", code=5, summary={"done": 3})
    (run,) = ledger.runs()
    assert (run["code"], run["ended"], run["summary"]) == (5, "2024-01-05T02:01:00Z", {"done": 3})


def test_the_zone_of_the_machine_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one machine writes another reads, wherever they stand."""
    place = tmp_path / "ledger.db"
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        ledger = Ledger.open(place)
        record(ledger, panel({"a": PAST["a"]}), {"a": [6]})
        ledger.settle("sales", panel({"a": [*PAST["a"], 6]}))
    monkeypatch.undo()
    time.tzset()
    (found,) = Ledger.open(place).scores("sales")
    assert found.timestamp.tolist() == [1_704_499_200_000_000]  # 2024-01-06 in UTC


def test_a_ledger_goes_to_another_process(place: str) -> None:
    """It holds no connection, so that workers may have it."""
    ledger = Ledger.open(place)
    record(pickle.loads(pickle.dumps(ledger)), panel({"a": PAST["a"]}), {"a": [6]})
    assert ledger.standings()[0].n_forecasts == 1


_WRITER = """
import sys
from forecast.ledger import Ledger
from tests.ledger.made import forecast, panel
place, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger = Ledger.open(place)
for length in range(5, 5 + count):
    past = panel({shop: range(1, length + 1) for shop in "abc"})
    made = forecast(past, {shop: [length + 1, length + 2] for shop in "abc"})
    for job in (name, "shared"):
        ledger.record(job, made, past, model_digest="m", data_digest="d", season_length=1)
        ledger.settle(job, panel({shop: range(1, length + 2) for shop in "abc"}))
    print(length, flush=True)
"""


def writer(place: str, name: str, count: int) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", _WRITER, place, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_several_processes_make_and_write_one_ledger_at_a_time(place: str) -> None:
    """Each has its own job and all have one in common; nothing is doubled, nothing is lost, and none fails."""
    writers = [writer(place, f"job{number}", 6) for number in range(3)]
    said = [process.communicate(timeout=60) for process in writers]
    assert [process.returncode for process in writers] == [0, 0, 0], said
    ledger = Ledger.open(place)
    assert {own.job: own.n_forecasts for own in ledger.standings()} == dict.fromkeys(
        ("job0", "job1", "job2", "shared"), 18
    )
    for job in ("job0", "shared"):
        (found,) = ledger.scores(job)
        # Every step ahead has come but the second of the newest forecast.
        assert len(found) == 3 * (6 + 5)


@pytest.mark.parametrize("moment", range(2))
def test_a_writer_that_is_killed_leaves_a_ledger_that_can_be_read_and_written(place: str, moment: int) -> None:
    """All of a forecast is there, or nothing of it."""
    process = writer(place, "job", 10_000)
    assert process.stdout is not None
    for _ in range(1 + 3 * moment):
        assert process.stdout.readline(), process.communicate()
    time.sleep(0.003 * moment)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    ledger = Ledger.open(place)
    with ledger.store.transaction(writing=False) as transaction:
        counts = transaction.rows("SELECT COUNT(*) FROM ledger_steps GROUP BY forecast_id")
    assert {count for (count,) in counts} == {2}
    assert all(own.n_forecasts % 3 == 0 for own in ledger.standings())
    record(ledger, panel(PAST), {"a": [6], "b": [12]}, job="next")
    assert "next" in {own.job for own in ledger.standings()}


def test_a_thousand_items_take_seconds_at_most(place: str) -> None:
    """Thirty steps of each with thirteen quantiles, recorded, settled and read again."""
    shops = [f"shop {number}" for number in range(1000)]
    past = panel({shop: range(10) for shop in shops})
    made = forecast(past, {shop: range(30) for shop in shops})
    wide = np.arange(-6.0, 7.0)
    items = tuple(replace(item, quantiles=item.quantiles[:, 1:2] + wide) for item in made.items)
    levels = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
    made = replace(made, items=items, quantile_levels=levels)
    ledger = Ledger.open(place)
    begun = time.process_time()
    ledger.record("sales", made, past, model_digest="m", data_digest="d", season_length=1)
    assert ledger.settle("sales", panel({shop: range(40) for shop in shops})) == 30_000
    (found,) = ledger.scores("sales")
    assert found.numbers.shape == (30_000, 13)
    assert time.process_time() - begun < 10


def test_a_busy_ledger_is_waited_for_and_then_given_up(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer that does not end is a reason to try later, and no reason to hang."""
    ledger = Ledger.open(place)
    monkeypatch.setattr(store, "PATIENCE", 1)
    past = panel({"a": PAST["a"]})
    with ledger.store.transaction(writing=True) as transaction:
        transaction.define("UPDATE ledger_migrations SET name = name")
        if not transaction.is_sqlite:
            transaction.define("LOCK TABLE ledger_series IN EXCLUSIVE MODE")
        with pytest.raises(LockedError, match="another run is writing it"):
            record(ledger, past, {"a": [6]})
        assert ledger.standings() == ()  # reading goes on beside a writer


def test_a_ledger_of_a_newer_program_is_refused(place: str) -> None:
    """By the version that reads it, and nothing is written."""
    Ledger.open(place)
    with Ledger.open(place).store.transaction(writing=True) as transaction:
        transaction.define(f"INSERT INTO ledger_migrations VALUES ({len(schema.MIGRATIONS) + 1}, 'next', '9.1')")
    with pytest.raises(ConfigError, match=r"needs forecast >= 9\.1") as refused:
        Ledger.open(place)
    assert refused.value.hint == "pip install 'forecast>=9.1'"


def test_an_older_ledger_is_brought_up_in_one_transaction(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails half way leaves the ledger as it was; one that works keeps all that is in it."""
    ledger = Ledger.open(place)
    record(ledger, panel({"a": PAST["a"]}), {"a": [6]})
    broken = schema.Migration("broken", "0.2", ("CREATE TABLE ledger_extra (id TEXT)", "SELECT nonsense FROM nowhere"))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        patch.setattr("forecast.ledger.ledger.MIGRATIONS", schema.MIGRATIONS)
        with pytest.raises(OutputError):
            Ledger.open(place)
    assert schema.schema_of(ledger.store) == 1
    works = replace(broken, name="extra", statements=("ALTER TABLE ledger_runs ADD COLUMN note TEXT",))
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, works))
    monkeypatch.setattr("forecast.ledger.ledger.MIGRATIONS", schema.MIGRATIONS)
    assert Ledger.open(place).standings()[0].n_forecasts == 1
    with ledger.store.transaction(writing=False) as transaction:
        assert transaction.rows("SELECT number, name FROM ledger_migrations ORDER BY 1")[-1] == (2, "extra")
        assert transaction.rows("SELECT note FROM ledger_runs") == []
    assert schema.schema_of(ledger.store) == 2


def test_a_damaged_file_is_one_line_and_stays_as_it_is(tmp_path: Path) -> None:
    """It is no model and no data: exit code 7, with a way on."""
    place = tmp_path / "ledger.db"
    Ledger.open(place)
    whole = place.read_bytes()
    for spoilt in (b"store,date,units\n" * 99, whole[:100] + bytes(300) + whole[400:]):
        place.write_bytes(spoilt)
        with pytest.raises(OutputError, match=r"ledger\.db: the file is damaged") as refused:
            Ledger.open(place).standings()
        assert refused.value.exit_code == 7
        assert refused.value.hint is not None
        assert refused.value.hint.startswith(f"mv {place} ")
        assert place.read_bytes() == spoilt


def test_a_ledger_that_is_not_there_is_made_only_when_asked_for(tmp_path: Path) -> None:
    """Its folder has to be there."""
    place = tmp_path / "ledger.db"
    with pytest.raises(ConfigError, match="there is no ledger"):
        Ledger.open(place, make=False)
    assert not place.exists()
    with pytest.raises(OutputError, match="there is no folder") as refused:
        Ledger.open(tmp_path / "no" / "ledger.db")
    assert refused.value.hint == f"mkdir -p {tmp_path / 'no'}"


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("mysql://me:hush@h/db", "a ledger is kept in SQLite or PostgreSQL"),
        ("https://h/ledger.db", "neither a file nor a database"),
        ("-", "neither a file nor a database"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://h/db#forecasts", "names a table"),
        ("sqlite:///l.db?query=SELECT 1", "names a query"),
    ],
)
def test_what_can_hold_no_ledger_is_refused_by_its_address(place: str, found: str) -> None:
    """Before anything is opened, and without a password."""
    with pytest.raises(ConfigError, match=found) as refused:
        Ledger.open(place)
    assert "hush" not in refused.value.message


def test_sqlite_is_named_by_its_path_or_its_address(tmp_path: Path) -> None:
    """Both are the same file."""
    Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    assert Ledger.open(tmp_path / "ledger.db", make=False).standings() == ()


def test_a_file_needs_no_sqlalchemy_and_a_server_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default works with what is installed anyway."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert Ledger.open(tmp_path / "ledger.db").standings() == ()
    with pytest.raises(ConfigError, match="databases need the package sqlalchemy") as refused:
        Ledger.open("postgresql://me:hush@h/db")
    assert refused.value.hint == 'pip install "forecast[sql]"'


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    """An output that failed: exit code 7."""
    pytest.importorskip("psycopg")
    with pytest.raises(OutputError, match="connection is bad") as refused:
        Ledger.open(f"postgresql+psycopg://me:hush@/db?host={tmp_path}")
    assert "hush" not in refused.value.message


def test_a_table_of_somebody_else_in_the_file_is_left_alone(tmp_path: Path) -> None:
    """A ledger may share a database."""
    place = tmp_path / "shop.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE sales (n INTEGER)")
        connection.execute("INSERT INTO sales VALUES (7)")
    record(Ledger.open(place), panel({"a": PAST["a"]}), {"a": [6]})
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT n FROM sales").fetchall() == [(7,)]


_FULL = """
import resource, signal, sys
from forecast.errors import OutputError
from forecast.ledger import Ledger
from tests.ledger.made import forecast, panel
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger.open(sys.argv[1])
shops = [str(number) for number in range(300)]
past = panel({shop: [1, 2, 3] for shop in shops})
told = {"model_digest": "m", "data_digest": "d", "season_length": 1}
ledger.record("before", forecast(past, {shop: [4] for shop in shops}), past, **told)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    ledger.record("after", forecast(past, {shop: range(30) for shop in shops}), past, **told)
except OutputError as error:
    print(error.exit_code, error.message)
"""


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path) -> None:
    """One line with exit code 7; the forecast before is whole, of the new one nothing is there, and it goes on."""
    place = str(tmp_path / "ledger.db")
    ledger = Ledger.open(place)
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", _FULL, place, "300000"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.startswith(f"7 ledger {place}: "), done
    assert [(own.job, own.n_forecasts) for own in ledger.standings()] == [("before", 300)]
    with ledger.store.transaction(writing=False) as transaction:
        assert transaction.rows("SELECT COUNT(*) FROM ledger_steps") == [(300,)]
    record(ledger, panel({"a": PAST["a"]}), {"a": [6]}, job="next")
    assert {own.job for own in ledger.standings()} == {"before", "next"}
