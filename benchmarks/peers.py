"""Our model beside neuralforecast, darts and statsforecast: the same files, cutoffs, machine and run.

The protocol is that of single.py: a file's figure is the MAE over its last two windows divided by that of seasonal
naive. Ours and the neural peers train once, before the first window, and see fresh history at the second; the
statistical ones are fitted again. All have their defaults. The peers live in an environment of their own, which
`make bench-peers` creates; one process there answers for them, so that nobody's time has the start of Python in it.
Methods take turns on each file. Peers get values without times, missing rows left out: positions count as steps. The
statistical figures are to be those of benchmarks/README.md.

    make bench-peers DATA=FOLDER
    python benchmarks/peers.py FOLDER [--only AAPL.csv,h2o.csv] [--methods AutoETS,MSTL] [--back N]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from competition import RESULTS
from numpy.typing import NDArray
from records import Record, append_record, code_digest, find_record, markdown, read_records
from single import FILES, File, configuration, cut, last_rows, measure, observed

from forecast import read_panel
from forecast.config import DataConfig

Values = NDArray[np.float64]

ROOT = Path(__file__).parent.parent
OURS = "forecast"
METHODS = ("AutoETS", "AutoTheta", "MSTL", "neuralforecast LSTM", "darts BlockRNN", "darts RNN")
#: Libraries whose first call compiles, which is not the model's time.
_COMPILED = ("AutoETS", "AutoTheta", "MSTL")
_COLUMNS = ("relative_mae", "coverage_80", "coverage_95", "train_seconds", "predict_seconds")


class Worker:
    """A process in the environment of the peers."""

    def __init__(self, python: Path) -> None:
        if not python.exists():
            raise SystemExit(f"{python} does not exist: make bench-peers DATA=folder creates the environment")
        command = [str(python), str(Path(__file__).with_name("peer_worker.py"))]
        log = RESULTS / "cache" / "peers.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("w"), text=True, cwd=log.parent
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request. Exits when the process is gone."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the process of the peers ended: see benchmarks/results/cache/peers.log")
        return dict(json.loads(answer))


def main() -> None:
    """Measure every method on every file, in turns, and print the tables."""
    options = _options()
    methods = options.methods.split(",")
    worker = Worker(options.python)
    versions = worker.ask(method="versions")
    for method in methods:
        if method in _COMPILED:
            values = [float(i % 4 + i) for i in range(40)]
            worker.ask(method=method, season_length=4, horizon=4, training=values, histories=[values])
    records = []
    for file in [f for f in FILES if not f.ids and (not options.only or f.name in options.only.split(","))]:
        records.append(our_record(file, options))
        print(_line(records[-1]), flush=True)
        for method in methods:
            records.append(peer_record(file, method, versions[method], worker, options))
            print(_line(records[-1]), flush=True)
    table = render(records, [OURS, *methods])
    print(table)
    if not options.developing:
        options.output.with_suffix(".md").write_text(table, encoding="utf-8")


def our_record(file: File, options: argparse.Namespace) -> Record:
    """Our row for a file: found in the CSV, or measured and added to it."""
    key = _key(file, OURS, code_digest(), options)
    if not options.again and (found := find_record(read_records(options.output), key)):
        return found
    result = measure(file, options.folder, configuration(options.set), options.back)
    figures = {name: getattr(result, name) for name in _COLUMNS}
    return append_record(options.output, {**key, **figures, "cores": os.cpu_count(), "error": ""})


def peer_record(file: File, method: str, version: str, worker: Worker, options: argparse.Namespace) -> Record:
    """A peer's row for a file: found in the CSV, or measured and added to it."""
    key = _key(file, method, version, options)
    if not options.again and (found := find_record(read_records(options.output), key)):
        return found
    values = values_of(file, options.folder, options.back)
    histories, actual, naive = windows(values, file.season_length, file.horizon)
    answer = worker.ask(
        method=method,
        season_length=file.season_length,
        horizon=file.horizon,
        training=histories[0].tolist(),
        histories=[history.tolist() for history in histories],
    )
    figures: dict[str, object] = dict.fromkeys(_COLUMNS, "")
    if "error" not in answer:
        error = np.abs(np.array(answer["forecasts"]) - actual).mean()
        figures["relative_mae"] = float(error / np.abs(naive - actual).mean())
        figures |= {name: answer[name] for name in ("train_seconds", "predict_seconds")}
    more = {"cores": os.cpu_count(), "error": answer.get("error", "")}
    return append_record(options.output, {**key, **figures, **more})


def values_of(file: File, folder: Path, back: int) -> Values:
    """The observed values of a file, without its last `back` horizons."""
    data = DataConfig(time=(file.time,) if file.time else (), target=(file.target,))
    panel = last_rows(read_panel(next(folder.rglob(file.name)), data), file.rows)
    (series,) = (cut(panel, back * file.horizon) if back else panel).series
    return np.asarray(series.values[observed(series)])


