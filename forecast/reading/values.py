"""Values of Python → the texts that give them back exactly, for doors whose library has typed them already."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timezone
from typing import Any


def texts_of(values: Iterable[Any]) -> list[str]:
    """The texts of a column: numbers with all digits, true and false, an empty text for None, ISO dates and times.

    Times are as short as all of the column allows: dates, then seconds, then microseconds. Those with an offset are in
    UTC and end in Z.
    """
    values = list(values)
    times = [value for value in values if isinstance(value, datetime)]
    midnight = all(value.tzinfo is None and value.time() == time() for value in times)
    fine = "microseconds" if any(value.microsecond for value in times) else "seconds"
    return [value if type(value) is str else _text(value, midnight, fine) for value in values]


def _text(value: Any, midnight: bool, fine: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec=fine) + "Z"
        return value.date().isoformat() if midnight else value.isoformat(timespec=fine)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return _text_of_bytes(bytes(value))
    return str(value)


def _text_of_bytes(value: bytes) -> str:
    """The text in UTF-8 that some write without saying so, else the digits of the bytes."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
    return text if text.isprintable() else f"0x{value.hex()}"
