"""`forecast doctor`: the facts of this machine, and the way to what is missing."""

import json
import platform
from importlib.metadata import version

import torch

from forecast.cli.app import run
from forecast.version import VERSION


def test_json_holds_versions_devices_folder_and_parts(tmp_path, monkeypatch, capsys):
    """As the machine itself reports them."""
    monkeypatch.chdir(tmp_path)
    assert run(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["forecast"] == VERSION
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"] == version("torch")
    assert (found["devices"]["cuda"] == "not available") != torch.cuda.is_available()
    assert found["folder"] == {"path": str(tmp_path), "writable": "yes"}
    assert len(found["optional parts"]) == 5
    assert list(tmp_path.iterdir()) == []


def test_a_missing_part_comes_with_its_install_line(monkeypatch, capsys):
    """What is there comes with its version."""
    monkeypatch.setattr("forecast.cli.doctor.find_spec", lambda module: module == "pyarrow")
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "missing; pip install 'forecast[plot]'" in out
    assert f"installed (pyarrow {version('pyarrow')})" in out


def test_a_folder_that_cannot_be_written_is_said(monkeypatch, capsys):
    """With what the system says."""

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("forecast.cli.doctor.tempfile.TemporaryFile", refuse)
    assert run(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"]["writable"] == "no: Permission denied"
