"""Choices and sizes come as often as they are told to."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic.calendar_effects import steps_per_year
from forecast.synthetic.clock import WEEK_WEIGHTS, WEEKS
from forecast.synthetic.counts import COUNT_WEIGHTS, COUNTS
from forecast.synthetic.disturbances import DISTURBANCE_SHARES, DISTURBANCES
from forecast.synthetic.drawing import choose, sign, size, standardised
from forecast.synthetic.families import FAMILIES, Family
from forecast.synthetic.gaps import GAP_SHARES, GAPS
from forecast.synthetic.kernels import KERNEL_WEIGHTS, KERNELS
from forecast.synthetic.noises import NOISE_WEIGHTS, NOISES
from forecast.synthetic.profiles import PROFILE_WEIGHTS, PROFILES
from forecast.synthetic.seasons import SEASON_WEIGHTS, SEASONS
from forecast.synthetic.series import SHARES
from forecast.synthetic.trends import TREND_WEIGHTS, TRENDS

WEIGHTED = {
    "trends": (TRENDS, TREND_WEIGHTS),
    "noises": (NOISES, NOISE_WEIGHTS),
    "kernels": (KERNELS, KERNEL_WEIGHTS),
    "profiles": (PROFILES, PROFILE_WEIGHTS),
    "seasons": (SEASONS, SEASON_WEIGHTS),
    "weeks": (WEEKS, WEEK_WEIGHTS),
    "counts": (COUNTS, COUNT_WEIGHTS),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_name_what_there_is_and_add_up_to_one(name: str) -> None:
    """Nothing is drawn that does not exist, and nothing exists in vain."""
    registry, weights = WEIGHTED[name]
    assert set(registry) == set(weights)
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) > 0


def test_shares_are_chances() -> None:
    """Each between 0 and 1, and for every disturbance and gap there is one."""
    assert set(DISTURBANCES) == set(DISTURBANCE_SHARES)
    assert set(GAPS) == set(GAP_SHARES)
    for shares in (SHARES, DISTURBANCE_SHARES, GAP_SHARES):
        assert all(0 < share < 1 for share in shares.values())


def test_names_are_chosen_as_often_as_their_weights_have_it() -> None:
    """One in ten, three in ten, six in ten; weights need not add up to one."""
    rng = np.random.default_rng(0)
    drawn = [choose(rng, {"a": 2, "b": 6, "c": 12}) for _ in range(5000)]
    assert [drawn.count(name) / 5000 for name in "abc"] == pytest.approx([0.1, 0.3, 0.6], abs=0.025)


def test_sizes_are_log_uniform() -> None:
    """Between the bounds, with their geometric mean in the middle; signs are even."""
    rng = np.random.default_rng(1)
    sizes = np.array([size(rng, 0.01, 100) for _ in range(4000)])
    assert 0.01 <= sizes.min() < 0.012
    assert 80 < sizes.max() <= 100
    assert np.median(np.log10(sizes)) == pytest.approx(0, abs=0.12)
    assert np.mean([sign(rng) for _ in range(4000)]) == pytest.approx(0, abs=0.06)


def test_standardised_values_have_mean_0_and_deviation_1() -> None:
    """Values that are all the same become 0."""
    assert standardised(np.array([1.0, 3.0])).tolist() == [-1, 1]
    assert standardised(np.full(4, 7.0)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_families_are_well_formed(family: Family) -> None:
    """Seasons are whole numbers that grow, horizons are positive, and every family is drawn now and then."""
    assert family.weight > 0
    assert list(family.season_lengths) == sorted(set(family.season_lengths))
    assert min(family.horizons) > 0
    assert FAMILIES[family.name] is family


def test_a_year_has_its_steps() -> None:
    """12 months, 8,766 hours; a season of one step tells nothing."""
    assert steps_per_year(12) == 12
    assert steps_per_year(24) == 8766
    assert steps_per_year(1) is None
