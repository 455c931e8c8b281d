"""How many spoilt files are read rightly, refused, or read wrongly without a word?

    python -m benchmarks.pollution [--seeds 3] [--keep FOLDER] [--words KIND]

Clean generated files are spoilt in the ways of pollutions.py. Each is read by `read_panel`, with the names of its
columns, without any option, and with what the hints of a refusal name, and by `pandas.read_csv(parse_dates=…)`. A file
is right when all its values and times are found, salvaged when they are and a warning or an option says what was
repaired, and refused when an error says why. What remains is wrong without a word; the exit status is 1 when
`read_panel` has any of those with no more options than names. Hints are for a person to agree to: what is wrong with
those pasted is a hint that should not have been followed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.pollutions import POLLUTIONS, Clean, Spoilt, Truth, clean_series
from forecast.checking import check
from forecast.config import Config, DataConfig
from forecast.errors import DataError
from forecast.panel import Panel
from forecast.reading import read_panel
from forecast.reading.problems import WARNINGS

OUTCOMES = ("right", "salvaged", "refused", "SILENTLY WRONG")
READERS = ("named", "no options", "hints pasted", "pandas")
#: Those that must never be wrong: of a hint nobody but the user knows whether it says what is meant.
STRICT = READERS[:2]


class Found(NamedTuple):
    """What one reader made of one spoilt file, and its words about it."""

    kind: str
    series: str
    reader: str
    outcome: str
    words: str


def spoilt_files(seeds: Sequence[int], without: Sequence[str] = ()) -> Iterator[tuple[str, Clean, Spoilt]]:
    """Every kind of pollution of every clean file, once for each seed; without the files of those names."""
    for seed in seeds:
        for clean in (clean for clean in clean_series(seed) if clean.name not in without):
            for kind, pollute in POLLUTIONS.items():
                spoilt = pollute(clean, random.Random(f"{seed} {clean.name} {kind}"))
                if spoilt is not None:
                    yield kind, clean, spoilt


def outcomes(
    seeds: Sequence[int], readers: Sequence[str] = READERS, *, without: Sequence[str] = (), keep: Path | None = None
) -> Iterator[Found]:
    """What each reader makes of each spoilt file."""
    with tempfile.TemporaryDirectory() as temporary:
        for kind, clean, spoilt in spoilt_files(seeds, without):
            path = Path(temporary) / f"data{spoilt.suffix}"
            path.write_bytes(spoilt.content)
            for reader in readers:
                outcome, words = _READ[reader](path, clean, spoilt)
                if keep is not None and outcome == OUTCOMES[-1]:
                    (keep / f"{kind}-{clean.name}-{reader}{spoilt.suffix}".replace("/", "_")).write_bytes(
                        spoilt.content
                    )
                yield Found(kind, clean.name, reader, outcome, words)


def _named(clean: Clean) -> DataConfig:
    return DataConfig(time=(clean.time,), target=(clean.target,), id=(clean.id,) if clean.items[0] else ())


def _by_hints(path: Path, clean: Clean, spoilt: Spoilt) -> tuple[str, str]:
    """Read again with the options that the hints name, where it is refused, as `forecast check` puts them together."""
    outcome, words = _by_us(path, spoilt, _named(clean))
    if outcome != "refused":
        return outcome, words
    found = check(str(path), Config(data=_named(clean)))
    if found.panel is None:
        return outcome, words
    return ("salvaged" if _observed(found.panel) in spoilt.truths else OUTCOMES[-1]), " ".join(found.options)


def _by_us(path: Path, spoilt: Spoilt, data: DataConfig) -> tuple[str, str]:
    try:
        panel = read_panel(path, data)
    except DataError as error:
        return "refused", f"{error.message.splitlines()[0]} HINT {error.hint}"
    words = "; ".join(panel.notes)
    if _observed(panel) not in spoilt.truths:
        return "SILENTLY WRONG", words
    return ("salvaged" if any(note.split(" ")[0] in WARNINGS for note in panel.notes) else "right"), words


def _observed(panel: Panel) -> Truth:
    """What a panel says, in the form of the truth; a column that is an item of its own goes by its name."""
    found: Truth = {}
    alone = len(panel.series) == 1
    for series in panel.series:
        name = " / ".join(series.item_id) or ("" if alone else series.target)
        seen = ~np.isnan(series.values)
        times = series.timestamps[seen].tolist()
        found[name] = dict(zip(times, series.values[seen].tolist(), strict=True))
    return found


def _by_pandas(path: Path, clean: Clean, spoilt: Spoilt) -> tuple[str, str]:
    """Read as most scripts do: types and dates inferred, missing values dropped; refused is what stops a script."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            frame = pd.read_csv(path, parse_dates=[clean.time])
            times = pd.to_datetime(frame[clean.time], utc=True).dt.tz_localize(None)
        if not pd.api.types.is_numeric_dtype(frame[clean.target]):
            return "refused", "the values are not numbers"
        items = frame[clean.id].astype(str) if clean.items[0] else [""] * len(frame)
    except Exception as error:  # whatever stops the script, a person sees it
        return "refused", repr(error)[:100]
    found: Truth = {}
    for item, moment, value in zip(items, times, frame[clean.target], strict=True):
        if pd.isna(moment) or moment.to_pydatetime() in found.get(item, {}):
            return "SILENTLY WRONG", f"{moment} comes twice or is missing"
        if not np.isnan(value):
            found.setdefault(item, {})[_plain(moment)] = float(value)
    return ("right" if found in spoilt.truths else "SILENTLY WRONG"), ""


