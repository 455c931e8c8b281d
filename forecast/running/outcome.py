"""How a run is meant, and what came of one unit of it: plain frozen values, as a worker is sent and sends back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: What can come of a unit. A fallback is written too, and marked; what was stopped or not begun has nothing to blame.
DONE, UNCHANGED, FALLBACK, GATE, FAILED, STOPPED, NOT_BEGUN = (
    "done",
    "unchanged",
    "fallback",
    "gate",
    "failed",
    "stopped",
    "not begun",
)
STATUSES = (DONE, UNCHANGED, FALLBACK, GATE, FAILED, STOPPED, NOT_BEGUN)
#: Those after which the forecast on disk is the one of the newest data.
GOOD = (DONE, UNCHANGED)
#: Those after which a forecast was there.
WRITTEN = (DONE, UNCHANGED, FALLBACK)


class LeftOff(Exception):
    """The run is to end, and a unit has left off in good order; what it had reached is saved."""


@dataclass(frozen=True)
class How:
    """What holds for every unit of a run.

    now is the time of the run in ISO form with its offset, as_of the moment after which rows do not count. After the
    deadline, in seconds since 1970, or once the stop_file is there, a unit begins no new work and leaves off what it
    can. A worker whose parent process is gone ends itself.
    """

    state: Path
    now: str
    ledger: str | None = None
    keep: int = 5
    as_of: str | None = None
    force: bool = False
    deadline: float | None = None
    stop_file: Path | None = None
    parent: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of one unit: one of STATUSES, the exit code that it stands for, and what is to be said about it.

    source is what the forecast was made by, cutoff the newest row, until the moment the data reach to; outputs are what
    was written, with the sha256 of each file. trained says why a model was trained, contest whether it took the
    place of the one before; trace is that of a bug.
    """

    unit: str
    status: str
    code: int = 0
    sentences: tuple[str, ...] = ()
    source: str | None = None
    cutoff: str | None = None
    until: str | None = None
    model_digest: str | None = None
    data_digest: str | None = None
    trained_until: str | None = None
    trained: str | None = None
    contest: str | None = None
    outputs: tuple[tuple[str, str | None], ...] = ()
    notes: tuple[str, ...] = ()
    retries: int = 0
    seconds: float = 0.0
    trace: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the trace."""
        values = asdict(self)
        del values["trace"]
        values["outputs"] = dict(self.outputs)
        return values


def worst(codes: list[int]) -> int:
    """The most severe of some exit codes: a signal, a bug, resources, the model, the data, the settings; 0 of none."""
    return max(codes, key=lambda code: (_severity(code), code), default=0)


def _severity(code: int) -> int:
    if code > 128:
        return 10
    order = (0, 6, 5, 75, 2, 3, 4, 124, 7, 1)
    return order.index(code) if code in order else order.index(1)
