"""What goes into a ledger: forecasts and values that came, as rows that replace themselves when written again."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.forecasts import Forecast, ItemForecast
from forecast.ledger.store import Store, Transaction
from forecast.metrics import seasonal_scales
from forecast.panel import Panel, Series
from forecast.version import VERSION

Numbers = NDArray[np.int64]

#: As many digits as a forecast file has: all of them would make a ledger half as large again.
_NUMBER = "%.9g"
#: Forecasts whose steps are in memory as rows at a time.
_CHUNK = 500

_INSERT_SERIES = """
    INSERT INTO ledger_series (id, job, item, target) VALUES (:id, :job, :item, :target) ON CONFLICT (id) DO NOTHING
"""
_INSERT_FORECAST = """
    INSERT INTO ledger_forecasts (id, series_id, cutoff, data_until, last, source, model, data, levels, states,
        season_length, scale, hindsight, created_by, recorded)
    VALUES (:id, :series_id, :cutoff, :data_until, :last, :source, :model, :data, :levels, :states,
        :season_length, :scale, :hindsight, :created_by, :recorded)
    ON CONFLICT (id) DO UPDATE SET last = excluded.last, levels = excluded.levels, states = excluded.states,
        season_length = excluded.season_length, scale = excluded.scale, hindsight = excluded.hindsight,
        created_by = excluded.created_by, recorded = excluded.recorded
"""
_INSERT_STEP = """
    INSERT INTO ledger_steps (forecast_id, lead, timestamp, forecast, numbers)
    VALUES (:forecast_id, :lead, :timestamp, :forecast, :numbers)
    ON CONFLICT (forecast_id, lead) DO UPDATE SET
        timestamp = excluded.timestamp, forecast = excluded.forecast, numbers = excluded.numbers
"""
_INSERT_ACTUAL = """
    INSERT INTO ledger_actuals (series_id, timestamp, value) VALUES (:series_id, :timestamp, :value)
    ON CONFLICT (series_id, timestamp) DO UPDATE SET value = excluded.value
