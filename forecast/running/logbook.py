"""The log of runs: one line for each event, appended in one write to a file that is opened anew for each of them.

So whoever moves the file away, as logrotate does, need not tell anybody.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecast.errors import OutputError

FORMATS = ("text", "json")


@dataclass(frozen=True)
class Logbook:
    """Where events of one run are written down; path None: nowhere. format is one of FORMATS."""

    path: Path | None
    run_id: str
    format: str = "text"

    def note(self, at: str, level: str, event: str, **details: Any) -> None:
        """One line. at is a time in ISO form, level info, warning or error. Raises OutputError where it fails."""
        if self.path is None:
            return
        details = {key: value for key, value in details.items() if value not in (None, (), "")}
        if self.format == "json":
            line = json.dumps({"ts": at, "level": level, "run_id": self.run_id, "event": event, **details})
        else:
            told = "".join(f" {key}={_word(value)}" for key, value in details.items())
            line = f"{at} {level.upper()} {self.run_id} {event}{told}"
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(handle, f"{line}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {(error.strerror or str(error)).lower()}") from error


def _word(value: Any) -> str:
    """A value as one word, in the quotes of JSON where it is none: a line must stay one line."""
    text = "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    plain = text.isprintable() and not set(text) & set(' "=\\')
    return text if plain and text else json.dumps(text, ensure_ascii=False)
