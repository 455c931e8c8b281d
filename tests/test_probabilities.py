"""Metrics of probabilities: values known by hand, and those of scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from forecast.probabilities import LEAST, Bin, accuracy, brier, calibration_error, log_loss, reliability

#: Three forecasts of two states; the second of them came, then the first, then the second.
TWO = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
CAME = np.array([1.0, 0.0, 1.0])


def random_forecasts(n, n_states, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, n_states, n).astype(float), rng.dirichlet(np.ones(n_states), n)


def test_the_values_are_those_worked_out_by_hand():
    """Of three steps."""
    assert log_loss(CAME, TWO) == pytest.approx(-(np.log(0.8) + np.log(0.5) + np.log(0.1)) / 3)
    assert brier(CAME, TWO) == pytest.approx((0.04 + 0.25 + 0.81) / 3)
    assert accuracy(CAME, TWO) == pytest.approx(2 / 3)  # of equals the first is forecast, and came
    assert reliability(CAME, TWO) == (
        Bin(0.1, 0.2, 1, 0.1, 1.0),
        Bin(0.5, 0.6, 1, 0.5, 0.0),
        Bin(0.8, 0.9, 1, 0.8, 1.0),
    )
    assert calibration_error(CAME, TWO) == pytest.approx((0.9 + 0.5 + 0.2) / 3)


def test_three_states_sum_their_squares():
    """The original score of Brier, between 0 and 2."""
    certain = np.array([[1.0, 0.0, 0.0]])
    assert brier(np.array([0.0]), certain) == 0
    assert brier(np.array([2.0]), certain) == 2
    third = np.full((1, 3), 1 / 3)
    assert brier(np.array([1.0]), third) == pytest.approx(4 / 9 + 1 / 9 + 1 / 9)


def test_what_was_called_impossible_costs_much_but_not_everything():
    """One such step leaves a mean that can be compared."""
    assert log_loss(np.array([1.0]), np.array([[1.0, 0.0]])) == pytest.approx(-np.log(LEAST))


@pytest.mark.parametrize("n_states", [2, 3, 5])
def test_log_loss_is_that_of_scikit_learn(n_states):
    """For any number of states."""
    came, stated = random_forecasts(200, n_states)
    assert log_loss(came, stated) == pytest.approx(sklearn.log_loss(came, stated, labels=range(n_states)))


def test_brier_score_and_accuracy_are_those_of_scikit_learn():
    """Two states there, and any number."""
    came, stated = random_forecasts(200, 2)
    assert brier(came, stated) == pytest.approx(sklearn.brier_score_loss(came, stated[:, 1]))
    came, stated = random_forecasts(200, 4)
    assert accuracy(came, stated) == pytest.approx(sklearn.accuracy_score(came, stated.argmax(1)))


def test_forecasts_that_come_true_as_often_as_they_say_have_no_error():
    """Four of ten at 40 %, nine of ten at 90 %; and one that says 90 % of what comes in half of all cases has 0.4."""
    stated = np.repeat([[0.6, 0.4], [0.1, 0.9]], 10, axis=0)
    came = np.array([1.0] * 4 + [0.0] * 6 + [1.0] * 9 + [0.0])
    assert calibration_error(came, stated) == pytest.approx(0)
    assert calibration_error(came[[10, 19]], stated[[10, 19]]) == pytest.approx(0.4)


def test_of_three_states_the_most_probable_is_looked_at():
    """Whether it came, in the bin of its probability."""
    stated = np.array([[0.7, 0.2, 0.1], [0.1, 0.75, 0.15], [0.25, 0.3, 0.45]])
    bins = reliability(np.array([0.0, 2.0, 2.0]), stated)
    assert [(b.low, b.count, b.observed) for b in bins] == [(0.4, 1, 1.0), (0.7, 2, 0.5)]
    assert bins[1].forecast == pytest.approx(0.725)


def test_a_certain_forecast_is_in_the_last_bin():
    """1 is no bin of its own."""
    assert [b.high for b in reliability(np.array([1.0]), np.array([[0.0, 1.0]]))] == [1.0]
