"""Signals: the first one asks, the second one ends, and what was ignored stays ignored."""

import os
import signal
import subprocess
import sys

import pytest

from forecast.cli.signals import stop_on_signals
from forecast.errors import Interrupted

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
from forecast.errors import Interrupted
with stop_on_signals():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("never")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (143, b"")


def test_a_signal_ends_work_that_does_not_look(capsys):
    """There and then, with what was saved so far; and again at the end where something swallowed that."""
    reached = []

    def work(swallow):
        with stop_on_signals() as stop, stop.at_once("nothing was saved yet"):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                reached.append("on")
            except Interrupted:
                if not swallow:
                    raise

    for swallow in (False, True):
        with pytest.raises(Interrupted, match=r"^stopped by SIGTERM; nothing was saved yet$") as caught:
            work(swallow)
        assert caught.value.exit_code == 143
    assert reached == []


def test_a_signal_that_came_before_ends_such_work_before_it_begins():
    """And after the block it only asks again."""
    with stop_on_signals() as stop:
        with stop.at_once("nothing"):
            pass
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop()
        with pytest.raises(Interrupted), stop.at_once("nothing"):
            raise AssertionError("never reached")


def test_a_run_that_does_not_end_is_ended():
    """After so many seconds, with the code of the signal and a word, even while one long call computes."""
    program = """
import os, re, signal
from forecast.cli.signals import stop_on_signals
with stop_on_signals(seconds=0.3) as stop:
    stop.way_on = lambda: "go on"
    os.kill(os.getpid(), signal.SIGTERM)
    import hashlib
    for _ in range(100):
        hashlib.pbkdf2_hmac("sha512", b"a", b"b", 3_000_000)
    print("never")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (143, b"")
    assert ended.stderr == (
        b"error: stopped by SIGTERM; there was no time to save more, and nothing is half written\nhint: go on\n"
    )


def test_a_run_that_ends_in_time_goes_on_living():
    """What comes after the block is not ended."""
    program = """
import os, signal, time
from forecast.cli.signals import stop_on_signals
with stop_on_signals(seconds=0.1):
    os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.4)
print("alive")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, b"alive\n")
