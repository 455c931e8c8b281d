"""Recurrent cells behind one interface; stacking, direction and dropout belong to the network."""

from __future__ import annotations

from importlib import import_module

from forecast.cells import CELLS
from forecast.models.cells.cell import Cell

__all__ = ["Cell", "make_cell"]


def make_cell(name: str, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> Cell:
    """A new cell of a name in CELLS; forget_bias is where a forget gate starts, and nothing to a cell without one."""
    module, _, kind = CELLS[name].kind.partition(".")
    cell: Cell = getattr(import_module(f"{__name__}.{module}"), kind)(input_size, hidden_size, forget_bias)
    return cell
