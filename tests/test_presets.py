"""Presets: more of everything from one to the next, and the plan says what was decided."""

import pytest

from forecast.config import PRESETS, Config, ModelConfig, TrainConfig
from forecast.errors import ConfigError
from forecast.planning import plan
from forecast.presets import EFFORTS, effort
from tests.panels import daily, weekly_wave

SHORT, LONG = daily(weekly_wave(60)), daily(weekly_wave(600))
PANEL = daily(*(weekly_wave(60, seed=i) for i in range(12)))


def planned(panel, preset, **train):
    """The settings of the plan that a preset decides: members, most steps, patience, learning rate."""
    config = plan(panel, Config(train=TrainConfig(preset=preset, **train))).config
    return config.model.members, config.train.max_steps, config.train.patience, config.train.learning_rate


def test_every_preset_that_can_be_named_has_a_rule():
    """And no other has."""
    assert tuple(EFFORTS) == PRESETS


@pytest.mark.parametrize(
    ("preset", "short", "long", "panel"),
    [
        ("fast", (1, 80, 4, 0.004), (1, 200, 4, 0.004), (1, 300, 4, 0.004)),
        ("balanced", (3, 150, 8, 0.002), (3, 800, 8, 0.002), (3, 1200, 8, 0.002)),
        ("best", (10, 150, 8, 0.002), (10, 800, 8, 0.002), (10, 1200, 8, 0.002)),
    ],
)
def test_a_preset_decides_by_the_data(preset, short, long, panel):
    """Few rows, more rows, and a panel of many series."""
    assert (planned(SHORT, preset), planned(LONG, preset), planned(PANEL, preset)) == (short, long, panel)


def test_balanced_is_the_default():
    """What was asked for and what was not are the same plan."""
    asked, default = (plan(LONG, config) for config in (Config(train=TrainConfig(preset="balanced")), Config()))
    assert (asked.config, asked.notes) == (default.config, default.notes)


@pytest.mark.parametrize(("n_rows", "n_series", "size"), [(399, 20, 0), (400, 9, 1), (400, 10, 2)])
def test_sizes_begin_where_they_say(n_rows, n_series, size):
    """Few rows in many series are few."""
    assert [effort(name, n_rows, n_series).max_steps for name in PRESETS] == [EFFORTS[n][3][size] for n in PRESETS]


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_asked_for_goes_before_the_preset(preset):
    """Each by itself, and the plan says so."""
    config = Config(model=ModelConfig(members=2), train=TrainConfig(preset=preset, max_steps=11, learning_rate=0.01))
    found = plan(LONG, config)
    train = found.config.train
    assert (found.config.model.members, train.max_steps, train.learning_rate) == (2, 11, 0.01)
    assert train.patience == EFFORTS[preset][1]
    (note,) = (note for note in found.notes if note.startswith("preset"))
    assert note.startswith(f"preset {preset}: 2 networks of at most 11 steps, patience {train.patience}, ")
    assert note.endswith("; members, max steps, learning rate as asked")


@pytest.mark.parametrize(
    ("panel", "why"),
    [(SHORT, "60 rows are soon over-fitted"), (LONG, "600 rows"), (PANEL, "12 series have more to teach")],
)
def test_the_plan_says_why(panel, why):
    """In the words of the data; 720 rows in twelve series are not few."""
    notes = plan(panel, Config(train=TrainConfig(preset="fast"))).notes
    assert any(n.startswith("preset fast: 1 network of at most ") and n.endswith(f": {why}") for n in notes)


def test_a_time_limit_is_part_of_the_plan():
    """How it is divided."""
    note = "time limit 60 s: half to choose networks, the rest to train them on every row"
    assert note in plan(SHORT, Config(train=TrainConfig(time_limit=60))).notes
    assert not any("time limit" in note for note in plan(SHORT, Config()).notes)


def test_an_unknown_preset_is_refused_with_the_one_that_is_near():
    """As an unknown cell is."""
    with pytest.raises(ConfigError, match="unknown preset 'bets'") as caught:
        TrainConfig(preset="bets")
    assert caught.value.hint == "did you mean best?"
