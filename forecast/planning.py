"""plan(): a Config with blanks and a Panel → the same Config without blanks, and a sentence for each thing it chose.

Rules, not a search: what is chosen depends on the calendar, on the lengths of the series and on their signs, and on
nothing that training would show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from forecast.bounds import Bounds, outside
from forecast.calendars import season_lengths as calendar_seasons
from forecast.cells import CELLS
from forecast.config import QUANTILE_LEVELS, Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import ConfigError, DataError
from forecast.features import check_features, choose_features, choose_holidays, feature_names, holiday_notes
from forecast.models.architecture import PLAIN, Architecture
from forecast.panel import Covariate, Panel
from forecast.presets import effort
from forecast.recipe import Recipe
from forecast.scaling import fit_scaling, prefers_log
from forecast.seasonality import is_seasonal

_Settings = TypeVar("_Settings", DataConfig, ModelConfig, TrainConfig)

#: Steps that remain for training at the very least once windows are held out.
_FEWEST_STEPS = 5
#: The widest segment, in steps: wider ones make the embedding larger than the network.
_LONGEST_SEGMENT = 1_000
_DAY = 86_400_000_000
#: A panel of fewer series than this is trained on smaller batches, and logarithms are on trial: an untrained network
#: says little of what many series will teach a trained one.
_FEW_SERIES = 10
#: Windows per series that choose, and that are looked at, at most: a few weeks of half days, a year of half months. A
#: state says less than a number, so that more of them are needed.
_MOST_OF_NUMBERS, _MOST_OF_STATES = (30, 3), (60, 20)
#: Days after which these calendar features begin again.
_PERIODS = {"time-of-day": 1.0, "weekend-time-of-day": 7.0, "weekday": 7.0}
#: Series that are looked at for a season, at most.
_MOST_TESTED = 500
#: Settings of the network that are only mentioned where they are not the default.
_UNUSUAL = (
    *("variational", "recurrent_dropout", "layer_norm", "residual", "initial_state", "forget_bias", "truncation"),
    *("decoder", "head", "context_loss", "anchors"),
)
#: The default horizon by season length; 30 for other seasons shorter than a day of hours.
_HORIZONS = {1: 6, 4: 8, 12: 12, 52: 13}


@dataclass(frozen=True)
class Holdout:
    """How far before the end of each series the held-out windows start, in steps.

    `validation` windows choose when to stop; `test` windows come after them and are only looked at. `shared` says that
    the series are too short for both: the same windows serve. Training sees nothing of the last `span` steps.
    """

    validation: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def shared(self) -> bool:
        """Whether the windows that are looked at also chose when to stop."""
        return self.validation == self.test

    @property
    def span(self) -> int:
        """Steps at the end of each series that the held-out windows touch."""
        return max(self.validation)


@dataclass(frozen=True)
class Plan:
    """A complete Config, what follows from it, and why; notes are sentences for people.

    covariates are those of the panel, features the calendar features that join them (see features.py), and on_trial
    those that join as well where they prove to be worth it on the validation windows. logs_on_trial says that the
    logarithms of the scaling have to do so too, against the values as they are. states are those of the panel,
    about_training those of the notes that a prior alone has no use for.
    """

    config: Config
    season_lengths: tuple[int, ...]
    min_context: int
    holdout: Holdout
    notes: tuple[str, ...]
    covariates: tuple[Covariate, ...] = ()
    features: tuple[str, ...] = ()
    on_trial: tuple[str, ...] = ()
    logs_on_trial: bool = False
    states: tuple[str, ...] = ()
    about_training: tuple[str, ...] = ()

    @property
    def prior(self) -> str | None:
        """Which prior joins the networks that are trained from nothing: "auto", a file, or None.

        Where somebody asked for what a prior does not have, to see what that does, none joins unless it is named.
        """
        model = self.config.model
        ordinary = model.anchors and model.head == "quantiles" and model.decoder == "direct" and not model.context_loss
        if model.prior == "none" or self.states or (model.prior == "auto" and not ordinary):
            return None
        return model.prior

    @property
    def scaling(self) -> str:
        """The scaling rule."""
        return self.config.data.scaling or "none"

    @property
    def bounds(self) -> Bounds:
        """Between what forecasts lie."""
        return Bounds.of(self.config.data.floor, self.config.data.cap)

    def scaled_by(self, rule: str) -> Plan:
        """The same plan under a scaling rule that is no longer on trial."""
        config = replace(self.config, data=replace(self.config.data, scaling=rule))
        return replace(self, config=config, logs_on_trial=False)

    @property
    def recipe(self) -> Recipe:
        """How each network is trained."""
        train = self.config.train
        assert train.learning_rate and train.batch_size and train.max_steps and train.patience
        return Recipe(
            learning_rate=train.learning_rate,
            weight_decay=train.weight_decay or 0.0,
            batch_size=train.batch_size,
            max_steps=train.max_steps,
            patience=train.patience,
            seed=train.seed,
            teacher_forcing=train.teacher_forcing,
        )

    @property
    def architecture(self) -> Architecture:
        """The network this plan asks for."""
        levels = () if self.states else QUANTILE_LEVELS
        told = self.covariates, self.features
        return architecture_of(self.config, self.season_lengths, levels, *told, n_states=len(self.states))


def plan(panel: Panel, config: Config) -> Plan:
    """The complete plan for training on a panel.

    Raises DataError when no series is long enough for the horizon, or a value lies outside the bounds that were set.
    """
    _check_together(config)
    config = _for_task(panel, config)
    if config.model.head == "negative-binomial":
        config = _for_counts(panel, config)
    length = int(np.median([len(s) for s in panel.series]))
    longest = max(len(s) for s in panel.series)
    m, *longer = _calendar_seasons(panel, config, longest)
    horizon = config.model.horizon or min(_default_horizon(m), max(1, longest // 4))
    if longest < horizon + _FEWEST_STEPS:
        raise DataError(
            f"the longest series has {longest} steps, a horizon of {horizon} needs at least {horizon + _FEWEST_STEPS}",
            hint=f"--horizon {max(1, longest - _FEWEST_STEPS)}" if longest > _FEWEST_STEPS else None,
        )
    # Of states a few cycles say little: one of four is a quarter.
    cycles = 8 if panel.states else 4
    # More context than the longest series has would be nothing but padding.
    context_length = min(config.model.context_length or _context_length(m, horizon, longest, cycles), longest)
    # Two segments at least: over a single one there is nothing to recur.
    segment = max(1, min(config.model.segment or _segment(m), context_length // 2, _LONGEST_SEGMENT))
    most = _MOST_OF_STATES if panel.states else _MOST_OF_NUMBERS
    holdout = _holdout(length if length >= horizon + _FEWEST_STEPS else longest, horizon, *most)
    # Rows that the model is judged by have no say in how it is made.
    known = panel.drop_last(holdout.span)
    scaling, why_scaling = _scaling(panel, known, config, m)
    floor, cap, why_bounds = _bounds(panel, config)
    seasons, why_seasons = _visible_seasons(known, config, (m, *longer), context_length, scaling)
    preset = effort(config.train.preset, panel.n_rows, len(panel))
    complete = Config(
        read=config.read,
        data=_filled(config.data, season_length=m, scaling=scaling, floor=floor, cap=cap),
        model=replace(
            _filled(config.model, hidden=64, layers=1, dropout=0.1, members=preset.members, horizon=horizon),
            context_length=context_length,
            segment=segment,
        ),
        train=_filled(
            config.train,
            learning_rate=preset.learning_rate,
            weight_decay=1e-2,
            # Windows of one series overlap: more of them at once cost time and say little more.
            batch_size=64 if len(panel) < _FEW_SERIES else 256,
            max_steps=preset.max_steps,
            patience=preset.patience,
            threads=1,
        ),
    )
    features, on_trial, why_features = _features(panel, config, seasons)
    about_training = (
        f"context {context_length} steps in segments of {segment}",
        _in_words(complete.model),
        *_preset_in_words(config, complete, preset.why),
    )
    notes = (
        why_seasons,
        f"horizon {horizon} steps",
        *([] if panel.states else [f"scaling {scaling}: {why_scaling}"]),
        *why_bounds,
        *about_training,
        *_covariates_in_words(panel, features),
        *why_features,
    )
    min_context = min(context_length, max(2 * m, 8))
    logs_on_trial = config.data.scaling is None and scaling in ("log", "mixed") and len(panel) < _FEW_SERIES
    told = panel.covariates, features, on_trial
    return Plan(complete, seasons, min_context, holdout, notes, *told, logs_on_trial, panel.states, about_training)


def architecture_of(
    config: Config,
    season_lengths: Sequence[int],
    quantile_levels: Sequence[float],
    covariates: Sequence[Covariate] = (),
    features: Sequence[str] = (),
    n_states: int = 0,
) -> Architecture:
    """The network that a complete Config describes, for a panel with these covariates and calendar features."""
    model = config.model
    assert model.hidden and model.layers and model.segment and model.context_length and model.horizon
    assert model.dropout is not None
    return Architecture(
        cell=model.cell,
        hidden=model.hidden,
        layers=model.layers,
        bidirectional=model.bidirectional,
        anchors=model.anchors,
        smoothing=model.smoothing and model.anchors,
        dropout=model.dropout,
        segment=model.segment,
        context_length=model.context_length,
        horizon=model.horizon,
        season_lengths=tuple(season_lengths),
        quantile_levels=tuple(quantile_levels),
        variational=model.variational,
        recurrent_dropout=model.recurrent_dropout,
        layer_norm=model.layer_norm,
        residual=model.residual,
        initial_state=model.initial_state,
        forget_bias=model.forget_bias,
        truncation=model.truncation,
        decoder=model.decoder,
        head=model.head,
        context_loss=model.context_loss,
        states=n_states,
        past=tuple(len(c.categories) for c in covariates if c.role == "past"),
        future=(
            *(len(c.categories) for c in covariates if c.role == "future"),
            *(PLAIN for _ in feature_names(features)),
        ),
        static=tuple(len(c.categories) for c in covariates if c.role == "static"),
    )


def _features(
    panel: Panel, config: Config, seasons: Sequence[int]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Calendar features and holidays that were asked for, those to try where nothing was said, and notes.

    What the seasons of the network tell already is not tried: of states, whose seasons are shares of a few cycles, it
    tells less than a feature that learns from all of them.
    """
    data = config.data
    asked = check_features(data.features)
    suggested = () if data.features else choose_features(panel.calendar, panel.first, panel.last)
    step = panel.calendar.step.microseconds
    told = {m * step / _DAY for m in seasons}
    if step == _DAY and seasons[0] == calendar_seasons(panel.calendar)[0]:
        told.add(7.0)  # a week of five sessions is a week
    told = set() if panel.states else told
    on_trial = tuple(name for name in suggested if _PERIODS.get(name) not in told)
    if not data.holidays:
        return asked, on_trial, ()
    stamps = [s.timestamps for s in panel.series]
    holidays = choose_holidays(data.holidays, panel.calendar, stamps, panel.columns.timezone)
    if not holidays:
        none = f"the holidays of {', '.join(data.holidays)} come too seldom in these data to learn from"
        return asked, on_trial, (none,)
    return (*asked, *holidays), on_trial, tuple(holiday_notes(holidays, panel.first))


