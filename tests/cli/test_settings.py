"""Settings: every one can be given in three ways, the nearer wins, and nothing unknown or unreadable passes."""

import os
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.cli.options import CHOICES, HELP, PANELS
from forecast.cli.settings import (
    SECTIONS,
    TuneSettings,
    read_environment,
    read_file,
    resolve,
    to_toml,
)
from forecast.config import Config, DataConfig, ModelConfig, ReadConfig, TrainConfig
from forecast.errors import ConfigError
from forecast.settings import FORMATS, PredictSettings
from forecast.writing import WRITERS

EVERY = [(section, field.name) for section, kind in SECTIONS.items() for field in fields(kind)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def toml(text):
    Path("forecast.toml").write_text(text, encoding="utf-8")


def test_the_nearer_source_wins(monkeypatch):
    """Option over variable over file over default."""
    assert resolve(Config, {}).train.seed == 1
    toml("[train]\nseed = 2\n[model]\nhorizon = 2\nlayers = 2\n")
    monkeypatch.setenv("FORECAST_HORIZON", "3")
    monkeypatch.setenv("FORECAST_LAYERS", "3")
    config = resolve(Config, {"layers": "4"})
    assert (config.train.seed, config.model.horizon, config.model.layers) == (2, 3, 4)
    assert resolve(PredictSettings, {}).horizon == 3


@pytest.mark.parametrize(
    ("variable", "text", "section", "value"),
    [
        ("HORIZON", "30", "model", 30),
        ("DROPOUT", "0", "model", 0.0),
        ("LEARNING_RATE", "1e-3", "train", 0.001),
        ("FLOOR", "none", "data", "none"),
        ("FLOOR", "-1.5", "data", -1.5),
        ("CAP", "100", "predict", 100.0),
        ("BIDIRECTIONAL", "1", "model", True),
        ("BIDIRECTIONAL", "no", "model", False),
        ("TARGET", "units, price", "data", ("units", "price")),
        ("TARGET", '"a, b",c', "data", ("a, b", "c")),
        ("TARGET", '" a",b ', "data", (" a", "b ")),
        ("TIME", "day of sale", "data", ("day of sale",)),
        ("LEVELS", "80, 99.5", "predict", (80, 99.5)),
        ("CHART", "off", "predict", False),
    ],
)
def test_the_text_of_a_variable_becomes_what_the_setting_is(variable, text, section, value, monkeypatch):
    """An option of the same text says the same."""
    monkeypatch.setenv(f"FORECAST_{variable}", text)
    found = resolve(PredictSettings, {}) if section == "predict" else getattr(resolve(Config, {}), section)
    assert getattr(found, variable.lower()) == value
    assert type(getattr(found, variable.lower())) is type(value)


def test_an_empty_variable_is_not_set(monkeypatch):
    """`FORECAST_HORIZON= forecast train …` is how a shell takes a variable back."""
    monkeypatch.setenv("FORECAST_HORIZON", "")
    assert resolve(Config, {}).model.horizon is None


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("horizon", "x", "FORECAST_HORIZON: 'x' is not a whole number"),
        ("horizon", "1.5", "FORECAST_HORIZON: '1.5' is not a whole number"),
        ("horizon", "0", "FORECAST_HORIZON: horizon is 0, but must lie between 1 and 10000"),
        ("dropout", "nan", "FORECAST_DROPOUT: dropout is nan, but must lie between 0.0 and 0.95"),
        ("bidirectional", "maybe", "FORECAST_BIDIRECTIONAL: 'maybe' is neither yes nor no"),
        ("cell", "ltsm", "FORECAST_CELL: unknown cell 'ltsm'"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(key, text, message, monkeypatch):
    """Somebody set it long ago and has forgotten it."""
    monkeypatch.setenv(f"FORECAST_{key.upper()}", text)
    with pytest.raises(ConfigError) as caught:
        resolve(Config, {})
    assert caught.value.message == message


def test_an_option_that_cannot_be_used_is_named():
    """In the same words as a variable."""
    with pytest.raises(ConfigError, match=r"^--max-steps: 'many' is not a whole number$"):
        resolve(Config, {"max_steps": "many"})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[model]\nhorizont = 3", "forecast.toml: [model]: unknown key 'horizont'", "did you mean horizon?"),
        ("[modell]\nhorizon = 3", "forecast.toml: unknown table 'modell'", "did you mean model?"),
        ("horizon = 3", "forecast.toml: unknown table 'horizon'", "write it under [model] or [predict]"),
        ("model = 3", "forecast.toml: [model]: a table of settings is needed, found 3", None),
        ("[model]\nhorizon = '3'", "forecast.toml: [model] horizon: '3' is not a whole number", None),
        ("[model]\nhorizon = 0", "forecast.toml: horizon is 0, but must lie between 1 and 10000", None),
        ("[predict]\nplot = 'a.pdf'", "forecast.toml: plot is 'a.pdf', but must end in .png or .svg", None),
    ],
)
def test_a_key_that_cannot_be_used_is_named(text, message, hint):
    """A mistyped key must not be passed over in silence."""
    toml(text)
    with pytest.raises(ConfigError) as caught:
        resolve(PredictSettings, {})
    assert caught.value.message == message
    if hint:
        assert caught.value.hint == hint


