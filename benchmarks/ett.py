"""ETTh1, ETTh2 and ETTm1: all seven channels far ahead, by the protocol of the long-horizon literature.

Twelve months of thirty days are for training, four for validation, four for the test. Every window that lies in the
test months counts (the last incomplete batch is not dropped), and errors are of values divided by the standard
deviation of their channel over the training months. "Repeat", the last value before each window, is recomputed first
and must equal the published MSE and MAE (cure-lab/LTSF-Linear, with its last incomplete batch of 32 dropped), or the
run ends.

Our model reads the file as a panel of seven series. For each horizon one is trained, with default options, on the
sixteen months before the test: it holds out its own windows from them and trains again on everything. Literature fits
its weights on twelve months and looks at the four after them only for stopping; `--months 12` keeps those away from
ours altogether. A forecast sees the last 5,000 rows before its window, and its median is what is scored.

    python benchmarks/ett.py FOLDER [--only ETTh1,ETTh2] [--horizons 96,192] [--back 1] [--every 24]
    python benchmarks/ett.py FOLDER --prior-alone    # nothing is trained: the prior that comes with the package
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from competition import RESULTS, check_published
from numpy.typing import NDArray
from records import Record, append_record, code_digest, find_record, markdown, read_records
from single import configuration

from forecast import Config, Forecaster, Panel, read_panel
from forecast.config import DataConfig
from forecast.panel import Series

Values = NDArray[np.float64]

CHANNELS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
#: Rows a day of each file.
SETS = {"ETTh1": 24, "ETTh2": 24, "ETTm1": 96}
HORIZONS = (96, 192, 336, 720)
_TRAINING, _VALIDATION, _TEST = 12, 4, 4
#: MSE and MAE of Repeat at the four horizons, with the last incomplete batch of _DROPPED windows dropped.
PUBLISHED = {
    "ETTh1": ((1.295, 0.713), (1.325, 0.733), (1.323, 0.744), (1.339, 0.756)),
    "ETTh2": ((0.432, 0.422), (0.534, 0.473), (0.591, 0.508), (0.588, 0.517)),
    "ETTm1": ((1.214, 0.665), (1.261, 0.690), (1.283, 0.707), (1.319, 0.729)),
}
_DROPPED = 32
#: MSE and MAE of SegRNN with 720 steps of context (its paper, Table II), and of xLSTM-Mixer over the four horizons.
SEGRNN = {
    "ETTh1": ((0.351, 0.392), (0.392, 0.414), (0.423, 0.433), (0.466, 0.472)),
    "ETTh2": ((0.276, 0.335), (0.341, 0.389), (0.364, 0.403), (0.403, 0.448)),
    "ETTm1": ((0.293, 0.354), (0.328, 0.378), (0.357, 0.399), (0.410, 0.430)),
}
XLSTM_MIXER = {"ETTh1": (0.397, 0.420), "ETTh2": (0.340, 0.382), "ETTm1": (0.339, 0.366)}
#: Rows before a window that a forecast sees, and rows of all histories that are forecast at once, at most.
_SEEN, _AT_ONCE = 5_000, 4_000_000

COLUMNS = {
    "set": "set",
    "horizon": "horizon",
    "method": "method",
    "windows": "windows",
    "MSE": "mse:.3f",
    "MAE": "mae:.3f",
    "in 80 %": "coverage_80:.1%",
    "in 95 %": "coverage_95:.1%",
    "train s": "train_seconds:.1f",
    "predict s": "predict_seconds:.1f",
    "steps": "steps",
}


@dataclass(frozen=True)
class Split:
    """Rows of a file: those before `start` are known to training, windows lie in start … stop."""

    start: int
    stop: int

    def cutoffs(self, horizon: int, every: int = 1) -> NDArray[np.intp]:
        """The row at which each window begins: every one whose last row lies before `stop`."""
        return np.arange(self.start, self.stop - horizon + 1, every)


def main() -> None:
    """Prove the protocol, measure every set at every horizon and print the table."""
    options = _options()
    rows: list[dict[str, object]] = []
    for name in options.only.split(","):
        panel = read_panel(next(options.folder.rglob(f"{name}.csv")), DataConfig(time=("date",), target=CHANNELS))
        scaled, official = standardised(panel, SETS[name]), split(SETS[name])
        prove(name, scaled, official)
        ours = []
        for horizon in options.horizons:
            part = split(SETS[name], options.back)
            repeated = scores_of_repeat(scaled, part.cutoffs(horizon, options.every), horizon)
            at = {"set": name, "horizon": horizon}
            rows.append({**at, "method": "Repeat", **repeated})
            if not options.developing and horizon in HORIZONS:
                mse, mae = SEGRNN[name][HORIZONS.index(horizon)]
                rows.append({**at, "method": "SegRNN, context 720 (published)", "mse": mse, "mae": mae})
            if not options.no_model:
                ours.append(model_record(name, panel, part, horizon, options))
                rows.append({**ours[-1], "method": f"**{options.method}**"})
        if len(ours) == len(HORIZONS):
            rows += mean_rows(name, ours, options.method)
    proof = "Repeat on the official windows, last batch dropped, equals the published figures to three places."
    back = f"{options.back} times four months before the official test: not comparable. " if options.back else ""
    settings = f"Settings: {' '.join(options.set) or 'defaults'}; {os.cpu_count()} cores. {back}"
    table = "\n".join([settings.rstrip(), "", markdown(rows, COLUMNS), proof, ""])
    print(table)
    if not (options.developing or options.no_model):
        name = f"{options.output.stem}-prior.md" if options.prior_alone else f"{options.output.stem}.md"
        options.output.with_name(name).write_text(table, encoding="utf-8")


def split(rows_a_day: int, back: int = 0) -> Split:
    """The test months, or those `back` times four months earlier."""
    month = 30 * rows_a_day
    start = (_TRAINING + _VALIDATION - _TEST * back) * month
    return Split(start, start + _TEST * month)


def standardised(panel: Panel, rows_a_day: int) -> Values:
    """Values [T, channels] in standard deviations of the training months from their mean."""
    values = np.stack([series.values for series in panel.series], axis=1)
    center = values[: _TRAINING * 30 * rows_a_day].mean(0)
    return np.asarray((values - center) / scale(values, rows_a_day))


def scale(values: Values, rows_a_day: int) -> Values:
    """The standard deviation of each channel over the training months."""
    return np.asarray(values[: _TRAINING * 30 * rows_a_day].std(0))


def scores_of_repeat(scaled: Values, cutoffs: NDArray[np.intp], horizon: int) -> dict[str, float]:
    """MSE and MAE of the last value before each window; scaled [T, channels]."""
    squared = absolute = 0.0
    for cutoff in cutoffs:
        error = scaled[cutoff : cutoff + horizon] - scaled[cutoff - 1]
        squared, absolute = squared + (error**2).mean(), absolute + np.abs(error).mean()
    return {"windows": len(cutoffs), "mse": squared / len(cutoffs), "mae": absolute / len(cutoffs)}


def prove(name: str, scaled: Values, official: Split) -> None:
    """Exits unless Repeat is as published, at every horizon."""
    for horizon, (mse, mae) in zip(HORIZONS, PUBLISHED[name], strict=True):
        cutoffs = official.cutoffs(horizon)
        found = scores_of_repeat(scaled, cutoffs[: len(cutoffs) // _DROPPED * _DROPPED], horizon)
        check_published(f"MSE of Repeat on {name}, {horizon} steps", found["mse"], mse, 3)
        check_published(f"MAE of Repeat on {name}, {horizon} steps", found["mae"], mae, 3)


def model_record(name: str, panel: Panel, part: Split, horizon: int, options: argparse.Namespace) -> Record:
    """Our model's row for a set and horizon: found in the CSV, or measured and added to it."""
    key = {
        "set": name,
        "horizon": horizon,
        "method": options.method,
        "settings": " ".join(options.set),
        "back": options.back,
        "months": options.months or "",
        "every": options.every,
        "code": code_digest(),
    }
    if not options.again and (found := find_record(read_records(options.output), key)):
        return found
    known = min(part.start, (options.months or 1_000) * 30 * SETS[name])
    config = configuration(options.set)
    begun = time.perf_counter()
    forecaster = fit(first_rows(panel, known), config, horizon, options.prior_alone)
    trained = time.perf_counter()
    figures = scores(forecaster, panel, part.cutoffs(horizon, options.every), SETS[name])
    times = {"train_seconds": trained - begun, "predict_seconds": time.perf_counter() - trained}
    more = {"steps": forecaster.steps, "cores": os.cpu_count()}
    record = append_record(options.output, {**key, **figures, **times, **more})
    print(f"{name} {horizon}: MSE {figures['mse']:.3f}, MAE {figures['mae']:.3f}", flush=True)
    return record


