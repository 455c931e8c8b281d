"""Lengths of time and policies of retraining: every form that the page names is read, and nothing else is."""

from __future__ import annotations

import pytest

from forecast.durations import in_words, seconds_in
from forecast.errors import ConfigError
from forecast.policies import Policy, check_policies


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("26h", 93_600), ("1.5d", 129_600), ("2w", 1_209_600)]
)
def test_a_length_of_time_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    """With blanks around it, or none."""
    assert seconds_in(f" {text} ") == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-3h", "0s", "1y", "7 days", "1e3s", "inf", "9" * 400 + "s", "٣h"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """Nothing at all is no length either."""
    with pytest.raises(ConfigError, match="is no length of time"):
        seconds_in(text)


def test_seconds_are_told_in_a_unit_that_a_person_would_take() -> None:
    """The largest of which there are at least two."""
    assert [in_words(s) for s in (5, 150, 7_200, 93_600, 172_800)] == ["5 s", "2.5 min", "2 h", "26 h", "2 d"]


@pytest.mark.parametrize("text", ["never", "drift", "7d", "36h", "mase > 1.0", "skill<0.1"])
def test_a_policy_gives_its_text_back(text: str) -> None:
    """So that a reason can be told in the words of the user."""
    policy = Policy.parse(f" {text} ")
    assert str(policy) == text
    assert Policy.parse(str(policy)) == policy


def test_a_policy_says_what_it_asks() -> None:
    """An age in seconds, or a metric with its limit."""
    assert Policy.parse("7d").seconds == 604_800
    found = Policy.parse("mase > 1.25")
    assert (found.kind, found.metric, found.sign, found.limit) == ("metric", "mase", ">", 1.25)


@pytest.mark.parametrize("text", ["weekly", "7", "mase", "mase > ", "mase > -1", "mase = 1", "> 1", ""])
def test_what_is_no_policy_is_refused(text: str) -> None:
    """With the forms that there are."""
    with pytest.raises(ConfigError) as error:
        Policy.parse(text)
    assert "mase > 1.0" in (error.value.hint or "")


def test_an_unknown_metric_names_those_that_are_near() -> None:
    """As every unknown name does."""
    with pytest.raises(ConfigError) as error:
        Policy.parse("mse > 1")
    assert error.value.message == "unknown metric 'mse'"
    assert "rmse" in (error.value.hint or "")


def test_never_stands_alone() -> None:
    """Beside another policy it would say two things."""
    check_policies((Policy.parse("7d"), Policy.parse("drift")))
    with pytest.raises(ConfigError, match="never stands beside"):
        check_policies((Policy.parse("7d"), Policy.parse("never")))
