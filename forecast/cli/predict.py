"""`forecast predict`: a model and the newest rows in, a dated forecast with intervals out."""

from __future__ import annotations

import json as jsonlib
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, colourful, document, numbers
from forecast.cli.loading import loading
from forecast.cli.options import Json, Quiet, Verbose
from forecast.cli.origins import BUNDLED, PRIOR, column_option, config_without_model, find_data, prior_meant
from forecast.cli.paths import newest_model
from forecast.cli.report import Report, reporting_problems
from forecast.cli.settings import option
from forecast.config import Config, DataConfig, ReadConfig
from forecast.errors import CheckpointError, ConfigError
from forecast.filenames import MODEL_SUFFIX
from forecast.settings import FORMATS, PredictSettings, override
from forecast.shards import Shard
from forecast.sources import display_source, is_local, parse, safe_source, source_stem

if TYPE_CHECKING:
    from forecast.adaptation import Adaptation
    from forecast.forecaster import Forecaster
    from forecast.forecasts import Forecast
    from forecast.panel import Known, Panel

STDOUT = "-"
#: Intervals that a table has room for.
_MOST_LEVELS = 2
#: Rows of the forecast that are shown on a terminal, from its beginning and from its end.
_FIRST_ROWS, _LAST_ROWS = 5, 2
#: Probabilities of states that a table has room for.
_MOST_STATES = 6
#: Intervals whose adaptation is told in words.
_TOLD_LEVELS = (80, 95)

ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Forecast the K-th of N shares of the items only; `forecast merge` joins them.",
        rich_help_panel="Options",
    ),
]


