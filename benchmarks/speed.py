"""Where the time of training goes: one optimiser step part by part, beside its matrix products, and a whole `train`.

Files of four shapes are generated. One network is trained on each by the package's own loop, whose parts are timed
where they are called, on one thread and in seconds of the processor; figures are medians over steps. The floor is what
the matrix products of the step would take at the rate that this machine multiplied large matrices at, just before.

    python benchmarks/speed.py [--only monthly,weekly] [--steps 60] [--whole monthly] [--repeats 3] [--output FILE.md]
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from competition import RESULTS
from records import Record, markdown
from scale import run

from forecast import Config, Forecaster, fitting, planning, read_panel, training
from forecast.config import ModelConfig, TrainConfig
from forecast.models.anchors import count_anchors
from forecast.models.recurrent import RecurrentNetwork
from forecast.models.smoothing import _reach, rates_for
from forecast.models.stack import Stack
from forecast.panel import Panel
from forecast.planning import Plan
from forecast.windows import Windows

#: First steps that are not counted: memory is asked for, and caches are cold.
_COLD_STEPS = 10
#: Edge of the square matrices whose product tells the machine's rate, and how often they are multiplied.
_EDGE, _PRODUCTS = 1024, 20
#: What is in no part of a step: the schedule, the clock, and the loop itself.
_REST = "the rest"


class Shape(NamedTuple):
    """A generated file: so many series of so many rows, freq apart, with seasons; and what training is told."""

    name: str
    series: int
    rows: int
    freq: np.timedelta64
    seasons: tuple[int, ...]
    context_length: int
    horizon: int
    batch_size: int


SHAPES = (
    Shape("monthly", 1, 144, np.timedelta64(1, "M"), (12,), 48, 12, 64),
    Shape("half-hourly", 1, 5_000, np.timedelta64(30, "m"), (48, 336), 672, 48, 64),
    Shape("weekly", 359, 1_000, np.timedelta64(7, "D"), (), 208, 13, 256),
    Shape("hourly", 7, 5_000, np.timedelta64(1, "h"), (24,), 336, 96, 256),
)


class Part(NamedTuple):
    """A part of the work: what is done while `owner.attribute` runs, and no part of its own inside.

    whole says that all that happens inside belongs to it, other parts included.
    """

    name: str
    owner: Any
    attribute: str
    whole: bool = False


STEP_PARTS = (
    Part("draw", Windows, "batch"),
    Part("localise, fill", RecurrentNetwork, "_localise"),
    Part("anchors", RecurrentNetwork, "_options"),
    Part("recurrence", Stack, "forward"),
    Part("embedding, heads, loss", RecurrentNetwork, "loss"),
    Part("backward", torch.Tensor, "backward"),
    Part("optimiser, average", torch.nn.utils, "clip_grad_norm_"),
    Part("optimiser, average", torch.optim.AdamW, "step"),
    Part("optimiser, average", training, "_average"),
)

TRAIN_PARTS = (
    Part("plan", planning, "plan"),
    Part("trial of features", fitting, "_worthwhile", whole=True),
    Part("start", training, "_fresh_network"),
    Part("selection", fitting, "_select"),
    Part("validation", training, "head_loss_on"),
    Part("judge", fitting, "_held_out"),
    Part("judge", fitting, "_factors"),
    Part("judge", fitting, "_evaluation"),
    Part("refit", fitting, "_refit", whole=True),
)


class Timer:
    """Seconds of the processor by the name of a part; `began` parts are those that run now, the innermost last."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._began: list[Part] = []
        self._since = time.process_time()

    def enter(self, part: Part) -> None:
        """From now on seconds belong to this part, unless a part that is whole is running."""
        self._book()
        self._began.append(part)

    def leave(self) -> None:
        """Seconds belong to what ran before again."""
        self._book()
        self._began.pop()

    def _book(self) -> None:
        now = time.process_time()
        if self._began:
            owner = next((part for part in self._began if part.whole), self._began[-1])
            self.seconds[owner.name] += now - self._since
        self._since = now


def main() -> None:
    """Measure the shapes and print both tables."""
    options = _options()
    torch.set_num_threads(1)
    chosen = [shape for shape in SHAPES if not options.only or shape.name in options.only.split(",")]
    if not chosen:
        raise SystemExit(f"--only knows {', '.join(shape.name for shape in SHAPES)}")
    steps, wholes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for shape in chosen:
            path = Path(folder) / f"{shape.name}.csv"
            write_series(path, shape)
            steps.append(measure_steps(path, shape, options.steps))
            print(f"{shape.name}: {steps[-1]['ms']:.1f} ms a step", flush=True)
        for shape in chosen:
            if shape.name not in options.whole.split(","):
                continue
            wholes.append(measure_train(Path(folder) / f"{shape.name}.csv", shape, options.repeats))
            print(f"{shape.name}: {wholes[-1]['seconds']:.1f} s in all", flush=True)
    text = _page(steps, wholes)
    print(text)
    options.output.write_text(text, encoding="utf-8")


