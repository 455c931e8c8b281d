"""What the synthetic series look like, and how fast they are drawn: the pictures of docs/synthetic.md, and a table.

Pictures come from fixed seeds. Times are of the processor, for a batch of windows of 1,052 steps and 48 ahead.

    python benchmarks/synthetic.py [--pictures FOLDER] [--batches 40] [--output FILE.md]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from records import markdown

from forecast.synthetic import FAMILIES, draw_windows
from forecast.synthetic.calendar_effects import holidays, trading_days
from forecast.synthetic.clock import WEEKS
from forecast.synthetic.counts import COUNTS
from forecast.synthetic.disturbances import DISTURBANCES
from forecast.synthetic.drawing import Rng, Values
from forecast.synthetic.gaps import GAPS
from forecast.synthetic.kernels import KERNELS, composed_process, process_of
from forecast.synthetic.noises import NOISES
from forecast.synthetic.profiles import PROFILES
from forecast.synthetic.seasons import SEASONS
from forecast.synthetic.trends import TRENDS

BATCH, CONTEXT_LENGTH, HORIZON = 64, 1_052, 48
COLUMNS = 5
#: Steps of context in the picture of the families, by season length; 14 seasons of others, 600 at most.
SHOWN = {1: 40, 2: 24, 4: 48, 12: 96, 52: 208}
Draw = Callable[[Rng], Values]


def main() -> None:
    """Measure, or draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, help="folder for the pictures; nothing is measured then")
    parser.add_argument("--batches", type=int, default=40, help="batches of each family (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="write the table there as well")
    options = parser.parse_args()
    if options.pictures:
        for name, rows in pictures().items():
            draw_picture(rows, options.pictures / f"synthetic-{name}.png")
        draw_families(options.pictures / "synthetic-families.png")
        return
    table = measure(options.batches)
    print(table, end="")
    if options.output:
        options.output.write_text(table, encoding="utf-8")


def measure(n_batches: int) -> str:
    """Milliseconds of a batch of each family, and of all by their weights."""
    rows: list[dict[str, object]] = []
    total = 0.0
    for family in FAMILIES.values():
        rng = np.random.default_rng(0)
        begun = time.process_time()
        for _ in range(n_batches):
            draw_windows(rng, family.season_lengths, CONTEXT_LENGTH, HORIZON, BATCH)
        milliseconds = 1e3 * (time.process_time() - begun) / n_batches
        total += milliseconds * family.weight
        rows.append({"family": family.name, "milliseconds": milliseconds})
    mean = total / sum(family.weight for family in FAMILIES.values())
    rows.append({"family": "all, by weight", "milliseconds": mean})
    return markdown(rows, {"family": "family", "ms for 64 windows of 1,100 steps": "milliseconds:.1f"})


def pictures() -> dict[str, dict[str, Draw]]:
    """The rows of each picture: a name and what draws an example of it."""
    return {
        "trends": {name: lambda rng, f=trend: f(rng, 300, 12) for name, trend in TRENDS.items()},
        "noises": {name: lambda rng, f=noise: f(rng, 200) for name, noise in NOISES.items()},
        "kernels": {
            **{name: lambda rng, f=k: process_of(rng, f(rng, 48, 24.0), 200) for name, k in KERNELS.items()},
            "composed": lambda rng: composed_process(rng, 200, 24),
        },
        "seasons": {
            **{name: lambda rng, f=profile: np.tile(f(rng, 24), 3) for name, profile in PROFILES.items()},
            **{name: lambda rng, f=season: f(rng, 12, 180) for name, season in SEASONS.items()},
            **{name: lambda rng, f=week: f(rng, day(rng), 24, 168) for name, week in WEEKS.items()},
        },
        "events": {
            **{name: lambda rng, f=count: f(rng, np.exp(wave(rng))) for name, count in COUNTS.items()},
            "holidays": lambda rng: holidays(rng, wave(rng, 800), 7),
            "trading_days": lambda rng: trading_days(rng, wave(rng, 120, 0.05), 12),
            **{name: lambda rng, f=d: f(rng, wave(rng), 12) for name, d in DISTURBANCES.items()},
            **{name: lambda rng, f=gap: np.where(f(rng, 150), np.nan, wave(rng)) for name, gap in GAPS.items()},
        },
    }


def day(rng: Rng) -> Values:
    """Three weeks of hours with the same day."""
    return np.tile(PROFILES["smooth"](rng, 24), 21)


def wave(rng: Rng, length: int = 150, noise: float = 0.2) -> Values:
    """A cycle of forty steps and a little noise, for something to happen to."""
    return np.sin(np.arange(length) * 2 * np.pi / 40) + noise * rng.standard_normal(length)


def draw_picture(rows: Mapping[str, Draw], path: Path) -> None:
    """A row for each name with examples side by side."""
    figure = Figure(figsize=(10, 0.8 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), COLUMNS)
    for row, ((name, draw), axes) in enumerate(zip(rows.items(), grid, strict=True)):
        rng = np.random.default_rng((1, row))
        for axis in axes:
            axis.plot(draw(rng), linewidth=0.7, color="#1f4e79")
        label_row(axes, name)
    save(figure, path)


def draw_families(path: Path) -> None:
    """A row for each family: windows of five series, the future in another colour."""
    figure = Figure(figsize=(10, 0.8 * len(FAMILIES)), layout="constrained")
    for family, axes in zip(FAMILIES.values(), figure.subplots(len(FAMILIES), COLUMNS), strict=True):
        season_length, horizon = family.season_lengths[0], max(family.horizons)
        length = SHOWN.get(season_length, min(14 * season_length, 600))
        rng = np.random.default_rng(1)
        windows = draw_windows(
            rng, family.season_lengths, length, horizon, 4 * COLUMNS, short=family.short, growing=family.growing
        )[::4]
        for axis, window in zip(axes, windows, strict=True):
            steps = np.arange(length + horizon)
            axis.plot(steps[:length], window[:length], linewidth=0.7, color="#1f4e79")
            axis.plot(steps[length:], window[length:], linewidth=0.7, color="#c55a11")
            axis.set_xlim(0, length + horizon)
        label_row(axes, family.name)
    save(figure, path)


def label_row(axes: np.ndarray, name: str) -> None:
    """The name on the left, no ticks anywhere."""
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_linewidth(0.3)
    axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)


def save(figure: Figure, path: Path) -> None:
    """As PNG of thirty-two colours, a third of the size of one of all."""
    figure.set_dpi(72)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(32).save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    main()