def _plain(moment: pd.Timestamp) -> datetime:
    return moment.to_pydatetime()


_READ: dict[str, Callable[[Path, Clean, Spoilt], tuple[str, str]]] = {
    "named": lambda path, clean, spoilt: _by_us(path, spoilt, _named(clean)),
    "no options": lambda path, _, spoilt: _by_us(path, spoilt, DataConfig()),
    "hints pasted": _by_hints,
    "pandas": _by_pandas,
}


def main() -> int:
    """Prints a line for each kind of pollution, the totals, and each file that was read wrongly without a word."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="copy the files there that are silently wrong")
    parser.add_argument("--words", metavar="KIND", help="print what was said about the files of a kind, or all")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    start, counts, wrong = time.perf_counter(), Counter[tuple[str, str, str]](), []
    for found in outcomes(range(options.seeds), keep=options.keep):
        counts[found.kind, found.reader, found.outcome] += 1
        if found.outcome == OUTCOMES[-1] and found.reader in STRICT:
            wrong.append(found)
        if options.words in (found.kind, "all") and found.reader != "pandas":
            print(f"{found.kind} | {found.series} | {found.reader}: {found.outcome}: {found.words}")
    files = _table(counts)
    for found in wrong:
        print(f"SILENTLY WRONG: {found.kind}, {found.series}, {found.reader}: {found.words}")
    print(f"{files:,} files of {len(POLLUTIONS)} kinds in {time.perf_counter() - start:.0f} s")
    return int(bool(wrong))


def _table(counts: Counter[tuple[str, str, str]]) -> int:
    """Prints the counts of each kind for each reader, and returns how many files there were."""
    total: Counter[tuple[str, str]] = Counter()
    short = ("right", "salv.", "ref.", "WRONG")
    print(f"{'':32}", *(f"{reader:>24}" for reader in READERS))
    print(f"{'kind':32}", *("".join(f"{name:>6}" for name in short) for _ in READERS))
    for kind in dict.fromkeys(kind for kind, _, _ in counts):
        print(f"{kind:32}", *("".join(f"{counts[kind, reader, o]:6}" for o in OUTCOMES) for reader in READERS))
        total.update({(reader, o): counts[kind, reader, o] for reader in READERS for o in OUTCOMES})
    print(f"{'all':32}", *("".join(f"{total[reader, o]:6}" for o in OUTCOMES) for reader in READERS))
    return sum(total[READERS[0], outcome] for outcome in OUTCOMES)


if __name__ == "__main__":
    sys.exit(main())
