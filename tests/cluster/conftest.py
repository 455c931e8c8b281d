"""A real Dask cluster on loopback: a scheduler and workers under nannies, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.running.conftest import jobs, shop, trained

__all__ = ["jobs", "shop", "trained"]

ROOT = Path(__file__).parent.parent.parent
ODD = Path(__file__).parent / "odd.py"


class Cluster:
    """A scheduler and its workers, each of which adds a line to `log` in the folder for each unit that it begins."""

    def __init__(self, folder: Path, environment: Mapping[str, str], protocol: str = "tcp") -> None:
        self.folder, self._protocol = folder, protocol
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_TESTS_LOG": str(folder), **environment}
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(self._file))
        wait_for(self._file.exists)
        time.sleep(0.1)
        self.address: str = json.loads(self._file.read_text(encoding="utf-8"))["address"]
        self.parents: list[subprocess.Popen[bytes]] = []

    def add_workers(self, count: int) -> None:
        """Workers of one thread each, there before this returns."""
        before = len(self.workers())
        options = ["--nworkers", str(count), "--nthreads", "1", "--local-directory", str(self.folder)]
        if self._environment.get("DASK_TESTS_PLAIN") is None:
            options += ["--preload", str(ODD)]
        self.parents.append(self._start("worker", *options, self.address, "--death-timeout", "60"))
        wait_for(lambda: len(self.workers()) == before + count)

    def workers(self) -> list[psutil.Process]:
        """The processes that work: children of nannies that have said that they are there."""
        said = (self.folder / "worker.log").read_text(encoding="utf-8") if self.parents else ""
        if said.count("Registered to:") == 0:
            return []
        nannies = [psutil.Process(parent.pid) for parent in self.parents if parent.poll() is None]
        found = [child for nanny in nannies for child in nanny.children() if "spawn_main" in " ".join(child.cmdline())]
        return found if said.count("Registered to:") >= len(found) else []

    def begun(self) -> list[str]:
        """The names of the units that were begun, in order."""
        log = self.folder / "log"
        return [line.split()[0] for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []

    def stop(self) -> None:
        """All processes are gone."""
        own = [process for process in (*self.parents, self.scheduler) if process.poll() is None]
        family = [child for process in own for child in psutil.Process(process.pid).children(recursive=True)]
        for process in own:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        for child in family:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        host = ["--host", "127.0.0.1" if what == "scheduler" else f"{self._protocol}://127.0.0.1", "--no-dashboard"]
        if what == "scheduler":
            host += ["--protocol", self._protocol]
        with (self.folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{what}", *host, *options],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Returns once it holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.05)


@contextmanager
def running(folder: Path, workers: int = 0, **environment: str) -> Iterator[Cluster]:
    """A cluster with so many workers, gone at the end."""
    protocol = environment.pop("protocol", "tcp")
    cluster = Cluster(folder, environment, protocol)
    try:
        if workers:
            cluster.add_workers(workers)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One with three workers, which nobody breaks for good."""
    with running(tmp_path_factory.mktemp("cluster"), 3) as found:
        yield found