def predict(
    *,
    settings: PredictSettings,
    read: ReadConfig,
    shard: ShardOption = None,
    time: Annotated[list[str] | None, column_option("time")] = None,
    target: Annotated[list[str] | None, column_option("target", "-t")] = None,
    id: Annotated[list[str] | None, column_option("id")] = None,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Forecast from a trained model and the newest rows of its data.

    The forecast is written with its intervals, and shown on a terminal with a chart.

    Without options: the newest model in this folder, today's version of the file it was trained on, and as many steps
    as it was trained for. A longer horizon goes on block by block, with intervals that keep widening. Where rows have
    come since training, the intervals are wider or narrower by how they would have done on them.

    With --data and no model in this folder, or with --model prior, nothing is trained: networks that have learnt from
    synthetic series forecast at once. --time, --target and --id name its columns then, where they are not found.

    Example:
      forecast train sample_data/prices.csv && forecast predict --horizon 30
    """
    share = None if shard is None else Shard.parse(shard)
    check_before_work(settings, json, share)
    screen = Screen(quiet=quiet, verbose=verbose)
    columns = {name: values for name, values in (("time", time), ("target", target), ("id", id)) if values}
    model = find_model(settings)
    prior = prior_asked(model, settings)
    check_columns(columns, prior, model)

    with loading():
        from forecast.forecaster import Forecaster
        from forecast.writing import lock

    origin = load(model, settings) if prior is None else config_without_model(prior, columns, settings.horizon, read)
    data = find_data(settings.data, origin.data_path if isinstance(origin, Forecaster) else None, model)
    what = model if prior is None else "networks that were trained before any file (the prior), nothing is trained now,"
    screen.aside(f"forecasting with {what} from {display_source(data)}")
    output = output_of(data, settings, share)
    check_not_read(output, {"data": data, "future data": settings.future_data or "", "model": str(model)})
    rows = Rows(data, settings.future_data, screen, report)
    forecast, n_items = None, 0
    with lock(Path(output)) if output != STDOUT and is_local(output) else nullcontext():
        if isinstance(origin, Forecaster):
            forecaster, panel = from_model(origin, rows, read)
        else:
            forecaster, panel = from_prior(origin, rows)
        forecaster, caveats = made_ready(forecaster, panel, settings, screen)
        if share is None:
            forecast = forecaster.predict(panel, settings.horizon)
            write(forecast, panel, output, settings)
        else:
            # Made ready before, with all items: intervals answer to what happened to every one of them.
            n_items = write_share(share, forecaster, panel, output, settings)
    notes = {"notes": [*panel.notes, *caveats]}
    if forecast is None:
        if json:
            document(summary_of_share(str(share), n_items, forecaster, model, data, output) | notes)
        screen.aside(f"wrote {safe_source(output)}: {n_items:,} of {len(panel):,} series")
    elif json:
        document(summary(forecast, forecaster, model, data, output, settings) | notes)
    elif output != STDOUT:
        show(screen, panel, forecast, settings)
        for path in filter(None, (output, settings.plot)):
            screen.aside(f"wrote {safe_source(path)}")


@dataclass(frozen=True)
class Rows:
    """The rows to forecast from: their source, that of future covariates, and who hears of what is found in them."""

    data: str
    future_data: str | None
    screen: Screen
    report: Path | None

    def read(self, how: ReadConfig, columns: DataConfig | None = None, known: Known | None = None) -> Panel:
        """Their panel; what is noticed goes to the screen, and all problems into the report."""
        from forecast.reading import read_panel

        with reporting_problems(self.report, display_source(self.data)) as note_down:
            with self.screen.reading() as on_progress:
                panel = read_panel(
                    self.data, columns, read=how, future_data=self.future_data, known=known, on_progress=on_progress
                )
            note_down(panel.notes)
        for note in panel.notes:
            self.screen.aside(note)
        return panel


def from_model(forecaster: Forecaster, rows: Rows, read: ReadConfig) -> tuple[Forecaster, Panel]:
    """A saved model, and the rows read as it learnt to read them, but for what was said here."""
    return forecaster, rows.read(override(forecaster.config.read, read), known=forecaster.known)


def from_prior(config: Config, rows: Rows) -> tuple[Forecaster, Panel]:
    """A prior that has seen how it does on the past of these rows, and the rows."""
    from forecast.forecaster import Forecaster

    panel = rows.read(config.read, config.data)
    forecaster = Forecaster.of_prior(panel, config)
    for note in forecaster.plan_notes:
        rows.screen.aside(note)
    return forecaster, panel


def made_ready(
    forecaster: Forecaster, panel: Panel, settings: PredictSettings, screen: Screen
) -> tuple[Forecaster, tuple[str, ...]]:
    """The forecaster with the bounds that were asked for and intervals adapted to these rows, and its caveats."""
    forecaster = forecaster.on_threads(settings.threads).within(settings.floor, settings.cap)
    caveats = forecaster.caveats(panel)
    for caveat in caveats:
        screen.note(f"warning: {caveat}")
    if settings.adapt is not False and not forecaster.states:
        forecaster = forecaster.adapted(panel)
        for sentence in adaptation_in_words(forecaster.adaptation):
            screen.aside(sentence)
    return forecaster, caveats


def find_model(settings: PredictSettings) -> Path:
    """The model that was named, or the newest one here; PRIOR where there is none and data were named."""
    if settings.model:
        return Path(settings.model)
    try:
        return newest_model(Path())
    except CheckpointError:
        if settings.data is None:
            raise
        return Path(PRIOR)


def prior_asked(model: Path, settings: PredictSettings) -> str | None:
    """The `prior_meant` by a model; raises ConfigError where it lacks a file, or is asked for a digest."""
    prior = prior_meant(model)
    if prior == BUNDLED:
        if settings.data is None:
            raise ConfigError(
                "a forecast without a model needs a file", hint="forecast predict --model prior --data FILE"
            )
        if settings.expect_sha256 is not None:
            raise ConfigError("--expect-sha256 is for a model file, and the prior is none", hint="--model FILE")
    return prior


def check_columns(columns: Mapping[str, list[str]], prior: str | None, model: Path) -> None:
    """Raise ConfigError where columns are named for a model, which knows its own."""
    if columns and prior is None:
        named = " and ".join(f"--{name}" for name in columns)
        raise ConfigError(
            f"{named}: {model} knows its columns", hint="leave it out, or --model prior for a forecast without a model"
        )


def load(model: Path, settings: PredictSettings) -> Forecaster:
    """The model in a file, once it is known to be the one that was meant and to have what is asked of it."""
    from forecast.forecaster import Forecaster

    forecaster = Forecaster.load(model, device=settings.device)
    check_digest(forecaster.digest, settings.expect_sha256, model)
    check_for_states(forecaster, settings, model)
    return forecaster


def check_before_work(settings: PredictSettings, json: bool, share: Shard | None = None) -> None:
    """Raise ConfigError for what cannot be done, before time is spent on the rest."""
    if share is not None:
        whole = {"--output -": settings.output == STDOUT, "--plot": settings.plot, "--chart": settings.chart}
        for name, wants in whole.items():
            if wants:
                raise ConfigError(
                    f"{name} is for a whole forecast, and --shard {share} makes a part", hint="--output FILE"
                )
    wanting = {"--output -": settings.output == STDOUT, "--json": json, "--chart": bool(settings.chart)}
    claims = [name for name, wants in wanting.items() if wants]
    if len(claims) > 1:
        raise ConfigError(f"{' and '.join(claims)} cannot share stdout", hint=f"leave out {claims[0]}")
    output = settings.output or STDOUT
    if is_local(output) and settings.format is None and Path(output).suffix.lower().removeprefix(".") not in FORMATS:
        names = " or ".join((", ".join(f".{name}" for name in FORMATS[:-1]), f".{FORMATS[-1]}"))
        raise ConfigError(f"--output {output}: its name does not end in {names}", hint="--format csv")
    if settings.plot is not None:
        from forecast.report.plot import require_matplotlib

        require_matplotlib()


def check_for_states(forecaster: Forecaster, settings: PredictSettings, model: Path) -> None:
    """Raise ConfigError for what only a forecast of numbers has, where the model is one of states."""
    numeric = {
        "levels": settings.levels,
        "quantiles": settings.quantiles,
        "above": settings.above,
        "below": settings.below,
        "samples": settings.samples,
        "floor": settings.floor not in (None, "none"),
        "cap": settings.cap not in (None, "none"),
        "adapt": settings.adapt,
    }
    if forecaster.states and (asked := [option(name) for name, is_set in numeric.items() if is_set]):
        raise ConfigError(
            f"{' and '.join(asked)}: {model} forecasts states, which have probabilities and no intervals",
            hint=f"forecast predict --model {shlex.quote(str(model))}",
        )


def check_not_read(output: str, read: dict[str, str]) -> None:
    """Raise ConfigError where the forecast would be written over one of the files it is made from."""
    for what, source in read.items():
        path = Path(parse(source).address)
        if is_local(source) and path.is_file() and Path(output).exists() and path.samefile(output):
            raise ConfigError(f"--output {output}: the forecast would take the place of the {what}", hint="--output -")
    if Path(output).suffix == MODEL_SUFFIX:
        raise ConfigError(f"--output {output}: a forecast is no model", hint="--output forecast.csv")


def check_digest(found: str, expected: str | None, model: Path) -> None:
    """Raise CheckpointError unless the model file is the one that was meant."""
    if expected is not None and expected.strip().lower() != found:
        raise CheckpointError(f"{model}: its sha256 is {found}", why=f"--expect-sha256 asks for {expected}")


def output_of(data: str, settings: PredictSettings, share: Shard | None) -> str:
    """Where the forecast goes: where it was asked to, or into a file named after its data."""
    of_share = "" if share is None else f".{share.label}"
    return settings.output or f"{source_stem(data)}.forecast{of_share}.{settings.format or 'csv'}"


def write(forecast: Forecast, panel: Panel, output: str, settings: PredictSettings) -> None:
    """The forecast as a file, in a table, or on stdout for `-`; and as a picture where one was asked for."""
    from forecast.writing import render, write_forecast, write_forecast_sql

    form = settings.form
    if output == STDOUT:
        sys.stdout.flush()
        text = render(forecast, format=settings.format or "csv", excel_safe=settings.excel_safe, **form)
        sys.stdout.buffer.write(text)
    elif is_local(output):
        write_forecast(forecast, Path(output), format=settings.format, excel_safe=settings.excel_safe, **form)
    else:
        write_forecast_sql(forecast, output, **form)
    if settings.plot is not None:
        from forecast.report.plot import write_picture

        write_picture(panel, forecast, Path(settings.plot))


def write_share(share: Shard, forecaster: Forecaster, panel: Panel, output: str, settings: PredictSettings) -> int:
    """Writes the forecast of what a shard holds, a part of a file with its note, or rows of a table; its series."""
    from forecast.merging import held, of_places, write_part
    from forecast.writing import write_forecast_sql

    places = held(panel, share)
    forecast = forecaster.predict(of_places(panel, places), settings.horizon)
    bounds, adaptation = forecaster.bounds, forecaster.adaptation
    if is_local(output):
        made_from = {
            "model": forecaster.digest,
            "data": panel.digest(),
            "horizon": str(len(forecast.items[0].timestamps)),
            "floor and cap": f"{bounds.floor} and {bounds.cap}",
            "adaptation": "none" if adaptation is None else jsonlib.dumps(adaptation.to_dict(), sort_keys=True),
        }
        write_part(
            forecast,
            Path(output),
            share,
            places=places,
            n_items=len(panel),
            made_from=made_from,
            format=settings.format,
            excel_safe=settings.excel_safe,
            **settings.form,
        )
    elif places:
        write_forecast_sql(forecast, output, **settings.form)
    return len(places)


def summary(
    forecast: Forecast, forecaster: Forecaster, model: Path, data: str, output: str, settings: PredictSettings
) -> dict[str, Any]:
    """What `--json` prints: which model and data, where the forecast went, and the forecast itself."""
    from forecast.writing import render

    form = settings.form
    return {
        "model": str(model),
        "sha256": forecaster.digest,
        "data": safe_source(data),
        "output": safe_source(output),
        "plot": settings.plot,
        "horizon": len(forecast.items[0].timestamps),
        "items": len(forecast.items),
        "source": forecast.source,
        "adaptation": None if forecaster.adaptation is None else forecaster.adaptation.to_dict(),
        **jsonlib.loads(render(forecast, format="json", **form)),
    }


def summary_of_share(
    share: str, n_items: int, forecaster: Forecaster, model: Path, data: str, output: str
) -> dict[str, Any]:
    """What `--json` prints of a part of a forecast."""
    told = {"shard": share, "model": str(model), "sha256": forecaster.digest, "data": safe_source(data)}
    return {**told, "output": safe_source(output), "items": n_items}


def adaptation_in_words(adaptation: Adaptation | None) -> list[str]:
    """A sentence for each interval that is usually shown, on how it did since training; none where nothing came."""
    if adaptation is None or not adaptation.cutoffs:
        return []
    cutoffs = f"{adaptation.cutoffs} cutoff{'s'[: adaptation.cutoffs > 1]} since training"
    rows = adaptation.to_dict()["intervals"]
    return [
        f"the {row['level']:.0f} % intervals of {cutoffs} held {row['held']:.0%} of what came: "
        f"now {row['width_change']:.2f} times as wide"
        for row in rows
        if row["level"] in _TOLD_LEVELS
    ]


def show(screen: Screen, panel: Panel, forecast: Forecast, settings: PredictSettings) -> None:
    """What the forecast is about, its chart and its first and last rows, where somebody watches or asked for them."""
    from forecast.forecasts import LEVELS
    from forecast.report.chart import draw
    from forecast.report.view import next_steps
    from forecast.timeformat import format_times

    terminal = sys.stdout.isatty()
    first = format_times(forecast.items[0].timestamps, forecast.columns.time_format, forecast.columns.timezone)
    if terminal or screen.verbose:
        screen.result(f"{next_steps(panel.calendar, len(first))}: {' … '.join(dict.fromkeys((first[0], first[-1])))}")
    if settings.chart or (settings.chart is None and terminal):
        width = shutil.get_terminal_size().columns
        screen.drawing(draw(panel, forecast, width=width, colour=colourful(sys.stdout)))
    if terminal or screen.verbose:
        levels = sorted(settings.levels or LEVELS)[:_MOST_LEVELS]
        screen.table(*_table(forecast, levels, settings.above, settings.below))


def _table(
    forecast: Forecast, levels: Sequence[float], above: Sequence[float], below: Sequence[float]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the first and the last steps of all items in turn, the median, intervals, probabilities."""
    import numpy as np

    from forecast.timeformat import format_times

    n_rows = sum(len(item.timestamps) for item in forecast.items)
    shown = list(range(n_rows))
    if n_rows > _FIRST_ROWS + _LAST_ROWS + 1:
        shown = [*shown[:_FIRST_ROWS], *shown[-_LAST_ROWS:]]
    times = format_times(
        np.concatenate([item.timestamps for item in forecast.items])[shown],
        forecast.columns.time_format,
        forecast.columns.timezone,
    )
    owners = np.repeat(np.arange(len(forecast.items)), [len(item.timestamps) for item in forecast.items])[shown]
    several = len(forecast.columns.targets) > 1
    items = [(*item.item_id, *([item.target] if several else [])) for item in forecast.items]
    names = [" / ".join((time, *items[i])) for i, time in zip(owners, times, strict=True)]
    if forecast.states:
        columns, header = _state_columns(forecast, shown)
    else:
        columns, header = _number_columns(forecast, shown, levels, above, below)
    rows = [list(row) for row in zip(names, *columns, strict=True)]
    if len(shown) < n_rows:
        rows.insert(_FIRST_ROWS, ["…"] * len(rows[0]))
    steps = " / ".join((forecast.columns.time, *forecast.columns.ids, *(["target"] if several else [])))
    return [steps, *header], rows


def _state_columns(forecast: Forecast, shown: Sequence[int]) -> tuple[list[list[str]], list[str]]:
    """The most probable state of some rows and what each of the first few states has, and what the columns are."""
    import numpy as np

    from forecast.forecasts import P_STATE

    shares = np.concatenate([item.probabilities for item in forecast.items])[shown]
    stated = forecast.stated[:_MOST_STATES]
    named = [forecast.states[code] for code in shares.argmax(axis=1)]
    columns = [named, *([f"{share:.3f}" for share in shares[:, code]] for code in stated)]
    return columns, ["forecast", *(f"{P_STATE}{forecast.states[code]}" for code in stated)]


def _number_columns(
    forecast: Forecast, shown: Sequence[int], levels: Sequence[float], above: Sequence[float], below: Sequence[float]
) -> tuple[list[list[str]], list[str]]:
    """The median of some rows with its intervals and probabilities, and what the columns are."""
    import numpy as np

    quantiles = [0.5, *((100 + side * level) / 200 for level in levels for side in (-1, 1))]
    columns = [numbers(np.concatenate(forecast.quantile(q))[shown].tolist()) for q in quantiles]
    chances = forecast.probabilities(above, below)
    columns += [[f"{share:.3f}" for share in np.concatenate(shares)[shown]] for shares in chances.values()]
    return columns, ["forecast", *(f"{end}_{level}" for level in levels for end in ("lo", "hi")), *chances]
