"""compare(): cells side by side on one panel, under terms that are the same for all: only cell and seed differ.

Every network is a single one, so that the spread over seeds says how much of a figure is the luck of initial weights.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast.backtesting import fit_before, forecast_windows, held_out, horizon_and_season, table_of
from forecast.baselines import forecast_histories
from forecast.config import QUANTILE_LEVELS, Config
from forecast.errors import ConfigError, DataError, ForecastError, OutputError
from forecast.evaluation import mean_where_defined, measure
from forecast.leaderboard import SIGNIFICANT, HeldOut, listed, p_values, too_few
from forecast.panel import Panel
from forecast.planning import Plan, plan
from forecast.rolling import Rolling, Window, default_windows, windows_of
from forecast.significance import holm, welch_p_value
from forecast.training import computing, load_optimiser, pick_device
from forecast.trials import decided, tried
from forecast.workers import Lost, results

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]

#: What stands beside the cells; skill is measured against the last one.
NAIVE, SEASONAL_NAIVE = "naive", "seasonal naive"
#: Columns that the table of forecasts may have besides the user's own.
ADDED = ("target", "cutoff", "cell", "seed", "actual", "forecast", *(f"q_{level:g}" for level in QUANTILE_LEVELS))
_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Terms:
    """What is the same for all: the data, the windows to forecast, and one plan in which everything is decided.

    The plan is for what lies before the first cutoff and has one network; its cell is the reference. notes are
    sentences on windows that were left out.
    """

    panel: Panel
    rolling: Rolling
    windows: tuple[Window, ...]
    season_length: int
    plan: Plan
    notes: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The cell that the others are measured against besides the best."""
        return self.plan.config.model.cell

    @property
    def held_out(self) -> HeldOut:
        """The windows as the leaderboard takes them."""
        return held_out(self.panel, self.rolling, self.windows)


#: The arguments of one training: cell, seed, seconds that it may take, and the process that waits for it.
Task = tuple[Terms, str, int, "float | None", int]


@dataclass(frozen=True)
class Run:
    """One network: a cell that was trained from a seed, and its quantiles [N, H, Q] of the windows.

    steps is how many the validation windows asked for, weights how many the network has, seconds what its training
    took of the processor. cut_off says that the clock ended it. Where error is there, nothing else is.
    """

    cell: str
    seed: int
    quantiles: Values | None = None
    steps: int = 0
    weights: int = 0
    seconds: float = 0.0
    cut_off: bool = False
    error: ForecastError | None = None


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard: a cell, or a baseline, whose seeds is 0. What is undefined is NaN.

    metrics are means over windows and seeds; scores are the means over windows of the deciding metric for each seed,
    spread is their standard deviation. skill is 1 − MAE / MAE of seasonal naive. steps is the median over seeds,
    seconds a mean. p_value is that of the difference to the best cell, p_reference to the reference; both are
    corrected for the number of tests. failures are sentences: a cell with one has no figures.
    """

    name: str
    seeds: int
    metrics: dict[str, float]
    scores: tuple[float, ...] = ()
    skill: float = math.nan
    weights: int = 0
    steps: float = math.nan
    seconds: float = math.nan
    p_value: float = math.nan
    p_reference: float = math.nan
    failures: tuple[str, ...] = ()

    @property
    def spread(self) -> float:
        """The standard deviation over seeds; NaN with fewer than two."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else math.nan

    @property
    def tied(self) -> bool:
        """Whether it was tested, and no real difference to the best cell was found."""
        return self.p_value >= SIGNIFICANT


