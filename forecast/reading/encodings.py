"""Bytes → the UTF-8 bytes of a text. Nothing is guessed: UTF-8, what a byte order mark says, or the encoding given."""

from __future__ import annotations

import codecs
import re

from forecast.reading.problems import FileProblems, Problem, warning

_OTHER_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "export the sheet as CSV"),
    (b"%PDF", "a PDF document", "give a CSV or a Parquet file"),
    (b"\x1f\x8b", "an archive inside an archive", "unpack it once"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it: zstd -d"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it and give the CSV file inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it and give the CSV file inside"),
    (b"SQLite format 3\x00", "an SQLite database", "name its table: sqlite:///FILE#TABLE"),
    (b"\x89HDF", "an HDF5 file", "give a CSV or a Parquet file"),
    (b"ARROW1\x00\x00", "an Arrow or Feather file", "give a CSV or a Parquet file"),
)
_ZIP_MAGIC = b"PK\x03\x04"
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
_WEB_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)", re.IGNORECASE)
_JSON = re.compile(rb"(\xef\xbb\xbf)?\s*(\{\s*[\"}]|\[\s*[\[{\]])")
# The marks of UTF-32 begin like those of UTF-16, so they come first.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 4096
_CHUNK = 2**20
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")


def decode(content: bytes, file: str, encoding: str | None = None) -> tuple[bytes, tuple[str, ...]]:
    """The text as UTF-8 without its byte order mark, and notes on how it was decoded. Content in UTF-8 is not copied.

    Raises FileProblems for another kind of file, a byte that is no text, a NUL byte and a file of blank lines.
    """
    if kind := _other_kind(content):
        found, hint = kind
        raise FileProblems(file, [Problem("E105", f"this is {found}, not a table of text", hint=hint)])
    return decode_text(content, file, encoding)


def decode_text(content: bytes, file: str, encoding: str | None = None) -> tuple[bytes, tuple[str, ...]]:
    """The same for a text of any kind, JSON among them."""
    text, notes = _as_utf8(content, file, encoding)
    if (at := text.find(b"\0")) >= 0:
        found, hint = "a NUL byte, which no text has", "write the file anew: its disk may have been full"
        raise FileProblems(file, [Problem("E107", found, line_at(text, at), hint=hint)])
    if not text or text.isspace():
        raise FileProblems(file, [Problem("E104", "the file holds only blank lines")])
    return text, notes


def line_at(content: bytes, at: int) -> int:
    """The physical line, from 1, of the byte at a position."""
    breaks = content.count(b"\n", 0, at) + content.count(b"\r", 0, at) - content.count(b"\r\n", 0, at)
    return breaks + 1


def _other_kind(content: bytes) -> tuple[str, str] | None:
    """What the content is instead of a table of text, and a hint; None when nothing says so."""
    for magic, found, hint in _OTHER_KINDS:
        if content.startswith(magic):
            return found, hint
    if content.startswith(_ZIP_MAGIC):
        if b"[Content_Types].xml" in content[:_HEAD] or b"xl/" in content[:_HEAD]:
            return "an Excel workbook", "save it as .xlsx, or export the sheet as CSV"
        return "a zip archive", "unpack it and give the CSV file inside"
    if content.startswith(_TAR_MAGIC, _TAR_MAGIC_AT):
        return "a tar archive", "unpack it and give the CSV file inside"
    for form, found in ((_WEB_PAGE, "a web page or XML"), (_JSON, "JSON")):
        if form.match(content):
            return found, "give a CSV or a Parquet file; a download may have saved its error message instead"
    return None


