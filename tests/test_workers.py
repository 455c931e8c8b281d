"""Workers: each task's result once, whatever ends on the way, and no process left behind."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from forecast.workers import Lost, n_processors, results


def test_each_task_has_its_result_at_its_position() -> None:
    """In whatever order they come, in other processes than this one, with threads as asked for."""
    lines = ["1 + 1", "2 * 3", "__import__('os').getpid()", "__import__('os').environ['OMP_NUM_THREADS']"]
    found = dict(results(eval, lambda: [(line,) for line in lines], processes=2, threads=3))
    assert set(found) == {0, 1, 2, 3}
    assert (found[0], found[1], found[3]) == (2, 6, "3")
    assert found[2] != os.getpid()
    assert multiprocessing.active_children() == []


def test_a_process_that_is_ended_costs_its_own_task_only() -> None:
    """As a system ends one that takes too much memory; the others are done again where they have to be."""
    lines = ["1 + 1", "__import__('os')._exit(1)", "2 * 3"]
    found = dict(results(eval, lambda: [(line,) for line in lines], processes=2))
    assert found == {0: 2, 1: Lost(), 2: 6}


def test_what_a_check_raises_ends_all_processes_at_once() -> None:
    """Although they would sleep for a minute."""
    begun = time.monotonic()
    seen: list[int] = []

    def check() -> None:
        seen.extend(child.pid or 0 for child in multiprocessing.active_children())
        if time.monotonic() - begun > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(results(time.sleep, lambda: [(60,), (60,)], processes=2, check=check))
    assert time.monotonic() - begun < 20
    assert len(set(seen)) == 2
    assert multiprocessing.active_children() == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in seen)


def test_what_a_task_raises_is_raised_here() -> None:
    """A bug is not a result."""
    with pytest.raises(ZeroDivisionError):
        list(results(eval, lambda: [("1 / 0",)], processes=1))


def test_there_is_a_processor() -> None:
    """And no more of them than the machine has."""
    assert 1 <= n_processors() <= (os.cpu_count() or 1)
