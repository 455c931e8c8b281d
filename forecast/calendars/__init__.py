"""Frequency and calendar of a time column, and the real timestamps that come after it."""

from forecast.calendars.calendar import Calendar, describe, season_lengths
from forecast.calendars.clocks import clock_change_zone
from forecast.calendars.grids import first_off_calendar, future_timestamps, grid
from forecast.calendars.inference import infer_calendar

__all__ = [
    "Calendar",
    "clock_change_zone",
    "describe",
    "first_off_calendar",
    "future_timestamps",
    "grid",
    "infer_calendar",
    "season_lengths",
]
