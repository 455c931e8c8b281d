"""How long, and in how much memory, a large file becomes a panel, beside pandas.read_csv on the same file.

    python benchmarks/reading.py [--rows 5000000] [--pairs 3]

Two files are generated: few long series and 50,000 short ones, each row with a time, an id and two numbers. Every
measurement runs in a process of its own, the readers in turns, so that what else the machine does meets all of them;
the quickest run of each counts. pandas.read_csv as it stands leaves the times as text and makes a frame of one table;
with parse_dates it reads the times too, which is nearer to what read_panel does before it finds ids and calendar,
sorts, checks and splits into series. read_panel makes numbers of the target only, pandas of both columns of numbers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

READERS = {
    "pandas.read_csv": "import pandas\nread = pandas.read_csv",
    "with parse_dates": "import pandas\nread = lambda path: pandas.read_csv(path, parse_dates=['timestamp'])",
    "read_panel": "from forecast import read_panel as read",
}
#: What a process does: imports first, then the clock, and the memory beyond what the imports took.
MEASURE = """
import json, resource, sys, time
{imports}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wall, processor = time.perf_counter(), time.process_time()
read(sys.argv[1])
wall, processor = time.perf_counter() - wall, time.process_time() - processor
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([wall, processor, peak * 1024]))
"""


def write_rows(path: Path, n_rows: int, n_series: int) -> None:
    """A file of hourly rows, as many for each series, values with two decimals and whole numbers."""
    steps = max(n_rows // n_series, 1)
    hours = np.datetime64("2015-01-01T00", "h") + np.arange(steps)
    stamps = [text.replace("T", " ") for text in np.datetime_as_string(hours, unit="s").tolist()]
    random = np.random.default_rng(1)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("timestamp,item_id,units,price\n")
        for number in range(n_series):
            units = random.integers(0, 1000, steps).tolist()
            prices = random.normal(100, 10, steps).tolist()
            stream.writelines(
                f"{stamp},item_{number:05d},{unit},{price:.2f}\n"
                for stamp, unit, price in zip(stamps, units, prices, strict=True)
            )


def measure(reader: str, path: Path) -> tuple[float, float, float]:
    """Wall and processor seconds, and the bytes of memory at the peak, of reading a file in a new process."""
    program = MEASURE.format(imports=READERS[reader])
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    wall, processor, peak = json.loads(done.stdout)
    return wall, processor, peak


def main() -> None:
    """Measure both files and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    print(
        "| file | reader | seconds | of processor | times pandas.read_csv | rows per second | memory, times the file |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n_series in (500, 50_000):
            path = Path(folder) / "rows.csv"
            write_rows(path, options.rows, n_series)
            size = path.stat().st_size
            runs: dict[str, list[tuple[float, float, float]]] = {reader: [] for reader in READERS}
            for _ in range(options.pairs):
                for reader in READERS:
                    runs[reader].append(measure(reader, path))
            plain = min(processor for _, processor, _ in runs["pandas.read_csv"])
            for reader, measured in runs.items():
                wall, processor, peak = map(min, zip(*measured, strict=True))
                what = f"{options.rows:,} rows, {n_series:,} series, {size / 2**20:.0f} MiB"
                figures = f"{wall:.2f} | {processor:.2f} | {processor / plain:.1f} | {options.rows / wall:,.0f}"
                print(f"| {what} | {reader} | {figures} | {peak / size:.1f} |", flush=True)


if __name__ == "__main__":
    main()
