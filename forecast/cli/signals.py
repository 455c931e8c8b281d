"""Signals that end a run in good order: the first one asks, the second one ends the process at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stop:
    """Whether a signal asked the run to stop, and which one."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def __call__(self) -> bool:
        """Whether to stop, in the form in which training asks."""
        return self.signal_number is not None

    @property
    def name(self) -> str:
        """SIGINT, SIGTERM or SIGHUP once one of them came."""
        return "" if self.signal_number is None else signal.Signals(self.signal_number).name

    def heard(self, number: int, _frame: FrameType | None) -> None:
        """The handler of every signal."""
        if self.signal_number is not None:
            os._exit(128 + number)
        self.signal_number = number


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A Stop that hears SIGINT, SIGTERM and SIGHUP; the handlers before it come back at the end.

    A signal that whoever started the process had ignored (nohup, `&` in a script) stays ignored, and a reader that
    leaves early (SIGPIPE) is a BrokenPipeError while the block runs, so that it cannot end the process.
    """
    stop = Stop()
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number in numbers if before[number] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, stop.heard)
    if hasattr(signal, "SIGPIPE"):
        before[signal.SIGPIPE] = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
