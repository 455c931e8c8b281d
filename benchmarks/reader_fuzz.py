"""Do any bytes break the reader? Coverage-guided fuzzing of `read_panel`, where only a DataError may come out.

    python benchmarks/reader_fuzz.py [--seconds 1200] [--kept FOLDER]

Needs `pip install atheris`. It begins with the inputs of tests/catalogue, changes what reaches new lines of the
reader, and prints how many files were read, how many edges of the code they reached, and every crash with the file
that makes it, which is kept. The exit status is 1 when there was one.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 4096
#: Options that a file may be read with; its first byte chooses.
OPTIONS: tuple[Mapping[str, Any], ...] = (
    {},
    {},
    {"decimal": ","},
    {"thousands": ","},
    {"thousands": ".", "decimal": ","},
    {"units": ("$", "kg", "()", "%")},
    {"na": ("-", "n/a")},
    {"comment": "#"},
    {"quote": "'"},
    {"escape": "\\"},
    {"skip_lines": 1},
    {"date_format": "%d/%m/%y"},
    {"date_format": "epoch_s"},
    {"timezone": "Europe/Berlin"},
    {"on_duplicate": "mean"},
    {"encoding": "cp1252"},
)


def seeds(folder: Path) -> int:
    """Writes every small input of the catalogue into a folder, the byte of its options first; how many there are."""
    paths = [path for path in (ROOT / "tests" / "catalogue").glob("*/*") if ".csv" in path.name or ".tsv" in path.name]
    small = [path.read_bytes() for path in sorted(paths) if path.stat().st_size < LARGEST]
    for number, content in enumerate(small):
        (folder / f"{number:04}").write_bytes(bytes([number % len(OPTIONS)]) + content)
    return len(small)


def search(folder: Path, kept: Path, seconds: float) -> None:
    """Changes the inputs of a folder until the time is over, writing down what crashes; atheris ends the process."""
    import atheris

    with atheris.instrument_imports(include=["forecast"]):
        from forecast.config import DataConfig, ReadConfig
        from forecast.errors import DataError
        from forecast.reading import read_panel

    path, crashes = folder.parent / "data.csv", set[str]()

    def one(content: bytes) -> None:
        options = OPTIONS[content[0] % len(OPTIONS)] if content else {}
        path.write_bytes(content[1:])
        try:
            read_panel(path, DataConfig(), ReadConfig(**options))
        except DataError:
            pass
        except Exception as error:  # whatever it is, it should have been a DataError
            last = traceback.extract_tb(error.__traceback__)[-1]
            # The same line again is the same crash.
            place = f"{last.filename}:{last.lineno}"
            if place not in crashes:
                crashes.add(place)
                target = kept / f"crash-{len(crashes)}.csv"
                target.write_bytes(content[1:])
                print(f"CRASH {place} {type(error).__name__}: {str(error)[:100]} {options}, kept {target}", flush=True)

    limits = [f"-max_total_time={seconds:.0f}", f"-max_len={LARGEST}", "-timeout=300", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], str(folder), *limits, f"-artifact_prefix={kept}/", "-print_final_stats=1"], one)
    atheris.Fuzz()


def main() -> int:
    """Prints every crash as it is found, and in the end what was tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--kept", type=Path, default=Path("crashes"), help="folder for files that break the reader")
    parser.add_argument("--search", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.kept.mkdir(parents=True, exist_ok=True)
    if options.search:
        search(options.search, options.kept, options.seconds)
    with tempfile.TemporaryDirectory() as temporary:
        corpus = Path(temporary) / "corpus"
        corpus.mkdir()
        count = seeds(corpus)
        command = [sys.executable, __file__, "--search", corpus, "--kept", options.kept, "--seconds", options.seconds]
        child = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert child.stdout is not None
        return _follow(child.stdout, count) or int(child.wait() != 0)


def _follow(lines: Iterable[str], count: int) -> int:
    """Prints the crashes among the lines, then a summary; 1 when there was a crash or a file that took too long."""
    crashes, tail, reached, executed = 0, deque[str](maxlen=25), "?", "?"
    for line in lines:
        tail.append(line)
        if line.startswith("CRASH"):
            crashes += 1
            print(line.rstrip(), flush=True)
        if found := re.search(r"\bcov: (\d+)", line):
            reached = found[1]
        if found := re.search(r"number_of_executed_units: (\d+)", line):
            executed = found[1]
    if executed == "?":
        print("".join(tail))
    print(f"{executed} files read, beginning with {count}; {reached} edges of the code reached; {crashes} crashes")
    return int(crashes > 0 or executed == "?")


if __name__ == "__main__":
    sys.exit(main())
