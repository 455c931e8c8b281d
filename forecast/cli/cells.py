"""`forecast cells`: the recurrent cells there are, one line each. Loads no torch."""

from __future__ import annotations

from forecast.cells import CELLS
from forecast.cli.display import Screen, document
from forecast.cli.options import Json

#: What weights are counted for: a layer of 64 that reads 64 values, as the second of two such layers does.
_INPUT_SIZE, _HIDDEN_SIZE = 64, 64


def cells(*, json: Json = False) -> None:
    """List the recurrent cells, what they do and how large they are.

    Weights are those of one layer that is 64 wide and reads 64 values, in one direction.

    Example:
      forecast cells
    """
    rows = [
        {"name": name, "idea": card.idea, "weights": card.weights(_INPUT_SIZE, _HIDDEN_SIZE), "paper": card.paper}
        for name, card in CELLS.items()
    ]
    if json:
        document({"input_size": _INPUT_SIZE, "hidden": _HIDDEN_SIZE, "cells": rows})
        return
    name, idea = (max(len(str(row[column])) for row in rows) for column in ("name", "idea"))
    screen = Screen()
    screen.result(f"{'cell':<{name}}  {'idea':<{idea}}  weights  paper")
    for row in rows:
        screen.result(f"{row['name']:<{name}}  {row['idea']:<{idea}}  {row['weights']:>7,}  {row['paper']}")
