"""How long `forecast predict` takes from start to file, beside what it takes to import torch.

The last rows of sample_data/prices.csv are forecast without a model and with one that is trained first. Every round
runs each command once in a process of its own, one after the other, so that all of them meet the machine in the same
mood. Figures are medians over rounds, in seconds of the wall and of the processor, and of what a command took beyond
`import torch` in its own round.

    python benchmarks/startup.py [--rounds 15] [--rows 500] [--horizon 30] [--output FILE.md]
"""

from __future__ import annotations

import argparse
import compileall
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from records import markdown
from scale import Cost, command, run

import forecast

SAMPLE = Path(__file__).parent.parent / "sample_data" / "prices.csv"
#: What the others are measured by.
TORCH = "import torch"
COLUMNS = {
    "command": "command",
    "seconds": "seconds:.2f",
    f"beyond `{TORCH}`": "beyond:+.2f",
    "of processor": "processor:.2f",
    f"of processor beyond `{TORCH}`": "processor_beyond:+.2f",
}


def main() -> None:
    """Measure all commands in turns and print the table."""
    options = _options()
    # An installed package has its bytecode, a fresh checkout has not.
    compileall.compile_dir(Path(forecast.__file__).parent, quiet=2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        header, *rows = SAMPLE.read_text(encoding="utf-8").splitlines()
        (folder / "prices.csv").write_text("\n".join([header, *rows[-options.rows :]]) + "\n", encoding="utf-8")
        run(
            [str(command()), "train", "prices.csv", *"--preset fast --seed 1 --model model.safetensors".split()], folder
        )
        commands = commands_of(options.horizon)
        rounds = [
            {said: run(arguments, folder) for said, arguments in commands.items()} for _ in range(options.rounds + 1)
        ]
    # The first one reads everything from the disk.
    table = f"{options.rounds} rounds, {options.rows} rows, {options.horizon} steps.\n\n{table_of(rounds[1:])}"
    print(table, end="")
    if options.output:
        options.output.write_text(table, encoding="utf-8")


def commands_of(horizon: int) -> dict[str, list[str]]:
    """The commands by how the table names them."""
    own = str(command())
    predict = [own, "predict", "--data", "prices.csv", "--horizon", str(horizon), "--output", "now.csv"]
    imports = (TORCH, f"{TORCH}, pandas")
    return {
        **{f"`{statement}`": [sys.executable, "-c", statement] for statement in imports},
        "`forecast --help`": [own, "--help"],
        "`forecast predict`, no model": [*predict, "--model", "prior"],
        "`forecast predict`, a trained model": [*predict, "--model", "model.safetensors"],
    }


def table_of(rounds: Sequence[Mapping[str, Cost]]) -> str:
    """The table of what each command took in each round."""
    records = []
    for said in rounds[0]:
        pairs = [(costs[said], costs[f"`{TORCH}`"]) for costs in rounds]
        records.append(
            {
                "command": said,
                "seconds": statistics.median(own.seconds for own, _ in pairs),
                "beyond": statistics.median(own.seconds - torch.seconds for own, torch in pairs),
                "processor": statistics.median(own.processor_seconds for own, _ in pairs),
                "processor_beyond": statistics.median(
                    own.processor_seconds - torch.processor_seconds for own, torch in pairs
                ),
            }
        )
    return markdown(records, COLUMNS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="runs of each command (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=500, help="rows of the file (default: %(default)s)")
    parser.add_argument("--horizon", type=int, default=30, help="steps to forecast (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="write the table there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
