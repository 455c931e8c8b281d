"""How far back each recurrent cell can learn to look: the adding problem over more and more steps.

A sequence has a random number between 0 and 1 and a mark at each step; two steps are marked, one in each half, and the
sum of their numbers is asked for after the last (Hochreiter & Schmidhuber 1997). Who always answers 1 has a mean
squared error of 1/6. All cells get the same budget of optimiser steps with the same sequences; a run ends early once
the problem is solved. Before training, the gradient of the error that reaches the inputs of each step is measured.

    python benchmarks/memory.py [--cells lstm,gru] [--lengths 50,100] [--steps 1500] [--seed 1] [--output FILE.md]

Every finished run is a row of the CSV beside the table, and is not done again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from competition import RESULTS
from records import Record, append_record, code_digest, find_record, markdown, read_records
from torch import Tensor, nn

from forecast.cells import CELLS
from forecast.models.cells import make_cell

CELLS_TO_RUN = ("rnn", "irnn", "lstm", "gru", "lem", "mingru")
LENGTHS = (50, 100, 200, 400)
HIDDEN, BATCH, LEARNING_RATE = 64, 32, 3e-3
#: The mean squared error of answering 1 always, and the one below which the problem counts as solved.
BASELINE, SOLVED = 1 / 6, 0.02
#: Sequences that a network is judged on, and optimiser steps between two judgements.
JUDGED, EVERY = 512, 50


class Adder(nn.Module):
    """One layer of a cell and a line through its last state."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.cell = make_cell(cell, 2, HIDDEN)
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Answers [B] to inputs [B, T, 2]."""
        answer: Tensor = self.head(self.cell(inputs)[0][:, -1])[:, 0]
        return answer


def sequences(count: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Inputs [B, T, 2], a number and a mark, and the sums [B] of the two numbers that are marked."""
    numbers = torch.rand(count, length, generator=generator)
    half = length // 2
    first = torch.randint(0, half, (count, 1), generator=generator)
    second = torch.randint(half, length, (count, 1), generator=generator)
    marks = torch.zeros(count, length).scatter(1, torch.cat([first, second], 1), 1.0)
    return torch.stack([numbers, marks], -1), (numbers * marks).sum(1)


def gradient_norms(network: Adder, inputs: Tensor, sums: Tensor) -> Tensor:
    """The norm of the gradient of the error that reaches the inputs of each step, [T]."""
    inputs = inputs.clone().requires_grad_()
    error = (network(inputs) - sums).square().mean()
    (gradient,) = torch.autograd.grad(error, inputs)
    norms: Tensor = gradient.norm(dim=(0, 2))
    return norms


def measure(cell: str, length: int, steps: int, seed: int) -> dict[str, object]:
    """What one run comes to: the error it ends with, the steps it took, and the gradients before it."""
    begun = time.process_time()
    torch.manual_seed(seed)
    network = Adder(cell)
    generator = torch.Generator().manual_seed(seed)
    judged = sequences(JUDGED, length, generator)
    norms = gradient_norms(network, *judged)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    taken, error = 0, float("inf")
    while taken < steps and error > SOLVED:
        for _ in range(EVERY):
            inputs, sums = sequences(BATCH, length, generator)
            optimiser.zero_grad()
            (network(inputs) - sums).square().mean().backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
        taken += EVERY
        with torch.no_grad():
            error = float((network(judged[0]) - judged[1]).square().mean())
    return {
        "error": error,
        "taken": taken,
        "at_last_step": float(norms[-1]),
        "at_middle_step": float(norms[length // 2]),
        "at_first_step": float(norms[0]),
        "seconds": time.process_time() - begun,
    }


def table(records: Sequence[Record]) -> str:
    """The runs as Markdown: what came of each, and how much of the gradient is left on the way back."""
    rows = []
    for record in records:
        last = float(record["at_last_step"])
        error = float(record["error"])
        outcome = "in part" if error < 0.9 * BASELINE else "no" if error < 10 * BASELINE else "no, it diverged"
        rows.append(
            record
            | {
                "outcome": f"solved after {record['taken']} steps" if error <= SOLVED else outcome,
                "middle": float(record["at_middle_step"]) / last,
                "first": float(record["at_first_step"]) / last,
            }
        )
    return markdown(
        rows,
        {
            "cell": "cell",
            "length": "length",
            "error": "error:.3g",
            "learnt": "outcome",
            "gradient at the last step": "at_last_step:.1e",
            "of it at the middle": "middle:.0e",
            "at the first": "first:.0e",
            "CPU seconds": "seconds:.0f",
        },
    )


def main() -> None:
    """Measure what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS_TO_RUN), help=f"known: {', '.join(CELLS)}")
    parser.add_argument("--lengths", default=",".join(map(str, LENGTHS)))
    parser.add_argument("--steps", type=int, default=1500, help="optimiser steps of a run, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS / "memory.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    path = arguments.output.with_suffix(".csv")
    run = {"steps": arguments.steps, "seed": arguments.seed, "code": code_digest()}
    for length in map(int, arguments.lengths.split(",")):
        for cell in arguments.cells.split(","):
            key = {"cell": cell, "length": length, **run}
            record = find_record(read_records(path), key)
            if record is None:
                record = append_record(path, key | measure(cell, length, arguments.steps, arguments.seed))
            print(f"{cell:<10}{length:>5}{float(record['error']):>10.3g}{float(record['seconds']):>7.0f} s", flush=True)
    mine = [r for r in read_records(path) if all(r[name] == str(value) for name, value in run.items())]
    arguments.output.write_text(page(mine), encoding="utf-8")


def page(records: Sequence[Record]) -> str:
    """The table of runs under the words that say how they were made."""
    words = (
        f"One layer of {HIDDEN}, batches of {BATCH}, Adam at {LEARNING_RATE:g} with gradients clipped at 1, at most "
        f"{int(records[0]['steps']):,} optimiser steps, seed {records[0]['seed']}; answering 1 always has an error of "
        f"{BASELINE:.3f}, and {SOLVED:g} counts as solved. Gradients are those before training, at the inputs of a "
        f"step.\n\n"
    )
    return "# The adding problem\n\n" + words + table(records)


if __name__ == "__main__":
    main()
