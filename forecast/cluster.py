"""A cluster: tasks on the workers of a Dask scheduler, each result once, whatever dies on the way.

It knows nothing of forecasts. Tasks write what they make themselves, and skip what is there; what travels is small.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import pickle
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from forecast.errors import ConfigError, OutputError
from forecast.workers import Lost

#: Seconds that a scheduler may be silent, or a cluster without a worker, before there is nothing to wait for.
PATIENCE = 60.0
#: Seconds between two looks at whether somebody asked to stop, between two questions whether the scheduler is there,
#: for one try to reach it, and for taking leave of it.
_LOOK, _PULSE, _TRY, _FAREWELL = 0.2, 1.0, 5.0, 2.0
_INSTALL = "pip install 'forecast[dask]'"
_CERTIFICATES = ("ca-file", "client.cert", "client.key")


def check_address(address: str) -> None:
    """Raises ConfigError unless it is a scheduler's, `tls://host:port`, or `tcp://` with a host that is this machine.

    Over tcp everybody who reaches the port may run anything on all workers, as who started them.
    """
    parts = urlsplit(address)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if parts.scheme not in ("tls", "tcp") or not host or port is None or parts.path or parts.query or parts.username:
        text = f"{address!r:.80} is not the address of a scheduler"
        raise ConfigError(text, hint="--dask tls://HOST:8786, or --dask tcp://127.0.0.1:8786 on this machine")
    if parts.scheme == "tcp" and not _is_here(host):
        raise ConfigError(
            f"{address}: tcp:// is neither encrypted nor does it ask who calls, and {host} is not this machine",
            hint=f"--dask tls://{parts.netloc}, with certificates as docs/machines.md says",
        )


def results_on_cluster(
    address: str,
    function: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    *,
    check: Callable[[], None] = lambda: None,
    deadline: float | None = None,
) -> Generator[tuple[int, Any], None, None]:
    """The position of each task and what the function returns for its arguments, as they are done; or Lost.

    As `workers.results`, on the workers of the scheduler at an address. A task whose worker dies is done again
    elsewhere; those that the scheduler gives up then are done one by one with nothing beside them, so that exactly
    those that end their worker are lost. A scheduler that was started again gets again what is left. Raises OutputError
    where it is silent, or has no worker, for so many seconds (None: PATIENCE), and what a task raises. Tasks that are
    at work when it ends can find that out by `is_wanted`.
    """
    check_address(address)
    distributed = _distributed()
    silence = _Silence(address, PATIENCE if deadline is None else deadline)
    crowd = _Crowd(function, dict(enumerate(tasks)))
    while crowd.left:
        with _client(distributed, address, silence, check) as client:
            yield from crowd.results(client, silence, check)


def is_wanted() -> bool:
    """Inside a task: whether anybody waits for its result; not where its client has left, or the task was taken back.

    True outside of a task.
    """
    from distributed import get_worker

    try:
        worker = get_worker()
        state = worker.state.tasks.get(worker.get_current_task())
    except (ValueError, KeyError):
        return True
    return state is not None and state.state != "cancelled"


def place() -> str:
    """Inside a task: the address of its worker, for messages."""
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return "this process"


@dataclass(frozen=True)
class _Raised:
    """What stands for the result of a task that raised something."""

    error: Exception


def _told(function: Callable[..., Any], *arguments: Any) -> Any:
    """Inside a task: what the function returns, or what it raises, which it must not.

    Where Dask cannot send the trace of an exception, its client never hears that the task has ended.
    """
    try:
        return function(*arguments)
    except Exception as error:
        # Dask lets exceptions be pickled with their traces, which may be too deep for that.
        error.__traceback__ = error.__cause__ = error.__context__ = None
        try:
            return _Raised(pickle.loads(pickle.dumps(error)))
        except Exception:
            return _Raised(RuntimeError(f"{type(error).__name__}: {error}"))


class _Silence:
    """How long the scheduler, and its workers, have not been heard of."""

    def __init__(self, address: str, patience: float) -> None:
        self.n_workers = 0
        self.address, self.patience = address, patience
        self._heard = self._manned = self._asked = time.monotonic()
        self._answer: concurrent.futures.Future[Any] | None = None
        self._said = ""

    def failed(self, error: BaseException) -> None:
        """The scheduler could not be reached."""
        self._answer, self._said = None, str(error)
        self._measure()

    def listen(self, client: Any) -> None:
        """Asks the scheduler from time to time how it is. Raises OutputError once it has been silent for too long."""
        now = time.monotonic()
        if self._answer is None and now - self._asked > _PULSE and client.status == "running":
            self._asked = now
            self._answer = _in_loop(client, client.scheduler.identity(n_workers=0))
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            if not answer.cancelled() and answer.exception() is None:
                self._heard, self.n_workers = now, answer.result()["n_workers"]
                self._manned = now if self.n_workers else self._manned
        self._measure()

    def connected(self) -> None:
        """There is a connection, and an answer of before will never come."""
        self._heard = self._manned = time.monotonic()
        self._asked, self._answer = 0.0, None

    def _measure(self) -> None:
        now = time.monotonic()
        if now - self._heard > self.patience:
            raise OutputError(
                f"no answer from the scheduler at {self.address} for {self.patience:.0f} seconds",
                why=self._said or None,
                hint="run again once it is there: what was written is not done again",
            )
        if now - self._manned > self.patience:
            raise OutputError(
                f"the scheduler at {self.address} has had no worker for {self.patience:.0f} seconds",
                hint=f"dask worker {self.address} --nthreads 1",
            )


class _Crowd:
    """The tasks that are left, and those suspected of ending their workers, which are done alone at the end."""

    def __init__(self, function: Callable[..., Any], tasks: dict[int, tuple[Any, ...]]) -> None:
        self.left = tasks
        self._function = function
        self._suspects: dict[int, None] = {}

    def results(
        self, client: Any, silence: _Silence, check: Callable[[], None]
    ) -> Generator[tuple[int, Any], None, None]:
        """What is done until all is, or the connection is lost."""
        from distributed import KilledWorker

        waiting = deque(position for position in self.left if position not in self._suspects)
        alone = deque(position for position in self.left if position in self._suspects)
        done: SimpleQueue[Any] = SimpleQueue()
        at_work: dict[Any, int] = {}
        while waiting or alone or at_work:
            check()
            if client.status == "closed":
                return
            silence.listen(client)
            if client.status == "running":
                # As many as there are workers: one that dies is to take as few others with it as can be.
                while waiting and len(at_work) < silence.n_workers:
                    self._begin(client, waiting.popleft(), at_work, done)
                if alone and not waiting and not at_work and silence.n_workers:
                    self._begin(client, alone.popleft(), at_work, done)
            try:
                future = done.get(timeout=_LOOK)
            except Empty:
                continue
            position = at_work.pop(future)
            answer = _answer_of(client, future, silence, check)
            try:
                result = answer.result()
            except KilledWorker:
                if position not in self._suspects:
                    self._suspects[position] = None
                    alone.append(position)
                    continue
                result = Lost()
            except (asyncio.CancelledError, concurrent.futures.CancelledError):
                # The scheduler forgot it, or the connection broke.
                (alone if position in self._suspects else waiting).appendleft(position)
                continue
            except Exception as error:
                # What a task raises comes as its result: this is the cluster's own trouble.
                raise OutputError(
                    f"the cluster at {silence.address} cannot do its work: {_first_line(error)}",
                    hint="the same versions of forecast, Dask and Python on all machines, the scheduler's among them",
                ) from error
            if isinstance(result, _Raised):
                raise result.error
            del self.left[position]
            yield position, result

    def _begin(self, client: Any, position: int, at_work: dict[Any, int], done: SimpleQueue[Any]) -> None:
        future = client.submit(_told, self._function, *self.left[position], pure=False)
        at_work[future] = position
        future.add_done_callback(done.put)


@contextmanager
def _client(distributed: Any, address: str, silence: _Silence, check: Callable[[], None]) -> Iterator[Any]:
    """A client of the scheduler, tried for as long as the silence may last; gone at the end, and what it asked for."""
    security = _security(distributed, address)
    client = None
    while client is None:
        check()
        try:
            client = distributed.Client(
                address,
                timeout=min(_TRY, silence.patience),
                security=security,
                set_as_default=False,
                direct_to_workers=False,
            )
        except OSError as error:
            silence.failed(error)
            time.sleep(_LOOK)
        except (ImportError, RuntimeError) as error:
            # Versions of Dask that do not understand each other; encryption that its configuration asks for.
            raise ConfigError(f"{address}: {error}") from error
    silence.connected()
    try:
        yield client
    finally:
        client.close(timeout=_FAREWELL)


def _security(distributed: Any, address: str) -> Any:
    """The certificates that Dask is configured with, which tls needs."""
    if not address.startswith("tls:"):
        return None
    import dask

    for name in _CERTIFICATES:
        path = dask.config.get(f"distributed.comm.tls.{name}", None)
        variable = f"DASK_DISTRIBUTED__COMM__TLS__{name.replace('-', '_').replace('.', '__').upper()}"
        if not path:
            raise ConfigError(f"{address}: Dask is not told of distributed.comm.tls.{name}", hint=f"{variable}=FILE")
        try:
            with open(path, "rb"):  # noqa: PTH123 - a text from elsewhere
                pass
        except OSError as error:
            text = f"{path}: {(error.strerror or str(error)).lower()}"
            raise ConfigError(
                text, why=f"it is distributed.comm.tls.{name} of Dask", hint=f"{variable}=FILE"
            ) from error
    return distributed.Security(require_encryption=True)


def _answer_of(
    client: Any, future: Any, silence: _Silence, check: Callable[[], None]
) -> concurrent.futures.Future[Any]:
    """What a task that is done returned, or why there is nothing; cancelled where the connection broke meanwhile."""
    answer = _in_loop(client, client.gather(future, asynchronous=True))
    while not answer.done():
        concurrent.futures.wait([answer], timeout=_LOOK)
        check()
        if client.status == "closed":
            answer.cancel()
            break
        silence.listen(client)
    return answer


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip(": ").splitlines()[0]


def _in_loop(client: Any, coroutine: Any) -> concurrent.futures.Future[Any]:
    """What a coroutine will have returned in the client's own thread."""
    return asyncio.run_coroutine_threadsafe(coroutine, client.loop.asyncio_loop)


def _distributed() -> Any:
    """The package, which says nothing by itself: a run is silent, or says in its own words what is wrong."""
    try:
        import distributed
    except ImportError as error:
        text = "a cluster needs the package distributed, which is not installed"
        raise ConfigError(text, hint=_INSTALL) from error
    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return distributed


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
