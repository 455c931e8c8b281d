"""Path → bytes → text: what kind of file it is, decompressed and decoded. It never guesses an encoding."""

from __future__ import annotations

import codecs
import difflib
import gzip
import re
import stat
import zlib
from pathlib import Path

from forecast.reading.problems import FileProblems, Problem, shown

PARQUET_MAGIC = b"PAR1"
MAX_BYTES = 2 * 2**30
#: A gzip file that grows beyond this many times its size, and beyond 64 MiB, is a bomb and not a table.
_MAX_RATIO = 200
_HARMLESS_BYTES = 64 * 2**20
_CHUNK = 2**20

_GZIP_MAGIC = b"\x1f\x8b"
_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
)
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE)
_JSON = re.compile(rb"\s*(\{\s*[\"}]|\[\s*[\[{\]])")
LINE_END = re.compile(r"\r\n|\r|\n")


def display_name(path: Path) -> str:
    """How messages name the file: as it was given, or only its own name when that is long."""
    name = str(path) if len(str(path)) <= 60 else path.name
    return shown(name, 60)[1:-1]


def read_bytes(path: Path) -> bytes:
    """The content of a regular file, decompressed when it is gzip by its first bytes, whatever its name."""
    file = display_name(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
            raise FileProblems(file, [Problem("E102", f"this is {kind}, where a file is needed")])
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise FileProblems(file, [_too_large(f"{size:,} bytes")])
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileProblems(file, [Problem("E101", "there is no such file", hint=_neighbours(path))]) from None
    except PermissionError:
        raise FileProblems(file, [Problem("E103", "no permission to read this file")]) from None
    except OSError as error:
        raise FileProblems(file, [Problem("E103", f"the file cannot be read: {error.strerror or error}")]) from error
    if content.startswith(_GZIP_MAGIC):
        content = _decompressed(path, file)
    if not content:
        raise FileProblems(file, [Problem("E104", "the file is empty")])
    return content


def decode(content: bytes, file: str) -> str:
    """The text of a UTF-8 file, or of a UTF-16 file that says so by its byte order mark; the mark is not part of it."""
    for magic, kind in _OTHER_KINDS:
        if content.startswith(magic):
            hint = "export the sheet as CSV" if "Excel" in kind else "give a CSV or a Parquet file"
            raise FileProblems(file, [Problem("E105", f"this is {kind}, not a table of text", hint=hint)])
    for form, kind in ((_WEB_PAGE, "a web page or XML"), (_JSON, "JSON")):
        if form.match(content):
            hint = "give a CSV or a Parquet file; a download may have saved its error message instead"
            raise FileProblems(file, [Problem("E105", f"this is {kind}, not a table of text", hint=hint)])
    text = _decoded(content, file)
    if (at := text.find("\0")) >= 0:
        problem = Problem("E107", "a NUL byte; is this text, and not UTF-16 without a mark?", line_of(text, at))
        raise FileProblems(file, [problem])
    if not text.strip():
        raise FileProblems(file, [Problem("E104", "the file holds only blank lines")])
    return text


def line_of(text: str, at: int) -> int:
    """The physical line, from 1, of the character at a position."""
    return sum(1 for _ in LINE_END.finditer(text, 0, at)) + 1


def _decoded(content: bytes, file: str) -> str:
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-16" if utf16 else "utf-8", "ignore")
        found = f"byte 0x{content[error.start]:02x} at offset {error.start} is not {'UTF-16' if utf16 else 'UTF-8'}"
        problem = Problem("E106", found, line_of(before, len(before)), hint="save the file as UTF-8")
        raise FileProblems(file, [problem]) from None


def _decompressed(path: Path, file: str) -> bytes:
    chunks, size, packed = [], 0, path.stat().st_size
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BYTES or size > max(_HARMLESS_BYTES, _MAX_RATIO * packed):
                    raise FileProblems(file, [_too_large(f"{packed:,} bytes of gzip hold more than {size:,}")])
    except EOFError:
        raise FileProblems(file, [Problem("E108", "the gzip file is cut off before its end", hint=_AGAIN)]) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise FileProblems(file, [Problem("E108", f"the gzip file is damaged: {error}", hint=_AGAIN)]) from None
    return b"".join(chunks)


_AGAIN = "copy or download the file again"


def _too_large(found: str) -> Problem:
    return Problem("E109", f"the file is too large: {found}", hint="forecast from fewer or later rows")


def _neighbours(path: Path) -> str | None:
    """A hint with a file of a similar name beside the missing one."""
    if not path.parent.is_dir():
        return None
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1, cutoff=0.75)
    return f"did you mean {path.parent / near[0]}?" if near else None
