"""Signals: the first one asks, the second one ends, and what was ignored stays ignored."""

import os
import signal
import subprocess
import sys

import pytest

from forecast.cli.signals import stop_on_signals

ASKED = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ASKED)
def test_a_signal_asks_to_stop(number):
    """The run goes on until it looks."""
    with stop_on_signals() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert (stop.signal_number, stop.name) == (number, number.name)


def test_the_handlers_before_come_back():
    """Also when the run fails."""
    before = [signal.getsignal(number) for number in ASKED]

    def fail():
        with stop_on_signals():
            assert [signal.getsignal(number) for number in ASKED] != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [signal.getsignal(number) for number in ASKED] == before


def test_a_signal_that_was_ignored_stays_ignored():
    """nohup promises that a hangup does not end the run."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_second_signal_ends_the_process_at_once():
    """A run that no longer looks can still be ended, with the code of the second signal."""
    program = """
import os, signal
from forecast.cli.signals import stop_on_signals
with stop_on_signals():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("never")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (143, b"")
