"""`forecast rollback`: the model before takes its place back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.display import Screen, document
from forecast.cli.options import Json


def rollback(
    model: Annotated[Path, typer.Argument(metavar="MODEL", readable=False, help="Model file to go back from.")],
    *,
    json: Json = False,
) -> None:
    """Put the model that training replaced back in its place.

    The two change places, so that doing it once more undoes it. Nothing is trained and no data are read.

    Example:
      forecast train sample_data/prices.csv && forecast train sample_data/prices.csv --seed 2
      forecast rollback prices.safetensors
    """
    from forecast import shelf
    from forecast.forecaster import read_card

    replaced = shelf.rollback(model)
    card = read_card(model)
    if json:
        kept = [str(path) for path in shelf.kept_models(model)]
        told = {"sha256": card["sha256"], "trained_until": card["data"]["last"], "kept": kept}
        document({"model": str(model), "replaced": None if replaced is None else str(replaced), **told})
        return
    screen = Screen()
    screen.result(f"current now: {model}, sha256 {card['sha256']}, trained until {card['data']['last']}")
    if replaced is not None:
        screen.result(f"kept: {replaced}, which was current; the same command changes them back")
