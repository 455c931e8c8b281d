"""backtest(): forecasts of the past by many methods, from cutoffs they could not see beyond, beside what came.

All that one method has to forecast is forecast at once, whatever the number of cutoffs, unless its intervals adapt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast.baselines import check_baseline, forecast_histories
from forecast.config import QUANTILE_LEVELS, Config, ModelConfig
from forecast.errors import ConfigError, DataError
from forecast.forecaster import Forecaster
from forecast.leaderboard import HeldOut, Leaderboard, Method, rank
from forecast.panel import Panel
from forecast.planning import Plan, plan
from forecast.rolling import Rolling, Window, ahead, default_windows, divided, history, windows_of
from forecast.training import Epoch

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]

#: Columns that the table of forecasts may have besides the user's own.
ADDED = ("target", "cutoff", "model", "actual", "forecast", *(f"q_{level:g}" for level in QUANTILE_LEVELS))


@dataclass(frozen=True)
class Candidate:
    """What stands in one line of the leaderboard: a Config to train, a Forecaster that was, or a baseline's name.

    panel is the data as this one reads them, with covariates of its own perhaps; None: as the others do.
    """

    name: str
    model: Config | Forecaster | str
    panel: Panel | None = None


@dataclass(frozen=True)
class Backtest:
    """What was forecast from which windows, and how good it was. notes are sentences for people."""

    panel: Panel
    rolling: Rolling
    windows: tuple[Window, ...]
    methods: tuple[Method, ...]
    season_length: int
    refit: bool
    notes: tuple[str, ...]

    @property
    def held_out(self) -> HeldOut:
        """The windows as the leaderboard takes them."""
        return held_out(self.panel, self.rolling, self.windows)

    @cached_property
    def leaderboard(self) -> Leaderboard:
        """The methods, best first, with their scores and tests."""
        return rank(self.held_out, self.methods, self.season_length, QUANTILE_LEVELS)

    def to_frame(self) -> pd.DataFrame:
        """One row per method, window and step, the user's columns first, then those of ADDED that apply.

        cutoff is the last timestamp the method could see, actual NaN where missing, forecast the median.
        """
        labels = {"model": [method.name for method in self.methods]}
        return table_of(self.panel, self.rolling, self.windows, labels, [m.quantiles for m in self.methods])

    def to_dict(self) -> dict[str, Any]:
        """The leaderboard and what it rests on, as plain values; what is undefined is NaN."""
        board, rolling = self.leaderboard, self.rolling
        notes = {method.name: list(method.notes) for method in self.methods}
        return {
            "series": len(self.panel),
            "n_windows": rolling.n_windows,
            "step_size": rolling.step_size,
            "horizon": rolling.horizon,
            "steps_before_end": [rolling.offset(number) for number in range(rolling.n_windows)],
            "forecasts": len(self.windows),
            "season_length": self.season_length,
            "refit": self.refit,
            "deciding": board.deciding,
            "best": None if board.best is None else board.best.name,
            "verdict": board.verdict,
            "independent_groups": board.n_groups,
            "notes": list(self.notes),
            "leaderboard": [
                {
                    "model": s.name,
                    "metrics": s.metrics,
                    "relative_mae": s.relative_mae,
                    "p_value": s.p_value,
                    "cutoffs_seen_in_training": s.seen,
                    "train_seconds": round(s.train_seconds, 3),
                    "predict_seconds": round(s.predict_seconds, 3),
                    "notes": notes[s.name],
                }
                for s in board.standings
            ],
        }


def backtest(
    panel: Panel,
    candidates: Sequence[Candidate],
    *,
    n_windows: int | None = None,
    step_size: int | None = None,
    horizon: int | None = None,
    season_length: int | None = None,
    refit: bool = False,
    adapt: bool = False,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_stage: Callable[[str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Backtest:
    """Every candidate's forecasts of the same windows: `n_windows` cutoffs, `step_size` steps apart.

    The last window of `horizon` steps ends where its series ends. A Config is trained once, on what lay before the
    first cutoff, or with refit at each cutoff on what lay before that; a Forecaster is taken as it is. Nothing that a
    candidate is shown at a cutoff is later than it, but for future covariates. What is None is chosen: horizon and
    season as `planning.plan` does for the first candidate, a step of one horizon, and as many windows as lie in the
    last quarter of the series, from 1 to 10. With adapt the intervals of networks answer at each cutoff to how they did
    since training, as `forecast predict` lets them.

    on_stage is told what begins and, like on_epoch, may raise to end it all; when should_stop turns true, training
    leaves off early. Raises DataError where too little is left before the first cutoff.
    """
    names = [candidate.name for candidate in candidates]
    if not names:
        raise ConfigError("there is nothing to compare", hint="--cells lstm, or --baselines naive")
    if panel.states or any(candidate.panel is not None and candidate.panel.states for candidate in candidates):
        raise ConfigError(
            "a backtest compares forecasts of numbers, and the target has states",
            hint="forecast train says how probabilities did on windows that training did not see",
        )
    if len(set(names)) < len(names):
        raise ConfigError(f"two of {', '.join(names)} have the same name")
    horizon, season_length = horizon_and_season(panel, _deciding_config(candidates), horizon, season_length)
    step_size = horizon if step_size is None else step_size
    n_windows = default_windows(panel, horizon, step_size) if n_windows is None else n_windows
    rolling = Rolling(n_windows, step_size, horizon)
    panels = [_in_order(candidate, panel) for candidate in candidates]
    windows, notes = windows_of(panel, rolling, season_length, panels)
    work = _Work(tuple(windows), rolling, season_length, adapt, on_epoch, on_stage or (lambda _: None), should_stop)
    methods = []
    for candidate, own in zip(candidates, panels, strict=True):
        if isinstance(candidate.model, Forecaster):
            methods.append(work.ask(candidate.name, candidate.model, own))
            notes += work.caveats(candidate.name, candidate.model, own)
        elif isinstance(candidate.model, Config):
            method, told = work.train(candidate.name, candidate.model, own, refit)
            methods.append(method)
            notes += told
        else:
            methods.append(work.compute(candidate.name, candidate.model, own))
            notes += methods[-1].notes
    if any(covariate.role == "future" for own in panels for covariate in own.covariates):
        notes.append("future covariates as they turned out, where a real forecast may have to forecast them first")
    notes += _seen(methods, rolling)
    return Backtest(panel, rolling, tuple(windows), tuple(methods), season_length, refit, tuple(notes))


@dataclass(frozen=True)
class _Work:
    """The windows to forecast, and how each kind of candidate does it."""

    windows: tuple[Window, ...]
    rolling: Rolling
    season_length: int
    adapt: bool
    on_epoch: Callable[[Epoch], None] | None
    tell: Callable[[str], None]
    should_stop: Callable[[], bool] | None

    def ask(self, name: str, forecaster: Forecaster, panel: Panel) -> Method:
        """A Forecaster that was trained elsewhere, at every window."""
        self.tell(f"{name}: forecasting {len(self.windows)} windows")
        begun = time.monotonic()
        quantiles = forecast_windows(name, forecaster, panel, self.windows, self.rolling.horizon, adapt=self.adapt)
        last = np.datetime64(forecaster.data.last)
        seen = {w.number for w in self.windows if panel.series[w.series].timestamps[w.cut] <= last}
        return Method(name, quantiles, 0.0, time.monotonic() - begun, len(seen))

    def train(self, name: str, config: Config, panel: Panel, refit: bool) -> tuple[Method, tuple[str, ...]]:
        """Networks trained before the first cutoff, or with refit at each; what there was no time for, and caveats."""
        config = replace(config, model=replace(config.model, horizon=self.rolling.horizon))
        quantiles = np.empty((len(self.windows), self.rolling.horizon, len(QUANTILE_LEVELS)))
        training = predicting = 0.0
        notes: tuple[str, ...] = ()
        told: list[str] = []
        for number in range(self.rolling.n_windows) if refit else [0]:
            mine = [i for i, window in enumerate(self.windows) if window.number == number or not refit]
            if not mine:
                continue
            begun = time.monotonic()
            forecaster = self._fit(
                f"{name} {number + 1}/{self.rolling.n_windows}" if refit else name, config, panel, number
            )
            trained = time.monotonic()
            quantiles[mine] = forecast_windows(
                name, forecaster, panel, [self.windows[i] for i in mine], self.rolling.horizon, adapt=self.adapt
            )
            training, predicting = training + trained - begun, predicting + time.monotonic() - trained
            notes = forecaster.plan_notes
            told += [f"{name}: {what}" for what in forecaster.cut_off]
            told += self.caveats(name, forecaster, panel)
        return Method(name, quantiles, training, predicting, notes=notes), tuple(dict.fromkeys(told))

    def caveats(self, name: str, forecaster: Forecaster, panel: Panel) -> list[str]:
        """What of the histories does not go with a Forecaster, those at the last cutoff of each series."""
        last = {window.series: window for window in self.windows}
        known = replace(panel, series=tuple(history(panel, window) for window in last.values()))
        return [f"{name}: {caveat}" for caveat in forecaster.caveats(known)]

    def compute(self, name: str, baseline: str, panel: Panel) -> Method:
        """A baseline, which is fitted anew at every window."""
        # Loading a library is no part of what a forecast takes.
        check_baseline(baseline)
        begun = time.monotonic()
        found, unfit, total = [], 0, len(self.windows)
        for number, w in enumerate(self.windows, start=1):
            # One at a time: ARIMA may take seconds for each, and whoever asks to stop is heard in between.
            self.tell(f"{name}: window {number} of {total}")
            known = panel.series[w.series].values[: w.cut]
            quantiles, stood_in = forecast_histories(baseline, [known], self.season_length, self.rolling.horizon)
            found.append(quantiles)
            unfit += stood_in
        note = f"{name} could not be fitted to {unfit} of {total} histories: seasonal naive stands in"
        seconds = time.monotonic() - begun
        return Method(name, np.concatenate(found), 0.0, seconds, notes=(note,) if unfit else ())

    def _fit(self, name: str, config: Config, panel: Panel, number: int) -> Forecaster:
        """The Forecaster that is trained on what was known at a cutoff."""
        self.tell(f"{name}: training without the last {self.rolling.offset(number)} steps")

        def on_epoch(epoch: Epoch) -> None:
            if self.on_epoch is not None:
                self.on_epoch(replace(epoch, stage=f"{name}: {epoch.stage}"))

        return fit_before(name, config, panel, self.rolling, number, on_epoch=on_epoch, should_stop=self.should_stop)


def horizon_and_season(panel: Panel, config: Config, horizon: int | None, season_length: int | None) -> tuple[int, int]:
    """As asked; else those of a config, or what `planning.plan` chooses under it."""
    ModelConfig(horizon=horizon)
    horizon = horizon or config.model.horizon
    season_length = season_length or config.data.season_length
    if horizon is None or season_length is None:
        chosen = plan(panel, replace(config, model=replace(config.model, horizon=horizon))).config
        horizon, season_length = chosen.model.horizon, season_length or chosen.data.season_length
    assert horizon
    return horizon, season_length or 1


def fit_before(
    name: str,
    config: Config | Plan,
    panel: Panel,
    rolling: Rolling,
    number: int = 0,
    *,
    on_epoch: Callable[[Epoch], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Forecaster:
    """The Forecaster that is trained on what was known at the cutoff of a number; its name is for errors."""
    offset, n_windows = rolling.offset(number), rolling.n_windows
    try:
        return Forecaster.fit(panel.drop_last(offset), config, on_epoch=on_epoch, should_stop=should_stop)
    except DataError as error:
        raise DataError(
            f"{name} cannot be trained without the last {offset} steps: {error.message}",
            why=error.why,
            hint=f"--windows {n_windows // 2}" if n_windows > 1 else error.hint,
        ) from error


def forecast_windows(
    name: str, forecaster: Forecaster, panel: Panel, windows: Sequence[Window], horizon: int, *, adapt: bool = False
) -> Values:
    """The quantiles [N, H, Q] after each window's history, in parts as large as memory allows."""
    quantiles = np.empty((len(windows), horizon, len(QUANTILE_LEVELS)))
    for part in divided(windows, by_cutoff=adapt):
        known = replace(panel, series=tuple(history(panel, windows[i]) for i in part))
        try:
            asked = forecaster.adapted(known) if adapt else forecaster
            forecast = asked.predict(known, horizon)
        except DataError as error:
            raise DataError(f"{name}: {error.message}", why=error.why, hint=error.hint) from error
        levels = [np.stack(forecast.quantile(level)) for level in QUANTILE_LEVELS]
        quantiles[part] = np.stack(levels, axis=-1)
    return quantiles


