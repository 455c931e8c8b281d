"""Workers: processes that share out tasks, whose number never shows in the results. It knows nothing of forecasts."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from forecast.errors import OutputError

#: Seconds between two looks at whether somebody asked to stop, and after which a worker without work ends itself.
_LOOK, _IDLE = 0.2, 10
#: How libraries that compute are told how many threads to start.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
#: What a terminal sends to all processes at once; workers leave it to their parent, which ends them.
_SIGNALS = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}


@dataclass(frozen=True)
class Lost:
    """What stands for a result where the process that computed it was ended, as systems do that run out of memory."""


def n_processors() -> int:
    """Processors that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


def results(
    function: Callable[..., Any],
    tasks: Callable[[], Sequence[tuple[Any, ...]]],
    *,
    processes: int,
    threads: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Generator[tuple[int, Any], None, None]:
    """The position of each task and what the function returns for its arguments, as they are done; or Lost.

    tasks is called once the workers are ready, function has to be one that they can import. check is called several
    times a second and may raise to end it all: then, as in any other case, no worker is left behind. After a loss what
    is left is done in one process, so that whose process ends again is known.
    """
    from joblib.externals.loky import BrokenProcessPool

    left: dict[int, tuple[Any, ...]] | None = None
    while left is None or left:
        begun = False
        with _executor(processes, threads) as executor:
            try:
                _begin(executor, function, check)
                begun = True
                left = dict(enumerate(tasks())) if left is None else left
                for position, result in _done(executor, function, dict(left), processes, check):
                    del left[position]
                    yield position, result
                continue
            except BrokenProcessPool as error:
                if processes == 1 and not begun:
                    raise OutputError("a process ended before it had begun to work", hint="--jobs 1") from error
        if processes == 1 and left:
            # One process takes them in order: it was at the first.
            lost = min(left)
            del left[lost]
            yield lost, Lost()
        processes = 1


def _begin(executor: Any, function: Callable[..., Any], check: Callable[[], None]) -> None:
    """Start all workers, deaf to signals, and wait until one of them has imported the function."""
    from joblib.externals.loky import wait

    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        begun = executor.submit(callable, function)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    while not wait([begun], timeout=_LOOK).done:
        check()
    begun.result()


def _done(
    executor: Any,
    function: Callable[..., Any],
    tasks: dict[int, tuple[Any, ...]],
    at_once: int,
    check: Callable[[], None],
) -> Generator[tuple[int, Any], None, None]:
    """The results as they come. Raises BrokenProcessPool where a worker ended, after the results that there were."""
    from joblib.externals.loky import FIRST_COMPLETED, BrokenProcessPool, wait

    waiting, futures = iter(tasks.items()), dict[Any, int]()
    broken: BaseException | None = None
    while broken is None:
        # No more than are worked on: an executor that is ended with others waiting may stumble over them.
        for position, task in islice(waiting, at_once - len(futures)):
            futures[executor.submit(function, *task)] = position
        if not futures:
            return
        done, _ = wait(list(futures), timeout=_LOOK, return_when=FIRST_COMPLETED)
        check()
        for future in sorted(done, key=lambda future: futures[future]):
            position = futures.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                broken = future.exception()
            else:
                yield position, future.result()
    raise broken


@contextmanager
def _executor(processes: int, threads: int) -> Iterator[Any]:
    """An executor, whose workers are gone at the end whatever happens."""
    from joblib.externals.loky import ProcessPoolExecutor

    environment = dict.fromkeys(_THREADS, str(threads))
    executor = ProcessPoolExecutor(processes, timeout=_IDLE, env=environment)
    in_order = False
    try:
        yield executor
        in_order = True
    finally:
        with warnings.catch_warnings():
            # It would rather use a package that is not needed for killing processes without children.
            warnings.simplefilter("ignore")
            executor.shutdown(wait=True, kill_workers=not in_order)