def _covariates_in_words(panel: Panel, features: Sequence[str]) -> tuple[str, ...]:
    """A sentence on what else the network is told; none when it is nothing."""
    named = [f"{c.name} ({c.role}{', categorical' if c.categories else ''})" for c in panel.covariates]
    told = [*named, *(["calendar: " + ", ".join(features)] if features else [])]
    return (f"covariates: {'; '.join(told)}",) if told else ()


def _check_together(config: Config) -> None:
    """Raise ConfigError for settings that contradict each other, or that would have no effect."""
    model = config.model
    if model.recurrent_dropout and not CELLS[model.cell].recurs:
        raise ConfigError(
            f"recurrent_dropout has nothing to drop: {model.cell} has no recurrent weights",
            hint="leave --recurrent-dropout out, or --dropout 0.2",
        )
    if model.variational and model.dropout == 0:
        raise ConfigError("variational says how values are dropped, and dropout is 0", hint="--dropout 0.2")
    if config.train.teacher_forcing != TrainConfig().teacher_forcing and config.model.decoder != "recursive":
        raise ConfigError(
            f"teacher_forcing is for the recursive decoder, not for the {config.model.decoder} one",
            hint="--decoder recursive",
        )


def _for_task(panel: Panel, config: Config) -> Config:
    """The config with the task of the panel. Raises ConfigError for settings that are for targets of another kind."""
    model = config.model
    if not panel.states:
        if model.task != "regression":
            raise ConfigError(
                f"task {model.task} needs states, and the panel holds numbers",
                hint=f"read_panel(path, task={model.task!r})",
            )
        return config
    if model.task == "regression":
        task = "binary" if len(panel.states) == 2 else "class"
        config = replace(config, model=replace(model, task=task))
    elif model.task == "binary" and len(panel.states) != 2:
        raise ConfigError(f"task binary needs two states, and the panel has {len(panel.states)}", hint="--task class")
    numeric = {
        f"scaling {config.data.scaling}": config.data.scaling not in (None, "none"),
        f"head {model.head}": model.head != "quantiles",
        "the recursive decoder": model.decoder == "recursive",
        "context_loss": model.context_loss > 0,
        "a network without anchors": not model.anchors,
        f"floor {config.data.floor}": config.data.floor not in (None, "none"),
        f"cap {config.data.cap}": config.data.cap not in (None, "none"),
    }
    for what, is_set in numeric.items():
        if is_set:
            raise ConfigError(f"{what} is for numbers, and the target has states", hint="leave it out")
    return replace(config, data=replace(config.data, scaling="none", floor="none", cap="none"))


