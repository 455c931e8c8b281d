"""How far priors go: their error against their weights, the series they learnt from, and the steps they learnt for.

Each piece trains a prior from nothing on synthetic series and measures it as it comes, nothing fine-tuned: the
geometric mean of relative errors over the single-series files of single.py at four pairs of windows (the last two, and
those one, three and five horizons earlier), OWA of M4 Weekly and Hourly, MASE of Tourism, and the loss on synthetic
series that nothing learnt from. A piece that is in the CSV is not measured again, and its weights stay beside it.

    python benchmarks/scaling.py FOLDER [--only weights,series,steps] [--picture FILE.svg]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from competition import RESULTS, model_scores, owa, point_scores
from m4 import GROUPS as M4_GROUPS
from m4 import forecasts as m4_forecasts
from m4 import read_group as read_m4
from records import Record, append_record, find_record, markdown, read_records
from single import FILES, measure
from tourism import GROUPS as TOURISM_GROUPS
from tourism import read_group as read_tourism

from forecast import Config
from forecast.pretraining import Curriculum, Draw, Lesson, lesson_loss, pretrain, synthetic
from forecast.priors import Prior, Shape
from forecast.synthetic.windows import PER_SERIES

#: Steps of a piece unless it is of the curve of steps, and the width of one unless it is of the curve of weights.
STEPS, HIDDEN = 2000, 64
WIDTHS = (64, 192, 640)
#: Different series that are drawn again and again; 0: none is ever seen again.
SERIES = (256, 1024, 4096, 0)
LENGTHS = (500, 1000, 2000, 24000)
BACKS = (0, 1, 3, 5)
BATCH = 64
#: Wide networks learn in smaller steps: this rate is that of 64 units, and it falls with the root of the width.
RATE = Curriculum.learning_rate
#: The seed of the series of the loss is another than any training's.
LOSS_SEED, LOSS_BATCHES = 20_000, 100

COLUMNS = {
    "weights": "weights",
    "series": "series",
    "steps": "steps",
    "seconds": "seconds:.0f",
    "synthetic loss": "loss:.4f",
    "18 files": "single:.3f",
    "last two windows": "official:.3f",
    "M4 Weekly": "weekly:.3f",
    "M4 Hourly": "hourly:.3f",
    "Tourism monthly": "monthly:.3f",
    "quarterly": "quarterly:.3f",
    "yearly": "yearly:.3f",
}


@dataclass(frozen=True)
class Piece:
    """One prior: its width, how many different series it sees (0: never one again), and its steps."""

    hidden: int = HIDDEN
    series: int = 0
    steps: int = STEPS
    seed: int = 1

    @property
    def path(self) -> Path:
        """Where its weights are kept."""
        return RESULTS / "cache" / f"prior-{self.hidden}-{self.series}-{self.steps}-{self.seed}.safetensors"


CURVES = {
    "weights": [Piece(hidden=hidden) for hidden in WIDTHS],
    "series": [Piece(series=series) for series in SERIES],
    "steps": [Piece(steps=steps) for steps in LENGTHS],
}


def main() -> None:
    """Train and measure the pieces that are asked for, and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--only", default=",".join(CURVES), help="curves, separated by commas (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS / "scaling.csv", help="the CSV to continue")
    parser.add_argument("--picture", type=Path, help="draw the curves")
    options = parser.parse_args()
    for curve in options.only.split(","):
        for piece in CURVES[curve]:
            finished(piece, options)
    known = read_records(options.output)
    found = {
        curve: [record for piece in pieces if (record := find_record(known, asdict(piece)))]
        for curve, pieces in CURVES.items()
    }
    tables = "\n".join(f"## Error against {curve}\n\n{markdown(rows, COLUMNS)}" for curve, rows in found.items())
    print(tables)
    options.output.with_suffix(".md").write_text(tables, encoding="utf-8")
    if options.picture:
        draw({curve: rows for curve, rows in found.items() if rows}, options.picture)


