"""Features: columns that follow from a name and a timestamp alone."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from forecast.calendars import Calendar
from forecast.errors import ConfigError, DataError
from forecast.features import (
    FEATURES,
    check_features,
    choose_features,
    choose_holidays,
    feature_names,
    feature_values,
    holiday_notes,
)

DAILY, HOURLY, MONTHLY = Calendar("D"), Calendar("h"), Calendar("MS")


def stamps(first: str, last: str, step: str = "1D") -> NDArray[np.datetime64]:
    """From first to last, the last one included."""
    number, unit = int(step[:-1]), step[-1]
    start, end = (np.datetime64(day, "us") for day in (first, last))
    return np.arange(start, end + 1, np.timedelta64(number, unit))


def column(name: str, times: NDArray[np.datetime64], calendar: Calendar = DAILY, timezone: str = "") -> list[float]:
    """The values of a feature of one column."""
    return [float(value) for value in feature_values((name,), times, calendar, timezone)[:, 0]]


def days_with(name: str, times: NDArray[np.datetime64]) -> list[str]:
    """The days on which a column is 1."""
    found = feature_values((name,), times, DAILY)[:, 0]
    assert set(found) <= {0.0, 1.0}
    return [str(day) for day in times[found == 1].astype("datetime64[D]")]


def test_easter_is_where_the_moon_puts_it() -> None:
    """Easter Sunday was 2024-03-31 and 2025-04-20; Germany keeps the Friday before and the Monday after."""
    times = stamps("2024-01-01", "2025-12-31")
    assert days_with("holiday DE: Good Friday", times) == ["2024-03-29", "2025-04-18"]
    assert days_with("holiday DE: Easter Monday", times) == ["2024-04-01", "2025-04-21"]


def test_a_year_of_german_holidays_is_known_by_heart() -> None:
    """The nine days on which all of Germany rests, in a year in which Ascension Day is not the first of May."""
    assert days_with("holiday DE", stamps("2024-01-01", "2024-12-31")) == [
        *("2024-01-01", "2024-03-29", "2024-04-01", "2024-05-01", "2024-05-09", "2024-05-20"),
        *("2024-10-03", "2024-12-25", "2024-12-26"),
    ]


def test_a_part_of_a_country_has_holidays_of_its_own() -> None:
    """Bavaria keeps Epiphany, Berlin does not; Berlin keeps the eighth of March."""
    times = stamps("2024-01-02", "2024-03-20")
    assert days_with("holiday DE-BY", times) == ["2024-01-06"]
    assert days_with("holiday DE-BE", times) == ["2024-03-08"]


def test_the_days_around_holidays_are_no_holidays() -> None:
    """Christmas Eve comes before, the 27th after; the 26th, between, is a holiday itself."""
    times = stamps("2024-12-20", "2024-12-30")
    assert days_with("day before holiday DE", times) == ["2024-12-24"]
    assert days_with("day after holiday DE", times) == ["2024-12-27"]


def test_the_day_before_new_year_is_seen_from_the_old_year() -> None:
    """The neighbour of a day may lie in another year than all rows."""
    assert days_with("day before holiday DE", stamps("2023-12-30", "2023-12-31")) == ["2023-12-31"]
    assert days_with("day after holiday US", stamps("2024-12-26", "2024-12-27")) == ["2024-12-26"]


def test_a_day_off_in_stead_of_a_holiday_bears_its_name() -> None:
    """The fourth of July 2021 was a Sunday, and the Monday was observed."""
    times = stamps("2021-07-01", "2021-07-10")
    assert days_with("holiday US: Independence Day", times) == ["2021-07-04", "2021-07-05"]


def test_every_hour_of_a_holiday_is_one_by_the_local_clock() -> None:
    """In UTC, Christmas Day in New York lasts from 5 o'clock to 5 o'clock."""
    times = stamps("2023-12-24T00", "2023-12-27T00", "1h")
    held = times[feature_values(("holiday US: Christmas Day",), times, HOURLY, "America/New_York")[:, 0] == 1]
    assert [str(t) for t in held[[0, -1]].astype("datetime64[h]")] == ["2023-12-25T05", "2023-12-26T04"]
    assert len(held) == 24


def test_the_local_hour_moves_when_the_clocks_change() -> None:
    """Berlin is one hour ahead of UTC in winter and two in summer: 11:00 and 10:00 UTC are both noon."""
    winter, summer = (np.array([text], "datetime64[us]") for text in ("2024-01-15T11:00", "2024-07-15T10:00"))
    noon = feature_values(("time-of-day",), np.array(["2024-01-15T12:00"], "datetime64[us]"), HOURLY)
    for moment in (winter, summer):
        assert np.allclose(feature_values(("time-of-day",), moment, HOURLY, "Europe/Berlin"), noon)


def test_weekdays_begin_with_monday() -> None:
    """2024-02-26 was a Monday, and 2024 had a 29th of February, a Thursday."""
    week = feature_values(("weekday",), stamps("2024-02-26", "2024-03-03"), DAILY)
    assert np.array_equal(week, np.eye(7))
    assert feature_names(("weekday",))[3] == "weekday Thursday"


def test_midnight_at_the_end_of_a_step_belongs_to_the_day_before() -> None:
    """A stamp that names the end of its hour: Monday 00:00 is the last hour of Sunday."""
    calendar = Calendar("h", zone="Europe/Berlin", label="end")
    monday = np.array(["2024-02-26T00:00"], "datetime64[us]")
    assert feature_values(("weekday",), monday, calendar)[0].tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_the_last_day_of_a_month_is_found_in_leap_years_too() -> None:
    """February ends on the 29th in 2024 and on the 28th in 2023."""
    for last, next_day in (("2024-02-29", "2024-03-01"), ("2023-02-28", "2023-03-01")):
        ends = feature_values(("day-of-month",), stamps(last, next_day), DAILY)[:, -2:]
        assert ends.tolist() == [[0, 1], [1, 0]]


def test_the_year_turns_without_a_jump() -> None:
    """The waves of the last day of a year, leap or not, are next to those of the first day of the next."""
    for year in (2023, 2024):
        waves = feature_values(("time-of-year",), stamps(f"{year}-12-31", f"{year + 1}-01-01"), DAILY)
        assert np.abs(np.diff(waves, axis=0)).max() < 3 * 2 * np.pi / 365 + 1e-9


def test_months_count_their_holidays_and_working_days() -> None:
    """March 2024 had Good Friday among 21 weekdays; April Easter Monday among 22; May had three and 23."""
    times = np.array(["2024-03-01", "2024-04-01", "2024-05-01"], "datetime64[us]")
    assert column("holidays DE, 1 month from", times, MONTHLY) == [1, 1, 3]
    assert column("working days DE, 1 month from", times, MONTHLY) == [(n - 21) / 2 for n in (20, 21, 20)]


def test_quarters_count_on_their_own_side_of_the_stamp() -> None:
    """The second quarter of 2024 had four German holidays, whether its first or its last day names it."""
    first, last = np.array(["2024-04-01"], "datetime64[us]"), np.array(["2024-06-30"], "datetime64[us]")
    assert column("holidays DE, 3 months from", first, Calendar("QS-JAN")) == [4]
    assert column("holidays DE, 3 months to", last, Calendar("QE-DEC")) == [4]
    history = stamps("2015-03-31", "2024-12-31")
    chosen = choose_holidays(("DE",), Calendar("QE-DEC"), [history])
    assert chosen == ("holidays DE, 3 months to", "working days DE, 3 months to")


def test_weeks_count_holidays_before_and_after_their_stamp() -> None:
    """Up to Sunday 2024-12-22 there is none in seven days, from it there are two; a week later, it turns."""
    times = stamps("2024-12-22", "2024-12-29", "7D")
    weekly = Calendar("W-SUN")
    assert column("holidays DE, 7 days to", times, weekly) == [0, 2]
    assert column("holidays DE, 7 days from", times, weekly) == [2, 1]
    chosen = choose_holidays(("DE",), weekly, [stamps("2020-01-05", "2024-12-29", "7D")])
    assert chosen == ("holidays DE, 7 days to", "holidays DE, 7 days from")


def test_working_days_follow_the_weekend_of_the_country() -> None:
    """January 2024 had 23 days from Monday to Friday and 22 from Sunday to Thursday, without a holiday in Israel."""
    january = np.array(["2024-01-01"], "datetime64[us]")
    assert column("working days IL, 1 month from", january, MONTHLY) == [(22 + 1 - 21) / 2]


def test_what_never_occurs_gets_no_column() -> None:
    """Between February and June there is no Christmas, and on an exchange's days no holiday of its own."""
    # Washington's Birthday, Memorial Day, Juneteenth.
    chosen = choose_holidays(("US",), DAILY, [stamps("2024-02-01", "2024-06-30")])
    assert chosen == ("holiday US", "day before holiday US", "day after holiday US")
    days = stamps("2022-01-03", "2024-12-31")
    christmas = [f"{year}-12-25" for year in (2022, 2023, 2024)]
    chosen = choose_holidays(("US",), DAILY, [days[~np.isin(days.astype("datetime64[D]").astype(str), christmas)]])
    assert "holiday US: Christmas Day" not in chosen
    assert "holiday US: Memorial Day" in chosen


