"""What stands beside a model is known by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecast.filenames import challenger_of, is_beside, number_of, previous_of, training_of


def test_the_model_before_stands_beside_the_model() -> None:
    """And is still known by its name, dots and all."""
    assert previous_of(Path("out/sales.safetensors")) == Path("out/sales.previous.safetensors")
    assert previous_of(Path("sales.2024.safetensors"), 3) == Path("sales.2024.previous.3.safetensors")


@pytest.mark.parametrize("number", [1, 2, 10, 9999])
def test_the_number_of_a_kept_model_is_read_off_its_name(number: int) -> None:
    """Of this model, and of no other."""
    model = Path("out/sales.2024.safetensors")
    assert number_of(previous_of(model, number), model) == number
    assert number_of(previous_of(model, number), Path("out/sales.safetensors")) is None


@pytest.mark.parametrize("name", ["sales", "sales.previous.0", "sales.previous.1", "sales.previous.02", "sales.prev"])
def test_other_names_have_no_number(name: str) -> None:
    """Each number has one name."""
    assert number_of(Path(f"{name}.safetensors"), Path("sales.safetensors")) is None


def test_no_file_beside_a_model_is_taken_for_one() -> None:
    """A file whose name only begins alike is a model like any other."""
    model = Path("sales.safetensors")
    for path in (previous_of(model), previous_of(model, 12), training_of(model), challenger_of(model)):
        assert is_beside(path), path
    for name in ("sales.safetensors", "previous.safetensors", "sales.previous.csv", "sales.previously.safetensors"):
        assert not is_beside(Path(name)), name
