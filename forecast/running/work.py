"""forecast_unit: what is done for a unit once something has changed, and what may stand in for its model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from forecast.baselines import forecast_histories
from forecast.bounds import Bounds
from forecast.calendars import future_timestamps
from forecast.config import QUANTILE_LEVELS
from forecast.errors import CheckpointError, ForecastError, GateError, LockedError
from forecast.forecaster import Forecaster
from forecast.forecasts import Forecast, Form, ItemForecast
from forecast.gates import newest, without_skill
from forecast.jobs import Unit
from forecast.jobs.job import PREVIOUS, SEASONAL_NAIVE
from forecast.panel import Panel
from forecast.planning import plan
from forecast.running.data import Unfit, check_data, ledger_of, read_anew, read_for
from forecast.running.manifests import (
    carried_on,
    input_digest,
    make_folder,
    read_manifest,
    why_again,
    write_manifest,
)
from forecast.running.model import Today, first_model, loaded, retrained
from forecast.running.outcome import DONE, FALLBACK, How, LeftOff, Outcome
from forecast.shelf import kept_models
from forecast.sources import is_local, safe_source
from forecast.state_baselines import STATE_BASELINES
from forecast.timeformat import format_times, has_clock
from forecast.writing import format_of, lock, render, write_forecast_sql, write_together

Stop = Callable[[], bool]

MODEL = "model"


@dataclass(frozen=True)
class Made:
    """A forecast, the panel it goes on from, and what it was made by; its source is its own.

    trained says why a model was trained now, contest what came of it, sentences what a person has to know, notes what
    one may want to.
    """

    forecast: Forecast
    panel: Panel
    season_length: int
    forecaster: Forecaster | None = None
    trained: str | None = None
    contest: str | None = None
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Same(Exception):
    """Once read, the data turn out to be those of the forecast that is there."""


def forecast_unit(unit: Unit, how: How, stop: Stop) -> Outcome:
    """The outcome of a unit, its outputs, ledger and manifest written. Raises what kept a forecast from being made."""
    # Before reading, so that rows that come meanwhile make the next run read again.
    inputs = input_digest(unit)
    try:
        made = _by_model(unit, how, stop, inputs)
    except _Same:
        before = read_manifest(how.state, unit.name, how.as_of)
        assert before is not None  # or it could not be the same
        return carried_on(before, unit, how)
    except (Unfit, LockedError):
        raise
    except (ForecastError, MemoryError) as error:
        if not unit.job.fallback or getattr(error, "exit_code", 0) == LockedError.exit_code:
            raise
        made = _by_fallback(unit, how, error)
    return _delivered(unit, how, made, inputs)


def _by_model(unit: Unit, how: How, stop: Stop, inputs: str | None) -> Made:
    """The forecast of today's model, which is trained first where it has to be."""
    if unit.model.exists():
        champion = loaded(unit.model, unit)
        panel = read_for(champion, unit, how)
        if inputs is None:
            _stop_if_same(unit, how, panel)
        _settle(unit, how, panel)
        check_data(unit, how, panel, _horizon(unit, champion))
        today = retrained(unit, how, stop, champion, panel)
        if today.forecaster is not champion:
            panel = read_for(today.forecaster, unit, how)
    else:
        today = Today(first_model(unit, how, stop), "there was no model")
        panel = read_for(today.forecaster, unit, how)
        _settle(unit, how, panel)
    if said := without_skill(unit.job.gates, today.forecaster.evaluation):
        raise GateError(said[0])
    if stop():
        raise LeftOff("left off before the forecast was made")
    made = _predicted(unit, panel, today.forecaster)
    return replace(made, trained=today.trained, contest=today.contest)


def _settle(unit: Unit, how: How, panel: Panel) -> None:
    """Keeps what has come of earlier forecasts, whatever becomes of today's."""
    if (ledger := ledger_of(how)) is not None:
        ledger.settle(unit.name, panel)


def _horizon(unit: Unit, forecaster: Forecaster) -> int:
    return unit.job.predict.horizon or forecaster.architecture.horizon


