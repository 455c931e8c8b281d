"""Statistical methods: what statsforecast says, in the form of a baseline, and None where it cannot say anything."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.baselines import check_baseline, forecast_histories, seasonal_naive
from forecast.config import QUANTILE_LEVELS
from forecast.errors import ConfigError
from forecast.statistical import STATISTICAL
from tests.panels import weekly_wave


@pytest.mark.parametrize("name", STATISTICAL)
def test_each_forecasts_a_week_with_ascending_quantiles(name: str) -> None:
    """The wave is followed more closely than a straight line could, and gaps in the history are bridged."""
    history = weekly_wave(140)
    actual, history = history[-7:], history[:-7]
    history[[0, 50]] = np.nan
    quantiles = STATISTICAL[name](history, 7, 7, QUANTILE_LEVELS)
    assert quantiles is not None
    assert quantiles.shape == (7, len(QUANTILE_LEVELS))
    assert (np.diff(quantiles, axis=1) >= 0).all()
    median = quantiles[:, QUANTILE_LEVELS.index(0.5)]
    assert np.abs(median - actual).mean() < np.abs(history[-1] - actual).mean()


def test_the_forecast_is_the_one_of_the_library() -> None:
    """AutoETS called by itself says the same."""
    from statsforecast.models import AutoETS

    history = weekly_wave(100)
    theirs = AutoETS(season_length=7).forecast(y=history, h=3, level=[80])
    ours = STATISTICAL["ets"](history, 7, 3, (0.1, 0.5, 0.9))
    assert ours is not None
    np.testing.assert_allclose(ours, np.stack([theirs["lo-80"], theirs["mean"], theirs["hi-80"]], axis=1))


def test_seasonal_naive_stands_in_where_a_method_has_nothing_to_say() -> None:
    """Two values are too few for ETS, which fits a hundred; how often that happened is counted."""
    short = np.array([3.0, 4.0])
    assert STATISTICAL["ets"](short, 7, 2, (0.5,)) is None
    quantiles, stood_in = forecast_histories("ets", [short, weekly_wave(100)], 7, 2, (0.5,))
    assert stood_in == 1
    np.testing.assert_array_equal(quantiles[0], seasonal_naive(short, 7, 2, (0.5,)))


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any work, and only for those that need it."""
    monkeypatch.setattr("forecast.statistical.find_spec", lambda name: None)
    assert check_baseline("drift") == "drift"
    with pytest.raises(ConfigError, match="statsforecast") as caught:
        check_baseline("theta")
    assert caught.value.hint == "pip install 'forecast[statistics]'"
