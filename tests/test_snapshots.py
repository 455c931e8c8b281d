"""A training that was interrupted goes on to the same weights, and never with what is not its own."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forecast import checkpoint
from forecast.config import Config, DataConfig, ModelConfig, TrainConfig
from forecast.errors import CheckpointError, ConfigError
from forecast.forecaster import Forecaster, read_card
from forecast.snapshots import Identity, Snapshots, State
from forecast.training import Epoch
from tests.panels import daily, weekly_wave

PANEL = daily(weekly_wave(120))
QUICK = Config(model=ModelConfig(hidden=4, horizon=7, members=2, dropout=0.1), train=TrainConfig(max_steps=25))
#: Networks of every kind that training keeps more of than weights.
KINDS = {
    "several layers": ModelConfig(hidden=4, horizon=7, members=1, layers=2, dropout=0.2, variational=True),
    "weights dropped": ModelConfig(hidden=4, horizon=7, members=1, recurrent_dropout=0.2, layer_norm=True),
    "scheduled truth": ModelConfig(hidden=4, horizon=7, members=1, decoder="recursive", cell="gru"),
    "a likelihood": ModelConfig(hidden=4, horizon=7, members=1, head="student-t", context_loss=0.2),
}


class StopAfter:
    """Asks to stop from its n-th question on, and counts them."""

    def __init__(self, n: int) -> None:
        self.n, self.asked = n, 0

    def __call__(self) -> bool:
        """The next answer."""
        self.asked += 1
        return self.asked > self.n


def saved(forecaster: Forecaster, path: Path) -> bytes:
    """The bytes of its model file."""
    forecaster.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int]:
    """The model file of a training that nobody interrupts, and how often it asks whether to stop."""
    stop, folder = StopAfter(10**9), tmp_path_factory.mktemp("straight")
    forecaster = Forecaster.fit(PANEL, QUICK, should_stop=stop, snapshots=Snapshots(folder / "s.safetensors"))
    assert saved(Forecaster.fit(PANEL, QUICK), folder / "n.safetensors") == saved(forecaster, folder / "m.safetensors")
    return saved(forecaster, folder / "m.safetensors"), stop.asked


def interrupted(folder: Path, n: int, config: Config = QUICK) -> Path:
    """The snapshot of a training that was asked to stop at its n-th question."""
    path = folder / "m.training.safetensors"
    forecaster = Forecaster.fit(PANEL, config, should_stop=StopAfter(n), snapshots=Snapshots(path, resume=False))
    assert forecaster.stopped
    assert path.exists()
    return path


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 0.8, 1.0])
def test_an_interrupted_training_goes_on_to_the_same_file(
    share: float, tmp_path: Path, straight: tuple[bytes, int]
) -> None:
    """While choosing, judging and training again, at the first question and at the last."""
    expected, asked = straight
    path = interrupted(tmp_path, int(share * (asked - 1)))
    snapshots = Snapshots(path, strict=True)
    assert saved(Forecaster.fit(PANEL, QUICK, snapshots=snapshots), tmp_path / "m.safetensors") == expected
    assert snapshots.resumed
    assert snapshots.note.startswith("going on with the training that was interrupted after")


def test_a_training_may_be_interrupted_many_times(tmp_path: Path, straight: tuple[bytes, int]) -> None:
    """Each goes on where the one before was asked to stop, whether or not that was at a look at the validation data."""
    expected, _ = straight
    path = interrupted(tmp_path, 4)
    for _ in range(30):
        forecaster = Forecaster.fit(PANEL, QUICK, should_stop=StopAfter(13), snapshots=Snapshots(path))
        if not forecaster.stopped:
            break
    assert not forecaster.stopped
    assert saved(forecaster, tmp_path / "m.safetensors") == expected


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_network_goes_on_to_the_same_weights(kind: str, tmp_path: Path) -> None:
    """Whatever is random in it, and whatever it keeps."""
    config = Config(model=KINDS[kind], train=TrainConfig(max_steps=15))
    expected = saved(Forecaster.fit(PANEL, config), tmp_path / "a.safetensors")
    path = interrupted(tmp_path, 8, config)
    found = saved(Forecaster.fit(PANEL, config, snapshots=Snapshots(path)), tmp_path / "b.safetensors")
    assert found == expected


@pytest.mark.slow
def test_fifty_random_moments(tmp_path: Path, straight: tuple[bytes, int]) -> None:
    """Of choosing, judging and training again."""
    expected, asked = straight
    for n in random.Random(1).sample(range(asked), min(50, asked)):
        path = interrupted(tmp_path, n)
        found = saved(Forecaster.fit(PANEL, QUICK, snapshots=Snapshots(path, strict=True)), tmp_path / "m.safetensors")
        assert found == expected, n


def test_what_was_trained_to_its_end_is_not_trained_again(tmp_path: Path, straight: tuple[bytes, int]) -> None:
    """Epochs are reported of what is left only."""
    path = interrupted(tmp_path, straight[1] - 2)
    heard: list[Epoch] = []
    Forecaster.fit(PANEL, QUICK, on_epoch=heard.append, snapshots=Snapshots(path))
    assert {(epoch.stage, epoch.member) for epoch in heard} <= {("refit", 2)}


@pytest.mark.slow
def test_covariates_are_weighed_again_without_training_again(tmp_path: Path) -> None:
    """The networks without covariates are in the snapshot too."""
    config = replace(QUICK, data=DataConfig(features=("weekday",), holidays=("DE",)))
    pytest.importorskip("holidays")
    panel = daily(weekly_wave(400))
    stop, aside = StopAfter(10**9), Snapshots(tmp_path / "s.safetensors")
    expected = saved(Forecaster.fit(panel, config, should_stop=stop, snapshots=aside), tmp_path / "a.safetensors")
    for n in range(5, stop.asked, stop.asked // 4):
        path = tmp_path / f"{n}.training.safetensors"
        Forecaster.fit(panel, config, should_stop=StopAfter(n), snapshots=Snapshots(path))
        assert saved(Forecaster.fit(panel, config, snapshots=Snapshots(path)), tmp_path / "b.safetensors") == expected


def test_the_file_is_written_every_so_often_and_by_nothing_else(tmp_path: Path) -> None:
    """A training that nobody interrupts leaves none in less time than that, and one for every step without patience."""
    path = tmp_path / "m.training.safetensors"
    Forecaster.fit(PANEL, QUICK, snapshots=Snapshots(path))
    assert not path.exists()
    snapshots = Snapshots(path, every=0.0)
    Forecaster.fit(PANEL, QUICK, snapshots=snapshots)
    assert path.exists()
    assert snapshots.saved
    snapshots.remove()
    assert not path.exists()
    assert [p.name for p in tmp_path.iterdir()] == []


def test_a_kill_costs_no_more_than_the_time_since_the_last_snapshot(
    tmp_path: Path, straight: tuple[bytes, int]
) -> None:
    """kill -9 while it trains and writes; what is left is whole, and going on gives the same file."""
    path = tmp_path / "m.training.safetensors"
    program = textwrap.dedent(f"""
        from forecast.forecaster import Forecaster
        from forecast.snapshots import Snapshots
        from tests.test_snapshots import PANEL, QUICK
        while True:
            Forecaster.fit(PANEL, QUICK, snapshots=Snapshots({str(path)!r}, every=0.0, resume=False))
    """)
    process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parent.parent)
    try:
        until = time.monotonic() + 60
        while not path.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(random.Random(2).random())
    finally:
        process.kill()
        process.wait()
    snapshots = Snapshots(path, strict=True)
    assert saved(Forecaster.fit(PANEL, QUICK, snapshots=snapshots), tmp_path / "m.safetensors") == straight[0]
    assert snapshots.resumed
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.safetensors", "m.training.safetensors"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[:-5], "but the header describes|does not match"),
        (lambda data: data[:100], "the file ends after"),
        (lambda data: b"", "are not the size of a model file"),
        (lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "the sha256 does not match"),
    ],
)
def test_a_damaged_snapshot_is_no_reason_not_to_train(
    damage: Callable[[bytes], bytes], why: str, tmp_path: Path, straight: tuple[bytes, int]
) -> None:
    """It begins anew, and says why."""
    path = interrupted(tmp_path, 20)
    path.write_bytes(damage(path.read_bytes()))
    snapshots = Snapshots(path, strict=True)
    assert saved(Forecaster.fit(PANEL, QUICK, snapshots=snapshots), tmp_path / "m.safetensors") == straight[0]
    assert "this one begins anew" in snapshots.note
    assert any(part in snapshots.note for part in why.split("|"))
    assert not snapshots.resumed


def test_a_model_in_the_place_of_a_snapshot_is_none(tmp_path: Path, straight: tuple[bytes, int]) -> None:
    """Nor is it taken up."""
    (tmp_path / "m.training.safetensors").write_bytes(straight[0])
    snapshots = Snapshots(tmp_path / "m.training.safetensors")
    Forecaster.fit(PANEL, QUICK, snapshots=snapshots)
    assert not snapshots.resumed
    assert "begins anew" in snapshots.note


def test_other_data_begin_anew(tmp_path: Path) -> None:
    """One value is enough."""
    path = interrupted(tmp_path, 20)
    other = daily(np.append(weekly_wave(120)[:-1], 7.0))
    snapshots = Snapshots(path, strict=True)
    found = saved(Forecaster.fit(other, QUICK, snapshots=snapshots), tmp_path / "m.safetensors")
    assert snapshots.note == "the interrupted training was on other data, so this one begins anew"
    assert found == saved(Forecaster.fit(other, QUICK), tmp_path / "n.safetensors")


def test_other_settings_are_an_error_where_a_person_may_have_forgotten_one(tmp_path: Path) -> None:
    """Named with what they were; a job begins anew. The file stays as it was."""
    path = interrupted(tmp_path, 20)
    before, other = path.read_bytes(), replace(QUICK, train=replace(QUICK.train, seed=3))
    with pytest.raises(ConfigError, match=r"had other settings: seed 1, now 3") as caught:
        Forecaster.fit(PANEL, other, snapshots=Snapshots(path, strict=True))
    assert caught.value.exit_code == 2
    assert path.read_bytes() == before
    snapshots = Snapshots(path)
    Forecaster.fit(PANEL, other, snapshots=snapshots)
    assert snapshots.note == "the interrupted training had other settings (seed 1, now 3), so this one begins anew"


def test_how_long_and_on_what_it_may_compute_is_no_other_setting(tmp_path: Path) -> None:
    """What was used before counts: with the limit already reached nothing more is trained to its end."""
    path = interrupted(tmp_path, 20)
    known, _ = checkpoint.load(path, lambda m: _all_of(path, m))
    limited = replace(QUICK, train=replace(QUICK.train, time_limit=max(0.1, known["seconds"] / 2), threads=1))
    snapshots = Snapshots(path, strict=True)
    forecaster = Forecaster.fit(PANEL, limited, snapshots=snapshots)
    assert snapshots.resumed
    assert forecaster.cut_off
    assert not forecaster.stopped


def _all_of(path: Path, metadata: Any) -> dict[str, checkpoint.TensorSpec]:
    sizes = {f"{k}.{n}": size for k, told in metadata["states"].items() for n, size in told["sizes"].items()}
    return {name: checkpoint.TensorSpec("F32", (size,)) for name, size in sizes.items()}


def test_a_snapshot_is_no_model(tmp_path: Path) -> None:
    """Neither loading nor reading the card makes one of it."""
    path = interrupted(tmp_path, 20)
    for read in (Forecaster.load, read_card):
        with pytest.raises(CheckpointError, match="cannot be built") as caught:
            read(path)
        assert caught.value.why == "it is what a training that was interrupted had reached, and not a model"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_a_snapshot_that_cannot_be_written_ends_no_training(
    number: int, tmp_path: Path, straight: tuple[bytes, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, the snapshot before stays, and the model comes out the same."""
    path = interrupted(tmp_path, 3)
    before = path.read_bytes()

    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        snapshots = Snapshots(path, every=0.0)
        forecaster = Forecaster.fit(PANEL, QUICK, snapshots=snapshots)
    assert not snapshots.saved
    assert os.strerror(number).lower() in snapshots.problem.lower()
    assert path.read_bytes() == before
    assert saved(forecaster, tmp_path / "m.safetensors") == straight[0]


