"""The clean sample files are what their script writes, and have the quirks that they are there to show."""

import csv
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "sample_data"
FILES = ("prices.csv", "energy.csv", "sales.csv", "sales_plan.csv", "weather.csv")


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a sample file by column."""
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_script_writes_the_committed_bytes_again(tmp_path):
    """Whoever runs the script gets the very files."""
    subprocess.run([sys.executable, str(FOLDER / "make.py"), str(tmp_path)], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


@pytest.mark.parametrize("name", FILES)
def test_a_sample_file_is_small(name):
    """No clone of the project waits for its samples."""
    assert (FOLDER / name).stat().st_size < 300_000


def test_prices_stay_between_low_and_high():
    """Low is the least of the four prices and High the greatest; volumes are whole numbers."""
    for row in rows("prices.csv"):
        low, *ends, high = (float(row[name]) for name in ("Low", "Open", "Close", "High"))
        assert 0 < low <= min(ends) <= max(ends) <= high
        assert int(row["Volume"]) > 0


def test_prices_are_absent_on_holidays_only():
    """Five years of New York have 1,258 sessions: Monday to Friday, with Good Friday of 2023 among the closed days."""
    days = [row["Date"] for row in rows("prices.csv")]
    assert len(days) == 1258
    assert np.is_busday(np.array(days, dtype="datetime64[D]")).all()
    assert not {"2019-12-25", "2021-07-05", "2023-04-07"} & set(days)
    assert {"2019-12-24", "2021-07-06", "2023-04-10"} <= set(days)


def test_energy_follows_the_wall_clock():
    """02:00 is absent in both springs, doubled with different values in autumn, and every other hour is there once."""
    times = [row["time"] for row in rows("energy.csv")]
    counts = Counter(times)
    hours = np.unique(np.array(times, dtype="datetime64[h]"))
    absent = np.setdiff1d(np.arange(hours[0], hours[-1] + 1), hours)
    assert absent.astype(str).tolist() == ["2023-03-26T02", "2024-03-31T02"]
    assert [time for time, count in counts.items() if count > 1] == ["2023-10-29 02:00"]
    assert len({row["load_mw"] for row in rows("energy.csv") if row["time"] == "2023-10-29 02:00"}) == 2


def test_sales_lack_a_few_days_and_answer_promotions():
    """A dozen stores, each with some days absent between its first and last, sell more at a reduced price."""
    table = rows("sales.csv")
    stores = {row["store"] for row in table}
    assert len(stores) == 12
    assert 12 * 730 - 60 < len(table) < 12 * 730
    for store in stores:
        own = [row for row in table if row["store"] == store]
        assert all(before["date"] < after["date"] for before, after in pairwise(own))
        promoted, usual = ([row for row in own if row["promo"] == flag] for flag in "10")
        assert np.mean([int(row["units"]) for row in promoted]) > 1.3 * np.mean([int(row["units"]) for row in usual])
        assert max(float(row["price"]) for row in promoted) < min(float(row["price"]) for row in usual)


def test_the_plan_goes_on_where_the_sales_end():
    """Thirty days for each store, with a promotion in some, cheaper than the price that the sales ended with."""
    plan, sold = rows("sales_plan.csv"), rows("sales.csv")
    assert {row["date"] for row in plan} == {str(np.datetime64("2024-01-01") + n) for n in range(30)}
    for store in {row["store"] for row in sold}:
        own = [row for row in plan if row["store"] == store]
        assert len(own) == 30
        (usual,) = {float(row["price"]) for row in own if row["promo"] == "0"}
        (reduced,) = {float(row["price"]) for row in own if row["promo"] == "1"}
        assert (
            reduced < usual == [float(row["price"]) for row in sold if (row["store"], row["promo"]) == (store, "0")][-1]
        )


def test_weather_says_rain_where_the_sky_does():
    """Every day of four years, each sky on a fifth of the days at least, and more rain after rain than after sun."""
    table = rows("weather.csv")
    assert len(table) == 1461
    assert all((row["rain"] == "yes") == (row["sky"] == "rain") for row in table)
    skies = [row["sky"] for row in table]
    assert set(skies) == {"cloud", "rain", "sun"}
    assert all(skies.count(sky) > len(skies) / 5 for sky in set(skies))
    after = {sky: [new for old, new in pairwise(skies) if old == sky] for sky in set(skies)}
    assert after["rain"].count("rain") / len(after["rain"]) > 2 * after["sun"].count("rain") / len(after["sun"])