def write_series(path: Path, shape: Shape) -> None:
    """A file of the shape: a level, seasons and noise for each series, and for many of them beginnings of their own."""
    random = np.random.default_rng(1)
    times = np.datetime64("2010-01", np.datetime_data(shape.freq)[0]) + np.arange(shape.rows) * shape.freq
    texts = np.datetime_as_string(times, unit="auto").tolist()
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("time,item,value\n")
        for number in range(shape.series):
            values = (
                random.uniform(200, 500) + random.normal(0, 5, shape.rows) + random.normal(0, 2, shape.rows).cumsum()
            )
            for m in shape.seasons:
                values += np.resize(random.normal(0, 30, m), shape.rows)
            first = random.integers(0, shape.rows * 9 // 10) if shape.series > 10 else 0
            rows = zip(texts[first:], values[first:].tolist(), strict=True)
            stream.writelines(f"{text},item_{number},{value:.2f}\n" for text, value in rows)


def configuration(shape: Shape) -> Config:
    """All defaults, but for the lengths and the batch of the shape, on one thread of the processor."""
    return Config(
        model=ModelConfig(context_length=shape.context_length, horizon=shape.horizon),
        train=TrainConfig(batch_size=shape.batch_size, device="cpu", threads=1),
    )


def measure_steps(path: Path, shape: Shape, n_steps: int) -> Record:
    """The row of a shape: milliseconds of each part of a step, its matrix products and the time they would take."""
    panel = read_panel(path)
    panel, plan = fitting._prepared(panel, planning.plan(panel, configuration(shape)), "cpu")
    rate = matmul_rate()
    network, steps = timed_steps(panel, plan, _COLD_STEPS + n_steps)
    steps = steps[_COLD_STEPS:]
    parts = {
        name: 1000 * statistics.median(step.get(name, 0.0) for step in steps) for name in (*_names(STEP_PARTS), _REST)
    }
    batch = min(shape.batch_size, n_windows(panel, plan))
    flops = step_flops(network, batch)
    whole = 1000 * statistics.median(sum(step.values()) for step in steps)
    floor = 1000 * flops / rate
    sizes = {"shape": shape.name, "L": shape.context_length, "H": shape.horizon, "batch": batch}
    figures = {"ms": whole, "mflop": flops / 1e6, "gflops": rate / 1e9, "floor": floor, "times": whole / floor}
    return {**sizes, "seasons": " ".join(map(str, plan.season_lengths)), **parts, **figures}


def timed_steps(panel: Panel, plan: Plan, n_steps: int) -> tuple[RecurrentNetwork, list[dict[str, float]]]:
    """A network after so many steps, and seconds of the processor of each part of each; `the rest` is in no part."""
    steps: list[dict[str, float]] = []
    began = time.process_time()
    with timing(STEP_PARTS) as timer:

        def after_batch(batch: Callable[..., Any]) -> Callable[..., Any]:
            # A batch begins a step: what was booked until then belongs to the step before.
            @functools.wraps(batch)
            def draw(*arguments: Any) -> Any:
                nonlocal began
                now = time.process_time()
                known = dict(timer.seconds)
                steps.append({**known, _REST: now - began - sum(known.values())})
                timer.seconds.clear()
                began = now
                return batch(*arguments)

            return draw

        with patch.object(Windows, "batch", after_batch(Windows.batch)):
            networks, _ = fitting._refit(panel, plan, n_steps, 1, "cpu", training.Clock(None, None, None))
    if networks is None:
        raise SystemExit("the weights ran away")
    return networks[0], [step for step in steps if STEP_PARTS[-1].name in step]


def measure_train(path: Path, shape: Shape, repeats: int) -> Record:
    """The row of a file: seconds of the processor of each part of `train` with defaults, medians of some repeats."""
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        modules = [
            sys.executable,
            "-c",
            "import forecast.forecaster, forecast.reading, forecast.diagnosis, rich, typer",
        ]
        parts["start of Python"].append(run(modules, path.parent).processor_seconds)
        begun = time.process_time()
        panel = read_panel(path)
        parts["read"].append(time.process_time() - begun)
        begun = time.process_time()
        with timing(TRAIN_PARTS) as timer:
            planned = planning.plan(panel, Config(train=TrainConfig(device="cpu", threads=1)))
            forecaster = Forecaster.fit(panel, planned)
        forecaster.save(path.with_suffix(".safetensors"), data=path)
        rest = time.process_time() - begun - sum(timer.seconds.values())
        for name, seconds in {**timer.seconds, "digest, save": rest}.items():
            parts[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in parts.items()}
    sizes = {"shape": shape.name, "rows": panel.n_rows, "L": forecaster.architecture.context_length}
    return {**sizes, "steps": forecaster.steps, **medians, "seconds": sum(medians.values())}


@contextmanager
def timing(parts: Sequence[Part]) -> Iterator[Timer]:
    """A Timer that books what the parts take while the block runs."""
    timer = Timer()

    def timed(part: Part, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            timer.enter(part)
            try:
                return function(*arguments, **options)
            finally:
                timer.leave()

        return call

    with ExitStack() as stack:
        for part in parts:
            own = timed(part, getattr(part.owner, part.attribute))
            stack.enter_context(patch.object(part.owner, part.attribute, own))
        yield timer


def n_windows(panel: Panel, plan: Plan) -> int:
    """Windows that a refit draws from."""
    a = plan.architecture
    windows = Windows([s.values for s in panel.series], a.context_length, a.horizon, "cpu")
    return len(windows.training_starts(plan.min_context))


def step_flops(network: RecurrentNetwork, batch: int) -> float:
    """Floating-point operations of the matrix products in one step: two for each product of a weight and a number.

    A weight that is used at every segment counts as often. Backwards there are as many for the gradient of weights, and
    again for that of their inputs, which the maps from the context itself need not have. Anchors that smooth are
    products without gradients, made twice: for the forecast, and for their recent errors.
    """
    a = network.architecture
    segments = -(-a.context_length // a.segment)
    numbers = 0
    for name, weight in network.named_parameters():
        if weight.dim() == 2:
            times = segments if name.startswith(("embed.", "stack.")) else 1
            passes = 2 if name.startswith(("embed.", "skip.")) else 3
            numbers += passes * times * weight.numel()
    at = count_anchors(a.context_length, a.season_lengths, smoothing=False)
    for m in a.season_lengths if a.smoothing else ():
        rates = rates_for(a.context_length, m)
        kept = sum(at <= k < at + len(rates) for k in network._kept())
        numbers += 2 * kept * _reach(a.context_length, m) * (m + 2)
        at += len(rates)
    return 2.0 * batch * numbers


def matmul_rate() -> float:
    """Floating-point operations a second of the product of two large float32 matrices."""
    left, right = torch.rand(_EDGE, _EDGE), torch.rand(_EDGE, _EDGE)
    seconds = []
    for _ in range(_PRODUCTS):
        begun = time.process_time()
        left @ right
        seconds.append(time.process_time() - begun)
    return 2.0 * _EDGE**3 / statistics.median(seconds)


def _names(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.name for part in parts))


def _page(steps: Sequence[Record], wholes: Sequence[Record]) -> str:
    sizes = {"shape": "shape", "L": "L", "H": "H", "batch": "batch", "seasons": "seasons"}
    parts = {name: f"{name}:.2f" for name in (*_names(STEP_PARTS), _REST)}
    floor = {"whole step": "ms:.1f", "MFLOP": "mflop:.0f", "GFLOP/s": "gflops:.0f", "floor": "floor:.2f"}
    page = (
        "# Where the time goes\n\nOne thread; time of the processor, not of the wall. `python benchmarks/speed.py`\n\n"
        "## One optimiser step\n\nMilliseconds, medians over steps. The floor is the time that its matrix products "
        "would take at\nthe measured rate of large ones.\n\n"
        + markdown(steps, {**sizes, **parts, **floor, "step / floor": "times:.1f"})
    )
    if not wholes:
        return page
    seconds = {name: f"{name}:.2f" for name in ("start of Python", "read", *_names(TRAIN_PARTS), "digest, save")}
    columns = {"shape": "shape", "rows": "rows:,.0f", "L": "L", "steps": "steps", **seconds, "whole": "seconds:.1f"}
    return (
        f"{page}\n## A whole `forecast train` with defaults\n\nSeconds; steps are those of the refit.\n\n"
        + markdown(wholes, columns)
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAMES", help=f"of {', '.join(shape.name for shape in SHAPES)}")
    parser.add_argument("--steps", type=int, default=60, help="steps that are timed (default: %(default)s)")
    parser.add_argument(
        "--whole", metavar="NAMES", default="monthly,hourly", help="those that are trained whole (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="whole trainings of each (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.md", default=RESULTS / "speed.md", help="(default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
