"""How time and memory grow with the number of series, of the installed `forecast train` and `forecast predict`.

A file of daily series is generated, each with a level, a week and noise of its own. Both commands run with default
options in a process of their own; seconds are those of the wall and of the processor, start of Python included, and
memory is the peak of the process. Growth is linear when the columns per series stay level or fall.

    python benchmarks/scale.py [--series 1000,10000,100000] [--rows 100] [--train "--max-steps 50"]
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from competition import RESULTS
from records import Record, append_record, code_digest, find_record, markdown, read_records

COLUMNS = {
    "series": "series:,.0f",
    "rows": "rows:,.0f",
    "file MiB": "file_mib:.1f",
    "command": "command",
    "seconds": "seconds:.1f",
    "of processor": "processor_seconds:.1f",
    "peak MiB": "peak_mib:,.0f",
    "ms a series": "ms_a_series:.2f",
    "KiB a series": "kib_a_series:.1f",
}


class Cost(NamedTuple):
    """What a process took: seconds of the wall and of the processor, and bytes of memory at its peak."""

    seconds: float
    processor_seconds: float
    peak: int


def main() -> None:
    """Measure both commands at every size and print the table."""
    options = _options()
    records: list[Record] = []
    for n_series in (int(text) for text in options.series.split(",")):
        records += measure(n_series, options)
    table = f"{os.cpu_count()} cores; options of train: {options.train or 'none'}.\n\n{markdown(records, COLUMNS)}"
    print(table)
    if not options.train:
        options.output.with_suffix(".md").write_text(table, encoding="utf-8")


def measure(n_series: int, options: argparse.Namespace) -> list[Record]:
    """The rows of both commands for so many series: found in the CSV, or measured and added to it."""
    size = {"series": n_series, "rows": n_series * options.rows}
    keys = [
        {**size, "command": command, "options": options.train, "code": code_digest()}
        for command in ("train", "predict")
    ]
    kept = read_records(options.output)
    found = [find_record(kept, key) for key in keys]
    if not options.again and all(found):
        return [record for record in found if record]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "series.csv"
        write_series(data, n_series, options.rows)
        train = ["train", data.name, "--quiet", *shlex.split(options.train)]
        predict = ["predict", "--model", "series.safetensors", "--quiet"]
        records = []
        for key, arguments in zip(keys, (train, predict), strict=True):
            cost = run([str(command()), *arguments], Path(folder))
            figures = {
                "file_mib": data.stat().st_size / 2**20,
                "seconds": cost.seconds,
                "processor_seconds": cost.processor_seconds,
                "peak_mib": cost.peak / 2**20,
                "ms_a_series": 1000 * cost.seconds / n_series,
                "kib_a_series": cost.peak / 1024 / n_series,
                "cores": os.cpu_count(),
            }
            records.append(append_record(options.output, {**key, **figures}))
            print(f"{n_series:,} series, {key['command']}: {cost.seconds:.1f} s", flush=True)
    return records


def write_series(path: Path, n_series: int, n_rows: int) -> None:
    """A file of daily rows, n_rows for each series, values with two decimals."""
    days = np.datetime_as_string(np.datetime64("2024-01-01") + np.arange(n_rows)).tolist()
    random = np.random.default_rng(1)
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("date,item,sales\n")
        for number in range(n_series):
            week = np.resize(random.normal(0, 10, 7), n_rows)
            values = random.uniform(50, 500) + week + random.normal(0, 5, n_rows)
            stream.writelines(
                f"{day},item_{number:06d},{value:.2f}\n" for day, value in zip(days, values.tolist(), strict=True)
            )


def command() -> Path:
    """The `forecast` command of this environment."""
    found = Path(sys.executable).parent / "forecast"
    if not found.exists():
        raise SystemExit(f"{found} does not exist: pip install --editable .")
    return found


def run(arguments: Sequence[str], folder: Path) -> Cost:
    """What a command took in a folder. Exits with its own words when it fails."""
    begun = time.perf_counter()
    with subprocess.Popen(
        arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{shlex.join(arguments)} failed:\n{said}")
    # Kilobytes, but for macOS, which has bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", default="1000,10000,100000", help="sizes, separated by commas")
    parser.add_argument("--rows", type=int, default=100, help="rows of each series (default: %(default)s)")
    parser.add_argument("--train", default="", metavar="OPTIONS", help="options of forecast train, as one text")
    parser.add_argument("--again", action="store_true", help="measure again what is in the CSV already")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.csv",
        help="the CSV to continue, with a .md beside it (default: results/scale.csv, or results/cache/scale.csv with "
        "--train)",
    )
    options = parser.parse_args()
    options.output = options.output or RESULTS / ("cache" if options.train else "") / "scale.csv"
    return options


if __name__ == "__main__":
    main()
