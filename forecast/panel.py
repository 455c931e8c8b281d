"""Series and Panel: the only shape data has inside the house. Sorted, on one calendar's grid, missing values as NaN.

Nothing here reads a file or knows a text format beyond the names a user's columns carry along.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import Calendar
from forecast.errors import DataError

Timestamps = NDArray[np.datetime64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """The user's own names for things, and the text form of a timestamp; only reading and writing look inside.

    `time_format` is a pattern of `timeformat` that reproduces the file's own text, e.g. `%Y-%m` or
    `%Y-%m-%dT%H:%M:%SZ`. `time` names the one column that the forecast has; `time_parts` are those of the file when the
    time is spread over several. With a `timezone` (IANA) the timestamps inside are UTC and the text is local.
    `decimal` is the mark that the numbers showed, if they showed one.
    """

    time: str
    targets: tuple[str, ...]
    ids: tuple[str, ...] = ()
    time_format: str = "%Y-%m-%d"
    time_parts: tuple[str, ...] = ()
    timezone: str = ""
    decimal: str = ""


@dataclass(frozen=True)
class Covariate:
    """Something that is known besides the target. role is past, future or static.

    The values of a categorical one are indices into `categories`, the texts it had in training; a numeric one, true and
    false among them as 1 and 0, has none.
    """

    name: str
    role: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What a trained model knows of its data, so that fresh rows are read as those it learnt from were."""

    columns: Columns
    calendar: Calendar
    covariates: tuple[Covariate, ...] = ()
    states: tuple[str, ...] = ()


#: What a series without covariates has.
NOTHING: Values = np.empty((0, 0))


@dataclass(frozen=True)
class Series:
    """One target of one item; where the panel has states, its values are their numbers 0, 1 and so on.

    timestamps [T] datetime64[us], every step of the calendar from the first row to the last; values [T] float64,
    NaN where the row was absent or the cell blank. The first and the last value are observed.

    covariates [T + E, C] hold the past and future ones of the panel in its order, NaN where not known: for E steps
    after the last value the future ones may be known, the past ones never are. static [S] holds the static ones.
    """

    item_id: tuple[str, ...]
    target: str
    timestamps: Timestamps
    values: Values
    covariates: Values = field(default_factory=lambda: NOTHING)
    static: Values = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def name(self) -> str:
        """What a person calls it: its ids, or its target when there are none."""
        return " / ".join(self.item_id) if self.item_id else self.target


@dataclass(frozen=True)
class Panel:
    """One or many series on one calendar, with the user's column names and what the reader had to say.

    states are the names of what the target may be, in the order of their codes; () for a target of numbers.
    """

    series: tuple[Series, ...]
    calendar: Calendar
    columns: Columns
    notes: tuple[str, ...] = ()
    covariates: tuple[Covariate, ...] = ()
    states: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.series)

    @property
    def n_rows(self) -> int:
        """Steps over all series, missing ones included."""
        return sum(len(s) for s in self.series)

    @property
    def n_missing(self) -> int:
        """Steps without a value over all series."""
        return sum(int(np.isnan(s.values).sum()) for s in self.series)

    def of_role(self, *roles: str) -> tuple[Covariate, ...]:
        """The covariates of some roles, in the panel's order."""
        return tuple(covariate for covariate in self.covariates if covariate.role in roles)

    @property
    def first(self) -> np.datetime64:
        """The earliest timestamp of any series."""
        return np.datetime64(min(s.timestamps[0] for s in self.series))

    @property
    def last(self) -> np.datetime64:
        """The latest timestamp of any series."""
        return np.datetime64(max(s.timestamps[-1] for s in self.series))

    def split_at(self, cutoff: np.datetime64) -> Panel:
        """The panel as it was known at the cutoff: rows up to and including it; series that began later are absent.

        A series ends at its last observed value at or before the cutoff. Raises DataError when nothing is left.
        """
        return self._cut([int(np.searchsorted(s.timestamps, cutoff, side="right")) for s in self.series], str(cutoff))

    def drop_last(self, steps: int) -> Panel:
        """The panel without the last `steps` steps of every series; series that are no longer than that are absent."""
        return self._cut([len(s) - steps for s in self.series], f"{steps} steps before the end")

    def _cut(self, lengths: list[int], where: str) -> Panel:
        kept = []
        for series, length in zip(self.series, lengths, strict=True):
            observed = np.flatnonzero(~np.isnan(series.values[: max(length, 0)]))
            if len(observed):
                end = int(observed[-1]) + 1
                cut = replace(series, timestamps=series.timestamps[:end], values=series.values[:end])
                kept.append(replace(cut, covariates=self.known_at(series.covariates, end)))
        if not kept:
            raise DataError(f"no series has a value at or before {where}")
        return replace(self, series=tuple(kept))

    def known_at(self, covariates: Values, end: int) -> Values:
        """Covariates [T + E, C] as they were known when a series had `end` steps: the past ones go no further."""
        known = covariates.copy()
        for column, covariate in enumerate(self.of_role("past", "future")):
            if covariate.role == "past":
                known[end:, column] = np.nan
        return known

    def digest(self) -> str:
        """A sha256 over ids, timestamps and values: equal data, equal digest, whatever file it came from."""
        sha = hashlib.sha256()
        if self.states:
            sha.update("\x1f".join(self.states).encode())
        for s in self.series:
            sha.update("\x1f".join((*s.item_id, s.target)).encode())
            sha.update(s.timestamps.astype("datetime64[us]").astype("<i8").tobytes())
            sha.update(s.values.astype("<f8").tobytes())
            if self.covariates:
                sha.update(np.nan_to_num(s.covariates, nan=np.inf).astype("<f8").tobytes())
                sha.update(np.nan_to_num(s.static, nan=np.inf).astype("<f8").tobytes())
        return sha.hexdigest()
