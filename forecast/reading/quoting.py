"""Quotes and escapes in bytes: which of them stand for themselves, and where quoting goes wrong."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from forecast.reading.cells import Positions
from forecast.reading.encodings import line_at
from forecast.reading.problems import Problem, shown

_LF, _CR, _BLANK, _TAB = b"\n\r \t"
#: How much of a faulty field a message is made from.
_EXCERPT = 60


def escapes(content: bytes, escape: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions of the escape characters that count, and of the characters they escape."""
    at = np.flatnonzero(np.frombuffer(content, np.uint8) == ord(escape))
    # In a run of them every other one escapes its neighbour.
    begins = np.concatenate([[True], np.diff(at) != 1]) if len(at) else np.empty(0, dtype=np.bool_)
    number = np.arange(len(at)) - np.maximum.accumulate(np.where(begins, np.arange(len(at)), 0))
    signs = at[number % 2 == 0]
    escaped = signs[signs + 1 < len(content)] + 1
    # A line end in two characters is escaped as one.
    two = [position + 1 for position in escaped.tolist() if content[position : position + 2] == b"\r\n"]
    return signs, np.concatenate([escaped, np.array(two, dtype=np.int64)])


def doubled_quotes(
    data: NDArray[np.uint8], bounds: Positions, last: Positions, quote: str, delimiter: str, first_line: int
) -> NDArray[np.int64] | Problem:
    """The positions of quotes that only double the one before them, or the first fault.

    bounds are the delimiters and line ends outside quotes, after one for the beginning; last [R] are those, numbered
    from 0 behind it, that end a record.
    """
    quotes = np.flatnonzero(data == ord(quote))
    opening, closing = quotes[::2], quotes[1::2]
    doubled = np.zeros(len(opening), dtype=np.bool_)
    doubled[1:] = opening[1:] == closing[: len(opening) - 1] + 1
    opens_well = doubled | _at_edge(data, opening, -1, delimiter)
    closes_well = np.append(doubled[1:], False)[: len(closing)] | _at_edge(data, closing, 1, delimiter)
    faults = [
        int(positions[~well][0])
        for positions, well in ((opening, opens_well), (closing, closes_well))
        if not well.all()
    ]
    if not faults and len(opening) == len(closing):
        return opening[doubled]
    fault = min(faults, default=len(data))
    # What quote opened the field that the fault is in: the last that opened well and is no doubled one.
    opened = opening[opens_well & ~doubled & (opening <= fault)]
    field = int(np.searchsorted(bounds, fault)) - 1
    if fault == len(data):
        field = int(np.searchsorted(bounds, opened[-1])) - 1
    return _fault(data, bounds, last, field, fault, quote, delimiter, first_line)


def _at_edge(data: NDArray[np.uint8], positions: NDArray[np.int64], step: int, delimiter: str) -> NDArray[np.bool_]:
    """Whether the next byte on one side that is no blank is a delimiter, a line end or the end of the text."""
    well = np.zeros(len(positions), dtype=np.bool_)
    blanks = (_BLANK,) if delimiter == "\t" else (_BLANK, _TAB)
    some, at = np.arange(len(positions)), positions + step
    while len(some):
        byte = np.where((at < 0) | (at >= len(data)), _LF, data.take(at, mode="clip"))
        edge = (byte == ord(delimiter)) | (byte == _LF) | (byte == _CR)
        well[some[edge]] = True
        blank = ~edge & np.isin(byte, blanks)
        some, at = some[blank], at[blank] + step
    return well


def _fault(
    data: NDArray[np.uint8],
    bounds: Positions,
    last: Positions,
    field: int,
    fault: int,
    quote: str,
    delimiter: str,
    first_line: int,
) -> Problem:
    start, content = int(bounds[field]) + 1, data.tobytes()
    record = int(np.searchsorted(last, field))
    number = field - (int(last[record - 1]) if record else -1)
    text = data[start : min(start + 2**20, fault + _EXCERPT)].tobytes()
    blank = len(text) - len(text.lstrip(b" \t"))
    line = first_line - 1 + line_at(content, start + blank)
    opens = text[blank : blank + 1] == quote.encode()
    before = data[max(fault - 1, 0) : fault].tobytes()
    seems_to_open = before in (delimiter.encode(), b"\n", b"\r") and line_at(content, fault) > line_at(content, start)
    if opens and (fault >= len(data) or seems_to_open):
        hint = f"close the quote, or write a quote inside quoted text twice: {quote}{quote}"
        return Problem("E204", "a quote opens here and is never closed", line, number, hint)
    excerpt = re.split(r"[\r\n]", text[blank:].decode(errors="ignore"))[0][:_EXCERPT]
    hint = f"put the whole field in quotes and write a quote inside it twice: {quote}{quote}"
    if before == b"\\":
        hint = "--escape \\\\"
    return Problem("E210", f"a quote stands inside a field: {shown(excerpt)}", line, number, hint)
