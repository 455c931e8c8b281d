"""One file, one model: error relative to seasonal naive over the last two windows of well-known single-series files.

The protocol: rows without a value dropped and the first of doubled timestamps kept; the model trains once, on the rows
before the first of the last two windows of the horizon, with default options, and sees fresh history at the second. A
file's figure is its MAE over both windows divided by that of seasonal naive on the same rows; the score is the
geometric mean over the single-series files. Panels are forecast too, their figures pooled over series and listed apart.
Choices are to be made on earlier windows (--back N), not on the last two.

    python benchmarks/single.py FOLDER [--only AirPassengers.csv,AAPL.csv] [--output results.md] [--set model.cell=gru]
    python benchmarks/single.py FOLDER --prior-alone    # nothing is trained: the prior that comes with the package
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecast import Config, Forecaster, Panel, read_panel
from forecast.config import DataConfig
from forecast.panel import Series

Values = NDArray[np.float64]


@dataclass(frozen=True)
class File:
    """A file, the columns to name, the season and horizon in rows, and how many of the last rows to keep (0: all)."""

    name: str
    target: str
    season_length: int
    horizon: int
    rows: int = 0
    time: str | None = None
    ids: tuple[str, ...] = ()


FILES = (
    File("AirPassengers.csv", "#Passengers", 12, 12),
    File("monthly-milk.csv", "Pounds per cow", 12, 12),
    File("ausbeer.csv", "Y", 4, 8),
    File("monthly-sunspots.csv", "Sunspots", 12, 24),
    File("taxi_new_york_passengers.csv", "#Passengers", 48, 48, 4000),
    File("example_wp_log_peyton_manning.csv", "y", 7, 30),
    File("daily-min-temperatures.csv", "Temp", 7, 14),
    File("daily-total-female-births.csv", "Births", 7, 14),
    File("monthly_champagne_sales.csv", "Sales", 12, 12),
    File("AAPL.csv", "Close", 5, 30),
    File("h2o.csv", "x", 12, 12),
    File("vic_electricity.csv", "Demand", 48, 48, 4000, time="Time"),
    File("AEP_hourly.csv", "AEP_MW", 24, 48, 4000),
    File("day.csv", "cnt", 7, 14),
    File("bitcoin.csv", "close", 7, 30),
    File("ETTh1.csv", "OT", 24, 48, 4000),
    File("exchange_rate.csv", "OT", 7, 30),
    File("national_illness.csv", "% WEIGHTED ILI", 52, 24),
    File("nordic_merch_sales.csv", "target", 7, 28, ids=("segment",)),
    File("australia_tourism.csv", "Trips", 4, 8, ids=("Region", "State", "Purpose")),
    File("walmart_mini.csv", "Weekly_Sales", 52, 13, ids=("Store", "Dept")),
)


@dataclass(frozen=True)
class Result:
    """One file's figures: MAE over both windows, ours over seasonal naive's; shares of actuals inside the intervals."""

    file: str
    series: int
    relative_mae: float
    coverage_80: float
    coverage_95: float
    train_seconds: float
    predict_seconds: float
    steps: int


def main() -> None:
    """Measure the files that are asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--only", default="", help="names of files, separated by commas")
    parser.add_argument(
        "--back", type=int, default=0, metavar="N", help="drop the last N windows: figures to develop by"
    )
    parser.add_argument("--output", type=Path, help="write the table here too, and a .csv beside it")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting to try")
    parser.add_argument("--prior-alone", action="store_true", help="train nothing: the prior as it comes")
    options = parser.parse_args()
    wanted = [file for file in FILES if not options.only or file.name in options.only.split(",")]
    results = []
    for file in wanted:
        results.append(measure(file, options.folder, configuration(options.set), options.back, options.prior_alone))
        print(row(results[-1]), flush=True)
    table = render(results, options.set)
    print(table)
    if options.output:
        options.output.write_text(table, encoding="utf-8")
        options.output.with_suffix(".csv").write_text(tidy(results), encoding="utf-8")


def measure(file: File, folder: Path, config: Config, back: int = 0, prior_alone: bool = False) -> Result:
    """Train once before the last two windows, forecast both, and compare with seasonal naive row by row."""
    path = next(folder.rglob(file.name))
    data = DataConfig(time=(file.time,) if file.time else (), target=(file.target,), id=file.ids)
    panel = last_rows(read_panel(path, data), file.rows)
    panel = cut(panel, back * file.horizon) if back else panel
    config = replace(config, model=replace(config.model, horizon=file.horizon))
    begun = time.perf_counter()
    forecaster = (Forecaster.of_prior if prior_alone else Forecaster.fit)(cut(panel, 2 * file.horizon), config)
    trained = time.perf_counter()
    ours, naive, inside_80, inside_95 = (np.concatenate(v) for v in zip(*windows(forecaster, panel, file), strict=True))
    return Result(
        file=file.name,
        series=len(panel),
        relative_mae=float(ours.mean() / naive.mean()),
        coverage_80=float(inside_80.mean()),
        coverage_95=float(inside_95.mean()),
        train_seconds=trained - begun,
        predict_seconds=time.perf_counter() - trained,
        steps=forecaster.steps,
    )


