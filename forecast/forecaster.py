"""Forecaster: trained networks with all that is needed to forecast from a fresh file. It only calls the rooms below."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from forecast import checkpoint
from forecast.adaptation import Adaptation
from forecast.bounds import Bounds, outside, value_in_words
from forecast.calendars import Calendar, future_timestamps
from forecast.calibration import Factors, apply_factors, intervals, reaches
from forecast.config import Config
from forecast.covariates import require_known, with_features
from forecast.errors import ConfigError, DataError
from forecast.evaluation import Evaluation, StateWindow, Window, Worth, evaluate, evaluate_states
from forecast.fitting import Fitted, Start, fit_networks, judge_prior
from forecast.forecasts import Forecast, ItemForecast
from forecast.metadata import TrainingData, network_of, parts_of
from forecast.models.architecture import Architecture
from forecast.models.prior import PriorNetwork
from forecast.models.recurrent import RecurrentNetwork
from forecast.panel import Columns, Covariate, Known, Panel, Series, Timestamps
from forecast.planning import Holdout, Plan, architecture_of, plan
from forecast.prediction import Ensemble, probabilities_after, quantiles_after
from forecast.priors import Prior
from forecast.priors.prior import Shape, built, specs_of, tensors_of, weights_of
from forecast.scaling import lacks_logarithm
from forecast.snapshots import Snapshots
from forecast.sources import parse, safe_source
from forecast.tempering import tempered
from forecast.training import Clock, Epoch, computing, pick_device
from forecast.trials import tried
from forecast.upgrades import upgraded

#: Cutoffs after training that intervals adapt by, the newest ones, and series that are looked at there, at most.
_MOST_CUTOFFS, _MOST_HISTORIES = 50, 1_000
#: Values of all these histories together, at most: each of them holds all that came before its cutoff.
_MOST_VALUES = 10_000_000


@dataclass(frozen=True)
class Judged:
    """The networks that held-out windows judged, and which windows these were; of no use once training is over."""

    ensemble: Ensemble
    holdout: Holdout


@dataclass(frozen=True)
class Tuned:
    """The networks of a prior after fine-tuning, and the weight that they have beside those trained from nothing.

    shape and digest are those of the prior they began as.
    """

    networks: tuple[PriorNetwork, ...]
    share: float
    shape: Shape
    digest: str


@dataclass(frozen=True)
class Forecaster:
    """Networks that were trained, with the plan, columns, calendar and calibration that belong to them.

    factors are by how much the distance of each quantile from the median is multiplied, persistence how much of an
    error carries over to the next step; evaluation is that of the networks that were chosen, before the refit on
    everything, with a note on what they had seen. refitted says that the networks are those of the refit, stopped that
    training was asked to leave off early. Not saved are: adaptation, what `adapted` found for one forecast; cut_off,
    sentences on what training had no time for, with which plan_notes end; judged, the networks before the refit. tuned
    are networks of a prior beside the others. Networks of states have the names of these, a temperature that makes
    their probabilities more or less certain, and no levels and factors.
    """

    networks: tuple[RecurrentNetwork, ...]
    config: Config
    season_lengths: tuple[int, ...]
    quantile_levels: tuple[float, ...]
    factors: Factors
    persistence: float
    columns: Columns
    calendar: Calendar
    evaluation: Evaluation
    data: TrainingData
    plan_notes: tuple[str, ...]
    steps: int
    refitted: bool
    stopped: bool
    covariates: tuple[Covariate, ...] = ()
    features: tuple[str, ...] = ()
    worth: Worth | None = None
    digest: str = ""
    adaptation: Adaptation | None = None
    cut_off: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    temperature: float = 1.0
    tuned: Tuned | None = None
    judged: Judged | None = None

    @classmethod
    def fit(
        cls,
        panel: Panel,
        config: Config | Plan | None = None,
        *,
        on_epoch: Callable[[Epoch], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        snapshots: Snapshots | None = None,
        start: Forecaster | None = None,
    ) -> Forecaster:
        """A Forecaster trained on the panel: chosen and judged on held-out windows, then trained again on everything.

        Settings of the config that are None are chosen by `planning.plan`, or have been where a Plan is given. When
        `should_stop` turns true, or the time limit is reached, the best networks so far come back. Raises DataError
        when the panel is too short, OutputError when memory runs out.

        With snapshots, what was reached is kept there in the meantime, and training goes on with what they hold of
        this very training; remove them once the Forecaster is saved. With a start, networks begin from the weights of
        another Forecaster where these fit and enough rows came after it to judge what becomes of them; plan_notes say
        so, or why not.
        """
        planned = config if isinstance(config, Plan) else plan(panel, config or Config())
        settings = planned.config.train
        device = pick_device(settings.device)
        clock = Clock(settings.time_limit, should_stop, on_epoch)
        with computing(settings.threads or 1):
            fitted = fit_networks(panel, planned, device, clock, start=_start(start), snapshots=snapshots)
            stopped = clock.asked
            if snapshots is not None and stopped:
                snapshots.write(clock.seconds, last=True)
        return cls._of(panel, planned, fitted, stopped)

    @classmethod
    def of_prior(cls, panel: Panel, config: Config | Plan | None = None) -> Forecaster:
        """A Forecaster that nothing is trained for: a prior, judged and calibrated on the panel's last windows.

        Raises ConfigError where there is no prior for these settings, DataError when the panel is too short.
        """
        planned = config if isinstance(config, Plan) else plan(panel, config or Config())
        told = tuple(note for note in planned.notes if note not in planned.about_training)
        planned = replace(planned, notes=told, on_trial=())
        with computing(planned.config.train.threads or 1):
            fitted = judge_prior(panel, planned)
        return cls._of(panel, planned, fitted, stopped=False)

    @classmethod
    def _of(cls, panel: Panel, planned: Plan, fitted: Fitted, stopped: bool) -> Forecaster:
        """The Forecaster of what was fitted to a panel."""
        ensemble = fitted.ensemble.on_cpu
        return cls(
            networks=ensemble.networks,
            tuned=None if fitted.prior is None else _tuned(ensemble, fitted.prior),
            config=replace(planned.config, data=replace(planned.config.data, scaling=fitted.scaling)),
            season_lengths=planned.season_lengths,
            quantile_levels=planned.architecture.quantile_levels,
            factors=fitted.factors,
            persistence=fitted.persistence,
            columns=panel.columns,
            calendar=panel.calendar,
            evaluation=fitted.evaluation,
            data=TrainingData(
                path=None,
                digest=panel.digest(),
                n_series=len(panel),
                n_rows=panel.n_rows,
                n_missing=panel.n_missing,
                first=str(panel.first),
                last=str(panel.last),
            ),
            plan_notes=(
                *planned.notes,
                *tried(planned, fitted.scaling, fitted.features),
                *fitted.began,
                *fitted.cut_off,
            ),
            steps=fitted.steps,
            refitted=fitted.refitted,
            stopped=stopped,
            covariates=planned.covariates,
            features=fitted.features,
            worth=fitted.worth,
            cut_off=fitted.cut_off,
            states=planned.states,
            temperature=fitted.temperature,
            judged=Judged(fitted.chosen.on_cpu, fitted.holdout),
        )

    def predict(self, panel: Panel, horizon: int | None = None) -> Forecast:
        """The forecast of every series of the panel for `horizon` steps past its own end (default: as trained).

        Fewer steps than trained are a prefix of the same forecast. More are made block by block, each from the medians
        of the one before, with intervals that go on widening; of states from the probabilities before. Nothing lies
        outside the bounds.
        """
        self._require_like_training(panel)
        horizon = self.architecture.horizon if horizon is None else horizon
        if horizon < 1:
            raise ConfigError(f"horizon is {horizon}, but must be at least 1")
        require_known(panel, horizon)
        blocks = -(-horizon // self.architecture.horizon)
        histories = with_features(panel, self.features, blocks * self.architecture.horizon).series
        if self.states:
            return self._states_after(panel, histories, horizon)
        with computing(self.config.train.threads or 1):
            scaled = quantiles_after(self.ensemble, histories, self.config.data.scaling or "none", horizon)
        factors = self.factors if self.adaptation is None else self.factors.times(self.adaptation.by_quantile)
        calibrated = scaled.inverse(apply_factors(scaled.quantiles, factors, self.quantile_levels))
        if not np.isfinite(calibrated).all():
            raise _not_finite()
        items = tuple(
            ItemForecast(s.item_id, s.target, self._times_after(s, horizon), q)
            for s, q in zip(panel.series, self.bounds.clip(calibrated), strict=True)
        )
        return Forecast(items, self.quantile_levels, panel.columns, bounds=self.bounds, persistence=self.persistence)

    def _states_after(self, panel: Panel, histories: Sequence[Series], horizon: int) -> Forecast:
        """The forecast of the states that follow the histories of a panel's series."""
        with computing(self.config.train.threads or 1):
            stated = tempered(probabilities_after(self.networks, histories, horizon), self.temperature)
        if not np.isfinite(stated).all():
            raise _not_finite()
        items = tuple(
            ItemForecast(s.item_id, s.target, self._times_after(s, horizon), np.empty((horizon, 0)), own)
            for s, own in zip(panel.series, stated, strict=True)
        )
        return Forecast(items, (), panel.columns, states=self.states, task=self.config.model.task)

    def _times_after(self, series: Series, horizon: int) -> Timestamps:
        return future_timestamps(self.calendar, series.timestamps[-1], horizon)

    def adapted(self, panel: Panel) -> Forecaster:
        """This Forecaster with intervals that answer to how they did on the panel's rows after training.

        It forecasts once more at cutoffs a trained horizon apart, the first at the end of training, each from what was
        known there, and widens or narrows all intervals by how many outcomes they held, in the order of time, over
        all series together. Medians stay. The same panel gives the same answer; without later rows, nothing changes.
        Raises ConfigError for states, which have no intervals.
        """
        if self.states:
            raise ConfigError("a model of states has no intervals that could adapt", hint="leave --adapt out")
        self._require_like_training(panel)
        horizon = self.architecture.horizon
        cutoffs = cutoffs_after(np.datetime64(self.data.last), panel.series, self.architecture)
        if not cutoffs:
            return replace(self, adaptation=None)
        # Only these: calendar features of a hundred thousand series would take longer than all the rest.
        used = sorted({i for _, i, _ in cutoffs})
        some = replace(panel, series=tuple(panel.series[i] for i in used))
        told = dict(zip(used, with_features(some, self.features, horizon).series, strict=True))
        cuts = [(number, told[i], cut) for number, i, cut in cutoffs]
        histories = [replace(s, timestamps=s.timestamps[:cut], values=s.values[:cut]) for _, s, cut in cuts]
        with computing(self.config.train.threads or 1):
            scaled = quantiles_after(self.ensemble, histories, self.config.data.scaling or "none", horizon)
        actual = np.full((len(cuts), horizon), np.nan)
        for row, scaling, (_, s, cut) in zip(actual, scaled.scalings, cuts, strict=True):
            outcomes = s.values[cut : cut + horizon]
            row[: len(outcomes)] = scaling.transform_outcomes(outcomes)
        calibrated = apply_factors(scaled.quantiles, self.factors, self.quantile_levels)
        middle = self.quantile_levels.index(0.5)
        for row, scaling, quantiles in zip(actual, scaled.scalings, calibrated, strict=True):
            floor, cap = scaling.transform_outcomes(np.array([self.bounds.floor, self.bounds.cap]))
            row[:] = Bounds(floor, cap).settled(row, quantiles[:, middle])
        reached = reaches(calibrated, actual, self.quantile_levels)
        numbers = np.array([number for number, _, _ in cuts])
        adaptation = Adaptation.begin(intervals(self.quantile_levels))
        for number in np.unique(numbers):
            adaptation = adaptation.after(reached[numbers == number])
        return replace(self, adaptation=adaptation)

    def judged_at(
        self,
        panel: Panel,
        cuts: Sequence[tuple[int, int]],
        horizon: int,
        *,
        after: np.datetime64 | None = None,
        season_length: int | None = None,
    ) -> Evaluation:
        """How this Forecaster does, beside the baselines, on windows of a panel, each a series' index and a cutoff.

        A cutoff is a number of rows that are known; the `horizon` steps past it are what came. Steps that are not later
        than `after` are not counted. Errors are in units of the season as trained unless another is given. Raises
        DataError where the panel is not like the one it was trained on.
        """
        self._require_like_training(panel)
        blocks = -(-horizon // self.architecture.horizon)
        # Only these: calendar features of a hundred thousand series would take longer than all the rest.
        used = sorted({i for i, _ in cuts})
        some = replace(panel, series=tuple(panel.series[i] for i in used))
        told = with_features(some, self.features, blocks * self.architecture.horizon).series
        by_index = dict(zip(used, told, strict=True))
        histories, actuals = [], np.full((len(cuts), horizon), np.nan)
        for row, (i, cut) in zip(actuals, cuts, strict=True):
            s = by_index[i]
            histories.append(replace(s, timestamps=s.timestamps[:cut], values=s.values[:cut]))
            outcomes = s.values[cut : cut + horizon].copy()
            if after is not None:
                outcomes[s.timestamps[cut : cut + horizon] <= after] = np.nan
            row[: len(outcomes)] = outcomes
        season, name = season_length or self.evaluation.season_length, self.config.model.cell
        with computing(self.config.train.threads or 1):
            if self.states:
                stated = tempered(probabilities_after(self.networks, histories, horizon), self.temperature)
                rows = zip(histories, actuals, stated, strict=True)
                return evaluate_states([StateWindow(h.values, a, p) for h, a, p in rows], season, name)
            scaled = quantiles_after(self.ensemble, histories, self.config.data.scaling or "none", horizon)
        levels = self.quantile_levels
        quantiles = self.bounds.clip(scaled.inverse(apply_factors(scaled.quantiles, self.factors, levels)))
        windows = [Window(h.values, a, q) for h, a, q in zip(histories, actuals, quantiles, strict=True)]
        return evaluate(windows, season, name, quantile_levels=levels)

    def caveats(self, panel: Panel) -> tuple[str, ...]:
        """Sentences on what of a panel does not go with this Forecaster, and yet does not keep it from forecasting."""
        beyond = outside(panel, self.bounds)
        found = [f"{beyond}, and no forecast does; --floor none --cap none lift this"] if beyond else []
        lacking = [s for s in panel.series if self.config.data.scaling == "log" and lacks_logarithm(s.values)]
        if lacking:
            first = value_in_words(panel, lacking[0], int(np.argmax(lacking[0].values <= 0)))
            those = f"this and {len(lacking) - 1:,} more series are" if len(lacking) > 1 else "this series is"
            found.append(f"{first} has no logarithm, and the model was trained in them: {those} forecast without")
        return tuple(found)

    def _require_like_training(self, panel: Panel) -> None:
        for what, same in (
            ("are on another calendar than the model was trained on", panel.calendar == self.calendar),
            ("have other covariates than the model was trained with", panel.covariates == self.covariates),
            ("have other states than the model was trained with", panel.states == self.states),
        ):
            if not same:
                raise DataError(f"the data {what}", hint="read_panel(path, known=forecaster.known)")

    def within(self, floor: float | str | None, cap: float | str | None) -> Forecaster:
        """This Forecaster with another floor or cap, a number or "none"; None leaves one as it is.

        Raises ConfigError where the floor does not lie below the cap.
        """
        data = self.config.data
        data = replace(data, floor=data.floor if floor is None else floor, cap=data.cap if cap is None else cap)
        return replace(self, config=replace(self.config, data=data))

    def on_threads(self, threads: int | None) -> Forecaster:
        """This Forecaster, computing on so many threads; None leaves it as it is."""
        if threads is None:
            return self
        return replace(self, config=replace(self.config, train=replace(self.config.train, threads=threads)))

    @property
    def bounds(self) -> Bounds:
        """Between what forecasts lie."""
        return Bounds.of(self.config.data.floor, self.config.data.cap)

    @property
    def architecture(self) -> Architecture:
        """The shape of each of the networks."""
        told = self.covariates, self.features, len(self.states)
        return architecture_of(self.config, self.season_lengths, self.quantile_levels, *told)

    @property
    def known(self) -> Known:
        """What `read_panel` needs in order to read fresh rows as the training data were read."""
        return Known(self.columns, self.calendar, self.covariates, self.states)

    @property
    def ensemble(self) -> Ensemble:
        """All networks, each with its weight."""
        return (
            Ensemble(self.networks)
            if self.tuned is None
            else Ensemble(self.networks, self.tuned.networks, self.tuned.share)
        )

    def with_ensemble(self, ensemble: Ensemble) -> Forecaster:
        """This Forecaster with other networks of the same shapes."""
        tuned = self.tuned and replace(self.tuned, networks=ensemble.priors, share=ensemble.share)
        return replace(self, networks=ensemble.networks, tuned=tuned)

    @property
    def n_weights(self) -> int:
        """Weights of all networks together."""
        return sum(p.numel() for own in (*self.networks, *self.ensemble.priors) for p in own.parameters())

    @property
    def data_path(self) -> str | None:
        """The training file, relative to the model file."""
        return self.data.path

    @property
    def metadata(self) -> dict[str, Any]:
        """All that the checkpoint says besides weights and its seal, as plain values."""
        return {
            "kind": "forecaster",
            "config": self.config.to_dict(),
            "networks": len(self.networks),
            "prior": None if self.tuned is None else _described(self.tuned),
            "season_lengths": list(self.season_lengths),
            "quantile_levels": list(self.quantile_levels),
            "factors": self.factors.to_dict(),
            "persistence": self.persistence,
            "columns": {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self.columns).items()},
            "calendar": self.calendar.to_dict(),
            "evaluation": self.evaluation.to_dict(),
            "data": asdict(self.data),
            "plan_notes": list(self.plan_notes),
            "steps": self.steps,
            "refitted": self.refitted,
            "stopped": self.stopped,
            "covariates": [{**asdict(c), "categories": list(c.categories)} for c in self.covariates],
            "features": list(self.features),
            "worth": None if self.worth is None else asdict(self.worth),
            "states": list(self.states),
            "temperature": self.temperature,
        }

    def save(self, path: str | Path, *, data: str | Path | None = None) -> Forecaster:
        """Write the checkpoint atomically and return this Forecaster with the checkpoint's digest.

        data is the file the panel was read from; its path is stored relative to the checkpoint.
        """
        path = Path(path)
        stored = self
        if data is not None:
            stored = replace(self, data=replace(self.data, path=_as_seen_from(path.resolve().parent, str(data))))
        tensors = {
            f"networks.{i}.{name}": tensor.cpu().numpy()
            for i, network in enumerate(stored.networks)
            for name, tensor in network.state_dict().items()
        }
        if stored.tuned is not None:
            tensors |= tensors_of([network.state_dict() for network in stored.tuned.networks])
        return replace(stored, digest=checkpoint.save(path, stored.metadata, tensors))

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> Forecaster:
        """The Forecaster in a checkpoint, on a device. Anything wrong with the file is a CheckpointError."""
        device = pick_device(device)
        metadata, tensors = checkpoint.load(Path(path), _expected_tensors)
        parts = parts_of(upgraded(metadata))
        n_networks, part = parts.pop("n_networks"), parts.pop("prior")
        architecture = network_of(parts)
        # Building draws initial weights, which must not move the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            networks = tuple(RecurrentNetwork(architecture) for _ in range(n_networks))
        for i, network in enumerate(networks):
            prefix = f"networks.{i}."
            own = {n.removeprefix(prefix): torch.from_numpy(v) for n, v in tensors.items() if n.startswith(prefix)}
            network.load_state_dict(own)
            network.to(device).eval()
        tuned = None
        if part is not None:
            weights = [weights_of(tensors, i) for i in range(part.networks)]
            priors = tuple(network.to(device) for network in built(part.architecture(architecture), weights))
            tuned = Tuned(priors, part.share, part.shape, part.digest)
        return cls(networks=networks, tuned=tuned, digest=metadata["sha256"], **parts)


