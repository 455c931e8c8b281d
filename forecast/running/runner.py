"""The runner: units one after the other or in processes, each on its own, until all are done or the run is to end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event, Thread
from typing import Any

from forecast.errors import ForecastError
from forecast.jobs import Expansion, Unit
from forecast.jobs.job import failures_of
from forecast.running.manifests import unchanged
from forecast.running.outcome import FAILED, GATE, GOOD, NOT_BEGUN, WRITTEN, How, Outcome, worst
from forecast.running.unit import attempt, in_sentences, lost
from forecast.workers import Lost, n_processors, results
from forecast.writing import remove

#: Seconds that units which are at work are given to leave off in good order.
_GRACE = 7.0
TIMEOUT_CODE, PARTIAL_CODE = 124, 5
STOP_FILE = ".stop"

#: Takes each outcome as it comes.
OnOutcome = Callable[[Outcome], None]
#: What comes of units elsewhere, by their positions, or Lost; with what to call several times a second, as `results`.
ShareOut = Callable[[Sequence[Unit], How, Callable[[], None]], Generator[tuple[int, Any], None, None]]


@dataclass(frozen=True)
class Ending:
    """Why a run ended before all was done: the number of a signal, its time, too many failures, or those who work."""

    signal_number: int | None = None
    out_of_time: bool = False
    too_many: bool = False
    failure: ForecastError | None = None


class _Over(Exception):
    """The units at work had their time to leave off."""


class Runner:
    """One run over some units, and what has come of each so far; `outcomes` has all of them at the end."""

    def __init__(
        self,
        expansion: Expansion,
        how: How,
        *,
        signal_number: Callable[[], int | None] = lambda: None,
        max_failures: int | str | None = None,
        on_outcome: OnOutcome = lambda _: None,
        share_out: ShareOut | None = None,
        label: str = "",
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._expansion = expansion
        self._how = replace(how, stop_file=how.state / f"{STOP_FILE}{label}", parent=os.getpid())
        self._share_out = share_out
        self._failure: ForecastError | None = None
        self._signal_number = signal_number
        n_units = len(expansion.units) + len(expansion.failures)
        self._most = None if max_failures is None else failures_of(max_failures, n_units)
        self._on_outcome = on_outcome
        self._asked: float | None = None

    @property
    def ending(self) -> Ending:
        """Why the run ends, or has ended, before its time."""
        late = self._how.deadline is not None and time.time() > self._how.deadline
        failed = sum(outcome.status == FAILED for outcome in self.outcomes.values())
        return Ending(self._signal_number(), late, self._most is not None and failed > self._most, self._failure)

    @property
    def code(self) -> int:
        """The exit code of the run as it stands."""
        return exit_code(list(self.outcomes.values()), self.ending)

    def run(self, processes: int | None = None) -> None:
        """Everything that is to be done, in so many processes; None: as many as there are processors and units."""
        assert self._how.stop_file is not None
        remove(self._how.stop_file)
        try:
            for name, error in self._expansion.failures.items():
                self._note(unit_failure(name, error))
            waiting = self._first_pass()
            processes = min(processes or n_processors(), len(waiting))
            alone = processes < 2 and self._share_out is None
            work = self._here(waiting) if alone else self._shared_out(waiting, processes)
            with closing(work):
                for outcome in work:
                    self._note(outcome)
        except _Over:
            pass
        except ForecastError as error:
            # Not that of a unit, which is an outcome: those who were to do the work are not there, or not fit for it.
            self._failure = error
        finally:
            for unit in self._expansion.units:
                if unit.name not in self.outcomes:
                    self._note(Outcome(unit.name, NOT_BEGUN))
            remove(self._how.stop_file)

    def _first_pass(self) -> list[Unit]:
        """The units of which something has changed; the others are done without anything heavy."""
        waiting = []
        for unit in self._expansion.units:
            if self.stopping():
                break
            begun = time.monotonic()
            outcome = unchanged(unit, self._how)
            if outcome is None:
                waiting.append(unit)
            else:
                self._note(replace(outcome, seconds=round(time.monotonic() - begun, 3)))
        return waiting

    def _here(self, units: Sequence[Unit]) -> Generator[Outcome, None, None]:
        for unit in units:
            if self.stopping():
                return
            yield attempt(unit, self._how, self.stopping)

    def _shared_out(self, units: Sequence[Unit], processes: int) -> Generator[Outcome, None, None]:
        tasks: list[tuple[Any, ...]] = [(unit, self._how) for unit in units]
        if self._share_out is None:
            found = results(attempt, lambda: tasks, processes=processes, check=self._check)
        else:
            found = self._share_out(units, self._how, self._check)
        with closing(found):
            for position, outcome in found:
                yield lost(units[position], here=self._share_out is None) if isinstance(outcome, Lost) else outcome

    def _check(self) -> None:
        """Called several times a second while others work: raises _Over once they had their time to leave off."""
        if self.stopping():
            assert self._how.stop_file is not None and self._asked is not None
            if time.monotonic() - self._asked > _GRACE:
                raise _Over

    def stopping(self) -> bool:
        """Whether the run is to end. The first time, those at work are told by a file."""
        if self._asked is not None:
            return True
        if self.ending == Ending():
            return False
        self._asked = time.monotonic()
        assert self._how.stop_file is not None
        self._how.stop_file.touch()
        return True

    def _note(self, outcome: Outcome) -> None:
        self.outcomes[outcome.unit] = outcome
        self._on_outcome(outcome)


def exit_code(outcomes: Sequence[Outcome], ending: Ending) -> int:
    """What a run ends with: 0 where all is well, 5 where some failed and some were written.

    A signal, a bug, a lack of resources and the end of the time win over that; where nothing was written the most
    severe failure does. Gates and fallbacks alone are 6.
    """
    if ending.signal_number is not None:
        return 128 + ending.signal_number
    failed = [outcome.code for outcome in outcomes if outcome.status == FAILED]
    unfinished = any(outcome.status not in (*WRITTEN, FAILED, GATE) for outcome in outcomes)
    if ending.failure is not None:
        failed.append(ending.failure.exit_code)
    if worst(failed) in (1, 7):
        return worst(failed)
    if ending.out_of_time and unfinished:
        return TIMEOUT_CODE
    if failed:
        return PARTIAL_CODE if any(outcome.status in WRITTEN for outcome in outcomes) else worst(failed)
    return worst([outcome.code for outcome in outcomes if outcome.status not in GOOD])


def unit_failure(name: str, error: ForecastError) -> Outcome:
    """The outcome of a job that has no unit that could be done."""
    return Outcome(name, FAILED, code=error.exit_code, sentences=in_sentences(error))


class Watchdog:
    """A thread that ends the process where the run should have ended but cannot, being deep in a library.

    overdue is called first, to save what there is.
    """

    def __init__(self, signal_number: Callable[[], int | None], overdue: Callable[[], object]) -> None:
        self._signal_number, self._overdue = signal_number, overdue
        self._done = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        heard: float | None = None
        while not self._done.wait(0.2):
            number = self._signal_number()
            if number is None:
                continue
            heard = heard or time.monotonic()
            if time.monotonic() - heard > _GRACE + 1:
                try:
                    self._overdue()
                finally:
                    os._exit(128 + number)
