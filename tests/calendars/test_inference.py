"""The calendar of a file is learnt from all its rows, gaps or not; what no calendar explains is an error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.calendars import Calendar, future_timestamps, grid, infer_calendar
from forecast.errors import ConfigError, DataError
from tests.calendars.examples import CALENDARS, start_of

MINUTE = np.timedelta64(1, "m")
DAY = np.timedelta64(1, "D")


def stamps(*texts: str) -> np.ndarray:
    """Timestamps in microseconds."""
    return np.array(texts, dtype="datetime64[us]")


def every(step: np.timedelta64, first: str, last: str) -> np.ndarray:
    """Timestamps from first to before last."""
    return np.arange(np.datetime64(first, "us"), np.datetime64(last, "us"), step)


def sessions(code: str, first: str, last: str) -> np.ndarray:
    """The sessions of an exchange between two of them."""
    return grid(Calendar("D", exchange=code), np.datetime64(first, "us"), np.datetime64(last, "us"))


def weekdays(first: str, last: str) -> np.ndarray:
    """Every Monday to Friday."""
    days = every(DAY, first, last)
    return days[np.is_busday(days.astype("datetime64[D]"))]


def example(calendar: Calendar) -> np.ndarray:
    """Rows of a calendar, as many as its own peculiarities need to show."""
    if calendar.zone:
        # Three springs.
        n = 3 * 366 * 86_400_000_000 // calendar.step.microseconds
    elif calendar.freq == "D":
        n = 700
    else:
        n = 40
    start = start_of(calendar)
    return np.concatenate([[start], future_timestamps(calendar, start, n)])


@pytest.mark.parametrize("calendar", CALENDARS, ids=str)
def test_a_calendar_is_learnt_from_its_own_timestamps(calendar):
    """The rows of any calendar lead to one with the same timestamps after them."""
    rows = example(calendar)
    found, evidence = infer_calendar([rows])
    assert np.array_equal(future_timestamps(found, rows[-1], 100), future_timestamps(calendar, rows[-1], 100))
    assert "\n" not in evidence
    if not calendar.day:
        assert infer_calendar([rows], freq=calendar.freq)[0] == found


@pytest.mark.parametrize("calendar", [c for c in CALENDARS if not (c.exchange or c.zone)], ids=str)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_absent_rows_do_not_change_the_calendar(calendar, data):
    """A file that lacks a few rows, wherever they are, is followed by the same timestamps as the whole one."""
    rows = example(calendar)
    few = len(rows) // 20 - 1
    absent = data.draw(st.sets(st.integers(1, len(rows) - 2), max_size=min(few, 4)))
    found = infer_calendar([np.delete(rows, list(absent))])[0]
    assert np.array_equal(future_timestamps(found, rows[-1], 20), future_timestamps(calendar, rows[-1], 20))


@pytest.mark.parametrize(
    ("rows", "calendar"),
    [
        (stamps("2024-01-01", "2024-01-02"), Calendar("D")),
        (stamps("2024-01-01", "2024-02-01"), Calendar("MS")),
        (stamps("2024-01-31", "2024-02-29", "2024-03-31"), Calendar("ME")),
        (stamps("2024-01-30", "2024-02-29", "2024-03-30"), Calendar("MS", day=30)),
        (stamps("2024-01-15", "2024-02-15", "2024-04-15"), Calendar("MS", day=15)),
        (stamps("2023-03-31", "2023-06-30", "2023-09-30"), Calendar("QE-DEC")),
        (stamps("2023-02-01", "2023-05-01", "2023-08-01"), Calendar("QS-FEB")),
        (stamps("2023-06-30", "2023-12-31", "2024-06-30"), Calendar("6ME")),
        (stamps("2022-06-30", "2023-06-30", "2024-06-30"), Calendar("YE-JUN")),
        (stamps("2022-03-15", "2023-03-15", "2024-03-15"), Calendar("YS-MAR", day=15)),
        (stamps("2000-01-01", "2010-01-01", "2020-01-01"), Calendar("120MS")),
        (stamps("2024-01-31T23:59:59", "2024-02-29T23:59:59"), Calendar("ME")),
        (every(DAY, "2024-01-01T08:00", "2024-02-01"), Calendar("D")),
        (every(7 * DAY, "2024-01-02", "2024-06-01"), Calendar("W-TUE")),
        (every(90 * MINUTE, "2024-01-01", "2024-01-05"), Calendar("90min")),
        (stamps("2024-01-05", "2024-01-08", "2024-01-09"), Calendar("D", weekmask="1111100")),
    ],
    ids=lambda value: str(value)[:60],
)
def test_small_files_are_read_as_a_person_would(rows, calendar):
    """The answers are known by looking at the dates."""
    assert infer_calendar([rows])[0] == calendar


def test_an_outage_does_not_change_the_calendar():
    """Four days without an hour, and two months without a session."""
    hours = every(60 * MINUTE, "2024-01-01", "2024-02-01")
    assert infer_calendar([np.delete(hours, np.s_[200:296])])[0] == Calendar("h")
    days = sessions("XNYS", "2019-01-02", "2022-12-30")
    outage = (days > np.datetime64("2020-03-01")) & (days < np.datetime64("2020-05-01"))
    assert infer_calendar([days[~outage]])[0] == Calendar("D", exchange="XNYS")


def test_all_series_decide_together():
    """Series that each lack most days show the days of the file between them, and a single row says nothing."""
    days = every(DAY, "2024-01-01", "2025-01-01")
    rng = np.random.default_rng(1)
    sparse = [np.sort(rng.choice(days, 60, replace=False)) for _ in range(40)]
    assert infer_calendar([*sparse, days[:1], days[:0]])[0] == Calendar("D")
    with pytest.raises(DataError, match="of 3"):
        infer_calendar(sparse[:1])


def test_series_out_of_phase_share_a_step():
    """One weekly series on Sundays and one on Mondays, one hourly series at :00 and one at :20."""
    weeks = [every(7 * DAY, "2024-01-07", "2024-12-31"), every(7 * DAY, "2024-01-08", "2024-12-31")]
    assert infer_calendar(weeks)[0] == Calendar("7D")
    hours = [every(60 * MINUTE, f"2024-01-01T00:{m}", "2024-02-01") for m in ("00", "20")]
    assert infer_calendar(hours)[0] == Calendar("h")
    quarters = [stamps("2023-01-01", "2023-04-01", "2023-07-01"), stamps("2023-02-01", "2023-05-01", "2023-08-01")]
    assert infer_calendar(quarters)[0] == Calendar("3MS")


@pytest.mark.parametrize(
    ("rows", "named", "hint"),
    [
        (np.union1d(every(10 * MINUTE, "2024-01-01", "2024-02-01"), stamps("2024-01-10T05:00:03")), "05:00:03", "h"),
        (
            np.concatenate(
                [every(60 * MINUTE, "2024-01-01", "2024-02-01"), every(60 * MINUTE, "2024-02-01T00:30", "2024-03-01")]
            ),
            "2024-02-01T00:30",
            "30min",
        ),
        (
            np.unique(stamps("2024-01-01") + np.random.default_rng(0).integers(0, 90_000, 3_000) * MINUTE),
            "irregular",
            "h",
        ),
        (stamps("1990-12-31", "1995-12-31", "1996-12-31", "2002-12-31"), "4 of 13", "YE-DEC"),
        (np.delete(every(DAY, "2024-01-01", "2025-01-01"), np.s_[50:330]), "of 366 days", "D"),
        (stamps("2024-01-01"), "single row", "D"),
        # Bars of ten minutes while an exchange is open.
        (np.add.outer(weekdays("2024-01-01", "2024-04-01"), np.arange(57, 96) * 10 * MINUTE).ravel(), "", "10min"),
    ],
)
def test_irregular_rows_are_an_error_that_names_the_option(rows, named, hint):
    """Where no rule explains the rows, the first odd one or the share of present ones is told, with --freq."""
    with pytest.raises(DataError) as caught:
        infer_calendar([rows])
    assert named in caught.value.message
    assert f"--freq {hint}" in str(caught.value.hint)


def test_no_rows_are_an_error():
    """Nothing can be said about nothing."""
    with pytest.raises(DataError, match="no timestamps"):
        infer_calendar([stamps()])


def test_a_step_that_the_hint_names_is_taken():
    """Following the hint of an irregular file leads to a calendar that has every row."""
    rows = every(60 * MINUTE, "2024-01-01", "2024-02-01")
    shifted = np.concatenate([rows, every(60 * MINUTE, "2024-02-01T00:30", "2024-03-01")])
    assert infer_calendar([shifted], freq="30min")[0] == Calendar("30min")


@pytest.mark.parametrize("length", [20, 130, 250, 700])
def test_prices_are_followed_by_the_sessions_of_new_york(length):
    """Cut anywhere, five years of sessions lead to those that came next; 5 December 2018 was a day of mourning."""
    days = sessions("XNYS", "2013-12-31", "2018-12-31")
    for start in range(0, len(days) - length - 30, 400):
        rows = days[start : start + length]
        found, evidence = infer_calendar([rows], price_like=True)
        assert found == Calendar("D", exchange="XNYS"), evidence
        assert np.array_equal(future_timestamps(found, rows[-1], 30), days[start + length : start + length + 30])


def test_the_evidence_for_an_exchange_counts_its_holidays():
    """2023 had 260 weekdays and 250 sessions in New York."""
    found, evidence = infer_calendar([sessions("XNYS", "2023-01-03", "2023-12-29")])
    assert found == Calendar("D", exchange="XNYS")
    # 2 January was a holiday as well, but lies before the first row.
    assert evidence == "exchange sessions XNYS: 250 rows match 250 sessions, 9 weekday holidays explained"


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [
        ("XLON", "2019-01-02", "2021-12-31"),
        ("XETR", "2019-01-02", "2021-12-30"),
        ("XTKS", "2019-01-04", "2021-12-30"),
        ("XHKG", "2019-01-02", "2021-12-31"),
        ("XBOM", "2019-01-01", "2021-12-31"),
        ("BVMF", "2019-01-02", "2021-12-30"),
        pytest.param("XMIL", "2019-01-02", "2021-12-30", marks=pytest.mark.slow),
    ],
)
def test_other_exchanges_are_found_by_their_holidays(code, first, last):
    """Three years lead to one exchange: not to Paris, which is open on nearly all of Milan's days."""
    assert infer_calendar([sessions(code, first, last)])[0] == Calendar("D", exchange=code)


