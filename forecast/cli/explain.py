"""`forecast explain`: trained networks and a window of their data in; what they do, in words and pictures, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, aligned, document, numbers
from forecast.cli.options import Json, Quiet, Verbose
from forecast.cli.paths import kind_of
from forecast.cli.predict import PRIOR, column_option, config_without_model, find_data
from forecast.cli.report import Report, reporting_problems
from forecast.cli.settings import ExplainSettings
from forecast.config import Config, ReadConfig
from forecast.errors import ConfigError, DataError
from forecast.settings import override
from forecast.sources import STDIN, display_source, is_local, parse, safe_source

if TYPE_CHECKING:
    from forecast.forecaster import Forecaster
    from forecast.importance import Importance
    from forecast.panel import Columns, Panel, Series
    from forecast.reading.panel import OnProgress
    from forecast.report.explanation import Explained

#: What networks are called that are not a prior's.
_NETWORKS = "the networks trained from nothing"


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
    priors = [_prior_meant(model) for model in models]
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
    summary = [_heading(found, looks[0], settings), *_sections(found)]
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


def _prior_meant(model: Path) -> str | None:
    """Which prior is to be looked into by itself: "auto", or a file; None where it is a model of data."""
    if model == Path(PRIOR) and not model.exists():
        return "auto"
    return str(model) if kind_of(model) == "prior" else None


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


@dataclass(frozen=True)
class _Section:
    """A heading, a table where there is one, and sentences after it."""

    heading: str
    table: tuple[list[str], list[list[str]]] | None = None
    sentences: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        return "\n".join([self.heading, *([aligned(*self.table)] if self.table else []), *self.sentences])

    def show(self, screen: Screen) -> None:
        screen.result(self.heading)
        if self.table:
            screen.table(*self.table)
        for sentence in self.sentences:
            screen.result(sentence)


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


def _heading(models: Sequence[Explained], panel: Panel, settings: ExplainSettings) -> _Section:
    from forecast.timeformat import format_times

    context = models[0].explanation.context
    columns = panel.columns
    cutoff = format_times(context.timestamps[-1:], columns.time_format, columns.timezone)[0]
    first = f", the first of {len(panel):,} items" if settings.item is None and len(panel) > 1 else ""
    lines = [line for model in models for line in (_network_line(model), _prior_line(model)) if line]
    return _Section("\n".join(lines), sentences=(f"looked at: {context.item}{first}, until {cutoff}",))


def _network_line(model: Explained) -> str | None:
    """What the networks trained from nothing are; None where there are none."""
    if model.layer is None:
        return None
    context, explanation = model.explanation.context, model.explanation
    layers = {layer.number for layer in explanation.layers}
    both = " in both directions" if len(explanation.layers) > len(layers) else ""
    share = "" if explanation.prior is None else f"; {_rounded(explanation.share)} of the forecast"
    what = f"{model.cell}, {_counted(len(layers), 'layer')} of {len(model.layer.order)} units{both}"
    reads = (
        f"the last {_seen(len(context.values), context.length)} steps, {_counted(context.segment, 'value')} at a time"
    )
    return f"{model.name}: {what}; it reads {reads}{share}"


def _prior_line(model: Explained) -> str | None:
    """What the prior is; None where it has no part."""
    prior = model.explanation.prior
    if prior is None:
        return None
    alone = model.layer is None
    kind, share = ("a prior", "") if alone else ("a fine-tuned prior", f"; {_rounded(prior.share)} of the forecast")
    networks = f"{_counted(prior.networks, 'network')} of {model.cell}"
    return f"{model.name}: {kind}, {networks}; it reads the last {_seen(prior.seen, prior.context_length)} steps{share}"


def _seen(steps: int, length: int) -> str:
    return f"{steps:,} of the {length:,}" if steps < length else f"{length:,}"


def _sections(models: Sequence[Explained]) -> list[_Section]:
    """What is said of one model, or of several side by side."""
    if len(models) > 1:
        return [_reaches(models), _gradients(models)]
    (model,) = models
    of_networks = [] if model.layer is None else [_mixture(model), _reaches(models), _gradients(models), _gates(model)]
    return [*of_networks[:1], *_prior(model), *of_networks[1:], *_covariates(model)]


def _mixture(model: Explained) -> _Section:
    rows = [[name, _percent(weight)] for name, weight in model.explanation.weights]
    whose = "the forecast begins" if model.explanation.prior is None else f"{_NETWORKS} begin"
    return _Section(f"{whose} with a mixture of", (["", "weight"], rows))


def _prior(model: Explained) -> list[_Section]:
    """The candidates of a prior, where it has a part in the forecast."""
    prior = model.explanation.prior
    if prior is None:
        return []
    count, rest = prior.others
    steps = len(rest) > 1
    header = ["", "weight", *(["first step", "last step"] if steps else []), *(["past error"] if prior.cutoffs else [])]
    lines = [(c.name, c.by_step, "–" if c.error is None else f"{c.error:.2f}") for c in prior.shown]
    lines += [(f"{_counted(count, 'other')} together", rest, "–")] if count else []
    rows = [
        [name, *map(_percent, (own.mean(), own[0], own[-1])[: 3 if steps else 1]), *([error] if prior.cutoffs else [])]
        for name, own, error in lines
    ]
    said = (
        f"past error: what each missed by at {_counted(prior.cutoffs, 'earlier cutoff')}, by "
        f"{_counted(prior.judged, 'step')} each, that of the best one being 1"
        if prior.cutoffs
        else "the history is too short to say how each of them did before"
    )
    whose = "the forecast begins" if model.layer is None else "the fine-tuned prior begins"
    return [_Section(f"{whose} with a mixture of", (header, rows), (said,))]


def _reaches(models: Sequence[Explained]) -> _Section:
    several = len(models) > 1
    reaches = [
        (model.name if several else reach.name, reach)
        for model in models
        for reach in model.explanation.reaches[: 1 if several else None]
    ]
    header = ["", *([] if several else ["weight"]), "50 % within", "90 % within", "furthest over 1 %"]
    rows = [
        [name, *([] if several else [_percent(r.weight)]), *map(_lag, (r.within(0.5), r.within(0.9), r.furthest))]
        for name, r in reaches
    ]
    sentence = None if several else models[0].explanation.sentence
    whole = all(model.explanation.prior is None for model in models)
    who = "the forecast looks, in steps before its first" if whole else f"{_NETWORKS} look, in steps before the first"
    return _Section(f"how far back {who}", (header, rows), (sentence,) if sentence else ())


def _gradients(models: Sequence[Explained]) -> _Section:
    several = len(models) > 1
    lines = [
        (f"{model.name}, {layer.name}" if several else layer.name, layer)
        for model in models
        for layer in ([model.shown_layer] if several else model.explanation.layers)
    ]
    rows = [
        [
            name,
            f"{layer.lasting[0]:.3g}",
            f"{layer.lasting[-1]:.3g}",
            "–" if layer.fade is None else f"{layer.fade:.3g}",
            "–" if layer.faded is None or layer.fade is None else f"{layer.faded:,} steps",
        ]
        for name, layer in lines
    ]
    header = ["", "last step read", "first step read", "times a step", "below 1 % after"]
    which = ", ".join(f"network {m.explanation.member} of {m.members}" for m in models[:1])
    return _Section(f"the gradient on its way back through the recurrence ({which})", (header, rows))


def _gates(model: Explained) -> _Section:
    layer, rows = model.shown_layer, []
    for name, values in layer.activations.items():
        means = values.mean(0)
        shares = ["–", "–"]
        if name not in ("candidate", "memory", "state"):
            shares = [_percent(float((values < 0.1).mean())), _percent(float((values > 0.9).mean()))]
        rows.append([name, *numbers([float(values.mean()), float(means.min()), float(means.max())]), *shares])
    header = ["", "mean", "lowest unit", "highest unit", "below 0.1", "above 0.9"]
    return _Section(f"what the recurrence does in {layer.name}", (header, rows))


def _covariates(model: Explained) -> list[_Section]:
    found = model.importance
    if found is None:
        return []
    if not found.covariates:
        unknown = "cannot be said: no two windows of the data have outcomes"
        return [_Section("what the covariates are worth", sentences=(unknown,))]
    error, *others = numbers([found.error, *(c.mean or 0.0 for c in found.covariates)])
    rows = [["none", error, "", ""]]
    for covariate, mean in zip(found.covariates, others, strict=True):
        if covariate.mean is None or covariate.deviation is None:
            rows.append([covariate.name, "–", "–", "–"])
            continue
        change = f"{covariate.mean / found.error - 1:+.1%}".replace("%", " %") if found.error else "–"
        rows.append([covariate.name, mean, numbers([covariate.deviation])[0], change])
    said = [_measured(found)]
    if any(covariate.mean is None for covariate in found.covariates):
        said.append("–: the same in all windows, so that there is nothing to shuffle")
    header = ["shuffled", found.metric.upper(), "± sd", "change"]
    return [_Section("what the covariates are worth", (header, rows), tuple(said))]


def _measured(found: Importance) -> str:
    seen = "all" if found.seen == found.n_windows else f"{found.seen:,}"
    return (
        f"{_counted(found.n_windows, 'window')} of the last quarter of the data, {seen} of them known from training; "
        f"shuffled {_counted(found.repeats, 'time')}"
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _rounded(share: float) -> str:
    return f"{100 * share:.0f} %"


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _lag(lag: int | None) -> str:
    return "–" if lag is None else f"{lag:,}"
