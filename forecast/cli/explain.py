"""`forecast explain`: trained networks and a window of their data in; what they do, in words and pictures, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document
from forecast.cli.options import Json, Quiet, Verbose
from forecast.cli.origins import column_option, config_without_model, find_data, prior_meant
from forecast.cli.report import Report, reporting_problems
from forecast.cli.sections import heading, sections
from forecast.cli.settings import ExplainSettings
from forecast.config import Config, ReadConfig
from forecast.errors import ConfigError, DataError
from forecast.settings import override
from forecast.sources import STDIN, display_source, is_local, parse, safe_source

if TYPE_CHECKING:
    from forecast.forecaster import Forecaster
    from forecast.panel import Columns, Panel, Series
    from forecast.reading.panel import OnProgress
    from forecast.report.explanation import Explained


def explain(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...", readable=False, help="Model file; several to compare how they look back; or prior."
        ),
    ],
    *,
    settings: ExplainSettings,
    read: ReadConfig,
    time: Annotated[list[str] | None, column_option("time")] = None,
    target: Annotated[list[str] | None, column_option("target", "-t")] = None,
    id: Annotated[list[str] | None, column_option("id")] = None,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", help="Steps ahead, where no model knows them.", rich_help_panel="Without a model"),
    ] = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Look inside a trained model at its newest window.

    It takes one item of the data and says which simple continuations the forecast mixes, how far back it looks, how
    the gradient fades on its way through the recurrence, what the gates do, and how much worse the forecast becomes
    when a covariate is shuffled. With --plot it draws one of these, or all of them on one page of HTML.

    Of a prior beside the networks it says which continuations it chose, and how each of these did before. With prior
    in the place of a model, or a file of `forecast pretrain`, and --data, that is done without any training.

    Example:
      forecast train sample_data/prices.csv && forecast explain prices.safetensors --plot gates.png
    """
    check_before_work(models, settings)
    screen = Screen(quiet=quiet, verbose=verbose)

    from forecast.forecaster import Forecaster

    named = {name: values for name, values in (("time", time), ("target", target), ("id", id)) if values}
    priors = [prior_meant(model) for model in models]
    _check_priors(models, priors, settings, [*named, *(["horizon"] if horizon is not None else [])])
    origins = [
        Forecaster.load(model).on_threads(settings.threads)
        if prior is None
        else config_without_model(prior, named, horizon, read)
        for model, prior in zip(models, priors, strict=True)
    ]
    _check_forecasters(origins, models)
    data = _one_source(models, origins, settings)
    _check_not_read(settings.plot, [data, settings.future_data or "", *map(str, models)])
    notes: dict[str, None] = {}
    looks = []
    with reporting_problems(report, display_source(data)) as note_down, screen.reading() as on_progress:
        for origin in origins:
            panel = _panel_for(origin, data, settings, read, on_progress)
            notes |= dict.fromkeys(panel.notes)
            looks.append(panel)
        note_down(notes)
    forecasters = []
    for origin, panel in zip(origins, looks, strict=True):
        if isinstance(origin, Config):
            origin = Forecaster.of_prior(panel, origin).on_threads(settings.threads)
            notes |= dict.fromkeys(origin.plan_notes)
        forecasters.append(origin)
    for note in notes:
        screen.aside(note)
    names = _names(models)
    found = [_look(*each, settings, alone=len(models) == 1) for each in zip(names, forecasters, looks, strict=True)]
    columns = looks[0].columns
    summary = [heading(found, looks[0], settings), *sections(found)]
    if settings.plot is not None:
        _write(found, columns, "\n\n".join(section.text for section in summary), Path(settings.plot), settings.picture)
    if json:
        document(
            {
                "data": safe_source(data),
                "plot": settings.plot,
                "models": [
                    _values(path, forecaster, each)
                    for path, forecaster, each in zip(models, forecasters, found, strict=True)
                ],
                "notes": list(notes),
            }
        )
        return
    for number, section in enumerate(summary):
        if number:
            screen.result()
        section.show(screen)
    if settings.plot is not None:
        screen.note(f"wrote {settings.plot}")


def _check_priors(
    models: Sequence[Path], priors: Sequence[str | None], settings: ExplainSettings, named: Sequence[str]
) -> None:
    """Raise ConfigError where a prior lacks data or has company, or what only it has to be told goes to a model."""
    for model, prior in zip(models, priors, strict=True):
        if prior is None and named:
            said = " and ".join(f"--{name}" for name in named)
            raise ConfigError(f"{said}: {model} knows its columns and its horizon", hint="leave it out")
        if prior is not None and len(models) > 1:
            raise _incomparable(model)
        if prior is not None and settings.data is None:
            raise ConfigError(
                "a prior belongs to no file, and needs one to look at", hint=f"forecast explain {model} --data FILE"
            )


def _check_forecasters(origins: Sequence[Forecaster | Config], models: Sequence[Path]) -> None:
    """Raise ConfigError for a model of states, whose probabilities are not looked into, and a prior among several."""
    for origin, model in zip(origins, models, strict=True):
        if isinstance(origin, Config):
            continue
        if origin.states:
            raise ConfigError(f"{model} forecasts states, and only forecasts of numbers are explained")
        if len(models) > 1 and not origin.networks:
            raise _incomparable(model)


