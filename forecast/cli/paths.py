"""Which file a command means, and which it must not."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from forecast.errors import CheckpointError, ConfigError, OutputError
from forecast.filenames import MODEL_SUFFIX, is_beside

_MAX_HEADER = 1024**2


def check_model_name(model: Path) -> None:
    """Raise ConfigError where a model is to be written under a name that is none of a model."""
    if model.suffix != MODEL_SUFFIX:
        hint = f"--model {shlex.quote(str(model.with_suffix(MODEL_SUFFIX)))}"
        raise ConfigError(f"--model {model}: the name of a model file ends in {MODEL_SUFFIX}", hint=hint)


def require_folder() -> None:
    """Raise OutputError where the current folder was deleted: libraries fail there in ways nobody would understand."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise OutputError("the current folder does not exist any more", hint="cd") from None


def newest_model(folder: Path) -> Path:
    """The forecast model in a folder that was written last, other people's safetensors files left aside.

    Raises CheckpointError when there is none.
    """
    models = (path for path in folder.glob(f"*{MODEL_SUFFIX}") if not is_beside(path))
    found = [path for path in models if kind_of(path) not in (None, "prior")]
    if not found:
        raise CheckpointError(
            f"no forecast model (*{MODEL_SUFFIX}) in {folder.resolve()}", hint="forecast train DATA, or --model FILE"
        )
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def kind_of(path: Path) -> str | None:
    """What the header says that a file of ours holds, "" where it does not say; None of another file.

    Whether the file is whole is for the checkpoint to judge.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            metadata = json.loads(file.read(length))["__metadata__"] if length <= _MAX_HEADER else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(metadata, dict) or "forecast" not in metadata:
        return None
    try:
        return str(json.loads(metadata["forecast"])["kind"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