def test_a_holiday_gets_a_column_when_it_occurs_in_two_years() -> None:
    """From summer to summer, Christmas occurs once: its two days are no two Christmases."""
    once = choose_holidays(("DE",), DAILY, [stamps("2023-07-01", "2024-06-30")])
    twice = choose_holidays(("DE",), DAILY, [stamps("2023-07-01", "2025-06-30")])
    assert "holiday DE: Christmas Day" not in once
    assert "holiday DE: Christmas Day" in twice


def test_nothing_is_learnt_of_holidays_from_two_of_them() -> None:
    """A spring with two holidays gets no column, by days or by hours, and one with three does."""
    for step, calendar in (("1D", DAILY), ("1h", HOURLY)):
        assert choose_holidays(("US",), calendar, [stamps("2024-02-01", "2024-06-10", step)]) == ()
        assert "holiday US" in choose_holidays(("US",), calendar, [stamps("2024-02-01", "2024-06-25", step)])


def test_columns_are_chosen_from_all_series_together() -> None:
    """One series has one Christmas, another the next."""
    parts = [stamps("2022-12-01", "2022-12-31"), stamps("2023-12-01", "2023-12-31")]
    assert "holiday DE: Christmas Day" not in choose_holidays(("DE",), DAILY, parts[:1])
    assert "holiday DE: Christmas Day" in choose_holidays(("DE",), DAILY, parts)
    assert choose_holidays(("DE",), DAILY, []) == ()