def _incomparable(model: Path) -> ConfigError:
    return ConfigError(
        f"{model} is a prior alone, and several models are compared by their networks that were trained from nothing",
        hint="look at it alone",
    )


def _panel_for(
    origin: Forecaster | Config,
    data: str,
    settings: ExplainSettings,
    read: ReadConfig,
    on_progress: OnProgress | None,
) -> Panel:
    """The data as a model learnt to read them, or as a prior, which learnt nothing of them, is told to."""
    from forecast.reading import read_panel

    columns, how, known = (
        (origin.data, origin.read, None)
        if isinstance(origin, Config)
        else (None, override(origin.config.read, read), origin.known)
    )
    return read_panel(data, columns, read=how, future_data=settings.future_data, known=known, on_progress=on_progress)


def check_before_work(models: Sequence[Path], settings: ExplainSettings) -> None:
    """Raise ConfigError for what cannot be done, before time is spent on the rest."""
    if len(models) > 1 and settings.data == STDIN:
        raise ConfigError(
            "stdin can be read once only, and each model reads the data in its own way",
            hint="save the data in a file",
        )
    if len(models) > 1 and settings.picture not in (None, "gradients", "lags"):
        raise ConfigError(
            f"--picture {settings.picture}: several models share a picture of gradients or of lags only",
            hint="--picture gradients",
        )
    if settings.plot is not None:
        from forecast.report.plot import require_matplotlib

        require_matplotlib()


def _one_source(models: Sequence[Path], origins: Sequence[Forecaster | Config], settings: ExplainSettings) -> str:
    """The source that all models are explained on; ConfigError where they were trained on different ones."""
    found = [
        find_data(settings.data, None if isinstance(origin, Config) else origin.data_path, model)
        for model, origin in zip(models, origins, strict=True)
    ]
    for model, source in zip(models, found, strict=True):
        if source != found[0]:
            raise ConfigError(
                f"{models[0]} was trained on {display_source(found[0])}, {model} on {display_source(source)}",
                hint="--data FILE names the one to look at",
            )
    return found[0]


def _check_not_read(plot: str | None, sources: Sequence[str]) -> None:
    for source in sources:
        if plot is None or not source or not is_local(source) or source == STDIN:
            continue
        path = Path(parse(source).address)
        if path.is_file() and Path(plot).exists() and path.samefile(plot):
            raise ConfigError(f"--plot {plot}: the picture would take the place of {safe_source(source)}")


def _names(models: Sequence[Path]) -> list[str]:
    """What models are called: their file without its suffix, or their path where that is not enough."""
    stems = [model.stem for model in models]
    return stems if len(set(stems)) == len(stems) else [str(model) for model in models]


def _look(name: str, forecaster: Forecaster, panel: Panel, settings: ExplainSettings, *, alone: bool) -> Explained:
    """One model with the window that was asked for, and alone also what its covariates are worth."""
    from forecast.explanation import explain, find_series
    from forecast.importance import importance
    from forecast.report.explanation import Explained

    series = find_series(panel, settings.item)
    until = _until(panel, series, settings.cutoff)
    try:
        found = explain(forecaster, panel, until, settings.member)
    except DataError as error:
        raise DataError(error.message, why=error.why, hint=_hint(error.hint, until, forecaster)) from error
    asked = found.layers or settings.layer is not None or settings.direction is not None
    layer = found.layer(settings.layer, settings.direction) if asked else None
    worth = importance(forecaster, panel, settings.repeats, settings.seed) if alone else None
    return Explained(name, forecaster.config.model.cell, found, layer, len(forecaster.networks), worth)


def _hint(hint: str | None, series: Series, forecaster: Forecaster) -> str | None:
    """The hint of an error about what is not known ahead, with the newest cutoff after which the data have rows."""
    ahead = forecaster.architecture.horizon
    if len(series) <= ahead:
        return hint
    moment = str(series.timestamps[-1 - ahead]).removesuffix(".000000").removesuffix("T00:00:00")
    return f"--cutoff {moment}, or {hint}"


def _until(panel: Panel, series: Series, cutoff: str | None) -> Series:
    """The series as it was known at a moment."""
    if cutoff is None:
        return series
    from forecast.reading.times import parse_moment

    moment = parse_moment(cutoff, panel.columns.timezone)
    return replace(panel, series=(series,)).split_at(moment).series[0]


def _write(models: Sequence[Explained], columns: Columns, summary: str, path: Path, picture: str | None) -> None:
    from forecast.report.explanation import drawn, page
    from forecast.writing import write_atomic

    kind = path.suffix.lower().removeprefix(".")
    if kind == "html":
        write_atomic(path, page(models, columns, summary, picture))
        return
    picture = picture or ("gradients" if len(models) > 1 else "gates" if models[0].layer else "anchors")
    write_atomic(path, drawn(picture, models, columns, format=kind))


def _values(path: Path, forecaster: Forecaster, found: Explained) -> dict[str, Any]:
    """What `--json` says of one model."""
    from forecast.explanation import to_dict

    return {
        "model": str(path),
        "sha256": forecaster.digest or (forecaster.tuned.digest if forecaster.tuned else ""),
        "cell": found.cell,
        "members": found.members,
        **to_dict(found.explanation),
        "layer": found.layer and found.layer.number,
        "direction": found.layer and found.layer.direction,
        "importance": None if found.importance is None else asdict(found.importance),
    }
