"""The drift of a job is that of its model's first steps, each value counted once, over the items that stay."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.ledger import Ledger
from tests.ledger.made import forecast, panel


def nights(
    ledger: Ledger,
    errors: list[float],
    *,
    steps: int = 1,
    horizon: int = 3,
    shops: dict[str, range] | None = None,
    **options: str,
) -> None:
    """A forecast every so many steps whose first steps miss by the next of the errors, later ones by 100.

    Values are 1, 2, 3 …, and the scale is 1. A shop may be there on some of the nights only.
    """
    shops = shops or {"a": range(len(errors))}
    for night, error in enumerate(errors):
        length = 5 + night * steps
        past = panel({shop: range(1, length + 1) for shop, there in shops.items() if night in there})
        if not past.series:
            continue
        off = np.array([error] * steps + [100.0] * (horizon - steps))
        medians = {s.item_id[0]: np.arange(length + 1, length + 1 + horizon) + off for s in past.series}
        told = {"model_digest": "m", "source": "model", **options}
        made = forecast(past, medians, width=2, source=told.pop("source"))
        ledger.record("job", made, past, data_digest=str(night), season_length=1, **told)
    ledger.settle("job", panel({shop: range(1, 6 + len(errors) * steps) for shop in shops}))


def wavy(count: int, base: float = 1.0) -> list[float]:
    return [base + 0.1 * (n % 2) for n in range(count)]


@pytest.mark.parametrize("steps", [1, 2])
def test_only_the_steps_until_the_next_cutoff_count(place: str, steps: int) -> None:
    """The misses of 100 at later steps are nowhere in it; the last twelve nights miss by three times as much."""
    ledger = Ledger.open(place)
    nights(ledger, [*wavy(24), *wavy(12, 3)], steps=steps)
    found = ledger.drift("job")
    assert found.verdict == "drift"
    assert (found.n_before, found.n_now) == (24, 12)
    assert found.error_before == pytest.approx(1.05)
    assert found.error_now == pytest.approx(3.05)
    assert (found.coverage_before, found.coverage_now) == (1, 0)


def test_without_a_change_there_is_none_and_before_enough_nights_it_is_not_known(place: str) -> None:
    """Two verdicts that start no training."""
    ledger = Ledger.open(place)
    assert ledger.drift("job").verdict == "unknown"
    nights(ledger, wavy(23))
    assert ledger.drift("job").verdict == "unknown"
    nights(ledger, wavy(30))
    assert ledger.drift("job").verdict == "none"


def test_a_new_model_is_not_blamed_for_the_one_before(place: str) -> None:
    """Asked about a model, the last nights have to be its own."""
    ledger = Ledger.open(place)
    nights(ledger, [*wavy(24), *wavy(12, 3)])
    assert ledger.drift("job", "m").verdict == "drift"
    found = ledger.drift("job", "new")
    assert found.verdict == "unknown"
    assert found.sentence == "drift is not known: 12 cutoffs of this model are needed, and 0 are there"


def test_hindsight_and_fallbacks_are_left_out(place: str) -> None:
    """What stood in for the model says nothing about the model."""
    ledger = Ledger.open(place)
    nights(ledger, [*wavy(24), *wavy(12, 3)], source="seasonal-naive")
    assert ledger.drift("job").n_before + ledger.drift("job").n_now == 0


def test_an_item_that_comes_does_not_look_like_drift(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A harder item that joins in the last nights would triple the mean error."""
    ledger = Ledger.open(tmp_path_factory.mktemp("ledger") / "ledger.db")
    nights(ledger, wavy(36), shops={"a": range(36)})
    before = ledger.drift("job")
    for night in range(26, 36):
        past = panel({shop: range(1, 6 + night) for shop in "ab"})
        made = forecast(past, {"a": [6 + night + 1.0], "b": [6 + night + 9.0]}, width=2)
        ledger.record("job", made, past, model_digest="m", data_digest=f"b{night}", season_length=1)
    ledger.settle("job", panel({shop: range(1, 42) for shop in "ab"}))
    after = ledger.drift("job")
    assert (before.verdict, after.verdict) == ("none", "none")
    assert after.error_now < 1.2


def test_a_cutoff_whose_steps_have_not_all_come_waits(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its first steps are the easiest: alone they would flatter it."""
    ledger = Ledger.open(tmp_path_factory.mktemp("ledger") / "ledger.db")
    nights(ledger, wavy(30), steps=2)
    full = ledger.drift("job")
    past = panel({"a": range(1, 66)})
    ledger.record("job", forecast(past, {"a": [66, 67, 68]}), past, model_digest="m", data_digest="x", season_length=1)
    ledger.settle("job", panel({"a": range(1, 67)}))
    assert ledger.drift("job") == full


def test_items_without_a_scale_are_measured_in_units_of_the_data_where_none_has_one(place: str) -> None:
    """A history that never changes has no error of seasonal naive."""
    ledger = Ledger.open(place)
    for night in range(36):
        past = panel({"a": [5.0] * (5 + night)})
        made = forecast(past, {"a": [7.0 + 0.1 * (night % 2)]})
        ledger.record("job", made, past, model_digest="m", data_digest=str(night), season_length=1)
    ledger.settle("job", panel({"a": [5.0] * 42}))
    found = ledger.drift("job")
    assert found.verdict == "none"
    assert found.error_now == pytest.approx(2.05)
