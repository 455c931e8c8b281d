"""What each part of the calibration is worth: coverage and interval score of variants, on windows after training.

The files are those of single.py. Of each, the last two windows stay unseen: they are for single.py to judge by. A model
is trained once, with default options, on the rows before the N windows that precede them, and forecasts at N cutoffs a
horizon apart, with the intervals of each variant. Scores are relative to those of one factor for all lead times, which
is what version 0.1.0 had, as geometric means over files.

    python benchmarks/calibration.py FOLDER [--windows 4] [--only AAPL.csv,ausbeer.csv] [--output calibration.md]
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

# The folder of this program is where Python looks for modules when it is run as a file.
from single import FILES, File, Values, cut, last_rows

from forecast import Config, Forecaster, Panel, calibration, fitting, read_panel
from forecast.calibration import Factors, fit_factors, reaches, unchanged
from forecast.config import DataConfig
from forecast.errors import DataError

#: Trained horizons that are forecast at once, to see what intervals hold past the first.
BLOCKS = 3
FORMER = "one factor for all lead times (0.1.0)"
#: Parts of the calibration that are left out, as constants of `forecast.calibration` that turn them off.
WITHOUT = {
    "without Student's t": {"_KNOWN_FREEDOM": 1e12},
    "without growth with the lead": {"_USUAL_GROWTH": 0.0, "_GROWTH_WINDOWS": 1e12},
    "without factors of a lead's or a side's own": {"_SHAPE_WINDOWS": 1e12},
    "shrunk to 1 instead of the usual factor": {"_USUAL_FACTOR": 1.0},
}


@dataclass(frozen=True)
class HeldOut:
    """What `fit_factors` was given: quantiles [N, H, Q], actual [N, H], and how many windows count as independent."""

    quantiles: Values
    actual: Values
    levels: tuple[float, ...]
    independent: float


@dataclass(frozen=True)
class Result:
    """One file under one variant: coverage in all, at the first and the last quarter of leads; scores in units."""

    covered_80: float
    covered_95: float
    early_80: float
    late_80: float
    interval_80: float
    interval_95: float
    quantile_loss: float


Shares = dict[str, list[tuple[float, float]]]


def main() -> None:
    """Measure the files that are asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--windows", type=int, default=4, metavar="N", help="windows after training")
    parser.add_argument("--only", default="", help="names of files, separated by commas; else those of one series")
    parser.add_argument("--output", type=Path, help="write the table here too")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [file.name for file in FILES if not file.ids]
    results: dict[str, dict[str, Result]] = {}
    beyond: Shares = {}
    for file in (file for file in FILES if file.name in names):
        try:
            found, beyond[file.name] = measure(file, options.folder, options.windows)
            for variant, result in found.items():
                results.setdefault(variant, {})[file.name] = result
            print(f"{file.name} measured", file=sys.stderr, flush=True)
        except DataError as error:
            print(f"{file.name} left out: {error.message}", file=sys.stderr, flush=True)
    table = render(results, options.windows) + render_beyond(beyond)
    print(table)
    if options.output:
        options.output.write_text(table, encoding="utf-8")


def measure(file: File, folder: Path, n_windows: int) -> tuple[dict[str, Result], list[tuple[float, float]]]:
    """The result of every variant on one file, and what 80 and 95 % intervals held in each block as shipped."""
    data = DataConfig(time=(file.time,) if file.time else (), target=(file.target,), id=file.ids)
    panel = cut(last_rows(read_panel(next(folder.rglob(file.name)), data), file.rows), 2 * file.horizon)
    known = cut(panel, n_windows * file.horizon)
    config = Config()
    calls: list[HeldOut] = []

    def noting(quantiles: Values, actual: Values, levels: Sequence[float], independent: float) -> Factors:
        calls.append(HeldOut(quantiles, actual, tuple(levels), independent))
        return fit_factors(quantiles, actual, levels, independent)

    with patch.object(fitting, "fit_factors", noting):
        forecaster = Forecaster.fit(known, replace(config, model=replace(config.model, horizon=file.horizon)))
    held_out = calls[-1]  # that of the factors the model keeps
    found = {
        name: judged(replace(forecaster, factors=factors), panel, known, n_windows, adapt=name.endswith("adapted"))
        for name, factors in variants(held_out, forecaster.factors, len(known)).items()
    }
    return found, by_block(forecaster, panel, known, n_windows)