def _start(forecaster: Forecaster | None) -> Start | None:
    """What a training takes over from another Forecaster."""
    if forecaster is None:
        return None
    return Start(
        weights=tuple(network.state_dict() for network in forecaster.networks),
        architecture=forecaster.architecture,
        scaling=forecaster.config.data.scaling or "none",
        calendar=forecaster.calendar,
        covariates=forecaster.covariates,
        features=forecaster.features,
        states=forecaster.states,
        until=np.datetime64(forecaster.data.last),
    )


def read_card(path: str | Path) -> dict[str, Any]:
    """A checkpoint's metadata as plain values, after every check that loading makes."""
    return dict(upgraded(checkpoint.load(Path(path), _expected_tensors)[0]))


def _expected_tensors(metadata: Mapping[str, Any]) -> dict[str, checkpoint.TensorSpec]:
    """The tensors that metadata calls for, found by building the networks without memory for their weights."""
    parts = parts_of(upgraded(metadata))
    architecture = network_of(parts)
    with torch.device("meta"):
        one = RecurrentNetwork(architecture).state_dict()
    return {
        f"networks.{i}.{name}": checkpoint.TensorSpec("F32", tuple(tensor.shape))
        for i in range(parts["n_networks"])
        for name, tensor in one.items()
    } | ({} if parts["prior"] is None else specs_of(parts["prior"].architecture(architecture), parts["prior"].networks))


