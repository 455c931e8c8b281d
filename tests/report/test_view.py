"""What is shown of an item: enough history, the forecast as it is, and a name that cannot harm."""

import numpy as np
import pytest

from forecast.calendars import Calendar
from forecast.report.view import next_steps, views
from tests.report.forecasts import straight


@pytest.mark.parametrize(("horizon", "shown"), [(1, 48), (16, 48), (20, 60)])
def test_the_history_is_three_horizons_long_or_48_steps(horizon, shown):
    """Long enough to see a season, short enough that the forecast is not lost at the edge."""
    (view,) = views(*straight(range(100), [100.0] * horizon), limit=1, levels=(80,))
    assert view.history.tolist() == list(range(100 - shown, 100))
    assert len(view.past) == shown


def test_a_short_history_is_shown_whole():
    """There may be less than one would like."""
    (view,) = views(*straight([1, 2, 3], [4.0]), limit=1, levels=(80,))
    assert view.history.tolist() == [1, 2, 3]


def test_an_interval_is_that_of_the_forecast():
    """80 % of a normal distribution lie within 1.2816 standard deviations."""
    (view,) = views(*straight(range(9), [10.0, 20.0], spread=2.0), limit=1, levels=(80,))
    np.testing.assert_allclose(view.intervals[80], [[10 - 2.5631, 10 + 2.5631], [20 - 2.5631, 20 + 2.5631]], atol=1e-4)
    assert view.median.tolist() == [10.0, 20.0]


@pytest.mark.parametrize(
    ("ids", "targets", "name"),
    [
        (((),), ("y",), "y"),
        ((("a", "b"),), ("y",), "a / b"),
        ((("a",),), ("y", "z"), "a · y"),
        (((),), ("y", "z"), "y"),
        ((("\x1b[31mred",),), ("y",), "�[31mred"),
    ],
)
def test_an_item_is_named_by_its_ids_and_its_target_where_that_says_more(ids, targets, name):
    """Control characters of a file never reach a terminal."""
    assert views(*straight([1, 2], [3.0], ids=ids, targets=targets), limit=1, levels=(80,))[0].name == name


def test_no_more_items_than_asked_for_are_shown():
    """A chart has room for one, a picture for a few."""
    many = straight([1, 2], [3.0], ids=tuple((str(i),) for i in range(9)))
    assert [view.name for view in views(*many, limit=2, levels=(80,))] == ["0", "1"]


@pytest.mark.parametrize(
    ("calendar", "n", "words"),
    [
        (Calendar("D", exchange="XNYS"), 30, "next 30 sessions"),
        (Calendar("D", weekmask="1111100"), 5, "next 5 business days"),
        (Calendar("D", weekmask="1111110"), 5, "next 5 working days"),
        (Calendar("D"), 1, "next day"),
        (Calendar("h"), 48, "next 48 hours"),
        (Calendar("15min"), 96, "next 96 steps"),
        (Calendar("W-SUN"), 8, "next 8 weeks"),
        (Calendar("MS"), 12, "next 12 months"),
        (Calendar("2MS"), 12, "next 12 steps"),
        (Calendar("QS-JAN"), 4, "next 4 quarters"),
        (Calendar("YE-DEC"), 2000, "next 2,000 years"),
    ],
)
def test_steps_are_called_by_what_the_calendar_has(calendar, n, words):
    """A person counts sessions or months, not steps."""
    assert next_steps(calendar, n) == words
