"""`forecast predict`: a model and the newest rows in, a dated forecast with intervals out."""

from __future__ import annotations

import json as jsonlib
import os
import shutil
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.cli.display import Screen, colourful, document, numbers
from forecast.cli.options import Json, Quiet, Verbose
from forecast.cli.paths import newest_model, stem_of
from forecast.cli.settings import PredictSettings
from forecast.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from forecast.forecaster import Forecaster
    from forecast.forecasts import Forecast
    from forecast.panel import Panel

STDOUT = "-"
LEVELS = (80, 95)
#: Rows of the forecast that are shown on a terminal, from its beginning and from its end.
_FIRST_ROWS, _LAST_ROWS = 5, 2


def predict(*, settings: PredictSettings, json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Forecast from a trained model and the newest rows of its data.

    The forecast is written with its intervals, and shown on a terminal with a chart.

    Without options: the newest model in this folder, today's version of the file it was trained on, and as many steps
    as it was trained for. A longer horizon goes on block by block, with intervals that keep widening.

    Example:
      forecast train sample_data/prices.csv && forecast predict --horizon 30
    """
    check_before_work(settings, json)
    screen = Screen(quiet=quiet, verbose=verbose)
    model = Path(settings.model) if settings.model else newest_model(Path())

    from forecast.forecaster import Forecaster
    from forecast.reading import read_panel
    from forecast.writing import lock

    forecaster = Forecaster.load(model, device=settings.device)
    check_digest(forecaster.digest, settings.expect_sha256, model)
    data = find_data(settings.data, forecaster.data_path, model)
    screen.aside(f"forecasting with {model} from {data}")
    output = settings.output or f"{stem_of(data)}.forecast.{settings.format or 'csv'}"
    with nullcontext() if output == STDOUT else lock(Path(output)):
        panel = read_panel(data, columns=forecaster.columns, known_calendar=forecaster.calendar)
        for note in panel.notes:
            screen.aside(note)
        forecast = _with_threads(forecaster, settings.threads).predict(panel, settings.horizon)
        write(forecast, panel, output, settings)
    if json:
        document(summary(forecast, forecaster, model, data, output, settings))
    elif output != STDOUT:
        show(screen, panel, forecast, settings.chart)
        for path in filter(None, (output, settings.plot)):
            screen.aside(f"wrote {path}")


def check_before_work(settings: PredictSettings, json: bool) -> None:
    """Raise ConfigError for what cannot be done, before time is spent on the rest."""
    wanting = {"--output -": settings.output == STDOUT, "--json": json, "--chart": bool(settings.chart)}
    claims = [name for name, wants in wanting.items() if wants]
    if len(claims) > 1:
        raise ConfigError(f"{' and '.join(claims)} cannot share stdout", hint=f"leave out {claims[0]}")
    if settings.plot is not None:
        from forecast.report.plot import require_matplotlib

        require_matplotlib()


def check_digest(found: str, expected: str | None, model: Path) -> None:
    """Raise CheckpointError unless the model file is the one that was meant."""
    if expected is not None and expected.strip().lower() != found:
        raise CheckpointError(f"{model}: its sha256 is {found}", why=f"--expect-sha256 asks for {expected}")


def find_data(named: str | None, stored: str | None, model: Path) -> Path:
    """The file to forecast from: the one that was named, or the one the model was trained on, seen from the model."""
    if named is not None:
        return Path(named)
    if stored is None:
        raise ConfigError(f"{model} does not say which file it was trained on", hint="forecast predict --data FILE")
    return _shortest(model.resolve().parent / stored)


def write(forecast: Forecast, panel: Panel, output: str, settings: PredictSettings) -> None:
    """The forecast as a file, or on stdout for `-`; and as a picture where one was asked for."""
    from forecast.writing import render, write_forecast

    form = _form(settings)
    if output == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(render(forecast, format=settings.format or "csv", **form))
    else:
        write_forecast(forecast, Path(output), format=settings.format, **form)
    if settings.plot is not None:
        from forecast.report.plot import write_picture

        write_picture(panel, forecast, Path(settings.plot))


def summary(
    forecast: Forecast, forecaster: Forecaster, model: Path, data: Path, output: str, settings: PredictSettings
) -> dict[str, Any]:
    """What `--json` prints: which model and data, where the forecast went, and the forecast itself."""
    from forecast.writing import render

    form = _form(settings)
    return {
        "model": str(model),
        "sha256": forecaster.digest,
        "data": str(data),
        "output": output,
        "plot": settings.plot,
        "horizon": len(forecast.items[0].timestamps),
        "items": len(forecast.items),
        "source": forecast.source,
        **jsonlib.loads(render(forecast, format="json", **form)),
    }


def show(screen: Screen, panel: Panel, forecast: Forecast, chart: bool | None) -> None:
    """What the forecast is about, its chart and its first and last rows, where somebody watches or asked for them."""
    from forecast.report.chart import draw
    from forecast.report.view import next_steps
    from forecast.timeformat import format_times

    terminal = sys.stdout.isatty()
    first = format_times(forecast.items[0].timestamps, forecast.columns.time_format)
    if terminal or screen.verbose:
        screen.result(f"{next_steps(panel.calendar, len(first))}: {first[0]} … {first[-1]}")
    if chart or (chart is None and terminal):
        width = shutil.get_terminal_size().columns
        screen.drawing(draw(panel, forecast, width=width, colour=colourful(sys.stdout)))
    if terminal or screen.verbose:
        screen.table(*_table(forecast))


def _table(forecast: Forecast) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the first and the last steps of all items in turn, the median with the intervals of LEVELS."""
    import numpy as np

    from forecast.timeformat import format_times

    n_rows = sum(len(item.timestamps) for item in forecast.items)
    shown = list(range(n_rows))
    if n_rows > _FIRST_ROWS + _LAST_ROWS + 1:
        shown = [*shown[:_FIRST_ROWS], *shown[-_LAST_ROWS:]]
    times = format_times(
        np.concatenate([item.timestamps for item in forecast.items])[shown], forecast.columns.time_format
    )
    owners = np.repeat(np.arange(len(forecast.items)), [len(item.timestamps) for item in forecast.items])[shown]
    names = [" / ".join((*forecast.items[i].item_id, time)) for i, time in zip(owners, times, strict=True)]
    levels = [0.5, *((100 + side * level) / 200 for level in LEVELS for side in (-1, 1))]
    columns = [numbers(np.concatenate(forecast.quantile(level))[shown].tolist()) for level in levels]
    rows = [list(row) for row in zip(names, *columns, strict=True)]
    if len(shown) < n_rows:
        rows.insert(_FIRST_ROWS, ["…"] * len(rows[0]))
    steps = " / ".join((*forecast.columns.ids, forecast.columns.time))
    return [steps, "forecast", *(f"{end}_{level}" for level in LEVELS for end in ("lo", "hi"))], rows


def _form(settings: PredictSettings) -> dict[str, Any]:
    """The columns of the file, as `Forecast.to_frame` takes them."""
    return {
        "levels": settings.levels or LEVELS,
        "quantiles": settings.quantiles,
        "nixtla_names": settings.nixtla_names,
    }


def _with_threads(forecaster: Forecaster, threads: int | None) -> Forecaster:
    if threads is None:
        return forecaster
    config = replace(forecaster.config, train=replace(forecaster.config.train, threads=threads))
    return replace(forecaster, config=config)


def _shortest(path: Path) -> Path:
    """The path as seen from here where it lies below, in full elsewhere."""
    path = Path(os.path.normpath(path))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