def variants(held_out: HeldOut, shipped: Factors, n_series: int) -> dict[str, Factors]:
    """The factors of each variant, from the same held-out forecasts."""
    arguments = held_out.quantiles, held_out.actual, held_out.levels
    found = {
        FORMER: one_factor(held_out, n_series),
        "none": unchanged(held_out.levels),
        "what the held-out windows need, unshrunk": fit_factors(*arguments, 1e12),
    }
    for name, constants in WITHOUT.items():
        with patch.multiple(calibration, **constants):
            found[name] = fit_factors(*arguments, held_out.independent)
    return {**found, "as shipped": shipped, "as shipped, adapted": shipped}


def one_factor(held_out: HeldOut, n_series: int) -> Factors:
    """One factor per interval from all residuals alike, halfway to 1 at four windows, every series counted in full."""
    reach = reaches(held_out.quantiles, held_out.actual, held_out.levels)
    reach = reach[~np.isnan(reach[..., 0])]
    independent = held_out.independent * math.sqrt(n_series)
    trust = independent / (independent + 4)
    factors = []
    for scores, coverage in zip(reach.T, calibration.intervals(held_out.levels), strict=True):
        rank = min(math.ceil((len(scores) + 1) * coverage), len(scores))
        factors.append(min(max(float(np.sort(scores)[rank - 1]), 0.5), 4.0) ** trust)
    return Factors((1,), ((*reversed(factors), 1.0, *factors),))


def judged(forecaster: Forecaster, panel: Panel, known: Panel, n_windows: int, *, adapt: bool) -> Result:
    """How the intervals did at all cutoffs; adapted, each cutoff knows how those before it did."""
    horizon, levels = forecaster.architecture.horizon, list(forecaster.quantile_levels)
    quantiles, actual = forecasts(forecaster, panel, known, range(n_windows), horizon, adapt=adapt)
    observed = ~np.isnan(actual)
    y, q = actual[observed], quantiles[observed]
    lead = np.broadcast_to(np.arange(horizon), actual.shape)[observed]

    def interval(low: float, high: float) -> tuple[Values, float]:
        bottom, top = q[:, levels.index(low)], q[:, levels.index(high)]
        missed = np.maximum(bottom - y, 0) + np.maximum(y - top, 0)
        return (missed == 0).astype(float), float((top - bottom + 2 / (1 - high + low) * missed).mean())

    (in_80, score_80), (in_95, score_95) = interval(0.1, 0.9), interval(0.025, 0.975)
    error, share = y[:, None] - q, np.array(levels)
    return Result(
        covered_80=float(in_80.mean()),
        covered_95=float(in_95.mean()),
        early_80=float(in_80[lead < horizon / 4].mean()),
        late_80=float(in_80[lead >= 3 * horizon / 4].mean()),
        interval_80=score_80,
        interval_95=score_95,
        quantile_loss=float(np.maximum(share * error, (share - 1) * error).mean()),
    )


