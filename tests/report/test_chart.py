"""The chart in text: where each glyph stands, and that it never outgrows the terminal."""

import re
from itertools import pairwise

import numpy as np
import pytest

from forecast.report.chart import CUTOFF, MEDIAN, SHADE, draw
from tests.report.forecasts import straight

BRAILLE = re.compile("[⠁-⣿]")


def body(text):
    """The rows of the curve, without labels and axis."""
    return [line.partition("┤")[2] for line in text.splitlines()[1:-1]]


def test_history_lies_before_the_cutoff_and_the_forecast_after_it():
    """The glyphs alone say which is which."""
    rows = body(draw(*straight(range(60), np.arange(60, 80), spread=4), width=80))
    cutoff = max(row.index(CUTOFF) for row in rows if CUTOFF in row)
    assert max(i for row in rows for i, c in enumerate(row) if BRAILLE.match(c)) <= cutoff
    assert min(i for row in rows for i, c in enumerate(row) if c in (MEDIAN, SHADE)) >= cutoff


def test_a_rising_line_rises_in_every_column():
    """From the bottom left to the top right, with no jump and no turn."""
    rows = body(draw(*straight(range(60), np.arange(60, 80)), width=80))
    heights = [
        [len(rows) - r for r, row in enumerate(rows) if i < len(row) and (BRAILLE.match(row[i]) or row[i] == MEDIAN)]
        for i in range(max(map(len, rows)))
    ]
    assert heights[0] == [1]
    assert heights[-1] == [12]
    for before, after in pairwise(heights):
        assert min(before) <= min(after) <= max(before) + 1


def test_a_flat_line_of_dots_is_drawn_at_the_value():
    """A braille cell has four rows of dots; a constant history fills one of them only."""
    rows = body(draw(*straight([5] * 30 + [5], [0.0, 10.0]), width=60))
    drawn = {(r, c) for r, row in enumerate(rows) for c in row if BRAILLE.match(c)}
    assert len({r for r, _ in drawn}) == 1
    assert len({c for _, c in drawn}) <= 3


def test_a_missing_value_leaves_a_gap():
    """Nothing is drawn where nothing was measured."""
    history = np.arange(48.0)
    history[20:30] = np.nan
    rows = body(draw(*straight(history, [48.0]), width=80))
    columns = {i for row in rows for i, c in enumerate(row) if BRAILLE.match(c)}
    width = max(map(len, rows))
    assert not columns & set(range(round(20.5 / 48 * width), round(28.5 / 48 * width)))


def test_the_shade_is_as_high_as_the_interval():
    """The scale runs over the history from 0 to 100; an interval from 26 to 74 covers the middle ten of 20 rows."""
    spread = 24 / 1.2815515655446004
    rows = body(draw(*straight([0, 100] * 24, [50.0] * 16, spread=spread), width=80, height=20))
    last = [row[-1] if len(row) == max(map(len, rows)) else " " for row in rows]
    assert [c in (SHADE, MEDIAN) for c in last] == [5 <= r < 15 for r in range(20)]


@pytest.mark.parametrize("width", [40, 80, 133])
@pytest.mark.parametrize("values", [np.arange(400) * 1e-9, np.arange(400) * 1e11, np.zeros(400), -np.arange(400.0)])
def test_no_line_is_wider_than_the_terminal(width, values):
    """Whatever the size of the numbers beside it. Where there is little room the legend has its own line."""
    lines = draw(*straight(values[:300], values[300:], spread=1e-3), width=width).splitlines()
    assert len(lines) == (15 if width == 40 else 14)
    assert max(map(len, lines)) <= width


def test_a_name_that_does_not_fit_beside_the_legend_has_its_own_line():
    """Cut to the width where it must be; how many items there are is still said."""
    lines = draw(*straight([1, 2], [3.0], ids=(("a long name " * 9,), ("b",))), width=60).splitlines()
    assert lines[0] == f"{('a long name ' * 9)[:50]}… (1 of 2)"
    assert lines[1] == f"⣀ history  {MEDIAN} forecast  {SHADE} 80 % interval"
    assert max(map(len, lines)) == 60


def test_labels_are_round_values_at_their_rows():
    """0 to 100 is labelled by twenties, from the bottom to the top."""
    lines = draw(*straight([0, 100] * 24, [50.0]), width=80, height=20).splitlines()[1:-1]
    labels = {r: line.partition("┤")[0].strip() for r, line in enumerate(lines)}
    assert {r: text for r, text in labels.items() if text} == {0: "100", 4: "80", 8: "60", 12: "40", 16: "20", 19: "0"}


def test_dates_are_those_of_the_first_step_the_cutoff_and_the_last_step():
    """In the text form of the user's file."""
    axis = draw(*straight(range(48), [48.0] * 30), width=100).splitlines()[-1]
    assert axis.split() == ["└2020-01-01", "2020-02-17", "2020-03-18"]


def test_a_date_that_does_not_fit_is_left_out():
    """Two dates that overlap would be neither."""
    axis = draw(*straight(range(48), [48.0]), width=80).splitlines()[-1]
    assert axis.split() == ["└2020-01-01", "2020-02-18"]


def test_colour_adds_nothing_but_colour():
    """Without its escape sequences the coloured chart is the plain one."""
    forecast = straight(range(48), np.arange(48.0, 60), spread=3)
    coloured = draw(*forecast, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == draw(*forecast)


def test_the_title_says_that_there_are_more_items():
    """One chart stands for the first item only."""
    many = straight([1, 2], [3.0], ids=(("a",), ("b",), ("c",)))
    assert draw(*many).startswith("a (1 of 3) ")
