"""--freq and --calendar take the words people use, and name the nearest ones for those they do not know."""

import pytest

from forecast.calendars.calendar import Step
from forecast.calendars.options import Asked, read_options
from forecast.errors import ConfigError


@pytest.mark.parametrize(
    ("freq", "step"),
    [
        *((word, Step(30, "min")) for word in ("30min", "30T", "30 minutes")),
        *((word, Step(1, "h")) for word in ("h", "H", "1h", "hourly", "hour", " h ")),
        ("60min", Step(60, "min")),
        *((word, Step(1, "D")) for word in ("D", "d", "1D", "daily", "24h", "1440min")),
        *((word, Step(1, "W")) for word in ("W", "7D", "weekly")),
        ("W-SUN", Step(1, "W", 6)),
        ("2W-mon", Step(2, "W", 0)),
        *((word, Step(1, "M", None, 0)) for word in ("M", "monthly", "1M")),
        ("MS", Step(1, "M", None, 1)),
        ("ms", Step(1, "ms")),
        ("ME", Step(1, "M", None, 31)),
        *((word, Step(3, "M", None, 0)) for word in ("Q", "quarterly", "3M")),
        ("QS-OCT", Step(3, "M", 9, 1)),
        ("QE", Step(3, "M", None, 31)),
        *((word, Step(12, "M", None, 0)) for word in ("Y", "A", "yearly", "annual", "12M")),
        ("YE-JUN", Step(12, "M", 5, 31)),
        ("2Q", Step(6, "M", None, 0)),
    ],
)
def test_a_frequency_may_be_written_in_many_ways(freq, step):
    """Old and new aliases of pandas, with a number, in words."""
    assert read_options(freq, None) == Asked(step)


@pytest.mark.parametrize(
    ("calendar", "weekmask", "exchange"),
    [
        *((word, "1111100", "") for word in ("B", "b", "business", "weekdays", "mon-fri")),
        ("daily", "1111111", ""),
        ("mon-sat", "1111110", ""),
        ("Sun-Thu", "1111001", ""),
        ("fri-mon", "1000111", ""),
        ("mon,wed,fri", "1010100", ""),
        ("sun", "0000001", ""),
        *((word, "", "XNYS") for word in ("XNYS", "xnys", "NYSE", "nasdaq")),
        ("LSE", "", "XLON"),
    ],
)
def test_a_calendar_is_days_of_the_week_or_an_exchange(calendar, weekmask, exchange):
    """A name, a range, a list, or an exchange by its code or its common name."""
    assert read_options(None, calendar) == Asked(Step(1, "D"), weekmask, exchange)


def test_the_calendar_is_more_precise_than_business_days():
    """--freq B alone means Monday to Friday; an exchange beside it wins."""
    assert read_options("B", None) == Asked(Step(1, "D"), "1111100", "")
    assert read_options("B", "XLON") == Asked(Step(1, "D"), "", "XLON")


@pytest.mark.parametrize(
    ("freq", "calendar", "hint"),
    [
        ("30mins", None, "30min"),
        ("hourli", None, "hourly"),
        ("fortnight", None, "known: "),
        ("0h", None, "h"),
        ("-1h", None, "h"),
        ("", None, "known: "),
        ("1.5h", None, "h"),
        ("W-SON", None, "SUN"),
        ("QS-OKT", None, "OCT"),
        ("D-SUN", None, "weeks, quarters and years"),
        (None, "XNYC", "XNYS"),
        (None, "dayly", "daily"),
        (None, "mon-xyz", "mon-sat"),
        (None, "mon-mon", "mon-sat"),
        (None, "", "known: "),
        ("30min", "B", "leave one"),
        ("MS", "XNYS", "leave one"),
        ("\x1b[31m", None, "known: "),
    ],
)
def test_a_word_that_nobody_knows_is_an_error_with_the_nearest(freq, calendar, hint):
    """Exit 2, one printable line, and a hint with what would be understood."""
    with pytest.raises(ConfigError) as caught:
        read_options(freq, calendar)
    assert hint in str(caught.value.hint)
    assert caught.value.message.isprintable()
