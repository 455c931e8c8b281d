"""Path → bytes: the content of a regular file or of stdin, unpacked when it is packed. It never waits for a pipe."""

from __future__ import annotations

import difflib
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from forecast.reading.problems import ChangingFile, FileProblems, Problem, shown
from forecast.sources import STDIN

PARQUET_MAGIC = b"PAR1"
MAX_BYTES = 2 * 2**30
#: A packed file that grows beyond this many times its size, and beyond 64 MiB, is a bomb and not a table.
_MAX_RATIO = 200
_HARMLESS_BYTES = 64 * 2**20
_CHUNK = 2**20
#: No dictionary of xz is larger unless somebody wants the memory of this machine.
_XZ_MEMORY = 256 * 2**20

_AGAIN = "copy or download the file again"


def display_name(path: Path) -> str:
    """How messages name the file: as it was given, or only its own name when that is long."""
    if str(path) == STDIN:
        return "stdin"
    name = str(path) if len(str(path)) <= 60 else path.name
    return shown(name, 60)[1:-1]


def read_bytes(path: Path) -> bytes:
    """The content of a regular file, or of stdin for `-`, unpacked when its first bytes say gzip, bzip2 or xz.

    Raises FileProblems, and ChangingFile for a file that somebody is still writing.
    """
    file = display_name(path)
    content = _of_stdin(file) if file == "stdin" else _of_file(path, file)
    if not content:
        raise FileProblems(file, [Problem("E104", "the file is empty" if file != "stdin" else "stdin is empty")])
    return unpacked(content, file)


def unpacked(content: bytes, file: str) -> bytes:
    """The content of an archive of one file, by its first bytes, whatever its name; any other content as it is.

    Raises FileProblems where the archive is cut off, damaged, followed by something else, or a bomb.
    """
    kind = next((kind for magic, kind in _PACKED.items() if content.startswith(magic)), None)
    if kind is None:
        return content
    name, chunks = kind
    # What getvalue() gives shares its memory with the buffer: joined chunks would be there twice.
    unpacked = io.BytesIO()
    try:
        for chunk in chunks(content):
            size = unpacked.tell() + unpacked.write(chunk)
            if size > MAX_BYTES or size > max(_HARMLESS_BYTES, _MAX_RATIO * len(content)):
                raise FileProblems(file, [_too_large(f"{len(content):,} bytes of {name} hold more than {size:,}")])
    except EOFError:
        problem = Problem("E108", f"the {name} file is cut off before its end", hint=_AGAIN)
        raise FileProblems(file, [problem]) from None
    except _Damaged as error:
        problem = Problem("E108", f"the {name} file is damaged: {_lower(str(error))}", hint=_AGAIN)
        raise FileProblems(file, [problem]) from None
    if not unpacked.tell():
        raise FileProblems(file, [Problem("E104", f"the {name} file holds nothing")])
    return unpacked.getvalue()


class _Damaged(Exception):
    """An archive that is not what its first bytes promise."""


def _of_file(path: Path, file: str) -> bytes:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise FileProblems(file, [_not_regular(path, mode)])
        with path.open("rb") as stream:
            before = os.fstat(stream.fileno())
            if before.st_size > MAX_BYTES:
                raise FileProblems(file, [_too_large(f"{before.st_size:,} bytes")])
            content = stream.read()
            after = os.fstat(stream.fileno())
    except (FileNotFoundError, NotADirectoryError):
        found = "the link leads to no file" if path.is_symlink() else "there is no such file"
        raise FileProblems(file, [Problem("E101", found, hint=_neighbours(path))]) from None
    except PermissionError:
        raise FileProblems(file, [Problem("E103", "no permission to read this file")]) from None
    except OSError as error:
        found = _lower(error.strerror or str(error))
        raise FileProblems(file, [Problem("E103", f"the file cannot be read: {found}")]) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        hint = "try again when it is written, or write it under another name and rename it"
        raise ChangingFile(file, [Problem("E116", "the file changed while it was read", hint=hint)])
    return content


def _of_stdin(file: str) -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise FileProblems(file, [Problem("E103", "stdin is closed", hint="pipe the data in: cat FILE | …")])
    if sys.stdin.isatty():
        found = "stdin is a terminal, and no data comes from it"
        raise FileProblems(file, [Problem("E102", found, hint="pipe the data in: cat FILE | …")])
    content = io.BytesIO()
    try:
        while chunk := sys.stdin.buffer.read(_CHUNK):
            content.write(chunk)
            if content.tell() > MAX_BYTES:
                raise FileProblems(file, [_too_large(f"more than {MAX_BYTES:,} bytes")])
    except OSError as error:
        found = _lower(error.strerror or str(error))
        raise FileProblems(file, [Problem("E103", f"stdin cannot be read: {found}")]) from error
    return content.getvalue()


def _not_regular(path: Path, mode: int) -> Problem:
    if stat.S_ISDIR(mode):
        return Problem("E102", "this is a directory, where a file is needed", hint=_inside(path))
    kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    kind = next((kind for is_kind, kind in kinds if is_kind(mode)), "a device")
    return Problem("E102", f"this is {kind}, where a file is needed", hint="give - and pipe the data in")


def _too_large(found: str) -> Problem:
    limit = f"at most {MAX_BYTES:,} can be read"
    return Problem("E109", f"the file is too large: {found}; {limit}", hint="keep fewer columns or later rows of it")


def _of_gzip(content: bytes) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _Damaged(str(error)) from None


def _of_bzip2(content: bytes) -> Iterator[bytes]:
    import bz2

    return _members(content, bz2.BZ2Decompressor, (OSError, ValueError))


def _of_xz(content: bytes) -> Iterator[bytes]:
    import lzma

    def start() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    return _members(content, start, (lzma.LZMAError,))


def _members(content: bytes, start: Callable[[], Any], errors: tuple[type[Exception], ...]) -> Iterator[bytes]:
    """What the parts of an archive hold, one after the other. The modules' own files stop without a word at garbage."""
    while content:
        part = start()
        while not part.eof:
            try:
                chunk = part.decompress(content, _CHUNK)
            except errors as error:
                raise _Damaged(str(error)) from None
            content = b""
            if not chunk and part.needs_input and not part.eof:
                raise EOFError
            yield chunk
        # Zeros may fill up the last block of a disk or a tape.
        content = part.unused_data.lstrip(b"\0")


_PACKED: dict[bytes, tuple[str, Callable[[bytes], Iterator[bytes]]]] = {
    b"\x1f\x8b": ("gzip", _of_gzip),
    b"BZh": ("bzip2", _of_bzip2),
    b"\xfd7zXZ\x00": ("xz", _of_xz),
}


def _lower(text: str) -> str:
    """The text of another library's message as ours begin, unless it begins with an abbreviation."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _neighbours(path: Path) -> str | None:
    """A hint with a file of a similar name beside the missing one."""
    try:
        names = [other.name for other in path.parent.iterdir()]
    except OSError:
        return None
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f"did you mean {path.parent / near[0]}?" if near else None


def _inside(path: Path) -> str | None:
    """A hint with the only table inside a directory."""
    try:
        tables = sorted(path.glob("*.csv")) + sorted(path.glob("*.parquet"))
    except OSError:
        return None
    return f"did you mean {tables[0]}?" if len(tables) == 1 else "name one of the files in it"