@pytest.mark.parametrize("absent", [3, pytest.param(25, marks=pytest.mark.slow)])
def test_a_few_absent_sessions_are_missing_rows(absent):
    """A share of New York without some of its days is still one of New York, and the evidence says so."""
    days = sessions("XNYS", "2019-01-02", "2022-12-30")
    rows = np.delete(days, np.random.default_rng(5).choice(np.arange(1, 1000), absent, replace=False))
    found, evidence = infer_calendar([rows], price_like=True)
    assert found == Calendar("D", exchange="XNYS")
    assert f"{len(rows):,} rows are all among 1,008 sessions" in evidence


def test_equally_good_exchanges_are_told():
    """Easter is a holiday from London to Sydney: the first exchange is taken, the others are named."""
    found, evidence = infer_calendar([sessions("XETR", "2024-02-01", "2024-04-15")], price_like=True)
    assert found.exchange == "XLON"
    assert evidence.endswith(", a tie with XETR, XPAR, XASX, XSWX")


def test_rows_on_every_holiday_are_business_days():
    """A year of Mondays to Fridays without exception is no exchange's, whatever its columns are called."""
    rows = weekdays("2023-01-01", "2024-02-01")
    for price_like in (False, True):
        found, evidence = infer_calendar([rows], price_like=price_like)
        assert found == Calendar("D", weekmask="1111100")
        assert "holidays included" in evidence


