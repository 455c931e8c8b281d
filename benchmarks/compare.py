"""Recurrent cells side by side on well-known files of one series each, with `forecast compare`, and what it adds up to.

The protocol is that of the command: one plan for all cells, single networks from several seeds, trained once before
the first cutoff, errors from later windows that neither training nor stopping saw, and ties called ties. Greff et al.
(2016) found that no variant of the LSTM is significantly better than the LSTM itself, and that the forget gate and the
activation of the output are what it cannot do without: the table over all files says how each cell fared there.

With --no-anchors it is the recurrence alone that moves the last value: where anchors say most of what there is to say,
cells can hardly differ.

    python benchmarks/compare.py FOLDER [--no-anchors] [--seeds 3] [--preset fast] [--jobs 1] [--output results.md]
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CELLS = (
    *("rnn", "lstm1997", "lstm", "peephole", "nig", "nfg", "nog", "niaf", "noaf", "cifg", "fgr"),
    *("gru", "mgu", "mingru", "minlstm", "slstm"),
)
REFERENCE, SIGNIFICANT = "lstm", 0.05


@dataclass(frozen=True)
class File:
    """A file, the column to forecast, season and horizon in rows, cutoffs, and how many of the last rows (0: all)."""

    name: str
    target: str
    season_length: int
    horizon: int
    windows: int = 10
    rows: int = 0


FILES = (
    File("AirPassengers.csv", "#Passengers", 12, 12, windows=5),
    File("monthly-sunspots.csv", "Sunspots", 12, 24),
    File("daily-min-temperatures.csv", "Temp", 7, 14),
    File("taxi_new_york_passengers.csv", "#Passengers", 48, 48, rows=4000),
    File("ETTh1.csv", "OT", 24, 48, rows=4000),
)


@dataclass(frozen=True)
class Outcome:
    """What the command said of a file, the command line, and the seconds that it took."""

    file: File
    command: str
    document: dict[str, Any]
    seconds: float


def main() -> None:
    """Compare on every file, and print or write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--only", default="", help="names of files, separated by commas")
    parser.add_argument("--cells", default=",".join(CELLS), help="cells, separated by commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--no-anchors", action="store_true", help="compare the recurrence alone")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the tables here too, as Markdown")
    options = parser.parse_args()
    how = ["--cells", options.cells, "--seeds", str(options.seeds), "--preset", options.preset]
    how += ["--no-anchors"] if options.no_anchors else []
    outcomes = []
    for file in FILES:
        if not options.only or file.name in options.only.split(","):
            outcomes.append(measure(file, options.folder, [*how, "--jobs", str(options.jobs)]))
            print("\n".join(section(outcomes[-1])), flush=True)
            if options.output:
                # After every file: what was measured outlasts what is cut off.
                options.output.write_text(render(outcomes), encoding="utf-8")
    print("\n".join(summary(outcomes)))


def measure(file: File, folder: Path, how: Sequence[str]) -> Outcome:
    """The command on a copy of the last rows of a file; it ends all where it fails."""
    source = next(folder.rglob(file.name))
    arguments = [
        *("--target", file.target, "--season-length", str(file.season_length), "--horizon", str(file.horizon)),
        *("--windows", str(file.windows), *how),
    ]
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / file.name
        copy.write_text(last_rows(source.read_text(encoding="utf-8"), file.rows), encoding="utf-8")
        begun = time.perf_counter()
        said = subprocess.run(
            [sys.executable, "-m", "forecast", "compare", str(copy), *arguments, "--json", "--quiet"],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    command = shlex.join(["forecast", "compare", f"DATA/{file.name}", *arguments])
    return Outcome(file, command, json.loads(said), time.perf_counter() - begun)


def last_rows(text: str, rows: int) -> str:
    """The header and the last rows of a file; 0 keeps all."""
    header, *lines = text.splitlines(keepends=True)
    return "".join([header, *lines[-rows:]])


def section(outcome: Outcome) -> list[str]:
    """The leaderboard of one file, what is more than chance in it, and the command."""
    found = outcome.document
    kept = f", its last {outcome.file.rows:,} rows" if outcome.file.rows else ""
    lines = [
        f"## {outcome.file.name}{kept}",
        "",
        f"{found['n_windows']} windows of {found['horizon']} steps; {outcome.seconds:.0f} s.",
        "",
        "| cell | MASE | ± | MAE | skill | in 80 % | weights | steps | train s | p best | p lstm |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found["leaderboard"]:
        metrics = row["metrics"]
        cells = [
            f"{row['name']} ≈" if row["tied"] else row["name"],
            *(number(value, 3) for value in (metrics["mase"], row["spread"])),
            *(number(metrics["mae"], 4), number(row["skill"], 2), number(metrics["coverage_80"], 2)),
            f"{row['weights']:,}" if row["weights"] else "–",
            *(number(row["steps"], 0), number(row["train_seconds"], 1) if row["seeds"] else "–"),
            *(number(row[name], 3) for name in ("p_value", "p_reference")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *(f"- {sentence}" for sentence in (*found["verdict"], *found["notes"], *found["failures"])), ""]


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """How each cell fared beside the reference: a geometric mean over files, and how often the difference was real."""
    ratios: dict[str, list[float]] = {}
    better: dict[str, int] = {}
    worse: dict[str, int] = {}
    for outcome in outcomes:
        rows = {row["name"]: row for row in outcome.document["leaderboard"] if row["seeds"]}
        own = rows[REFERENCE]["metrics"]["mase"]
        for name, row in rows.items():
            ratio = row["metrics"]["mase"] / own
            real = row["p_reference"] is not None and row["p_reference"] < SIGNIFICANT
            ratios.setdefault(name, []).append(ratio)
            better[name] = better.get(name, 0) + (real and ratio < 1)
            worse[name] = worse.get(name, 0) + (real and ratio > 1)
    means = {name: math.exp(sum(map(math.log, own)) / len(own)) for name, own in ratios.items()}
    lines = [
        f"## All {len(outcomes)} files",
        "",
        f"MASE divided by that of {REFERENCE}, as a geometric mean over the files, its range, and on how many files "
        "the difference is more than chance.",
        "",
        f"| cell | MASE / {REFERENCE} | lowest | highest | really better on | really worse on |",
        "|---|---|---|---|---|---|",
    ]
    for name in sorted(means, key=lambda name: means[name]):
        low, high = min(ratios[name]), max(ratios[name])
        lines.append(f"| {name} | {means[name]:.3f} | {low:.3f} | {high:.3f} | {better[name]} | {worse[name]} |")
    return [*lines, ""]


def render(outcomes: Sequence[Outcome]) -> str:
    """All of it as Markdown."""
    lines = [
        "# Recurrent cells side by side",
        "",
        "Made by `benchmarks/compare.py`. ≈: no real difference to the best cell; p lstm: of the difference to the "
        "LSTM; [docs/compare.md](../../docs/compare.md) has the rest. Where rows are cut, the file is a copy with its "
        "header and last rows.",
        "",
        "```sh",
        *(outcome.command for outcome in outcomes),
        "```",
        "",
        *summary(outcomes),
    ]
    for outcome in outcomes:
        lines += section(outcome)
    return "\n".join(lines)


def number(value: float | None, decimals: int) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else f"{value:.{decimals}f}"


if __name__ == "__main__":
    main()