def fit(panel: Panel, config: Config, horizon: int, prior_alone: bool = False) -> Forecaster:
    """A Forecaster for a horizon: trained, or the prior as it comes."""
    config = replace(config, model=replace(config.model, horizon=horizon))
    return (Forecaster.of_prior if prior_alone else Forecaster.fit)(panel, config)


def scores(forecaster: Forecaster, panel: Panel, cutoffs: NDArray[np.intp], rows_a_day: int) -> dict[str, float]:
    """MSE and MAE of the medians over all windows and channels, and the shares inside the intervals."""
    horizon, levels = forecaster.architecture.horizon, forecaster.quantile_levels
    values = np.stack([series.values for series in panel.series], axis=1)
    unit = scale(values, rows_a_day)
    low_95, low_80, middle, high_80, high_95 = (levels.index(level) for level in (0.025, 0.1, 0.5, 0.9, 0.975))
    sums = np.zeros(4)
    for some in parts(cutoffs, len(panel)):
        histories = [window for cutoff in some for window in seen_at(panel, int(cutoff))]
        forecast = forecaster.predict(replace(panel, series=tuple(histories)), horizon)
        quantiles = np.stack([item.quantiles for item in forecast.items]).reshape(len(some), len(panel), horizon, -1)
        actual = np.stack([values[cutoff : cutoff + horizon].T for cutoff in some])  # [windows, channels, H]
        error = (actual - quantiles[..., middle]) / unit[:, None]
        inside_80 = (quantiles[..., low_80] <= actual) & (actual <= quantiles[..., high_80])
        inside_95 = (quantiles[..., low_95] <= actual) & (actual <= quantiles[..., high_95])
        sums += len(some) * np.array([(error**2).mean(), np.abs(error).mean(), inside_80.mean(), inside_95.mean()])
    means = (sums / len(cutoffs)).tolist()
    return {"windows": len(cutoffs), **dict(zip(("mse", "mae", "coverage_80", "coverage_95"), means, strict=True))}


