"""A Calendar survives JSON, refuses what it does not know, and says what it is."""

import json
from zoneinfo import available_timezones

import exchange_calendars
import pytest

from forecast.calendars import Calendar, describe, season_lengths
from forecast.calendars.clocks import ZONES
from forecast.calendars.exchanges import EXCHANGES
from forecast.errors import CheckpointError, ConfigError
from tests.calendars.examples import CALENDARS

HOSTILE = [
    None,
    [],
    "D",
    {},
    {"freq": None},
    {"freq": ["D"]},
    {"freq": 1},
    {"freq": ""},
    {"freq": "d"},
    {"freq": "B"},
    {"freq": "1h"},
    {"freq": "0h"},
    {"freq": "-1h"},
    {"freq": "h\n"},
    {"freq": "\u0663\u0660min"},
    {"freq": "W"},
    {"freq": "W-sun"},
    {"freq": "QS"},
    {"freq": "2QS-JAN"},
    {"freq": "99999999999999999D"},
    {"freq": "9" * 5000 + "h"},
    {"freq": "__import__('os')"},
    {"freq": "D", "weekmask": "1111100 "},
    {"freq": "D", "weekmask": "0000000"},
    {"freq": "D", "weekmask": 1111100},
    {"freq": "D", "weekmask": "Mon Tue"},
    {"freq": "h", "weekmask": "1111100"},
    {"freq": "D", "exchange": "XXXX"},
    {"freq": "D", "exchange": "xnys"},
    {"freq": "D", "exchange": "24/7"},
    {"freq": "W-SUN", "exchange": "XNYS"},
    {"freq": "D", "exchange": "XNYS", "weekmask": "1111100"},
    {"freq": "h", "zone": "../../../etc/passwd"},
    {"freq": "h", "zone": "/etc/localtime"},
    {"freq": "h", "zone": "Mars/Olympus"},
    {"freq": "D", "zone": "Europe/Berlin"},
    {"freq": "2h", "zone": "Europe/Berlin"},
    {"freq": "h", "zone": "Europe/Berlin", "label": "middle"},
    {"freq": "h", "zone": "Europe/Berlin", "label": ""},
    {"freq": "h", "label": "end"},
    {"freq": "MS", "day": True},
    {"freq": "MS", "day": "15"},
    {"freq": "MS", "day": 15.0},
    {"freq": "MS", "day": 1},
    {"freq": "MS", "day": 31},
    {"freq": "MS", "day": -1},
    {"freq": "MS", "day": 10**30},
    {"freq": "ME", "day": 15},
    {"freq": "D", "day": 15},
    {"freq": "D", "season": 7},
    {"freq": "D", "\x1b[31m": 7},
    {"freq": "D", 7: 7},
]


@pytest.mark.parametrize("calendar", CALENDARS, ids=str)
def test_json_gives_the_calendar_back(calendar):
    """Only plain values go out, and they come back as the same calendar."""
    assert Calendar.from_dict(json.loads(json.dumps(calendar.to_dict()))) == calendar


@pytest.mark.parametrize("values", HOSTILE, ids=lambda values: repr(values)[:40])
def test_hostile_values_are_refused_in_one_short_line(values):
    """A model file may say anything: what is not a calendar of ours ends in a CheckpointError that is safe to print."""
    with pytest.raises(CheckpointError) as caught:
        Calendar.from_dict(values)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


def test_a_wrong_calendar_cannot_be_made_in_code_either():
    """The checks stand in front of every calendar, wherever it comes from."""
    with pytest.raises(ConfigError, match="fortnight"):
        Calendar("fortnight")


def test_every_exchange_and_zone_that_may_be_named_exists():
    """The lists of what is allowed name nothing that the libraries do not know, and leave no exchange out."""
    known = exchange_calendars.get_calendar_names(include_aliases=False)
    assert sorted(EXCHANGES) == sorted(set(known) - {"24/5", "24/7", "us_futures"})
    assert set(ZONES) <= available_timezones()


@pytest.mark.parametrize(
    ("calendar", "seasons"),
    [
        (Calendar("100ms"), (10, 600)),
        (Calendar("s"), (60, 3600)),
        (Calendar("min"), (60, 1440)),
        (Calendar("5min"), (288, 2016)),
        (Calendar("15min"), (96, 672)),
        (Calendar("30min"), (48, 336)),
        (Calendar("h"), (24, 168)),
        (Calendar("6h"), (4, 28)),
        (Calendar("7h"), (24,)),
        (Calendar("D"), (7, 365)),
        (Calendar("D", weekmask="1111100"), (5, 261)),
        (Calendar("D", weekmask="1111110"), (6, 313)),
        (Calendar("D", weekmask="0000001"), (52,)),
        (Calendar("D", exchange="XNYS"), (5, 252)),
        (Calendar("7D"), (52,)),
        (Calendar("10D"), ()),
        (Calendar("W-SUN"), (52,)),
        (Calendar("2W-SUN"), (26,)),
        (Calendar("MS"), (12,)),
        (Calendar("ME"), (12,)),
        (Calendar("2MS"), (6,)),
        (Calendar("5MS"), ()),
        (Calendar("QS-JAN"), (4,)),
        (Calendar("6ME"), (2,)),
        (Calendar("YE-JUN"), ()),
        (Calendar("120MS"), ()),
    ],
    ids=str,
)
def test_seasons_are_the_cycles_of_clock_and_calendar(calendar, seasons):
    """Hours, days, weeks and years in steps, shortest first; a cycle that is no whole number of steps is no season."""
    assert season_lengths(calendar) == seasons


@pytest.mark.parametrize(
    ("calendar", "text"),
    [
        (Calendar("min"), "every minute"),
        (Calendar("30min"), "every 30 minutes"),
        (Calendar("h"), "hourly"),
        (Calendar("h", zone="Europe/Berlin"), "hourly, by the clocks of Europe/Berlin"),
        (Calendar("D"), "daily"),
        (Calendar("10D"), "every 10 days"),
        (Calendar("D", weekmask="1111100"), "business days (Mon-Fri)"),
        (Calendar("D", weekmask="1111110"), "daily, Mon-Sat only"),
        (Calendar("D", weekmask="1111001"), "daily, Sun-Thu only"),
        (Calendar("D", weekmask="1010100"), "daily, Mon, Wed, Fri only"),
        (Calendar("D", exchange="XNYS"), "exchange sessions (XNYS)"),
        (Calendar("W-TUE"), "weekly, Tuesday"),
        (Calendar("2W-SUN"), "every 2 weeks, Sunday"),
        (Calendar("MS"), "monthly, first day"),
        (Calendar("ME"), "monthly, last day"),
        (Calendar("MS", day=15), "monthly, day 15"),
        (Calendar("6ME"), "every 6 months, last day"),
        (Calendar("QS-OCT"), "quarterly, first day of Jan, Apr, Jul, Oct"),
        (Calendar("QE-NOV"), "quarterly, last day of Feb, May, Aug, Nov"),
        (Calendar("YS-MAR", day=15), "yearly, day 15 of Mar"),
    ],
    ids=str,
)
def test_a_calendar_is_described_as_a_person_would(calendar, text):
    """The words that `forecast check` prints."""
    assert describe(calendar) == text
