"""The almanac says what the library says, and only what the very version of the library says that it was made from."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.calendars import almanac
from forecast.calendars.almanac import FILE, LIBRARY, almanac_of, sessions_in_almanac
from forecast.calendars.exchanges import EXCHANGES, almanac_of_library, sessions, sessions_of_library


@pytest.fixture
def read_anew():
    """The file is read again in this test, and once more after it."""
    almanac._lines.cache_clear()
    yield
    almanac._lines.cache_clear()


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [("XNYS", 2000, 2002), ("XTKS", 2018, 2020), ("BVMF", 2022, 2022), ("XSAU", 2029, 2029)],
)
def test_sessions_in_the_almanac_are_those_of_the_library(code, first, last):
    """Any span of years is what the library computes for that span alone, a week from Sunday to Thursday included."""
    found = sessions_in_almanac(code, first, last)
    assert found is not None
    np.testing.assert_array_equal(found, sessions_of_library(code, first, last))


def test_closings_known_by_heart():
    """New York closed for a week in September 2001, and trades on no fourth of July."""
    found = sessions_in_almanac("XNYS", 2001, 2001)
    closed = np.setdiff1d(np.arange(*days("2001-09-10", "2001-09-18")), found)
    assert closed.tolist() == days(*(f"2001-09-{day}" for day in (11, 12, 13, 14, 15, 16))).tolist()
    assert len(found) == 248
    assert days("2001-07-04")[0] not in found


@pytest.mark.parametrize(
    ("code", "first", "last"), [("XNYS", 1969, 1980), ("XNYS", 2030, 2036), ("XSAU", 2020, 2022), ("XXXX", 2020, 2020)]
)
def test_the_almanac_is_silent_beyond_what_is_written_in_it(code, first, last):
    """Years before, years after, years that only other exchanges have, and exchanges that nobody knows."""
    assert sessions_in_almanac(code, first, last) is None


def test_years_beyond_the_almanac_are_asked_of_the_library():
    """A span that begins before it has the same days in the years that both know."""
    wide = sessions("XNYS", 1969, 1971)
    np.testing.assert_array_equal(wide[wide >= days("1971-01-01")[0]], sessions("XNYS", 1971, 1971))


def test_another_version_of_the_library_is_asked_itself(monkeypatch, read_anew):
    """What one version knew says nothing of another: holidays are added, and corrected."""
    monkeypatch.setattr(almanac, "version", lambda _: "0.1")
    assert sessions_in_almanac("XNYS", 2020, 2020) is None


def test_what_is_written_is_read_again(monkeypatch, read_anew, tmp_path):
    """A Saturday with a session and a Tuesday without one, the first day of the first year, survive the file."""
    year = np.arange(*days("2019-01-01", "2020-01-01"))
    held = np.union1d(year[np.is_busday(year)], days("2019-03-02"))
    held = np.setdiff1d(held, days("2019-01-01"))
    path = tmp_path / "almanac.txt"
    path.write_text(almanac_of({"XONE": (2019, 2019, held), "XALL": (2019, 2019, year[np.is_busday(year)])}))
    monkeypatch.setattr(almanac, "FILE", path)
    np.testing.assert_array_equal(sessions_in_almanac("XONE", 2019, 2019), held)
    assert len(sessions_in_almanac("XALL", 2019, 2019)) == 261


def test_the_almanac_was_made_from_the_version_that_is_installed_for_development():
    """Otherwise it is never asked, and every file of an exchange takes pandas and half a second: `make almanac`."""
    assert FILE.read_text().partition("\n")[0] == f"{LIBRARY} {almanac.version(LIBRARY)}"


@pytest.mark.slow  # it computes the holidays of all exchanges for 66 years
def test_the_almanac_is_what_the_library_says_of_all_exchanges():
    """Making it again gives the same file."""
    text = almanac_of_library()
    assert text == FILE.read_text()
    assert len(text.splitlines()) > 0.9 * len(EXCHANGES)
