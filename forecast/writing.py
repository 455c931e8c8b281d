"""The only place that writes: a Forecast as csv, json, parquet or rows, and any bytes as a whole file or not at all.

A crash at any moment leaves the previous file or the new one. It never prints and never creates a folder.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shlex
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast.config import suggest
from forecast.database_rows import Column, replace_rows
from forecast.errors import ConfigError, DataError, LockedError, OutputError
from forecast.forecasts import P_ABOVE, P_BELOW, Forecast, Form, Table
from forecast.panel import Columns
from forecast.timeformat import format_times, has_clock, is_serial, zone_of

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Unpack

if sys.platform != "win32":
    import fcntl

_STALE_SECONDS = 24 * 3600
_SIGNIFICANT_DIGITS = 9
#: With these a spreadsheet takes a text for a formula (CWE-1236).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_forecast(
    forecast: Forecast,
    path: Path,
    *,
    format: str | None = None,
    excel_safe: bool = False,
    **form: Unpack[Form],
) -> None:
    """Writes the forecast file atomically, in the format named or else the one of the path's suffix."""
    write_atomic(path, render(forecast, format=format_of(path, format), excel_safe=excel_safe, **form))


def format_of(path: Path, named: str | None) -> str:
    """The format that was named, or the one of the path's suffix."""
    return path.suffix.lower().removeprefix(".") if named is None else named


def write_forecast_sql(forecast: Forecast, target: str, **form: Unpack[Form]) -> None:
    """Writes the forecast into a table of a database, `sqlite:///sales.db#forecast`, in one transaction.

    Rows of the same ids, time and target are replaced. Times are dates or timestamps, and texts in the user's own form
    where they have a UTC offset; numbers keep all their digits; a `source` column says what made the forecast.
    """
    table = _finite_table(forecast, form)
    texts = _time_texts(table, forecast.columns)
    numeric = set(_numbers(table))
    columns = []
    for name, values in table.items():
        if name in numeric:
            columns.append(Column(name, "number", values.tolist()))
        elif name in texts:
            kind, times = _sql_times(values, texts[name], forecast.columns)
            columns.append(Column(name, kind, times, key=True, texts=texts[name]))
        else:
            ours = form.get("named_source") or forecast.source != "model"
            is_key = name != "forecast" and (name != "source" or not ours)
            columns.append(Column(name, "text", values.tolist(), key=is_key))
    if "source" not in table:
        # Always, so that the table has it on the day when something stands in for the model.
        columns.append(Column("source", "text", [forecast.source] * len(columns[0].values), optional=True))
    replace_rows(target, columns)


def write_table(frame: pd.DataFrame, own: Columns, path: Path) -> None:
    """Writes a table atomically in the format of the path's suffix, one of TABLE_WRITERS; times as in the user's file.

    A number that is NaN is an empty cell, or null.
    """
    writer = TABLE_WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ConfigError(f"{path}: its name does not end in {' or '.join(TABLE_WRITERS)}", hint=f"{path.stem}.csv")
    write_atomic(path, writer({str(name): frame[name].to_numpy() for name in frame}, own, False))


def render(
    forecast: Forecast,
    *,
    format: str = "csv",
    excel_safe: bool = False,
    header_only: bool = False,
    **form: Unpack[Form],
) -> bytes:
    """The bytes of the forecast file, its columns those of `Forecast.to_table`.

    csv and json write a timestamp in the user's own text form and a number to nine significant digits, parquet keeps
    both as they are. excel_safe keeps a spreadsheet from taking texts of a csv for formulas, header_only leaves out all
    rows. Raises DataError for a value that is not finite.
    """
    writer = WRITERS.get(f".{format}")
    if writer is None:
        raise ConfigError(f"unknown forecast format {format!r}", hint=suggest(f".{format}", WRITERS))
    table = _finite_table(forecast, form)
    if header_only:
        table = {name: values[:0] for name, values in table.items()}
    return writer(table, forecast.columns, excel_safe)


