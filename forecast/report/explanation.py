"""Explanations as pictures: PNG or SVG of one kind each, or one page of HTML with all of them inside it."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from forecast.errors import ConfigError
from forecast.explanation import ANCHORS, FORWARD, RECURRENCE, SKIP, WHOLE, Explanation, Layer
from forecast.importance import Importance
from forecast.panel import Columns, Timestamps, Values
from forecast.report.plot import INK, MUTED, STYLE, require_matplotlib
from forecast.timeformat import format_times
from forecast.weighing import Weighing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that stay apart for the colour-blind (Okabe & Ito 2008), and dashes for where there is no colour.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (8, 3)), (0, (3, 1)))
_PART_COLOURS = {WHOLE: INK, ANCHORS: _COLOURS[0], SKIP: _COLOURS[2], RECURRENCE: _COLOURS[1]}
#: Maps that are even in lightness and safe for the colour-blind: from shut to open, and to both sides of zero.
_GATES, _SIGNED = "viridis", "RdBu_r"
#: What an activation says, after its name.
_MEANING = {
    "input": "1 lets the candidate in, 0 keeps it out",
    "forget": "1 keeps what was remembered, 0 clears it",
    "output": "1 shows the memory in the state, 0 hides it",
    "reset": "0 leaves the state before out of the candidate",
    "candidate": "what could be taken in",
    "memory": "what is carried on inside",
    "state": "what the layer passes on",
}
#: Gradients smaller than this beside the largest are nothing on any picture.
_NOTHING = 1e-9
#: Letters of a line of a caption, and of all dates under an axis.
_CAPTION, _DATES = 145, 130


@dataclass(frozen=True)
class Explained:
    """A model by its name, what it does with a window, and what its covariates are worth, where that was asked.

    layer is the one whose gates are shown, of one of so many members; a prior alone has neither.
    """

    name: str
    cell: str
    explanation: Explanation
    layer: Layer | None
    members: int
    importance: Importance | None = None

    @property
    def shown_layer(self) -> Layer:
        """The layer; ConfigError of a prior alone."""
        return self.layer or self.explanation.layer()


def gates(models: Sequence[Explained], columns: Columns) -> Figure:
    """The series over heat maps of every gate, the memory and the state of one layer, on one axis of time."""
    from matplotlib.figure import Figure

    (model,) = models
    context, layer = model.explanation.context, model.shown_layer
    count = len(layer.activations)
    figure = Figure(figsize=(12, 3.4 + 1.7 * count), layout="constrained")
    grid = figure.add_gridspec(1 + count, 2, width_ratios=(1, 0.016), height_ratios=(1.5, *[1] * count), wspace=0.01)
    top = figure.add_subplot(grid[0, 0])
    # Steps side by side, not days: a calendar with holes in it would leave holes between columns.
    top.plot(np.arange(len(context.values)) + 0.5, context.values, color=INK, linewidth=1.6, marker=".", markersize=4)
    top.set_title(f"{_printable(context.item)}: the values that the network reads", loc="left", fontsize=11)
    top.yaxis.set_major_formatter("{x:,.10g}")
    top.tick_params(labelbottom=False)
    edges = [*context.begins, len(context.values)]
    for row, (name, values) in enumerate(layer.activations.items(), start=1):
        axes = figure.add_subplot(grid[row, 0], sharex=top)
        signed = name in ("candidate", "memory", "state") or bool(values.min() < 0)
        most = max(float(np.abs(values).max()), 1e-6 if signed else 1.0)
        mesh = axes.pcolormesh(
            edges,
            np.arange(values.shape[1] + 1),
            values.T[layer.order[::-1]],
            cmap=_SIGNED if signed else _GATES,
            vmin=-most if signed else 0,
            vmax=most,
            rasterized=True,
        )
        kind = "" if name in ("candidate", "memory", "state") else " gate"
        meaning = f": {_MEANING[name]}" if name in _MEANING else ""
        axes.set_title(f"{name}{kind}{meaning}", loc="left", fontsize=11)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.set_ylabel(f"{values.shape[1]} units")
        axes.tick_params(labelbottom=row == count)
        bar = figure.colorbar(mesh, cax=figure.add_subplot(grid[row, 1]))
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=9)
    top.set_xlim(edges[0], edges[-1])
    _date(top, context.timestamps, columns)
    what = "gates do" if len(layer.activations) > 1 else "state does"
    _head(
        figure, f"What the {what} while the {model.cell} network reads {context.item} until {_cutoff(model, columns)}"
    )
    sort = layer.sorted_by + (" gate" if layer.sorted_by != "state" else "")
    _caption(
        figure,
        f"{model.name}, {layer.name}, network {model.explanation.member} of {model.members}. Each row is a unit, the "
        f"same one in every panel, sorted by its mean {sort}, the highest on top; each column is a step of the "
        f"recurrence, which takes in {_values(context.segment)}. The right edge is the cutoff.{_beside(model)}",
    )
    return figure


def gradients(models: Sequence[Explained], columns: Columns) -> Figure:
    """The gradient that reaches each step of the context on a logarithmic axis: all layers of one model, or several."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.75), layout="constrained")
    axes = figure.add_subplot()
    several = len(models) > 1
    lines = (
        [(m, m.shown_layer) for m in models]
        if several
        else [(models[0], layer) for layer in models[0].explanation.layers]
    )
    sizes: list[Values] = []
    for number, (model, layer) in enumerate(lines):
        size = layer.gradient / (layer.lasting[0] or 1.0) if several else layer.gradient
        segment = model.explanation.context.segment
        back = segment * np.arange(len(size))[::-1]
        name = f"{model.name} ({model.cell}, {layer.name})" if several else layer.name
        fade = "no gradient" if layer.fade is None else f"× {layer.fade:.3g} a step"
        axes.plot(
            back,
            np.where(size > 0, size, np.nan),
            color=_COLOURS[number % len(_COLOURS)],
            linestyle=_DASHES[number // len(_COLOURS) % len(_DASHES)] if several else _dash(layer),
            linewidth=2.2,
            marker="o" if len(size) < 40 else None,
            markersize=4,
            label=f"{name}: {fade}",
        )
        sizes.append(size)
    top = max(float(size.max()) for size in sizes)
    longest = max(len(m.explanation.context.values) for m in models)
    axes.set_xlim(longest, -0.5)
    axes.set_xlabel("steps before the cutoff")
    if top > 0:
        axes.set_yscale("log")
        low = min(float(size[size > 0].min()) for size in sizes if size.any())
        axes.set_ylim(max(low, _NOTHING * top) / 2, 2 * top)
    else:
        axes.text(
            0.5,
            0.5,
            "no gradient: the forecast does not depend on the recurrence",
            transform=axes.transAxes,
            ha="center",
        )
    axes.set_ylabel("gradient norm, that at the last step read = 1" if several else "gradient norm")
    axes.yaxis.set_major_formatter("{x:.6g}")
    axes.legend(framealpha=0.9, edgecolor="none")
    title = "How the gradient fades on its way back" if several else f"The gradient through time in {models[0].name}"
    _head(figure, f"{title}: forecast of {_when(models[0], columns)}")
    _caption(
        figure,
        "The norm of the derivative of all forecast medians, in standard deviations of the context, with respect to "
        "all that the recurrence carries away from a step (state and memory). A line that falls fast forgets: what "
        "lies far back cannot be learnt from."
        + ("" if several else f" Network {models[0].explanation.member} of {models[0].members}.")
        + (" Lines below one part in a billion are not drawn." if top > 0 else "")
        + "".join(map(_beside, models)),
    )
    return figure


def lags(models: Sequence[Explained], columns: Columns) -> Figure:
    """How much of the forecast's sensitivity lies within each lag: the forecast and its parts, or several models."""
    from matplotlib.figure import Figure

    several = len(models) > 1
    figure = Figure(figsize=(12, 7.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.7, 1))
    if several:
        lines = [
            (f"{m.name} ({m.cell})", m.explanation.reaches[0], _COLOURS[i % len(_COLOURS)])
            for i, m in enumerate(models)
        ]
    else:
        lines = [
            (
                reach.name if reach.name == WHOLE else f"{reach.name}, {reach.weight:.1%} of it".replace("%", " %"),
                reach,
                _PART_COLOURS[reach.name],
            )
            for reach in models[0].explanation.reaches
        ]
    for number, (name, reach, colour) in enumerate(lines):
        lag = np.arange(1, len(reach.shares) + 1)
        if not reach.shares.any():
            continue
        dashes = _DASHES[number % len(_DASHES)]
        upper.plot(lag, 100 * np.cumsum(reach.shares), color=colour, linestyle=dashes, linewidth=2.2, label=name)
        for share in (0.5, 0.9) if several or reach.name == WHOLE else ():
            at = reach.within(share) or 1
            upper.plot(at, 100 * reach.shares[:at].sum(), "o", color=colour, markersize=7)
        if several:
            lower.plot(lag, 100 * reach.shares, color=colour, linestyle=dashes, linewidth=1.4)
        elif reach.name == WHOLE:
            lower.bar(lag, 100 * reach.shares, color=colour, width=0.8)
    upper.set_ylim(0, 103)
    upper.set_ylabel("within this lag, %")
    lower.set_ylabel("at this lag, %")
    lower.set_xlabel("lag: steps before the first step of the forecast")
    lower.set_xlim(0.4, max(len(reach.shares) for _, reach, _ in lines) + 0.6)
    upper.legend(loc="lower right", framealpha=0.9, edgecolor="none")
    _head(figure, f"How far back the forecast of {_when(models[0], columns)} looks")
    said = "" if several else f"{models[0].name}: {models[0].explanation.sentence}. "
    _caption(
        figure,
        f"{said}Shares of the absolute derivatives of all medians with respect to each value of the context; dots mark "
        "where 50 and 90 % are reached."
        + (
            ""
            if several
            else " Anchors are simple continuations that the network mixes, the linear map and the "
            "recurrence are what it adds to them."
        )
        + "".join(map(_beside, models)),
    )
    return figure


def anchors(models: Sequence[Explained], columns: Columns) -> Figure:
    """What the forecast mixes, as bars, the largest first: anchors, and the candidates of a prior below them.

    The weights of candidates differ from step to step of the horizon: marks show those of the first and the last step.
    """
    from matplotlib.figure import Figure

    (model,) = models
    weights, prior = model.explanation.weights, model.explanation.prior
    rows = [len(own) for own in (weights, prior.shown if prior else ()) if own]
    figure = Figure(figsize=(12, 2.4 + 0.9 * (len(rows) - 1) + 0.4 * sum(rows)), layout="constrained")
    places = figure.subplots(len(rows), 1, squeeze=False, height_ratios=rows)[:, 0].tolist()
    said = [f"{model.name}, {_networks(model.members or (prior.networks if prior else 0))}."]
    both = bool(weights) and prior is not None
    if weights:
        _bars(places[0], weights)
        whose = "the networks trained from nothing begin" if both else "the forecast begins"
        said.append(
            f"These simple continuations of the context are where {whose}; a linear map of the context and the "
            "recurrence correct them."
        )
    if prior is not None:
        _candidates(places[-1], prior)
        said.append(_about(prior))
    if both and prior is not None:
        for axes, name, share in (
            (places[0], "networks trained from nothing", model.explanation.share),
            (places[1], "the fine-tuned prior", prior.share),
        ):
            axes.set_title(f"{name}, {_share(share)} of the forecast", loc="left", fontsize=11)
    places[-1].set_xlabel("weight in the mixture, %")
    _head(figure, f"What the forecast of {_when(model, columns)} mixes")
    _caption(figure, " ".join(said))
    return figure


def _bars(axes: Axes, weights: Sequence[tuple[str, float]]) -> None:
    """Bars of weights in percent, the first on top, each with its number at its end."""
    axes.barh([name for name, _ in weights], [100 * weight for _, weight in weights], color=_COLOURS[0], height=0.62)
    for row, (_, weight) in enumerate(weights):
        axes.annotate(
            f"{100 * weight:.1f}", (100 * weight, row), (5, 0), textcoords="offset points", va="center", fontsize=10
        )
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)


