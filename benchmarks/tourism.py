"""The Tourism competition, monthly, quarterly and yearly: mean MASE over all series, as its authors have it.

The files are read as a person's own are. Our model is trained once on the training part of all series, with default
options, and forecasts the 24 months, 8 quarters or 4 years that follow. (Seasonal) naive forecasts are recomputed
first and must equal the MAPE and MASE of their row in the reproduction of the competition (ellisp/Tcomp-r-package), or
the run ends.

    python benchmarks/tourism.py FOLDER [--only monthly,quarterly,yearly] [--back N] [--limit N]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from competition import Group, Values, check_published, chosen, model_record, parsed, parser, point_scores, write_table

from forecast import read_panel
from forecast.config import DataConfig
from forecast.panel import Known

#: Season of the metrics, and horizon.
GROUPS = {"monthly": (12, 24), "quarterly": (4, 8), "yearly": (1, 4)}
#: MAPE and MASE of seasonal naive forecasts (of naive ones for years).
PUBLISHED = {"monthly": (22.56, 1.63), "quarterly": (16.46, 1.70), "yearly": (23.61, 3.01)}
#: MASE of the methods with the lowest.
ENTRIES = {
    "monthly": {"ETS (published)": 1.54, "ARIMA (published)": 1.60},
    "quarterly": {"ETS (published)": 1.59, "ARIMA (published)": 1.60},
    "yearly": {"Theta (published)": 2.73, "ETS (published)": 3.00},
}


def main() -> None:
    """Prove the protocol, measure the groups that are asked for and print the table."""
    options = parsed(parser(__doc__, GROUPS, "tourism.csv"))
    rows: list[dict[str, object]] = []
    for name in chosen(options.only, GROUPS):
        official = read_group(options.folder, name)
        prove(official)
        group = official.back(options.back).limited(options.limit)
        found = point_scores(group, seasonal_naive(group))
        rows.append({"group": name, "method": "seasonal naive", "series": len(group.panel), **found})
        if group is official:
            rows += [{"group": name, "method": method, "mase": mase} for method, mase in ENTRIES[name].items()]
        if not options.no_model:
            rows.append({**model_record(group, None, options), "method": f"**{options.method}**"})
    proof = "Seasonal naive forecasts of the official windows equal the published MAPE and MASE to two places."
    write_table(rows, [proof], options)


def read_group(folder: Path, name: str) -> Group:
    """The official task of a frequency, from its two files. Exits when their times do not follow each other."""
    season_length, horizon = GROUPS[name]
    columns = DataConfig(time=("ds",), target=("y",), id=("unique_id",))
    training, test = (next(folder.rglob(f"tourism_{name}_{part}.csv")) for part in ("train", "test"))
    known = read_panel(training, columns)
    after = read_panel(test, known=Known(known.columns, known.calendar))
    actual = {series.item_id: series for series in after.series}
    for series in known.series:
        following = actual[series.item_id]
        if len(following) != horizon or following.timestamps[0] <= series.timestamps[-1]:
            raise SystemExit(f"{series.name}: {horizon} steps after the training part are needed")
    return Group(name, known, np.stack([actual[series.item_id].values for series in known.series]), season_length)


def prove(group: Group) -> None:
    """Exits unless seasonal naive on the official windows is as published."""
    mape, mase = PUBLISHED[group.name]
    forecasts = seasonal_naive(group)
    found = float((100 * np.abs((group.actual - forecasts) / group.actual)).mean(1).mean())
    check_published(f"MAPE of seasonal naive on {group.name}", found, mape, 2)
    check_published(f"MASE of seasonal naive on {group.name}", point_scores(group, forecasts)["mase"], mase, 2)


def seasonal_naive(group: Group) -> Values:
    """The last season of every series again and again [N, H]."""
    return np.stack([np.resize(history[-group.season_length :], group.horizon) for history in group.histories])


if __name__ == "__main__":
    main()
