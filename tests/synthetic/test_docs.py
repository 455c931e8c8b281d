"""docs/synthetic.md tells the shares that the code has, all of them, and shows what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forecast.synthetic import FAMILIES, Family
from forecast.synthetic.clock import WEEK_WEIGHTS
from forecast.synthetic.counts import COUNT_WEIGHTS
from forecast.synthetic.disturbances import DISTURBANCE_SHARES
from forecast.synthetic.gaps import GAP_SHARES, SHORT_SHARE
from forecast.synthetic.kernels import KERNEL_WEIGHTS
from forecast.synthetic.noises import NOISE_WEIGHTS
from forecast.synthetic.profiles import PROFILE_WEIGHTS
from forecast.synthetic.seasons import SEASON_WEIGHTS
from forecast.synthetic.series import SHARES
from forecast.synthetic.trends import TREND_WEIGHTS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "synthetic.md").read_text(encoding="utf-8")
#: The heading of each table's first column, and what its rows say.
TABLES = {
    "part": SHARES,
    "trend": TREND_WEIGHTS,
    "profile": PROFILE_WEIGHTS,
    "season": SEASON_WEIGHTS,
    "week": WEEK_WEIGHTS,
    "noise": NOISE_WEIGHTS,
    "kernel": KERNEL_WEIGHTS,
    "count": COUNT_WEIGHTS,
    "disturbance": DISTURBANCE_SHARES,
    "gap": GAP_SHARES,
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column has that heading."""
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


@pytest.mark.parametrize("heading", TABLES)
def test_the_tables_have_the_shares_of_the_code(heading: str) -> None:
    """In its order, to the percent."""
    shown = {row[0].strip("`"): float(re.match(r"(\d+) %", row[1])[1]) / 100 for row in rows(heading)}
    assert shown == pytest.approx(TABLES[heading])
    assert list(shown) == list(TABLES[heading])


def test_the_table_of_families_is_that_of_the_code() -> None:
    """Names, seasons, horizons, weights and shares."""
    shown = [
        Family(
            name.strip("`"),
            tuple(map(int, seasons.split(", "))),
            tuple(map(int, horizons.split(", "))),
            float(weight),
            float(short.rstrip(" %")) / 100,
            float(growing.rstrip(" %")) / 100,
        )
        for name, seasons, horizons, weight, short, growing in rows("family")
    ]
    assert shown == list(FAMILIES.values())


def test_the_share_of_short_series_is_told() -> None:
    """In a sentence."""
    assert f"{SHORT_SHARE:.0%}".replace("%", " % of the series are short") in PAGE


def test_the_pictures_are_there_and_small() -> None:
    """All of them are shown, and none has more than 150 kB."""
    shown = {DOCS / path for path in re.findall(r"\]\((pictures/[^)]+)\)", PAGE)}
    assert shown == set((DOCS / "pictures").glob("synthetic-*.png"))
    assert all(0 < path.stat().st_size < 150_000 for path in shown)
