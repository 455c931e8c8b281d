"""Charts and pictures of states: bands whose heights are known by hand."""

import re

import numpy as np
import pytest

from forecast.calendars import Calendar
from forecast.forecasts import Forecast, ItemForecast
from forecast.panel import Columns, Panel, Series
from forecast.report.chart import draw
from forecast.report.plot import picture

NAN = np.nan


def made(history, probabilities, states=("no", "yes"), task="binary", ids=((),)):
    """A panel of states and a forecast of it, by days; items are alike."""
    history, probabilities = np.asarray(history, float), np.asarray(probabilities, float)
    days = (np.datetime64("2020-01-01") + np.arange(len(history) + len(probabilities))).astype("datetime64[us]")
    n, columns = len(history), Columns("day", ("rain",), ("town",) if ids[0] else ())
    panel = Panel(tuple(Series(i, "rain", days[:n], history) for i in ids), Calendar("D"), columns, states=states)
    items = tuple(ItemForecast(i, "rain", days[n:], np.empty((len(days) - n, 0)), probabilities) for i in ids)
    return panel, Forecast(items, (), columns, states=states, task=task)


def bands(text):
    """The bands by their labels, row by row from the top, history and forecast apart."""
    lines = [line.split("┤") for line in text.splitlines() if "┤" in line]
    return [(label.strip(), *cells.split("┊")) for label, cells in lines]


def test_a_band_is_full_where_the_state_was_and_as_high_as_it_is_probable():
    """Four lines make 32 eighths: a half fills two of them, an eighth half of the lowest."""
    panel, forecast = made([1, 0, NAN, 1], [[0.5, 0.5], [0.875, 0.125]])
    rows = bands(draw(panel, forecast, width=32, height=4))
    assert [row[0] for row in rows] == ["", "", "", "yes"]
    wide = len(rows[0][1]) // 4
    history = [row[1].ljust(4 * wide)[::wide] for row in rows]
    assert history == ["█  █", "█  █", "█  █", "█ ·█"]
    assert [row[2].ljust(2 * wide)[::wide] for row in rows] == ["  ", "  ", "█ ", "█▄"]


def test_of_several_states_each_has_its_band():
    """In the order of their codes, with the dates below."""
    panel, forecast = made([0, 1, 2], [[0.25, 0.25, 0.5]], ("fog", "rain", "sun"), "class")
    text = draw(panel, forecast, width=60, height=3)
    assert [row[0] for row in bands(text)] == ["fog", "rain", "sun"]
    assert [row[2][0] for row in bands(text)] == ["▂", "▂", "▄"]
    assert text.splitlines()[-1].split() == ["└2020-01-01", "2020-01-03", "2020-01-04"]


def test_many_states_leave_room_for_the_likeliest():
    """Eight of twenty, and the heading says so."""
    states = tuple(f"state {n:02}" for n in range(20))
    shares = np.full((2, 20), 0.02)
    shares[:, 3] = 0.62
    text = draw(*made([0, 5, 3], shares, states, "class"), width=80)
    assert "8 of 20 states" in text
    assert len({row[0] for row in bands(text)} - {""}) == 8
    assert "state 03" in text


@pytest.mark.parametrize("steps", [3, 40, 500])
def test_no_line_is_wider_than_asked_for(steps):
    """However many steps there are; colours take no room."""
    panel, forecast = made([0, 1] * 300, [[0.5, 0.5]] * steps)
    for line in draw(panel, forecast, width=60).splitlines():
        assert len(line) <= 60


def test_colours_change_nothing_but_colours():
    """The plain text is what is left without them."""
    panel, forecast = made([0, 1, 1], [[0.3, 0.7]])
    coloured, plain = draw(panel, forecast, colour=True).splitlines(), draw(panel, forecast).splitlines()
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in coloured] == plain
    assert coloured != plain


@pytest.mark.parametrize("items", [1, 4])
def test_a_picture_names_every_state_and_is_the_same_each_time(items):
    """One legend for all items."""
    pytest.importorskip("matplotlib")
    ids = ((),) if items == 1 else tuple((f"town {n}",) for n in range(items))
    shown = made([0, 1, NAN, 2], [[0.2, 0.3, 0.5]] * 3, ("fog", "rain", "sun"), "class", ids)
    text = picture(*shown, format="svg").decode()
    assert text == picture(*shown, format="svg").decode()
    assert all(f">{state}</text>" in text for state in ("fog", "rain", "sun"))
    assert all(" / ".join(item) in text for item in ids)