def test_years_say_nothing_of_holidays() -> None:
    """Every year has them all."""
    history = np.array([f"{year}-01-01" for year in range(2000, 2020)], "datetime64[us]")
    assert choose_holidays(("DE",), Calendar("YS-JAN"), [history]) == ()


@pytest.mark.parametrize(
    ("calendar", "first", "last", "chosen"),
    [
        (HOURLY, "2020-01-01", "2024-01-01", ("time-of-day", "weekend-time-of-day", "weekday", "time-of-year")),
        (HOURLY, "2020-01-01", "2020-03-01", ("time-of-day", "weekend-time-of-day", "weekday")),
        (HOURLY, "2020-01-01", "2020-01-04", ("time-of-day",)),
        (DAILY, "2020-01-01", "2021-06-01", ("weekday",)),
        (DAILY, "2020-01-01", "2022-06-01", ("weekday", "time-of-year")),
        (Calendar("D", exchange="XNYS"), "2020-01-02", "2020-12-31", ("weekday",)),
        (Calendar("D", weekmask="1000000"), "2020-01-06", "2020-12-28", ()),
        (Calendar("W-SUN"), "2020-01-05", "2020-12-27", ()),
        (Calendar("W-SUN"), "2020-01-05", "2022-12-25", ("time-of-year",)),
        (MONTHLY, "2000-01-01", "2020-01-01", ()),
        (Calendar("QE-DEC"), "2000-03-31", "2020-12-31", ()),
        (Calendar("YS-JAN"), "2000-01-01", "2020-01-01", ()),
    ],
)
def test_frequency_and_span_suggest_features(
    calendar: Calendar, first: str, last: str, chosen: tuple[str, ...]
) -> None:
    """The time of day within days, the weekday within weeks, the time of year once two years have been seen."""
    assert choose_features(calendar, np.datetime64(first, "us"), np.datetime64(last, "us")) == chosen


@pytest.mark.parametrize("name", FEATURES)
def test_each_feature_is_small_finite_and_named(name: str) -> None:
    """Columns are around -1 to 1, as many as there are names, and no two names are alike."""
    values = feature_values((name,), stamps("1999-12-25", "2024-03-05", "7h"), HOURLY)
    names = feature_names((name,))
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 2
    assert values.shape[1] == len(names) == len(set(names))


def test_names_and_columns_are_as_many() -> None:
    """Over several features and holidays, also for no rows at all."""
    chosen = ("weekday", "holiday DE", "holiday DE: Good Friday", "time-of-year")
    times = stamps("2024-01-01", "2024-12-31")
    assert feature_values(chosen, times, DAILY).shape == (366, len(feature_names(chosen)))
    assert feature_values(chosen, times[:0], DAILY).shape == (0, len(feature_names(chosen)))
    assert feature_values((), times, DAILY).shape == (366, 0)


def test_a_value_depends_on_its_own_timestamp_and_nothing_else() -> None:
    """The same rows come out of a long column, out of short ones, and in any order."""
    times = stamps("2022-11-01", "2024-02-01")
    chosen = (*FEATURES, *choose_holidays(("DE-BY", "US"), DAILY, [times]))
    whole = feature_values(chosen, times, DAILY)
    for begin, end in pairwise(range(0, len(times), 19)):
        assert np.array_equal(feature_values(chosen, times[begin:end], DAILY), whole[begin:end])
    assert np.array_equal(feature_values(chosen, times[::-1], DAILY), whole[::-1])


