"""`forecast inspect`: the model card, read from the model file alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from forecast.cli.display import Screen, document
from forecast.cli.options import Json
from forecast.cli.paths import kind_of
from forecast.cli.train import show_evaluation


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL", readable=False, help="Model file.")],
    *,
    json: Json = False,
) -> None:
    """Show the card of a model file: settings, data, scores, digest.

    Example:
      forecast train sample_data/prices.csv && forecast inspect prices.safetensors
    """
    from forecast.evaluation import Evaluation
    from forecast.forecaster import read_card

    if kind_of(model) == "prior":
        show_prior(model, json)
        return
    card = read_card(model)
    if json:
        document(card)
        return
    screen = Screen()
    screen.result(str(model))
    for line in card_lines({key: value for key, value in card.items() if key != "evaluation"}):
        screen.result(line)
    screen.result()
    show_evaluation(screen, Evaluation.from_dict(card["evaluation"]))


def show_prior(path: Path, json: bool) -> None:
    """The card of a file of `forecast pretrain`: what its networks are, and how they were made."""
    from forecast.priors import Prior

    prior = Prior.load(path)
    facts = {"kind": "prior", **vars(prior.shape), "networks": len(prior.weights), "weights": prior.n_weights}
    card = {**facts, "sha256": prior.digest, **prior.card}
    if json:
        document(card)
        return
    screen = Screen()
    screen.result(str(path))
    for line in card_lines(card):
        screen.result(line)


def card_lines(card: Mapping[str, Any]) -> list[str]:
    """Metadata as aligned lines: single facts first, then every table under its own heading."""
    facts = {key: value for key, value in card.items() if not isinstance(value, Mapping)}
    lines = [f"  {key:<18}{_text(value)}" for key, value in sorted(facts.items())]
    for key in sorted(card.keys() - facts.keys()):
        lines += _table(key, card[key])
    return lines


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    lines = ["", name] if any(not isinstance(value, Mapping) for value in table.values()) else []
    for key, value in table.items():
        lines += _table(f"{name}.{key}", value) if isinstance(value, Mapping) else [f"  {key:<18}{_text(value)}"]
    return lines


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) for item in value) or "–"
    if isinstance(value, Mapping):
        return f"{value['name']} ({', '.join(_text(other) for key, other in value.items() if key != 'name' and other)})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "–" if value in (None, "") else str(value)
