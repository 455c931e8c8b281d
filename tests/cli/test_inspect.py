"""`forecast inspect`: all that a model file says of itself, for people and for programs."""

import json
from pathlib import Path

from forecast.cli.app import run
from forecast.forecaster import read_card
from forecast.version import VERSION


def test_the_card_shows_settings_data_scores_and_digest(shop, capsys):
    """Everything that is needed to know whether this is the right model."""
    assert run(["inspect", "sales.safetensors"]) == 0
    out, err = capsys.readouterr()
    card = read_card("sales.safetensors")
    facts = {tuple(line.split(maxsplit=1)) for line in out.splitlines() if len(line.split()) > 1}
    assert {
        ("sha256", card["sha256"]),
        ("created_by", f"forecast {VERSION}"),
        ("horizon", "7"),
        ("cell", "lstm"),
        ("time", "day"),
        ("targets", "units"),
        ("freq", "D"),
        ("path", "sales.csv"),
        ("n_rows", "150"),
        ("digest", card["data"]["digest"]),
        ("bidirectional", "no"),
        ("preset", "balanced"),
    } <= facts
    assert "seasonal naive" in out
    assert err == ""


def test_every_line_has_a_heading_of_its_table(shop, capsys):
    """`config.model` and `config.train` are told apart."""
    run(["inspect", "sales.safetensors"])
    headings = [line for line in capsys.readouterr().out.splitlines() if line and not line.startswith(" ")]
    assert headings[:7] == [
        "sales.safetensors", "calendar", "columns", "config.data", "config.model", "config.read", "config.train"
    ]  # fmt: skip


def test_json_is_the_card(shop, capsys):
    """One document, as it stands in the file."""
    assert run(["inspect", "sales.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_card("sales.safetensors")


def test_what_is_no_model_is_refused(shop, capsys):
    """Missing or damaged: exit code 4, and nothing on stdout."""
    Path("damaged.safetensors").write_bytes(Path("sales.safetensors").read_bytes()[:-1])
    for name in ("nowhere.safetensors", "sales.csv", "damaged.safetensors"):
        assert run(["inspect", name]) == 4
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: {name}")
