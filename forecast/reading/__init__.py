"""Disk → Panel: the only rooms that know column names, text and file formats."""

from forecast.reading.panel import read_panel

__all__ = ["read_panel"]