def held_out(panel: Panel, rolling: Rolling, windows: Sequence[Window]) -> HeldOut:
    """The windows of a panel as the leaderboard takes them."""
    pairs = [(panel.series[w.series], w) for w in windows]
    return HeldOut(
        histories=tuple(series.values[: w.cut] for series, w in pairs),
        actual=np.stack([ahead(series, w, rolling.horizon) for series, w in pairs]),
        series=np.array([w.series for w in windows]),
        cutoffs=np.array([w.number for w in windows]),
        overlap=rolling.overlap,
    )


def table_of(
    panel: Panel,
    rolling: Rolling,
    windows: Sequence[Window],
    labels: Mapping[str, Sequence[Any]],
    quantiles: Sequence[Values],
) -> pd.DataFrame:
    """One row per forecaster, window and step: quantiles [N, H, Q] of each, and what its labels are, by column.

    The user's columns come first, then cutoff, the labels, actual (NaN where missing), forecast and every quantile.
    """
    import pandas as pd  # late: the rest needs numpy only

    columns, horizon, count = panel.columns, rolling.horizon, len(quantiles)
    pairs = [(panel.series[w.series], w) for w in windows]
    once: dict[str, NDArray[Any]] = {
        name: np.repeat([series.item_id[position] for series, _ in pairs], horizon)
        for position, name in enumerate(columns.ids)
    }
    once[columns.time] = np.concatenate([series.timestamps[w.cut : w.cut + horizon] for series, w in pairs])
    if len(columns.targets) > 1:
        once["target"] = np.repeat([series.target for series, _ in pairs], horizon)
    once["cutoff"] = np.repeat(np.array([series.timestamps[w.cut - 1] for series, w in pairs]), horizon)
    table = {name: np.tile(values, count) for name, values in once.items()}
    table |= {name: np.repeat(list(own), len(pairs) * horizon) for name, own in labels.items()}
    table["actual"] = np.tile(held_out(panel, rolling, windows).actual.ravel(), count)
    all_quantiles = np.concatenate([q.reshape(-1, len(QUANTILE_LEVELS)) for q in quantiles])
    table["forecast"] = all_quantiles[:, QUANTILE_LEVELS.index(0.5)]
    table |= {f"q_{level:g}": all_quantiles[:, i] for i, level in enumerate(QUANTILE_LEVELS)}
    return pd.DataFrame(table)


