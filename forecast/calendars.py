"""Frequency and calendar of a time column, and the real timestamps that come after it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Calendar:
    """Which timestamps exist. freq is a pandas offset alias; exchange an exchange code; zone an IANA time zone name."""

    freq: str
    weekmask: str = "1111111"
    exchange: str = ""
    zone: str = ""
