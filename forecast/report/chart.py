"""A forecast drawn in text: recent history as a line of dots, the median after it, the 80 % interval as shade."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from forecast.forecasts import Forecast
from forecast.panel import Panel
from forecast.report.frame import dates_below, heading
from forecast.report.state_chart import draw_states
from forecast.report.view import View, views

LEVEL = 80
MEDIAN, SHADE, CUTOFF = "•", "░", "┊"
#: The dots of a braille cell, by column and row, as bits above U+2800.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_COLOURS = {MEDIAN: "\x1b[1;36m", SHADE: "\x1b[36m", CUTOFF: "\x1b[2m"}
_RESET = "\x1b[0m"
_FEWEST_COLUMNS = 30
#: Points at which a curve is looked at within one cell's width.
_SAMPLES = 33


def draw(panel: Panel, forecast: Forecast, *, width: int = 80, height: int = 12, colour: bool = False) -> str:
    """The first item of a forecast as lines of text no wider than `width`, `height` of them for the curve itself.

    What is history, median and interval can be told apart without colour. Of states, each has a band of its own, filled
    as high as it is probable.
    """
    if forecast.states:
        return draw_states(panel, forecast, width=width, height=height, colour=colour)
    view = views(panel, forecast, limit=1, levels=(LEVEL,))[0]
    labels = _labels(view, height)
    margin = max(map(len, labels.values())) + 1
    columns = max(width - margin - 1, _FEWEST_COLUMNS)
    legend = f"⣀ history  {MEDIAN} forecast  {SHADE} {LEVEL} % interval"
    lines = heading(view.name, legend, len(forecast.items), width)
    for row, cells in enumerate(_grid(view, columns, height)):
        lines.append(f"{labels.get(row, ''):>{margin}}┤{''.join(cells)}".rstrip())
    lines.append(" " * margin + dates_below(view.past, view.future, columns, forecast.columns))
    return "\n".join(_coloured(line) if colour else line for line in lines)


def _grid(view: View, columns: int, height: int) -> list[list[str]]:
    """The cells, row by row from the top: the cutoff under the shade under the median, the history over all."""
    cells = [[" "] * columns for _ in range(height)]
    before = len(view.history)
    x = np.linspace(0, columns - 1, before + len(view.median))
    for cell_row in cells:
        cell_row[round((x[before - 1] + x[before]) / 2)] = CUTOFF
    bottom, top = view.intervals[LEVEL].T
    for column in range(round(x[before]), columns):
        # A cell stands for all that its width covers: a steep line stays in one piece, and no peak is skipped.
        within = np.linspace(column - 0.5, column + 0.5, _SAMPLES)
        for glyph, curves in ((SHADE, (bottom, top)), (MEDIAN, (view.median,))):
            covered = np.concatenate([np.interp(within, x[before:], curve) for curve in curves])
            rows = _rows(covered, *_range(view), height)
            for row in range(min(rows), max(rows) + 1):
                cells[row][column] = glyph
    bits = _line(view.history, x[:before] / (columns - 1), _range(view), columns, height)
    for (row, column), dots in bits.items():
        cells[row][column] = chr(0x2800 + dots)
    return cells


def _line(
    values: NDArray[np.float64], x: NDArray[np.float64], bounds: tuple[float, float], columns: int, height: int
) -> dict[tuple[int, int], int]:
    """Braille bits by (row, column) of a line through values [T] at x [T] in 0..1; a missing value interrupts it."""
    low, high = bounds
    across = x * (2 * columns - 1)
    down = (high - values) / (high - low) * (4 * height - 1)
    bits: dict[tuple[int, int], int] = {}
    for t in np.flatnonzero(~np.isnan(values)):
        start = t - 1 if t and not math.isnan(values[t - 1]) else t
        # As many dots as the longer side of the step needs to leave no hole.
        dots = 1 + math.ceil(max(across[t] - across[start], abs(down[t] - down[start])))
        for i, j in zip(
            np.linspace(across[start], across[t], dots).round().astype(int),
            np.linspace(down[start], down[t], dots).round().astype(int),
            strict=True,
        ):
            cell = (int(j) // 4, int(i) // 2)
            bits[cell] = bits.get(cell, 0) | _DOTS[i % 2][j % 4]
    return bits


def _range(view: View) -> tuple[float, float]:
    """The lowest and the highest value that is drawn, a little apart where all are equal."""
    everything = np.concatenate([view.history, view.median, view.intervals[LEVEL].ravel()])
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    apart = max(abs(low), 1.0) * 0.01
    return (low, high) if high > low else (low - apart, high + apart)


def _rows(values: NDArray[np.float64], low: float, high: float, height: int) -> list[int]:
    """The rows that values [N] between low and high fall into, counted from the top."""
    rows: list[int] = np.clip((high - values) / (high - low) * height, 0, height - 1).astype(int).tolist()
    return rows


def _labels(view: View, height: int) -> dict[int, str]:
    """Round values by the row they stand at, some four of them."""
    low, high = _range(view)
    rough = (high - low) / 5
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999) * magnitude
    values = np.arange(math.ceil(low / step), math.floor(high / step) + 1, dtype=np.float64) * step
    decimals = max(0, 1 - math.floor(math.log10(step))) if step % 1 else 0
    form = f",.{decimals}f" if max(abs(low), abs(high)) < 1e9 and decimals < 6 else ".6g"
    return {row: f"{v:{form}}" for row, v in zip(_rows(values, low, high, height), values, strict=True)}


def _coloured(line: str) -> str:
    """The line with every run of one kind of glyph in its colour."""
    runs = ((glyph, "".join(run)) for glyph, run in groupby(line))
    return "".join(f"{_COLOURS[glyph]}{run}{_RESET}" if glyph in _COLOURS else run for glyph, run in runs)
