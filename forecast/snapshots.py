"""Snapshots: a file with what a training has reached, so that an interrupted one can go on to the same weights.

It is in the strict format of model files, with the kind `train-state`, and no model: nothing forecasts from it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecast import checkpoint
from forecast.errors import CheckpointError, ConfigError, OutputError
from forecast.writing import remove, sweep

KIND = "train-state"
#: Vectors of numbers in one state, and numbers in one of them, at most.
_MOST_VECTORS, _LONGEST = 8, 2**28


@dataclass(frozen=True)
class State:
    """How far the training of one network has come: facts as JSON holds them, and vectors of float32.

    done says that this training has ended; facts are then those of its result.
    """

    done: bool
    facts: Mapping[str, Any]
    vectors: Mapping[str, checkpoint.Weights]


@dataclass(frozen=True)
class Identity:
    """What has to be the same for a training to go on: version, data, settings, and the rest of the plan as a digest.

    plan covers the calendar and the covariates, what follows from the settings, and the weights to begin with.
    """

    version: str
    data: str
    settings: Mapping[str, Any]
    plan: str


class Snapshots:
    """Where a training keeps what it has reached: on a signal, and every so many seconds in between.

    With `resume` it begins from what the file holds, where that is of the same training; `note` says what came of it.
    Where only settings differ, `strict` makes that a ConfigError: a forgotten option must not cost hours of work.
    A snapshot that cannot be written does not end a training: `problem` says why, and `saved` whether the last one was.
    """

    def __init__(self, path: str | Path, every: float = 60.0, *, resume: bool = True, strict: bool = False) -> None:
        self.path, self.every = Path(path), every
        self.note, self.problem, self.saved, self.seconds = "", "", False, 0.0
        self._resume, self._strict, self._closed = resume, strict, False
        self._identity: Identity | None = None
        self._states: dict[str, State] = {}
        self._written = time.monotonic()

    def begin(self, identity: Identity) -> None:
        """Take up what the file holds, where it is of this very training."""
        self._identity, self._written = identity, time.monotonic()
        sweep(self.path)
        if not self.path.exists():
            self.note = "there is no interrupted training to go on with: this one begins anew" if self._resume else ""
        elif not self._resume:
            self.note = f"{self.path} holds an interrupted training, which --resume would have gone on with"
        else:
            self.note = self._take_up(identity)

    def _take_up(self, identity: Identity) -> str:
        """What was found in the file, in a sentence; what it holds is this training's own where it fits."""
        try:
            metadata, tensors = checkpoint.load(self.path, _expected)
            found = Identity(**metadata["identity"])
        except (CheckpointError, TypeError) as error:
            return f"the interrupted training cannot be gone on with, so this one begins anew: {error}"
        for what, same in (
            ("of another version of forecast", found.version == identity.version),
            ("on other data", found.data == identity.data),
        ):
            if not same:
                return f"the interrupted training was {what}, so this one begins anew"
        if found != identity:
            changed = _difference(found.settings, identity.settings)
            if self._strict:
                raise ConfigError(
                    f"--resume: the training that was interrupted had other settings{changed and f': {changed}'}",
                    hint="give the same options again, or leave --resume out to begin anew",
                )
            return f"the interrupted training had other settings{changed and f' ({changed})'}, so this one begins anew"
        self._states = {
            key: State(told["done"], told["facts"], {name: tensors[f"{key}.{name}"] for name in told["sizes"]})
            for key, told in metadata["states"].items()
        }
        self.seconds = metadata["seconds"]
        return f"going on with the training that was interrupted after {self.seconds:.0f} s"

    @property
    def resumed(self) -> bool:
        """Whether the file held this training."""
        return self.seconds > 0

    def state(self, key: str) -> State | None:
        """What is known of the training of this name."""
        return self._states.get(key)

    def is_due(self) -> bool:
        """Whether the file is as old as it may become."""
        return time.monotonic() - self._written >= self.every

    def keep(self, key: str, state: State) -> None:
        """Remember a state in place of the one of this name; one that is not finite is worked out again instead."""
        if self._closed:
            return
        if all(np.isfinite(vector).all() for vector in state.vectors.values()):
            self._states[key] = state
        else:
            self._states.pop(key, None)

    def write(self, seconds: float, *, last: bool = False) -> None:
        """Write all that is remembered after so many seconds of work; nothing any more after the last time."""
        if self._closed or self._identity is None:
            return
        self._closed = last
        states = {
            key: {"done": s.done, "facts": dict(s.facts), "sizes": {name: len(v) for name, v in s.vectors.items()}}
            for key, s in self._states.items()
        }
        metadata = {"kind": KIND, "identity": vars(self._identity), "seconds": float(seconds), "states": states}
        tensors = {f"{key}.{name}": v for key, s in self._states.items() for name, v in s.vectors.items()}
        self._written = time.monotonic()
        try:
            checkpoint.save(self.path, metadata, tensors)
        except OutputError as error:
            self.saved, self.problem = False, error.message
        else:
            self.saved, self.problem = True, ""

    def remove(self) -> None:
        """Remove the file: the training has ended, and its model is saved."""
        self._closed, self.saved = True, False
        if self.path.exists():
            remove(self.path)


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The settings that differ, in words: `horizon 30, now 7`."""
    changed = [
        f"{name} {'none' if old is None else old}, now {'none' if new is None else new}"
        for section in sorted(before.keys() & now.keys())
        for name, old in sorted(before[section].items())
        for new in [now[section].get(name)]
        if old != new
    ]
    return "; ".join(changed)


def _expected(metadata: Mapping[str, Any]) -> Mapping[str, checkpoint.TensorSpec]:
    """The vectors that the metadata of a snapshot speaks of, each checked. Whoever seals a file may write anything."""
    if metadata["kind"] != KIND:
        raise CheckpointError("this file does not hold the state of a training")
    if type(metadata["seconds"]) is not float or metadata["seconds"] < 0:
        raise CheckpointError("the seconds of work are no number")
    specs = {}
    for key, told in metadata["states"].items():
        if set(told) != {"done", "facts", "sizes"} or type(told["done"]) is not bool or type(told["facts"]) is not dict:
            raise CheckpointError("a state is not described by done, facts and sizes")
        if len(told["sizes"]) > _MOST_VECTORS:
            raise CheckpointError("a state has too many vectors")
        for name, size in told["sizes"].items():
            if type(size) is not int or not 1 <= size <= _LONGEST:
                raise CheckpointError("the size of a vector is out of bounds")
            specs[f"{key}.{name}"] = checkpoint.TensorSpec("F32", (size,))
    return specs