@dataclass(frozen=True)
class Comparison:
    """The runs of each cell, in the order in which cells were named, with the baselines' quantiles by name."""

    terms: Terms
    runs: tuple[Run, ...]
    baselines: dict[str, Values]

    @property
    def n_seeds(self) -> int:
        """Networks of each cell."""
        return len({run.seed for run in self.runs})

    @property
    def failures(self) -> tuple[str, ...]:
        """What did not come to its end, in sentences."""
        return tuple(failure for row in self.rows for failure in row.failures)

    @cached_property
    def _measured(self) -> tuple[tuple[Row, ...], str]:
        by_cell: dict[str, list[Run]] = {}
        for run in self.runs:
            by_cell.setdefault(run.cell, []).append(run)
        return rows_of(self.terms.held_out, by_cell, self.baselines, self.terms.season_length, self.terms.reference)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The leaderboard, best first; cells that failed stand last."""
        return self._measured[0]

    @property
    def deciding(self) -> str:
        """The metric that ranks: mase, or mae where the histories leave that undefined."""
        return self._measured[1]

    @property
    def verdict(self) -> tuple[str, ...]:
        """Which differences are real, in plain sentences."""
        windows = self.terms.held_out
        return verdict_of(self.rows, self.deciding, windows.n_cutoffs, windows.n_groups, self.terms.reference)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what the figures cannot say."""
        said = list(self.terms.notes)
        cut = [run for run in self.runs if run.cut_off]
        if cut:
            cells = listed(list(dict.fromkeys(run.cell for run in cut)))
            said.append(
                f"{len(cut)} of {len(self.runs)} networks were cut off by the time limit ({cells}): more time may "
                "change their order"
            )
        still = [row.name for row in self.rows if row.steps == 0]
        if still:
            said.append(
                f"{listed(still)}: no step of training helped in most runs, so that they forecast as they began, from "
                "simple continuations of the context: a difference of cells cannot show there"
            )
        if self.n_seeds == 1:
            said.append(
                "with one seed, the luck of initial weights looks like a difference of cells: ask for more seeds"
            )
        return tuple(said)

    def to_frame(self) -> pd.DataFrame:
        """One row per network or baseline, window and step: the user's columns first, then those of ADDED that apply.

        seed is empty for a baseline, cutoff the last timestamp that could be seen, forecast the median.
        """
        found = [(run.cell, str(run.seed), run.quantiles) for run in self.runs if run.quantiles is not None]
        found += [(name, "", quantiles) for name, quantiles in self.baselines.items()]
        labels = {"cell": [cell for cell, _, _ in found], "seed": [seed for _, seed, _ in found]}
        terms = self.terms
        return table_of(terms.panel, terms.rolling, terms.windows, labels, [quantiles for _, _, quantiles in found])

    def to_dict(self) -> dict[str, Any]:
        """The leaderboard and what it rests on, as plain values; what is undefined is NaN."""
        terms, rolling = self.terms, self.terms.rolling
        return {
            "series": len(terms.panel),
            "n_windows": rolling.n_windows,
            "step_size": rolling.step_size,
            "horizon": rolling.horizon,
            "forecasts": len(terms.windows),
            "season_length": terms.season_length,
            "independent_groups": terms.held_out.n_groups,
            "seeds": sorted({run.seed for run in self.runs}),
            "reference": terms.reference,
            "deciding": self.deciding,
            "verdict": list(self.verdict),
            "notes": list(self.notes),
            "failures": list(self.failures),
            "config": terms.plan.config.to_dict(),
            "plan_notes": list(terms.plan.notes),
            "leaderboard": [
                {
                    "name": row.name,
                    "seeds": row.seeds,
                    "metrics": row.metrics,
                    "scores": list(row.scores),
                    "spread": row.spread,
                    "skill": row.skill,
                    "weights": row.weights,
                    "steps": row.steps,
                    "train_seconds": round(row.seconds, 3),
                    "p_value": row.p_value,
                    "p_reference": row.p_reference,
                    "tied": row.tied,
                    "failures": list(row.failures),
                }
                for row in self.rows
            ],
        }


