"""Makes the clean sample files: prices, energy, sales, sales_plan and weather. Invented data on real calendars.

python sample_data/make.py [FOLDER]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

STORES = ("Aarhus", "Bergen", "Cork", "Delft", "Evora", "Fulda", "Ghent", "Haarlem", "Imola", "Jena", "Kaunas", "Lugo")
ZONE = ZoneInfo("Europe/Berlin")
#: How much of its daily peak a country uses in each hour of a working day, from midnight on.
WORKING_DAY = (62, 59, 57, 57, 59, 66, 78, 90, 96, 98, 99, 100, 99, 97, 95, 93, 92, 94, 97, 98, 94, 87, 79, 70)
#: What the sky is, and how often each follows each of them from one day to the next, in winter and in summer.
SKIES = ("cloud", "rain", "sun")
WINTER = ((0.64, 0.26, 0.10), (0.24, 0.70, 0.06), (0.22, 0.06, 0.72))
SUMMER = ((0.50, 0.20, 0.30), (0.28, 0.56, 0.16), (0.12, 0.04, 0.84))
#: What of it remains from Monday to Sunday.
WEEK = (0.98, 1.0, 1.0, 1.0, 0.99, 0.87, 0.80)


def sample_files() -> dict[str, str]:
    """The text of every file by its name."""
    return {
        "prices.csv": prices(),
        "energy.csv": energy(),
        "sales.csv": sales(),
        "sales_plan.csv": sales_plan(),
        "weather.csv": weather(),
    }


def prices() -> str:
    """Five years of a share on the sessions of New York: a random walk whose volatility comes in clusters."""
    rng = np.random.default_rng(20190102)
    sessions = exchange_calendars.get_calendar("XNYS", start="2019-01-01", end="2023-12-31").sessions
    volatility, price, lines = 0.015, 50.0, []
    for session in sessions:
        opened = price * np.exp(0.3 * volatility * rng.standard_normal())
        shock = rng.standard_normal()
        price = opened * np.exp(0.0004 + 0.95 * volatility * shock)
        low, high = np.array([-1, 1]) * np.abs(rng.standard_normal(2)) * 0.4 * volatility
        ends = (opened, max(opened, price) * np.exp(high), min(opened, price) * np.exp(low), price)
        volume = int(8e5 * np.exp(25 * volatility + 0.35 * abs(shock) + 0.25 * rng.standard_normal()))
        lines.append(",".join([f"{session:%Y-%m-%d}", *(f"{value:.2f}" for value in ends), str(volume)]))
        # GARCH(1, 1): a wild day is followed by wild days.
        volatility = np.sqrt(4e-6 + volatility**2 * (0.08 * shock**2 + 0.90))
    return _table("Date,Open,High,Low,Close,Volume", lines)


def energy() -> str:
    """Fourteen months of a country's hourly load by its wall clock: no 02:00 in spring, two of them in autumn."""
    rng = np.random.default_rng(20230201)
    start, end = datetime(2023, 2, 1, tzinfo=ZONE), datetime(2024, 4, 15, tzinfo=ZONE)
    hours = (end.astimezone(timezone.utc) - start.astimezone(timezone.utc)) // timedelta(hours=1)
    clock = [(start.astimezone(timezone.utc) + timedelta(hours=n)).astimezone(ZONE) for n in range(hours)]
    day_of_year = np.array([moment.timetuple().tm_yday + moment.hour / 24 for moment in clock])
    hour = np.array([moment.hour for moment in clock])
    year = np.cos(2 * np.pi * (day_of_year - 20) / 365.25)
    temperature = 10.5 - 9.5 * year + 3.5 * np.cos(2 * np.pi * (hour - 15) / 24)
    temperature += _drifting(rng, hours, 0.99, 0.45)
    # Smooth over seven hours: no country jumps into its weekend at midnight.
    week = np.pad([WEEK[moment.weekday()] for moment in clock], 3, mode="edge")
    load = 640 * np.array([WORKING_DAY[h] for h in hour]) * np.convolve(week, np.full(7, 1 / 7), mode="valid")
    load += 420 * np.maximum(15 - temperature, 0) + 650 * np.maximum(temperature - 22, 0)
    # Lamps: from late afternoon on in winter.
    load += 2_200 * np.maximum(year, 0) * ((hour >= 16) & (hour <= 21))
    load += _drifting(rng, hours, 0.9, 250) + 200 * rng.standard_normal(hours)
    return _table("time,load_mw", (f"{m:%Y-%m-%d %H:%M},{mw:.0f}" for m, mw in zip(clock, load, strict=True)))


