"""What a person sees: results on stdout, notes on stderr, tables, numbers, progress. Decides nothing about data."""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from forecast.cli.errors import plain, say

if TYPE_CHECKING:
    from rich.text import Text

    from forecast.training import Epoch

#: Seconds between two lines of progress where nothing can be redrawn.
_SECONDS_PER_LINE = 5.0
#: Seconds that reading may take before a bar says how far it is.
_PATIENCE = 2.0
#: Characters of a bar of progress.
_CELLS = 12
#: Characters of a name in a table, at least.
_FEWEST_LETTERS = 8


@dataclass(frozen=True)
class Screen:
    """Where a command speaks. quiet: errors only; verbose: also what is otherwise said only where somebody watches."""

    quiet: bool = False
    verbose: bool = False

    @property
    def watched(self) -> bool:
        """Whether there is a person at the other end of stderr, or one who asked to hear everything."""
        return not self.quiet and (self.verbose or sys.stderr.isatty())

    def note(self, text: str) -> None:
        """A sentence on stderr, unless quiet."""
        if not self.quiet:
            say(text)

    def aside(self, text: str) -> None:
        """A sentence on stderr that only somebody who watches needs."""
        if self.watched:
            say(text)

    def result(self, text: str = "") -> None:
        """Lines on stdout, unless quiet."""
        if not self.quiet:
            print(plain(text))

    def drawing(self, text: str) -> None:
        """Lines on stdout that may carry colours and so must hold nothing that came from a file as it is."""
        if not self.quiet:
            print(text)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on stdout, drawn on a terminal, aligned lines elsewhere. The first column is text, others numbers."""
        if self.quiet:
            return
        if sys.stdout.isatty():
            _draw_table(header, rows)
        else:
            self.result(aligned(header, rows))

    @contextmanager
    def reading(self) -> Iterator[Callable[[float, str], None] | None]:
        """A callback for the share of a file that has been read and what is being done: a bar once it takes long."""
        if not sys.stderr.isatty() or self.quiet:
            yield None
            return
        with _bar_when_slow() as show:
            yield show

    @contextmanager
    def progress(self) -> Iterator[Callable[[Epoch | str], None]]:
        """A callback for every epoch, or what else is going on in words.

        A line that is redrawn on a terminal, lines for the verbose, silence otherwise.
        """
        if sys.stderr.isatty() and not self.quiet:
            with _live_line() as show:
                yield show
        elif self.verbose and not self.quiet:
            yield _Lines()
        else:
            yield lambda _: None

    @contextmanager
    def counting(self, total: int) -> Iterator[Callable[[str], None]]:
        """A callback for each of so many pieces of work that is done: a bar on a terminal, lines elsewhere."""
        if self.quiet:
            yield lambda _: None
        elif sys.stderr.isatty():
            with _counting_bar(total) as show:
                yield show
        else:
            done = itertools.count(1)
            yield lambda text: say(f"{next(done)}/{total} {text}")


def document(values: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    print(json.dumps(_without_nan(values), ensure_ascii=False, indent=2, allow_nan=False))


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as plain lines, two spaces between columns, numbers to the right."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ).rstrip()


def numbers(values: Sequence[float]) -> list[str]:
    """Numbers of one kind for people: as many decimals as give the largest four digits, `–` where there is none."""
    size = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if size and not 1e-4 <= size < 1e12:
        form = ".4g"
    else:
        form = f",.{3 if size == 0 else max(0, 3 - math.floor(math.log10(size)))}f"
    return [f"{value:{form}}" if math.isfinite(value) else "–" for value in values]


def duration(seconds: float) -> str:
    """A length of time for people: `8 s`, `2:05 min`, `1:02 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def colourful(stream: TextIO) -> bool:
    """Whether colours may go to a stream: a terminal that knows them, and nobody who set NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _draw_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="")
    for i, name in enumerate(header):
        table.add_column(Text(plain(name)), justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console(highlight=False)
    # A name that is cut is still a name; a number is not.
    numbers = sum(max(len(row[i]) for row in (header, *rows)) + 3 for i in range(1, len(header)))
    table.columns[0].max_width = max(console.width - numbers - 2, _FEWEST_LETTERS)
    console.print(table)


@contextmanager
def _live_line() -> Iterator[Callable[[Epoch | str], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    latest: list[Epoch | str] = []

    def draw() -> Text:
        return Text(_progress_text(latest[-1]) if latest else "getting ready", no_wrap=True, overflow="ellipsis")

    # A timer draws, not the epochs: drawing each of them has cost others more time than training.
    with Live(get_renderable=draw, console=Console(stderr=True), refresh_per_second=4, transient=True):
        yield lambda epoch: latest.__setitem__(slice(None), [epoch])


@contextmanager
def _counting_bar(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr with the time that is left, gone when it ends."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("getting ready", total=total)
        yield lambda text: bar.update(task, advance=1, description=plain(text))


@contextmanager
def _bar_when_slow() -> Iterator[Callable[[float, str], None]]:
    """A bar on stderr from the second that reading has taken _PATIENCE seconds, and gone when it ends."""
    from threading import Timer

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    )
    task = bar.add_task("reading", total=1.0)
    timer = Timer(_PATIENCE, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda share, what: bar.update(task, completed=share, description=what)
    finally:
        timer.cancel()
        bar.stop()


class _Lines:
    """Progress as plain lines, one every few seconds and one at the end of each network."""

    def __init__(self) -> None:
        self._last = -math.inf

    def __call__(self, epoch: Epoch | str) -> None:
        now = time.monotonic()
        ended = not isinstance(epoch, str) and epoch.step == epoch.steps
        if now - self._last >= _SECONDS_PER_LINE or ended:
            self._last = now
            say(_progress_text(epoch))


def _progress_text(epoch: Epoch | str) -> str:
    if isinstance(epoch, str):
        return epoch
    done = round(_CELLS * epoch.step / epoch.steps)
    parts = [
        f"{'━' * done}{'╌' * (_CELLS - done)} {epoch.stage} {epoch.member}/{epoch.members}",
        f"step {epoch.step}/{epoch.steps}",
    ]
    if epoch.seconds_left is not None:
        parts.append(f"{duration(epoch.seconds_left)} left")
    parts.append(f"loss {numbers([epoch.loss])[0]}")
    if epoch.validation is not None:
        parts.append(f"validation {numbers([epoch.validation])[0]}{' (best)' if epoch.best else ''}")
    return "  ".join(parts)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value
