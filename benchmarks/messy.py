"""Does the reader find in real files what a reading written by hand for each of them finds?

    python benchmarks/messy.py FOLDER

For every file of the table below that lies in the folder or under it: the options it needs, how it is read, and
whether all values and timestamps equal those of an independent reading with pandas, which knows that one file.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from forecast.cli.settings import resolve
from forecast.config import Config
from forecast.errors import ForecastError
from forecast.panel import Panel
from forecast.reading import read_panel

#: Columns item, time and value; what is missing is left out.
Frame = pd.DataFrame


class File(NamedTuple):
    """The options that a file needs, and how a script for this one file reads it."""

    options: str
    by_hand: Callable[[Path], Frame]


def column(time: str, target: str, *ids: str, **how: object) -> Callable[[Path], Frame]:
    """A file that pandas reads as it is, but for the arguments in `how`; the times are those of one format."""

    def read(path: Path) -> Frame:
        date_format = how.get("date_format")
        frame = pd.read_csv(path, **{key: value for key, value in how.items() if key != "date_format"})
        return long(frame, pd.to_datetime(frame[time], format=date_format), frame[target], *ids)

    return read


def long(frame: Frame, times: pd.Series, values: pd.Series, *ids: str) -> Frame:
    """Times without a zone, values without gaps, and one name for each item."""
    if times.dt.tz is not None:
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    item = frame[list(ids)].astype(str).agg(" / ".join, axis=1) if ids else ""
    return pd.DataFrame({"item": item, "time": times.astype("datetime64[us]"), "value": values.astype(float)}).dropna()


def air_quality(path: Path) -> Frame:
    """Semicolons, decimal commas, -200 for missing, date and time apart, empty columns and rows at the end."""
    frame = pd.read_csv(path, sep=";", decimal=",", na_values=[-200]).dropna(how="all")
    times = pd.to_datetime(frame["Date"] + " " + frame["Time"], format="%d/%m/%Y %H.%M.%S")
    return long(frame, times, frame["CO(GT)"])


def sunspots(path: Path) -> Frame:
    """No header, -1 for missing, the date in three columns."""
    frame = pd.read_csv(path, header=None, na_values=["-1"], skipinitialspace=True)
    times = pd.to_datetime(pd.DataFrame({"year": frame[0], "month": frame[1], "day": frame[2]}))
    return long(frame, times, frame[4].where(frame[4] >= 0))


def wind(path: Path) -> Frame:
    """A row for each day, a column for each quarter of an hour."""
    frame = pd.read_csv(path, encoding="utf-8-sig").melt(id_vars="Date")
    return long(
        frame, pd.to_datetime(frame["Date"] + " " + frame["variable"], format="%d/%m/%Y %H:%M:%S"), frame["value"]
    )


def household_debt(path: Path) -> Frame:
    """Years in quotes; a country with fewer than three of them is no series."""
    frame = pd.read_csv(path, encoding="utf-8-sig", dtype={"TIME": str})
    frame = frame.groupby("LOCATION").filter(lambda part: len(part) >= 3)
    return long(frame, pd.to_datetime(frame["TIME"], format="%Y"), frame["Value"], "LOCATION")


def hours_of_the_east(path: Path) -> Frame:
    """Of an hour that comes twice in autumn the first row counts."""
    frame = pd.read_csv(path).drop_duplicates("Datetime")
    return long(frame, pd.to_datetime(frame["Datetime"]), frame["AEP_MW"])


FILES: dict[str, File] = {
    "307-train-data.csv": File("--target load", column("Unnamed: 0", "load")),
    "AirQualityUCI.csv": File('--target "CO(GT)" --na -200', air_quality),
    "SN_d_tot_V2.0.csv": File(
        "--names year,month,day,fraction,spots,sd,n,final --time year,month,day --target spots --na -1", sunspots
    ),
    "de_tso_wind_50Hertz.csv": File("", wind),
    "eurofxref-hist.csv": File("--target JPY --na N/A", column("Date", "JPY")),
    "example_air_passengers.csv": File("", column("ds", "y")),
    "example_yosemite_temps.csv": File("", column("ds", "y")),
    "forecast_data_missing_4_days.csv": File("--target load", column("Unnamed: 0", "load")),
    "oecd_HHDEBT.csv": File("", household_debt),
    "AAPL.csv": File("", column("Date", "Close")),
    "AEP_hourly.csv": File("", hours_of_the_east),
    "AirPassengers.csv": File("", column("Month", "#Passengers")),
    "ausbeer.csv": File("", column("date", "Y")),
    "australia_tourism.csv": File("", column("date_time", "Trips", "Region", "State", "Purpose")),
    "bitcoin.csv": File("", column("date", "close")),
    "daily-min-temperatures.csv": File("", column("Date", "Temp")),
    "daily-total-female-births.csv": File("", column("Date", "Births")),
    "day.csv": File("", column("dteday", "cnt")),
    "example_wp_log_peyton_manning.csv": File("", column("ds", "y")),
    "exchange_rate.csv": File("", column("date", "OT", date_format="%Y/%m/%d %H:%M")),
    "h2o.csv": File("", column("fecha", "x")),
    "monthly-milk.csv": File("", column("Month", "Pounds per cow")),
    "monthly-sunspots.csv": File("", column("Month", "Sunspots")),
    "monthly_champagne_sales.csv": File("", column("Month", "Sales")),
    "national_illness.csv": File("", column("date", "OT")),
    "nordic_merch_sales.csv": File("", column("timestamp", "target", "segment")),
    "taxi_new_york_passengers.csv": File("", column("time", "#Passengers")),
    "vic_electricity.csv": File("", column("Time", "Demand")),
    "walmart_mini.csv": File("--target Weekly_Sales --id Store,Dept", column("Date", "Weekly_Sales", "Store", "Dept")),
}


def main() -> int:
    """Prints a line for each file, and returns 1 when one is refused or differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="the name of one file")
    parser.add_argument("--notes", action="store_true", help="print what the reader says of each file")
    options = parser.parse_args()
    paths = {
        path.name: path
        for path in sorted(options.folder.rglob("*"))
        if path.name in ([options.only] if options.only else FILES)
    }
    if not paths:
        parser.error(f"none of the {len(FILES)} files lies under {options.folder}")
    row = "{:34} {:>8} {:>6}  {:19}  {:19}  {:5}  {:>6}  {}"
    print(row.format("file", "rows", "series", "first", "last", "equal", "s", "options"))
    good = True
    for name in (name for name in FILES if name in paths):
        start = time.perf_counter()
        try:
            panel = read(paths[name], FILES[name].options)
        except ForecastError as error:
            good = False
            print(f"{name:34} REFUSED {error.message.splitlines()[0]}  hint: {error.hint}")
            continue
        seconds = time.perf_counter() - start
        equal = observed(panel) == expected(FILES[name].by_hand(paths[name]))
        good &= equal
        rows, ends = f"{panel.n_rows:,}", [str(end)[:19] for end in (panel.first, panel.last)]
        print(
            row.format(name, rows, len(panel), *ends, "yes" if equal else "NO", f"{seconds:.2f}", FILES[name].options)
        )
        if options.notes:
            print("".join(f"    {note}\n" for note in panel.notes), end="")
    return int(not good)


def read(path: Path, line: str) -> Panel:
    """The panel in a file, with options as they are typed."""
    words = shlex.split(line)
    given = dict(zip((word[2:].replace("-", "_") for word in words[::2]), words[1::2], strict=True))
    config: Config = resolve(Config, given)
    return read_panel(path, config.data, config.read)


def observed(panel: Panel) -> dict[str, dict[datetime, float]]:
    """Every value of the panel by item and time."""
    found = {}
    for series in panel.series:
        seen = ~np.isnan(series.values)
        found[" / ".join(series.item_id)] = dict(
            zip(series.timestamps[seen].tolist(), series.values[seen].tolist(), strict=True)
        )
    return found


def expected(frame: Frame) -> dict[str, dict[datetime, float]]:
    """Every value of the frame by item and time; a time that comes twice is a fault of the reading by hand."""
    assert not frame.duplicated(["item", "time"]).any()
    return {
        str(item): dict(zip(part["time"].dt.to_pydatetime(), part["value"].tolist(), strict=True))
        for item, part in frame.groupby("item")
    }


if __name__ == "__main__":
    sys.exit(main())
