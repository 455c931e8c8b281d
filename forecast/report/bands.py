"""A forecast of states as bands of a picture: states that were, and probabilities of those to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forecast.report.view import StateView, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: For any number of states, in turn; a state that means no is the lightest.
_COLOURS = (
    "#d5dae2",
    "#0b74c4",
    "#e0a030",
    "#5b9a68",
    "#b4505a",
    "#7d6bb0",
    "#3fa7a3",
    "#8a6d4f",
    "#9aa3b2",
    "#c77fb0",
)
_CUTOFF = "#3d4451"
_HISTORY_ALPHA = 0.55


def draw_bands(axes: Axes, view: StateView, states: tuple[str, ...]) -> None:
    """Every step as wide as it lasts, the likelihoods of all states one on another, past steps paler."""
    stamps = np.concatenate([view.past, view.future])
    edges = np.array([in_days(stamp) for stamp in stamps])
    edges = np.append(edges, 2 * edges[-1] - edges[-2])
    tops = np.concatenate([np.zeros((len(stamps), 1)), np.cumsum(np.nan_to_num(view.shares), axis=1)], axis=1)
    tops = np.concatenate([tops, tops[-1:]])
    cutoff = len(view.past)
    # From the last state down, so that the one that means yes stands at the bottom, where its height can be read.
    tops = tops[:, -1:] - tops
    for code in reversed(range(len(states))):
        colour, low, high = _COLOURS[code % len(_COLOURS)], tops[:, code + 1], tops[:, code]
        for part, alpha, label in (
            (slice(0, cutoff + 1), _HISTORY_ALPHA, None),
            (slice(cutoff, None), 1.0, printable(states[code])),
        ):
            own_low, own_high = low[part].copy(), high[part].copy()
            # The last edge of a part only ends its last step.
            own_low[-1], own_high[-1] = own_low[-2], own_high[-2]
            axes.fill_between(
                edges[part], own_low, own_high, step="post", color=colour, alpha=alpha, linewidth=0, label=label
            )
    axes.axvline(edges[cutoff], color=_CUTOFF, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}".replace("%", " %"))
    axes.xaxis_date()


def in_days(timestamp: np.datetime64) -> float:
    """Where a timestamp lies on matplotlib's axis of dates: days since 1970."""
    return float((timestamp - np.datetime64("1970-01-01")) / np.timedelta64(1, "D"))