def _candidates(axes: Axes, prior: Weighing) -> None:
    """Bars of the mean weights of candidates in percent, marks for the first and last step, and the past errors."""
    shown = prior.shown
    axes.barh([c.name for c in shown], [100 * c.weight for c in shown], color=_COLOURS[0], height=0.62)
    if len(shown[0].by_step) > 1:
        for at, mark, colour, label in ((0, "o", "white", "first step"), (-1, "D", INK, "last step")):
            sizes = [100 * c.by_step[at] for c in shown]
            axes.plot(sizes, range(len(shown)), mark, color=colour, markeredgecolor=INK, label=label, clip_on=False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0)
    for row, candidate in enumerate(shown):
        error = "" if candidate.error is None else f"   × {candidate.error:.2f}"
        axes.annotate(
            f"{100 * candidate.weight:.1f}{error}",
            (1.0, row),
            (8, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            fontsize=10,
        )
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.04)


def covariates(models: Sequence[Explained], columns: Columns) -> Figure:  # noqa: ARG001 - all kinds are called alike
    """The error with each covariate shuffled, beside the error as it is."""
    from matplotlib.figure import Figure

    (model,) = models
    found = model.importance
    assert found is not None
    figure = Figure(figsize=(12, 3.0 + 0.5 * len(found.covariates)), layout="constrained")
    axes = figure.add_subplot()
    for row, each in enumerate(found.covariates):
        if each.mean is None:
            axes.plot(found.error, row, "x", color=MUTED)
            axes.annotate(
                "the same in all windows", (found.error, row), (8, 0), textcoords="offset points", va="center"
            )
            continue
        axes.barh(row, each.mean - found.error, left=found.error, color=_COLOURS[0], height=0.55)
        axes.errorbar(each.mean, row, xerr=each.deviation, color=INK, capsize=4, linewidth=1.4)
        change = f"{each.mean / found.error - 1:+.0%}".replace("%", " %") if found.error else ""
        right = each.mean >= found.error
        at = each.mean + (each.deviation or 0.0) * (1 if right else -1)
        axes.annotate(
            change,
            (at, row),
            (6 if right else -6, 0),
            textcoords="offset points",
            va="center",
            ha="left" if right else "right",
        )
    axes.axvline(found.error, color=INK, linewidth=1.4, linestyle=(0, (4, 3)), label="as it is")
    axes.set_yticks(range(len(found.covariates)), [each.name for each in found.covariates])
    axes.set_ylim(len(found.covariates) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    axes.use_sticky_edges = False
    axes.set_xlabel(f"{found.metric.upper()} with the covariate shuffled; dashed: {found.error:.3g} as it is")
    _head(figure, "How much worse the forecast becomes when a covariate is shuffled")
    _caption(
        figure,
        f"{model.name}: each covariate takes the values it has around another window, {found.repeats} times over; "
        f"bars end at the mean error, whiskers are a standard deviation. {found.n_windows} windows of the last quarter "
        f"of the data, {'all' if found.seen == found.n_windows else found.seen or 'none'} of them known from training.",
    )
    return figure


#: Every kind of picture by its name, and which of them can show several models.
KINDS: dict[str, Callable[[Sequence[Explained], Columns], Figure]] = {
    "gates": gates,
    "gradients": gradients,
    "lags": lags,
    "anchors": anchors,
    "covariates": covariates,
}
FOR_SEVERAL = ("gradients", "lags")


#: Those that need networks trained from nothing.
OF_NETWORKS = ("gates", "gradients", "lags")


def drawn(kind: str, models: Sequence[Explained], columns: Columns, *, format: str = "png") -> bytes:
    """One kind of picture as the bytes of a png or svg, the same bytes for the same models.

    Raises ConfigError for a kind that has nothing to show.
    """
    require_matplotlib()
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if kind == "covariates" and not _judged(models):
        raise ConfigError("there is no picture of covariates: the model has none, or no two windows have outcomes")
    for model in models:
        if kind in OF_NETWORKS and not model.explanation.layers:
            raise ConfigError(
                f"there is no picture of {kind}: {model.name} is a prior alone, without networks trained from nothing",
                hint="--picture anchors shows what a prior mixes",
            )
    buffer = BytesIO()
    with rc_context({**STYLE, "svg.hashsalt": f"forecast {kind}"}), warnings.catch_warnings():
        # A letter that the font lacks becomes a box in the picture, which says as much as a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = KINDS[kind](models, columns)
        FigureCanvasAgg(figure)
        figure.savefig(
            buffer, format=format, dpi=160, metadata={"Date": None} if format == "svg" else {"Software": None}
        )
    return buffer.getvalue()


def page(models: Sequence[Explained], columns: Columns, summary: str, kind: str | None = None) -> bytes:
    """One page of HTML: the summary as text, and one kind of picture or every kind; it needs no other file."""
    kinds = [kind] if kind is not None else FOR_SEVERAL if len(models) > 1 else _there_for(models[0])
    title = escape(f"{', '.join(model.name for model in models)}: {models[0].explanation.context.item}")
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>\n<style>",
        "body{font:16px/1.5 'DejaVu Sans',system-ui,sans-serif;color:#3d4451}",
        "body{max-width:76rem;margin:2rem auto;padding:0 1rem}",
        "pre{background:#f5f6f8;padding:1rem;overflow-x:auto;font-size:.85rem}figure{margin:2.5rem 0}",
        "svg{width:100%;height:auto}</style>\n</head>\n<body>",
        f"<h1>{title}</h1>\n<pre>{escape(summary)}</pre>",
    ]
    for each in kinds:
        picture = drawn(each, models, columns, format="svg").decode()
        parts.append(f'<figure id="{each}">\n{picture[picture.index("<svg") :]}</figure>')
    return "\n".join([*parts, "</body>\n</html>\n"]).encode()