def cutoffs_after(last: np.datetime64, series: Sequence[Series], a: Architecture) -> list[tuple[int, int, int]]:
    """Cutoffs after training: the number of each, the index of a series and how many of its rows came before.

    Number k lies k horizons after `last`, in all series that were there by then; of many series, some evenly spread.
    """
    longest = max(len(s) for s in series)
    most = min(_MOST_HISTORIES, max(1, _MOST_VALUES // longest))
    begins = [int(np.searchsorted(s.timestamps, last, side="right")) for s in series]
    n_cutoffs = max(-(-(len(s) - begin) // a.horizon) if begin else 0 for s, begin in zip(series, begins, strict=True))
    numbers = range(n_cutoffs)[-min(_MOST_CUTOFFS, most) :]
    if not numbers:
        return []
    every = -(-len(series) * len(numbers) // most)
    return [
        (number, i, cut)
        for number in numbers
        for i in range(0, len(series), every)
        for cut in [begins[i] + number * a.horizon]
        if begins[i] and not np.isnan(series[i].values[max(0, cut - a.context_length) : cut]).all()
        if not np.isnan(series[i].values[cut : cut + a.horizon]).all()
    ]


def _not_finite() -> DataError:
    return DataError(
        "the forecast is not finite: training ran away, or the values are too far from those it saw",
        hint="forecast train DATA --learning-rate 0.001",
    )


def _described(tuned: Tuned) -> dict[str, Any]:
    """What metadata say of the networks of a prior, as plain values."""
    return {**vars(tuned.shape), "networks": len(tuned.networks), "share": tuned.share, "digest": tuned.digest}


def _tuned(ensemble: Ensemble, prior: Prior) -> Tuned:
    return Tuned(ensemble.priors, ensemble.share, prior.shape, prior.digest)


def _as_seen_from(folder: Path, data: str) -> str:
    """A file relative to a folder, in full on another drive, which has no relative path; another source as it is.

    Secrets that a source holds are left out.
    """
    source = parse(data)
    if source.kind != "file":
        return safe_source(data)
    file = Path(source.address).resolve()
    try:
        path = Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:
        path = file.as_posix()
    return f"{path}#{source.part}" if source.part else path