def _stop_if_same(unit: Unit, how: How, panel: Panel) -> None:
    """Raises _Same where the rows of a database, or of the web, are those of the forecast that is there."""
    if why_again(unit, how, _digest_of(panel)) is None:
        raise _Same


def _digest_of(panel: Panel) -> str:
    return f"rows {panel.digest()}"


def _predicted(unit: Unit, panel: Panel, forecaster: Forecaster, source: str = MODEL) -> Made:
    """The forecast of a model, as `forecast predict` makes it."""
    predict = unit.job.predict
    forecaster = forecaster.on_threads(predict.threads).within(predict.floor, predict.cap)
    notes = (*panel.notes, *forecaster.caveats(panel))
    if predict.adapt is not False and not forecaster.states:
        forecaster = forecaster.adapted(panel)
    forecast = replace(forecaster.predict(panel, predict.horizon), source=source)
    return Made(forecast, panel, forecaster.evaluation.season_length, forecaster, notes=notes)


def _by_fallback(unit: Unit, how: How, error: ForecastError | MemoryError) -> Made:
    """The forecast of the first on the job's ladder that can make one, with why it had to; else the error again."""
    why = [getattr(error, "message", "") or "not enough memory"]
    for rung in unit.job.fallback:
        try:
            made = _RUNGS[rung](unit, how)
        except (Unfit, LockedError):
            raise
        except ForecastError as further:
            why.append(f"{rung}: {further.message}")
            continue
        return replace(made, sentences=(f"{rung} stands in for the model", *"\n".join(why).splitlines()))
    raise error


def _previous(unit: Unit, how: How) -> Made:
    """The forecast of the newest of the kept models that is whole, and good enough."""
    why = f"{unit.model}: no earlier model is kept"
    # The one that is there first: where training a new one failed it is the last good one.
    for path in (unit.model, *kept_models(unit.model)):
        try:
            forecaster = loaded(path, unit)
        except CheckpointError as error:
            why = error.message
            continue
        if said := without_skill(unit.job.gates, forecaster.evaluation):
            why = said[0]
            continue
        panel = read_for(forecaster, unit, how)
        check_data(unit, how, panel, _horizon(unit, forecaster))
        return _predicted(unit, panel, forecaster, PREVIOUS)
    raise CheckpointError(why)


def _seasonal_naive(unit: Unit, how: How) -> Made:
    """Each value of the last season again; of states how often each came at this place of the season."""
    config, predict = unit.job.config, unit.job.predict
    panel = read_anew(unit, how)
    planned = plan(panel, config)
    season, data = planned.season_lengths[0], planned.config.data
    horizon = predict.horizon or planned.architecture.horizon
    check_data(unit, how, panel, horizon)
    histories = [s.values for s in panel.series]
    times = [future_timestamps(panel.calendar, s.timestamps[-1], horizon) for s in panel.series]
    if panel.states:
        rate = STATE_BASELINES["seasonal base rate"]
        shares = [rate(history, len(panel.states), season, horizon) for history in histories]
        items = tuple(
            ItemForecast(s.item_id, s.target, own, np.empty((horizon, 0)), share)
            for s, own, share in zip(panel.series, times, shares, strict=True)
        )
        task = config.model.task
        forecast = Forecast(items, (), panel.columns, source=SEASONAL_NAIVE, states=panel.states, task=task)
        return Made(forecast, panel, season, notes=panel.notes)
    floor = data.floor if predict.floor is None else predict.floor
    bounds = Bounds.of(floor, data.cap if predict.cap is None else predict.cap)
    quantiles, _ = forecast_histories("seasonal naive", histories, season, horizon)
    items = tuple(
        ItemForecast(s.item_id, s.target, own, bounds.clip(values))
        for s, own, values in zip(panel.series, times, quantiles, strict=True)
    )
    forecast = Forecast(items, QUANTILE_LEVELS, panel.columns, source=SEASONAL_NAIVE, bounds=bounds)
    return Made(forecast, panel, season, notes=panel.notes)


_RUNGS: dict[str, Callable[[Unit, How], Made]] = {PREVIOUS: _previous, SEASONAL_NAIVE: _seasonal_naive}


