"""Which file is meant when none is named."""

import json
import os

import pytest

from forecast.cli.app import run
from forecast.cli.paths import newest_model
from forecast.errors import CheckpointError


def safetensors(metadata):
    """The beginning of a safetensors file."""
    header = json.dumps({} if metadata is None else {"__metadata__": metadata}).encode()
    return len(header).to_bytes(8, "little") + header


def write(path, content, age):
    path.write_bytes(content)
    os.utime(path, (1_000_000 - age, 1_000_000 - age))


def test_a_folder_that_is_gone_is_an_error_of_its_own(tmp_path, monkeypatch, capfd):
    """Libraries that are loaded there end the process with words of their own."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(["doctor"]) == 7
    assert capfd.readouterr() == ("", "error: the current folder does not exist any more\nhint: cd\n")


def test_the_newest_of_our_models_is_taken(tmp_path):
    """Newer files that only look like one, or were kept from before, are not."""
    ours = safetensors({"forecast": "{}"})
    write(tmp_path / "old.safetensors", ours, age=90)
    write(tmp_path / "new.safetensors", ours, age=60)
    write(tmp_path / "new.previous.safetensors", ours, age=50)
    write(tmp_path / "new.previous.2.safetensors", ours, age=49)
    write(tmp_path / "new.challenger.safetensors", ours, age=48)
    write(tmp_path / "new.training.safetensors", ours, age=47)
    write(tmp_path / "theirs.safetensors", safetensors({"format": "pt"}), age=40)
    write(tmp_path / "bare.safetensors", safetensors(None), age=30)
    write(tmp_path / "empty.safetensors", b"", age=20)
    write(tmp_path / "text.safetensors", b"no header at all, but text", age=10)
    write(tmp_path / "list.safetensors", (2).to_bytes(8, "little") + b"[]", age=5)
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "broken.safetensors").symlink_to(tmp_path / "nowhere")
    assert newest_model(tmp_path) == tmp_path / "new.safetensors"


def test_without_a_model_the_error_says_how_to_get_one(tmp_path):
    """Exit code 4: the model file is missing."""
    with pytest.raises(CheckpointError, match="no forecast model") as caught:
        newest_model(tmp_path)
    assert caught.value.hint == "forecast train DATA, or --model FILE"