def _finite_table(forecast: Forecast, form: Form) -> Table:
    table = forecast.to_table(**form)
    wrong = np.flatnonzero(~np.isfinite(np.stack(list(_numbers(table).values()))).all(axis=0))
    if len(wrong):
        row = {name: values[wrong[:1]] for name, values in table.items() if name not in _numbers(table)}
        where = ", ".join(texts[0] for texts in _text_columns(row, forecast.columns).values())
        raise DataError(f"the forecast for {where} is not a finite number", why="its trend leaves the range of a float")
    return table


def _csv(table: Table, own: Columns, excel_safe: bool) -> bytes:
    """RFC 4180 with a line feed after every row: UTF-8, a header, quotes only where they are needed."""
    numeric = set(_numbers(table))
    names, columns = list(table), _text_columns(table, own)
    if excel_safe:
        names = [_defused(name) for name in names]
        columns = {
            name: texts if name in numeric else [_defused(text) for text in texts] for name, texts in columns.items()
        }
    # A number needs no quotes, and looking for a reason would take a third of the time here.
    cells = (texts if name in numeric else [_quoted(text) for text in texts] for name, texts in columns.items())
    rows = zip(*cells, strict=True)
    lines = [",".join(_quoted(name) for name in names), *(",".join(row) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def _defused(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would compute it, or run what it calls."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _json(table: Table, own: Columns, _excel_safe: bool) -> bytes:
    """One document, `{"columns": [names], "rows": [one object per row, on a line of its own]}`, for `jq '.rows[]'`."""
    lines = ",\n".join(_objects(table, own))
    return f'{{"columns": {json.dumps(list(table), ensure_ascii=False)}, "rows": [\n{lines}\n]}}\n'.encode()


def _jsonl(table: Table, own: Columns, _excel_safe: bool) -> bytes:
    """One object per row, each on a line of its own."""
    return "".join(f"{line}\n" for line in _objects(table, own)).encode()


def _objects(table: Table, own: Columns) -> Iterator[str]:
    """Each row as the text of a JSON object."""
    numeric = set(_numbers(table))
    columns: list[list[Any]] = [
        [float(text) if text else None for text in column] if name in numeric else column
        for name, column in _text_columns(table, own).items()
    ]
    for row in zip(*columns, strict=True):
        yield json.dumps(dict(zip(table, row, strict=True)), ensure_ascii=False, allow_nan=False)


def _parquet(table: Table, own: Columns, _excel_safe: bool) -> bytes:
    import pandas as pd  # late: it takes as long to import as a forecast to make, and text needs none of it

    frame = pd.DataFrame(table)
    if own.timezone:
        zoned = {name: frame[name].dt.tz_localize("UTC").dt.tz_convert(own.timezone) for name in _times(table)}
        frame = frame.assign(**zoned)
    buffer = BytesIO()
    try:
        frame.to_parquet(buffer, engine="pyarrow", index=False)
    except ImportError as error:
        raise ConfigError(
            "parquet files need pyarrow, which is not installed", hint="pip install 'forecast[parquet]'"
        ) from error
    return buffer.getvalue()


#: How a table becomes bytes, by the suffix of the file; with the text form of its times, and excel_safe.
WRITERS: dict[str, Callable[[Table, Columns, bool], bytes]] = {
    ".csv": _csv,
    ".json": _json,
    ".parquet": _parquet,
}

#: The same for a table that is no forecast file.
TABLE_WRITERS = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}


def _text_columns(table: Table, own: Columns) -> dict[str, list[str]]:
    """Every column as text, by name and in order."""
    numbers = _numbers(table)
    texts = _time_texts(table, own)
    shares = [name for name in numbers if name.startswith((P_ABOVE, P_BELOW))]
    values = [name for name in numbers if name not in shares]
    # Apart: how wide an interval is says nothing about the digits that a probability needs, nor it about those.
    for names in filter(None, (values, shares)):
        texts |= dict(zip(names, _number_texts(np.stack([numbers[name] for name in names], axis=1)), strict=True))
    return {name: texts[name] if name in texts else column.tolist() for name, column in table.items()}


def _numbers(table: Table) -> Table:
    """The columns that hold numbers."""
    return {name: column for name, column in table.items() if column.dtype.kind == "f"}


def _times(table: Table) -> Table:
    """The columns that hold timestamps."""
    return {name: column for name, column in table.items() if column.dtype.kind == "M"}


def _time_texts(table: Table, own: Columns) -> dict[str, list[str]]:
    """The timestamps in the user's own text form, by the name of their column."""
    return {name: format_times(column, own.time_format, own.timezone) for name, column in _times(table).items()}


def _sql_times(times: NDArray[np.datetime64], texts: list[str], own: Columns) -> tuple[str, list[Any]]:
    """The kind of column for the timestamps, and its values: a type without offset would not say which moment it is."""
    if own.timezone or zone_of(own.time_format) or is_serial(own.time_format):
        return "text", texts
    if not has_clock(own.time_format):
        return "date", times.astype("datetime64[D]").tolist()
    return "timestamp", times.astype("datetime64[us]").tolist()


def _number_texts(values: NDArray[np.float64]) -> list[list[str]]:
    """K columns of N texts from values [N, K]; within a row the texts have the same order of size as the values.

    Nine significant digits, which is what float32 weights can tell apart, and more where an interval is narrow for its
    height: at least four digits of its width. The whole part is always written out. No exponent from 1e-11 to 1e16.
    """
    with np.errstate(divide="ignore", over="ignore"):
        digits_before = np.floor(np.log10(np.abs(values))) + 1
        # fmax and fmin: a cell without a number takes nothing from its neighbours.
        widths = np.fmax.reduce(values, axis=1, keepdims=True) - np.fmin.reduce(values, axis=1, keepdims=True)
        digits_of_width = np.floor(np.log10(widths)) + 1
    decimals = np.maximum(_SIGNIFICANT_DIGITS - digits_before, 0)
    decimals = np.where(np.isfinite(digits_of_width), np.maximum(decimals, 4 - digits_of_width), decimals)
    return [
        [_number_text(value, places) for value, places in zip(column, places_of_column, strict=True)]
        for column, places_of_column in zip(values.T.tolist(), decimals.T.tolist(), strict=True)
    ]


def _number_text(value: float, decimals: float) -> str:
    if value == 0:
        return "0"
    if value != value:
        return ""
    if not 1e-11 <= abs(value) < 1e16:
        return repr(value)
    text = f"{value:.{int(decimals)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _quoted(text: str) -> str:
    # Not the csv module: before Python 3.13 it leaves a lone carriage return unquoted.
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def write_atomic(path: Path, data: bytes, *, verify: Callable[[bytes], None] | None = None) -> None:
    """The file at path holds data, or is what it was before: temporary file, fsync, read back, rename, fsync again.

    A symlink is written through; the mode of an existing file is kept, a new one follows the umask. `verify` sees the
    bytes read back and raises to refuse them. Whatever fails on the way is an OutputError and leaves no other file.
    """
    with _prepared(path, data, verify) as put_in_place:
        put_in_place()


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Each file holds its data, or all are what they were before unless a rename fails after the first.

    All are written and read back under temporary names before the first takes its place. What is left in doubt then,
    a manifest that is written afterwards settles.
    """
    with ExitStack() as stack:
        for put_in_place in [stack.enter_context(_prepared(path, data)) for path, data in contents.items()]:
            put_in_place()


@contextmanager
def _prepared(path: Path, data: bytes, verify: Callable[[bytes], None] | None = None) -> Iterator[Callable[[], None]]:
    """The data on disk beside the path, verified, with what puts them in its place; gone where nobody called that."""
    target, mode = _target(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")

    def put_in_place() -> None:
        with _os_errors(path):
            temporary.replace(target)
            _sync_folder(target.parent)

    with _os_errors(path):
        try:
            _write_synced(temporary, data, mode)
            written = temporary.read_bytes()
            if written != data:
                raise OutputError(f"cannot write {path}: what was read back is not what was written")
            if verify is not None:
                verify(written)
            yield put_in_place
        finally:
            temporary.unlink(missing_ok=True)


def move(path: Path, target: Path) -> None:
    """Gives a file another name in its folder, in place of what was there: before or after a crash, never between."""
    with _os_errors(target):
        path.replace(target)
        _sync_folder(target.parent)


def remove(path: Path) -> None:
    """Removes a file, where it is there."""
    with _os_errors(path):
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds `<path>.lock` while the block runs, so that no other run writes the same output; hold it for a whole run.

    The lock is the kernel's and ends with the process; the file stays. Temporary files that a crash left behind are
    removed first. Raises LockedError at once when another run holds it, OutputError when the file system has no locks.
    On Windows there is no lock: of two runs at once the last to finish wins, with whole files.
    """
    if sys.platform == "win32":
        yield
        return
    target, _ = _target(path)
    with _os_errors(path):
        # O_NOFOLLOW: whoever can plant a symlink in the folder must not choose which file is emptied.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        handle = os.open(target.with_name(f"{target.name}.lock"), flags, 0o666)
    try:
        _take_lock(handle, path)
        _remove_leftovers(target)
        yield
    finally:
        os.close(handle)


def sweep(path: Path) -> None:
    """Removes temporary files that a crash left behind when this file was written."""
    target, _ = _target(path)
    _remove_leftovers(target)


def _target(path: Path) -> tuple[Path, int | None]:
    """The real file behind path, and its mode if it exists. Refuses what is not a regular file, or has no folder."""
    target = Path(os.path.realpath(path))
    with _os_errors(path):
        try:
            status = target.stat()
        except (FileNotFoundError, NotADirectoryError):
            if not target.parent.is_dir():
                folder = shlex.quote(str(target.parent))
                raise OutputError(
                    f"cannot write {path}: there is no folder {target.parent}", hint=f"mkdir -p {folder}"
                ) from None
            return target, None
        if not stat.S_ISREG(status.st_mode):
            raise OutputError(f"cannot write {path}: it is not a regular file", hint="--output - writes to stdout")
        return target, stat.S_IMODE(status.st_mode) & 0o777


def _write_synced(path: Path, data: bytes, mode: int | None) -> None:
    # O_BINARY exists on Windows only, where text mode would change line ends.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        if mode is not None:
            path.chmod(mode)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in the folder durable; Windows has no such call."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _take_lock(handle: int, path: Path) -> None:
    """Locks the open lock file and writes into it who holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
        holder = text if text.isprintable() and text else "another run"
        raise LockedError(f"{path}: held by {holder}", hint="run again when it has ended") from None
    except OSError as error:
        raise OutputError(
            f"cannot lock {path}: {error.strerror}",
            why="the file system has no locks, as some network folders do",
            hint="write to a local disk with: --output PATH",
        ) from error
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with _os_errors(path):
        os.ftruncate(handle, 0)
        os.write(handle, f"pid {os.getpid()} on host {socket.gethostname()} since {start}\n".encode())


def _remove_leftovers(target: Path) -> None:
    """Removes temporary files of this target whose process is gone, or that are older than a day."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.([0-9]{{1,9}})\.[0-9a-f]{{8}}\.tmp")
    with _os_errors(target):
        for entry in target.parent.iterdir():
            found = pattern.fullmatch(entry.name)
            # What another user left, or another run has just removed, is no reason to fail.
            with suppress(FileNotFoundError, PermissionError):
                if found and (not _alive(int(found[1])) or time.time() - entry.stat().st_mtime > _STALE_SECONDS):
                    entry.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    """An OSError inside becomes an OutputError that says the path and what the system said."""
    try:
        yield
    except OSError as error:
        found = error.strerror or str(error)
        folder = shlex.quote(str(path.parent))
        hint = {errno.ENOSPC: f"df -h {folder}", errno.EACCES: f"ls -ld {folder}"}.get(error.errno or 0)
        raise OutputError(f"cannot write {path}: {found[:1].lower()}{found[1:]}", hint=hint) from error
