"""Every error has its exit code, and every exit code is written down."""

import pytest

from forecast import errors
from forecast.errors import EXIT_CODES, ForecastError, Interrupted


def classes(kind=ForecastError):
    return [kind, *(c for sub in kind.__subclasses__() if sub.__module__ == errors.__name__ for c in classes(sub))]


@pytest.mark.parametrize("kind", [c for c in classes() if c is not Interrupted], ids=lambda c: c.__name__)
def test_an_error_carries_what_why_hint_and_a_known_exit_code(kind):
    """The code of each class is in the table that the README prints."""
    error = kind("what", why="because", hint="do this")
    assert (str(error), error.message, error.why, error.hint) == ("what", "what", "because", "do this")
    assert str(error.exit_code) in EXIT_CODES


def test_exit_codes_are_what_scripts_rely_on():
    """The contract, by name."""
    codes = {c.__name__: c.exit_code for c in classes() if c is not Interrupted}
    assert codes == {
        "ForecastError": 1,
        "ConfigError": 2,
        "DataError": 3,
        "CheckpointError": 4,
        "GateError": 6,
        "OutputError": 7,
        "LockedError": 75,
    }
    assert Interrupted("stopped", signal_number=15).exit_code == 143
    assert "128+n" in EXIT_CODES


def test_the_tree_in_the_docstring_names_every_class():
    """The drawing stays true."""
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in classes())
