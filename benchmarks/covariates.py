"""Do covariates earn their keep: the error of models that know them, beside that of models that do not.

Each file is trained twice with default options, told its future covariates and not told them, and measured as single.py
does: once before the last two windows of the horizon, with fresh history at the second. Two windows are noisy, so
earlier ones (--back) and several seeds can be asked for; errors are pooled over all of them. What is known ahead is
taken from the file's own rows: weather as it came, not as it was forecast, which is the best that a forecast of it
could do. `--back` counts windows before the last two. The made-up series has a known answer.

    python benchmarks/covariates.py FOLDER [--only day.csv,made-up] [--back 0,2,4] [--seeds 3] [--output table.md]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from single import File, configuration, observed
from single import windows as windows_of

from forecast import Config, Forecaster, Panel, read_panel
from forecast.calendars import Calendar
from forecast.config import DataConfig
from forecast.panel import Columns, Covariate, Series

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A file as in single.py, the covariates known over the horizon, and countries whose holidays are."""

    file: File
    future: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file, and what the model is told: rows of the same file differ in it."""
        told = [*self.future, *(f"holidays {country}" for country in self.holidays)]
        return f"{self.file.name} ({', '.join(told)})"


BIKES = File("day.csv", "cnt", 7, 14, time="dteday")
POWER = File("vic_electricity.csv", "Demand", 48, 48, 4000, time="Time")
SALES = File("walmart_mini.csv", "Weekly_Sales", 52, 13, time="Date", ids=("Store", "Dept"))
CASES = (
    Case(BIKES, ("holiday", "workingday", "weathersit", "temp", "hum", "windspeed")),
    Case(BIKES, ("holiday", "workingday")),
    Case(POWER, ("Temperature", "Holiday")),
    Case(POWER, holidays=("AU-VIC",)),
    Case(SALES, ("IsHoliday",)),
    Case(File("taxi_new_york_passengers.csv", "#Passengers", 48, 48, time="time"), holidays=("US",)),
    Case(File("example_wp_log_peyton_manning.csv", "y", 7, 30, time="ds"), holidays=("US",)),
)

#: The made-up series: what a promotion adds, and how much of yesterday's deviation is left today.
PROMOTION, MEMORY = 5.0, 0.6
MADE_UP = "made-up"


@dataclass(frozen=True)
class Result:
    """Mean absolute errors of one case over all its runs, in the target's units, and in how many runs knowing won."""

    case: str
    runs: int
    told: float
    untold: float
    naive: float
    won: int
    seconds: float


def main() -> None:
    """Measure the cases that are asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--only", default="", help="names of files, or made-up, separated by commas")
    parser.add_argument("--back", default="0", metavar="N,N", help="drop the last N windows; several with commas")
    parser.add_argument("--seeds", type=int, default=1, help="train with the seeds 1 to this")
    parser.add_argument("--output", type=Path, help="write the table here too")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting to try")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else [*(case.file.name for case in CASES), MADE_UP]
    config, backs = configuration(options.set), [int(text) for text in options.back.split(",")]
    results = []
    for case in (case for case in CASES if case.file.name in wanted):
        results.append(measure(case, options.folder, config, backs, options.seeds))
        print(row(results[-1]), flush=True)
    text = render(results, backs, options.seeds) if results else ""
    if MADE_UP in wanted:
        text += "\n" + made_up(config, options.seeds)
    print(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")


def measure(case: Case, folder: Path, config: Config, backs: Sequence[int], seeds: int) -> Result:
    """Train with and without what is known ahead, and pool the errors over the windows, the backs and the seeds."""
    begun = time.perf_counter()
    panel = read(case, folder)
    told, untold, naive, won = [], [], [], 0
    for back in backs:
        for seed in range(1, seeds + 1):
            shorter = panel.drop_last(back * case.file.horizon) if back else panel
            with_, season = errors(shorter, case.file, told_config(config, case, seed))
            without, _ = errors(bare(shorter), case.file, told_config(config, replace(case, holidays=()), seed))
            told.append(with_)
            untold.append(without)
            naive.append(season)
            won += with_.mean() < without.mean()
    means = (float(np.concatenate(parts).mean()) for parts in (told, untold, naive))
    return Result(case.name, len(told), *means, won, time.perf_counter() - begun)


def errors(panel: Panel, file: File, config: Config) -> tuple[Values, Values]:
    """Absolute errors over the last two windows of all series, ours and seasonal naive's."""
    forecaster = Forecaster.fit(panel.drop_last(2 * file.horizon), config)
    ours, naive = [], []
    for mine, season, *_ in windows_of(forecaster, panel, file):
        ours.append(mine)
        naive.append(season)
    return np.concatenate(ours), np.concatenate(naive)


def read(case: Case, folder: Path) -> Panel:
    """The file's panel with its future covariates, cut to the last rows where that is asked for."""
    file = case.file
    data = DataConfig(time=(file.time,) if file.time else (), target=(file.target,), id=file.ids, future=case.future)
    panel = read_panel(next(folder.rglob(file.name)), data)
    return replace(panel, series=tuple(last_rows(s, file.rows) for s in panel.series)) if file.rows else panel