def _for_counts(panel: Panel, config: Config) -> Config:
    """The config with counts left as they are. Raises DataError where values are no counts, ConfigError if scaled."""
    if config.data.scaling not in (None, "none"):
        raise ConfigError(
            f"scaling {config.data.scaling} makes numbers of counts that are none", hint="leave --scaling out"
        )
    for s in panel.series:
        known = s.values[~np.isnan(s.values)]
        wrong = known[(known < 0) | (known != np.floor(known))]
        if len(wrong):
            raise DataError(f"{s.name}: {wrong[0]:g} is not a count, 0, 1, 2 ...", hint="--head student-t")
    return replace(config, data=replace(config.data, scaling="none"))


def _calendar_seasons(panel: Panel, config: Config, longest: int) -> tuple[int, ...]:
    """The season to go by, and the longer ones of the calendar that a context of two weeks can hold."""
    if config.data.season_length is not None:
        return (config.data.season_length,)
    candidates = [m for m in calendar_seasons(panel.calendar) if 2 * m <= longest]
    if not candidates:
        return (1,)
    first = candidates[0]
    return (first, *(m for m in candidates[1:] if _is_intraday(first) and m <= 14 * first))


def _visible_seasons(
    panel: Panel, config: Config, seasons: tuple[int, ...], context_length: int, scaling: str
) -> tuple[tuple[int, ...], str]:
    """Those of the seasons that at least half of the series show, or that was asked for; (1,) when there is none."""
    if seasons == (1,):
        return seasons, "no season"
    seasons = tuple(m for m in seasons if m <= context_length)
    if not seasons:
        return (1,), f"no season: none fits into a context of {context_length} steps"
    if config.data.season_length is not None:
        return seasons, f"season of {seasons[0]} steps, as asked"
    if panel.states:
        # A mixture of shares gives an empty season no weight: there is no need to look for it in the changes first.
        return seasons, f"season of {' and '.join(map(str, seasons))} steps, as far as it tells"
    sample = panel.series[:: -(-len(panel) // _MOST_TESTED)]
    values = [fit_scaling(s.values, scaling).transform(s.values) for s in sample]
    visible = tuple(m for m in seasons if sum(is_seasonal(v, m) for v in values) >= len(values) / 2)
    if not visible:
        return (1,), f"no season of {' or '.join(map(str, seasons))} steps can be seen in the changes"
    return visible, f"season of {' and '.join(map(str, visible))} steps"


def _is_intraday(season_length: int) -> bool:
    return season_length >= 24 and season_length != 52


def _default_horizon(season_length: int) -> int:
    if _is_intraday(season_length):
        return max(48, season_length)
    return _HORIZONS.get(season_length, 30)


def _context_length(season_length: int, horizon: int, longest: int, cycles: int) -> int:
    wanted = 14 * season_length if _is_intraday(season_length) else max(cycles * season_length, 2 * horizon, 24)
    return max(min(wanted, max(2 * season_length, longest // 2)), min(4, longest))


def _segment(season_length: int) -> int:
    if season_length == 52:
        return 13
    return season_length // 2 if _is_intraday(season_length) else max(season_length, 4)


def _scaling(panel: Panel, known: Panel, config: Config, season_length: int) -> tuple[str, str]:
    """The scaling rule and why. That every value is positive must be true of all rows: no others have logarithms."""
    lowest = min(panel.series, key=lambda s: float(np.nanmin(s.values)))
    positive = float(np.nanmin(lowest.values)) > 0
    if config.data.scaling == "log" and not positive:
        raise DataError(
            f"{lowest.name}: the value {np.nanmin(lowest.values):g} has no logarithm", hint="--scaling standard"
        )
    if config.model.head == "negative-binomial":
        return "none", "counts are left as they are"
    if config.data.scaling is not None:
        return config.data.scaling, "as asked"
    if season_length == 1 and len(panel) >= _FEW_SERIES:
        return "standard", "without a season, a line is safer than growth by percentages"
    if positive and all(prefers_log(s.values, season_length) for s in known.series):
        return "log", "every value is positive and none far below its neighbours"
    seen_in_logs = sum(prefers_log(s.values) for s in known.series)
    if positive and 2 * seen_in_logs >= len(known) > 1:
        why = f"{seen_in_logs:,} of {len(known):,} series are never far below their neighbours: those in logarithms"
        return "mixed", why
    return "standard", "some values are not positive, or far below their neighbours"


def _bounds(panel: Panel, config: Config) -> tuple[float | str, float | str, tuple[str, ...]]:
    """Floor and cap, and a sentence on them where there are any: 0 where no value of any series is negative."""
    data = config.data
    asked = Bounds.of(data.floor, data.cap)
    wrong = outside(panel, asked)
    if wrong is not None:
        raise DataError(wrong, hint="correct the value, or use --floor none --cap none")
    floor, cap = data.floor, "none" if data.cap is None else data.cap
    if floor is not None:
        named = [
            f"{name} {value:.12g}" for name, value in (("floor", floor), ("cap", cap)) if not isinstance(value, str)
        ]
        return floor, cap, (f"{', '.join(named)}: as asked",) if named else ()
    said = () if isinstance(cap, str) else (f"cap {cap:.12g}: as asked",)
    if asked.cap <= 0 or any(np.nanmin(s.values) < 0 for s in panel.series):
        return "none", cap, said
    return 0.0, cap, ("floor 0: no value is negative, and so no forecast is; --floor none lifts it", *said)


def _holdout(length: int, horizon: int, most_validation: int, most_test: int) -> Holdout:
    """Validation windows half a horizon apart over a quarter of the series, and some later ones to look at."""
    stride = max(1, horizon // 2)
    n_test = min(most_test, max(1, length // (8 * horizon)))
    n_validation = min(most_validation, max(1, 1 + (length // 4 - horizon) // stride))
    test = tuple(horizon * (i + 1) for i in range(n_test))
    validation = tuple(test[-1] + horizon + stride * i for i in range(n_validation))
    if length - validation[-1] >= max(2 * horizon, length // 3, _FEWEST_STEPS):
        return Holdout(validation, test)
    shared = tuple(horizon + stride * i for i in range(n_validation))
    kept = tuple(offset for offset in shared if length - offset >= max(_FEWEST_STEPS, length // 2)) or shared[:1]
    return Holdout(kept, kept)


def _filled(settings: _Settings, **defaults: Any) -> _Settings:
    """The settings with a default for each of those that are None."""
    return replace(settings, **{name: v for name, v in defaults.items() if getattr(settings, name) is None})


def _in_words(model: ModelConfig) -> str:
    """`3 networks, averaged: lstm, 1 layer of 64`, and what is not as usual."""
    ensemble = "1 network" if model.members == 1 else f"{model.members} networks, averaged"
    directions = "bidirectional, " if model.bidirectional else ""
    layers = f"{directions}{model.layers} layer{'s'[: model.layers != 1]} of {model.hidden}"
    blank = ModelConfig()
    said = {name: getattr(model, name) for name in _UNUSUAL if getattr(model, name) != getattr(blank, name)}
    words = [
        f"no {name}" if value is False else name.replace("_", " ") + ("" if value is True else f" {value}")
        for name, value in said.items()
    ]
    return ", ".join((f"{ensemble}: {model.cell}", layers, *words))


def _preset_in_words(asked: Config, complete: Config, why: str) -> tuple[str, ...]:
    """What the preset decided and why, what was asked for beside it, and how a time limit is divided."""
    train, members = complete.train, complete.model.members
    given = {**vars(asked.model), **vars(asked.train)}
    fixed = [name for name in ("members", "max_steps", "patience", "learning_rate") if given[name] is not None]
    said = f"preset {train.preset}: {members} network{'s'[: members != 1]} of at most {train.max_steps:,} steps, "
    said += f"patience {train.patience}, learning rate {train.learning_rate:g}: {why}"
    said += f"; {', '.join(fixed).replace('_', ' ')} as asked" if fixed else ""
    if train.time_limit is None:
        return (said,)
    return said, f"time limit {train.time_limit:g} s: half to choose networks, the rest to train them on every row"