def parts(cutoffs: NDArray[np.intp], channels: int) -> Iterator[NDArray[np.intp]]:
    """The cutoffs in parts that are forecast at once: memory does not grow with their number."""
    yield from np.array_split(cutoffs, -(-len(cutoffs) * channels * _SEEN // _AT_ONCE))


def seen_at(panel: Panel, cutoff: int) -> list[Series]:
    """The rows of every channel that a forecast sees: the last _SEEN before the cutoff."""
    at = slice(max(0, cutoff - _SEEN), cutoff)
    return [replace(s, timestamps=s.timestamps[at], values=s.values[at]) for s in panel.series]


def first_rows(panel: Panel, rows: int) -> Panel:
    """The panel as it was when it had so many rows."""
    series = [replace(s, timestamps=s.timestamps[:rows], values=s.values[:rows]) for s in panel.series]
    return replace(panel, series=tuple(series))


def mean_rows(name: str, ours: Sequence[Record], method: str) -> list[dict[str, object]]:
    """What the literature compares: the means over the four horizons."""
    at = {"set": name, "horizon": "mean"}

    def mean(figure: str) -> float:
        return float(np.mean([float(record[figure]) for record in ours]))

    segrnn = np.mean(SEGRNN[name], axis=0)
    mixer = XLSTM_MIXER[name]
    return [
        {**at, "method": "SegRNN, context 720 (published)", "mse": segrnn[0], "mae": segrnn[1]},
        {**at, "method": "xLSTM-Mixer, context tuned (published)", "mse": mixer[0], "mae": mixer[1]},
        {**at, "method": f"**{method}**", **{f: mean(f) for f in ("mse", "mae", "coverage_80", "coverage_95")}},
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--only", default=",".join(SETS), help="sets, separated by commas (default: %(default)s)")
    parser.add_argument("--horizons", default=",".join(map(str, HORIZONS)), help="steps (default: %(default)s)")
    parser.add_argument(
        "--back", type=int, default=0, metavar="N", help="measure 4N months earlier (1: validation): to develop by"
    )
    parser.add_argument("--months", type=int, metavar="N", help="train on the first N months only")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth window")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting to try")
    parser.add_argument("--prior-alone", action="store_true", help="train nothing: the prior as it comes")
    parser.add_argument("--no-model", action="store_true", help="only Repeat, and whether it is as published")
    parser.add_argument("--again", action="store_true", help="measure again what is in the CSV already")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.csv",
        help="the CSV to continue, with a .md beside it (default: results/ett.csv, or results/cache/ett.csv with "
        "--back, --months, --every or --set)",
    )
    options = parser.parse_args()
    if unknown := [name for name in options.only.split(",") if name not in SETS]:
        raise SystemExit(f"unknown set {unknown[0]!r}; known: {', '.join(SETS)}")
    if not 0 <= options.back <= 3:
        raise SystemExit("--back reaches from 0 to 3: before that there is nothing to train on")
    options.method = "prior alone" if options.prior_alone else "forecast"
    options.horizons = [int(horizon) for horizon in options.horizons.split(",")]
    options.developing = bool(options.back or options.months or options.every > 1 or options.set)
    options.output = options.output or RESULTS / ("cache" if options.developing else "") / "ett.csv"
    return options


if __name__ == "__main__":
    main()