def by_block(forecaster: Forecaster, panel: Panel, known: Panel, n_windows: int) -> list[tuple[float, float]]:
    """The shares inside the 80 and 95 % intervals in each of the BLOCKS trained horizons of one long forecast."""
    horizon, levels = forecaster.architecture.horizon, list(forecaster.quantile_levels)
    whole = range(n_windows - BLOCKS + 1)
    if not whole:
        return []
    quantiles, actual = forecasts(forecaster, panel, known, whole, BLOCKS * horizon, adapt=False)
    shares = []
    for block in range(BLOCKS):
        steps = slice(block * horizon, (block + 1) * horizon)
        y, q = actual[:, steps], quantiles[:, steps]
        ends = [(levels.index(low), levels.index(high)) for low, high in ((0.1, 0.9), (0.025, 0.975))]
        in_80, in_95 = (((y >= q[..., a]) & (y <= q[..., b]))[~np.isnan(y)].mean() for a, b in ends)
        shares.append((float(in_80), float(in_95)))
    return shares


def forecasts(
    forecaster: Forecaster, panel: Panel, known: Panel, numbers: Sequence[int], steps: int, *, adapt: bool
) -> tuple[Values, Values]:
    """Quantiles [N, steps, Q] and what happened [N, steps] at cutoffs so many trained horizons after training."""
    horizon = forecaster.architecture.horizon
    before = {(s.item_id, s.target): len(s) for s in known.series}
    found, outcomes = [], []
    for number in numbers:
        trained = [s for s in panel.series if (s.item_id, s.target) in before]
        there = [(s, before[s.item_id, s.target] + number * horizon) for s in trained]
        there = [(s, c) for s, c in there if not np.isnan(s.values[c : c + horizon]).all()]
        histories = tuple(replace(s, timestamps=s.timestamps[:c], values=s.values[:c]) for s, c in there)
        if not histories:
            continue
        seen = replace(panel, series=histories)
        answering = forecaster.adapted(seen) if adapt else forecaster
        for item, (s, c) in zip(answering.predict(seen, steps).items, there, strict=True):
            outcome = s.values[c : c + steps]
            found.append(item.quantiles)
            outcomes.append(np.r_[outcome, np.full(steps - len(outcome), np.nan)])
    return np.stack(found), np.stack(outcomes)


def render_beyond(beyond: Shares) -> str:
    """The Markdown table of what intervals hold past the trained horizon; nothing where no file is long enough."""
    known = [shares for shares in beyond.values() if shares]
    if not known:
        return ""
    lines = ["", "| steps ahead, in trained horizons | in 80 % | in 95 % |", "|---|---|---|"]
    for block in range(BLOCKS):
        in_80, in_95 = np.nanmean([shares[block] for shares in known], axis=0)
        lines.append(f"| {block} to {block + 1} | {in_80:.1%} | {in_95:.1%} |")
    return "\n".join(lines) + "\n"


def render(results: dict[str, dict[str, Result]], n_windows: int) -> str:
    """The Markdown table, one line a variant, and one line a file for what is shipped."""
    files = list(results[FORMER])
    lines = [
        f"{len(files)} files, {n_windows} windows each.",
        "",
        "| calibration | in 80 % | first quarter of leads | last quarter | in 95 % | files below 65 / 85 % "
        "| interval score 80 | 95 | quantile loss |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, by_file in results.items():
        found = list(by_file.values())
        below = f"{sum(r.covered_80 < 0.65 for r in found)} / {sum(r.covered_95 < 0.85 for r in found)}"
        means = [
            np.mean([getattr(r, key) for r in found]) for key in ("covered_80", "early_80", "late_80", "covered_95")
        ]
        scores = [
            np.exp(np.mean([np.log(getattr(r, key) / getattr(results[FORMER][f], key)) for f, r in by_file.items()]))
            for key in ("interval_80", "interval_95", "quantile_loss")
        ]
        cells = [*(f"{mean:.1%}" for mean in means), below, *(f"{score:.3f}" for score in scores)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| file | 0.1.0: in 80 % | in 95 % | as shipped | | adapted | |", "|---|---|---|---|---|---|---|"]
    for file in files:
        shown = [results[name][file] for name in (FORMER, "as shipped", "as shipped, adapted")]
        cells = [f"{share:.0%}" for r in shown for share in (r.covered_80, r.covered_95)]
        lines.append(f"| {file} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
