"""Tasks that workers of a cluster can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from forecast.cluster import is_wanted


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def double_or_die(number: int, poison: int) -> int:
    """Twice the number; for one of them, the end of this worker."""
    if number == poison:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return 2 * number


def divide(number: int) -> float:
    """One by the number."""
    return 1 / number


def deep(depth: int) -> int:
    """More calls than there may be."""
    return deep(depth + 1)


def hold_on(folder: str) -> str:
    """Says that it is there, and when nobody wants it any more."""
    Path(folder, "begun").touch()
    while is_wanted():
        time.sleep(0.05)
    Path(folder, "unwanted").touch()
    return "ended"
