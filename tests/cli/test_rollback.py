"""`forecast rollback`: what is current afterwards, in words and as JSON."""

import json
from pathlib import Path

from forecast.cli.app import run
from forecast.forecaster import read_card

QUICK = ["--max-steps", "20", "--members", "1", "--hidden", "8", "--horizon", "7", "--seed", "5"]


def test_the_model_before_is_current_again_and_says_which_it_is(shop, capsys):
    """Its digest and until when it was trained; the same command changes back."""
    first = Path("sales.safetensors").read_bytes()
    assert run(["train", "sales.csv", *QUICK, "--quiet"]) == 0
    second = Path("sales.safetensors").read_bytes()
    assert run(["rollback", "sales.safetensors"]) == 0
    card = read_card("sales.safetensors")
    out, err = capsys.readouterr()
    assert out == (
        f"current now: sales.safetensors, sha256 {card['sha256']}, trained until {card['data']['last']}\n"
        "kept: sales.previous.safetensors, which was current; the same command changes them back\n"
    )
    assert err == ""
    assert Path("sales.safetensors").read_bytes() == first
    assert run(["rollback", "sales.safetensors", "--json"]) == 0
    card = read_card("sales.safetensors")
    assert json.loads(capsys.readouterr().out) == {
        "model": "sales.safetensors",
        "replaced": "sales.previous.safetensors",
        "sha256": card["sha256"],
        "trained_until": card["data"]["last"],
        "kept": ["sales.previous.safetensors"],
    }
    assert Path("sales.safetensors").read_bytes() == second


def test_without_a_model_before_the_exit_code_is_that_of_a_missing_model(shop, capsys):
    """And the hint says how there comes to be one."""
    assert run(["rollback", "sales.safetensors"]) == 4
    assert capsys.readouterr().err == (
        "error: sales.safetensors: there is no model before it to go back to\n"
        "why: it would be sales.previous.safetensors, which training keeps when it replaces a model\n"
        "hint: forecast train DATA\n"
    )
