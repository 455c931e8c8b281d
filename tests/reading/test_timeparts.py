"""Times that are spread over columns are found by what the columns hold and are called."""

from __future__ import annotations

import pytest

from forecast.reading.cells import Cells
from forecast.reading.dialect import Table
from forecast.reading.timeparts import time_parts
from tests.reading.files import days

N = 72
DATES = [day for day in days(N // 24) for _ in range(24)]
CLOCKS = [f"{hour:02}:00" for _ in days(N // 24) for hour in range(24)]
HOURS = [str(hour) for _ in days(N // 24) for hour in range(24)]
YEARS = [str(1950 + n // 12) for n in range(N)]
MONTHS = [str(n % 12 + 1) for n in range(N)]
NAMES = [("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[n % 12] for n in range(N)]
DAYS = [str(n % 28 + 1) for n in range(N)]
NUMBERS = [f"{n}.5" for n in range(N)]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"date": DATES, "time": CLOCKS, "y": NUMBERS}, (0, 1)),
        ({"uhrzeit": CLOCKS, "y": NUMBERS, "datum": DATES}, (2, 0)),
        ({"dteday": DATES, "hr": HOURS, "cnt": HOURS}, (0, 1)),
        ({"Year": YEARS, "Month": MONTHS, "y": NUMBERS}, (0, 1)),
        ({"year": YEARS, "month": NAMES, "y": NUMBERS}, (0, 1)),
        ({"y": NUMBERS, "DAY": DAYS, "YEAR": YEARS, "MONTH": MONTHS}, (2, 3, 1)),
        ({"No": DAYS, "year": YEARS, "month": MONTHS, "day": DAYS, "hour": HOURS}, (1, 2, 3, 4)),
        # What is no such thing.
        ({"date": DATES, "y": NUMBERS}, ()),
        ({"date": DATES, "from": CLOCKS, "until": CLOCKS}, ()),
        ({"date": DATES, "hours": NUMBERS, "price": [f"{n % 24}.00" for n in range(N)]}, ()),
        ({"year": YEARS, "y": NUMBERS}, ()),
        ({"year": YEARS, "day": DAYS}, ()),
        ({"month": MONTHS, "day": DAYS}, ()),
        ({"year": YEARS, "month": NUMBERS}, ()),
        ({"year": NUMBERS, "month": MONTHS}, ()),
        ({"from": DATES, "until": DATES, "time": CLOCKS}, ()),
    ],
)
def test_the_parts_of_a_time_are_found(columns: dict[str, list[str]], found: tuple[int, ...]) -> None:
    """A date with a clock time or an hour; year and month, and a day and an hour where the larger parts are there."""
    table = Table("x.csv", tuple(columns), tuple(map(Cells.of, columns.values())), range(2, N + 2), 1)
    assert time_parts(table, ()) == found


def test_a_column_with_another_role_is_no_part() -> None:
    """The target may be a number of hours."""
    table = Table("x.csv", ("date", "hour"), (Cells.of(DATES), Cells.of(HOURS)), range(2, N + 2), 1)
    assert time_parts(table, ()) == (0, 1)
    assert time_parts(table, (1,)) == ()
