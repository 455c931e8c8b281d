"""Table → typed rows in the order of item and time, or every cell that stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast.panel import Columns, Timestamps, Values
from forecast.reading.columns import check_roles, find_column, find_ids, find_targets, find_time
from forecast.reading.dialect import Table
from forecast.reading.problems import FileProblems, Problem, listed, named, shown
from forecast.reading.times import TimeColumn, read_times
from forecast.reading.typed import read_numbers
from forecast.timeformat import parse_times


@dataclass(frozen=True)
class Rows:
    """N rows, sorted by item and time: items [N] indexes item_ids, source [N] the rows of the table.

    timestamps [N] datetime64[us], values [N, targets] float64; time_at and target_at are indices of the table's
    columns. `chosen` notes say what was taken for what, `found` notes what was noticed.
    """

    columns: Columns
    time_at: int
    target_at: tuple[int, ...]
    item_ids: tuple[tuple[str, ...], ...]
    items: NDArray[np.int64]
    source: NDArray[np.int64]
    timestamps: Timestamps
    values: Values
    chosen: tuple[str, ...]
    found: tuple[str, ...] = ()

    def parts(self) -> Iterator[tuple[int, slice]]:
        """Every item that has rows, with the slice of them."""
        present, starts = np.unique(self.items, return_index=True)
        ends = [*starts[1:].tolist(), len(self.items)]
        for item, start, end in zip(present.tolist(), starts.tolist(), ends, strict=True):
            yield item, slice(start, end)

    def keep(self, kept: NDArray[np.bool_], note: str) -> Rows:
        """The rows under a mask [N], with a note on what became of the others."""
        return replace(
            self,
            items=self.items[kept],
            source=self.source[kept],
            timestamps=self.timestamps[kept],
            values=self.values[kept],
            found=(*self.found, note),
        )

    def name_of(self, item: int) -> str:
        """What a person calls an item; empty when there are no ids."""
        return " / ".join(self.item_ids[item])


def read_rows(
    table: Table, *, time: str | None, targets: Sequence[str], ids: Sequence[str] | None, known_pattern: str | None
) -> Rows:
    """The typed rows of a table. A time or ids of None are found, as are targets when there are no names.

    Raises FileProblems with every cell that is wrong.
    """
    time_at = find_time(table, time)
    times = read_times(table, time_at, known_pattern=known_pattern)
    _check_header(table, time_at, times.pattern)
    id_at = tuple(find_column(table, name) for name in ids or ())
    target_at = find_targets(table, targets, taken={time_at, *id_at})
    check_roles(table, time_at, target_at, id_at)
    numbers = [read_numbers(table, column) for column in target_at]
    if problems := [*times.problems, *(problem for _, wrong in numbers for problem in wrong)]:
        raise FileProblems(table.file, problems)
    if ids is None:
        id_at = find_ids(table, times.timestamps, taken={time_at, *target_at})
    item_ids, items = _items(table, id_at)
    order = np.lexsort((times.timestamps, items))
    in_order = np.array_equal(order, np.argsort(items, kind="stable"))
    columns = Columns(
        time=table.names[time_at],
        targets=tuple(table.names[i] for i in target_at),
        ids=tuple(table.names[i] for i in id_at),
        time_format=times.pattern,
    )
    return Rows(
        columns,
        time_at,
        target_at,
        item_ids,
        items[order],
        order,
        times.timestamps[order],
        np.column_stack([values for values, _ in numbers])[order],
        _choices(table, columns, times, {time_at, *target_at, *id_at}),
        () if in_order else ("the rows were not in the order of time and have been sorted",),
    )


def _items(table: Table, id_at: Sequence[int]) -> tuple[tuple[tuple[str, ...], ...], NDArray[np.int64]]:
    """The ids in sorted order, so that the order of rows changes nothing, and the index of each row's [N]."""
    if not id_at:
        return ((),), np.zeros(len(table), dtype=np.int64)
    keys = list(zip(*(table.cells[column] for column in id_at), strict=True))
    item_ids = tuple(sorted(set(keys)))
    index = {item: number for number, item in enumerate(item_ids)}
    return item_ids, np.fromiter((index[key] for key in keys), np.int64, len(keys))


def _check_header(table: Table, time_at: int, pattern: str) -> None:
    name = table.names[time_at]
    if pattern and not np.isnat(parse_times([name.strip(" ")], pattern)[0]):
        text = f"the first line holds data and no names: {shown(name)} is a timestamp"
        hint = "the first line must hold the names of the columns"
        raise FileProblems(table.file, [Problem("E206", text, table.header_line, time_at + 1, hint)])


def _choices(table: Table, columns: Columns, times: TimeColumn, used: set[int]) -> tuple[str, ...]:
    unused = [name for i, name in enumerate(table.names) if i not in used and name]
    notes = [f"time: {named(columns.time)}", f"target{'s' * (len(columns.targets) > 1)}: {listed(columns.targets, 10)}"]
    notes += [f"ids: {listed(columns.ids)}"] if columns.ids else []
    notes += [f"not used: {listed(unused, 10)}"] if unused else []
    return (*notes, *table.notes, *([times.note] if times.note else []))