@pytest.mark.parametrize("content", [b"[model", b"[model]\nhorizon = 3\nhorizon = 4", b"\xff\xfe"])
def test_a_settings_file_that_is_not_toml_is_an_error(content):
    """Never half a file."""
    Path("forecast.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"^forecast\.toml cannot be read: "):
        read_file(Path("forecast.toml"))


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_settings_that_are_no_file_are_not_passed_over(make):
    """Somebody meant something by it; and a pipe would be waited for."""
    make(Path("forecast.toml"))
    with pytest.raises(ConfigError, match=r"^forecast\.toml is not a regular file$"):
        read_file(Path("forecast.toml"))


@pytest.mark.parametrize(
    ("raised", "told"), [(PermissionError(13, "Permission denied"), "permission denied"), (None, "it is not UTF-8")]
)
def test_why_a_settings_file_cannot_be_read_is_said_in_words(raised, told, monkeypatch):
    """Not in those of the programming language."""
    Path("forecast.toml").write_bytes(b"\xff")

    def refuse(_):
        raise raised

    if raised:
        monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError) as caught:
        read_file(Path("forecast.toml"))
    assert caught.value.message == f"forecast.toml cannot be read: {told}"


def test_a_settings_file_may_begin_with_a_byte_order_mark():
    """Some editors put one there."""
    Path("forecast.toml").write_bytes("\ufeff[model]\nhorizon = 3\n".encode())
    assert read_file(Path("forecast.toml")) == {"model": {"horizon": 3}}


def test_an_unknown_variable_is_an_error_with_at_most_three_suggestions():
    """FORECAST_HORIZONS would otherwise do nothing for ever."""
    with pytest.raises(ConfigError, match=r"^unknown environment variable FORECAST_HORIZONS$") as caught:
        read_environment({"FORECAST_HORIZONS": "3", "PATH": "/bin", "_FORECAST_COMPLETE": "x"})
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean FORECAST_HORIZON")
    assert caught.value.hint.count("FORECAST_") <= 3


def test_a_variable_like_no_setting_is_to_be_unset():
    """A list of forty settings would help nobody."""
    with pytest.raises(ConfigError) as caught:
        read_environment({"FORECAST_XYZZY": "3"})
    assert caught.value.hint == "unset FORECAST_XYZZY"


@pytest.mark.parametrize(("section", "key"), EVERY)
def test_every_setting_has_its_place_on_a_help_page(section, key):
    """A setting that is new in the configuration must be explained to a person."""
    assert section in PANELS
    assert (HELP.get(f"{section}.{key}") or HELP[key]).endswith((".", "..."))


def test_no_help_text_is_left_over():
    """A setting that was renamed takes its text along."""
    assert set(HELP) <= {key for _, key in EVERY} | {f"{section}.{key}" for section, key in EVERY}
    assert set(CHOICES) <= {key for _, key in EVERY}


