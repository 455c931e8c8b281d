"""A forecast of states drawn in text: a band for each state, full where it was and as high as it is probable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast.forecasts import Forecast
from forecast.panel import Panel, Values
from forecast.report.frame import dates_below, heading
from forecast.report.view import StateView, printable, state_views

#: Blocks by eighths of their height.
_BLOCKS = " ▁▂▃▄▅▆▇█"
_MISSING, _CUTOFF = "·", "┊"
_MOST_BANDS, _HIGHEST, _LONGEST_NAME = 8, 4, 16
_FEWEST_COLUMNS = 30
_COLOUR, _DIM, _RESET = "\x1b[1;36m", "\x1b[2m", "\x1b[0m"


def draw_states(panel: Panel, forecast: Forecast, *, width: int = 80, height: int = 12, colour: bool = False) -> str:
    """The first item of a forecast as lines of text no wider than `width`, some `height` of them for the bands."""
    view = state_views(panel, forecast, limit=1)[0]
    shown = _shown(view, forecast.stated)
    rows = max(1, min(_HIGHEST, height // len(shown)))
    names = [_short(forecast.states[code]) for code in shown]
    margin = max(map(len, names)) + 1
    shares, cutoff = _cells(view, max(width - margin - 2, _FEWEST_COLUMNS))
    more = f", {len(shown)} of {len(forecast.states)} states" if len(shown) < len(forecast.stated) else ""
    legend = f"█ so it was  {_CUTOFF}  ▁▂▃▄▅▆▇█ probability{more}"
    lines = heading(view.name, legend, len(forecast.items), width)
    for name, code in zip(names, shown, strict=True):
        for row in range(rows):
            cells = _row(shares[:, code], rows - 1 - row, rows)
            label = name if row == rows - 1 else ""
            lines.append(f"{label:>{margin}}┤{_line(cells, cutoff, colour)}".rstrip())
    width_drawn = len(shares) + 1
    return "\n".join([*lines, " " * margin + dates_below(view.past, view.future, width_drawn, forecast.columns)])


def _shown(view: StateView, stated: tuple[int, ...]) -> list[int]:
    """Those of the states that a drawing has room for, the likeliest ones, in their order."""
    likely = np.nan_to_num(view.shares).max(axis=0)
    kept = sorted(stated, key=lambda code: (-view.probabilities[:, code].max(), -likely[code]))[:_MOST_BANDS]
    return sorted(kept)


def _cells(view: StateView, columns: int) -> tuple[Values, int]:
    """What each column stands for, [N, C], and at which of them the forecast begins; NaN where nothing is known.

    A step is one column or several where there is room; otherwise a column is the mean of a few steps.
    """
    parts = [view.shares[: len(view.past)], view.shares[len(view.past) :]]
    total = len(view.past) + len(view.future)
    wide = columns // total
    if wide:
        cells = [np.repeat(part, wide, axis=0) for part in parts]
    else:
        each = -(-total // columns)
        cells = [np.stack([_mean(part[at : at + each]) for at in range(0, len(part), each)]) for part in parts]
    return np.concatenate(cells), len(cells[0])


def _mean(shares: Values) -> Values:
    known = shares[~np.isnan(shares[:, 0])]
    mean: Values = known.mean(axis=0) if len(known) else np.full(shares.shape[1], np.nan)
    return mean


def _row(shares: NDArray[np.float64], row: int, rows: int) -> list[str]:
    """One line of a band, counted from its bottom."""
    found = []
    for share in shares.tolist():
        if np.isnan(share):
            found.append(_MISSING if row == 0 else " ")
        else:
            eighths = round(share * 8 * rows) - 8 * row
            found.append(_BLOCKS[min(max(eighths, 0), 8)])
    return found


def _line(cells: list[str], cutoff: int, colour: bool) -> str:
    before, after = "".join(cells[:cutoff]), "".join(cells[cutoff:])
    if not colour:
        return f"{before}{_CUTOFF}{after}"
    return f"{before}{_DIM}{_CUTOFF}{_RESET}{_COLOUR}{after}{_RESET}"


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