def test_weights_that_ran_away_are_worked_out_again(tmp_path: Path) -> None:
    """The format has no NaN: what is not finite is not kept, and the rest is."""
    path = tmp_path / "m.training.safetensors"
    snapshots = Snapshots(path)
    snapshots.begin(Identity("1", "data", {}, "plan"))
    snapshots.keep("select.1", State(True, {"steps": 3}, {"network": np.ones(3, np.float32)}))
    snapshots.keep("select.2", State(False, {"step": 4}, {"network": np.ones(3, np.float32)}))
    snapshots.keep("select.2", State(False, {"step": 5}, {"network": np.array([1, np.nan], np.float32)}))
    snapshots.write(1.0, last=True)
    later = Snapshots(path)
    later.begin(Identity("1", "data", {}, "plan"))
    assert later.state("select.1") is not None
    assert later.state("select.2") is None


@pytest.mark.parametrize(
    "forge",
    [
        lambda m: m["states"]["select.1"].update(facts={}),
        lambda m: m["states"]["select.1"]["facts"].update(random="00"),
        lambda m: m["states"]["select.1"]["facts"].update(random="00" * 5056),
        lambda m: m["states"]["select.1"]["facts"].update(counts=[1]),
        lambda m: m["states"]["select.1"]["facts"].update(step="many"),
    ],
)
def test_a_forged_state_is_a_checkpoint_error(forge: Callable[[Any], None], tmp_path: Path) -> None:
    """Whoever seals a file may write anything."""
    path = interrupted(tmp_path, 3)
    metadata, tensors = checkpoint.load(path, lambda m: _all_of(path, m))
    forge(metadata)
    checkpoint.save(path, metadata, tensors)
    with pytest.raises(CheckpointError, match="is not one of this network"):
        Forecaster.fit(PANEL, QUICK, snapshots=Snapshots(path))