def windows(values: Values, season_length: int, horizon: int) -> tuple[list[Values], Values, Values]:
    """Histories up to the last two cutoffs, what came after each [2, H], and seasonal naive forecasts of it [2, H]."""
    cutoffs = [len(values) - 2 * horizon, len(values) - horizon]
    histories = [values[:cutoff] for cutoff in cutoffs]
    actual = np.stack([values[cutoff : cutoff + horizon] for cutoff in cutoffs])
    return histories, actual, np.stack([np.resize(history[-season_length:], horizon) for history in histories])


def render(records: Sequence[Record], methods: Sequence[str]) -> str:
    """The table of errors, that of seconds, and what they come to."""
    figures = {(r["file"], r["method"]): r for r in records}
    files = list(dict.fromkeys(r["file"] for r in records))

    def rows(figure: str) -> list[dict[str, object]]:
        return [{"file": f, **{m: figures[f, m][figure] for m in methods}} for f in files]

    def column(method: str, figure: str) -> list[float]:
        return [_number(figures[file, method][figure]) for file in files]

    mean: dict[str, object] = {"file": "**geometric mean**"}
    total: dict[str, object] = {"file": "**sum**"}
    for method in methods:
        mean[method] = float(np.exp(np.nanmean(np.log(column(method, "relative_mae")))))
        total[method] = float(np.nansum(column(method, "train_seconds")))
    comparisons = [comparison(method, column, len(files)) for method in methods if method != OURS]
    return "\n".join(
        [
            f"MAE relative to seasonal naive; {os.cpu_count()} cores.",
            "",
            markdown([*rows("relative_mae"), mean], {"file": "file", **{m: f"{m}:.3f" for m in methods}}),
            "Seconds of training; statistical methods: fitted and forecast at both cutoffs.",
            "",
            markdown([*rows("train_seconds"), total], {"file": "file", **{m: f"{m}:.1f" for m in methods}}),
            *comparisons,
            "",
            *[f"{r['method']} failed on {r['file']}: {r['error']}" for r in records if r["error"]],
        ]
    )


def comparison(method: str, column: Any, n_files: int) -> str:
    """A sentence: on how many files our error is lower than a method's, and how long we train by comparison."""
    ours, theirs = np.array(column(OURS, "relative_mae")), np.array(column(method, "relative_mae"))
    seconds, their_seconds = np.array(column(OURS, "train_seconds")), np.array(column(method, "train_seconds"))
    # A method that failed on a file has not beaten anyone there.
    lower = int((~(theirs <= ours)).sum())
    ratio = float(np.nansum(np.where(np.isnan(their_seconds), np.nan, seconds)) / np.nansum(their_seconds))
    faster = int((seconds <= their_seconds / 10).sum())
    return (
        f"- {method}: our error is lower on {lower} of {n_files} files ({lower / n_files:.0%}); all our training takes "
        f"{ratio:.2f} of its time, and at most a tenth on {faster} files."
    )


def _key(file: File, method: str, code: str, options: argparse.Namespace) -> dict[str, object]:
    settings = " ".join(options.set) if method == OURS else ""
    return {"file": file.name, "method": method, "settings": settings, "back": options.back, "code": code}


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _line(record: Record) -> str:
    if record["error"]:
        return f"{record['file']}: {record['method']} failed: {record['error']}"
    relative, seconds = float(record["relative_mae"]), float(record["train_seconds"])
    return f"{record['file']}: {record['method']} {relative:.3f}, {seconds:.1f} s"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--only", default="", help="names of files, separated by commas")
    parser.add_argument("--methods", default=",".join(METHODS), help="peers, separated by commas (default: all)")
    parser.add_argument("--back", type=int, default=0, metavar="N", help="drop the last N windows first")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting of ours")
    parser.add_argument("--again", action="store_true", help="measure again what is in the CSV already")
    python = ROOT / ".venv-peers" / "bin" / "python"
    parser.add_argument("--python", type=Path, default=python, help="that of the peers' environment")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.csv",
        help="the CSV to continue, with a .md beside it (default: results/peers.csv, or results/cache/peers.csv with "
        "--only, --methods, --back or --set)",
    )
    options = parser.parse_args()
    if unknown := [name for name in options.methods.split(",") if name not in METHODS]:
        raise SystemExit(f"unknown method {unknown[0]!r}; known: {', '.join(METHODS)}")
    options.developing = bool(options.only or options.back or options.set or options.methods != ",".join(METHODS))
    options.output = options.output or RESULTS / ("cache" if options.developing else "") / "peers.csv"
    return options


if __name__ == "__main__":
    main()