def windows(forecaster: Forecaster, panel: Panel, file: File) -> Iterator[tuple[Values, Values, Values, Values]]:
    """For each window and series: our absolute errors, seasonal naive's, and whether 80 and 95 % intervals held."""
    levels = forecaster.quantile_levels
    for offset in (2 * file.horizon, file.horizon):
        known = cut(panel, offset)
        # Rows are counted, the calendar's steps are forecast: as many as it takes to reach the last row of the window.
        steps = max(reach(s, offset, file.horizon) for s in panel.series if observed(s).size > offset)
        items = {(i.item_id, i.target): i for i in forecaster.adapted(known).predict(known, steps).items}
        for series in known.series:
            whole = next(s for s in panel.series if (s.item_id, s.target) == (series.item_id, series.target))
            at = observed(whole)[-offset:][: file.horizon]
            actual, history = whole.values[at], series.values[~np.isnan(series.values)]
            item = items[series.item_id, series.target]
            quantiles = item.quantiles[np.searchsorted(item.timestamps, whole.timestamps[at])]
            season = history[-file.season_length :]
            naive = season[np.arange(len(at)) % len(season)]

            def inside(low: float, high: float, q: Values = quantiles, a: Values = actual) -> Values:
                return (a >= q[:, levels.index(low)]) & (a <= q[:, levels.index(high)])

            yield (
                np.abs(actual - quantiles[:, levels.index(0.5)]),
                np.abs(actual - naive),
                inside(0.1, 0.9),
                inside(0.025, 0.975),
            )


def observed(series: Series) -> NDArray[np.intp]:
    """The positions of the steps that have a value."""
    return np.flatnonzero(~np.isnan(series.values))


def reach(series: Series, offset: int, horizon: int) -> int:
    """Calendar steps from the last row before the window to the last row of the window."""
    at = observed(series)
    return int(at[-offset:][:horizon][-1] - at[-offset - 1])


def cut(panel: Panel, rows: int) -> Panel:
    """The panel without the last `rows` observed rows of each series that has more."""
    kept = [
        replace(s, timestamps=s.timestamps[: end + 1], values=s.values[: end + 1])
        for s in panel.series
        if observed(s).size > rows
        for end in [observed(s)[-rows - 1]]
    ]
    return replace(panel, series=tuple(kept))


def last_rows(panel: Panel, rows: int) -> Panel:
    """The panel's only series cut to its last observed rows; 0 keeps all."""
    if not rows:
        return panel
    (series,) = panel.series
    first = observed(series)[-rows]
    return replace(panel, series=(replace(series, timestamps=series.timestamps[first:], values=series.values[first:]),))


def configuration(settings: Sequence[str]) -> Config:
    """Defaults, but for `section.key=value` settings."""
    values: dict[str, dict[str, object]] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        section, _, key = name.partition(".")
        values.setdefault(section, {})[key] = number(text)
    return Config.from_dict(values)


def number(text: str) -> object:
    """The value that a setting's text means in TOML, near enough."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)


def row(r: Result) -> str:
    """One line of the table."""
    return (
        f"| {r.file} | {r.series} | {r.relative_mae:.3f} | {r.coverage_80:.0%} | {r.coverage_95:.0%} "
        f"| {r.train_seconds:.1f} | {r.predict_seconds:.2f} | {r.steps} |"
    )


def render(results: Sequence[Result], settings: Sequence[str]) -> str:
    """The Markdown table, with the geometric mean over files of one series."""
    lines = [
        f"Settings: {', '.join(settings) or 'defaults'}; {os.cpu_count()} cores.",
        "",
        "| file | series | MAE / seasonal naive | in 80 % | in 95 % | train s | predict s | steps |",
        "|---|---|---|---|---|---|---|---|",
        *map(row, results),
    ]
    single = [r for r in results if r.series == 1]
    if single:
        mean = np.exp(np.mean([np.log(r.relative_mae) for r in single]))
        better = sum(r.relative_mae < 1 for r in single)
        lines += [
            "",
            f"Geometric mean over {len(single)} single-series files: **{mean:.3f}**, better than seasonal naive on "
            f"{better}; mean coverage {np.mean([r.coverage_80 for r in single]):.1%} of the 80 % and "
            f"{np.mean([r.coverage_95 for r in single]):.1%} of the 95 % intervals; "
            f"{sum(r.train_seconds for r in single):.0f} s of training.",
        ]
    return "\n".join(lines) + "\n"


def tidy(results: Sequence[Result]) -> str:
    """The results as CSV, one line a file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(results[0].__dict__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(r.__dict__ for r in results)
    return text.getvalue()


if __name__ == "__main__":
    main()