def sales() -> str:
    """Two years of a product in a dozen stores: a week, a year, a trend, cheaper promotions, a few absent days."""
    rng = np.random.default_rng(20220101)
    days = [date(2022, 1, 1) + timedelta(days=n) for n in range(730)]
    weekday = np.array([day.weekday() for day in days])
    year = np.cos(2 * np.pi * (np.arange(730) - 200) / 365.25)
    lines: list[str] = []
    for store in STORES:
        level, trend = rng.uniform(40, 160), rng.uniform(-0.1, 0.25)
        week = np.array([0.85, 0.82, 0.88, 0.97, 1.20, 1.45, 0.83]) * rng.uniform(0.93, 1.07, 7)
        promoted = _campaigns(rng, len(days))
        price = np.round(rng.uniform(4.2, 5.2) + 0.25 * (np.arange(730) >= 400), 2)
        price = np.where(promoted, np.round(price * 0.8, 2), price)
        mean = level * week[weekday] * (1 + 0.15 * year) * (1 + trend * np.arange(730) / 365)
        mean *= np.exp(0.55 * promoted + _drifting(rng, len(days), 0.9, 0.03))
        # Poisson within a rate that varies by itself: counts scatter more than Poisson's do.
        units = rng.poisson(mean * rng.gamma(60, 1 / 60, len(days)))
        for n in np.flatnonzero(rng.random(len(days)) > 0.003):
            lines.append(f"{days[n]},{store},{units[n]},{price[n]:.2f},{int(promoted[n])}")
    return _table("date,store,units,price,promo", lines)


def sales_plan() -> str:
    """The thirty days after sales.csv: the price of every store and whether it is a promotion, as planned."""
    rng = np.random.default_rng(20240101)
    usual = {row[1]: float(row[3]) for line in sales().splitlines() if (row := line.split(","))[4] == "0"}
    lines = []
    for store in STORES:
        first, length = int(rng.integers(2, 18)), int(rng.integers(7, 15))
        for n in range(30):
            promoted = first <= n < first + length
            price = round(usual[store] * 0.8, 2) if promoted else usual[store]
            lines.append(f"{date(2024, 1, 1) + timedelta(days=n)},{store},{price:.2f},{int(promoted)}")
    return _table("date,store,price,promo", lines)


def weather() -> str:
    """Four years of days: the sky follows that of the day before, more sun in summer, and sun warms in summer only."""
    rng = np.random.default_rng(20200101)
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(1461)]
    drift, sky, lines = _drifting(rng, len(days), 0.8, 1.5), 0, []
    for day, own in zip(days, drift, strict=True):
        summer = (1 - np.cos(2 * np.pi * (day.timetuple().tm_yday - 20) / 365.25)) / 2
        shares = (1 - summer) * np.array(WINTER[sky]) + summer * np.array(SUMMER[sky])
        sky = int(np.searchsorted(shares.cumsum(), rng.random()))
        temperature = 1 + 17 * summer + own + (4 * summer - 1.5) * (SKIES[sky] == "sun")
        lines.append(f"{day},{temperature:.1f},{'yes' if SKIES[sky] == 'rain' else 'no'},{SKIES[sky]}")
    return _table("date,temp,rain,sky", lines)


def _campaigns(rng: np.random.Generator, length: int) -> NDArray[np.bool_]:
    """Promotions of one to two weeks, some six weeks apart."""
    promoted, start = np.zeros(length, dtype=bool), int(rng.integers(5, 40))
    while start < length:
        end = start + int(rng.integers(7, 15))
        promoted[start:end] = True
        start = end + int(rng.integers(25, 60))
    return promoted


def _drifting(rng: np.random.Generator, length: int, memory: float, scale: float) -> Values:
    """An autoregression [length]: each value is `memory` of the one before, and a shock of the scale."""
    shocks, values, value = scale * rng.standard_normal(length), np.zeros(length), 0.0
    for n, shock in enumerate(shocks):
        value = memory * value + shock
        values[n] = value
    return values


def _table(header: str, lines: Iterable[str]) -> str:
    return "\n".join([header, *lines]) + "\n"


def main(folder: Path) -> None:
    """Writes every file into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in sample_files().items():
        (folder / name).write_bytes(text.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
