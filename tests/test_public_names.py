"""The public names: complete, loadable, and typed."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import forecast


@pytest.mark.parametrize("name", forecast.__all__)
def test_every_public_name_loads(name: str) -> None:
    """Each promise of __all__ is kept, by attribute and by star import."""
    assert getattr(forecast, name) is not None


def test_the_public_names_are_these() -> None:
    """The interface is append-only: a name that disappears breaks somebody's program."""
    assert set(forecast.__all__) >= {
        "Config",
        "Forecast",
        "ForecastError",
        "Forecaster",
        "Panel",
        "__version__",
        "read_panel",
    }


def test_type_checkers_see_what_is_loaded_late() -> None:
    """The imports under TYPE_CHECKING name the same homes as the table that loads them, and every name is in both."""
    tree = ast.parse(Path(inspect.getfile(forecast)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == forecast._HOMES
    assert {*seen, "__version__"} == set(forecast.__all__)


def test_public_names_are_listed() -> None:
    """Completion in an interactive session offers them before they are loaded."""
    assert set(forecast.__all__) <= set(dir(forecast))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module, and naming it."""
    with pytest.raises(AttributeError, match=r"module 'forecast' has no attribute 'prophet'"):
        forecast.prophet  # noqa: B018


def test_the_module_runs_as_the_command() -> None:
    """`python -m forecast` is `forecast`."""
    result = subprocess.run(
        [sys.executable, "-m", "forecast", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == f"forecast {forecast.__version__}\n"


def test_the_package_says_that_it_is_typed() -> None:
    """Type checkers read the annotations of an installed package only beside this file."""
    assert (Path(inspect.getfile(forecast)).parent / "py.typed").is_file()
