"""What can go wrong, as a tree; each class carries the exit code that the command line ends with.

ForecastError            1  a bug in forecast, when raised as itself
├── ConfigError          2  an option, a setting or a configuration key that cannot be used
├── DataError            3  the data cannot be used; 75 where a file changes while it is read
├── CheckpointError      4  the model file is missing, damaged or too new
├── GateError            6  a gate that the user set was not met
├── OutputError          7  an output or a resource failed: disk full, permission, memory
├── LockedError         75  another run holds the lock
└── Interrupted      128+n  ended by signal n; what was reached is saved
"""

from __future__ import annotations

#: Every exit code and its meaning. Append-only: scripts depend on it.
EXIT_CODES: dict[str, str] = {
    "0": "done",
    "1": "a bug in forecast",
    "2": "usage or configuration",
    "3": "the data cannot be used",
    "4": "the model file is missing, damaged or too new",
    "5": "partial: some jobs or items failed, the good ones are written",
    "6": "a gate the user set was not met (age, completeness, skill), or a fallback had to be used",
    "7": "output or resources: disk full, permission, memory",
    "75": "another run holds the lock, or writes the data; try later",
    "124": "`--max-runtime` reached; state saved",
    "128+n": "ended by signal n; state saved",
}


class ForecastError(Exception):
    """An expected failure: what and where, optionally why, and a hint that can be pasted."""

    exit_code = 1

    def __init__(self, message: str, *, why: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.hint = hint


class ConfigError(ForecastError):
    """An option, a setting or a configuration key cannot be used."""

    exit_code = 2


class DataError(ForecastError):
    """The data cannot be used as it is."""

    exit_code = 3


class CheckpointError(ForecastError):
    """The model file is missing, damaged, hostile or too new."""

    exit_code = 4


class GateError(ForecastError):
    """A gate that the user set was not met: the data are too old or not what they should be, or the model too weak."""

    exit_code = 6


class OutputError(ForecastError):
    """An output could not be written, or a resource ran out."""

    exit_code = 7


class LockedError(ForecastError):
    """Another run holds the lock on the output."""

    exit_code = 75


class Interrupted(ForecastError):
    """A signal ended the run; what was reached is saved."""

    def __init__(self, message: str, *, signal_number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number