def agree(panel: Panel, config: Config, *, n_windows: int | None = None, step_size: int | None = None) -> Terms:
    """The terms of a comparison: `n_windows` cutoffs, `step_size` steps apart, and the plan of config's own cell.

    What is None is chosen as a backtest chooses it. Scaling and calendar features that would have to prove themselves
    in each training do so here, once for all. Raises DataError where too little is left before the first cutoff.
    """
    if panel.states:
        raise DataError(f"{panel.columns.targets[0]} has states, and a comparison is of forecasts of numbers")
    horizon, season_length = horizon_and_season(panel, config, None, None)
    step_size = horizon if step_size is None else step_size
    n_windows = default_windows(panel, horizon, step_size) if n_windows is None else n_windows
    rolling = Rolling(n_windows, step_size, horizon)
    windows, notes = windows_of(panel, rolling, season_length)
    if any(covariate.role == "future" for covariate in panel.covariates):
        notes.append("future covariates as they turned out, where a real forecast may have to forecast them first")
    single = replace(
        config,
        model=replace(config.model, horizon=horizon, members=1),
        train=replace(config.train, time_limit=None),
    )
    known = panel.drop_last(rolling.offset(0))
    try:
        planned = plan(known, single)
        with computing(planned.config.train.threads or 1):
            final = decided(known, planned, pick_device(config.train.device))
    except DataError as error:
        raise DataError(
            f"nothing can be trained without the last {rolling.offset(0)} steps: {error.message}",
            why=error.why,
            hint=f"--windows {n_windows // 2}" if n_windows > 1 else error.hint,
        ) from error
    final = replace(final, notes=(*planned.notes, *tried(planned, final.scaling, final.features)))
    return Terms(panel, rolling, tuple(windows), season_length, final, tuple(notes))


