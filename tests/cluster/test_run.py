"""`forecast run --dask`: what one machine would have done, whatever dies on the way; and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecast import cluster as cluster_room
from forecast.cli.app import run
from forecast.version import VERSION
from tests.cluster.conftest import ROOT, Cluster, running, wait_for
from tests.running.conftest import rows_of
from tests.running.test_run import files, summary

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

#: Units that share a model which is there.
MANY = '[jobs.all]\ndata = "data/*.csv"\nmodel = "m.safetensors"\nretrain = "never"\noutput = "{stem}.out.csv"\n'


@pytest.fixture
def fresh(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster of the session, whose workers have begun nothing yet."""
    (cluster.folder / "log").unlink(missing_ok=True)
    yield cluster
    wait_for(lambda: len(cluster.workers()) == 3)


def units(shop: Path, *names: str) -> None:
    """Files of data under some names."""
    (shop / "data").mkdir()
    for position, name in enumerate(names):
        (shop / "data" / f"{name}.csv").write_text(rows_of(100 + position), encoding="utf-8")


def outputs(shop: Path) -> dict[str, bytes]:
    """What a run is for: forecasts and models."""
    return {name: content for name, content in files(shop).items() if name.endswith((".out.csv", ".safetensors"))}


def in_process(path: str, address: str, *options: str) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    line = [sys.executable, "-m", "forecast", "run", path, "--dask", address, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(line, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_a_cluster_does_what_one_machine_does(fresh, shop, jobs, capfd) -> None:
    """Forecasts and trained models to the byte, the same outcomes, exit code and ledger; a success says nothing."""
    units(shop, "a", "b", "c", "d")
    path = jobs('[jobs.all]\ndata = "data/*.csv"\noutput = "{stem}.out.csv"\n')
    assert run(["run", path]) == 0
    one, told = outputs(shop), summary(shop)
    assert len(one) == 4 + 5
    for name in one:
        if name != "m.safetensors":
            (shop / name).unlink()
    (shop / "jobs.state" / "ledger.db").unlink()
    capfd.readouterr()
    assert run(["run", path, "--dask", fresh.address]) == 0
    assert capfd.readouterr() == ("", "")
    assert outputs(shop) == one
    found = summary(shop)
    assert found["counts"] == told["counts"]
    for name, unit in told["units"].items():
        changed = {key for key, value in unit.items() if found["units"][name][key] != value}
        assert changed <= {"run_id", "at", "seconds"}
    assert run(["run", path, "--dask", "tcp://127.0.0.1:9", "-v"]) == 0  # nothing has changed: nobody is asked
    assert sorted(fresh.begun()) == [f"all/{name}" for name in "abcd"]


def test_failures_and_gates_are_those_of_one_machine(fresh, shop, jobs, capsys) -> None:
    """With the sentences and the exit code."""
    units(shop, "a")
    (shop / "bad.csv").write_text("day,units\n2024-01-01,x\n", encoding="utf-8")
    text = f'[jobs.bad]\ndata = "bad.csv"\n{MANY}[jobs.old]\ndata = "sales.csv"\nmodel = "m.safetensors"\n'
    path = jobs(text + 'retrain = "never"\nmax_age = "26h"\n[jobs.none]\ndata = "x/*.csv"\n')
    assert run(["run", path]) == 5
    one = sorted(capsys.readouterr().err.splitlines())
    assert run(["run", path, "--force", "--dask", fresh.address]) == 5
    assert sorted(capsys.readouterr().err.splitlines()) == one
    assert summary(shop)["failures"] == ["none", "bad", "old"]


def test_a_worker_that_is_killed_costs_nothing(fresh, shop, jobs) -> None:
    """What it had begun is done by another; what was written is not done again."""
    names = [f"slow{number}" for number in range(9)]
    units(shop, *names)
    client = in_process(jobs(MANY), fresh.address)
    wait_for(lambda: len(list(shop.glob("*.out.csv"))) >= 2)
    fresh.workers()[0].kill()
    assert client.communicate()[1] == b""
    assert client.returncode == 0
    counts = Counter(fresh.begun())
    assert set(counts) == {f"all/{name}" for name in names}
    assert counts.total() <= len(names) + 1
    assert summary(shop)["counts"]["done"] == len(names)


def test_exactly_the_poison_fails(fresh, shop, jobs, capsys) -> None:
    """Though its neighbours were at work beside it."""
    units(shop, "a", "b", "poison", "c", "slow", "e")
    assert run(["run", jobs(MANY), "--dask", fresh.address]) == 7
    assert capsys.readouterr().err.startswith("error: all/poison: all its workers were ended from outside")
    found = summary(shop)
    assert (found["failures"], found["counts"]["done"], found["counts"]["failed"]) == (["all/poison"], 5, 1)
    assert len(list(shop.glob("*.out.csv"))) == 5


def test_a_client_that_is_killed_and_begun_again_does_what_is_left(fresh, shop, jobs) -> None:
    """Nothing that was written is touched, and what was half done is let go."""
    names = [f"slow{number}" for number in range(8)]
    units(shop, *names)
    path = jobs(MANY)
    client = in_process(path, fresh.address)
    manifests = shop / "jobs.state" / "manifests" / "all"
    wait_for(lambda: manifests.is_dir() and len(list(manifests.glob("*.json"))) >= 3)
    client.kill()
    client.communicate()
    wait_for(lambda: len(fresh.begun()) >= len(list(manifests.glob("*.json"))))
    time.sleep(2.0)  # those at work end, or leave off
    before = {output: output.stat().st_mtime_ns for output in shop.glob("*.out.csv")}
    done, begun = {path.stem for path in manifests.glob("*.json")}, len(fresh.begun())
    assert 3 <= len(done) < len(names)
    assert run(["run", path, "--dask", fresh.address]) == 0
    assert all(output.stat().st_mtime_ns == time for output, time in before.items())
    assert {name.removeprefix("all/") for name in fresh.begun()[begun:]} == set(names) - done
    counts = summary(shop)["counts"]
    assert (counts["unchanged"], counts["done"]) == (len(done), len(names) - len(done))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_client_in_ten_seconds(fresh, shop, jobs, number, code) -> None:
    """With a summary; the workers leave off."""
    units(shop, "a", "stuck1", "stuck2")
    client = in_process(jobs(MANY), fresh.address)
    wait_for(lambda: len(fresh.begun()) == 3 and (shop / "a.out.csv").exists())
    begun = time.monotonic()
    client.send_signal(number)
    client.communicate()
    assert time.monotonic() - begun < 10
    assert client.returncode == code
    found = summary(shop)
    assert (found["exit_code"], found["counts"]["done"], found["counts"]["failed"]) == (code, 1, 0)


def test_a_time_limit_is_kept(fresh, shop, jobs, capsys) -> None:
    """Exit code 124."""
    units(shop, "a", "stuck")
    assert run(["run", jobs(MANY), "--dask", fresh.address, "--max-runtime", "5s"]) == 124
    assert summary(shop)["counts"]["done"] == 1


def test_what_a_worker_wrote_before_it_died_is_told_by_the_next(fresh, shop, jobs) -> None:
    """Also by force: the manifest says that it was in this run."""
    from dataclasses import replace

    from forecast.jobs import expand, read_jobs
    from forecast.running.manifests import file_digest
    from forecast.running.remote import _errand, do_errand
    from forecast.running.run import Choices, how_of

    units(shop, "a")
    told = read_jobs(Path(jobs(MANY)))
    how = replace(how_of(told, Choices(force=True)), stop_file=shop / "none")
    told.state.mkdir()
    errand = _errand(told, file_digest(told.path), expand(told).units[0], how)
    first = do_errand(errand)
    written = (shop / "a.out.csv").stat().st_mtime_ns
    second = do_errand(errand)
    assert (replace(second, seconds=first.seconds), second.status) == (first, "done")
    assert (shop / "a.out.csv").stat().st_mtime_ns == written


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_scheduler_ends_the_run(tmp_path, shop, jobs, monkeypatch, capsys, how) -> None:
    """With exit code 7, a message and a summary; what was written stays, and the next run does the rest."""
    monkeypatch.setattr(cluster_room, "PATIENCE", 3.0)
    units(shop, "a", "stuck")
    path = jobs(MANY)
    with running(tmp_path, 2) as mortal:

        def kill_it() -> None:
            wait_for((shop / "a.out.csv").exists)
            time.sleep(1.0)
            mortal.scheduler.send_signal(how)

        from threading import Thread

        killer = Thread(target=kill_it)
        killer.start()
        assert run(["run", path, "--dask", mortal.address]) == 7
        killer.join()
    said = capsys.readouterr().err
    assert said.startswith("error: no answer from the scheduler at tcp://127.0.0.1:")
    assert "nothing" not in said.splitlines()[0]
    found = summary(shop)
    assert (found["exit_code"], found["counts"]["done"], found["counts"]["not begun"]) == (7, 1, 1)


def test_no_scheduler_and_no_worker_end_the_run(tmp_path, shop, jobs, monkeypatch, capsys) -> None:
    """With exit code 7, and never a hang."""
    monkeypatch.setattr(cluster_room, "PATIENCE", 2.0)
    units(shop, "a")
    path = jobs(MANY)
    assert run(["run", path, "--dask", "tcp://127.0.0.1:9"]) == 7
    assert "no answer from the scheduler at tcp://127.0.0.1:9" in capsys.readouterr().err
    with running(tmp_path) as empty:
        assert run(["run", path, "--dask", empty.address]) == 7
    assert "has had no worker for 2 seconds" in capsys.readouterr().err
    assert summary(shop)["exit_code"] == 7


def test_a_worker_with_another_version_is_refused(tmp_path, shop, jobs, capsys) -> None:
    """Both versions are named, and nothing is written."""
    units(shop, "a")
    with running(tmp_path, 1, DASK_TESTS_VERSION="0.0.0") as older:
        assert run(["run", jobs(MANY), "--dask", older.address]) == 7
    said = capsys.readouterr().err
    assert "has forecast 0.0.0" in said
    assert f"this run forecast {VERSION}" in said
    assert not list(shop.glob("*.out.csv"))


def test_a_worker_that_sees_another_file_of_jobs_is_refused(shop, jobs) -> None:
    """Or none: all machines have to see the same folders."""
    from forecast.errors import OutputError
    from forecast.running.remote import do_errand

    errand = {"version": VERSION, "jobs_file": jobs(MANY), "jobs_digest": "0" * 64}
    with pytest.raises(OutputError, match=f"with the sha256 [0-9a-f]{{64}}, and this run with {'0' * 64}"):
        do_errand(errand)
    with pytest.raises(OutputError, match="cannot read /no/such"):
        do_errand({**errand, "jobs_file": "/no/such/jobs.toml"})


def test_only_paths_names_and_digests_travel(shop, jobs) -> None:
    """No rows, no settings, and no address of a database, which may hold a password."""
    from forecast.jobs import expand, read_jobs
    from forecast.running.remote import _errand
    from forecast.running.run import Choices, how_of

    units(shop, "a")
    secret = "postgresql://me:secret@db/sales"
    text = f'[jobs.table]\ndata = "{secret}?table=t"\n{MANY}'
    told = read_jobs(Path(jobs(text, head=f'[run]\nledger = "{secret}"\n')))
    errands = [_errand(told, "d" * 64, unit, how_of(told, Choices())) for unit in expand(told).units]
    assert "secret" not in json.dumps(errands)
    assert [errand["data"] for errand in errands] == [None, str(shop / "data" / "a.csv")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dask", "tcp://scheduler:8786"], "neither encrypted"),
        (["--dask", "scheduler"], "not the address"),
        (["--dask", "tcp://127.0.0.1:9", "--jobs", "2"], "--jobs"),
    ],
)
def test_what_cannot_be_used_is_refused_before_any_work(shop, jobs, capsys, options, said) -> None:
    """Exit code 2, and no state."""
    units(shop, "a")
    assert run(["run", jobs(MANY), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (shop / "jobs.state").exists()


def test_a_cluster_with_certificates_is_worked_with(tmp_path, shop, jobs, monkeypatch, capfd) -> None:
    """Over tls, and with none but who has a certificate of the same authority."""
    import dask

    def openssl(*options: str) -> None:
        subprocess.run(["openssl", *options], check=True, cwd=tmp_path, capture_output=True)

    for name in ("good", "other"):
        subject = ["-subj", f"/CN={name}", "-days", "2", "-nodes", "-newkey", "rsa:2048"]
        openssl("req", "-x509", *subject, "-keyout", f"{name}.key", "-out", f"{name}.pem")

    def settings(name: str) -> dict[str, str]:
        own = {
            f"{part}.{what}": f"{name}.{suffix}"
            for part in ("scheduler", "worker", "client")
            for what, suffix in (("cert", "pem"), ("key", "key"))
        }
        return {key: str(tmp_path / file) for key, file in {"ca-file": f"{name}.pem", **own}.items()}

    units(shop, "a", "b")
    path = jobs(MANY)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    variables = {
        prefix + key.upper().replace(".", "__").replace("-", "_"): file for key, file in settings("good").items()
    }
    with running(tmp_path, 1, protocol="tls", **variables) as safe:
        assert safe.address.startswith("tls://127.0.0.1:")
        with dask.config.set({f"distributed.comm.tls.{key}": file for key, file in settings("other").items()}):
            monkeypatch.setattr(cluster_room, "PATIENCE", 2.0)
            assert run(["run", path, "--dask", safe.address]) == 7
            assert "no answer from the scheduler" in capfd.readouterr().err
            monkeypatch.undo()
        with dask.config.set({f"distributed.comm.tls.{key}": file for key, file in settings("good").items()}):
            assert run(["run", path, "--dask", safe.address]) == 0
    assert len(list(shop.glob("*.out.csv"))) == 2


def test_a_worker_that_hangs_is_given_up(tmp_path, shop, jobs) -> None:
    """Its unit is done by another, once the scheduler has not heard of it for as long as it is told to wait."""
    units(shop, "a", "slow")
    with running(tmp_path, 2, DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="4s") as hanging:
        client = in_process(jobs(MANY), hanging.address)
        wait_for(lambda: "all/slow" in hanging.begun())
        log = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
        (worker,) = (int(line.split()[1]) for line in log if line.startswith("all/slow"))
        os.kill(worker, signal.SIGSTOP)
        assert client.communicate(timeout=100)[1] == b""
        assert client.returncode == 0
        assert hanging.begun().count("all/slow") == 2
    assert summary(shop)["counts"]["done"] == 2
