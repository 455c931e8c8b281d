"""`forecast cells`: every cell there is, from its card."""

import json

import pytest

from forecast.cells import CELLS
from forecast.cli.app import run


def test_every_cell_has_a_line(capsys):
    """Its name, its idea, its weights and its paper."""
    assert run(["cells"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["cell", "idea", "weights", "paper"]
    assert [line.split()[0] for line in lines] == list(CELLS)
    (line,) = (line for line in lines if line.startswith("lstm "))
    assert line.endswith(" 33,024  Gers, Schmidhuber & Cummins 2000")


def test_json_says_what_the_weights_are_counted_for(capsys):
    """4·64·(64 + 64 + 1) for an LSTM, 64·(64 + 64 + 1) for the simple network."""
    assert run(["cells", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["input_size"], found["hidden"]) == (64, 64)
    weights = {cell["name"]: cell["weights"] for cell in found["cells"]}
    assert list(weights) == list(CELLS)
    assert (weights["lstm"], weights["rnn"]) == (33_024, 8_256)
    assert all(set(cell) == {"name", "idea", "weights", "paper"} for cell in found["cells"])


@pytest.mark.parametrize("name", CELLS)
def test_a_card_says_something(name):
    """An idea of one short line, and a paper with its year."""
    card = CELLS[name]
    assert 5 < len(card.idea) <= 60
    assert card.paper[-4:].isdigit()
