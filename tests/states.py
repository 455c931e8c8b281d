"""Series of states for tests: chains whose next state depends on the last one, and panels of them."""

import numpy as np

from forecast.calendars import Calendar
from forecast.panel import Columns, Panel, Series
from tests.panels import DAY

#: From the first state to the second in one case of ten, back in three.
CHAIN = np.array([[0.9, 0.1], [0.3, 0.7]])
#: Three states that mostly go round.
ROUND = np.array([[0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.7, 0.1, 0.2]])
#: The probability of the second state from Monday to Sunday.
WEEK = np.array([0.1, 0.1, 0.3, 0.5, 0.9, 0.8, 0.2])


def chain(transitions, length, seed=0):
    """Codes [length] of a Markov chain, from the first state on."""
    rng, codes = np.random.default_rng(seed), np.zeros(length)
    shares = np.cumsum(transitions, axis=1)
    for step in range(1, length):
        codes[step] = np.searchsorted(shares[int(codes[step - 1])], rng.random())
    return codes


def weekdays(length, seed=0):
    """Codes [length] of two states, by the day of the week from a Monday on."""
    return (np.random.default_rng(seed).random(length) < WEEK[np.arange(length) % 7]).astype(float)


def of_states(*codes, states=("no", "yes"), start="2018-01-01"):
    """A panel of daily series of states that all begin on the same day, a Monday unless another is given."""
    series = []
    for i, own in enumerate(codes):
        timestamps = np.datetime64(start, "us") + np.arange(len(own)) * DAY
        item_id = (chr(ord("a") + i),) if len(codes) > 1 else ()
        series.append(Series(item_id, "rain", timestamps, np.asarray(own, float)))
    columns = Columns("day", ("rain",), ("town",) if len(codes) > 1 else ())
    return Panel(tuple(series), Calendar("D"), columns, states=states)