def test_another_network_of_the_same_training_is_not_filled_in(tmp_path: Path) -> None:
    """A vector of another length is refused, though the file is sealed."""
    path = interrupted(tmp_path, 3)
    metadata, tensors = checkpoint.load(path, lambda m: _all_of(path, m))
    metadata["states"]["select.1"]["sizes"]["best"] -= 1
    checkpoint.save(path, metadata, {**tensors, "select.1.best": tensors["select.1.best"][:-1]})
    with pytest.raises(CheckpointError, match="is not one of this network") as caught:
        Forecaster.fit(PANEL, QUICK, snapshots=Snapshots(path))
    assert "numbers for" in str(caught.value.why)


def test_a_warm_start_begins_where_the_other_ended() -> None:
    """At step 0 the loss on the held-out windows is that of the weights it began from, and steps=0 gives them back."""
    values = weekly_wave(400)
    before = Forecaster.fit(daily(values[:200]), QUICK)
    still = replace(QUICK, train=replace(QUICK.train, learning_rate=1e-7, weight_decay=0.0, max_steps=1))
    begun = Forecaster.fit(daily(values), still, start=before)
    assert any(note.startswith("begun from the weights of the model before") for note in begun.plan_notes)
    for mine, others in zip(begun.networks, before.networks, strict=True):
        for (name, tensor), other in zip(mine.state_dict().items(), others.state_dict().values(), strict=True):
            assert torch.allclose(tensor, other, atol=1e-6), name


