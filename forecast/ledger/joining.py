"""What a ledger gives back: forecasts beside what came, and what of it says whether forecasts have got worse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.drift import Drift, find_drift, recent
from forecast.ledger.outcomes import Numbers, Outcomes, Values
from forecast.ledger.recording import micros
from forecast.ledger.store import Transaction

#: Cutoffs that drift looks at, the newest ones.
_MOST_CUTOFFS = 120
_EARLIEST, _LATEST = -(2**63), 2**63 - 1
_LEVEL = 80

#: Of several forecasts from one cutoff the one recorded last is the one that was published last. One in hindsight never
#: takes the place of one that was made in time.
_PUBLISHED = """
    SELECT * FROM (
        SELECT f.*, ROW_NUMBER() OVER (
            PARTITION BY f.series_id, f.cutoff, f.hindsight ORDER BY f.recorded DESC, f.id DESC
        ) AS place
        FROM ledger_series s JOIN ledger_forecasts f ON f.series_id = s.id
        WHERE s.job = :job AND f.last >= :since AND f.data_until >= :first
    ) AS ranked WHERE place = 1
"""
_STEPS = f"""
    SELECT f.id, t.lead, t.timestamp, t.forecast, a.value, t.numbers
    FROM ({_PUBLISHED}) AS f JOIN ledger_steps t ON t.forecast_id = f.id
