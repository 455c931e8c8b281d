"""The shelf: models that a newer one replaced, kept beside it, and the way back to the last of them."""

from __future__ import annotations

from pathlib import Path

from forecast.errors import CheckpointError
from forecast.filenames import number_of, previous_of
from forecast.forecaster import read_card
from forecast.writing import lock, move, remove, sweep, write_atomic


def keep_previous(model: Path, *, keep: int = 1) -> Path | None:
    """A copy of the model that is about to be replaced, `<stem>.previous.safetensors`; None when there is no model.

    With keep > 1 those before it move on, to `<stem>.previous.2.safetensors` and further, until there are so many;
    then the oldest goes. Without a newer model in between, a second call changes nothing. Hold the model's lock.
    """
    if not model.exists():
        return None
    previous, current = previous_of(model), model.read_bytes()
    sweep(previous)
    if previous.exists() and previous.read_bytes() == current:
        return previous
    # A crash on the way leaves a gap, which the next call fills: nothing is lost that was to be kept.
    free = next((n for n in range(1, keep) if not previous_of(model, n).exists()), keep)
    for number in range(free, 1, -1):
        move(previous_of(model, number - 1), previous_of(model, number))
    write_atomic(previous, current)
    return previous


def kept_models(model: Path) -> tuple[Path, ...]:
    """The models that are kept besides this one, newest first; whether they are whole is for whoever reads them."""
    numbered = {n: path for path in model.parent.glob("*") if (n := number_of(path, model)) is not None}
    return tuple(numbered[number] for number in sorted(numbered))


def rollback(model: Path) -> Path | None:
    """The model and the one before it change places; returns where that which was current is kept, None if it is gone.

    A crash at any moment leaves both, one of them current. Doing it twice changes nothing. Raises CheckpointError when
    there is no model to go back to or it is damaged, LockedError when another run is about to write the model.
    """
    if not kept_models(model):
        raise _nothing_before(model)
    with lock(model):
        current = model.read_bytes() if model.exists() else None
        before = next((path for path in kept_models(model) if path.read_bytes() != current), None)
        if before is None:
            raise _nothing_before(model)
        read_card(before)
        whole = before.read_bytes()
        # Room for one more than are kept, so that the one to go back to is not the one that falls off.
        previous = keep_previous(model, keep=len(kept_models(model)) + 1)
        write_atomic(model, whole)
        seen = {whole}
        for path in kept_models(model):
            content = path.read_bytes()
            if content in seen:
                remove(path)
            seen.add(content)
        for number, path in enumerate(kept_models(model), start=1):
            if path != previous_of(model, number):
                move(path, previous_of(model, number))
        return previous


def _nothing_before(model: Path) -> CheckpointError:
    return CheckpointError(
        f"{model}: there is no model before it to go back to",
        why=f"it would be {previous_of(model).name}, which training keeps when it replaces a model",
        hint="forecast train DATA",
    )
