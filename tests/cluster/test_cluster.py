"""results_on_cluster: each result once, exactly the culprit is lost, and nobody waits for what never comes."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from forecast.cluster import check_address, is_wanted, results_on_cluster
from forecast.errors import ConfigError, OutputError
from forecast.workers import Lost
from tests.cluster import tasks
from tests.cluster.conftest import Cluster, running, wait_for

pytest.importorskip("distributed")


@pytest.mark.parametrize(
    "address",
    ["tls://scheduler:8786", "tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "tcp://127.1.2.3:9"],
)
def test_addresses_that_are_safe_are_taken(address: str) -> None:
    """Encrypted, or on this machine."""
    check_address(address)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://scheduler:8786", "neither encrypted"),
        ("tcp://10.0.0.7:8786", "neither encrypted"),
        ("tcp://0.0.0.0:8786", "neither encrypted"),
        ("tcp://localhost.example.org:8786", "neither encrypted"),
        ("scheduler:8786", "not the address"),
        ("", "not the address"),
        ("tls://scheduler", "not the address"),
        ("tls://:8786", "not the address"),
        ("tls://scheduler:99999", "not the address"),
        ("inproc://1/2/3", "not the address"),
        ("http://127.0.0.1:8787/status", "not the address"),
    ],
)
def test_addresses_that_are_not_are_refused(address: str, said: str) -> None:
    """Before anything is sent, and before the package is needed."""
    with pytest.raises(ConfigError, match=said):
        next(results_on_cluster(address, tasks.double, [(1,)]))


def test_without_certificates_tls_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the variable that names what is missing."""
    import dask

    with pytest.raises(ConfigError, match=r"is not told of distributed\.comm.tls\.ca-file") as error:
        next(results_on_cluster("tls://127.0.0.1:9", tasks.double, [(1,)]))
    assert error.value.hint == "DASK_DISTRIBUTED__COMM__TLS__CA_FILE=FILE"
    gone = str(tmp_path / "gone.pem")
    with (
        dask.config.set({"distributed.comm.tls.ca-file": gone}),
        pytest.raises(ConfigError, match=r"gone\.pem: no such file"),
    ):
        next(results_on_cluster("tls://127.0.0.1:9", tasks.double, [(1,)]))


def test_without_the_package_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every extra."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match="not installed") as error:
        next(results_on_cluster("tcp://127.0.0.1:9", tasks.double, [(1,)]))
    assert error.value.hint == "pip install 'forecast[dask]'"


def test_no_scheduler_is_an_error_and_no_tasks_need_none() -> None:
    """After the time that was allowed."""
    assert list(results_on_cluster("tcp://127.0.0.1:9", tasks.double, [])) == []
    with pytest.raises(OutputError, match=r"no answer from the scheduler at tcp://127\.0\.0\.1:9 for 0 seconds"):
        next(results_on_cluster("tcp://127.0.0.1:9", tasks.double, [(1,)], deadline=0.1))
    assert is_wanted()


def test_each_task_has_its_result_at_its_position(cluster: Cluster) -> None:
    """On three workers, whose number does not show."""
    found = dict(results_on_cluster(cluster.address, tasks.double, [(i,) for i in range(20)]))
    assert found == {i: 2 * i for i in range(20)}


@pytest.mark.slow
def test_exactly_the_task_that_kills_its_worker_is_lost(cluster: Cluster) -> None:
    """Its neighbours are not blamed."""
    found = dict(results_on_cluster(cluster.address, tasks.double_or_die, [(i, 7) for i in range(20)]))
    assert found == {i: Lost() if i == 7 else 2 * i for i in range(20)}


@pytest.mark.slow
def test_what_a_task_raises_is_raised_here(cluster: Cluster) -> None:
    """A bug is not a result."""
    with pytest.raises(ZeroDivisionError):
        list(results_on_cluster(cluster.address, tasks.divide, [(0,)]))
    with pytest.raises(RecursionError):
        list(results_on_cluster(cluster.address, tasks.deep, [(0,)]))


@pytest.mark.slow
def test_a_task_knows_when_nobody_wants_it_any_more(cluster: Cluster, tmp_path: Path) -> None:
    """What a check raises ends the client at once, and the task finds out."""

    def check() -> None:
        if (tmp_path / "begun").exists():
            raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(results_on_cluster(cluster.address, tasks.hold_on, [(str(tmp_path),)], check=check))
    assert time.monotonic() - begun < 20
    wait_for((tmp_path / "unwanted").exists)


@pytest.mark.slow
def test_a_cluster_without_a_worker_is_an_error(tmp_path: Path) -> None:
    """With the command that starts one; and those who come in time are worked with."""
    with running(tmp_path, DASK_TESTS_PLAIN="1") as empty:
        with pytest.raises(OutputError, match="has had no worker for 2 seconds") as error:
            list(results_on_cluster(empty.address, tasks.double, [(1,)], deadline=2.0))
        assert error.value.hint == f"dask worker {empty.address} --nthreads 1"
        empty.add_workers(1)
        assert list(results_on_cluster(empty.address, tasks.double, [(1,)], deadline=2.0)) == [(0, 2)]


@pytest.mark.slow
def test_a_scheduler_that_lacks_what_is_to_be_done_is_an_error(tmp_path: Path) -> None:
    """It has to be installed there as well."""
    (tmp_path / "lacking.py").write_text("import sys\nsys.modules['forecast.cluster'] = None\n", encoding="utf-8")
    with running(tmp_path, 1, DASK_TESTS_PLAIN="1", DASK_DISTRIBUTED__SCHEDULER__PRELOAD="lacking.py") as lacking:
        with pytest.raises(OutputError, match="cannot do its work: RuntimeError") as error:
            list(results_on_cluster(lacking.address, tasks.double, [(1,)]))
        assert error.value.exit_code == 7


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_dies_ends_the_client(tmp_path: Path, how: signal.Signals) -> None:
    """Killed, or silent with its port open."""
    with running(tmp_path, 1, DASK_TESTS_PLAIN="1") as cluster:

        def check() -> None:
            if (tmp_path / "begun").exists() and cluster.scheduler.poll() is None:
                cluster.scheduler.send_signal(how)

        begun = time.monotonic()
        with pytest.raises(OutputError, match="no answer from the scheduler"):
            list(results_on_cluster(cluster.address, tasks.hold_on, [(str(tmp_path),)], check=check, deadline=3.0))
        assert time.monotonic() - begun < 30
