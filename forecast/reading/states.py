"""A column of states → codes 0 … C - 1 and the names they stand for: yes and no, or any few names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.config import ReadConfig
from forecast.errors import ConfigError
from forecast.panel import Values
from forecast.reading.cells import Cells
from forecast.reading.columns import failure, holds_times, in_list, named_columns
from forecast.reading.dialect import Table
from forecast.reading.notation import Notation
from forecast.reading.problems import Problem, listed, named, shown, warning
from forecast.reading.remedies import TRUTHS
from forecast.reading.statenames import MOST_NUMBERS, MOST_STATES, key_of

_TRUE = frozenset({"true", "yes", "t", "y"})
_MOST_PROBLEMS = 10_000


@dataclass(frozen=True)
class StateColumn:
    """The names of the states in order, the code of each row [N] with NaN where it has none, and what to say of them.

    problems stand in the way of using it; chosen says what the states are, found what was noticed.
    """

    states: tuple[str, ...]
    values: Values
    problems: tuple[Problem, ...] = ()
    chosen: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


def read_states(table: Table, column: int, task: str, read: ReadConfig, known: Sequence[str] = ()) -> StateColumn:
    """The states of a column, of which a `binary` task needs two and a `class` task two or a few more.

    Texts that differ in case only are one state, and so are numbers that are equal. The order is false before true, no
    before yes, numbers by size and names by the alphabet; `known` are the states of a model, and no others are allowed.
    """
    notation = Notation.of(read)
    texts, which = Cells.of(table.cells[column]).distinct()
    keys = [None if notation.is_missing(text) else key_of(text) for text in texts]
    counts = np.bincount(which, minlength=len(texts)).tolist()
    if known:
        states = tuple(known)
        codes = {key_of(state): code for code, state in enumerate(states)}
    else:
        spelt = _spelt(texts, keys, counts)
        states = tuple(spelt[key] for key in sorted(spelt, key=_order))
        codes = {key: code for code, key in enumerate(sorted(spelt, key=_order))}
    numbers = [np.nan if key is None else float(codes.get(key, np.nan)) for key in keys]
    values = np.array(numbers, dtype=np.float64)[which]
    if known:
        strange = [key is not None and key not in codes for key in keys]
        rows = np.flatnonzero(np.array(strange, dtype=bool)[which])[:_MOST_PROBLEMS].tolist()
        return StateColumn(states, values, tuple(_strange(table, column, row, states) for row in rows))
    who = named(table.names[column])
    if wrong := _wrong_number(states, [key for key in keys if key is not None], task):
        found, hint = wrong
        return StateColumn(states, values, failure(table, "E345", f"{who} {found}", hint, column).problems)
    return StateColumn(states, values, chosen=(_told(who, values, states, task),), found=_merged(who, texts, keys))


def find_state_target(table: Table, task: str, read: ReadConfig, *, taken: Iterable[int]) -> int:
    """The index of the one column beside `taken` that holds as few states as the task needs. Raises FileProblems."""
    most = 2 if task == "binary" else MOST_STATES
    taken = set(taken)
    free = [i for i in named_columns(table) if i not in taken and not holds_times(table, i)]
    candidates = [i for i in free if 2 <= _count(table.cells[i], read, most) <= most]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        wanted = "two states" if task == "binary" else f"two to {MOST_STATES} states"
        raise failure(table, "E304", f"no column holds {wanted}", "name the target with --target")
    found = f"{len(candidates)} columns hold a few states: {listed(table.names[i] for i in candidates)}"
    raise failure(table, "E304", found, f"name one: --target {in_list(table, candidates[-1:])}")


def require_one(targets: Sequence[str]) -> None:
    """Raise ConfigError unless there is one target: states of several would have to be told apart in every column."""
    if len(targets) != 1:
        raise ConfigError(
            f"{len(targets)} targets: states are forecast for one at a time", hint=f"--target {targets[0]}"
        )


def _order(key: str | float) -> tuple[int, float, str]:
    """Numbers first, by size; then words that mean no, other words, and words that mean yes."""
    if isinstance(key, float):
        return 0, key, ""
    return 2 + (key in _TRUE) - (key in TRUTHS and key not in _TRUE), 0.0, key


def _spelt(texts: Sequence[str], keys: Sequence[str | float | None], counts: Sequence[int]) -> dict[str | float, str]:
    """The name of each state: as most cells write it, numbers as short as they can be."""
    best: dict[str | float, tuple[int, str]] = {}
    for text, key, count in zip(texts, keys, counts, strict=True):
        if key is None:
            continue
        name = f"{key:.15g}" if isinstance(key, float) else text.strip(" ")
        found = best.get(key)
        if found is None or (-count, name) < (-found[0], found[1]):
            best[key] = (count, name)
    return {key: name for key, (_, name) in best.items()}


def _wrong_number(states: Sequence[str], keys: Sequence[str | float], task: str) -> tuple[str, str | None] | None:
    """What is wrong with the number of states, and a hint."""
    numeric = all(isinstance(key, float) for key in keys)
    if len(states) < 2:
        only = f"is {shown(states[0])} in every row" if states else "holds no state"
        return f"{only}: there is nothing to tell apart", "name another column with --target"
    if numeric and len(states) > (2 if task == "binary" else MOST_NUMBERS):
        few = len(states) <= MOST_NUMBERS
        hint = "--task class" if few else "--task regression"
        return f"has {len(states):,} different numbers, which are no states of task {task}", hint
    if task == "binary" and len(states) > 2:
        hint = "--task class" if len(states) <= MOST_STATES else "name another column with --target"
        return f"has {len(states):,} states where task binary needs two: {listed(states)}", hint
    if len(states) > MOST_STATES:
        found = f"has {len(states):,} different texts; at most {MOST_STATES} can be told apart"
        return found, "name another column with --target"
    return None


def _strange(table: Table, column: int, row: int, states: Sequence[str]) -> Problem:
    found = f"{named(table.names[column])}: {shown(table.cells[column][row].strip(' '))} is not a state that the model "
    hint = "correct the cell or make it empty, or train again"
    return table.problem("E219", f"{found}knows: {listed(states)}", row, column, hint=hint)


def _told(who: str, values: Values, states: Sequence[str], task: str) -> str:
    """Which states there are and how often, and whose probability is forecast of two."""
    shares = np.bincount(values[~np.isnan(values)].astype(np.int64), minlength=len(states))
    each = ", ".join(f"{shown(s)} {n / shares.sum():.0%}" for s, n in zip(states[:10], shares, strict=False))
    more = f" and {len(states) - 10} more" if len(states) > 10 else ""
    note = f"states of {who}: {each}{more}".replace("%", " %")
    return f"{note}; the probability is that of {shown(states[1])}" if task == "binary" else note


def _merged(who: str, texts: Sequence[str], keys: Sequence[str | float | None]) -> tuple[str, ...]:
    """A warning on states that are written in more ways than one."""
    ways: dict[str | float, set[str]] = {}
    for text, key in zip(texts, keys, strict=True):
        if key is not None:
            ways.setdefault(key, set()).add(text.strip(" "))
    several = [sorted(written) for written in ways.values() if len(written) > 1]
    return tuple(warning("W207", f"{who}: {listed(written)} count as one state") for written in several)


def _count(cells: Sequence[str], read: ReadConfig, most: int) -> int:
    """How many states there are in the cells; some number above `most` where there are plainly more."""
    texts, _ = Cells.of(cells).distinct()
    if len(texts) > 100 * most:
        return most + 1
    notation = Notation.of(read)
    keys = {key_of(text) for text in texts if not notation.is_missing(text)}
    return most + 1 if all(isinstance(key, float) for key in keys) and len(keys) > MOST_NUMBERS else len(keys)