def test_columns_decide_a_file_too_short_for_holidays():
    """Four weeks without a holiday are sessions when the columns are prices, and business days when not."""
    rows = weekdays("2024-04-01", "2024-04-27")
    assert infer_calendar([rows], price_like=True)[0] == Calendar("D", exchange="XNYS")
    assert infer_calendar([rows])[0] == Calendar("D", weekmask="1111100")


def test_business_days_may_lack_a_few_rows():
    """Two odd days without a row in a year are missing values, and the evidence says that no exchange explains them."""
    rows = np.delete(weekdays("2023-01-01", "2024-01-01"), [50, 133])
    found, evidence = infer_calendar([rows])
    assert found == Calendar("D", weekmask="1111100")
    assert "258 of 260 have a row" in evidence


@pytest.mark.slow
def test_holidays_that_no_exchange_has_are_an_error():
    """With a tenth of the weekdays absent, nobody knows which ones will be: the user has to say."""
    rows = weekdays("2021-01-01", "2024-01-01")
    rows = rows[np.random.default_rng(2).random(len(rows)) > 0.1]
    with pytest.raises(DataError, match="no exchange's holidays explain") as caught:
        infer_calendar([rows])
    assert caught.value.hint == "--calendar B"
    assert infer_calendar([rows], calendar="B")[0] == Calendar("D", weekmask="1111100")