def test_unknown_names_are_refused_with_a_suggestion() -> None:
    """A user's slip, and a name that no column can have."""
    with pytest.raises(ConfigError, match="unknown feature 'week-day'") as raised:
        check_features(("time-of-year", "week-day"))
    assert "weekday" in str(raised.value.hint)
    for name in ("holidays DE", "holiday DE, 7 days to", "holiday", "holiday de", "holidays DE: X, 7 days to", ""):
        with pytest.raises(ConfigError, match="unknown feature"):
            feature_names((name,))


def test_none_stands_alone() -> None:
    """It means no features, which others beside it contradict."""
    assert check_features(("none",)) == ()
    assert check_features(("weekday", "weekday")) == ("weekday",)
    with pytest.raises(ConfigError, match="none stands alone"):
        check_features(("none", "weekday"))


@pytest.mark.parametrize(
    ("country", "hint"),
    [
        ("Germany", "did you mean DE?"),
        ("USA", "did you mean US?"),
        ("de-bayern", "did you mean DE-BY?"),
        ("UK", "did you mean GB?"),
        ("Swizerland", "CH"),
        ("XX", "countries have two letters"),
        ("US-CAL", "US-CA"),
        ("JP-13", "--holidays JP"),
    ],
)
def test_an_unknown_country_is_refused_with_a_suggestion(country: str, hint: str) -> None:
    """By its name, by three letters, by the name of its part."""
    with pytest.raises(ConfigError) as raised:
        choose_holidays((country,), DAILY, [stamps("2024-01-01", "2024-12-31")])
    assert hint in str(raised.value.hint)


def test_a_country_is_known_in_small_letters_and_counts_once() -> None:
    """The columns bear its code."""
    history = [stamps("2024-01-01", "2024-12-31")]
    assert choose_holidays(("de-by", "DE-BY"), DAILY, history) == choose_holidays(("DE-BY",), DAILY, history)


def test_a_holiday_that_the_package_has_under_another_name_is_an_error() -> None:
    """A column of zeros would be wrong without a word."""
    with pytest.raises(DataError, match="no holiday of DE is called 'Day of Reason'"):
        feature_values(("holiday DE: Day of Reason",), stamps("2024-01-01", "2024-12-31"), DAILY)
    # One that is past for good is no error: it was kept once, in 2017, by all of Germany.
    assert sum(column("holiday DE: Reformation Day", stamps("2020-01-01", "2020-12-31"))) == 0


def test_a_country_that_does_not_exist_has_no_columns() -> None:
    """Its name is well formed, and nothing is known of it."""
    assert feature_names(("holiday ZZ",)) == ("holiday ZZ",)
    with pytest.raises(ConfigError, match="no holidays are known for 'ZZ'"):
        feature_values(("holiday ZZ",), stamps("2024-01-01", "2024-01-05"), DAILY)


def test_years_that_the_package_does_not_know_are_refused() -> None:
    """No holiday in a whole century would be wrong without a word."""
    with pytest.raises(DataError, match="known until 2100, not until 2150"):
        feature_values(("holiday DE",), stamps("2150-01-01", "2150-01-05"), DAILY)


def test_years_before_the_package_begins_are_told() -> None:
    """Germany's holidays begin with its unity in the package; a history from 1981 hears of it."""
    chosen = ("weekday", "holiday DE", "day after holiday DE", "holiday US")
    (note,) = holiday_notes(chosen, np.datetime64("1981-01-01"))
    assert note.startswith("holidays of DE are known from 199")
    assert sum(column("holiday DE", stamps("1981-01-01", "1981-12-31"))) == 0
    assert holiday_notes(chosen, np.datetime64("2000-01-01")) == ()


def test_without_the_package_the_hint_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features of the calendar need nothing; holidays say what to install."""
    monkeypatch.setitem(sys.modules, "holidays", None)
    times = stamps("2024-01-01", "2024-12-31")
    assert feature_values(("weekday",), times, DAILY).shape == (366, 7)
    # A model file can be looked at without it.
    assert feature_names(("holiday DE",)) == ("holiday DE",)
    with pytest.raises(ConfigError) as raised:
        choose_holidays(("DE",), DAILY, [times])
    assert raised.value.hint == 'pip install "forecast[holidays]"'


def test_holiday_names_do_not_depend_on_the_machines_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that was trained under one language setting must find its columns under another."""
    history = [stamps("2013-01-01", "2015-12-31")]
    monkeypatch.setenv("LANGUAGE", "de")
    assert "holiday AT: Easter Monday" in choose_holidays(("AT",), DAILY, history)
