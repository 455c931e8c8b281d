"""Signals that end a run in good order: the first one asks, the second one ends the process at once."""

from __future__ import annotations

import _thread
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from forecast.errors import Interrupted

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Stop:
    """Whether a signal asked the run to stop, and which one."""

    def __init__(self, seconds: float | None = None) -> None:
        self.signal_number: int | None = None
        self._seconds = seconds
        self._saved_so_far: str | None = None
        self.over = False
        #: The command that goes on with what was saved, where the run is ended for want of time; "" for none.
        self.way_on: Callable[[], str] = str

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
        if self._seconds is not None:
            # Not a timer that sends a signal: its handler, too, would wait for one long computation to end.
            _thread.start_new_thread(self._end_after, (number, self._seconds))
        if self._saved_so_far is not None:
            raise self.interrupted(self._saved_so_far)

    @contextmanager
    def at_once(self, saved: str) -> Iterator[None]:
        """While the block runs, a signal ends it there and then with Interrupted, which says what was saved so far."""
        self._saved_so_far = saved
        try:
            self._raise_if_heard(saved)
            yield
            # Once more: what stood between the signal and here may have swallowed the exception.
            self._raise_if_heard(saved)
        finally:
            self._saved_so_far = None

    def interrupted(self, saved: str, hint: str | None = None) -> Interrupted:
        """What to raise once a signal came."""
        assert self.signal_number is not None
        return Interrupted(f"stopped by {self.name}; {saved}", signal_number=self.signal_number, hint=hint)

    def _raise_if_heard(self, saved: str) -> None:
        if self.signal_number is not None:
            raise self.interrupted(saved)

    def _end_after(self, number: int, seconds: float) -> None:
        """End the process after so many seconds, unless the run is over by then."""
        time.sleep(seconds)
        if not self.over:
            text = f"error: stopped by {self.name}; there was no time to save more, and nothing is half written\n"
            way_on = self.way_on()
            with suppress(OSError):
                os.write(2, (text + (f"hint: {way_on}\n" if way_on else "")).encode())
            os._exit(128 + number)


@contextmanager
def stop_on_signals(*, seconds: float | None = None) -> Iterator[Stop]:
    """A Stop that hears SIGINT, SIGTERM and SIGHUP; the handlers before it come back at the end.

    A signal that whoever started the process had ignored (nohup, `&` in a script) stays ignored, and a reader that
    leaves early (SIGPIPE) is a BrokenPipeError while the block runs, so that it cannot end the process. Where the block
    has not ended so many seconds after the first signal, the process does.
    """
    stop = Stop(seconds)
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
        stop.over = True
        for number, handler in before.items():
            signal.signal(number, handler)
