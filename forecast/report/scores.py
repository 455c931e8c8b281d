"""Scores of past forecasts as a picture, PNG or SVG: error by step ahead, and what the intervals held."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from forecast.errors import DataError
from forecast.report.plot import MUTED, STYLE, require_matplotlib
from forecast.scoring import JobScore, SourceScore, totals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Lines that stay apart, by colours for the colour-blind (Okabe & Ito 2008) and by their marks.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKS = ("o", "s", "^", "D", "v", "P")
#: Marks on a long line only hide it.
_MOST_MARKS = 40
_LABELS = {
    "mase": "MASE (1: as far off as seasonal naive within the history)",
    "mae": "mean absolute error",
    "smape": "sMAPE",
    "log_loss": "log loss",
}
_LONGEST_NAME = 40


def picture(scores: Sequence[JobScore], *, format: str = "png") -> bytes:
    """The bytes of the picture, the same for the same scores, which have to be there by lead.

    Each source of each job has a line; where these are too many to tell apart, those of all jobs together have. Raises
    DataError where nothing has come that could be drawn.
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown, title = _shown(scores)
    buffer = BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        # A letter that the font lacks becomes a box in the picture, which says as much as a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        with_intervals = any(own.tally.coverage for own in shown)
        figure = Figure(figsize=(12, 6.75) if with_intervals else (9, 6.75), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 2 if with_intervals else 1, squeeze=False, width_ratios=(3, 2)[: 1 + with_intervals])
        _draw_errors(axes[0, 0], shown)
        if with_intervals:
            _draw_coverage(axes[0, 1], shown)
        figure.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        if len(labels) > 1:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False)
        metadata: dict[str, Any] = {"Date": None} if format == "svg" else {"Software": None}
        figure.savefig(buffer, format=format, dpi=160, metadata=metadata)
    return buffer.getvalue()


def _shown(scores: Sequence[JobScore]) -> tuple[list[SourceScore], str]:
    """The lines of the picture, and what they are of."""
    every = [own for job in scores for own in job.sources]
    if not every:
        raise DataError("nothing that was forecast has come yet, so there is nothing to draw")
    jobs = {own.job for own in every}
    title = "Forecasts against what came"
    if len(jobs) == 1:
        title = f"{every[0].job}: forecasts against what came"
    elif len(every) > len(_COLOURS):
        every, title = list(totals(scores)), f"Forecasts of {len(jobs):,} jobs against what came"
    # Losses of states and errors of numbers share no axis.
    numeric = [own for own in every if not own.tally.of_states]
    return (numeric or every)[: len(_COLOURS)], title


def _draw_errors(axes: Axes, shown: Sequence[SourceScore]) -> None:
    from matplotlib.ticker import MaxNLocator

    metric = _metric(shown)
    for number, own in enumerate(shown):
        leads = list(own.by_lead)
        errors = [tally.scores[metric] for tally in own.by_lead.values()]
        marker = _MARKS[number] if len(leads) <= _MOST_MARKS else None
        axes.plot(
            leads, errors, color=_COLOURS[number], linewidth=2, marker=marker, markersize=5, label=_name(own, shown)
        )
    if metric == "mase":
        axes.axhline(1, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("steps ahead")
    axes.set_title(_LABELS[metric], loc="left", fontsize=12)


def _draw_coverage(axes: Axes, shown: Sequence[SourceScore]) -> None:
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for number, own in enumerate(shown):
        if own.tally.coverage:
            levels = [0.0, *own.tally.coverage]
            shares = [0.0, *(100 * share for share in own.tally.coverage.values())]
            axes.plot(levels, shares, color=_COLOURS[number], linewidth=2, marker=_MARKS[number], markersize=5)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 103)
    axes.set_aspect("equal")
    axes.set_xlabel("level of the interval, %")
    axes.set_title("values inside, % (dashed: as the level says)", loc="left", fontsize=12)


def _metric(shown: Sequence[SourceScore]) -> str:
    """What is drawn: MASE where all have it, else what can be compared."""
    if shown[0].tally.of_states:
        return "log_loss"
    if all(math.isfinite(own.tally.scores["mase"]) for own in shown):
        return "mase"
    return "mae" if len({own.job for own in shown}) == 1 else "smape"


def _name(own: SourceScore, shown: Sequence[SourceScore]) -> str:
    text = own.name if len({one.job for one in shown}) == 1 else f"{own.job or 'all jobs'}: {own.name}"
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