def last_rows(series: Series, rows: int) -> Series:
    """The series from the first of its last observed rows."""
    first = observed(series)[-rows]
    return replace(
        series,
        timestamps=series.timestamps[first:],
        values=series.values[first:],
        covariates=series.covariates[first:],
    )


def bare(panel: Panel) -> Panel:
    """The panel without covariates."""
    plain = tuple(Series(s.item_id, s.target, s.timestamps, s.values) for s in panel.series)
    return replace(panel, series=plain, covariates=())


def told_config(config: Config, case: Case, seed: int) -> Config:
    """The settings for one run."""
    return replace(
        config,
        data=replace(config.data, holidays=case.holidays),
        model=replace(config.model, horizon=case.file.horizon),
        train=replace(config.train, seed=seed),
    )


def made_up(config: Config, seeds: int, steps: int = 700, horizon: int = 14, n_windows: int = 12) -> str:
    """A week's season, promotions, a curve of temperature and AR(1) noise: errors beside the best there could be.

    The oracle knows everything but the noise to come. The effect that a model has learnt is the difference between its
    forecasts with a promotion on every step of the horizon and with none.
    """
    table = []
    for seed in range(1, seeds + 1):
        panel, clean = made_up_panel(seed, steps)
        settings = replace(config, model=replace(config.model, horizon=horizon), train=replace(config.train, seed=seed))
        past = panel.drop_last(n_windows * horizon)
        told, untold = Forecaster.fit(past, settings), Forecaster.fit(bare(past), settings)
        (series,) = panel.series
        found: list[list[float]] = []
        for end in range(steps - n_windows * horizon, steps, horizon):
            known, actual = panel.drop_last(steps - end), series.values[end : end + horizon]
            noise = (series.values - clean)[end - 1] * MEMORY ** np.arange(1, horizon + 1)
            forecasts = (median(told, known), median(untold, bare(known)), clean[end : end + horizon] + noise)
            effect = median(told, promoted(known, 1.0)) - median(told, promoted(known, 0.0))
            found.append([*(float(np.abs(actual - f).mean()) for f in forecasts), float(effect.mean())])
        table.append(np.mean(found, 0))
    lines = [
        f"Made-up series, {n_windows} windows of {horizon} steps after one training; a promotion adds {PROMOTION:g}.",
        "",
        "| seed | MAE told | MAE not told | MAE oracle | effect of a promotion |",
        "|---|---|---|---|---|",
        *(
            f"| {seed} | {told:.3f} | {untold:.3f} | {oracle:.3f} | {effect:.2f} |"
            for seed, (told, untold, oracle, effect) in enumerate(table, 1)
        ),
    ]
    return "\n".join(lines) + "\n"


def made_up_panel(seed: int, steps: int) -> tuple[Panel, Values]:
    """The series with its two future covariates, and its values without noise [T]."""
    random = np.random.default_rng(seed)
    days = np.datetime64("2022-01-03") + np.arange(steps)
    promotion = (random.random(steps) < 0.2).astype(float)
    year = np.arange(steps) / 365.25
    temperature = 12 - 9 * np.cos(2 * np.pi * year) + filtered(random.normal(0, 2, steps), 0.7)
    season = 4 * np.sin(2 * np.pi * np.arange(steps) / 7)
    clean = 50 + season + PROMOTION * promotion + 0.03 * (temperature - 14) ** 2
    values = clean + filtered(random.normal(0, 1, steps), MEMORY)
    series = Series((), "y", days.astype("datetime64[us]"), values, np.column_stack([promotion, temperature]))
    covariates = Covariate("promotion", "future"), Covariate("temperature", "future")
    return Panel((series,), Calendar("D"), Columns("ds", ("y",)), covariates=covariates), clean


def filtered(shocks: Values, memory: float) -> Values:
    """The AR(1) process of the shocks [T]."""
    values = shocks.copy()
    for t in range(1, len(values)):
        values[t] += memory * values[t - 1]
    return values


def promoted(panel: Panel, value: float) -> Panel:
    """The panel with a promotion on every step ahead, or on none."""
    (series,) = panel.series
    rows = series.covariates.copy()
    rows[len(series) :, 0] = value
    return replace(panel, series=(replace(series, covariates=rows),))


def median(forecaster: Forecaster, panel: Panel) -> Values:
    """The median forecast of the panel's only series [H]."""
    (item,) = forecaster.predict(panel).items
    return np.asarray(item.quantiles[:, forecaster.quantile_levels.index(0.5)])


def row(r: Result) -> str:
    """One line of the table."""
    return (
        f"| {r.case} | {r.told:.4g} | {r.untold:.4g} | {r.told / r.untold:.3f} | {r.won} of {r.runs} "
        f"| {r.told / r.naive:.3f} | {r.untold / r.naive:.3f} | {r.seconds:.0f} |"
    )


def render(results: Sequence[Result], backs: Sequence[int], seeds: int) -> str:
    """The Markdown table."""
    return "\n".join(
        [
            f"Two windows each; windows dropped at the end: {', '.join(map(str, backs))}; seeds 1 to {seeds}.",
            "",
            "| file (known ahead) | MAE told | not told | ratio | better in | told / naive | not told / naive | s |",
            "|---|---|---|---|---|---|---|---|",
            *map(row, results),
            "",
        ]
    )


if __name__ == "__main__":
    main()
