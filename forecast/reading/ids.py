"""Which columns are the ids: those that tell apart the rows of one time, and what else they determine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Timestamps
from forecast.reading.cells import Cells
from forecast.reading.columns import TIME_WORDS, failure, holds_times, in_list, named_columns, words_of
from forecast.reading.dialect import Table
from forecast.reading.problems import listed
from forecast.reading.typed import looks_boolean, looks_numeric, sample

Codes = NDArray[np.int32] | NDArray[np.int64]

_WHOLE_NUMBER = re.compile(r"-?\d+")
_MOST_ID_COLUMNS = 6
#: What does not tell these rows apart does not tell all rows apart.
_TRIAL = 5_000


def find_ids(table: Table, timestamps: Timestamps, *, taken: Iterable[int]) -> tuple[int, ...]:
    """The indices of the text columns that tell repeated timestamps [N] apart; empty when none repeats or none does."""
    times = _Times(timestamps)
    if not times.repeat:
        return ()
    taken = set(taken)
    texts = [i for i in named_columns(table) if i not in taken and _is_text(table, i)]
    found = _explanations(table, times, texts)
    if len(found) > 1:
        sets = " or ".join(listed(table.names[i] for i in columns) for columns in found[:3])
        hint = f"name them: --id {in_list(table, found[0])}"
        raise failure(table, "E402", f"timestamps repeat, and the ids may be {sets}", hint)
    return found[0] if found else ()


def id_hint(table: Table, timestamps: Timestamps, *, taken: Iterable[int]) -> str | None:
    """A hint naming columns of whole numbers or words that would tell repeated timestamps apart, if there are such."""
    taken = set(taken)
    # A week beside a year belongs to the time: a series for each would be read without a word and mean nothing.
    free = [i for i in named_columns(table) if i not in taken and not words_of(table.names[i]) & TIME_WORDS]
    labels = [i for i in free if _is_text(table, i) or _is_whole(table.cells[i])]
    found = _explanations(table, _Times(timestamps), labels)
    return f"if each is another series, train with: --id {in_list(table, found[0])}" if found else None


@dataclass(frozen=True)
class _Times:
    """The times of N rows. What takes long is worked out only where something needs it."""

    stamps: Timestamps

    @cached_property
    def repeat(self) -> bool:
        """Whether some time is there more than once."""
        stamps = self.stamps
        if (stamps[1:] > stamps[:-1]).all():
            return False
        return int(np.count_nonzero(stamps == stamps[0])) > 1 or _count(self.codes) < len(stamps)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """A number for each row, without holes, that is smaller for an earlier time [N]."""
        moments = self.stamps.astype(np.int64)
        moments -= moments.min()
        return _dense(moments // max(int(np.gcd.reduce(moments)), 1))

    def apart(self, key: Codes) -> bool:
        """Whether the order of the rows shows that no two of one key have one time; else nothing is known yet.

        The numbers of the keys are in the order in which they first appear.
        """
        stamps = self.stamps
        later, greater = stamps[1:] > stamps[:-1], key[1:] > key[:-1]
        if bool((greater | (later & (key[1:] == key[:-1]))).all()):
            return True
        return bool((later | (greater & (stamps[1:] == stamps[:-1]))).all())


def grouped(codes: Sequence[Codes], length: int) -> NDArray[np.int64]:
    """One number for each distinct row of several columns of codes, [length]; smaller rows have smaller numbers."""
    groups = np.zeros(length, dtype=np.int64)
    for column in codes:
        # Made dense again after each column, so that the product of two counts never overflows.
        groups = _dense(groups * (int(column.max(initial=0)) + 1) + column)
    return groups


def _dense(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers from 0 in the same order, without those that are not there."""
    highest = int(numbers.max(initial=0))
    if highest > 4 * len(numbers) + 1_000:
        return np.unique(numbers, return_inverse=True)[1].astype(np.int64).reshape(-1)
    present = np.zeros(highest + 1, dtype=bool)
    present[numbers] = True
    return np.asarray((np.cumsum(present) - 1)[numbers])


def _explanations(table: Table, times: _Times, columns: Sequence[int]) -> list[tuple[int, ...]]:
    """The smallest sets of columns that leave no time repeated but in repeated rows, each with what else it determines.

    A region determines its state: such a column goes along as a label. The weather of the day does not.
    """
    codes = {i: Cells.of(table.cells[i]).distinct()[1] for i in columns}
    codes = {i: column for i, column in codes.items() if column.max(initial=0) > 0}
    columns = list(codes)[:_MOST_ID_COLUMNS]
    for size in range(1, len(columns) + 1):
        # What all of them together do not tell apart, no part of them does.
        if size == 2 and not _explains(table, times, [codes[i] for i in columns]):
            break
        found = []
        for keys in combinations(columns, size):
            if _explains(table, times, [codes[i] for i in keys]):
                found.append(tuple(i for i in columns if i in keys or _determines([codes[k] for k in keys], codes[i])))
        if found:
            return list(dict.fromkeys(found))
    return []


def _explains(table: Table, times: _Times, keys: Sequence[Codes]) -> bool:
    """Whether rows of one time and the same keys are the same row."""
    if len(keys) == 1 and times.apart(keys[0]):
        return True
    moments = times.codes
    # The rows of the first few times: where each time has many rows, these show the most.
    last = min(_TRIAL, len(moments)) - 1
    trial = np.flatnonzero(moments <= np.partition(moments, last)[last])
    for rows in ([trial] if len(trial) < len(moments) else []) + [np.arange(len(moments))]:
        groups = grouped([column[rows] for column in (moments, *keys)], len(rows))
        if not _equal_within(table, groups, rows):
            return False
    return True


def _equal_within(table: Table, groups: NDArray[np.int64], rows: NDArray[np.int64]) -> bool:
    """Whether every two rows of one group have equal cells throughout."""
    if _count(groups) == len(groups):
        return True
    order = np.argsort(groups, kind="stable")
    again = np.flatnonzero(groups[order[1:]] == groups[order[:-1]])
    pairs = zip(rows[order[again]].tolist(), rows[order[again + 1]].tolist(), strict=True)
    return all(cells[one] == cells[other] for one, other in pairs for cells in table.cells)


def _determines(keys: Sequence[Codes], label: Codes) -> bool:
    """Whether rows of the same keys have the same label."""
    groups = keys[0] if len(keys) == 1 else grouped(keys, len(label))
    some = np.empty(_count(groups), dtype=label.dtype)
    some[groups] = label
    return np.array_equal(some[groups], label)


def _count(codes: Codes) -> int:
    """How many numbers there are among codes that leave none out."""
    return int(codes.max(initial=-1)) + 1


def _is_text(table: Table, column: int) -> bool:
    cells = table.cells[column]
    return bool(sample(cells)) and not (looks_numeric(cells) or looks_boolean(cells) or holds_times(table, column))


def _is_whole(cells: Sequence[str]) -> bool:
    texts = sample(cells)
    return bool(texts) and all(_WHOLE_NUMBER.fullmatch(text) for text in texts)
