"""diagnose(): what the values of a panel show before anything is trained, each finding with the option that settles it.

It looks and counts and changes nothing; what a finding leads to when it is left stands with its code in `reading`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.calendars import season_lengths
from forecast.panel import Panel, Series
from forecast.periods import Season, find_seasons
from forecast.reading.problems import shown
from forecast.reading.sentinels import sentinels
from forecast.scaling import prefers_log
from forecast.timeformat import format_times

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

#: Series whose values are looked at one by one, at most; what is counted is counted over all of them.
_MOST_EXAMINED = 200
#: Values that an examined series needs.
_FEWEST_VALUES = 30
#: A gap of fewer steps is never called long.
_SHORTEST_GAP = 30
#: A run of fewer equal values is never called flat.
_SHORTEST_RUN = 12
#: How many times the usual distance from its neighbours makes a value an outlier.
_FAR = 12.0
_MOST_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed: a code of WARNINGS, a sentence, and the options that settle it, if any do."""

    code: str
    text: str
    flag: str = ""


@dataclass(frozen=True)
class Gap:
    """Steps without a value, one after the other."""

    series: str
    first: str
    last: str
    steps: int


@dataclass(frozen=True)
class Diagnosis:
    """What was counted over all series, and what the examined ones showed. Lengths and gaps are in steps."""

    n_series: int
    n_examined: int
    shortest: int
    median: int
    longest: int
    n_values: int
    n_missing: int
    n_gaps: int
    longest_gaps: tuple[Gap, ...]
    seasons: tuple[Season, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Runs:
    """Stretches of the concatenated series: the series each lies in, its first step there and its length, all [N]."""

    owner: Numbers
    start: Numbers
    length: Numbers

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, which: Numbers) -> _Runs:
        """Some of the stretches, in that order."""
        return _Runs(self.owner[which], self.start[which], self.length[which])


