"""The lines of a text that hold the table: without those that --skip-lines and --comment leave out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from forecast.config import ReadConfig
from forecast.reading.problems import FileProblems, Problem

LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANKS = b" \t"


@dataclass(frozen=True)
class Lines:
    """Text whose first line is the physical line `first` of the file; comments are the lines that are blank now."""

    content: bytes
    first: int = 1
    comments: frozenset[int] = frozenset()


def usable_lines(content: bytes, file: str, read: ReadConfig) -> Lines:
    """The text from the first line that counts, comment lines made blank so that all lines keep their numbers."""
    skipped, at = read.skip_lines or 0, 0
    for _ in range(skipped):
        end = LINE_END.search(content, at)
        at = end.end() if end else len(content)
    if skipped:
        content = content[at:]
    comments: frozenset[int] = frozenset()
    if read.comment is not None:
        content, comments = _without_comments(content, read.comment.strip().encode(), (read.quote or '"').encode())
    if not content or content.isspace():
        given = f"--skip-lines {skipped}" if skipped else f"--comment {read.comment}"
        raise FileProblems(file, [Problem("E104", f"no line is left after {given}", hint="leave out that option")])
    return Lines(content, skipped + 1, frozenset(line + skipped for line in comments))


def _without_comments(content: bytes, prefix: bytes, quote: bytes) -> tuple[bytes, frozenset[int]]:
    """The text with blanks in place of comments, and their lines from 1. What is inside quotes is no comment."""
    blanked, lines = bytearray(content), set()
    line, checked, quotes = 1, 0, 0
    for found in re.finditer(re.escape(prefix), content):
        at = found.start()
        if at < checked or not _begins_line(content, at):
            continue
        quotes += content.count(quote, checked, at)
        line += len(LINE_END.findall(content, checked, at))
        checked = at
        if quotes % 2:
            continue
        end = LINE_END.search(content, at)
        checked = end.start() if end else len(content)
        blanked[at:checked] = b" " * (checked - at)
        lines.add(line)
    return bytes(blanked), frozenset(lines)


def _begins_line(content: bytes, at: int) -> bool:
    """Whether nothing but blanks stands before a position in its line."""
    while at and content[at - 1] in _BLANKS:
        at -= 1
    return not at or content[at - 1] in b"\r\n"
