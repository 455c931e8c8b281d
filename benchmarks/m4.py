"""M4 Weekly and Hourly, scored as the competition was: sMAPE, MASE and OWA over all series of a frequency.

Our model is trained once on the training part of all series, with default options and through the Python API, and
forecasts the 13 weeks or 48 hours that follow. The files have no times: every series is given weekly or hourly ones
that begin together, so the season is the calendar's, and what the calendar says besides means nothing. Naive, sNaive
and Naive2 are recomputed first and must equal the competition's own figures (Mcompetitions/M4-methods, "Evaluation and
Ranks.xlsx"), or the run ends.

    python benchmarks/m4.py FOLDER [--only weekly,hourly] [--back N] [--limit N] [--set model.cell=gru]
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from competition import (
    Group,
    Values,
    check_published,
    chosen,
    model_record,
    owa,
    parsed,
    parser,
    point_scores,
    write_table,
)

from forecast import Panel
from forecast.calendars import future_timestamps, infer_calendar
from forecast.panel import Columns, Series

#: Season of the metrics, horizon, and the first two times that stand in for those the files do not have.
GROUPS = {
    "weekly": (1, 13, ("1970-01-04", "1970-01-11")),
    "hourly": (24, 48, ("2000-01-01T00", "2000-01-01T01")),
}
#: sMAPE and MASE of the competition's benchmarks.
PUBLISHED = {
    "weekly": {"Naive": (9.161, 2.777), "sNaive": (9.161, 2.777), "Naive2": (9.161, 2.777)},
    "hourly": {"Naive": (43.003, 11.608), "sNaive": (13.912, 1.193), "Naive2": (18.383, 2.395)},
}
#: The winner, and the lowest OWA of the sixty entries and benchmarks: sMAPE, MASE, OWA.
ENTRIES = {
    "weekly": {"ES-RNN (published)": (7.817, 2.356, 0.851), "best of 60 (published)": (6.726, 2.133, 0.751)},
    "hourly": {"ES-RNN (published)": (9.328, 0.893, 0.440), "best of 60 (published)": (8.913, 0.801, 0.410)},
}
#: Of a normal distribution, for the 90 % test of M4's Naive2.
_CRITICAL = 1.645


def main() -> None:
    """Prove the protocol, measure the groups that are asked for and print the table."""
    options = parsed(parser(__doc__, GROUPS, "m4.csv"))
    rows: list[dict[str, object]] = []
    for name in chosen(options.only, GROUPS):
        official = read_group(options.folder, name)
        prove(official)
        group = official.back(options.back).limited(options.limit)
        scores = {method: point_scores(group, forecasts(group, method)) for method in BASELINES}
        for method, found in scores.items():
            relative = owa(found, scores["Naive2"])
            rows.append({"group": name, "method": method, "series": len(group.panel), **found, "owa": relative})
        if group is official:
            for method, (smape, mase, relative) in ENTRIES[name].items():
                rows.append({"group": name, "method": method, "smape": smape, "mase": mase, "owa": relative})
        if not options.no_model:
            rows.append({**model_record(group, scores["Naive2"], options), "method": f"**{options.method}**"})
    proof = "Naive, sNaive and Naive2 on the official windows equal the published figures to three places."
    write_table(rows, [proof], options)


def read_group(folder: Path, name: str) -> Group:
    """The official task of a frequency, from the competition's two files."""
    season_length, horizon, first_two = GROUPS[name]
    known, actual = (_read(next(folder.rglob(f"{name.title()}-{part}.csv"))) for part in ("train", "test"))
    start = np.array(first_two, "datetime64[us]")
    calendar, _ = infer_calendar([start])
    longest = max(len(values) for values in known.values())
    stamps = np.concatenate([start, future_timestamps(calendar, start[-1], longest - 2)])
    series = tuple(Series((item,), "value", stamps[: len(values)], values) for item, values in known.items())
    panel = Panel(series, calendar, Columns("time", ("value",), ("series",)))
    return Group(name, panel, np.stack([actual[item][:horizon] for item in known]), season_length)


def prove(group: Group) -> None:
    """Exits unless the benchmarks on the official windows are as published."""
    for method, (smape, mase) in PUBLISHED[group.name].items():
        found = point_scores(group, forecasts(group, method))
        check_published(f"sMAPE of {method} on {group.name}", found["smape"], smape, 3)
        check_published(f"MASE of {method} on {group.name}", found["mase"], mase, 3)


def forecasts(group: Group, method: str) -> Values:
    """A benchmark's forecasts of every series [N, H]."""
    return np.stack([BASELINES[method](h, group.season_length, group.horizon) for h in group.histories])


def naive(history: Values, season_length: int, horizon: int) -> Values:  # noqa: ARG001
    """The last value."""
    return np.full(horizon, history[-1])


def seasonal_naive(history: Values, season_length: int, horizon: int) -> Values:
    """The last season again and again."""
    return np.resize(history[-season_length:], horizon)


def naive2(history: Values, season_length: int, horizon: int) -> Values:
    """The last value, seasonally adjusted where a test says that there is a season (M4 competitor's guide)."""
    if not has_season(history, season_length):
        return naive(history, season_length, horizon)
    indices = seasonal_indices(history, season_length)
    positions = np.arange(len(history) - 1, len(history) + horizon) % season_length
    return np.asarray(history[-1] / indices[positions[0]] * indices[positions[1:]])


def has_season(history: Values, season_length: int) -> bool:
    """Whether the autocorrelation [at the season's lag] passes Bartlett's limit at 90 %; never below three seasons."""
    n = len(history)
    if season_length == 1 or n < 3 * season_length:
        return False
    centred = history - history.mean()
    lags = range(1, season_length + 1)
    correlations = np.array([(centred[lag:] * centred[:-lag]).sum() for lag in lags]) / (centred**2).sum()
    limit = _CRITICAL * np.sqrt((1 + 2 * (correlations[:-1] ** 2).sum()) / n)
    return bool(abs(correlations[-1]) > limit)


def seasonal_indices(history: Values, season_length: int) -> Values:
    """What each position of an even season, counted from the first value, is multiplied by [season_length].

    Classical decomposition: ratios to a centred moving average, averaged by position, with mean one.
    """
    half = season_length // 2
    weights = np.r_[0.5, np.ones(season_length - 1), 0.5] / season_length
    ratios = np.full(len(history), np.nan)
    ratios[half:-half] = history[half:-half] / np.convolve(history, weights, "valid")
    means = np.array([np.nanmean(ratios[position::season_length]) for position in range(season_length)])
    return np.asarray(means / means.mean())


BASELINES: dict[str, Callable[[Values, int, int], Values]] = {
    "Naive": naive,
    "sNaive": seasonal_naive,
    "Naive2": naive2,
}


def _read(path: Path) -> dict[str, Values]:
    """Name → values [T] of a wide file: a line a series, blank or NA after its end."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    return {name: np.array([float(cell) for cell in cells if cell not in ("", "NA")]) for name, *cells in lines}


if __name__ == "__main__":
    main()
