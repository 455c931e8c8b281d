"""Calendars of every kind there is, and a timestamp that each of them has."""

import numpy as np

from forecast.calendars import Calendar, future_timestamps
from forecast.calendars.calendar import MONTHS, WEEKDAYS

TICKS = ("100ms", "s", "15s", "min", "5min", "10min", "15min", "30min", "h", "2h", "6h", "7h", "12h", "D", "2D", "10D")
MASKS = ("1111100", "1111110", "1111001", "1010100", "0101000", "0111110")

CALENDARS = (
    *(Calendar(freq) for freq in TICKS),
    *(Calendar("D", weekmask=mask) for mask in MASKS),
    *(Calendar("D", exchange=code) for code in ("XNYS", "XLON", "XTKS")),
    *(Calendar(f"W-{day}") for day in WEEKDAYS),
    Calendar("2W-SUN"),
    *(Calendar(freq) for freq in ("MS", "ME", "2MS", "2ME", "6MS", "6ME")),
    *(Calendar("MS", day=day) for day in (2, 15, 28, 29, 30)),
    *(Calendar(f"QS-{month}") for month in MONTHS[:3]),
    *(Calendar(f"QE-{month}") for month in MONTHS[9:]),
    Calendar("QS-FEB", day=15),
    *(Calendar(f"Y{edge}-{month}") for edge in "SE" for month in MONTHS),
    Calendar("YS-MAR", day=15),
    Calendar("h", zone="Europe/Berlin"),
    Calendar("h", zone="America/New_York", label="end"),
    Calendar("15min", zone="Australia/Sydney"),
    Calendar("30min", zone="Europe/Berlin", label="end"),
)


def start_of(calendar: Calendar) -> np.datetime64:
    """A timestamp of the calendar in early 2019, at midnight for all that steps by days or longer."""
    return np.datetime64(future_timestamps(calendar, np.datetime64("2019-01-30T00:00", "us"), 1)[0])