def _as_utf8(content: bytes, file: str, encoding: str | None) -> tuple[bytes, tuple[str, ...]]:
    """The text in UTF-8, as the encoding given, the mark or nothing at all has it."""
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    name = codecs.lookup(encoding or marked or "utf-8").name
    if encoding and marked and name[:6] != marked:
        found = f"the byte order mark says {marked.upper()}, and not {encoding}"
        raise FileProblems(file, [Problem("E106", found, 1, hint=f"--encoding {marked}")])
    if name in ("utf-8", "utf-8-sig", "ascii"):
        text = content.removeprefix(codecs.BOM_UTF8)
        if guess := _unmarked_utf16(text):
            found = "every other byte is NUL: this is UTF-16 without a byte order mark"
            raise FileProblems(file, [Problem("E107", found, 1, hint=f"--encoding {guess}")])
        if not text.isascii() and (error := _first_error(text, "utf-8")):
            raise FileProblems(file, [_not_utf8(text, error)])
        return text, ()
    try:
        text = content.decode(name).removeprefix("\ufeff").encode()
    except UnicodeError as error:
        raise FileProblems(file, [_not_decoded(content, name, error)]) from None
    if encoding is None:
        return text, (warning("W104", f"the text is in {name.upper()} and was decoded"),)
    if not content.isascii() and name.replace("_", "-")[:3] != "utf" and _first_error(content, "utf-8") is None:
        return text, (warning("W105", f"the text is read as {encoding}, though it is well-formed UTF-8"),)
    return text, ()


def _first_error(content: bytes, name: str) -> UnicodeDecodeError | None:
    """The first place where the content is not of that encoding, found without a second copy of all of it."""
    decoder, view = codecs.getincrementaldecoder(name)(), memoryview(content)
    for start in range(0, len(content), _CHUNK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(view[start : start + _CHUNK], start + _CHUNK >= len(content))
        except UnicodeDecodeError as error:
            first = start - pending + error.start
            return UnicodeDecodeError(name, content, first, first + error.end - error.start, error.reason)
    return None


def _not_utf8(text: bytes, error: UnicodeDecodeError) -> Problem:
    """The problem with a byte that is not UTF-8, with the encoding that it may be instead."""
    at = error.start
    found = f"byte 0x{text[at]:02x} at offset {at} is not UTF-8"
    others = text[:at] + text[error.end : error.end + _CHUNK]
    if not others.isascii() and _likely_utf8(others):
        return Problem("E106", f"{found}, as the rest is", line_at(text, at), hint="repair that line")
    readable = [name for name in _candidates(text) if _decodes(text, name)]
    hint = f"--encoding {readable[0]}" if readable else "save the file as UTF-8"
    return Problem("E106", found, line_at(text, at), hint=hint)


def _likely_utf8(part: bytes) -> bool:
    """Whether nearly all that is not ASCII is UTF-8: one damaged letter does not make it another encoding."""
    high = sum(map(len, _HIGH_BYTES.findall(part)))
    kept = len(part.decode("utf-8", "ignore").encode()) - (len(part) - high)
    return kept >= 0.8 * high


def _candidates(text: bytes) -> tuple[str, ...]:
    """Encodings to name in a hint, the likeliest first: in those of Asia letters come in pairs of high bytes."""
    runs = _HIGH_BYTES.findall(text[: 8 * _CHUNK])
    paired = sum(1 for run in runs if len(run) >= 4 and len(run) % 2 == 0)
    return ("gb18030", "cp1252", "latin-1") if 2 * paired > len(runs) else ("cp1252", "cp1250", "latin-1")


def _decodes(text: bytes, name: str) -> bool:
    return _first_error(text, name) is None


def _not_decoded(content: bytes, name: str, error: UnicodeError) -> Problem:
    """The problem with content that is not of the encoding that was given, or that its mark promised."""
    if not isinstance(error, UnicodeDecodeError):
        return Problem("E106", f"the text is not {name.upper()}: {error}", hint="save the file as UTF-8")
    before = content[: error.start].decode(name, "ignore").encode()
    line = line_at(before, len(before))
    found = f"byte 0x{content[error.start]:02x} at offset {error.start} is not {name.upper()}"
    hint = "leave --encoding out" if _first_error(content, "utf-8") is None else "save the file as UTF-8"
    return Problem("E106", found, line, hint=hint)


def _unmarked_utf16(text: bytes) -> str | None:
    """Which UTF-16 the text is, when every other of its first bytes is NUL."""
    head = text[:_HEAD]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) // 4 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > len(head) // 4 and odd == 0 else None