def test_the_formats_are_those_that_can_be_written():
    """The list stands twice, because the command line may not import the writers just to parse."""
    assert {f".{name}" for name in FORMATS} == set(WRITERS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"horizon": "0"}, "--horizon: horizon is 0"),
        ({"format": "xlsx"}, "--format: unknown format 'xlsx'"),
        ({"levels": ["80,100"]}, "--levels: a level of 100 %"),
        ({"quantiles": ["0.5,1"]}, "--quantiles: a quantile of 1 "),
        ({"plot": "plot.pdf"}, "--plot: plot is 'plot.pdf'"),
        ({"device": "tpu"}, "--device: unknown device 'tpu'"),
        ({"threads": "0"}, "--threads: threads is 0"),
    ],
)
def test_what_predict_cannot_do_is_refused_before_it_begins(given, message):
    """None of it needs the model or the data to be seen."""
    with pytest.raises(ConfigError) as caught:
        resolve(PredictSettings, given)
    assert caught.value.message.startswith(message)


def test_a_list_that_is_none_is_refused(monkeypatch):
    """A line end outside quotes cannot be part of a name."""
    monkeypatch.setenv("FORECAST_TARGET", "a\rb")
    with pytest.raises(ConfigError, match="is not a list of names"):
        resolve(Config, {})


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("0.5m", 30)])
def test_a_length_of_time_may_have_a_unit(text, seconds, monkeypatch):
    """As an option and as a variable; without one it is in seconds."""
    assert resolve(Config, {"time_limit": text}).train.time_limit == seconds
    monkeypatch.setenv("FORECAST_TIME_LIMIT", text)
    assert resolve(Config, {}).train.time_limit == seconds


@pytest.mark.parametrize("text", ["m", "ten m", "10d", "0m"])
def test_a_length_of_time_that_is_none_is_refused(text):
    """And only where a length of time is meant is an `m` one of minutes."""
    with pytest.raises(ConfigError, match="--time-limit"):
        resolve(Config, {"time_limit": text})
    with pytest.raises(ConfigError, match="'10m' is not a whole number"):
        resolve(Config, {"max_steps": "10m"})


def test_another_settings_file_takes_the_place_of_the_usual_one(monkeypatch):
    """Variables and options still go before it, and one that is not there is an error."""
    toml("[train]\nseed = 2\npatience = 2\n")
    Path("best.toml").write_text("[train]\nseed = 3\n[model]\nhorizon = 3\n", encoding="utf-8")
    monkeypatch.setenv("FORECAST_HORIZON", "4")
    config = resolve(Config, {"hidden": "5"}, Path("best.toml"))
    assert (config.train.seed, config.train.patience) == (3, None)
    assert (config.model.horizon, config.model.hidden) == (4, 5)
    with pytest.raises(ConfigError, match=r"--config bset\.toml: there is no such file"):
        resolve(Config, {}, Path("bset.toml"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trials": "0"}, "trials is 0"),
        ({"cells": "lstm,gur"}, "unknown cell 'gur'"),
        ({"study": "study.txt"}, r"must end in \.db"),
        ({"config_output": "best.csv"}, r"must end in \.toml"),
    ],
)
def test_a_search_that_cannot_be_is_refused(values, message):
    """Before anything is read, with the option that asked for it."""
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(TuneSettings, values)
    assert str(caught.value).startswith("--")


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)


@given(
    st.builds(
        Config,
        data=st.builds(DataConfig, time=st.tuples(TEXTS), target=st.lists(TEXTS, max_size=3).map(tuple)),
        model=st.builds(ModelConfig, bidirectional=st.booleans(), dropout=st.none() | st.floats(0, 0.95)),
        train=st.builds(TrainConfig, learning_rate=st.none() | st.floats(1e-7, 1.0), seed=st.integers(0, 99)),
        read=st.builds(ReadConfig, date_format=st.none() | TEXTS, na=st.lists(TEXTS, max_size=2).map(tuple)),
    )
)
def test_a_configuration_as_toml_and_back_is_the_same(config):
    """Whatever signs a name holds; what is not said is blank, and so an empty file is the default."""
    path = Path("round.toml")
    path.write_bytes(to_toml(config).encode())
    assert Config.from_dict(read_file(path)) == config
    assert to_toml(Config()) == ""
