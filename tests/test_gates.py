"""Gates: each check of fresh data and of a model, on both sides of its limit, with answers known by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from forecast.evaluation import Evaluation, Score
from forecast.gates import newest, not_as_wanted, too_old, without_skill
from forecast.jobs import Gates
from forecast.panel import Columns, Panel, Series
from tests.panels import daily

NAN = np.nan


def panel_of(*values: list[float], time_format: str = "%Y-%m-%d") -> Panel:
    """Items a, b … of days that begin on 2020-01-01."""
    whole = daily(np.array(values[0]))
    first = whole.series[0].timestamps[0]
    series = [
        Series((name,), "y", first + np.arange(len(own)) * np.timedelta64(1, "D"), np.array(own))
        for name, own in zip("abcdefgh", values, strict=False)
    ]
    return Panel(tuple(series), whole.calendar, Columns("day", ("y",), ("item",), time_format))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def test_a_date_is_over_at_the_end_of_its_day() -> None:
    """A time with an hour is that moment; without a zone it is taken for UTC."""
    days = panel_of([1.0, 2.0, 3.0])
    last = days.last.astype("datetime64[s]").astype(datetime).replace(tzinfo=timezone.utc)
    assert newest(days) == last + timedelta(days=1)
    assert newest(panel_of([1.0, 2.0, 3.0], time_format="%Y-%m-%d %H:%M")) == last


def test_data_may_be_as_old_as_they_are_allowed_to_be() -> None:
    """And a second more is too much."""
    gates, until = Gates(max_age="26h"), moment("2024-02-01T00:00:00")
    assert too_old(gates, until, until + timedelta(hours=26)) == ()
    (said,) = too_old(gates, until, until + timedelta(hours=26, seconds=1))
    assert said == "the newest row is of 2024-01-31, 26 h old, and max_age is 26h"
    assert too_old(Gates(), until, until + timedelta(days=9999)) == ()


@pytest.mark.parametrize(
    ("gates", "values", "said"),
    [
        (Gates(min_complete=0.75), [[1, 2, 3, NAN, 5]], None),
        (Gates(min_complete=0.76), [[1, 2, 3, NAN, 5]], "a: 75% of the last 4 steps have a value"),
        (Gates(min_complete=0.5), [[1, 2, 3, 4, 5], [1, 2, 3]], None),
        (Gates(min_complete=0.6), [[1, 2, 3, 4, 5], [1, 2, 3]], "b: 50% of the last 4 steps have a value, none since"),
        (Gates(min_complete=0.1), [[1, 2, 3, 4, 5, 6], [1, 2]], "b: 0% of the last 4 steps have a value, none since"),
        (Gates(max_flat=2), [[1, 2, 3, 3]], None),
        (Gates(max_flat=2), [[1, 3, 3, NAN, 3]], "a: 3 3 times in a row since 2020-01-02, and max_flat is 2"),
        (Gates(max_flat=3), [[7, 7, 7, 7]], "a: 7 4 times in a row since 2020-01-01"),
        (Gates(min_value=0), [[-1, 0, 1, 2, 3]], None),
        (Gates(min_value=0), [[0, -1, 1, 2, 3]], "a: -1 of 2020-01-02 is below min_value 0"),
        (Gates(max_value=3), [[9, 1, NAN, 2, 3]], None),
        (Gates(max_value=2.5), [[9, 1, NAN, 2, 3]], "a: 3 of 2020-01-05 is above max_value 2.5"),
    ],
)
def test_the_last_steps_are_held_against_each_limit(gates: Gates, values: list[list[float]], said: str | None) -> None:
    """A horizon of four of them; the item and the time are named."""
    found = not_as_wanted(gates, panel_of(*values), 4)
    assert len(found) == (said is not None)
    assert said is None or found[0].startswith(said)


def test_many_items_that_fail_are_counted() -> None:
    """Three of them are named."""
    found = not_as_wanted(Gates(max_value=0), panel_of(*[[1.0, 2.0]] * 8), 2)
    assert len(found) == 4
    assert found[-1] == "and so are 5 more"


def evaluation(own: float, naive: float, name: str = "seasonal naive") -> Evaluation:
    scores = [Score(n, {"mase": e, "mae": e, "wape": e}) for n, e in (("lstm", own), ("naive", 9.0), (name, naive))]
    return Evaluation(tuple(scores), 3, 7, 7)


@pytest.mark.parametrize(
    ("own", "naive", "passes"),
    [(0.9, 1.0, True), (1.0, 1.0, False), (1.1, 1.0, False), (0.0, 0.0, False), (1, 0, False)],
)
def test_a_model_has_to_be_better_than_seasonal_naive(own: float, naive: float, passes: bool) -> None:
    """By the factor that is asked for; equally good is not better."""
    assert (without_skill(Gates(require_skill=1.0), evaluation(own, naive)) == ()) == passes
    assert without_skill(Gates(), evaluation(own, naive)) == ()


def test_without_a_season_naive_is_what_is_to_be_beaten() -> None:
    """And what cannot be measured does not pass."""
    found = evaluation(0.5, 1.0)
    found = replace(found, scores=(found.scores[0], Score("naive", {"mase": 0.4, "mae": 0.4, "wape": 0.4})))
    assert without_skill(Gates(require_skill=1.0), found) == (
        "the model's MASE 0.5 is 1.25 times that of naive, and require_skill is 1",
    )
    assert "do not say" in without_skill(Gates(require_skill=1.0), evaluation(NAN, NAN))[0]
