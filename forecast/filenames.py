"""What the files beside a model are called: models before it, the state of a training, a challenger. It opens none."""

from __future__ import annotations

import re
from pathlib import Path

MODEL_SUFFIX = ".safetensors"
#: What comes before the suffix in the names of files that are no model to forecast with unless asked.
_BESIDE = re.compile(r"\.(previous(\.[0-9]{1,4})?|training|challenger)$")


def previous_of(model: Path, number: int = 1) -> Path:
    """Where the model before is kept, or the `number`-th before."""
    return model.with_suffix(f".previous{f'.{number}' if number > 1 else ''}{MODEL_SUFFIX}")


def training_of(model: Path) -> Path:
    """Where a training that did not end keeps what it had reached."""
    return model.with_suffix(f".training{MODEL_SUFFIX}")


def challenger_of(model: Path) -> Path:
    """Where a model is kept that was trained to take this one's place, and was not better."""
    return model.with_suffix(f".challenger{MODEL_SUFFIX}")


def number_of(path: Path, model: Path) -> int | None:
    """Which model before this one a file is by its name: 1 for the one before, None for other files."""
    name, suffix = re.escape(model.stem), re.escape(MODEL_SUFFIX)
    found = re.fullmatch(rf"{name}\.previous(?:\.([2-9]|[1-9][0-9]{{1,3}}))?{suffix}", path.name)
    return None if found is None else int(found[1] or 1)


def is_beside(path: Path) -> bool:
    """Whether a file is by its name one that stands beside a model."""
    return path.suffix == MODEL_SUFFIX and _BESIDE.search(path.stem) is not None