"""


def keep_forecast(
    store: Store,
    job: str,
    forecast: Forecast,
    panel: Panel,
    *,
    model_digest: str,
    data_digest: str,
    season_length: int,
    hindsight: bool,
) -> None:
    """Writes a forecast of a panel that ends at the cutoff, all of it or nothing; see `Ledger.record`."""
    histories = {(s.item_id, s.target): s for s in panel.series}
    entries = []
    for item in forecast.items:
        history = histories[item.item_id, item.target]
        series = series_id(job, item.item_id, item.target)
        key = _digest(series, str(micros(history.timestamps[-1])), model_digest, data_digest, forecast.source)
        entries.append(_Entry(key, series, item, history))
    # Two runs that write the same rows in the same order wait for each other, and never in a circle.
    entries.sort(key=lambda entry: entry.id)
    shared = {
        "data_until": micros(panel.last),
        "source": forecast.source,
        "model": model_digest,
        "data": data_digest,
        "levels": json.dumps(list(forecast.quantile_levels)),
        "states": json.dumps(list(forecast.states), ensure_ascii=False),
        "season_length": season_length,
        "hindsight": int(hindsight),
        "created_by": VERSION,
        "recorded": time.time_ns() // 1000,
    }
    rows = [{**shared, **entry.row(season_length)} for entry in entries]
    lengths = [{"id": entry.id, "leads": len(entry.item.timestamps)} for entry in entries]
    middle = None if forecast.states else forecast.quantile_levels.index(0.5)
    with store.transaction(writing=True) as transaction:
        transaction.run(_INSERT_SERIES, sorted((e.series_row(job) for e in entries), key=lambda row: row["id"]))
        transaction.run(_INSERT_FORECAST, rows)
        transaction.run("DELETE FROM ledger_steps WHERE forecast_id = :id AND lead > :leads", lengths)
        waiting = iter(entries)
        while chunk := list(islice(waiting, _CHUNK)):
            transaction.run(_INSERT_STEP, [step for entry in chunk for step in entry.steps(middle)])


def new_actuals(transaction: Transaction, job: str, panel: Panel) -> list[dict[str, Any]]:
    """The values of a panel at times that had been forecast, which the ledger has not, or has otherwise."""
    spans = _spans(transaction, job)
    known: dict[tuple[str, int], float] = {}
    if spans:
        for block in transaction.blocks(_KNOWN, job=job):
            known |= {(series, stamp): value for series, stamp, value in block}
    rows = []
    for series in panel.series:
        own = series_id(job, series.item_id, series.target)
        if own not in spans:
            continue
        stamps = micros_of(series.timestamps)
        due = _within(stamps, spans[own]) & ~np.isnan(series.values)
        for stamp, value in zip(stamps[due].tolist(), series.values[due].tolist(), strict=True):
            if known.get((own, stamp)) != value:
                rows.append({"series_id": own, "timestamp": stamp, "value": value})
    return sorted(rows, key=lambda row: (row["series_id"], row["timestamp"]))


def keep_actuals(store: Store, rows: list[dict[str, Any]]) -> None:
    """Writes values that came, over those of the same series and time."""
    with store.transaction(writing=True) as transaction:
        transaction.run(_INSERT_ACTUAL, rows)


def series_id(job: str, item_id: tuple[str, ...], target: str) -> str:
    """What one target of one item of a job is called in the ledger, on every machine."""
    return _digest(job, json.dumps(list(item_id), ensure_ascii=False), target)


def micros(moment: np.datetime64) -> int:
    """Microseconds since 1970."""
    return int(moment.astype("datetime64[us]").astype(np.int64))


def micros_of(timestamps: NDArray[np.datetime64]) -> Numbers:
    """Microseconds since 1970 of timestamps [N]."""
    return timestamps.astype("datetime64[us]").astype(np.int64)


@dataclass(frozen=True)
class _Entry:
    """One item of a forecast on its way into the ledger."""

    id: str
    series_id: str
    item: ItemForecast
    history: Series

    def series_row(self, job: str) -> dict[str, Any]:
        item = json.dumps(list(self.item.item_id), ensure_ascii=False)
        return {"id": self.series_id, "job": job, "item": item, "target": self.item.target}

    def row(self, season_length: int) -> dict[str, Any]:
        scale = seasonal_scales(self.history.values, season_length)[0]
        return {
            "id": self.id,
            "series_id": self.series_id,
            "cutoff": micros(self.history.timestamps[-1]),
            "last": micros(self.item.timestamps[-1]),
            "scale": scale if scale > 0 else None,
        }

    def steps(self, middle: int | None) -> list[dict[str, Any]]:
        """A row for each step: its quantiles, the one in the middle apart, or of states the probabilities."""
        numbers = self.item.probabilities if middle is None else self.item.quantiles
        points = numbers.argmax(axis=1).astype(float) if middle is None else numbers[:, middle]
        stamps = micros_of(self.item.timestamps)
        form = f"[{','.join([_NUMBER] * numbers.shape[1])}]"
        return [
            {"forecast_id": self.id, "lead": lead, "timestamp": stamp, "forecast": point, "numbers": form % tuple(row)}
            for lead, (stamp, point, row) in enumerate(
                zip(stamps.tolist(), points.tolist(), numbers.tolist(), strict=True), start=1
            )
        ]


_SPANS = """
    SELECT f.series_id, f.cutoff, MAX(f.last) FROM ledger_forecasts f JOIN ledger_series s ON s.id = f.series_id
    WHERE s.job = :job GROUP BY f.series_id, f.cutoff ORDER BY f.series_id, f.cutoff
"""
_KNOWN = """
    SELECT a.series_id, a.timestamp, a.value FROM ledger_series s JOIN ledger_actuals a ON a.series_id = s.id
    WHERE s.job = :job
"""


def _spans(transaction: Transaction, job: str) -> dict[str, list[tuple[int, int]]]:
    """From when to when each series of a job was forecast, by ascending cutoff."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for block in transaction.blocks(_SPANS, job=job):
        for series, cutoff, last in block:
            spans.setdefault(series, []).append((cutoff, last))
    return spans


def _within(stamps: Numbers, spans: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """Whether each time [N] lies after a cutoff and not after the last step of any forecast made by then."""
    cutoffs, lasts = np.array(spans, dtype=np.int64).T
    reach = np.maximum.accumulate(lasts)
    before = np.searchsorted(cutoffs, stamps, side="left")
    return (before > 0) & (stamps <= reach[np.maximum(before - 1, 0)])


def _digest(*parts: str) -> str:
    """128 bits of a sha256: enough that no two of any number of forecasts share them."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