def diagnose(panel: Panel) -> Diagnosis:
    """The Diagnosis of a panel. Counts are of all series; outliers, seasons and chance are looked for in a sample."""
    lengths = np.array([len(s) for s in panel.series])
    values = np.concatenate([s.values for s in panel.series])
    owner = np.repeat(np.arange(len(panel)), lengths)
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    gaps = _runs(np.isnan(values), owner, begins)
    seasonal = season_lengths(panel.calendar)
    examined = panel.series[:: -(-len(panel) // _MOST_EXAMINED)]
    long_gaps = _long_gaps(panel, gaps, max(_SHORTEST_GAP, 4 * seasonal[0] if seasonal else 0))
    short, constants = _short(panel, lengths, seasonal), _constants(panel, values, begins)
    if panel.states:
        # Codes are no amounts: of the sizes of their changes nothing can be said.
        seasons, findings = find_seasons(_indicators(examined), seasonal), [*long_gaps, *constants, *short]
    else:
        logs = [_in_logs(s, seasonal[0] if seasonal else 1) for s in examined]
        seasons = find_seasons(logs, seasonal)
        findings = [
            *_marks(panel),
            *long_gaps,
            *constants,
            *_flat(panel, values, owner, begins),
            *_outliers(panel, examined, logs, next((s.length for s in seasons if s.visible), 1)),
            *_zeros(panel, values, owner),
            *_other_season(seasons),
            *short,
            *_chance(logs, seasons),
        ]
    return Diagnosis(
        n_series=len(panel),
        n_examined=len(examined),
        shortest=int(lengths.min()),
        median=int(np.median(lengths)),
        longest=int(lengths.max()),
        n_values=int((~np.isnan(values)).sum()),
        n_missing=int(np.isnan(values).sum()),
        n_gaps=len(gaps),
        longest_gaps=tuple(
            _gap(panel, gaps, i) for i in np.argsort(-gaps.length, kind="stable")[:_MOST_NAMED].tolist()
        ),
        seasons=seasons,
        findings=tuple(findings),
    )


def _runs(mask: NDArray[np.bool_], owner: Numbers, begins: Numbers) -> _Runs:
    """The stretches [N] where the mask [T] holds, none of which goes from one series into the next."""
    inside = np.concatenate([[False], mask, [False]])
    edges = np.diff(inside.astype(np.int8))
    first, after = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    # Series begin and end with a value, so a stretch without one stays within its series; of others the caller sees to.
    owners = owner[first] if len(first) else np.empty(0, dtype=np.int64)
    return _Runs(owners, first - begins[owners], after - first)


def _gap(panel: Panel, gaps: _Runs, i: int) -> Gap:
    series, start, length = panel.series[int(gaps.owner[i])], int(gaps.start[i]), int(gaps.length[i])
    return Gap(series.name, _time(panel, series, start), _time(panel, series, start + length - 1), length)


def _time(panel: Panel, series: Series, step: int) -> str:
    return format_times(series.timestamps[step : step + 1], panel.columns.time_format, panel.columns.timezone)[0]


def _where(panel: Panel, series: Series) -> str:
    """` of "Aarhus"` where there are several series."""
    return f" of {shown(series.name)}" if len(panel) > 1 else ""


def _others(count: int, what: str) -> str:
    return f"; {count} {what}{'s' * (count != 1)} in all" if count > 1 else ""


def _in_logs(series: Series, season: int) -> Array:
    """The values, in logarithms where those suit them better: changes of a level that grows are then alike."""
    return np.log(series.values) if prefers_log(series.values, season) else series.values


def _indicators(examined: Sequence[Series]) -> list[Array]:
    """Whether each series is in the state that it is in most often: 1 or 0, NaN where it has none."""
    found = []
    for series in examined:
        known = ~np.isnan(series.values)
        commonest = float(np.bincount(series.values[known].astype(np.int64)).argmax())
        found.append(np.where(known, series.values == commonest, np.nan))
    return found


def _marks(panel: Panel) -> list[Finding]:
    """Numbers such as -200 or 9999 that stand for a missing value in some target."""
    found = []
    for target in panel.columns.targets:
        where = f" in {shown(target)}" if len(panel.columns.targets) > 1 else ""
        values = [s.values for s in panel.series if s.target == target]
        for number, count in sentinels(np.concatenate(values)) if values else []:
            text = f"{number:.15g} is there {count:,} times{where}, far from all other values"
            found.append((f"{number:.15g}", f"{text}: it seems to mark a missing one"))
    flag = f"--na {','.join(dict.fromkeys(number for number, _ in found))}"
    return [Finding("W205", text, flag) for _, text in found]


def _long_gaps(panel: Panel, gaps: _Runs, limit: int) -> list[Finding]:
    long = np.flatnonzero(gaps.length >= limit)
    if not len(long):
        return []
    gap = _gap(panel, gaps, int(long[np.argmax(gaps.length[long])]))
    where = f" of {shown(gap.series)}" if len(panel) > 1 else ""
    text = f"{gap.steps:,} steps{where} without a value, {gap.first} … {gap.last}"
    return [Finding("W430", text + _others(len(long), "long gap"))]


def _constants(panel: Panel, values: Array, begins: Numbers) -> list[Finding]:
    low, high = np.fmin.reduceat(values, begins), np.fmax.reduceat(values, begins)
    still = np.flatnonzero(low == high)
    if not len(still):
        return []
    first = panel.series[int(still[0])]
    who = f"{shown(first.name)} is" if len(panel) > 1 else "every value is"
    what = shown(panel.states[int(low[still[0]])]) if panel.states else f"{low[still[0]]:g}"
    return [Finding("W434", f"{who} {what} all along" + _others(len(still), "such series"[:-1] + "s"))]


def _flat(panel: Panel, values: Array, owner: Numbers, begins: Numbers) -> list[Finding]:
    """Runs of one value that are longer than the series' other repeats make likely, and twice as long as any other."""
    same = np.concatenate([[False], (values[1:] == values[:-1]) & (owner[1:] == owner[:-1])])
    runs = _runs(same, owner, begins)
    if not len(runs):
        return []
    order = np.lexsort((-runs.length, runs.owner))
    runs = runs.take(order)
    at = np.flatnonzero(np.concatenate([[True], runs.owner[1:] != runs.owner[:-1]]))
    longest = runs.take(at)
    second = np.where(np.append(runs.owner[1:], -1)[at] == longest.owner, np.append(runs.length[1:], 0)[at], 0)
    repeats = np.bincount(owner[same], minlength=len(panel))[longest.owner] - longest.length
    pairs = np.bincount(owner, weights=~np.isnan(values), minlength=len(panel))[longest.owner] - longest.length
    rate = (repeats + 1) / np.maximum(pairs, 2)
    with np.errstate(divide="ignore"):
        chance = np.log(np.maximum(pairs, 1)) + longest.length * np.log(np.minimum(rate, 1.0))
    odd = (longest.length + 1 >= _SHORTEST_RUN) & (longest.length > 2 * second) & (chance < np.log(1e-4))
    odd &= pairs > longest.length / 4
    found = longest.take(np.flatnonzero(odd))
    if not len(found):
        return []
    i = int(np.argmax(found.length))
    series, start, steps = panel.series[int(found.owner[i])], int(found.start[i]) - 1, int(found.length[i]) + 1
    span = f"{_time(panel, series, start)} … {_time(panel, series, start + steps - 1)}"
    text = f"{series.values[start]:g} {steps:,} times in a row{_where(panel, series)}, {span}"
    return [Finding("W431", text + (f"; in {len(found):,} series" if len(found) > 1 else ""))]


def _outliers(panel: Panel, examined: Sequence[Series], logs: Sequence[Array], season: int) -> list[Finding]:
    """Single values that the season and the neighbourhood are both far from; never what happens again and again."""
    places = [
        (series, step) for series, values in zip(examined, logs, strict=True) for step in outliers(values, season)
    ]
    if not places:
        return []
    named = ", ".join(
        f"{series.values[step]:g}{_where(panel, series)} at {_time(panel, series, step)}"
        for series, step in places[:_MOST_NAMED]
    )
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    verb = "lies" if len(places) == 1 else "lie"
    return [Finding("W432", f"{named}{more} {verb} far from what is around")]


def outliers(values: Array, season: int) -> list[int]:
    """The steps of one series [T] whose value is far from the median around it, given the step of the season."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < _FEWEST_VALUES:
        return []
    observed = values[known]
    reach = 3
    # Odd: at its ends the series goes on as it came, or every steep end would look like an outlier.
    padded = np.pad(observed, reach, mode="reflect", reflect_type="odd")
    rest = observed - np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)
    if season > 1 and len(known) >= 3 * season:
        phase = known % season
        for step in range(season):
            rest[phase == step] -= np.median(rest[phase == step])
    sizes = np.abs(rest)
    usual = max(1.4826 * float(np.median(sizes)), float(np.quantile(sizes, 0.9)) / 1.6449)
    low, high = np.quantile(observed, [0.25, 0.75])
    # Nobody would see in a chart what is small beside the range of the values.
    far = np.flatnonzero((sizes > _FAR * usual) & (sizes > (high - low) / 4)) if usual > 0 else np.empty(0, np.int64)
    # What happens that often is how the series behaves, a holiday season perhaps, and no mishap.
    if len(far) > max(3, len(known) // 1000):
        return []
    return [int(step) for step in known[far[np.argsort(-sizes[far])]]]


def _zeros(panel: Panel, values: Array, owner: Numbers) -> list[Finding]:
    zeros = np.bincount(owner, weights=values == 0, minlength=len(panel))
    known = np.bincount(owner, weights=~np.isnan(values), minlength=len(panel))
    mostly = np.flatnonzero((zeros > known / 2) & (zeros < known))
    if not len(mostly):
        return []
    if len(panel) == 1:
        return [Finding("W435", f"{zeros[0] / known[0]:.0%} of the values are zero")]
    share = f"{len(mostly):,} of {len(panel):,} series are zero at more than half of their steps"
    return [Finding("W435", f"{share}, first {shown(panel.series[int(mostly[0])].name)}")]


def _other_season(seasons: Sequence[Season]) -> list[Finding]:
    if any(season.expected and season.visible for season in seasons):
        return []
    found = [season for season in seasons if not season.expected]
    if not found:
        return []
    best = found[0]
    text = f"the values seem to repeat after {best.length} steps (strength {best.strength:.2f})"
    return [Finding("W436", text, f"--season-length {best.length}")]


def _short(panel: Panel, lengths: Numbers, seasonal: Sequence[int]) -> list[Finding]:
    total, season = int(lengths.sum()), seasonal[0] if seasonal else 1
    longest = int(lengths.max())
    if season > 1 and longest < 2 * season:
        return [Finding("W437", f"{longest} steps are not two seasons of {season}")]
    if total < 50:
        return [Finding("W437", f"only {total} steps{' in all series' if len(panel) > 1 else ''}")]
    return []


def _chance(logs: Sequence[Array], seasons: Sequence[Season]) -> list[Finding]:
    """Whether most series change as a random walk does: by the variance ratios of their changes."""
    if any(season.visible for season in seasons):
        return []
    tested = [walks for values in logs if (walks := is_random_walk(values)) is not None]
    if not tested or 2 * sum(tested) <= len(tested):
        return []
    who = f"in {sum(tested)} of {len(tested)} series " if len(tested) > 1 else ""
    return [Finding("W438", f"{who}the changes from step to step cannot be told from a random walk")]


def is_random_walk(values: Array) -> bool | None:
    """Whether variance ratios of one series [T] leave a random walk possible at 2, 4, 8 and 16 steps; None if short.

    The statistic is that of Lo & MacKinlay (1988), which allows for variances that change. A ratio that is far from 1
    is none of a random walk however few values there are to say so.
    """
    observed = values[~np.isnan(values)]
    changes = np.diff(observed)
    n = len(changes)
    if n < 100 or changes.std() == 0:
        return None
    centred = changes - changes.mean()
    squares = centred**2
    variance = float(squares.sum())
    for q in (2, 4, 8, 16):
        lags = np.arange(1, q)
        weights = 2 * (1 - lags / q)
        products = np.array([centred[lag:] @ centred[:-lag] for lag in lags]) / variance
        deltas = np.array([squares[lag:] @ squares[:-lag] for lag in lags]) / variance**2
        ratio, spread = 1 + float(weights @ products), float(np.sqrt(weights**2 @ deltas))
        if abs(ratio - 1) > 1.96 * spread or not 0.75 < ratio < 1.33:
            return False
    return True
