"""A Forecast as a table: names as the user's own, intervals that never cross and always contain the forecast."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from forecast.config import QUANTILE_LEVELS
from forecast.errors import ConfigError, DataError
from forecast.forecasts import Forecast, ItemForecast
from forecast.panel import Columns

START = np.datetime64("2024-01-31T00:00:00", "us")


def item(quantiles: object, item_id: tuple[str, ...] = (), target: str = "sales") -> ItemForecast:
    """Quantiles [H, Q] as an item whose days begin at START."""
    values = np.array(quantiles, dtype=np.float64)
    return ItemForecast(item_id, target, START + np.arange(len(values)) * np.timedelta64(1, "D"), values)


def normal(mean: float, sd: float, steps: int = 2) -> list[list[float]]:
    """The quantiles of a normal distribution at every trained level, for each step."""
    return [[NormalDist(mean, sd).inv_cdf(level) for level in QUANTILE_LEVELS]] * steps


def single(quantiles: object, columns: Columns | None = None, source: str = "model") -> Forecast:
    """A forecast of one item without ids."""
    return Forecast((item(quantiles),), QUANTILE_LEVELS, columns or Columns("date", ("sales",)), source)


ascending = st.lists(
    st.lists(st.floats(-1e15, 1e15), min_size=len(QUANTILE_LEVELS), max_size=len(QUANTILE_LEVELS)).map(sorted),
    min_size=1,
    max_size=3,
)


def test_the_columns_are_the_users_own_then_the_median_then_its_intervals() -> None:
    """Without options: time, forecast, and the 80 and 95 % intervals."""
    frame = single([list(range(13)), list(range(13, 26))]).to_frame()
    assert list(frame.columns) == ["date", "forecast", "lo_80", "hi_80", "lo_95", "hi_95"]
    assert frame["date"].tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]
    assert frame.iloc[0, 1:].tolist() == [6, 2, 10, 0, 12]
    assert frame.iloc[1, 1:].tolist() == [19, 15, 23, 13, 25]


def test_ids_keep_their_columns_and_several_targets_are_named() -> None:
    """One row per item, target and step, the items in their order."""
    columns = Columns("day", ("sales", "visits"), ids=("shop", "article"))
    items = tuple(
        item(normal(len(shop), 1), (shop, "0042"), target) for shop in ("b", "aa") for target in ("sales", "visits")
    )
    frame = Forecast(items, QUANTILE_LEVELS, columns).to_frame(levels=())
    assert list(frame.columns) == ["shop", "article", "day", "target", "forecast"]
    assert frame["shop"].tolist() == ["b"] * 4 + ["aa"] * 4
    assert frame["article"].tolist() == ["0042"] * 8
    assert frame["target"].tolist() == ["sales", "sales", "visits", "visits"] * 2
    np.testing.assert_allclose(frame["forecast"], [1] * 4 + [2] * 4)


def test_items_may_have_different_lengths() -> None:
    """Ids are repeated for the steps of their own item."""
    items = (item(normal(0, 1, 1), ("a",)), item(normal(9, 1, 3), ("b",)))
    frame = Forecast(items, QUANTILE_LEVELS, Columns("date", ("y",), ("id",))).to_frame()
    assert frame["id"].tolist() == ["a", "b", "b", "b"]


def test_a_fallback_is_named_and_the_model_is_not() -> None:
    """The source column appears only when something stood in for the model."""
    assert "source" not in single(normal(0, 1)).to_frame()
    assert single(normal(0, 1), source="seasonal_naive").to_frame()["source"].tolist() == ["seasonal_naive"] * 2


@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ((95, 80), ["lo_80", "hi_80", "lo_95", "hi_95"]),
        ((80.0, 80), ["lo_80", "hi_80"]),
        ((99.5,), ["lo_99.5", "hi_99.5"]),
        ((), []),
    ],
)
def test_levels_are_named_without_needless_digits_and_ascend(levels: tuple[float, ...], names: list[str]) -> None:
    """80.0 is 80, 99.5 stays, the order given does not matter."""
    assert list(single(normal(0, 1)).to_frame(levels=levels).columns) == ["date", "forecast", *names]


def test_quantiles_take_the_place_of_intervals() -> None:
    """Quantile columns ascend and carry their level."""
    frame = single([list(range(13))]).to_frame(quantiles=(0.9, 0.1, 0.025, 0.5))
    assert list(frame.columns) == ["date", "forecast", "q_0.025", "q_0.1", "q_0.5", "q_0.9"]
    assert frame.iloc[0, 1:].tolist() == [6, 0, 2, 6, 10]


def test_levels_that_are_named_stay_beside_quantiles() -> None:
    """Whoever asks for both gets both."""
    frame = single([list(range(13))]).to_frame(levels=(80,), quantiles=(0.5,))
    assert list(frame.columns) == ["date", "forecast", "lo_80", "hi_80", "q_0.5"]


def test_nixtla_names_replace_the_users_own() -> None:
    """The ids become one unique_id, the time ds; names that would collide are gone."""
    columns = Columns("forecast", ("sales",), ids=("lo_80", "hi_80"))
    forecast = Forecast((item(normal(0, 1), ("a", "b")),), QUANTILE_LEVELS, columns)
    frame = forecast.to_frame(nixtla_names=True)
    assert list(frame.columns) == ["unique_id", "ds", "forecast", "lo_80", "hi_80", "lo_95", "hi_95"]
    assert frame["unique_id"].tolist() == ["a / b"] * 2


def test_a_series_without_ids_is_called_by_its_target_in_nixtla_names() -> None:
    """unique_id is never empty."""
    assert single(normal(0, 1)).to_frame(nixtla_names=True)["unique_id"].tolist() == ["sales"] * 2


@pytest.mark.parametrize(
    ("columns", "clash"),
    [
        (Columns("forecast", ("sales",)), "forecast"),
        (Columns("date", ("sales",), ("lo_80",)), "lo_80"),
        (Columns("target", ("sales", "visits")), "target"),
        (Columns("date", ("sales",), ("source",)), "source"),
    ],
)
def test_a_users_column_is_never_hidden_by_one_of_ours(columns: Columns, clash: str) -> None:
    """A name that both need is refused, with a way out."""
    forecast = Forecast((item(normal(0, 1), ("x",) * len(columns.ids)),), QUANTILE_LEVELS, columns, "naive")
    with pytest.raises(DataError, match=f"column '{clash}': the forecast adds a column of this name") as caught:
        forecast.to_frame()
    assert caught.value.hint == "rename the column in the data, or use --nixtla-names"


def test_names_that_do_not_clash_in_this_table_are_allowed() -> None:
    """A column called source or target is fine where none is added, and so is a target called forecast."""
    columns = Columns("target", ("forecast",), ("source",))
    frame = Forecast((item(normal(0, 1), ("x",)),), QUANTILE_LEVELS, columns).to_frame(levels=())
    assert list(frame.columns) == ["source", "target", "forecast"]


@pytest.mark.parametrize("level", [0, 100, -5, 101, float("nan")])
def test_an_interval_must_cover_something_but_not_everything(level: float) -> None:
    """Levels lie strictly between 0 and 100."""
    with pytest.raises(ConfigError, match="not strictly between 0 and 100"):
        single(normal(0, 1)).to_frame(levels=(80, level))


@pytest.mark.parametrize("level", [0, 1, -0.1, 80, float("nan")])
def test_a_quantile_level_is_a_probability(level: float) -> None:
    """Quantile levels lie strictly between 0 and 1."""
    with pytest.raises(ConfigError, match="not strictly between 0 and 1"):
        single(normal(0, 1)).to_frame(quantiles=(level,))
    with pytest.raises(ConfigError, match="not strictly between 0 and 1"):
        single(normal(0, 1)).quantile(level)


@given(ascending)
def test_a_trained_level_is_returned_as_it_was_trained(quantiles: list[list[float]]) -> None:
    """No rounding, no interpolation where the network itself has an answer."""
    forecast = single(quantiles)
    for position, level in enumerate(QUANTILE_LEVELS):
        np.testing.assert_array_equal(forecast.quantile(level)[0], np.array(quantiles)[:, position])


@pytest.mark.parametrize("level", [0.0001, 0.005, 0.03, 0.25, 0.45, 0.51, 0.75, 0.96, 0.99, 0.999])
def test_any_quantile_of_a_normal_forecast_is_that_of_the_normal_distribution(level: float) -> None:
    """Between the trained levels and beyond them, the normal distribution is met exactly."""
    found = single(normal(10, 3)).quantile(level)[0]
    np.testing.assert_allclose(found, NormalDist(10, 3).inv_cdf(level), rtol=1e-12)


def test_quantile_gives_one_array_per_item() -> None:
    """Arrays have the length of their own item."""
    forecast = Forecast((item(normal(0, 1, 1)), item(normal(9, 1, 3))), QUANTILE_LEVELS, Columns("date", ("y",)))
    assert [len(values) for values in forecast.quantile(0.3)] == [1, 3]


def test_a_median_alone_has_no_intervals() -> None:
    """Nothing is made up from a single quantile level."""
    forecast = Forecast((item([[5.0]]),), (0.5,), Columns("date", ("y",)))
    assert forecast.to_frame(levels=())["forecast"].tolist() == [5]
    with pytest.raises(ConfigError, match="the forecast has its median only"):
        forecast.to_frame(levels=(80,))


close = st.builds(
    lambda level, side: level * (1 + side), st.sampled_from(QUANTILE_LEVELS), st.sampled_from([-2e-9, 2e-9])
)


@given(ascending, st.lists(st.one_of(st.floats(1e-6, 1 - 1e-6), close), min_size=2, max_size=8))
def test_quantiles_never_fall_as_the_level_rises(quantiles: list[list[float]], levels: list[float]) -> None:
    """Trained or not, inside the trained range or beyond, for any ascending quantiles."""
    forecast = single(quantiles)
    ordered = [forecast.quantile(level)[0] for level in sorted([*levels, *QUANTILE_LEVELS])]
    assert all((lower <= upper).all() for lower, upper in pairwise(ordered))


@given(ascending, st.lists(st.floats(0.001, 99.999), min_size=1, max_size=5))
def test_intervals_are_nested_and_contain_the_forecast(quantiles: list[list[float]], levels: list[float]) -> None:
    """A wider level gives a wider interval, with the median inside every one."""
    frame = single(quantiles).to_frame(levels=levels)
    bounds = frame.drop(columns=["date", "forecast"])
    inwards = [*bounds.columns[-2::-2], "forecast", *bounds.columns[1::2]]
    assert (np.diff(frame[inwards].to_numpy(), axis=1) >= 0).all()


@pytest.mark.parametrize("threshold", [-5.0, 2.0, 9.3, 10.0, 11.5, 15.88, 22.0, 40.0])
def test_probabilities_of_a_normal_forecast_are_those_of_the_normal_distribution(threshold: float) -> None:
    """Between the trained quantiles, at one of them and far beyond, on both sides."""
    forecast = single(normal(10, 3))
    below, above = norm.cdf(threshold, 10, 3), norm.sf(threshold, 10, 3)
    np.testing.assert_allclose(forecast.probability_below(threshold)[0], below, rtol=1e-9)
    np.testing.assert_allclose(forecast.probability_above(threshold)[0], above, rtol=1e-9)


def test_a_step_between_two_quantiles_has_the_probability_of_the_middle_score() -> None:
    """Half of the way from the median to the 0.6 quantile is half of the way in the normal score."""
    forecast = single([list(range(13))])
    expected = 1 - NormalDist().cdf(NormalDist().inv_cdf(0.6) / 2)
    assert forecast.probability_above(6.5)[0] == pytest.approx(expected)
    assert forecast.probability_above(6.0)[0] == 0.5
    assert forecast.probability_above(10.0)[0] == pytest.approx(0.1)


def test_equal_quantiles_are_a_value_with_a_probability_of_its_own() -> None:
    """Levels up to 0.6 at zero: nothing lies below, 0.4 above, and a hair below zero is not reached either."""
    forecast = single([[0.0] * 8 + [1.0, 2.0, 3.0, 4.0, 5.0]])
    assert forecast.probability_above(0.0)[0] == pytest.approx(0.4)
    assert forecast.probability_below(0.0)[0] == 0.0
    assert forecast.probability_above(-1e-9)[0] == 1.0


def test_a_forecast_without_doubt_is_above_or_not() -> None:
    """All quantiles equal: certain on either side of the value, and at the value neither."""
    forecast = single([[5.0] * 13])
    assert [forecast.probability_above(x)[0].item() for x in (4.9, 5.0, 5.1)] == [1, 0, 0]
    assert [forecast.probability_below(x)[0].item() for x in (4.9, 5.0, 5.1)] == [0, 0, 1]


@given(ascending, st.lists(st.floats(-1e16, 1e16), min_size=2, max_size=8))
def test_probabilities_are_monotone_in_the_threshold(quantiles: list[list[float]], thresholds: list[float]) -> None:
    """Between 0 and 1, never rising above, never falling below, and never more than certain together."""
    forecast = single(quantiles)
    ordered = sorted([*thresholds, *np.ravel(quantiles)])
    above = np.array([forecast.probability_above(x)[0] for x in ordered])
    below = np.array([forecast.probability_below(x)[0] for x in ordered])
    assert (np.diff(above, axis=0) <= 0).all()
    assert (np.diff(below, axis=0) >= 0).all()
    assert (above >= 0).all()
    assert (below >= 0).all()
    assert (above + below <= 1 + 1e-12).all()


#: Whole numbers that are exact, so that no two quantiles differ by less than rounding can tell between them.
apart = st.lists(
    st.lists(st.integers(-(10**6), 10**6).map(float), min_size=len(QUANTILE_LEVELS), max_size=len(QUANTILE_LEVELS)).map(
        sorted
    ),
    min_size=1,
    max_size=3,
)


@given(apart, st.floats(0.001, 0.999))
def test_a_quantile_and_its_probability_undo_each_other(quantiles: list[list[float]], level: float) -> None:
    """At most 1 - level lies above the quantile of a level, and at most level below it."""
    forecast = single(quantiles)
    for step, value in enumerate(forecast.quantile(level)[0]):
        assert forecast.probability_above(value)[0][step] <= 1 - level + 1e-6
        assert forecast.probability_below(value)[0][step] <= level + 1e-6


def test_probabilities_are_columns_named_by_their_thresholds() -> None:
    """After everything else, ascending, once each, without needless digits; with other names and quantiles too."""
    form = {"levels": (80,), "quantiles": (0.5,), "above": (1e6, 200.0, -1.5, 200), "below": (-0.0,)}
    chances = ["p_above_-1.5", "p_above_200", "p_above_1000000", "p_below_0"]
    frame = single(normal(10, 3)).to_frame(**form)  # type: ignore[arg-type]
    assert list(frame.columns) == ["date", "forecast", "lo_80", "hi_80", "q_0.5", *chances]
    named = single(normal(10, 3)).to_frame(nixtla_names=True, **form)  # type: ignore[arg-type]
    assert list(named.columns)[-4:] == chances
    assert frame["p_above_1000000"].tolist() == [0, 0]


def test_each_target_and_item_has_its_own_probability() -> None:
    """Rows of the table belong together, whatever the lengths of the items."""
    columns = Columns("day", ("sales", "visits"), ids=("shop",))
    items = (item(normal(0, 1, 1), ("a",), "sales"), item(normal(5, 1, 2), ("a",), "visits"))
    frame = Forecast(items, QUANTILE_LEVELS, columns).to_frame(above=(5,))
    np.testing.assert_allclose(frame["p_above_5"], [NormalDist().cdf(-5), 0.5, 0.5])


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_a_threshold_is_finite(threshold: float) -> None:
    """Nothing lies above what is no number."""
    with pytest.raises(ConfigError, match="not a finite number"):
        single(normal(0, 1)).probability_above(threshold)


def test_a_median_alone_has_no_probabilities() -> None:
    """As it has no intervals."""
    forecast = Forecast((item([[5.0]]),), (0.5,), Columns("date", ("y",)))
    with pytest.raises(ConfigError, match="the forecast has its median only"):
        forecast.probability_below(5)


def of_states(task: str = "class", states: tuple[str, ...] = ("rain", "snow", "sun")) -> Forecast:
    """Two days of two shops; the last state is the likelier one on the second day, equal to the first on the first."""
    shares = np.zeros((2, len(states)))
    shares[:, 0], shares[:, -1] = [0.5, 0.25], [0.5, 0.75]
    days = START + np.arange(2) * np.timedelta64(1, "D")
    items = tuple(ItemForecast((shop,), "sky", days, np.empty((2, 0)), shares) for shop in "ab")
    return Forecast(items, (), Columns("day", ("sky",), ids=("shop",)), states=states, task=task)


def test_a_forecast_of_states_has_the_likeliest_and_every_probability() -> None:
    """Under the names of the states; of equally likely ones the first."""
    frame = of_states().to_frame()
    assert list(frame.columns) == ["shop", "day", "forecast", "p_rain", "p_snow", "p_sun"]
    assert frame["forecast"].tolist() == ["rain", "sun", "rain", "sun"]
    assert frame.iloc[1, 3:].tolist() == [0.25, 0, 0.75]


def test_of_two_states_only_the_second_has_a_column() -> None:
    """As a binary task asks; as classes both have."""
    names = list(of_states("binary", ("no", "yes")).to_frame(nixtla_names=True).columns)
    assert names == ["unique_id", "ds", "forecast", "p_yes"]
    assert list(of_states("class", ("no", "yes")).to_frame().columns)[2:] == ["forecast", "p_no", "p_yes"]


@pytest.mark.parametrize("asked", [{"levels": [80]}, {"quantiles": [0.5]}, {"above": [1]}, {"below": [1]}])
def test_states_have_no_intervals(asked: dict[str, list[float]]) -> None:
    """Whoever asks for them is told."""
    with pytest.raises(ConfigError, match=f"{next(iter(asked))}: a forecast of states has probabilities"):
        of_states().to_frame(**asked)


def test_a_column_named_like_a_probability_is_refused() -> None:
    """As one named like an interval is."""
    forecast = of_states()
    with pytest.raises(DataError, match="p_sun"):
        Forecast(forecast.items, (), Columns("day", ("sky",), ids=("p_sun",)), states=forecast.states).to_frame()