def test_a_warm_start_holds_out_only_what_it_has_not_seen() -> None:
    """With too few rows since, it begins anew, to the same weights as without."""
    values = weekly_wave(200)
    before = Forecaster.fit(daily(values[:-3]), QUICK)
    begun, anew = Forecaster.fit(daily(values), QUICK, start=before), Forecaster.fit(daily(values), QUICK)
    (told,) = (note for note in begun.plan_notes if note.startswith("begun anew"))
    assert "the 3 steps since are too few" in told
    pairs = zip(begun.networks, anew.networks, strict=True)
    assert all(torch.equal(a, b) for m, n in pairs for a, b in zip(m.parameters(), n.parameters(), strict=True))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (replace(QUICK, model=replace(QUICK.model, hidden=6)), "its networks have another shape"),
        (replace(QUICK, data=DataConfig(scaling="robust")), "it was trained with scaling robust"),
    ],
)
def test_weights_that_do_not_fit_are_left_and_it_is_said(other: Config, why: str) -> None:
    """In a sentence with the reason."""
    values = weekly_wave(300)
    before = Forecaster.fit(daily(values[:150]), other)
    begun = Forecaster.fit(daily(values), QUICK, start=before)
    assert f"begun anew, not from the weights of the model before: {why}" in begun.plan_notes


def test_members_that_the_other_does_not_have_begin_afresh() -> None:
    """A smaller ensemble starts a larger one."""
    values = weekly_wave(300)
    before = Forecaster.fit(daily(values[:150]), replace(QUICK, model=replace(QUICK.model, members=1)))
    begun = Forecaster.fit(daily(values), QUICK, start=before)
    assert len(begun.networks) == 2
    assert any(note.startswith("begun from") for note in begun.plan_notes)
