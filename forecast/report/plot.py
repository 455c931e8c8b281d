"""A forecast as a picture for a slide, PNG or SVG: history, median, intervals, cutoff. matplotlib is imported late."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.errors import ConfigError
from forecast.forecasts import Forecast
from forecast.panel import Columns, Panel, Values
from forecast.report.bands import draw_bands, in_days
from forecast.report.view import StateView, View, next_steps, state_views, views
from forecast.timeformat import format_times
from forecast.writing import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = (80, 95)
#: Items in one picture, at most: more of them would be too small to read.
MOST_ITEMS = 6
#: Letters of a name that fit over a small multiple.
_LONGEST_NAME = 36
#: Entries of the legend that stand in one row.
_MOST_BESIDE = 8
INK, _FORECAST, MUTED = "#3d4451", "#0b74c4", "#7b8494"
_SHADES = {80: 0.30, 95: 0.14}

STYLE: dict[Any, Any] = {
    "date.converter": "concise",
    "figure.constrained_layout.w_pad": 0.16,
    "figure.constrained_layout.h_pad": 0.14,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.edgecolor": "#c3c9d3",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9ee",
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    # Names are names: a dollar sign begins no formula.
    "text.parse_math": False,
    # Letters as letters and names that do not change: equal forecasts give equal bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "forecast",
}


def require_matplotlib() -> None:
    """Raise ConfigError, with the line that installs it, where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise ConfigError("pictures need matplotlib, which is not installed", hint="pip install 'forecast[plot]'")


def write_picture(panel: Panel, forecast: Forecast, path: Path) -> None:
    """Write the picture atomically, in the format of the path's suffix."""
    write_atomic(path, picture(panel, forecast, format=path.suffix.lower().removeprefix(".")))


def picture(panel: Panel, forecast: Forecast, *, format: str = "png") -> bytes:
    """The first items of a forecast as the bytes of a png or svg, 16 by 9: the same bytes for the same forecast."""
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = _shown(panel, forecast)
    buffer = BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        # A letter that the font lacks becomes a box in the picture, which says as much as a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(12, 6.75), layout="constrained")
        FigureCanvasAgg(figure)
        rows, columns = _arrangement(len(shown))
        all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, view in zip(all_axes, shown, strict=False):
            if isinstance(view, StateView):
                draw_bands(axes, view, forecast.states)
            else:
                _draw(axes, view)
            if columns == 1:
                _date_the_cutoff(axes, view, forecast.columns)
        for axes in all_axes[len(shown) :]:
            axes.remove()
        _describe(figure, shown, next_steps(panel.calendar, len(shown[0].future)), len(forecast.items))
        figure.savefig(
            buffer, format=format, dpi=160, metadata={"Date": None} if format == "svg" else {"Software": None}
        )
    return buffer.getvalue()


def _shown(panel: Panel, forecast: Forecast) -> Sequence[View | StateView]:
    if forecast.states:
        return state_views(panel, forecast, limit=MOST_ITEMS)
    return views(panel, forecast, limit=MOST_ITEMS, levels=LEVELS)


def _arrangement(items: int) -> tuple[int, int]:
    """Rows and columns of small multiples."""
    return {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2)}.get(items, (2, 3))


def _draw(axes: Axes, view: View) -> None:
    axes.plot(view.past, view.history, color=INK, linewidth=1.6, label="history")
    observed = np.concatenate([[False], ~np.isnan(view.history), [False]])
    # A value between two missing ones is the end of no line.
    alone = observed[1:-1] & ~observed[:-2] & ~observed[2:]
    axes.plot(view.past[alone], view.history[alone], color=INK, marker=".", linestyle="none")
    # Every curve of the forecast starts at the last value: it is known, and the picture shows no hole.
    future = np.concatenate([view.past[-1:], view.future])
    for level in sorted(view.intervals, reverse=True):
        low, high = (_continued(view, curve) for curve in view.intervals[level].T)
        axes.fill_between(
            future, low, high, color=_FORECAST, alpha=_SHADES[level], linewidth=0, label=f"{level} % interval"
        )
    marker = "o" if len(view.future) == 1 else None
    axes.plot(
        future,
        _continued(view, view.median),
        color=_FORECAST,
        linewidth=2.2,
        label="forecast",
        marker=marker,
        markevery=[-1],
    )
    axes.axvline(in_days(view.past[-1]), color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    first, last = in_days(view.past[0]), in_days(view.future[-1])
    axes.set_xlim(first, last + 0.01 * (last - first))
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.margins(y=0.08)


def _date_the_cutoff(axes: Axes, view: View | StateView, columns: Columns) -> None:
    """The date of the last value, over the line that marks it; small multiples have their names there."""
    axes.annotate(
        f"until {format_times(view.past[-1:], columns.time_format, columns.timezone)[0]}",
        (in_days(view.past[-1]), 1),
        (0, 4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=MUTED,
        fontsize=10,
    )


def _describe(figure: Figure, shown: Sequence[View | StateView], span: str, items: int) -> None:
    """Titles over the axes, and one legend for all of them."""
    if items == 1:
        figure.axes[0].set_title(f"{shown[0].name}: {span}", loc="left", fontsize=16, fontweight="bold", pad=14)
    else:
        for axes, view in zip(figure.axes, shown, strict=True):
            name = view.name if len(view.name) <= _LONGEST_NAME else f"{view.name[: _LONGEST_NAME - 1]}…"
            axes.set_title(name, loc="left", fontsize=12, fontweight="bold")
        more = f", the first {len(shown)} of {items} items" if items > len(shown) else ""
        figure.suptitle(f"Forecast: {span}{more}", x=0.01, ha="left", fontsize=16, fontweight="bold")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    wanted = ("history", "forecast", *(f"{level} % interval" for level in LEVELS))
    order = [labels.index(label) for label in (wanted if isinstance(shown[0], View) else labels)]
    figure.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="outside lower center",
        ncols=min(len(order), _MOST_BESIDE),
        frameon=False,
    )


def _continued(view: View, curve: Values) -> Values:
    return np.concatenate([view.history[-1:], curve])
