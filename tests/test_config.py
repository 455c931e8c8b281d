"""Configurations survive the way out and back, and say what is wrong with a wrong one."""

import pytest

from forecast.config import Config, DataConfig, ModelConfig, ReadConfig, TrainConfig, suggest
from forecast.errors import ConfigError


def test_plain_values_and_back_are_the_same_configuration():
    """Tuples become lists and come back as tuples."""
    config = Config(DataConfig(target=("a", "b")), ModelConfig(dropout=0.5), TrainConfig(time_limit=3.0))
    assert config.to_dict()["data"]["target"] == ["a", "b"]
    assert Config.from_dict(config.to_dict()) == config


def test_one_name_may_stand_for_a_list_and_a_whole_number_for_a_fraction():
    """As people write TOML."""
    config = Config.from_dict({"data": {"target": "y"}, "train": {"time_limit": 3}})
    assert config.data.target == ("y",)
    assert config.train.time_limit == 3.0


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"modle": {}}, "unknown key 'modle'", "did you mean model?"),
        ({"model": {"layer": 2}}, "unknown key 'layer'", "did you mean layers or layer_norm?"),
        ({"model": {"cell": "lstn"}}, "unknown cell 'lstn'", "did you mean lstm"),
        ({"model": {"layers": "two"}}, "layers: 'two'", None),
        ({"model": {"layers": True}}, "layers: True", None),
        ({"model": {"bidirectional": 1}}, "bidirectional: 1", None),
        ({"model": {"hidden": 0}}, "hidden is 0", None),
        ({"model": {"dropout": float("nan")}}, "dropout is nan", None),
        ({"train": {"device": "tpu"}}, "unknown device 'tpu'", None),
        ({"data": {"scaling": "zscore"}}, "unknown scaling 'zscore'", None),
        ({"data": {"target": [1]}}, r"target: \[1\]", None),
        ({"data": 3}, "a table of settings is needed", None),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_named(values, message, hint):
    """Where, what was found, and the nearest known words."""
    with pytest.raises(ConfigError, match=message) as caught:
        Config.from_dict(values)
    if hint is not None:
        assert hint in str(caught.value.hint)


def test_a_suggestion_names_three_words_at_most():
    """And all of the known ones where none is near."""
    assert suggest("aab", ["aaa", "aabb", "aac", "aad", "zzz"]).count(" or ") <= 2
    assert suggest("qqq", ["one", "two"]) == "known: one, two"


@pytest.mark.parametrize("comment", ["", " ", "0", "a"])
def test_a_comment_begins_with_a_sign(comment):
    """A letter or a digit would drop rows of data."""
    with pytest.raises(ConfigError, match="comment"):
        ReadConfig(comment=comment)
