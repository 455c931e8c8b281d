"""One unit of a run: read, check, train when due, forecast, write, record. Importable in a worker; it never prints."""

from __future__ import annotations

import errno
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from forecast.errors import ForecastError, GateError, OutputError
from forecast.jobs import Unit
from forecast.running.manifests import unchanged
from forecast.running.outcome import FAILED, GATE, NOT_BEGUN, STOPPED, How, LeftOff, Outcome

#: Seconds before each further try of what may pass by itself.
_WAITS = (1.0, 4.0)
#: What a system says that will say something else later.
_PASSING = {errno.EIO, errno.ENFILE, getattr(errno, "ESTALE", errno.EIO)}
#: Problems of a file that pass: somebody writes it; the server of a database is not there.
_PASSING_CODES = {"E116"}

Stop = Callable[[], bool]


def attempt(unit: Unit, how: How, stop: Stop | None = None) -> Outcome:
    """What came of a unit, whatever went wrong: the only place where a bug of one unit is kept from the others.

    What may pass by itself is tried again, twice at most. Never raises an Exception.
    """
    begun = time.monotonic()
    stop = stop or (lambda: asked_to_stop(how))
    if stop():
        return Outcome(unit.name, NOT_BEGUN)
    retries = 0
    while True:
        try:
            outcome = run_unit(unit, how, stop)
            break
        except Exception as error:
            waits = _WAITS[retries:]
            if waits and is_passing(error) and not stop():
                retries += 1
                _wait(waits[0], stop)
                continue
            outcome = _failure(unit, error)
            break
    return replace(outcome, seconds=round(time.monotonic() - begun, 3), retries=retries)


def run_unit(unit: Unit, how: How, stop: Stop | None = None) -> Outcome:
    """What came of a unit whose forecast was written, or need not be. Raises what went wrong, as it is.

    When stop turns true, training leaves off with its state saved, and LeftOff is raised.
    """
    if (outcome := unchanged(unit, how)) is not None:
        return outcome
    # Late: torch and pandas take seconds, and a night in which nothing has changed needs neither.
    from forecast.running.work import forecast_unit

    return forecast_unit(unit, how, stop or (lambda: asked_to_stop(how)))


def asked_to_stop(how: How) -> bool:
    """Whether the run is to end; a worker that has lost its run ends here, for nobody would take its result."""
    if how.parent and how.parent not in (os.getpid(), os.getppid()):
        os._exit(1)
    late = how.deadline is not None and time.time() > how.deadline
    return late or (how.stop_file is not None and how.stop_file.exists())


def is_passing(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, may be gone when the same is tried again; wrong data never are."""
    # A disk that cannot be written to is a thing for people; reading from one may go better next time.
    passing = _PASSING - {errno.EIO} if isinstance(error, OutputError) else _PASSING
    while error is not None:
        if isinstance(error, OSError) and error.errno in passing:
            return True
        if any(problem.code in _PASSING_CODES for problem in getattr(error, "problems", ())):
            return True
        if getattr(error, "kind", None) == "connection":
            return True
        error = error.__cause__ or error.__context__
    return False


def _failure(unit: Unit, error: Exception) -> Outcome:
    """The outcome that an error stands for. What is no ForecastError, and not the system's fault, is a bug."""
    if isinstance(error, MemoryError):
        error = OutputError("not enough memory", hint="fewer jobs at once, or a smaller batch_size")
    elif isinstance(error, OSError):
        error = OutputError(f"{error.filename or 'the system'}: {(error.strerror or str(error)).lower()}")
    if isinstance(error, LeftOff):
        return Outcome(unit.name, STOPPED, sentences=(str(error),))
    if isinstance(error, ForecastError):
        status = GATE if isinstance(error, GateError) else FAILED
        return Outcome(unit.name, status, code=error.exit_code, sentences=in_sentences(error))
    said = f"{type(error).__name__}: {error}".strip(": ").splitlines()[0]
    trace = "".join(traceback.format_exception(error))
    return Outcome(unit.name, FAILED, code=1, sentences=(f"a bug in forecast: {said}",), trace=trace)


def in_sentences(error: ForecastError) -> tuple[str, ...]:
    """What an error says, line by line, its reason and its hint last."""
    extra = [f"{label}: {text}" for label, text in (("why", error.why), ("hint", error.hint)) if text]
    return (*error.message.splitlines(), *extra)


def _wait(seconds: float, stop: Stop) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop():
        time.sleep(min(left, 0.2))


def lost(unit: Unit, *, here: bool = True) -> Outcome:
    """The outcome of a unit whose process was ended from outside, here or on the workers of a cluster."""
    said = (
        f"{'its process was' if here else 'all its workers were'} ended from outside, as happens when memory runs out"
    )
    hint = ("hint: --jobs 1",) if here else ()
    return Outcome(unit.name, FAILED, code=7, sentences=(said, *hint))
