"""Competition: series whose next horizon was held back, forecast once and scored as the competition scored it.

What m4.py and tourism.py share: cutting to earlier windows, training once on the whole panel, and the mean of each
metric over series. Published figures are recomputed first, and a difference ends the run.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from records import Record, append_record, code_digest, find_record, markdown, read_records
from single import configuration

from forecast import Config, Forecaster, Panel
from forecast.metrics import coverage, mase, smape

Values = NDArray[np.float64]
RESULTS = Path(__file__).parent / "results"

COLUMNS = {
    "group": "group",
    "method": "method",
    "series": "series",
    "sMAPE": "smape:.3f",
    "MASE": "mase:.3f",
    "OWA": "owa:.3f",
    "in 80 %": "coverage_80:.1%",
    "in 95 %": "coverage_95:.1%",
    "train s": "train_seconds:.1f",
    "predict s": "predict_seconds:.1f",
    "steps": "steps",
}


@dataclass(frozen=True)
class Group:
    """Series of one frequency: a panel of what was known, actual [N, H] in its order, and the season of the metrics."""

    name: str
    panel: Panel
    actual: Values
    season_length: int

    @property
    def horizon(self) -> int:
        """Steps that are scored."""
        return int(self.actual.shape[1])

    @property
    def histories(self) -> list[Values]:
        """The known values of each series [T]."""
        return [series.values for series in self.panel.series]

    def back(self, n: int) -> Group:
        """The same task n horizons earlier: the windows to develop by. Series that are too short for it are left out.

        Left with no more than a season and a horizon, a series has neither a scale nor anything to learn from.
        """
        if n == 0:
            return self
        drop, least = n * self.horizon, self.season_length + self.horizon
        kept = tuple(s for s in self.panel.series if len(s) - drop > least)
        actual = [s.values[len(s) - drop : len(s) - drop + self.horizon] for s in kept]
        panel = replace(self.panel, series=kept).drop_last(drop)
        return replace(self, panel=panel, actual=np.stack(actual))

    def limited(self, n: int | None) -> Group:
        """n of the series, evenly spread; all of them without a number."""
        if n is None or n >= len(self.panel):
            return self
        at = np.linspace(0, len(self.panel) - 1, n).round().astype(int)
        panel = replace(self.panel, series=tuple(self.panel.series[i] for i in at))
        return replace(self, panel=panel, actual=self.actual[at])


def point_scores(group: Group, forecasts: Values) -> dict[str, float]:
    """sMAPE and MASE of forecasts [N, H], each the mean over series of the mean over steps."""
    rows = list(zip(group.actual, forecasts, group.histories, strict=True))
    return {
        "smape": float(np.mean([smape(a, f) for a, f, _ in rows])),
        "mase": float(np.mean([mase(a, f, h, group.season_length) for a, f, h in rows])),
    }


def owa(scores: Mapping[str, float], of_naive2: Mapping[str, float]) -> float:
    """The overall weighted average of M4: the mean of sMAPE and MASE, each relative to that of Naive2."""
    return (scores["smape"] / of_naive2["smape"] + scores["mase"] / of_naive2["mase"]) / 2


def model_scores(group: Group, config: Config, prior_alone: bool = False) -> dict[str, float]:
    """Our model's figures: trained once on the panel, or the prior as it comes.

    Scored on the median, with the intervals' realised coverage.
    """
    config = replace(config, model=replace(config.model, horizon=group.horizon))
    begun = time.perf_counter()
    forecaster = (Forecaster.of_prior if prior_alone else Forecaster.fit)(group.panel, config)
    trained = time.perf_counter()
    forecast = forecaster.predict(group.panel)
    predicted = time.perf_counter()
    quantiles = np.stack([item.quantiles for item in forecast.items])  # [N, H, Q]

    def at(level: float) -> Values:
        return np.stack(forecast.quantile(level))

    assert quantiles.shape[:2] == group.actual.shape
    return {
        **point_scores(group, at(0.5)),
        "coverage_80": float(coverage(group.actual, at(0.1), at(0.9)).mean()),
        "coverage_95": float(coverage(group.actual, at(0.025), at(0.975)).mean()),
        "train_seconds": trained - begun,
        "predict_seconds": predicted - trained,
        "steps": forecaster.steps,
    }


def check_published(what: str, found: float, published: float, places: int) -> None:
    """Nothing, or the end of the run when a figure is not the published one to its last place.

    Figures were rounded by different people: half a unit of the last place and a little is allowed.
    """
    if not abs(found - published) <= 0.5001 * 10**-places:
        raise SystemExit(f"the protocol is not the published one: {what} is {found:.{places + 2}f}, not {published}")


def parser(description: str | None, groups: Iterable[str], output: str) -> argparse.ArgumentParser:
    """Options that both competitions have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are, in this folder or below it")
    parser.add_argument("--only", default=",".join(groups), help="groups, separated by commas (default: %(default)s)")
    parser.add_argument(
        "--back", type=int, default=0, metavar="N", help="drop the last N horizons of the training part: to develop by"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only N of the series, evenly spread")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting to try")
    parser.add_argument("--prior-alone", action="store_true", help="train nothing: the prior as it comes")
    parser.add_argument("--no-model", action="store_true", help="only the baselines, and whether they are as published")
    parser.add_argument("--again", action="store_true", help="measure again what is in the CSV already")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.csv",
        help=f"the CSV to continue, with a .md beside it (default: results/{output}, or results/cache/{output} "
        "with --back, --limit or --set)",
    )
    parser.set_defaults(csv=output)
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options; what is measured to develop by does not go where the figures for the record are."""
    options = parser.parse_args()
    options.method = "prior alone" if options.prior_alone else "forecast"
    options.developing = bool(options.back or options.limit or options.set)
    options.output = options.output or RESULTS / ("cache" if options.developing else "") / options.csv
    return options


def chosen(only: str, known: Iterable[str]) -> list[str]:
    """The groups that --only names. Exits on an unknown one."""
    known = list(known)
    names = [name.strip().lower() for name in only.split(",")]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"unknown group {unknown[0]!r}; known: {', '.join(known)}")
    return names


def model_record(group: Group, of_naive2: Mapping[str, float] | None, options: argparse.Namespace) -> Record:
    """Our model's row for a group: found in the CSV, or measured and added to it."""
    settings = " ".join(options.set)
    key = {
        "group": group.name,
        "method": options.method,
        "settings": settings,
        "back": options.back,
        "limit": options.limit or "",
        "code": code_digest(),
    }
    if not options.again and (found := find_record(read_records(options.output), key)):
        return found
    scores = model_scores(group, configuration(options.set), options.prior_alone)
    points = {
        "series": len(group.panel),
        "smape": scores.pop("smape"),
        "mase": scores.pop("mase"),
    }
    relative = {"owa": "" if of_naive2 is None else owa(points, of_naive2)}
    cores = {"cores": os.cpu_count()}
    return append_record(options.output, {**key, **points, **relative, **scores, **cores})


def write_table(records: Sequence[Mapping[str, object]], notes: Sequence[str], options: argparse.Namespace) -> None:
    """Print the table and its notes; the default measurement is also written beside the CSV."""
    columns = COLUMNS if any(r.get("owa") not in ("", None) for r in records) else _without_owa()
    settings = f"Settings: {' '.join(options.set) or 'defaults'}; {os.cpu_count()} cores."
    back = f" {options.back} horizons before the official windows: not comparable with published figures."
    table = "\n".join([settings + (back if options.back else ""), "", markdown(records, columns), *notes, ""])
    print(table)
    if not (options.developing or options.no_model):
        name = f"{options.output.stem}-prior.md" if options.prior_alone else f"{options.output.stem}.md"
        options.output.with_name(name).write_text(table, encoding="utf-8")


def _without_owa() -> dict[str, str]:
    return {heading: name for heading, name in COLUMNS.items() if heading != "OWA"}