def test_a_stray_weekend_row_is_named():
    """One Saturday among two hundred weekdays is a slip, not a seven-day week."""
    rows = np.union1d(weekdays("2024-01-02", "2024-10-01"), stamps("2024-05-04"))
    with pytest.raises(DataError, match="2024-05-04 is a Saturday") as caught:
        infer_calendar([rows])
    assert "--calendar daily" in str(caught.value.hint)
    assert infer_calendar([rows], calendar="daily")[0] == Calendar("D")


@pytest.mark.parametrize(
    ("rows", "options", "calendar"),
    [
        (every(10 * MINUTE, "2024-01-01", "2024-01-09"), {"freq": "5min"}, Calendar("5min")),
        (weekdays("2024-01-01", "2024-06-01"), {"freq": "B"}, Calendar("D", weekmask="1111100")),
        (weekdays("2024-01-01", "2024-06-01"), {"freq": "D"}, Calendar("D", weekmask="1111100")),
        (weekdays("2024-01-01", "2024-06-01"), {"freq": "D", "calendar": "daily"}, Calendar("D")),
        (weekdays("2024-04-02", "2024-04-27"), {"calendar": "XLON"}, Calendar("D", exchange="XLON")),
        (weekdays("2024-04-01", "2024-04-27"), {"calendar": "mon-sat"}, Calendar("D", weekmask="1111110")),
        (every(7 * DAY, "2024-01-02", "2024-06-01"), {"freq": "W"}, Calendar("W-TUE")),
        (every(7 * DAY, "2024-01-02", "2024-06-01"), {"freq": "D"}, Calendar("D")),
        (every(14 * DAY, "2024-01-02", "2024-06-01"), {"freq": "W-TUE"}, Calendar("W-TUE")),
        (stamps("2024-01-31", "2024-04-30"), {"freq": "M"}, Calendar("ME")),
        (stamps("2024-01-15", "2024-04-15"), {"freq": "Q"}, Calendar("QS-JAN", day=15)),
        (stamps("2000-01-01", "2010-01-01"), {"freq": "Y"}, Calendar("YS-JAN")),
        (stamps("2024-01-01"), {"freq": "h"}, Calendar("h")),
    ],
)
def test_an_option_decides_where_the_rows_allow_it(rows, options, calendar):
    """What the user says is taken when every row is on it, finer steps and absent rows included."""
    assert infer_calendar([rows], **options)[0] == calendar


@pytest.mark.parametrize(
    ("rows", "options", "named"),
    [
        (every(10 * MINUTE, "2024-01-01", "2024-01-09"), {"freq": "30min"}, "2024-01-01T00:10"),
        (every(DAY, "2024-01-01", "2024-02-01"), {"freq": "B"}, "2024-01-06"),
        (every(DAY, "2024-01-01", "2024-02-01"), {"freq": "W"}, "2024-01-02"),
        (every(7 * DAY, "2024-01-02", "2024-06-01"), {"freq": "W-SUN"}, "2024-01-02"),
        (stamps("2024-01-31", "2024-02-29"), {"freq": "MS"}, "2024-01-31"),
        (stamps("2024-01-01", "2024-02-01", "2024-03-05"), {"freq": "M"}, "2024-03-05"),
        (stamps("2023-03-31", "2023-06-30"), {"freq": "QE-NOV"}, "2023-03-31"),
        (weekdays("2024-01-02", "2024-02-01"), {"calendar": "XNYS"}, "2024-01-15"),
        (every(60 * MINUTE, "2024-01-01", "2024-01-05"), {"calendar": "daily"}, "2024-01-01T01:00"),
    ],
)
def test_an_option_that_contradicts_the_rows_names_the_first_of_them(rows, options, named):
    """Exit 3 with the first timestamp that is not on the calendar asked for."""
    with pytest.raises(DataError, match=f"^{named} is not on the calendar"):
        infer_calendar([rows], **options)


def test_an_option_is_checked_before_the_rows():
    """A word that means nothing is an error of usage, also for a file that is an error itself."""
    with pytest.raises(ConfigError, match="fortnight"):
        infer_calendar([stamps()], freq="fortnight")


def test_a_date_years_away_from_all_others_is_an_error_and_not_a_crash() -> None:
    """One mistyped year in daily rows leaves no weekday on which most weeks have a row."""
    days = np.datetime64("2024-01-01", "us") + np.arange(300) * np.timedelta64(1, "D")
    mistyped = np.sort(np.where(days == np.datetime64("2024-05-05"), np.datetime64("2042-05-05", "us"), days))
    with pytest.raises(DataError, match="300 of"):
        infer_calendar([mistyped])