def compare(
    terms: Terms,
    cells: Sequence[str],
    seeds: int,
    *,
    processes: int = 1,
    time_limit: float | None = None,
    on_run: Callable[[Run], None] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Comparison:
    """Every cell trained from each of so many seeds, the first of them that of the plan, and its forecasts.

    With several processes each trains one network at a time, on as many threads as the plan says. Their number changes
    no result, unless a time limit in seconds is given: every network may then take an equal share of it. on_run hears
    of each network that is done, check is called often; both may raise to end it all. What fails is in the runs.
    Raises the first failure where nothing was left but failures.
    """
    if not cells or len(set(cells)) < len(cells) or seeds < 1:
        raise ConfigError("a comparison needs cells, each named once, and at least one seed")
    first = terms.plan.config.train.seed
    if first + seeds - 1 > _LARGEST_SEED:
        raise ConfigError(f"seeds from {first} on leave the range of seeds", hint="--seed 1")
    pairs = [(cell, first + number) for cell in cells for number in range(seeds)]
    processes = min(processes, len(pairs))
    begun, rounds = time.monotonic(), math.ceil(len(pairs) / processes)

    def tasks() -> list[Task]:
        share = None if time_limit is None else max(0.1, (time_limit - (time.monotonic() - begun)) / rounds)
        return [(terms, cell, seed, share, os.getpid()) for cell, seed in pairs]

    found: dict[int, Run] = {}
    done = _one_by_one(tasks, check) if processes == 1 else _shared_out(tasks, processes, terms, check)
    with closing(done):
        for position, result in done:
            run = Run(*pairs[position], error=_lost()) if isinstance(result, Lost) else result
            found[position] = run
            if on_run is not None:
                on_run(run)
    runs = tuple(found[position] for position in range(len(pairs)))
    errors = [run.error for run in runs if run.error is not None]
    if len(errors) == len(runs):
        raise errors[0]
    return Comparison(terms, runs, _baselines(terms))


def rows_of(
    windows: HeldOut,
    by_cell: dict[str, list[Run]],
    baselines: dict[str, Values],
    season_length: int,
    reference: str,
) -> tuple[tuple[Row, ...], str]:
    """The leaderboard, best first, and the metric that decides; cells of which a run failed stand last.

    The p-value of a difference is the larger of two: over cutoffs, of means over seeds (`significance.p_value`), and
    over seeds, of means over windows (Welch): only what is more than the chance of both is real.
    """
    sound = {cell: runs for cell, runs in by_cell.items() if all(run.error is None for run in runs)}
    forecasts = {name: [run.quantiles for run in runs if run.quantiles is not None] for name, runs in sound.items()}
    forecasts |= {name: [quantiles] for name, quantiles in baselines.items()}
    flat = [quantiles for own in forecasts.values() for quantiles in own]
    names, table = measure(windows.histories, windows.actual, flat, season_length, QUANTILE_LEVELS)
    means = mean_where_defined(table)
    deciding = "mae" if np.isnan(table[:, :, names.index("mase")]).all() else "mase"
    at, ends = names.index(deciding), np.cumsum([len(own) for own in forecasts.values()])
    parts = {name: slice(end - len(own), end) for (name, own), end in zip(forecasts.items(), ends, strict=True)}
    naive_mae = means[parts[SEASONAL_NAIVE if SEASONAL_NAIVE in parts else NAIVE], names.index("mae")].mean()
    rows, losses = [], []
    for name, part in parts.items():
        runs, mean = sound.get(name, []), means[part].mean(axis=0)
        mae = float(mean[names.index("mae")])
        rows.append(
            Row(
                name=name,
                seeds=len(runs),
                metrics=dict(zip(names, mean.tolist(), strict=True)),
                scores=tuple(means[part, at].tolist()),
                skill=1 - mae / naive_mae if naive_mae > 0 else math.nan,
                weights=max((run.weights for run in runs), default=0),
                steps=float(np.median([run.steps for run in runs])) if runs else math.nan,
                seconds=float(np.mean([run.seconds for run in runs])) if runs else math.nan,
            )
        )
        losses.append(table[:, part, at].mean(axis=1))
    order = sorted(range(len(rows)), key=lambda i: _last_if_nan(rows[i].metrics[deciding]))
    ranked, by_window = [rows[i] for i in order], np.stack([losses[i] for i in order], axis=1)
    cells = [i for i, row in enumerate(ranked) if row.seeds and math.isfinite(row.metrics[deciding])]

    def tested(against: int, others: Sequence[int]) -> dict[int, float]:
        over_windows = p_values(windows, by_window, against, season_length, deciding)
        over_seeds = [welch_p_value(ranked[against].scores, row.scores) for row in ranked]
        larger = [over_windows[i] if math.isnan(over_seeds[i]) else max(over_windows[i], over_seeds[i]) for i in others]
        return dict(zip(others, holm(larger), strict=True))

    to_best = tested(cells[0], [i for i in range(len(ranked)) if i != cells[0]]) if cells else {}
    place = next((i for i in cells if ranked[i].name == reference), None)
    to_reference = {} if place is None else tested(place, [i for i in cells if i != place])
    ranked = [
        replace(row, p_value=to_best.get(i, math.nan), p_reference=to_reference.get(i, math.nan))
        for i, row in enumerate(ranked)
    ]
    failed = [
        Row(cell, len(runs), dict.fromkeys(names, math.nan), failures=_failures(runs))
        for cell, runs in by_cell.items()
        if cell not in sound
    ]
    return (*ranked, *failed), deciding


def verdict_of(rows: Sequence[Row], deciding: str, n_cutoffs: int, n_groups: int, reference: str) -> tuple[str, ...]:
    """Which differences between cells are real, how the reference stands, and how the baselines stand to the best."""
    cells = [row for row in rows if row.seeds and math.isfinite(row.metrics[deciding])]
    if not cells:
        return ("no cell has a score",)
    best, *others = cells
    score = f"{deciding.upper()} {best.metrics[deciding]:.3g}"
    beside = [row for row in rows if not row.seeds and math.isfinite(row.metrics[deciding])]
    if n_groups < 2:
        few = f"{too_few(n_cutoffs)} cannot tell whether any difference is more than chance"
        return (f"{best.name} has the lowest error ({score}), but {few}: ask for more windows",)
    worse = [row.name for row in others if row.p_value < SIGNIFICANT]
    alike = [row.name for row in others if not row.p_value < SIGNIFICANT]
    if not others:
        said = [f"{best.name} has {score}; there is no other cell to compare it with"]
    elif all(row.scores == best.scores and row.scores for row in others):
        return (f"all cells have the same error ({score})", *([_beside(best, beside, deciding)] if beside else []))
    elif not worse:
        said = [f"{best.name} has the lowest error ({score}), but no other cell is really worse: it may be chance"]
    else:
        said = [f"{best.name} has the lowest error ({score}), and is really better than {listed(worse)}"]
        said[0] += f"; there is no real difference to {listed(alike)}" if alike else ""
    own = next((row for row in cells if row.name == reference), None)
    if own is not None and others:
        better, behind = (
            [
                row.name
                for row in cells
                if row.p_reference < SIGNIFICANT and sign * (row.metrics[deciding] - own.metrics[deciding]) > 0
            ]
            for sign in (-1, 1)
        )
        first = (
            f"better than {reference} by more than chance: {listed(better)}"
            if better
            else (f"no cell is better than {reference} by more than chance")
        )
        said.append(f"{first}; worse: {listed(behind) if behind else 'none'}")
    if beside:
        said.append(_beside(best, beside, deciding))
    return tuple(said)


def _beside(best: Row, baselines: Sequence[Row], deciding: str) -> str:
    """How the best cell stands to the best baseline."""
    baseline = min(baselines, key=lambda row: row.metrics[deciding])
    lower = baseline.metrics[deciding] < best.metrics[deciding]
    figures = f"{deciding.upper()} {baseline.metrics[deciding]:.3g}"
    if baseline.p_value < SIGNIFICANT:
        return (
            f"{'no cell is as good as' if lower else f'{best.name} is really better than'} {baseline.name} ({figures})"
        )
    return f"there is no real difference between {best.name} and the best baseline, {baseline.name} ({figures})"


def _one_by_one(tasks: Callable[[], list[Task]], check: Callable[[], None]) -> Generator[tuple[int, Any], None, None]:
    """The runs in this process, in order."""
    for position, task in enumerate(tasks()):
        check()
        yield position, _run(*task, check)


def _shared_out(
    tasks: Callable[[], list[Task]], processes: int, terms: Terms, check: Callable[[], None]
) -> Generator[tuple[int, Any], None, None]:
    """The runs in processes of their own, as they are done."""
    threads = terms.plan.config.train.threads or 1
    return results(_run, tasks, processes=processes, threads=threads, check=check)


def _run(
    terms: Terms,
    cell: str,
    seed: int,
    time_limit: float | None,
    parent: int,
    check: Callable[[], None] = lambda: None,
) -> Run:
    """One network, trained on what was known at the first cutoff, and its forecasts at all; or why there is none."""
    settings, name = terms.plan.config, f"{cell} seed {seed}"
    # What a cell learns by itself is compared, and only some of them have a prior.
    model = replace(settings.model, cell=cell, prior="none")
    train = replace(settings.train, seed=seed, time_limit=time_limit)
    planned = replace(terms.plan, config=replace(settings, model=model, train=train))
    _leave_without(parent)
    load_optimiser()
    try:
        # Of the processor: the clock would count what other processes do meanwhile.
        begun = time.process_time()
        forecaster = fit_before(
            name,
            planned,
            terms.panel,
            terms.rolling,
            on_epoch=lambda _: check(),
            should_stop=lambda: _leave_without(parent),
        )
        seconds = time.process_time() - begun
        check()
        quantiles = forecast_windows(name, forecaster, terms.panel, terms.windows, terms.rolling.horizon)
    except (DataError, OutputError) as error:
        return Run(cell, seed, error=error)
    except MemoryError:
        return Run(cell, seed, error=OutputError("out of memory"))
    return Run(cell, seed, quantiles, forecaster.steps, forecaster.n_weights, seconds, bool(forecaster.cut_off))


def _leave_without(parent: int) -> bool:
    """False; but a process whose parent is gone ends here, because nobody is left to take its result."""
    if parent not in (os.getpid(), os.getppid()):
        os._exit(1)
    return False


def _baselines(terms: Terms) -> dict[str, Values]:
    """The quantiles of naive and, where there is a season, of seasonal naive."""
    names = (NAIVE, SEASONAL_NAIVE) if terms.season_length > 1 else (NAIVE,)
    histories = terms.held_out.histories
    return {name: forecast_histories(name, histories, terms.season_length, terms.rolling.horizon)[0] for name in names}


def _failures(runs: Sequence[Run]) -> tuple[str, ...]:
    """What failed, once where all seeds say the same."""
    said = []
    for run in runs:
        if run.error is not None:
            text = run.error.message
            said.append(text if text.startswith(run.cell) else f"{run.cell} seed {run.seed}: {text}")
    return tuple(said)


def _lost() -> OutputError:
    return OutputError("its process was ended from outside, as happens when memory runs out", hint="--jobs 1")


def _last_if_nan(score: float) -> float:
    return math.inf if math.isnan(score) else score
