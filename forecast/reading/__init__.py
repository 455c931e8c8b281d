"""Disk → Panel: the only rooms that know column names, text and file formats."""

from forecast.reading.inspection import ColumnRole, Reading, inspect_file
from forecast.reading.panel import read_panel

__all__ = ["ColumnRole", "Reading", "inspect_file", "read_panel"]
