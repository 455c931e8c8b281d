"""What a worker loads at its start: units with certain names are slow, or kill it, and each that is begun is noted.

Run with DASK_TESTS_LOG, a folder: every attempt adds a line to `log`. DASK_TESTS_VERSION is what forecast says it is.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from forecast import version

if "DASK_TESTS_VERSION" in os.environ:
    version.VERSION = os.environ["DASK_TESTS_VERSION"]

from forecast.running import remote

# Workers load this twice.
_attempt = vars(remote).setdefault("attempt_as_it_is", remote.attempt)


def attempt(unit: Any, how: Any, stop: Any) -> Any:
    """As it is, with what the name says."""
    with Path(os.environ["DASK_TESTS_LOG"], "log").open("a", encoding="utf-8") as log:
        log.write(f"{unit.name} {os.getpid()}\n")
    if "poison" in unit.name:
        os.kill(os.getpid(), signal.SIGKILL)
    until = time.monotonic() + (1.0 if "slow" in unit.name else 60.0 if "stuck" in unit.name else 0.0)
    while time.monotonic() < until and not stop():
        time.sleep(0.05)
    return _attempt(unit, how, stop)


remote.attempt = attempt
