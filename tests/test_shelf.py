"""The shelf: models before the current one, and changing places with them whatever fails on the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from forecast.errors import CheckpointError, ForecastError, LockedError
from forecast.filenames import previous_of
from forecast.forecaster import Forecaster
from forecast.shelf import keep_previous, kept_models, rollback
from forecast.writing import lock
from tests.cli.conftest import QUICK
from tests.panels import daily, weekly_wave


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The bytes of three small models that differ."""
    path = tmp_path_factory.mktemp("models") / "m.safetensors"
    forecaster = Forecaster.fit(daily(weekly_wave(60)), QUICK)
    found = []
    for floor in (0.0, 1.0, 2.0):
        forecaster.within(floor, None).save(path)
        found.append(path.read_bytes())
    return found


def on_shelf(model: Path) -> list[bytes]:
    """The current model and those before it."""
    return [model.read_bytes(), *(path.read_bytes() for path in kept_models(model))]


def train(model: Path, content: bytes, keep: int) -> None:
    """What training does when it replaces a model."""
    keep_previous(model, keep=keep)
    model.write_bytes(content)


def test_as_many_models_are_kept_as_asked_newest_first(tmp_path: Path) -> None:
    """The oldest goes when there are more."""
    model = tmp_path / "m.safetensors"
    for content in (b"1", b"2", b"3", b"4", b"5"):
        train(model, content, keep=3)
    assert on_shelf(model) == [b"5", b"4", b"3", b"2"]
    assert kept_models(model) == tuple(previous_of(model, number) for number in (1, 2, 3))


def test_there_is_nothing_to_keep_before_the_first_model(tmp_path: Path) -> None:
    """And no file appears."""
    assert keep_previous(tmp_path / "m.safetensors") is None
    assert list(tmp_path.iterdir()) == []


def test_keeping_twice_loses_no_older_model(tmp_path: Path) -> None:
    """A run that crashed between keeping and replacing is followed by one that keeps again."""
    model = tmp_path / "m.safetensors"
    for content in (b"1", b"2", b"3"):
        train(model, content, keep=2)
    keep_previous(model, keep=2)
    kept = on_shelf(model)
    keep_previous(model, keep=2)
    assert on_shelf(model) == kept == [b"3", b"3", b"2"]


def test_a_gap_is_filled_before_the_oldest_goes(tmp_path: Path) -> None:
    """A crash between two moves leaves one."""
    model = tmp_path / "m.safetensors"
    for content in (b"1", b"2", b"3", b"4"):
        train(model, content, keep=3)
    previous_of(model, 2).unlink()
    train(model, b"5", keep=3)
    assert on_shelf(model) == [b"5", b"4", b"3", b"1"]


def test_models_of_another_name_are_left_alone(tmp_path: Path) -> None:
    """Where one name begins like another."""
    train(tmp_path / "m.safetensors", b"1", keep=1)
    train(tmp_path / "m.safetensors", b"2", keep=1)
    assert kept_models(tmp_path / "m.previous.safetensors") == ()
    assert kept_models(tmp_path / "mm.safetensors") == ()


def test_rolling_back_twice_changes_nothing(tmp_path: Path, models: list[bytes]) -> None:
    """The current model and the one before change places, and older ones stay where they are."""
    model = tmp_path / "m.safetensors"
    for content in models:
        train(model, content, keep=5)
    first, second, third = models
    assert rollback(model) == previous_of(model)
    assert on_shelf(model) == [second, third, first]
    assert rollback(model) == previous_of(model)
    assert on_shelf(model) == [third, second, first]
    assert kept_models(model) == (previous_of(model), previous_of(model, 2))


def test_a_model_that_was_deleted_comes_back(tmp_path: Path, models: list[bytes]) -> None:
    """Then there is nothing that could be kept instead."""
    model = tmp_path / "m.safetensors"
    previous_of(model).write_bytes(models[0])
    assert rollback(model) is None
    assert on_shelf(model) == [models[0]]


@pytest.mark.parametrize("same", [False, True])
def test_without_another_model_there_is_nothing_to_go_back_to(same: bool, tmp_path: Path, models: list[bytes]) -> None:
    """A copy of the current one is none; without any, not even a lock file appears."""
    model = tmp_path / "m.safetensors"
    model.write_bytes(models[0])
    if same:
        keep_previous(model)
    with pytest.raises(CheckpointError, match="there is no model before it to go back to"):
        rollback(model)
    assert model.read_bytes() == models[0]
    assert same or [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_damaged_model_never_becomes_current(tmp_path: Path, models: list[bytes]) -> None:
    """A damaged current one is no reason against going back; it is kept as it is."""
    model = tmp_path / "m.safetensors"
    model.write_bytes(models[0])
    previous_of(model).write_bytes(models[1][:-1])
    with pytest.raises(CheckpointError, match="previous"):
        rollback(model)
    assert on_shelf(model) == [models[0], models[1][:-1]]
    previous_of(model).write_bytes(models[1])
    model.write_bytes(b"damaged")
    rollback(model)
    assert on_shelf(model) == [models[1], b"damaged"]


def test_a_model_that_is_being_trained_is_not_rolled_back(tmp_path: Path, models: list[bytes]) -> None:
    """Exit code 75, as for any two runs on one output."""
    model = tmp_path / "m.safetensors"
    train(model, models[0], keep=1)
    train(model, models[1], keep=1)
    with lock(model), pytest.raises(LockedError):
        rollback(model)
    assert on_shelf(model) == [models[1], models[0]]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "close", "replace", "unlink"])
def test_whatever_fails_no_model_is_lost_and_one_is_current(
    call: str, number: int, tmp_path: Path, models: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call fails in turn at its first, second, … use, as if the run had crashed there; then it is run again."""
    owner: Any = Path if call in ("replace", "unlink") else os
    real, failures = getattr(owner, call), 0
    while True:
        model = tmp_path / f"{failures}" / "m.safetensors"
        model.parent.mkdir()
        for content in models:
            train(model, content, keep=2)
        with monkeypatch.context() as patch:
            patch.setattr(owner, call, failing(real, number, after=failures, of=model.parent, closes=call == "close"))
            try:
                rollback(model)
            except (ForecastError, OSError):
                failures += 1
            else:
                break
        assert set(on_shelf(model)) == set(models)
        assert model.read_bytes() in models[1:]
        then = model.read_bytes()
        rollback(model)
        assert model.read_bytes() == (models[1] if then == models[2] else models[2])
        assert sorted(on_shelf(model)) == sorted(models)
    assert failures > 0
    assert on_shelf(model) == [models[1], models[2], models[0]]


def failing(real: Any, number: int, *, after: int, of: Path, closes: bool) -> Any:
    """The call, failing from its `after`-th use on files of a folder on, as a disk does that stays full."""
    used = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal used
        first = str(arguments[0])
        ours = first.startswith(str(of)) if not first.isdigit() else True
        ours = ours and not first.endswith(".lock")
        used += ours
        if used > after and ours:
            if closes:  # as on Linux, a close that fails has closed
                real(*arguments, **options)
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    return call
