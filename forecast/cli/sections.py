"""Sections: what `forecast explain` says of models, each a heading, a table and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forecast.cli.display import Screen, aligned, numbers
from forecast.cli.settings import ExplainSettings

if TYPE_CHECKING:
    from forecast.importance import Importance
    from forecast.panel import Panel
    from forecast.report.explanation import Explained

#: What networks are called that are not a prior's.
_NETWORKS = "the networks trained from nothing"


@dataclass(frozen=True)
class Section:
    """A heading, a table where there is one, and sentences after it."""

    heading: str
    table: tuple[list[str], list[list[str]]] | None = None
    sentences: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        return "\n".join([self.heading, *([aligned(*self.table)] if self.table else []), *self.sentences])

    def show(self, screen: Screen) -> None:
        """Print it as a person reads it."""
        screen.result(self.heading)
        if self.table:
            screen.table(*self.table)
        for sentence in self.sentences:
            screen.result(sentence)


def heading(models: Sequence[Explained], panel: Panel, settings: ExplainSettings) -> Section:
    """What was looked at: each model in a line, the item and the end of its window."""
    from forecast.timeformat import format_times

    context = models[0].explanation.context
    columns = panel.columns
    cutoff = format_times(context.timestamps[-1:], columns.time_format, columns.timezone)[0]
    first = f", the first of {len(panel):,} items" if settings.item is None and len(panel) > 1 else ""
    lines = [line for model in models for line in (_network_line(model), _prior_line(model)) if line]
    return Section("\n".join(lines), sentences=(f"looked at: {context.item}{first}, until {cutoff}",))


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


def sections(models: Sequence[Explained]) -> list[Section]:
    """What is said of one model, or of several side by side."""
    if len(models) > 1:
        return [_reaches(models), _gradients(models)]
    (model,) = models
    of_networks = [] if model.layer is None else [_mixture(model), _reaches(models), _gradients(models), _gates(model)]
    return [*of_networks[:1], *_prior(model), *of_networks[1:], *_covariates(model)]


def _mixture(model: Explained) -> Section:
    rows = [[name, _percent(weight)] for name, weight in model.explanation.weights]
    whose = "the forecast begins" if model.explanation.prior is None else f"{_NETWORKS} begin"
    return Section(f"{whose} with a mixture of", (["", "weight"], rows))


def _prior(model: Explained) -> list[Section]:
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
    return [Section(f"{whose} with a mixture of", (header, rows), (said,))]


def _reaches(models: Sequence[Explained]) -> Section:
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
    return Section(f"how far back {who}", (header, rows), (sentence,) if sentence else ())


def _gradients(models: Sequence[Explained]) -> Section:
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
    return Section(f"the gradient on its way back through the recurrence ({which})", (header, rows))


def _gates(model: Explained) -> Section:
    layer, rows = model.shown_layer, []
    for name, values in layer.activations.items():
        means = values.mean(0)
        shares = ["–", "–"]
        if name not in ("candidate", "memory", "state"):
            shares = [_percent(float((values < 0.1).mean())), _percent(float((values > 0.9).mean()))]
        rows.append([name, *numbers([float(values.mean()), float(means.min()), float(means.max())]), *shares])
    header = ["", "mean", "lowest unit", "highest unit", "below 0.1", "above 0.9"]
    return Section(f"what the recurrence does in {layer.name}", (header, rows))


def _covariates(model: Explained) -> list[Section]:
    found = model.importance
    if found is None:
        return []
    if not found.covariates:
        unknown = "cannot be said: no two windows of the data have outcomes"
        return [Section("what the covariates are worth", sentences=(unknown,))]
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
    return [Section("what the covariates are worth", (header, rows), tuple(said))]


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
