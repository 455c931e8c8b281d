"""How long every recurrent cell takes, forward and backward, beside torch.nn.LSTM of the same size.

All cells take turns, round after round, and a figure is the median over rounds of the time of a cell divided by that of
torch.nn.LSTM in the same round: so what else runs on the machine disturbs both alike. Times are of the processor, on
one thread, and inputs are as wide as the layer.

    python benchmarks/cells.py [--cells lstm,gru] [--rounds 7] [--output FILE.md]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from competition import RESULTS
from records import markdown
from torch import Tensor, nn

from forecast.cells import CELLS
from forecast.models.cells import make_cell


class Shape(NamedTuple):
    """So many sequences of so many steps in a layer so wide."""

    batch: int
    hidden: int
    steps: int

    @property
    def name(self) -> str:
        """`64 × 50 × 128`: batch, steps, width."""
        return f"{self.batch} × {self.steps} × {self.hidden}"


SHAPES = (
    *(Shape(64, 64, steps) for steps in (14, 50, 100)),
    *(Shape(64, 128, steps) for steps in (14, 50)),
    *(Shape(256, 64, steps) for steps in (14, 50)),
    Shape(256, 128, 14),
)
TORCH = "torch.nn.LSTM"


def seconds(layer: nn.Module, inputs: Tensor) -> float:
    """The processor's time for the states of a sequence and the gradients of their mean."""
    begun = time.process_time()
    layer(inputs)[0].mean().backward()
    return time.process_time() - begun


def measure(shape: Shape, cells: Sequence[str], rounds: int) -> dict[str, float]:
    """Milliseconds of torch.nn.LSTM, and of each cell how many times that; the first round does not count."""
    torch.manual_seed(0)
    inputs = torch.randn(shape.batch, shape.steps, shape.hidden, requires_grad=True)
    layers: dict[str, nn.Module] = {TORCH: nn.LSTM(shape.hidden, shape.hidden, batch_first=True)}
    layers |= {name: make_cell(name, shape.hidden, shape.hidden) for name in cells}
    taken = [{name: seconds(layer, inputs) for name, layer in layers.items()} for _ in range(rounds + 1)][1:]
    found = {name: statistics.median(each[name] / each[TORCH] for each in taken) for name in cells}
    return {TORCH: 1e3 * statistics.median(each[TORCH] for each in taken)} | found


def main() -> None:
    """Measure all shapes, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=RESULTS / "cells.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    cells = arguments.cells.split(",")
    columns = {}
    for shape in SHAPES:
        columns[shape.name] = measure(shape, cells, arguments.rounds)
        print(shape.name, {name: round(value, 2) for name, value in columns[shape.name].items()}, flush=True)
    rows = [{"cell": name} | {shape: found[name] for shape, found in columns.items()} for name in (TORCH, *cells)]
    words = (
        f"Forward and backward, one thread, torch {torch.__version__}, median of {arguments.rounds} rounds in turns; "
        f"batch × steps × width. The first row is milliseconds, the others are times that.\n\n"
    )
    form = {"cell": "cell"} | {shape: f"{shape}:.2f" for shape in columns}
    arguments.output.write_text("# Cells beside torch.nn.LSTM\n\n" + words + markdown(rows, form), encoding="utf-8")


if __name__ == "__main__":
    main()