def _there_for(model: Explained) -> list[str]:
    """The kinds of pictures that there are for one model."""
    lacking = set() if model.explanation.layers else set(OF_NETWORKS)
    return [kind for kind in KINDS if kind not in lacking and (kind != "covariates" or _judged([model]))]


def _judged(models: Sequence[Explained]) -> bool:
    return len(models) == 1 and models[0].importance is not None and bool(models[0].importance.covariates)


def _cutoff(model: Explained, columns: Columns) -> str:
    cutoff = np.array([model.explanation.context.cutoff])
    return format_times(cutoff, columns.time_format, columns.timezone)[0]


def _when(model: Explained, columns: Columns) -> str:
    return f"{model.explanation.context.item} after {_cutoff(model, columns)}"


def _date(axes: Axes, timestamps: Timestamps, columns: Columns) -> None:
    """Dates under an axis of steps, as many as there is room for, the cutoff among them."""
    texts = format_times(timestamps[-1:], columns.time_format, columns.timezone)
    every = max(1, -(-len(timestamps) * max(len(texts[0]) + 4, 12) // _DATES))
    shown = np.arange(len(timestamps) - 1, -1, -every)[::-1]
    axes.set_xticks(shown + 0.5, format_times(timestamps[shown], columns.time_format, columns.timezone))


def _head(figure: Figure, text: str) -> None:
    lines = textwrap.wrap(_printable(text), 92)
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=15, fontweight="bold")


def _caption(figure: Figure, text: str) -> None:
    lines = textwrap.wrap(_printable(text), _CAPTION)
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=10, color=MUTED)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


def _values(count: int) -> str:
    return "one value" if count == 1 else f"{count} values"


def _networks(count: int) -> str:
    return "its only network" if count == 1 else f"the mean of its {count} networks"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _about(prior: Weighing) -> str:
    """What a picture of a prior's candidates has to say."""
    cutoffs, steps = (f"{n:,} {what}{'s'[: n != 1]}" for n, what in ((prior.cutoffs, "cutoff"), (prior.judged, "step")))
    error = f", and ×, its mean absolute error at {cutoffs} before, by {steps} each, that of the best being 1"
    count, rest = prior.others
    others = f" Not drawn: {count:,} more with {100 * rest.mean():.1f} % together." if count else ""
    return (
        "A prior chooses between such continuations at each step by how they did before. Beside each stands its mean "
        f"weight over the horizon{error if prior.cutoffs else ''}. A small head corrects what comes of it.{others}"
    )


def _beside(model: Explained) -> str:
    """That the networks shown are not the whole forecast, where they are not."""
    prior = model.explanation.prior
    return "" if prior is None else f" {_share(prior.share)} of the forecast of {model.name} is that of a prior."


def _dash(layer: Layer) -> object:
    return _DASHES[0] if layer.direction == FORWARD else _DASHES[1]
