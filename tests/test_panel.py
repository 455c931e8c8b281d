"""Panels are cut without a trace of what came later, and their digest is of the data alone."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.errors import DataError
from tests.panels import DAY, daily


def test_split_at_keeps_rows_up_to_the_cutoff():
    """The cutoff itself is known, the day after is not; a series that begins later is absent."""
    panel = daily([1, 2, 3, 4], [5, 6, 7, 8])
    late = replace(panel.series[1], timestamps=panel.series[1].timestamps + 3 * DAY)
    cut = replace(panel, series=(panel.series[0], late)).split_at(np.datetime64("2020-01-02"))
    assert [(s.item_id, s.values.tolist()) for s in cut.series] == [(("a",), [1.0, 2.0])]


def test_a_cut_series_ends_with_an_observed_value():
    """Missing values right before the cut are cut as well."""
    cut = daily([1, 2, np.nan, np.nan, 5]).drop_last(1)
    assert cut.series[0].values.tolist() == [1.0, 2.0]
    assert len(cut.series[0].timestamps) == 2


def test_nothing_before_the_cutoff_is_an_error():
    """A cutoff before every row leaves no panel."""
    with pytest.raises(DataError, match="2019"):
        daily([1, 2]).split_at(np.datetime64("2019-01-01"))
    with pytest.raises(DataError):
        daily([1, 2]).drop_last(2)


def test_counts_and_range_are_over_all_series():
    """Rows, missing ones, first and last."""
    panel = daily([1, np.nan, 3], [4, 5])
    assert (len(panel), panel.n_rows, panel.n_missing) == (2, 5, 1)
    assert panel.first == np.datetime64("2020-01-01")
    assert panel.last == np.datetime64("2020-01-03")


def test_the_digest_is_of_ids_timestamps_and_values():
    """Notes and names of columns do not count; a value, a date or an id does."""
    panel = daily([1, 2, 3], [4, 5, 6])
    other_id = replace(panel, series=(panel.series[0], replace(panel.series[1], item_id=("z",))))
    assert panel.digest() == replace(panel, notes=("sorted",)).digest()
    changed = [daily([1, 2, 3], [4, 5, 7]), daily([1, 2, 3], [4, 5, 6], start="2020-01-02"), other_id]
    assert len({panel.digest(), *(p.digest() for p in changed)}) == 4


def test_a_series_is_called_by_its_ids_or_its_target():
    """As a person would."""
    assert daily([1.0, 2]).series[0].name == "y"
    assert replace(daily([1.0, 2]).series[0], item_id=("Berlin", "7")).name == "Berlin / 7"
