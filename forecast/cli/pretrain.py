"""`forecast pretrain`: synthetic series, and a panel of one's own, in; networks that know what series look like out."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.display import Screen, document, duration
from forecast.cli.options import DATA_HELP, Json, Quiet, Verbose
from forecast.cli.paths import check_model_name
from forecast.cli.report import Report
from forecast.cli.settings import PretrainSettings
from forecast.cli.signals import stop_on_signals
from forecast.cli.train import leave_if_asked, read_and_plan
from forecast.config import Config
from forecast.filenames import MODEL_SUFFIX

if TYPE_CHECKING:
    from forecast.priors import Prior

DEFAULT = Path(f"prior{MODEL_SUFFIX}")


def pretrain(
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help=f"{DATA_HELP} Without it, only synthetic series teach.")
    ] = None,
    *,
    config: Config,
    settings: PretrainSettings,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File to write; ends in .safetensors.")
    ] = DEFAULT,
    report: Report = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train networks before any file, for others to begin from.

    They learn from synthetic series of every frequency, and from DATA where it is given, and are used by
    `forecast train --prior FILE` and `forecast predict --model FILE --data DATA`. One for lstm comes with the program.
    Ctrl-C ends the training early and saves what was reached. This takes hours on a CPU with the default steps.

    Example:
      forecast pretrain sample_data/sales.csv --target units --steps 200 --output own.safetensors
    """
    screen = Screen(quiet=quiet, verbose=verbose)
    check_model_name(output)
    begun = time.monotonic()
    with stop_on_signals() as stop:
        from forecast.pretraining import Curriculum, of_panel
        from forecast.pretraining import pretrain as train_networks
        from forecast.priors import Shape
        from forecast.training import pick_device
        from forecast.writing import lock

        own = None
        if data is not None:
            panel, planned = read_and_plan(screen, data, config, report, training=False)
            assert planned.config.model.horizon
            own = of_panel(panel, planned.scaling, planned.season_lengths, planned.config.model.horizon)
        leave_if_asked(stop, "nothing was saved yet")
        model, train = config.model, config.train
        shape = Shape(model.cell, model.hidden or 64, model.layers or 1)
        curriculum = Curriculum(
            steps=settings.steps,
            batch_size=train.batch_size or Curriculum.batch_size,
            learning_rate=train.learning_rate or Curriculum.learning_rate,
            networks=settings.networks,
            seed=train.seed,
            share=settings.share,
        )
        with lock(output), screen.progress() as on_epoch:
            prior = train_networks(
                shape,
                curriculum,
                own=own,
                device=pick_device(train.device),
                threads=train.threads or 1,
                on_epoch=on_epoch,
                should_stop=stop,
            ).save(output)
        seconds = time.monotonic() - begun
        if json:
            document(summary(prior, output, seconds))
        else:
            losses = ", ".join(f"{loss:.4g}" for loss in prior.card["loss"])
            screen.note(f"saved {output} after {duration(seconds)}, loss {losses}, sha256 {prior.digest}")
            screen.note(f"next: forecast train DATA --prior {shlex.quote(str(output))}")
        leave_if_asked(stop, f"what was reached is saved in {output}")


def summary(prior: Prior, output: Path, seconds: float) -> dict[str, Any]:
    """What `--json` prints: the card of the prior, and where it is."""
    return {
        "output": str(output),
        "sha256": prior.digest,
        "seconds": round(seconds, 3),
        "weights": prior.n_weights,
        **vars(prior.shape),
        **prior.card,
    }