"""
_ACTUALS = "ledger_actuals a ON a.series_id = f.series_id AND a.timestamp = t.timestamp"
_JUDGED = "f.hindsight = 0 AND f.source = 'model' AND f.states = '[]'"


def joined_of_job(
    transaction: Transaction, job: str, since: np.datetime64 | None, until: np.datetime64 | None
) -> tuple[Outcomes, ...]:
    """The steps of a job that have come; see `Ledger.scores`."""
    values = {"job": job, "since": _EARLIEST if since is None else micros(since), "first": _EARLIEST}
    joined = _Joined.of(transaction, **values)
    # The sums keep SQLite from going through all values of a series for each of its forecasts.
    query = f"{_STEPS} JOIN {_ACTUALS} WHERE t.timestamp + 0 >= :since AND t.timestamp + 0 <= :until"
    for block in transaction.blocks(query, **values, until=_LATEST if until is None else micros(until)):
        joined.add(block)
    return joined.outcomes(job)


def drift_of_job(transaction: Transaction, job: str, model_digest: str | None) -> Drift:
    """Whether the forecasts of a job have got worse; see `Ledger.drift`."""
    everything = {"job": job, "since": _EARLIEST, "first": _EARLIEST}
    query = f"SELECT DISTINCT f.data_until FROM ({_PUBLISHED}) AS f WHERE {_JUDGED} ORDER BY 1 DESC LIMIT :most"
    cutoffs = [row[0] for row in transaction.rows(query, **everything, most=_MOST_CUTOFFS + 1)]
    values = {**everything, "first": min(cutoffs, default=_LATEST)}
    leads = _usual_leads(transaction, values)
    joined = _Joined.of(transaction, **values)
    for block in transaction.blocks(
        f"{_STEPS} LEFT JOIN {_ACTUALS} WHERE t.lead <= :leads AND {_JUDGED}", **values, leads=leads
    ):
        joined.add(block)
    own = None
    if model_digest is not None:
        query = f"SELECT DISTINCT f.data_until FROM ({_PUBLISHED}) AS f WHERE f.model = :model AND {_JUDGED}"
        own = np.array([row[0] for row in transaction.rows(query, **values, model=model_digest)], dtype=np.int64)
    return _drift(joined.outcomes(job), leads, own)


@dataclass
class _Group:
    """The columns of one Outcomes while blocks of rows are added."""

    levels: tuple[float, ...]
    states: tuple[str, ...]
    columns: list[list[NDArray[Any]]] = field(default_factory=list)
    numbers: list[Values] = field(default_factory=list)


@dataclass
class _Joined:
    """Forecasts of a job by their id, and the groups that their steps go to."""

    at: dict[str, int]
    series: Numbers
    cutoffs: Numbers
    group: Numbers
    scales: Values
    groups: dict[tuple[str, bool, str, str], _Group]

    @classmethod
    def of(cls, transaction: Transaction, **values: Any) -> _Joined:
        at: dict[str, int] = {}
        names: dict[str, int] = {}
        rows: list[tuple[int, int, float, int]] = []
        keys: dict[tuple[str, bool, str, str], int] = {}
        query = f"SELECT id, series_id, data_until, scale, source, hindsight, levels, states FROM ({_PUBLISHED}) AS f"
        for block in transaction.blocks(query, **values):
            for own, series, cutoff, scale, source, hindsight, levels, states in block:
                at[own] = len(rows)
                key = keys.setdefault((source, bool(hindsight), levels, states), len(keys))
                scale = np.nan if scale is None else scale
                rows.append((names.setdefault(series, len(names)), cutoff, scale, key))
        groups = {key: _Group(tuple(json.loads(key[2])), tuple(json.loads(key[3]))) for key in keys}
        series, cutoffs, scales, group = zip(*rows, strict=True) if rows else ((), (), (), ())
        return cls(
            at,
            series=np.array(series, dtype=np.int64),
            cutoffs=np.array(cutoffs, dtype=np.int64),
            group=np.array(group, dtype=np.int64),
            scales=np.array(scales, dtype=np.float64),
            groups=groups,
        )

    def add(self, block: Sequence[tuple[Any, ...]]) -> None:
        """Adds rows of id, lead, timestamp, forecast, actual (None: not known) and numbers to their groups."""
        # A forecast that another run has recorded since the first query is for the next time.
        block = [row for row in block if row[0] in self.at]
        if not block:
            return
        ids, leads, stamps, forecasts, actuals, texts = zip(*block, strict=True)
        which = np.array([self.at[own] for own in ids], dtype=np.int64)
        columns = [
            self.series[which],
            self.cutoffs[which],
            np.array(leads, dtype=np.int64),
            np.array(stamps, dtype=np.int64),
            np.array(forecasts, dtype=np.float64),
            np.array(actuals, dtype=np.float64),
            self.scales[which],
        ]
        for number, group in enumerate(self.groups.values()):
            chosen = np.flatnonzero(self.group[which] == number)
            if len(chosen):
                group.columns.append([column[chosen] for column in columns])
                own = ",".join(texts[i] for i in chosen)
                group.numbers.append(np.array(json.loads(f"[{own}]"), dtype=np.float64))

    def outcomes(self, job: str) -> tuple[Outcomes, ...]:
        """One for each group that has rows, those of the model first."""
        made = []
        for (source, hindsight, _, _), group in self.groups.items():
            if group.columns:
                columns = [np.concatenate(parts) for parts in zip(*group.columns, strict=True)]
                series, cutoff, lead, stamp, point, actual, scale = columns
                made.append(
                    Outcomes(
                        job,
                        source,
                        hindsight,
                        group.levels,
                        group.states,
                        series=series,
                        cutoff=cutoff,
                        lead=lead,
                        timestamp=stamp,
                        forecast=point,
                        actual=actual,
                        scale=scale,
                        numbers=np.concatenate(group.numbers),
                    )
                )
        return tuple(sorted(made, key=lambda own: (own.hindsight, own.source != "model", own.source)))


def _usual_leads(transaction: Transaction, values: dict[str, Any]) -> int:
    """How many steps there usually are from one cutoff to the next, by the series that was forecast most often."""
    query = f"""
        SELECT f.series_id FROM ({_PUBLISHED}) AS f WHERE {_JUDGED}
        GROUP BY f.series_id ORDER BY COUNT(*) DESC, f.series_id LIMIT 1
    """
    found = transaction.rows(query, **values)
    if not found:
        return 1
    query = f"""
        SELECT f.cutoff, t.timestamp FROM ({_PUBLISHED}) AS f JOIN ledger_steps t ON t.forecast_id = f.id
        WHERE f.series_id = :series AND {_JUDGED} ORDER BY f.cutoff, t.lead
    """
    stamps: dict[int, list[int]] = {}
    for cutoff, stamp in transaction.rows(query, **values, series=found[0][0]):
        stamps.setdefault(cutoff, []).append(stamp)
    cutoffs = list(stamps)
    counts = [sum(t <= after for t in stamps[c]) for c, after in pairwise(cutoffs)]
    return max(1, round(float(np.median(counts)))) if counts else 1


def _drift(outcomes: Sequence[Outcomes], leads: int, own: Numbers | None) -> Drift:
    """The verdict on outcomes of the first steps of each cutoff; own are the cutoffs of one model, if asked."""
    nothing = np.empty(0)
    if not outcomes:
        return find_drift(nothing, nothing)
    cutoff, series, stamp, actual, scale = (
        np.concatenate([getattr(o, name) for o in outcomes])
        for name in ("cutoff", "series", "timestamp", "actual", "scale")
    )
    error = np.abs(np.concatenate([o.actual - o.forecast for o in outcomes]))
    inside = np.concatenate([o.inside(_LEVEL) if _LEVEL in o.levels else np.full(len(o), np.nan) for o in outcomes])
    known = ~np.isnan(actual)
    # A cutoff whose steps have not all come would be judged by its first and easiest ones.
    cutoffs, at = np.unique(cutoff, return_inverse=True)
    ends = np.full(len(cutoffs), _EARLIEST)
    np.maximum.at(ends, at, stamp)
    newest = stamp[known].max(initial=_EARLIEST)
    what = "MAE"
    if np.isfinite(scale[known]).any():
        what = "MASE"
        error = error / scale
        known &= np.isfinite(scale)
    use = known & (ends <= newest)[at]
    errors, shares = (
        _by_cutoff_and_series(at[use], series[use], values[use], len(cutoffs)) for values in (error, inside)
    )
    there = np.isfinite(errors).any(axis=1)
    errors, shares, cutoffs = errors[there], shares[there], cutoffs[there]
    n_now = recent(len(cutoffs))
    if own is not None and not np.isin(cutoffs[-n_now:], own).all():
        count = int(np.isin(cutoffs, own).sum())
        found = f"{n_now} cutoffs of this model are needed, and {count} {'is' if count == 1 else 'are'} there"
        return Drift("unknown", f"drift is not known: {found}", len(cutoffs) - count, count)
    # Items that come or go would change the error by being easier or harder than the others.
    sides = (slice(None, -n_now), slice(-n_now, None))
    stays = np.all([np.isfinite(errors[side]).mean(axis=0) >= 0.5 for side in sides if len(errors[side])], axis=0)
    before, now = (_means(errors[side][:, stays]) for side in sides)
    covered = (_means(shares[side][:, stays]) for side in sides)
    what += " of the first step" if leads == 1 else f" of the first {leads} steps"
    return find_drift(before, now, *covered, level=_LEVEL, what=what)


def _by_cutoff_and_series(at: Numbers, series: Numbers, values: Values, n_cutoffs: int) -> Values:
    """The means [C, S] of values [N] by cutoff and series, NaN where there is none."""
    width = int(series.max(initial=-1)) + 1
    cell = at * width + series
    counts, sums = (np.bincount(cell, weights, n_cutoffs * width) for weights in (None, values))
    means: Values = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means.reshape((n_cutoffs, width))


def _means(table: Values) -> Values:
    """The means over the series [S] of [C, S] that are known, of the cutoffs with any."""
    known = np.isfinite(table)
    counts = known.sum(axis=1)
    means: Values = np.where(known, table, 0.0).sum(axis=1)[counts > 0] / counts[counts > 0]
    return means