def finished(piece: Piece, options: argparse.Namespace) -> Record:
    """The record of a piece: found in the CSV, or measured and added to it."""
    key = asdict(piece)
    if record := find_record(read_records(options.output), key):
        return record
    begun = time.perf_counter()
    prior = trained(piece)
    seconds = prior.card.get("seconds", time.perf_counter() - begun)
    record = {**key, "weights": prior.n_weights, "seconds": seconds, "loss": loss(prior)}
    return append_record(options.output, {**record, **dict(errors(piece.path, options.folder))})


def trained(piece: Piece) -> Prior:
    """The prior of a piece, from its file or from nothing."""
    if piece.path.exists():
        return Prior.load(piece.path)
    own = again(piece.series, piece.seed) if piece.series else None
    rate = RATE * (HIDDEN / piece.hidden) ** 0.5
    curriculum = Curriculum(steps=piece.steps, batch_size=BATCH, seed=piece.seed, share=1.0, learning_rate=rate)
    begun = time.perf_counter()
    prior = pretrain(Shape("lstm", piece.hidden, 1), curriculum, own=own)
    piece.path.parent.mkdir(parents=True, exist_ok=True)
    return replace(prior, card={**prior.card, "seconds": round(time.perf_counter() - begun, 1)}).save(piece.path)


def again(n_series: int, seed: int) -> Draw:
    """Draws batches of only so many different series, each batch as often as chance has it."""
    n_batches = max(1, n_series * PER_SERIES // BATCH)

    def draw(rng: np.random.Generator, n: int) -> Lesson:
        return synthetic(np.random.default_rng([seed, 1, int(rng.integers(n_batches))]), n)

    return draw


@torch.no_grad()
def loss(prior: Prior) -> float:
    """The mean loss over lessons that nothing learnt from."""
    (network,) = prior.networks(1, (1,))
    lessons = (synthetic(np.random.default_rng([LOSS_SEED, i]), BATCH) for i in range(LOSS_BATCHES))
    return float(np.mean([lesson_loss(network, lesson, "cpu").item() for lesson in lessons]))


def errors(path: Path, folder: Path) -> Iterator[tuple[str, float]]:
    """The error of a prior, as it comes, on each work."""
    config = Config.from_dict({"model": {"prior": str(path)}})
    files = [file for file in FILES if not file.ids]
    logs = {
        back: [np.log(measure(f, folder, config, back, prior_alone=True).relative_mae) for f in files] for back in BACKS
    }
    yield "single", float(np.exp(np.mean(list(logs.values()))))
    yield "official", float(np.exp(np.mean(logs[0])))
    for name in M4_GROUPS:
        group = read_m4(folder, name)
        of_naive2 = point_scores(group, m4_forecasts(group, "Naive2"))
        yield name, owa(model_scores(group, config, prior_alone=True), of_naive2)
    for name in TOURISM_GROUPS:
        yield name, model_scores(read_tourism(folder, name), config, prior_alone=True)["mase"]


def draw(found: dict[str, list[Record]], path: Path) -> None:
    """The curves side by side: each work's error relative to that of the first piece of its curve."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(4 * len(found), 3.4), sharey=True, layout="constrained")
    works = {"single": "18 files", "weekly": "M4 Weekly", "hourly": "M4 Hourly", "monthly": "Tourism monthly",
             "quarterly": "Tourism quarterly", "yearly": "Tourism yearly", "loss": "synthetic loss"}  # fmt: skip
    for axis, (curve, rows) in zip(np.atleast_1d(axes), found.items(), strict=True):
        shown = [int(row[curve]) or int(row["steps"]) * BATCH // PER_SERIES for row in rows]
        for name, label in works.items():
            values = np.array([float(row[name]) for row in rows])
            axis.plot(shown, values / values[0], marker="o", markersize=3, label=label, linewidth=1.2)
        axis.set_xscale("log")
        axis.set_xlabel(curve)
        axis.grid(alpha=0.3)
    np.atleast_1d(axes)[0].set_ylabel("error relative to the first")
    np.atleast_1d(axes)[-1].legend(fontsize=7)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