def _delivered(unit: Unit, how: How, made: Made, inputs: str | None) -> Outcome:
    """The outcome of a forecast that was made, once it is where it belongs: outputs, ledger, and the manifest last."""
    forecaster = made.forecaster
    outcome = Outcome(
        unit.name,
        DONE if made.forecast.source == MODEL else FALLBACK,
        code=0 if made.forecast.source == MODEL else GateError.exit_code,
        sentences=made.sentences,
        source=made.forecast.source,
        cutoff=_cutoff(made.panel),
        until=newest(made.panel).isoformat(),
        model_digest=None if forecaster is None else forecaster.digest,
        data_digest=made.panel.digest(),
        trained_until=None if forecaster is None else forecaster.data.last,
        trained=made.trained,
        contest=made.contest,
        outputs=_written(unit, how, made),
        notes=made.notes,
    )
    _recorded(unit, how, made, outcome)
    _settled_since(unit, how, made)
    write_manifest(unit, how, outcome, inputs or _digest_of(made.panel))
    return outcome


def _recorded(unit: Unit, how: How, made: Made, outcome: Outcome) -> None:
    """Keeps the forecast in the ledger, where there is one."""
    ledger, forecaster = ledger_of(how), made.forecaster
    if ledger is None:
        return
    ledger.record(
        unit.name,
        made.forecast,
        made.panel,
        model_digest=outcome.model_digest or "",
        data_digest=outcome.data_digest or "",
        season_length=made.season_length,
        hindsight=forecaster is not None and bool(np.datetime64(forecaster.data.last) > made.panel.last),
    )


def _settled_since(unit: Unit, how: How, made: Made) -> None:
    """What has come after a back-run's cutoff is known already, and is kept beside the forecast at once."""
    ledger = ledger_of(how)
    if how.as_of is not None and ledger is not None and made.forecaster is not None:
        ledger.settle(unit.name, read_for(made.forecaster, unit, replace(how, as_of=None)))


def _cutoff(panel: Panel) -> str:
    """The newest row as a text that may stand in the name of a file: 2024-01-31, or 2024-01-31T180000."""
    pattern = "%Y-%m-%dT%H%M%S" if has_clock(panel.columns.time_format) else "%Y-%m-%d"
    return format_times(np.array([panel.last]), pattern, "")[0]


def _written(unit: Unit, how: How, made: Made) -> tuple[tuple[str, str | None], ...]:
    """The outputs and the sha256 of each file. A back-run writes none in whose place that of newer rows may lie."""
    if how.as_of is not None and not unit.names_cutoffs:
        return ()
    predict, cutoff = unit.job.predict, _cutoff(made.panel)
    form: Form = {**predict.form, "named_source": bool(unit.job.fallback)}
    target, plot = unit.output(cutoff), unit.plot(cutoff)
    contents: dict[Path, bytes] = {}
    if is_local(target):
        path = Path(target)
        kind = format_of(path, predict.format)
        contents[path] = render(made.forecast, format=kind, excel_safe=predict.excel_safe, **form)
    if plot is not None:
        from forecast.report.plot import picture

        contents[plot] = picture(made.panel, made.forecast, format=plot.suffix.lower().removeprefix("."))
    templates = [unit.job.output] if is_local(target) else []
    templates += [] if unit.job.plot is None else [unit.job.plot]
    for path, template in zip(contents, templates, strict=True):
        _make_folders(path, template, how.state)
    with ExitStack() as stack:
        for path in contents:
            stack.enter_context(lock(path))
        if not is_local(target):
            write_forecast_sql(made.forecast, target, **form)
        write_together(contents)
    tables = () if is_local(target) else ((safe_source(target), None),)
    return (*tables, *((str(path), sha256(content).hexdigest()) for path, content in contents.items()))


def _make_folders(path: Path, template: str, state: Path) -> None:
    """Makes the folders of the state, and those whose name a template fills in: the rest has to be there."""
    fixed = Path(template.partition("{")[0] + "x").parent
    if path.is_relative_to(state) or fixed.is_dir():
        make_folder(path.parent)