def _deciding_config(candidates: Sequence[Candidate]) -> Config:
    """The config of the first candidate that is to be trained, or else of the first that was."""
    models = [candidate.model for candidate in candidates]
    trained = next((model.config for model in models if isinstance(model, Forecaster)), Config())
    return next((model for model in models if isinstance(model, Config)), trained)


def _in_order(candidate: Candidate, panel: Panel) -> Panel:
    """The candidate's own panel with its series in the order of the others'; DataError unless the values are equal."""
    if candidate.panel is None:
        return panel
    own = {(s.item_id, s.target): s for s in candidate.panel.series}
    found = []
    for series in panel.series:
        other = own.get((series.item_id, series.target))
        if (
            other is None
            or not np.array_equal(series.timestamps, other.timestamps)
            or not np.array_equal(series.values, other.values, equal_nan=True)
        ):
            raise DataError(
                f"{candidate.name} reads other values of {series.name} from the data than the rest does",
                why="what is forecast must be the same for all",
                hint="compare it in a backtest of its own",
            )
        found.append(other)
    return replace(candidate.panel, series=tuple(found))


def _seen(methods: Sequence[Method], rolling: Rolling) -> list[str]:
    return [
        f"{method.name} was trained on {method.seen} of the {rolling.n_windows} windows: its scores are too good, and "
        "it is not compared with the others; a fair one is trained with --as-of a time before them"
        for method in methods
        if method.seen
    ]
